"""An open-loop sender: requests at a rate, whatever the answers do. wrk can't do that: it sends the next one after an answer.

Each answer is timed from when its request was due, not from when it could be sent, so that a stall counts against all who waited in it.
"""

import asyncio
import re
import time
from dataclasses import dataclass


@dataclass
class Answer:
    name: object  # what make() called the request
    status: int  # 0: none came
    due: float  # time.monotonic()
    seconds: float


class Pool:
    """Keep-alive connections to one port, as many as there are requests on their way."""

    def __init__(self, port):
        self._port = port
        self._idle = []

    async def request(self, data):
        """The status of the answer. One that was kept alive may have been closed meanwhile: then once more on a new one."""
        if self._idle:
            try:
                return await self._send(self._idle.pop(), data)
            except (OSError, EOFError):
                pass
        return await self._send(await asyncio.open_connection("127.0.0.1", self._port), data)

    async def _send(self, connection, data):
        reader, writer = connection
        try:
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
            if length:
                await reader.readexactly(int(length[1]))
        except BaseException:
            writer.close()
            raise
        if re.search(rb"\r\nconnection: *close", head, re.I):
            writer.close()
        else:
            self._idle.append(connection)
        return int(head[9:12])

    def close(self):
        for _, writer in self._idle:
            writer.close()


def request_for(path, key):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode()


async def _send_all(port, rate, make, heard):
    pool = Pool(port)
    answers, running = [], set()

    async def one(name, data, due):
        try:
            status = await asyncio.wait_for(pool.request(data), 60)
        except (OSError, EOFError, asyncio.TimeoutError):
            status = 0
        answer = Answer(name, status, due, time.monotonic() - due)
        answers.append(answer)
        if heard:
            heard(answer)

    start, number = time.monotonic(), 0
    while (request := make(start + number / rate)) is not None:
        due = start + number / rate
        number += 1
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        if request is not SKIP:
            task = asyncio.create_task(one(*request, due))
            running.add(task)
            task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    pool.close()
    return answers


SKIP = object()  # what make() answers with when nothing is to be sent this time


def send(port, rate, make, heard=None):
    """`rate` requests a second. make(when): the next one's (name, bytes), SKIP, or None at the end. heard(answer): each, as it comes."""
    return asyncio.run(_send_all(port, rate, make, heard))


def send_each(port, rate, path, keys):
    """One request for each key."""
    rest = iter(keys)
    return send(port, rate, lambda _: next(((key, request_for(path, key)) for key in rest), None))


def percentile(values, percent):
    """The nearest rank; NaN of nothing."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))] if values else float("nan")
