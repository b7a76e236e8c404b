"""Who may do what: rights, and the roles that hold them. One table, for the API and the console alike."""

from enum import StrEnum
from typing import Final, Literal

import msgspec


class Right(StrEnum):
    """One thing a person or a key may be allowed to do."""

    VIEW = "view"  # orders, deliveries, connections, alerts: everything but what customers sent
    VIEW_PAYLOAD = "view_payload"  # event data, requests and answers: personal data
    AMEND_PAYLOAD = "amend_payload"
    REPLAY = "replay"  # retry, release from review, discard, resolve, hold an order in its store
    RELEASE_CREDIT = "release_credit"  # let an order go on that credit stopped
    MANAGE_CONNECTIONS = "manage_connections"  # pause, resume, drain, test, rewind
    MANAGE_ALERTS = "manage_alerts"  # rules, acknowledgement, quiet hours
    MANAGE_ACCESS = "manage_access"  # users, roles, keys, secrets
    VIEW_AUDIT = "view_audit"


class Role(StrEnum):
    """A bundle of rights, named after who holds it."""

    VIEWER = "viewer"
    ORDER_DESK = "order_desk"
    CREDIT = "credit"
    INTEGRATOR = "integrator"
    ADMIN = "admin"


_ORDER_DESK: Final = frozenset({Right.VIEW, Right.VIEW_PAYLOAD, Right.AMEND_PAYLOAD, Right.REPLAY})

RIGHTS_OF: Final[dict[Role, frozenset[Right]]] = {
    Role.VIEWER: frozenset({Right.VIEW}),
    Role.ORDER_DESK: _ORDER_DESK,
    Role.CREDIT: frozenset({Right.VIEW, Right.VIEW_PAYLOAD, Right.RELEASE_CREDIT}),
    Role.INTEGRATOR: _ORDER_DESK | {Right.MANAGE_CONNECTIONS, Right.MANAGE_ALERTS, Right.VIEW_AUDIT},
    Role.ADMIN: frozenset(Right),
}


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a person or a program, with the rights it has now. `name` stands in the audit trail."""

    name: str
    kind: Literal["user", "key"]
    rights: frozenset[Right]
