"""A sandbox Adobe Commerce (Magento 2.4.7) that answers on the wire as the real one does."""

from millstream.sandbox.adobe_commerce.app import AdobeCommerce, create_app

__all__ = ["AdobeCommerce", "create_app"]
