"""What the engine tests need of a chain: transactions from an account without funds."""

import time
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from gateway.engine import rpc
from gateway.engine.anvil import CHAIN_ID

RECIPIENT = "0x" + "11" * 20


def new_account() -> LocalAccount:
    """Returns an account that nobody gave anything."""
    account: LocalAccount = Account.create()
    return account


def send(url: str, account: LocalAccount, nonce: int, gas_price: int = 0) -> str:
    """Sends an empty transaction and returns its hash."""
    transaction: dict[str, Any] = {
        "nonce": nonce,
        "to": RECIPIENT,
        "value": 0,
        "gas": 30_000,
        "gasPrice": gas_price,
        "chainId": CHAIN_ID,
    }
    signed = account.sign_transaction(transaction)
    return str(rpc.call(url, "eth_sendRawTransaction", signed.raw_transaction.to_0x_hex()))


def height(url: str) -> int:
    """Returns the number of the latest block."""
    return int(rpc.call(url, "eth_blockNumber"), 16)


def wait_for_height(url: str, wanted: int) -> None:
    """Waits until the chain has that many blocks; Anvil mines a moment after it answers."""
    deadline = time.monotonic() + 10
    while height(url) < wanted:
        assert time.monotonic() < deadline, f"block {wanted} does not come"
        time.sleep(0.01)
