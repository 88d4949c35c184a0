"""Stands between our programs and a node, and writes down every JSON-RPC method that passes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import httpx

LOOPBACK = "127.0.0.1"


class RecordingProxy:
    """``with RecordingProxy(node_url) as proxy: … proxy.url … proxy.methods``."""

    def __init__(self, node_url: str) -> None:
        self.methods: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._node_url = node_url
        self._node = httpx.Client(trust_env=False, timeout=120)
        self._server = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._node.close()

    def forward(self, body: bytes) -> httpx.Response:
        """Note what is asked, and ask the node."""
        asked = json.loads(body)
        with self._lock:
            self.methods.update(call["method"] for call in (asked if isinstance(asked, list) else [asked]))
        return self._node.post(self._node_url, content=body, headers={"content-type": "application/json"})

    def _handler(proxy) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selfs meet here
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # the clients keep their connections

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    return  # whoever asked has gone
                answer = proxy.forward(body)
                self.send_response(answer.status_code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
