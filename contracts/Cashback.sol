// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICashback} from "./interfaces/ICashback.sol";
import {ILocalCurrency} from "./interfaces/ILocalCurrency.sol";
import {KoreanTime} from "./libraries/KoreanTime.sol";
import {Modular} from "./libraries/Modular.sol";
import {Pool, Pools} from "./libraries/Pools.sol";

/// @title Cashback: the promises are on `ICashback`.
contract Cashback is ICashback, Modular {
    uint256 private constant FULL_RATE = 10_000; // basis points
    uint256 private constant CREDIT_MONTHS = 60; // K-4

    struct Campaign {
        Pool pool;
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
        c.pool = Pools.make(terms.startsAt, terms.endsAt, terms.monthlyBase);
        c.rates = _packRates(terms.bandRates, terms.cohortBonuses);
        emit CampaignCreated(id, label, terms);
    }

    /// @inheritdoc ICashback
    function fund(uint16 id, uint256 amount) external restricted {
        if (amount == 0) revert ZeroFunding();
        Campaign storage c = _open(id);
        c.pool = c.pool.withBudget(c.pool.budgetLeft() + uint64(amount));
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
        uint256 left = c.pool.budgetLeft();
        c.pool = c.pool.closed();
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
    function settle(uint32 citizen, uint256 rest, uint256 salesBand, uint256 cohort, uint256 month)
        external
        onlyModule
        returns (uint256 spent, uint256 earning)
    {
        Account memory a = _account(citizen);
        if (a.credit != 0 && _isExpired(a, month)) {
            _return(a.credit); // or the next earning would bring it back to life
            a.credit = 0;
            _setAccount(citizen, a);
        }
        spent = a.credit < rest ? a.credit : rest;
        a.credit -= spent;
        uint256 id = activeCampaign;
        if (id != 0 && spent != rest) earning = _earn(id, a, rest - spent, month, salesBand, cohort);
        if (earning != 0 || spent != 0) _setAccount(citizen, a);
    }

    /// @inheritdoc ICashback
    function putBack(Return calldata r) external onlyModule returns (uint256 fromOwn, address destination) {
        Account memory a = _account(r.citizen);
        a.credit += r.creditBack;
        uint256 fromCredit = r.earnedBack < a.credit ? r.earnedBack : a.credit;
        a.credit -= fromCredit;
        if (a.month == r.month && r.month == KoreanTime.monthOf(block.timestamp)) a.base -= r.baseBack;
        _setAccount(r.citizen, a);

        fromOwn = r.earnedBack - fromCredit;
        destination = address(this);
        if (r.earnedBack == 0) return (fromOwn, destination);
        Campaign storage c = _campaigns[r.campaign];
        Pool pool = c.pool.takeBack(r.earnedBack);
        if (pool.status() == Status.Open) {
            pool = pool.withBudget(pool.budgetLeft() + uint64(r.earnedBack));
        } else {
            destination = CURRENCY.treasury();
            CURRENCY.move(address(this), destination, fromCredit);
        }
        c.pool = pool;
    }

    /// @inheritdoc ICashback
    function outstanding() external view returns (uint256 credits) {
        credits = CURRENCY.balanceOf(address(this));
        for (uint16 id = 1; id <= campaignCount; ++id) {
            credits -= _campaigns[id].pool.budgetLeft();
        }
    }

    /// @inheritdoc ICashback
    function termsOf(uint16 id) external view returns (Terms memory terms) {
        Campaign storage c = _known(id);
        (terms.startsAt, terms.endsAt, terms.monthlyBase) = (c.pool.startsAt(), c.pool.endsAt(), c.pool.monthlyBase());
        for (uint256 i; i < 4; ++i) {
            terms.bandRates[i] = uint16(c.rates >> (16 * i));
        }
        for (uint256 i; i < 12; ++i) {
            terms.cohortBonuses[i] = uint16(c.rates >> (64 + 16 * i));
        }
    }

    /// @inheritdoc ICashback
    function totalsOf(uint16 id) external view returns (Status, Totals memory) {
        Pool pool = _known(id).pool;
        return (pool.status(), Totals(pool.budgetLeft(), pool.earned()));
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

    /// @dev K-2. Brings the account to this month.
    /// @return earning earned(4) ‖ base(4) ‖ campaign(2) ‖ rateBps(2) ‖ zero(3), as in a record's w1.
    function _earn(uint256 id, Account memory a, uint256 own, uint256 month, uint256 salesBand, uint256 cohort)
        private
        returns (uint256 earning)
    {
        unchecked {
            Campaign storage c = _campaigns[id];
            Pool pool = c.pool;
            if (block.timestamp < pool.startsAt() || block.timestamp >= pool.endsAt()) return 0;
            uint256 rate = _rate(c.rates, salesBand, cohort);
            if (a.month != month) a.base = 0;
            if (pool.monthlyBase() <= a.base) return 0;
            if (own > pool.monthlyBase() - a.base) own = pool.monthlyBase() - a.base;
            uint256 earned = own * rate / FULL_RATE;
            if (earned > pool.budgetLeft()) earned = pool.budgetLeft();
            if (earned == 0) return 0;
            c.pool = pool.earn(earned);
            a.month = month;
            a.base += own;
            a.credit += earned;
            return earned << 88 | own << 56 | id << 40 | rate << 24;
        }
    }

    /// @dev A band that earns nothing earns no cohort bonus either.
    function _rate(uint256 rates, uint256 salesBand, uint256 cohort) private pure returns (uint256 rate) {
        rate = uint16(rates >> (16 * salesBand));
        if (rate != 0) rate += uint16(rates >> (64 + 16 * cohort));
    }

    function _return(uint256 credit) private {
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
        if (c.pool.status() == Status.None) revert UnknownCampaign(id);
    }

    function _open(uint16 id) private view returns (Campaign storage c) {
        c = _known(id);
        if (c.pool.status() == Status.Closed) revert CampaignIsClosed(id);
    }
}
