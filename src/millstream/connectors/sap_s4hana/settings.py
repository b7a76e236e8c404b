"""What an SAP S/4HANA connection needs to know."""

from decimal import Decimal
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class S4HanaSettings(BaseModel):
    """Codes are those of the system's customizing; the guide says what each is for."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(description="Address of the system, without a path", examples=["https://s4.example:44300"])
    client: str | None = Field(None, description="SAP client, for example 100; empty: the system's default")
    auth: Literal["basic", "oauth2"] = Field("basic", description="How the hub logs in")
    username: str = Field("", description="basic: the communication user")
    password: SecretStr = Field(SecretStr(""), description="basic: that user's password")
    token_url: str = Field("", description="oauth2: address of the token endpoint")
    client_id: str = Field("", description="oauth2: client id")
    client_secret: SecretStr = Field(SecretStr(""), description="oauth2: client secret")

    sales_organization: str = Field(description="Sales organization orders are placed in")
    distribution_channel: str = Field(description="Distribution channel")
    division: str = Field("00", description="Division")
    order_type: str = Field("OR", description="Sales document type")
    purchase_order_type: str | None = Field(None, description="Customer reference type that marks the hub's orders")
    plant: str = Field(description="Plant that ships")
    warehouses: dict[str, str] = Field(default_factory=dict, description="Plant to the warehouse code the hub uses")
    unit: str = Field("PC", description="Unit of measure of one piece")

    customers: dict[str, str] = Field(default_factory=dict, description="Hub customer id to SAP customer")
    identification_type: str = Field("ZHUB", description="Type of the business partner's number that is the hub's id")
    default_customer: str | None = Field(None, description="Customer for everybody else; empty: they are held")
    ship_to_function: str = Field("SH", description="Partner function of the ship-to party")
    bill_to_function: str = Field("BP", description="Partner function of the bill-to party")

    price_condition: str = Field("PMP0", description="Item condition: price per unit, entered by hand")
    discount_condition: str = Field("ZMSD", description="Item condition: discount as an amount, negative")
    tax_condition: str | None = Field(None, description="Item condition: tax as charged; empty: SAP determines tax")
    shipping_condition: str = Field("ZMSF", description="Header condition: shipping charge")
    adjustment_condition: str = Field("ZMSA", description="Header condition: gift cards, store credit and fees")
    rounding_condition: str = Field("ZMSR", description="Header condition: rounding difference")
    rounding_tolerance: Decimal = Field(
        Decimal("0.05"), ge=0, description="Largest difference of totals that the rounding condition may close"
    )
    list_price_condition: str | None = Field("PPR0", description="Condition type of list prices; empty: do not compare")

    hold_block: str = Field(
        "Z1", description="Delivery block of orders the hub has not released; used for nothing else"
    )
    superseded_reason: str = Field("51", description="Rejection reason of a document that another one replaces")
    cancel_reason: str = Field("61", description="Rejection reason of orders cancelled in the store")
    language: str = Field("EN", description="Language of texts")
    key_text: str = Field("TX01", description="Header text that holds the order key")
    note_text: str | None = Field(None, description="Header text for the shopper's note; empty: it is left out")
    line_text: str = Field("0001", description="Item text that holds the store's line")
    made_to_order_categories: tuple[str, ...] = Field(("TAK",), description="Item categories made per order")
    bought_to_order_categories: tuple[str, ...] = Field(("TAB",), description="Item categories bought per order")
    service_categories: tuple[str, ...] = Field(("TAD",), description="Item categories that are not delivered")
    checking_rule: str = Field("A", description="ATP checking rule that is asked for what was not confirmed")
    in_stock_days: int = Field(3, ge=0, description="Confirmed for within so many days of the order counts as in stock")
    transit_days: int = Field(0, ge=0, description="Days from goods issue to the confirmed delivery date")

    tracking_field: Literal["HandlingUnitExternalID", "HandlingUnitSecondExternalID", "BillOfLading"] = Field(
        "HandlingUnitExternalID", description="Where the carrier's tracking number is kept"
    )
    carrier_title: str = Field("Carrier", description="What shoppers read beside the tracking number")
    time_zone: str = Field("UTC", description="Time zone of the system's dates and times")
    poll_overlap_s: int = Field(120, ge=0, description="How long a change may take to become visible")
    deliveries_every_s: int = Field(15, ge=0, description="How often deliveries are listed: SAP dates them by day only")
    page_size: Annotated[int, Field(ge=1, le=1000)] = Field(100, description="Records read per kind and page")
    timeout_s: float = Field(60.0, gt=0, description="Longest wait for one answer")
    concurrency: Annotated[int, Field(ge=1, le=32)] = Field(4, description="Calls under way at the same time")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone; write for example Europe/Berlin ({type(error).__name__})") from None
        return name

    @model_validator(mode="after")
    def _complete_login(self) -> Self:
        needed = ("username", "password") if self.auth == "basic" else ("token_url", "client_id", "client_secret")
        empty = [name for name in needed if not (str(getattr(self, name)))]
        if empty:
            raise ValueError(f'auth = "{self.auth}" needs {", ".join(empty)}')
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)
