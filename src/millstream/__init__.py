"""Millstream keeps an Adobe Commerce store, an ERP and a CRM in step, event by event."""

__version__ = "0.1.0"
