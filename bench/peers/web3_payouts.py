"""The peers of `make bench-settle`: payouts as web3.py transactions, one a merchant, on a node of their own.

`web3_loop` is the loop that web3.py's own documentation teaches: build, sign, send, wait for the receipt,
with the library's own habits. `web3_pipelined` is by somebody in a hurry: nonces counted here, gas and price
fixed, nothing waited for until all is sent. Both move OpenZeppelin's ERC-20 as it is, from one account
to addresses that hold nothing yet, on a fresh node (ours recomputes the state of a whole city in each block);
they write no database, no bank file and no anchor.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr
from web3 import HTTPProvider, Web3

from bench.city import watch_over
from gateway.domain.keccak import keccak256
from gateway.engine.anvil import Anvil
from tests.gas.measures import compiled_token

_ABI: Final = [
    {
        "type": "function", "name": "transfer", "stateMutability": "nonpayable",
        "inputs": [{"name": "to", "type": "address"}, {"name": "value", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    },
    {
        "type": "function", "name": "balanceOf", "stateMutability": "view",
        "inputs": [{"name": "account", "type": "address"}], "outputs": [{"name": "", "type": "uint256"}],
    },
]  # fmt: skip
_WON: Final = 220_000
_GAS: Final = 100_000


def measure(sample: int) -> dict[str, dict[str, Any]]:
    """Payouts a second of each, over `sample` merchants. Raises RuntimeError when one was not paid."""
    folder = Path(tempfile.mkdtemp(prefix="camellia-bench-peer-"))
    close = watch_over(folder)
    try:
        anvil = Anvil(folder / "anvil")
        anvil.start()
        payer = Account.from_key(keccak256(b"web3 payouts"))
        token, w3 = _token(anvil.url, payer)
        found = {}
        for name, pay, count in (("web3_loop", _loop, sample), ("web3_pipelined", _pipelined, 4 * sample)):
            shops = [Web3.to_checksum_address(keccak256(f"{name} {n}".encode())[12:]) for n in range(count)]
            started = time.monotonic()
            pay(w3, token, payer, shops)
            seconds = time.monotonic() - started
            if any(token.functions.balanceOf(shop).call() != _WON for shop in shops):
                raise RuntimeError(f"{name} did not pay")
            found[name] = {
                "sample": count, "seconds": round(seconds, 2), "per_second": round(count / seconds, 1),
            }  # fmt: skip
        return found
    finally:
        close()


def _token(url: str, payer: LocalAccount) -> tuple[Any, Web3]:
    w3 = Web3(HTTPProvider(url))
    code = "0x" + compiled_token().hex()
    sent = w3.eth.send_raw_transaction(
        payer.sign_transaction(
            {
                "data": HexStr(code), "nonce": w3.eth.get_transaction_count(payer.address), "gas": 5_000_000,
                "gasPrice": 0, "chainId": w3.eth.chain_id, "value": 0,
            }
        ).raw_transaction
    )  # fmt: skip
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    return w3.eth.contract(address=receipt["contractAddress"], abi=_ABI), w3


def _loop(w3: Web3, token: Any, payer: LocalAccount, shops: Sequence[str]) -> None:
    for shop in shops:
        transaction = token.functions.transfer(shop, _WON).build_transaction(
            {"from": payer.address, "nonce": w3.eth.get_transaction_count(payer.address), "gasPrice": 0}
        )
        sent = w3.eth.send_raw_transaction(payer.sign_transaction(transaction).raw_transaction)
        receipt = w3.eth.wait_for_transaction_receipt(sent)
        if receipt["status"] != 1:
            raise RuntimeError(f"the payout to {shop} failed")


def _pipelined(w3: Web3, token: Any, payer: LocalAccount, shops: Sequence[str]) -> None:
    nonce, chain = w3.eth.get_transaction_count(payer.address), w3.eth.chain_id
    sent = []
    for number, shop in enumerate(shops):
        transaction = token.functions.transfer(shop, _WON).build_transaction(
            {"nonce": nonce + number, "gas": _GAS, "gasPrice": 0, "chainId": chain, "value": 0}
        )
        sent.append(w3.eth.send_raw_transaction(payer.sign_transaction(transaction).raw_transaction))
    for one in sent:
        if w3.eth.wait_for_transaction_receipt(one)["status"] != 1:
            raise RuntimeError("a payout failed")
