"""What all measurements share: servers on one processor, wrk on the other, and medians of ratios taken in turn.

The machine may flip between a fast and a slow state, so a figure is never taken alone: every run of a case stands between two
runs of its baseline in the same process, and what is told is the median over the rounds of case / mean(before, after).
"""

import os
import re
import socket
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "t" / "e2e"))

from harness.build import Build  # noqa: E402
from harness.edge import Ports  # noqa: E402, F401
from harness.site import Site  # noqa: E402, F401
from harness.wait import until  # noqa: E402

SERVER_CPU, CLIENT_CPU = 0, 1
# Nothing in it that a request would wait for.
QUIET = "access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; sendfile on; tcp_nodelay on;"


def find_build():
    return Build(os.environ.get("KEYWARD_BUILD", PROJECT / "build"), os.environ.get("NGINX", "nginx"))


def pin(pid, cpu):
    """All threads of a process to one processor, and what it starts."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {cpu})


def until_open(port):
    def is_open():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(is_open, 20, f"port {port} to open")


def cpu_ns(*pids):
    """CPU time that these processes have used, all threads, in nanoseconds."""
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
    return total


@dataclass
class Run:
    requests: int
    rps: float
    other: int  # answers that are neither 2xx nor 3xx
    errors: int  # of the connection
    p50_ms: float
    p99_ms: float
    cpu_us: float = 0.0  # of the server, for each request


def wrk(url, headers=None, seconds=2, connections=16, script=None, cpu=CLIENT_CPU):
    command = ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    if script:
        command += ["-s", str(script)]
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    return parse_wrk(text)


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def parse_wrk(text):
    def number(pattern, default=0.0):
        found = re.search(pattern, text)
        return float(found[1]) if found else default

    def latency(percent):
        found = re.search(rf"^\s+{percent}%\s+(\S+)", text, re.M)
        return _milliseconds(found[1]) if found else float("nan")

    socket_errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return Run(
        requests=int(number(r"(\d+) requests in")),
        rps=number(r"Requests/sec:\s+([\d.]+)"),
        other=int(number(r"Non-2xx or 3xx responses: (\d+)")),
        errors=sum(map(int, socket_errors.groups())) if socket_errors else 0,
        p50_ms=latency(50),
        p99_ms=latency(99),
    )


@dataclass
class Target:
    """A URL to load, and the processes whose time it takes."""

    url: str
    pids: tuple
    headers: dict
    connections: int = 16
    status_ok: bool = True  # whether every answer has to be 2xx

    def run(self, seconds):
        before = cpu_ns(*self.pids)
        run = wrk(self.url, self.headers, seconds, self.connections)
        assert run.requests > 0 and not run.errors, f"{self.url}: {run}"
        assert not (self.status_ok and run.other), f"{self.url}: {run.other} answers that are not 2xx"
        run.cpu_us = (cpu_ns(*self.pids) - before) / run.requests / 1000
        return run


@dataclass
class Comparison:
    """One case against its baseline: medians over the rounds, and how far the rounds lay apart."""

    ratio: float  # throughput, of the baseline's
    ratio_low: float
    ratio_high: float
    cpu_added_us: float
    cpu_added_low: float
    cpu_added_high: float
    cpu_base_us: float
    rps: float
    base_rps: float
    p99_ms: float
    base_p99_ms: float

    def line(self):
        return (
            f"{self.ratio:.3f} ({self.ratio_low:.3f} to {self.ratio_high:.3f}) of bare, "
            f"{self.cpu_added_us:+.2f} µs ({self.cpu_added_low:+.2f} to {self.cpu_added_high:+.2f}) on {self.cpu_base_us:.2f} µs, "
            f"p99 {self.p99_ms:.2f} ms ({self.base_p99_ms:.2f} ms)"
        )

    def as_dict(self):
        return {name: round(value, 4) for name, value in vars(self).items()}


def compare(case, base, rounds=7, seconds=2):
    """base, case, base, case, … base."""
    bases, cases = [base.run(seconds)], []
    for _ in range(rounds):
        cases.append(case.run(seconds))
        bases.append(base.run(seconds))
    around = list(zip(bases, bases[1:]))
    ratios = sorted(case.rps / ((a.rps + b.rps) / 2) for case, (a, b) in zip(cases, around))
    added = sorted(case.cpu_us - (a.cpu_us + b.cpu_us) / 2 for case, (a, b) in zip(cases, around))
    median = statistics.median
    return Comparison(
        ratio=median(ratios),
        ratio_low=ratios[0],
        ratio_high=ratios[-1],
        cpu_added_us=median(added),
        cpu_added_low=added[0],
        cpu_added_high=added[-1],
        cpu_base_us=median(run.cpu_us for run in bases),
        rps=median(run.rps for run in cases),
        base_rps=median(run.rps for run in bases),
        p99_ms=median(run.p99_ms for run in cases),
        base_p99_ms=median(run.p99_ms for run in bases),
    )
