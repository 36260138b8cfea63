"""The backend: a thread that answers every request with `ok`, or leads on to another location, and notes the request's number, when
it came and for whom it says it is."""

import asyncio
import threading
import time
from collections import defaultdict

from harness.wait import until

from .asks import API_KEY, BASICS, BEARER, COOKIE, SCHEME, SERVICE_KEY
from .check import Reached
from .locations import FRIEND, HELD
from .principals import identity_of

OK = b"HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\n%sContent-Length: 2\r\n\r\n"
FIELDS = [
    b"x-keyward-key-id",
    b"x-keyward-subject",
    b"x-keyward-plan",
    b"x-keyward-kind",
    b"x-keyward-issuer",
    b"x-keyward-scopes",
]


class Recorder:
    def __init__(self):
        self.reached = defaultdict(list)  # by the request's number
        self.open = 0  # connections
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def drained(self, timeout):
        """Once nginx is gone: waits until all that it sent has been read."""
        until(lambda: self.open == 0, timeout, "the end of the backend's connections")

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: Exchange(self), "127.0.0.1", 0, backlog=1024)
        )
        self.url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.close()

    def note(self, head):
        """Answers with the head of the answer, and how long the request is served."""
        line, *lines = head.split(b"\r\n")
        path = line.split(b" ")[1].decode()
        fields = {}
        for one in lines:
            name, _, value = one.partition(b":")
            fields.setdefault(name.lower(), []).append(value.strip())

        def value(name):
            return b",".join(fields.get(name, ())).decode("latin-1")

        *who, scopes, decision, jti, tenant, user = value(b"x-seen").split("|")
        names = (identity_of(*who, scopes), decision, jti, tenant)
        left = frozenset(source for source, there in SOURCES.items() if there(value))
        number, at, hold_s = int(fields[b"x-number"][0]), time.monotonic(), 0
        if path in HELD:  # places are held meanwhile
            hold_s = 0.03 if value(b"x-from") == FRIEND else number * 7919 % 17 / 1000
        reached = Reached(at, path, identity_of(*map(value, FIELDS)), names, user, left, value(b"cookie"), at + hold_s)
        self.reached[number].append(reached)
        if path.startswith("/accel"):
            return OK % b"X-Accel-Redirect: %s\r\n" % path.removeprefix("/accel").encode(), hold_s
        return (MISSING if path == "/missing" else OK) % b"", hold_s


# Where a credential is, or a user of Basic.
SOURCES = {
    API_KEY: lambda value: value(b"x-api-key"),
    SERVICE_KEY: lambda value: value(b"x-service-key"),
    COOKIE: lambda value: "session=" in value(b"cookie"),
    **{half: lambda value: value(b"authorization").startswith("Basic ") for half in BASICS},
    SCHEME: lambda value: value(b"authorization").lower().startswith("apikey "),
    BEARER: lambda value: value(b"authorization").lower().startswith("bearer "),
}


class Exchange(asyncio.Protocol):
    def __init__(self, recorder):
        self._recorder, self._buffer = recorder, b""

    def connection_made(self, transport):
        self._transport = transport
        self._recorder.open += 1

    def connection_lost(self, error):
        self._recorder.open -= 1

    def data_received(self, data):
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for head in heads:
            answer, hold_s = self._recorder.note(head)
            answer = answer if head.startswith(b"HEAD") else answer + b"ok"
            if hold_s:
                asyncio.get_running_loop().call_later(hold_s, self._transport.write, answer)
            else:
                self._transport.write(answer)
