// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ILocalCurrency} from "./interfaces/ILocalCurrency.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {ISettlement} from "./interfaces/ISettlement.sol";
import {Modular} from "./libraries/Modular.sol";
import {Profile, Profiles} from "./libraries/Profiles.sol";

/// @title Settlement: the promises are on `ISettlement`.
contract Settlement is ISettlement, Modular {
    uint256 private constant LINE_BYTES = 12;

    ILocalCurrency public immutable CURRENCY;
    IParticipants public immutable PARTICIPANTS;

    uint256 public floatLeft;
    mapping(uint32 merchant => uint256) public owedBy;
    mapping(uint32 cycle => Cycle) private _cycles;
    /// @dev Key: cycle << 32 | merchant / 4. Four lanes of status(8) << 56 | amount(56).
    mapping(uint256 key => uint256) private _lines;
    mapping(bytes32 fileHash => bool) public isAnchored;
    mapping(uint32 day => bytes32) public reserveProofOf;

    constructor(ILocalCurrency currency, IParticipants participants) {
        CURRENCY = currency;
        PARTICIPANTS = participants;
        _disableInitializers();
    }

    function initialize(address accessManager) external initializer {
        __AccessManaged_init(accessManager);
    }

    /// @inheritdoc ISettlement
    function escrow(uint32 cycle, uint32[] calldata merchants) external restricted {
        if (!_isDate(cycle)) revert InvalidCycle(cycle);
        if (_cycles[cycle].anchored != 0) revert CycleAnchored(cycle);
        bytes memory lines = new bytes(merchants.length * LINE_BYTES + 20); // a write is 32 bytes
        uint256 count;
        uint256 total;
        for (uint256 i; i < merchants.length; ++i) {
            uint256 amount = _escrowOne(cycle, merchants[i]);
            if (amount == 0) continue;
            uint256 line = (uint256(merchants[i]) << 64 | amount) << 160;
            assembly ("memory-safe") {
                // 12 bytes of the 32 count: the next line is written over the rest.
                mstore(add(add(lines, 32), mul(count, 12)), line)
            }
            ++count;
            total += amount;
        }
        assembly ("memory-safe") {
            mstore(lines, mul(count, 12))
        }
        _cycles[cycle].escrowed += uint64(total);
        emit Escrowed(cycle, total, lines);
    }

    /// @inheritdoc ISettlement
    function anchorFile(uint32 cycle, bytes32 fileHash, uint256 total) external restricted {
        if (isAnchored[fileHash]) revert FileAlreadyAnchored(fileHash);
        Cycle storage c = _cycles[cycle];
        uint256 left = c.escrowed - c.anchored;
        if (total == 0 || total > left) revert FileTotalMismatch(cycle, total, left);
        isAnchored[fileHash] = true;
        c.anchored += uint64(total);
        emit FileAnchored(cycle, fileHash, total);
    }

    /// @inheritdoc ISettlement
    function markPaid(uint32 cycle, bytes32 statementHash, uint32[] calldata merchants) external restricted {
        if (merchants.length == 0) revert NoLines(cycle);
        uint256 total;
        for (uint256 i; i < merchants.length; ++i) {
            total += _endLine(cycle, merchants[i], LineStatus.Paid);
        }
        _cycles[cycle].paid += uint64(total);
        CURRENCY.burn(total);
        emit Paid(cycle, statementHash, total, merchants);
    }

    /// @inheritdoc ISettlement
    function markReturned(uint32 cycle, bytes32 statementHash, uint32[] calldata merchants) external restricted {
        if (merchants.length == 0) revert NoLines(cycle);
        uint256 total;
        for (uint256 i; i < merchants.length; ++i) {
            uint256 amount = _endLine(cycle, merchants[i], LineStatus.Returned);
            CURRENCY.move(address(this), PARTICIPANTS.merchant(merchants[i]).wallet(), amount);
            total += amount;
        }
        _cycles[cycle].returned += uint64(total);
        emit Returned(cycle, statementHash, total, merchants);
    }

    /// @inheritdoc ISettlement
    function anchorReserve(uint32 day, bytes32 proofHash) external restricted {
        bytes32 previous = reserveProofOf[day];
        if (!_isDate(day) || proofHash == 0 || proofHash == previous) revert InvalidProof(day, proofHash);
        reserveProofOf[day] = proofHash;
        emit ReserveProved(day, proofHash, previous);
    }

    /// @inheritdoc ISettlement
    function fundFloat(uint256 amount) external restricted {
        floatLeft += amount;
        CURRENCY.move(CURRENCY.treasury(), address(this), amount);
        emit FloatFunded(amount);
    }

    /// @inheritdoc ISettlement
    function returnFloat(uint256 amount) external restricted {
        if (amount > floatLeft) revert FloatTooSmall(floatLeft, amount);
        floatLeft -= amount;
        CURRENCY.move(address(this), CURRENCY.treasury(), amount);
        emit FloatReturned(amount);
    }

    /// @inheritdoc ISettlement
    function advance(uint32 merchant, address wallet, uint256 amount) external onlyModule {
        if (amount > floatLeft) revert FloatTooSmall(floatLeft, amount);
        floatLeft -= amount;
        uint256 owed = owedBy[merchant] + amount;
        owedBy[merchant] = owed;
        CURRENCY.move(address(this), wallet, amount);
        emit Advanced(merchant, amount, owed);
    }

    /// @inheritdoc ISettlement
    function cycleOf(uint32 cycle) external view returns (Cycle memory) {
        return _cycles[cycle];
    }

    /// @inheritdoc ISettlement
    function lineOf(uint32 cycle, uint32 merchant) external view returns (LineStatus, uint256) {
        return _line(cycle, merchant);
    }

    /// @return amount Won now in escrow for this line; 0 if it was passed over.
    function _escrowOne(uint32 cycle, uint32 merchant) private returns (uint256 amount) {
        Profile profile = PARTICIPANTS.merchant(merchant);
        if (profile.status() != Profiles.ACTIVE) return 0;
        (LineStatus status,) = _line(cycle, merchant);
        if (status != LineStatus.None) return 0;
        amount = CURRENCY.balanceOf(profile.wallet());
        if (amount == 0) return 0;
        CURRENCY.move(profile.wallet(), address(this), amount);
        uint256 owed = owedBy[merchant];
        if (owed != 0) {
            uint256 repaid = owed < amount ? owed : amount;
            owedBy[merchant] = owed - repaid;
            floatLeft += repaid;
            amount -= repaid;
            emit Repaid(merchant, repaid, owed - repaid);
        }
        if (amount != 0) _setLine(cycle, merchant, LineStatus.Escrowed, amount);
    }

    function _endLine(uint32 cycle, uint32 merchant, LineStatus end) private returns (uint256 amount) {
        Cycle storage c = _cycles[cycle];
        if (c.anchored == 0 || c.anchored != c.escrowed) revert CycleNotAnchored(cycle, c.anchored, c.escrowed);
        LineStatus status;
        (status, amount) = _line(cycle, merchant);
        if (status != LineStatus.Escrowed) revert LineNotEscrowed(cycle, merchant, status);
        _setLine(cycle, merchant, end, amount);
    }

    function _line(uint32 cycle, uint32 merchant) private view returns (LineStatus, uint256) {
        uint256 lane = _lines[_lineKey(cycle, merchant)] >> ((merchant & 3) * 64);
        return (LineStatus(uint8(lane >> 56)), lane & type(uint56).max);
    }

    function _setLine(uint32 cycle, uint32 merchant, LineStatus status, uint256 amount) private {
        uint256 shift = (merchant & 3) * 64;
        uint256 key = _lineKey(cycle, merchant);
        uint256 lane = uint256(status) << 56 | amount;
        _lines[key] = _lines[key] & ~(uint256(type(uint64).max) << shift) | lane << shift;
    }

    /// @dev yyyymmdd in range; whether the month has that day is not looked at.
    function _isDate(uint32 day) private pure returns (bool) {
        return day >= 20_000_101 && day <= 99_991_231;
    }

    function _lineKey(uint32 cycle, uint32 merchant) private pure returns (uint256) {
        return uint256(cycle) << 32 | merchant >> 2;
    }
}
