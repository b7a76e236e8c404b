"""The org's records: kept in memory, changed under the rules of the platform, rolled back as a whole."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from millstream.sandbox.salesforce import duplicates, orders
from millstream.sandbox.salesforce.ids import long_id, new_id, short_id
from millstream.sandbox.salesforce.problems import Problem, not_found
from millstream.sandbox.salesforce.schema import Field, Schema, SObject
from millstream.sandbox.salesforce.values import stored, timestamp

Row = dict[str, Any]
Now = Callable[[], datetime]
UNSEEN = duplicates.Options()


def system_now() -> datetime:
    return datetime.now(UTC)


class Org:
    def __init__(self, *, now: Now = system_now) -> None:
        self.now = now
        self.clear()

    def clear(self) -> None:
        self.schema = Schema()
        self.rows: dict[str, dict[str, Row]] = {one.name: {} for one in self.schema.all()}
        self.events: list[Row] = []
        self.numbers: Counter[str] = Counter()
        self.locks: list[dict[str, Any]] = []
        self.duplicate_rules: list[duplicates.Rule] = []

    # --- reading

    def all(self, name: str) -> list[Row]:
        """The records that are not deleted, oldest first."""
        return [self.shown(name, row) for row in self.rows[name].values() if not row["IsDeleted"]]

    def having(self, name: str, field: str, value: Any) -> list[Row]:
        """Those whose field holds the value."""
        rows = [row for row in self.rows[name].values() if row.get(field) == value and not row["IsDeleted"]]
        return [self.shown(name, row) for row in rows]

    def shown(self, name: str, row: Row) -> Row:
        """The record with what the platform computes."""
        return {**row, **orders.computed(self, name, row)}

    def row(self, sobject: SObject, record_id: str) -> Row:
        found = self.rows[sobject.name].get(short_id(record_id, sobject.prefix))
        if found is None:
            raise not_found()
        if found["IsDeleted"]:
            raise Problem("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return found

    def by_key(self, sobject: SObject, field: Field, value: str) -> list[Row]:
        """External ids are not case-sensitive."""
        wanted = value.casefold()
        return [
            row
            for row in self.rows[sobject.name].values()
            if not row["IsDeleted"] and str(row.get(field.name) or "").casefold() == wanted
        ]

    def key_field(self, sobject: SObject, name: str) -> Field:
        field = sobject.find(name)
        if field is None or not field.external_id:
            message = f"Provided external ID field does not exist or is not accessible: {name}"
            raise Problem("NOT_FOUND", message, status=404)
        return field

    # --- writing

    @contextmanager
    def transaction(self, *, keep: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Everything or nothing: rolls back on an exception, or when `keep` says so at the end. Numbers stay used."""
        rows = {name: dict(table) for name, table in self.rows.items()}
        events = list(self.events)
        try:
            yield
        except BaseException:
            self.rows, self.events = rows, events
            raise
        if not keep():
            self.rows, self.events = rows, events

    def create(self, sobject: SObject, body: Row, options: duplicates.Options = UNSEEN) -> str:
        changes = self._changes(sobject, body, creating=True)
        defaults = {one.name: one.default for one in sobject.fields.values()}
        row = {**defaults, **changes}
        missing = tuple(one.name for one in sobject.fields.values() if one.required and row.get(one.name) is None)
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise Problem("REQUIRED_FIELD_MISSING", message, fields=missing)
        self._lock(sobject, row)
        orders.before_create(self, sobject.name, row)
        duplicates.refuse(self, sobject, row, changes, options)
        self._unique(sobject, row)
        self.numbers[sobject.name] += 1
        record_id = new_id(sobject.prefix, self.numbers[sobject.name])
        moment = timestamp(self.now())
        row |= {"Id": long_id(record_id), "CreatedDate": moment, "LastModifiedDate": moment, "SystemModstamp": moment}
        self.rows[sobject.name][record_id] = row
        return str(row["Id"])

    def update(self, sobject: SObject, record_id: str, body: Row, options: duplicates.Options = UNSEEN) -> str:
        before = self.row(sobject, record_id)
        changes = self._changes(sobject, body, creating=False)
        emptied = tuple(name for name, value in changes.items() if value is None and sobject.column(name).required)
        if emptied:
            message = f"Required fields are missing: [{', '.join(emptied)}]"
            raise Problem("REQUIRED_FIELD_MISSING", message, fields=emptied)
        row = {**before, **changes}
        self._lock(sobject, row)
        row |= orders.before_update(self, sobject.name, before, changes)
        duplicates.refuse(self, sobject, row, changes, options)
        self._unique(sobject, row)
        moment = timestamp(self.now())
        row |= {"LastModifiedDate": moment, "SystemModstamp": moment}
        self.rows[sobject.name][short_id(row["Id"])] = row
        return str(row["Id"])

    def upsert(
        self,
        sobject: SObject,
        key: str,
        value: str,
        body: Row,
        *,
        update_only: bool,
        options: duplicates.Options = UNSEEN,
    ) -> tuple[str, bool]:
        """The record's id and whether it was created."""
        field = self.key_field(sobject, key)
        if any(name.lower() in {field.name.lower(), "id"} for name in body):
            message = f"The {field.name} field should not be specified in the sobject data."
            raise Problem("INVALID_FIELD", message, fields=(field.name,))
        found = self.by_key(sobject, field, value)
        if len(found) > 1:
            raise Problem("MULTIPLE_CHOICES", "\n".join(row["Id"] for row in found), status=300)
        if found:
            return self.update(sobject, found[0]["Id"], body, options), False
        if update_only:
            raise not_found()
        return self.create(sobject, {**body, field.name: value}, options), True

    def delete(self, sobject: SObject, record_id: str) -> None:
        row = self.row(sobject, record_id)
        self._lock(sobject, row)
        orders.before_delete(self, sobject.name, row)
        self.rows[sobject.name][short_id(row["Id"])] = {
            **row,
            "IsDeleted": True,
            "SystemModstamp": timestamp(self.now()),
        }

    def publish(self, sobject: SObject, body: Row) -> Row:
        """Queues a platform event; answers as the platform does, success with an entry among the errors."""
        changes = self._changes(sobject, body, creating=True)
        missing = tuple(one.name for one in sobject.fields.values() if one.required and changes.get(one.name) is None)
        if missing:
            message = f"Required fields are missing: [{', '.join(missing)}]"
            raise Problem("REQUIRED_FIELD_MISSING", message, fields=missing)
        self.numbers[sobject.name] += 1
        uuid = str(UUID(int=self.numbers[sobject.name]))
        record_id = long_id(new_id(sobject.prefix, self.numbers[sobject.name]))
        self.events.append(
            {
                "event": sobject.name,
                "ReplayId": str(self.numbers[sobject.name]),
                "EventUuid": uuid,
                "CreatedDate": timestamp(self.now()),
                **changes,
            }
        )
        enqueued = {"statusCode": "OPERATION_ENQUEUED", "message": uuid, "fields": []}
        return {"id": record_id, "success": True, "errors": [enqueued]}

    # --- rules of every object

    def _changes(self, sobject: SObject, body: Row, *, creating: bool) -> Row:
        changes: Row = {}
        for name, value in body.items():
            if name == "attributes":
                continue
            relation = sobject.relation(name)
            if relation is not None and isinstance(value, dict):
                field, value = relation, self._referred(relation, value)  # noqa: PLW2901 - the id stands for the key
            else:
                field = sobject.column(name)
            if not (field.create if creating else field.update):
                message = (
                    f"Unable to create/update fields: {field.name}. Please check the security settings of this field "
                    "and verify that it is read/write for your profile or permission set."
                )
                raise Problem("INVALID_FIELD_FOR_INSERT_UPDATE", message, fields=(field.name,))
            changes[field.name] = self._checked(field, value)
        return changes

    def _checked(self, field: Field, value: Any) -> Any:
        kept = stored(field, value)
        if field.refers_to is None or kept is None:
            return kept
        target = self.schema.find(field.refers_to)
        if not kept.startswith(target.prefix):
            message = f"{field.name}: id value of incorrect type: {value}"
            raise Problem("MALFORMED_ID", message, fields=(field.name,))
        if short_id(kept) not in self.rows[target.name]:
            raise Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if self.rows[target.name][short_id(kept)]["IsDeleted"]:
            raise Problem("ENTITY_IS_DELETED", "entity is deleted")
        return kept

    def _referred(self, field: Field, keys: Row) -> str:
        target = self.schema.find(str(field.refers_to))
        keys = {name: value for name, value in keys.items() if name != "attributes"}
        [(name, value)] = keys.items()
        key = target.column(name)
        found = self.by_key(target, key, str(value))
        if not found:
            message = (
                f"Foreign key external ID: {str(value).lower()} not found for field {key.name} in entity {target.name}"
            )
            raise Problem("INVALID_FIELD", message)
        return str(found[0]["Id"])

    def _unique(self, sobject: SObject, row: Row) -> None:
        for field in sobject.fields.values():
            if not field.unique or row.get(field.name) is None:
                continue
            for other in self.by_key(sobject, field, row[field.name]):
                if other["Id"] != row.get("Id"):
                    message = (
                        f"duplicate value found: {field.name} duplicates value on record with id: {other['Id'][:15]}"
                    )
                    raise Problem("DUPLICATE_VALUE", message)

    def _lock(self, sobject: SObject, row: Row) -> None:
        """A write locks the record and every record it refers to; `/_sim/locks` makes somebody else hold them."""
        touched = {row.get("Id")} | {row.get(one.name) for one in sobject.fields.values() if one.refers_to}
        for lock in self.locks:
            held = lock.get("id") in touched or lock.get("object") == sobject.name
            if held and lock["times"] > 0:
                lock["times"] -= 1
                name = lock.get("id") or row.get("Id") or ""
                message = f"unable to obtain exclusive access to this record or 1 records: {name}"
                raise Problem("UNABLE_TO_LOCK_ROW", message)
