"""Whose signature an order carries: the gateway's, with the key that it keeps, or the payer's own (P-12)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Final

import asyncpg

from gateway.domain.order import BatchOrder, Kind, PaymentOrder, PaymentPass
from gateway.flow.authorise import Intent
from gateway.flow.errors import Invalid
from gateway.flow.intake.asked import Asked
from gateway.flow.municipality import Municipality
from gateway.flow.sessions import Role

_SECONDS_A_DAY: Final = 86_400
ORDER_MARGIN_SECONDS: Final = 60
"""An order that its payer signed lives at least this long when it is held (P-12)."""


def lifetime_seconds(m: Municipality) -> int:
    """How long an order lives that the gateway signs, and at most one that its payer signs."""
    return m.city.payment.order_days * _SECONDS_A_DAY


def signed_here(
    m: Municipality,
    payment: uuid.UUID,
    intent: Intent,
    payer: asyncpg.Record,
    nonce: int,
    expires_at: int,
) -> BatchOrder:
    """The order with the signature of the wallet whose key the gateway keeps.

    A pass is signed now, when it is used: an unused one leaves nothing signed behind, and its three minutes
    are kept by the gateway, not by the chain's clock.
    """
    if intent.kind is Kind.CUSTOMER_QR:
        assert intent.pass_limit_won is not None
        permit = PaymentPass(payer["citizen"], intent.pass_limit_won, nonce, expires_at)
        digest = permit.digest(m.signing_domain)
        signature = m.wallets.sign(payer["wallet_key"], Role.CITIZEN, payer["member"], digest)
        return permit.used(payment.bytes, intent.merchant, intent.amount_won, signature)
    order = PaymentOrder(
        payment.bytes, payer["citizen"], intent.merchant, intent.amount_won, nonce, expires_at
    )
    digest = order.digest(m.signing_domain)
    return order.signed(m.wallets.sign(payer["wallet_key"], Role.CITIZEN, payer["member"], digest))


def with_signature(
    m: Municipality, asked: Asked, intent: Intent, payer: asyncpg.Record, wallet: bytes, at: int, used: bool
) -> Intent:
    """What the payer's own signature says of the order.

    `wallet`: the payer's, as the chain knows it; `used`: the nonce was held before. Raises Invalid when a
    signature is missing, or when the gateway keeps the key.
    """
    # A wallet that was rotated on chain (C-5) is not the one whose key is here.
    kept_here = payer["wallet_key"] is not None and payer["wallet"] == wallet
    own = asked.signed
    if own is None:
        if not kept_here:
            raise Invalid("signed", "This wallet keeps its own key: the order needs its signature.")
        return intent
    if kept_here:
        raise Invalid("signed", "The gateway keeps this wallet's key, and signs for it.")
    if own.expires_at > at + lifetime_seconds(m):
        raise Invalid("signed.expires_at", "An order lives no longer than the gateway's own.")
    # An order that ended on its way to a block would be a broken promise.
    ends = min(intent.code_expires_at or own.expires_at, own.expires_at - ORDER_MARGIN_SECONDS)
    digest = own_order(asked, intent).digest(m.signing_domain)
    return replace(
        intent,
        code_used=intent.code_used or used or own.nonce < payer["next_nonce"],
        code_expires_at=ends,
        signature_fits=m.wallets.is_signed_by(wallet, digest, own.signature),
    )


def own_order(asked: Asked, intent: Intent) -> PaymentOrder:
    """The order that a wallet with its own key signed, if it signed this one."""
    assert asked.signed is not None
    return PaymentOrder(
        asked.payment.bytes,
        intent.citizen or 0,
        intent.merchant,
        intent.amount_won,
        asked.signed.nonce,
        asked.signed.expires_at,
    )
