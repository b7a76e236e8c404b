"""What the sandbox manufacturer makes, buys and stocks, and whom it sells to."""

from typing import Final, NamedTuple


class Product(NamedTuple):
    code: str
    name: str
    kind: str  # stock | made_to_stock | made_to_order | supplier (bought per order) | part
    price: str
    cost: str
    lead_days: int | None


class Supplier(NamedTuple):
    code: str
    name: str
    price: str
    lead_days: dict[str, int]


class Customer(NamedTuple):
    code: str
    name: str
    street: str
    postcode: str
    city: str
    country: str
    credit_limit: str | None


PRODUCTS: Final = (
    Product("PUMP-100", "Centrifugal pump 100", "made_to_stock", "1250.00", "640.00", 2),
    Product("PUMP-200", "Centrifugal pump 200", "made_to_stock", "1890.00", "910.00", 2),
    Product("PUMP-CFG", "Configurable pump", "made_to_order", "3100.00", "1500.00", 15),
    Product("SKID-01", "Dosing skid, engineered", "made_to_order", "9800.00", "5400.00", 28),
    Product("VALVE-050", "Ball valve DN50", "stock", "89.90", "41.00", 1),
    Product("VALVE-080", "Ball valve DN80", "stock", "129.90", "63.00", 1),
    Product("GASKET-10", "Gasket set", "stock", "12.50", "4.10", 0),
    Product("SEAL-KIT", "Seal kit", "stock", "59.00", "21.00", 1),
    Product("FILTER-5", "Filter element 5 um", "stock", "34.00", "12.00", 1),
    Product("SENSOR-P", "Pressure sensor", "supplier", "210.00", "150.00", None),
    Product("CTRL-PLC", "Control cabinet", "supplier", "2400.00", "1750.00", None),
    Product("MOTOR-1K", "Electric motor 1.1 kW", "part", "320.00", "190.00", 3),
    Product("MOTOR-2K", "Electric motor 2.2 kW", "part", "450.00", "260.00", 3),
    Product("HOUSING-S", "Pump housing small", "part", "150.00", "80.00", 3),
    Product("HOUSING-L", "Pump housing large", "part", "240.00", "130.00", 3),
    Product("IMPELLER", "Impeller", "part", "95.00", "44.00", 3),
    Product("SHAFT", "Shaft", "part", "60.00", "25.00", 3),
    Product("BEARING", "Bearing", "part", "18.00", "7.00", 1),
    Product("PAINT-RAL", "Paint", "part", "15.00", "6.00", 1),
    Product("OIL-1L", "Oil 1 l", "stock", "9.90", "3.00", 0),
)
SERVICES: Final = {
    "SHIPPING": "Shipping and handling",
    "ROUNDING": "Rounding difference",
    "ADJUSTMENT": "Adjustment (gift card, store credit, fee)",
    "TAX": "Tax as charged by the store",
    "SERVICE-1": "Commissioning, per day",
    "SERVICE-2": "Calibration certificate",
}
SERVICE_PRICES: Final = {"SERVICE-1": "150.00", "SERVICE-2": "95.00"}  # the others have no price of their own
BOMS: Final[dict[str, dict[str, int]]] = {
    "PUMP-100": {"MOTOR-1K": 1, "HOUSING-S": 1, "IMPELLER": 1, "SHAFT": 1, "BEARING": 2},
    "PUMP-200": {"MOTOR-2K": 1, "HOUSING-L": 1, "IMPELLER": 2, "SHAFT": 1, "BEARING": 2},
    "PUMP-CFG": {"MOTOR-2K": 1, "HOUSING-L": 1, "IMPELLER": 1, "SHAFT": 1, "BEARING": 2, "PAINT-RAL": 1},
    "SKID-01": {"PUMP-200": 2, "VALVE-080": 4, "SEAL-KIT": 1},
}
PRODUCTION_LEAD_DAYS: Final = {"PUMP-100": 3, "PUMP-200": 4, "PUMP-CFG": 10, "SKID-01": 21}
SUPPLIERS: Final = (
    Supplier("SUP-SENSOR", "Sensor Supply Ltd", "150", {"SENSOR-P": 7, "CTRL-PLC": 14}),
    Supplier("SUP-MOTOR", "Motor Works", "40", {"MOTOR-1K": 5, "MOTOR-2K": 5, "VALVE-050": 5, "VALVE-080": 5}),
)
STOCK: Final[dict[str, tuple[int, int]]] = {  # (EAST, WEST)
    "PUMP-100": (120, 50),
    "PUMP-200": (40, 0),
    "VALVE-050": (5000, 2000),
    "VALVE-080": (1500, 600),
    "GASKET-10": (20000, 8000),
    "SEAL-KIT": (800, 0),
    "FILTER-5": (3000, 1200),
    "OIL-1L": (900, 450),
    "MOTOR-1K": (400, 0),
    "MOTOR-2K": (400, 0),
    "HOUSING-S": (300, 0),
    "HOUSING-L": (300, 0),
    "IMPELLER": (1000, 0),
    "SHAFT": (1000, 0),
    "BEARING": (4000, 0),
    "PAINT-RAL": (500, 0),
}
ORDER_POINTS: Final = {"PUMP-100": 10, "PUMP-200": 6}
CUSTOMERS: Final = (
    Customer("CUST-1001", "Acme Water GmbH", "Hauptstr. 5", "80331", "München", "DE", "50000"),
    Customer("CUST-1002", "Tiny Plumbing", "Kleine Gasse 1", "1010", "Wien", "AT", "1000"),
    Customer("ACME", "ACME Corporation", "100 Main St", "78701", "Austin, TX", "US", None),
    Customer("GLOBEX", "Globex Process Engineering", "12 Quai du Port", "13002", "Marseille", "FR", "100000"),
    Customer("INITECH", "Initech Dosing Ltd", "4 Mill Lane", "LS1 4AP", "Leeds", "GB", None),
)
TAXES: Final = {"VAT 19 %": "0.19", "Sales tax 8.25 %": "0.0825"}
COUNTRIES: Final = {
    "AT": "Austria",
    "AU": "Australia",
    "BE": "Belgium",
    "BR": "Brazil",
    "CA": "Canada",
    "CH": "Switzerland",
    "CN": "China",
    "CZ": "Czechia",
    "DE": "Germany",
    "DK": "Denmark",
    "ES": "Spain",
    "FI": "Finland",
    "FR": "France",
    "GB": "United Kingdom",
    "IE": "Ireland",
    "IN": "India",
    "IT": "Italy",
    "JP": "Japan",
    "LU": "Luxembourg",
    "MX": "Mexico",
    "NL": "Netherlands",
    "NO": "Norway",
    "PL": "Poland",
    "PT": "Portugal",
    "SE": "Sweden",
    "US": "United States",
}
HUB_GROUPS: Final = (
    "Sales",
    "Stock",
    "Production",
    "Purchase",
    "Purchase Request",
    "Accounting",
    "Product Administration",
    "Account Product Administration",
    "Party Administration",
)
