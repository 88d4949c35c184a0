"""A receiver of webhooks, as a process of its own: python receiver.py <port> <file>.

Every request is a line of JSON in the file before it is answered. What is answered is in `<file>.says`:
a status, and after it how many seconds it takes.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        heard = {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body}
        with FILE.open("a") as file:
            file.write(json.dumps(heard) + "\n")
        status, seconds = SAYS.read_text().split() if SAYS.exists() else ("204", "0")
        time.sleep(float(seconds))
        self.send_response(int(status))
        if status == "302":
            self.send_header("location", "/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


FILE = Path(sys.argv[2])
SAYS = FILE.with_suffix(".says")
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
