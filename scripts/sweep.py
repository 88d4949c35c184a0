"""Returns what is left of expired programmes to the treasury (M-6).

tools/brownie run sweep main --network camellia -- [--programme 1]
"""

from __future__ import annotations

from gateway.domain.money import format_won
from scripts.lib import chain, cli
from scripts.lib.errors import Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, carry_out
from scripts.lib.programmes import STATUS_OPEN
from scripts.lib.roles import Role


def main(*words: str) -> None:
    """Sweep one expired programme, or all of them."""
    cli.guarded(lambda: _sweep(words))


def _sweep(words: tuple[str, ...]) -> None:
    parser = cli.parser("sweep main", "Returns what is left of expired programmes to the treasury.")
    parser_arguments(parser)
    parser.add_argument("--programme", type=int, help="default: every expired one")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    programmes = city.contract("Programmes")
    count = programmes.programmeCount()
    if given.programme is not None and not 0 < given.programme <= count:
        raise Refusal(f"{city.code} has no programme {given.programme}")
    asked = [given.programme] if given.programme else range(1, count + 1)
    left = {}
    for programme in asked:
        status, totals = programmes.totalsOf(programme)
        if status != STATUS_OPEN:
            continue
        expires = programmes.rulesOf(programme)["expiresAt"]
        if expires <= chain.now():
            left[programme] = totals["budgetLeft"] + totals["outstanding"]
        elif given.programme:
            raise Refusal(f"programme {programme} expires in {expires - chain.now()} s (M-6)")
    sends = tuple(
        city.send(
            f"sweep {programme}", Role.PROGRAMME_MANAGER, "Programmes", "sweep", programme, key=given.key
        )
        for programme in left
    )
    facts = tuple((f"programme {programme}", format_won(amount)) for programme, amount in left.items())

    def check() -> list[str]:
        wrong = []
        for programme, amount in left.items():
            status, totals = programmes.totalsOf(programme)
            if status == STATUS_OPEN or totals["budgetLeft"] or totals["outstanding"]:
                wrong.append(f"programme {programme} still holds money")
            if totals["swept"] < amount:
                wrong.append(f"programme {programme} returned less than {format_won(amount)}")
        return wrong

    carry_out(Plan(f"Sweep expired programmes of {city.code}", facts, sends), city.keys, given.yes, check)
