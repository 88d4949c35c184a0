"""Which city an admin script speaks to when nobody names one: the embedded one of the state folder.

Used by run_brownie. Reads the records that the gateway's engines leave (`gateway.engine.process.Record`)
without importing the gateway.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
ANSWER_SECONDS: Final = 5.0
_HERE: Final = ("127.0.0.1", "localhost")
# A node on this machine is never asked through a proxy.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_proxied = urllib.request.build_opener()


class NoAnswer(Exception):
    """No node answers; the text is for the operator."""


def state_folder(env: Mapping[str, str]) -> Path:
    """``$CAMELLIA_STATE``, else ``.camellia`` in the checkout."""
    return Path(env.get("CAMELLIA_STATE") or ROOT / ".camellia").absolute()


def embedded_settings(env: Mapping[str, str]) -> dict[str, str]:
    """What the environment leaves open of ``CAMELLIA_RPC_URL``, ``_DEPLOYMENTS`` and ``_KEYS``.

    Empty when there is no embedded city, and when another node is named: its record and its keys are not
    in this state folder.
    """
    state = state_folder(env)
    try:
        port = int(json.loads((state / "anvil.json").read_text())["port"])
        named = urlsplit(env.get("CAMELLIA_RPC_URL") or f"http://127.0.0.1:{port}")
        if named.hostname not in _HERE or named.port != port:
            return {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    found = {"CAMELLIA_RPC_URL": f"http://127.0.0.1:{port}", "CAMELLIA_STATE": str(state)}
    found["CAMELLIA_KEYS"] = str(state / "keys")
    if (deployments := state / "deployments").is_dir():
        found["CAMELLIA_DEPLOYMENTS"] = str(deployments)
    return {name: value for name, value in found.items() if not env.get(name)}


def named_network(arguments: list[str]) -> str | None:
    """The network of a brownie command line: ``--network camellia`` or ``--network=camellia``."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for word, following in zip(own, [*own[1:], ""], strict=True):
        if word == "--network":
            return following
        if word.startswith("--network="):
            return word.removeprefix("--network=")
    return None


def require_answer(url: str, embedded: bool) -> None:
    """Ask a node for its chain id. Raises NoAnswer; the node's address is told without what may be secret."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    parts = urlsplit(url)
    at = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    opener = _direct if parts.hostname in _HERE else _proxied
    try:
        request = urllib.request.Request(url, body, {"content-type": "application/json"})
        opener.open(request, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        return  # it answers; what it minds, the script says
    except (OSError, ValueError) as error:
        hint = "the city does not run: make up" if embedded else "CAMELLIA_RPC_URL names the node"
        raise NoAnswer(f"no node answers at {at}; {hint}") from error
