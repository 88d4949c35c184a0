"""What a citizen signs for a redemption is EIP-712 of ERC-2612 (O-8)."""

from eth_account.messages import encode_typed_data

from gateway.domain.keccak import keccak256
from gateway.domain.order import SigningDomain
from gateway.domain.permit import Permit

DOMAIN = SigningDomain(31337, bytes(range(20)), "Dongbaek")


def test_the_digest_is_that_of_the_general_encoder():
    permit = Permit(b"\x01" * 20, b"\x02" * 20, 40_000, 3, 1_800_000_000)
    fields = {"owner": "address", "spender": "address", "value": "uint256", "nonce": "uint256"}
    fields |= {"deadline": "uint256"}
    message = {
        "owner": "0x" + "01" * 20,
        "spender": "0x" + "02" * 20,
        "value": 40_000,
        "nonce": 3,
        "deadline": 1_800_000_000,
    }
    members = [{"name": name, "type": kind} for name, kind in fields.items()]
    document = DOMAIN.typed_data("Permit", members, message)
    signable = encode_typed_data(full_message=document)
    assert permit.digest(DOMAIN) == keccak256(b"\x19" + signable.version + signable.header + signable.body)
