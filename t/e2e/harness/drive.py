"""Pipelined requests, requests to one worker, and what processes cost."""

import contextlib
import os
import re
import select
import signal
import subprocess
from collections import Counter
from pathlib import Path

from .client import Connection, encode_request

# In a server: a port on which the kernel spreads connections over the workers, and who answered with which reason.
TELL = """
listen 127.0.0.1:@PORT_EACH@ reuseport;
add_header X-Worker $pid always;
add_header X-Reason $keyward_reason always;
"""


@contextlib.contextmanager
def limited(pid, name, value):
    """A process that gets no more than this of what prlimit calls so; then as much as before."""
    uid, gid = (
        int(re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])
        for name in ("Uid", "Gid")
    )
    as_its_user = {"user": uid, "group": gid, "extra_groups": []} if os.geteuid() != uid else {}

    def prlimit(soft):
        subprocess.run(["prlimit", "--pid", str(pid), f"--{name}={soft}:"], check=True, **as_its_user)

    before = subprocess.run(
        ["prlimit", "--pid", str(pid), f"--{name}", "--noheadings", "--raw", "--output=SOFT"],
        check=True,
        capture_output=True,
        text=True,
        **as_its_user,
    )
    prlimit(value)
    try:
        yield
    finally:
        prlimit(before.stdout.strip())


def each_port(edge):
    return int(edge.value("PORT_EACH"))


def at(*pairs):
    """Locations that cost next to nothing: at(("/a", "keyward_limit 3r/m;"))."""
    return "\n".join(f"location {path} {{ {directives} empty_gif; }}" for path, directives in pairs)


def ask(edge, headers, target="/", count=1, method="GET"):
    """The statuses of so many requests, one after the other on one connection."""
    with edge.connect() as connection:
        return [connection.request(method, target, headers).status for _ in range(count)]


def volley(port, connections=10, each=10, target="/", headers=(), make=None, timeout=60):
    """connections * each GET requests: all are sent before the first answer is read. The answers, by connection.

    make(n): the (target, headers) of the n-th.
    """
    make = make or (lambda n: (target, headers))
    opened = [Connection(port, timeout) for _ in range(connections)]
    try:
        for i, connection in enumerate(opened):
            numbers = range(i * each, (i + 1) * each)
            connection.send(b"".join(encode_request("GET", *make(n)) for n in numbers))
        return [connection.read_response() for connection in opened for _ in range(each)]
    finally:
        for connection in opened:
            connection.close()


def statuses(responses):
    return Counter(response.status for response in responses)


def connection_to_each_worker(edge, headers=()):
    """{pid: a keep-alive connection}: needs TELL, and a request for / that costs nothing (404 will do)."""
    found = {}
    for _ in range(500):
        connection = Connection(each_port(edge), 60)
        pid = int(connection.request(headers=headers).header("X-Worker"))
        if pid in found:
            connection.close()
        found.setdefault(pid, connection)
        if set(found) == set(edge.workers()):
            return found
    raise AssertionError(f"only {set(found)} of {edge.workers()} answered")


def has_answer(connection):
    """Whether anything (an answer, or the end) can be read, without waiting."""
    return bool(select.select([connection.socket], [], [], 0)[0])


@contextlib.contextmanager
def frozen(*pids):
    """Processes that stand still, so that what happens meanwhile happens in the midst of what they do, however slow the machine is."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def cpu_seconds(*pids):
    """User and system time of these processes, all threads."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def private_kib(pid):
    """Resident memory that isn't shared and isn't a file's."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
