"""The city's money as the chain tells it, read in one round trip after every step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gateway.domain.calendar import month_index
from tests.contracts.stateful.model import Model
from tests.contracts.stateful.town import Town, wallet_of

PLATFORM = ("Programmes", "Cashback", "Settlement")


@dataclass
class ChainState:
    """Results of the views, under the same keys as the model's dictionaries. Amounts in won."""

    supply: int = 0
    totals: tuple[int, int] = (0, 0)  # issued, redeemed
    treasury: int = 0
    platform: dict[str, int] = field(default_factory=dict)
    own: dict[int, int] = field(default_factory=dict)
    tills: dict[int, int] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)
    accounts: dict[int, tuple[int, int, int]] = field(default_factory=dict)  # credit, month, base
    months: dict[int, tuple[int, int]] = field(default_factory=dict)  # bought, given
    cards: dict[int, tuple[int, int]] = field(default_factory=dict)  # daily limit, spent today
    funds: dict[int, Any] = field(default_factory=dict)  # (status, Totals)
    city: dict[tuple[int, int], int] = field(default_factory=dict)  # by (programme, citizen)
    open_funds: tuple[int, ...] = ()
    pots: dict[int, Any] = field(default_factory=dict)  # (status, Totals)
    credits: int = 0
    float_left: int = 0
    cycles: dict[int, Any] = field(default_factory=dict)
    lines: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # status, amount


def read_chain(town: Town, model: Model) -> ChainState:
    """Read every figure that an invariant speaks of; ids and wallets are taken from the model."""
    state = ChainState()
    views: list[tuple[Any, ...]] = []
    put: list[tuple[Any, Any]] = []

    def ask(into: Any, key: Any, *view: Any) -> None:
        views.append(view)
        put.append((into, key))

    found = vars(state)
    ask(found, "supply", "LocalCurrency", "totalSupply")
    ask(found, "totals", "LocalCurrency", "totals")
    ask(found, "treasury", "LocalCurrency", "balanceOf", wallet_of("treasury"))
    ask(found, "credits", "Cashback", "outstanding")
    ask(found, "float_left", "Settlement", "floatLeft")
    ask(found, "open_funds", "Programmes", "openProgrammes")
    for name in PLATFORM:
        ask(state.platform, name, "LocalCurrency", "balanceOf", town.at[name])
    for number, citizen in model.citizens.items():
        ask(state.own, number, "LocalCurrency", "balanceOf", wallet_of(citizen.wallet))
        ask(state.accounts, number, "Cashback", "accountOf", number)
        ask(state.months, number, "LocalCurrency", "monthOf", number)
        ask(state.cards, number, "Payments", "cardOf", number)
        for fund in model.funds:
            ask(state.city, (fund, number), "Programmes", "balanceOf", fund, number)
    for number, shop in model.shops.items():
        ask(state.tills, number, "LocalCurrency", "balanceOf", wallet_of(shop.wallet))
        ask(state.owed, number, "Settlement", "owedBy", number)
    for number in model.funds:
        ask(state.funds, number, "Programmes", "totalsOf", number)
    for number in model.pots:
        ask(state.pots, number, "Cashback", "totalsOf", number)
    for day, cycle in model.cycles.items():
        ask(state.cycles, day, "Settlement", "cycleOf", day)
        for number in cycle.lines:
            ask(state.lines, (day, number), "Settlement", "lineOf", day, number)
    for (into, key), result in zip(put, town.read_many(views), strict=True):
        into[key] = result
    return state


def month_base(account: tuple[int, int, int], now: int) -> int:
    """The base that counts this month, of a chain account: an earlier month's is history (K-1)."""
    return account[2] if account[1] == month_index(now) else 0
