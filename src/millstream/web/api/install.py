"""Puts the operator API into the app."""

from collections.abc import Mapping

import msgspec
from fastapi import FastAPI

from millstream.engine.alerts.rulebook import RuleBook
from millstream.engine.overlays.workshop import Workshop
from millstream.flows import ROUTES
from millstream.flows.dry_run import Rehearsal
from millstream.flows.hub import Hub, Policy
from millstream.flows.order_story import Interpret
from millstream.flows.preview import Previews
from millstream.flows.rewinding import Rewinder
from millstream.ports.audit import AuditLog
from millstream.ports.bulk import BulkDesk
from millstream.ports.connections import ConnectionBoard
from millstream.ports.desk import Desk
from millstream.ports.drift import DriftBook
from millstream.ports.holding import HoldDesk
from millstream.ports.lookup import OrderLookup
from millstream.ports.mending import Mending
from millstream.ports.notifier import AlertBook, Notifier
from millstream.ports.overview import Overview
from millstream.ports.records import Records
from millstream.ports.reviews import ReviewBook
from millstream.ports.world import Clock
from millstream.web.api.alerts import alert_routes
from millstream.web.api.audit import audit_routes
from millstream.web.api.bulk import bulk_routes
from millstream.web.api.connections import Checkable, connection_routes
from millstream.web.api.deliveries import delivery_routes
from millstream.web.api.mappings import mapping_routes
from millstream.web.api.mending import mending_routes
from millstream.web.api.orders import order_routes
from millstream.web.api.overview import overview_routes
from millstream.web.api.previews import preview_routes
from millstream.web.api.reviews import review_routes
from millstream.web.api.shapes import Shapes
from millstream.web.api.shared import Shared


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator API works with."""

    lookup: OrderLookup
    desk: Desk
    mending: Mending
    bulk: BulkDesk
    overview: Overview
    board: ConnectionBoard
    rewinder: Rewinder
    audit: AuditLog
    alerts: AlertBook
    alert_rules: RuleBook
    notifier: Notifier
    drift: DriftBook
    workshop: Workshop
    previews: Previews
    rehearsal: Rehearsal
    records: Records
    reviews: ReviewBook
    holding: HoldDesk
    hub: Hub
    interpret: Interpret
    policy: Policy
    clock: Clock
    connections: Mapping[str, Checkable]


def install_api(app: FastAPI, given: Operations) -> None:
    """Adds every route and its description."""
    shapes, shared = Shapes(), Shared(given.clock)
    for router in (
        order_routes(
            shapes,
            lookup=given.lookup,
            desk=given.desk,
            records=given.records,
            interpret=given.interpret,
            policy=given.policy,
            clock=given.clock,
            holding=given.holding,
        ),
        delivery_routes(shapes, desk=given.desk, log=given.audit),
        preview_routes(shapes, desk=given.desk, previews=given.previews, interpret=given.interpret),
        mending_routes(shapes, desk=given.desk, mending=given.mending, interpret=given.interpret),
        review_routes(shapes, book=given.reviews, hub=given.hub),
        overview_routes(shapes, overview=given.overview, routes=ROUTES, shared=shared),
        bulk_routes(shapes, bulk=given.bulk, rehearsal=given.rehearsal),
        connection_routes(
            shapes, board=given.board, connections=given.connections, shared=shared, rewinder=given.rewinder
        ),
        mapping_routes(shapes, workshop=given.workshop),
        audit_routes(shapes, log=given.audit),
        alert_routes(
            shapes,
            book=given.alerts,
            rules=given.alert_rules,
            notifier=given.notifier,
            drift=given.drift,
            clock=given.clock,
        ),
    ):
        app.include_router(router)
    shapes.describe(app)
