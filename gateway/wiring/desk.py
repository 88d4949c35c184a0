"""The flows' way to the chain: calls encoded, put into the outbox, handed to the role's relayer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.chain.contracts import Call, CityContracts
from gateway.chain.escrow import escrow_parts
from gateway.chain.outcome import Mined
from gateway.chain.relayer import Relayer
from gateway.chain.shapes import NewCitizen, NewMerchant, RecordWords, RefundCall
from gateway.domain.gift import TransferAuthorization
from gateway.domain.order import CardConsent
from gateway.domain.signature import CompactSignature
from gateway.flow import reserve, settle, submit, submit_own
from gateway.flow.card.consent import CARD_LIMIT
from gateway.flow.ports import Clock, Redemption, RefundOrder, Sent
from gateway.flow.settle_escrow import ESCROW
from gateway.store.outbox import Outbox, OutboxEntry

GATEWAY, REGISTRAR, ISSUER, SETTLER = "gateway", "registrar", "issuer", "settler"
ROLES: Final = (GATEWAY, REGISTRAR, ISSUER, SETTLER)
_FOLLOWED: Final = (submit.BATCH, submit.REGISTER_CITIZENS)
"""Kinds that somebody asks `mined` about; others would only pile up."""


_ASK_SECONDS: Final = 3.0
_QUEUED: Final = ("escrow", "anchorFile", "markPaid", "markReturned")


def queueable(role: str, cities: Iterable[CityContracts]) -> Callable[[Call], bool]:
    """Which calls a role's relayer signs although another process put them into the outbox: what the command
    line asks for (`camellia settle`), and nothing else."""
    allowed = {
        (city.at.settlement, city.abis["Settlement"][function].selector)
        for city in cities
        for function in _QUEUED
        if role == SETTLER
    }
    return lambda call: (call.to, call.data[:4]) in allowed


class ChainDesk:
    """`gateway.flow.ports.Desk` for one municipality.

    With `relayers` calls are signed in the caller's transaction and go out at once. Without (the command
    line, while the worker has the accounts) they are queued, and the worker's relayers find them.
    """

    def __init__(
        self,
        currency: str,
        contracts: CityContracts,
        outbox: Outbox,
        addresses: Mapping[str, bytes],
        clock: Clock,
        relayers: Mapping[str, Relayer] | None = None,
    ) -> None:
        self._currency = currency
        self._contracts = contracts
        self._outbox = outbox
        self._addresses = addresses
        self._clock = clock
        self._relayers = relayers or {}
        self._stored: WeakKeyDictionary[AsyncConnection, list[tuple[str, OutboxEntry]]] = WeakKeyDictionary()
        self._last: dict[tuple[str, str], tuple[str, OutboxEntry]] = {}

    # --- gateway.flow.ports.Desk --------------------------------------------------------------

    async def submit_batch(
        self, connection: AsyncConnection, orders: Sequence[bytes], reference: str
    ) -> None:
        call = self._contracts.submit_batch(list(orders))
        await self._put(connection, GATEWAY, call, submit.BATCH, reference)

    def batch_account(self) -> bytes:
        relayer = self._relayers.get(GATEWAY)
        return relayer.account.address if relayer else self._addresses[GATEWAY]

    def has_batch_account(self) -> bool:
        """Whether a batch that is made now goes out from here."""
        return self._relayers[GATEWAY].has_account

    async def register_citizens(
        self, connection: AsyncConnection, entries: Sequence[tuple[bytes, int, int]], reference: str
    ) -> None:
        call = self._contracts.register_citizens([NewCitizen(*entry) for entry in entries])
        await self._put(connection, REGISTRAR, call, submit.REGISTER_CITIZENS, reference)

    async def register_merchants(
        self, connection: AsyncConnection, entries: Sequence[tuple[bytes, int, int, int]], reference: str
    ) -> None:
        call = self._contracts.register_merchants([NewMerchant(*entry) for entry in entries])
        await self._put(connection, REGISTRAR, call, submit.REGISTER_MERCHANTS, reference)

    async def issue(
        self, connection: AsyncConnection, citizen: int, amount_won: int, deposit_key: bytes, reference: str
    ) -> None:
        call = self._contracts.issue(citizen, amount_won, deposit_key)
        await self._put(connection, ISSUER, call, submit.ISSUE, reference)

    async def refund(self, connection: AsyncConnection, order: RefundOrder, reference: str) -> None:
        call = self._contracts.refund(
            RefundCall(
                batch=order.batch,
                index=order.index,
                record=RecordWords.from_bytes(order.record),
                proof=tuple(order.proof),
                amount=order.amount_won,
                refunded_before=order.refunded_before_won,
                refund_id=order.refund_id,
            )
        )
        await self._put(connection, GATEWAY, call, submit.REFUND, reference)

    async def set_card_limit(
        self, connection: AsyncConnection, consent: CardConsent, signature: CompactSignature, reference: str
    ) -> None:
        call = self._contracts.set_card_limit(consent, signature)
        await self._put(connection, GATEWAY, call, CARD_LIMIT, reference)

    def escrow_parts(self, merchants: Sequence[tuple[int, bool]]) -> list[list[int]]:
        return escrow_parts(merchants)

    async def give(
        self,
        connection: AsyncConnection,
        authorization: TransferAuthorization,
        signature: CompactSignature,
        reference: str,
    ) -> None:
        call = self._contracts.give(authorization, signature)
        await self._put(connection, GATEWAY, call, submit_own.GIFT, reference)

    async def redeem(self, connection: AsyncConnection, redemption: Redemption, reference: str) -> None:
        permit, signature = redemption.permit, redemption.signature
        allowed = self._contracts.permit(
            permit.owner, permit.spender, permit.value_won, permit.deadline, signature
        )
        await self._put(connection, SETTLER, allowed, submit_own.PERMIT, reference)
        call = self._contracts.redeem(permit.owner, permit.value_won, redemption.redemption_ref)
        await self._put(connection, SETTLER, call, submit_own.REDEEM, reference)

    def settler(self) -> bytes:
        relayer = self._relayers.get(SETTLER)
        return relayer.account.address if relayer else self._addresses[SETTLER]

    async def escrow(
        self, connection: AsyncConnection, cycle: int, merchants: Sequence[int], reference: str
    ) -> None:
        call = self._contracts.escrow(cycle, list(merchants))
        await self._put(connection, SETTLER, call, ESCROW, reference)

    async def anchor_file(
        self, connection: AsyncConnection, cycle: int, file_hash: bytes, total_won: int, reference: str
    ) -> None:
        call = self._contracts.anchor_file(cycle, file_hash, total_won)
        await self._put(connection, SETTLER, call, settle.ANCHOR, reference)

    async def anchor_reserve(
        self, connection: AsyncConnection, day: int, proof_hash: bytes, reference: str
    ) -> None:
        call = self._contracts.anchor_reserve(day, proof_hash)
        await self._put(connection, SETTLER, call, reserve.ANCHOR_RESERVE, reference)

    async def mark_paid(
        self, connection: AsyncConnection, cycle: int, report: bytes, merchants: Sequence[int], reference: str
    ) -> None:
        call = self._contracts.mark_paid(cycle, report, list(merchants))
        await self._put(connection, SETTLER, call, settle.MARK_PAID, reference)

    async def mark_returned(
        self, connection: AsyncConnection, cycle: int, report: bytes, merchants: Sequence[int], reference: str
    ) -> None:
        call = self._contracts.mark_returned(cycle, report, list(merchants))
        await self._put(connection, SETTLER, call, settle.MARK_RETURNED, reference)

    def committed(self, connection: AsyncConnection) -> None:
        for role, entry in self._stored.pop(connection, ()):
            if entry.kind in _FOLLOWED:
                self._last[entry.kind, entry.reference] = (role, entry)
            self._relayers[role].send([entry])

    async def sent(self, connection: AsyncConnection, kind: str, reference: str) -> Sent | None:
        entry = await self._outbox.get(connection, currency=self._currency, kind=kind, reference=reference)
        if entry is None:
            return None
        seen = await self._seen(connection)
        return _sent(entry.is_mined, entry.block_number, seen, entry.succeeded, entry.error)

    async def sent_all(self, connection: AsyncConnection, kind: str, prefix: str) -> dict[str, Sent]:
        seen = await self._seen(connection)
        rows = await self._outbox.fates(connection, currency=self._currency, kind=kind, prefix=prefix)
        return {
            row.reference: _sent(row.is_mined, row.block_number, seen, row.succeeded, row.error)
            for row in rows
        }

    async def _seen(self, connection: AsyncConnection) -> int | None:
        """The last block that the mirror holds."""
        found: int | None = await connection.scalar(
            text("SELECT block_number FROM mirror_cursor WHERE currency = :currency"),
            {"currency": self._currency},
        )
        return found

    # --- for the worker -----------------------------------------------------------------------

    async def mined(self, kind: str, reference: str, *, seconds: float) -> Mined | None:
        """Wait until a transaction that went out here is mined, but not longer than `seconds`."""
        role, entry = self._last.pop((kind, reference), (None, None))
        if role is None or entry is None:
            return None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (left := deadline - loop.time()) > 0:
            with suppress(TimeoutError):
                # Asked anew: while the account was away, another worker may have seen it mined.
                return await asyncio.wait_for(self._relayers[role].outcome(entry), min(left, _ASK_SECONDS))
        return None

    async def _put(
        self, connection: AsyncConnection, role: str, call: Call, kind: str, reference: str
    ) -> None:
        relayer = self._relayers.get(role)
        if relayer is None:
            await self._outbox.enqueue(
                connection,
                call,
                currency=self._currency,
                account=self._addresses[role],
                kind=kind,
                reference=reference,
                at=self._clock.now(),
            )
            return
        entry = await relayer.store(connection, call, currency=self._currency, kind=kind, reference=reference)
        self._stored.setdefault(connection, []).append((role, entry))


def _sent(
    is_mined: bool, block_number: int | None, seen: int | None, succeeded: bool | None, error: str | None
) -> Sent:
    indexed = is_mined and seen is not None and (block_number or 0) <= seen
    return Sent(is_mined, indexed, bool(succeeded), error or "")
