// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20Upgradeable} from "@openzeppelin/contracts-upgradeable/token/ERC20/ERC20Upgradeable.sol";
import {
    ERC20PermitUpgradeable
} from "@openzeppelin/contracts-upgradeable/token/ERC20/extensions/ERC20PermitUpgradeable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ILocalCurrency} from "./interfaces/ILocalCurrency.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {KoreanTime} from "./libraries/KoreanTime.sol";
import {Modular} from "./libraries/Modular.sol";
import {Profiles} from "./libraries/Profiles.sol";

/// @title LocalCurrency: the promises are on `ILocalCurrency`.
contract LocalCurrency is ILocalCurrency, Modular, ERC20PermitUpgradeable {
    struct Month {
        uint64 month;
        uint64 bought;
        uint64 given;
    }

    enum Restriction {
        None,
        Paused,
        NotAllowed,
        CitizenFrozen,
        HoldingCap,
        GiftCap
    }

    bytes32 private constant TRANSFER_WITH_AUTHORIZATION_TYPEHASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );

    IParticipants public immutable PARTICIPANTS;

    bool public paused;
    address public treasury;
    Caps private _caps;
    uint64 private _issued;
    uint64 private _redeemed;
    mapping(address account => bool) public isPlatformAccount;
    mapping(address issuer => uint256) public issuerAllowance;
    mapping(bytes32 depositRef => bool) public isIssued;
    mapping(bytes32 redemptionRef => bool) public isRedeemed;
    mapping(uint32 citizen => Month) private _months;
    mapping(address authorizer => mapping(bytes32 nonce => bool)) public authorizationState;

    modifier whenNotPaused() {
        if (paused) revert CurrencyPaused();
        _;
    }

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor(IParticipants participants) {
        PARTICIPANTS = participants;
        _disableInitializers();
    }

    function initialize(
        address accessManager,
        string calldata name_,
        string calldata symbol_,
        address treasury_,
        Caps calldata caps_
    ) external initializer {
        __AccessManaged_init(accessManager);
        __ERC20_init(name_, symbol_);
        __ERC20Permit_init(name_);
        _setTreasury(treasury_);
        _caps = caps_;
        emit CapsSet(caps_);
    }

    /// @inheritdoc ILocalCurrency
    function issue(uint32 citizen, uint256 amount, bytes32 depositRef) external restricted whenNotPaused {
        address wallet = PARTICIPANTS.citizen(citizen).wallet();
        if (wallet == address(0)) revert IParticipants.UnknownParticipant(IParticipants.Kind.Citizen, citizen);

        Month memory month = _thisMonth(citizen);
        uint256 bought = month.bought + amount;
        if (bought > _caps.purchase) revert PurchaseCapExceeded(citizen, bought, _caps.purchase);
        month.bought = uint64(bought);
        _months[citizen] = month;

        _checkHolding(citizen, wallet, amount);
        _issue(wallet, amount, depositRef);
        emit Issued(citizen, amount, depositRef);
    }

    /// @inheritdoc ILocalCurrency
    function issueToTreasury(uint256 amount, bytes32 depositRef) external restricted whenNotPaused {
        _issue(treasury, amount, depositRef);
        emit IssuedToTreasury(treasury, amount, depositRef);
    }

    /// @inheritdoc ILocalCurrency
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        if (block.timestamp <= validAfter) revert AuthorizationNotYetValid(validAfter);
        if (block.timestamp >= validBefore) revert AuthorizationExpired(validBefore);
        if (authorizationState[from][nonce]) revert AuthorizationAlreadyUsed(from, nonce);
        bytes32 signed = keccak256(
            abi.encode(TRANSFER_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        (address signer,,) = ECDSA.tryRecover(_hashTypedDataV4(signed), v, r, s);
        if (signer == address(0) || signer != from) revert AuthorizationNotSigned(from);
        authorizationState[from][nonce] = true;
        emit AuthorizationUsed(from, nonce);
        _transfer(from, to, value);
    }

    /// @inheritdoc ILocalCurrency
    function redeem(address holder, uint256 amount, bytes32 redemptionRef) external restricted whenNotPaused {
        if (isRedeemed[redemptionRef]) revert RedemptionAlreadyDone(redemptionRef);
        isRedeemed[redemptionRef] = true;
        (IParticipants.Kind kind, uint32 id) = PARTICIPANTS.holderOf(holder);
        if (kind == IParticipants.Kind.Merchant) revert TransferNotAllowed(holder, address(0)); // O-7, S-5
        if (kind == IParticipants.Kind.Citizen) _checkActive(id);
        _spendAllowance(holder, msg.sender, amount);
        _burnCounted(holder, amount);
        emit Redeemed(holder, amount, redemptionRef);
    }

    /// @inheritdoc ILocalCurrency
    function move(address from, address to, uint256 amount) external onlyModule whenNotPaused {
        ERC20Upgradeable._update(from, to, amount);
    }

    /// @inheritdoc ILocalCurrency
    function pay(
        address merchant,
        address citizen,
        uint256 own,
        address cashback,
        uint256 credit,
        address programmes,
        uint256 drawn
    ) external onlyModule {
        // No pause check: Payments asks once a batch, and nothing can pause between its orders.
        if (drawn != 0) ERC20Upgradeable._update(programmes, merchant, drawn);
        if (credit != 0) ERC20Upgradeable._update(cashback, merchant, credit);
        if (own != 0) ERC20Upgradeable._update(citizen, merchant, own);
    }

    /// @inheritdoc ILocalCurrency
    function burn(uint256 amount) external onlyModule whenNotPaused {
        _burnCounted(msg.sender, amount);
        emit Burnt(msg.sender, amount);
    }

    /// @inheritdoc ILocalCurrency
    function setIssuerAllowance(address issuer, uint256 amount) external restricted {
        issuerAllowance[issuer] = amount;
        emit IssuerAllowanceSet(issuer, amount);
    }

    /// @inheritdoc ILocalCurrency
    function setCaps(Caps calldata caps_) external restricted {
        _caps = caps_;
        emit CapsSet(caps_);
    }

    /// @inheritdoc ILocalCurrency
    function setTreasury(address treasury_) external restricted {
        _setTreasury(treasury_);
    }

    /// @inheritdoc ILocalCurrency
    function setPlatformAccount(address account, bool allowed) external restricted {
        if (account == address(0)) revert ZeroAddress();
        _setPlatformAccount(account, allowed);
    }

    /// @inheritdoc ILocalCurrency
    function setPaused(bool paused_) external restricted {
        paused = paused_;
        emit PausedSet(paused_);
    }

    function decimals() public pure override returns (uint8) {
        return 0;
    }

    /// @inheritdoc ILocalCurrency
    function caps() external view returns (Caps memory) {
        return _caps;
    }

    /// @inheritdoc ILocalCurrency
    function totals() external view returns (uint256 issued, uint256 redeemed) {
        return (_issued, _redeemed);
    }

    /// @inheritdoc ILocalCurrency
    function monthOf(uint32 citizen) external view returns (uint256 bought, uint256 given) {
        Month memory month = _thisMonth(citizen);
        return (month.bought, month.given);
    }

    /// @inheritdoc ILocalCurrency
    function detectTransferRestriction(address from, address to, uint256 amount) public view returns (uint8 code) {
        if (paused) return uint8(Restriction.Paused);
        if (_isCitysOwn(from, to)) return uint8(Restriction.None);
        (IParticipants.Kind fromKind, uint32 giver) = PARTICIPANTS.holderOf(from);
        (IParticipants.Kind toKind, uint32 receiver) = PARTICIPANTS.holderOf(to);
        if (fromKind != IParticipants.Kind.Citizen || toKind != IParticipants.Kind.Citizen) {
            return uint8(Restriction.NotAllowed);
        }
        if (!_isActive(giver) || !_isActive(receiver)) return uint8(Restriction.CitizenFrozen);
        if (from != to && balanceOf(to) + amount > _caps.holding) return uint8(Restriction.HoldingCap);
        if (_thisMonth(giver).given + amount > _caps.gift) return uint8(Restriction.GiftCap);
        return uint8(Restriction.None);
    }

    /// @inheritdoc ILocalCurrency
    function messageForTransferRestriction(uint8 code) external pure returns (string memory) {
        if (code == uint8(Restriction.None)) return "allowed";
        if (code == uint8(Restriction.Paused)) return "the currency is paused";
        if (code == uint8(Restriction.NotAllowed)) {
            return "only citizens give to citizens; pay merchants through Payments";
        }
        if (code == uint8(Restriction.CitizenFrozen)) return "the giver or the receiver is frozen";
        if (code == uint8(Restriction.HoldingCap)) return "the receiver would hold more than the cap";
        if (code == uint8(Restriction.GiftCap)) return "the giver would give more than the monthly cap";
        return "unknown code";
    }

    /// @dev `transfer` and `transferFrom` end here: a gift, or a move between platform accounts (O-6, O-7).
    function _update(address from, address to, uint256 amount) internal override whenNotPaused {
        if (!_isCitysOwn(from, to)) _recordGift(from, to, amount);
        super._update(from, to, amount);
    }

    /// @dev A module counts what it receives, and gives only what it counted: it is paid by its own verbs.
    function _isCitysOwn(address from, address to) private view returns (bool) {
        return isPlatformAccount[from] && isPlatformAccount[to] && !isModule(to);
    }

    function _recordGift(address from, address to, uint256 amount) private {
        (IParticipants.Kind fromKind, uint32 giver) = PARTICIPANTS.holderOf(from);
        (IParticipants.Kind toKind, uint32 receiver) = PARTICIPANTS.holderOf(to);
        if (fromKind != IParticipants.Kind.Citizen || toKind != IParticipants.Kind.Citizen) {
            revert TransferNotAllowed(from, to);
        }
        _checkActive(giver);
        _checkActive(receiver);
        if (from != to) _checkHolding(receiver, to, amount);

        Month memory month = _thisMonth(giver);
        uint256 given = month.given + amount;
        if (given > _caps.gift) revert GiftCapExceeded(giver, given, _caps.gift);
        month.given = uint64(given);
        _months[giver] = month;
    }

    function _issue(address to, uint256 amount, bytes32 depositRef) private {
        if (amount == 0) revert ZeroAmount();
        if (isIssued[depositRef]) revert DepositAlreadyIssued(depositRef);
        isIssued[depositRef] = true;
        uint256 allowance_ = issuerAllowance[msg.sender];
        if (amount > allowance_) revert IssuerAllowanceExceeded(msg.sender, allowance_, amount);
        issuerAllowance[msg.sender] = allowance_ - amount;
        // So every balance, budget and total on this platform fits 64 bits, and casts lose nothing.
        if (amount > type(uint64).max - _issued) revert SupplyTooLarge(_issued, amount);
        _issued += uint64(amount);
        ERC20Upgradeable._update(address(0), to, amount);
    }

    function _burnCounted(address from, uint256 amount) private {
        if (amount == 0) revert ZeroAmount();
        _redeemed += uint64(amount);
        ERC20Upgradeable._update(from, address(0), amount);
    }

    function _setTreasury(address treasury_) private {
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        _setPlatformAccount(treasury_, true);
        emit TreasurySet(treasury_);
    }

    function _setPlatformAccount(address account, bool allowed) private {
        isPlatformAccount[account] = allowed;
        emit PlatformAccountSet(account, allowed);
    }

    function _checkHolding(uint32 citizen, address wallet, uint256 amount) private view {
        uint256 balance = balanceOf(wallet) + amount;
        if (balance > _caps.holding) revert HoldingCapExceeded(citizen, balance, _caps.holding);
    }

    function _checkActive(uint32 citizen) private view {
        if (!_isActive(citizen)) revert CitizenNotActive(citizen);
    }

    function _isActive(uint32 citizen) private view returns (bool) {
        return PARTICIPANTS.citizen(citizen).status() == Profiles.ACTIVE;
    }

    function _thisMonth(uint32 citizen) private view returns (Month memory month) {
        month = _months[citizen];
        uint64 now_ = uint64(KoreanTime.monthOf(block.timestamp));
        if (month.month != now_) month = Month(now_, 0, 0);
    }
}
