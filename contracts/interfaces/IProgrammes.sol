// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Profile} from "../libraries/Profiles.sol";

/// @title City money bound to a purpose (M-1 to M-9).
interface IProgrammes {
    enum Status {
        None,
        Open,
        Swept
    }

    struct Rules {
        uint40 startsAt; // first second it may be spent
        uint40 expiresAt; // first second it may no longer be spent
        uint8 salesBands; // bit b: merchants of sales band b
        uint256 districts; // bit d: merchants of district d
        uint256 categories; // bit c: merchants of category c
        uint32[8] tierAmounts; // won; tier t (1 to 8) is tierAmounts[t - 1]
    }

    struct Totals {
        uint64 budgetLeft; // funded, not granted
        uint64 outstanding; // granted, not spent
        uint64 spent;
        uint64 swept; // returned to the treasury
    }

    struct Balance {
        uint16 programme;
        uint256 amount; // won, unspent
        uint40 expiresAt;
    }

    struct Delivery {
        uint16 programme;
        uint32 recipients;
        uint64 amount; // won of all recipients
        uint40 anchoredAt;
    }

    event ProgrammeCreated(uint16 indexed programme, bytes32 indexed label, Rules rules);
    event Funded(uint16 indexed programme, uint256 amount);
    event RollGranted(
        uint16 indexed programme, uint256 indexed chunk, address roll, uint256 recipients, uint256 amount
    );
    event CreditsGranted(
        uint16 indexed programme, bytes32 indexed grantRef, uint32[] citizens, uint32[] amounts, uint256 total
    );
    event Closed(uint16 indexed programme, uint40 expiresAt);
    event Swept(uint16 indexed programme, uint256 amount);
    event DeliveryAnchored(
        uint16 indexed programme, bytes32 indexed root, bytes32 listHash, uint256 recipients, uint256 amount
    );

    error UnknownProgramme(uint16 programme);
    error ProgrammeExpired(uint16 programme, uint40 expiresAt);
    error ProgrammeNotExpired(uint16 programme, uint40 expiresAt);
    error ProgrammeAlreadySwept(uint16 programme);
    error TooManyOpenProgrammes(uint256 most);
    error InvalidWindow(uint40 startsAt, uint40 expiresAt);
    error BudgetExceeded(uint16 programme, uint256 budgetLeft, uint256 amount);
    error RollAlreadyGranted(uint16 programme, uint256 chunk);
    error RollTooLong(uint256 length, uint256 most);
    error RollNamesUnknownCitizen(uint256 firstPast, uint256 citizenCount);
    error RollHasUndefinedTier(uint256 chunk);
    error CreditNamesUnknownCitizen(uint32 citizen);
    error GrantRefUsed(bytes32 grantRef);
    error LengthMismatch(uint256 citizens, uint256 amounts);
    error ZeroFunding();
    error CreditTooLarge(uint32 citizen, uint256 credits, uint256 most);
    error DeliveryAlreadyAnchored(bytes32 root);
    error DeliveryExceedsGrants(uint16 programme, uint256 granted, uint256 amount);
    error TierAmountTooLarge(uint256 amount, uint256 most);

    /// @notice Opens a programme; its id follows on from the last. `label` names it for people off chain.
    /// @dev PROGRAMME_MANAGER. InvalidWindow, TooManyOpenProgrammes (M-8). Emits ProgrammeCreated.
    function create(bytes32 label, Rules calldata rules) external returns (uint16 programme);

    /// @notice Moves won from the city treasury into the budget. TREASURER. Emits Funded.
    function fund(uint16 programme, uint256 amount) external;

    /// @notice Grants tiers to a chunk of 32,768 citizens (M-2, M-4).
    /// @param tiers Half a byte a citizen: 0 not granted, 1 to 8 the tier; trailing citizens may be left out.
    /// @dev PROGRAMME_MANAGER. The same bytes again change nothing and emit nothing; other bytes fail
    ///      with RollAlreadyGranted. Emits RollGranted.
    function grantRoll(uint16 programme, uint256 chunk, bytes calldata tiers) external;

    /// @notice Several chunks in one transaction, each under the same promises as `grantRoll`.
    /// @dev PROGRAMME_MANAGER. LengthMismatch. Three full chunks are about 12.4 million gas.
    function grantRolls(uint16 programme, uint256[] calldata chunks, bytes[] calldata tiers) external;

    /// @notice Anchors what a list delivered: a Merkle root over its recipients, and public totals (G-6).
    /// @param listHash SHA-256 of the list's bytes: whoever has the list can tell that it was this one.
    /// @dev PROGRAMME_MANAGER. The same again changes nothing and emits nothing; DeliveryAlreadyAnchored for
    ///      other totals under a known root, DeliveryExceedsGrants beyond what was ever granted.
    function anchorDelivery(uint16 programme, bytes32 root, bytes32 listHash, uint32 recipients, uint64 amount) external;

    /// @notice Grants personal amounts; `grantRef` is accepted once (M-3).
    /// @dev PROGRAMME_MANAGER. Emits CreditsGranted.
    function grantCredits(uint16 programme, bytes32 grantRef, uint32[] calldata citizens, uint32[] calldata amounts)
        external;

    /// @notice Ends a programme now. PROGRAMME_MANAGER. Emits Closed.
    function close(uint16 programme) external;

    /// @notice Returns all that is left of an expired programme to the treasury (M-6).
    /// @dev PROGRAMME_MANAGER. Emits Swept.
    function sweep(uint16 programme) external;

    /// @notice Draws a citizen's city money for a payment, soonest to expire first (M-5). Module only.
    /// @param minimum Draw nothing if less than this can be drawn.
    /// @return drawn Won drawn, still held here: the caller moves it.
    /// @return draws 5 × (programme(2) ‖ amount(4)) ‖ zero(2), in the order drawn (P-8).
    function draw(uint32 citizen, Profile merchant, uint256 amount, uint256 minimum)
        external
        returns (uint256 drawn, uint256 draws);

    /// @notice Puts a refunded part back (M-7). Module only; the caller moves the money to `destination`.
    function putBack(uint16 programme, uint32 citizen, uint256 amount) external returns (address destination);

    function programmeCount() external view returns (uint16);
    function openProgrammes() external view returns (uint16[] memory);
    function rulesOf(uint16 programme) external view returns (Rules memory);
    function totalsOf(uint16 programme) external view returns (Status, Totals memory);
    function rollOf(uint16 programme, uint256 chunk) external view returns (address);
    function isGrantRefUsed(bytes32 grantRef) external view returns (bool);

    /// @return Tier 1 to 8, or 0 if the citizen is on no roll of the programme.
    function tierOf(uint16 programme, uint32 citizen) external view returns (uint256);

    /// @return Won granted and unspent, whether or not it has expired (M-4).
    function balanceOf(uint16 programme, uint32 citizen) external view returns (uint256);

    /// @return Balances (M-4) of `count` citizens from `first` on, 4 bytes each, big endian.
    function balancesOf(uint16 programme, uint32 first, uint32 count) external view returns (bytes memory);

    /// @return What was anchored under a root; programme 0 if nothing was (G-6).
    function deliveryOf(bytes32 root) external view returns (Delivery memory);

    /// @notice What a citizen could spend of each open programme at this merchant now, in drawing order.
    function spendable(uint32 citizen, uint32 merchant) external view returns (Balance[] memory);
}
