"""A Tryton that answers from recordings: one order, as a real server showed it, and the master records around it.

It has no effects to count; those are shown on the real server.
"""

import json
from datetime import date

from fakes.tryton_answers import RECORDINGS, answer
from millstream.wire.http import Request, Response

ORDER_KEY = "store-1-000000042"
PRODUCTS = {"SHIPPING": 21, "ROUNDING": 22, "ADJUSTMENT": 23, "VALVE-050": 5, "PUMP-CFG": 3, "SENSOR-P": 4}
FIELDS = json.loads((RECORDINGS / "fields.json").read_text())
BUTTONS = {
    "model.sale.sale.draft": ({"quotation", "confirmed", "cancelled"}, "draft"),
    "model.sale.sale.quote": ({"draft"}, "quotation"),
    "model.sale.sale.confirm": ({"quotation"}, "confirmed"),
    "model.sale.sale.cancel": ({"draft", "quotation"}, "cancelled"),
}
TOKEN = json.loads((RECORDINGS / "04_login_ok.json").read_text())["response"]["body"]["result"][1]


def _day(day: date) -> dict:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def _products(codes) -> list[dict]:
    unit = {"sale_uom": 1, "sale_uom.": {"id": 1, "digits": 0}}
    named = {"active": True, "salable": True, "type": "goods", "lead_time": None, "sale_price_uom": None, **unit}
    return [{"id": PRODUCTS[code], "code": code, "name": code.title(), **named} for code in codes if code in PRODUCTS]


RECORDS = {
    "common.server.version": "8.2",
    "model.web.shop.search_read": [{"id": 1, "name": "Shop"}],
    "model.stock.location.search_read": [{"id": 5, "code": "EAST"}],
    "model.account.tax.search_read": [{"id": 1, "name": "VAT 19 %"}],
    "model.account.fiscalyear.search_read": [
        {"id": 1, "start_date": _day(date(2026, 1, 1)), "end_date": _day(date(2027, 12, 31))}
    ],
    "model.country.country.search_read": [{"id": 61, "code": "US"}],
    "model.currency.currency.search_read": [{"id": 2, "code": "EUR"}],
    "model.party.party.search_read": [{"id": 9, "active": True, "replaced_by": None, "customer_payment_term": None}],
    "model.party.address.search_read": [],
}


def _totals(sale: dict) -> dict:
    """The recorded sale as it answers a question for its totals."""
    price = {"unit_price": {"__class__": "Decimal", "decimal": "12.5000"}}
    return sale | {
        "_timestamp": "1795423912.064795",
        "lines.": [line | {"product": line["product."]["id"]} | price for line in sale["lines."]],
    }


class RecordedTryton:
    """A transport. The order is there once it was created, and has been there from the start if `placed`.

    `fields` is what models have. `state` is the sale's when it differs from the recorded one; then buttons move it, as
    on a server that leaves processing to a worker.
    """

    def __init__(self, *, placed: bool = True) -> None:
        self.placed = placed
        self.fields = FIELDS
        self.state: str | None = None

    async def send(self, request: Request) -> Response:
        call = json.loads(request.body)
        method, params = call["method"], call["params"]
        if method == "common.db.login":
            right = params[0] == "hub" and params[1] == {"password": "s3cret-Pass"}
            return answer("04_login_ok" if right else "03_login_bad")
        if method == "model.sale.sale.search_read":
            return self._sales(params)
        if method == "model.sale.sale.create":
            self.placed = True
        if method == "model.ir.model.field.search_read":
            return self._result(self._definitions(*(wanted for _, _, wanted in params[0])))
        if self.state and method in BUTTONS:
            before, after = BUTTONS[method]
            self.state = after if self.state in before else self.state
            return self._result(None)
        made = method in {"model.sale.sale.create", "model.party.address.create"}
        value = [30 + n for n, _ in enumerate(params[0], 1)] if made else RECORDS.get(method)
        return self._result(_products(params[0][0][2]) if method == "model.product.product.search_read" else value)

    async def close(self) -> None:
        pass

    def _sales(self, params) -> Response:
        if not self.placed:
            return self._result([])
        if "shipments.delivery_address" in params[4]:
            here = [{"id": 1, "delivery_address": 77}]
            return self._result([{"id": 1, "party": 9, "shipment_address": 77, "shipments.": here}])
        if "lines.product" in params[4]:
            return self._result([_totals(json.loads(answer("order_processing").body)["result"][0])])
        if self.state:
            (sale,) = json.loads(answer("order_processing").body)["result"]
            return self._result([sale | {"state": self.state}])
        return answer("order_processing")

    def _definitions(self, models, names) -> list[dict]:
        """Of every field that a module brings: the others are left out."""
        return [
            {"id": n, "model": model, "name": name, "ttype": kind, "relation": relation}
            for n, (model, name, kind, relation) in enumerate(self.fields, 1)
            if model in models and name in names
        ]

    def _result(self, value) -> Response:
        body = json.dumps({"id": 1, "result": value}).encode()
        return Response(status=200, headers={"content-type": "application/json"}, body=body)
