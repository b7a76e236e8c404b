"""The token endpoint: client credentials and JWT bearer."""

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

import jwt

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_LIFETIME_MAX_S = 300
LOGIN_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")


class TokenDesk:
    """Hands out sessions and knows which are good. A session has no announced end: it works until revoked."""

    def __init__(self, *, client_id: str, client_secret: str, now: Callable[[], datetime]) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.public_key: str | None = None
        self.username = "hub@maker.example"
        self.granted = 0
        self._now = now
        self._good: set[str] = set()

    def revoke(self) -> None:
        self._good.clear()

    def is_good(self, authorization: str) -> bool:
        kind, _, token = authorization.partition(" ")
        return kind in {"Bearer", "OAuth"} and token in self._good

    def answer(self, body: bytes, authorization: str, base_url: str) -> tuple[int, dict[str, Any]]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        match form.get("grant_type"):
            case "client_credentials":
                problem = self._client(form, authorization, base_url)
            case grant if grant == JWT_GRANT:
                problem = self._assertion(form.get("assertion", ""), base_url)
            case _:
                problem = ("unsupported_grant_type", "grant type not supported")
        if problem is not None:
            return 400, {"error": problem[0], "error_description": problem[1]}
        return 200, self._session(base_url)

    def _client(self, form: dict[str, str], authorization: str, base_url: str) -> tuple[str, str] | None:
        if base_url in LOGIN_AUDIENCES:
            return "invalid_grant", "request not supported on this domain"
        pair = (form.get("client_id", ""), form.get("client_secret", ""))
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            pair = (unquote(name), unquote(secret))
        if pair[0] != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        if pair[1] != self.client_secret:
            return "invalid_client", "invalid client credentials"
        return None

    def _assertion(self, assertion: str, base_url: str) -> tuple[str, str] | None:
        audience = [*LOGIN_AUDIENCES, base_url]
        try:
            # The org's own clock judges `exp`, below.
            claims = jwt.decode(
                assertion, self.public_key or "", algorithms=["RS256"], audience=audience, options={"verify_exp": False}
            )
        except jwt.InvalidAudienceError:
            return "invalid_grant", "audience is invalid"
        except (jwt.InvalidTokenError, jwt.InvalidKeyError):
            return "invalid_grant", "invalid assertion"
        left = int(claims.get("exp", 0)) - self._now().timestamp()
        if not 0 < left <= JWT_LIFETIME_MAX_S:
            return "invalid_grant", "expired authorization code" if left <= 0 else "assertion is too long lived"
        if claims.get("iss") != self.client_id:
            return "invalid_client_id", "client identifier invalid"
        if claims.get("sub") != self.username:
            return "invalid_grant", "user hasn't approved this consumer"
        return None

    def _session(self, base_url: str) -> dict[str, Any]:
        self.granted += 1
        token = f"00Dxx0000000001!AQ{self.granted:06d}.sandbox"
        self._good.add(token)
        return {
            "access_token": token,
            "signature": "c2FuZGJveA==",
            "scope": "api",
            "instance_url": base_url,
            "id": f"{base_url}/id/00Dxx0000000001AAA/005xx0000000001AAA",
            "token_type": "Bearer",
            "issued_at": str(int(self._now().timestamp() * 1000)),
        }
