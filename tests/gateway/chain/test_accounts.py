"""Role keys and their signatures, against eth_account as the reference."""

import json
from pathlib import Path

import pytest
from coincurve import PrivateKey
from eth_account import Account

from gateway.chain.accounts import RoleAccount, load_account, role_address
from gateway.chain.contracts import Call
from gateway.chain.errors import KeyUnavailable

SECRET = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("data", [b"", b"\x00", b"\x7f", b"\x80", bytes(55), bytes(range(256)) * 40])
@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 70_000])
def test_transactions_are_signed_as_eth_account_signs_them(legacy, data, nonce):
    call = Call(bytes.fromhex("11" * 20), data, 123_456)
    ours = RoleAccount("gateway", SECRET).sign_transaction(call, nonce, 1202, legacy=legacy)
    fees = {"gasPrice": 0} if legacy else {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "type": 2}
    theirs = Account.from_key(SECRET).sign_transaction(
        {"nonce": nonce, "to": call.to, "value": 0, "gas": call.gas, "data": data, "chainId": 1202, **fees}
    )
    assert ours.raw == bytes(theirs.raw_transaction)
    assert ours.hash == bytes(theirs.hash)
    assert RoleAccount("gateway", SECRET).call_of(ours.raw) == call
    with pytest.raises(ValueError, match="not signed by"):
        RoleAccount("gateway", PrivateKey().secret).call_of(ours.raw)


def test_many_keys_sign_alike():
    """Short r and s, leading zeros, both parities."""
    call = Call(bytes.fromhex("22" * 20), b"\x01\x02", 21_000)
    for _ in range(300):
        secret = PrivateKey().secret
        ours = RoleAccount("issuer", secret).sign_transaction(call, 3, 1)
        theirs = Account.from_key(secret).sign_transaction(
            {
                "nonce": 3,
                "to": call.to,
                "value": 0,
                "gas": 21_000,
                "gasPrice": 0,
                "data": call.data,
                "chainId": 1,
            }
        )
        assert ours.raw == bytes(theirs.raw_transaction)


def test_the_account_does_not_tell_its_key():
    account = RoleAccount("issuer", SECRET)
    assert SECRET.hex() not in repr(account) + str(vars(account))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    keystore = Account.encrypt(SECRET, "a passphrase", iterations=2)
    (tmp_path / "issuer.json").write_text(json.dumps(keystore))
    (tmp_path / "passphrase").write_text("a passphrase\n")
    (tmp_path / "passphrase").chmod(0o600)
    return tmp_path


def test_a_keystore_opens_with_the_passphrase_file(keys, monkeypatch):
    monkeypatch.setenv("CAMELLIA_KEYS", str(keys))
    account = load_account("issuer")
    assert account.address == bytes.fromhex(Account.from_key(SECRET).address[2:])
    assert role_address("issuer") == account.address


@pytest.mark.parametrize(
    "break_it", ["wrong passphrase", "readable by others", "no passphrase", "no keystore"]
)
def test_a_keystore_that_does_not_open_says_so(keys, break_it):
    match break_it:
        case "wrong passphrase":
            (keys / "passphrase").write_text("another")
        case "readable by others":
            (keys / "passphrase").chmod(0o640)
        case "no passphrase":
            (keys / "passphrase").unlink()
        case "no keystore":
            (keys / "issuer.json").unlink()
    with pytest.raises(KeyUnavailable) as raised:
        load_account("issuer", keys)
    assert "a passphrase" not in str(raised.value)
