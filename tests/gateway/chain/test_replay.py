"""Replays of what a real chain recorded (U-1 to U-3)."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text

from gateway.domain.replay.rules import TODAY, OtherRules
from gateway.flow.errors import Unavailable
from gateway.wiring.simulate import Simulation, simulate
from tests.gateway.chain.conftest import CURRENCY, ChainSide
from tests.gateway.chain.scenes import pay, whole_day

KEPT = (0, 200, 200, 500) + (0,) * 8


async def simulated(side: ChainSide, rules: OtherRules) -> Simulation:
    await side.indexer.catch_up()
    async with side.engine.connect() as connection:
        return await simulate(connection, CURRENCY, rules)


async def later(side: ChainSide) -> int:
    """More on top of the day: other rates, a shop and a citizen that become others, a campaign whose budget
    ends, refunds out of the earlier one. Returns won of cashback that the chain says was kept."""
    city = side.city
    cashback = ("programme-manager", "Cashback")
    await city.do(*cashback, "setRates", 1, [500, 300, 0, 0], [0] * 12)
    batch = await pay(city, (4, 1, 1_000), (5, 3, 2_000), (5, 1, 3_000))
    await city.send("registrar", city.contracts.update_merchant(1, 3, 9, 1))
    await city.do("registrar", "Participants", "updateCitizen", 5, 2, 3)
    await city.do(*cashback, "setRates", 1, [1000, 800, 0, 0], list(KEPT))
    await pay(city, (5, 1, 3_000), (4, 3, 900))
    second = await city.campaign(250, at=int(time.time()) - 10)
    await pay(city, (5, 1, 1_500), (4, 3, 900), (5, 3, 2_000), (4, 1, 500))
    await city.send("gateway", city.contracts.refund(batch.refund(1, 2_000, refund_id=b"\x07" * 16)))
    await city.send("gateway", city.contracts.refund(batch.refund(2, 1_000, refund_id=b"\x08" * 16)))
    await pay(city, (5, 1, 700))
    return sum([(await city.read("Cashback", "totalsOf", one))[1].earned for one in range(1, second + 1)])


async def test_todays_rules_give_what_the_chain_recorded(side: ChainSide):
    await whole_day(side.city)
    kept = await later(side)
    found = await simulated(side, TODAY)
    assert found.differing == 0 and found.refunds >= 5
    assert found.recorded_won == found.today.cost_won == found.other.cost_won == kept > 0
    assert 2 in found.today.ended_at and (found.gainers, found.losers) == (0, 0)

    nothing = await simulated(side, OtherRules(band_rates_bps=(0, 0, 0, 0)))
    assert nothing.other.cost_won == 0 and nothing.losers > 0
    more = await simulated(side, OtherRules(band_rates_bps=(2_000, 2_000, 0, 0), budget_won=10**9))
    assert more.other.cost_won > kept and more.losers == 0

    async with side.engine.begin() as connection:
        await connection.execute(text("UPDATE mirror_change SET data = '{\"amount\": 90}' WHERE subject = 2 "
                                      "AND kind = 'CampaignFunded'"))  # fmt: skip
    assert (await simulated(side, TODAY)).differing > 0


async def test_a_mirror_of_an_earlier_version_is_not_replayed(side: ChainSide):
    await whole_day(side.city)
    await side.indexer.catch_up()
    async with side.engine.begin() as connection:
        await connection.execute(text("UPDATE mirror_batch SET log_index = NULL WHERE batch = 1"))
    with pytest.raises(Unavailable, match="order"):
        await simulated(side, TODAY)
