// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Order, Reason, Record} from "../interfaces/IPayments.sol";

/// @title Payment records, their leaves and tree (P-8, P-9).
library Records {
    /// @dev A leaf's preimage in memory, word after word: filled and hashed where it lies.
    struct Line {
        uint256 batch;
        uint256 index;
        uint256 w0;
        uint256 w1;
        uint256 w2;
    }

    function leaf(uint256 batch, uint256 index, uint256 w0, uint256 w1, uint256 w2) internal pure returns (bytes32) {
        return hash(Line(batch, index, w0, w1, w2));
    }

    function hash(Line memory line) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(line, 160)
        }
    }

    /// @notice Completes a line with the order it answers, the outcome and the time.
    function seal(Line memory line, Order memory order, Reason outcome) internal view {
        // The first 28 bytes of an order and of its record are the same.
        line.w0 = (order.head >> 32) << 32 | (order.tail >> 248) << 24 | uint256(outcome) << 16;
        line.w1 |= (order.head & type(uint32).max) << 224 | block.timestamp << 184;
    }

    /// @notice Writes a line's record into its place of the event's bytes.
    function store(Line memory line, bytes memory records) internal pure {
        assembly ("memory-safe") {
            let to := add(add(records, 32), mul(mload(add(line, 32)), 96))
            mstore(to, mload(add(line, 64)))
            mstore(add(to, 32), mload(add(line, 96)))
            mstore(add(to, 64), mload(add(line, 128)))
        }
    }

    /// @notice The root over the leaves; the array is used up on the way.
    /// @dev Pairs are hashed in sorted order, as OpenZeppelin's MerkleProof expects.
    function root(bytes32[] memory level) internal pure returns (bytes32 top) {
        assembly ("memory-safe") {
            let first := add(level, 32)
            for { let width := mload(level) } gt(width, 1) {} {
                let to := first
                let end := add(first, mul(and(width, not(1)), 32))
                for { let from := first } lt(from, end) { from := add(from, 64) } {
                    let a := mload(from)
                    let b := mload(add(from, 32))
                    switch lt(a, b)
                    case 1 {
                        mstore(0, a)
                        mstore(32, b)
                    }
                    default {
                        mstore(0, b)
                        mstore(32, a)
                    }
                    mstore(to, keccak256(0, 64))
                    to := add(to, 32)
                }
                if and(width, 1) {
                    mstore(to, mload(end))
                    to := add(to, 32)
                }
                width := div(sub(to, first), 32)
            }
            top := mload(first)
        }
    }

    function paymentId(Record memory r) internal pure returns (bytes16) {
        return bytes16(bytes32(r.w0));
    }

    function citizen(Record memory r) internal pure returns (uint32) {
        return uint32(r.w0 >> 96);
    }

    function merchant(Record memory r) internal pure returns (uint32) {
        return uint32(r.w0 >> 64);
    }

    function amount(Record memory r) internal pure returns (uint256) {
        return uint32(r.w0 >> 32);
    }

    function reason(Record memory r) internal pure returns (Reason) {
        return Reason(uint8(r.w0 >> 16));
    }

    function acceptedAt(Record memory r) internal pure returns (uint256) {
        return uint40(r.w1 >> 184);
    }

    function own(Record memory r) internal pure returns (uint256) {
        return uint32(r.w1 >> 152);
    }

    function cashbackSpent(Record memory r) internal pure returns (uint256) {
        return uint32(r.w1 >> 120);
    }

    function cashbackEarned(Record memory r) internal pure returns (uint256) {
        return uint32(r.w1 >> 88);
    }

    function cashbackBase(Record memory r) internal pure returns (uint256) {
        return uint32(r.w1 >> 56);
    }

    function campaign(Record memory r) internal pure returns (uint16) {
        return uint16(r.w1 >> 40);
    }

    function rateBps(Record memory r) internal pure returns (uint256) {
        return uint16(r.w1 >> 24);
    }

    /// @notice The i-th programme part: id and won; id 0 ends the list.
    function part(Record memory r, uint256 i) internal pure returns (uint16 programme, uint256 won) {
        uint256 both = r.w2 >> (208 - 48 * i);
        return (uint16(both >> 32), uint32(both));
    }
}
