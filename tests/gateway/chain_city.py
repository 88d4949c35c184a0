"""A city's contracts on a test chain, deployed from brownie's build as the deploy script would.

The role table and the wiring are the script's own (`scripts.lib.roles`); what differs is that every
transaction goes out at once and nobody is asked.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rlp  # type: ignore[import-untyped]
from coincurve import PrivateKey

from gateway.chain.abi import Abi, Codec, load_abi
from gateway.chain.accounts import ROLES, RoleAccount, address_of, sign_digest
from gateway.chain.contracts import NAMES, Addresses, Call, CityContracts
from gateway.chain.node import Node
from gateway.chain.shapes import (
    CampaignTerms,
    Caps,
    NewCitizen,
    NewMerchant,
    ProgrammeRules,
)
from gateway.domain.keccak import keccak256
from gateway.domain.order import BatchOrder, PaymentOrder
from gateway.domain.programme import EVERYWHERE
from scripts.lib.roles import FUNCTIONS, MODULES, PLATFORM_ACCOUNTS, Role

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "contracts"
GAS = 15_000_000
CAPS = Caps(holding=1_500_000, purchase=500_000, gift=500_000)


def build_of(contract: str) -> dict[str, Any]:
    """Brownie's build of a contract."""
    found: dict[str, Any] = json.loads((BUILD / f"{contract}.json").read_text())
    return found


@dataclass
class TestCity:
    """A deployed city, its role accounts, and short ways to set a scene directly on the chain."""

    __test__ = False

    node: Node
    contracts: CityContracts
    accounts: dict[str, RoleAccount]
    citizens: list[PrivateKey] = field(default_factory=list)  # citizen i + 1
    merchants: list[PrivateKey] = field(default_factory=list)
    _nonce: int = 0

    def citizen_wallet(self, citizen: int) -> bytes:
        return address_of(self.citizens[citizen - 1])

    def merchant_wallet(self, merchant: int) -> bytes:
        return address_of(self.merchants[merchant - 1])

    async def send(self, role: str, call: Call) -> dict[str, Any]:
        """Send a transaction past the gateway, as an admin script does; returns its receipt."""
        (receipt,) = await transact(self.node, self.accounts[role], self.contracts.chain_id, call)
        assert receipt["status"] == "0x1", f"{role}: reverted"
        return receipt

    async def do(self, role: str, contract: str, function: str, *values: Any) -> dict[str, Any]:
        """`send` of any function of any of the city's contracts."""
        attribute = next(a for a, _, name in NAMES if name == contract)
        data = self.contracts.abis[contract][function].calldata(*values)
        return await self.send(role, Call(getattr(self.contracts.at, attribute), data, GAS))

    async def read(self, contract: str, function: str, *values: Any) -> Any:
        """A view's result; the only one when there is one."""
        attribute = next(a for a, _, name in NAMES if name == contract)
        view = self.contracts.abis[contract][function]
        to = getattr(self.contracts.at, attribute)
        answer = await self.node.call(
            "eth_call", {"to": "0x" + to.hex(), "data": "0x" + view.calldata(*values).hex()}, "latest"
        )
        results = view.results(bytes.fromhex(answer[2:]))
        return results[0] if len(results) == 1 else results

    async def join(self, citizens: int = 0, merchants: int = 0, sales_band: int = 0) -> None:
        """Register new citizens (district 1) and merchants (district 1, category 1)."""
        people = [PrivateKey() for _ in range(citizens)]
        shops = [PrivateKey() for _ in range(merchants)]
        if people:
            entries = [NewCitizen(address_of(key), 1) for key in people]
            await self.send("registrar", self.contracts.register_citizens(entries))
        if shops:
            shop_entries = [NewMerchant(address_of(key), 1, 1, sales_band) for key in shops]
            await self.send("registrar", self.contracts.register_merchants(shop_entries))
        self.citizens += people
        self.merchants += shops

    async def charge(self, citizen: int, won: int) -> None:
        """Issue own money to a citizen."""
        await self.send("issuer", self.contracts.issue(citizen, won, self.ref()))

    async def fund_treasury(self, won: int) -> None:
        """Issue to the city's account."""
        await self.send("issuer", self.contracts.issue_to_treasury(won, self.ref()))

    async def programme(self, budget: int, *tiers: int, at: int, seconds: int = 86_400) -> int:
        """Open and fund a programme that may be spent everywhere; returns its id."""
        rules = ProgrammeRules(
            at, at + seconds, 0b1111, EVERYWHERE, EVERYWHERE, (*tiers, *[0] * (8 - len(tiers)))
        )
        await self.do("programme-manager", "Programmes", "create", self.ref(), rules)
        programme = int(await self.read("Programmes", "programmeCount"))
        await self.do("treasurer", "Programmes", "fund", programme, budget)
        return programme

    async def campaign(self, budget: int, at: int, base: int = 500_000) -> int:
        """Open, fund and activate a campaign of 10 % in bands 0, 8 % in band 1."""
        terms = CampaignTerms(at, at + 86_400, base, (1000, 800, 0, 0), (0,) * 12)
        await self.do("programme-manager", "Cashback", "create", self.ref(), terms)
        campaign = int(await self.read("Cashback", "campaignCount"))
        await self.do("treasurer", "Cashback", "fund", campaign, budget)
        await self.do("programme-manager", "Cashback", "activate", campaign)
        return campaign

    def order(
        self, citizen: int, merchant: int, won: int, *, expires_at: int, nonce: int | None = None
    ) -> BatchOrder:
        """A merchant-presented order, signed by the citizen."""
        self._nonce += 1
        number = self._nonce if nonce is None else nonce
        order = PaymentOrder(self.ref()[:16], citizen, merchant, won, number, expires_at)
        digest = order.digest(self.contracts.signing_domain)
        return order.signed(sign_digest(self.citizens[citizen - 1], digest))

    def ref(self) -> bytes:
        """A new reference of 32 bytes."""
        return keccak256(PrivateKey().secret)


def new_accounts() -> dict[str, RoleAccount]:
    """A fresh key a role."""
    return {role: RoleAccount(role, PrivateKey().secret) for role in ROLES}


async def transact(node: Node, account: RoleAccount, chain_id: int, *calls: Call) -> list[dict[str, Any]]:
    """Send transactions one after the other and wait for all their receipts."""
    first = await node.nonce(account.address)
    signed = [account.sign_transaction(call, nonce, chain_id) for nonce, call in enumerate(calls, first)]
    for transaction in signed:  # one by one: what Anvil takes out of order it may leave in its queue for ever
        for result in await node.send_raw([transaction.raw]):
            if isinstance(result, Exception):
                raise result
    deadline = time.monotonic() + 60
    again = time.monotonic() + 5
    while True:
        receipts = await node.receipts([transaction.hash for transaction in signed])
        if all(receipts):
            return [receipt for receipt in receipts if receipt]
        if time.monotonic() > again:  # as a relayer does: Anvil may leave what came out of order where it is
            await node.send_raw([transaction.raw for transaction in signed])
            again += 5
        assert time.monotonic() < deadline, f"not mined: {await node.call('txpool_status')}"
        await asyncio.sleep(0.005)


async def deploy_city(node: Node, accounts: dict[str, RoleAccount] | None = None) -> TestCity:
    """Deploy all contracts of a city on the node's chain and give every role its holder.

    Addresses follow from the deployer's nonces, so all of it goes out in one request.
    """
    accounts = accounts or new_accounts()
    chain_id = await node.chain_id()
    block = await node.block_number() + 1
    plan = _Plan(accounts["admin"].address, await node.nonce(accounts["admin"].address))
    at, abis = plan.at, plan.abis
    at["AccessManager"] = plan.create("AccessManager", accounts["admin"].address)
    plan.proxy("Participants", ())
    treasury = accounts["treasury"].address
    plan.proxy("LocalCurrency", (at["Participants"],), "Test Won", "TWON", treasury, CAPS)
    plan.proxy("Programmes", (at["LocalCurrency"], at["Participants"]))
    plan.proxy("Cashback", (at["LocalCurrency"],))
    plan.proxy("Settlement", (at["LocalCurrency"], at["Participants"]))
    parts = ("Participants", "LocalCurrency", "Programmes", "Cashback", "Settlement")
    plan.proxy("Payments", (tuple(at[part] for part in parts),), 0b0011)
    plan.wire(accounts)
    for receipt in await transact(node, accounts["admin"], chain_id, *plan.calls):
        assert receipt["status"] == "0x1", "a step of the deployment reverted"
    contracts = {attribute: at[name] for attribute, _, name in NAMES}
    addresses = Addresses(**contracts, block=block, currency_name="Test Won")
    city = TestCity(node, CityContracts(chain_id, addresses, abis), accounts)
    await city.do("treasurer", "LocalCurrency", "setIssuerAllowance", accounts["issuer"].address, 10**13)
    return city


class _Plan:
    """A deployment's transactions, in order."""

    def __init__(self, deployer: bytes, nonce: int) -> None:
        self.deployer = deployer
        self.nonce = nonce
        self.calls: list[Call] = []
        self.at: dict[str, bytes] = {}
        self.abis = abis_of_build()

    def create(self, name: str, *arguments: Any) -> bytes:
        build = build_of(name)
        inputs = [entry["inputs"] for entry in build["abi"] if entry["type"] == "constructor"]
        code = bytes.fromhex(build["bytecode"].removeprefix("0x"))
        code += Codec(inputs[0]).encode(arguments) if inputs else b""
        nonce = self.nonce + len(self.calls)
        self.calls.append(Call(b"", code, 6_000_000))
        return keccak256(rlp.encode([self.deployer, nonce]))[12:]

    def proxy(self, name: str, arguments: tuple[Any, ...], *initial: Any) -> None:
        implementation = self.create(name, *arguments)
        data = self.abis[name]["initialize"].calldata(self.at["AccessManager"], *initial)
        self.at[name] = self.create("ERC1967Proxy", implementation, data)

    def do(self, contract: str, function: str, *values: Any) -> None:
        data = self.abis[contract][function].calldata(*values)
        self.calls.append(Call(self.at[contract], data, 500_000))

    def wire(self, accounts: dict[str, RoleAccount]) -> None:
        self.do("Participants", "setCurrency", self.at["LocalCurrency"])
        for contract, modules in MODULES.items():
            for module in modules:
                self.do(contract, "setModule", self.at[module], True)
        for account in PLATFORM_ACCOUNTS:
            self.do("LocalCurrency", "setPlatformAccount", self.at[account], True)
        for contract in self.at.keys() & FUNCTIONS.keys():
            for role, functions in FUNCTIONS[contract].items():
                selectors = [self.abis[contract][function].selector for function in functions]
                self.do("AccessManager", "setTargetFunctionRole", self.at[contract], selectors, int(role))
        for role in Role:
            if role is not Role.ADMIN:
                self.do("AccessManager", "grantRole", int(role), accounts[role.key].address, 0)


def abis_of_build() -> dict[str, Abi]:
    """The ABIs as they were compiled last."""
    return {name: load_abi(name, BUILD) for _, _, name in NAMES}
