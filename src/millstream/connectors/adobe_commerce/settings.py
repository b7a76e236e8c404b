"""What a merchant says about the store."""

import re
from datetime import date
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from millstream.connectors.adobe_commerce.criteria import PAGE_SIZE_MAX
from millstream.connectors.adobe_commerce.endpoint import DEFAULT_SCOPE, Endpoint, Flavour
from millstream.ports.world import World
from millstream.wire.auth import BearerAuth, ClientCredentialsAuth
from millstream.wire.connection import Auth
from millstream.wire.governor import GovernorSettings
from millstream.wire.oauth1 import OAuth1Auth

IMS_TOKEN_URL: Final = "https://ims-na1.adobelogin.com/ims/token/v3"  # noqa: S105 - an address, no secret
IMS_SCOPE: Final = (
    "openid,AdobeID,email,profile,additional_info.roles,additional_info.projectedProductContext,commerce.accs"
)

_NEEDED: Final = {
    "oauth1": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "bearer": ("access_token",),
    "ims": ("ims_client_id", "ims_client_secret", "ims_org_id"),
}


class AdobeCommerceSettings(BaseModel):
    """One store connection. Which credentials are needed follows from `auth`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    flavour: Flavour = Field("open_source", description="open_source, paas, or saas (Adobe's cloud service)")
    base_url: str = Field(description="https://shop.example.com; saas: with the tenant id; without /rest or /V1")
    scope: str = Field(DEFAULT_SCOPE, description="all, default or a store view code")

    auth: Literal["oauth1", "bearer", "ims"] = Field("oauth1", description="saas knows only ims")
    consumer_key: SecretStr | None = None
    consumer_secret: SecretStr | None = None
    access_token: SecretStr | None = None
    access_token_secret: SecretStr | None = None
    signature_generation: Literal["auto", "laminas", "native"] = Field(
        "auto", description="laminas up to 2.4.7, native from 2.4.8"
    )
    signature_base_url: str | None = Field(None, description="scheme and host as the store sees them behind a proxy")
    ims_client_id: SecretStr | None = None
    ims_client_secret: SecretStr | None = None
    ims_org_id: str | None = Field(None, description="ABC123@AdobeOrg")
    ims_scope: str = IMS_SCOPE
    ims_token_url: str = IMS_TOKEN_URL

    since: date | None = Field(None, description="orders placed earlier are left alone; none: a day before now")
    store_ids: tuple[int, ...] = Field((), description="only orders of these store views; empty: all")
    exportable_states: tuple[str, ...] = ("new", "processing", "complete")
    held_statuses: tuple[str, ...] = ("fraud", "payment_review", "pending_payment")
    overlap_s: float = Field(120.0, ge=0, le=86_400, description="how far a poll looks back behind the newest change")
    page_size: int = Field(PAGE_SIZE_MAX, ge=1, le=PAGE_SIZE_MAX)
    find_catalogue_skus: bool = Field(True, description="look up the SKU behind one with custom options appended")

    promise_attribute: str = Field("", description="custom order attribute for the promised date; empty: comment only")
    statuses: dict[str, str] = Field({}, description="status words of the hub -> status codes of this store")
    sources: dict[str, str] = Field({}, description="ERP warehouse -> inventory source code")
    carriers: dict[str, str] = Field({}, description="ERP carrier -> carrier code of this store")

    concurrency: int = Field(8, ge=1, le=64)
    rate_per_s: float = Field(0.0, ge=0)
    timeout_s: float = Field(60.0, gt=0, le=600)

    @field_validator("base_url")
    @classmethod
    def _base_url_is_a_root(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("base_url must be a full address such as https://shop.example.com")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("base_url must hold no user name, query or fragment")
        if re.search(r"/(rest|V1|graphql)(/|$)", parts.path):
            raise ValueError("base_url ends before /rest and /V1: those are added")
        return value.rstrip("/")

    @field_validator("scope")
    @classmethod
    def _scope_is_a_code(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", value):
            raise ValueError("scope is all, default or a store view code (letters, digits and _)")
        return value

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        if self.flavour == "saas" and self.auth != "ims":
            raise ValueError("flavour saas needs auth = ims")
        if self.flavour == "open_source" and self.auth == "ims":
            raise ValueError("Open Source does not know ims: use auth = oauth1 or bearer")
        missing = [name for name in _NEEDED[self.auth] if not getattr(self, name)]
        if missing:
            raise ValueError(f"auth = {self.auth} also needs {', '.join(missing)}")
        return self

    def endpoint(self) -> Endpoint:
        """Where calls go."""
        return Endpoint(flavour=self.flavour, base_url=self.base_url, scope=self.scope)

    def limits(self) -> GovernorSettings:
        """How much the store can take."""
        return GovernorSettings(concurrency=self.concurrency, rate_per_s=self.rate_per_s)

    def credentials(self, system: str, world: World) -> Auth:
        """What puts the credentials on requests."""
        if self.auth == "bearer":
            return BearerAuth(_open(self.access_token))
        if self.auth == "ims":
            client_id = _open(self.ims_client_id)
            return ClientCredentialsAuth(
                system,
                token_url=self.ims_token_url,
                client_id=client_id,
                client_secret=_open(self.ims_client_secret),
                clock=world.clock,
                scope=self.ims_scope,
                headers={"x-api-key": client_id, "x-gw-ims-org-id": self.ims_org_id or ""},
                settings_named="ims_client_id and ims_client_secret",
                url_setting_named="ims_token_url",
            )
        return OAuth1Auth(
            consumer_key=_open(self.consumer_key),
            consumer_secret=_open(self.consumer_secret),
            token=_open(self.access_token),
            token_secret=_open(self.access_token_secret),
            world=world,
            generation=self.signature_generation,
            signature_base_url=self.signature_base_url,
        )


def _open(secret: SecretStr | None) -> str:
    assert secret is not None, "_credentials_fit saw to it"
    return secret.get_secret_value()
