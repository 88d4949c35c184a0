"""Keeps the embedded chain's state on disk while the chain runs; ends when it ends.

A process of its own, like the chain, so that the state is kept also when the gateway that started both is
gone. Started by `anvil.py`.
"""

import os
import sys
import time
from pathlib import Path

import structlog

from gateway.engine import rpc
from gateway.engine.anvil import Anvil
from gateway.engine.process import EngineError

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = float(os.environ.get("CAMELLIA_DUMP_SECONDS", "2"))


def keep(chain: Anvil) -> None:
    """Dumps the chain whenever blocks were added since the last dump, until its process has ended.

    A dump takes the chain's time in proportion to its size, so the pause before the next one is at least
    twenty times what the last one took: a large chain loses at most a twentieth of its speed to it.
    """
    record = chain.record
    dumped, pause = "", INTERVAL_SECONDS
    while record and record.is_alive() and chain.record == record:
        try:
            if (latest := rpc.call(chain.url, "eth_blockNumber")) != dumped:
                began = time.monotonic()
                chain.checkpoint()
                pause = max(INTERVAL_SECONDS, 20 * (time.monotonic() - began))
                dumped = latest
        except EngineError as error:
            log.warning("no dump of the chain", error=str(error))
        time.sleep(pause)


if __name__ == "__main__":
    keep(Anvil(Path(sys.argv[1]), int(sys.argv[2])))
