"""An SAP S/4HANA system that runs in one process: the OData V2 services, rules and failures a client meets."""

from millstream.sandbox.sap_s4hana.access import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER
from millstream.sandbox.sap_s4hana.app import create_app

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "PASSWORD", "USER", "create_app"]
