"""Sends volleys: pipelined requests on several connections, and what came back of them."""

import random
import select
import socket
import time
from base64 import b64encode

from harness.client import encode_request

from .asks import BASIC, BASICS, FOREIGN_TEXT, PASSWORD, basic_user, credentials
from .check import OTHER_COOKIES, Seen


class Unknown(dict):
    """By name."""

    def __init__(self, make):
        self._make = make

    def __missing__(self, name):
        self[name] = self._make()
        return self[name]


class Driver:
    """connections: kept over volleys, but for some that are closed at random.

    secrets: a function from a key's or token's name in the journal to what a client sends. unknown: makes a key of the right form that
    nobody has. passwords: of Basic, {"good": ..., "bad": ...}.
    """

    def __init__(self, port, secrets, unknown, passwords, timeout):
        self._port, self._secrets, self._passwords, self._timeout = port, secrets, passwords, timeout
        self._unknown = Unknown(unknown)
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
            mine = asks[i::connections]
            numbers = range(self._number, self._number + len(mine))
            self._number += len(mine)
            lane.send(list(zip(numbers, mine)), self._encode)
        waiting = {lane.socket: lane for lane in lanes if lane.waiting}
        while waiting:
            ready = select.select(list(waiting), [], [], self._timeout)[0]
            assert ready, f"no answer in {self._timeout} s to {[lane.waiting[0][1] for lane in waiting.values()]}"
            for one in ready:
                lane = waiting[one]
                if lane.receive(self.seen):
                    continue
                del waiting[one]
                if lane.waiting:  # nginx ends a connection after its 400: what came behind that was never looked at
                    i = lanes.index(lane)
                    lane.socket.close()
                    del self._connections[i]
                    lanes[i] = Lane(self._connection(i, False))
                    lanes[i].send(lane.waiting, self._encode)
                    waiting[lanes[i].socket] = lanes[i]
        for i, lane in enumerate(lanes):
            if lane.closed:
                lane.socket.close()
                del self._connections[i]
        return self.seen[first:]

    def _connection(self, i, fresh):
        old = self._connections.get(i)
        if old is not None and (
            fresh or select.select([old], [], [], 0)[0]
        ):  # readable while idle: nginx has closed it
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
        texts = {}
        found = credentials(ask)
        for source, credential in found.items():
            if credential not in texts:
                texts[credential] = self._text(credential)
            if source not in BASICS:
                headers.append(field(source, texts[credential], number))
        if site := {"page": "same-origin", "foreign-page": "cross-site"}.get(ask.kind):
            headers.append(("Sec-Fetch-Site", site))
        if user := basic_user(ask):
            headers.append(basic(user, self._passwords[ask.basic]))
        elif BASIC in found:
            headers.append(basic(texts[found[BASIC]], texts[found[PASSWORD]]))
        body = "" if ask.method in ("POST", "PUT") else None
        return encode_request(ask.method, ask.location, headers, body)

    def _text(self, credential):
        """What a client sends. A key or token that was never made is one that nobody has."""
        what, name = credential
        secret = (self._secrets(name) if name else None) or self._unknown[name]
        match what:
            case "malformed":
                at = -9 if "." in secret else -1  # a token's last character has bits that aren't the signature's
                return f"{secret[:at]}{'a' if secret[at] != 'a' else 'b'}{secret[at:][1:]}"
            case "foreign":
                return FOREIGN_TEXT
            case "token":
                return "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.YQ"
            case "strange":
                return f"{secret}x"
        return secret


def field(source, text, number):
    match source:
        case "bearer":
            return "Authorization", f"{('Bearer ', 'bEarer  ')[number % 2]}{text}"
        case "scheme":
            return "Authorization", f"{('ApiKey ', 'apikey  ')[number % 2]}{text}"
        case "cookie":
            return cookie(text)
    return source, text


def basic(user, password):
    return "Authorization", f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def cookie(secret):
    first, second = OTHER_COOKIES.split("; ")
    return "Cookie", f"{first}; session={secret}; {second}"


class Lane:
    """One connection's share of a volley."""

    def __init__(self, connection):
        self.socket, self.waiting, self.closed = connection, [], False
        self.refused = False  # with 400
        self._buffer, self._sent = b"", 0.0

    def send(self, waiting, encode):
        """waiting: (number, ask)s."""
        self.waiting = waiting
        self._sent = time.monotonic()  # before encode() looks at what keys there are
        try:
            self.socket.sendall(b"".join(encode(number, ask) for number, ask in waiting))
        except ConnectionError:
            pass  # receive() finds out

    def receive(self, seen):
        """Takes what there is; False when nothing more will come. What is waiting then has to be sent anew."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        now = time.monotonic()
        self._buffer += data
        while self.waiting and not self.refused and (answer := self._take(self.waiting[0][1].method)):
            number, ask = self.waiting.pop(0)
            seen.append(Seen(number, ask, self._sent, now, *answer))
            self.refused = self.closed and answer[0] == 400
        if self.refused:
            return False
        if not data:
            self.closed = True
            seen += [Seen(number, ask, self._sent, now, 0, "") for number, ask in self.waiting]
            self.waiting = []
        return bool(self.waiting)

    def _take(self, method):
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        reason, named, length = "", "", 0
        lines = self._buffer[:end].split(b"\r\n")
        status = int(lines[0][9:12])
        for line in lines[1:]:
            name, _, value = line.partition(b": ")
            name = name.lower()
            if name == b"x-reason":
                reason, _, named = value.decode().partition(" ")
            elif name == b"content-length" and method != "HEAD":
                length = int(value)
            elif name == b"connection" and value == b"close":
                self.closed = True
        if len(self._buffer) < end + 4 + length:
            return None
        self._buffer = self._buffer[end + 4 + length :]
        return status, reason, named
