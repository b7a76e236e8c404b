"""What may be laid over this connector's mapping: fields of Order, OrderItem, Account and the platform event."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from millstream.connectors.salesforce.mapping import (
    EVENT_FIELDS,
    Json,
    PricebookEntry,
    PurchasePlan,
    announcement,
    codes_of,
    plan_purchase,
)
from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.domain.events import ORDER_CONFIRMED
from millstream.domain.purchase import Purchase
from millstream.domain.values import Money
from millstream.ports.overlay import Overlay, Piece, Sample, Surface, Target

CUSTOM_FIELD: Final = r"[A-Za-z]\w{0,36}__c"
Pieces = Callable[[], Sequence[Piece]]
LOOKED_UP: Final = "(looked up)"
_TEACH_EVENT: Final = "Add the field to the platform event and name it by its API name, which ends in __c."
_TEACH: Final = "Name a custom field by its API name, which ends in __c, and let the integration user edit it."


def outbound(name: str, settings: SalesforceSettings) -> Surface:
    """From a purchase to the org's records."""
    named = frozenset(value for value in settings.fields.model_dump().values() if value)

    def target(of: str, what: str, example: str, *standard: str) -> Target:
        besides = f" Besides: {', '.join(standard)}." if standard else ""
        pattern = "|".join((CUSTOM_FIELD, *standard))
        return Target(name=of, what=what, fields=pattern, example=example, teach=_TEACH + besides, owned=named)

    event = Target(
        name="event",
        what=f"the platform event {settings.event}, which announces a purchase",
        fields=CUSTOM_FIELD,
        example="Sales_Region__c",
        teach=_TEACH_EVENT,
        owned=frozenset(EVENT_FIELDS),
    )
    return Surface(
        connection=name,
        direction="outbound",
        samples=ORDER_CONFIRMED,
        targets=(
            target("order", "the Order a purchase becomes", "Gift_Note__c", "PoNumber", "PoDate", "Type"),
            target("line", "each OrderItem of it", "Engraving__c", "ServiceDate", "EndDate"),
            target("account", "the Account, with each purchase", "Segment__c", "Industry", "Rating"),
            *((event,) if settings.event else ()),
        ),
        pieces=lambda sample: _sampled(sample, settings),
    )


def pieces_of(plan: PurchasePlan, purchase: Purchase) -> list[Piece]:
    """The order, its account, its lines. Lines that name no product have no record, so nothing is laid over them."""
    given = _given(purchase)
    head = {name: value for name, value in given["order"].items() if name != "lines"}
    missing = list(plan.unknown_skus)
    lines = [line for line in msgspec.to_builtins(purchase.lines) if not _taken(missing, line["sku"])]
    return [
        Piece(target="order", label=f"order {purchase.order_number}", given=given, mapped=plan.order),
        Piece(target="account", label=f"account {purchase.customer_id}", given=given, mapped=plan.account),
        *(
            Piece(target="line", label=label_of(line), given={"line": line, "order": head}, mapped=row)
            for line, row in zip(lines, plan.rows, strict=True)
        ),
    ]


def event_pieces(purchase: Purchase, settings: SalesforceSettings, event_id: str = LOOKED_UP) -> list[Piece]:
    """The platform event; none where the settings name none."""
    if not settings.event:
        return []
    mapped = announcement(purchase, event_id)
    label = f"event {settings.event} of order {purchase.order_number}"
    return [Piece(target="event", label=label, given=_given(purchase), mapped=mapped)]


def _given(purchase: Purchase) -> dict[str, Any]:
    """The purchase without its lines, and the whole order with them."""
    plain = msgspec.to_builtins(purchase)
    del plain["lines"]
    return {**plain, "order": plain["order"] or {}}


def label_of(line: Mapping[str, Any]) -> str:
    """Which line, for people."""
    return f"line {line['id']} {line['sku']}"


def _taken(missing: list[str], sku: str) -> bool:
    if sku not in missing:
        return False
    missing.remove(sku)
    return True


def overlaid(plan: PurchasePlan, purchase: Purchase, overlay: Overlay, following: Pieces = tuple) -> PurchasePlan:
    """The plan with the fields an overlay adds. Raises Reject where a rule gives no value.

    `following` are pieces that are sent after it: nothing is to be written if a rule gives no value for those.
    """
    values = overlay.values(lambda: [*pieces_of(plan, purchase), *following()])
    if not values:
        return plan
    order, account, *rows = values[: len(plan.rows) + 2]
    return msgspec.structs.replace(
        plan,
        order={**plan.order, **order},
        account={**plan.account, **account},
        rows=tuple({**row, **more} for row, more in zip(plan.rows, rows, strict=True)),
    )


def overlaid_event(purchase: Purchase, event_id: str, settings: SalesforceSettings, overlay: Overlay) -> Json:
    """The platform event with the fields an overlay adds. Raises Reject where a rule gives no value."""
    values = overlay.values(lambda: event_pieces(purchase, settings, event_id))
    return {**announcement(purchase, event_id), **(values[0] if values else {})}


def _sampled(sample: Sample, settings: SalesforceSettings) -> Sequence[Piece]:
    acknowledgement, order = sample.acknowledgement, sample.order
    if acknowledgement is None or order is None:
        return ()
    total = order.totals.grand_total
    purchase = Purchase(
        order_key=order.key,
        order_number=order.number,
        erp_number=acknowledgement.number,
        customer_id=sample.customer_id or LOOKED_UP,
        purchased_at=order.placed_at,
        lines=order.lines,
        order_total=total,
        lifetime_value=Money(total.amount, total.currency),
        orders_count=1,
        expected_ship_date=acknowledgement.ship_date,
        order=order,
    )
    entry = PricebookEntry(id=LOOKED_UP, pricebook_id=LOOKED_UP)
    entries = {code.lower(): entry for line in order.lines for code in codes_of(line)}
    plan = plan_purchase(purchase, entries, settings)
    return [*pieces_of(plan, purchase), *event_pieces(purchase, settings)]
