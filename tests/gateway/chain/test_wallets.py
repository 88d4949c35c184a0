"""Citizens' and merchants' wallet keys at rest."""

import secrets

import pytest
from coincurve import PublicKey

from gateway.chain.errors import KeyUnavailable
from gateway.chain.wallets import WalletKeys, WalletOwner
from gateway.domain.keccak import keccak256

KEK, OTHER = secrets.token_bytes(32), secrets.token_bytes(32)
OWNER = WalletOwner("dongbaek", "citizen", "1000001")


def test_a_new_wallet_signs_as_its_address():
    keys = WalletKeys(KEK)
    wallet = keys.create(OWNER)
    digest = keccak256(b"an order")
    signature = keys.sign(wallet.sealed, OWNER, digest)
    public = PublicKey.from_signature_and_message(signature.recoverable(), digest, hasher=None)
    assert (
        keccak256(public.format(compressed=False)[1:])[12:]
        == wallet.address
        == keys.address(wallet.sealed, OWNER)
    )
    assert signature.is_well_formed


@pytest.mark.parametrize(
    "thief",
    [
        WalletOwner("seoul", "citizen", "1000001"),
        WalletOwner("dongbaek", "merchant", "1000001"),
        WalletOwner("dongbaek", "citizen", "1000002"),
    ],
)
def test_a_key_copied_to_another_row_does_not_open(thief):
    keys = WalletKeys(KEK)
    sealed = keys.create(OWNER).sealed
    with pytest.raises(KeyUnavailable):
        keys.sign(sealed, thief, bytes(32))


@pytest.mark.parametrize("place", [0, 1, 5, 17, 40, -1])
def test_a_damaged_key_does_not_open(place):
    keys = WalletKeys(KEK)
    sealed = bytearray(keys.create(OWNER).sealed)
    sealed[place] ^= 1
    with pytest.raises(KeyUnavailable):
        keys.sign(bytes(sealed), OWNER, bytes(32))


def test_no_two_sealed_keys_are_alike():
    keys = WalletKeys(KEK)
    wallet = keys.create(OWNER)
    again = keys.reseal(wallet.sealed, OWNER)
    assert again != wallet.sealed and keys.address(again, OWNER) == wallet.address


def test_a_new_key_encryption_key_takes_over_row_by_row():
    sealed = WalletKeys(KEK).create(OWNER).sealed
    both = WalletKeys(OTHER, KEK)
    assert both.needs_reseal(sealed)
    renewed = both.reseal(sealed, OWNER)
    assert not both.needs_reseal(renewed)
    assert WalletKeys(OTHER).address(renewed, OWNER) == both.address(sealed, OWNER)
    with pytest.raises(KeyUnavailable):
        WalletKeys(OTHER).address(sealed, OWNER)


def test_the_keys_come_from_a_private_file(tmp_path, monkeypatch):
    monkeypatch.delenv("CAMELLIA_WALLET_KEK", raising=False)
    monkeypatch.delenv("CAMELLIA_WALLET_KEK_FILE", raising=False)
    file = tmp_path / "wallet-kek"
    file.write_text(f"{OTHER.hex()}\n{KEK.hex()}\n")
    file.chmod(0o600)
    assert WalletKeys.load(tmp_path).address(WalletKeys(KEK).create(OWNER).sealed, OWNER)
    file.chmod(0o644)
    with pytest.raises(KeyUnavailable, match="0600"):
        WalletKeys.load(tmp_path)
