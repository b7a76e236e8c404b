"""What a connection check finds out, and what to change where it is not well."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from millstream.connectors.adobe_commerce.client import Client
from millstream.connectors.adobe_commerce.settings import AdobeCommerceSettings
from millstream.domain.errors import Failure, Reject
from millstream.ports.finding import Finding

SPECIAL_SCOPES: Final = frozenset({"all", "default"})
RESOURCE: Final = re.compile(r"\b[A-Z]\w*::\w+")  # Magento_Sales::actions_view


async def findings(client: Client, settings: AdobeCommerceSettings) -> list[Finding]:
    """Never raises. Probes with a permission each: together they tell a bad token from a missing permission.

    What only writing needs (comment, ship, cancel) cannot be probed without writing.
    """
    stores = await _probe(client.store_configs)
    sources = await _probe(client.sources)
    outcomes = {
        "store views": stores,
        "orders": await _probe(lambda: client.any_of("orders")),
        "shipments": await _probe(lambda: client.any_of("shipments")),
        "products": await _probe(lambda: client.any_of("products")),
        "inventory sources": sources,
    }
    token = _token_finding(outcomes)
    found = [token] if token is not None else []
    found += [_finding(what, outcome) for what, outcome in outcomes.items()]
    if isinstance(stores, list):
        found += _scope_findings(stores, settings)
    if isinstance(sources, list):
        found += _source_findings(sources, settings)
    return found


async def _probe(call: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await call()
    except Failure as failure:
        return failure


def _token_finding(outcomes: dict[str, Any]) -> Finding | None:
    """All refused for want of a resource is a bad token; some refused is a permission that is missing."""
    refused = [o for o in outcomes.values() if isinstance(o, Failure) and o.code.startswith("auth.")]
    if len(refused) == len(outcomes):
        general = all(o.code == "auth.not_allowed" for o in refused)
        detail = "the token opens nothing at all, so it is wrong, expired or revoked" if general else refused[0].message
        field = refused[0].field if isinstance(refused[0], Reject) else None
        fix = f"set {field} anew" if field else refused[0].message
        return Finding(what="credentials", ok=False, detail=detail, fix=fix)
    if any(not isinstance(o, Failure) for o in outcomes.values()):
        return Finding(what="credentials", ok=True, detail="accepted")
    return None


def _finding(what: str, outcome: Any) -> Finding:
    if not isinstance(outcome, Failure):
        return Finding(what=what, ok=True, detail="readable")
    if outcome.code != "auth.not_allowed":
        return Finding(what=what, ok=False, detail=outcome.message, fix="see the message")
    fix = "add the named resource to the integration"
    missing = tuple(dict.fromkeys(RESOURCE.findall(outcome.message)))
    return Finding(what=what, ok=False, detail=outcome.message, fix=fix, missing=missing)


def _scope_findings(stores: list[dict[str, Any]], settings: AdobeCommerceSettings) -> list[Finding]:
    codes = sorted(str(store.get("code")) for store in stores)
    if settings.scope in SPECIAL_SCOPES or settings.scope in codes:
        return [Finding(what="scope", ok=True, detail=settings.scope)]
    return [
        Finding(
            what="scope", ok=False, detail=f"no store view {settings.scope}", fix=f"scope: one of {', '.join(codes)}"
        )
    ]


def _source_findings(sources: list[dict[str, Any]], settings: AdobeCommerceSettings) -> list[Finding]:
    known = {str(source.get("source_code")): bool(source.get("enabled", True)) for source in sources}
    found = []
    for warehouse, code in settings.sources.items():
        if not known.get(code, False):
            state = "is disabled" if code in known else "does not exist"
            found.append(
                Finding(
                    what=f"source for warehouse {warehouse}",
                    ok=False,
                    detail=f"inventory source {code} {state}",
                    fix=f"sources: use one of {', '.join(sorted(code for code, on in known.items() if on))}",
                )
            )
    if not settings.sources and len(known) > 1:
        found.append(
            Finding(
                what="sources",
                ok=False,
                detail=f"the store has {len(known)} inventory sources, but no warehouse is mapped to any",
                fix="sources: name the inventory source of each ERP warehouse; until then all ship from `default`",
            )
        )
    return found
