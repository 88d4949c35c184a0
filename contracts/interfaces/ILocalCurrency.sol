// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Own money: what was bought with a bank deposit (O-1 to O-9). ERC-20 + ERC-2612, whole won.
interface ILocalCurrency is IERC20 {
    struct Caps {
        uint64 holding; // won of own money a citizen may hold after an issue or a gift
        uint64 purchase; // won a citizen may buy a KST month
        uint64 gift; // won a citizen may give a KST month
    }

    event Issued(uint32 indexed citizen, uint256 amount, bytes32 indexed depositRef);
    event IssuedToTreasury(address indexed treasury, uint256 amount, bytes32 indexed depositRef);
    event Redeemed(address indexed holder, uint256 amount, bytes32 indexed redemptionRef);
    event Burnt(address indexed module, uint256 amount);
    event IssuerAllowanceSet(address indexed issuer, uint256 amount);
    event CapsSet(Caps caps);
    event TreasurySet(address indexed treasury);
    event PlatformAccountSet(address indexed account, bool allowed);
    event PausedSet(bool paused);
    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);

    error DepositAlreadyIssued(bytes32 depositRef);
    error RedemptionAlreadyDone(bytes32 redemptionRef);
    error IssuerAllowanceExceeded(address issuer, uint256 allowance, uint256 amount);
    error HoldingCapExceeded(uint32 citizen, uint256 balance, uint256 cap);
    error PurchaseCapExceeded(uint32 citizen, uint256 bought, uint256 cap);
    error GiftCapExceeded(uint32 citizen, uint256 given, uint256 cap);
    error SupplyTooLarge(uint256 issued, uint256 amount);
    error TransferNotAllowed(address from, address to);
    error CitizenNotActive(uint32 citizen);
    error CurrencyPaused();
    error ZeroAmount();
    error AuthorizationNotYetValid(uint256 validAfter);
    error AuthorizationExpired(uint256 validBefore);
    error AuthorizationAlreadyUsed(address authorizer, bytes32 nonce);
    error AuthorizationNotSigned(address authorizer);

    /// @notice Issues own money to a citizen against a bank deposit (O-3 to O-5).
    /// @param amount Won.
    /// @param depositRef keccak256 of the bank's code and its reference.
    /// @dev ISSUER, within its allowance. Emits Issued and Transfer from zero.
    function issue(uint32 citizen, uint256 amount, bytes32 depositRef) external;

    /// @notice Issues to the city treasury against the city's own deposit (no holding or purchase cap).
    /// @dev ISSUER, within its allowance. Emits IssuedToTreasury.
    function issueToTreasury(uint256 amount, bytes32 depositRef) external;

    /// @notice ERC-3009: a transfer that its owner signed, to the one receiver that was signed (O-6, O-7).
    /// @dev Anybody, with the signature: the same rules as `transfer` by `from`. Each (from, nonce) once, whatever
    ///      was signed under it; mined strictly between the two times. Emits AuthorizationUsed and Transfer.
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
    ) external;

    /// @notice Burns a holder's money for a bank refund, against its ERC-2612 allowance to the caller (O-8).
    /// @dev SETTLER. Each `redemptionRef` once; TransferNotAllowed for a merchant's (O-7). Emits Redeemed.
    function redeem(address holder, uint256 amount, bytes32 redemptionRef) external;

    /// @notice Moves money for the platform's own contracts, past the transfer rules. Module only.
    /// @dev Whoever may call this can move anybody's money: only the proxies of this municipality.
    function move(address from, address to, uint256 amount) external;

    /// @notice Pays a merchant from up to three sources in one call. Module only; as `move` otherwise.
    /// @param own Won from the citizen's wallet.
    /// @param credit Won from the cashback contract.
    /// @param drawn Won from the programmes contract.
    function pay(
        address merchant,
        address citizen,
        uint256 own,
        address cashback,
        uint256 credit,
        address programmes,
        uint256 drawn
    ) external;

    /// @notice Burns what the calling module holds (a paid-out escrow). Module only. Emits Burnt.
    function burn(uint256 amount) external;

    /// @notice How much an issuer may still issue. TREASURER. Emits IssuerAllowanceSet.
    function setIssuerAllowance(address issuer, uint256 amount) external;

    /// @notice ADMIN. Emits CapsSet.
    function setCaps(Caps calldata caps) external;

    /// @notice The city's own account. ADMIN. Emits TreasurySet.
    function setTreasury(address treasury) external;

    /// @notice Lets a non-participant account hold the currency, or no longer. ADMIN. Emits PlatformAccountSet.
    function setPlatformAccount(address account, bool allowed) external;

    /// @notice Stops or restarts every movement, issue and burn (O-9). PAUSER. Emits PausedSet.
    function setPaused(bool paused) external;

    function paused() external view returns (bool);
    function treasury() external view returns (address);
    function caps() external view returns (Caps memory);
    function issuerAllowance(address issuer) external view returns (uint256);
    function isPlatformAccount(address account) external view returns (bool);
    function isIssued(bytes32 depositRef) external view returns (bool);
    function isRedeemed(bytes32 redemptionRef) external view returns (bool);

    /// @notice ERC-3009: whether an owner's nonce was used.
    function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);

    /// @return issued Total ever issued.
    /// @return redeemed Total ever burnt. (I-1)
    function totals() external view returns (uint256 issued, uint256 redeemed);

    /// @return bought Won bought
    /// @return given won given away, by this citizen in the current KST month.
    function monthOf(uint32 citizen) external view returns (uint256 bought, uint256 given);

    /// @notice ERC-1404: 0 if a transfer between holders would pass, else a code of the list below.
    function detectTransferRestriction(address from, address to, uint256 amount) external view returns (uint8 code);

    /// @notice ERC-1404: the words for a code.
    function messageForTransferRestriction(uint8 code) external view returns (string memory);
}
