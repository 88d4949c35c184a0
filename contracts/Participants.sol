// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {IParticipants} from "./interfaces/IParticipants.sol";
import {ILocalCurrency} from "./interfaces/ILocalCurrency.sol";
import {Modular} from "./libraries/Modular.sol";
import {Profile, Profiles} from "./libraries/Profiles.sol";

/// @title Participants: the promises are on `IParticipants`.
contract Participants is IParticipants, Modular, EIP712Upgradeable {
    uint8 private constant COHORTS = 12;
    uint8 private constant SALES_BANDS = 4;
    uint40 private constant LONGEST_BAR = 366 days;
    bytes32 private constant ROTATION_TYPEHASH =
        keccak256("WalletRotation(uint8 kind,uint32 id,address newWallet,uint256 deadline)");

    struct Holder {
        Kind kind;
        uint32 id;
        bool current; // false once rotated away: the wallet can never be used again (C-2)
    }

    uint32 public citizenCount;
    uint32 public merchantCount;
    ILocalCurrency private _currency;
    mapping(uint256 id => Profile) private _citizens;
    mapping(uint256 id => Profile) private _merchants;
    mapping(address wallet => Holder) private _holders;

    constructor() {
        _disableInitializers();
    }

    function initialize(address accessManager) external initializer {
        __AccessManaged_init(accessManager);
        __EIP712_init("Camellia Participants", "1");
    }

    /// @inheritdoc IParticipants
    function registerCitizens(NewCitizen[] calldata entries) external restricted {
        uint32 id = citizenCount;
        for (uint256 i; i < entries.length; ++i) {
            NewCitizen calldata entry = entries[i];
            if (entry.cohort >= COHORTS) revert CohortOutOfRange(entry.cohort);
            if (!_take(entry.wallet, Kind.Citizen, id + 1)) continue;
            _citizens[++id] = Profiles.ofCitizen(entry.wallet, Profiles.ACTIVE, entry.district, entry.cohort);
            emit CitizenRegistered(id, entry.wallet, entry.district, entry.cohort);
        }
        citizenCount = id;
    }

    /// @inheritdoc IParticipants
    function registerMerchants(NewMerchant[] calldata entries) external restricted {
        uint32 id = merchantCount;
        for (uint256 i; i < entries.length; ++i) {
            NewMerchant calldata entry = entries[i];
            if (entry.salesBand >= SALES_BANDS) revert SalesBandOutOfRange(entry.salesBand);
            if (!_take(entry.wallet, Kind.Merchant, id + 1)) continue;
            _merchants[++id] =
                Profiles.ofMerchant(entry.wallet, Profiles.ACTIVE, entry.district, entry.category, entry.salesBand, 0);
            emit MerchantRegistered(id, entry.wallet, entry.district, entry.category, entry.salesBand);
        }
        merchantCount = id;
    }

    /// @inheritdoc IParticipants
    function setCitizenStatus(uint32 id, uint8 status) external restricted {
        if (status != Profiles.ACTIVE && status != Profiles.BLOCKED) revert InvalidStatus(status);
        _setCitizen(id, _known(Kind.Citizen, id).withStatus(status));
    }

    /// @inheritdoc IParticipants
    function updateCitizen(uint32 id, uint8 district, uint8 cohort) external restricted {
        if (cohort >= COHORTS) revert CohortOutOfRange(cohort);
        Profile p = _known(Kind.Citizen, id);
        _setCitizen(id, Profiles.ofCitizen(p.wallet(), p.status(), district, cohort));
    }

    /// @inheritdoc IParticipants
    function setMerchantStatus(uint32 id, uint8 status) external restricted {
        if (status != Profiles.ACTIVE && status != Profiles.BLOCKED) revert InvalidStatus(status);
        Profile p = _known(Kind.Merchant, id);
        if (p.status() == Profiles.REMOVED && block.timestamp < p.barredUntil()) {
            revert MerchantBarred(id, p.barredUntil());
        }
        _setMerchant(id, Profiles.ofMerchant(p.wallet(), status, p.district(), p.category(), p.salesBand(), 0));
    }

    /// @inheritdoc IParticipants
    function removeMerchant(uint32 id, uint40 until) external restricted {
        if (until > block.timestamp + LONGEST_BAR) revert BarTooLong(until);
        Profile p = _known(Kind.Merchant, id);
        if (until < p.barredUntil()) revert BarShortened(p.barredUntil());
        _setMerchant(
            id, Profiles.ofMerchant(p.wallet(), Profiles.REMOVED, p.district(), p.category(), p.salesBand(), until)
        );
    }

    /// @inheritdoc IParticipants
    function updateMerchant(uint32 id, uint8 district, uint8 category, uint8 salesBand) external restricted {
        if (salesBand >= SALES_BANDS) revert SalesBandOutOfRange(salesBand);
        Profile p = _known(Kind.Merchant, id);
        _setMerchant(id, Profiles.ofMerchant(p.wallet(), p.status(), district, category, salesBand, p.barredUntil()));
    }

    /// @inheritdoc IParticipants
    function rotateWallet(Kind kind, uint32 id, address newWallet, uint256 deadline, bytes calldata signature)
        external
        restricted
    {
        if (block.timestamp > deadline) revert RotationExpired(deadline);
        address oldWallet = _known(kind, id).wallet();
        bytes32 digest =
            _hashTypedDataV4(keccak256(abi.encode(ROTATION_TYPEHASH, uint8(kind), id, newWallet, deadline)));
        (address signer,,) = ECDSA.tryRecover(digest, signature);
        // No replay: the old wallet never becomes current again (C-2).
        if (signer != oldWallet) revert RotationBadSignature(signer, oldWallet);
        _rotate(kind, id, oldWallet, newWallet);
    }

    /// @inheritdoc IParticipants
    function recoverWallet(Kind kind, uint32 id, address newWallet) external restricted {
        _rotate(kind, id, _known(kind, id).wallet(), newWallet);
    }

    /// @inheritdoc IParticipants
    function setCurrency(address currency) external restricted {
        if (address(_currency) != address(0)) revert CurrencyAlreadySet();
        if (currency == address(0)) revert ZeroAddress();
        _currency = ILocalCurrency(currency);
        emit CurrencySet(currency);
    }

    /// @inheritdoc IParticipants
    function citizen(uint32 id) external view returns (Profile) {
        return _citizens[id];
    }

    /// @inheritdoc IParticipants
    function merchant(uint32 id) external view returns (Profile) {
        return _merchants[id];
    }

    /// @inheritdoc IParticipants
    function pair(uint32 citizenId, uint32 merchantId) external view returns (Profile, Profile) {
        return (_citizens[citizenId], _merchants[merchantId]);
    }

    /// @inheritdoc IParticipants
    function holderOf(address wallet) external view returns (Kind kind, uint32 id) {
        Holder memory holder = _holders[wallet];
        if (holder.current) (kind, id) = (holder.kind, holder.id);
    }

    /// @return False if the wallet is this kind's already (C-3).
    function _take(address wallet, Kind kind, uint32 id) private returns (bool) {
        if (wallet == address(0)) revert ZeroAddress();
        // Or `Settlement` would pay a programme's money to a shop, and `recoverWallet` the treasury's to anybody.
        if (_currency.isPlatformAccount(wallet)) revert WalletTaken(wallet);
        Holder memory holder = _holders[wallet];
        if (holder.kind == kind && holder.current) return false;
        if (holder.kind != Kind.None) revert WalletTaken(wallet);
        _holders[wallet] = Holder(kind, id, true);
        return true;
    }

    function _rotate(Kind kind, uint32 id, address oldWallet, address newWallet) private {
        if (!_take(newWallet, kind, id)) revert WalletTaken(newWallet);
        _holders[oldWallet].current = false;
        mapping(uint256 => Profile) storage profiles = kind == Kind.Citizen ? _citizens : _merchants;
        profiles[id] = profiles[id].withWallet(newWallet);
        emit WalletRotated(kind, id, oldWallet, newWallet);
        _currency.move(oldWallet, newWallet, _currency.balanceOf(oldWallet));
    }

    function _known(Kind kind, uint32 id) private view returns (Profile p) {
        if (kind == Kind.Citizen) p = _citizens[id];
        else if (kind == Kind.Merchant) p = _merchants[id];
        if (p.status() == Profiles.UNKNOWN) revert UnknownParticipant(kind, id);
    }

    function _setCitizen(uint32 id, Profile p) private {
        _citizens[id] = p;
        emit CitizenChanged(id, p.status(), p.district(), p.cohort());
    }

    function _setMerchant(uint32 id, Profile p) private {
        _merchants[id] = p;
        emit MerchantChanged(id, p.status(), p.district(), p.category(), p.salesBand(), p.barredUntil());
    }
}
