"""Tryton, spoken to over its JSON-RPC interface."""

from millstream.connectors.tryton.erp import Tryton
from millstream.connectors.tryton.settings import TrytonSettings
from millstream.ports.connector import Connector

SPEC = Connector(
    name="tryton",
    kind="erp",
    title="Tryton 8",
    settings=TrytonSettings,
    open=Tryton.open,
    capabilities=(
        "place orders once per key (web shop and web id)",
        "reserve stock",
        "work orders and lead times",
        "reschedules by polling",
        "packages with tracking numbers",
        "cancel before picking",
        "change the delivery address before picking",
        "one order writer at a time",
        "refuses stale writes",
    ),
)
