"""`millstream deliveries amend`: another payload, which the delivery's flow can read."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from millstream.bootstrap import Runtime
from millstream.cli.choice import reason_said
from millstream.cli.hub import run_hub
from millstream.cli.session import actor, console
from millstream.flows.amendment import refuse_unreadable

STDIN = "-"


def amend(
    delivery_id: int,
    payload: Annotated[str, typer.Argument(help="JSON file with the new payload, - for standard input.")],
    reason: Annotated[str | None, typer.Option(help="Why; goes into the audit trail. Asked for if left out.")] = None,
) -> None:
    """Puts an amended payload beside the original and tries again."""
    why = _reason(reason, payload)
    amended = _object_in(payload)

    async def work(runtime: Runtime) -> int:
        story = await runtime.desk.show_delivery(delivery_id)
        if story is None:
            console.print(f"There is no delivery {delivery_id}. `millstream deliveries list` shows what there is.")
            return 1
        interpret = partial(runtime.hub.store.interpret, overlaid=False)
        refuse_unreadable(story.row.event_type, amended, interpret)
        await runtime.desk.amend(delivery_id, amended, actor=actor(), reason=why)
        console.print(f"delivery {delivery_id} amended; due now. The original stays beside it.")
        return 0

    run_hub(work)


def _reason(given: str | None, payload: str) -> str:
    """In a few words. It cannot be asked for where the payload itself comes in by standard input."""
    if given is None and payload == STDIN:
        raise typer.BadParameter("say why: --reason; standard input is taken by the payload")
    return reason_said(typer.prompt("Reason") if given is None else given)


def _object_in(payload: str) -> dict[str, Any]:
    """The JSON object a file holds, read as the API reads one."""
    name = "standard input" if payload == STDIN else payload
    try:
        raw = sys.stdin.buffer.read() if payload == STDIN else Path(payload).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{name} cannot be read: {error.strerror}") from None
    try:
        amended = msgspec.json.decode(raw)
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{name} is not in UTF-8; save it so, then amend with it") from None
    except msgspec.DecodeError as error:
        raise typer.BadParameter(f"{name} is no JSON: {error}") from None
    if not isinstance(amended, dict):
        raise typer.BadParameter("the payload must be a JSON object, like the one `deliveries show` prints")
    return amended
