"""The network between a browser and a real Consilium, to be cut: a proxy that can stop in mid-request and lose answers.

One request per connection, passed on byte for byte; nothing is answered here. `cut` ends what is under way at that very
moment and refuses what comes, until `mend`; `lose_answers(n)` lets the next n strokes reach the server and drops what
it says.
"""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from tests.running import free_port


class Wire:
    """Listens on `url`, passes on to a port of this machine."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self._is_cut = False
        self._to_lose = 0
        self._live: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.lost_answers = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cut()
        self._listener.close()

    def cut(self) -> None:
        """Pull the cable: every connection breaks now, wherever it is."""
        with self._lock:
            self._is_cut = True
            for one in self._live:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Put the cable in again; no answer is lost any more."""
        with self._lock:
            self._is_cut, self._to_lose = False, 0

    def lose_answers(self, count: int) -> None:
        """Let the next strokes arrive and say nothing back."""
        with self._lock:
            self._to_lose = count

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server_port)) as server:
            pair = {client, server}
            with self._lock:
                if self._is_cut:
                    return
                self._live |= pair
            try:
                self._pass_on(client, server)
            finally:
                with self._lock:
                    self._live -= pair

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        head, _, rest = _read_until(client, b"\r\n\r\n").partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
        while len(rest) < length:
            rest += _receive(client)
        server.sendall(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + rest)
        is_stroke = lines[0].startswith(b"POST ") and lines[0].split(b" ")[1].endswith(b"/edits")
        first = _receive(server)
        with self._lock:
            is_lost = is_stroke and self._to_lose > 0
            if is_lost:
                self._to_lose -= 1
                self.lost_answers += 1
        if is_lost:
            return
        client.sendall(first)
        while chunk := server.recv(65536):
            client.sendall(chunk)


def _read_until(source: socket.socket, mark: bytes) -> bytes:
    found = b""
    while mark not in found:
        found += _receive(source)
    return found


def _receive(source: socket.socket) -> bytes:
    chunk = source.recv(65536)
    if not chunk:
        raise ConnectionError("the other side hung up")
    return chunk
