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
import {Memory} from "./libraries/Memory.sol";
import {Modular} from "./libraries/Modular.sol";
import {Orders} from "./libraries/Orders.sol";
import {Profile, Profiles} from "./libraries/Profiles.sol";
import {Records} from "./libraries/Records.sol";
import {Refunds} from "./libraries/Refunds.sol";

/// @title Payments: the promises are on `IPayments`.
contract Payments is IPayments, Modular {
    using Orders for Order;
    using Records for Record;
    using Records for Records.Line;

    /// @dev One word a card holder. Card orders come from the gateway in about the order of their nonces,
    ///      so the last 128 are enough to know a repeat, and it costs no second word (P-6).
    struct Card {
        uint32 dailyLimit;
        uint24 day; // KST
        uint40 spent; // won on that day
        uint32 newest; // highest nonce seen
        uint128 seen; // bit k: nonce `newest - k` was seen
    }

    /// @dev One order on its way; the batch uses one in turn for all.
    struct Turn {
        Order order;
        Records.Line line; // the record on its way
        Profile citizen;
        Profile merchant;
        bytes32 domain; // the same for the whole batch from here on
        uint256 month; // KST
        uint256 acceptedBands;
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
    /// @dev Of signed messages. Key: citizen << 32 | nonce / 256 (P-6).
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
        Turn memory turn;
        turn.line.batch = batch;
        turn.domain = Orders.domainSeparator();
        turn.month = KoreanTime.monthOf(block.timestamp);
        turn.acceptedBands = acceptedBands;
        bool paused = CURRENCY.paused();
        bytes32[] memory leaves = new bytes32[](orders.length);
        bytes memory records = new bytes(orders.length * 96);
        uint256 accepted;
        uint256 free = Memory.mark();
        for (uint256 i; i < orders.length; ++i) {
            Orders.load(turn.order, orders[i]);
            Records.Line memory line = turn.line;
            (line.index, line.w1, line.w2) = (i, 0, 0);
            Reason reason = paused ? Reason.PAUSED : _process(turn);
            if (reason == Reason.ACCEPTED) ++accepted;
            line.seal(turn.order, reason);
            line.store(records);
            leaves[i] = line.hash();
            Memory.release(free); // or a large batch pays for memory by the square
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
        (uint256 key, uint256 bit) = _noncePlace(citizen, nonce);
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
        if (card) return _isCardNonceUsed(_cards[citizen], nonce);
        (uint256 key, uint256 bit) = _noncePlace(citizen, nonce);
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

    /// @dev One order, checked in the order of precedence. Fills w1 and w2 of the record when accepted.
    function _process(Turn memory turn) private returns (Reason reason) {
        Order memory order = turn.order;
        (turn.citizen, turn.merchant) = PARTICIPANTS.pair(order.citizen(), order.merchant());
        if (order.kind() == Orders.CARD) return _processCard(turn);
        reason = _authenticate(order, turn.citizen, turn.domain);
        if (reason == Reason.ACCEPTED) reason = _checkParties(turn);
        if (reason == Reason.ACCEPTED && order.kind() == Orders.PASS && order.amount() > order.passLimit()) {
            reason = Reason.OVER_PASS_LIMIT;
        }
        if (reason == Reason.ACCEPTED) reason = _pay(turn);
    }

    /// @dev Reasons 2 to 5. An authentic order uses its nonce up, so its outcome is final (R-2).
    function _authenticate(Order memory order, Profile citizen, bytes32 domain) private returns (Reason) {
        (uint256 key, uint256 bit) = _noncePlace(order.citizen(), order.nonce());
        uint256 nonces = _nonces[key];
        if (nonces & bit != 0) return Reason.DUPLICATE;
        if (block.timestamp > order.expiresAt()) return Reason.EXPIRED_ORDER;
        address signer = order.signer(domain); // zero for a kind that nobody can sign
        if (signer == address(0) || !order.isClean()) return Reason.BAD_SIGNATURE;
        if (citizen.status() == Profiles.UNKNOWN) return Reason.UNKNOWN_CITIZEN;
        if (signer != citizen.wallet()) return Reason.BAD_SIGNATURE;
        _nonces[key] = nonces | bit;
        return Reason.ACCEPTED;
    }

    /// @dev The card rail: no signature, but a daily limit that the citizen signed for (P-4).
    function _processCard(Turn memory turn) private returns (Reason reason) {
        uint32 id = turn.order.citizen();
        Card memory card = _cards[id];
        uint32 nonce = turn.order.nonce();
        if (_isCardNonceUsed(card, nonce)) return Reason.DUPLICATE;
        if (block.timestamp > turn.order.expiresAt()) return Reason.EXPIRED_ORDER;
        if (!turn.order.isClean()) return Reason.BAD_SIGNATURE;
        if (turn.citizen.status() == Profiles.UNKNOWN) return Reason.UNKNOWN_CITIZEN;
        _useCardNonce(card, nonce);
        reason = _checkParties(turn);
        if (reason == Reason.ACCEPTED) reason = _payByCard(turn, card);
        _cards[id] = card;
    }

    /// @dev Reasons 6 to 9.
    function _checkParties(Turn memory turn) private pure returns (Reason) {
        if (turn.citizen.status() != Profiles.ACTIVE) return Reason.CITIZEN_FROZEN;
        if (turn.merchant.status() == Profiles.UNKNOWN) return Reason.UNKNOWN_MERCHANT;
        if (turn.merchant.status() != Profiles.ACTIVE) return Reason.MERCHANT_SUSPENDED;
        if (turn.order.amount() == 0) return Reason.ZERO_AMOUNT;
        return Reason.ACCEPTED;
    }

    function _payByCard(Turn memory turn, Card memory card) private returns (Reason reason) {
        if (card.dailyLimit == 0) return Reason.CARD_NOT_ENABLED;
        uint24 today = uint24(KoreanTime.dayOf(block.timestamp));
        if (card.day != today) (card.day, card.spent) = (today, 0);
        if (card.spent + turn.order.amount() > card.dailyLimit) return Reason.OVER_CARD_LIMIT;
        reason = _pay(turn);
        if (reason == Reason.ACCEPTED) card.spent += uint40(turn.order.amount());
    }

    /// @dev Draws programmes, cashback credit and own money (M-5) and credits the merchant (P-10).
    function _pay(Turn memory turn) private returns (Reason) {
        uint32 id = turn.order.citizen();
        uint256 amount = turn.order.amount();
        bool ownAccepted = (turn.acceptedBands >> turn.merchant.salesBand()) & 1 == 1;
        uint256 needed = ownAccepted ? _missing(id, turn.citizen.wallet(), amount) : amount;
        (uint256 drawn, uint256 draws) = PROGRAMMES.draw(id, turn.merchant, amount, needed);
        if (drawn < needed) return ownAccepted ? Reason.INSUFFICIENT_FUNDS : Reason.NOT_ACCEPTED_HERE;
        turn.line.w2 = draws;
        uint256 credit = drawn == amount ? 0 : _settleCashback(turn, amount - drawn);
        CURRENCY.pay(
            turn.merchant.wallet(),
            turn.citizen.wallet(),
            amount - drawn - credit,
            address(CASHBACK),
            credit,
            address(PROGRAMMES),
            drawn
        );
        return Reason.ACCEPTED;
    }

    /// @return credit Won of the rest that cashback credit pays; own money pays what remains and earns.
    function _settleCashback(Turn memory turn, uint256 rest) private returns (uint256 credit) {
        uint256 earning;
        (credit, earning) =
            CASHBACK.settle(turn.order.citizen(), rest, turn.merchant.salesBand(), turn.citizen.cohort(), turn.month);
        turn.line.w1 = (rest - credit) << 152 | credit << 120 | earning;
    }

    /// @return What own money and cashback credit lack to the amount: programmes must give it.
    function _missing(uint32 id, address wallet, uint256 amount) private view returns (uint256) {
        uint256 own = CURRENCY.balanceOf(wallet);
        if (own >= amount) return 0;
        own += CASHBACK.creditOf(id);
        return own >= amount ? 0 : amount - own;
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

    function _isCardNonceUsed(Card memory card, uint32 nonce) private pure returns (bool) {
        if (nonce > card.newest || card.seen == 0) return false;
        uint256 age = card.newest - nonce;
        return age >= 128 || (card.seen >> age) & 1 == 1;
    }

    function _useCardNonce(Card memory card, uint32 nonce) private pure {
        if (card.seen == 0) {
            (card.newest, card.seen) = (nonce, 1);
        } else if (nonce > card.newest) {
            uint256 gap = nonce - card.newest;
            card.seen = gap < 128 ? card.seen << uint8(gap) | 1 : 1;
            card.newest = nonce;
        } else {
            card.seen |= uint128(1) << uint8(card.newest - nonce);
        }
    }

    function _noncePlace(uint32 citizen, uint32 nonce) private pure returns (uint256 key, uint256 bit) {
        key = uint256(citizen) << 32 | nonce >> 8;
        bit = 1 << (nonce & 0xff);
    }
}
