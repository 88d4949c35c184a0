// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice A participant in one storage word, so that a payment reads each side with one load.
/// Citizen:  wallet(160) | status(8) | district(8) | cohort(8)
/// Merchant: wallet(160) | status(8) | district(8) | category(8) | salesBand(8) | barredUntil(40)
/// (lowest bits first)
type Profile is uint256;

using Profiles for Profile global;

library Profiles {
    uint8 internal constant UNKNOWN = 0;
    uint8 internal constant ACTIVE = 1;
    /// @dev Frozen for a citizen, suspended for a merchant.
    uint8 internal constant BLOCKED = 2;
    uint8 internal constant REMOVED = 3;

    function ofCitizen(address wallet_, uint8 status_, uint8 district_, uint8 cohort_) internal pure returns (Profile) {
        return Profile.wrap(
            uint256(uint160(wallet_)) | uint256(status_) << 160 | uint256(district_) << 168 | uint256(cohort_) << 176
        );
    }

    function ofMerchant(
        address wallet_,
        uint8 status_,
        uint8 district_,
        uint8 category_,
        uint8 salesBand_,
        uint40 barredUntil_
    ) internal pure returns (Profile) {
        return Profile.wrap(
            uint256(uint160(wallet_)) | uint256(status_) << 160 | uint256(district_) << 168 | uint256(category_) << 176
                | uint256(salesBand_) << 184 | uint256(barredUntil_) << 192
        );
    }

    function wallet(Profile p) internal pure returns (address) {
        return address(uint160(Profile.unwrap(p)));
    }

    function status(Profile p) internal pure returns (uint8) {
        return uint8(Profile.unwrap(p) >> 160);
    }

    function district(Profile p) internal pure returns (uint8) {
        return uint8(Profile.unwrap(p) >> 168);
    }

    function cohort(Profile p) internal pure returns (uint8) {
        return uint8(Profile.unwrap(p) >> 176);
    }

    function category(Profile p) internal pure returns (uint8) {
        return uint8(Profile.unwrap(p) >> 176);
    }

    function salesBand(Profile p) internal pure returns (uint8) {
        return uint8(Profile.unwrap(p) >> 184);
    }

    function barredUntil(Profile p) internal pure returns (uint40) {
        return uint40(Profile.unwrap(p) >> 192);
    }

    function withWallet(Profile p, address wallet_) internal pure returns (Profile) {
        return Profile.wrap((Profile.unwrap(p) >> 160) << 160 | uint160(wallet_));
    }

    function withStatus(Profile p, uint8 status_) internal pure returns (Profile) {
        return Profile.wrap(Profile.unwrap(p) & ~(uint256(0xff) << 160) | uint256(status_) << 160);
    }
}
