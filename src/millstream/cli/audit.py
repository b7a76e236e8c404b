"""`millstream audit`: proof that nobody altered the trail."""

import typer

from millstream.cli.session import Session, console, run

app = typer.Typer(help="The audit trail.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """The audit trail."""


@app.command()
def verify() -> None:
    """Recomputes the hash chain from the rows as they are now; exit code 1 if a row was altered."""

    async def work(session: Session) -> int:
        await session.audit.seal()
        verdict = await session.audit.verify()
        if verdict.broken_seal is not None:
            console.print(f"ALTERED: {verdict.detail}. Compare with a backup from before.", style="red")
            return 1
        console.print(f"untouched: {verdict.rows} rows under {verdict.seals} seals, {verdict.unsealed} not sealed yet")
        return 0

    run(work)
