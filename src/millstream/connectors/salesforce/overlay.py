"""What may be laid over this connector's mapping: fields of Order, OrderItem and Account."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from millstream.connectors.salesforce.mapping import PricebookEntry, PurchasePlan, codes_of, plan_purchase
from millstream.connectors.salesforce.settings import SalesforceSettings
from millstream.domain.events import ORDER_CONFIRMED
from millstream.domain.purchase import Purchase
from millstream.domain.values import Money
from millstream.ports.overlay import Overlay, Piece, Sample, Surface, Target

CUSTOM_FIELD: Final = r"[A-Za-z]\w{0,36}__c"
LOOKED_UP: Final = "(looked up)"
_TEACH: Final = "Name a custom field by its API name, which ends in __c, and let the integration user edit it."


def outbound(name: str, settings: SalesforceSettings) -> Surface:
    """From a purchase to the org's records."""
    named = frozenset(value for value in settings.fields.model_dump().values() if value)

    def target(of: str, what: str, example: str, *standard: str) -> Target:
        besides = f" Besides: {', '.join(standard)}." if standard else ""
        pattern = "|".join((CUSTOM_FIELD, *standard))
        return Target(name=of, what=what, fields=pattern, example=example, teach=_TEACH + besides, owned=named)

    return Surface(
        connection=name,
        direction="outbound",
        samples=ORDER_CONFIRMED,
        targets=(
            target("order", "the Order a purchase becomes", "Gift_Note__c", "PoNumber", "PoDate", "Type"),
            target("line", "each OrderItem of it", "Engraving__c", "ServiceDate", "EndDate"),
            target("account", "the Account, with each purchase", "Segment__c", "Industry", "Rating"),
        ),
        pieces=lambda sample: _sampled(sample, settings),
    )


def pieces_of(plan: PurchasePlan, purchase: Purchase) -> list[Piece]:
    """The order, its account, its lines. Lines that name no product have no record, so nothing is laid over them."""
    plain = msgspec.to_builtins(purchase)
    order = plain.pop("order", None) or {}
    given = {**plain, "order": order}
    given.pop("lines")
    head = {name: value for name, value in order.items() if name != "lines"}
    missing = list(plan.unknown_skus)
    lines = [line for line in plain["lines"] if not _taken(missing, line["sku"])]
    return [
        Piece(target="order", label=f"order {purchase.order_number}", given=given, mapped=plan.order),
        Piece(target="account", label=f"account {purchase.customer_id}", given=given, mapped=plan.account),
        *(
            Piece(target="line", label=label_of(line), given={"line": line, "order": head}, mapped=row)
            for line, row in zip(lines, plan.rows, strict=True)
        ),
    ]


def label_of(line: Mapping[str, Any]) -> str:
    """Which line, for people."""
    return f"line {line['id']} {line['sku']}"


def _taken(missing: list[str], sku: str) -> bool:
    if sku not in missing:
        return False
    missing.remove(sku)
    return True


def overlaid(plan: PurchasePlan, purchase: Purchase, overlay: Overlay) -> PurchasePlan:
    """The plan with the fields an overlay adds. Raises Reject where a rule gives no value."""
    values = overlay.values(lambda: pieces_of(plan, purchase))
    if not values:
        return plan
    order, account, *rows = values
    return msgspec.structs.replace(
        plan,
        order={**plan.order, **order},
        account={**plan.account, **account},
        rows=tuple({**row, **more} for row, more in zip(plan.rows, rows, strict=True)),
    )


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
    return pieces_of(plan_purchase(purchase, entries, settings), purchase)
