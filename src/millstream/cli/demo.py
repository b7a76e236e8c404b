"""`millstream demo`: the whole product on this machine."""

import asyncio
import json
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from millstream.demo.cast import wishes
from millstream.demo.play import Play
from millstream.demo.proof import examine, examine_books, examine_play, gather
from millstream.demo.screen import table_of
from millstream.demo.stage import Stage
from millstream.demo.summary import figures, first_confirmed, print_summary
from millstream.engine.world import SystemWorld
from millstream.flows.order_to_erp import WAIVABLE
from millstream.ports.audit import AuditLog, Proof
from millstream.ports.travellers import Traveller
from millstream.store.audit import AuditTrail
from millstream.store.audit_log import PostgresAuditLog
from millstream.store.database import Database
from millstream.store.desk import PostgresDesk
from millstream.store.travellers import PostgresTravellers

console = Console(highlight=False)


class Erp(StrEnum):
    """The ERPs that can play."""

    TRYTON = "tryton"
    SAP_S4HANA = "sap_s4hana"


def demo(
    orders: Annotated[int, typer.Option(min=1, max=500, help="How many orders; the first twelve are the play.")] = 12,
    every: Annotated[float, typer.Option(min=0.0, help="Seconds between two orders.")] = 2.5,
    seed: Annotated[int, typer.Option(help="Decides the store's bad luck.")] = 7,
    once: Annotated[bool, typer.Option("--once", help="End after the summary; exit code 1 if a check fails.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there.")] = None,
    erp: Annotated[Erp, typer.Option(help="The ERP: a real Tryton, or the sandbox SAP S/4HANA.")] = Erp.TRYTON,
    folder: Annotated[Path, typer.Option("--dir", help="Where data and logs go.")] = Path(".millstream/demo"),
) -> None:
    """Starts a store, a CRM, a real ERP and the hub; places a mixed batch of orders; shows each one travel."""
    raise typer.Exit(
        asyncio.run(
            _demo(folder.resolve(), erp.value, orders=orders, every=every, seed=seed, once=once, json_file=json_file)
        )
    )


async def _demo(
    folder: Path, erp: str, *, orders: int, every: float, seed: int, once: bool, json_file: Path | None
) -> int:
    started = time.monotonic()
    stage = Stage(
        folder,
        erp=erp,
        say=lambda line: console.print(f"[dim]{time.monotonic() - started:6.1f} s[/] {line}", soft_wrap=True),
    )
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        performance = asyncio.create_task(_perform(stage, orders=orders, every=every, seed=seed, started=started))
        ended = asyncio.create_task(stopping.wait())
        await asyncio.wait({performance, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not performance.done():
            performance.cancel()
            return 130
        found = performance.result()
        print_summary(console, found)
        if json_file is not None:
            await asyncio.to_thread(json_file.write_text, json.dumps(found, indent=2, default=str) + "\n")
        if not once:
            _invite(stage)
            await stopping.wait()
        return 0 if found["all_checks_hold"] else 1
    finally:
        console.print("ending the systems …")
        await stage.stop()


async def _perform(stage: Stage, *, orders: int, every: float, seed: int, started: float) -> dict[str, Any]:
    started_at, installed = datetime.now(UTC), stage.erp.installed
    await stage.start()
    ready_s = time.monotonic() - started
    plant = await stage.erp.plant()
    database = Database(stage.database_url)
    world = SystemWorld()
    desk = PostgresDesk(database, world=world, waivable=WAIVABLE)
    books = PostgresTravellers(database)
    try:
        with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
            shown: set[str] = set()

            def watch(travellers: Sequence[Traveller], act: str) -> None:
                live.update(table_of(play.titles, travellers, act=act))
                if not console.is_terminal:
                    _tell_news(travellers, play.titles, shown)

            play = Play(stage, plant, books, desk, wishes=wishes(orders), seed=seed, watch=watch)
            travellers = await play.run(every_s=every)
            live.update(table_of(play.titles, travellers, act="every order has reached its end"))
        trail = await _proven(PostgresAuditLog(database, trail=AuditTrail(database, world=world)))
        checks = [
            *examine(await gather(stage, plant, travellers)),
            *examine_books(trail, await books.sleeping_lanes()),
            examine_play(play.trouble),
        ]
        return {
            **figures(travellers, play.placed_at, checks),
            "systems_ready_s": round(ready_s, 1),
            **first_confirmed(
                travellers, started_at=started_at, max_s=stage.erp.first_order_max_s, installed=installed
            ),
        }
    finally:
        await database.close()


async def _proven(trail: AuditLog) -> Proof:
    """Rows are sealed once all that was under way beside them is over: what the first look saw, the second may seal."""
    proof = await trail.prove()
    return proof if proof.rows else await trail.prove()


def _tell_news(travellers: Sequence[Traveller], titles: dict[str, str], shown: set[str]) -> None:
    """Without a terminal: a line whenever an order takes a step."""
    for traveller in travellers:
        stuck = traveller.stuck
        stations = [
            ("confirmed", traveller.confirmed_at and f"{traveller.erp_number}, ships on {traveller.ship_date}"),
            ("shipped", traveller.shipped_at),
            ("delivered", traveller.delivered_at),
            ("cancelled", traveller.cancelled_at),
            ("in review", stuck and f"{stuck.code}: {stuck.message}"),
        ]
        for name, news in stations:
            mark = f"{traveller.order_key}/{name}"
            if news and mark not in shown:
                shown.add(mark)
                console.print(
                    f"  {traveller.number} ({titles.get(traveller.order_key, '')}) {name}: {news}", markup=False
                )


def _invite(stage: Stage) -> None:
    console.rule("everything keeps running until Ctrl-C")
    console.print(f"store {stage.store_url}/_sim/orders · CRM {stage.crm_url}/_sim/records · ERP {stage.erp.base_url}")
    console.print("In another terminal:", style="bold")
    prefix = f"MILLSTREAM_CONFIG={stage.settings_file} .venv/bin/millstream"
    for command in ("orders list", "orders show 000000001", "deliveries list", "audit verify", "doctor"):
        console.print(f"  {prefix} {command}", markup=False)
