"""Who may come in: integrations by signature or bearer, admins by token, SaaS clients by IMS token."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from millstream.sandbox.adobe_commerce.errors import Refusal, not_authorized, required
from millstream.sandbox.adobe_commerce.oauth import Integration, verify

Json = dict[str, Any]
ADMIN_TOKEN_LIFE_S = 4 * 3600
IMS_TOKEN_LIFE_S = 86_399
WRONG_SIGN_IN = (
    "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later."
)


def default_integration() -> Integration:
    """Fixed credentials of the throw-away store."""
    return Integration(
        consumer_key="sandboxconsumerkey00000000000001",
        consumer_secret="sandboxconsumersecret00000000001",
        token="sandboxaccesstoken00000000000001",
        token_secret="sandboxaccesstokensecret00000001",
        bearer=True,
    )


@dataclass(kw_only=True)
class Saas:
    """The IMS side of a SaaS tenant."""

    tenant: str = "tenant-1"
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    org: str = "SANDBOX@AdobeOrg"


@dataclass(kw_only=True)
class Access:
    """The gate."""

    integrations: list[Integration] = field(default_factory=lambda: [default_integration()])
    admins: dict[str, str] = field(default_factory=lambda: {"admin": "admin-password-1"})
    saas: Saas | None = None
    version: str = "2.4.7"
    tokens: dict[str, float] = field(default_factory=dict)  # token -> the second it ends

    def admin_token(self, body: Json, now: datetime) -> str:
        for name in ("username", "password"):
            if name not in body:
                raise required(name)
        if self.admins.get(str(body["username"])) != body["password"]:
            raise Refusal(401, WRONG_SIGN_IN)
        return self._issue("admin", now, ADMIN_TOKEN_LIFE_S)

    def ims_token(self, form: str, now: datetime) -> tuple[int, Json]:
        given = dict(parse_qsl(form))
        saas = self.saas or Saas()
        if given.get("grant_type") != "client_credentials":
            return 400, {"error": "unsupported_grant_type"}
        if (given.get("client_id"), given.get("client_secret")) != (saas.client_id, saas.client_secret):
            return 400, {"error": "invalid_client", "error_description": "invalid client_secret parameter"}
        token = self._issue("ims", now, IMS_TOKEN_LIFE_S)
        return 200, {"access_token": token, "token_type": "bearer", "expires_in": IMS_TOKEN_LIFE_S}

    def _issue(self, kind: str, now: datetime, life_s: int) -> str:
        token = f"sandbox.{kind}.{len(self.tokens) + 1:06d}"
        self.tokens[token] = now.timestamp() + life_s
        return token

    def check(self, headers: dict[str, str], *, method: str, url: str, resource: str, now: datetime) -> None:
        """Raises the Refusal that the real system gives; missing, wrong and insufficient credentials look alike."""
        header = headers.get("authorization", "")
        scheme, _, credential = header.partition(" ")
        if self.saas is not None:
            self._check_ims(headers, credential.strip(), now)
        elif scheme.lower() == "oauth":
            owner = verify(self.integrations, header=credential, method=method, url=url, now=now, version=self.version)
            if not owner.may(resource):
                raise not_authorized(resource)
        elif scheme.lower() != "bearer" or not self._bearer(credential.strip(), resource, now):
            raise not_authorized(resource)

    def _bearer(self, token: str, resource: str, now: datetime) -> bool:
        if self.tokens.get(token, 0) > now.timestamp():
            return True
        owner = next((one for one in self.integrations if one.token == token and one.bearer), None)
        return owner is not None and not owner.revoked and owner.may(resource)

    def _check_ims(self, headers: dict[str, str], token: str, now: datetime) -> None:
        saas = self.saas or Saas()
        if self.tokens.get(token, 0) <= now.timestamp():
            raise Refusal(401, "Oauth token is not valid", error_code="401013")
        if headers.get("x-api-key") != saas.client_id:
            raise Refusal(403, "Api Key is invalid", error_code="403003")
        if headers.get("x-gw-ims-org-id") != saas.org:
            raise Refusal(403, "Profile is not valid for the organization", error_code="403010")
