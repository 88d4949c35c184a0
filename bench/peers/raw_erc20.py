"""Peer B: no gateway. ERC-20 transfers signed beforehand, sent to the node in JSON-RPC batches of 100.

No HTTP interface, no database, no authorisation, no rules: what the node takes from somebody who has
everything ready. Reads one JSON object on standard input (`Job`); signing is not in the time.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import uvloop

from bench.peers.world import transfer_call
from gateway.chain.accounts import RoleAccount
from gateway.chain.contracts import Call
from gateway.domain.keccak import keccak256

_BATCH: Final = 100
_GAS: Final = 100_000
_WAITING: Final = 500
"""Anvil stops to mine, or to answer, when more than a thousand wait in its pool."""
_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Job:
    """`wallets`: their secrets in hex; each sends in turn, its nonces from 0, `transfers` in all.

    `connections`: requests under way at the same time; each has wallets of its own.
    """

    port: int
    token: str
    chain_id: int
    wallets: Sequence[str]
    merchants: Sequence[str]
    transfers: int
    connections: int


def signed(job: Job) -> list[list[tuple[bytes, bytes]]]:
    """By connection: the requests' bodies, each with the hash of its last transaction."""
    token, shops = bytes.fromhex(job.token), [bytes.fromhex(shop) for shop in job.merchants]
    wallets = [RoleAccount("wallet", bytes.fromhex(secret)) for secret in job.wallets]
    prepared = []
    for place in range(job.connections):
        mine = wallets[place :: job.connections]
        bodies, batch = [], []
        for number in range(job.transfers // job.connections):
            turn, whose = divmod(number, len(mine))
            call = Call(token, transfer_call(shops[number % len(shops)], 100 + number % 2_900), _GAS)
            transaction = mine[whose].sign_transaction(call, turn, job.chain_id)
            batch.append(transaction.raw)
            if len(batch) == _BATCH:
                bodies.append((_body(batch), keccak256(batch[-1])))
                batch = []
        prepared.append(bodies)
    return prepared


def _body(raws: Sequence[bytes]) -> bytes:
    calls = [
        {"jsonrpc": "2.0", "id": place, "method": "eth_sendRawTransaction", "params": ["0x" + raw.hex()]}
        for place, raw in enumerate(raws)
    ]
    return json.dumps(calls).encode()


async def run(job: Job) -> dict[str, Any]:
    """Send everything, wait until the last transaction of each connection is mined."""
    prepared = signed(job)
    refused = 0
    gc.disable()
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{job.port}", trust_env=False, timeout=120,
        headers={"content-type": "application/json"},
    ) as http:  # fmt: skip

        async def ask(method: str, *params: str) -> Any:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
            return (await http.post("/", json=body)).json()["result"]

        async def send(bodies: Sequence[tuple[bytes, bytes]]) -> None:
            nonlocal refused
            for body, _ in bodies:
                answer = await http.post("/", content=body)
                refused += answer.content.count(b'"error"')
                while int((await ask("txpool_status"))["pending"], 16) > _WAITING:  # noqa: ASYNC110
                    await asyncio.sleep(_PAUSE_SECONDS)
            last = "0x" + bodies[-1][1].hex()
            while await ask("eth_getTransactionReceipt", last) is None:  # noqa: ASYNC110
                await asyncio.sleep(_PAUSE_SECONDS)

        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(send(bodies) for bodies in prepared))
        seconds = time.perf_counter() - began
    sent = sum(len(bodies) for bodies in prepared) * _BATCH
    return {
        "transfers": sent - refused,
        "refused": refused,
        "seconds": round(seconds, 3),
        "per_second": round((sent - refused) / seconds, 1),
        "cpu_seconds": round(time.process_time() - cpu, 3),
    }


def main() -> None:
    """The command line."""
    print(json.dumps(uvloop.run(run(Job(**json.load(sys.stdin))))))


if __name__ == "__main__":
    main()
