"""A wallet that keeps its own key: joins a city and pays, with nothing but httpx and eth_account.

See README.md beside it. The two functions that make typed data are what any EIP-712 wallet would sign.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from eth_account import Account
from eth_account.signers.local import LocalAccount

ORDER_SECONDS = 600


def _typed_data(
    domain: dict[str, Any], name: str, fields: list[tuple[str, str]], message: dict[str, Any]
) -> dict[str, Any]:
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            name: [{"name": member, "type": kind} for kind, member in fields],
        },
        "primaryType": name,
        "domain": domain,
        "message": message,
    }


def wallet_possession(domain: dict[str, Any], challenge: uuid.UUID) -> dict[str, Any]:
    """What proves the key when joining (C-8)."""
    fields = [("bytes16", "challenge")]
    return _typed_data(domain, "WalletPossession", fields, {"challenge": "0x" + challenge.hex})


def payment_order(
    domain: dict[str, Any],
    payment: uuid.UUID,
    citizen: int,
    merchant: int,
    amount_won: int,
    nonce: int,
    expires_at: int,
) -> dict[str, Any]:
    """What pays a merchant (P-2)."""
    fields = [
        ("bytes16", "paymentId"),
        ("uint32", "citizen"),
        ("uint32", "merchant"),
        ("uint32", "amount"),
        ("uint32", "nonce"),
        ("uint40", "expiresAt"),
    ]
    message = {
        "paymentId": "0x" + payment.hex,
        "citizen": citizen,
        "merchant": merchant,
        "amount": amount_won,
        "nonce": nonce,
        "expiresAt": expires_at,
    }
    return _typed_data(domain, "PaymentOrder", fields, message)


@dataclass
class Wallet:
    """A citizen's wallet in one city; `url` is the city's: `https://…/v1/{currency}`."""

    url: str
    device: str
    key: LocalAccount = field(default_factory=Account.create)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, trust_env=False))
    token: str = ""
    citizen: int = 0
    next_nonce: int = 0
    clock: Callable[[], float] = time.time

    def domain(self) -> dict[str, Any]:
        """The city's EIP-712 domain (P-5)."""
        city = self.http.get(self.url).raise_for_status().json()
        return {
            "name": "Camellia Payments",
            "version": "1",
            "chainId": city["chain_id"],
            "verifyingContract": city["payments_contract"],
        }

    def sign(self, typed_data: dict[str, Any]) -> str:
        """65 bytes r ‖ s ‖ v as hex."""
        return "0x" + bytes(self.key.sign_typed_data(full_message=typed_data).signature).hex()

    def confirm(self, challenge: str, code: str, pin: str, district: int) -> httpx.Response:
        """Give back the code that came to the phone, with this wallet."""
        proof = self.sign(wallet_possession(self.domain(), uuid.UUID(challenge)))
        answer = self.http.post(
            f"{self.url}/citizens/confirm",
            json={
                "challenge": challenge,
                "code": code,
                "device_id": self.device,
                "pin": pin,
                "district": district,
                "wallet": {"address": self.key.address, "proof": proof},
            },
        )
        if answer.is_success:
            self.token = answer.json()["token"]
        return answer

    def me(self) -> dict[str, Any]:
        """Who I am; `state` is active once the chain has the wallet."""
        answer = self.http.get(f"{self.url}/me", headers=self.headers()).raise_for_status()
        found: dict[str, Any] = answer.json()
        self.citizen, self.next_nonce = found["citizen"] or 0, max(self.next_nonce, found["next_nonce"])
        return found

    def order(self, merchant: int, amount_won: int, payment: uuid.UUID | None = None) -> dict[str, Any]:
        """An order, signed: to be stored before it is sent, and sent again until it is answered."""
        payment = payment or uuid.uuid4()
        nonce, expires_at = self.next_nonce, int(self.clock()) + ORDER_SECONDS
        self.next_nonce += 1
        members = (payment, self.citizen, merchant, amount_won, nonce, expires_at)
        signature = self.sign(payment_order(self.domain(), *members))
        return {
            "payment": str(payment),
            "signed": {"nonce": nonce, "expires_at": expires_at, "signature": signature},
        }

    def pay(self, order: dict[str, Any], qr: str, amount_won: int | None, pin: str) -> httpx.Response:
        """Send a signed order. `amount_won` is None for a dynamic code, which brings its own."""
        body = {"kind": "merchant_qr", "qr": qr, "pin": pin, "signed": order["signed"]}
        if amount_won is not None:
            body["amount_won"] = amount_won
        headers = {**self.headers(), "Idempotency-Key": order["payment"]}
        return self.http.post(f"{self.url}/payments", headers=headers, json=body)

    def headers(self) -> dict[str, str]:
        """Token and device."""
        return {"Authorization": f"Bearer {self.token}", "X-Device-Id": self.device}
