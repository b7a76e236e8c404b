"""A sale that an earlier attempt left behind goes on as it is only if it still says what the order says."""

from types import SimpleNamespace

import msgspec
import pytest

from fakes.real_tryton import address, order
from fakes.recorded_tryton import ORDER_KEY
from fakes.tryton_answers import rows
from millstream.connectors.tryton.orders import Orders
from millstream.connectors.tryton.wording import WORDING_FIELDS, Wording
from millstream.domain.errors import Retry

LINES = (("VALVE-050", 3), ("PUMP-CFG", 1), ("SENSOR-P", 2))
AUSTIN = {
    "party": 9, "party_name": "Jane Miller", "attn": None, "street": "100 Main St", "postal_code": "78701",
    "city": "Austin, TX", "country": 61,
}  # fmt: skip
WORDS = {
    "id": 1, "party.": {"code": "ACME"}, "description": f"store order {ORDER_KEY}", "comment": None,
    "invoice_address.": AUSTIN, "shipment_address.": AUSTIN,
}  # fmt: skip


class OneSale:
    """A server, and its master records, with one sale in these words."""

    system = "erp"

    def __init__(self, words):
        self.words = words

    async def search_read(self, model, domain, fields):
        assert (model, domain, fields) == ("sale.sale", [["id", "=", 1]], WORDING_FIELDS)
        return [self.words] if self.words else []

    async def countries(self, codes):
        assert codes == {"US"}
        return {"US": 61}


async def agrees(wanted=None, *, words=WORDS, customer_id="ACME"):
    server = OneSale(words)
    (sale,) = rows("order_processing")
    wanted = wanted or ordered()
    return await Wording(server, server).agrees({**sale, "id": 1}, wanted, customer_id=customer_id)


def ordered(*lines, **changed):
    return order(ORDER_KEY, *(lines or LINES), tax_percent="19", **changed)


def with_line(wanted, **changed):
    first, *others = wanted.lines
    return msgspec.structs.replace(wanted, lines=(msgspec.structs.replace(first, **changed), *others))


async def test_a_sale_in_the_orders_own_words_agrees_whatever_of_spaces_and_capitals():
    assert await agrees()
    there = {**AUSTIN, "street": "100  MAIN st", "attn": ""}
    assert await agrees(words={**WORDS, "shipment_address.": there, "comment": " "})


@pytest.mark.parametrize(
    "wanted",
    [
        ordered(("VALVE-050", 2), *LINES[1:]),
        ordered(*LINES, ("GASKET-10", 1)),
        ordered(*LINES[:2]),
        ordered(off="0.01"),
        ordered(currency="USD"),
        with_line(ordered(), sku="VALVE-050-RED"),
        with_line(ordered(), id="901"),
    ],
    ids=["quantity", "one line more", "one line less", "a cent", "currency", "article", "another line"],
)
async def test_other_goods_or_another_total_do_not_agree_and_no_more_is_asked(wanted):
    assert not await agrees(wanted, words=None)


async def test_the_catalogue_article_behind_options_is_the_one_that_was_ordered():
    assert await agrees(with_line(ordered(), sku="VALVE-050-RED", base_sku="VALVE-050"))


@pytest.mark.parametrize(
    "changed",
    [{"ship_to": address(city="Dallas")}, {"bill_to": address(city="Dallas"), "ship_to": address()},
     {"po_number": "PO-7"}, {"note": "Ring twice"}],
    ids=["ship-to", "bill-to", "their number", "note"],
)  # fmt: skip
async def test_another_address_number_or_note_does_not_agree(changed):
    assert not await agrees(ordered(**changed))


async def test_another_customer_does_not_agree():
    assert not await agrees(customer_id="GLOBE")
    assert not await agrees(words={**WORDS, "party.": None})
    assert not await agrees(words={**WORDS, "shipment_address.": None})


async def test_what_people_added_to_the_note_is_theirs():
    words = {**WORDS, "comment": "Ring twice\nThey pay on Friday"}
    assert await agrees(ordered(note="Ring twice"), words=words)


async def test_goods_that_ship_to_the_bill_to_address_agree_with_it():
    assert await agrees(ordered(ship_to=None))


async def test_a_sale_that_was_deleted_meanwhile_is_looked_for_again():
    with pytest.raises(Retry):
        await agrees(words=None)


@pytest.mark.parametrize(
    ("version", "state", "stays"),
    [("", "draft", True), ("", "quotation", True), ("3", "draft", False), ("3", "quotation", True)],
)
async def test_custom_fields_are_written_anew_to_a_draft_and_a_mended_quotation_stays(version, state, stays):
    server = OneSale(WORDS)
    desk = Orders(server, server, SimpleNamespace(), SimpleNamespace(version=version), clock=None)
    (sale,) = rows("order_processing")
    sale = {**sale, "id": 1, "state": state}
    assert await desk._is_as_ordered(sale, ordered(), customer_id="ACME") is stays
