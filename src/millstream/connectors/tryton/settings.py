"""What a Tryton connection needs to know."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TrytonSettings(BaseModel):
    """Every name is looked up in the ERP once and reported by the connection check when it is missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(description="Address of the Tryton server, without a path", examples=["http://erp:8000"])
    database: str = Field(description="Name of the database")
    user: str = Field(description="Login of the user the hub works as")
    password: SecretStr = Field(description="That user's password")
    company: int | None = Field(None, description="Id of the company; empty: the user's own company")
    web_shop: str = Field(description="Name of the web shop record that orders of the hub belong to")
    warehouse: str = Field(description="Code of the warehouse that ships")
    payment_term: str | None = Field(None, description="Name of a payment term; empty: the customer's own")
    invoice_method: Literal["fulfillment", "order", "manual"] = Field(
        "fulfillment", description="When Tryton invoices: as goods leave, at once, or never by itself"
    )
    shipping_product: str = Field("SHIPPING", description="Code of the service that carries the shipping charge")
    rounding_product: str = Field("ROUNDING", description="Code of the service that carries rounding differences")
    adjustment_product: str = Field(
        "ADJUSTMENT", description="Code of the service that carries gift cards, store credit and fees"
    )
    tax_names: dict[str, str] = Field(
        default_factory=dict, description='Tax percent to the name of a tax, for example {"19": "VAT 19 %"}'
    )
    tax_product: str | None = Field(
        None, description="Code of a service that carries tax of percents without a name; empty: such orders are held"
    )
    rounding_tolerance: Decimal = Field(
        Decimal("0.05"), ge=0, description="Largest difference of totals that a rounding line may close"
    )
    skip_warnings: tuple[str, ...] = Field(
        ("no_carrier",), description="Ends of the names of warnings that may be answered with yes"
    )
    poll_overlap_s: int = Field(120, ge=0, description="How long a transaction of the ERP may take to become visible")
    page_size: Annotated[int, Field(ge=1, le=1000)] = Field(100, description="Records read per kind and page")
    timeout_s: float = Field(60.0, gt=0, description="Longest wait for one answer")
    concurrency: Annotated[int, Field(ge=1, le=32)] = Field(4, description="Calls under way at the same time")
