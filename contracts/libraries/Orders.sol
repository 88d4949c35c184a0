// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Order} from "../interfaces/IPayments.sol";

/// @title Reading an order's fields and what the citizen signed (P-1 to P-6).
library Orders {
    uint256 internal constant QR = 1;
    uint256 internal constant PASS = 2;
    uint256 internal constant CARD = 3;

    bytes32 private constant ORDER_TYPEHASH = keccak256(
        "PaymentOrder(bytes16 paymentId,uint32 citizen,uint32 merchant,uint32 amount,uint32 nonce,uint40 expiresAt)"
    );
    bytes32 private constant PASS_TYPEHASH =
        keccak256("PaymentPass(uint32 citizen,uint32 limit,uint32 nonce,uint40 expiresAt)");
    bytes32 private constant CONSENT_TYPEHASH =
        keccak256("CardConsent(uint32 citizen,uint32 dailyLimit,uint32 nonce,uint40 expiresAt)");
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("Camellia Payments");
    bytes32 private constant VERSION_HASH = keccak256("1");
    /// @dev Half the order of secp256k1: a higher `s` is the same signature's other face.
    uint256 private constant HALF_N = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice Copies an order's four words into memory that is there already.
    function load(Order memory to, Order calldata from) internal pure {
        assembly ("memory-safe") {
            calldatacopy(to, from, 128)
        }
    }

    function citizen(Order memory o) internal pure returns (uint32) {
        return uint32(o.head >> 96);
    }

    function merchant(Order memory o) internal pure returns (uint32) {
        return uint32(o.head >> 64);
    }

    function amount(Order memory o) internal pure returns (uint256) {
        return uint32(o.head >> 32);
    }

    function nonce(Order memory o) internal pure returns (uint32) {
        return uint32(o.head);
    }

    function kind(Order memory o) internal pure returns (uint256) {
        return o.tail >> 248;
    }

    function expiresAt(Order memory o) internal pure returns (uint256) {
        return uint40(o.tail >> 208);
    }

    function passLimit(Order memory o) internal pure returns (uint256) {
        return uint32(o.tail >> 176);
    }

    /// @notice Whether the bits that a kind does not use are zero (P-1, P-4): nobody signs them, so that
    ///         nobody may say something with them.
    function isClean(Order memory o) internal pure returns (bool) {
        uint256 kind_ = kind(o);
        if (kind_ == PASS) return o.tail << 80 == 0;
        if (o.tail << 48 != 0) return false;
        return kind_ != CARD || uint256(o.r) | uint256(o.vs) == 0;
    }

    function domainSeparator() internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
    }

    /// @notice The signer of a QR order or a pass; zero if the signature is malformed or the kind another.
    function signer(Order memory o, bytes32 domain) internal pure returns (address) {
        uint256 kind_ = kind(o);
        if (kind_ == QR) return recover(domain, _orderHash(o), o.r, o.vs);
        if (kind_ != PASS) return address(0);
        bytes32 passHash = keccak256(abi.encode(PASS_TYPEHASH, citizen(o), passLimit(o), nonce(o), expiresAt(o)));
        return recover(domain, passHash, o.r, o.vs);
    }

    function _orderHash(Order memory o) private pure returns (bytes32 structHash) {
        bytes32 typeHash = ORDER_TYPEHASH;
        (uint256 head, uint256 tail) = (o.head, o.tail);
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            mstore(add(free, 32), shl(128, shr(128, head)))
            mstore(add(free, 64), and(shr(96, head), 0xffffffff))
            mstore(add(free, 96), and(shr(64, head), 0xffffffff))
            mstore(add(free, 128), and(shr(32, head), 0xffffffff))
            mstore(add(free, 160), and(head, 0xffffffff))
            mstore(add(free, 192), and(shr(208, tail), 0xffffffffff))
            structHash := keccak256(free, 224)
        }
    }

    function consentSigner(
        bytes32 domain,
        uint32 citizen_,
        uint32 dailyLimit,
        uint32 nonce_,
        uint40 expiresAt_,
        bytes32 r,
        bytes32 vs
    ) internal pure returns (address) {
        return recover(domain, keccak256(abi.encode(CONSENT_TYPEHASH, citizen_, dailyLimit, nonce_, expiresAt_)), r, vs);
    }

    /// @notice EIP-2098 recovery over an EIP-712 struct hash.
    function recover(bytes32 domain, bytes32 structHash, bytes32 r, bytes32 vs) internal pure returns (address) {
        bytes32 digest;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, hex"1901")
            mstore(add(free, 2), domain)
            mstore(add(free, 34), structHash)
            digest := keccak256(free, 66)
        }
        uint256 s = uint256(vs) & (type(uint256).max >> 1);
        if (s > HALF_N) return address(0);
        unchecked {
            return ecrecover(digest, uint8(uint256(vs) >> 255) + 27, r, bytes32(s));
        }
    }
}
