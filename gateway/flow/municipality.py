"""One municipality as the flows see it: its rules, its database, and the parts behind Protocols."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.domain.city import City
from gateway.domain.order import SigningDomain
from gateway.flow.errors import Overloaded
from gateway.flow.outcomes import Outcomes
from gateway.flow.ports import Clock, Mirror, Sms, Wallets
from gateway.store.sealing import Sealer

_MOST_WAITING: Final = 64


class PinChecks:
    """How many PINs a city looks at at once: a hash is 20 ms of a processor, and the next city's citizens
    pay on the same machine. `async with` takes a place; raises Overloaded when too many wait for one."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(os.cpu_count() or 1)
        self._waiting = 0

    async def __aenter__(self) -> None:
        if self._waiting >= _MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()


@dataclass(frozen=True, kw_only=True)
class Municipality:
    """Everything that a flow needs; joined once, in `gateway.wiring`."""

    city: City
    engine: AsyncEngine
    sealer: Sealer
    wallets: Wallets
    sms: Sms
    mirror: Mirror
    clock: Clock
    signing_domain: SigningDomain
    currency_domain: SigningDomain
    outcomes: Outcomes
    pin_checks: PinChecks = field(default_factory=PinChecks)

    @property
    def code(self) -> str:
        """The currency's code."""
        return self.city.code
