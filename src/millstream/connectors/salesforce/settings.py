"""What an operator decides about a Salesforce connection."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w{0,79}$")]
OptionalFieldName = Annotated[str, StringConstraints(pattern=r"^([A-Za-z]\w{0,79})?$")]


def https_or_loopback(url: str) -> str:
    """The origin of a URL that may carry a token. Raises ValueError for plain http to another machine."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no base URL; write https://<my-domain>.my.salesforce.com")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"{url!r} must start with https:// (plain http is allowed to this machine only)")
    return f"{parts.scheme}://{parts.netloc}"


class Fields(BaseModel):
    """API names of the custom fields. Empty = the org has no such field and it is not written; keys are needed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account_key: FieldName = "Hub_Customer_Id__c"
    account_lifetime_value: OptionalFieldName = "Lifetime_Value__c"
    account_last_purchase_at: OptionalFieldName = "Last_Purchase_At__c"
    account_orders_count: OptionalFieldName = ""
    account_vat_id: OptionalFieldName = ""
    order_key: FieldName = "Hub_Order_Id__c"
    order_erp_number: OptionalFieldName = "ERP_Order_Number__c"
    order_total: OptionalFieldName = "Order_Total__c"
    order_status: OptionalFieldName = "Hub_Status__c"
    order_expected_ship_date: OptionalFieldName = "Expected_Ship_Date__c"
    order_shipped_at: OptionalFieldName = "Shipped_At__c"
    order_tracking_numbers: OptionalFieldName = "Tracking_Numbers__c"
    order_delivered_at: OptionalFieldName = "Delivered_At__c"
    order_cancelled_at: OptionalFieldName = "Cancelled_At__c"
    line_key: FieldName = "Hub_Line_Id__c"
    line_net: OptionalFieldName = "Net_Amount__c"


class SalesforceSettings(BaseModel):
    """One connection. `login_url` is the org's My Domain, where client credentials are accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    login_url: str
    api_version: Annotated[str, StringConstraints(pattern=r"^\d\d\.\d$")] = "66.0"
    auth: Literal["client_credentials", "jwt_bearer"] = "client_credentials"
    client_id: Annotated[str, StringConstraints(min_length=1)]
    client_secret: SecretStr | None = None  # client_credentials
    username: str | None = None  # jwt_bearer: the integration user
    private_key: SecretStr | None = None  # jwt_bearer: PEM text, or
    private_key_file: Path | None = None  # jwt_bearer: a file that holds it
    audience: str = "https://login.salesforce.com"  # jwt_bearer: https://test.salesforce.com for a sandbox org

    fields: Fields = Fields()
    event: OptionalFieldName = "Customer_Purchased__e"  # empty = purchases are not announced
    pricebook: Annotated[str, StringConstraints(pattern=r"^(standard|none|01s\w{12}(\w{3})?)$")] = "standard"
    unknown_products: Literal["describe", "reject"] = "describe"
    activate_orders: bool = True
    draft_status: str = "Draft"
    activated_status: str = "Activated"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"  # the org's (corporate) currency
    multi_currency: bool = False
    similar_accounts: Literal["note", "hold"] = "note"
    duplicate_alerts: Literal["hold", "allow"] = "hold"  # what becomes of a new account that a duplicate rule alerts to

    concurrency: int = Field(default=8, ge=1, le=25)  # 25 calls longer than 20 s are all an org takes
    rate_per_s: float = Field(default=0.0, ge=0)
    timeout_s: float = Field(default=60.0, gt=0, le=600)
    products_ttl_s: float = Field(default=900.0, ge=0)
    budget_pause_s: float = Field(default=900.0, ge=1)  # pause once the 24-hour budget is used up
    busy_pause_s: float = Field(default=5.0, ge=0.1)  # pause once too many calls run at the same time

    @field_validator("login_url")
    @classmethod
    def _secure(cls, value: str) -> str:
        return https_or_loopback(value)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.auth == "client_credentials" and self.client_secret is None:
            raise ValueError("auth client_credentials needs client_secret")
        if self.auth == "jwt_bearer":
            if not self.username:
                raise ValueError("auth jwt_bearer needs username, the integration user")
            if (self.private_key is None) == (self.private_key_file is None):
                raise ValueError("auth jwt_bearer needs private_key or private_key_file, one of them")
        return self
