"""HTTP with as little cost of its own as Python allows.

The client shares the machine with the server, so requests are made beforehand as
bytes, answers are not parsed, and many connections share one thread.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
# The server closes a connection on which nothing comes for 10 seconds.
IDLE = 5.0


def request(method: str, path: str, token: str | None, body: bytes = b"", kind: str = "application/json") -> bytes:
    """The bytes of a request."""
    head = [f"{method} {path} HTTP/1.1", "host: bench", f"content-length: {len(body)}"]
    if token is not None:
        head.append(f"authorization: Bearer {token}")
    if body:
        head.append(f"content-type: {kind}")
    return "\r\n".join(head).encode() + HEAD_END + body


def complete(answer: bytes | bytearray) -> tuple[int, int, int] | None:
    """Status, begin and end of the body, once all of the answer is there."""
    head_end = answer.find(HEAD_END)
    if head_end < 0:
        return None
    head = bytes(answer[:head_end]).lower()
    start = head_end + len(HEAD_END)
    status = int(head[9:12])
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        end = start + int(head[at + 17 :].split(b"\r\n", 1)[0])
        return (status, start, end) if len(answer) >= end else None
    if b"transfer-encoding: chunked" not in head:
        raise ConnectionError("the answer tells no length")
    # Chunked: what ends with the last chunk is complete; one request is under way at a time.
    return (status, start, len(answer)) if answer.endswith(b"0\r\n\r\n") else None


def dechunked(body: bytes) -> bytes:
    """The content of a chunked body."""
    parts: list[bytes] = []
    at = 0
    while True:
        line_end = body.index(b"\r\n", at)
        size = int(body[at:line_end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2


class Connection:
    """One kept connection for one question at a time."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.socket = connected(address)
        self.used = time.perf_counter()
        self.answer = b""

    def ask(self, wire: bytes) -> tuple[int, float]:
        """Sends a request; answers the status and the seconds to the last byte."""
        received = bytearray()
        if time.perf_counter() - self.used > IDLE:
            self.socket.close()
            self.socket = connected(self.address)
        begun = time.perf_counter()
        self.socket.sendall(wire)
        while (found := complete(received)) is None:
            part = self.socket.recv(1 << 18)
            if not part:
                raise ConnectionError("the server closed the connection")
            received += part
        taken = time.perf_counter() - begun
        self.used = time.perf_counter()
        self.answer = bytes(received)
        return found[0], taken

    def body(self) -> bytes:
        """The body of the last answer."""
        head, _, body = self.answer.partition(HEAD_END)
        return dechunked(body) if b"transfer-encoding: chunked" in head.lower() else body


def connected(address: tuple[str, int]) -> socket.socket:
    """A connection that sends at once."""
    found = socket.create_connection(address, timeout=300)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


@dataclass
class Client:
    """One connection of many."""

    socket: socket.socket
    begun: float = 0.0
    wire: bytes = b""
    received: bytearray = field(default_factory=bytearray)


def drive(
    address: tuple[str, int],
    clients: int,
    seconds: float,
    requests: Iterator[bytes],
    answered: Callable[[int, float, bytes], float],
) -> float:
    """Keeps one request under way on each connection; answers the seconds it took.

    `answered` is told status, seconds and answer of each; what it returns is how long
    that connection waits before it sends the same request again, 0 for the next one.
    """
    selector = selectors.DefaultSelector()
    waiting: list[tuple[float, Client]] = []
    start = time.perf_counter()
    under_way = 0
    for _ in range(clients):
        client = Client(connected(address))
        selector.register(client.socket, selectors.EVENT_READ, client)
        send(client, next(requests))
        under_way += 1
    while under_way:
        now = time.perf_counter()
        over = now - start >= seconds
        for due in [entry for entry in waiting if over or entry[0] <= now]:
            waiting.remove(due)
            if over:
                under_way -= 1
            else:
                send(due[1], due[1].wire)
        for key, _ in selector.select(timeout=0.05):
            client = key.data
            part = client.socket.recv(1 << 18)
            if not part:
                raise ConnectionError("the server closed the connection")
            client.received += part
            found = complete(client.received)
            if found is None:
                continue
            now = time.perf_counter()
            wait = answered(found[0], now - client.begun, bytes(client.received))
            if wait > 0:
                waiting.append((now + wait, client))
            elif now - start < seconds:
                send(client, next(requests))
            else:
                under_way -= 1
    taken = time.perf_counter() - start
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    return taken


def send(client: Client, wire: bytes) -> None:
    """Begins a request."""
    client.received.clear()
    client.wire = wire
    client.begun = time.perf_counter()
    client.socket.sendall(wire)
