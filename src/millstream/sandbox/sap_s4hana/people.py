"""The people of the sandbox plant, over HTTP: a warehouse that picks, packs and ships, and a planner."""

import datetime as dt
import http.client
import json
import threading
from typing import Any
from urllib.parse import quote, urlsplit


class PlantError(RuntimeError):
    """What was asked cannot be done in the plant now; the message says why."""


class Plant:
    """The plant's own door. Calls from several threads take turns."""

    def __init__(self, base_url: str, *, timeout_s: float = 30.0) -> None:
        address = urlsplit(base_url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self._timeout_s = timeout_s
        self._turn = threading.Lock()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Raises PlantError with the plant's reason."""
        with self._turn:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
            try:
                content = None if body is None else json.dumps(body)
                connection.request(method, f"/_sim/{path}", content, {"content-type": "application/json"})
                answer = connection.getresponse()
                text = answer.read()
            finally:
                connection.close()
        if answer.status != 200:
            reason = json.loads(text).get("message") if text.startswith(b"{") else ""
            raise PlantError(reason or f"{method} {path}: {answer.status}")
        return json.loads(text)

    def sales(self) -> list[dict[str, Any]]:
        """Every order the store sent: web id, number, state, total; documents set aside for another are left out."""
        return [
            {
                "web_id": row["key_text"].partition(" ")[0],
                "number": row["SalesOrder"],
                "state": row["state"],
                "total_amount": row["gross"],
                "shipment_state": row["OverallTotalDeliveryStatus"],
            }
            for row in self.ask("GET", "orders")
            if not row["void"]
        ]

    def sale(self, name: str) -> dict[str, Any]:
        """One living order by its number, reference or key."""
        found = [row for row in self.ask("GET", f"orders?name={quote(name)}") if not row["void"]]
        found = found or [row for row in self.ask("GET", "orders") if row["key_text"].partition(" ")[0] == name]
        if not found:
            raise PlantError(f"the plant has no order {name}")
        sale: dict[str, Any] = found[0]
        return sale


class Warehouse:
    """Works on deliveries. Every method takes a sale's number or order key."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def reserve(self, sale: str) -> None:
        """Makes a delivery of everything that is confirmed and open."""
        self._plant.ask("POST", "deliveries", {"order": self._plant.sale(sale)["SalesOrder"]})

    def pick(self, sale: str) -> None:
        for number in self._deliveries(sale):
            self._plant.ask("POST", f"deliveries/{number}/pick")

    def pack(self, sale: str, tracking_number: str | None = None) -> None:
        for number in self._deliveries(sale):
            self._plant.ask("POST", f"deliveries/{number}/pack", {"tracking": tracking_number})

    def ship(self, sale: str) -> None:
        for number in self._deliveries(sale):
            self._plant.ask("POST", f"deliveries/{number}/issue")

    def deliver(self, sale: str, tracking_number: str) -> None:
        """Deliver, pick, pack, issue: the whole way out of the door."""
        number = self._plant.sale(sale)["SalesOrder"]
        self._plant.ask("POST", "ship", {"order": number, "tracking": tracking_number})

    def _deliveries(self, sale: str) -> list[str]:
        numbers: list[str] = self._plant.sale(sale)["deliveries"]
        return numbers


class Planner:
    """Works on production orders, by their number."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def work_orders(self, sale: str) -> list[str]:
        numbers: list[str] = self._plant.sale(sale)["production"]
        return numbers

    def planned_date(self, work_order: str) -> dt.date:
        """The day a work order is to be finished."""
        found = next(row for row in self._plant.ask("GET", "production") if row["ManufacturingOrder"] == work_order)
        return dt.date.fromisoformat(found["MfgOrderPlannedEndDate"])

    def release(self, work_order: str) -> None:
        self._plant.ask("POST", f"production/{work_order}/release")

    def reschedule(self, work_order: str, day: dt.date) -> None:
        self._plant.ask("POST", f"production/{work_order}/reschedule", {"day": day.isoformat()})

    def make(self, work_order: str) -> None:
        """Takes a work order to its end."""
        self._plant.ask("POST", f"production/{work_order}/confirm")
