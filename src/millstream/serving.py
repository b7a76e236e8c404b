"""The web edge of a process, put together. Its own module, because a worker has none and imports none of it."""

from functools import partial
from typing import TYPE_CHECKING

from millstream.alerting import Alerting
from millstream.store.access_book import open_access_book
from millstream.web.adobe_keys import AdobeKeys
from millstream.web.api.secrets import install_secrets
from millstream.web.app import create_app
from millstream.web.auth.edge import access_edge
from millstream.web.door_settings import DoorSettings, read_doors
from millstream.web.metrics import Standing, metrics_routes

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

    from millstream.bootstrap import Runtime


def web_app(runtime: "Runtime", *, console: bool = False) -> "FastAPI":
    """The web edge of a process: doors, health, the operator API, and the console (once in a process) if wanted."""
    book = open_access_book(runtime.settings.access, database=runtime.database, world=runtime.world)
    credentials = runtime.credentials
    doors: dict[str, DoorSettings] = {}
    credentials.on_renewal(lambda given: partial(doors.update, read_doors(given.doors)))
    access = access_edge(
        users=book.users,
        setup=book.users,
        sessions=book.sessions,
        keys=book.keys,
        public_url=runtime.settings.access.public_url,
        openid=runtime.settings.openid,
        openid_secret=credentials.openid_secret,
        transport=runtime.transport,
        clock=runtime.world.clock,
        tap=runtime.tap,
    )
    app = create_app(
        inbox=runtime.ledger,
        clock=runtime.world.clock,
        tap=runtime.tap,
        doors=doors,
        health=runtime.health,
        public_key=AdobeKeys(runtime.transport, clock=runtime.world.clock),
        access=access,
        routers=(_metrics(runtime),),
    )
    alerting = Alerting(rules=runtime.rules, notifier=runtime.watch.notifier)
    runtime.operating.install_api(app, runtime.audit, alerting)
    install_secrets(app, credentials.secrets, credentials.used)
    if console:
        from millstream.web.console.install import install_console  # noqa: PLC0415 - it costs a third of a second

        public_url = runtime.settings.access.public_url
        install_console(app, gate=access.gate, public_url=public_url, openid=access.openid)
    return app


def metrics_app(runtime: "Runtime") -> "FastAPI":
    """All that a process without a web edge has to show: `/metrics`, health, and refusals in the usual shape."""
    return create_app(
        inbox=runtime.ledger,
        clock=runtime.world.clock,
        tap=runtime.tap,
        doors={},
        health=runtime.health,
        public_key=AdobeKeys(runtime.transport, clock=runtime.world.clock),
        routers=(_metrics(runtime),),
    )


def _metrics(runtime: "Runtime") -> "APIRouter":
    async def standing() -> Standing:
        window_s = (await runtime.rules.in_force()).slo.failing_orders_window_s
        reading = await runtime.gauges.standing(at=runtime.world.clock.now(), window_s=window_s)
        return Standing(reading=reading, tally=await runtime.watch.book.tally())

    access, token = runtime.settings.telemetry.metrics, runtime.credentials.metrics_token
    return metrics_routes(runtime.meter, standing, clock=runtime.world.clock, access=access, token=token)
