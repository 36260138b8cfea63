"""HTTP/1 on a raw socket: sends exactly what it is told to and parses what comes back."""

import json
import socket
from dataclasses import dataclass, field


class Closed(ConnectionError):
    """The peer closed (or reset) the connection before a whole response came."""


@dataclass
class Response:
    status: int
    headers: list  # (name, value) as they came
    body: bytes = b""
    reason: str = ""
    trailers: list = field(default_factory=list)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        """The value, None where it is absent; a field that came twice is an error."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def pairs(headers):
    return list(headers.items()) if isinstance(headers, dict) else list(headers)


def raw(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def parse_fields(lines):
    return [tuple(part.strip(" \t") for part in line.split(":", 1)) for line in lines if line]


def encode_request(method="GET", target="/", headers=(), body=None, host="localhost", version="1.1"):
    """Adds Host and Content-Length where they are needed and not given; nothing else."""
    headers = [(raw(name), raw(value)) for name, value in pairs(headers)]
    names = {name.lower() for name, _ in headers}
    if b"host" not in names and host:
        headers.insert(0, (b"Host", raw(host)))
    if body is not None and not names & {b"content-length", b"transfer-encoding"}:
        headers.append((b"Content-Length", b"%d" % len(raw(body))))
    head = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return raw(f"{method} ") + raw(target) + raw(f" HTTP/{version}\r\n") + head + b"\r\n" + raw(body or b"")


class Connection:
    """One TCP connection. `with` closes it. Pipelining: send() several requests, then read_response() each."""

    def __init__(self, port, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = 0  # bytes so far
        self._buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(raw(data))

    def request(self, method="GET", target="/", headers=(), body=None, **more):
        self.send(encode_request(method, target, headers, body, **more))
        return self.read_response(method)

    def read_response(self, method="GET", interim=False):
        """The next response to a request of this method; 1xx ones are skipped, unless interim."""
        while True:
            head = self._take_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
            _, status, *reason = head[0].split(" ", 2)
            fields = parse_fields(head[1:])
            response = Response(int(status), fields, reason="".join(reason))
            if response.status >= 200 or response.status == 101 or interim:
                break
        if method == "HEAD" or response.status < 200 or response.status in (204, 304):
            return response
        if "chunked" in (response.header("Transfer-Encoding") or ""):
            response.body = self._take_chunks()
        elif response.header("Content-Length") is not None:
            response.body = self._take(int(response.header("Content-Length")))
        else:
            response.body = self.read_to_end()
        return response

    def read_to_end(self):
        """Everything until the peer closes."""
        try:
            while self._fill():
                pass
        except ConnectionResetError:
            pass
        rest, self._buffer = bytes(self._buffer), bytearray()
        return rest

    def read_some(self, size):
        """Exactly size bytes, for what isn't HTTP, as after a 101."""
        return self._take(size)

    def _fill(self):
        data = self.socket.recv(65536)
        self._buffer += data
        self.received += len(data)
        return bool(data)

    def _fill_or_fail(self):
        try:
            if self._fill():
                return
        except ConnectionResetError:
            pass
        raise Closed(f"the connection was closed after {bytes(self._buffer)!r}")

    def _take(self, size):
        while len(self._buffer) < size:
            self._fill_or_fail()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _take_until(self, end):
        while (at := self._buffer.find(end)) < 0:
            self._fill_or_fail()
        return self._take(at + len(end))

    def _take_chunks(self):
        body = b""
        while size := int(self._take_until(b"\r\n").split(b";")[0], 16):
            body += self._take(size)
            self._take(2)
        while self._take_until(b"\r\n") != b"\r\n":
            pass
        return body
