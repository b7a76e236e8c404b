"""The rig that starts the real ERP."""

import sqlite3

import pytest

from fakes import real_tryton
from millstream.sandbox.tryton.rpc import RpcError
from millstream.sandbox.tryton.seed import years
from millstream.sandbox.tryton.server import DATABASE, TrytonServer, free_port

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_a_server_left_behind_by_an_earlier_run_is_ended_by_the_next(tmp_path):
    said = []
    first = TrytonServer(real_tryton.FOLDER, port=free_port(), data=tmp_path, say=said.append)
    first.start()
    later = TrytonServer(real_tryton.FOLDER, port=first.port, data=tmp_path, say=said.append)
    later.stop()
    assert first._process.wait(30) is not None
    assert not (tmp_path / "pid").exists()


def test_data_survives_a_restart_and_not_a_fresh_start(tmp_path):
    said = []
    server = TrytonServer(real_tryton.FOLDER, port=free_port(), data=tmp_path, say=said.append)
    server.start()
    try:
        rpc = server.admin()
        rpc.create("party.party", {"name": "Kept", "code": "KEPT"})
        server.restart()
        assert len(rpc.find("party.party", [["code", "=", "KEPT"]])) == 1
        server.stop()
        server.start(fresh=True)
        assert server.admin().find("party.party", [["code", "=", "KEPT"]]) == []
        rpc.close()
    finally:
        server.stop()
    assert said == [] or "Tryton" in said[0]


def test_the_seed_invoices_this_year_and_next_and_can_run_again(tryton):
    admin = tryton.admin()
    names = {row["name"] for row in admin.find("account.fiscalyear", [], ["name"])}
    assert names == {f"FY{year}" for year in years()}
    assert {row["code"] for row in admin.find("currency.currency", [], ["code"])} == {"EUR", "USD"}
    admin.close()


def test_a_refusal_of_the_erp_is_told_with_its_kind_and_text(people):
    with pytest.raises(RpcError) as refused:
        people.call("sale.sale.read", [999999], ["number"])
    assert refused.value.kind == "UserError"


def test_the_template_is_a_complete_database_of_its_own(tryton):
    template = real_tryton.FOLDER / "template" / "db" / f"{DATABASE}.sqlite"
    with sqlite3.connect(template) as copy:
        assert copy.execute("select count(*) from sale_sale").fetchone() == (0,)
        assert copy.execute("select count(*) from product_product").fetchone()[0] > 20
    copy.close()
    assert tryton.seeded["web_shop"] > 0
