"""Which accounts a worker submits by (decision 011): one of the gateway's own to itself, and for a while the
one that another worker left behind.

A worker takes the first account that is free, so as many work at once as there are accounts. What a worker
that ended had under way, whoever is left sees to its end; no new batch is made by that account until a
worker takes it. Of a worker that stands still with its account, what it has signed is broadcast.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.chain.accounts import RoleAccount, load_account, role_address
from gateway.chain.contracts import CityContracts
from gateway.chain.decode import Decoder
from gateway.chain.errors import AccountBusy, BlocksLost
from gateway.chain.locks import shared_chain
from gateway.chain.node import Node
from gateway.chain.relayer import Relayer
from gateway.chain.repair import Repairer
from gateway.config import Clock
from gateway.store.outbox import Outbox, OutboxEntry
from gateway.wiring.chain_reader import ChainReader
from gateway.wiring.parts import Place

log = structlog.get_logger(__name__)

_GATEWAY_ROLE: Final = 3  # in every AccessManager (A)
_TAKE_SECONDS: Final = 0.2
_LEFT_SECONDS: Final = 5
_LOOK_SECONDS: Final = 0.2


def decoder_of(places: Iterable[Place]) -> Decoder:
    """Of the contracts of all cities, which have the same ABIs."""
    addresses: dict[bytes, str] = {}
    for place in places:
        addresses |= place.contracts.at.all()
        abis = place.contracts.abis
    return Decoder(abis, addresses)


async def granted(names: Sequence[str], keys: Path, node: Node, cities: Sequence[CityContracts]) -> list[str]:
    """Those of the gateway's accounts that hold its role in every city, first and without asking the role's
    own. Raises NodeUnreachable."""
    first, *others = names
    block = await node.block_number()
    readers = [ChainReader(node, contracts, block) for contracts in cities]
    found = [first]
    for name in others:
        address = role_address(name, keys)
        asked = [await reader.one("AccessManager", "hasRole", _GATEWAY_ROLE, address) for reader in readers]
        if all(is_member for is_member, _ in asked):
            found.append(name)
        else:
            log.warning("an account without its role is not used", account=name)
    return found


@dataclass
class GatewayAccounts:
    """The gateway's accounts as one worker uses them."""

    names: Sequence[str]
    keys: Path
    engine: AsyncEngine
    outbox: Outbox
    clock: Clock
    node: Node
    repairer: Repairer
    make: Callable[[RoleAccount], Relayer]
    _opened: dict[str, RoleAccount] = field(default_factory=dict, repr=False)

    async def take(self) -> Relayer:
        """Have one for this worker. Raises AccountBusy when other workers have them all."""
        for name in self.names:
            relayer = await self._start(name)
            if relayer is not None:
                log.info("batches go out by", account=name)
                return relayer
        raise AccountBusy(f"other workers have all {len(self.names)} accounts of the gateway")

    async def finish_left(self, own: Relayer) -> bool:
        """See to its end what a worker left behind that is gone. Whether there was any."""
        done = False
        for name in self.names:
            if name != own.account.role and (left := await self._left(role_address(name, self.keys))):
                done = await self._finish(name, left) or done
        return done

    async def _finish(self, name: str, left: Sequence[OutboxEntry]) -> bool:
        relayer = await self._start(name)
        if relayer is None:  # its worker lives, and is slow or stands still
            await self._broadcast(left)
            return False
        log.warning("another worker's transactions are seen to their end", account=name)
        try:
            while True:
                if not await self._has_unfinished(relayer.account.address):
                    return True
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            await relayer.stop()

    async def _start(self, name: str) -> Relayer | None:
        if name not in self._opened:
            self._opened[name] = await asyncio.to_thread(load_account, name, self.keys)
        relayer = self.make(self._opened[name])
        try:
            await relayer.start(seconds=_TAKE_SECONDS)
        except AccountBusy:
            return None
        except BaseException:
            await relayer.stop()
            raise
        return relayer

    async def _broadcast(self, left: Sequence[OutboxEntry]) -> None:
        """Send what is signed, in the order of its nonces: the same bytes twice are one transaction. Not
        while blocks are lost or being repaired: what was mined in them has to come before."""
        signed = sorted((row for row in left if row.raw), key=lambda row: row.nonce or 0)
        if not signed:
            return
        async with shared_chain(self.engine, self.outbox.chain_id) as is_whole:
            if not is_whole:
                return
            try:
                await self.repairer.look()
            except BlocksLost:  # the relayers see it too, and have them repaired
                return
            await self.node.send_raw([row.raw or b"" for row in signed])

    async def _left(self, account: bytes) -> list[OutboxEntry]:
        """What waits for longer than a worker that works lets it."""
        before = self.clock.now() - _LEFT_SECONDS
        async with self.engine.connect() as connection:
            rows = await self.outbox.unfinished(connection, account)
        return rows if any(row.created_at < before for row in rows) else []

    async def _has_unfinished(self, account: bytes) -> bool:
        async with self.engine.connect() as connection:
            return bool(await self.outbox.unfinished(connection, account))
