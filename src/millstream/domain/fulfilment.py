"""Packed, shipped, delivered."""

from datetime import date, datetime

import msgspec

from millstream.domain.values import Quantity


class ShipmentLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one shipment carries of one order line. `line_id` is the store's item id of that line."""

    line_id: str
    sku: str
    quantity: Quantity


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One package with its tracking number, if it has one yet."""

    tracking_number: str | None
    carrier_code: str = "custom"
    carrier_title: str = "Carrier"
    url: str | None = None


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """One shipment of one order, as the ERP knows it."""

    erp_id: str
    number: str
    order_key: str
    state: str  # "planned" | "reserved" | "picked" | "packed" | "shipped" | "cancelled"
    warehouse: str | None
    lines: tuple[ShipmentLine, ...]
    parcels: tuple[Parcel, ...] = ()
    planned_on: date | None = None
    shipped_on: date | None = None


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """A carrier's word that a parcel arrived. Any one of the numbers is enough to find the order."""

    delivered_at: datetime
    order_number: str | None = None
    shipment_number: str | None = None
    tracking_number: str | None = None
    received_by: str | None = None
