"""The people of the sandbox plant: a warehouse that picks, packs and ships, a planner who moves work orders, a buyer.

They work in the ERP as people would, so that what they do reaches the hub only through the ERP.
"""

import datetime as dt
from typing import Any, Final

from millstream.sandbox.tryton.rpc import Rpc

RELEASE_STEPS: Final = {"request": ("draft", "wait"), "draft": ("wait",), "waiting": (), "assigned": ()}
BACK_STEPS: Final = {"request": (), "draft": (), "waiting": ("draft",), "assigned": ("wait", "draft")}
SHIPMENT_BACK_STEPS: Final = {"draft": (), "waiting": ("draft",), "assigned": ("wait", "draft")}
MAKE_STEPS: Final = {
    "request": ("draft", "wait", "assign_try", "run", "do"),
    "draft": ("wait", "assign_try", "run", "do"),
    "waiting": ("assign_try", "run", "do"),
    "assigned": ("run", "do"),
    "running": ("do",),
}


class PlantError(RuntimeError):
    """What was asked cannot be done in the plant now; the message says why."""


def find_sale(rpc: Rpc, name: str) -> dict[str, Any]:
    """A sale by its number, its web id or the store's order number."""
    domain = ["OR", [["number", "=", name]], [["web_id", "=", name]], [["reference", "=", name]]]
    fields = (
        "number",
        "web_id",
        "reference",
        "state",
        "shipments.state",
        "shipments.number",
        "lines.productions.state",
    )
    found = rpc.find("sale.sale", [domain], fields)
    if not found:
        raise PlantError(f"the plant has no order {name}")
    sale: dict[str, Any] = found[0]
    return sale


class Warehouse:
    """Works on shipments. Every method takes a sale's number, web id or store order number."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def reserve(self, sale: str) -> None:
        """Tries to assign stock once more, for instance after a work order was finished."""
        for shipment in self._shipments(sale, "waiting"):
            self._press("assign_try", shipment)

    def pick(self, sale: str) -> None:
        """Picks every fully reserved shipment."""
        shipments = self._shipments(sale, "assigned")
        if not shipments:
            raise PlantError(f"order {sale} has no reserved shipment to pick")
        for shipment in shipments:
            self._press("pick", shipment)

    def pack(self, sale: str, tracking_number: str | None = None) -> None:
        """Packs every picked shipment into one carton, with a tracking number if there is one yet."""
        carton = self._rpc.find("stock.package.type", [["name", "=", "Carton"]])[0]
        for shipment in self._shipments(sale, "picked"):
            reference = f"stock.shipment.out,{shipment}"
            moves = self._rpc.find("stock.move", [["shipment", "=", reference], ["to_location.type", "=", "customer"]])
            values: dict[str, Any] = {"type": carton, "shipment": reference, "moves": [["add", moves]]}
            if tracking_number:
                values["shipping_reference"] = tracking_number
            self._rpc.create("stock.package", values)
            self._press("pack", shipment)

    def ship(self, sale: str) -> None:
        """Hands every packed shipment to the carrier."""
        for shipment in self._shipments(sale, "packed"):
            self._press("ship", shipment)

    def do(self, sale: str) -> None:
        """Marks every shipped shipment as done."""
        for shipment in self._shipments(sale, "shipped"):
            self._press("do", shipment)

    def deliver(self, sale: str, tracking_number: str) -> None:
        """Reserve, pick, pack, ship, done: the whole way out of the door."""
        self.reserve(sale)
        self.pick(sale)
        self.pack(sale, tracking_number)
        self.ship(sale)
        self.do(sale)

    def label(self, sale: str, tracking_number: str) -> None:
        """Enters the carrier's number on its one parcel, whether it has left or not."""
        shipments = [f"stock.shipment.out,{row['id']}" for row in find_sale(self._rpc, sale)["shipments."]]
        packages = self._rpc.find("stock.package", [["shipment", "in", shipments]])
        if len(packages) != 1:
            raise PlantError(f"order {sale} has {len(packages)} parcels, not one")
        self._rpc.write("stock.package", packages[0], {"shipping_reference": tracking_number})

    def hold_back(self, sale: str, sku: str, quantity: float) -> None:
        """Takes so much of an article out of its one open shipment: the ERP makes another for it when that has left."""
        (row,) = [row for row in find_sale(self._rpc, sale)["shipments."] if row["state"] in SHIPMENT_BACK_STEPS]
        for step in SHIPMENT_BACK_STEPS[row["state"]]:
            self._press(step, row["id"])
        ours = [["shipment", "=", f"stock.shipment.out,{row['id']}"], ["to_location.type", "=", "customer"]]
        moves = self._rpc.find("stock.move", [*ours, ["product.code", "=", sku]], ["quantity"])
        if len(moves) != 1:
            raise PlantError(f"order {sale} has {len(moves)} moves of {sku} to hold back from")
        self._rpc.write("stock.move", moves[0]["id"], {"quantity": float(moves[0]["quantity"]) - quantity})
        for step in ("wait", "assign_try"):
            self._press(step, row["id"])

    def cancel_rest(self, sale: str) -> None:
        """Cancels what has not been picked, and tells the sale not to wait for it."""
        for row in find_sale(self._rpc, sale)["shipments."]:
            if row["state"] in SHIPMENT_BACK_STEPS:
                self._press("cancel", row["id"])
        (found,) = self._rpc.find("sale.sale", [["number", "=", sale]], ["lines.moves.state"])
        moves = [one["id"] for line in found["lines."] for one in line["moves."] if one["state"] == "cancelled"]
        wizard = "wizard.sale.handle.shipment.exception"
        session, *_ = self._rpc.rpc(f"{wizard}.create")
        on_sale = {"active_model": "sale.sale", "active_id": found["id"], "active_ids": [found["id"]]}
        form = {"ask": {"domain_moves": moves, "ignore_moves": moves, "recreate_moves": []}}
        self._rpc.rpc(f"{wizard}.execute", session, form, "handle", **on_sale)

    def postpone(self, sale: str, day: dt.date) -> None:
        """Moves the day its open shipments are to leave, to a later or an earlier one."""
        for row in find_sale(self._rpc, sale)["shipments."]:
            back = SHIPMENT_BACK_STEPS.get(row["state"])
            if back is None:
                continue
            for step in back:  # the ERP lets the date change on draft shipments only
                self._press(step, row["id"])
            self._rpc.write("stock.shipment.out", row["id"], {"planned_date": day})
            self._press("wait", row["id"])
            self._press("assign_try", row["id"])

    def _shipments(self, sale: str, state: str) -> list[int]:
        return [row["id"] for row in find_sale(self._rpc, sale)["shipments."] if row["state"] == state]

    def _press(self, button: str, shipment: int) -> None:
        self._rpc.press(f"stock.shipment.out.{button}", shipment)


class Planner:
    """Works on work orders, by their id."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def work_orders(self, sale: str) -> list[int]:
        """Ids of the work orders made for a sale."""
        return [
            production["id"]
            for line in find_sale(self._rpc, sale)["lines."]
            for production in line["productions."]
            if production["state"] != "cancelled"
        ]

    def release(self, work_order: int) -> None:
        """Makes a requested work order a real one; only now does it get a number."""
        for step in RELEASE_STEPS[self._state(work_order)]:
            self._press(step, work_order)

    def reschedule(self, work_order: int, day: dt.date) -> None:
        """Moves the day a work order is to be finished; the start moves with it."""
        before = self._rpc.find(
            "production", [["id", "=", work_order]], ["state", "planned_date", "planned_start_date"]
        )
        row = before[0]
        if row["state"] not in BACK_STEPS:
            raise PlantError(f"work order {work_order} is {row['state']}: too late to move it")
        back = BACK_STEPS[row["state"]]
        for step in back:  # the ERP lets dates change on requested and draft work orders only
            self._press(step, work_order)
        values = {"planned_date": day}
        if row["planned_date"] and row["planned_start_date"]:
            values["planned_start_date"] = row["planned_start_date"] + (day - row["planned_date"])
        self._rpc.write("production", work_order, values)
        if back:
            self._press("wait", work_order)

    def start(self, work_order: int) -> None:
        """Takes a work order up to running."""
        for step in MAKE_STEPS[self._state(work_order)]:
            if step != "do":
                self._press(step, work_order)

    def make(self, work_order: int) -> None:
        """Takes a work order to its end; its goods are then set aside for the order that wants them."""
        for step in MAKE_STEPS.get(self._state(work_order), ()):
            self._press(step, work_order)

    def _state(self, work_order: int) -> str:
        return str(self._rpc.find("production", [["id", "=", work_order]], ["state"])[0]["state"])

    def _press(self, button: str, work_order: int) -> None:
        self._rpc.press(f"production.{button}", work_order)


class Buyer:
    """Buys what was sold to order, and hears from suppliers."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def buy(self, sale: str) -> None:
        """Orders everything a sale asks for from its suppliers, and confirms it."""
        asked = [["origin.number", "=", sale, "sale.sale"], ["state", "=", "draft"]]
        for request in self._rpc.find("purchase.request", asked):
            self._make_purchase(request)
            (row,) = self._rpc.find("purchase.request", [["id", "=", request]], ["purchase"])
            if row["purchase"] is None:
                raise PlantError(f"nobody supplies what order {sale} asks for")
            for step in ("quote", "confirm"):
                self._rpc.press(f"purchase.purchase.{step}", row["purchase"])

    def postpone(self, sale: str, day: dt.date) -> None:
        """The supplier names another day: what is on its way for a sale comes then."""
        coming = [["origin.requests.origin.number", "=", sale, "purchase.line", "sale.sale"], ["state", "=", "draft"]]
        moves = self._rpc.find("stock.move", coming)
        if not moves:
            raise PlantError(f"nothing is on its way for order {sale}")
        for move in moves:
            self._rpc.write("stock.move", move, {"planned_date": day})

    def _make_purchase(self, request: int) -> None:
        wizard = "wizard.purchase.request.create_purchase"
        session, *_ = self._rpc.rpc(f"{wizard}.create")
        on_request = {"active_model": "purchase.request", "active_id": request, "active_ids": [request]}
        self._rpc.rpc(f"{wizard}.execute", session, {}, "start", **on_request)
        self._rpc.rpc(f"{wizard}.delete", session)
