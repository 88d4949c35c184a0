"""Issues to the city treasury against the city's own bank deposit, and sets what an issuer may issue.

tools/brownie run issue allowance --network camellia -- --amount 10000000000
tools/brownie run issue main --network camellia -- --amount 500000000 --bank 032 --reference R20260511-1
"""

from __future__ import annotations

import re

from gateway.domain.keccak import keccak256
from gateway.domain.money import format_won, parse_won
from scripts.lib import chain, cli
from scripts.lib.errors import Refusal
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, Send, carry_out
from scripts.lib.roles import Role

_BANK_CODE = re.compile(r"[0-9]{3}")


def main(*words: str) -> None:
    """Issue to the treasury."""
    cli.guarded(lambda: _issue(words))


def allowance(*words: str) -> None:
    """Set how much an issuer may still issue."""
    cli.guarded(lambda: _allowance(words))


def deposit_ref(bank: str, reference: str) -> bytes:
    """keccak256 of the bank's code and its reference (O-3), a colon between them.

    Raises Refusal when the code is not three digits or the reference is empty.
    """
    if not _BANK_CODE.fullmatch(bank):
        raise Refusal(f"a bank's code is three digits, not {bank!r}")
    if not reference.strip():
        raise Refusal("a deposit has a reference of its bank")
    return keccak256(f"{bank}:{reference.strip()}".encode())


def _issue(words: tuple[str, ...]) -> None:
    parser = cli.parser("issue main", "Issues to the city treasury against a deposit of the city.")
    parser_arguments(parser)
    parser.add_argument("--amount", required=True, help="won")
    parser.add_argument("--bank", required=True, help="the bank's code, three digits")
    parser.add_argument("--reference", required=True, help="the bank's reference of the deposit")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    amount, reference = parse_won(given.amount), deposit_ref(given.bank, given.reference)
    currency = city.contract("LocalCurrency")
    if currency.isIssued(reference):
        raise Refusal(f"deposit {given.bank} {given.reference} was issued before (O-3)")
    treasury = currency.treasury()
    before, issued = currency.balanceOf(treasury), currency.totals()[0]
    send = city.send(
        "issue to the treasury",
        Role.ISSUER,
        "LocalCurrency",
        "issueToTreasury",
        amount,
        reference,
        key=given.key,
    )
    plan = Plan(
        f"Issue to the treasury of {city.code}",
        (
            ("amount", format_won(amount)),
            ("deposit", f"bank {given.bank}, {given.reference}"),
            ("treasury", f"{treasury}, holds {format_won(before)}"),
            ("allowance", format_won(currency.issuerAllowance(city.keys.address(send.key)))),
        ),
        (send,),
        city.warnings(given.key, Role.ISSUER),
    )

    def check() -> list[str]:
        wrong = []
        if not currency.isIssued(reference):
            wrong.append("the deposit is not marked as issued")
        if currency.totals()[0] < issued + amount:
            wrong.append("the issued total did not grow by the amount")
        logged = [e for e in _issues(city) if e["depositRef"] == reference]
        if [e["amount"] for e in logged] != [amount]:
            wrong.append("the chain has not exactly one issue of this deposit")
        return wrong

    carry_out(plan, city.keys, given.yes, check)
    cli.console.print(f"treasury now holds {format_won(currency.balanceOf(treasury))}")


def _issues(city: Municipality) -> list[dict]:
    first = city.record.entries(city.code)["currency"]["block"]
    return chain.logs("LocalCurrency", city.address("LocalCurrency"), "IssuedToTreasury", first)


def _allowance(words: tuple[str, ...]) -> None:
    parser = cli.parser("issue allowance", "Sets how much an issuer may still issue.")
    parser_arguments(parser)
    parser.add_argument("--amount", required=True, help="won, from now on")
    parser.add_argument("--issuer", help="address (default: the issuer key's)")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    amount = parse_won(given.amount)
    issuer = given.issuer or city.keys.address(Role.ISSUER.key)
    currency = city.contract("LocalCurrency")
    before = currency.issuerAllowance(issuer)
    sends: tuple[Send, ...] = ()
    if before != amount:
        sends = (
            city.send(
                "set allowance",
                Role.TREASURER,
                "LocalCurrency",
                "setIssuerAllowance",
                issuer,
                amount,
                key=given.key,
            ),
        )
    facts = (("issuer", issuer), ("now", format_won(before)), ("then", format_won(amount)))
    carry_out(
        Plan(f"Issuer's allowance of {city.code}", facts, sends),
        city.keys,
        given.yes,
        lambda: [] if currency.issuerAllowance(issuer) == amount else ["the allowance is another one"],
    )
