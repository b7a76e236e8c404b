"""What the connection check finds: fields that no module brings, and a module that is one too many."""

import pytest

from fakes.recorded_tryton import FIELDS, RecordedTryton
from fakes.tap import RecordingTap
from fakes.tryton_answers import answer
from fakes.world import ManualWorld
from millstream.connectors.tryton import SPEC
from millstream.connectors.tryton.codec import decode_answer
from millstream.connectors.tryton.failures import failure_of_error
from millstream.connectors.tryton.fields import MODULES, NEEDS, look_up, module_of
from millstream.connectors.tryton.reading import ORDER_FIELDS
from millstream.domain.errors import Reject
from millstream.wire.kit import WireKit

SETTINGS = {
    "base_url": "http://erp.test:8000",
    "database": "mfg",
    "user": "hub",
    "password": "s3cret-Pass",
    "company": 1,
    "web_shop": "Shop",
    "warehouse": "EAST",
}


NAMES = frozenset(f"{model}.{name}" for model, name, _, _ in FIELDS)


@pytest.fixture
def tryton():
    return RecordedTryton()


def without(tryton, *absent):
    """Takes fields away, or models with all of theirs."""
    tryton.fields = [row for row in FIELDS if f"{row[0]}.{row[1]}" not in absent and row[0] not in absent]
    assert len(tryton.fields) < len(FIELDS)


def opened(tryton):
    kit = WireKit(transport=tryton, world=ManualWorld(), tap=RecordingTap())
    return SPEC.open("erp", SPEC.settings(**SETTINGS), kit)


async def checked(tryton):
    return {finding.what: finding for finding in await opened(tryton).check()}


async def test_a_complete_tryton_is_well(tryton):
    findings = await checked(tryton)
    assert len(findings) == 5
    assert [finding for finding in findings.values() if not finding.ok] == []


async def test_every_field_that_is_read_is_looked_up_on_the_way_to_it(tryton):
    found = await look_up(opened(tryton)._client)
    assert (found.present, found.missing) == (NAMES, frozenset())
    assert {
        "purchase.line.delivery_date",
        "production.planned_date",
        "stock.package.shipping_reference",
    } <= found.present
    assert {need.path for need in NEEDS if need.model == "sale.sale"} >= set(ORDER_FIELDS)


@pytest.mark.parametrize("name", sorted(NAMES))
async def test_a_field_that_no_module_brings_is_red_with_the_module_that_would(tryton, name):
    without(tryton, name)
    finding = (await checked(tryton))["read every field it needs"]
    assert not finding.ok
    assert finding.missing == (name,)
    assert f"{name} (module {module_of(name)})" in finding.detail
    assert finding.fix == f"activate in Tryton: {module_of(name)}"


async def test_without_production_every_field_of_it_is_named_and_module_beside_module(tryton):
    without(tryton, "production", "production.lead_time", "sale.line.productions")
    finding = (await checked(tryton))["read every field it needs"]
    assert {"production.write_date", "sale.line.productions"} <= set(finding.missing)
    assert finding.fix == "activate in Tryton: production, sale_supply_production"


async def test_drop_shipment_beside_production_is_red(tryton):
    tryton.fields = [*FIELDS, ["sale.sale", "drop_shipments", "many2many", "stock.shipment.drop"]]
    finding = (await checked(tryton))["ship what is made or bought for an order"]
    assert not finding.ok
    assert "sale_supply_drop_shipment" in finding.detail
    assert "deactivate sale_supply_drop_shipment" in finding.fix


def test_every_field_has_its_module_and_no_module_is_named_that_brings_nothing():
    models = {model for model, *_ in FIELDS}
    assert set(MODULES) <= NAMES | models
    assert [name for name in sorted(NAMES) if not module_of(name)] == []


@pytest.mark.parametrize(
    ("recorded", "name"),
    [
        ("90a_err_absent_field", "drop_shipments"),
        ("90b_err_absent_field_deep", "engraving"),
        ("90_err_unknown_model", "no.such"),
    ],
)
def test_a_name_tryton_does_not_know_is_a_matter_for_people_and_is_named(recorded, name):
    failure = failure_of_error(decode_answer(answer(recorded).body)["error"])
    assert isinstance(failure, Reject)
    assert failure.code == "erp.unknown_name"
    assert f"'{name}'" in failure.message
    assert "millstream doctor" in failure.message
