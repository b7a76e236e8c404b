"""What the org holds when it starts: the firms, buyers and products the other sandbox systems know too."""

from decimal import Decimal
from typing import Any

from millstream.sandbox.salesforce.ids import long_id, new_id
from millstream.sandbox.salesforce.org import Org

FIRMS = (
    ("Acme Water GmbH", "Anna", "Albers", "anna@acme-water.example"),
    ("Tiny Plumbing", "Tom", "Tiny", "tom@tiny-plumbing.example"),
    ("Grün Chemie AG", "Greta", "Grün", "greta@gruen-chemie.example"),
    ("Jansen Pompen BV", "Jan", "Jansen", "jan@jansen-pompen.example"),
    ("Martin Eaux SARL", "Marie", "Martin", "marie@martin-eaux.example"),
    ("Lombardi Idraulica SpA", "Luca", "Lombardi", "luca@lombardi-idraulica.example"),
    ("Eder Bräu KG", "Eva", "Eder", "eva@eder-brau.example"),
    ("Pawlak Serwis sp. z o.o.", "Piotr", "Pawlak", "piotr@pawlak-serwis.example"),
    ("Serra Riego SL", "Sofia", "Serra", "sofia@serra-riego.example"),
    ("Olsen Maritime A/S", "Oskar", "Olsen", "oskar@olsen-maritime.example"),
)
PRODUCTS = (
    ("PUMP-100", "Centrifugal pump 100", "1250.00"),
    ("PUMP-200", "Centrifugal pump 200", "1890.00"),
    ("PUMP-CFG", "Configured pump, stainless, DN50", "3100.00"),
    ("SKID-01", "Dosing skid", "9800.00"),
    ("VALVE-050", "Ball valve DN50", "89.90"),
    ("VALVE-080", "Ball valve DN80", "129.90"),
    ("GASKET-10", "Gasket set", "12.50"),
    ("SEAL-KIT", "Shaft seal kit", "59.00"),
    ("FILTER-5", "Filter element 5 um", "34.00"),
    ("SENSOR-P", "Pressure sensor", "210.00"),
    ("CTRL-PLC", "Control unit", "2400.00"),
    ("OIL-1L", "Gear oil 1 l", "9.90"),
    ("SERVICE-1", "Commissioning, one day", "150.00"),
)
STANDARD_PRICEBOOK = long_id(new_id("01s", 1))


def fill(org: Org) -> None:
    """The default content of a fresh org."""
    book = org.create(org.schema.find("Pricebook2"), {"Name": "Standard Price Book", "IsActive": True})
    org.rows["Pricebook2"][book[:15]]["IsStandard"] = True
    for code, name, price in PRODUCTS:
        add_product(org, code=code, name=name, price=Decimal(price))
    for firm, first, last, email in FIRMS:
        add_account(org, {"Name": firm}, [{"FirstName": first, "LastName": last, "Email": email}])


def add_product(org: Org, *, code: str, name: str, price: Decimal) -> str:
    """A product with a standard price."""
    product = org.create(org.schema.find("Product2"), {"Name": name, "ProductCode": code, "IsActive": True})
    entry = {"Pricebook2Id": STANDARD_PRICEBOOK, "Product2Id": product, "UnitPrice": price, "IsActive": True}
    org.create(org.schema.find("PricebookEntry"), entry)
    return product


def offer_product(org: Org, code: str, *, active: bool) -> list[str]:
    """Makes the price book entries of a product active or not; answers their ids."""
    products = {row["Id"] for row in org.having("Product2", "ProductCode", code)}
    entries = [row["Id"] for row in org.all("PricebookEntry") if row["Product2Id"] in products]
    return [org.update(org.schema.find("PricebookEntry"), one, {"IsActive": active}) for one in entries]


def add_account(org: Org, fields: dict[str, Any], contacts: list[dict[str, Any]]) -> str:
    """An account and its contacts."""
    account = org.create(org.schema.find("Account"), fields)
    for contact in contacts:
        org.create(org.schema.find("Contact"), {"AccountId": account, **contact})
    return account
