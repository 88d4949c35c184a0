// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Profile} from "../libraries/Profiles.sol";

/// @title Who takes part: citizens and merchants under dense ids (C-1 to C-7). No personal data.
interface IParticipants {
    enum Kind {
        None,
        Citizen,
        Merchant
    }

    struct NewCitizen {
        address wallet;
        uint8 district;
        uint8 cohort; // 0 to 11, 0 = none
    }

    struct NewMerchant {
        address wallet;
        uint8 district;
        uint8 category;
        uint8 salesBand; // 0 to 3
    }

    event CitizenRegistered(uint32 indexed citizen, address indexed wallet, uint8 district, uint8 cohort);
    event CitizenChanged(uint32 indexed citizen, uint8 status, uint8 district, uint8 cohort);
    event MerchantRegistered(
        uint32 indexed merchant, address indexed wallet, uint8 district, uint8 category, uint8 salesBand
    );
    event MerchantChanged(
        uint32 indexed merchant, uint8 status, uint8 district, uint8 category, uint8 salesBand, uint40 barredUntil
    );
    event WalletRotated(Kind indexed kind, uint32 indexed id, address oldWallet, address newWallet);
    event CurrencySet(address indexed currency);

    error UnknownParticipant(Kind kind, uint32 id);
    error WalletTaken(address wallet);
    error InvalidStatus(uint8 status);
    error CohortOutOfRange(uint8 cohort);
    error SalesBandOutOfRange(uint8 salesBand);
    error MerchantBarred(uint32 merchant, uint40 until);
    error BarTooLong(uint40 until);
    error BarShortened(uint40 barredUntil);
    error RotationExpired(uint256 deadline);
    error RotationBadSignature(address recovered, address wallet);
    error CurrencyAlreadySet();

    /// @notice Registers citizens in the order given; ids follow on from `citizenCount`.
    /// @dev REGISTRAR. A citizen's wallet that is registered already is passed over (C-3); a
    ///      merchant's, rotated-away or platform account fails with WalletTaken (C-2). Emits CitizenRegistered.
    function registerCitizens(NewCitizen[] calldata entries) external;

    /// @notice Registers merchants; as `registerCitizens`. Emits MerchantRegistered.
    function registerMerchants(NewMerchant[] calldata entries) external;

    /// @notice Freezes (2) or releases (1) a citizen. REGISTRAR. Emits CitizenChanged.
    function setCitizenStatus(uint32 citizen, uint8 status) external;

    /// @notice Changes where a citizen lives and the cohort. REGISTRAR. Emits CitizenChanged.
    function updateCitizen(uint32 citizen, uint8 district, uint8 cohort) external;

    /// @notice Suspends (2) or releases (1) a merchant; a removed one returns only after its bar.
    /// @dev REGISTRAR. MerchantBarred while the bar lasts. Emits MerchantChanged.
    function setMerchantStatus(uint32 merchant, uint8 status) external;

    /// @notice Removes a merchant; it may not return before `barredUntil`, at most a year on (Act 8).
    /// @dev REGISTRAR. Emits MerchantChanged.
    function removeMerchant(uint32 merchant, uint40 barredUntil) external;

    /// @notice Changes a merchant's district, category and sales band. REGISTRAR. Emits MerchantChanged.
    function updateMerchant(uint32 merchant, uint8 district, uint8 category, uint8 salesBand) external;

    /// @notice Moves an id and its whole balance to a new wallet, with the old wallet's consent (C-5).
    /// @param signature 65 bytes over EIP-712 `WalletRotation(uint8 kind,uint32 id,address newWallet,uint256 deadline)`.
    /// @dev REGISTRAR. Emits WalletRotated.
    function rotateWallet(Kind kind, uint32 id, address newWallet, uint256 deadline, bytes calldata signature) external;

    /// @notice The same for a lost key, without a signature. RECOVERY, delayed.
    function recoverWallet(Kind kind, uint32 id, address newWallet) external;

    /// @notice Names the currency whose balances follow a rotation. ADMIN, once. Emits CurrencySet.
    function setCurrency(address currency) external;

    function citizenCount() external view returns (uint32);
    function merchantCount() external view returns (uint32);

    /// @return The packed profile; zero for an unknown id.
    function citizen(uint32 id) external view returns (Profile);
    function merchant(uint32 id) external view returns (Profile);

    /// @notice Both sides of a payment in one call.
    function pair(uint32 citizenId, uint32 merchantId) external view returns (Profile, Profile);

    /// @notice Whose wallet it is now; None for an unknown or rotated-away wallet.
    function holderOf(address wallet) external view returns (Kind kind, uint32 id);
}
