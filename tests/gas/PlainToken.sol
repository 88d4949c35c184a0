// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title What a roll is measured against: the plainest way to give many people an ERC-20 token.
contract PlainToken is ERC20 {
    constructor() ERC20("Plain", "PLN") {
        _mint(msg.sender, type(uint128).max);
    }

    function batchTransfer(address[] calldata to, uint256 amount) external {
        for (uint256 i; i < to.length; ++i) {
            _transfer(msg.sender, to[i], amount);
        }
    }
}
