"""I-9: the checker recovers signers from calldata by itself; here a library signs (P-1 to P-5)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account

from bench.chaos.signatures import SignedOrder, domain_separator, orders_of

TYPED: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "self-signed" / "payment-order.json").read_text()
)
DOMAIN = domain_separator(TYPED["domain"]["chainId"], TYPED["domain"]["verifyingContract"])


def signed(key: bytes) -> SignedOrder:
    """The published example, signed by a key."""
    message = TYPED["message"]
    signature = Account.sign_typed_data(key, full_message=TYPED)
    numbers = (message["citizen"], message["merchant"], message["amount"], message["nonce"])
    head = bytes.fromhex(message["paymentId"][2:]) + b"".join(n.to_bytes(4, "big") for n in numbers)
    vs = signature.s | (signature.v - 27) << 255
    return SignedOrder(
        head,
        (b"\x01" + message["expiresAt"].to_bytes(5, "big")).ljust(32, b"\0"),
        signature.r.to_bytes(32, "big"),
        vs.to_bytes(32, "big"),
    )


@pytest.mark.parametrize("number", range(1, 9))
def test_the_signer_is_the_wallet(number: int) -> None:
    key = number.to_bytes(32, "big")
    order = signed(key)
    assert order.signer(DOMAIN) == Account.from_key(key).address.lower()
    other = replace(order, head=order.head[:27] + bytes([order.head[27] ^ 1]) + order.head[28:])
    assert other.signer(DOMAIN) != Account.from_key(key).address.lower(), "another amount was signed"


def test_orders_are_read_from_calldata() -> None:
    orders = [signed(b"\1" * 32), signed(b"\2" * 32)]
    rows = [tuple(getattr(order, name) for name in ("head", "tail", "r", "vs")) for order in orders]
    calldata = b"\0\1\2\3" + encode(["(bytes32,bytes32,bytes32,bytes32)[]"], [rows])
    assert orders_of(calldata) == orders


def test_a_card_order_has_no_signer() -> None:
    with pytest.raises(ValueError, match="no signature"):
        replace(signed(b"\1" * 32), r=bytes(32), vs=bytes(32)).signer(DOMAIN)
