"""Bounds that random days seldom touch: a budget's last won, a band without a rate, a place that is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.chain.accounts import sign_digest
from gateway.chain.shapes import CampaignTerms, ProgrammeRules
from gateway.domain.order import PaymentOrder
from gateway.domain.programme import EVERYWHERE
from gateway.domain.record import Draw, PaymentRecord, parse_records
from tests.contracts.stateful.node import PrivateChain
from tests.contracts.stateful.rules_people import DAY
from tests.contracts.stateful.test_invariants import settled
from tests.contracts.stateful.town import Town, deploy, key_of, ref, wallet_of

GENERAL, MARKET = 1, 2  # shops: district 1, category 1, band 0; district 2, category 2, band 1
WITH_BONUS, ALONE = 2, 3  # citizens: of cohort 1, with ₩30,000 of relief; of cohort 2, with own money only
RELIEF = 30_000


@pytest.fixture
def town() -> Iterator[Town]:
    """The stateful tests' small city."""
    chain = PrivateChain()
    try:
        found = deploy(chain)
        settled(found)
        yield found
    finally:
        chain.close()


def pay(town: Town, citizen: int, shop: int, won: int) -> PaymentRecord:
    """One accepted QR payment."""
    nonce = town.now - 1_700_000_000
    order = PaymentOrder(ref(f"payment {nonce}")[:16], citizen, shop, won, nonce, town.now + 60)
    signed = order.signed(sign_digest(key_of(f"citizen-{citizen}"), order.digest(town.domain)))
    head, tail = (int.from_bytes(word, "big") for word in (signed.head, signed.tail))
    call = [(head, tail, signed.signature.r, signed.signature.vs)]
    (event,) = town.events(town.do("gateway", "Payments", "submitBatch", call), "BatchProcessed")
    (record,) = parse_records(event["records"])
    assert record.is_accepted
    return record


def campaign(town: Town, budget: int, rates: tuple[int, ...], base: int = 500_000) -> None:
    """Open, fund and activate a second campaign; cohort 1 has a bonus of 2 %."""
    terms = CampaignTerms(town.now, town.now + DAY, base, rates, (0, 200, *[0] * 10))
    town.do("programme-manager", "Cashback", "create", ref("second"), terms)
    town.do("treasurer", "Cashback", "fund", 2, budget)
    town.do("programme-manager", "Cashback", "activate", 2)


def test_cashback_ends_with_the_budget_s_last_won(town: Town) -> None:
    """K-2: at most what the budget still holds, then nothing."""
    campaign(town, 50, (1000, 0, 0, 0))
    assert pay(town, ALONE, GENERAL, 3_000).cashback_earned == 50
    assert town.read("Cashback", "totalsOf", 2)[1].budget_left == 0
    assert pay(town, ALONE, GENERAL, 3_000).cashback_earned == 0


def test_cashback_ends_at_the_monthly_base(town: Town) -> None:
    """K-2: own money above the month's base cap earns nothing."""
    campaign(town, 5_000, (1000, 0, 0, 0), base=4_000)
    assert pay(town, ALONE, GENERAL, 3_000).cashback_base == 3_000
    second = pay(town, ALONE, GENERAL, 3_000)
    assert (second.cashback_base, second.cashback_earned) == (1_000, 100)


def test_a_band_without_a_rate_earns_no_bonus(town: Town) -> None:
    """K-2."""
    campaign(town, 5_000, (0, 1000, 0, 0))
    general = pay(town, WITH_BONUS, GENERAL, RELIEF + 2_000)
    assert (general.own, general.cashback_earned) == (2_000, 0)
    assert pay(town, WITH_BONUS, MARKET, 2_000).cashback_earned == 240


@pytest.mark.parametrize("rule", ["districts", "categories", "sales bands"])
def test_city_money_is_spent_only_where_it_fits(town: Town, rule: str) -> None:
    """M-1, I-8: each of the three rules by itself; the market fits, the general shop does not."""
    bands = 0b0010 if rule == "sales bands" else 0b1111
    districts = 1 << 2 if rule == "districts" else EVERYWHERE
    categories = 1 << 2 if rule == "categories" else EVERYWHERE
    rules = ProgrammeRules(town.now, town.now + DAY, bands, districts, categories, (0,) * 8)
    town.do("programme-manager", "Programmes", "create", ref("market days"), rules)
    town.do("treasurer", "Programmes", "fund", 2, 1_000)
    town.do("programme-manager", "Programmes", "grantCredits", 2, ref("grant"), [ALONE], [1_000])
    assert pay(town, ALONE, GENERAL, 400).draws == ()
    assert pay(town, ALONE, MARKET, 400).draws == (Draw(2, 400),)


def test_city_money_moves_until_the_second_before_it_expires(town: Town) -> None:
    """M-1, M-6: the window is [startsAt, expiresAt)."""
    expiry = town.now + 100
    rules = ProgrammeRules(town.now, expiry, 0b1111, EVERYWHERE, EVERYWHERE, (0,) * 8)
    town.do("programme-manager", "Programmes", "create", ref("short"), rules)
    town.do("treasurer", "Programmes", "fund", 2, 1_000)
    town.do("programme-manager", "Programmes", "grantCredits", 2, ref("grant"), [ALONE], [1_000])
    town.now = expiry - 2
    assert pay(town, ALONE, GENERAL, 400).draws == (Draw(2, 400),)
    assert pay(town, ALONE, GENERAL, 400).draws == ()


def test_a_delivery_is_no_more_than_what_was_granted(town: Town) -> None:
    """G-6: a root is anchored once, with totals that the programme has granted."""
    granted = town.read("Programmes", "totalsOf", 1)[1].outstanding

    def refused(recipients: int, won: int) -> str | None:
        values = (1, ref("root"), ref("list"), recipients, won)
        return town.refusal(
            wallet_of("programme-manager"), town.call("Programmes", "anchorDelivery", *values)
        )

    assert refused(1, granted + 1) == "DeliveryExceedsGrants"
    town.do("programme-manager", "Programmes", "anchorDelivery", 1, ref("root"), ref("list"), 1, granted)
    assert refused(1, granted) is None
    assert refused(2, granted) == refused(1, granted - 1) == "DeliveryAlreadyAnchored"
