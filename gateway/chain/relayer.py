"""One relayer a role account: signs what the outbox asks for, broadcasts it, sees it mined.

The order of things is what makes it safe: a nonce is taken and the signed bytes are stored in one
database transaction, only then are they broadcast, and they are broadcast again, the same bytes, until
the chain has them. So a crash at any point neither loses a transaction nor makes a second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.chain.accounts import RoleAccount, SignedTransaction
from gateway.chain.announcements import Announcements
from gateway.chain.contracts import Call
from gateway.chain.decode import Decoder
from gateway.chain.errors import BlocksLost, ChainError, NodeRefused
from gateway.chain.locks import DATABASE_AWAY, HeldAccount
from gateway.chain.node import Node
from gateway.chain.outcome import Mined, see_mined
from gateway.chain.patience import Patience
from gateway.chain.refusals import Refusal, classify
from gateway.chain.repair import Repairer
from gateway.chain.seen import SeenReceipts
from gateway.chain.tasks import end, woken_within

if TYPE_CHECKING:
    from gateway.store.outbox import Outbox, OutboxEntry

log = structlog.get_logger(__name__)

OnMined = Callable[[AsyncConnection, Sequence[tuple["OutboxEntry", Mined]]], Awaitable[None]]

_IDLE_SECONDS: Final = 1.0  # between looks; a repair waits so long for each (`locks.whole_chain`)
_REFUSED_SECONDS: Final = 0.5
_AGAIN_SECONDS: Final = 5.0
_NOTE_SECONDS: Final = 1.0
_QUEUED_AT_ONCE: Final = 200
_REFUSALS_BEFORE_GIVING_UP: Final = 5


class Relayer:
    """The relayer of one account on one chain. At most one runs at a time, anywhere."""

    def __init__(
        self,
        node: Node,
        engine: AsyncEngine,
        outbox: Outbox,
        account: RoleAccount,
        repairer: Repairer,
        *,
        clock: Callable[[], int],
        decoder: Decoder | None = None,
        on_mined: OnMined | None = None,
        seen: SeenReceipts | None = None,
        may_be_queued: Callable[[Call], bool] = lambda _: True,
    ) -> None:
        """`on_mined` runs in the database transaction that marks rows as mined, and may run again
        for the same rows after a crash or a repair. `seen` gets the receipts. `may_be_queued`: what it signs
        though others queued it: who can write to the database must not thereby have the role's key.
        """
        self.account = account
        self._node = node
        self._engine = engine
        self._outbox = outbox
        self._repairer = repairer
        self._clock = clock
        self._decoder = decoder
        self._on_mined = on_mined
        self._seen = seen
        self._may_be_queued_here = may_be_queued
        self._patience = Patience()
        self._held = HeldAccount(engine, outbox.chain_id, account.address)
        self._gas_price = 0
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._may_be_queued = True
        self._open: dict[int, OutboxEntry] = {}  # signed, committed, not mined
        self._sent: dict[int, float] = {}  # when, by the event loop's clock
        self._refusals: dict[int, int] = {}
        self._announcements = Announcements()

    # --- life ---------------------------------------------------------------------------------

    async def start(self, *, seconds: float | None = None) -> None:
        """Take the account and go on where the last relayer of it stopped.

        Raises AccountBusy when another relayer has it (for `seconds`), NodeUnreachable, BlocksLost.
        """
        await self._held.take(seconds)
        try:
            await self._catch_up()
        except BlocksLost:
            await self._repair()
        self._task = asyncio.create_task(self._run(), name=f"relayer-{self.account.role}")

    async def stop(self) -> None:
        """End, and give the account back. What is not mined stays in the outbox."""
        if self._task:
            await end(self._task)
            self._task = None
        await self._held.give_back()
        self._announcements.forget()

    @property
    def has_account(self) -> bool:
        """Whether what is stored here goes out at once; else another relayer may have the account."""
        return self._held.is_held

    # --- for the flows ------------------------------------------------------------------------

    async def store(
        self, conn: AsyncConnection, call: Call, *, currency: str, kind: str, reference: str
    ) -> OutboxEntry:
        """Sign and store a transaction in the caller's own database transaction (the fast way).

        Once that is committed, `send` it. The same action again returns the first row.
        """
        known = await self._outbox.get(conn, currency=currency, kind=kind, reference=reference)
        if known is not None:
            return known
        nonce = await self._outbox.take_nonces(conn, self.account.address, 1)
        signed = self.account.sign_transaction(call, nonce, self._outbox.chain_id, price=self._gas_price)
        return await self._outbox.store(
            conn,
            call,
            currency=currency,
            account=self.account.address,
            kind=kind,
            reference=reference,
            nonce=nonce,
            tx_hash=signed.hash,
            raw=signed.raw,
            at=self._clock(),
        )

    def send(self, entries: Iterable[OutboxEntry]) -> None:
        """Broadcast rows that are committed as signed. A row that is forgotten is found later."""
        for entry in entries:
            if entry.state == "stored":
                self._open[entry.id] = entry
        self._woken.set()

    def wake(self) -> None:
        """Rows were queued (`Outbox.enqueue`) and committed."""
        self._may_be_queued = True
        self._woken.set()

    async def outcome(self, entry: OutboxEntry) -> Mined:
        """Wait until a row of this account is mined and marked so; cancel it to stop waiting."""
        future = self._announcements.of(entry.id)
        if not future.done() and entry.id not in self._open:
            await self._announce_mined(entry.id)  # perhaps it was mined long ago
            self.wake()
        return await future

    async def _announce_mined(self, entry_id: int) -> None:
        async with self._engine.connect() as conn:
            rows = await self._outbox.get_many(conn, [entry_id])
        for row in (row for row in rows if row.is_mined):
            for found in filter(None, await self._see([row])):
                self._announcements.announce(row.id, found)

    # --- signing ------------------------------------------------------------------------------

    async def _sign(
        self,
        conn: AsyncConnection,
        work: Sequence[tuple[OutboxEntry, Call]],
        *,
        error: str | None = None,
    ) -> list[OutboxEntry]:
        first = await self._outbox.take_nonces(conn, self.account.address, len(work))
        signed = []
        for nonce, (entry, call) in enumerate(work, first):
            transaction = self.account.sign_transaction(
                call, nonce, self._outbox.chain_id, price=self._gas_price
            )
            signed.append((entry.id, nonce, transaction.hash, transaction.raw))
        await self._outbox.store_signed(conn, signed, at=self._clock(), error=error)
        return await self._outbox.get_many(conn, [entry.id for entry, _ in work])

    async def _sign_queued(self) -> None:
        while True:
            async with self._engine.begin() as conn:
                rows = await self._outbox.queued(conn, self.account.address, _QUEUED_AT_ONCE)
                calls = [(row, Call(row.destination, row.calldata or b"", row.gas)) for row in rows]
                work = [(row, call) for row, call in calls if self._may_be_queued_here(call)]
                if len(work) < len(rows):
                    log.critical("relayer.not_to_be_signed", role=self.account.role)
                entries = await self._sign(conn, work) if work else []
            if entries:
                self.send(entries)
            if len(work) < _QUEUED_AT_ONCE:
                return

    # --- the loop -----------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            try:
                seconds = self._patience.seconds() if self._open else _IDLE_SECONDS
                woken = await woken_within(self._woken, seconds)
                if not woken and not self._open:
                    await self._look_around(within_seconds=0.8 * _IDLE_SECONDS)
                if self._may_be_queued:
                    self._may_be_queued = False
                    await self._sign_queued()
                sent = await self._broadcast()
                done = len(self._sent) > sent and await self._collect()  # not what went out just now
                await self._note_waiting()
                self._patience.looked(found=bool(sent or done))
            except asyncio.CancelledError:
                raise
            except BlocksLost as lost:
                log.error("relayer.blocks_lost", role=self.account.role, error=str(lost))
                await self._until_done(self._repair)
            except (ChainError, *DATABASE_AWAY) as error:
                log.warning("relayer.interrupted", role=self.account.role, error=str(error)[:300])
                await self._until_done(self._resume)
            except Exception:  # a fault of ours must not end the only one who sends for this role
                log.exception("relayer.failed", role=self.account.role)
                await self._until_done(self._resume)

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        pause = 0.1
        while True:
            try:
                await step()
                return
            except BlocksLost as lost:
                log.error("relayer.blocks_lost", role=self.account.role, error=str(lost))
                step = self._repair
            except (ChainError, *DATABASE_AWAY) as error:
                log.warning("relayer.waiting", role=self.account.role, error=str(error)[:300])
            except Exception:  # as in _run: nothing else sends for this role
                log.exception("relayer.failed", role=self.account.role)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 2.0)

    async def _resume(self) -> None:
        """After an engine was away: its connections, and what was on them, are gone."""
        await self._held.take()
        await self._catch_up()

    async def _repair(self) -> None:
        """Let whoever comes first repair the chain; then go on."""
        await self._held.give_back()
        await self._repairer.repair()
        await self._resume()

    async def _catch_up(self) -> None:
        """Compare the outbox with the chain: nonces, blocks, and what is not mined yet."""
        await self._repairer.look()
        self._gas_price = await self._node.gas_price()
        chain_nonce = await self._node.nonce(self.account.address)
        async with self._engine.begin() as conn:
            await self._outbox.open_account(conn, self.account.address, chain_nonce)
            rows = await self._outbox.unmined(conn, self.account.address)
        self._open = {row.id: row for row in rows}
        self._sent.clear()
        await self._collect()
        await self._sign_queued()

    async def _look_around(self, *, within_seconds: float = 0.0) -> None:
        """See that the account is still ours, that the chain has its blocks, that no row was forgotten."""
        await self._held.check()
        await self._repairer.look(within_seconds=within_seconds)
        async with self._engine.connect() as conn:
            rows = await self._outbox.unfinished(conn, self.account.address)
        signed = {row.id: row for row in rows if row.state != "queued"}
        self._may_be_queued |= len(signed) < len(rows)
        self._open = signed | self._open

    # --- broadcasting -------------------------------------------------------------------------

    async def _broadcast(self) -> int:
        """Send what was not sent, or long ago, in the order of nonces; how many."""
        now = asyncio.get_running_loop().time()
        if any(entry.id in self._sent for entry in self._due(now)):
            # Nodes do not usually forget one: blocks are gone, or somebody stored an earlier nonce.
            await self._look_around()
        if not (due := self._due(now)):
            return 0
        results = await self._node.send_raw([entry.raw or b"" for entry in due])
        for entry, result in zip(due, results, strict=True):
            self._sent[entry.id] = now
            if isinstance(result, NodeRefused):
                await self._refused(entry, result)
        return len(due)

    def _due(self, now: float) -> list[OutboxEntry]:
        again = now - _AGAIN_SECONDS
        due = (entry for entry in self._open.values() if self._sent.get(entry.id, again) <= again)
        return sorted(due, key=lambda entry: entry.nonce or 0)

    async def _refused(self, entry: OutboxEntry, refused: NodeRefused) -> None:
        match classify(refused):
            case Refusal.KNOWN:
                return
            case Refusal.NONCE_USED:
                await self._check_nonce(entry)
            case Refusal.NONCE_AHEAD:
                self._soon_again(entry)  # once the earlier ones are there
                await self._repairer.look()
            case Refusal.OTHER:
                self._soon_again(entry)
                await self._count_refusal(entry, refused)

    def _soon_again(self, entry: OutboxEntry) -> None:
        self._sent[entry.id] = asyncio.get_running_loop().time() - _AGAIN_SECONDS + _REFUSED_SECONDS

    async def _check_nonce(self, entry: OutboxEntry) -> None:
        """The nonce is mined: by this transaction, or somebody else used the role's key."""
        (found,) = await self._see([entry])
        if found:
            return
        await self._repairer.look()
        log.error("relayer.nonce_taken", role=self.account.role, nonce=entry.nonce, reference=entry.reference)
        chain_nonce = await self._node.nonce(self.account.address)
        async with self._engine.begin() as conn:
            await self._outbox.open_account(conn, self.account.address, chain_nonce)
            work = [(entry, self.account.call_of(entry.raw or b""))]
            (renewed,) = await self._sign(conn, work, error=entry.error)
        self._sent.pop(entry.id, None)
        self._open[entry.id] = renewed

    async def _count_refusal(self, entry: OutboxEntry, refused: NodeRefused) -> None:
        """Give up what the node will not take, or nothing after it could ever be mined.

        Only the one whose turn it is, and only after several tries: a full pool passes.
        """
        chain_nonce = await self._node.nonce(self.account.address)
        if entry.nonce != chain_nonce:
            return
        count = self._refusals[entry.id] = self._refusals.get(entry.id, 0) + 1
        log.error("relayer.refused", reference=entry.reference, kind=entry.kind, error=str(refused))
        if count < _REFUSALS_BEFORE_GIVING_UP:
            return
        filler: SignedTransaction = self.account.sign_filler(
            entry.nonce, self._outbox.chain_id, price=self._gas_price
        )
        async with self._engine.begin() as conn:
            await self._outbox.store_signed(
                conn,
                [(entry.id, entry.nonce, filler.hash, filler.raw)],
                at=self._clock(),
                error=f"the node refuses it: {refused.message}"[:500],
            )
            (self._open[entry.id],) = await self._outbox.get_many(conn, [entry.id])

    # --- collecting ---------------------------------------------------------------------------

    async def _collect(self) -> bool:
        """Ask for the receipts of all that is open; mark and announce what is mined."""
        if not self._open:
            return False
        entries = list(self._open.values())
        found = await self._see(entries)
        done = [(entry, mined) for entry, mined in zip(entries, found, strict=True) if mined]
        if not done:
            return False
        done.sort(key=lambda pair: (pair[1].block_number, pair[1].tx_index))
        if self._seen:
            self._seen.add(mined for _, mined in done)
        async with self._engine.begin() as conn:
            await self._outbox.mark_mined(conn, [mined for _, mined in done], at=self._clock())
            if self._on_mined:
                await self._on_mined(conn, done)
        for entry, mined in done:
            self._open.pop(entry.id, None)
            sent_at = self._sent.pop(entry.id, None)
            if sent_at is not None:
                self._patience.took(asyncio.get_running_loop().time() - sent_at)
            self._refusals.pop(entry.id, None)
            if not mined.succeeded:
                log.error("relayer.reverted", kind=entry.kind, reference=entry.reference, error=mined.error)
            self._announcements.announce(entry.id, mined)
        return True

    async def _see(self, entries: Sequence[OutboxEntry]) -> list[Mined | None]:
        hashes = [entry.tx_hash or b"" for entry in entries]
        return await see_mined(self._node, self._outbox.chain_id, hashes, self._decoder)

    async def _note_waiting(self) -> None:
        """Write down what the node has taken and not mined for a while, for whoever looks."""
        late = (now := asyncio.get_running_loop().time()) - _NOTE_SECONDS
        ids = [e.id for e in self._open.values() if e.state == "stored" and self._sent.get(e.id, now) < late]
        if not ids:
            return
        async with self._engine.begin() as conn:
            await self._outbox.mark_sent(conn, ids, at=self._clock())
            for row in await self._outbox.get_many(conn, ids):
                self._open[row.id] = row
