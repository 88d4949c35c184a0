// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @notice Why money is refused, in the order of precedence (R). The same words up to the wallet.
enum Reason {
    ACCEPTED,
    PAUSED,
    DUPLICATE,
    EXPIRED_ORDER,
    BAD_SIGNATURE,
    UNKNOWN_CITIZEN,
    CITIZEN_FROZEN,
    UNKNOWN_MERCHANT,
    MERCHANT_SUSPENDED,
    ZERO_AMOUNT,
    OVER_PASS_LIMIT,
    CARD_NOT_ENABLED,
    OVER_CARD_LIMIT,
    NOT_ACCEPTED_HERE,
    INSUFFICIENT_FUNDS
}

/// @notice One payment order in four words (P-1).
struct Order {
    uint256 head; // paymentId(16) ‖ citizen(4) ‖ merchant(4) ‖ amount(4) ‖ nonce(4)
    uint256 tail; // kind(1) ‖ expiresAt(5) ‖ passLimit(4) ‖ zero(22)
    bytes32 r;
    bytes32 vs;
}

/// @notice One outcome in three words (P-8).
struct Record {
    uint256 w0; // paymentId(16) ‖ citizen(4) ‖ merchant(4) ‖ amount(4) ‖ kind(1) ‖ reason(1) ‖ zero(2)
    uint256 w1; // nonce(4) ‖ acceptedAt(5) ‖ own(4) ‖ cashbackSpent(4) ‖ cashbackEarned(4) ‖ cashbackBase(4) ‖ campaign(2) ‖ rateBps(2) ‖ zero(3)
    uint256 w2; // 5 × (programme(2) ‖ amount(4)) ‖ zero(2)
}

/// @title Batches of payment orders in, one outcome each; refunds by record and proof (P, F).
interface IPayments {
    struct Refund {
        uint64 batch;
        uint256 index; // place of the order in its batch
        Record record;
        bytes32[] proof;
        uint256 amount; // won to refund now
        uint256 refundedBefore; // won refunded of this payment until now (F-1)
        bytes16 refundId; // the client's id, into the event
    }

    /// @param records 96 bytes an order: w0 ‖ w1 ‖ w2, in the batch's order.
    event BatchProcessed(uint64 indexed batch, bytes32 root, uint256 accepted, bytes records);
    event Refunded(
        bytes16 indexed paymentId,
        bytes16 indexed refundId,
        uint64 batch,
        uint256 index,
        uint256 amount,
        uint256 refundedTotal,
        uint256 own, // won to the citizen's own money
        uint256 credit, // won to cashback credit
        uint256 earnedBack, // cashback taken back
        uint256 fromOwn, // the part of earnedBack that came out of the own money returned
        uint256 programmeParts // 5 × (programme(2) ‖ amount(4)) ‖ zero(2)
    );
    event CardLimitSet(uint32 indexed citizen, uint32 dailyLimit);
    event AcceptedBandsSet(uint8 bands);

    error EmptyBatch();
    error RecordNotInBatch(uint64 batch, uint256 index);
    error PaymentNotAccepted(Reason reason);
    error RefundOutOfStep(uint256 refundedBefore, uint256 refundedOnChain);
    error RefundTooLarge(uint256 amount, uint256 refundable);
    error ZeroRefund();
    error CardConsentRefused(uint32 citizen, Reason reason);

    /// @notice Processes orders in the order given. A bad order gets a reason and reverts nothing (P-7).
    /// @return batch The batch's number, from 1.
    /// @dev GATEWAY. EmptyBatch. Emits BatchProcessed, and the currency's Transfers.
    function submitBatch(Order[] calldata orders) external returns (uint64 batch);

    /// @notice Sets a citizen's daily card limit by the citizen's own signature (P-4); 0 switches it off.
    /// @dev GATEWAY. CardConsentRefused with DUPLICATE, EXPIRED_ORDER, BAD_SIGNATURE or UNKNOWN_CITIZEN.
    ///      Emits CardLimitSet.
    function setCardLimit(uint32 citizen, uint32 dailyLimit, uint32 nonce, uint40 expiresAt, bytes32 r, bytes32 vs)
        external;

    /// @notice Refunds all or part of an accepted payment (F-1 to F-5). GATEWAY. Emits Refunded.
    function refund(Refund calldata refund_) external;

    /// @notice Merchants' sales bands where own money is accepted (P-11), one bit a band. ADMIN.
    function setAcceptedBands(uint8 bands) external;

    function batchCount() external view returns (uint64);
    function acceptedBands() external view returns (uint8);
    function batchRoot(uint64 batch) external view returns (bytes32);
    function isNonceUsed(uint32 citizen, uint32 nonce, bool card) external view returns (bool);

    /// @return Won refunded so far of the payment with this leaf (P-9).
    function refundedOf(bytes32 leaf) external view returns (uint256);

    /// @return dailyLimit Won a KST day.
    /// @return spentToday Won spent by card today.
    function cardOf(uint32 citizen) external view returns (uint256 dailyLimit, uint256 spentToday);

    /// @notice The EIP-712 domain separator (P-5).
    function domainSeparator() external view returns (bytes32);
}
