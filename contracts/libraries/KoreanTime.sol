// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Days and months of Korean Standard Time (UTC+9, no daylight saving).
library KoreanTime {
    uint256 private constant OFFSET = 9 hours;

    /// @return Days since 1970-01-01 in KST.
    function dayOf(uint256 timestamp) internal pure returns (uint256) {
        return (timestamp + OFFSET) / 1 days;
    }

    /// @notice Month index: year * 12 + (month - 1), in KST.
    /// @dev Civil-from-days over the proleptic Gregorian calendar, years counted from March so that
    ///      the leap day comes last (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    function monthOf(uint256 timestamp) internal pure returns (uint256) {
        unchecked {
            uint256 z = dayOf(timestamp) + 719_468;
            uint256 era = z / 146_097;
            uint256 doe = z - era * 146_097;
            uint256 yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
            uint256 doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
            uint256 mp = (5 * doy + 2) / 153; // 0 = March
            return (yoe + era * 400) * 12 + mp + 2;
        }
    }
}
