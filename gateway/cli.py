"""`camellia`: start a city, stop it, settle, audit."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Coroutine
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import structlog
import typer
import uvloop
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from gateway.app import serve as serve_api
from gateway.card_host import host_cards
from gateway.chain.errors import ChainError
from gateway.config import Settings, load_settings, state_folder
from gateway.domain.business_days import KST
from gateway.domain.money import format_won
from gateway.domain.participants import COHORTS
from gateway.domain.replay.rules import OtherRules
from gateway.engine import Engines
from gateway.engine.process import EngineError
from gateway.flow.errors import FlowError
from gateway.logs import set_up_logs
from gateway.wiring import processes
from gateway.wiring.processes import City
from gateway.worker import work as work_until_ended

app = typer.Typer(
    name="camellia",
    help="Start a city, stop it, settle, audit.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: the boxes tell of every flag that it is a <bool>
    pretty_exceptions_enable=False,
)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
log = structlog.get_logger(__name__)

T = TypeVar("T")

_WATCH_SECONDS = 1.0
_DOWN = "[red]error:[/] the city does not run: make up"


@app.command(short_help="Start a city.")
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
            with launch.watching() as alone:
                if alone:
                    _watch(launch)
                else:
                    console.print("Another `camellia up` watches over this city, and stops it with Ctrl-C.")
    except EngineError as error:
        errors.print(f"[red]error:[/] {error}")
        raise typer.Exit(1) from error


@app.command()
def down() -> None:
    """Stop the city in good order. What it holds stays in the state folder."""
    set_up_logs("camellia down", quiet=True)
    from gateway.wiring.launch import Launch

    try:
        Launch(state_folder(), console, simulators=True).stop()
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
    if not any(engine.running for engine in engines.status()):
        errors.print(_DOWN)
    raise typer.Exit(0 if all_run else 1)


@app.command()
def serve() -> None:
    """Run the API process in the foreground."""
    set_up_logs("camellia serve")
    serve_api(_settings())


@app.command(short_help="Run the worker process in the foreground.")
def work() -> None:
    """Run the worker process in the foreground: relayers, indexers, the bank's files, the schedule."""
    set_up_logs("camellia work")
    uvloop.run(work_until_ended(_settings()))


@app.command()
def cards() -> None:
    """Run the card host in the foreground: ISO 8583 for card networks."""
    set_up_logs("camellia cards")
    uvloop.run(host_cards(_settings()))


@app.command(short_help="Close the cycle that pays a day's sales.")
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
    settings, code = _running(city)
    now = datetime.fromtimestamp(settings.clock.now(), KST).date()
    try:
        sales_day = date.fromisoformat(day) if day else now
    except ValueError as error:
        raise typer.BadParameter("a date is YYYY-MM-DD") from error
    found = _told(settle_day(settings, code, sales_day, wait, early=early))
    merchants = "1 merchant" if found.lines == 1 else f"{found.lines} merchants"
    console.print(
        f"cycle {found.cycle}: {found.state}, {merchants}, "
        f"{format_won(found.total_won)}, paid on {found.execution_on}"
    )
    raise typer.Exit(0 if found.is_sent else 1)


@app.command(short_help="Rebuild every balance from the chain alone, and compare.")
def audit(
    city: Annotated[str, typer.Option(help="The municipality; default the first.")] = "",
) -> None:
    """Rebuild every balance from the chain alone; compare with the database and the bank's last statement."""
    from gateway.wiring.audit import audit_city

    set_up_logs("camellia audit", quiet=True)
    report = _told(audit_city(*_running(city)))
    table = Table(title=f"Audit at block {report.block}", title_justify="left")
    for column in ("check", "compared", "differences"):
        table.add_column(column, justify="left" if column == "check" else "right")
    for check in report.checks:
        table.add_row(check.name, f"{check.compared:,}", check.found)
    console.print(table)
    for check in report.checks:
        for difference in check.differences:
            errors.print(f"[red]differs:[/] {check.name}: {difference}", markup=True)
    raise typer.Exit(1 if report.differences else 0)


@app.command(short_help="Replay past payments under other cashback rules.")
def simulate(
    city: Annotated[str, typer.Option(help="The municipality; default the first.")] = "",
    rates: Annotated[
        str, typer.Option(help="Basis points by sales band, as 1000,800,0,0; default as they were.")
    ] = "",
    bonuses: Annotated[
        str, typer.Option(help="Basis points by cohort from 0 on, as 0,200,200; default as they were.")
    ] = "",
    cap: Annotated[int | None, typer.Option(help="Won a citizen-month that earn; default as it was.")] = None,
    budget: Annotated[int | None, typer.Option(help="Won of each campaign; default as it was.")] = None,
    without_district: Annotated[list[int] | None, typer.Option(help="Earns nothing; repeat.")] = None,
    without_category: Annotated[list[int] | None, typer.Option(help="Earns nothing; repeat.")] = None,
    without_cohort: Annotated[list[int] | None, typer.Option(help="Earns nothing; repeat.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write tables and charts to this file.")] = None,
) -> None:
    """What past payments would have cost under other cashback rules, when the budget would have ended, and
    who would have gained or lost. Changes nothing."""
    from gateway.wiring.simulate import simulate_city
    from gateway.wiring.simulate_page import page
    from gateway.wiring.simulate_tables import tables

    set_up_logs("camellia simulate", quiet=True)
    if html and not (html.parent.is_dir() and not html.is_dir()):
        raise typer.BadParameter(f"{html} cannot be written: no such folder, or a folder itself")
    try:
        tried = OtherRules(
            band_rates_bps=_numbers(rates),
            cohort_bonus_bps=_cohort_bonuses(bonuses),
            monthly_cap_won=cap,
            budget_won=budget,
            excluded_districts=frozenset(without_district or ()),
            excluded_categories=frozenset(without_category or ()),
            excluded_cohorts=frozenset(without_cohort or ()),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    settings, code = _running(city)
    found = _told(simulate_city(settings, code, tried))
    rules = next(known for known in settings.cities if known.code == code)
    for table in tables(found, rules):
        console.print(table)
    if html:
        html.write_text(page(found, tried, rules), encoding="utf-8")
        console.print(f"written: {html}")
    if found.differing:
        errors.print(
            f"[red]error:[/] of {found.differing:,} events today's rules do not give what the chain recorded"
        )
        raise typer.Exit(1)


def _numbers(text: str) -> tuple[int, ...] | None:
    """Raises ValueError."""
    words = [word.strip() for word in text.split(",")] if text else []
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise ValueError(f"{text!r} is not whole numbers with commas between them, as 1000,800,0,0")
    return tuple(int(word) for word in words) or None


def _cohort_bonuses(text: str) -> tuple[int, ...] | None:
    """Those not given are 0."""
    given = _numbers(text)
    return given and (*given, *(0,) * (COHORTS - len(given)))


@app.command(short_help="Prove the reserve.")
def reserve(
    day: Annotated[
        str, typer.Option("--date", help="One KST day, YYYY-MM-DD; default every day until yesterday.")
    ] = "",
    city: Annotated[str, typer.Option(help="The municipality; default the first.")] = "",
) -> None:
    """Make the proofs of reserve anew from statements and chain, and hold them against those that are
    published. Exit code 1 when one does not hold."""
    from gateway.wiring.commands import prove_reserve

    set_up_logs("camellia reserve", quiet=True)
    settings, code = _running(city)
    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError as error:
        raise typer.BadParameter("a date is YYYY-MM-DD") from error
    proofs = _told(prove_reserve(settings, code, wanted))
    table = Table(title=f"Reserve of {code}", title_justify="left")
    for column in ("day", "in the accounts", "expected", "difference", "published"):
        table.add_column(column, justify="left" if column == "day" else "right")
    for proof, published in proofs:
        expected = None if proof.position is None else proof.position.expected_won
        amounts = (proof.closing_won, expected, proof.difference_won)
        shown = ("?" if amount is None else format_won(amount) for amount in amounts)
        table.add_row(str(proof.day), *shown, published)
    console.print(table)
    for proof, published in proofs:
        for found in proof.all_findings:
            words = f"{proof.day}: {found.kind.value}: {found.item}: {format_won(found.amount_won)}"
            errors.print(f"[red]differs:[/] {escape(words)}")
        if published == "differs":
            errors.print(f"[red]differs:[/] {proof.day}: not what was published and anchored")
    bad = [proof for proof, published in proofs if not proof.holds or published == "differs"]
    raise typer.Exit(1 if bad or not proofs else 0)


def _running(code: str) -> tuple[Settings, str]:
    """The settings of a city that runs, and the municipality asked for. Ends the program otherwise."""
    elsewhere = {"postgres": "CAMELLIA_DATABASE_URL", "anvil": "CAMELLIA_RPC_URL"}
    for engine in Engines(state_folder()).status():
        if not engine.running and not os.environ.get(elsewhere[engine.name]):
            errors.print(_DOWN)
            raise typer.Exit(1)
    settings = _settings()
    codes = [city.code for city in settings.cities]
    if code and code not in codes:
        raise typer.BadParameter(f"no city {code!r} here, only {', '.join(codes)} (CAMELLIA_CITY)")
    return settings, code or codes[0]


def _told(work: Coroutine[Any, Any, T]) -> T:
    """What the work finds. Why it cannot be done is one line, and exit code 1."""
    try:
        return asyncio.run(work)
    except (FlowError, ChainError, FileNotFoundError) as error:
        said = str(error)
    except (OSError, DBAPIError) as error:
        # A driver's own words may hold an address with its password.
        said = f"the database or the node does not answer ({type(error).__name__}); does the city run?"
    errors.print(f"[red]error:[/] {escape(said)}")
    raise typer.Exit(1)


def _settings() -> Settings:
    try:
        return load_settings()
    except (OSError, ValueError, EngineError) as error:
        errors.print(f"[red]error:[/] {error}")
        raise typer.Exit(2) from error


def _watch(launch: object) -> None:
    """Stay in the foreground and start again what dies, until a signal, which stops the city, or until
    somebody else stops it."""
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
