"""What the chain side raises.

ChainError
├── NodeUnreachable   no answer from the node: nothing is known of what was asked
├── NodeRefused       the node answered with an error
│   └── CallReverted  a contract refused; with the error's name and values when it is one of ours
├── DeploymentError   no such municipality deployed, or an ABI that does not fit this gateway
├── KeyUnavailable    a keystore, a passphrase or a key-encryption key is missing or wrong
├── AccountBusy       another relayer runs for the account
└── BlocksLost        the chain no longer has blocks that were followed; see `repair`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ChainError(Exception):
    """Root of everything that this package raises on purpose."""


class NodeUnreachable(ChainError):
    """No answer, or half of one. What was sent may have been carried out or not."""


class NodeRefused(ChainError):
    """The node's own error: JSON-RPC `code`, `message` and `data`."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.method = method
        self.code = code
        self.message = message
        self.data = data


class CallReverted(NodeRefused):
    """A contract refused a call. `name` is the Solidity error's, "" when it gave none we know."""

    def __init__(self, method: str, name: str, values: Mapping[str, Any], refused: NodeRefused) -> None:
        super().__init__(method, refused.code, f"{refused.message}: {name}{dict(values)}", refused.data)
        self.name = name
        self.values = dict(values)


class DeploymentError(ChainError):
    """No such municipality is deployed, or an ABI does not have what this gateway calls."""


class KeyUnavailable(ChainError):
    """A keystore, a passphrase or a key-encryption key is missing or wrong."""


class AccountBusy(ChainError):
    """Another relayer holds the account: two would fight over its nonces."""


class BlocksLost(ChainError):
    """Blocks that were followed are no longer on the chain."""

    def __init__(self, known: int, common: int) -> None:
        super().__init__(f"followed up to block {known}, the chain agrees up to block {common}")
        self.known = known
        self.common = common
