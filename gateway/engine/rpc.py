"""The few JSON-RPC calls that the engines' launcher makes, without a client library."""

import json
import urllib.error
import urllib.request
from typing import Any

from gateway.engine.process import EngineError

# Never through a proxy: the engines are on this machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoAnswer(EngineError):
    """The node did not answer: what was asked may have been done or not."""


def call(url: str, method: str, *params: object, timeout: float = 5.0) -> Any:
    """Makes one call and returns its result.

    Args:
        timeout: seconds without an answer after which the call fails.

    Raises:
        NoAnswer: no answer.
        EngineError: the answer is an error.
    """
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with _opener.open(request, timeout=timeout) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        raise NoAnswer(f"{method}: no answer from {url}: {error}") from error
    if "error" in answer:
        raise EngineError(f"{method}: {answer['error']}")
    return answer["result"]
