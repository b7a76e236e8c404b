"""`millstream orders hold|unhold`: an order rests in the store, because a person says so."""

from typing import Annotated

import typer

from millstream.cli.choice import Reason
from millstream.cli.screen import plain
from millstream.cli.session import Session, actor, console, run
from millstream.domain.holding import Deed
from millstream.engine.routes import Routes
from millstream.engine.world import SystemWorld
from millstream.flows import ROUTES
from millstream.store.holding import PostgresHolding

Number = Annotated[str, typer.Argument(help="Any number that only this order carries.")]


def hold(number: Number, reason: Reason) -> None:
    """Puts an order on hold in the store: nothing of it is shipped there meanwhile. The ERP is not told."""
    _want(number, "hold", reason)


def unhold(number: Number, reason: Reason) -> None:
    """Takes an order off hold in the store."""
    _want(number, "unhold", reason)


def _want(number: str, deed: Deed, reason: str) -> None:
    async def work(session: Session) -> int:
        keys = await session.records.find_orders(number)
        if len(keys) > 1:
            console.print(plain(f"{len(keys)} orders carry {number}: {', '.join(keys)}. Say which one you mean."))
            return 1
        if not keys:
            console.print(plain(f"No store reported an order with the number {number}."))
            return 1
        desk = PostgresHolding(session.database, routes=Routes(ROUTES), world=SystemWorld())
        wanted = await desk.want(keys[0], deed, reason=reason, actor=actor())
        said = "written down" if wanted.is_new else f"was wanted before and is {wanted.state}, nothing is added"
        where = f"delivery {wanted.delivery_id}; `millstream orders show {number}` tells when it is done"
        console.print(plain(f"{deed} {wanted.order_key}: {said}; {where}."))
        return 0

    run(work)
