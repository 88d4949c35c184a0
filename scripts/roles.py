"""Who holds which role (A): shows it from the chain, grants and revokes.

    tools/brownie run roles main --network camellia
    tools/brownie run roles grant --network camellia -- --role gateway --account 0x…
    tools/brownie run roles revoke --network camellia -- --role gateway --account 0x…

ADMIN's operations are delayed: the first run announces, the same run after the delay carries out (exit code
3 in between).
"""

from __future__ import annotations

from eth_utils.address import is_address, to_checksum_address
from rich.table import Table

from scripts.lib import chain, cli
from scripts.lib import city as city_file
from scripts.lib.city import delay_seconds
from scripts.lib.delays import announced, seconds_left
from scripts.lib.errors import Refusal, Waiting
from scripts.lib.municipality import Municipality, parser_arguments
from scripts.lib.plan import Plan, Send, carry_out
from scripts.lib.roles import ROLES_BY_KEY, Role


def main(*words: str) -> None:
    """Show who holds what."""
    cli.guarded(lambda: _show(words))


def grant(*words: str) -> None:
    """Give a role to an account, with the delay that the city's file has for the role."""
    cli.guarded(lambda: _change("grant", words))


def revoke(*words: str) -> None:
    """Take a role from an account."""
    cli.guarded(lambda: _change("revoke", words))


def holders(city: Municipality) -> dict[Role, dict[str, int]]:
    """Who was ever granted a role and holds it now, with the execution delay in seconds."""
    manager = city.contract("AccessManager")
    first = city.record.entries(city.code)["accessManager"]["block"]
    ever = chain.logs("AccessManager", manager.address, "RoleGranted", first)
    found: dict[Role, dict[str, int]] = {role: {} for role in Role}
    for role, account in sorted({(log["roleId"], log["account"]) for log in ever}):
        member, delay = manager.hasRole(role, account)
        if member:
            found[Role(role)][account] = delay
    return found


def _show(words: tuple[str, ...]) -> None:
    parser = cli.parser("roles main", "Shows who holds which role.")
    parser_arguments(parser)
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    names = {
        city.keys.address(name): name
        for name in (*ROLES_BY_KEY, *city_file.further_keys(), "treasury", "deployer")
        if city.keys.has(name)
    }
    table = Table(title=f"Roles of {city.code}", title_justify="left")
    for column in ("role", "holder", "key", "delay"):
        table.add_column(column, overflow="fold")
    for role, accounts in holders(city).items():
        for account, delay in accounts.items():
            table.add_row(role.name, account, names.get(account, "–"), f"{delay:,} s" if delay else "none")
    cli.console.print(table)


def _change(verb: str, words: tuple[str, ...]) -> None:
    parser = cli.parser(f"roles {verb}", f"{verb.capitalize()}s a role.")
    parser_arguments(parser)
    parser.add_argument("--role", required=True, choices=sorted(ROLES_BY_KEY))
    parser.add_argument("--account", required=True, help="an address, or the name of a key")
    given = cli.arguments(parser, words)
    city = Municipality.open(given)
    named = city.keys.address(given.account) if city.keys.has(given.account) else given.account
    if not is_address(named):
        raise Refusal(f"{given.account!r} is not an address, and no key has that name")
    role, account = ROLES_BY_KEY[given.role], to_checksum_address(named)
    if verb == "revoke" and role is Role.ADMIN and set(holders(city)[Role.ADMIN]) == {account}:
        raise Refusal("the last ADMIN cannot be revoked: nobody could grant a role again")
    delay = delay_seconds(city_file.load(city.code), role) if verb == "grant" else 0
    wanted = (True, delay) if verb == "grant" else (False, 0)
    manager = city.contract("AccessManager")
    arguments = (int(role), account, delay) if verb == "grant" else (int(role), account)
    data = chain.encode("AccessManager", f"{verb}Role", arguments)
    sends: tuple[Send, ...] = ()
    waits = False
    if tuple(manager.hasRole(role, account)) != wanted:
        send, waits = announced(city, manager.address, data, given.key)
        sends = (send,)
    facts = (("role", role.name), ("account", account), ("delay of the role", f"{delay:,} s"))
    carry_out(
        Plan(f"{verb.capitalize()} a role of {city.code}", facts, sends),
        city.keys,
        given.yes,
        lambda: [] if waits or tuple(manager.hasRole(role, account)) == wanted else ["it did not change"],
    )
    if waits:
        raise Waiting(
            f"announced; run the same again in {seconds_left(city, manager.address, data, given.key):,} s"
        )
