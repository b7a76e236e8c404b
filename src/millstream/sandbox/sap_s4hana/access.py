"""Who may call: Basic or a bearer token, and a session with its token for every write."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote

USER = "MILLSTREAM_HUB"
PASSWORD = "Welcome-to-the-sandbox-1"
CLIENT_ID = "sb-millstream-sandbox"
CLIENT_SECRET = "sandbox-oauth-secret-0000000001"

TOKEN_LIFETIME_S = 3600
SESSION_LIFETIME_S = 1800
SESSION_COOKIE = "SAP_SESSIONID_S4H_100"


class Access:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._granted = 0
        self._tokens: dict[str, datetime] = {}
        self._sessions: dict[str, tuple[str, datetime]] = {}

    def end_sessions(self) -> None:
        self._sessions.clear()

    def revoke_tokens(self) -> None:
        self._tokens.clear()

    def may_enter(self, authorization: str) -> bool:
        scheme, _, credential = authorization.partition(" ")
        if scheme == "Bearer":
            return self._tokens.get(credential, self._now()) > self._now()
        if scheme != "Basic":
            return False
        try:
            return base64.b64decode(credential).decode() == f"{USER}:{PASSWORD}"
        except ValueError:
            return False

    def grant(self, body: bytes, authorization: str) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        pair = (form.get("client_id", ""), form.get("client_secret", ""))
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            pair = (unquote(name), unquote(secret))
        if form.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if pair != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client", "error_description": "Client authentication failed"}
        self._granted += 1
        token = f"s4h-bearer-{self._granted:08d}"
        self._tokens[token] = self._now() + timedelta(seconds=TOKEN_LIFETIME_S)
        return 200, {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_LIFETIME_S}

    def open_session(self, cookies: Mapping[str, str]) -> tuple[str, list[str]]:
        """The token of the session the client is in, or of a new one with the cookies to set."""
        known = self._sessions.get(cookies.get(SESSION_COOKIE, ""))
        if known is not None and known[1] > self._now():
            return known[0], []
        self._granted += 1
        session, token = f"sess-{self._granted:08d}%3d", f"csrf-{self._granted:08d}=="
        self._sessions[session] = (token, self._now() + timedelta(seconds=SESSION_LIFETIME_S))
        return token, [
            "sap-usercontext=sap-client=100; path=/",
            f"{SESSION_COOKIE}={session}; path=/; secure; HttpOnly",
        ]

    def may_write(self, cookies: Mapping[str, str], token: str) -> bool:
        known = self._sessions.get(cookies.get(SESSION_COOKIE, ""))
        return known is not None and known[1] > self._now() and known[0] == token


def cookies_of(header: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in header.split(";") if "=" in part)
    return {name: value for name, _, value in pairs}
