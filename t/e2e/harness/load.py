"""Many requests at once."""

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass

from .client import Connection, encode_request


@dataclass
class Sample:
    status: int  # 0: no answer
    start: float  # time.monotonic()
    end: float
    error: str = ""
    number: int = 0  # which request it was, as make() was told


class Samples(list):
    @property
    def statuses(self):
        """How often each status came; 0 is no answer at all."""
        return Counter(sample.status for sample in self)

    @property
    def errors(self):
        return [sample.error for sample in self if sample.error]


class Load:
    """Keep-alive connections, each sending one request after the other, in the background.

        with Load(edge.port, connections=20, headers=headers) as load:
            edge.reload()
        assert load.samples.statuses.keys() == {200}

    requests: how many in all; without it, until the block is left. make(n): the (method, target, headers) of the
    n-th. A connection that the server closed between two requests is opened again, as any client does.
    """

    def __init__(self, port, connections=10, requests=None, method="GET", target="/", headers=(), make=None):
        self.samples = Samples()
        self._port = port
        self._make = make or (lambda n: (method, target, headers))
        self._numbers = iter(range(requests)) if requests is not None else itertools.count()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._unbounded = requests is None
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        if self._unbounded:
            self._stop.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a connection of the load hangs"

    def _run(self):
        connection = None
        while not self._stop.is_set():
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                break
            request = self._make(number)
            start = time.monotonic()
            try:
                connection, response = self._send(connection, request)
                sample = Sample(response.status, start, time.monotonic(), number=number)
                if (response.header("Connection") or "").lower() == "close":
                    connection.close()
                    connection = None
            except (OSError, ValueError) as error:
                sample = Sample(0, start, time.monotonic(), repr(error), number)
                connection = None
            self.samples.append(sample)
        if connection is not None:
            connection.close()

    def _send(self, connection, request):
        method, target, headers = request
        if connection is not None:
            before = connection.received
            try:
                return connection, connection.request(method, target, headers)
            except ConnectionError:
                connection.close()
                if connection.received != before:
                    raise
        connection = Connection(self._port)
        return connection, connection.request(method, target, headers)


def load(port, connections=10, requests=1000, **more):
    """Runs a Load of so many requests in all to its end."""
    with Load(port, connections, requests, **more) as run:
        pass
    return run.samples


def burst(port, count, method="GET", target="/", headers=(), timeout=30):
    """count requests on as many connections, whose last bytes are sent together; their responses."""
    request = encode_request(method, target, headers)
    connections = [Connection(port, timeout) for _ in range(count)]
    try:
        for connection in connections:
            connection.send(request[:-1])
        for connection in connections:
            connection.send(request[-1:])
        return [connection.read_response(method) for connection in connections]
    finally:
        for connection in connections:
            connection.close()
