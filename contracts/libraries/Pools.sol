// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICashback} from "../interfaces/ICashback.sol";

/// @notice What a payment reads and writes of the active campaign, in one storage word:
/// startsAt(40) | endsAt(40) | monthlyBase(32) | status(8) | budgetLeft(64) | earned(64), lowest bits first.
type Pool is uint256;

using Pools for Pool global;

library Pools {
    uint256 private constant BUDGET = 120; // bit at which the budget starts
    uint256 private constant EARNED = 184;

    function make(uint40 startsAt_, uint40 endsAt_, uint32 monthlyBase_) internal pure returns (Pool) {
        return Pool.wrap(
            uint256(startsAt_) | uint256(endsAt_) << 40 | uint256(monthlyBase_) << 80 | uint256(ICashback.Status.Open)
                << 112
        );
    }

    function startsAt(Pool p) internal pure returns (uint40) {
        return uint40(Pool.unwrap(p));
    }

    function endsAt(Pool p) internal pure returns (uint40) {
        return uint40(Pool.unwrap(p) >> 40);
    }

    function monthlyBase(Pool p) internal pure returns (uint32) {
        return uint32(Pool.unwrap(p) >> 80);
    }

    function status(Pool p) internal pure returns (ICashback.Status) {
        return ICashback.Status(uint8(Pool.unwrap(p) >> 112));
    }

    function budgetLeft(Pool p) internal pure returns (uint64) {
        return uint64(Pool.unwrap(p) >> BUDGET);
    }

    function earned(Pool p) internal pure returns (uint64) {
        return uint64(Pool.unwrap(p) >> EARNED);
    }

    /// @dev The budget must hold `amount`; a budget of 64 bits cannot carry into what was earned.
    function earn(Pool p, uint256 amount) internal pure returns (Pool) {
        unchecked {
            return Pool.wrap(Pool.unwrap(p) - (amount << BUDGET) + (amount << EARNED));
        }
    }

    function takeBack(Pool p, uint256 amount) internal pure returns (Pool) {
        return Pool.wrap(Pool.unwrap(p) - (amount << EARNED));
    }

    function withBudget(Pool p, uint64 budgetLeft_) internal pure returns (Pool) {
        return Pool.wrap(Pool.unwrap(p) & ~(uint256(type(uint64).max) << BUDGET) | uint256(budgetLeft_) << BUDGET);
    }

    function closed(Pool p) internal pure returns (Pool) {
        return Pool.wrap(Pool.unwrap(p) & ~(uint256(type(uint8).max) << 112) | uint256(ICashback.Status.Closed) << 112)
            .withBudget(0);
    }
}
