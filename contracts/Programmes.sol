// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILocalCurrency} from "./interfaces/ILocalCurrency.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {IProgrammes} from "./interfaces/IProgrammes.sol";
import {CodeStore} from "./libraries/CodeStore.sol";
import {Head, Heads} from "./libraries/Heads.sol";
import {Modular} from "./libraries/Modular.sol";
import {Profile} from "./libraries/Profiles.sol";
import {Rolls} from "./libraries/Rolls.sol";

/// @title Programmes: the promises are on `IProgrammes`.
contract Programmes is IProgrammes, Modular {
    uint256 private constant MOST_OPEN = 16; // ids of 16 bits in one word (M-8)
    /// @dev Of a tier and of a citizen's credits: together they fit the 32 bits of what was spent.
    uint256 private constant MOST_WON = type(uint32).max / 2;
    uint256 private constant MOST_DRAWS = 5; // parts that fit a payment record (M-5, P-8)

    struct Programme {
        Head head;
        Totals totals;
        uint256 districts;
        uint256 categories;
        uint256 tierAmounts; // 8 × uint32, tier 1 lowest
    }

    ILocalCurrency public immutable CURRENCY;
    IParticipants public immutable PARTICIPANTS;

    uint16 public programmeCount;
    /// @dev Open programmes, 16 bits each, soonest to expire lowest; zero ends the list.
    uint256 private _open;
    mapping(uint256 programme => Programme) private _programmes;
    /// @dev Key: programme << 32 | chunk.
    mapping(uint256 key => address) private _rolls;
    /// @dev Key: programme << 32 | citizen / 4. Four lanes of credits(32) << 32 | spent(32).
    mapping(uint256 key => uint256) private _lanes;
    mapping(bytes32 grantRef => bool) public isGrantRefUsed;
    mapping(bytes32 root => Delivery) private _deliveries;

    constructor(ILocalCurrency currency, IParticipants participants) {
        CURRENCY = currency;
        PARTICIPANTS = participants;
        _disableInitializers();
    }

    function initialize(address accessManager) external initializer {
        __AccessManaged_init(accessManager);
    }

    /// @inheritdoc IProgrammes
    function create(bytes32 label, Rules calldata rules) external restricted returns (uint16 id) {
        if (rules.expiresAt <= rules.startsAt || rules.expiresAt <= block.timestamp) {
            revert InvalidWindow(rules.startsAt, rules.expiresAt);
        }
        id = ++programmeCount;
        Programme storage p = _programmes[id];
        p.head = Heads.make(rules.startsAt, rules.expiresAt, rules.salesBands);
        p.districts = rules.districts;
        p.categories = rules.categories;
        uint256 tierAmounts;
        for (uint256 i; i < 8; ++i) {
            if (rules.tierAmounts[i] > MOST_WON) revert TierAmountTooLarge(rules.tierAmounts[i], MOST_WON);
            tierAmounts |= uint256(rules.tierAmounts[i]) << (32 * i);
        }
        p.tierAmounts = tierAmounts;
        _insert(id, rules.expiresAt);
        emit ProgrammeCreated(id, label, rules);
    }

    /// @inheritdoc IProgrammes
    function fund(uint16 id, uint256 amount) external restricted {
        Programme storage p = _live(id);
        if (amount == 0) revert ZeroFunding();
        p.totals.budgetLeft += uint64(amount);
        CURRENCY.move(CURRENCY.treasury(), address(this), amount);
        emit Funded(id, amount);
    }

    /// @inheritdoc IProgrammes
    function grantRoll(uint16 id, uint256 chunk, bytes calldata tiers) external restricted {
        _grantRoll(id, _live(id), chunk, tiers);
    }

    /// @inheritdoc IProgrammes
    function grantRolls(uint16 id, uint256[] calldata chunks, bytes[] calldata tiers) external restricted {
        Programme storage p = _live(id);
        if (chunks.length != tiers.length) revert LengthMismatch(chunks.length, tiers.length);
        for (uint256 i; i < chunks.length; ++i) {
            _grantRoll(id, p, chunks[i], tiers[i]);
        }
    }

    /// @inheritdoc IProgrammes
    function anchorDelivery(uint16 id, bytes32 root, bytes32 listHash, uint32 recipients, uint64 amount)
        external
        restricted
    {
        Totals memory totals = _known(id).totals;
        Delivery memory before = _deliveries[root];
        if (before.programme != 0) {
            bool isSame = before.programme == id && before.recipients == recipients && before.amount == amount;
            if (!isSame) revert DeliveryAlreadyAnchored(root);
            return;
        }
        uint256 granted = uint256(totals.outstanding) + totals.spent + totals.swept;
        if (amount > granted) revert DeliveryExceedsGrants(id, granted, amount);
        _deliveries[root] = Delivery(id, recipients, amount, uint40(block.timestamp));
        emit DeliveryAnchored(id, root, listHash, recipients, amount);
    }

    /// @inheritdoc IProgrammes
    function grantCredits(uint16 id, bytes32 grantRef, uint32[] calldata citizens, uint32[] calldata amounts)
        external
        restricted
    {
        Programme storage p = _live(id);
        if (citizens.length != amounts.length) revert LengthMismatch(citizens.length, amounts.length);
        if (isGrantRefUsed[grantRef]) revert GrantRefUsed(grantRef);
        isGrantRefUsed[grantRef] = true;
        p.head = p.head.withCredits();
        uint256 last = PARTICIPANTS.citizenCount();
        uint256 total;
        for (uint256 i; i < citizens.length; ++i) {
            if (citizens[i] == 0 || citizens[i] > last) revert CreditNamesUnknownCitizen(citizens[i]);
            (uint256 credits, uint256 spent) = _lane(id, citizens[i]);
            credits += amounts[i];
            if (credits > MOST_WON) revert CreditTooLarge(citizens[i], credits, MOST_WON);
            _setLane(id, citizens[i], credits, spent);
            total += amounts[i];
        }
        _commit(id, p, total);
        emit CreditsGranted(id, grantRef, citizens, amounts, total);
    }

    /// @inheritdoc IProgrammes
    function close(uint16 id) external restricted {
        Programme storage p = _live(id);
        uint40 now_ = uint40(block.timestamp);
        p.head = p.head.withExpiry(now_);
        _remove(id);
        _insert(id, now_); // it keeps its place in the list, by its new expiry, until it is swept
        emit Closed(id, now_);
    }

    /// @inheritdoc IProgrammes
    function sweep(uint16 id) external restricted {
        Programme storage p = _known(id);
        if (p.head.status() == Status.Swept) revert ProgrammeAlreadySwept(id);
        if (block.timestamp < p.head.expiresAt()) revert ProgrammeNotExpired(id, p.head.expiresAt());
        p.head = p.head.swept();
        _remove(id);
        Totals memory totals = p.totals;
        uint64 left = totals.budgetLeft + totals.outstanding;
        p.totals = Totals(0, 0, totals.spent, totals.swept + left);
        CURRENCY.move(address(this), CURRENCY.treasury(), left);
        emit Swept(id, left);
    }

    /// @inheritdoc IProgrammes
    function draw(uint32 citizen, Profile merchant, uint256 amount, uint256 minimum)
        external
        onlyModule
        returns (uint256 drawn, uint256 draws)
    {
        (drawn, draws) = _plan(citizen, merchant, amount);
        if (drawn < minimum) return (0, 0);
        for (uint256 left = draws; left != 0; left <<= 48) {
            (uint256 id, uint256 part) = _firstDraw(left);
            (uint256 credits, uint256 spent) = _lane(id, citizen);
            _setLane(id, citizen, credits, spent + part);
            Totals memory totals = _programmes[id].totals;
            totals.outstanding -= uint64(part);
            totals.spent += uint64(part);
            _programmes[id].totals = totals;
        }
    }

    /// @inheritdoc IProgrammes
    function putBack(uint16 id, uint32 citizen, uint256 amount) external onlyModule returns (address destination) {
        Programme storage p = _known(id);
        (uint256 credits, uint256 spent) = _lane(id, citizen);
        _setLane(id, citizen, credits, spent - amount);
        p.totals.spent -= uint64(amount);
        if (p.head.status() == Status.Swept) {
            p.totals.swept += uint64(amount);
            return CURRENCY.treasury();
        }
        p.totals.outstanding += uint64(amount);
        return address(this);
    }

    /// @inheritdoc IProgrammes
    function openProgrammes() external view returns (uint16[] memory ids) {
        uint256 open = _open;
        uint256 count;
        while (open >> (16 * count) != 0 && count < MOST_OPEN) ++count;
        ids = new uint16[](count);
        for (uint256 i; i < count; ++i) {
            ids[i] = uint16(open >> (16 * i));
        }
    }

    /// @inheritdoc IProgrammes
    function rulesOf(uint16 id) external view returns (Rules memory rules) {
        Programme storage p = _known(id);
        rules = Rules(
            p.head.startsAt(), p.head.expiresAt(), p.head.salesBands(), p.districts, p.categories, rules.tierAmounts
        );
        for (uint256 i; i < 8; ++i) {
            rules.tierAmounts[i] = uint32(p.tierAmounts >> (32 * i));
        }
    }

    /// @inheritdoc IProgrammes
    function totalsOf(uint16 id) external view returns (Status, Totals memory) {
        Programme storage p = _known(id);
        return (p.head.status(), p.totals);
    }

    /// @inheritdoc IProgrammes
    function rollOf(uint16 id, uint256 chunk) external view returns (address) {
        return _rolls[_rollKey(id, chunk)];
    }

    /// @inheritdoc IProgrammes
    function tierOf(uint16 id, uint32 citizen) public view returns (uint256) {
        address roll = _rolls[_rollKey(id, citizen / Rolls.CHUNK)];
        return roll == address(0) ? 0 : Rolls.tierAt(roll, citizen % Rolls.CHUNK);
    }

    /// @inheritdoc IProgrammes
    function balanceOf(uint16 id, uint32 citizen) external view returns (uint256) {
        return _balance(_programmes[id], id, citizen, true);
    }

    /// @inheritdoc IProgrammes
    function balancesOf(uint16 id, uint32 first, uint32 count) external view returns (bytes memory balances) {
        Programme storage p = _programmes[id];
        balances = new bytes(uint256(count) * 4);
        for (uint256 i; i < count; ++i) {
            uint256 amount = _balance(p, id, uint32(first + i), true);
            assembly ("memory-safe") {
                let at := add(add(balances, 32), mul(i, 4))
                mstore(at, or(shl(224, amount), shr(32, shl(32, mload(at)))))
            }
        }
    }

    /// @inheritdoc IProgrammes
    function deliveryOf(bytes32 root) external view returns (Delivery memory) {
        return _deliveries[root];
    }

    /// @inheritdoc IProgrammes
    function spendable(uint32 citizen, uint32 merchant) external view returns (Balance[] memory balances) {
        (, uint256 draws) = _plan(citizen, PARTICIPANTS.merchant(merchant), type(uint256).max);
        uint256 count;
        while (count < MOST_DRAWS && (draws << (48 * count)) != 0) ++count;
        balances = new Balance[](count);
        for (uint256 i; i < count; ++i) {
            (uint256 id, uint256 amount) = _firstDraw(draws << (48 * i));
            balances[i] = Balance(uint16(id), amount, _programmes[id].head.expiresAt());
        }
    }

    /// @dev M-5. What would be drawn now, laid out as in a record's w2.
    function _plan(uint32 citizen, Profile merchant, uint256 amount)
        private
        view
        returns (uint256 total, uint256 draws)
    {
        unchecked {
            uint256 shift = 48 * MOST_DRAWS + 16;
            for (uint256 open = _open; open != 0; open >>= 16) {
                uint256 id = uint16(open);
                uint256 part = _spendable(id, citizen, merchant);
                if (part == 0) continue;
                if (part > amount - total) part = amount - total;
                total += part;
                shift -= 48;
                draws |= (id << 32 | part) << shift;
                if (total == amount || shift == 16) break;
            }
        }
    }

    function _spendable(uint256 id, uint32 citizen, Profile merchant) private view returns (uint256) {
        Programme storage p = _programmes[id];
        Head head = p.head;
        if (!head.isSpendable(merchant.salesBand(), block.timestamp)) return 0;
        if ((p.districts >> merchant.district()) & 1 == 0) return 0;
        if ((p.categories >> merchant.category()) & 1 == 0) return 0;
        return _balance(p, id, citizen, head.hasCredits());
    }

    function _firstDraw(uint256 draws) private pure returns (uint256 id, uint256 part) {
        return (draws >> 240, (draws >> 208) & type(uint32).max);
    }

    /// @dev M-4. A citizen who is on no roll of a programme without credits costs no load of a lane.
    function _balance(Programme storage p, uint256 id, uint32 citizen, bool hasCredits)
        private
        view
        returns (uint256 amount)
    {
        uint256 tier = tierOf(uint16(id), citizen);
        if (tier != 0) amount = (p.tierAmounts >> ((tier - 1) * 32)) & type(uint32).max;
        else if (!hasCredits) return 0;
        (uint256 credits, uint256 spent) = _lane(id, citizen);
        return amount + credits - spent;
    }

    function _lane(uint256 id, uint32 citizen) private view returns (uint256 credits, uint256 spent) {
        uint256 lane = _lanes[_laneKey(id, citizen)] >> ((citizen & 3) * 64);
        return ((lane >> 32) & type(uint32).max, lane & type(uint32).max);
    }

    function _setLane(uint256 id, uint32 citizen, uint256 credits, uint256 spent) private {
        uint256 shift = (citizen & 3) * 64;
        uint256 key = _laneKey(id, citizen);
        _lanes[key] = _lanes[key] & ~(uint256(type(uint64).max) << shift) | (credits << 32 | spent) << shift;
    }

    function _checkRoll(uint256 chunk, bytes memory roll) private view {
        uint256 firstPast = chunk * Rolls.CHUNK + Rolls.extent(roll);
        uint256 citizens = PARTICIPANTS.citizenCount();
        bool namesNobody = chunk == 0 && roll.length > 0 && uint8(roll[0]) >> 4 != 0; // id 0
        if (firstPast > citizens + 1 || namesNobody) revert RollNamesUnknownCitizen(firstPast, citizens);
    }

    function _laneKey(uint256 id, uint32 citizen) private pure returns (uint256) {
        return id << 32 | citizen >> 2;
    }

    function _rollKey(uint256 id, uint256 chunk) private pure returns (uint256) {
        return id << 32 | chunk;
    }

    function _grantRoll(uint16 id, Programme storage p, uint256 chunk, bytes calldata tiers) private {
        if (tiers.length > Rolls.CHUNK_BYTES) revert RollTooLong(tiers.length, Rolls.CHUNK_BYTES);
        bytes memory roll = tiers;
        uint256 key = _rollKey(id, chunk);
        if (_rolls[key] != address(0)) {
            if (CodeStore.holds(_rolls[key], roll)) return;
            revert RollAlreadyGranted(id, chunk);
        }
        _checkRoll(chunk, roll);
        (uint256 recipients, uint256 amount, bool undefined) = Rolls.sum(roll, p.tierAmounts);
        if (undefined) revert RollHasUndefinedTier(chunk);
        _commit(id, p, amount);
        p.head = p.head.withRolls();
        _rolls[key] = CodeStore.write(roll);
        emit RollGranted(id, chunk, _rolls[key], recipients, amount);
    }

    function _commit(uint16 id, Programme storage p, uint256 amount) private {
        if (amount > p.totals.budgetLeft) revert BudgetExceeded(id, p.totals.budgetLeft, amount);
        p.totals.budgetLeft -= uint64(amount);
        p.totals.outstanding += uint64(amount);
    }

    function _known(uint16 id) private view returns (Programme storage p) {
        p = _programmes[id];
        if (p.head.status() == Status.None) revert UnknownProgramme(id);
    }

    function _live(uint16 id) private view returns (Programme storage p) {
        p = _known(id);
        if (p.head.status() == Status.Swept) revert ProgrammeAlreadySwept(id);
        if (block.timestamp >= p.head.expiresAt()) revert ProgrammeExpired(id, p.head.expiresAt());
    }

    /// @dev Keeps the list sorted by expiry, older id first when equal.
    function _insert(uint16 id, uint40 expiresAt) private {
        uint256 open = _open;
        if (open >> (16 * (MOST_OPEN - 1)) != 0) revert TooManyOpenProgrammes(MOST_OPEN);
        uint256 place;
        while (uint16(open >> place) != 0) {
            uint16 other = uint16(open >> place);
            uint40 otherExpiry = _programmes[other].head.expiresAt();
            if (expiresAt < otherExpiry || (expiresAt == otherExpiry && id < other)) break;
            place += 16;
        }
        uint256 below = open & ((1 << place) - 1);
        _open = (open >> place) << (place + 16) | uint256(id) << place | below;
    }

    function _remove(uint16 id) private {
        uint256 open = _open;
        uint256 place;
        while (uint16(open >> place) != id) place += 16;
        uint256 below = open & ((1 << place) - 1);
        _open = place == 240 ? below : (open >> (place + 16)) << place | below;
    }
}
