// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Reason, Record} from "../interfaces/IPayments.sol";

/// @title Payment records, their leaves and tree (P-8, P-9).
library Records {
    function leaf(uint256 batch, uint256 index, uint256 w0, uint256 w1, uint256 w2) internal pure returns (bytes32) {
        return keccak256(abi.encode(batch, index, w0, w1, w2));
    }

    /// @notice The root over the leaves; the array is used up on the way.
    function root(bytes32[] memory level) internal pure returns (bytes32) {
        unchecked {
            uint256 width = level.length;
            while (width > 1) {
                uint256 half = width / 2;
                for (uint256 i; i < half; ++i) {
                    level[i] = Hashes.commutativeKeccak256(level[2 * i], level[2 * i + 1]);
                }
                if (width & 1 == 1) level[half++] = level[width - 1];
                width = half;
            }
            return level[0];
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
