"""Every part of a gateway process, made from the settings and closed in the end."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.chain.accounts import read_secret_file, signer_of
from gateway.chain.contracts import CityContracts, load_deployment
from gateway.chain.wallets import WalletKeys, WalletOwner
from gateway.config import Clock, Settings
from gateway.domain.city import City
from gateway.domain.signature import CompactSignature
from gateway.engine.anvil import CHAIN_ID
from gateway.flow.errors import Unavailable
from gateway.flow.municipality import Municipality
from gateway.flow.outcomes import OUTCOME_CHANNEL, Outcomes
from gateway.rails.sms import SensClient, SmsNotSent
from gateway.store.migrate import async_url
from gateway.store.mirror import Mirror
from gateway.store.outbox import Outbox
from gateway.store.pool import hand_out_only_open
from gateway.store.sealing import Sealer, load_data_key
from gateway.wiring.bank import CityBank, banks_of
from gateway.wiring.desk import ROLES

log = structlog.get_logger(__name__)

POOL: Final = 20


class _Wallets:
    """`gateway.flow.ports.Wallets` of one municipality."""

    def __init__(self, code: str, keys: WalletKeys) -> None:
        self._code = code
        self._keys = keys

    def create(self, kind: str, record: str) -> tuple[bytes, bytes]:
        made = self._keys.create(self._owner(kind, record))
        return made.address, made.sealed

    def sign(self, stored_key: bytes, kind: str, record: str, digest: bytes) -> CompactSignature:
        return self._keys.sign(stored_key, self._owner(kind, record), digest)

    def is_signed_by(self, wallet: bytes, digest: bytes, signature: CompactSignature) -> bool:
        return signer_of(digest, signature) == wallet

    def _owner(self, kind: str, record: str) -> WalletOwner:
        return WalletOwner(self._code, "citizen" if kind == "citizen" else "merchant", record)


class _Sms:
    """`gateway.flow.ports.Sms`."""

    def __init__(self, client: SensClient) -> None:
        self._client = client

    async def send(self, phone: str, text: str) -> None:
        try:
            await self._client.send(phone, text)
        except SmsNotSent as error:
            raise Unavailable("The text message could not be sent. Please try again in a moment.") from error


@dataclass(frozen=True, kw_only=True)
class Place:
    """One municipality with what only the worker and the command line use of it."""

    municipality: Municipality
    contracts: CityContracts
    mirror: Mirror
    banks: tuple[CityBank, ...]

    @property
    def bank(self) -> CityBank:
        """The one that pays merchants."""
        return self.banks[0]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a process is made of."""

    settings: Settings
    clock: Clock
    engine: AsyncEngine
    outcomes: Outcomes
    outbox: Outbox
    places: dict[str, Place]

    @property
    def municipalities(self) -> dict[str, Municipality]:
        """By code."""
        return {code: place.municipality for code, place in self.places.items()}


def chain_id() -> int:
    """``$CAMELLIA_CHAIN_ID``, else the embedded chain's."""
    return int(os.environ.get("CAMELLIA_CHAIN_ID") or CHAIN_ID)


@asynccontextmanager
async def open_parts(settings: Settings, *, idle_seconds: int | None = None) -> AsyncIterator[Parts]:
    """Make the parts. Needs no node: what is on chain is read from the mirror.

    `idle_seconds`: after so long the database ends a transaction in which nothing is asked, and with it what
    it keeps from others.

    Raises OSError, ValueError, KeyUnavailable, DeploymentError for what is missing.
    """
    async with AsyncExitStack() as stack:
        clock = settings.clock
        engine = create_async_engine(
            async_url(settings.database_url),
            pool_size=POOL,
            max_overflow=POOL,
            pool_timeout=5,
            connect_args={"server_settings": _session(idle_seconds)},
            hide_parameters=True,  # an error is logged with its statement, which names no value
        )
        hand_out_only_open(engine)
        stack.push_async_callback(engine.dispose)
        outcomes = Outcomes(settings.database_url, OUTCOME_CHANNEL)
        outcomes.start()
        stack.push_async_callback(outcomes.close)
        sms = SensClient(settings.sms_account(), clock.now)
        stack.push_async_callback(sms.close)
        sealer = Sealer(load_data_key(settings.data_key_file))
        wallets = WalletKeys.load(settings.keys)
        places = {
            city.code: _place(settings, city, clock, engine, outcomes, sealer, wallets, sms)
            for city in _deployed(settings)
        }
        for place in places.values():
            for bank in place.banks:
                stack.push_async_callback(bank.close)
        yield Parts(
            settings=settings,
            clock=clock,
            engine=engine,
            outcomes=outcomes,
            outbox=Outbox(chain_id()),
            places=places,
        )


def _session(idle_seconds: int | None) -> dict[str, str]:
    return {} if idle_seconds is None else {"idle_in_transaction_session_timeout": f"{idle_seconds}s"}


def _deployed(settings: Settings) -> list[City]:
    """The cities to be served: a city that still waits for a delay of its deployment is not one yet."""
    handed_over = load_deployment(chain_id(), settings.deployments).handed_over
    for city in settings.cities:
        if city.code not in handed_over:
            log.warning("the city's deployment is not finished: it is not served", city=city.code)
    return [city for city in settings.cities if city.code in handed_over]


def role_addresses(keys: Path) -> dict[str, bytes]:
    """The addresses of the roles that send for the gateway, read from the keystores without opening them."""
    return {
        role: bytes.fromhex(json.loads((keys / f"{role}.json").read_text())["address"].removeprefix("0x"))
        for role in ROLES
    }


def operator_token(settings: Settings) -> str:
    """The operator's token. Raises KeyUnavailable."""
    return read_secret_file(settings.operator_token_file).strip()


def _place(
    settings: Settings,
    city: City,
    clock: Clock,
    engine: AsyncEngine,
    outcomes: Outcomes,
    sealer: Sealer,
    wallets: WalletKeys,
    sms: SensClient,
) -> Place:
    contracts = CityContracts.load(chain_id(), city.code, settings.deployments)
    mirror = Mirror(city.code)
    municipality = Municipality(
        city=city,
        engine=engine,
        sealer=sealer,
        wallets=_Wallets(city.code, wallets),
        sms=_Sms(sms),
        mirror=mirror,
        clock=clock,
        signing_domain=contracts.signing_domain,
        currency_domain=contracts.currency_domain,
        outcomes=outcomes,
    )
    banks = banks_of(settings, city)
    return Place(municipality=municipality, contracts=contracts, mirror=mirror, banks=banks)
