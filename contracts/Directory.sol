// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IDirectory} from "./interfaces/IDirectory.sol";
import {Modular} from "./libraries/Modular.sol";

/// @title Directory: the promises are on `IDirectory`.
contract Directory is IDirectory, Modular {
    bytes32[] private _codes;
    mapping(bytes32 code => Municipality) private _municipalities;

    constructor() {
        _disableInitializers();
    }

    function initialize(address accessManager) external initializer {
        __AccessManaged_init(accessManager);
    }

    /// @inheritdoc IDirectory
    function setMunicipality(bytes32 code, Municipality calldata contracts) external restricted {
        _checkCode(contracts.accessManager);
        _checkCode(contracts.participants);
        _checkCode(contracts.currency);
        _checkCode(contracts.programmes);
        _checkCode(contracts.cashback);
        _checkCode(contracts.payments);
        _checkCode(contracts.settlement);
        if (_municipalities[code].accessManager == address(0)) _codes.push(code);
        _municipalities[code] = contracts;
        emit MunicipalitySet(code, contracts);
    }

    /// @inheritdoc IDirectory
    function municipality(bytes32 code) external view returns (Municipality memory contracts) {
        contracts = _municipalities[code];
        if (contracts.accessManager == address(0)) revert UnknownMunicipality(code);
    }

    /// @inheritdoc IDirectory
    function codes() external view returns (bytes32[] memory) {
        return _codes;
    }

    function _checkCode(address account) private view {
        if (account.code.length == 0) revert NotAContract(account);
    }
}
