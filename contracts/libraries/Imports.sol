// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

// Not used by any contract here: named so that the build holds what the deployment needs.
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
