"""What is measured, each in the state it is named for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import encode

from gateway.chain.contracts import MAX_GAS, Call
from gateway.chain.shapes import ProgrammeRules
from gateway.domain.calendar import yyyymmdd
from gateway.domain.keccak import keccak256
from gateway.domain.order import Kind
from gateway.domain.programme import CHUNK_CITIZENS, EVERYWHERE, pack_roll
from tests.contracts.stateful.town import Town, ref, wallet_of
from tests.gas.scene import (
    BATCH,
    DAY,
    DISTINCT,
    FEW,
    LUNCH,
    NEWCOMERS,
    PAYERS,
    RELIEVED,
    Scene,
)

ROOT: Final = Path(__file__).resolve().parents[2]
Note = Callable[[str, int], None]


def payments(scene: Scene, note: Note) -> None:
    """Batches of 256, gas a payment."""
    for merchants, where in ((FEW, "50 merchants"), (DISTINCT, "all merchants distinct")):
        with scene.undone():
            gas = scene.pay(PAYERS, merchants, LUNCH, Kind.MERCHANT_QR)
            note(f"QR, own money, cashback earned, {where}", gas // BATCH)
            assert all(record.own == LUNCH and record.cashback_earned for record in scene.records)
            gas = scene.pay(PAYERS, merchants, LUNCH, Kind.MERCHANT_QR)
            note(f"QR, own money and the credit earned before, {where}", gas // BATCH)
            assert all(record.own and record.cashback_spent for record in scene.records)
    with scene.undone():
        gas = scene.pay(PAYERS, FEW, LUNCH, Kind.CUSTOMER_QR)
        note("Pass, own money, 50 merchants", gas // BATCH)
    with scene.undone():
        gas = scene.pay_in_halves(NEWCOMERS, FEW, LUNCH)
        note("QR, a citizen's first payment, 50 merchants, in batches of 128", gas // BATCH)
    with scene.undone():
        scene.town.now += 31 * DAY
        gas = scene.pay(PAYERS, FEW, LUNCH, Kind.MERCHANT_QR)
        note("QR, own money, the first of a month, 50 merchants", gas // BATCH)
    with scene.undone():
        gas = scene.pay_in_halves(RELIEVED, FEW, LUNCH)
        note("QR, city money, a citizen's first payment, in batches of 128", gas // BATCH)
        gas = scene.pay(RELIEVED, FEW, LUNCH, Kind.MERCHANT_QR)
        note("QR, city money, 50 merchants", gas // BATCH)


def cards(scene: Scene, note: Note) -> None:
    """Card payments, after a consent and an earlier payment on the same day."""
    with scene.undone():
        for citizen in PAYERS:
            gas = scene.consent(citizen, 2_000_000)
        note("Card consent", gas)
        gas = scene.pay(PAYERS, FEW, LUNCH, Kind.CARD)
        note("Card, a citizen's first, 50 merchants", gas // BATCH)
        scene.spend_credit(PAYERS)
        for merchants, where in ((FEW, "50 merchants"), (DISTINCT, "all merchants distinct")):
            with scene.undone():
                gas = scene.pay(PAYERS, merchants, LUNCH, Kind.CARD)
                note(f"Card, own money, cashback earned, {where}", gas // BATCH)
                assert all(record.own == LUNCH for record in scene.records)
                gas = scene.pay(PAYERS, merchants, LUNCH, Kind.CARD)
                note(f"Card, own money and the credit earned before, {where}", gas // BATCH)


def refunds(scene: Scene, note: Note) -> None:
    """Refunds of a payment of a batch of 256: eight proof levels."""
    with scene.undone():
        scene.pay(PAYERS, FEW, LUNCH, Kind.MERCHANT_QR)
        note("Refund in full, own money, cashback taken back", scene.refund(0, LUNCH))
        note("Refund of a part, the first", scene.refund(1, LUNCH // 2))
        note("Refund of the rest", scene.refund(1, LUNCH // 2, LUNCH // 2))
    with scene.undone():
        scene.pay(PAYERS, FEW, LUNCH, Kind.MERCHANT_QR)
        batch, records = scene.batch, scene.records
        scene.spend_credit(PAYERS)
        scene.batch, scene.records = batch, records
        note("Refund in full, the credit is spent: cashback out of own money", scene.refund(2, LUNCH))
    with scene.undone():
        scene.pay(RELIEVED, FEW, LUNCH, Kind.MERCHANT_QR)
        note("Refund in full, city money", scene.refund(0, LUNCH))


def settlement(scene: Scene, note: Note) -> None:
    """A cycle over 256 merchants, gas a merchant."""
    with scene.undone():
        day = yyyymmdd(scene.town.now)
        scene.pay(PAYERS, DISTINCT, LUNCH, Kind.MERCHANT_QR)
        note("Escrow, a merchant", scene.gas("settler", "Settlement", "escrow", day, DISTINCT) // BATCH)
        total = scene.town.read("Settlement", "cycleOf", day).escrowed
        values = (day, ref("bank file"), total)
        note("Anchor of a bank file", scene.gas("settler", "Settlement", "anchorFile", *values))
        proof = (day, ref("reserve"))
        note("Anchor of a proof of reserve", scene.gas("settler", "Settlement", "anchorReserve", *proof))
        paid, returned = DISTINCT[:200], DISTINCT[200:]
        gas = scene.gas("settler", "Settlement", "markPaid", day, ref("statement"), paid)
        note("Marked paid, a merchant", gas // len(paid))
        gas = scene.gas("settler", "Settlement", "markReturned", day, ref("statement"), returned)
        note("Marked returned, a merchant", gas // len(returned))


def grants(scene: Scene, note: Note) -> None:
    """A roll of a whole chunk, and what 256 more citizens cost; credits; the plain ERC-20 beside them."""
    tiers = (400_000, 600_000, 800_000, 1_000_000, 0, 0, 0, 0)
    start = scene.town.now
    rules = ProgrammeRules(start, start + 90 * DAY, 0b1111, EVERYWHERE, EVERYWHERE, tiers)
    everyone = {citizen: 1 + citizen % 4 for citizen in range(1, CHUNK_CITIZENS)}
    with scene.undone():
        scene.gas("programme-manager", "Programmes", "create", ref("relief day"), rules)
        scene.gas("treasurer", "Programmes", "fund", 2, 5 * 10**10)
        _as_if_registered(scene.town, CHUNK_CITIZENS)
        costs = []
        for people in (CHUNK_CITIZENS, CHUNK_CITIZENS - 256):
            roll = pack_roll({citizen: tier for citizen, tier in everyone.items() if citizen < people})[0]
            with scene.undone():
                costs.append(scene.gas("programme-manager", "Programmes", "grantRoll", 2, 0, roll))
        note("Roll of a whole chunk: 32,767 citizens", costs[0])
        note("Roll, a citizen", -(-costs[0] // (CHUNK_CITIZENS - 1)))
        note("Roll, 256 more citizens, a citizen", -(-(costs[0] - costs[1]) // 256))
        for when in ("the first", "later"):
            values = (2, ref(f"credits {when}"), list(NEWCOMERS), [10_000] * BATCH)
            gas = scene.gas("programme-manager", "Programmes", "grantCredits", *values)
            note(f"Credits, a citizen, {when}", gas // BATCH)
    with scene.undone():
        _plain_transfers(scene.town, note)


def _as_if_registered(town: Town, citizens: int) -> None:
    """Raise the count of citizens, all that a grant reads of them: 32,768 registrations take minutes."""
    slot = "0x" + bytes(32).hex()  # citizenCount, the first variable of Participants
    at = "0x" + town.at["Participants"].hex()
    word = bytes.fromhex(town.chain.ask("eth_getStorageAt", at, slot, "latest")[2:])
    town.chain.ask("anvil_setStorageAt", at, slot, "0x" + (word[:28] + citizens.to_bytes(4, "big")).hex())
    assert town.read("Participants", "citizenCount") == citizens


def _plain_transfers(town: Town, note: Note) -> None:
    code = compiled_token()
    town.now += 1
    receipt = town.chain.send(wallet_of("admin"), Call(b"", code, MAX_GAS), town.now)
    token = bytes.fromhex(receipt["contractAddress"][2:])
    people = ["0x" + wallet_of(f"citizen {citizen}").hex() for citizen in NEWCOMERS]
    data = keccak256(b"batchTransfer(address[],uint256)")[:4] + encode(
        ["address[]", "uint256"], [people, 10_000]
    )
    for when in ("the first", "later"):
        town.now += 1
        receipt = town.chain.send(wallet_of("admin"), Call(token, data, MAX_GAS), town.now)
        assert receipt["status"] == "0x1"
        note(f"Plain ERC-20 batch transfer, a citizen, {when}", int(receipt["gasUsed"], 16) // BATCH)


def compiled_token() -> bytes:
    """The peer, compiled with the city's own settings."""
    request: dict[str, Any] = {
        "language": "Solidity",
        "sources": {"PlainToken.sol": {"content": (Path(__file__).parent / "PlainToken.sol").read_text()}},
        "settings": {
            "remappings": ["@openzeppelin=node_modules/@openzeppelin"],
            "optimizer": {"enabled": True, "runs": 1_000_000},
            "evmVersion": "shanghai",
            "outputSelection": {"PlainToken.sol": {"PlainToken": ["evm.bytecode.object"]}},
        },
    }
    (solc,) = sorted((ROOT / ".solcx").glob("solc-v*"))
    done = subprocess.run(
        [solc, "--standard-json", "--allow-paths", "."],
        input=json.dumps(request).encode(),
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    contracts = json.loads(done.stdout)["contracts"]["PlainToken.sol"]
    return bytes.fromhex(contracts["PlainToken"]["evm"]["bytecode"]["object"])
