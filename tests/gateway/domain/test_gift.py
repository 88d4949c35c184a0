"""What a giver signs is EIP-712 of ERC-3009; why gifts are refused (O-6)."""

from eth_account.messages import encode_typed_data

from gateway.domain.gift import GiftRefusal, TransferAuthorization, refusal_of
from gateway.domain.keccak import keccak256
from gateway.domain.order import SigningDomain

DOMAIN = SigningDomain(31337, bytes(range(20)), "Dongbaek")


def test_the_digest_is_that_of_the_general_encoder():
    gift = TransferAuthorization(b"\x01" * 20, b"\x02" * 20, 12_345, 1_800_000_000, b"\x03" * 32, 7)
    fields = {
        "from": "address",
        "to": "address",
        "value": "uint256",
        "validAfter": "uint256",
        "validBefore": "uint256",
        "nonce": "bytes32",
    }
    message = {
        "from": "0x" + "01" * 20,
        "to": "0x" + "02" * 20,
        "value": 12_345,
        "validAfter": 7,
        "validBefore": 1_800_000_000,
        "nonce": "0x" + "03" * 32,
    }
    members = [{"name": name, "type": kind} for name, kind in fields.items()]
    document = DOMAIN.typed_data("TransferWithAuthorization", members, message)
    assert document["domain"]["name"] == "Dongbaek"
    signable = encode_typed_data(full_message=document)
    assert gift.digest(DOMAIN) == keccak256(b"\x19" + signable.version + signable.header + signable.body)


def test_every_refusal_has_words_in_both_languages():
    for refusal in GiftRefusal:
        assert refusal.words() != refusal.words("ko")


def test_what_the_contract_says_has_a_meaning():
    assert refusal_of("GiftCapExceeded") is GiftRefusal.OVER_GIFT_CAP
    assert refusal_of("HoldingCapExceeded") is GiftRefusal.RECEIVER_CANNOT_TAKE
    assert refusal_of("AuthorizationExpired") is GiftRefusal.NOT_CARRIED_OUT
