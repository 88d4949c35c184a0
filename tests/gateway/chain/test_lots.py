"""C3 on a real chain and a real database: lots follow from what the chain wrote, to the won (L)."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import pytest
from coincurve import PrivateKey
from sqlalchemy import text

from gateway.chain.accounts import RoleAccount, address_of, sign_digest
from gateway.chain.contracts import Call
from gateway.domain.errors import LotError
from gateway.domain.gift import TransferAuthorization
from gateway.domain.keccak import keccak256
from gateway.domain.lots import Charge, Lots, redemption_ref, replay_all
from gateway.domain.record import PaymentRecord
from gateway.domain.signature import CompactSignature
from gateway.store.lot_history import LotReader, everything, keep
from tests.gateway.chain.conftest import CURRENCY, ChainSide
from tests.gateway.chain.scenes import Batch, pay
from tests.gateway.chain_city import TestCity, transact
from tests.gateway.domain.coins import Coins, left_of

CITIZENS = (1, 2, 3)
STEPS = 40


async def gift(city: TestCity, giver: int, receiver: int, won: int) -> None:
    """A citizen who keeps the key gives by a plain transfer."""
    account = RoleAccount("citizen", city.citizens[giver - 1].secret)
    data = city.contracts.abis["LocalCurrency"]["transfer"].calldata(city.citizen_wallet(receiver), won)
    (receipt,) = await transact(
        city.node, account, city.contracts.chain_id, Call(city.contracts.at.currency, data, 300_000)
    )
    assert receipt["status"] == "0x1"


async def redeem(city: TestCity, citizen: int, won: int, ref: bytes) -> None:
    """O-8: the citizen's permit, then the settler."""
    wallet, settler = city.citizen_wallet(citizen), city.accounts["settler"].address
    signature = await permit(city, citizen, settler, won)
    await city.send("settler", city.contracts.permit(wallet, settler, won, 2**32, signature))
    await city.send("settler", city.contracts.redeem(wallet, won, ref))


async def permit(city: TestCity, citizen: int, spender: bytes, won: int) -> CompactSignature:
    wallet = city.citizen_wallet(citizen)
    kind = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
    nonce = await city.read("LocalCurrency", "nonces", wallet)
    words = [
        wallet.rjust(32, b"\0"),
        spender.rjust(32, b"\0"),
        *(n.to_bytes(32, "big") for n in (won, nonce)),
    ]
    struct = keccak256(b"".join([kind, *words, (2**32).to_bytes(32, "big")]))
    domain = await city.read("LocalCurrency", "DOMAIN_SEPARATOR")
    return sign_digest(city.citizens[citizen - 1], keccak256(b"\x19\x01" + domain + struct))


@dataclass
class History:
    """Random things that happen on the chain, and the same with single coins."""

    city: TestCity
    random: random.Random
    coins: Coins = field(default_factory=Coins)
    charges: dict[bytes, Charge] = field(default_factory=dict)
    sales: list[tuple[Batch, int, int]] = field(default_factory=list)
    """Batch, index, refunded before."""
    redemptions: dict[tuple[int, bytes], int] = field(default_factory=dict)

    def some_of(self, citizen: int) -> int:
        return self.random.randint(0, len(self.coins.purses[citizen]))

    async def charge(self, citizen: int) -> None:
        ref, won = self.city.ref(), self.random.randint(1, 400)
        receipt = await self.city.send("issuer", self.city.contracts.issue(citizen, won, ref))
        header = await self.city.node.call("eth_getBlockByNumber", receipt["blockNumber"], False)
        issued = receipt["logs"][-1]  # after the token's Transfer
        place = (int(issued["blockNumber"], 16), int(issued["logIndex"], 16), 0)
        self.charges[ref] = Charge(place, int(header["timestamp"], 16), ref, won, won)
        self.coins.charge(citizen, self.charges[ref])

    async def pay(self, citizen: int) -> None:
        """Two at once, so that a log holds several; city money and cashback go first, on the chain's word."""
        amounts = [self.random.randint(1, 150) for _ in range(2)]
        batch = await pay(self.city, *[(citizen, 1, won) for won in amounts])
        for index, record in enumerate(batch.records):
            if record.is_accepted:
                self.coins.pay(citizen, (batch.number, index), record.own)
                self.sales.append((batch, index, 0))

    async def cancel(self, _citizen: int) -> None:
        if not self.sales:
            return
        batch, index, before = self.sales.pop(self.random.randrange(len(self.sales)))
        record: PaymentRecord = batch.records[index]
        won = self.random.randint(1, record.amount - before)
        refund = batch.refund(index, won, before, self.city.ref()[:16])
        own_before = await self.city.read(
            "LocalCurrency", "balanceOf", self.city.citizen_wallet(record.citizen)
        )
        await self.city.send("gateway", self.city.contracts.refund(refund))
        own_after = await self.city.read(
            "LocalCurrency", "balanceOf", self.city.citizen_wallet(record.citizen)
        )
        own = min(before + won, record.own) - min(before, record.own)  # F-3
        self.coins.put_back((batch.number, index), own, own - (own_after - own_before))
        if before + won < record.amount:
            self.sales.append((batch, index, before + won))

    async def give(self, citizen: int) -> None:
        receiver = self.random.choice(CITIZENS)
        if won := self.some_of(citizen):
            await gift(self.city, citizen, receiver, won)
            self.coins.give(citizen, receiver, won)

    async def redeem(self, citizen: int) -> None:
        held = sorted(set(self.coins.purses[citizen]))
        if not held:
            return
        charge = self.random.choice(held)
        won = self.coins.purses[citizen].count(charge)
        times = self.redemptions.get((citizen, charge.ref), 0)
        self.redemptions[citizen, charge.ref] = times + 1
        await redeem(self.city, citizen, won, redemption_ref(charge.ref, citizen, times))
        self.coins.redeem(citizen, won, charge)

    async def rotate(self, citizen: int) -> None:
        """C-5: a new wallet, the same citizen, the same lots."""
        wallet = PrivateKey()
        await self.city.do("recovery", "Participants", "recoverWallet", 1, citizen, address_of(wallet))
        self.city.citizens[citizen - 1] = wallet

    async def step(self) -> None:
        acts = (
            [self.charge] * 3
            + [self.pay] * 4
            + [self.cancel] * 3
            + [self.give] * 3
            + [self.redeem, self.rotate]
        )
        await self.random.choice(acts)(self.random.choice(CITIZENS))


async def begin(side: ChainSide, seed: int) -> History:
    city = side.city
    await city.join(citizens=3, merchants=1)
    await city.fund_treasury(100_000)
    relief = await city.programme(50_000, 100, at=int(time.time()) - 10)
    grant = city.contracts.grant_credits(relief, city.ref(), [1, 2], [200, 300])
    await city.send("programme-manager", grant)
    await city.campaign(20_000, at=int(time.time()) - 10)
    return History(city, random.Random(seed))


async def shown(side: ChainSide) -> dict[int, Lots]:
    """What citizens are shown."""
    found = {}
    for citizen in CITIZENS:
        async with side.engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="REPEATABLE READ")
            reader = LotReader(connection, CURRENCY)
            found[citizen] = await reader.of(citizen)
        await keep(side.engine, reader)
    return found


async def assert_same(side: ChainSide, history: History) -> None:
    """Lots as shown = lots from the records of all = coins, and their sum = the chain's balance."""
    lots = await shown(side)
    async with side.engine.connect() as connection:
        books = replay_all(await everything(connection, CURRENCY))
    for citizen in CITIZENS:
        assert left_of(lots[citizen]) == history.coins.left(citizen), f"citizen {citizen}"
        assert lots[citizen] == books.get(citizen, Lots(citizen))
        wallet = side.city.citizen_wallet(citizen)
        assert lots[citizen].own_won == await side.city.read("LocalCurrency", "balanceOf", wallet)
        for lot in lots[citizen].lots:
            assert lot.charge == history.charges[lot.charge.ref]


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_histories_are_the_same_on_chain_and_here(side: ChainSide, seed: int) -> None:
    """Read now and then, so that some gifts are known already and some are not."""
    history = await begin(side, seed)
    for step in range(STEPS):
        await history.step()
        if step % 13 == 12:
            await side.indexer.catch_up()
            await assert_same(side, history)
    await side.indexer.catch_up()
    await assert_same(side, history)
    before = await shown(side)
    async with side.engine.begin() as connection:
        await side.mirror.clear(connection)
    await side.indexer.catch_up()
    assert await shown(side) == before  # from the chain alone


async def test_lots_go_back_with_replaced_blocks(side: ChainSide) -> None:
    history = await begin(side, 3)
    await history.charge(1)
    await history.charge(2)
    await gift(side.city, 1, 3, 1)
    await side.indexer.catch_up()
    before = await shown(side)
    snapshot = await side.node.call("evm_snapshot")
    await gift(side.city, 2, 1, 1)
    await pay(side.city, (1, 1, 1), (3, 1, 1))
    await gift(side.city, 1, 2, 1)
    await side.indexer.catch_up()
    assert await shown(side) != before
    assert await side.node.call("evm_revert", snapshot)
    await side.indexer.catch_up()
    assert await shown(side) == before
    await gift(side.city, 2, 3, 1)  # the other fork
    await side.indexer.catch_up()
    async with side.engine.connect() as connection:
        books = replay_all(await everything(connection, CURRENCY))
        kept = await connection.scalar(text("SELECT count(*) FROM mirror_gift WHERE parts <> '[]'"))
    assert await shown(side) == books
    assert kept == 1  # of the fork that is gone nothing is left


async def test_a_balance_that_was_altered_shows_no_lots(side: ChainSide) -> None:
    history = await begin(side, 4)
    await history.charge(1)
    await side.indexer.catch_up()
    async with side.engine.begin() as connection:
        await connection.execute(
            text("UPDATE mirror_balance SET won = won + 1 WHERE wallet = :w"),
            {"w": side.city.citizen_wallet(1)},
        )
    with pytest.raises(LotError):
        await shown(side)


async def test_a_signed_gift_carries_its_lots(side: ChainSide) -> None:
    """O-6a: brought by the gateway under the giver's signature; for lots a gift like any other."""
    history = await begin(side, 5)
    city = side.city
    await history.charge(1)
    won = len(history.coins.purses[1])
    gift_ = TransferAuthorization(city.citizen_wallet(1), city.citizen_wallet(2), won, 2**32, city.ref())
    signature = sign_digest(city.citizens[0], gift_.digest(city.contracts.currency_domain))
    await city.send("gateway", city.contracts.give(gift_, signature))
    history.coins.give(1, 2, won)
    await side.indexer.catch_up()
    await assert_same(side, history)
    assert await city.read("LocalCurrency", "authorizationState", gift_.sender, gift_.nonce)
