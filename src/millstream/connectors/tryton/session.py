"""The session login. A refused password is never tried twice in a row: Tryton's throttle would lock people out."""

import asyncio
import base64
import json
from datetime import datetime, timedelta
from typing import Any, Final

from millstream.connectors.tryton.codec import decode_answer, encode_call
from millstream.connectors.tryton.failures import UNKNOWN_NAME, failure_of_error, failure_of_status
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.domain.errors import Failure, Reject, Retry
from millstream.ports.connections import TokenLife
from millstream.ports.world import Clock
from millstream.wire.conceal import concealed
from millstream.wire.connection import AuthExpired, Send
from millstream.wire.http import Request, TransportError

REFUSAL_REMEMBERED: Final = timedelta(minutes=10)
JUST_MADE: Final = timedelta(seconds=5)


class SessionLogin:
    """Logs in when first needed, again when the session ended, and not at all for a while after a refusal."""

    def __init__(self, name: str, settings: TrytonSettings, *, url: str, clock: Clock) -> None:
        self._name = name
        self._settings = settings
        self._url = url
        self._clock = clock
        self._header: str | None = None
        self._made_at: datetime | None = None
        self._refusal: tuple[datetime, Reject] | None = None
        self._turn = asyncio.Lock()

    async def authorize(self, request: Request, send: Send) -> Request:
        """See Auth."""
        async with self._turn:
            if self._header is None:
                self._header = await self._log_in(send)
                self._made_at = self._clock.now()
        return request.with_headers({"Authorization": self._header})

    async def renew(self) -> bool:
        """Forgets the session, unless another call that met the same refusal has just made a new one."""
        if self._made_at is None or self._clock.now() - self._made_at > JUST_MADE:
            self._header = None
        return True

    def token_life(self) -> TokenLife | None:
        """See Auth. Tryton does not say when a session ends."""
        if self._header is None or self._made_at is None:
            return None
        return TokenLife(fetched_at=self._made_at, ends_at=None)

    async def _log_in(self, send: Send) -> str:
        if self._refusal and self._clock.now() - self._refusal[0] < REFUSAL_REMEMBERED:
            raise self._refusal[1]
        password = self._settings.password.get_secret_value()
        params = [self._settings.user, {"password": password}, "en"]
        request = Request(
            method="POST",
            url=self._url,
            headers={"Content-Type": "application/json"},
            body=encode_call("common.db.login", params),
            timeout_s=self._settings.timeout_s,
        )
        try:
            response = concealed(await send(request), {password, json.dumps(password)[1:-1]})
        except TransportError as error:
            raise TransportError(f"login: {error.reason}", sent=False) from error  # the call itself never left
        failure = failure_of_status(response, self._clock.now())
        if isinstance(failure, AuthExpired):
            refusal = self._wrong_password()
            self._refusal = (self._clock.now(), refusal)
            raise refusal
        if failure is not None:
            raise failure
        return self._read(response.body)

    def _wrong_password(self) -> Reject:
        return Reject(
            "auth.refused",
            f"Tryton refused user {self._settings.user!r}: check the settings user and password of connection "
            f"{self._name!r}. The next login is tried in 10 minutes, or at once after a restart.",
            field="password",
        )

    def _read(self, body: bytes) -> str:
        try:
            answer = decode_answer(body)
        except ValueError as error:
            raise Retry("erp.not_json", "The answer to the login is no JSON; is base_url a Tryton server?") from error
        if answer.get("error"):
            raise failure_of_login(answer["error"])
        match answer.get("result"):
            case [int(user_id), str(token), *_]:
                plain = f"{self._settings.user}:{user_id}:{token}"
                return "Session " + base64.b64encode(plain.encode()).decode()
        raise self._wrong_password()  # an empty result: the user may not log in


def failure_of_login(error: Any) -> Failure:
    """A server that was started without `-d` answers every login with a server error: say so."""
    failure = failure_of_error(error)
    if failure.code in {"erp.server_error", UNKNOWN_NAME}:
        return Retry(
            "erp.not_ready",
            "Tryton answers, but its database is not loaded; start it with `trytond -d DATABASE`",
            log=json.dumps(error)[:200],
        )
    return failure
