"""The figures of the city: each one a name, its columns, and one statement (J-7, J-8).

What is shown as a page, as JSON and as CSV is the same rows. No figure names a person: sums, days, districts,
trades, programmes, and shops that applied under their shop's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import text

from gateway.domain.calendar import date_of
from gateway.domain.categories import CATEGORIES, category_name
from gateway.flow import figure_days
from gateway.flow.errors import Invalid
from gateway.flow.municipality import Municipality

MOST_DAYS: Final = 400
_DEFAULT_DAYS: Final = 31
_RATE_DAYS: Final = 7
_MOST_ROWS: Final = 10_000


class Kind(StrEnum):
    """What a column holds."""

    DAY = "day"
    WON = "won"
    COUNT = "count"
    NUMBER = "number"
    """An id: a district, a programme."""
    TEXT = "text"
    """Somebody's own words: never to be taken for a formula."""
    FLAG = "flag"


class Figure(StrEnum):
    """All of them; `PUBLIC` says which anybody may see."""

    CIRCULATION = "circulation"
    ACTIVITY = "activity"
    DISTRICTS = "districts"
    CATEGORIES = "categories"
    PROGRAMMES = "programmes"
    PROGRAMME_DAYS = "programme-days"
    CAMPAIGNS = "campaigns"
    RELIEF = "relief"
    APPLICATIONS = "applications"
    RESERVE = "reserve"


PUBLIC: Final = frozenset({Figure.CIRCULATION, Figure.PROGRAMMES, Figure.RESERVE})

Value = str | int | bool | date | None


@dataclass(frozen=True, slots=True)
class Table:
    """A figure as it was asked for. `made_at`: when its days were summed up last, None if never, or if the
    figure is of now."""

    figure: Figure
    since: date
    until: date
    made_at: int | None
    columns: Mapping[str, Kind]
    rows: Sequence[Mapping[str, Value]]


@dataclass(frozen=True, slots=True)
class _Recipe:
    columns: Mapping[str, Kind]
    statement: str
    of_days: bool = True


_DAY, _WON, _COUNT, _NUMBER, _TEXT, _FLAG = Kind

# The supply now less what came after a day is the supply at its end: no day before the window is read.
CIRCULATION: Final = """
    SELECT day, issued AS issued_won, redeemed AS redeemed_won,
           (SELECT issued - redeemed FROM mirror_city WHERE currency = :currency)
           - COALESCE(sum(issued - redeemed) OVER (ORDER BY day DESC ROWS BETWEEN UNBOUNDED PRECEDING
                                                   AND 1 PRECEDING), 0)
           - (SELECT COALESCE(sum(issued - redeemed), 0) FROM figure_days
              WHERE currency = :currency AND day > :until) AS circulation_won,
           paid AS paid_won, refunded AS refunded_won
    FROM figure_days WHERE currency = :currency AND day BETWEEN :since AND :until ORDER BY day"""

_SPENDING: Final = """
    SELECT {by} AS number, sum(payments) AS payments, sum(paid) AS paid_won, sum(city) AS city_money_won
    FROM figure_spending WHERE currency = :currency AND day BETWEEN :since AND :until
    GROUP BY {by} ORDER BY paid_won DESC, number"""

# At the mean of the last seven days; a programme ends when it expires, whatever is left.
_RATE: Final = """
    SELECT number, sum(amount) AS won FROM figure_draws
    WHERE currency = :currency AND kind = {kind} AND day > :rate_from AND day <= :today GROUP BY number"""
_FORECAST: Final = """
    CASE WHEN {left} <= 0 THEN NULL
         WHEN COALESCE(r.won, 0) <= 0 THEN NULL
         ELSE LEAST(CAST(:today AS date) + LEAST(ceil({left} * {days}.0 / r.won), 36500)::int,
                    DATE '1970-01-01' + (({ends} - 1 + 32400) / 86400)::int) END AS forecast_end"""
_DATE: Final = "DATE '1970-01-01' + (({at} + 32400) / 86400)::int"

PROGRAMMES: Final = f"""
    WITH r AS ({_RATE.format(kind=figure_days.PROGRAMME)})
    SELECT p.programme AS number, label AS name,
           {_DATE.format(at="starts_at")} AS first_day, {_DATE.format(at="expires_at - 1")} AS last_day,
           status = 1 AS open, funded AS funded_won, funded - budget_left - swept AS granted_won,
           spent AS spent_won, outstanding AS unspent_won, budget_left AS budget_left_won,
           swept AS returned_won, GREATEST(COALESCE(r.won, 0), 0) / {_RATE_DAYS} AS a_day_won,
           {_FORECAST.format(left="p.outstanding", days=_RATE_DAYS, ends="p.expires_at")}
    FROM mirror_programme p LEFT JOIN r ON r.number = p.programme
    WHERE p.currency = :currency ORDER BY p.programme DESC LIMIT {_MOST_ROWS}"""

PROGRAMME_DAYS: Final = f"""
    SELECT d.day, d.number, label AS name, d.amount AS spent_won,
           p.outstanding + p.budget_left + COALESCE((
               SELECT sum(later.amount) FROM figure_draws later
               WHERE later.currency = d.currency AND later.kind = d.kind AND later.number = d.number
                 AND later.day > d.day), 0) AS left_won
    FROM figure_draws d
    JOIN mirror_programme p ON p.currency = d.currency AND p.programme = d.number
    WHERE d.currency = :currency AND d.kind = {figure_days.PROGRAMME} AND d.day BETWEEN :since AND :until
    ORDER BY d.day, d.number LIMIT {_MOST_ROWS}"""

CAMPAIGNS: Final = f"""
    WITH r AS ({_RATE.format(kind=figure_days.CAMPAIGN)})
    SELECT c.campaign AS number, label AS name,
           {_DATE.format(at="starts_at")} AS first_day, {_DATE.format(at="ends_at - 1")} AS last_day,
           status = 1 AS open, budget_left + earned AS budget_won, earned AS earned_won,
           budget_left AS budget_left_won, GREATEST(COALESCE(r.won, 0), 0) / {_RATE_DAYS} AS a_day_won,
           {_FORECAST.format(left="c.budget_left", days=_RATE_DAYS, ends="c.ends_at")}
    FROM mirror_campaign c LEFT JOIN r ON r.number = c.campaign
    WHERE c.currency = :currency ORDER BY c.campaign DESC LIMIT {_MOST_ROWS}"""

RELIEF: Final = f"""
    SELECT p.programme AS number, label AS name, COALESCE(l.recipients, 0) AS listed_recipients,
           COALESCE(l.chunks, 0) AS chunks, COALESCE(l.won, 0) AS listed_won,
           COALESCE(c.recipients, 0) AS single_recipients, COALESCE(c.won, 0) AS single_won,
           p.funded AS funded_won, COALESCE(l.won, 0) + COALESCE(c.won, 0) AS granted_won,
           p.spent AS spent_won
    FROM mirror_programme p
    LEFT JOIN (SELECT programme, count(*) AS chunks, sum(recipients) AS recipients, sum(amount) AS won
               FROM mirror_roll WHERE currency = :currency GROUP BY programme) l USING (programme)
    LEFT JOIN (SELECT programme, count(*) AS recipients, sum(credits) AS won
               FROM mirror_city_money WHERE currency = :currency AND credits > 0
               GROUP BY programme) c USING (programme)
    WHERE p.currency = :currency ORDER BY p.programme DESC LIMIT {_MOST_ROWS}"""

APPLICATIONS: Final = f"""
    SELECT application::text AS application, name, mcc, category, district, sales_band,
           {_DATE.format(at="applied_at")} AS applied_on, {_DATE.format(at="applied_at")} + 7 AS due_on,
           CAST(:today AS date) - ({_DATE.format(at="applied_at")}) AS days_waiting
    FROM merchants WHERE currency = :currency AND state = 'applied'
    ORDER BY applied_at, application LIMIT {_MOST_ROWS}"""

RESERVE: Final = """
    SELECT DISTINCT ON (day) day, version, holds,
           (document::jsonb ->> 'closing_won')::bigint AS in_accounts_won,
           (document::jsonb ->> 'supply_won')::bigint AS supply_won,
           (document::jsonb ->> 'unissued_won')::bigint AS unissued_won,
           (document::jsonb ->> 'interest_won')::bigint AS interest_won,
           (document::jsonb ->> 'in_transit_won')::bigint AS in_transit_won,
           difference AS difference_won, '0x' || encode(proof_hash, 'hex') AS proof_hash,
           anchored_at IS NOT NULL AS anchored
    FROM reserve_proofs WHERE currency = :currency AND day BETWEEN :since AND :until
    ORDER BY day, version DESC"""

_RECIPES: Final[Mapping[Figure, _Recipe]] = {
    Figure.CIRCULATION: _Recipe(
        {
            "day": _DAY,
            "issued_won": _WON,
            "redeemed_won": _WON,
            "circulation_won": _WON,
            "paid_won": _WON,
            "refunded_won": _WON,
        },
        CIRCULATION,
    ),
    Figure.ACTIVITY: _Recipe(
        {
            "day": _DAY,
            "citizens": _COUNT,
            "merchants": _COUNT,
            "payments": _COUNT,
            "paid_won": _WON,
            "own_won": _WON,
            "city_money_won": _WON,
            "cashback_spent_won": _WON,
            "cashback_earned_won": _WON,
        },
        """
    SELECT day, citizens, merchants, payments, paid AS paid_won, own AS own_won, city AS city_money_won,
           cashback_spent AS cashback_spent_won, cashback_earned AS cashback_earned_won
    FROM figure_days WHERE currency = :currency AND day BETWEEN :since AND :until ORDER BY day""",
    ),
    Figure.DISTRICTS: _Recipe(
        {
            "number": _NUMBER,
            "ko": _TEXT,
            "en": _TEXT,
            "payments": _COUNT,
            "paid_won": _WON,
            "city_money_won": _WON,
        },
        _SPENDING.format(by="district"),
    ),
    Figure.CATEGORIES: _Recipe(
        {
            "number": _NUMBER,
            "ko": _TEXT,
            "en": _TEXT,
            "payments": _COUNT,
            "paid_won": _WON,
            "city_money_won": _WON,
        },
        _SPENDING.format(by="category"),
    ),
    Figure.PROGRAMMES: _Recipe(
        {
            "number": _NUMBER,
            "name": _TEXT,
            "first_day": _DAY,
            "last_day": _DAY,
            "open": _FLAG,
            "funded_won": _WON,
            "granted_won": _WON,
            "spent_won": _WON,
            "unspent_won": _WON,
            "budget_left_won": _WON,
            "returned_won": _WON,
            "a_day_won": _WON,
            "forecast_end": _DAY,
        },
        PROGRAMMES,
        of_days=False,
    ),
    Figure.PROGRAMME_DAYS: _Recipe(
        {"day": _DAY, "number": _NUMBER, "name": _TEXT, "spent_won": _WON, "left_won": _WON}, PROGRAMME_DAYS
    ),
    Figure.CAMPAIGNS: _Recipe(
        {
            "number": _NUMBER,
            "name": _TEXT,
            "first_day": _DAY,
            "last_day": _DAY,
            "open": _FLAG,
            "budget_won": _WON,
            "earned_won": _WON,
            "budget_left_won": _WON,
            "a_day_won": _WON,
            "forecast_end": _DAY,
        },
        CAMPAIGNS,
        of_days=False,
    ),
    Figure.RELIEF: _Recipe(
        {
            "number": _NUMBER,
            "name": _TEXT,
            "listed_recipients": _COUNT,
            "chunks": _COUNT,
            "listed_won": _WON,
            "single_recipients": _COUNT,
            "single_won": _WON,
            "funded_won": _WON,
            "granted_won": _WON,
            "spent_won": _WON,
        },
        RELIEF,
        of_days=False,
    ),
    Figure.APPLICATIONS: _Recipe(
        {
            "application": _TEXT,
            "name": _TEXT,
            "mcc": _TEXT,
            "category": _NUMBER,
            "district": _NUMBER,
            "sales_band": _NUMBER,
            "applied_on": _DAY,
            "due_on": _DAY,
            "days_waiting": _COUNT,
        },
        APPLICATIONS,
        of_days=False,
    ),
    Figure.RESERVE: _Recipe(
        {
            "day": _DAY,
            "version": _NUMBER,
            "holds": _FLAG,
            "in_accounts_won": _WON,
            "supply_won": _WON,
            "unissued_won": _WON,
            "interest_won": _WON,
            "in_transit_won": _WON,
            "difference_won": _WON,
            "proof_hash": _TEXT,
            "anchored": _FLAG,
        },
        RESERVE,
    ),
}


async def read(m: Municipality, figure: Figure, since: date | None, until: date | None) -> Table:
    """A figure of the days `since` to `until`, both counted; by default the last 31. Raises Invalid."""
    recipe, today = _RECIPES[figure], date_of(m.clock.now())
    until = today if until is None else until
    since = until - timedelta(days=_DEFAULT_DAYS - 1) if since is None else since
    if not since <= until or (until - since).days >= MOST_DAYS:
        raise Invalid(
            "since",
            f"The first day comes first, and at most {MOST_DAYS} days are shown.",
            f"시작일이 종료일보다 앞서야 하며, 최대 {MOST_DAYS}일까지 볼 수 있습니다.",
        )
    given: dict[str, Any] = {"currency": m.code}
    optional = {
        "since": since,
        "until": until,
        "today": today,
        "rate_from": today - timedelta(days=_RATE_DAYS),
    }
    given |= {name: value for name, value in optional.items() if f":{name}" in recipe.statement}
    async with m.engine.connect() as connection:
        found = (await connection.execute(text(recipe.statement), given)).mappings().all()
        made_at = await figure_days.made_at(m, connection) if recipe.of_days else None
    rows = [_named(m, figure, row) for row in found]
    return Table(figure, since, until, made_at, recipe.columns, rows)


def _named(m: Municipality, figure: Figure, row: Mapping[Any, Any]) -> Mapping[str, Value]:
    """A row in the order of its columns, sums as integers, districts and trades by name."""
    told: dict[str, Any] = {name: _plain(value) for name, value in row.items()}
    if figure is Figure.DISTRICTS:
        found = next((one for one in m.city.districts if one.number == told["number"]), None)
        told |= {"ko": found.ko, "en": found.en} if found else {"ko": "기타", "en": "Other"}
    elif figure is Figure.CATEGORIES:
        known = told["number"] if told["number"] < len(CATEGORIES) else 0
        told |= {"ko": category_name(known, "ko"), "en": category_name(known, "en")}
    return {name: told[name] for name in _RECIPES[figure].columns}


def _plain(value: Any) -> Value:
    """Sums come as decimals; a label is 32 bytes of anybody who may open a programme."""
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode(errors="replace")
    return value if value is None or isinstance(value, str | bool | date) else int(value)
