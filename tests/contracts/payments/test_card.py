"""The card rail: consent, the day's limit, its own nonces (P-4, P-6, I-9)."""

from typing import Any

import pytest

from gateway.domain.order import CardConsent
from gateway.domain.reasons import Reason
from gateway.domain.signature import CompactSignature
from scripts.lib.roles import Role
from tests.contracts.chain import go_to, kst, next_at, now, only, plain, reverts
from tests.contracts.city import FAR, City
from tests.contracts.wallets import Wallet, eip712_digest

ACCEPTED, DUPLICATE = Reason.ACCEPTED, Reason.DUPLICATE
LIMIT = 10_000


@pytest.fixture
def pair(city: City) -> tuple[int, int]:
    """A citizen with ₩1,000,000 and a daily card limit of ₩10,000, and a merchant."""
    citizen, merchant = city.citizen(own=1_000_000), city.merchant()
    city.consent(citizen, LIMIT)
    return citizen, merchant


# --- consent -----------------------------------------------------------------------------------------------


def test_the_citizen_consents_by_signature_p4(city: City) -> None:
    citizen = city.citizen()
    message = CardConsent(citizen, 2**32 - 1, 9, 2**40 - 1)
    digest = eip712_digest(message.typed_data(city.domain))
    signature = CompactSignature.from_bytes(city.people[citizen].sign_digest(digest))
    arguments = (citizen, 2**32 - 1, 9, 2**40 - 1, signature.r, signature.vs)
    tx = city.payments.setCardLimit(*arguments, city.by(Role.GATEWAY))
    assert only(tx, "CardLimitSet") == {"citizen": citizen, "dailyLimit": 2**32 - 1}
    assert plain(city.payments.cardOf(citizen)) == (2**32 - 1, 0)
    assert city.payments.isNonceUsed(citizen, 9, False)


def test_refusals_in_their_order(city: City) -> None:
    citizen, past = city.citizen(), now() - 1
    thief, good = Wallet.named("thief"), {"nonce": 1}
    city.consent(citizen, 5, **good)
    cases: list[tuple[int, dict[str, Any], Reason]] = [
        (citizen, {"nonce": 1, "expires_at": past, "signer": thief}, Reason.DUPLICATE),
        (citizen, {"nonce": 2, "expires_at": past, "signer": thief}, Reason.EXPIRED_ORDER),
        (77, {"nonce": 2, "expires_at": past}, Reason.EXPIRED_ORDER),
        (citizen, {"nonce": 2, "signer": thief}, Reason.BAD_SIGNATURE),
        (77, {"nonce": 2}, Reason.UNKNOWN_CITIZEN),
    ]
    for number, other, reason in cases:
        with reverts("CardConsentRefused", number, reason):
            city.consent(number, 6, **other)
    malformed = (77, 6, 2, FAR, bytes(32), bytes(32))
    with reverts("CardConsentRefused", 77, Reason.BAD_SIGNATURE):
        city.payments.setCardLimit(*malformed, city.by(Role.GATEWAY))
    assert plain(city.payments.cardOf(citizen)) == (5, 0)


def test_consent_expires_after_its_last_second(city: City) -> None:
    citizen, last = city.citizen(), now() + 60
    next_at(last)
    city.consent(citizen, 5, expires_at=last)
    next_at(last + 1)
    with reverts("CardConsentRefused", citizen, Reason.EXPIRED_ORDER):
        city.consent(citizen, 6, expires_at=last)


@pytest.mark.parametrize("place", range(4))
def test_the_signature_covers_every_value(city: City, place: int) -> None:
    citizen = city.citizen()
    city.citizen()
    message = CardConsent(citizen, 100, 5, FAR)
    signature = city.people[citizen].sign(message, city.domain)
    arguments = [citizen, 100, 5, FAR]
    arguments[place] += 1
    with reverts("CardConsentRefused", arguments[0], Reason.BAD_SIGNATURE):
        city.payments.setCardLimit(*arguments, signature.r, signature.vs, city.by(Role.GATEWAY))


def test_zero_switches_the_card_off_p4(city: City, pair: tuple[int, int]) -> None:
    city.pay(city.card(*pair, 100))
    city.consent(pair[0], 0)
    assert city.reason(city.card(*pair, 1)) is Reason.CARD_NOT_ENABLED


def test_a_consent_and_a_payment_share_nonces_p6(city: City, pair: tuple[int, int]) -> None:
    city.pay(city.qr(*pair, 1, nonce=50))
    with reverts("CardConsentRefused", pair[0], Reason.DUPLICATE):
        city.consent(pair[0], 5, nonce=50)


# --- the day's limit ---------------------------------------------------------------------------------------


def test_the_days_limit_p4_i9(city: City, pair: tuple[int, int]) -> None:
    assert city.reason(city.card(*pair, LIMIT + 1)) is Reason.OVER_CARD_LIMIT
    assert city.reason(city.card(*pair, 6_000)) is ACCEPTED
    assert city.reason(city.card(*pair, 4_001)) is Reason.OVER_CARD_LIMIT
    assert plain(city.payments.cardOf(pair[0])) == (LIMIT, 6_000)
    assert city.reason(city.card(*pair, 4_000)) is ACCEPTED
    assert city.reason(city.card(*pair, 1)) is Reason.OVER_CARD_LIMIT
    assert plain(city.payments.cardOf(pair[0])) == (LIMIT, LIMIT)


def test_the_day_is_korean_p4(city: City, pair: tuple[int, int]) -> None:
    midnight = kst(2030, 5, 14)  # 15:00 UTC
    assert city.reason(city.card(*pair, LIMIT), at=midnight - 1) is ACCEPTED
    assert city.reason(city.card(*pair, LIMIT), at=midnight) is ACCEPTED
    assert city.reason(city.card(*pair, 1)) is Reason.OVER_CARD_LIMIT
    go_to(kst(2030, 5, 15) - 1)
    assert plain(city.payments.cardOf(pair[0])) == (LIMIT, LIMIT)
    go_to(kst(2030, 5, 15))
    assert plain(city.payments.cardOf(pair[0])) == (LIMIT, 0)


def test_city_money_counts_into_the_limit(city: City, pair: tuple[int, int]) -> None:
    city.city_money({pair[0]: 50_000})
    assert city.reason(city.card(*pair, LIMIT)) is ACCEPTED
    assert city.reason(city.card(*pair, 1)) is Reason.OVER_CARD_LIMIT


def test_a_refused_payment_uses_none_of_the_limit(city: City) -> None:
    citizen, merchant = city.citizen(own=10), city.merchant()
    city.consent(citizen, LIMIT)
    assert city.reason(city.card(citizen, merchant, 11)) is Reason.INSUFFICIENT_FUNDS
    assert plain(city.payments.cardOf(citizen)) == (LIMIT, 0)


def test_qr_payments_use_none_of_the_limit(city: City, pair: tuple[int, int]) -> None:
    city.pay(city.qr(*pair, LIMIT))
    assert plain(city.payments.cardOf(pair[0])) == (LIMIT, 0)


def test_a_refund_does_not_give_the_limit_back_f5(city: City, pair: tuple[int, int]) -> None:
    batch = city.pay(city.card(*pair, LIMIT))
    city.refund(batch, LIMIT)
    assert city.reason(city.card(*pair, 1)) is Reason.OVER_CARD_LIMIT


def test_a_new_limit_keeps_what_was_spent_today(city: City, pair: tuple[int, int]) -> None:
    city.pay(city.card(*pair, 6_000))
    city.consent(pair[0], 5_000)
    assert plain(city.payments.cardOf(pair[0])) == (5_000, 6_000)
    assert city.reason(city.card(*pair, 1)) is Reason.OVER_CARD_LIMIT
    city.consent(pair[0], 6_001)
    assert city.reason(city.card(*pair, 1)) is ACCEPTED


# --- nonces ------------------------------------------------------------------------------------------------


def reasons(city: City, pair: tuple[int, int], *nonces: int) -> list[Reason]:
    return city.submit(*(city.card(*pair, 1, nonce=nonce) for nonce in nonces)).reasons


def test_the_last_128_are_remembered_p6(city: City, pair: tuple[int, int]) -> None:
    assert reasons(city, pair, 1_000, 1_000) == [ACCEPTED, DUPLICATE]
    # 873 = 1,000 - 127 is the oldest remembered one; what is older counts as used.
    assert reasons(city, pair, 873, 872, 999, 873, 0) == [ACCEPTED, DUPLICATE, ACCEPTED, DUPLICATE, DUPLICATE]
    used = [city.payments.isNonceUsed(pair[0], nonce, True) for nonce in (872, 873, 874, 999, 1_000, 1_001)]
    assert used == [True, True, False, True, True, False]
    assert not city.payments.isNonceUsed(pair[0], 1_000, False)


@pytest.mark.parametrize("gap", [1, 127, 128, 129, 2**32 - 1 - 200])
def test_going_ahead_p6(city: City, pair: tuple[int, int], gap: int) -> None:
    newest = 200 + gap
    assert reasons(city, pair, 200, newest) == [ACCEPTED, ACCEPTED]
    assert reasons(city, pair, 200, newest) == [DUPLICATE, DUPLICATE]
    between = reasons(city, pair, newest - 1, newest - 1)
    assert between == ([DUPLICATE] * 2 if gap == 1 else [ACCEPTED, DUPLICATE])


def test_from_nonce_zero_p6(city: City, pair: tuple[int, int]) -> None:
    assert reasons(city, pair, 0, 0, 1, 0) == [ACCEPTED, DUPLICATE, ACCEPTED, DUPLICATE]


def test_in_any_order_within_the_window_p6(city: City, pair: tuple[int, int]) -> None:
    assert set(reasons(city, pair, 5, 3, 130, 4, 7, 6)) == {ACCEPTED}
    assert set(reasons(city, pair, 5, 3, 130, 4, 7, 6)) == {DUPLICATE}
