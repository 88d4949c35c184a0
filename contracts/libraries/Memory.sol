// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Gives back what a loop's turn has allocated. Nothing allocated since the mark may be used after.
library Memory {
    function mark() internal pure returns (uint256 free) {
        assembly ("memory-safe") {
            free := mload(0x40)
        }
    }

    function release(uint256 free) internal pure {
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }
}
