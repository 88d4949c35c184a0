"""A deployed municipality as a script sees it: its contracts, its keys, who may do what."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any, Final

from scripts.lib import chain
from scripts.lib.deployment import RECORD_NAMES
from scripts.lib.errors import Refusal
from scripts.lib.keys import Keyring
from scripts.lib.plan import Send
from scripts.lib.record import Record
from scripts.lib.roles import Role

GATEWAYS: Final = (Role.ISSUER, Role.REGISTRAR, Role.GATEWAY, Role.SETTLER)
"""The roles whose keys a running gateway signs with."""


@dataclass(frozen=True, slots=True)
class Municipality:
    """One municipality on the connected chain."""

    code: str
    chain_id: int
    record: Record
    keys: Keyring

    @classmethod
    def open(cls, given: argparse.Namespace) -> Municipality:
        """The municipality that the arguments name, or the only one of the chain.

        Raises Refusal for a network that is not ours, and for a chain or a municipality without a record.
        """
        chain_id = chain.chain_id()
        record = Record.open(chain_id)
        if not record.exists or not record.codes:
            raise Refusal(f"chain {chain_id} has no deployment record ({record.path})")
        code = given.city or (record.codes[0] if len(record.codes) == 1 else None)
        if code is None:
            raise Refusal(f"which city? give --city, one of {', '.join(record.codes)}")
        if code not in record.codes:
            raise Refusal(f"{record.path.name} knows no city {code!r}")
        opened = cls(code, chain_id, record, Keyring.from_environment())
        for contract in RECORD_NAMES.values():
            if contract == "directory":
                continue
            if not chain.code(record.address(code, contract)):
                raise Refusal(f"this chain has no {contract} of {code} where {record.path.name} says")
        return opened

    def contract(self, name: str) -> Any:
        """A contract by its Solidity name, to read from."""
        return chain.contract(name, self.address(name))

    def address(self, name: str) -> str:
        """Where the contract of that Solidity name is."""
        return self.record.address(self.code, RECORD_NAMES[name])

    def send(
        self,
        words: str,
        role: Role,
        contract: str,
        function: str,
        *arguments: Any,
        key: str | None = None,
        after_others: bool = False,
    ) -> Send:
        """A transaction of a plan, signed by the role's key or another one that holds the role.

        Raises Refusal when the key may not call the function, or only after a delay.
        """
        signer = key or role.key
        data = chain.encode(contract, function, arguments)
        self._check_may_call(signer, role, contract, function, data)
        return Send(words, signer, self.address(contract), data, after_others)

    def warnings(self, key: str | None, role: Role) -> tuple[str, ...]:
        """What to know before signing with a key whose nonces the gateway counts by itself."""
        if role not in GATEWAYS or self.keys.address(key or role.key) != self.keys.address(role.key):
            return ()
        return (
            f"The gateway signs with the key {role.key} too and counts its nonces itself. Is it running? "
            f"Then give --key with another holder of {role.name}: else one of the two is sent in vain.",
        )

    def _check_may_call(self, signer: str, role: Role, contract: str, function: str, data: str) -> None:
        manager = self.contract("AccessManager")
        holder = self.keys.address(signer)
        immediate, delay = manager.canCall(holder, self.address(contract), data[:10])
        if immediate:
            return
        if delay:
            raise Refusal(f"{contract}.{function} is delayed by {delay} s for {signer}: announce it first")
        raise Refusal(
            f"{signer} ({holder}) does not hold {role.name} of {self.code}, which {contract}.{function} "
            "asks for; `roles main` shows who does"
        )


def parser_arguments(parser: argparse.ArgumentParser) -> None:
    """What every script about one municipality takes."""
    parser.add_argument("--city", help="the municipality's code (default: the chain's only one)")
    parser.add_argument("--key", help="sign with this key of the keys folder instead of the role's own")
