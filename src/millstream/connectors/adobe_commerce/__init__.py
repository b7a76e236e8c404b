"""Adobe Commerce (PaaS and as a Cloud Service) and Magento Open Source, 2.4.4 and newer."""

from millstream.connectors.adobe_commerce.settings import AdobeCommerceSettings
from millstream.connectors.adobe_commerce.store import AdobeCommerce, open_store
from millstream.ports.connector import Connector

SPEC = Connector(
    name="adobe_commerce",
    kind="commerce",
    title="Adobe Commerce / Magento Open Source",
    settings=AdobeCommerceSettings,
    open=open_store,
    capabilities=(
        "orders by polling",
        "order numbers and statuses",
        "customer comments",
        "shipments with source and tracks",
        "hold and release",
        "cancel",
    ),
)

__all__ = ["SPEC", "AdobeCommerce", "AdobeCommerceSettings", "open_store"]
