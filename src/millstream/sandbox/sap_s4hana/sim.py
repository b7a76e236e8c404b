"""The control surface below `/_sim/`: the people of the plant, a look inside, trouble and its end."""

import json
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.sandbox.sap_s4hana import making, orders, pricing, promising, seed, shipping, sim_stock
from millstream.sandbox.sap_s4hana.problems import Problem, not_found
from millstream.sandbox.sap_s4hana.values import decimal

if TYPE_CHECKING:
    from millstream.sandbox.sap_s4hana.app import System

Row = dict[str, Any]
Act = Callable[[Request, Row], Any]
SUPERSEDED = "51"  # the reason by which a document is set aside for another one of the same order


def routes(system: "System") -> list[Route]:
    """`/_sim/faults` is answered by the fault middleware in front."""
    acts = {
        **_look(system),
        **_work(system),
        **_make(system),
        **sim_stock.acts(system.plant),
        **_change(system),
        **_trouble(system),
    }
    return [Route(f"/_sim/{path}", _door(act), methods=[method]) for (method, path), act in acts.items()]


def _door(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        body = await request.body()
        try:
            done, status = act(request, json.loads(body, parse_float=Decimal) if body else {}), 200
        except Problem as problem:
            done, status = {"code": problem.code, "message": problem.message}, problem.status
        return Response(json.dumps({} if done is None else done, default=str), status, media_type="application/json")

    return answer


def _look(system: "System") -> dict[tuple[str, str], Act]:
    def all_orders(request: Request, _plan: Row) -> Any:
        """Every sales order as people look at it; `?name=` narrows it to a number or a reference."""
        name = request.query_params.get("name")
        found = system.plant.orders_named(name) if name else list(system.plant.orders.values())
        return [_shown(system, order) for order in found]

    def all_deliveries(_request: Request, _plan: Row) -> Any:
        return list(system.plant.deliveries.values())

    def all_production(_request: Request, _plan: Row) -> Any:
        return list(system.plant.production.values())

    def health(_request: Request, _plan: Row) -> Any:
        plant = system.plant
        counts = {"orders": plant.orders, "deliveries": plant.deliveries, "production": plant.production}
        return {**{name: len(rows) for name, rows in counts.items()}, "asked": system.gateway.asked}

    return {
        ("GET", "orders"): all_orders,
        ("GET", "deliveries"): all_deliveries,
        ("GET", "production"): all_production,
        ("GET", "health"): health,
    }


def _shown(system: "System", order: Row) -> Row:
    """The order with its full key, its total and what became of it; `void` once another document took its place."""
    key = next((text["LongText"] for text in order["to_Text"]), "")
    reasons = {item["SalesDocumentRjcnReason"] for item in order["to_Item"]}
    rejected = "" not in reasons
    return {
        **order,
        "key_text": key,
        "void": reasons == {SUPERSEDED},
        "state": "cancelled"
        if rejected
        else {"A": "open", "B": "processing", "C": "done"}[order["OverallSDProcessStatus"]],
        "gross": format(pricing.gross(order), "f"),
        "deliveries": list(system.plant.deliveries_of.get(order["SalesOrder"], [])),
        "production": list(system.plant.production_of.get(order["SalesOrder"], [])),
    }


def _order(system: "System", name: str) -> Row:
    """The one living order of a name."""
    found = system.plant.orders_named(name)
    living = [one for one in found if one["OverallSDDocumentRejectionSts"] != "C" and not one["DeliveryBlockReason"]]
    if not (living or found):
        raise not_found(f"order {name}")
    return (living or found)[0]


def _work(system: "System") -> dict[tuple[str, str], Act]:
    plant = system.plant

    def deliver(_request: Request, plan: Row) -> Any:
        """`{"order": …, "quantities": {"10": 2}}`: a delivery that waits to be picked."""
        return shipping.deliver(plant, _order(system, str(plan["order"])), plan.get("quantities"))

    def pick(request: Request, _plan: Row) -> Any:
        return shipping.pick(plant, request.path_params["number"])

    def pack(request: Request, plan: Row) -> Any:
        """`{"tracking": …}`"""
        return shipping.pack(plant, request.path_params["number"], plan.get("tracking"))

    def label(request: Request, plan: Row) -> Any:
        """`{"tracking": ["1Z1", "1Z2"]}`"""
        return shipping.label(plant, request.path_params["number"], [str(one) for one in plan["tracking"]])

    def bill(request: Request, plan: Row) -> Any:
        """`{"number": "BOL-1"}`"""
        return shipping.bill(plant, request.path_params["number"], str(plan["number"]))

    def issue(request: Request, _plan: Row) -> Any:
        return shipping.issue(plant, request.path_params["number"])

    def ship(_request: Request, plan: Row) -> Any:
        """`{"order": …, "tracking": …, "quantities": …}`: the whole way out of the door."""
        delivery = shipping.deliver(plant, _order(system, str(plan["order"])), plan.get("quantities"))
        number = delivery["DeliveryDocument"]
        shipping.pick(plant, number)
        shipping.pack(plant, number, plan.get("tracking"))
        return shipping.issue(plant, number)

    return {
        ("POST", "deliveries"): deliver,
        ("POST", "deliveries/{number}/pick"): pick,
        ("POST", "deliveries/{number}/pack"): pack,
        ("POST", "deliveries/{number}/label"): label,
        ("POST", "deliveries/{number}/bill"): bill,
        ("POST", "deliveries/{number}/issue"): issue,
        ("POST", "ship"): ship,
    }


def _make(system: "System") -> dict[tuple[str, str], Act]:
    plant = system.plant

    def reschedule(request: Request, plan: Row) -> Any:
        """`{"day": "2026-12-24"}`"""
        return making.reschedule(plant, request.path_params["number"], date.fromisoformat(plan["day"]))

    def release(request: Request, _plan: Row) -> Any:
        return making.release(plant, request.path_params["number"])

    def confirm(request: Request, plan: Row) -> Any:
        return making.confirm(plant, request.path_params["number"], partially=bool(plan.get("partially")))

    def complete(request: Request, _plan: Row) -> Any:
        return making.complete(plant, request.path_params["number"])

    def planning(_request: Request, plan: Row) -> Any:
        """`{"automatic": false}` makes production orders wait for a run; `{"run": true}` is one."""
        plant.plans_by_itself = bool(plan.get("automatic", plant.plans_by_itself))
        if plan.get("run"):
            for order in plant.orders.values():
                making.plan(plant, order)

    return {
        ("POST", "production/{number}/reschedule"): reschedule,
        ("POST", "production/{number}/release"): release,
        ("POST", "production/{number}/confirm"): confirm,
        ("POST", "production/{number}/complete"): complete,
        ("POST", "planning"): planning,
    }


def _change(system: "System") -> dict[tuple[str, str], Act]:
    plant = system.plant

    def products(_request: Request, plan: Row) -> Any:
        """`{"VALVE-050": {"price": "91.00", "replenishment_days": null, "salable": false}}`; an unknown one is made."""
        for code, changes in plan.items():
            new = seed.product(code, code.title(), "stock", "0", seed.REPLENISHMENT_DAYS)
            known = plant.products.setdefault(code, new) | changes
            known["price"] = None if known["price"] is None else decimal(known["price"])
            plant.products[code] = known

    def tax(_request: Request, plan: Row) -> Any:
        """`{"DE": "19"}` percent by country of the ship-to party."""
        plant.tax_percent = {country: decimal(percent) for country, percent in plan.items()}

    def customers(_request: Request, plan: Row) -> Any:
        """`{"identification": "C-123", "customer": "10001001"}`, `{"customer": …, "limit": "1000", "blocked": true}`"""
        number = str(plan.get("customer", seed.WEB_CUSTOMER))
        if "identification" in plan:
            plant.identifications[seed.IDENTIFICATION_TYPE, plan["identification"]] = number
        if plan.get("limit") is not None:
            plan["limit"] = decimal(plan["limit"])
        plant.customers[number] |= {name: plan[name] for name in ("limit", "blocked") if name in plan}

    def order(request: Request, plan: Row) -> Any:
        return _shown(system, _clerk(system, _order(system, request.path_params["name"]), plan))

    return {
        ("POST", "products"): products,
        ("POST", "tax"): tax,
        ("POST", "customers"): customers,
        ("POST", "orders/{name}"): order,
    }


def _clerk(system: "System", order: Row, plan: Row) -> Row:
    """A clerk changes an order.

    `{"DeliveryBlockReason": "01"}`, `{"item": "10", "SalesDocumentRjcnReason": "61"}`, `{"credit": "D"}`,
    `{"check_again": true}` (the availability check).
    """
    if "item" in plan:
        orders.change_item(system.plant, order, str(plan.pop("item")), plan)
        return order
    changes = {name: value for name, value in plan.items() if name not in {"check_again", "credit"}}
    orders.change(system.plant, order, changes)  # first: it refuses while somebody has the document open
    if plan.get("check_again"):
        for item in order["to_Item"]:
            promising.confirm(system.plant, order, item)
    if "credit" in plan:
        order["TotalCreditCheckStatus"] = plan["credit"]
    orders.settle(system.plant, order)
    return order


def _trouble(system: "System") -> dict[tuple[str, str], Act]:
    def reset(_request: Request, _plan: Row) -> Any:
        system.reset()

    def outage(_request: Request, plan: Row) -> Any:
        """`{"on": true}`: every call is 503 until turned off."""
        system.down = bool(plan.get("on", True))
        return {"on": system.down}

    def throttle(_request: Request, plan: Row) -> Any:
        """`{"times": 1, "status": 429, "retry_after": "7"}`"""
        refusal = (int(plan.get("status", 429)), str(plan.get("retry_after", "7")))
        system.refusals += [refusal] * int(plan.get("times", 1))

    def sessions(_request: Request, plan: Row) -> Any:
        """Ends every session; with `{"tokens": true}` every bearer token too."""
        system.access.end_sessions()
        if plan.get("tokens"):
            system.access.revoke_tokens()

    def locks(_request: Request, plan: Row) -> Any:
        """`{"order": "1" or "*", "times": 1}`: somebody has the document open."""
        system.plant.locks[str(plan.get("order", "*"))] = int(plan.get("times", 1))

    return {
        ("POST", "reset"): reset,
        ("POST", "outage"): outage,
        ("POST", "throttle"): throttle,
        ("POST", "sessions"): sessions,
        ("POST", "locks"): locks,
    }
