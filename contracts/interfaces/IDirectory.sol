// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Which municipality has which contracts. One for the platform.
interface IDirectory {
    struct Municipality {
        address accessManager;
        address participants;
        address currency;
        address programmes;
        address cashback;
        address payments;
        address settlement;
    }

    event MunicipalitySet(bytes32 indexed code, Municipality contracts);

    error UnknownMunicipality(bytes32 code);
    error NotAContract(address account);

    /// @notice Adds a municipality or replaces its contracts. UPGRADER of the platform, delayed.
    /// @param code The municipality's code in ASCII, left-aligned: the path part of its API routes.
    /// @dev NotAContract if one of the addresses has no code. Emits MunicipalitySet.
    function setMunicipality(bytes32 code, Municipality calldata contracts) external;

    /// @dev UnknownMunicipality.
    function municipality(bytes32 code) external view returns (Municipality memory);
    function codes() external view returns (bytes32[] memory);
}
