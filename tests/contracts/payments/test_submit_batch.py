"""Batches: what goes in, one record each, the tree over them, nonces (P-1 to P-11)."""

import pytest

from gateway.domain.order import BatchOrder, Kind, PaymentOrder, PaymentPass
from gateway.domain.reasons import Reason
from gateway.domain.record import Draw, parse_records
from gateway.domain.signature import SECP256K1_ORDER, CompactSignature
from scripts.lib.roles import Role
from tests.contracts.chain import every, next_at, now, only, reverts
from tests.contracts.city import City, words_of
from tests.contracts.wallets import Wallet, eip712_digest

SIGNED = (Kind.MERCHANT_QR, Kind.CUSTOMER_QR)


def changed(order: BatchOrder, **other: object) -> BatchOrder:
    """The order with other values under the same signature."""
    return BatchOrder(**{**{name: getattr(order, name) for name in BatchOrder.__slots__}, **other})


def test_an_order_moves_own_money_p10(city: City) -> None:
    citizen, merchant = city.citizen(own=10_000), city.merchant()
    order = city.qr(citizen, merchant, 3_000, payment_id=b"payment no. 0001")
    batch = city.pay(order)
    record = batch.records[0]
    assert (record.payment_id, record.own, record.draws) == (b"payment no. 0001", 3_000, ())
    assert (city.own(citizen), city.till(merchant)) == (7_000, 3_000)
    wallets = {"from": city.people[citizen].address, "to": city.shops[merchant].address}
    assert every(batch.tx, "Transfer") == [{**wallets, "value": 3_000}]


def test_all_sources_in_their_order_m5_p10(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    city.give_credit(citizen, 700, merchant)
    city.give_own(citizen, 5_000)
    campaign = city.campaign(budget=10_000)
    first, second = city.city_money({citizen: 100}), city.city_money({citizen: 200})
    till = city.till(merchant)
    batch = city.pay(city.qr(citizen, merchant, 1_500))
    record = batch.records[0]
    assert record.draws == (Draw(first, 100), Draw(second, 200))
    assert (record.cashback_spent, record.own) == (700, 500)
    assert (record.cashback_earned, record.cashback_base) == (50, 500)
    assert (record.campaign, record.rate_bps) == (campaign, 1_000)
    sources = [(event["from"], event["value"]) for event in every(batch.tx, "Transfer")]
    wallet = city.people[citizen].address
    assert sources == [(city.programmes.address, 300), (city.cashback.address, 700), (wallet, 500)]
    assert city.till(merchant) == till + 1_500


def test_batches_are_numbered_from_one_p7(city: City) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    assert city.payments.batchCount() == 0
    assert [city.pay(city.qr(citizen, merchant, 1)).number for _ in range(3)] == [1, 2, 3]
    assert not any(city.payments.batchRoot(4))


def test_an_empty_batch(city: City) -> None:
    with reverts("EmptyBatch"):
        city.payments.submitBatch([], city.by(Role.GATEWAY))


def test_a_bad_order_reverts_nothing_p7(city: City) -> None:
    citizen, poor, merchant = city.citizen(own=100), city.citizen(), city.merchant()
    orders = [
        city.qr(citizen, merchant, 60),
        city.qr(poor, merchant, 1),
        city.qr(citizen, 9, 1),
        city.qr(citizen, merchant, 40),
        city.qr(citizen, merchant, 1),
    ]
    batch = city.submit(*orders)
    no_funds = Reason.INSUFFICIENT_FUNDS
    assert batch.reasons == [Reason.ACCEPTED, no_funds, Reason.UNKNOWN_MERCHANT, Reason.ACCEPTED, no_funds]
    assert city.till(merchant) == 100


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17])
def test_the_tree_of_any_width_p9(city: City, size: int) -> None:
    """`submit` compares the root with the domain's; here each proof opens it on chain."""
    citizen, merchant = city.citizen(own=1_000), city.merchant()
    batch = city.pay(*(city.qr(citizen, merchant, 10) for _ in range(size)))
    for index in {0, size // 2, size - 1}:
        city.refund(batch, 1, index=index)
        assert city.payments.refundedOf(batch.leaves[index]) == 1


def test_a_paused_batch_has_records_all_the_same_p7(city: City) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    city.pause()
    assert city.submit(city.qr(citizen, merchant, 1), city.qr(9, 9, 0)).reasons == [Reason.PAUSED] * 2


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_an_order_lives_to_its_last_second(city: City, kind: Kind) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    city.consent(citizen, 1_000)
    last = now() + 180
    order = city.order(kind, citizen, merchant, 10, expires_at=last)
    assert city.reason(order, at=last) is Reason.ACCEPTED
    late = city.order(kind, citizen, merchant, 10, expires_at=last)
    assert city.reason(late, at=last + 1) is Reason.EXPIRED_ORDER


# --- nonces ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.name)
def test_nonces_are_unordered_p6(city: City, kind: Kind) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    for nonce in (256, 0, 2**32 - 1, 255, 257):
        assert not city.payments.isNonceUsed(citizen, nonce, False)
        order = city.order(kind, citizen, merchant, 1, nonce=nonce)
        assert city.reason(order) is Reason.ACCEPTED
        assert city.payments.isNonceUsed(citizen, nonce, False)
        assert city.reason(order) is Reason.DUPLICATE
    assert not city.payments.isNonceUsed(citizen, 1, False)
    assert not city.payments.isNonceUsed(citizen, 2**32 - 2, False)


def test_a_nonce_is_of_one_citizen_and_of_all_signed_kinds_p6(city: City) -> None:
    citizen, other, merchant = city.citizen(own=100), city.citizen(own=100), city.merchant()
    city.pay(city.qr(citizen, merchant, 1, nonce=5))
    assert city.reason(city.pass_(citizen, merchant, 1, nonce=5)) is Reason.DUPLICATE
    assert city.reason(city.qr(other, merchant, 1, nonce=5)) is Reason.ACCEPTED
    city.consent(citizen, 1_000)
    assert city.reason(city.card(citizen, merchant, 1, nonce=5)) is Reason.ACCEPTED


def test_twice_in_one_batch_i3(city: City) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    order = city.qr(citizen, merchant, 10)
    assert city.submit(order, order).reasons == [Reason.ACCEPTED, Reason.DUPLICATE]
    assert city.till(merchant) == 10


# --- signatures --------------------------------------------------------------------------------------------


def test_the_digests_are_eip712_p5(city: City) -> None:
    """Signed over what eth_account's general encoder says, not over our own hashing."""
    citizen, merchant = city.citizen(own=100), city.merchant()
    wallet = city.people[citizen]
    order = PaymentOrder(b"0123456789abcdef", citizen, merchant, 7, 3, 2**40 - 1)
    signature = wallet.sign_digest(eip712_digest(order.typed_data(city.domain)))
    city.pay(order.signed(CompactSignature.from_bytes(signature)))
    pass_ = PaymentPass(citizen, 2**32 - 1, 4, 2**40 - 1)
    signature = wallet.sign_digest(eip712_digest(pass_.typed_data(city.domain)))
    city.pay(pass_.used(b"fedcba9876543210", merchant, 8, CompactSignature.from_bytes(signature)))
    assert bytes(city.payments.domainSeparator()) == city.domain.separator


FIELDS = {"payment_id": b"\x01" * 16, "merchant": 2, "amount": 2, "nonce": 99, "expires_at": 2**40 - 2}


@pytest.mark.parametrize("name", FIELDS)
def test_a_qr_signature_covers_every_field_p2(city: City, name: str) -> None:
    citizen = city.citizen(own=100)
    merchant = [city.merchant(), city.merchant()][0]
    order = changed(city.qr(citizen, merchant, 1), **{name: FIELDS[name]})
    assert city.reason(order) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("name", ["pass_limit", "nonce", "expires_at"])
def test_a_pass_signature_covers_limit_nonce_and_expiry_p3(city: City, name: str) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    order = changed(city.pass_(citizen, merchant, 1), **{name: FIELDS.get(name, 50)})
    assert city.reason(order) is Reason.BAD_SIGNATURE


def test_one_citizens_signature_is_not_anothers(city: City) -> None:
    citizen, other, merchant = city.citizen(own=100), city.citizen(own=100), city.merchant()
    for kind in SIGNED:
        order = city.order(kind, citizen, merchant, 1)
        assert city.reason(changed(order, citizen=other)) is Reason.BAD_SIGNATURE


def test_a_signature_of_one_kind_is_not_of_another(city: City) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    qr = city.qr(citizen, merchant, 1)
    assert city.reason(changed(qr, kind=Kind.CUSTOMER_QR, pass_limit=1)) is Reason.BAD_SIGNATURE
    pass_ = city.pass_(citizen, merchant, 1)
    assert city.reason(changed(pass_, kind=Kind.MERCHANT_QR)) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("kind", [0, 4, 5, 255])
def test_no_other_kind_can_be_signed_p1(city: City, kind: int) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    assert city.reason(changed(city.qr(citizen, merchant, 1), kind=kind)) is Reason.BAD_SIGNATURE


UNSIGNED_BITS = {
    # Per kind: the lowest and the highest bit of the tail that the kind does not use (P-1).
    Kind.MERCHANT_QR: (0, 207),
    Kind.CUSTOMER_QR: (0, 175),
    Kind.CARD: (0, 207),
}


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_bits_that_a_kind_does_not_use_are_zero_p1(city: City, kind: Kind) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    city.consent(citizen, 100)
    order = city.order(kind, citizen, merchant, 1)
    ((head, tail, r, vs),) = words_of([order])
    spoilt = [(head, tail | 1 << bit, r, vs) for bit in UNSIGNED_BITS[kind]]
    if kind is Kind.CARD:
        one = (1).to_bytes(32, "big")
        spoilt += [(head, tail, one, vs), (head, tail, r, one)]
    tx = city.payments.submitBatch(spoilt, city.by(Role.GATEWAY))
    records = parse_records(bytes(only(tx, "BatchProcessed")["records"]))
    assert {record.reason for record in records} == {Reason.BAD_SIGNATURE}
    assert city.reason(order) is Reason.ACCEPTED


def malformed(good: CompactSignature) -> list[CompactSignature]:
    """Signatures that recover nobody, or the same signer by the other half of s."""
    high = SECP256K1_ORDER - good.s
    other_half = high | (1 - good.recovery_bit) << 255
    zero, order = bytes(32), SECP256K1_ORDER.to_bytes(32, "big")
    flipped = bytes([good.vs[0] ^ 0x80]) + good.vs[1:]
    return [
        CompactSignature(good.r, (other_half % 2**256).to_bytes(32, "big")),
        CompactSignature(good.r, flipped),
        CompactSignature(zero, good.vs),
        CompactSignature(order, good.vs),
        CompactSignature(good.r, zero),
        CompactSignature(zero, zero),
    ]


@pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.name)
def test_malformed_signatures_p5(city: City, kind: Kind) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    order = city.order(kind, citizen, merchant, 1)
    spoilt = [changed(order, signature=signature) for signature in malformed(order.signature)]
    assert set(city.submit(*spoilt).reasons) == {Reason.BAD_SIGNATURE}
    assert city.reason(order) is Reason.ACCEPTED


def test_only_the_citizens_own_key(city: City) -> None:
    citizen, merchant = city.citizen(own=100), city.merchant()
    for kind in SIGNED:
        order = city.order(kind, citizen, merchant, 1, signer=Wallet.named("thief"))
        assert city.reason(order) is Reason.BAD_SIGNATURE


# --- passes, bands -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("won", "reason"),
    [(999, Reason.ACCEPTED), (1_000, Reason.ACCEPTED), (1_001, Reason.OVER_PASS_LIMIT)],
)
def test_a_pass_has_a_limit_p3(city: City, won: int, reason: Reason) -> None:
    citizen, merchant = city.citizen(own=5_000), city.merchant()
    assert city.reason(city.pass_(citizen, merchant, won, limit=1_000)) is reason


def test_a_pass_pays_once_anywhere_p3(city: City) -> None:
    citizen, one, two = city.citizen(own=5_000), city.merchant(), city.merchant()
    pass_ = city.pass_(citizen, one, 500, limit=1_000)
    assert city.reason(changed(pass_, merchant=two, amount=700)) is Reason.ACCEPTED
    assert city.reason(pass_) is Reason.DUPLICATE
    assert (city.till(one), city.till(two)) == (0, 700)


@pytest.mark.parametrize("bands", [0b0000, 0b0011, 0b0100, 0b1111])
def test_bought_money_in_accepted_bands_only_p11(city: City, bands: int) -> None:
    citizen = city.citizen(own=5_000)
    tx = city.payments.setAcceptedBands(bands, city.by(Role.ADMIN))
    assert only(tx, "AcceptedBandsSet") == {"bands": bands}
    assert city.payments.acceptedBands() == bands
    for band in range(4):
        accepted = Reason.ACCEPTED if bands >> band & 1 else Reason.NOT_ACCEPTED_HERE
        assert city.reason(city.qr(citizen, city.merchant(band=band), 10)) is accepted


def test_city_money_alone_beyond_the_bands_p11(city: City) -> None:
    citizen, merchant = city.citizen(), city.merchant(band=3)
    city.give_credit(citizen, 500, city.merchant())
    city.give_own(citizen, 5_000)
    city.city_money({citizen: 100})
    assert city.reason(city.qr(citizen, merchant, 101)) is Reason.NOT_ACCEPTED_HERE
    assert city.reason(city.qr(citizen, merchant, 100)) is Reason.ACCEPTED


@pytest.mark.parametrize("own", [599, 600])
def test_funds_to_the_won(city: City, own: int) -> None:
    citizen, merchant = city.citizen(), city.merchant()
    city.give_credit(citizen, 300, merchant)
    city.give_own(citizen, own)
    city.city_money({citizen: 100})
    expected = Reason.ACCEPTED if own == 600 else Reason.INSUFFICIENT_FUNDS
    assert city.reason(city.qr(citizen, merchant, 1_000)) is expected


def test_the_largest_amount(city: City) -> None:
    most = 2**32 - 1
    citizen, merchant = city.citizen(own=most), city.merchant()
    assert city.pay(city.qr(citizen, merchant, most)).records[0].own == most
    next_at(now() + 1)
    assert city.till(merchant) == most
