"""Custom fields reach every kind of system, and never what a connector answers for itself."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.adobe import made_order, response
from fakes.adobe import settings as adobe_settings
from fakes.overlays import in_force, overlays, rule
from fakes.real_tryton import order as tryton_order
from fakes.s4hana import SETTINGS, S4Hana
from fakes.tap import RecordingTap
from fakes.transport import ScriptedTransport
from fakes.tryton_answers import connector
from fakes.world import ManualWorld
from millstream.connectors.adobe_commerce import SPEC as ADOBE
from millstream.connectors.sap_s4hana import SPEC as SAP
from millstream.connectors.tryton import overlay as tryton
from millstream.connectors.tryton.mapping import Item, Masters, Parties, sale_lines, sale_values
from millstream.domain.errors import Reject
from millstream.ports.overlay import Sample
from millstream.wire.kit import WireKit

KEY = "shop-1-000000042"


@pytest.fixture
def live():
    one = overlays()
    yield one
    one.close()


# --- SAP


class OverlaidS4(S4Hana):
    def __init__(self, live, **settings):
        self.live = live
        super().__init__(**settings)

    def connect(self, **changed):
        kit = WireKit(transport=self.wire, world=self.world, tap=self.tap, overlays=self.live)
        return SAP.open("erp", SAP.settings.model_validate(SETTINGS | changed), kit)


async def test_sap_keeps_fields_of_header_and_items(live):
    s4 = OverlaidS4(live)
    in_force(
        live,
        ("erp", "outbound"),
        rule("order.CompleteDeliveryIsDefined", f"order.number = '{KEY}'"),
        rule("line.UnderlyingPurchaseOrderItem", "$substring(line.sku, 0, 5)"),
    )
    await s4.place(KEY, ("VALVE-050", 3), ("GASKET-10", 1))
    (order,) = await s4.orders()
    assert order["CompleteDeliveryIsDefined"] is True
    items = sorted(one["UnderlyingPurchaseOrderItem"] for one in order["to_Item"])
    assert items == ["GASKE", "VALVE"]


async def test_a_document_that_sap_holds_is_made_anew_when_another_mapping_is_in_force(live):
    s4 = OverlaidS4(live)
    in_force(live, ("erp", "outbound"), rule("line.UnderlyingPurchaseOrderItem", "'A'"))
    with pytest.raises(Reject) as refusal:
        await s4.place(KEY, ("VALVE-050", 3), off="0.06")
    assert refusal.value.code == "erp.total_differs"
    in_force(live, ("erp", "outbound"), rule("line.UnderlyingPurchaseOrderItem", "'B'"), number=2)
    with pytest.raises(Reject):
        await s4.place(KEY, ("VALVE-050", 3), off="0.06")
    living = [one for one in await s4.orders() if one["to_Item"][0]["SalesDocumentRjcnReason"] == ""]
    assert [one["to_Item"][0]["UnderlyingPurchaseOrderItem"] for one in living] == ["B"]


# --- Adobe Commerce


def store_with(live, *answers, **changes):
    transport = ScriptedTransport(*answers)
    kit = WireKit(transport=transport, world=ManualWorld(), tap=RecordingTap(), overlays=live)
    return ADOBE.open("shop", adobe_settings(**changes), kit), transport


async def acknowledged(store):
    await store.acknowledge("7", "000000007", erp_number="S1", status=None, key="k", ship_date=date(2026, 12, 1))


async def test_the_stores_order_gets_attributes_beside_the_hubs_own(live):
    store, transport = store_with(live, response({}), promise_attribute="promised_on")
    in_force(
        live,
        ("shop", "outbound"),
        rule("order.custom_attributes.erp_text", "'ERP ' & erp_number & ', ' & ship_date"),
        rule("order.extension_attributes.plant", "1"),
    )
    await acknowledged(store)
    entity = msgspec.json.decode(transport.requests[0].body)["entity"]
    assert entity["custom_attributes"] == [
        {"attribute_code": "promised_on", "value": "2026-12-01"},
        {"attribute_code": "erp_text", "value": "ERP S1, 2026-12-01"},
    ]
    assert entity["extension_attributes"] == {"plant": 1}
    assert entity["ext_order_id"] == "S1"


async def test_a_rule_that_fails_sends_the_store_nothing(live):
    store, transport = store_with(live)
    in_force(live, ("shop", "outbound"), rule("order.extension_attributes.plant", "$error('no plant')"))
    with pytest.raises(Reject) as refusal:
        await acknowledged(store)
    assert (refusal.value.code, transport.requests) == ("mapping.overlay_failed", [])


def test_custom_fields_of_order_line_and_customer_are_read_from_the_stores_order(live):
    store, _ = store_with(live)
    raw = made_order(customer_note="for Anna")
    in_force(
        live,
        ("shop", "inbound"),
        rule("order.custom.gift", "source.customer_note"),
        rule("line.custom.weight", "source.product_type & ' of ' & order.increment_id"),
        rule("customer.custom.group", "source.customer_group_id", "number"),
    )
    order = store.interpret(raw)
    assert order.custom == {"gift": "for Anna"}
    assert [line.custom for line in order.lines] == [{"weight": f"simple of {raw['increment_id']}"}]
    assert order.customer.custom == {"group": raw["customer_group_id"]}


def test_without_an_overlay_an_order_is_written_as_it_always_was(live):
    plain, laid = store_with(overlays())[0].interpret(made_order()), store_with(live)[0].interpret(made_order())
    assert msgspec.json.encode(plain) == msgspec.json.encode(laid)
    assert b"custom" not in msgspec.json.encode([plain.lines, plain.totals]).replace(b"custom_options", b"")


# --- Tryton

MASTERS = Masters(
    web_shop=1,
    warehouse=5,
    warehouse_code="EAST",
    payment_term=None,
    services={"SHIPPING": (21, 1), "ROUNDING": (22, 1), "ADJUSTMENT": (23, 1), "TAX": (24, 1)},
    taxes={"19": 1, "8.25": 2},
)
ITEMS = {"VALVE-050": Item(product=5, unit=1), "GASKET-10": Item(product=7, unit=1)}
TRYTON = connector()[0]._settings


def sale_of(order):
    return sale_values(
        order,
        parties=Parties(party=1, bill_to=2, ship_to=3, payment_term=None),
        currency=4,
        lines=sale_lines(order, ITEMS, MASTERS, TRYTON),
        masters=MASTERS,
        settings=TRYTON,
    )


def test_a_sale_and_its_lines_of_goods_get_fields_and_shipping_gets_none(live):
    order = tryton_order(KEY, ("VALVE-050", 3), ("GASKET-10", 1))
    in_force(
        live,
        ("erp", "outbound"),
        rule("order.shipping_date", "$substring(order.placed_at, 0, 10)", "date"),
        rule("line.engraving", "line.sku"),
    )
    plain = sale_of(order)
    values = tryton.overlaid(plain, order, live.lay_over(tryton.outbound("erp", TRYTON)))
    assert values["shipping_date"] == order.placed_at.date()
    rows = values["lines"][-1][1]
    assert [row.get("engraving") for row in rows if row["note"]] == ["VALVE-050", "GASKET-10"]
    assert [row for row in rows if not row["note"]] == [row for row in plain["lines"][-1][1] if not row["note"]]


# --- all of them


def surfaces():
    live = overlays()
    store_with(live)
    OverlaidS4(live)
    live.lay_over(tryton.outbound("tryton", TRYTON))
    return live.surfaces


SURFACES = surfaces()


@pytest.mark.parametrize("place", SURFACES, ids=".".join)
def test_every_target_takes_its_own_example(place):
    for target in SURFACES[place].targets:
        assert target.takes(target.example), target.name


@pytest.mark.parametrize("place", [place for place in SURFACES if place[1] == "outbound"], ids=".".join)
@given(number=st.integers(1, 4))
def test_nothing_a_connector_maps_itself_may_be_laid_over(place, number):
    surface = SURFACES[place]
    order = tryton_order(KEY, *[("VALVE-050", n + 1) for n in range(number)])
    money = order.totals.grand_total
    from millstream.domain.acknowledgement import Acknowledgement

    acknowledgement = Acknowledgement(
        erp_id="1",
        number="S1",
        state="open",
        warehouse=None,
        lines=(),
        ship_date=None,
        net=money,
        tax=money,
        gross=money,
    )
    sample = Sample(raw=None, order=order, acknowledgement=acknowledgement, customer_id="C-1")
    pieces = surface.pieces(sample)
    assert pieces
    for piece in pieces:
        target = surface.target(piece.target)
        assert [field for field in piece.mapped if target.takes(field)] == []


@given(st.decimals("0.01", "99999.99", places=2))
def test_an_exact_amount_stays_exact_on_its_way_to_sap(amount):
    from millstream.connectors.sap_s4hana.overlay import _value

    assert Decimal(_value(amount)) == amount
