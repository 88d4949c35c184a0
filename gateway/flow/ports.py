"""What the flows need from outside, as small Protocols; the real parts are joined to them in
`gateway.wiring`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.gift import TransferAuthorization
from gateway.domain.order import CardConsent
from gateway.domain.participants import Citizen, Merchant
from gateway.domain.permit import Permit
from gateway.domain.programme import CitizenMoney, Programme
from gateway.domain.signature import CompactSignature


class Clock(Protocol):
    """The city's time."""

    def now(self) -> int:
        """Whole seconds since 1970 UTC, with the offset of CAMELLIA_CLOCK_FILE."""


class Wallets(Protocol):
    """Citizens' and merchants' keys: made here, kept encrypted, never shown."""

    def create(self, kind: str, record: str) -> tuple[bytes, bytes]:
        """A new key: (address of 20 bytes, the key as it may be stored).

        `kind` is citizen or merchant, `record` the id of the row that keeps it: it opens nowhere else.
        """

    def sign(self, stored_key: bytes, kind: str, record: str, digest: bytes) -> CompactSignature:
        """Sign 32 bytes with the key of that row."""

    def is_signed_by(self, wallet: bytes, digest: bytes, signature: CompactSignature) -> bool:
        """Whether a wallet's key (its address) signed 32 bytes, as the contract would judge it (P-5)."""


class Sms(Protocol):
    """A provider of text messages."""

    async def send(self, phone: str, text: str) -> None:
        """Send `text` to a national number (`010…`). Raises Unavailable."""


class Rules(Protocol):
    """What decides a payment besides the people in it, as the chain was last seen."""

    @property
    def paused(self) -> bool:
        """O-9."""

    @property
    def accepted_bands(self) -> int:
        """P-11, one bit a sales band."""

    @property
    def programmes(self) -> Mapping[int, Programme]:
        """Those that are not swept, by id."""


class Mirror(Protocol):
    """Balances and entries as the chain last told them; never older than the last indexed block."""

    async def rules(self, conn: AsyncConnection) -> Rules:
        """Pause, accepted bands, programmes that are not swept."""

    async def citizen(self, conn: AsyncConnection, citizen: int) -> Citizen | None:
        """A citizen as registered; None when the chain does not know the id."""

    async def merchant(self, conn: AsyncConnection, merchant: int) -> Merchant | None:
        """A merchant as registered; None when the chain does not know the id."""

    async def seen_at(self, conn: AsyncConnection) -> int | None:
        """The time of the last block that was read; None before the first."""

    async def money(self, conn: AsyncConnection, citizen: int) -> CitizenMoney:
        """What a citizen has, before holds."""


@dataclass(frozen=True, slots=True)
class PayoutLine:
    """One line of a bank file."""

    reference: str
    amount_won: int
    bank_code: str
    account_number: str
    holder: str


@dataclass(frozen=True, slots=True)
class PayoutFile:
    """A bank file as bytes, and the hash that anchors it (S-2)."""

    content: bytes
    file_hash: bytes


class BankFiles(Protocol):
    """Writes the city's payout orders and gives them to its bank."""

    def merchant_reference(self, cycle: int, merchant: int) -> str:
        """What the merchant and the bank see of a payout."""

    def message_id(self, cycle: int) -> str:
        """The id of a cycle's file, unique for ever."""

    def refund_reference(self, serial: int, attempt: int) -> str:
        """What the citizen and the bank see of an attempt to pay a refund."""

    def refund_message_id(self, number: int) -> str:
        """The id of a file of refunds, unique for ever."""

    def build(
        self, message_id: str, created_at: datetime, execution_on: date, lines: Sequence[PayoutLine]
    ) -> PayoutFile:
        """The same arguments give the same bytes."""

    async def put(self, name: str, content: bytes) -> None:
        """Give the bank a file; the same again changes nothing. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction of the outbox. `mined`, and then with what outcome (`error`: the contract's, if it
    failed); `indexed`: mined in a block that the mirror holds."""

    mined: bool
    indexed: bool
    succeeded: bool
    error: str


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """What a refund brings to the chain (F-1)."""

    batch: int
    index: int
    record: bytes
    proof: Sequence[bytes]
    amount_won: int
    refunded_before_won: int
    refund_id: bytes


@dataclass(frozen=True, slots=True)
class Redemption:
    """Own money that a citizen's signature lets the settler burn, under a reference of 32 bytes (O-8)."""

    permit: Permit
    signature: CompactSignature
    redemption_ref: bytes


class Desk(Protocol):
    """The way to the chain: every call becomes a stored, signed transaction in the caller's own database
    transaction, under a reference that makes it once; `committed` lets it go out."""

    async def submit_batch(
        self, connection: AsyncConnection, orders: Sequence[bytes], reference: str
    ) -> None:
        """GATEWAY: orders of 128 bytes, in the order given (P-7)."""

    def batch_account(self) -> bytes:
        """The account that submits batches here, 20 bytes."""

    async def register_citizens(
        self, connection: AsyncConnection, entries: Sequence[tuple[bytes, int, int]], reference: str
    ) -> None:
        """REGISTRAR: (wallet, district, cohort)."""

    async def register_merchants(
        self, connection: AsyncConnection, entries: Sequence[tuple[bytes, int, int, int]], reference: str
    ) -> None:
        """REGISTRAR: (wallet, district, category, sales band)."""

    async def issue(
        self, connection: AsyncConnection, citizen: int, amount_won: int, deposit_key: bytes, reference: str
    ) -> None:
        """ISSUER: own money against a deposit (O-3)."""

    async def refund(self, connection: AsyncConnection, order: RefundOrder, reference: str) -> None:
        """GATEWAY: all or part of a payment (F-1)."""

    async def set_card_limit(
        self, connection: AsyncConnection, consent: CardConsent, signature: CompactSignature, reference: str
    ) -> None:
        """GATEWAY: a citizen's signed daily card limit (P-4)."""

    def escrow_parts(self, merchants: Sequence[tuple[int, bool]]) -> list[list[int]]:
        """Merchants in the order of ids, each with whether it owes the float, in parts for `escrow`."""

    async def give(
        self,
        connection: AsyncConnection,
        authorization: TransferAuthorization,
        signature: CompactSignature,
        reference: str,
    ) -> None:
        """GATEWAY: a gift that its giver signed (O-6)."""

    async def redeem(self, connection: AsyncConnection, redemption: Redemption, reference: str) -> None:
        """SETTLER: the citizen's permit, then the redemption that it allows (O-8)."""

    def settler(self) -> bytes:
        """The account that redeems, 20 bytes: whom a permit is for."""

    async def escrow(
        self, connection: AsyncConnection, cycle: int, merchants: Sequence[int], reference: str
    ) -> None:
        """SETTLER: merchants' balances into escrow (S-1)."""

    async def anchor_file(
        self, connection: AsyncConnection, cycle: int, file_hash: bytes, total_won: int, reference: str
    ) -> None:
        """SETTLER: a bank file's hash (S-2)."""

    async def anchor_reserve(
        self, connection: AsyncConnection, day: int, proof_hash: bytes, reference: str
    ) -> None:
        """SETTLER: the hash of a day's proof of reserve (V-4)."""

    async def mark_paid(
        self, connection: AsyncConnection, cycle: int, report: bytes, merchants: Sequence[int], reference: str
    ) -> None:
        """SETTLER: lines that the bank paid (S-3)."""

    async def mark_returned(
        self, connection: AsyncConnection, cycle: int, report: bytes, merchants: Sequence[int], reference: str
    ) -> None:
        """SETTLER: lines that the bank returned (S-3)."""

    def committed(self, connection: AsyncConnection) -> None:
        """Broadcast what was asked for on a connection whose transaction is committed now. If a crash comes
        between, it is found and sent later."""

    async def sent(self, connection: AsyncConnection, kind: str, reference: str) -> Sent | None:
        """What became of a transaction; None if it was never asked for."""

    async def sent_all(self, connection: AsyncConnection, kind: str, prefix: str) -> dict[str, Sent]:
        """What became of the transactions whose references begin so, by reference."""
