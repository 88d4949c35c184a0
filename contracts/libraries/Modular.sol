// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {
    AccessManagedUpgradeable
} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";

/// @title What every contract of a municipality shares: people's roles come from one AccessManager,
///        the platform's own contracts are listed modules, the implementation is replaced by UUPS.
/// @dev A module check is one warm load, where a role check through the AccessManager costs about
///      1,500 gas; a payment makes several such calls.
abstract contract Modular is AccessManagedUpgradeable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:camellia.Modular
    struct ModularStorage {
        mapping(address => bool) modules;
    }

    // keccak256(abi.encode(uint256(keccak256("camellia.Modular")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant MODULAR_STORAGE = 0xa24468b3f568476a303c7d5df2d192186ce38a18a4d7e9175b6c88bd942a1000;

    event ModuleSet(address indexed module, bool allowed);

    error NotAModule(address caller);
    error ZeroAddress();

    modifier onlyModule() {
        if (!_modular().modules[msg.sender]) revert NotAModule(msg.sender);
        _;
    }

    /// @notice Lets a contract of the platform call this one's module functions, or stops it.
    /// @dev ADMIN. Emits ModuleSet.
    function setModule(address module, bool allowed) external restricted {
        if (module == address(0)) revert ZeroAddress();
        _modular().modules[module] = allowed;
        emit ModuleSet(module, allowed);
    }

    function isModule(address account) public view returns (bool) {
        return _modular().modules[account];
    }

    /// @dev The selector that the AccessManager checks is `upgradeToAndCall`: UPGRADER, delayed.
    function _authorizeUpgrade(address) internal override restricted {}

    function _modular() private pure returns (ModularStorage storage $) {
        bytes32 slot = MODULAR_STORAGE;
        assembly ("memory-safe") {
            $.slot := slot
        }
    }
}
