"""JSON-RPC to a node: one connection pool, calls in batches, standard ``eth_*`` methods only.

A read may be repeated when there was no answer, because it changes nothing. A transaction is never
repeated here: whoever stored it decides (see `relayer`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import httpx
import structlog

from gateway.chain.errors import NodeRefused, NodeUnreachable

log = structlog.get_logger(__name__)

Block = int | str
"""A block number, or one of the tags ``latest``, ``earliest``, ``pending``."""

WRITES: Final = frozenset({"eth_sendRawTransaction"})
MAX_BATCH: Final = 500
"""Calls in one HTTP request; nodes refuse or split more (Besu's default is 1,024)."""
MAX_BYTES: Final = 1_000_000
"""Of raw transactions in one HTTP request; in hexadecimal it is twice that."""

_READ_ATTEMPTS: Final = 4
_FIRST_PAUSE_SECONDS: Final = 0.05


def quantity(value: int) -> str:
    """A number as JSON-RPC writes it: ``0x0``, ``0x1f``."""
    return hex(value)


def block_id(block: Block) -> str:
    """A block number or a tag as JSON-RPC writes it."""
    return block if isinstance(block, str) else hex(block)


def unhex(text: str) -> bytes:
    """The bytes of ``0x…``."""
    return bytes.fromhex(text[2:])


class Node:
    """An Ethereum node at an HTTP URL. Close it, or use it as an async context manager."""

    def __init__(self, url: str, *, timeout_seconds: float = 10.0, connections: int = 32) -> None:
        """Make a client; nothing is sent yet.

        `timeout_seconds` bounds the wait for each answer; a dump or a large block may hold a node
        up that long.
        """
        self.url = url
        self._ids = 0
        # Never through a proxy: the chain is on the city's own network.
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 3.0)),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
            headers={"content-type": "application/json"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # --- calls --------------------------------------------------------------------------------

    async def call(self, method: str, *params: Any) -> Any:
        """Make one call and return its result.

        Raises NodeUnreachable without an answer, NodeRefused when the answer is an error.
        """
        (result,) = await self.batch([(method, params)])
        if isinstance(result, NodeRefused):
            raise result
        return result

    async def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Make calls in as few HTTP requests as possible; results in the order asked.

        A call that the node refuses has its NodeRefused as the result: one bad call spoils no
        other. The calls of one request are carried out in order, but not in one piece.
        Raises NodeUnreachable when an answer is missing.
        """
        results: list[Any] = []
        for start in range(0, len(calls), MAX_BATCH):
            results.extend(await self._request(calls[start : start + MAX_BATCH]))
        return results

    async def results(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Like `batch`, but raises the first NodeRefused."""
        results = await self.batch(calls)
        for result in results:
            if isinstance(result, NodeRefused):
                raise result
        return results

    # --- what the gateway asks ----------------------------------------------------------------

    async def chain_id(self) -> int:
        """The EIP-155 id of the chain."""
        return int(await self.call("eth_chainId"), 16)

    async def block_number(self) -> int:
        """The number of the latest block."""
        return int(await self.call("eth_blockNumber"), 16)

    async def header(self, block: Block = "latest") -> dict[str, Any] | None:
        """A block without its transactions' bodies; None when the chain has no such block."""
        found: dict[str, Any] | None = await self.call("eth_getBlockByNumber", block_id(block), False)
        return found

    async def gas_price(self) -> int:
        """Wei a unit of gas: 0 where gas is free; twice the base fee where a chain has one, so that a few
        full blocks do no harm."""
        header = await self.header()
        return 2 * int((header or {}).get("baseFeePerGas") or "0x0", 16)

    async def headers(self, numbers: Iterable[int]) -> list[dict[str, Any] | None]:
        """Several blocks, None for each that the chain does not have."""
        return await self.results([("eth_getBlockByNumber", (hex(number), False)) for number in numbers])

    async def nonce(self, address: bytes, block: Block = "latest") -> int:
        """How many transactions of an account (20 bytes) are mined."""
        return int(await self.call("eth_getTransactionCount", "0x" + address.hex(), block_id(block)), 16)

    async def send_raw(self, raws: Sequence[bytes]) -> list[str | NodeRefused]:
        """Broadcast signed transactions in order; each result is a hash or the node's refusal.

        Never repeated here. Raises NodeUnreachable: then any of them may have arrived.
        """
        results: list[str | NodeRefused] = []
        portion: list[tuple[str, Sequence[Any]]] = []
        size = 0
        for raw in raws:
            if portion and size + len(raw) > MAX_BYTES:
                results += await self.batch(portion)
                portion, size = [], 0
            portion.append(("eth_sendRawTransaction", ("0x" + raw.hex(),)))
            size += len(raw)
        return results + await self.batch(portion)

    async def receipts(self, hashes: Sequence[bytes]) -> list[dict[str, Any] | None]:
        """The receipts of transactions; None for each that is not mined."""
        return await self.results(
            [("eth_getTransactionReceipt", ("0x" + tx_hash.hex(),)) for tx_hash in hashes]
        )

    async def logs(
        self, first: int, last: int, addresses: Sequence[str], topics: Sequence[Any] = ()
    ) -> list[dict[str, Any]]:
        """The logs of some contracts in blocks `first` to `last`, both included, in chain order."""
        found: list[dict[str, Any]] = await self.call(
            "eth_getLogs", log_filter(first, last, addresses, topics)
        )
        return found

    async def code(self, address: bytes, block: Block = "latest") -> bytes:
        """The code at an address (20 bytes); empty when there is none."""
        return unhex(await self.call("eth_getCode", "0x" + address.hex(), block_id(block)))

    # --- the wire -----------------------------------------------------------------------------

    async def _request(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        if not calls:
            return []
        may_repeat = not any(method in WRITES for method, _ in calls)
        pause = _FIRST_PAUSE_SECONDS
        for left in range(_READ_ATTEMPTS - 1 if may_repeat else 0, -1, -1):
            try:
                return await self._post(calls)
            except NodeUnreachable:
                if not left:
                    raise
            await asyncio.sleep(pause)
            pause *= 3
        raise AssertionError("unreachable")

    async def _post(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        first = self._ids
        self._ids += len(calls)
        body = [
            {"jsonrpc": "2.0", "id": first + place, "method": method, "params": list(params)}
            for place, (method, params) in enumerate(calls)
        ]
        what = calls[0][0] if len(calls) == 1 else f"{calls[0][0]} and {len(calls) - 1} more"
        try:
            response = await self._http.post(
                self.url, content=json.dumps(body[0] if len(body) == 1 else body)
            )
            answers = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise NodeUnreachable(f"{what}: no answer from the node: {error!r}") from error
        if isinstance(answers, dict):
            if len(calls) > 1:  # the node refuses the batch as a whole
                why = answers.get("error") or {}
                raise NodeUnreachable(f"{what}: the node refuses the batch: {why}")
            answers = [answers]
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [self._result(method, by_id.get(first + place)) for place, (method, _) in enumerate(calls)]

    @staticmethod
    def _result(method: str, answer: dict[str, Any] | None) -> Any:
        if answer is None:
            raise NodeUnreachable(f"{method}: no answer in the batch")
        if error := answer.get("error"):
            return NodeRefused(
                method, int(error.get("code", 0)), str(error.get("message")), error.get("data")
            )
        if "result" not in answer:
            raise NodeUnreachable(f"{method}: neither a result nor an error")
        return answer["result"]


def log_filter(first: int, last: int, addresses: Sequence[str], topics: Sequence[Any] = ()) -> dict[str, Any]:
    """The parameter of ``eth_getLogs`` for blocks `first` to `last`."""
    return {
        "fromBlock": hex(first),
        "toBlock": hex(last),
        "address": list(addresses),
        "topics": list(topics),
    }
