"""SAP S/4HANA, spoken to over its OData V2 services."""

from millstream.connectors.sap_s4hana.erp import S4Hana
from millstream.connectors.sap_s4hana.settings import S4HanaSettings
from millstream.ports.connector import Connector

SPEC = Connector(
    name="sap_s4hana",
    kind="erp",
    title="SAP S/4HANA",
    settings=S4HanaSettings,
    open=S4Hana.open,
    capabilities=(
        "place orders once per key (held, looked up, then released)",
        "reserve stock (confirmed schedule lines)",
        "work orders and lead times",
        "reschedules by polling",
        "handling units with tracking numbers",
        "cancel before picking",
        "change the delivery address before a delivery exists",
        "any number of order writers",
        "refuses stale writes",
    ),
)
