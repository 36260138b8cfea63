"""What all measurements share: servers on one processor, wrk on the other, and medians of ratios taken in turn.

The machine may flip between a fast and a slow state, so a figure is never taken alone: every run of a case stands between two
runs of its baseline, and what is told is the median over the rounds of case / mean(before, after).
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
from harness.wait import until  # noqa: E402, F401

# Taken out, as nginx reads a variable of that name itself: as the sockets that it inherits.
NGINX = os.environ.pop("NGINX", "nginx")
CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, CLIENT_CPU = CPUS[0], CPUS[-1]
# Nothing in it that a request would wait for.
QUIET = "access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; sendfile on; tcp_nodelay on;"


# What a request to /guarded pays for: a remembered bcrypt key, a scope, a plan's limit, identity, limit fields.
GUARDED = """
    location = /off     { keyward off; empty_gif; }
    location = /guarded { keyward on; keyward_scope posts:read; keyward_limit plan; empty_gif; }
"""
PLAN = ("plan", "set", "pro", "--scope", "posts:read", "--scope", "posts:write", "--limit", "100000000r/h")

# A round counts as one of the fast state where its baseline took at most so much more than the fastest baseline of the case.
FAST = 1.15
# A worker that idles more than this waits for wrk: then throughput says too little, and CPU time alone is to be believed.
BUSY = 0.95


def find_build():
    return Build(os.environ.get("KEYWARD_BUILD", PROJECT / "build"), NGINX)


def pin(pid, cpu):
    """All threads of a process to one processor, and what it starts."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {cpu})


def start_edge(site, cpus=(SERVER_CPU,), **pieces):
    """An nginx whose workers are pinned to these processors in turn, in a site of its own; quiet."""
    edge = site.start(log_level="error", workers=len(cpus), **{**pieces, "http": f"{QUIET}\n{pieces.get('http', '')}"})
    for worker, cpu in zip(edge.workers(), cpus):
        pin(worker, cpu)
    return edge


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
    busy: float = 0.0  # how much of the time the server ran: 1 is one processor


def wrk(url, headers=None, seconds=2, connections=16, script=None, cpu=CLIENT_CPU):
    """script: a Lua file, which may replace the requests."""
    command = [
        "taskset",
        "-c",
        str(cpu),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        "--timeout",
        "30s",
    ]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    if script:
        command += ["-s", str(script)]
    done = subprocess.run([*command, url], capture_output=True, text=True)
    assert done.returncode == 0, f"wrk ended with {done.returncode}: {done.stderr}"
    return parse_wrk(done.stdout)


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 3.6e6}[unit]


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
    script: Path = None

    def warm(self, requests=1):
        """Until nobody is refused any more and, where a script sends many keys in turn, one run has come to the end of them."""
        for seconds in (1, 1, 2, 4, 8, 16, 32, 64, 128):
            run = wrk(self.url, self.headers, seconds, self.connections, self.script)
            if run.other == 0 and not run.errors and run.requests >= requests:
                return
        raise AssertionError(f"{self.url} isn't warm after minutes: {run}")

    def run(self, seconds):
        before = cpu_ns(*self.pids)
        run = wrk(self.url, self.headers, seconds, self.connections, self.script)
        assert run.requests > 0 and not run.errors, f"{self.url}: {run}"
        assert not (self.status_ok and run.other), f"{self.url}: {run.other} answers that are not 2xx"
        used_ns = cpu_ns(*self.pids) - before
        run.cpu_us = used_ns / run.requests / 1000
        run.busy = used_ns * 1e-9 * run.rps / run.requests
        return run


@dataclass
class Spread:
    """A figure over the rounds: its median, and the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        return cls(statistics.median(values), min(values), max(values))

    def text(self, form=".3f"):
        return f"{self.median:{form}} ({self.low:{form}} to {self.high:{form}})"


@dataclass
class Comparison:
    """One case against its baseline."""

    ratio: Spread  # throughput, of the baseline's
    cpu_ratio: Spread  # CPU time of a request, of the baseline's
    cpu_added_us: Spread
    fast_added_us: float  # the median over the rounds in the machine's fast state
    base_cpu_us: float
    rps: float
    base_rps: float
    p99_ms: float
    base_p99_ms: float
    busy: float  # how much of its processor the server used under the baseline: where it is little, wrk was what limited both

    @property
    def saturated(self):
        """Whether the server was what limited throughput, so that the ratio says what it seems to say."""
        return self.busy >= BUSY

    def line(self):
        return (
            f"{self.ratio.text()} of bare, {self.cpu_added_us.text('+.2f')} µs on {self.base_cpu_us:.2f} µs, "
            f"p99 {self.p99_ms:.2f} ms ({self.base_p99_ms:.2f} ms)"
        )

    def as_dict(self):
        return {
            name: {k: round(v, 4) for k, v in vars(value).items()} if isinstance(value, Spread) else round(value, 4)
            for name, value in vars(self).items()
        }


def compare(case, base, rounds=7, seconds=2):
    """base, case, base, case, … base."""
    bases, cases = [base.run(seconds)], []
    for _ in range(rounds):
        cases.append(case.run(seconds))
        bases.append(base.run(seconds))
    return comparison(cases, bases)


def comparison(cases, bases):
    """From the runs of a case and those of its baseline, of which there is one more."""
    around = [((a.rps + b.rps) / 2, (a.cpu_us + b.cpu_us) / 2) for a, b in zip(bases, bases[1:])]
    added = [case.cpu_us - cpu_us for case, (_, cpu_us) in zip(cases, around)]
    fastest_us = min(cpu_us for _, cpu_us in around)
    median = statistics.median
    return Comparison(
        ratio=Spread.of([case.rps / rps for case, (rps, _) in zip(cases, around)]),
        cpu_ratio=Spread.of(
            [case.cpu_us / cpu_us if cpu_us else float("nan") for case, (_, cpu_us) in zip(cases, around)]
        ),
        cpu_added_us=Spread.of(added),
        fast_added_us=median(a for a, (_, cpu_us) in zip(added, around) if cpu_us <= FAST * fastest_us),
        base_cpu_us=median(run.cpu_us for run in bases),
        rps=median(run.rps for run in cases),
        base_rps=median(run.rps for run in bases),
        p99_ms=median(run.p99_ms for run in cases),
        base_p99_ms=median(run.p99_ms for run in bases),
        busy=median(run.busy for run in bases),
    )
