// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {ICashback} from "./interfaces/ICashback.sol";
import {ILocalCurrency} from "./interfaces/ILocalCurrency.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IPayments, Order, Reason, Record} from "./interfaces/IPayments.sol";
import {IProgrammes} from "./interfaces/IProgrammes.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {KoreanTime} from "./libraries/KoreanTime.sol";
import {Modular} from "./libraries/Modular.sol";
import {Orders} from "./libraries/Orders.sol";
import {Profile, Profiles} from "./libraries/Profiles.sol";
import {Records} from "./libraries/Records.sol";
import {Refunds} from "./libraries/Refunds.sol";

/// @title Payments: the promises are on `IPayments`.
contract Payments is IPayments, Modular {
    using Orders for Order;
    using Records for Record;

    struct Card {
        uint32 dailyLimit;
        uint32 day; // KST
        uint64 spent; // won on that day
    }

    struct Contracts {
        IParticipants participants;
        ILocalCurrency currency;
        IProgrammes programmes;
        ICashback cashback;
        ISettlement settlement;
    }

    IParticipants public immutable PARTICIPANTS;
    ILocalCurrency public immutable CURRENCY;
    IProgrammes public immutable PROGRAMMES;
    ICashback public immutable CASHBACK;
    ISettlement public immutable SETTLEMENT;

    uint64 public batchCount;
    uint8 public acceptedBands;
    mapping(uint64 batch => bytes32) public batchRoot;
    /// @dev Key: card << 64 | citizen << 32 | nonce / 256 (P-6).
    mapping(uint256 key => uint256) private _nonces;
    mapping(uint32 citizen => Card) private _cards;
    mapping(bytes32 leaf => uint256) public refundedOf;

    constructor(Contracts memory contracts) {
        PARTICIPANTS = contracts.participants;
        CURRENCY = contracts.currency;
        PROGRAMMES = contracts.programmes;
        CASHBACK = contracts.cashback;
        SETTLEMENT = contracts.settlement;
        _disableInitializers();
    }

    function initialize(address accessManager, uint8 acceptedBands_) external initializer {
        __AccessManaged_init(accessManager);
        acceptedBands = acceptedBands_;
        emit AcceptedBandsSet(acceptedBands_);
    }

    /// @inheritdoc IPayments
    function submitBatch(Order[] calldata orders) external restricted returns (uint64 batch) {
        if (orders.length == 0) revert EmptyBatch();
        batch = ++batchCount;
        bool paused = CURRENCY.paused();
        bytes32 domain = Orders.domainSeparator();
        bytes32[] memory leaves = new bytes32[](orders.length);
        bytes memory records = new bytes(orders.length * 96);
        uint256 accepted;
        for (uint256 i; i < orders.length; ++i) {
            Order memory order = orders[i];
            Record memory record;
            Reason reason = paused ? Reason.PAUSED : _process(order, record, domain);
            if (reason == Reason.ACCEPTED) ++accepted;
            // The first 28 bytes of an order and of its record are the same.
            record.w0 = (order.head >> 32) << 32 | order.kind() << 24 | uint256(reason) << 16;
            record.w1 |= uint256(order.nonce()) << 224 | block.timestamp << 184;
            leaves[i] = Records.leaf(batch, i, record.w0, record.w1, record.w2);
            assembly ("memory-safe") {
                mcopyRecord(add(add(records, 32), mul(i, 96)), record)
                function mcopyRecord(to, from) {
                    mstore(to, mload(from))
                    mstore(add(to, 32), mload(add(from, 32)))
                    mstore(add(to, 64), mload(add(from, 64)))
                }
            }
        }
        bytes32 root = Records.root(leaves);
        batchRoot[batch] = root;
        emit BatchProcessed(batch, root, accepted, records);
    }

    /// @inheritdoc IPayments
    function setCardLimit(uint32 citizen, uint32 dailyLimit, uint32 nonce, uint40 expiresAt, bytes32 r, bytes32 vs)
        external
        restricted
    {
        address signer = Orders.consentSigner(Orders.domainSeparator(), citizen, dailyLimit, nonce, expiresAt, r, vs);
        address wallet = PARTICIPANTS.citizen(citizen).wallet();
        (uint256 key, uint256 bit) = _noncePlace(citizen, nonce, false);
        if (_nonces[key] & bit != 0) revert CardConsentRefused(citizen, Reason.DUPLICATE);
        if (block.timestamp > expiresAt) revert CardConsentRefused(citizen, Reason.EXPIRED_ORDER);
        if (signer == address(0)) revert CardConsentRefused(citizen, Reason.BAD_SIGNATURE);
        if (wallet == address(0)) revert CardConsentRefused(citizen, Reason.UNKNOWN_CITIZEN);
        if (signer != wallet) revert CardConsentRefused(citizen, Reason.BAD_SIGNATURE);
        _nonces[key] |= bit;
        _cards[citizen].dailyLimit = dailyLimit;
        emit CardLimitSet(citizen, dailyLimit);
    }

    /// @inheritdoc IPayments
    function refund(Refund calldata refund_) external restricted {
        Record memory record = refund_.record;
        uint256 before = _checkRefund(refund_, record);
        Refunds.Split memory split = Refunds.split(record, before, refund_.amount);
        (Profile citizen, Profile merchant) = PARTICIPANTS.pair(record.citizen(), record.merchant());
        address till = merchant.wallet();

        uint256 balance = CURRENCY.balanceOf(till);
        if (balance < refund_.amount) SETTLEMENT.advance(record.merchant(), till, refund_.amount - balance);

        uint256 fromOwn = _putBackCashback(record, split, till);
        if (split.own != fromOwn) CURRENCY.move(till, citizen.wallet(), split.own - fromOwn);
        uint256 parts = _putBackProgrammes(record, split, till);
        emit Refunded(
            record.paymentId(),
            refund_.refundId,
            refund_.batch,
            refund_.index,
            refund_.amount,
            before + refund_.amount,
            split.own - fromOwn,
            split.credit,
            split.earnedBack,
            fromOwn,
            parts
        );
    }

    /// @inheritdoc IPayments
    function setAcceptedBands(uint8 bands) external restricted {
        acceptedBands = bands;
        emit AcceptedBandsSet(bands);
    }

    /// @inheritdoc IPayments
    function isNonceUsed(uint32 citizen, uint32 nonce, bool card) external view returns (bool) {
        (uint256 key, uint256 bit) = _noncePlace(citizen, nonce, card);
        return _nonces[key] & bit != 0;
    }

    /// @inheritdoc IPayments
    function cardOf(uint32 citizen) external view returns (uint256 dailyLimit, uint256 spentToday) {
        Card memory card = _cards[citizen];
        return (card.dailyLimit, card.day == KoreanTime.dayOf(block.timestamp) ? card.spent : 0);
    }

    /// @inheritdoc IPayments
    function domainSeparator() external view returns (bytes32) {
        return Orders.domainSeparator();
    }

    /// @dev One order, checked in the order of precedence. Fills the record's w1 and w2 when accepted.
    function _process(Order memory order, Record memory record, bytes32 domain) private returns (Reason reason) {
        (Profile citizen, Profile merchant) = PARTICIPANTS.pair(order.citizen(), order.merchant());
        reason = _authenticate(order, citizen, domain);
        if (reason != Reason.ACCEPTED) return reason;

        if (citizen.status() != Profiles.ACTIVE) return Reason.CITIZEN_FROZEN;
        if (merchant.status() == Profiles.UNKNOWN) return Reason.UNKNOWN_MERCHANT;
        if (merchant.status() != Profiles.ACTIVE) return Reason.MERCHANT_SUSPENDED;
        if (order.amount() == 0) return Reason.ZERO_AMOUNT;
        if (order.kind() == Orders.PASS && order.amount() > order.passLimit()) return Reason.OVER_PASS_LIMIT;
        if (order.kind() == Orders.CARD) return _payByCard(order, citizen, merchant, record);
        return _pay(order, citizen, merchant, record);
    }

    /// @dev Reasons 2 to 5. An authentic order uses its nonce up, so its outcome is final (R-2).
    function _authenticate(Order memory order, Profile citizen, bytes32 domain) private returns (Reason) {
        uint256 kind = order.kind();
        (uint256 key, uint256 bit) = _noncePlace(order.citizen(), order.nonce(), kind == Orders.CARD);
        uint256 nonces = _nonces[key];
        if (nonces & bit != 0) return Reason.DUPLICATE;
        if (block.timestamp > order.expiresAt()) return Reason.EXPIRED_ORDER;
        address signer;
        if (kind != Orders.CARD) {
            if (kind == Orders.QR || kind == Orders.PASS) signer = order.signer(domain);
            if (signer == address(0)) return Reason.BAD_SIGNATURE;
        }
        if (citizen.status() == Profiles.UNKNOWN) return Reason.UNKNOWN_CITIZEN;
        if (kind != Orders.CARD && signer != citizen.wallet()) return Reason.BAD_SIGNATURE;
        _nonces[key] = nonces | bit;
        return Reason.ACCEPTED;
    }

    /// @dev The card rail: within the day's limit that the citizen signed for (P-4).
    function _payByCard(Order memory order, Profile citizen, Profile merchant, Record memory record)
        private
        returns (Reason reason)
    {
        Card memory card = _cards[order.citizen()];
        if (card.dailyLimit == 0) return Reason.CARD_NOT_ENABLED;
        uint32 today = uint32(KoreanTime.dayOf(block.timestamp));
        if (card.day != today) (card.day, card.spent) = (today, 0);
        card.spent += uint64(order.amount());
        if (card.spent > card.dailyLimit) return Reason.OVER_CARD_LIMIT;
        reason = _pay(order, citizen, merchant, record);
        if (reason == Reason.ACCEPTED) _cards[order.citizen()] = card;
    }

    /// @dev Draws programmes, cashback credit and own money (M-5) and credits the merchant (P-10).
    function _pay(Order memory order, Profile citizen, Profile merchant, Record memory record)
        private
        returns (Reason)
    {
        uint32 id = order.citizen();
        uint256 amount = order.amount();
        bool ownAccepted = (acceptedBands >> merchant.salesBand()) & 1 == 1;
        uint256 own = ownAccepted ? CURRENCY.balanceOf(citizen.wallet()) : 0;
        uint256 needed; // of programmes, for the payment to succeed
        if (own < amount) {
            uint256 rest = ownAccepted ? own + CASHBACK.creditOf(id) : 0;
            needed = rest < amount ? amount - rest : 0;
        }
        (uint256 drawn, uint256 draws) = PROGRAMMES.draw(id, merchant, amount, needed);
        if (drawn < needed) return ownAccepted ? Reason.INSUFFICIENT_FUNDS : Reason.NOT_ACCEPTED_HERE;
        record.w2 = draws;
        if (drawn != 0) CURRENCY.move(address(PROGRAMMES), merchant.wallet(), drawn);
        if (drawn != amount) _payRest(order, citizen, merchant, amount - drawn, own, record);
        return Reason.ACCEPTED;
    }

    /// @dev What programmes did not cover: cashback credit, then own money; together they suffice.
    function _payRest(
        Order memory order,
        Profile citizen,
        Profile merchant,
        uint256 rest,
        uint256 own,
        Record memory record
    ) private {
        (ICashback.Earning memory e,) =
            CASHBACK.settle(order.citizen(), rest, own, merchant.salesBand(), citizen.cohort());
        if (e.spent != 0) CURRENCY.move(address(CASHBACK), merchant.wallet(), e.spent);
        rest -= e.spent;
        if (rest != 0) CURRENCY.move(citizen.wallet(), merchant.wallet(), rest);
        record.w1 = rest << 152 | e.spent << 120 | e.earned << 88 | e.base << 56 | e.campaign << 40 | e.rateBps << 24;
    }

    /// @return before Won refunded until now; the new total is stored.
    function _checkRefund(Refund calldata refund_, Record memory record) private returns (uint256 before) {
        bytes32 leaf = Records.leaf(refund_.batch, refund_.index, record.w0, record.w1, record.w2);
        if (!MerkleProof.verify(refund_.proof, batchRoot[refund_.batch], leaf)) {
            revert RecordNotInBatch(refund_.batch, refund_.index);
        }
        if (record.reason() != Reason.ACCEPTED) revert PaymentNotAccepted(record.reason());
        if (refund_.amount == 0) revert ZeroRefund();
        before = refundedOf[leaf];
        if (before != refund_.refundedBefore) revert RefundOutOfStep(refund_.refundedBefore, before);
        uint256 refundable = record.amount() - before;
        if (refund_.amount > refundable) revert RefundTooLarge(refund_.amount, refundable);
        refundedOf[leaf] = before + refund_.amount;
    }

    /// @return fromOwn Cashback taken back out of the own money that is refunded (K-5).
    function _putBackCashback(Record memory record, Refunds.Split memory split, address till)
        private
        returns (uint256 fromOwn)
    {
        if (split.credit + split.earnedBack + split.baseBack == 0) return 0;
        if (split.credit != 0) CURRENCY.move(till, address(CASHBACK), split.credit);
        address pot;
        (fromOwn, pot) = CASHBACK.putBack(
            ICashback.Return({
                citizen: record.citizen(),
                campaign: record.campaign(),
                creditBack: split.credit,
                earnedBack: split.earnedBack,
                baseBack: split.baseBack,
                month: KoreanTime.monthOf(record.acceptedAt())
            })
        );
        if (fromOwn != 0) CURRENCY.move(till, pot, fromOwn);
    }

    /// @return parts What went back, laid out as in the record.
    function _putBackProgrammes(Record memory record, Refunds.Split memory split, address till)
        private
        returns (uint256 parts)
    {
        for (uint256 i; i < 5; ++i) {
            uint256 won = split.parts[i];
            if (won == 0) continue;
            (uint16 programme,) = record.part(i);
            CURRENCY.move(till, PROGRAMMES.putBack(programme, record.citizen(), won), won);
            parts |= (uint256(programme) << 32 | won) << (208 - 48 * i);
        }
    }

    function _noncePlace(uint32 citizen, uint32 nonce, bool card) private pure returns (uint256 key, uint256 bit) {
        key = uint256(card ? 1 : 0) << 64 | uint256(citizen) << 32 | nonce >> 8;
        bit = 1 << (nonce & 0xff);
    }
}
