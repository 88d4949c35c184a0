// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IProgrammes} from "../interfaces/IProgrammes.sol";

/// @notice What every payment reads of every open programme, in one storage word:
/// startsAt(40) | expiresAt(40) | salesBands(8) | status(8) | hasRolls(1) | hasCredits(1), lowest bits first.
type Head is uint256;

using Heads for Head global;

library Heads {
    uint256 private constant HAS_ROLLS = 1 << 96;
    uint256 private constant HAS_CREDITS = 1 << 97;

    function make(uint40 startsAt_, uint40 expiresAt_, uint8 salesBands_) internal pure returns (Head) {
        return Head.wrap(
            uint256(startsAt_) | uint256(expiresAt_) << 40 | uint256(salesBands_) << 80
                | uint256(IProgrammes.Status.Open) << 88
        );
    }

    function startsAt(Head h) internal pure returns (uint40) {
        return uint40(Head.unwrap(h));
    }

    function expiresAt(Head h) internal pure returns (uint40) {
        return uint40(Head.unwrap(h) >> 40);
    }

    function salesBands(Head h) internal pure returns (uint8) {
        return uint8(Head.unwrap(h) >> 80);
    }

    function status(Head h) internal pure returns (IProgrammes.Status) {
        return IProgrammes.Status(uint8(Head.unwrap(h) >> 88));
    }

    function hasCredits(Head h) internal pure returns (bool) {
        return Head.unwrap(h) & HAS_CREDITS != 0;
    }

    /// @return Whether a merchant of this sales band can be paid from it at this time, if the rest fits.
    function isSpendable(Head h, uint256 salesBand, uint256 timestamp) internal pure returns (bool) {
        uint256 word = Head.unwrap(h);
        if (word & (HAS_ROLLS | HAS_CREDITS) == 0) return false;
        if (timestamp < uint40(word) || timestamp >= uint40(word >> 40)) return false;
        return (word >> (80 + salesBand)) & 1 == 1;
    }

    function withRolls(Head h) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(h) | HAS_ROLLS);
    }

    function withCredits(Head h) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(h) | HAS_CREDITS);
    }

    function withExpiry(Head h, uint40 expiresAt_) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(h) & ~(uint256(type(uint40).max) << 40) | uint256(expiresAt_) << 40);
    }

    function swept(Head h) internal pure returns (Head) {
        return Head.wrap(Head.unwrap(h) & ~(uint256(type(uint8).max) << 88) | uint256(IProgrammes.Status.Swept) << 88);
    }
}
