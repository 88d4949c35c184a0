"""Wallets that keep their own key (C-8, P-12): what they sign is what happens, and nothing else does."""

from __future__ import annotations

import importlib.util
import json
import sys
import uuid
from types import ModuleType
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from gateway.domain.keccak import keccak256
from gateway.domain.order import PaymentOrder, SigningDomain, WalletPossession
from tests.gateway.world import PIN, ROOT, Citizen, Shop, World, new_key, until

DOCS = ROOT / "docs" / "self-signed"


def _client() -> ModuleType:
    spec = importlib.util.spec_from_file_location("self_signed_wallet", DOCS / "wallet.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


client = _client()


@pytest.fixture(scope="module")
def wallet(city: World) -> Any:
    """Joined with its own key, registered on chain, ₩100,000."""
    made = client.Wallet(city.path(""), device=uuid.uuid4().hex)
    made.clock = lambda: city.now().timestamp()  # other tests move the city's clock on
    phone = city.phone()
    challenge = city.start_joining(phone, made.device)
    answer = made.confirm(challenge, city.sms_code(phone), PIN, district=9)
    assert answer.status_code == 201, answer.text
    until(lambda: made.me()["state"] == "active" or None, what="the registration")
    Citizen(city, made.token, made.device, answer.json()["member"]).charge(100_000)
    return made


def own_won(wallet: Any) -> int:
    answer = wallet.http.get(f"{wallet.url}/me/balance", headers=wallet.headers())
    return int(answer.json()["own_won"])


def reason(answer: httpx.Response) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["reason"])


def refused_here(city: World, order: dict[str, Any]) -> bool:
    """Whether the gateway refused by itself: the chain was never asked, nothing was held."""
    query = 'SELECT "order" IS NULL AS here FROM payments WHERE payment::text = $1'
    (row,) = city.sql(query, order["payment"])
    return bool(row["here"])


def field(answer: httpx.Response) -> str:
    assert reason(answer) == "INVALID"
    return str(answer.json()["errors"][0]["field"])


def signed(wallet: Any, shop: Shop, amount_won: int, **changes: Any) -> dict[str, Any]:
    """An order of which some signed members are others than those that are sent."""
    payment = uuid.uuid4()
    members = {
        "payment": payment,
        "citizen": wallet.citizen,
        "merchant": shop.merchant,
        "amount_won": amount_won,
        "nonce": wallet.next_nonce,
        "expires_at": int(shop.city.now().timestamp()) + 600,
    } | changes
    wallet.next_nonce = max(wallet.next_nonce, members["nonce"] + 1)
    signature = wallet.sign(client.payment_order(wallet.domain(), **members))
    sent = {"nonce": members["nonce"], "expires_at": members["expires_at"], "signature": signature}
    return {"payment": str(payment), "signed": sent}


def test_what_the_wallet_signed_is_what_the_chain_gets(city: World, wallet: Any, shop: Shop) -> None:
    before, order = own_won(wallet), wallet.order(shop.merchant, 1_200)
    answer = wallet.pay(order, shop.qr(), 1_200, PIN)
    assert (answer.status_code, answer.json()["state"]) == (201, "confirmed"), answer.text
    assert own_won(wallet) == before - 1_200
    key = uuid.UUID(order["payment"])
    (row,) = city.sql('SELECT "order" AS bytes, nonce, expires_at FROM payments WHERE payment = $1', key)
    sent = bytes.fromhex(order["signed"]["signature"][2:])
    vs = bytearray(sent[32:64])
    vs[0] |= (sent[64] - 27) << 7
    assert row["bytes"][64:] == sent[:32] + bytes(vs)  # not a byte of it is the gateway's
    assert (row["nonce"], row["expires_at"]) == (order["signed"]["nonce"], order["signed"]["expires_at"])
    address = bytes.fromhex(wallet.key.address[2:])
    assert city.sql("SELECT wallet_key FROM citizens WHERE wallet = $1", address) == [{"wallet_key": None}]


def test_a_dynamic_code_is_signed_with_its_own_amount(wallet: Any, shop: Shop) -> None:
    made = shop.order(700)
    answer = wallet.pay(wallet.order(shop.merchant, 700), made["qr"], None, PIN)
    assert answer.json()["state"] == "confirmed", answer.text


def test_the_same_request_again_gives_the_same_answer(wallet: Any, shop: Shop) -> None:
    before, order = own_won(wallet), wallet.order(shop.merchant, 300)
    first, again = (wallet.pay(order, shop.qr(), 300, PIN) for _ in range(2))
    assert first.json() == again.json() and first.status_code == 201
    assert own_won(wallet) == before - 300


@pytest.mark.parametrize("place", [0, 31, 63])
def test_a_byte_that_was_tampered_with(city: World, wallet: Any, shop: Shop, place: int) -> None:
    order = wallet.order(shop.merchant, 1_000)
    signature = bytearray.fromhex(order["signed"]["signature"][2:])
    signature[place] ^= 1
    order["signed"]["signature"] = "0x" + signature.hex()
    assert reason(wallet.pay(order, shop.qr(), 1_000, PIN)) == "BAD_SIGNATURE"
    assert refused_here(city, order)


@pytest.mark.parametrize(
    "changes",
    [{"amount_won": 999}, {"merchant": 77}, {"citizen": 1_000_000}, {"payment": uuid.uuid4()}],
    ids=lambda changes: next(iter(changes)),
)
def test_an_order_that_says_something_else(
    city: World, wallet: Any, shop: Shop, changes: dict[str, Any]
) -> None:
    order = signed(wallet, shop, **({"amount_won": 1_000} | changes))
    assert reason(wallet.pay(order, shop.qr(), 1_000, PIN)) == "BAD_SIGNATURE"
    assert refused_here(city, order)


def test_an_order_that_another_wallet_signed(city: World, wallet: Any, shop: Shop) -> None:
    own, wallet.key = wallet.key, Account.create()
    try:
        order = wallet.order(shop.merchant, 1_000)
    finally:
        wallet.key = own
    assert reason(wallet.pay(order, shop.qr(), 1_000, PIN)) == "BAD_SIGNATURE"
    assert refused_here(city, order)


def test_a_nonce_works_once(wallet: Any, shop: Shop) -> None:
    order = wallet.order(shop.merchant, 100)
    assert wallet.pay(order, shop.qr(), 100, PIN).status_code == 201
    again = signed(wallet, shop, 100, nonce=order["signed"]["nonce"])
    assert reason(wallet.pay(again, shop.qr(), 100, PIN)) == "DUPLICATE"  # P-12
    later = signed(wallet, shop, 100, nonce=order["signed"]["nonce"] + 1_000)  # in any order
    assert wallet.pay(later, shop.qr(), 100, PIN).status_code == 201
    assert wallet.me()["next_nonce"] == later["signed"]["nonce"] + 1


def test_an_order_that_ends_too_soon_or_too_late(city: World, wallet: Any, shop: Shop) -> None:
    now = int(city.now().timestamp())
    for expires_at in (now - 1, now + 50):
        answer = wallet.pay(signed(wallet, shop, 100, expires_at=expires_at), shop.qr(), 100, PIN)
        assert reason(answer) == "EXPIRED_ORDER"
    answer = wallet.pay(signed(wallet, shop, 100, expires_at=now + 40 * 86_400), shop.qr(), 100, PIN)
    assert field(answer) == "signed.expires_at"


def test_without_its_signature_such_a_wallet_pays_nothing(city: World, wallet: Any, shop: Shop) -> None:
    person = Citizen(city, wallet.token, wallet.device)
    assert field(person.pay(shop.qr(), 100)) == "signed"
    assert person.post("passes", {"limit_won": 1_000, "pin": PIN}, new_key()).status_code == 409


def test_a_signature_for_a_wallet_that_the_gateway_keeps(citizen: Citizen, wallet: Any, shop: Shop) -> None:
    order = wallet.order(shop.merchant, 100)
    body = {"kind": "merchant_qr", "qr": shop.qr(), "amount_won": 100, "pin": PIN, "signed": order["signed"]}
    assert field(citizen.post("payments", body, order["payment"])) == "signed"


def test_a_wallet_is_brought_with_the_proof_of_its_key_and_once(city: World, wallet: Any) -> None:
    device, phone = uuid.uuid4().hex, city.phone()
    other = client.Wallet(wallet.url, device=device)
    challenge = city.start_joining(phone, device)
    own, other.key = other.key, wallet.key  # somebody else's address …
    other.sign = lambda typed_data: "0x" + bytes(own.sign_typed_data(full_message=typed_data).signature).hex()
    assert field(other.confirm(challenge, city.sms_code(phone), PIN, district=9)) == "wallet.proof"
    del other.sign  # … with its key, but it is a citizen's already (C-2)
    assert other.confirm(challenge, city.sms_code(phone), PIN, district=9).status_code == 409
    other.key = own
    assert other.confirm(challenge, city.sms_code(phone), PIN, district=9).status_code == 201


def test_the_published_examples_are_what_the_client_and_the_gateway_sign() -> None:
    order = json.loads((DOCS / "payment-order.json").read_text())
    proof = json.loads((DOCS / "wallet-possession.json").read_text())
    message, domain = order["message"], order["domain"]
    numbers = [message[name] for name in ("citizen", "merchant", "amount", "nonce", "expiresAt")]
    key = uuid.UUID(hex=message["paymentId"][2:])
    challenge = uuid.UUID(hex=proof["message"]["challenge"][2:])
    assert client.payment_order(domain, key, *numbers) == order
    assert client.wallet_possession(domain, challenge) == proof
    ours = SigningDomain.at(domain["chainId"], domain["verifyingContract"])
    for typed_data, digest in (
        (order, PaymentOrder(key.bytes, *numbers).digest(ours)),
        (proof, WalletPossession(challenge.bytes).digest(ours)),
    ):
        signable = encode_typed_data(full_message=typed_data)  # by eth_account, which knows nothing of ours
        assert keccak256(b"\x19" + signable.version + signable.header + signable.body) == digest
