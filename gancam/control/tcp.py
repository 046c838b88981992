"""A TCP server with a thread for each client, which hangs them all up when it closes."""

import os
import socket
import threading
import time
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

_GIVE_UP = 2.0  # seconds that close() waits for clients' threads
_POLL = 0.05  # seconds after which the serving thread sees that it is to stop


class TcpServer(ThreadingTCPServer):
    """Serves each client from a thread of its own, until `close` hangs up those that are there and joins all threads.

    One whose answer takes longer than `_GIVE_UP` is not waited for.

    Args:
        address: host and port; port 0 takes a free one, which ``port`` tells.
        handler: made once for each client.
        name: of the threads: ``gancam-NAME``, and ``gancam-NAME-client``.

    Raises:
        OSError: the address is in use or not allowed.
    """

    request_queue_size = 64  # clients that the system keeps until they are taken: with 5 one of several waits a second
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port

    def __init__(self, address: tuple[str, int], handler: type[BaseRequestHandler], *, name: str) -> None:
        self._name = f"gancam-{name}"
        self._lock = threading.Lock()
        self._clients: dict[socket.socket, threading.Thread] = {}
        self._over = False
        super().__init__(address, handler)
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL,), name=self._name, daemon=True)

    def start(self) -> None:
        """Begin to serve, in a hidden thread."""
        self._thread.start()

    def close(self) -> None:
        """Hang up every client, and wait until all threads are gone. Once, after `start`."""
        with self._lock:
            self._over = True
            for client in self._clients:
                _hang_up(client)
        self.shutdown()
        self._thread.join()
        self.server_close()
        end = time.monotonic() + _GIVE_UP
        with self._lock:
            serving = list(self._clients.values())
        for thread in serving:
            thread.join(max(end - time.monotonic(), 0))

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Serve one client, in its own thread."""
        words = request, client_address
        name = f"{self._name}-client"
        thread = threading.Thread(target=self.process_request_thread, args=words, name=name, daemon=True)
        with self._lock:
            if self._over:
                _hang_up(request)
            thread.start()  # where the system has none left: ``handle_error``, and the client is hung up on
            self._clients[request] = thread

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Serve one client, within its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._clients.pop(request, None)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that left in mid-sentence."""


def _hang_up(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
