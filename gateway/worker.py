"""The worker process: `camellia work`. Relayers, indexers, the bank's files, the settlement schedule.

Every loop looks at stored state, does what waits and sleeps until it is told of more (or a moment passes), so
it may end anywhere and begin again. What one loop cannot do (the node away, the bank's folder gone) it logs
and retries; the others go on.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

import structlog

from gateway.chain.accounts import RoleAccount, accounts_of, load_accounts
from gateway.chain.decode import Decoder
from gateway.chain.errors import ChainError
from gateway.chain.indexer import Indexer
from gateway.chain.node import Node
from gateway.chain.relayer import Relayer
from gateway.chain.repair import Repairer
from gateway.chain.seen import SeenReceipts
from gateway.config import Settings
from gateway.domain.business_days import KST
from gateway.engine.block_times import AnvilBlockTimes, block_times_of
from gateway.flow import (
    notices,
    office_people,
    refund_payouts,
    settle,
    settle_read,
    stand_in,
    submit,
    submit_own,
)
from gateway.flow.card import consent, due
from gateway.flow.errors import Conflict
from gateway.flow.municipality import Municipality
from gateway.flow.notices_send import Sender
from gateway.flow.outcomes import WORK_CHANNEL, Outcomes, payments_topic
from gateway.rails.webhook import WebhookClient
from gateway.wiring import bank_inbox, events, figures, reserve
from gateway.wiring.bank import CityBank
from gateway.wiring.batches import CityBatches, Shares
from gateway.wiring.chain_reader import ChainReader
from gateway.wiring.desk import GATEWAY, ROLES, SETTLER, ChainDesk, queueable
from gateway.wiring.parts import Parts, Place, open_parts
from gateway.wiring.relaying import GatewayAccounts, decoder_of, granted

log = structlog.get_logger(__name__)

Done = TypeVar("Done")

_IDLE_SECONDS: Final = 2.0
"""Between looks that nobody asked for: what waits is told of when it is stored."""
_AGAIN_SECONDS: Final = 0.5
_REGISTER_SECONDS: Final = 10.0
_BANK_SECONDS: Final = 1.0
_SCHEDULE_SECONDS: Final = 2.0
_RESERVE_SECONDS: Final = 10.0
_CONTACT_SECONDS: Final = 3.0
_LEFT_SECONDS: Final = 1.0
_PRUNE_SECONDS: Final = 60.0
_TRIES_KEPT_SECONDS: Final = 86_400
_IDLE_TRANSACTION_SECONDS: Final = 30
"""A worker that stands still keeps batches and the mirror from the other ones no longer than this (Q-3)."""


@dataclass
class Worker:
    """The running parts of one process. `start` returns when everything runs."""

    parts: Parts
    node: Node
    stack: AsyncExitStack
    indexers: list[Indexer] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    block_times: AnvilBlockTimes | None = None
    shares: Shares = field(default_factory=Shares)

    def __post_init__(self) -> None:
        self.seen = SeenReceipts(self._mined)

    async def start(self) -> None:
        """Start relayers, indexers and loops; waits for a node or an account that is not free yet.

        Several workers share the batches, an account each; all else is done by the one that has the other
        roles' accounts, and a second one takes over when it ends.
        """
        places = self.parts.places
        await _until_done("node", self._know_node)
        self._begin("contact", self._contact, asyncio.Event(), _CONTACT_SECONDS)
        decoder = decoder_of(places.values())
        repairer = self._repairer(places, decoder)
        accounts = await _until_done("accounts", lambda: self._accounts(repairer, decoder))
        own = await _until_done("relayer gateway", accounts.take)
        self.stack.push_async_callback(own.stop)
        self.indexers += [self._indexer(place, repairer) for place in places.values()]
        for indexer in self.indexers:
            indexer.start()
            self.stack.push_async_callback(indexer.stop)
        work = Outcomes(self.parts.settings.database_url, WORK_CHANNEL)
        work.start()
        self.stack.push_async_callback(work.close)
        relayers = {GATEWAY: own}
        for place in places.values():
            self._batches(place, relayers, work)
        self._begin("left", lambda: accounts.finish_left(own), asyncio.Event(), _LEFT_SECONDS)
        log.info("worker makes batches", cities=list(places))
        await self._rest(relayers, repairer, decoder, work)

    async def _rest(
        self, relayers: dict[str, Relayer], repairer: Repairer, decoder: Decoder, work: Outcomes
    ) -> None:
        """Everything but batches, once the other roles' accounts are ours."""
        settings, places = self.parts.settings, self.parts.places
        roles = [role for role in ROLES if role != GATEWAY]
        accounts = await asyncio.to_thread(load_accounts, roles, settings.keys)
        for role, account in accounts.items():
            relayer = self._relayer(account, repairer, decoder)
            await _until_done(f"relayer {role}", relayer.start)
            self.stack.push_async_callback(relayer.stop)
            relayers[role] = relayer
        webhooks = WebhookClient(self.parts.clock.now, loopback=settings.webhook_loopback)
        self.stack.push_async_callback(webhooks.close)
        for place in places.values():
            taken = asyncio.Event()  # bank files: a statement may be what a proof waits for
            self._loops(place, relayers, work, taken)
            self._notices(place, webhooks)
            self._reserve(place, relayers, reserve.ProofSigner(accounts[SETTLER]), taken)
        # What is here now stays for good: a collection need not walk it while receipts come and go.
        gc.collect()
        gc.freeze()
        log.info("worker started", cities=list(places))

    async def _accounts(self, repairer: Repairer, decoder: Decoder) -> GatewayAccounts:
        parts, keys = self.parts, self.parts.settings.keys
        cities = [place.contracts for place in parts.places.values()]
        names = await granted(accounts_of(GATEWAY, keys), keys, self.node, cities)
        return GatewayAccounts(
            names,
            keys,
            parts.engine,
            parts.outbox,
            parts.clock,
            self.node,
            repairer,
            lambda account: self._relayer(account, repairer, decoder),
        )

    def _begin(
        self, name: str, step: Callable[[], Awaitable[bool]], told: asyncio.Event, seconds: float
    ) -> None:
        self.tasks.append(asyncio.create_task(_loop(name, step, told, seconds)))

    async def stop(self) -> None:
        """End the loops, then what they use."""
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self.stack.aclose()

    async def _contact(self) -> bool:
        """Note that a node answers (T-1); the relayers tell of one that does not."""
        try:
            await self.node.block_number()
        except ChainError:
            return False
        async with self.parts.engine.begin() as connection:
            await stand_in.heard(connection, list(self.parts.places))
        return False

    async def _know_node(self) -> None:
        self.block_times = await block_times_of(self.parts.settings.rpc_url)

    def _relayer(self, account: RoleAccount, repairer: Repairer, decoder: Decoder) -> Relayer:
        parts = self.parts
        return Relayer(
            self.node,
            parts.engine,
            parts.outbox,
            account,
            repairer,
            clock=parts.clock.now,
            decoder=decoder,
            on_mined=events.on_mined(parts.clock),
            seen=self.seen,
            may_be_queued=queueable(account.role, [place.contracts for place in parts.places.values()]),
        )

    def _repairer(self, places: Mapping[str, Place], decoder: Decoder) -> Repairer:
        return Repairer(
            self.node,
            self.parts.engine,
            self.parts.outbox,
            clock=self.parts.clock.now,
            contracts=tuple(address for place in places.values() for address in place.contracts.at.all()),
            decoder=decoder,
            block_times=self.block_times,
        )

    def _indexer(self, place: Place, repairer: Repairer) -> Indexer:
        return Indexer(
            self.node,
            self.parts.engine,
            place.contracts,
            place.mirror,
            repairer=repairer,
            sinks=(events.sink_of(place.municipality.code),),
            seen=self.seen,
        )

    def _mined(self) -> None:
        for indexer in self.indexers:
            indexer.wake()

    def _batches(self, place: Place, relayers: Mapping[str, Relayer], work: Outcomes) -> None:
        m = place.municipality
        desk = ChainDesk(m.code, place.contracts, self.parts.outbox, {}, self.parts.clock, relayers)
        told = work.subscribe(payments_topic(m.code))
        batches = CityBatches(m, desk, self.shares, told)
        self.stack.push_async_callback(batches.close)
        self._begin(f"{m.code} batches", batches.step, told, _IDLE_SECONDS)

    def _loops(
        self, place: Place, relayers: Mapping[str, Relayer], work: Outcomes, taken: asyncio.Event
    ) -> None:
        m = place.municipality
        desk = ChainDesk(m.code, place.contracts, self.parts.outbox, {}, self.parts.clock, relayers)

        async def citizens() -> bool:
            reference = await submit.register_citizens(m, desk)
            if reference is None:
                return False
            # Those who join meanwhile share the next transaction.
            await desk.mined(submit.REGISTER_CITIZENS, reference, seconds=_REGISTER_SECONDS)
            return True

        async def others() -> bool:
            done = False
            for step in (submit.register_merchants, submit.issue, submit.refund, submit_own.gift):
                done = await step(m, desk) or done
            return done

        async def cycles() -> bool:
            done = False
            for cycle in await settle.unfinished(m):
                try:
                    done = await settle.advance(m, desk, place.bank, cycle) or done
                except Exception:  # one cycle that stands still must not hold up the ones behind it
                    log.exception("a cycle cannot go on", cycle=cycle)
            return done

        async def permit_nonce(wallet: bytes) -> int:
            reader = ChainReader(self.node, place.contracts, await self.node.block_number())
            return int(await reader.one("LocalCurrency", "nonces", wallet))

        async def refunds() -> bool:
            done = await submit_own.own_refund(m, desk, permit_nonce)
            return await refund_payouts.order(m, place.bank) or done

        told_late: set[int] = set()

        async def cards() -> bool:
            await due.lapse(m)
            given = await due.give_back(m)
            return await consent.submit(m, desk) or given

        async def schedule() -> bool:
            await close_due_cycle(place, desk)
            for row in await settle_read.late(m):
                if row.cycle not in told_late:
                    told_late.add(row.cycle)
                    log.critical("payouts late", cycle=row.cycle, payouts=row.lines, won=int(row.won))
            return False

        loops: list[tuple[str, Callable[[], Awaitable[bool]], asyncio.Event, float]] = [
            ("citizens", citizens, work.subscribe(m.code), _IDLE_SECONDS),
            ("others", others, work.subscribe(m.code), _IDLE_SECONDS),
            ("cards", cards, work.subscribe(m.code), _IDLE_SECONDS),
            ("cycles", cycles, work.subscribe(m.code), _IDLE_SECONDS),  # one's file may take seconds
            ("refunds", refunds, work.subscribe(m.code), _IDLE_SECONDS),
            *(
                (f"bank {b.code}", partial(self._bank_files, m, b, taken), asyncio.Event(), _BANK_SECONDS)
                for b in place.banks
            ),
            ("schedule", schedule, asyncio.Event(), _SCHEDULE_SECONDS),
            ("figures", figures.Summing(m).step, asyncio.Event(), figures.EVERY_SECONDS),
        ]
        for name, step, event, seconds in loops:
            self._begin(f"{m.code} {name}", step, event, seconds)

    @staticmethod
    async def _bank_files(m: Municipality, bank: CityBank, taken: asyncio.Event) -> bool:
        if receipts := await bank_inbox.take_in(m, bank):
            taken.set()
        return bool(receipts)

    def _reserve(
        self,
        place: Place,
        relayers: Mapping[str, Relayer],
        signer: reserve.ProofSigner,
        taken: asyncio.Event,
    ) -> None:
        m = place.municipality
        desk = ChainDesk(m.code, place.contracts, self.parts.outbox, {}, self.parts.clock, relayers)
        duty = reserve.Duty(place, self.node, desk, signer)

        async def prove() -> bool:
            await duty.step()
            return False

        self._begin(f"{m.code} reserve", prove, taken, _RESERVE_SECONDS)

    def _notices(self, place: Place, webhooks: WebhookClient) -> None:
        m = place.municipality
        told = self.parts.outcomes.subscribe(notices.topic(m.code))
        sender = Sender(m, webhooks, told)
        self.stack.push_async_callback(sender.close)

        async def prune() -> bool:
            await office_people.forget_tries(m, m.clock.now() - _TRIES_KEPT_SECONDS)
            return await notices.prune(m, self.parts.settings.stream_bounds.days)

        for name, step, event, seconds in (
            ("webhooks", sender.step, told, _IDLE_SECONDS),
            ("prune", prune, asyncio.Event(), _PRUNE_SECONDS),
        ):
            self._begin(f"{m.code} {name}", step, event, seconds)


async def close_due_cycle(place: Place, desk: ChainDesk) -> None:
    """Open the cycle that pays today, once the closing time of a business day has come (S-6)."""
    m = place.municipality
    now = datetime.fromtimestamp(m.clock.now(), KST)
    today = now.date()
    if not m.city.calendar.is_business_day(today) or now.time() < m.city.settlement.close_at:
        return
    with suppress(Conflict):  # paused: its time comes when money moves again
        await settle.open_cycle(m, desk, today - timedelta(days=1))


async def _loop(name: str, step: Callable[[], Awaitable[bool]], told: asyncio.Event, seconds: float) -> None:
    """Do what waits; when nothing does, sleep until told, or for some seconds."""
    while True:
        told.clear()
        try:
            if await step():
                continue
            pause = seconds
        except Exception as error:
            log.error("a step failed and will be tried again", loop=name, exc_info=error)
            pause = _AGAIN_SECONDS
        with suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), pause)


async def _until_done(name: str, step: Callable[[], Awaitable[Done]]) -> Done:
    while True:
        try:
            return await step()
        except Exception as error:
            log.warning("waiting", part=name, error=str(error)[:300])
            await asyncio.sleep(_AGAIN_SECONDS)


async def work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with (
        open_parts(settings, idle_seconds=_IDLE_TRANSACTION_SECONDS) as parts,
        Node(settings.rpc_url) as node,
        AsyncExitStack() as stack,
    ):
        worker = Worker(parts, node, stack)
        starting = asyncio.create_task(worker.start())
        await asyncio.wait({starting, asyncio.create_task(ended.wait())}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await ended.wait()
        else:
            starting.cancel()
        await worker.stop()
