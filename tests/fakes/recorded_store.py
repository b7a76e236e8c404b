"""The sandbox store, filled as the real store was when it was recorded: the same orders under the same numbers."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fakes.transport import AsgiTransport
from millstream.sandbox.adobe_commerce import create_app
from millstream.sandbox.adobe_commerce.access import default_integration
from millstream.sandbox.adobe_commerce.oauth import Integration, sign, verify
from millstream.wire.http import Request

RECORDINGS = Path(__file__).parent.parent / "recordings" / "magento"
RECORDED_AT = datetime(2026, 11, 23, 8, 50, tzinfo=UTC)
HOST = "http://shop:8081"
EAST = {"extension_attributes": {"source_code": "wh_east"}}
UPS = [{"track_number": "1Z1", "title": "United Parcel Service", "carrier_code": "ups"}]
LIMITED = Integration(
    number=2,
    consumer_key="limitedconsumerkey00000000000002",
    consumer_secret="limitedsecret",
    token="limitedtoken00000000000000000002",
    token_secret="limitedtokensecret",
    resources=frozenset(["Magento_Sales::actions_view"]),
    bearer=True,
)
REVOKED = Integration(
    number=3,
    consumer_key="revokedconsumerkey00000000000003",
    consumer_secret="revokedsecret",
    token="revokedtoken00000000000000000003",
    token_secret="revokedtokensecret",
    revoked=True,
)
MUG_OPTIONS = [
    {"option_id": 1, "title": "Engraving text", "type": "field", "is_require": True, "price": 3, "sku": "ENGR"}
    | {"max_characters": 30},
    {"option_id": 2, "title": "Gift wrap", "type": "drop_down", "is_require": False}
    | {"values": [{"option_type_id": 2, "title": "Gold", "price": 2.5, "sku": "WRAP-G"}]},
]
TIER = {"customer_group_id": 32000, "qty": 3, "value": 19, "extension_attributes": {"website_id": 0}}
OPTION = {"id": 1, "attribute_id": "93", "label": "Color", "position": 0, "values": [{"value_index": 11}]}
TEE_CHOICES = {"configurable_product_options": [{**OPTION, "product_id": 12}], "configurable_product_links": [6, 7]}
PRODUCTS = [
    {
        "sku": "SIMPLE-1",
        "name": "Simple One renamed",
        "price": "20.5",
        "type_id": "simple",
        "weight": 1.5,
        "cost": "9.5",
    }
    | {"attributes": {"erp_item_no": "ERP-1001"}, "tier_prices": [TIER], "updated_at": "2026-11-23 08:32:28"},
    {"sku": "SIMPLE-2", "name": "Simple Two", "price": "5.5", "type_id": "simple", "weight": 1.5},
    {"sku": "SIMPLE 3/A+B", "name": "Sku with space slash plus", "price": "7.25", "type_id": "simple", "weight": 1.5},
    {"sku": "SIMPLE-4-ÜML", "name": "Umläut Ware", "price": "8", "type_id": "simple", "weight": 1.5},
    {"sku": "VIRT-1", "name": "Extended Warranty", "price": "30", "type_id": "virtual"},
    {"sku": "TEE", "name": "Tee Shirt", "price": "25", "type_id": "configurable", "weight": 1.5}
    | {"extension": TEE_CHOICES},
    {"sku": "TEE-RED-S", "name": "Tee Red S", "price": "25", "type_id": "simple", "weight": 1.5, "parent": "TEE"}
    | {"choices": {"93": 10, "139": 7}},
    {"sku": "MUG-ENGRAVE", "name": "Engraved Mug", "price": "12", "type_id": "simple", "weight": 1.5}
    | {"options": MUG_OPTIONS},
    {"sku": "BUNDLE-1", "name": "Starter Bundle", "price": "0", "type_id": "bundle", "weight": 1.5}
    | {"bundle": [["SIMPLE-1", 1]]},
]
ELM = {"street": ["5 Elm St"], "city": "Los Angeles", "postcode": "90001", "country_id": "US", "telephone": "555-0199"}
ELM |= {"region": "California", "region_code": "CA", "region_id": 12}
GUEST = {"guest": {"email": "gina@example.com", "firstname": "Gina", "lastname": "Guest"}, "address": ELM}
ADDRESS = {name: value for name, value in ELM.items() if name != "region_code"}
ADDRESS |= {"customer_id": 1}
ADDRESS |= {"region": {"region": "California", "region_code": "CA", "region_id": 12}}
ADDRESS |= {"default_shipping": True, "default_billing": True}
ACCOUNT = {"group_id": 1, "created_at": "2026-11-23 08:33:56", "updated_at": "2026-11-23 08:33:57", "store_id": 1}
ACCOUNT |= {"created_in": "Default Store View", "default_billing": "1", "default_shipping": "1", "website_id": 1}
ACCOUNT |= {"disable_auto_group_change": 0, "extension_attributes": {"is_subscribed": False}}
ACCOUNT |= {"custom_attributes": [{"attribute_code": "erp_customer_no", "value": "C-1001"}]}
JANE = ACCOUNT | {"id": 1, "email": "jane@example.com", "firstname": "Jane", "lastname": "Smith", "gender": 2}
JANE_HOME = {**ADDRESS, "id": 3, "street": ["1 Main St", "Apt 2"], "firstname": "Jane", "lastname": "Doe"}
JANE |= {"dob": "1990-02-03", "addresses": [JANE_HOME]}
BOB_HOME = {**ADDRESS, "id": 4, "company": "Bob GmbH", "vat_id": "DE1", "firstname": "Bob", "lastname": "O"}
BOB = ACCOUNT | {"id": 2, "email": "bob@example.com", "firstname": "Bob", "lastname": "ONeil", "addresses": [BOB_HOME]}
MUG = {"sku": "MUG-ENGRAVE", "qty": 1, "options": {"1": "Für Oma – 80!", "2": "2"}}
BOX = [{"sku": "SIMPLE-1", "qty": 3, "price": "19"}, {"sku": "SIMPLE-2", "qty": 2}]
ONE = [{"sku": "SIMPLE-1", "qty": 1}]


def _lines(*skus):
    return [{"sku": sku, "qty": 1} for sku in skus]


ORDERS = [
    GUEST | {"lines": [{"sku": "SIMPLE-1", "qty": 2}, {"sku": "SIMPLE-2", "qty": 1}]},
    GUEST | {"lines": _lines("VIRT-1")},
    {"customer": 1, "coupon": "SAVE10", "lines": [{"sku": "TEE-RED-S", "qty": 2}, MUG]},
    {
        "customer": 2,
        "po_number": "PO-77-2026",
        "address": {"customer_address_id": None},
        "tax_percent": 19,
        "shipping": {"amount": 20},
        "lines": [{"sku": "SIMPLE-4-ÜML", "qty": 3}, {"sku": "SIMPLE 3/A+B", "qty": 1}],
    },
    {"customer": 2, "lines": _lines("TEE-RED-S", "SIMPLE-1", "SIMPLE-2", "SIMPLE-4-ÜML")},
    GUEST | {"lines": _lines("BUNDLE-1")},
    *[GUEST | {"lines": BOX, "shipping": {"amount": 25}}] * 4,
    GUEST | {"lines": BOX, "payment": "banktransfer"},
    GUEST | {"lines": ONE, "store_id": 2},
    *[GUEST | {"lines": ONE}] * 7,
    GUEST | {"lines": [{"sku": "MUG-ENGRAVE", "qty": 2, "options": {"1": "Line1"}}]},
    GUEST | {"lines": ONE},
    GUEST | {"lines": [{"sku": "SIMPLE-2", "qty": 4}]},
]


def post(path, body=None):
    return ("POST", f"/rest/V1/{path}", body)


def ship(order, items=None, **more):
    return post(
        f"order/{order}/ship", {"arguments": EAST, "tracks": UPS, **({"items": items} if items else {}), **more}
    )


def item(number, quantity):
    return {"order_item_id": number, "qty": quantity}


def comment(order, text, **more):
    flags = {"is_customer_notified": 0, "is_visible_on_front": 0}
    return post(f"orders/{order}/comments", {"statusHistory": {"comment": text, **flags, **more}})


def processing(order):
    return post("orders", {"entity": {"entity_id": order, "status": "processing", "state": "processing"}})


NOTED = {"notify": True, "appendComment": True, "comment": {"comment": "First box", "is_visible_on_front": 1}}
COMPLETE_7 = [post("order/7/invoice"), ship(7)]
SEVEN_SHIPMENTS = [ship(1), ship(4), ship(5), ship(7), ship(8), ship(3, [item(4, 1)]), ship(6)]
COMMENTS_1 = [
    comment(1, "Exported to ERP"),
    comment(1, "Your order is being packed", is_customer_notified=1, is_visible_on_front=1),
    comment(1, "no status given"),
    post("orders/1/comments", {"statusHistory": {"is_customer_notified": 0, "is_visible_on_front": 0}}),
]
PROCESSING_14 = [processing(14)]
HELD_9 = [post("orders/9/hold")]
CANCELED_8 = [post("orders/8/cancel")]
PART_REFUND = {"shipping_amount": 5, "adjustment_positive": 1.0, "adjustment_negative": 0.5}
DAMAGED = {"notify": True, "appendComment": True, "comment": {"comment": "1 damaged", "is_visible_on_front": 1}}
FIRST_REFUND_10 = [
    post("order/10/invoice"),
    post("order/10/refund", {"items": [item(22, 1)], "arguments": PART_REFUND, **DAMAGED}),
]
CREDIT_NOTED = {"comment": "ERP CN-1", "is_customer_notified": 0, "is_visible_on_front": 0, "parent_id": 1}
REFUNDS_10 = [
    *FIRST_REFUND_10,
    post("creditmemo/1/comments", {"entity": CREDIT_NOTED}),
    post("order/10/refund", {"arguments": {"adjustment_negative": 0.5}}),
]
REFUND_13 = [post("order/13/invoice"), post("order/13/refund", {"notify": False})]
TEE_REFUND = [
    post("order/5/invoice"),
    post("order/5/refund", {"items": [item(9, 1)], "arguments": {"shipping_amount": 0}}),
]
STOCK_ROWS = [("SIMPLE-1", source) for source in ("default", "wh_east", "wh_west")]
STOCK_ROWS += [("SIMPLE-2", source) for source in ("default", "wh_east", "wh_west")]
STOCK_ROWS += [("NO-SUCH-SKU", "wh_east"), *((f"TEE-{number}", "wh_east") for number in range(7))]
SOLD_OUT = ("SIMPLE-2", "wh_west")


def stock(sku, source, quantity, status=1):
    row = {"sku": sku, "source_code": source, "quantity": quantity, "status": status}
    return post("inventory/source-items", {"sourceItems": [row]})


STOCKED = [stock(*row, 60) if row != SOLD_OUT else stock(*row, 0, 0) for row in STOCK_ROWS]


# What had happened to the store before the recorded request was made; a name that is missing needs nothing.
BEFORE = {
    "inventory-source-items-after-failed-batch": STOCKED,
    "inventory-source-items-after-post-without-status": STOCKED,
    "inventory-source-items-after-shipment": [*STOCKED, ship(7)],
    "inventory-source-items-search-by-source-paged": STOCKED,
    "inventory-source-items-search-in": STOCKED,
    "inventory-source-items-search-unknown-sku": STOCKED,
    "inventory-source-items-unchanged-before-shipment": STOCKED,
    "creditmemo-comment-add": FIRST_REFUND_10,
    "creditmemo-get": FIRST_REFUND_10,
    "creditmemo-refund-configurable-parent-item": [post("order/5/invoice")],
    "creditmemo-refund-full-before-ship": [post("order/13/invoice")],
    "creditmemo-refund-order-partial-with-adjustments": [post("order/10/invoice")],
    "creditmemo-refund-rest-with-adjustment-negative": FIRST_REFUND_10,
    "creditmemos-search-by-order": FIRST_REFUND_10,
    "creditmemos-search-by-order-two": REFUNDS_10,
    "creditmemos-search-configurable": TEE_REFUND,
    "creditmemos-search-latest": FIRST_REFUND_10,
    "error-refund-adjustment-too-big": FIRST_REFUND_10,
    "error-refund-invoice-offline-method": [post(f"order/{number}/invoice") for number in (7, 8, 9, 1, 2, 10)],
    "error-refund-invoice-online-offline-method": [post(f"order/{number}/invoice") for number in (7, 8, 9, 1, 2, 10)],
    "error-refund-nothing-left": REFUNDS_10,
    "error-refund-rest-exceeds-after-adjustment": FIRST_REFUND_10,
    "error-refund-too-much-shipping": FIRST_REFUND_10,
    "error-ship-closed-order": REFUND_13,
    "order-get-after-status-update": [processing(13)],
    "order-get-after-status-update-without-increment-id": [processing(14)],
    "order-get-closed-after-full-refund": REFUND_13,
    "order-get-refunded-closed": REFUNDS_10,
    "error-invoice-canceled-order": CANCELED_8,
    "error-invoice-nothing-left": [post("order/7/invoice")],
    "error-invoice-order-on-hold": HELD_9,
    "error-order-hold-complete": COMPLETE_7,
    "error-order-hold-twice": HELD_9,
    "error-ship-already-fully-shipped": [ship(1)],
    "error-ship-canceled-order": CANCELED_8,
    "error-ship-nothing-left-complete-order": COMPLETE_7,
    "invoice-get": [post(f"order/{number}/invoice") for number in (7, 8, 9, 10, 2)],
    "invoice-rest-capture": [post("order/7/invoice", {"items": [item(16, 2)]})],
    "invoices-after-three-simultaneous-invoice-calls": [post("order/16/invoice")],
    "invoices-search-by-order": [
        post("order/7/invoice", {"items": [item(16, 2)], **NOTED}),
        post("order/7/invoice"),
    ],
    "invoices-search-discounted-order": [post("order/3/invoice", {"items": [item(4, 1)]})],
    "invoices-search-paid": [
        *[post(f"order/{number}/invoice") for number in (7, 8, 9)],
        post("order/3/invoice", {"items": [item(4, 1)]}),
        post("order/2/invoice"),
    ],
    "order-cancel-complete-order-returns-false": COMPLETE_7,
    "order-cancel-invoiced-returns-false": [post("order/13/invoice")],
    "order-cancel-shipped-not-invoiced": [ship(11)],
    "order-comments-html-emoji-long": [*PROCESSING_14, comment(14, "<b>bold</b> 😀"), comment(14, "x" * 70_000)],
    "order-get-after-ext-order-id": [
        post("orders", {"entity": {"entity_id": 16, "ext_order_id": "SO-9001", "ext_customer_id": "C-77"}})
    ],
    "order-get-after-ship-parent-item": [ship(3, [item(4, 1)])],
    "order-get-complete": COMPLETE_7,
    "order-get-fields-empty": [*COMMENTS_1, post("order/1/invoice"), ship(1)],
    "order-get-fully-shipped-not-invoiced-processing": [ship(11)],
    "order-get-holded": HELD_9,
    "order-get-partially-shipped-not-invoiced": [ship(7, [item(16, 1)])],
    "order-get-shipped-invoiced-not-captured": [*COMMENTS_1, post("order/1/invoice"), ship(1)],
    "order-get-virtual-complete": [post("order/2/invoice")],
    "order-item-get": [post("orders/22/cancel")],
    "order-status-after-cancel-of-shipped": [ship(11), post("orders/11/cancel")],
    "order-status-after-comments": COMMENTS_1,
    "order-unhold": HELD_9,
    "order-comment-html-emoji": PROCESSING_14,
    "auth-oauth1-natural-sorted-params-eleven-filter-groups": [post(f"orders/{number}/cancel") for number in (1, 2, 3)],
    "orders-search-ext-order-id": [post("orders", {"entity": {"entity_id": 16, "ext_order_id": "SO-9001"}})],
    "quirk-order-cancel-on-hold": HELD_9,
    "quirk-order-cancel-twice": CANCELED_8,
    "shipment-comments-list": [
        *SEVEN_SHIPMENTS,
        post("shipment/7/comments", {"entity": {"parent_id": 7, "comment": "left warehouse"}}),
    ],
    "shipment-get": SEVEN_SHIPMENTS,
    "shipment-send-email": SEVEN_SHIPMENTS,
    "shipments-after-three-simultaneous-ship-calls": [ship(18)],
    "shipments-search-after-odd-requests": [ship(9, [item(20, 0.5), item(21, 1)])],
    "shipments-search-by-order": [ship(7, [item(16, 1)], **NOTED), ship(7, [item(16, 2)])],
    "shipments-search-created-at": SEVEN_SHIPMENTS,
}


class RecordedStore:
    """The sandbox behind the transport that the product's clients use."""

    def __init__(self, **options) -> None:
        async def nobody(url, headers, body):
            return 200

        options.setdefault("now", lambda: RECORDED_AT)
        others = [replace(one, nonces=set()) for one in (LIMITED, REVOKED)]
        self.app = create_app(post=nobody, integrations=[default_integration(), *others], **options)
        self.app.shop.products.clear()
        self.owner = self.app.access.integrations[0]
        self.transport = AsgiTransport(shop=self.app)

    async def fill(self, orders=None) -> "RecordedStore":
        for number, code in ((3, "de"), (4, "wholesale_en")):
            await self.call("POST", "/_sim/stores", {"id": number, "code": code, "name": code})
        for product in PRODUCTS:
            await self.call("POST", "/_sim/products", product)
        for customer in (JANE, BOB):
            await self.call("POST", "/_sim/customers", customer)
        for wish in ORDERS[:orders]:
            terms = {"tax_percent": 8.25, "currency": "USD", "base_currency": "USD", "rate": 1}
            answer = await self.call("POST", "/_sim/orders", {**terms, **wish})
            assert answer.status == 200, answer.text()
        return self

    async def call(self, method, path, body=None, *, headers=None, raw=None):
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        bearer = {"authorization": f"Bearer {self.owner.token}"}
        chosen = bearer if headers is None else headers
        return await self.transport.send(Request(method=method, url=HOST + path, headers=chosen, body=content))

    def signed(self, method, path, *, owner=None, version="2.4.7", **changes):
        """An Authorization header as an integration writes it; `changes` spoil it, None leaves a parameter out."""
        owner = owner or self.owner
        self.app.shop.next("test-nonce")
        given = {
            "oauth_consumer_key": owner.consumer_key,
            "oauth_nonce": f"nonce{self.app.shop.counters['test-nonce']}",
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": str(int(self.app.shop.now().timestamp())),
            "oauth_token": owner.token,
            "oauth_version": "1.0",
        } | changes
        given = {name: value for name, value in given.items() if value is not None}
        given.setdefault("oauth_signature", sign(method, HOST + path, given, owner, version=version))
        return {"authorization": "OAuth " + ", ".join(f'{name}="{_escape(value)}"' for name, value in given.items())}


def vector_answer():
    """Checks the one signed request that was recorded in clear: who the sandbox takes the sender for."""
    vector = json.loads((RECORDINGS / "oauth1-test-vector.json").read_text())
    names = ("consumer_key", "consumer_secret", "token", "token_secret")
    owner = Integration(**{name: vector[name] for name in names})
    header = vector["authorization_header"].removeprefix("OAuth ")
    found = verify([owner], header=header, method="GET", url=vector["url"], now=RECORDED_AT, version="2.4.7")
    return found is owner


def _escape(text):
    return text.replace("%", "%25").replace('"', "%22").replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")


def recording(name):
    return json.loads((RECORDINGS / f"{name}.json").read_text())
