"""Somebody who signs by hand with a role's key, while the gateway uses the same key."""

from __future__ import annotations

import json
from typing import Any

from eth_account import Account

from gateway.demo.rpc import calldata
from gateway.demo.world import World


class Desk:
    """One role's key, out of its keystore."""

    def __init__(self, world: World, role: str) -> None:
        self._world = world
        keys = world.state / "keys"
        stored = json.loads((keys / f"{role}.json").read_text())
        self._account = Account.from_key(Account.decrypt(stored, (keys / "passphrase").read_text().strip()))

    async def send(self, to: str, function: str, *arguments: Any, gas: int = 200_000) -> None:
        """One transaction, mined. Raises NodeError, TimeoutError, RuntimeError (it failed)."""
        node = self._world.node
        signed = self._account.sign_transaction(
            {
                "chainId": int(node.call("eth_chainId"), 16),
                "nonce": int(node.call("eth_getTransactionCount", self._account.address, "pending"), 16),
                "to": bytes.fromhex(to[2:]),
                "value": 0,
                "gas": gas,
                "gasPrice": 0,
                "data": calldata(function, *arguments),
            }
        )
        sent = node.call("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
        receipt = await self._world.until(function, lambda: node.call("eth_getTransactionReceipt", sent))
        if int(receipt["status"], 16) != 1:
            raise RuntimeError(f"{function} failed on chain")
