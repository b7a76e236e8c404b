"""What `millstream doctor` shows of a Salesforce connection: each red line says what to change."""

from collections.abc import Sequence
from typing import Final

from millstream.connectors.salesforce.api import Api, objects_in
from millstream.connectors.salesforce.mapping import EVENT_FIELDS, Json, quoted, select
from millstream.connectors.salesforce.settings import Fields, SalesforceSettings
from millstream.domain.errors import Failure
from millstream.ports.finding import Finding

BUDGET_WARN_PERCENT: Final = 80
ABSENT: Final = frozenset({"NOT_FOUND"})


async def check_connection(api: Api, settings: SalesforceSettings) -> Sequence[Finding]:
    """Never raises: a failure is a finding. Nothing more is asked once signing in failed."""
    findings = [await _budget(api)]
    if not findings[0].ok:
        return findings
    for sobject, names, key in _needed(settings.fields):
        findings.extend(await _object(api, sobject, names, key))
    if settings.pricebook != "none":
        findings.append(await _pricebook(api, settings))
    if settings.event:
        findings.extend(await _object(api, settings.event, EVENT_FIELDS, None))
    return findings


def _needed(fields: Fields) -> list[tuple[str, tuple[str, ...], str | None]]:
    account = (fields.account_lifetime_value, fields.account_last_purchase_at, fields.account_orders_count)
    order = (
        fields.order_erp_number,
        fields.order_total,
        fields.order_status,
        fields.order_expected_ship_date,
        fields.order_shipped_at,
        fields.order_tracking_numbers,
        fields.order_delivered_at,
        fields.order_cancelled_at,
    )
    return [
        ("Account", (fields.account_key, *account, fields.account_vat_id), fields.account_key),
        ("Contact", ("Email", "LastName"), None),
        ("Order", (fields.order_key, *order), fields.order_key),
        ("OrderItem", (fields.line_key, fields.line_net), fields.line_key),
    ]


def _failed(what: str, failure: Failure) -> Finding:
    return Finding(
        what=what, ok=False, detail=failure.message, fix=f"see {failure.code} in docs/connectors/salesforce.md"
    )


async def _budget(api: Api) -> Finding:
    what = "sign-in and API budget"
    try:
        answer = await api.call("GET", "/limits", operation="check.limits")
        with api.reading("check.limits"):
            daily = answer.body.get("DailyApiRequests") or {}
            most, left = int(daily.get("Max", 0)), int(daily.get("Remaining", 0))
    except Failure as failure:
        return _failed(what, failure)
    detail = f"signed in; {left} of {most} API calls left for these 24 hours"
    low = most > 0 and (most - left) * 100 // most >= BUDGET_WARN_PERCENT
    fix = "find what uses the budget (Setup > Company Information), or buy API calls" if low else ""
    return Finding(what=what, ok=not low, detail=detail, fix=fix)


async def _object(api: Api, sobject: str, names: Sequence[str], key: str | None) -> list[Finding]:
    try:
        answer = await api.call("GET", f"/sobjects/{sobject}/describe", operation="check.describe", expect=ABSENT)
        if answer.error is not None:
            fix = _make_object(sobject)
            return [Finding(what=sobject, ok=False, detail="the object is not there", fix=fix, missing=(sobject,))]
        with api.reading("check.describe"):
            described = {str(field["name"]).lower(): field for field in objects_in(answer.body["fields"])}
    except Failure as failure:
        return [_failed(sobject, failure)]
    findings = [_field(sobject, name, described.get(name.lower())) for name in names if name]
    if key is not None and key.lower() in described:
        findings.append(_key(sobject, key, described[key.lower()]))
    return findings


def _make_object(sobject: str) -> str:
    if sobject.endswith("__e"):
        return f"create the platform event {sobject} (Setup > Platform Events), or empty `event` in the settings"
    return f"enable {sobject} (orders: Setup > Order Settings) and let the integration user read it"


def _field(sobject: str, name: str, described: Json | None) -> Finding:
    what = f"{sobject}.{name}"
    if described is None:
        fix = f"create {name} on {sobject} and give the integration user edit access, or empty its name under `fields`"
        detail = "the field is not there, or the user may not see it"
        return Finding(what=what, ok=False, detail=detail, fix=fix, missing=(what,))
    if not described.get("createable"):
        fix = "give the integration user edit access to the field"
        detail = "the integration user may not write it"
        return Finding(what=what, ok=False, detail=detail, fix=fix, missing=(f"{what} (edit)",))
    return Finding(what=what, ok=True, detail="there and writable")


def _key(sobject: str, name: str, described: Json) -> Finding:
    what = f"{sobject}.{name} as key"
    lacking = [word for word, flag in (("External ID", "externalId"), ("Unique", "unique")) if not described.get(flag)]
    if not lacking:
        return Finding(what=what, ok=True, detail="external id and unique")
    wanted = " and ".join(lacking)
    fix = f"edit the field {name} on {sobject} and tick {wanted}; without it one order may be recorded twice"
    return Finding(what=what, ok=False, detail=f"not marked {wanted}", fix=fix)


async def _pricebook(api: Api, settings: SalesforceSettings) -> Finding:
    book = settings.pricebook
    test = "IsStandard = true" if book == "standard" else f"Id = {quoted(book)}"
    what = f"price book {book}"
    query = select(("Id", "Name", "IsActive"), "Pricebook2", test)
    try:
        rows = await api.query(query, operation="check.pricebook")
    except Failure as failure:
        return _failed(what, failure)
    if not rows:
        return Finding(what=what, ok=False, detail="not found", fix="set `pricebook` to standard, none or an id")
    if not rows[0].get("IsActive"):
        return Finding(what=what, ok=False, detail="not active", fix="activate the price book, or name another one")
    return Finding(what=what, ok=True, detail=str(rows[0].get("Name")))
