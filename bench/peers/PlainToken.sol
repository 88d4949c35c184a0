// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title The token of the peers: OpenZeppelin's ERC-20 as it is, the least that a payment can cost on chain.
/// @dev No roles, no rules, no signature to verify: cheaper than any currency that a city could issue.
contract PlainToken is ERC20 {
    constructor() ERC20("Plain", "PLAIN") {}

    /// @notice Anybody mints: this is a benchmark's token.
    function mint(address[] calldata holders, uint256 amount) external {
        for (uint256 i = 0; i < holders.length; i++) {
            _mint(holders[i], amount);
        }
    }
}
