"""Shops and what they sold, put into a bench city in bulk: what a settlement starts from.

Shops are real: wallets made and sealed by the gateway's own parts, registered on chain by the registrar.
Their sales are rows of the database as the gateway writes them, with records of P-8; on chain each shop has
what it sold because a development node's call set its balance, and took the sum from the treasury: a million
payments sent by transactions would take Anvil half an hour, and settlement reads balances, not payments.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import asyncpg
from rich.progress import Progress

from bench.past import index
from bench.seed import Sender, mined_by_hand
from gateway.chain.accounts import load_account
from gateway.chain.node import Node
from gateway.chain.shapes import NewMerchant
from gateway.config import Settings
from gateway.domain.keccak import keccak256
from gateway.domain.order import Kind
from gateway.domain.participants import business_number_check_digit
from gateway.domain.reasons import Reason
from gateway.domain.record import PaymentRecord
from gateway.flow.merchants import ACCOUNT, Account
from gateway.flow.sessions import Role
from gateway.wiring.parts import Place, open_parts

BANK: Final = "032"
ORDERS: Final = 40
"""Payments a batch, as in `bench.past`."""
_ROWS: Final = 20_000
_ENTRIES: Final = 150
_SLOTS: Final = 2_000
_NO_BLOCK: Final = 2**60
_MCC, _CATEGORY, _DISTRICT, _BAND = "5812", 1, 9, 0

_MERCHANTS: Final = (
    "currency", "application", "state", "business_number", "name", "name_en", "mcc", "category", "district",
    "sales_band", "wallet", "wallet_key", "account", "registration", "applied_at", "decided_at",
)  # fmt: skip
_PAYMENTS: Final = (
    "currency", "payment", "citizen", "merchant", "amount", "kind", "state", "requested_by", "request_hash",
    "order_reference", "nonce", "expires_at", "order", "batch", "batch_index", "record", "received_at",
    "decided_at",
)  # fmt: skip
_BATCHES: Final = (
    "currency", "batch", "since_block", "root", "size", "accepted", "processed_at", "tx_hash", "records",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop as the chain and the bank know it."""

    merchant: int
    wallet: bytes
    account: str


async def open_shops(settings: Settings, count: int, progress: Progress) -> list[Shop]:
    """Make and register shops. The gateway must not run: the registrar's nonces are taken by hand."""
    async with open_parts(settings) as parts, Node(settings.rpc_url, timeout_seconds=300) as node:
        place = next(iter(parts.places.values()))
        connection = await asyncpg.connect(settings.database_url)
        try:
            wallets = await _rows(place, connection, count, progress)
            registrar = Sender(node, load_account("registrar", settings.keys), by_hand=True)
            entries = [NewMerchant(wallet, _DISTRICT, _CATEGORY, _BAND) for wallet in wallets]
            bar = progress.add_task("registered", total=count)
            async with mined_by_hand(node):
                await registrar.send(
                    [place.contracts.register_merchants(part) for part in _parts(entries, _ENTRIES)],
                    lambda done: progress.update(bar, advance=done),
                    worth=_ENTRIES,
                )
            await index(parts, place, node)
            await connection.execute(
                "UPDATE merchants s SET merchant = m.merchant FROM mirror_merchant m"
                " WHERE m.currency = s.currency AND m.wallet = s.wallet AND s.merchant IS NULL"
            )
            await connection.execute("ANALYZE")
            found = await connection.fetch(
                "SELECT merchant, wallet FROM merchants WHERE wallet = ANY($1) ORDER BY merchant", wallets
            )
        finally:
            await connection.close()
    assert len(found) == count
    places = {wallet: number for number, wallet in enumerate(wallets)}
    return [Shop(row["merchant"], row["wallet"], _number(places[row["wallet"]])) for row in found]


async def sell(
    settings: Settings, shops: Sequence[Shop], payments: int, seed: int, progress: Progress
) -> dict[int, int]:
    """So many payments at random shops, at least one at each, that have no block yet (`book` gives them one);
    the won that each shop sold, by merchant. The gateway must not run: its mirror is written here."""
    draw = random.Random(seed)
    async with open_parts(settings) as parts:
        place = next(iter(parts.places.values()))
        connection = await asyncpg.connect(settings.database_url)
        try:
            batch = await connection.fetchval("SELECT COALESCE(max(batch), 0) FROM mirror_batch")
            sold: dict[int, int] = {}
            bar = progress.add_task("payments", total=payments)
            for first in range(0, payments, _ROWS):
                size = min(_ROWS, payments - first)
                orders = [
                    (_shop(shops, first + number, draw).merchant, draw.randint(100, 44_000))
                    for number in range(size)
                ]
                batch = await _payments(connection, place, orders, batch, _NO_BLOCK + seed, draw)
                for merchant, won in orders:
                    sold[merchant] = sold.get(merchant, 0) + won
                progress.update(bar, advance=size)
            await connection.execute("ANALYZE payments, mirror_batch")
        finally:
            await connection.close()
    return sold


async def book(settings: Settings, shops: Sequence[Shop], sold: Mapping[int, int], seed: int) -> None:
    """Let what was sold have happened now: shops have its won. The gateway must not run."""
    async with open_parts(settings) as parts, Node(settings.rpc_url, timeout_seconds=300) as node:
        place = next(iter(parts.places.values()))
        connection = await asyncpg.connect(settings.database_url)
        try:
            await index(parts, place, node)
            cursor = await connection.fetchval("SELECT max(block_number) FROM mirror_cursor")
            await connection.execute(
                "UPDATE mirror_batch SET since_block = $1 WHERE since_block = $2", cursor, _NO_BLOCK + seed
            )
            await _balances(connection, node, place, shops, sold, cursor)
            await connection.execute("ANALYZE")
            await index(parts, place, node)
        finally:
            await connection.close()


def _shop(shops: Sequence[Shop], number: int, draw: random.Random) -> Shop:
    return shops[number] if number < len(shops) else draw.choice(shops)


# --- rows -------------------------------------------------------------------------------------


async def _rows(place: Place, connection: asyncpg.Connection, count: int, progress: Progress) -> list[bytes]:
    m, now = place.municipality, place.municipality.clock.now()
    bar = progress.add_task("shops", total=count)
    wallets = []
    for numbers in _parts(range(count), _ROWS):
        rows = []
        for number in numbers:
            application = uuid.uuid4()
            wallet, key = m.wallets.create(Role.MERCHANT, str(application))
            account = Account(BANK, _number(number), f"가게 {number + 1}")
            nine = f"{200_000_000 + number}"
            rows.append(
                (
                    m.code, application, "approved", nine + business_number_check_digit(nine),
                    f"가게 {number + 1}", f"Shop {number + 1}", _MCC, _CATEGORY, _DISTRICT, _BAND, wallet,
                    key, m.sealer.seal_text(json.dumps(asdict(account)), ACCOUNT), "bench", now, now,
                )
            )  # fmt: skip
            wallets.append(wallet)
        await connection.copy_records_to_table("merchants", records=rows, columns=_MERCHANTS)
        progress.update(bar, advance=len(rows))
    return wallets


def _number(number: int) -> str:
    return f"112-2026-{number:06}-01"


async def _payments(
    connection: asyncpg.Connection,
    place: Place,
    orders: Sequence[tuple[int, int]],
    batch: int,
    cursor: int,
    draw: random.Random,
) -> int:
    """Write payments, and their batches into the mirror; the number of the last batch."""
    code, now = place.municipality.code, int(time.time())
    rows, batches = [], []
    for group in _parts(orders, ORDERS):
        batch += 1
        records = []
        for place_in_batch, (merchant, won) in enumerate(group):
            payment = draw.randbytes(16)
            record = PaymentRecord(
                payment_id=payment, citizen=1, merchant=merchant, amount=won, kind=Kind.CARD,
                reason=Reason.ACCEPTED, nonce=1, accepted_at=now, own=won,
            ).to_bytes()  # fmt: skip
            records.append(record)
            rows.append(
                (
                    code, uuid.UUID(bytes=payment), 1, merchant, won, int(Kind.CARD), "confirmed",
                    "citizen:bench", payment, None, 1, now + 600, draw.randbytes(128), batch, place_in_batch,
                    record, now, now,
                )
            )  # fmt: skip
        packed = b"".join(records)
        batches.append(
            (code, batch, cursor, keccak256(packed), len(group), len(group), now, bytes(32), packed)
        )
    await connection.copy_records_to_table("payments", records=rows, columns=_PAYMENTS)
    await connection.copy_records_to_table("mirror_batch", records=batches, columns=_BATCHES)
    return batch


# --- balances ---------------------------------------------------------------------------------


async def _balances(
    connection: asyncpg.Connection,
    node: Node,
    place: Place,
    shops: Sequence[Shop],
    sold: Mapping[int, int],
    cursor: int,
) -> None:
    """What shops sold is theirs, on chain and in the mirror, and no longer the treasury's."""
    code = place.municipality.code
    treasury = bytes(await connection.fetchval("SELECT treasury FROM mirror_city WHERE currency = $1", code))
    rows = await connection.fetch("SELECT wallet, won FROM mirror_balance WHERE currency = $1", code)
    held = {bytes(row["wallet"]): int(row["won"]) for row in rows}
    new = {shop.wallet: held.get(shop.wallet, 0) + sold.get(shop.merchant, 0) for shop in shops}
    new[treasury] = held[treasury] - sum(sold.values())
    assert new[treasury] >= 0, "the treasury has less than was sold"
    currency = "0x" + place.contracts.at.currency.hex()
    for part in _parts(sorted(new.items()), _SLOTS):
        await node.results(
            [
                ("anvil_setStorageAt", (currency, _slot(wallet), "0x" + won.to_bytes(32, "big").hex()))
                for wallet, won in part
            ]
        )
    await node.call("evm_mine")
    await connection.execute(
        "INSERT INTO mirror_balance (currency, wallet, won, since_block)"
        " SELECT $1, b.wallet, b.won, $4 FROM unnest($2::bytea[], $3::bigint[]) AS b (wallet, won)"
        " ON CONFLICT (currency, wallet) DO UPDATE SET won = EXCLUDED.won",
        code, list(new), list(new.values()), cursor,
    )  # fmt: skip


def _slot(wallet: bytes) -> str:
    """Where OpenZeppelin's ERC20Upgradeable keeps a balance (ERC-7201, deployments/storage)."""
    namespace = int.from_bytes(keccak256(b"openzeppelin.storage.ERC20"), "big") - 1
    base = int.from_bytes(keccak256(namespace.to_bytes(32, "big")), "big") & ~0xFF
    return "0x" + keccak256(wallet.rjust(32, b"\0") + base.to_bytes(32, "big")).hex()


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
