"""A TCP server with a thread for each client, which hangs them all up when it closes."""

import os
import socket
import threading
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

_POLL = 0.05  # seconds after which the serving thread sees that it is to stop


class TcpServer(ThreadingTCPServer):
    """Serves each client from a thread of its own, until `close` hangs up those that are there and joins all threads.

    Args:
        address: host and port; port 0 takes a free one, which ``port`` tells.
        handler: made once for each client.
        name: of the threads: ``gancam-NAME``, and ``gancam-NAME-client``.

    Raises:
        OSError: the address is in use or not allowed.
    """

    daemon_threads = False  # so that server_close() joins them
    block_on_close = True
    allow_reuse_address = os.name != "nt"  # there it would let two servers share a port

    def __init__(self, address: tuple[str, int], handler: type[BaseRequestHandler], *, name: str) -> None:
        self._name = f"gancam-{name}"
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
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
        self.server_close()  # joins the clients' threads

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Serve one client, in its own thread."""
        threading.current_thread().name = f"{self._name}-client"
        with self._lock:
            self._clients.add(request)
            if self._over:
                _hang_up(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._clients.discard(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that left in mid-sentence."""


def _hang_up(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
