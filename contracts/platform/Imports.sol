// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";

// Never deployed. Brownie keeps a library's contract in its build only if a contract here depends on it, and the
// deployment needs both as they are.
abstract contract KeepsAccessManager is AccessManager {}

abstract contract KeepsERC1967Proxy is ERC1967Proxy {}
