"""The node: reading, and sending signed transactions, by standard `eth_*` calls alone.

Transactions are signed here and sent raw: the node holds no account. Gas is free on the city's chain; a chain
that has a base fee is paid by it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from brownie import web3 as connected
from brownie._config import CONFIG
from brownie.convert.normalize import format_input
from brownie.network.contract import Contract
from brownie.network.main import show_active
from brownie.project.main import get_loaded_projects
from eth_account.signers.local import LocalAccount
from web3.exceptions import TransactionNotFound, Web3Exception, Web3RPCError
from web3.types import TxReceipt

from gateway.domain.keccak import keccak256
from scripts.lib.errors import CheckFailed, Refusal
from scripts.lib.roles import canonical_type, selector

web3: Final[Any] = connected
"""brownie's connection; its own types are narrower than what it takes."""

HIGHEST_GAS: Final = 16_000_000
"""No transaction of the platform is above this."""
GAS_MARGIN: Final = 1.2
MINED_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.02
BATCH_CALLS: Final = 500
LOG_BLOCKS: Final = 50_000
NETWORKS: Final = "camellia"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction."""

    sender: str
    nonce: int
    raw: str
    transaction: str  # its hash


def chain_id() -> int:
    """The id of the chain that brownie is connected to.

    Raises Refusal when the network is none of this platform's, or the node is on another chain than the
    network's settings say.
    """
    name = show_active()
    if name is None or not name.startswith(NETWORKS):
        raise Refusal(f"network {name!r} is none of ours: run with --network camellia")
    found: int = web3.eth.chain_id
    expected = CONFIG.active_network.get("chainid")
    if expected is not None and int(expected) != found:
        raise Refusal(f"the node is on chain {found}, network {name} is chain {expected}")
    return found


def artefact(name: str) -> Any:
    """The compiled contract of that name, a brownie ContractContainer."""
    return getattr(get_loaded_projects()[0], name)


def contract(name: str, address: str) -> Any:
    """A contract of ours at an address, as brownie reads it."""
    made: Any = Contract
    return made.from_abi(name, address, artefact(name).abi)


def function_abi(name: str, function: str) -> dict[str, Any]:
    """The ABI entry of a function that the contract has once. Raises KeyError otherwise."""
    found = [e for e in artefact(name).abi if e["type"] == "function" and e["name"] == function]
    if len(found) != 1:
        raise KeyError(f"{name}.{function}: {len(found)} functions of that name")
    entry: dict[str, Any] = found[0]
    return entry


def encode(name: str, function: str, arguments: Sequence[Any]) -> str:
    """The calldata of a call, in hexadecimal."""
    entry = function_abi(name, function)
    types = [canonical_type(field) for field in entry["inputs"]]
    normalise: Any = format_input
    values = normalise(entry, list(arguments))
    return "0x" + (selector([entry], function) + web3.codec.encode(types, values)).hex()


def creation(name: str, arguments: Sequence[Any]) -> str:
    """The data of the transaction that deploys a contract, in hexadecimal."""
    data: str = artefact(name).deploy.encode_input(*arguments)
    return data if data.startswith("0x") else "0x" + data


def logs(name: str, address: str, event: str, first_block: int = 0) -> list[dict[str, Any]]:
    """The arguments of all events of one kind that a contract emitted, oldest first."""
    entry = next(e for e in artefact(name).abi if e["type"] == "event" and e["name"] == event)
    found = web3.eth.contract(address=web3.to_checksum_address(address), abi=[entry])
    events = []
    last = web3.eth.block_number
    for start in range(first_block, last + 1, LOG_BLOCKS):
        end = min(start + LOG_BLOCKS - 1, last)
        events += [dict(log["args"]) for log in found.events[event].get_logs(from_block=start, to_block=end)]
    return events


def code(address: str) -> bytes:
    """The code at an address, empty if there is none."""
    return bytes(web3.eth.get_code(web3.to_checksum_address(address)))


def code_hash(address: str) -> str:
    """keccak256 of the code at an address."""
    return "0x" + keccak256(code(address)).hex()


def now() -> int:
    """The time that the next block would have, in seconds since 1970.

    A chain that makes blocks only when there is something to put in stands still between them: the latest
    block's time would let no delay ever pass.
    """
    return max(int(web3.eth.get_block(tag)["timestamp"]) for tag in ("latest", "pending"))


def estimate(sender: str, to: str | None, data: str) -> int:
    """The gas that a transaction would use now.

    Raises Refusal, with the contract's own error in words, if it would fail.
    """
    request: dict[str, Any] = {"from": sender, "data": data, "value": 0}
    if to is not None:
        request["to"] = to
    try:
        return int(web3.eth.estimate_gas(request, block_identifier="pending"))
    except (ValueError, Web3Exception) as error:
        raise Refusal(f"the chain would refuse it: {explain(error)}") from error


def gas_price() -> int:
    """0 where gas is free; twice the base fee where a chain has one, so that a few full blocks do no harm."""
    return 2 * int(web3.eth.get_block("latest").get("baseFeePerGas", 0))


def sign(account: LocalAccount, to: str | None, data: str) -> Signed:
    """Sign the account's next transaction.

    Raises Refusal if it would fail, or would use 16 million gas or more.
    """
    gas = int(estimate(account.address, to, data) * GAS_MARGIN)
    if gas > HIGHEST_GAS:
        if gas / GAS_MARGIN > HIGHEST_GAS:
            raise Refusal(f"it needs {int(gas / GAS_MARGIN):,} gas, and {HIGHEST_GAS:,} is the most")
        gas = HIGHEST_GAS
    nonce = web3.eth.get_transaction_count(account.address, "pending")
    transaction: dict[str, Any] = {
        "chainId": web3.eth.chain_id,
        "nonce": nonce,
        "value": 0,
        "data": data,
        "gas": gas,
        "gasPrice": gas_price(),
    }
    if to is not None:
        transaction["to"] = web3.to_checksum_address(to)
    signed = account.sign_transaction(transaction)
    return Signed(account.address, nonce, signed.raw_transaction.to_0x_hex(), signed.hash.to_0x_hex())


def broadcast(raw: str) -> None:
    """Send a signed transaction; one that the node has already is no error."""
    try:
        web3.eth.send_raw_transaction(raw)
    except (ValueError, Web3Exception) as error:
        words = str(error).lower()
        if not any(known in words for known in ("already", "known", "nonce too low", "imported")):
            raise CheckFailed(f"the node refused the transaction: {explain(error)}") from error


def receipt_of(transaction: str) -> TxReceipt | None:
    """The receipt of a transaction, None while it is not mined."""
    try:
        return web3.eth.get_transaction_receipt(transaction)
    except TransactionNotFound:
        return None


def wait(transaction: str, seconds: float = MINED_SECONDS) -> TxReceipt:
    """Wait until a transaction is mined. Raises CheckFailed if it is not, or if it failed."""
    deadline = time.monotonic() + seconds
    while (receipt := receipt_of(transaction)) is None:
        if time.monotonic() > deadline:
            raise CheckFailed(f"transaction {transaction} was not mined within {seconds:.0f} s; run again")
        time.sleep(POLL_SECONDS)
    if receipt["status"] != 1:
        raise CheckFailed(f"transaction {transaction} failed in block {receipt['blockNumber']}")
    return receipt


def send(account: LocalAccount, to: str | None, data: str) -> TxReceipt:
    """Sign, send and wait. Raises what `sign`, `broadcast` and `wait` raise."""
    return mined(sign(account, to, data))


def mined(signed: Signed) -> TxReceipt:
    """Send what is signed, and wait. Raises what `broadcast` and `wait` raise."""
    broadcast(signed.raw)
    return wait(signed.transaction)


def batch(requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
    """The results of many JSON-RPC calls in one HTTP request. Raises CheckFailed if one failed."""
    answers = web3.provider.make_batch_request(list(requests))
    results = {}
    for answer in answers:
        if "result" not in answer:
            raise CheckFailed(f"the node did not answer: {answer.get('error')}")
        results[answer["id"]] = answer["result"]
    return [results[number] for number in sorted(results)]


def call_many(to: str, calls: Sequence[str], done: Callable[[int], None] | None = None) -> Iterator[str]:
    """The results of many `eth_call`s to one contract, in hexadecimal, `BATCH_CALLS` a request.

    Args:
        calls: calldata in hexadecimal.
        done: told how many were answered, after each request.
    """
    for start in range(0, len(calls), BATCH_CALLS):
        part = calls[start : start + BATCH_CALLS]
        yield from batch([("eth_call", ({"to": to, "data": data}, "latest")) for data in part])
        if done is not None:
            done(len(part))


def explain(error: Exception) -> str:
    """A node's refusal in words: the custom error's name and values where the contracts define it."""
    data = _revert_data(error)
    if data is None or len(data) < 4:
        return str(error)
    for signature, types in _custom_errors().items():
        if keccak256(signature.encode())[:4] == data[:4]:
            values = web3.codec.decode(types, data[4:])
            words = ", ".join("0x" + v.hex() if isinstance(v, bytes) else str(v) for v in values)
            return f"{signature.split('(')[0]}({words})"
    return str(error)


def _revert_data(error: Exception) -> bytes | None:
    """The bytes that a contract reverted with, as clients put them into their errors."""
    found: Any = getattr(error, "data", None)
    if found is None and isinstance(error, Web3RPCError) and error.rpc_response:
        found = error.rpc_response.get("error", {}).get("data")
    if found is None and error.args and isinstance(error.args[0], Mapping):
        found = error.args[0].get("data")
    if isinstance(found, Mapping):
        found = found.get("result") or found.get("data")
    if not isinstance(found, str):
        return None
    text = found[found.find("0x") + 2 :] if "0x" in found else ""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _custom_errors() -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for container in get_loaded_projects()[0]:
        for entry in container.abi:
            if entry["type"] == "error":
                types = [canonical_type(field) for field in entry["inputs"]]
                errors[f"{entry['name']}({','.join(types)})"] = types
    return errors
