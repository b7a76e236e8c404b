"""Salesforce: accounts, orders, lifetime value and a platform event per purchase."""

from millstream.connectors.salesforce.client import Salesforce
from millstream.connectors.salesforce.settings import Fields, SalesforceSettings
from millstream.ports.connector import Connector

__all__ = ["SPEC", "Fields", "Salesforce", "SalesforceSettings"]

SPEC = Connector(
    name="salesforce",
    kind="crm",
    title="Salesforce",
    settings=SalesforceSettings,
    open=Salesforce,
    capabilities=(
        "customers",
        "purchases",
        "lifetime value",
        "purchase events",
        "delivery progress",
        "refuses stale writes",
    ),
)
