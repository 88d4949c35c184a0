// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Bytes kept as the code of a small contract: 200 gas a byte once, and a warm read is cheap.
/// @dev The first byte of the code is STOP, so that the contract can never be called into anything.
///      The technique is known as SSTORE2.
library CodeStore {
    error CodeStoreFailed(uint256 length);

    /// @return pointer The contract that holds `data` (at most 24,575 bytes, EIP-170).
    function write(bytes memory data) internal returns (address pointer) {
        // 61 size 80 60 0a 3d 39 3d f3: return what follows these ten bytes of init code.
        bytes memory initCode = abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a3d393df3", hex"00", data);
        assembly ("memory-safe") {
            pointer := create(0, add(initCode, 32), mload(initCode))
        }
        if (pointer == address(0)) revert CodeStoreFailed(data.length);
    }

    /// @return value The byte at `index`, 0 past the end.
    function byteAt(address pointer, uint256 index) internal view returns (uint256 value) {
        assembly ("memory-safe") {
            mstore(0, 0)
            extcodecopy(pointer, 31, add(index, 1), 1)
            value := mload(0)
        }
    }

    /// @return True if the contract holds exactly `data`.
    function holds(address pointer, bytes memory data) internal view returns (bool) {
        return pointer.codehash == keccak256(abi.encodePacked(hex"00", data));
    }
}
