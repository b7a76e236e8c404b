"""The customers of the sandbox store, in the shape REST shows them."""

from typing import Any

Json = dict[str, Any]
FIRMS = (
    ("Anna", "Albers", "anna@acme-water.example", "Acme Water GmbH", "Hamburg", "20095", "DE"),
    ("Tom", "Tiny", "tom@tiny-plumbing.example", "Tiny Plumbing", "Bremen", "28195", "DE"),
    ("Greta", "Grün", "greta@gruen-chemie.example", "Grün Chemie AG", "Köln", "50667", "DE"),
    ("Jan", "Jansen", "jan@jansen-pompen.example", "Jansen Pompen BV", "Utrecht", "3511", "NL"),
    ("Marie", "Martin", "marie@martin-eaux.example", "Martin Eaux SARL", "Lyon", "69002", "FR"),
    ("Luca", "Lombardi", "luca@lombardi-idraulica.example", "Lombardi Idraulica SpA", "Milano", "20121", "IT"),
    ("Eva", "Eder", "eva@eder-brau.example", "Eder Bräu KG", "Linz", "4020", "AT"),
    ("Piotr", "Pawlak", "piotr@pawlak-serwis.example", "Pawlak Serwis sp. z o.o.", "Poznań", "61-701", "PL"),
    ("Sofia", "Serra", "sofia@serra-riego.example", "Serra Riego SL", "Valencia", "46002", "ES"),
    ("Oskar", "Olsen", "oskar@olsen-maritime.example", "Olsen Maritime A/S", "Aarhus", "8000", "DK"),
)
CREATED = "2026-01-05 08:00:00"


def default_customers() -> dict[int, Json]:
    return {number: _customer(number, *firm) for number, firm in enumerate(FIRMS, 1)}


def _customer(
    number: int, first: str, last: str, email: str, company: str, city: str, postcode: str, country: str
) -> Json:
    address = {
        "id": number,
        "customer_id": number,
        "region": {"region_code": None, "region": None, "region_id": 0},
        "region_id": 0,
        "country_id": country,
        "street": [f"Industriestraße {number}"],
        "company": company,
        "telephone": f"+49 40 55501{number:02d}",
        "postcode": postcode,
        "city": city,
        "firstname": first,
        "lastname": last,
        "default_shipping": True,
        "default_billing": True,
    }
    return {
        "id": number,
        "group_id": 1,
        "default_billing": str(number),
        "default_shipping": str(number),
        "created_at": CREATED,
        "updated_at": CREATED,
        "created_in": "Default Store View",
        "email": email,
        "firstname": first,
        "lastname": last,
        "store_id": 1,
        "website_id": 1,
        "addresses": [address],
        "disable_auto_group_change": 0,
        "extension_attributes": {"is_subscribed": False},
    }
