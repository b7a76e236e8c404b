"""The objects of the org and their fields."""

from dataclasses import dataclass, field, replace

from millstream.sandbox.salesforce.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Field:
    name: str
    type: str = "string"
    length: int = 255
    scale: int = 2
    required: bool = False
    create: bool = True
    update: bool = True
    unique: bool = False
    external_id: bool = False
    refers_to: str | None = None
    default: object = None

    @property
    def custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def relationship(self) -> str | None:
        if self.refers_to is None:
            return None
        return self.name.replace("__c", "__r") if self.custom else self.name.removesuffix("Id")


@dataclass(frozen=True, kw_only=True)
class SObject:
    name: str
    prefix: str
    fields: dict[str, Field] = field(default_factory=dict)

    @property
    def is_event(self) -> bool:
        return self.name.endswith("__e")

    def find(self, name: str) -> Field | None:
        """Field names are not case-sensitive."""
        return self.fields.get(name.lower())

    def column(self, name: str) -> Field:
        found = self.find(name)
        if found is None:
            raise Problem("INVALID_FIELD", f"No such column '{name}' on sobject of type {self.name}")
        return found

    def relation(self, name: str) -> Field | None:
        for candidate in self.fields.values():
            if candidate.relationship is not None and candidate.relationship.lower() == name.lower():
                return candidate
        return None


def _system(*, event: bool) -> list[Field]:
    if event:
        return [_read_only("ReplayId"), _read_only("CreatedDate", "datetime"), _read_only("EventUuid")]
    return [
        _read_only("Id", "id", length=18),
        _read_only("IsDeleted", "boolean", default=False),
        _read_only("CreatedDate", "datetime"),
        _read_only("LastModifiedDate", "datetime"),
        _read_only("SystemModstamp", "datetime"),
    ]


def _read_only(name: str, type_: str = "string", *, length: int = 255, default: object = None) -> Field:
    return Field(name=name, type=type_, length=length, default=default, create=False, update=False)


def _object(name: str, prefix: str, *fields: Field) -> SObject:
    every = [*_system(event=name.endswith("__e")), *fields]
    return SObject(name=name, prefix=prefix, fields={one.name.lower(): one for one in every})


def _key(name: str) -> Field:
    return Field(name=name, length=80, unique=True, external_id=True)


def _money(name: str, *, required: bool = False, create: bool = True, update: bool = True) -> Field:
    return Field(name=name, type="currency", required=required, create=create, update=update)


def standard_objects() -> list[SObject]:
    """A fresh org after the set-up that the connector's guide describes."""
    return [
        _object(
            "Account",
            "001",
            Field(name="Name", required=True),
            Field(name="AccountNumber", length=40),
            Field(name="Phone", type="phone", length=40),
            Field(name="Website"),
            Field(name="BillingStreet", type="textarea"),
            Field(name="BillingCity", length=40),
            Field(name="BillingState", length=80),
            Field(name="BillingPostalCode", length=20),
            Field(name="BillingCountry", length=80),
            Field(name="Description", type="textarea", length=32000),
            Field(name="ParentId", type="reference", refers_to="Account"),
            _key("Hub_Customer_Id__c"),
            Field(name="VAT_Id__c", length=40),
            _money("Lifetime_Value__c"),
            Field(name="Last_Purchase_At__c", type="datetime"),
            Field(name="Orders_Count__c", type="double", scale=0),
        ),
        _object(
            "Contact",
            "003",
            Field(name="AccountId", type="reference", refers_to="Account"),
            Field(name="FirstName", length=40),
            Field(name="LastName", length=80, required=True),
            Field(name="Name", create=False, update=False),
            Field(name="Email", type="email", length=80),
            Field(name="Phone", type="phone", length=40),
        ),
        _object(
            "Product2",
            "01t",
            Field(name="Name", required=True),
            Field(name="ProductCode"),
            Field(name="IsActive", type="boolean", default=False),
            Field(name="Description", type="textarea", length=4000),
        ),
        _object(
            "Pricebook2",
            "01s",
            Field(name="Name", required=True),
            Field(name="IsActive", type="boolean", default=False),
            Field(name="IsStandard", type="boolean", default=False, create=False, update=False),
        ),
        _object(
            "PricebookEntry",
            "01u",
            Field(name="Pricebook2Id", type="reference", refers_to="Pricebook2", required=True, update=False),
            Field(name="Product2Id", type="reference", refers_to="Product2", required=True, update=False),
            _money("UnitPrice", required=True),
            Field(name="IsActive", type="boolean", default=False),
            Field(name="UseStandardPrice", type="boolean", default=False),
        ),
        _object(
            "Order",
            "801",
            Field(name="AccountId", type="reference", refers_to="Account"),
            Field(name="Pricebook2Id", type="reference", refers_to="Pricebook2"),
            Field(name="OrderNumber", create=False, update=False),
            Field(name="Name", length=80),
            Field(name="EffectiveDate", type="date", required=True),
            Field(name="Status", type="picklist", required=True),
            Field(name="StatusCode", type="picklist", create=False, update=False),
            Field(name="ActivatedDate", type="datetime", create=False, update=False),
            Field(name="PoNumber", length=80),
            Field(name="OrderReferenceNumber", length=80),
            Field(name="Description", type="textarea", length=32000),
            _money("TotalAmount", create=False, update=False),
            _key("Hub_Order_Id__c"),
            Field(name="ERP_Order_Number__c", length=80),
            _money("Order_Total__c"),
            Field(name="Hub_Status__c", length=80),
            Field(name="Expected_Ship_Date__c", type="date"),
            Field(name="Shipped_At__c", type="datetime"),
            Field(name="Tracking_Numbers__c"),
            Field(name="Delivered_At__c", type="datetime"),
            Field(name="Cancelled_At__c", type="datetime"),
        ),
        _object(
            "OrderItem",
            "802",
            Field(name="OrderId", type="reference", refers_to="Order", required=True, update=False),
            Field(name="PricebookEntryId", type="reference", refers_to="PricebookEntry", required=True, update=False),
            Field(name="Product2Id", type="reference", refers_to="Product2", create=False, update=False),
            Field(name="Quantity", type="double", required=True),
            _money("UnitPrice", required=True),
            _money("ListPrice", create=False, update=False),
            _money("TotalPrice", create=False, update=False),
            Field(name="Description"),
            _key("Hub_Line_Id__c"),
            _money("Net_Amount__c"),
        ),
        _object(
            "Customer_Purchased__e",
            "e00",
            Field(name="Hub_Event_Id__c", required=True),
            Field(name="Hub_Order_Id__c"),
            Field(name="Hub_Customer_Id__c"),
            Field(name="Order_Number__c"),
            Field(name="ERP_Order_Number__c"),
            Field(name="Order_Total__c", type="double"),
            Field(name="Currency__c"),
            Field(name="Lifetime_Value__c", type="double"),
            Field(name="Orders_Count__c", type="double", scale=0),
            Field(name="Purchased_At__c", type="datetime"),
        ),
    ]


class Schema:
    """The objects by name, not case-sensitive; an administrator may make fields and take them away."""

    def __init__(self) -> None:
        self._objects = {one.name.lower(): one for one in standard_objects()}

    def all(self) -> list[SObject]:
        return list(self._objects.values())

    def find(self, name: str) -> SObject:
        found = self._objects.get(name.lower())
        if found is None:
            raise Problem("NOT_FOUND", "The requested resource does not exist", status=404)
        return found

    def by_prefix(self, prefix: str) -> SObject | None:
        return next((one for one in self._objects.values() if one.prefix == prefix), None)

    def drop(self, path: str) -> None:
        """`Order.Delivered_At__c` takes a field away, `Order` the whole object."""
        name, _, column = path.partition(".")
        if column:
            del self.find(name).fields[column.lower()]
        else:
            del self._objects[name.lower()]

    def add(self, path: str) -> None:
        """`Order.Gift_Note__c` makes a custom field, of text."""
        name, _, column = path.partition(".")
        self.find(name).fields[column.lower()] = Field(name=column)

    def loosen(self, path: str) -> None:
        """Makes an external id field not unique."""
        name, _, column = path.partition(".")
        fields = self.find(name).fields
        fields[column.lower()] = replace(fields[column.lower()], unique=False)
