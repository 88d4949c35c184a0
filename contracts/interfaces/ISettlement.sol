// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Paying merchants to their banks, cycle by cycle (S-1 to S-6), and the refund float (F-4).
interface ISettlement {
    enum LineStatus {
        None,
        Escrowed,
        Paid,
        Returned
    }

    struct Cycle {
        uint64 escrowed; // won ever escrowed in the cycle
        uint64 anchored; // won covered by anchored bank files
        uint64 paid;
        uint64 returned;
    }

    /// @param lines 12 bytes a merchant: merchant(4) ‖ amount(8); only those with something to pay.
    event Escrowed(uint32 indexed cycle, uint256 total, bytes lines);
    event FileAnchored(uint32 indexed cycle, bytes32 indexed fileHash, uint256 total);
    event Paid(uint32 indexed cycle, bytes32 indexed statementHash, uint256 total, uint32[] merchants);
    event Returned(uint32 indexed cycle, bytes32 indexed statementHash, uint256 total, uint32[] merchants);
    event ReserveProved(uint32 indexed day, bytes32 indexed proofHash, bytes32 previous);
    event FloatFunded(uint256 amount);
    event FloatReturned(uint256 amount);
    event Advanced(uint32 indexed merchant, uint256 amount, uint256 owed);
    event Repaid(uint32 indexed merchant, uint256 amount, uint256 owed);

    error CycleAnchored(uint32 cycle);
    error FileAlreadyAnchored(bytes32 fileHash);
    error FileTotalMismatch(uint32 cycle, uint256 total, uint256 left);
    error CycleNotAnchored(uint32 cycle, uint256 anchored, uint256 escrowed);
    error LineNotEscrowed(uint32 cycle, uint32 merchant, LineStatus status);
    error FloatTooSmall(uint256 floatLeft, uint256 amount);
    error InvalidCycle(uint32 cycle);
    error NoLines(uint32 cycle);
    error InvalidProof(uint32 day, bytes32 proofHash);

    /// @notice Moves each merchant's balance, less what it owes, into escrow; once a merchant and cycle.
    /// @param cycle KST date yyyymmdd.
    /// @dev SETTLER. Passed over: nothing to pay, not active (S-4), already in this cycle. CycleAnchored
    ///      once a file is anchored. Emits Escrowed.
    function escrow(uint32 cycle, uint32[] calldata merchants) external;

    /// @notice Records a bank file that pays `total` of the cycle. The files' totals add up to the escrow (S-2).
    /// @dev SETTLER. Emits FileAnchored.
    function anchorFile(uint32 cycle, bytes32 fileHash, uint256 total) external;

    /// @notice Burns lines that the bank has paid. SETTLER; all of the cycle must be anchored. Emits Paid.
    function markPaid(uint32 cycle, bytes32 statementHash, uint32[] calldata merchants) external;

    /// @notice Gives lines that the bank returned back to the merchants. SETTLER. Emits Returned.
    function markReturned(uint32 cycle, bytes32 statementHash, uint32[] calldata merchants) external;

    /// @notice Records the hash of a day's proof of reserve (V-4). A later one of the same day takes its place;
    ///         the events keep both.
    /// @param day KST date yyyymmdd.
    /// @dev SETTLER. InvalidProof for no date, no hash or the hash that is there. Emits ReserveProved.
    function anchorReserve(uint32 day, bytes32 proofHash) external;

    /// @notice Moves won from the treasury into the refund float. TREASURER. Emits FloatFunded.
    function fundFloat(uint256 amount) external;

    /// @notice Moves won of the float back to the treasury. TREASURER. Emits FloatReturned.
    function returnFloat(uint256 amount) external;

    /// @notice Lends a merchant what a refund lacks. Module only. Emits Advanced.
    function advance(uint32 merchant, address wallet, uint256 amount) external;

    function cycleOf(uint32 cycle) external view returns (Cycle memory);
    function lineOf(uint32 cycle, uint32 merchant) external view returns (LineStatus status, uint256 amount);
    function owedBy(uint32 merchant) external view returns (uint256);
    function floatLeft() external view returns (uint256);
    function reserveProofOf(uint32 day) external view returns (bytes32);
    function isAnchored(bytes32 fileHash) external view returns (bool);
}
