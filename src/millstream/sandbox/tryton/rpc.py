"""A small Tryton JSON-RPC client on the standard library, for the seed and for the people of the sandbox plant."""

import base64
import datetime as dt
import gzip
import http.client
import json
import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

GZIP_MAGIC = b"\x1f\x8b"


class RpcError(Exception):
    """Tryton refused. `kind` is its own word: UserError, UserWarning, HTTP401, ..."""

    def __init__(self, kind: str, message: str, *, name: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.name = name  # a warning's name, by which it can be skipped


def _encode(value: object) -> Any:
    match value:
        case dt.datetime():
            moment = {"year": value.year, "month": value.month, "day": value.day, "hour": value.hour}
            return {
                "__class__": "datetime",
                **moment,
                "minute": value.minute,
                "second": value.second,
                "microsecond": value.microsecond,
            }
        case dt.date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case dt.timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
    raise TypeError(f"{type(value).__name__} has no Tryton form")


def _decode(plain: dict[str, Any]) -> Any:
    match plain.get("__class__"):
        case "datetime":
            parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
            year, month, day, hour, minute, second, microsecond = (plain[part] for part in parts)
            return dt.datetime(year, month, day, hour, minute, second, microsecond, tzinfo=dt.UTC)
        case "date":
            return dt.date(plain["year"], plain["month"], plain["day"])
        case "timedelta":
            return dt.timedelta(seconds=plain["seconds"])
        case "Decimal":
            return Decimal(plain["decimal"])
    return plain


class Rpc:
    """One logged-in user. Calls from several threads take turns on one kept connection."""

    def __init__(self, *, port: int, database: str, host: str = "127.0.0.1", timeout_s: float = 120.0) -> None:
        self.user_id = 0
        self.calls = 0  # so far
        self.context: dict[str, Any] = {}
        self._address = (host, port)
        self._database = database
        self._timeout_s = timeout_s
        self._session: str | None = None
        self._login: tuple[str, str] | None = None
        self._connection: http.client.HTTPConnection | None = None
        self._turn = threading.Lock()

    def login(self, user: str, password: str) -> None:
        self._login = (user, password)
        self._session = None
        self.user_id, token, *_ = self._post("common.db.login", [user, {"password": password}, "en"])
        self._session = base64.b64encode(f"{user}:{self.user_id}:{token}".encode()).decode()
        self.refresh_context()

    def refresh_context(self) -> None:
        self.context = {}
        self.context = dict(self.call("res.user.get_preferences", True))

    def call(self, method: str, *params: Any, **context: Any) -> Any:
        """Calls `model.<method>`; keyword arguments extend the context."""
        return self.rpc(f"model.{method}", *params, **context)

    def rpc(self, method: str, *params: Any, **context: Any) -> Any:
        arguments = [*params, {**self.context, **context}]
        try:
            return self._post(method, arguments)
        except RpcError as error:
            if error.kind != "HTTP401" or self._login is None:
                raise
            self.login(*self._login)
            return self._post(method, arguments)

    def press(self, method: str, record: int) -> None:
        """Presses a button, skipping the warnings a person would click away."""
        while True:
            try:
                self.call(method, [record])
            except RpcError as error:
                if error.kind != "UserWarning":
                    raise
                self.call("res.user.warning.skip", error.name, False)
            else:
                return

    def find(self, model: str, domain: Sequence[Any], fields: Sequence[str] = (), **context: Any) -> list[Any]:
        """Rows with the fields, or bare ids without."""
        if fields:
            found = self.call(f"{model}.search_read", list(domain), 0, None, None, list(fields), **context)
        else:
            found = self.call(f"{model}.search", list(domain), 0, None, None, **context)
        return list(found)

    def ensure(self, model: str, domain: Sequence[Any], values: dict[str, Any]) -> tuple[int, bool]:
        """The id of the record, and whether it had to be made."""
        found = self.find(model, domain)
        if found:
            return int(found[0]), False
        return self.create(model, values), True

    def create(self, model: str, values: dict[str, Any]) -> int:
        return int(self.call(f"{model}.create", [values])[0])

    def write(self, model: str, record: int, values: dict[str, Any]) -> None:
        self.call(f"{model}.write", [record], values)

    def server_version(self) -> str:
        """Needs no login: the liveness probe."""
        return str(self._post("common.server.version", [], path="/rpc/"))

    def _post(self, method: str, params: list[Any], *, path: str | None = None) -> Any:
        body = json.dumps({"id": 1, "method": method, "params": params}, default=_encode)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if self._session:
            headers["Authorization"] = f"Session {self._session}"
        with self._turn:
            status, raw = self._exchange(path or f"/{self._database}/rpc/", body, headers)
            self.calls += 1
        if status != 200:
            raise RpcError(f"HTTP{status}", raw[:300].decode("utf-8", "replace"))
        answer = json.loads(raw, object_hook=_decode)
        if error := answer.get("error"):
            raise _refusal(error)
        return answer["result"]

    def _exchange(self, path: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            return self._send(path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()  # a kept connection that the server dropped: once more on a new one
            return self._send(path, body, headers)

    def _send(self, path: str, body: str, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=self._timeout_s)
        self._connection.request("POST", path, body=body, headers=headers)
        response = self._connection.getresponse()
        raw = response.read()
        if raw.startswith(GZIP_MAGIC):  # the header is not to be trusted: it is set for plain answers too
            raw = gzip.decompress(raw)
        return response.status, raw

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _refusal(error: Sequence[Any]) -> RpcError:
    match error:
        case ["UserError", [message, description, *_]]:
            return RpcError("UserError", f"{message} {description}".strip())
        case ["UserWarning", [name, message, *_]]:
            return RpcError("UserWarning", str(message), name=str(name))
        case ["ConcurrencyException", message, *_]:
            return RpcError("ConcurrencyException", str(message))
    return RpcError("ServerError", str(error))
