# SPDX-License-Identifier: Apache-2.0
"""The way of boards without a network of their own to this machine's package mirror: a forward proxy, for GET only."""

from __future__ import annotations

import ctypes
import http.client
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

CLONE_NEWNET = 0x40000000
PORT = 3142  # apt-cacher-ng's
LIMIT = 60.0  # seconds without a byte
PASSED = ("Range", "If-Range", "If-Modified-Since", "User-Agent", "Accept")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"  # the end of the connection is the end of the answer

    def do_GET(self) -> None:
        there = urlsplit(self.path)
        if there.scheme != "http" or not there.hostname:
            self.send_error(501)
            return
        connection = http.client.HTTPConnection(there.hostname, there.port or 80, timeout=LIMIT)
        try:
            path = there.path + (f"?{there.query}" if there.query else "")
            connection.request(
                "GET", path, headers={name: self.headers[name] for name in PASSED if self.headers[name]}
            )
            answer = connection.getresponse()
            self.send_response(answer.status, answer.reason)
            for name in ("Content-Length", "Content-Range", "Last-Modified", "Location", "ETag"):
                if value := answer.getheader(name):
                    self.send_header(name, value)
            self.end_headers()
            while block := answer.read(1 << 16):
                self.wfile.write(block)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            connection.close()

    def log_message(self, *_words: object) -> None:
        """Says nothing."""


def _listening_in(space: str) -> socket.socket:
    """A socket of that network namespace: it stays there, whoever uses it."""
    made: list[socket.socket] = []

    def make() -> None:  # in a thread of its own, which alone changes its namespace: setns(2)
        handle = os.open(Path("/run/netns") / space, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET) == 0:
                made.append(socket.create_server(("0.0.0.0", PORT)))
        finally:
            os.close(handle)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert made, f"no socket in namespace {space}"
    return made[0]


@contextmanager
def proxy(space: str) -> Iterator[int]:
    """Its port, at every address of the network namespace."""
    listening = _listening_in(space)
    server = ThreadingHTTPServer(("0.0.0.0", PORT), _Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield PORT
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
