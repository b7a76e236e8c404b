"""The demo: a real ERP, a sandbox store and CRM, the hub, and a batch of orders that travel before your eyes."""
