"""People and money for a bench city, in bulk: the same rows and the same transactions as through the API.

Wallet keys are made and sealed by the gateway's own parts, rows go in by COPY, participants are registered by
the registrar and own money is issued by the issuer, all as signed transactions of the role accounts. Amounts,
places and tokens follow from the plan's seed; wallet keys are random, as everywhere.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from stdnum import luhn

from gateway.chain.accounts import RoleAccount, load_account
from gateway.chain.contracts import Call, CityContracts, bounded
from gateway.chain.node import Node
from gateway.chain.shapes import CampaignTerms, NewCitizen, NewMerchant, ProgrammeRules
from gateway.config import Settings
from gateway.domain.keccak import keccak256
from gateway.domain.programme import EVERYWHERE, mask, pack_roll
from gateway.flow import merchants as merchant_flow
from gateway.flow.join import PHONE
from gateway.flow.merchants import Account, Application
from gateway.flow.municipality import Municipality
from gateway.flow.pins import hash_pin
from gateway.flow.sessions import Role, hashed
from gateway.rails.qr import merchant_presented
from gateway.wiring.parts import Place, chain_id, open_parts

PIN: Final = "271828"
RELIEF: Final = 1
TIERS: Final = (400_000, 600_000, 800_000, 1_000_000)
RECIPIENTS: Final = 0.6
RELIEF_DISTRICTS: Final = range(1, 9)
"""Half of the city's districts: about half of a recipient's payments draw relief, the others own money."""
CASHBACK_WON: Final = 2_000_000_000
_DAY: Final = 86_400
_MONTH: Final = 30 * _DAY
_ROWS: Final = 2_000
_ENTRIES: Final = 150  # registrations a transaction, as the gateway sends them
_AT_ONCE: Final = 100
"""Transactions of one account that may wait in Anvil's pool while it mines by itself: with a thousand it
stands still for minutes."""
_IN_A_BLOCK: Final = 2_000
_BLOCK_GAS: Final = 2_000_000_000
_MCCS: Final = ("5812", "5411", "5462", "5499", "5912", "7230", "5311", "5942")
_T = TypeVar("_T")
Advance = Callable[[int], None]
Shop = tuple[Application, Any, str]  # with its row and its API key


@dataclass(frozen=True, slots=True)
class Plan:
    """What a bench city holds. `funded`: the first so many citizens have own money and pay (0 =
    everybody). `pins`: citizens who know their PIN (argon2 takes 20 ms each). `relief`: whether some have
    relief from the start; without it the treasury keeps the money. `treasury_won`: what it has beside."""

    citizens: int = 2_000
    merchants: int = 50
    own_won: int = 500_000
    funded: int = 0
    seed: int = 1
    pins: int = 0
    relief: bool = True
    treasury_won: int = 0

    @property
    def payers(self) -> int:
        """How many have own money."""
        return min(self.funded or self.citizens, self.citizens)

    @property
    def relief_won(self) -> int:
        """What all tiers could cost."""
        return max(TIERS) * self.citizens + self.treasury_won

    @property
    def all_issued_won(self) -> int:
        """Own money and the treasury's."""
        return self.payers * self.own_won + self.relief_won + CASHBACK_WON


@dataclass(frozen=True, slots=True)
class Payer:
    """A citizen as the load generator knows one."""

    member: str
    wallet: bytes
    district: int
    cohort: int
    token: str
    device: str


async def seed(settings: Settings, code: str, plan: Plan, payers: Path, console: Console) -> None:
    """Fill an empty, deployed city. The gateway must not run yet: the roles' nonces are taken by hand."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with open_parts(settings) as parts, Node(settings.rpc_url, timeout_seconds=60) as node:
        place = parts.places[code]
        connection = await asyncpg.connect(settings.database_url)
        try:
            with Progress(*columns, console=console) as progress:
                people = await _citizens(place, connection, plan, _bar(progress, "wallets", plan.citizens))
                shops = await _merchants(place.municipality, connection, plan)
                async with mined_by_hand(node):
                    await _on_chain(settings, place.contracts, node, plan, people, shops, progress)
        finally:
            await connection.close()
    payers.parent.mkdir(parents=True, exist_ok=True)
    payers.write_text(
        json.dumps(
            {
                "path": f"/v1/{place.municipality.code}/payments",
                "pin": PIN,
                "citizens": [[payer.token, payer.device] for payer in people[: plan.payers]],
                "merchants": [
                    _qr(place.municipality, number, shop) for number, (shop, _, _) in enumerate(shops, 1)
                ],
                "merchant_keys": [key for _, _, key in shops],
            }
        )
    )


def _bar(progress: Progress, words: str, total: int) -> Advance:
    task = progress.add_task(words, total=total)
    return lambda count: progress.update(task, advance=count)


# --- rows -------------------------------------------------------------------------------------


async def _citizens(
    place: Place, connection: asyncpg.Connection, plan: Plan, advance: Advance
) -> list[Payer]:
    m = place.municipality
    draw = random.Random(plan.seed)
    districts, cohorts = [d.number for d in m.city.districts], [0, *(c.number for c in m.city.cohorts)]
    serials = [
        row[0]
        for row in await connection.fetch(
            "SELECT nextval('member_serial') FROM generate_series(1, $1)", plan.citizens
        )
    ]
    nobodys_pin = await hash_pin(m, "nobody", PIN)
    people: list[Payer] = []
    for numbers in _parts(range(plan.citizens), _ROWS):
        rows, sessions = [], []
        for number in numbers:
            member = f"{serials[number]}{luhn.calc_check_digit(str(serials[number]))}"
            wallet, stored_key = m.wallets.create(Role.CITIZEN, member)
            payer = Payer(
                member, wallet, draw.choice(districts), draw.choice(cohorts),
                _token(plan.seed, number), f"bench-device-{number:08d}",
            )  # fmt: skip
            people.append(payer)
            pin_hash = await hash_pin(m, member, PIN) if number < plan.pins else nobodys_pin
            rows.append(_citizen_row(m, payer, number, stored_key, pin_hash))
            sessions.append(_session_row(m, payer))
        await connection.copy_records_to_table("citizens", records=rows, columns=_CITIZEN_COLUMNS)
        await connection.copy_records_to_table("sessions", records=sessions, columns=_SESSION_COLUMNS)
        advance(len(rows))
    return people


_CITIZEN_COLUMNS: Final = (
    "currency", "member", "wallet", "wallet_key", "phone_lookup", "phone", "pin_hash", "district", "cohort",
    "registration", "joined_at",
)  # fmt: skip
_SESSION_COLUMNS: Final = (
    "token_hash", "currency", "role", "subject", "device_hash", "created_at", "expires_at", "pin_until",
)  # fmt: skip


def _citizen_row(m: Municipality, payer: Payer, number: int, stored_key: bytes, pin_hash: str) -> Any:
    phone = f"010{number:08d}"
    return (
        m.code, payer.member, payer.wallet, stored_key, m.sealer.lookup(phone, PHONE),
        m.sealer.seal_text(phone, PHONE), pin_hash, payer.district, payer.cohort, "bench", m.clock.now(),
    )  # fmt: skip


def _session_row(m: Municipality, payer: Payer) -> Any:
    """The PIN was given in this session, so that payments go without it (`payment.pin_step_seconds`)."""
    now = m.clock.now()
    return (
        hashed(payer.token), m.code, Role.CITIZEN.value, payer.member, hashed(payer.device), now,
        now + _MONTH, now + _MONTH,
    )  # fmt: skip


def _token(seed: int, number: int) -> str:
    """As long as a real one; a bench city's are known from its seed."""
    digest = hashlib.sha256(f"camellia bench {seed} {number}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


async def _merchants(m: Municipality, connection: asyncpg.Connection, plan: Plan) -> list[Shop]:
    draw = random.Random(plan.seed + 1)
    districts = [district.number for district in m.city.districts]
    shops = []
    for number in range(plan.merchants):
        application = Application(
            business_number=_business_number(number),
            name=f"가게 {number + 1}",
            name_en=f"Shop {number + 1}",
            mcc=draw.choice(_MCCS),
            district=draw.choice(districts),
            yearly_sales_won=draw.choice((300_000_000, 800_000_000, 2_000_000_000)),
            account=Account("032", f"101-2026-{number:04}-07", f"가게 {number + 1}"),
        )
        row, key = await merchant_flow.register(m, application)
        shops.append((application, row, key))
    await connection.execute("UPDATE merchants SET registration = 'bench'")
    return shops


def _business_number(number: int) -> str:
    """With its check digit (국세청 algorithm)."""
    digits = f"22081{number + 1:04}"
    weighted = [
        int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=True)
    ]
    return digits + str(-(sum(weighted) + weighted[8] // 10) % 10)


def _qr(m: Municipality, number: int, shop: Application) -> str:
    """The sticker on the counter."""
    return merchant_presented.build(
        merchant_presented.MerchantQr(
            municipality=m.code,
            merchant=number,
            mcc=shop.mcc,
            name=shop.name_en,
            city=m.city.brand.city.en,
            name_ko=shop.name,
        )
    )


# --- transactions -----------------------------------------------------------------------------


class Sender:
    """One role account that sends by hand, nonces counted here.

    `by_hand`: the node mines only when it is told to (`mined_by_hand`), so that thousands of transactions
    share a block: Anvil recomputes its whole state root in each.
    """

    def __init__(self, node: Node, account: RoleAccount, *, by_hand: bool = False) -> None:
        self._node = node
        self._account = account
        self._by_hand = by_hand
        self._nonce: int | None = None

    async def send(self, calls: Sequence[Call], advance: Advance = lambda _: None, worth: int = 1) -> None:
        """Sign, send and wait until mined. What the calls did, the caller checks by reading the chain."""
        if self._nonce is None:
            self._nonce = await self._node.nonce(self._account.address)
        size = _IN_A_BLOCK if self._by_hand else _AT_ONCE
        for part in _parts(calls, max(1, min(size, _BLOCK_GAS // max(call.gas for call in calls)))):
            for group in _parts(part, _AT_ONCE):
                await self._post(group)
                advance(len(group) * worth)
            if self._by_hand:
                await self._node.call("evm_mine")
            while await self._node.nonce(self._account.address) < self._nonce:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def _post(self, calls: Sequence[Call]) -> None:
        assert self._nonce is not None
        raws = [
            self._account.sign_transaction(call, self._nonce + at, chain_id()).raw
            for at, call in enumerate(calls)
        ]
        for answer in await self._node.send_raw(raws):
            if isinstance(answer, Exception):
                raise answer
        self._nonce += len(calls)


@asynccontextmanager
async def mined_by_hand(node: Node) -> AsyncIterator[None]:
    """Within it the node makes a block only at `evm_mine`. It is a development node's call, for seeding."""
    await node.call("evm_setAutomine", False)
    try:
        yield
    finally:
        await node.call("evm_setAutomine", True)


async def _on_chain(
    settings: Settings,
    contracts: CityContracts,
    node: Node,
    plan: Plan,
    people: Sequence[Payer],
    shops: Sequence[Shop],
    progress: Progress,
) -> None:
    def sender(role: str) -> Sender:
        return Sender(node, load_account(role, settings.keys), by_hand=True)

    registrar, issuer, manager, treasurer = map(
        sender, ("registrar", "issuer", "programme-manager", "treasurer")
    )
    entries = [NewMerchant(row.wallet, row.district, row.category, row.sales_band) for _, row, _ in shops]
    await registrar.send([contracts.register_merchants(part) for part in _parts(entries, _ENTRIES)])
    citizens = [NewCitizen(payer.wallet, payer.district, payer.cohort) for payer in people]
    await registrar.send(
        [contracts.register_citizens(part) for part in _parts(citizens, _ENTRIES)],
        _bar(progress, "registered", plan.citizens),
        worth=_ENTRIES,
    )
    treasury = plan.relief_won + CASHBACK_WON
    await issuer.send([contracts.issue_to_treasury(treasury, keccak256(b"bench treasury"))])
    await issuer.send(
        [
            contracts.issue(citizen, plan.own_won, keccak256(b"bench %d" % citizen))
            for citizen in range(1, plan.payers + 1)
        ],
        _bar(progress, "issued", plan.payers),
    )
    await _city_money(contracts, plan, manager, treasurer)
    await _check(contracts, node, plan, len(shops))


async def _city_money(contracts: CityContracts, plan: Plan, manager: Sender, treasurer: Sender) -> None:
    """Relief for some citizens in some districts, and a cashback campaign (M, K)."""
    programmes, cashback = contracts.abis["Programmes"], contracts.abis["Cashback"]
    now = int(time.time())
    tiers = (*TIERS, 0, 0, 0, 0)
    rules = ProgrammeRules(now - _DAY, now + 6 * _MONTH, 0b111, mask(RELIEF_DISTRICTS), EVERYWHERE, tiers)
    terms = CampaignTerms(now - _DAY, now + 6 * _MONTH, 500_000, (1000, 800, 0, 0), (0, 200) + (0,) * 10)
    label = b"bench".ljust(32, b"\0")

    def call(contract: bytes, data: bytes, gas: int = 1_000_000) -> Call:
        return Call(contract, data, bounded(gas))

    at = contracts.at
    await manager.send([call(at.cashback, cashback["create"].calldata(label, terms))])
    await treasurer.send([call(at.cashback, cashback["fund"].calldata(1, CASHBACK_WON))])
    await manager.send([call(at.cashback, cashback["activate"].calldata(1))])
    if not plan.relief:
        return
    await manager.send([call(at.programmes, programmes["create"].calldata(label, rules))])
    await treasurer.send([call(at.programmes, programmes["fund"].calldata(RELIEF, plan.relief_won))])
    draw = random.Random(plan.seed + 2)
    chosen = {
        citizen: draw.randint(1, len(TIERS))
        for citizen in range(1, plan.citizens + 1)
        if draw.random() < RECIPIENTS
    }
    await manager.send(
        [contracts.grant_roll(RELIEF, chunk, roll) for chunk, roll in pack_roll(chosen).items()]
    )


async def _check(contracts: CityContracts, node: Node, plan: Plan, shops: int) -> None:
    """What was sent did what it should. Raises AssertionError."""

    async def read(contract: str, address: bytes, function: str, *values: Any) -> tuple[Any, ...]:
        code = contracts.abis[contract][function]
        asked = {"to": "0x" + address.hex(), "data": "0x" + code.calldata(*values).hex()}
        return code.results(bytes.fromhex((await node.call("eth_call", asked, "latest"))[2:]))

    at = contracts.at
    assert await read("Participants", at.participants, "citizenCount") == (plan.citizens,)
    assert await read("Participants", at.participants, "merchantCount") == (shops,)
    issued, _ = await read("LocalCurrency", at.currency, "totals")
    assert issued == plan.all_issued_won, f"{issued} won were issued"
    assert await read("Cashback", at.cashback, "activeCampaign") == (1,)
    if not plan.relief:
        return
    _, totals = await read("Programmes", at.programmes, "totalsOf", RELIEF)
    assert totals.outstanding > 0, "no relief was granted"


def _parts(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
