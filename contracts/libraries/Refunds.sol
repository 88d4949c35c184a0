// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Record} from "../interfaces/IPayments.sol";
import {Records} from "./Records.sol";

/// @title How a refund goes back to its sources (F-3, K-5).
library Refunds {
    using Records for Record;

    struct Split {
        uint256 own;
        uint256 credit;
        uint256 earnedBack;
        uint256 baseBack;
        uint256[5] parts; // by the record's programme parts
    }

    /// @notice Last drawn, first returned. Each source is what remained of it before, less what remains after.
    /// @param before Won refunded until now.
    /// @param amount Won to refund now.
    function split(Record memory record, uint256 before, uint256 amount) internal pure returns (Split memory s) {
        uint256 from = record.amount() - before; // still paid, before and after this refund
        uint256 to = from - amount;
        uint256 below; // won drawn before the source that is looked at
        for (uint256 i; i < 5; ++i) {
            (, uint256 part) = record.part(i);
            s.parts[i] = _within(from, below, part) - _within(to, below, part);
            below += part;
        }
        uint256 credit = record.cashbackSpent();
        s.credit = _within(from, below, credit) - _within(to, below, credit);
        below += credit;
        uint256 ownBefore = _within(from, below, record.own());
        uint256 ownAfter = _within(to, below, record.own());
        s.own = ownBefore - ownAfter;
        s.earnedBack = _earnedOn(record, ownBefore) - _earnedOn(record, ownAfter);
        s.baseBack = _least(record.cashbackBase(), ownBefore) - _least(record.cashbackBase(), ownAfter);
    }

    /// @dev How much of a source that lies at [below, below + size) is inside the first `paid` won.
    function _within(uint256 paid, uint256 below, uint256 size) private pure returns (uint256) {
        return paid <= below ? 0 : _least(paid - below, size);
    }

    /// @dev What the payment would have earned with this much own money, at most what it did earn.
    function _earnedOn(Record memory record, uint256 own) private pure returns (uint256) {
        uint256 base = _least(record.cashbackBase(), own);
        return _least(record.cashbackEarned(), base * record.rateBps() / 10_000);
    }

    function _least(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
