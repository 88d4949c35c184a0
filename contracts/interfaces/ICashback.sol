// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Cashback: campaigns, and the credit that citizens earned (K-1 to K-6).
interface ICashback {
    enum Status {
        None,
        Open,
        Closed
    }

    struct Terms {
        uint40 startsAt;
        uint40 endsAt;
        uint32 monthlyBase; // won of own money a citizen-month that may earn
        uint16[4] bandRates; // basis points by the merchant's sales band
        uint16[12] cohortBonuses; // basis points by the citizen's cohort; [0] must be 0
    }

    struct Totals {
        uint64 budgetLeft;
        uint64 earned; // credited, less taken back
    }

    struct Return {
        uint32 citizen;
        uint16 campaign;
        uint256 creditBack; // credit that the payment drew, put back
        uint256 earnedBack; // cashback that the payment earned, taken back
        uint256 baseBack; // base given back, if `month` is the current one
        uint256 month;
    }

    event CampaignCreated(uint16 indexed campaign, bytes32 indexed label, Terms terms);
    event CampaignFunded(uint16 indexed campaign, uint256 amount);
    event CampaignActivated(uint16 indexed campaign);
    event CampaignRatesChanged(uint16 indexed campaign, uint16[4] bandRates, uint16[12] cohortBonuses);
    event CampaignClosed(uint16 indexed campaign, uint256 returned);
    event CreditsSwept(uint32[] citizens, uint256 amount);

    error UnknownCampaign(uint16 campaign);
    error CampaignIsClosed(uint16 campaign);
    error InvalidCampaignWindow(uint40 startsAt, uint40 endsAt);
    error RateTooHigh(uint256 rateBps);
    error ZeroFunding();

    /// @notice PROGRAMME_MANAGER. A rate plus a bonus above 10,000 basis points fails. Emits CampaignCreated.
    function create(bytes32 label, Terms calldata terms) external returns (uint16 campaign);

    /// @notice Moves won from the treasury into the budget. TREASURER. Emits CampaignFunded.
    function fund(uint16 campaign, uint256 amount) external;

    /// @notice Makes this campaign the one that earns (0: none). PROGRAMME_MANAGER. Emits CampaignActivated.
    function activate(uint16 campaign) external;

    /// @notice Changes rates from the next payment on. PROGRAMME_MANAGER. Emits CampaignRatesChanged.
    function setRates(uint16 campaign, uint16[4] calldata bandRates, uint16[12] calldata cohortBonuses) external;

    /// @notice Ends a campaign and returns its budget to the treasury; credits stay with the citizens.
    /// @dev PROGRAMME_MANAGER. Emits CampaignClosed.
    function close(uint16 campaign) external;

    /// @notice Returns credits expired by K-4 to the treasury. PROGRAMME_MANAGER. Emits CreditsSwept.
    function sweepCredits(uint32[] calldata citizens) external;

    /// @notice Settles the cashback side of one payment (K-2, K-3). Module only; the caller moves `spent`
    ///         and has made sure that credit and own money suffice.
    /// @param rest Won to pay after programmes: first from credit, what is left is own money and earns.
    /// @param month The current KST month.
    /// @return spent Won of credit drawn.
    /// @return earning earned(4) ‖ base(4) ‖ campaign(2) ‖ rateBps(2) ‖ zero(3), as in a record's w1 (P-8).
    function settle(uint32 citizen, uint256 rest, uint256 salesBand, uint256 cohort, uint256 month)
        external
        returns (uint256 spent, uint256 earning);

    /// @notice Undoes it for a refund (K-5, K-6). Module only; the caller moves `creditBack` here and
    ///         `fromOwn` to `destination`.
    /// @return fromOwn Won of `earnedBack` that the credit did not hold.
    /// @return destination This contract, or the treasury when the campaign is closed.
    function putBack(Return calldata r) external returns (uint256 fromOwn, address destination);

    function campaignCount() external view returns (uint16);
    function activeCampaign() external view returns (uint16);

    /// @return credits Won of credit that citizens hold, expired or not: what is here beyond the budgets.
    function outstanding() external view returns (uint256 credits);
    function termsOf(uint16 campaign) external view returns (Terms memory);
    function totalsOf(uint16 campaign) external view returns (Status, Totals memory);

    /// @return Won of credit the citizen may spend now.
    function creditOf(uint32 citizen) external view returns (uint256);

    /// @return credit Won of credit, expired or not.
    /// @return month KST month of the last earning.
    /// @return base Won of own money that earned in that month.
    function accountOf(uint32 citizen) external view returns (uint256 credit, uint256 month, uint256 base);
}
