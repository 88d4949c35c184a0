// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICashback} from "./interfaces/ICashback.sol";
import {ILocalCurrency} from "./interfaces/ILocalCurrency.sol";
import {KoreanTime} from "./libraries/KoreanTime.sol";
import {Modular} from "./libraries/Modular.sol";

/// @title Cashback: the promises are on `ICashback`.
contract Cashback is ICashback, Modular {
    uint256 private constant FULL_RATE = 10_000; // basis points
    uint256 private constant CREDIT_MONTHS = 60; // K-4

    struct Campaign {
        uint40 startsAt;
        uint40 endsAt;
        uint32 monthlyBase;
        Status status;
        uint64 budgetLeft;
        uint64 earned; // one word up to here: what a payment reads and writes
        uint256 rates; // 4 × uint16 by band, then 12 × uint16 by cohort, lowest first
    }

    /// @dev Half a word a citizen: credit(40) | month(24) | base(32), lowest first.
    struct Account {
        uint256 credit;
        uint256 month;
        uint256 base;
    }

    ILocalCurrency public immutable CURRENCY;

    uint16 public campaignCount;
    uint16 public activeCampaign;
    uint64 public outstanding;
    mapping(uint256 campaign => Campaign) private _campaigns;
    /// @dev Key: citizen / 2.
    mapping(uint256 key => uint256) private _accounts;

    constructor(ILocalCurrency currency) {
        CURRENCY = currency;
        _disableInitializers();
    }

    function initialize(address accessManager) external initializer {
        __AccessManaged_init(accessManager);
    }

    /// @inheritdoc ICashback
    function create(bytes32 label, Terms calldata terms) external restricted returns (uint16 id) {
        if (terms.endsAt <= terms.startsAt || terms.endsAt <= block.timestamp) {
            revert InvalidCampaignWindow(terms.startsAt, terms.endsAt);
        }
        id = ++campaignCount;
        Campaign storage c = _campaigns[id];
        c.startsAt = terms.startsAt;
        c.endsAt = terms.endsAt;
        c.monthlyBase = terms.monthlyBase;
        c.status = Status.Open;
        c.rates = _packRates(terms.bandRates, terms.cohortBonuses);
        emit CampaignCreated(id, label, terms);
    }

    /// @inheritdoc ICashback
    function fund(uint16 id, uint256 amount) external restricted {
        if (amount == 0) revert ZeroFunding();
        _open(id).budgetLeft += uint64(amount);
        CURRENCY.move(CURRENCY.treasury(), address(this), amount);
        emit CampaignFunded(id, amount);
    }

    /// @inheritdoc ICashback
    function activate(uint16 id) external restricted {
        if (id != 0) _open(id);
        activeCampaign = id;
        emit CampaignActivated(id);
    }

    /// @inheritdoc ICashback
    function setRates(uint16 id, uint16[4] calldata bandRates, uint16[12] calldata cohortBonuses) external restricted {
        _open(id).rates = _packRates(bandRates, cohortBonuses);
        emit CampaignRatesChanged(id, bandRates, cohortBonuses);
    }

    /// @inheritdoc ICashback
    function close(uint16 id) external restricted {
        Campaign storage c = _open(id);
        uint256 left = c.budgetLeft;
        c.budgetLeft = 0;
        c.status = Status.Closed;
        if (activeCampaign == id) activeCampaign = 0;
        CURRENCY.move(address(this), CURRENCY.treasury(), left);
        emit CampaignClosed(id, left);
    }

    /// @inheritdoc ICashback
    function sweepCredits(uint32[] calldata citizens) external restricted {
        uint256 month = KoreanTime.monthOf(block.timestamp);
        uint256 total;
        for (uint256 i; i < citizens.length; ++i) {
            Account memory a = _account(citizens[i]);
            if (a.credit == 0 || !_isExpired(a, month)) continue;
            total += a.credit;
            a.credit = 0;
            _setAccount(citizens[i], a);
        }
        _return(total);
        emit CreditsSwept(citizens, total);
    }

    /// @inheritdoc ICashback
    function settle(uint32 citizen, uint256 remaining, uint256 own, uint256 salesBand, uint256 cohort)
        external
        onlyModule
        returns (Earning memory e, bool enough)
    {
        uint256 month = KoreanTime.monthOf(block.timestamp);
        Account memory a = _account(citizen);
        uint256 expired = _isExpired(a, month) ? a.credit : 0;
        uint256 spent = a.credit - expired;
        if (spent > remaining) spent = remaining;
        uint256 paidOwn = remaining - spent;
        if (paidOwn > own) return (e, false);
        e.spent = spent;
        a.credit -= spent + expired;
        if (expired != 0) _return(expired); // or the next earning would bring it back to life
        _earn(e, a, paidOwn, month, salesBand, cohort);
        if (spent + expired + e.base != 0) _setAccount(citizen, a);
        if (e.spent != e.earned) outstanding = uint64(outstanding + e.earned - e.spent);
        return (e, true);
    }

    /// @inheritdoc ICashback
    function putBack(Return calldata r) external onlyModule returns (uint256 fromOwn, address destination) {
        Account memory a = _account(r.citizen);
        a.credit += r.creditBack;
        uint256 fromCredit = r.earnedBack < a.credit ? r.earnedBack : a.credit;
        a.credit -= fromCredit;
        if (a.month == r.month && r.month == KoreanTime.monthOf(block.timestamp)) a.base -= r.baseBack;
        _setAccount(r.citizen, a);
        outstanding = uint64(outstanding + r.creditBack - fromCredit);

        fromOwn = r.earnedBack - fromCredit;
        destination = address(this);
        if (r.earnedBack == 0) return (fromOwn, destination);
        Campaign storage c = _campaigns[r.campaign];
        c.earned -= uint64(r.earnedBack);
        if (c.status == Status.Open) {
            c.budgetLeft += uint64(r.earnedBack);
        } else {
            destination = CURRENCY.treasury();
            CURRENCY.move(address(this), destination, fromCredit);
        }
    }

    /// @inheritdoc ICashback
    function termsOf(uint16 id) external view returns (Terms memory terms) {
        Campaign storage c = _known(id);
        (terms.startsAt, terms.endsAt, terms.monthlyBase) = (c.startsAt, c.endsAt, c.monthlyBase);
        for (uint256 i; i < 4; ++i) {
            terms.bandRates[i] = uint16(c.rates >> (16 * i));
        }
        for (uint256 i; i < 12; ++i) {
            terms.cohortBonuses[i] = uint16(c.rates >> (64 + 16 * i));
        }
    }

    /// @inheritdoc ICashback
    function totalsOf(uint16 id) external view returns (Status, Totals memory) {
        Campaign storage c = _known(id);
        return (c.status, Totals(c.budgetLeft, c.earned));
    }

    /// @inheritdoc ICashback
    function creditOf(uint32 citizen) external view returns (uint256) {
        Account memory a = _account(citizen);
        return _isExpired(a, KoreanTime.monthOf(block.timestamp)) ? 0 : a.credit;
    }

    /// @inheritdoc ICashback
    function accountOf(uint32 citizen) external view returns (uint256 credit, uint256 month, uint256 base) {
        Account memory a = _account(citizen);
        return (a.credit, a.month, a.base);
    }

    /// @dev K-2. Fills `e` and brings the account to this month.
    function _earn(
        Earning memory e,
        Account memory a,
        uint256 paidOwn,
        uint256 month,
        uint256 salesBand,
        uint256 cohort
    ) private {
        uint256 id = activeCampaign;
        if (id == 0 || paidOwn == 0) return;
        Campaign storage c = _campaigns[id];
        if (block.timestamp < c.startsAt || block.timestamp >= c.endsAt) return;
        uint256 rate = _rate(c.rates, salesBand, cohort);
        if (a.month != month) a.base = 0;
        uint256 room = c.monthlyBase > a.base ? c.monthlyBase - a.base : 0;
        uint256 base = paidOwn < room ? paidOwn : room;
        uint256 earned = base * rate / FULL_RATE;
        if (earned > c.budgetLeft) earned = c.budgetLeft;
        if (earned == 0) return;
        c.budgetLeft -= uint64(earned);
        c.earned += uint64(earned);
        a.month = month;
        a.base += base;
        a.credit += earned;
        e.earned = earned;
        e.base = base;
        e.campaign = id;
        e.rateBps = rate;
    }

    /// @dev A band that earns nothing earns no cohort bonus either.
    function _rate(uint256 rates, uint256 salesBand, uint256 cohort) private pure returns (uint256 rate) {
        rate = uint16(rates >> (16 * salesBand));
        if (rate != 0) rate += uint16(rates >> (64 + 16 * cohort));
    }

    function _return(uint256 credit) private {
        outstanding -= uint64(credit);
        CURRENCY.move(address(this), CURRENCY.treasury(), credit);
    }

    function _isExpired(Account memory a, uint256 month) private pure returns (bool) {
        return a.month + CREDIT_MONTHS < month;
    }

    function _account(uint32 citizen) private view returns (Account memory) {
        uint256 half = _accounts[citizen >> 1] >> ((citizen & 1) * 128);
        return Account(uint40(half), uint24(half >> 40), uint32(half >> 64));
    }

    function _setAccount(uint32 citizen, Account memory a) private {
        uint256 shift = (citizen & 1) * 128;
        uint256 half = a.credit | a.month << 40 | a.base << 64;
        _accounts[citizen >> 1] = _accounts[citizen >> 1] & ~(uint256(type(uint128).max) << shift) | half << shift;
    }

    function _packRates(uint16[4] calldata bandRates, uint16[12] calldata cohortBonuses)
        private
        pure
        returns (uint256 rates)
    {
        uint256 highestRate;
        uint256 highestBonus;
        if (cohortBonuses[0] != 0) revert RateTooHigh(cohortBonuses[0]);
        for (uint256 i; i < 4; ++i) {
            if (bandRates[i] > highestRate) highestRate = bandRates[i];
            rates |= uint256(bandRates[i]) << (16 * i);
        }
        for (uint256 i; i < 12; ++i) {
            if (cohortBonuses[i] > highestBonus) highestBonus = cohortBonuses[i];
            rates |= uint256(cohortBonuses[i]) << (64 + 16 * i);
        }
        if (highestRate + highestBonus > FULL_RATE) revert RateTooHigh(highestRate + highestBonus);
    }

    function _known(uint16 id) private view returns (Campaign storage c) {
        c = _campaigns[id];
        if (c.status == Status.None) revert UnknownCampaign(id);
    }

    function _open(uint16 id) private view returns (Campaign storage c) {
        c = _known(id);
        if (c.status == Status.Closed) revert CampaignIsClosed(id);
    }
}
