"""The JSON-RPC client against a real node, and against none."""

import asyncio
import socket

import pytest
from coincurve import PrivateKey

from gateway.chain.accounts import RoleAccount
from gateway.chain.contracts import Call
from gateway.chain.errors import NodeRefused, NodeUnreachable
from gateway.chain.node import MAX_BATCH, Node
from gateway.chain.refusals import Refusal, classify


async def test_one_bad_call_spoils_no_other(node: Node):
    results = await node.batch(
        [("eth_chainId", ()), ("eth_getBlockByNumber", ("nonsense", False)), ("eth_blockNumber", ())]
    )
    assert int(results[0], 16) == 1202 and int(results[2], 16) >= 0
    assert isinstance(results[1], NodeRefused) and results[1].method == "eth_getBlockByNumber"
    with pytest.raises(NodeRefused):
        await node.call("eth_noSuchMethod")


async def test_more_calls_than_a_request_may_hold(node: Node):
    headers = await node.headers([0] * (MAX_BATCH * 2 + 3))
    assert len(headers) == MAX_BATCH * 2 + 3 and all(h and h["number"] == "0x0" for h in headers)


async def test_what_the_chain_does_not_have_is_none(node: Node):
    assert await node.header(10**9) is None
    assert await node.receipts([bytes(32)]) == [None]
    assert await node.code(bytes(19) + b"\x77") == b""


async def test_no_node_is_said_after_some_attempts():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    async with Node(url) as nobody:
        with pytest.raises(NodeUnreachable):
            await nobody.block_number()


async def test_reads_are_repeated_and_transactions_are_not():
    """A peer that takes the request and hangs up, always."""
    requests: list[bytes] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        requests.append(await reader.readexactly(length))
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Node(f"http://127.0.0.1:{port}") as node:
        with pytest.raises(NodeUnreachable):
            await node.block_number()
        assert len(requests) == 4
        requests.clear()
        with pytest.raises(NodeUnreachable):
            await node.send_raw([b"\x01"])
        assert len(requests) == 1


async def test_what_anvil_says_is_understood(node: Node):
    account = RoleAccount("x", PrivateKey().secret)
    call = Call(bytes(19) + b"\x09", b"", 30_000)
    first = account.sign_transaction(call, 0, 1202)
    assert await node.send_raw([first.raw]) == ["0x" + first.hash.hex()]
    while not (await node.receipts([first.hash]))[0]:
        await asyncio.sleep(0.01)
    (again,) = await node.send_raw([first.raw])
    assert isinstance(again, NodeRefused)
    assert classify(again) in (Refusal.NONCE_USED, Refusal.KNOWN)
    (used,) = await node.send_raw([account.sign_transaction(Call(bytes(20), b"", 30_000), 0, 1202).raw])
    assert isinstance(used, NodeRefused) and classify(used) is Refusal.NONCE_USED
    ahead = account.sign_transaction(call, 5, 1202)
    await node.send_raw([ahead.raw])
    (known,) = await node.send_raw([ahead.raw])
    assert isinstance(known, NodeRefused) and classify(known) is Refusal.KNOWN


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("already known", Refusal.KNOWN),
        ("Known transaction", Refusal.KNOWN),
        ("transaction already imported", Refusal.KNOWN),
        ("VM Exception while processing transaction: revert", Refusal.KNOWN),
        ("nonce too low", Refusal.NONCE_USED),
        ("Nonce too low", Refusal.NONCE_USED),
        ("Nonce too distant from current sender nonce", Refusal.NONCE_AHEAD),
        (
            "the tx doesn't have the correct nonce. account has nonce of: 3 tx has nonce of: 2",
            Refusal.NONCE_USED,
        ),
        (
            "the tx doesn't have the correct nonce. account has nonce of: 3 tx has nonce of: 9",
            Refusal.NONCE_AHEAD,
        ),
        ("insufficient funds for gas * price + value", Refusal.OTHER),
        ("txpool is full", Refusal.OTHER),
    ],
)
def test_what_other_nodes_say_is_understood(said, meaning):
    """Geth, Besu, Anvil and Ganache, in their own words."""
    assert classify(NodeRefused("eth_sendRawTransaction", -32000, said)) is meaning
