"""An upstream HTTP/1 server in a thread: records every request and answers with its echo, or as it was told."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass

from .client import pairs, parse_fields, raw
from .wait import until

GATE_SECONDS = 60  # the longest that a gated answer waits


@dataclass
class Request:
    method: str
    target: str  # as it came, with its arguments
    headers: list  # (name, value) as they came
    body: bytes
    at: float  # time.monotonic() when it was complete

    @property
    def path(self):
        return self.target.split("?", 1)[0]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


def echo(request):
    body = {
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "body": request.body.decode("latin-1"),
    }
    return 200, {"Content-Type": "application/json"}, json.dumps(body)


class Backend:
    def __init__(self):
        self.requests = []
        self._routes = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        self.url = f"http://127.0.0.1:{self.port}"

    def on(self, path, status=200, headers=(), body=b"", gate=None, answer=None, raw_bytes=None):
        """What to answer to requests for path (without arguments; "*" is any other).

        gate: a threading.Event that the answer waits for. answer: a function from the Request to (status,
        headers, body), called in the backend's thread. raw_bytes: sent as they are, then the connection is closed.
        After a 101 the connection echoes.
        """
        self._routes[path] = (gate, answer or (lambda request: (status, headers, body)), raw_bytes)

    def count(self, path=None):
        return sum(path in (None, request.path) for request in list(self.requests))

    @property
    def last(self):
        return self.requests[-1]

    def wait_requests(self, count, path=None, timeout=10):
        until(lambda: self.count(path) >= count, timeout, f"{count} requests at the backend, {self.count(path)} came")

    def clear(self):
        self.requests.clear()

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=1 << 20, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader, writer):
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, version = head[0].split(" ")
        headers = parse_fields(head[1:])
        lower = {name.lower(): value.lower() for name, value in headers}
        if "chunked" in lower.get("transfer-encoding", ""):
            body = await self._chunks(reader)
        else:
            body = await reader.readexactly(int(lower.get("content-length", 0)))
        request = Request(method, target, headers, body, time.monotonic())
        self.requests.append(request)

        gate, answer, raw_bytes = self._routes.get(request.path) or self._routes.get("*") or (None, echo, None)
        deadline = time.monotonic() + GATE_SECONDS
        while gate is not None and not gate.is_set() and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        if raw_bytes is not None:
            writer.write(raw_bytes)
            await writer.drain()
            return False

        status, fields, body = answer(request)
        keep = "close" not in lower.get("connection", "") and (version == "HTTP/1.1" or "connection" in lower)
        writer.write(self._encode(status, pairs(fields), raw(body), method, keep))
        await writer.drain()
        while status == 101 and (data := await reader.read(65536)):
            writer.write(data)
        return keep and status != 101

    @staticmethod
    def _encode(status, fields, body, method, keep):
        names = {name.lower() for name, _ in fields}
        if status >= 200 and status != 204 and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        if not keep and status != 101:
            fields.append(("Connection", "close"))
        head = b"".join(raw(name) + b": " + raw(value) + b"\r\n" for name, value in fields)
        return b"HTTP/1.1 %d Programmed\r\n" % status + head + b"\r\n" + (b"" if method == "HEAD" else body)

    @staticmethod
    async def _chunks(reader):
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass
        return body
