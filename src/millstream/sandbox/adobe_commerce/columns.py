"""The columns that a search may name, per table. An order search with any other name is answered with 500."""

_TOTALS = """
adjustment_negative adjustment_positive discount_amount discount_canceled discount_invoiced discount_refunded
discount_tax_compensation_amount discount_tax_compensation_invoiced discount_tax_compensation_refunded grand_total
shipping_amount shipping_canceled shipping_discount_amount shipping_discount_tax_compensation_amount shipping_incl_tax
shipping_invoiced shipping_refunded shipping_tax_amount shipping_tax_refunded subtotal subtotal_canceled
subtotal_incl_tax subtotal_invoiced subtotal_refunded tax_amount tax_canceled tax_invoiced tax_refunded total_canceled
total_due total_invoiced total_offline_refunded total_online_refunded total_paid total_qty_ordered total_refunded
"""
_ORDER = """
entity_id increment_id quote_id store_id store_name ext_order_id ext_customer_id protect_code edit_increment
original_increment_id relation_parent_id relation_parent_real_id relation_child_id relation_child_real_id state status
hold_before_state hold_before_status is_virtual can_ship_partially can_ship_partially_item email_sent created_at
updated_at customer_id customer_is_guest customer_email customer_firstname customer_middlename customer_lastname
customer_prefix customer_suffix customer_dob customer_gender customer_group_id customer_taxvat customer_note
customer_note_notify remote_ip x_forwarded_for base_currency_code order_currency_code store_currency_code
global_currency_code base_to_global_rate base_to_order_rate store_to_base_rate store_to_order_rate total_item_count
weight coupon_code discount_description applied_rule_ids shipping_description billing_address_id gift_message_id
forced_shipment_with_invoice payment_auth_expiration quote_address_id base_shipping_discount_tax_compensation_amnt
"""
_ORDER_ITEM = """
item_id order_id parent_item_id quote_item_id store_id created_at updated_at product_id product_type sku name is_virtual
qty_ordered qty_canceled qty_invoiced qty_refunded qty_shipped price base_price row_total weight
"""
_SHIPMENT = """
entity_id increment_id order_id store_id customer_id total_qty total_weight email_sent shipment_status created_at
updated_at billing_address_id shipping_address_id
"""
_INVOICE = """
entity_id increment_id order_id store_id state grand_total base_grand_total subtotal created_at updated_at email_sent
billing_address_id shipping_address_id transaction_id
"""
_PRODUCT = """
entity_id sku name price status visibility type_id attribute_set_id created_at updated_at weight cost category_id
website_id url_key tax_class_id special_price
"""
_CUSTOMER = """
entity_id email firstname lastname group_id store_id website_id created_at updated_at dob gender taxvat
"""
_ADDRESS = """
city company country_id customer_address_id email firstname lastname postcode region region_code region_id street
telephone vat_id
"""
_INVOICE_HEADER = """
base_currency_code base_to_global_rate base_to_order_rate billing_address_id global_currency_code order_currency_code
store_currency_code store_id store_to_base_rate store_to_order_rate discount_description
"""
_MODULES = """
Magento_Store Magento_Directory Magento_Backend Magento_Eav Magento_Customer Magento_Catalog Magento_Payment
Magento_Quote Magento_Sales Magento_Bundle Magento_ConfigurableProduct Magento_Shipping Magento_Integration
Magento_Webapi Magento_InventoryApi Magento_Inventory Magento_InventorySales Magento_InventoryShipping
"""
_SAAS_MODULES = """
Magento_AdobeCommerceEventsClient Magento_AdobeCommerceWebhooks Magento_OutOfProcessCustomAttributes
"""

_totals = _TOTALS.split()
ORDER = frozenset([*_ORDER.split(), *_totals, *(f"base_{name}" for name in _totals)])
ORDER_ITEM = frozenset(_ORDER_ITEM.split())
SHIPMENT = frozenset(_SHIPMENT.split())
INVOICE = frozenset(_INVOICE.split())
PRODUCT = frozenset(_PRODUCT.split())
CUSTOMER = frozenset(_CUSTOMER.split())
ADDRESS = _ADDRESS.split()
INVOICE_HEADER = _INVOICE_HEADER.split()
MODULES = _MODULES.split()
SAAS_MODULES = _SAAS_MODULES.split()
