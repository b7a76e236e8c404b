"""A Salesforce org that runs in one process: the REST shapes, rules and failures a client meets."""

from millstream.sandbox.salesforce.app import CLIENT_ID, CLIENT_SECRET, create_app

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "create_app"]
