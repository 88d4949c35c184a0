"""A thief with the gateway's key: orders that nobody signed, and what the chain says to them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from eth_abi import abi
from eth_account import Account
from eth_utils.crypto import keccak

from gateway.demo.books import REASONS
from gateway.demo.day import Day
from gateway.demo.desk import Desk
from gateway.demo.rpc import Contract
from gateway.demo.story import won

BY_THE_CHAIN: Final = (
    "BAD_SIGNATURE",
    "CARD_NOT_ENABLED",
    "UNKNOWN_CITIZEN",
    "EXPIRED_ORDER",
    "DUPLICATE",
)
_ORDER = "(uint256,uint256,bytes32,bytes32)"
_NONCE = 7_000_000

Words = tuple[int, int, bytes, bytes]


async def try_to_steal(day: Day) -> None:
    """Send a batch with the gateway's own key."""
    world, story = day.world, day.story
    story.chapter(world.clock(), "A thief with the gateway's key")
    story.say(
        "Whoever steals the gateway's key may submit batches. What that moves is the chain's to say: it wants"
        " the citizen's own signature."
    )
    await world.caught_up()
    payments, victim, shop = day.contract("payments"), day.citizens[0], day.merchants[0]
    before = day.books()
    later = world.node.time() + 86_400
    separator = payments.read("domainSeparator()", gives="bytes32")
    stranger = secrets.token_bytes(32)

    def signed(citizen: int, nonce: int, expires: int) -> Words:
        """An order with a signature that is well formed, and of a stranger."""
        payment, merchant, amount = secrets.token_bytes(16), shop.merchant, 10_000
        words = (payment, citizen, merchant, amount, nonce, expires)
        types = ("bytes16", "uint32", "uint32", "uint32", "uint32", "uint40")
        kind = (
            "PaymentOrder(bytes16 paymentId,uint32 citizen,uint32 merchant,uint32 amount,uint32 nonce,uint40"
            " expiresAt)"
        )
        struct = keccak(abi.encode(("bytes32", *types), (keccak(text=kind), *words)))
        made = Account.unsafe_sign_hash(keccak(b"\x19\x01" + separator + struct), stranger)
        head, tail = _head(payment, citizen, merchant, amount, nonce), 1 << 248 | expires << 208
        compact = made.s | (made.v - 27) << 255
        return head, tail, made.r.to_bytes(32, "big"), compact.to_bytes(32, "big")

    card = _head(secrets.token_bytes(16), victim.citizen, shop.merchant, 10_000, 1), 3 << 248 | later << 208
    batch: list[tuple[str, Words]] = [
        ("an order that a stranger signed", signed(victim.citizen, _NONCE, later)),
        ("a card order for somebody without a card", (*card, bytes(32), bytes(32))),
        ("an order for a citizen who is none", signed(4_000_000, _NONCE, later)),
        ("an order of yesterday", signed(victim.citizen, _NONCE, later - 2 * 86_400)),
        ("a real order, copied from the chain", _copied(day)),
    ]
    number = await _submit(day, payments, [words for _, words in batch])
    await world.caught_up()
    after = day.books()
    records = [record for record in after.records if record.batch == number]
    story.table(
        f"Batch {number}",
        ("what was tried", "what the chain recorded"),
        [(what, f"[red]{record.reason}[/]") for (what, _), record in zip(batch, records, strict=True)],
    )
    story.equal("the chain gives each its reason", tuple(r.reason for r in records), BY_THE_CHAIN)
    story.equal("and not a won has moved (I-9)", dict(after.own), dict(before.own))
    answer = await victim.pay_code(shop.qr, 1_500)
    story.check(
        f"meanwhile the gateway, whose nonce was taken, goes on: {victim.name} pays {won(1_500)}",
        answer.status == 201,
        answer.body,
    )
    seen = {*BY_THE_CHAIN, *(refusal.found for refusal in day.refusals)}
    silent = [reason for reason in REASONS[1:] if reason not in seen]
    story.equal("of all reasons, one was not seen today: nobody has a card yet", silent, ["OVER_CARD_LIMIT"])


def _head(payment: bytes, citizen: int, merchant: int, amount: int, nonce: int) -> int:
    return int.from_bytes(payment, "big") << 128 | citizen << 96 | merchant << 64 | amount << 32 | nonce


def _copied(day: Day) -> Words:
    """The first order of the first batch, out of its transaction's calldata."""
    node = day.world.node
    first = next(log for log in node.logs([day.contract("payments").address]) if log.topics[0] == _BATCH)
    data = bytes.fromhex(node.call("eth_getTransactionByHash", first.transaction)["input"][2:])
    orders = abi.decode([f"{_ORDER}[]"], data[4:])[0]
    words: Words = orders[0]
    return words


_BATCH = keccak(text="BatchProcessed(uint64,bytes32,uint256,bytes)")


async def _submit(day: Day, payments: Contract, orders: Sequence[Words]) -> int:
    """Send the batch; returns its number."""
    desk = Desk(day.world, "gateway")
    await desk.send(payments.address, f"submitBatch({_ORDER}[])", list(orders), gas=2_000_000)
    return int(payments.read("batchCount()", gives="uint64"))
