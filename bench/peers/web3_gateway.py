"""Peer A: the usual gateway. FastAPI, web3.py, one transaction a payment.

Written as well as its users would write it: one event loop on uvloop, a pool of database connections, one
HTTP session to the node, coincurve below eth-account, calldata encoded without a contract object's checks,
gas and price fixed, every wallet's nonce counted here. The receipt is asked for twice as often as web3.py
does by itself; each look costs the gateway and the node almost as much as sending. A payment is stored
before it is sent and again when it is decided, each in a commit of its own; sessions and wallets are kept in
memory. What it does not do, unlike ours: check balances, limits and rules before it sends, keep wallet keys
encrypted, remember what it sent, or send it again.

    python -m bench.peers.web3_gateway --port 9000 --token 0x… --rpc-url … (and PEER_DATABASE_URL)
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import asyncpg
import uvicorn
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import TimeExhausted

from gateway.rails.qr import merchant_presented

_GAS: Final = 100_000
_WAIT_SECONDS: Final = 30
_TRANSFER: Final = bytes.fromhex("a9059cbb")


class PayIn(BaseModel):
    """The same body as ours takes."""

    kind: str
    qr: str = Field(max_length=512)
    amount_won: int = Field(gt=0, lt=2**32)


class PayOut(BaseModel):
    """What a till shows."""

    payment: uuid.UUID
    state: str
    amount_won: int
    merchant: int
    merchant_name: str
    tx_hash: str


@dataclass(slots=True)
class Wallet:
    """A citizen's session and wallet, in memory."""

    device_hash: bytes
    account: LocalAccount
    nonces: Iterator[int] = field(default_factory=itertools.count)


@dataclass
class Gateway:
    """What the process holds."""

    token: str
    chain_id: int
    poll_seconds: float
    web3: AsyncWeb3[AsyncHTTPProvider]
    database: asyncpg.Pool
    wallets: dict[bytes, Wallet]
    merchants: dict[int, tuple[str, bytes]]

    async def pay(self, wallet: Wallet, payment: uuid.UUID, body: PayIn) -> PayOut:
        """Store, sign, send, wait for the receipt, store."""
        code = merchant_presented.parse(body.qr)
        if code.merchant not in self.merchants:
            raise HTTPException(422, "unknown merchant")
        name, to = self.merchants[code.merchant]
        stored = await self.database.fetchval(
            "INSERT INTO payments (payment, wallet, merchant, amount, state)"
            " VALUES ($1, $2, $3, $4, 'received') ON CONFLICT DO NOTHING RETURNING payment",
            payment,
            bytes.fromhex(wallet.account.address[2:]),
            code.merchant,
            body.amount_won,
        )
        if stored is None:
            raise HTTPException(409, "this Idempotency-Key was used")
        signed = wallet.account.sign_transaction(
            {
                "to": self.token,  # type: ignore[dict-item]
                "value": 0,
                "gas": _GAS,
                "gasPrice": 0,
                "nonce": next(wallet.nonces),
                "chainId": self.chain_id,
                "data": _TRANSFER + to.rjust(32, b"\0") + body.amount_won.to_bytes(32, "big"),
            }
        )
        sent = await self.web3.eth.send_raw_transaction(signed.raw_transaction)
        try:
            receipt = await self.web3.eth.wait_for_transaction_receipt(
                sent, timeout=_WAIT_SECONDS, poll_latency=self.poll_seconds
            )
            state = "confirmed" if receipt["status"] == 1 else "rejected"
        except TimeExhausted:
            state = "sent"
        await self.database.execute(
            "UPDATE payments SET state = $2, tx_hash = $3, decided_at = now() WHERE payment = $1",
            payment,
            state,
            bytes(sent),
        )
        if state == "rejected":
            raise HTTPException(422, "refused by the token")
        return PayOut(
            payment=payment,
            state=state,
            amount_won=body.amount_won,
            merchant=code.merchant,
            merchant_name=name,
            tx_hash="0x" + bytes(sent).hex(),
        )


def make_app(given: argparse.Namespace) -> FastAPI:
    """The application."""
    held: dict[str, Gateway] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(os.environ["PEER_DATABASE_URL"], min_size=4, max_size=20) as database:
            held["gateway"] = await _open(given, database)
            yield
            await held["gateway"].web3.provider.disconnect()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/{currency}/payments", status_code=201)
    async def make_payment(
        body: PayIn,
        authorization: Annotated[str, Header()],
        x_device_id: Annotated[str, Header()],
        idempotency_key: Annotated[uuid.UUID, Header()],
    ) -> PayOut:
        gateway = held["gateway"]
        token = authorization.removeprefix("Bearer ")
        wallet = gateway.wallets.get(hashlib.sha256(token.encode()).digest())
        if wallet is None or wallet.device_hash != hashlib.sha256(x_device_id.encode()).digest():
            raise HTTPException(401, "unknown token")
        return await gateway.pay(wallet, idempotency_key, body)

    return app


async def _open(given: argparse.Namespace, database: Any) -> Gateway:
    web3 = AsyncWeb3(AsyncHTTPProvider(given.rpc_url))
    wallets = {
        row["token_hash"]: Wallet(row["device_hash"], Account.from_key(row["secret"]))
        for row in await database.fetch("SELECT token_hash, device_hash, secret FROM citizens")
    }
    for wallet in wallets.values():
        wallet.nonces = itertools.count(await web3.eth.get_transaction_count(wallet.account.address))
    return Gateway(
        token=to_checksum_address(given.token),
        chain_id=await web3.eth.chain_id,
        poll_seconds=given.poll,
        web3=web3,
        database=database,
        wallets=wallets,
        merchants={
            row["merchant"]: (row["name"], row["wallet"])
            for row in await database.fetch("SELECT merchant, name, wallet FROM merchants")
        },
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.web3_gateway", description=__doc__)
    for name in ("--port", "--token", "--rpc-url"):
        parser.add_argument(name, required=True, type=int if name == "--port" else str)
    parser.add_argument("--poll", type=float, default=0.05, help="seconds between looks at a receipt")
    given = parser.parse_args()
    uvicorn.run(
        make_app(given), host="127.0.0.1", port=given.port, loop="uvloop", http="httptools",
        access_log=False, log_level="warning",
    )  # fmt: skip


if __name__ == "__main__":
    main()
