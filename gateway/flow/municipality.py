"""One municipality as the flows see it: its rules, its database, and the parts behind Protocols."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.domain.city import City
from gateway.domain.order import SigningDomain
from gateway.flow.outcomes import Outcomes
from gateway.flow.ports import Clock, Mirror, Sms, Wallets
from gateway.store.sealing import Sealer


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
    outcomes: Outcomes

    @property
    def code(self) -> str:
        """The currency's code."""
        return self.city.code
