"""The city's books, rebuilt from the chain's events alone: every balance, outcome and payout.

Nothing here asks a contract what it thinks; the audit compares what comes out with what the contracts say,
with the database and with the bank.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from eth_abi import abi
from eth_utils.crypto import keccak

from gateway.demo.rpc import Contract, Log, Node, split_types

ZERO: Final = "0x" + "00" * 20
CONTRACTS: Final = (
    "accessManager",
    "participants",
    "currency",
    "programmes",
    "cashback",
    "payments",
    "settlement",
)
REASONS: Final = [
    "ACCEPTED",
    "PAUSED",
    "DUPLICATE",
    "EXPIRED_ORDER",
    "BAD_SIGNATURE",
    "UNKNOWN_CITIZEN",
    "CITIZEN_FROZEN",
    "UNKNOWN_MERCHANT",
    "MERCHANT_SUSPENDED",
    "ZERO_AMOUNT",
    "OVER_PASS_LIMIT",
    "CARD_NOT_ENABLED",
    "OVER_CARD_LIMIT",
    "NOT_ACCEPTED_HERE",
    "INSUFFICIENT_FUNDS",
]

_RULES = "(uint40,uint40,uint8,uint256,uint256,uint32[8])"
_TERMS = "(uint40,uint40,uint32,uint16[4],uint16[12])"
# `!` marks an indexed argument.
_EVENTS: Final = {
    "participants": (
        "CitizenRegistered(uint32!,address!,uint8,uint8)",
        "MerchantRegistered(uint32!,address!,uint8,uint8,uint8)",
    ),
    "currency": (
        "Transfer(address!,address!,uint256)",
        "Issued(uint32!,uint256,bytes32!)",
        "IssuedToTreasury(address!,uint256,bytes32!)",
        "Redeemed(address!,uint256,bytes32!)",
        "Burnt(address!,uint256)",
    ),
    "programmes": (
        f"ProgrammeCreated(uint16!,bytes32!,{_RULES})",
        "Funded(uint16!,uint256)",
        "RollGranted(uint16!,uint256!,address,uint256,uint256)",
        "CreditsGranted(uint16!,bytes32!,uint32[],uint32[],uint256)",
        "Swept(uint16!,uint256)",
    ),
    "cashback": (f"CampaignCreated(uint16!,bytes32!,{_TERMS})", "CampaignFunded(uint16!,uint256)"),
    "payments": (
        "BatchProcessed(uint64!,bytes32,uint256,bytes)",
        "Refunded(bytes16!,bytes16!,uint64,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256)",
    ),
    "settlement": (
        "Escrowed(uint32!,uint256,bytes)",
        "FileAnchored(uint32!,bytes32!,uint256)",
        "Paid(uint32!,bytes32!,uint256,uint32[])",
        "Returned(uint32!,bytes32!,uint256,uint32[])",
        "FloatFunded(uint256)",
        "Advanced(uint32!,uint256,uint256)",
        "Repaid(uint32!,uint256,uint256)",
    ),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One order's outcome, as the event carries it (P-8)."""

    batch: int
    index: int
    raw: bytes
    payment: str
    citizen: int
    merchant: int
    amount: int
    kind: int
    reason: str
    own: int
    spent: int
    earned: int
    base: int
    draws: tuple[tuple[int, int], ...]

    @property
    def leaf(self) -> bytes:
        """P-9."""
        return keccak(self.batch.to_bytes(32, "big") + self.index.to_bytes(32, "big") + self.raw)


@dataclass(frozen=True, slots=True)
class RefundEntry:
    """One refund, as the event carries it."""

    payment: str
    refund: str
    amount: int
    total: int
    own: int
    credit: int
    earned_back: int
    from_own: int
    parts: tuple[tuple[int, int], ...]


@dataclass
class Books:
    """What the events add up to. Wallets are lower-case addresses; amounts whole won."""

    addresses: dict[str, str]
    citizens: dict[int, str] = field(default_factory=dict)
    merchants: dict[int, str] = field(default_factory=dict)
    own: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    issued: dict[bytes, tuple[int | None, int]] = field(default_factory=dict)
    issues: int = 0
    burnt: int = 0
    tiers: dict[int, tuple[int, ...]] = field(default_factory=dict)
    funded: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    swept: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    granted: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    drawn: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    credit: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    campaign_funded: int = 0
    earned: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    refunds: list[RefundEntry] = field(default_factory=list)
    escrowed: dict[tuple[int, int], int] = field(default_factory=dict)
    paid: set[tuple[int, int]] = field(default_factory=set)
    returned: set[tuple[int, int]] = field(default_factory=set)
    files: dict[int, list[tuple[bytes, int]]] = field(default_factory=lambda: defaultdict(list))
    float_funded: int = 0

    @property
    def supply(self) -> int:
        """Won in circulation."""
        return sum(self.own.values())

    @property
    def issued_won(self) -> int:
        """Won ever issued."""
        return sum(amount for _, amount in self.issued.values())

    def city_money(self, programme: int, citizen: int) -> int:
        """Won of a programme that a citizen was granted and has not spent (M-4)."""
        return self.granted[programme, citizen] - self.drawn[programme, citizen]

    def outstanding(self, programme: int) -> int:
        """Won granted and not spent by anybody."""
        granted = sum(won for (number, _), won in self.granted.items() if number == programme)
        return granted - sum(won for (number, _), won in self.drawn.items() if number == programme)

    def accepted(self) -> dict[str, Record]:
        """The accepted payments by id."""
        return {record.payment: record for record in self.records if record.reason == "ACCEPTED"}


def city_addresses(node: Node, directory: str, code: str) -> dict[str, str]:
    """Where a city's contracts are, as the Directory says: the one address that an auditor has to be told."""
    found = Contract(node, directory).read(
        "municipality(bytes32)", code.encode().ljust(32, b"\0"), gives="(" + ",".join(["address"] * 7) + ")"
    )
    return dict(zip(CONTRACTS, (address.lower() for address in found), strict=True))


def read_books(node: Node, addresses: dict[str, str]) -> Books:
    """Replay every event of the city's contracts."""
    books = Books(addresses)
    known: dict[tuple[str, bytes], tuple[str, list[tuple[str, bool]]]] = {}
    for contract, signatures in _EVENTS.items():
        for signature in signatures:
            name, _, rest = signature.partition("(")
            types = [(each.rstrip("!"), each.endswith("!")) for each in split_types(rest[:-1])]
            topic = keccak(text=f"{name}({','.join(plain for plain, _ in types)})")
            known[addresses[contract], topic] = (name, types)
    for log in node.logs(list(addresses.values())):
        event = known.get((log.address, log.topics[0]))
        if event is not None:
            name, types = event
            _POST[name](books, node, *_values(log, types))
    return books


def _values(log: Log, types: list[tuple[str, bool]]) -> list[Any]:
    plain = iter(abi.decode([kind for kind, indexed in types if not indexed], log.data))
    topics = iter(log.topics[1:])
    values = []
    for kind, indexed in types:
        value = abi.decode([kind], next(topics))[0] if indexed else next(plain)
        values.append(value)
    return values


# --- one function an event -----------------------------------------------------------------------


def _citizen(books: Books, node: Node, citizen: int, wallet: str, *_: Any) -> None:
    books.citizens[citizen] = wallet.lower()


def _merchant(books: Books, node: Node, merchant: int, wallet: str, *_: Any) -> None:
    books.merchants[merchant] = wallet.lower()


def _transfer(books: Books, node: Node, sender: str, receiver: str, amount: int) -> None:
    if sender != ZERO:
        books.own[sender.lower()] -= amount
    if receiver != ZERO:
        books.own[receiver.lower()] += amount


def _issued(books: Books, node: Node, to: Any, amount: int, reference: bytes) -> None:
    books.issues += 1
    books.issued[reference] = (to if isinstance(to, int) else None, amount)


def _burnt(books: Books, node: Node, _: str, amount: int, *__: Any) -> None:
    books.burnt += amount


def _programme(books: Books, node: Node, programme: int, _: bytes, rules: Any) -> None:
    books.tiers[programme] = tuple(rules[5])


def _funded(books: Books, node: Node, programme: int, amount: int) -> None:
    books.funded[programme] += amount


def _roll(books: Books, node: Node, programme: int, chunk: int, roll: str, *_: Any) -> None:
    for place, both in enumerate(node.code(roll)[1:]):  # the first byte is STOP
        for half, tier in ((0, both >> 4), (1, both & 15)):
            if tier:
                citizen = chunk * 32_768 + 2 * place + half
                books.granted[programme, citizen] += books.tiers[programme][tier - 1]


def _credits(books: Books, node: Node, programme: int, _: bytes, who: Any, won: Any, __: int) -> None:
    for citizen, amount in zip(who, won, strict=True):
        books.granted[programme, citizen] += amount


def _swept(books: Books, node: Node, programme: int, amount: int) -> None:
    books.swept[programme] += amount


def _campaign_funded(books: Books, node: Node, _: int, amount: int) -> None:
    books.campaign_funded += amount


def _batch(books: Books, node: Node, batch: int, root: bytes, _: int, raw: bytes) -> None:
    books.roots[batch] = root
    for index in range(len(raw) // 96):
        record = read_record(batch, index, raw[96 * index : 96 * index + 96])
        books.records.append(record)
        for programme, amount in record.draws:
            books.drawn[programme, record.citizen] += amount
        books.credit[record.citizen] += record.earned - record.spent
        books.earned += record.earned


def _refunded(
    books: Books, node: Node, payment: bytes, refund: bytes, batch: int, index: int, *amounts: int
) -> None:
    amount, total, own, credit, earned_back, from_own, parts = amounts
    record = next(r for r in books.records if (r.batch, r.index) == (batch, index))
    entry = RefundEntry(
        payment.hex(), refund.hex(), amount, total, own, credit, earned_back, from_own,
        _parts(parts.to_bytes(32, "big")),
    )  # fmt: skip
    books.refunds.append(entry)
    for programme, won in entry.parts:
        books.drawn[programme, record.citizen] -= won
    books.credit[record.citizen] += credit - (earned_back - from_own)
    books.earned -= earned_back


def _escrowed(books: Books, node: Node, cycle: int, _: int, lines: bytes) -> None:
    for at in range(0, len(lines), 12):
        merchant = int.from_bytes(lines[at : at + 4], "big")
        books.escrowed[cycle, merchant] = int.from_bytes(lines[at + 4 : at + 12], "big")


def _anchored(books: Books, node: Node, cycle: int, file_hash: bytes, total: int) -> None:
    books.files[cycle].append((file_hash, total))


def _paid(books: Books, node: Node, cycle: int, _: bytes, __: int, merchants: Any) -> None:
    books.paid |= {(cycle, merchant) for merchant in merchants}


def _returned(books: Books, node: Node, cycle: int, _: bytes, __: int, merchants: Any) -> None:
    books.returned |= {(cycle, merchant) for merchant in merchants}


def _float_funded(books: Books, node: Node, amount: int) -> None:
    books.float_funded += amount


def _nothing(*_: Any) -> None:
    """An event whose money is in the currency's Transfers."""


_POST: Final[dict[str, Any]] = {
    "CitizenRegistered": _citizen,
    "MerchantRegistered": _merchant,
    "Transfer": _transfer,
    "Issued": _issued,
    "IssuedToTreasury": _issued,
    "Redeemed": _burnt,
    "Burnt": _burnt,
    "ProgrammeCreated": _programme,
    "Funded": _funded,
    "RollGranted": _roll,
    "CreditsGranted": _credits,
    "Swept": _swept,
    "CampaignCreated": _nothing,
    "CampaignFunded": _campaign_funded,
    "BatchProcessed": _batch,
    "Refunded": _refunded,
    "Escrowed": _escrowed,
    "FileAnchored": _anchored,
    "Paid": _paid,
    "Returned": _returned,
    "FloatFunded": _float_funded,
    "Advanced": _nothing,
    "Repaid": _nothing,
}


def read_record(batch: int, index: int, raw: bytes) -> Record:
    """The 96 bytes of P-8, taken apart by their places."""

    def number(start: int, end: int) -> int:
        return int.from_bytes(raw[start:end], "big")

    return Record(
        batch=batch,
        index=index,
        raw=raw,
        payment=raw[:16].hex(),
        citizen=number(16, 20),
        merchant=number(20, 24),
        amount=number(24, 28),
        kind=raw[28],
        reason=REASONS[raw[29]],
        own=number(41, 45),
        spent=number(45, 49),
        earned=number(49, 53),
        base=number(53, 57),
        draws=_parts(raw[64:96]),
    )


def _parts(word: bytes) -> tuple[tuple[int, int], ...]:
    pieces = [(int.from_bytes(word[6 * i : 6 * i + 2], "big"), word[6 * i + 2 : 6 * i + 6]) for i in range(5)]
    return tuple((programme, int.from_bytes(won, "big")) for programme, won in pieces if any(won))


def merkle_root(leaf: bytes, proof: list[bytes]) -> bytes:
    """Climb from a leaf: pairs are hashed smaller first (P-9)."""
    node = leaf
    for sibling in proof:
        node = keccak(min(node, sibling) + max(node, sibling))
    return node
