"""`camellia`: start a city, stop it, settle, audit."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import date, datetime
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table

from gateway.app import serve as serve_api
from gateway.config import Settings, load_settings, state_folder
from gateway.domain.business_days import KST
from gateway.domain.money import format_won
from gateway.engine import Engines
from gateway.engine.process import EngineError
from gateway.flow.errors import Conflict
from gateway.logs import set_up_logs
from gateway.wiring import processes
from gateway.wiring.processes import City
from gateway.worker import work as work_until_ended

app = typer.Typer(
    name="camellia", help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
log = structlog.get_logger(__name__)

_WATCH_SECONDS = 1.0


@app.command()
def up(
    simulators: Annotated[bool, typer.Option(help="Start the bank and SMS simulators too.")] = True,
    detach: Annotated[bool, typer.Option(help="Return once everything runs.")] = False,
) -> None:
    """Start a city: engines, contracts if the chain has none, migrations, gateway. Any number of times."""
    from gateway.wiring.launch import Launch

    set_up_logs("camellia up", quiet=True)
    launch = Launch(state_folder(), console, simulators=simulators)
    try:
        launch.start()
        launch.show()
        if not detach:
            _watch(launch)
    except EngineError as error:
        errors.print(f"[red]error:[/] {error}")
        raise typer.Exit(1) from error


@app.command()
def down() -> None:
    """Stop the city in good order. What it holds stays in the state folder."""
    set_up_logs("camellia down", quiet=True)
    city, engines = City(state_folder()), Engines(state_folder())
    try:
        for name in reversed(processes.NAMES):
            if city.stop(name):
                console.print(f"stopped {name}")
        engines.stop()
    except EngineError as error:
        errors.print(f"[red]error:[/] {error}")
        raise typer.Exit(1) from error
    console.print("stopped")


@app.command()
def status() -> None:
    """Tell what runs. Exit code 1 when something does not."""
    city, engines = City(state_folder()), Engines(state_folder())
    table = Table(box=None)
    for column in ("part", "state", "process", "port"):
        table.add_column(column)
    all_run = True
    for engine in engines.status():
        all_run &= engine.running
        table.add_row(engine.name, _word(engine.running), str(engine.pid or ""), str(engine.port or ""))
    for name in processes.NAMES:
        record = city.record(name)
        running = record is not None and record.is_alive()
        if record is None:
            continue  # never started here: a city with a real bank has no simulator of one
        all_run &= running
        pid, port = (str(record.pid), str(record.port or "")) if running else ("", "")
        table.add_row(name, _word(running), pid, port)
    console.print(table)
    raise typer.Exit(0 if all_run else 1)


@app.command()
def serve() -> None:
    """Run the API process in the foreground."""
    set_up_logs("camellia serve")
    serve_api(_settings())


@app.command()
def work() -> None:
    """Run the worker process in the foreground: relayers, indexers, the bank's files, the schedule."""
    set_up_logs("camellia work")
    asyncio.run(work_until_ended(_settings()))


@app.command()
def settle(
    day: Annotated[
        str, typer.Option("--date", help="The KST day of the sales, YYYY-MM-DD; default today.")
    ] = "",
    city: Annotated[str, typer.Option(help="The municipality; default the first.")] = "",
    early: Annotated[
        bool, typer.Option(help="Even if the cycle has yet to take the sales of a weekend or holiday.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait until the bank has the file.")] = 60.0,
) -> None:
    """Close the cycle that pays a day's sales, and bring its file to the bank. The worker has to run."""
    from gateway.wiring.commands import settle_day

    set_up_logs("camellia settle", quiet=True)
    settings = _settings()
    now = datetime.fromtimestamp(settings.clock.now(), KST).date()
    try:
        sales_day = date.fromisoformat(day) if day else now
    except ValueError as error:
        raise typer.BadParameter("a date is YYYY-MM-DD") from error
    code = city or settings.cities[0].code
    try:
        found = asyncio.run(settle_day(settings, code, sales_day, wait, early=early))
    except Conflict as conflict:
        errors.print(f"error: {conflict}")
        raise typer.Exit(1) from conflict
    console.print(
        f"cycle {found.cycle}: {found.state}, {found.lines} merchants, "
        f"{format_won(found.total_won)}, paid on {found.execution_on}"
    )
    raise typer.Exit(0 if found.is_sent else 1)


@app.command()
def audit(
    city: Annotated[str, typer.Option(help="The municipality; default the first.")] = "",
) -> None:
    """Rebuild every balance from the chain alone; compare with the database and the bank's last statement."""
    from gateway.wiring.audit import audit_city

    set_up_logs("camellia audit", quiet=True)
    settings = _settings()
    report = asyncio.run(audit_city(settings, city or settings.cities[0].code))
    table = Table(title=f"Audit at block {report.block}", title_justify="left")
    for column in ("check", "compared", "differences"):
        table.add_column(column, justify="left" if column == "check" else "right")
    for check in report.checks:
        table.add_row(check.name, f"{check.compared:,}", str(len(check.differences) or "none"))
    console.print(table)
    for check in report.checks:
        for difference in check.differences:
            errors.print(f"[red]differs:[/] {check.name}: {difference}", markup=True)
    raise typer.Exit(1 if report.differences else 0)


def _settings() -> Settings:
    try:
        return load_settings()
    except (OSError, ValueError, EngineError) as error:
        errors.print(f"[red]error:[/] {error}")
        raise typer.Exit(2) from error


def _watch(launch: object) -> None:
    """Stay in the foreground and start again what dies, until a signal; then leave everything running."""
    from gateway.wiring.launch import Launch

    assert isinstance(launch, Launch)
    ended = False

    def end(*_: object) -> None:
        nonlocal ended
        ended = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    console.print("Ctrl-C stops the city.")
    while not ended:
        time.sleep(_WATCH_SECONDS)
        if launch.is_stopped():
            return
        try:
            launch.revive()
        except EngineError as error:
            errors.print(f"[yellow]trying again:[/] {error}")
    launch.stop()


def _word(running: bool) -> str:
    return "[green]running[/]" if running else "[red]not running[/]"


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    app()
