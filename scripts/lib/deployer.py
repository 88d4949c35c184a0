"""Carries out the steps of a deployment, one transaction each, and checks the outcome from the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from web3.types import TxReceipt

from gateway.domain.keccak import keccak256
from scripts.lib import chain
from scripts.lib.chain import web3
from scripts.lib.city import delay_seconds
from scripts.lib.deployment import (
    CONTRACT_NAMES,
    ORDER,
    Creation,
    Deployment,
    Step,
)
from scripts.lib.errors import CheckFailed, Waiting
from scripts.lib.keys import DEPLOYER, TREASURY
from scripts.lib.record import PLATFORM
from scripts.lib.roles import PLATFORM_ROLES, Role

# EIP-1967: where a proxy keeps its implementation.
IMPLEMENTATION_SLOT: Final = int.from_bytes(keccak256(b"eip1967.proxy.implementation"), "big") - 1
_WORD_BYTES: Final = 32
_PUSH32: Final = 0x7F


class Deployer:
    """Sends what is missing; the record is written before and after each transaction."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.record = deployment.record

    def run(self, progress: Callable[[Step], None] = lambda step: None) -> int:
        """Do what is missing, in order. Returns the transactions sent.

        Raises Waiting when a scheduled operation is not due, and what sending raises.
        """
        self._settle_pending()
        sent = 0
        for step in self.deployment.steps():
            if step.is_done():
                continue
            if step.name.endswith("/handover"):
                self._before_handover()
            progress(step)
            self._do(step)
            sent += 1
            if not step.is_done():
                raise CheckFailed(f"{step.name} was mined, and the chain does not show it")
        return sent

    def _do(self, step: Step) -> None:
        made = step.make()
        if isinstance(made, Creation):
            to, data = None, chain.creation(made.contract, made.arguments)
        else:
            to, data = made.to, made.data
            if step.sender != DEPLOYER:
                data, to = self._delayed(step, to, data), self.record.address(PLATFORM, "accessManager")
        signed = chain.sign(self.deployment.keys.account(step.sender), to, data)
        self.record.data["pending"] = {
            "step": step.name,
            "sender": signed.sender,
            "nonce": signed.nonce,
            "transaction": signed.transaction,
            "raw": signed.raw,
            "creation": _creation_fields(made) if isinstance(made, Creation) else None,
        }
        self.record.save()
        chain.broadcast(signed.raw)
        self._finish(chain.wait(signed.transaction))

    def _settle_pending(self) -> None:
        """Learn the fate of the transaction that a killed run had signed; send it again if it is lost."""
        pending = self.record.pending
        if pending is None:
            return
        receipt = chain.receipt_of(pending["transaction"])
        if receipt is None:
            if web3.eth.get_transaction_count(pending["sender"], "latest") > pending["nonce"]:
                self._forget()  # its place was taken: these bytes can never be mined
                return
            chain.broadcast(pending["raw"])
            receipt = chain.wait(pending["transaction"])
        if receipt["status"] == 1:
            self._finish(receipt)
        else:
            self._forget()

    def _forget(self) -> None:
        self.record.data["pending"] = None
        self.record.save()

    def _finish(self, receipt: TxReceipt) -> None:
        """Write down what a mined transaction made."""
        pending: Any = self.record.pending
        made = pending["creation"]
        self.record.data["steps"].append(
            {
                "step": pending["step"],
                "transaction": pending["transaction"],
                "block": receipt["blockNumber"],
                "gasUsed": receipt["gasUsed"],
            }
        )
        if made is not None:
            address = receipt["contractAddress"]
            entries: Any = self.record.entries(made["owner"])
            entry = entries.setdefault(
                made["name"],
                {
                    "address": None,
                    "implementation": None,
                    "transaction": None,
                    "block": None,
                    "arguments": {},
                    "codeHash": None,
                },
            )
            entry[made["part"]] = address
            entry["arguments"] = made["recorded"]
            if made["part"] == "address":
                entry["transaction"], entry["block"] = pending["transaction"], receipt["blockNumber"]
            entry["codeHash"] = chain.code_hash(entry["implementation"] or entry["address"])
        self._forget()

    def _delayed(self, step: Step, to: str, data: str) -> str:
        """The AccessManager call that brings a delayed operation forward: schedule it, or execute it.

        Raises Waiting while it is scheduled and not due.
        """
        manager = chain.contract("AccessManager", self.record.address(PLATFORM, "accessManager"))
        caller = self.deployment.keys.address(step.sender)
        _, delay = manager.canCall(caller, to, data[:10])
        due = manager.getSchedule(manager.hashOperation(caller, to, data))
        if delay == 0 or 0 < due <= chain.now():
            return chain.encode("AccessManager", "execute", (to, data))
        if due == 0:
            account = self.deployment.keys.account(step.sender)
            chain.send(account, manager.address, chain.encode("AccessManager", "schedule", (to, data, 0)))
            due = manager.getSchedule(manager.hashOperation(caller, to, data))
        raise Waiting(f"{step.name} was announced and may be done {due - chain.now()} s from now; run again")

    # --- checking ----------------------------------------------------------------------------------------

    def _before_handover(self) -> None:
        """Nobody could mend the wiring at once after the handover: look before it."""
        if problems := list(self.contract_problems()):
            raise CheckFailed("not handed over: " + "; ".join(problems))

    def verify(self) -> None:
        """Read code and wiring back. Raises CheckFailed naming everything that is wrong."""
        problems = [*self.contract_problems(), *self._role_problems()]
        problems += [f"{step.name} is not done" for step in self.deployment.steps() if not step.is_done()]
        if problems:
            raise CheckFailed("; ".join(problems))

    def contract_problems(self) -> Iterator[str]:
        """What is wrong with code, proxies and the treasury, read from the chain."""
        code = self.deployment.code
        names = [(PLATFORM, "accessManager"), (PLATFORM, "directory"), (code, "accessManager")]
        for owner, name in [*names, *((code, name) for name in ORDER)]:
            entry = self.record.entries(owner)[name]
            running = entry["implementation"] or entry["address"]
            where = f"{owner}/{name}"
            if chain.code_hash(running) != entry["codeHash"]:
                yield f"{where}: the code is not the one recorded"
            if not matches(chain.code(running), compiled(CONTRACT_NAMES[name])):
                yield f"{where}: the code is not what these sources compile to"
            if entry["implementation"] is None:
                continue
            if not matches(chain.code(entry["address"]), compiled("ERC1967Proxy")):
                yield f"{where}: no ERC1967Proxy at {entry['address']}"
            if implementation_of(entry["address"]) != entry["implementation"]:
                yield f"{where}: the proxy runs {implementation_of(entry['address'])}"
            manager = self.record.address(owner, "accessManager")
            if chain.contract(CONTRACT_NAMES[name], entry["address"]).authority() != manager:
                yield f"{where}: its authority is not the AccessManager of {owner}"
        currency = chain.contract("LocalCurrency", self.record.address(code, "currency"))
        if currency.treasury() != self.deployment.keys.address(TREASURY):
            yield f"{code}/currency: the treasury is not the city's account"

    def _role_problems(self) -> Iterator[str]:
        """Who has which role, from the chain, against the keys and the city's delays."""
        keys, city = self.deployment.keys, self.deployment.city
        for owner, roles in ((PLATFORM, PLATFORM_ROLES), (self.deployment.code, tuple(Role))):
            manager = chain.contract("AccessManager", self.record.address(owner, "accessManager"))
            for role in roles:
                if tuple(manager.hasRole(role, keys.address(role.key))) != (True, delay_seconds(city, role)):
                    yield f"{owner}: {role.key} is not held with its delay"
            for role in Role:
                if manager.hasRole(role, keys.address(DEPLOYER))[0]:
                    yield f"{owner}: the deployer still has {role.key}"


def implementation_of(proxy: str) -> str:
    """The implementation that a proxy runs, from its EIP-1967 slot."""
    word = bytes(web3.eth.get_storage_at(web3.to_checksum_address(proxy), IMPLEMENTATION_SLOT))
    return str(web3.to_checksum_address("0x" + word.rjust(32, b"\0")[-20:].hex()))


def runs_these_sources(contract: str, proxy: str) -> bool:
    """Whether a proxy runs what these sources compile to."""
    return matches(chain.code(implementation_of(proxy)), compiled(contract))


def compiled(contract: str) -> bytes:
    """The code that a contract should have on chain; immutables are zero in it."""
    return bytes.fromhex(chain.artefact(contract)._build["deployedBytecode"])


def matches(found: bytes, wanted: bytes) -> bool:
    """Whether code is what was compiled, but for immutables: words that a PUSH32 pushes, zero in `wanted`."""
    if len(found) != len(wanted):
        return False
    masked = bytearray(found)
    zero = bytes(_WORD_BYTES)
    at = wanted.find(bytes([_PUSH32]) + zero)
    while at >= 0:
        masked[at + 1 : at + 1 + _WORD_BYTES] = zero
        at = wanted.find(bytes([_PUSH32]) + zero, at + 1 + _WORD_BYTES)
    return bytes(masked) == wanted


def _creation_fields(made: Creation) -> dict[str, Any]:
    return {"owner": made.owner, "name": made.name, "part": made.part, "recorded": made.recorded}
