"""One thing, many names: which external id in which system is which hub id."""

import msgspec


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """`(kind, system, external_id)` names `hub_id`.

    Unique both ways: one hub id per external id, one external id per system and hub id. The exception is "login":
    a firm's several buyers, and its orders as a guest, all lead to the one customer.
    """

    kind: str  # "customer" | "order" | "login"
    system: str  # the connection's name
    external_id: str
    hub_id: str


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """A number somebody may ask for an order by. Not unique: an e-mail or a PO number finds many orders."""

    order_key: str
    kind: str  # "store" | "store_id" | "erp" | "erp_id" | "po" | "tracking" | "shipment" | "work_order" | "email"
    value: str
