"""The peers' world: a node of its own with the same settings as ours, a database on the same PostgreSQL, a
plain ERC-20 and as many wallets as our city has citizens.

The node is apart so that each system has only its own state on its chain: Anvil recomputes the state root of
everything it holds in every block, and the peers make a block for every few transactions.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg
from coincurve import PrivateKey

from bench.city import ROOT, BenchCity, watch_over
from bench.seed import Sender
from gateway.chain.accounts import RoleAccount, address_of
from gateway.chain.contracts import Call
from gateway.chain.node import Node
from gateway.demo.rpc import Node as PlainNode
from gateway.domain.keccak import keccak256
from gateway.engine.anvil import Anvil
from gateway.flow.sessions import hashed

DATABASE: Final = "peer"
BALANCE: Final = 1_000_000_000
_MINTED_AT_ONCE: Final = 200
_TABLES: Final = """
    CREATE TABLE citizens (
        token_hash bytea PRIMARY KEY, device_hash bytea NOT NULL, wallet bytea NOT NULL, secret bytea NOT NULL
    );
    CREATE TABLE merchants (merchant bigint PRIMARY KEY, name text NOT NULL, wallet bytea NOT NULL);
    CREATE TABLE payments (
        payment uuid PRIMARY KEY, wallet bytea NOT NULL, merchant bigint NOT NULL, amount bigint NOT NULL,
        state text NOT NULL, tx_hash bytea, received_at timestamptz NOT NULL DEFAULT now(),
        decided_at timestamptz
    );
    CREATE INDEX ON payments (wallet, received_at);
    CREATE INDEX ON payments (merchant, received_at);
"""


@dataclass
class PeerWorld:
    """What both peers share. Close it at the end (`close`)."""

    state: Path
    anvil: Anvil
    node: PlainNode
    database_url: str
    token: bytes
    secrets: list[bytes]
    merchants: list[bytes]
    close: Callable[[], object]

    @classmethod
    def make(cls, city: BenchCity) -> PeerWorld:
        """Start the node, deploy the token, make the wallets and the database."""
        state = Path(tempfile.mkdtemp(prefix="camellia-bench-peer-"))
        close = watch_over(state)
        anvil = Anvil(state / "anvil")
        anvil.start()
        people = json.loads(city.payers.read_text())
        world = cls(
            state=state,
            anvil=anvil,
            node=PlainNode(anvil.url),
            database_url=city.engines.create_database(DATABASE),
            token=b"",
            secrets=[secret_of("citizen", number) for number in range(len(people["citizens"]))],
            merchants=[
                address_of(PrivateKey(secret_of("merchant", number)))
                for number in range(len(people["merchants"]))
            ],
            close=close,
        )
        asyncio.run(world._fill(people["citizens"]))
        return world

    async def _fill(self, citizens: Sequence[Sequence[str]]) -> None:
        wallets = [address_of(PrivateKey(secret)) for secret in self.secrets]
        # Merchants hold some too: so no transfer pays for a holder's first storage word.
        self.token = await deploy(self.anvil.url, [*wallets, *self.merchants])
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(_TABLES)
            await connection.copy_records_to_table(
                "citizens",
                records=[
                    (hashed(token), hashed(device), wallet, secret)
                    for (token, device), wallet, secret in zip(citizens, wallets, self.secrets, strict=True)
                ],
            )
            await connection.copy_records_to_table(
                "merchants",
                records=[(n, f"가게 {n}", wallet) for n, wallet in enumerate(self.merchants, 1)],
            )
            await connection.execute("ANALYZE")
        finally:
            await connection.close()


async def deploy(rpc_url: str, holders: Sequence[bytes]) -> bytes:
    """A plain token on an empty chain, some of it in everybody's hands. Returns its address."""
    deployer = RoleAccount("deployer", secret_of("deployer", 0))
    async with Node(rpc_url, timeout_seconds=60) as node:
        sender = Sender(node, deployer)
        await sender.send([Call(b"", bytecode(), 5_000_000)])
        # The address of the deployer's first contract: keccak(rlp([address, 0])).
        token = keccak256(b"\xd6\x94" + deployer.address + b"\x80")[12:]
        assert await node.code(token), "the token was not deployed"
        await sender.send(
            [
                Call(token, mint_call(holders[at : at + _MINTED_AT_ONCE]), 15_000_000)
                for at in range(0, len(holders), _MINTED_AT_ONCE)
            ]
        )
    return token


def transfers(node: PlainNode, token: bytes, first: int) -> list[str]:
    """The transaction hash of every transfer since block `first`."""
    topic = "0x" + keccak256(b"Transfer(address,address,uint256)").hex()
    found, last = [], node.block_number()
    for start in range(first, last + 1, 2_000):
        asked = {
            "address": "0x" + token.hex(),
            "topics": [topic],
            "fromBlock": hex(start),
            "toBlock": hex(min(last, start + 1_999)),
        }
        found += [log["transactionHash"] for log in node.call("eth_getLogs", asked)]
    return found


@cache
def bytecode() -> bytes:
    """The token's bytecode, by the project's compiler and settings."""
    source = ROOT / "bench" / "peers" / "PlainToken.sol"
    asked = {
        "language": "Solidity",
        "sources": {"PlainToken.sol": {"content": source.read_text()}},
        "settings": {
            "evmVersion": "shanghai",
            "optimizer": {"enabled": True, "runs": 1_000_000},
            "remappings": ["@openzeppelin/=node_modules/@openzeppelin/"],
            "outputSelection": {"*": {"PlainToken": ["evm.bytecode.object"]}},
        },
    }
    solc = next((ROOT / ".solcx").glob("solc-v*"))
    done = subprocess.run(
        [str(solc), "--standard-json", "--allow-paths", "."],
        input=json.dumps(asked),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    told = json.loads(done.stdout)
    wrong = [error["formattedMessage"] for error in told.get("errors", ()) if error["severity"] == "error"]
    if wrong:
        raise RuntimeError("\n".join(wrong))
    code = told["contracts"]["PlainToken.sol"]["PlainToken"]["evm"]["bytecode"]["object"]
    return bytes.fromhex(code)


def mint_call(holders: Sequence[bytes]) -> bytes:
    """`mint(address[],uint256)`."""
    words = [(64).to_bytes(32, "big"), BALANCE.to_bytes(32, "big"), len(holders).to_bytes(32, "big")]
    selector = keccak256(b"mint(address[],uint256)")[:4]
    return selector + b"".join([*words, *(holder.rjust(32, b"\0") for holder in holders)])


def transfer_call(to: bytes, amount: int) -> bytes:
    """`transfer(address,uint256)`."""
    selector = keccak256(b"transfer(address,uint256)")[:4]
    return selector + to.rjust(32, b"\0") + amount.to_bytes(32, "big")


def secret_of(kind: str, number: int) -> bytes:
    """A key of a chain that lives for minutes."""
    return keccak256(f"camellia bench peer {kind} {number}".encode())
