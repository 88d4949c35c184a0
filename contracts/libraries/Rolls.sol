// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {CodeStore} from "./CodeStore.sol";

/// @title Tier rolls: half a byte a citizen, a chunk of citizens in one code contract (M-2).
library Rolls {
    uint256 internal constant CHUNK = 32_768; // citizens
    uint256 internal constant CHUNK_BYTES = CHUNK / 2;
    uint256 private constant ONES = 0x1111111111111111111111111111111111111111111111111111111111111111;
    uint256 private constant LOW_NIBBLES = 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
    uint256 private constant PAIRS = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
    uint256 private constant PAIR_ONES = 0x0001000100010001000100010001000100010001000100010001000100010001;

    /// @return The tier of the citizen with this place in the chunk; 0 if not on the roll.
    function tierAt(address roll, uint256 place) internal view returns (uint256) {
        uint256 pairOfTiers = CodeStore.byteAt(roll, place >> 1);
        return place & 1 == 0 ? pairOfTiers >> 4 : pairOfTiers & 0x0f;
    }

    /// @notice Recipients and won of a roll, 64 citizens a step.
    /// @return recipients Citizens with a tier that has an amount.
    /// @return amount Their won.
    /// @return undefined True if the roll names a tier without an amount.
    function sum(bytes memory tiers, uint256 tierAmounts)
        internal
        pure
        returns (uint256 recipients, uint256 amount, bool undefined)
    {
        for (uint256 tier = 1; tier <= 8; ++tier) {
            uint256 each = (tierAmounts >> ((tier - 1) * 32)) & type(uint32).max;
            if (each == 0) continue;
            uint256 count = _count(tiers, tier);
            recipients += count;
            amount += count * each;
        }
        undefined = recipients + _count(tiers, 0) != tiers.length * 2;
    }

    /// @return The citizen places up to and including the last one with a tier.
    function extent(bytes memory tiers) internal pure returns (uint256) {
        uint256 length = tiers.length;
        while (length > 0 && tiers[length - 1] == 0) --length;
        if (length == 0) return 0;
        return uint8(tiers[length - 1]) & 0x0f == 0 ? length * 2 - 1 : length * 2;
    }

    /// @dev How many half-bytes equal `tier`. Differences are summed in 32 lanes of a byte each; a word adds
    ///      at most 2 to a lane, so the lanes are folded at least every 127 words.
    function _count(bytes memory tiers, uint256 tier) private pure returns (uint256 equal) {
        assembly ("memory-safe") {
            let pattern := mul(tier, ONES)
            let at := add(tiers, 32)
            let end := add(at, mload(tiers))
            let different := 0
            for {} lt(at, end) {} {
                let foldAt := add(at, 4064) // 127 words
                if gt(foldAt, end) { foldAt := end }
                let lanes := 0
                for {} lt(at, foldAt) { at := add(at, 32) } {
                    let x := xor(mload(at), pattern)
                    if lt(sub(end, at), 32) {
                        // What lies behind the end is somebody else's memory: it counts as equal.
                        let past := mul(sub(add(at, 32), end), 8)
                        x := shl(past, shr(past, x))
                    }
                    x := or(x, shr(2, x))
                    x := and(or(x, shr(1, x)), ONES) // one bit for each half-byte that differs
                    lanes := add(lanes, add(and(x, LOW_NIBBLES), and(shr(4, x), LOW_NIBBLES)))
                }
                // Two lanes at a time into 16 bits, then all into one sum.
                lanes := add(and(lanes, PAIRS), and(shr(8, lanes), PAIRS))
                different := add(different, shr(240, mul(lanes, PAIR_ONES)))
            }
            equal := sub(mul(mload(tiers), 2), different)
        }
    }
}
