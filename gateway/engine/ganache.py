"""A throw-away Ganache, to show that nothing depends on Anvil. For tests only; it keeps no state.

Ganache cannot make gas free: its base fee starts at 1 gwei, falls with empty blocks and never reaches
zero. So who sends there asks the node for its price (`eth_gasPrice`: 2 gwei here, 0 on a free-gas chain)
and needs funds: see `Ganache.fund`.
"""

import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.engine import rpc
from gateway.engine.anvil import CHAIN_ID, ROOT
from gateway.engine.ports import LOOPBACK, free_port
from gateway.engine.process import EngineError, Record, spawn, tail

START_SECONDS = 60.0
BLOCK_GAS_LIMIT = 30_000_000


class Ganache:
    """One Ganache on a free port: ``with Ganache() as chain: chain.rpc_url``."""

    def __init__(self, chain_id: int = CHAIN_ID) -> None:
        """Args: chain_id: the EIP-155 id of the chain."""
        self.chain_id = chain_id
        self.rpc_url = ""
        self._folder: Path | None = None
        self._record: Record | None = None

    def start(self) -> Self:
        """Starts the chain and waits until it answers.

        Raises:
            EngineError: node or the npm package is not there, or it does not come up.
        """
        node, script = shutil.which("node"), ROOT / "node_modules/ganache/dist/node/cli.js"
        if node is None or not script.exists():
            raise EngineError("no Ganache here: run `make setup`")
        self._folder = Path(tempfile.mkdtemp(prefix="camellia-ganache-"))
        log = self._folder / "log"
        for _ in range(5):
            port = free_port()
            self.rpc_url = f"http://{LOOPBACK}:{port}"
            command = [node, str(script), *self._options(port)]
            self._record = spawn(command, log=log, port=port, record=self._folder / "record.json")
            if self._answers(self._record):
                return self
            if b"EADDRINUSE" not in log.read_bytes():
                break
        message = f"Ganache does not come up: {tail(log)}"
        self.stop()
        raise EngineError(message)

    def fund(self, *addresses: str, ether: int = 1_000) -> None:
        """Gives each address that many ether, from the node's own account, and waits until they are there.

        Raises:
            EngineError: the node refused.
        """
        (rich,) = rpc.call(self.rpc_url, "eth_accounts")
        for address in addresses:
            rpc.call(
                self.rpc_url,
                "eth_sendTransaction",
                {"from": rich, "to": address, "value": hex(ether * 10**18), "gas": hex(21_000)},
            )

    def stop(self) -> None:
        """Ends the chain and removes what it wrote."""
        if self._record:
            self._record.end((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _options(self, port: int) -> list[str]:
        options = {
            "server.host": LOOPBACK,
            "server.port": port,
            "chain.hardfork": "shanghai",
            "chain.chainId": self.chain_id,
            "chain.networkId": self.chain_id,
            "miner.instamine": "eager",
            "miner.blockGasLimit": f"0x{BLOCK_GAS_LIMIT:x}",
            "wallet.totalAccounts": 1,
            "wallet.defaultBalance": 1_000_000_000,  # ether
            "logging.quiet": "true",
        }
        return [f"--{key}={value}" for key, value in options.items()]

    def _answers(self, record: Record) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while record.is_alive() and time.monotonic() < deadline:
            try:
                return bool(int(rpc.call(self.rpc_url, "eth_chainId"), 16) == self.chain_id)
            except EngineError:
                time.sleep(0.1)
        return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
