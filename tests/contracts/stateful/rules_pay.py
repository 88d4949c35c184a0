"""Rules about payments of all three kinds, card consents and refunds (P, F)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from gateway.chain.accounts import sign_digest
from gateway.chain.shapes import RecordWords, RefundCall
from gateway.domain import merkle
from gateway.domain.order import BatchOrder, CardConsent, Kind, PaymentOrder, PaymentPass, SigningDomain
from gateway.domain.record import parse_records
from gateway.domain.signature import HALF_ORDER, CompactSignature
from tests.contracts.stateful.machine import Machine
from tests.contracts.stateful.model import CARD_WINDOW, Payment
from tests.contracts.stateful.town import key_of, ref

AMOUNTS = st.one_of(
    st.sampled_from([0, 1, 777, 9_999, 10_000, 10_001, 50_000, 2**32 - 1]),
    st.integers(1, 3_000),
    st.integers(1, 150_000),
)


@dataclass(frozen=True)
class Wish:
    """What hypothesis chooses of one order; the rule makes an order of it."""

    citizen: int
    merchant: int
    amount: int
    kind: int
    nonce: int | None  # None: one that was not used before
    lifetime: int  # seconds that the order lives past its block
    limit: int  # of a pass, above its amount
    forgery: str


PLAIN_WISHES = st.builds(
    Wish,
    citizen=st.integers(1, 3),
    merchant=st.integers(1, 3),
    amount=st.one_of(st.integers(1, 3_000), st.integers(1, 60_000)),
    kind=st.sampled_from([1, 2, 3]),
    nonce=st.none(),
    lifetime=st.just(180),
    limit=st.just(0),
    forgery=st.just("none"),
)
ANY_WISHES = st.builds(
    Wish,
    citizen=st.sampled_from([1, 1, 2, 2, 3, 3, 4, 5, 9, 0]),
    merchant=st.sampled_from([1, 1, 2, 2, 3, 3, 4, 9]),
    amount=AMOUNTS,
    kind=st.sampled_from([1, 1, 1, 2, 2, 3, 3, 3, 0, 4]),
    nonce=st.sampled_from([None] * 9 + [0, 1, 255, 256, 2**32 - 1]),
    lifetime=st.sampled_from([180] * 7 + [0, -1]),
    limit=st.sampled_from([0, 0, 500, -1]),
    forgery=st.sampled_from(["none"] * 10 + ["other key", "altered", "other city", "high s", "empty"]),
)
WISHES = st.one_of(PLAIN_WISHES, PLAIN_WISHES, ANY_WISHES)


class PayRules(Machine):
    """Batches of good and bad orders, consents and refunds."""

    @rule(wishes=st.lists(PLAIN_WISHES, min_size=1, max_size=4))
    def pay_well(self, wishes: list[Wish]) -> None:
        """Orders with nothing wrong in themselves, so that there is something to refund and to settle."""
        self.pay(wishes, False)

    @rule(wishes=st.lists(WISHES, min_size=1, max_size=6), again=st.booleans())
    def pay_anyhow(self, wishes: list[Wish], again: bool) -> None:
        """Good and bad orders side by side."""
        self.pay(wishes, again)

    # What happens most: a rule under more names is chosen more often.
    lunch = dinner = shopping = errands = pay_well
    rush = pay_anyhow

    def pay(self, wishes: list[Wish], again: bool) -> None:
        """One batch; an order may be repeated inside it, or one of an earlier batch come again."""
        orders = [self._order(wish) for wish in wishes]
        self.signers.update({order.payment_id: signer for order, signer in orders})
        if again:
            earlier = self.model.payments[-1].order if self.model.payments else orders[0][0]
            orders += [orders[0], (earlier, self.signers[earlier.payment_id])]
        words = [tuple(int.from_bytes(word, "big") for word in o.to_words()[:2]) for o, _ in orders]
        calls = [(*w, o.signature.r, o.signature.vs) for w, (o, _) in zip(words, orders, strict=True)]
        receipt = self.act("gateway", "Payments", "submitBatch", calls)
        (event,) = self.town.events(receipt, "BatchProcessed")
        records = parse_records(event["records"])
        expected = [self.model.pay(order, signer, self.town.now) for order, signer in orders]
        for found, wanted in zip(records, expected, strict=True):
            assert found == wanted, f"{found}\n is not the model's\n{wanted}"
            self.bench.outcomes[found.reason.name] += 1
        batch = event["batch"]
        assert event["accepted"] == sum(record.is_accepted for record in records)
        leaves = [record.leaf(batch, index) for index, record in enumerate(records)]
        assert event["root"] == merkle.root(leaves) == self.town.read("Payments", "batchRoot", batch)
        self.model.batches[batch] = records
        self.fresh = [(order, record) for (order, _), record in zip(orders, records, strict=True)]
        for index, (order, record) in enumerate(self.fresh):
            if record.is_accepted:
                self.model.payments.append(Payment(batch, index, record, order))

    @rule(
        number=st.sampled_from([1, 2, 3, 4, 9]),
        limit=st.sampled_from([0, 5_000, 100_000, 100_000, 2**32 - 1]),
        kind=st.sampled_from(["signed", "signed", "signed", "forged", "late", "repeated"]),
    )
    def consent_to_card(self, number: int, limit: int, kind: str) -> None:
        """P-4: the daily limit is the citizen's own word."""
        citizen = self.model.citizens.get(number)
        nonce = 1_000 + self.fresh_number()
        if kind == "repeated":
            if not (citizen and citizen.nonces):
                return
            nonce = max(citizen.nonces)
        consent = CardConsent(number, limit, nonce, self.now - (kind == "late"))
        wallet = citizen.wallet if citizen and kind != "forged" else "thief"
        signature = sign_digest(key_of(wallet), consent.digest(self.town.domain))
        error = None
        if kind == "late" or kind == "repeated" or citizen is None or kind == "forged":
            error = "CardConsentRefused"
        values = (number, limit, nonce, consent.expires_at, signature.r, signature.vs)
        if self.act_or_refused(error, "gateway", "Payments", "setCardLimit", *values):
            assert citizen
            citizen.card_limit = self.card_limits[number] = limit
            citizen.nonces.add(nonce)

    @rule(
        place=st.integers(0, 1_000),
        share=st.sampled_from([1, 2, 3, 3, 7, 100]),
        wrong=st.sampled_from(["nothing"] * 8 + ["too large", "out of step", "altered", "proof", "zero"]),
    )
    @precondition(lambda self: self.model.payments)
    def refund(self, place: int, share: int, wrong: str) -> None:
        """F-1 to F-5: in any order, in parts, again and again."""
        payment = self.model.payments[place % len(self.model.payments)]
        left = payment.record.amount - payment.refunded
        amount = left // share
        call = self._refund_call(payment, amount, wrong, left)
        till, advance = self.model.shops[payment.record.merchant].till, 0
        errors = {"altered": "RecordNotInBatch", "proof": "RecordNotInBatch", "zero": "ZeroRefund"}
        error = errors.get(wrong)
        if error is None and call.amount == 0:
            error = "ZeroRefund"
        elif wrong == "out of step":
            error = "RefundOutOfStep"
        elif wrong == "too large":
            error = "RefundTooLarge"
        elif error is None and amount > till:
            advance = amount - till
            error = "FloatTooSmall" if advance > self.model.float_left else None
        if error is None and self.model.paused:
            error = "CurrencyPaused"
        receipt = self.act_or_refused(error, "gateway", "Payments", "refund", call)
        if receipt is None:
            return
        plan = self.model.refund(payment, amount, self.town.now)
        (event,) = self.town.events(receipt, "Refunded")
        assert (event["amount"], event["refundedTotal"]) == (amount, payment.refunded)
        assert event["own"] == plan.own_back_won
        assert (event["credit"], event["earnedBack"]) == (plan.split.cashback_won, plan.taken.cashback_won)
        assert event["fromOwn"] == plan.taken.from_own_won
        self.refunds[payment.record.merchant] += event["amount"]
        # A refund sent twice happens once (F-1).
        repeat = self.town.call("Payments", "refund", call)
        found = self.town.refusal(receipt_sender(receipt), repeat)
        assert found in ("RefundOutOfStep", "RefundTooLarge")

    return_goods = change_of_mind = cancel = refund

    def _refund_call(self, payment: Payment, amount: int, wrong: str, left: int) -> RefundCall:
        records = self.model.batches[payment.batch]
        leaves = [record.leaf(payment.batch, index) for index, record in enumerate(records)]
        proof = tuple(merkle.proof(leaves, payment.index))
        record, before = payment.record, payment.refunded
        if wrong == "altered":
            record = replace(record, nonce=record.nonce ^ 1)
        elif wrong == "proof":
            proof = (*proof, ref("not in the tree"))
        elif wrong == "too large":
            amount = left + 1
        elif wrong == "zero":
            amount = 0
        elif wrong == "out of step":
            before, amount = before + 1, max(amount, 1)
        words = RecordWords.from_bytes(record.to_bytes())
        number = ref(f"refund {self.fresh_number()}")[:16]
        return RefundCall(payment.batch, payment.index, words, proof, amount, before, number)

    # --- orders -----------------------------------------------------------------------------

    def _order(self, wish: Wish) -> tuple[BatchOrder, str | None]:
        """The order, and the wallet that signed it as it stands; None for a malformed signature."""
        nonce = self._nonce(wish)
        identity = ref(f"payment {self.fresh_number()}")[:16]
        order = BatchOrder(
            kind=wish.kind,
            payment_id=identity,
            citizen=wish.citizen,
            merchant=wish.merchant,
            amount=wish.amount,
            nonce=nonce,
            expires_at=self.now + wish.lifetime,
            pass_limit=max(0, min(2**32 - 1, wish.amount + wish.limit))
            if wish.kind == Kind.CUSTOMER_QR
            else 0,
        )
        if wish.kind not in (Kind.MERCHANT_QR, Kind.CUSTOMER_QR):
            return order, None
        citizen = self.model.citizens.get(wish.citizen)
        wallet = citizen.wallet if citizen else "nobody"
        if wish.forgery == "other key":
            wallet = "thief"
        domain = self.town.domain
        if wish.forgery == "other city":
            domain = SigningDomain(domain.chain_id, ref("another city")[:20])
        signature = sign_digest(key_of(wallet), _message(order).digest(domain))
        order = replace(order, signature=signature)
        return self._forged(order, wish, wallet)

    @staticmethod
    def _forged(order: BatchOrder, wish: Wish, wallet: str) -> tuple[BatchOrder, str | None]:
        if wish.forgery == "altered":
            return replace(order, expires_at=order.expires_at + 1), "somebody"
        if wish.forgery == "other city":
            return order, "somebody"
        if wish.forgery == "empty":
            return replace(order, signature=CompactSignature(bytes(32), bytes(32))), None
        if wish.forgery == "high s":  # the only half-way values of s that fit the 255 bits (P-5)
            high = (HALF_ORDER + 1).to_bytes(32, "big")
            return replace(order, signature=CompactSignature(order.signature.r, high)), None
        return order, wallet

    def _nonce(self, wish: Wish) -> int:
        """A nonce of the wish, or a fresh one; card nonces go up, with leaps over the window (P-6)."""
        citizen = self.model.citizens.get(wish.citizen)
        if wish.kind != Kind.CARD or citizen is None:
            return 2_000 + self.fresh_number() if wish.nonce is None else wish.nonce
        newest = max(citizen.card_nonces, default=0)
        steps = {None: 1, 0: 0, 1: 2, 255: CARD_WINDOW - 1, 256: CARD_WINDOW, 2**32 - 1: -CARD_WINDOW + 1}
        return max(0, newest + steps[wish.nonce])


def _message(order: BatchOrder) -> PaymentOrder | PaymentPass:
    if order.kind == Kind.MERCHANT_QR:
        values = (order.payment_id, order.citizen, order.merchant, order.amount)
        return PaymentOrder(*values, order.nonce, order.expires_at)
    return PaymentPass(order.citizen, order.pass_limit, order.nonce, order.expires_at)


def receipt_sender(receipt: dict[str, object]) -> bytes:
    """Who sent a transaction."""
    return bytes.fromhex(str(receipt["from"])[2:])
