"""Puts the operator API into the app."""

from collections.abc import Mapping

import msgspec
from fastapi import FastAPI

from millstream.flows.hub import Policy
from millstream.flows.order_story import Interpret
from millstream.ports.audit import AuditLog
from millstream.ports.bulk import BulkDesk
from millstream.ports.connections import ConnectionBoard
from millstream.ports.desk import Desk
from millstream.ports.lookup import OrderLookup
from millstream.ports.mending import Mending
from millstream.ports.overview import Overview
from millstream.ports.records import Records
from millstream.ports.world import Clock
from millstream.web.api.audit import audit_routes
from millstream.web.api.bulk import bulk_routes
from millstream.web.api.connections import Checkable, connection_routes
from millstream.web.api.deliveries import delivery_routes
from millstream.web.api.orders import order_routes
from millstream.web.api.overview import overview_routes
from millstream.web.api.shapes import Shapes


class Operations(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator API works with."""

    lookup: OrderLookup
    desk: Desk
    mending: Mending
    bulk: BulkDesk
    overview: Overview
    board: ConnectionBoard
    audit: AuditLog
    records: Records
    interpret: Interpret
    policy: Policy
    clock: Clock
    connections: Mapping[str, Checkable]


def install_api(app: FastAPI, given: Operations) -> None:
    """Adds every route and its description."""
    shapes = Shapes()
    for router in (
        order_routes(
            shapes,
            lookup=given.lookup,
            desk=given.desk,
            records=given.records,
            interpret=given.interpret,
            policy=given.policy,
            clock=given.clock,
        ),
        delivery_routes(shapes, desk=given.desk, mending=given.mending, interpret=given.interpret),
        overview_routes(shapes, overview=given.overview),
        bulk_routes(shapes, bulk=given.bulk),
        connection_routes(shapes, board=given.board, connections=given.connections),
        audit_routes(shapes, log=given.audit),
    ):
        app.include_router(router)
    shapes.describe(app)
