"""What a mined transaction did, in a form that can be compared with what it did before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from gateway.chain.decode import Decoder
from gateway.chain.errors import CallReverted, NodeRefused
from gateway.chain.node import Node
from gateway.domain.keccak import keccak256
from gateway.domain.record import RECORD_BYTES

BATCH_PROCESSED: Final = "0x" + keccak256(b"BatchProcessed(uint64,bytes32,uint256,bytes)").hex()

_ACCEPTED_AT: Final = slice(36, 41)  # in a record: word 1, after the nonce (P-8)


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction that the chain has carried out, `block_time` in seconds since 1970 UTC.

    `outcome` is a digest of what it did to money, without the times of blocks; `logs_hash` of its logs
    to the last byte. Not `succeeded`: it reverted, and `error` says why if that could be found out.
    """

    chain_id: int
    tx_hash: bytes
    block_number: int
    block_hash: bytes
    tx_index: int
    block_time: int
    succeeded: bool
    gas_used: int
    outcome: bytes
    logs_hash: bytes
    logs: Sequence[Mapping[str, Any]] = field(repr=False)
    error: str | None = None


def mined(chain_id: int, receipt: Mapping[str, Any], block_time: int, error: str | None = None) -> Mined:
    """Read a receipt as JSON-RPC gives it."""
    succeeded = int(receipt["status"], 16) == 1
    outcome, logs_hash = _digests(receipt["logs"], succeeded)
    return Mined(
        chain_id=chain_id,
        tx_hash=bytes.fromhex(receipt["transactionHash"][2:]),
        block_number=int(receipt["blockNumber"], 16),
        block_hash=bytes.fromhex(receipt["blockHash"][2:]),
        tx_index=int(receipt["transactionIndex"], 16),
        block_time=block_time,
        succeeded=succeeded,
        gas_used=int(receipt["gasUsed"], 16),
        outcome=outcome,
        logs_hash=logs_hash,
        logs=receipt["logs"],
        error=error,
    )


def _digests(logs: Sequence[Mapping[str, Any]], succeeded: bool) -> tuple[bytes, bytes]:
    """(what it did without the times of blocks, its logs to the last byte), 32 bytes each.

    Of the text as the node gives it, in one pass over all logs: a batch has hundreds.
    """
    whole: list[str] = []
    timeless: list[str] = [str(succeeded)]
    for log in logs:
        place = f"{log['address']}:{','.join(log['topics'])}:"
        data = log["data"]
        whole.append(place + data)
        if log["topics"] and log["topics"][0] == BATCH_PROCESSED:
            data = _without_times(bytes.fromhex(data[2:])).hex()
        timeless.append(place + data)
    outcome, logs_hash = ("\n".join(lines).lower().encode() for lines in (timeless, whole))
    return blake2b(outcome, digest_size=32).digest(), blake2b(logs_hash, digest_size=32).digest()


def _without_times(data: bytes) -> bytes:
    """A BatchProcessed's data without the root and the times in its records (P-8).

    Layout: root, accepted, offset of records, their length, the records.
    """
    length = int.from_bytes(data[96:128], "big")
    records = bytearray(data[128 : 128 + length])
    for start in range(0, length, RECORD_BYTES):
        records[start + _ACCEPTED_AT.start : start + _ACCEPTED_AT.stop] = bytes(5)
    return data[32:64] + bytes(records)


async def see_mined(
    node: Node, chain_id: int, tx_hashes: Sequence[bytes], decoder: Decoder | None = None
) -> list[Mined | None]:
    """What became of some transactions; None for each that is not mined.

    With a decoder, a reverted one says why: the call is made again on the state that it left, which is
    what a node without tracing can tell. Raises NodeUnreachable.
    """
    receipts = await node.receipts(tx_hashes)
    times = await _block_times(node, [receipt for receipt in receipts if receipt])
    found: list[Mined | None] = []
    for receipt in receipts:
        if receipt is None or receipt["blockHash"] not in times:
            found.append(None)  # or its block vanished between the two questions
            continue
        reverted = int(receipt["status"], 16) != 1
        error = await why_reverted(node, receipt, decoder) if reverted and decoder else None
        found.append(mined(chain_id, receipt, times[receipt["blockHash"]], error))
    return found


async def why_reverted(node: Node, receipt: Mapping[str, Any], decoder: Decoder) -> str:
    """The contract's error in words such as ``DepositAlreadyIssued(depositRef=0x…)``."""
    transaction = await node.call("eth_getTransactionByHash", receipt["transactionHash"])
    if transaction is None:
        return "reverted"
    if int(receipt["gasUsed"], 16) == int(transaction["gas"], 16):
        return "out of gas"
    request = {key: transaction[key] for key in ("from", "to", "gas")}
    request["data"] = transaction.get("input") or transaction.get("data")
    try:
        await node.call("eth_call", request, receipt["blockNumber"])
    except NodeRefused as refused:
        reverted = decoder.reverted(refused)
        if isinstance(reverted, CallReverted) and reverted.name:
            values = ", ".join(f"{name}={_shown(value)}" for name, value in reverted.values.items())
            return f"{reverted.name}({values})"
        return refused.message
    return "reverted"


async def _block_times(node: Node, receipts: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Block time by block hash. Newer nodes say it in the receipt; the others are asked."""
    times = {
        receipt["blockHash"]: int(receipt["blockTimestamp"], 16)
        for receipt in receipts
        if isinstance(receipt.get("blockTimestamp"), str)  # Anvil writes a number here at times
    }
    unknown = {receipt["blockHash"] for receipt in receipts} - times.keys()
    headers = await node.results([("eth_getBlockByHash", (name, False)) for name in unknown])
    times.update((header["hash"], int(header["timestamp"], 16)) for header in headers if header is not None)
    return times


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
