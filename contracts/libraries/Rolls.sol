// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {CodeStore} from "./CodeStore.sol";

/// @title Tier rolls: half a byte a citizen, a chunk of citizens in one code contract (M-2).
library Rolls {
    uint256 internal constant CHUNK = 32_768; // citizens
    uint256 internal constant CHUNK_BYTES = CHUNK / 2;
    uint256 private constant ONES = 0x1111111111111111111111111111111111111111111111111111111111111111;
    uint256 private constant LOW_NIBBLES = 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
    uint256 private constant BYTE_ONES = 0x0101010101010101010101010101010101010101010101010101010101010101;

    /// @return The tier of the citizen with this place in the chunk; 0 if not on the roll.
    function tierAt(address roll, uint256 place) internal view returns (uint256) {
        uint256 pairOfTiers = CodeStore.byteAt(roll, place >> 1);
        return place & 1 == 0 ? pairOfTiers >> 4 : pairOfTiers & 0x0f;
    }

    /// @notice Recipients and won of a roll, 64 citizens a step; fails over tiers that have no amount.
    /// @return recipients Citizens with a tier.
    /// @return amount Their won.
    /// @return undefined True if a tier has no amount.
    function sum(bytes memory tiers, uint256 tierAmounts)
        internal
        pure
        returns (uint256 recipients, uint256 amount, bool undefined)
    {
        uint256 listed;
        unchecked {
            uint256 length = tiers.length;
            for (uint256 offset; offset < length; offset += 32) {
                uint256 word = _wordAt(tiers, offset, length);
                uint256 seen = 64 - _zeroNibbles(word);
                if (seen == 0) continue;
                listed += seen;
                for (uint256 tier = 1; tier <= 8; ++tier) {
                    uint256 each = (tierAmounts >> ((tier - 1) * 32)) & type(uint32).max;
                    if (each == 0) continue;
                    uint256 count = _zeroNibbles(word ^ (tier * ONES));
                    recipients += count;
                    amount += count * each;
                }
            }
        }
        undefined = recipients != listed;
    }

    /// @return The citizen places up to and including the last one with a tier.
    function extent(bytes memory tiers) internal pure returns (uint256) {
        uint256 length = tiers.length;
        while (length > 0 && tiers[length - 1] == 0) --length;
        if (length == 0) return 0;
        return uint8(tiers[length - 1]) & 0x0f == 0 ? length * 2 - 1 : length * 2;
    }

    function _wordAt(bytes memory data, uint256 offset, uint256 length) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), offset))
        }
        unchecked {
            // What lies behind the end of the bytes is somebody else's memory.
            if (length - offset < 32) word &= ~(type(uint256).max >> ((length - offset) * 8));
        }
    }

    /// @dev How many of the 64 half-bytes are zero.
    function _zeroNibbles(uint256 x) private pure returns (uint256) {
        unchecked {
            x |= x >> 2;
            x |= x >> 1;
            x &= ONES; // one bit for each half-byte that is not zero
            x = (x & LOW_NIBBLES) + ((x >> 4) & LOW_NIBBLES); // bytes of 0 to 2
            return 64 - ((x * BYTE_ONES) >> 248);
        }
    }
}
