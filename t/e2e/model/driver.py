"""Sends volleys: pipelined requests on several connections, and what came back of them."""

import random
import select
import socket
import time

from harness.client import encode_request

from .check import OTHER_COOKIES, Seen

class Driver:
    """connections: kept over volleys, but for some that are closed at random.

    secrets: a function from a key's or token's name in the journal to what a client sends. unknown: a key of the right form that nobody has.
    """

    def __init__(self, port, secrets, unknown, timeout):
        self._port, self._secrets, self._unknown, self._timeout = port, secrets, unknown, timeout
        self._connections = {}
        self._number = 0
        self.seen = []

    def close(self):
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def volley(self, asks, connections, fresh=0.0, rng=random):
        """Spreads the asks over so many connections; answers with what was seen."""
        first = len(self.seen)
        lanes = [Lane(self._connection(i, rng.random() < fresh)) for i in range(connections)]
        for i, lane in enumerate(lanes):
            # nginx closes a connection after its 400, so those come last.
            mine = sorted(asks[i::connections], key=lambda ask: ask.kind == "double")
            numbers = range(self._number, self._number + len(mine))
            self._number += len(mine)
            lane.send(list(zip(numbers, mine)), b"".join(self._encode(n, ask) for n, ask in zip(numbers, mine)))
        waiting = {lane.socket: lane for lane in lanes if lane.waiting}
        while waiting:
            ready = select.select(list(waiting), [], [], self._timeout)[0]
            assert ready, f"no answer in {self._timeout} s to {[lane.waiting[0][1] for lane in waiting.values()]}"
            for one in ready:
                lane = waiting[one]
                if not lane.receive(self.seen):
                    del waiting[one]
        for i, lane in enumerate(lanes):
            if lane.closed:
                lane.socket.close()
                del self._connections[i]
        return self.seen[first:]

    def _connection(self, i, fresh):
        old = self._connections.get(i)
        if old is not None and (fresh or select.select([old], [], [], 0)[0]):  # readable while idle: nginx has closed it
            old.close()
            old = None
        if old is None:
            old = self._connections[i] = socket.create_connection(("127.0.0.1", self._port), self._timeout)
            old.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return old

    def _encode(self, number, ask):
        headers = [("X-Number", str(number)), ("X-From", ask.address)]
        if ask.spoof:
            headers += [("X-Keyward-Subject", "admin"), ("X_Keyward_Key_Id", "key_admin"), ("X-Keyward-Kind", "key")]
        secret = self._secrets(ask.key) or self._unknown
        match ask.kind:
            case "key":
                headers.append(("X-API-Key", secret) if number % 3 else ("Authorization", f"bEarer  {secret}"))
            case "unknown":
                headers.append(("X-API-Key", self._unknown))
            case "malformed":
                at = -9 if "." in secret else -1  # a token's last character has bits that aren't the signature's
                other = "a" if secret[at] != "a" else "b"
                headers.append(("X-API-Key", f"{secret[:at]}{other}{secret[at:][1:]}"))
            case "foreign":
                headers.append(("X-API-Key", "sk_live_0123456789abcdef"))
            case "token":
                headers.append(("Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.YQ"))
            case "cookie":
                headers.append(cookie(secret))
            case "page":
                headers += [cookie(secret), ("Sec-Fetch-Site", "same-origin")]
            case "ambient":
                headers += [("Authorization", f"Bearer {secret}"), cookie(self._unknown)]
            case "double":
                headers += [("X-API-Key", secret), ("Authorization", f"Bearer {self._unknown}x")]
            case "same":
                headers += [("X-API-Key", secret), ("Authorization", f"Bearer {secret}")]
        body = "" if ask.method in ("POST", "PUT") else None
        return encode_request(ask.method, ask.location, headers, body)


def cookie(secret):
    first, second = OTHER_COOKIES.split("; ")
    return "Cookie", f"{first}; session={secret}; {second}"


class Lane:
    """One connection's share of a volley."""

    def __init__(self, connection):
        self.socket, self.waiting, self.closed = connection, [], False
        self._buffer, self._sent = b"", 0.0

    def send(self, waiting, data):
        self.waiting = waiting
        self._sent = time.monotonic()
        try:
            self.socket.sendall(data)
        except ConnectionError:
            pass  # receive() finds out

    def receive(self, seen):
        """Takes what there is; False when nothing more will come."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        now = time.monotonic()
        self._buffer += data
        while self.waiting and (answer := self._take(self.waiting[0][1].method)):
            number, ask = self.waiting.pop(0)
            seen.append(Seen(number, ask, self._sent, now, *answer))
        if not data:
            self.closed = True
            seen += [Seen(number, ask, self._sent, now, 0, "") for number, ask in self.waiting]
            self.waiting = []
        return bool(self.waiting)

    def _take(self, method):
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        status, reason, length = 0, "", 0
        lines = self._buffer[:end].split(b"\r\n")
        status = int(lines[0][9:12])
        for line in lines[1:]:
            name, _, value = line.partition(b": ")
            name = name.lower()
            if name == b"x-reason":
                reason = value.decode()
            elif name == b"content-length" and method != "HEAD":
                length = int(value)
            elif name == b"connection" and value == b"close":
                self.closed = True
        if len(self._buffer) < end + 4 + length:
            return None
        self._buffer = self._buffer[end + 4 + length :]
        return status, reason
