"""A flood of random keys against argon2 records that are known by a plain prefix: what proven clients and memory notice of it."""

import json
import os
import re
from collections import Counter
from pathlib import Path

from harness.hashes import argon2
from lab import PLAN, Site, Spread, Target, find_build
from made_keys import import_keys, make_keys, with_checksum, wrk_script
from proven import BCRYPT_THREADS, PACE_MS, PROVEN, Every, bcrypt_edge, with_proven_clients
from report import Row
from sender import send_each

FLOOD_RATE = 1000  # a second
PREFIXES = 500
PREFIX_LENGTH = 9
MIB = 1 << 20


def resident(pids):
    """What these processes have in memory of their own, in bytes."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        total += int(re.search(r"^RssAnon:\s+(\d+) kB", status, re.M)[1]) * 1024
    return total


class Peak(Every):
    """The most that these processes had at once, looked at often."""

    def __init__(self, pids):
        super().__init__(0.01, self._look)
        self._pids = pids
        self.bytes = 0

    def _look(self):
        self.bytes = max(self.bytes, resident(self._pids))


def records(keys, memory, passes):
    """Argon2 records of which nobody has the key, each under the prefix of one of these; one hash does for all."""
    hash = argon2("a key of nobody", "argon2id", memory, passes)
    return "".join(json.dumps({"hash": hash, "prefix": key[:PREFIX_LENGTH]}) + "\n" for key in keys)


def guesses(keys, count):
    """Well-formed keys that begin like these."""
    length = len(keys[0]) - 6  # without the checksum
    rest = make_keys(count, os.urandom(8).hex())
    return [
        with_checksum(keys[n % len(keys)][:PREFIX_LENGTH] + guess[PREFIX_LENGTH:length]) for n, guess in enumerate(rest)
    ]


def hash_flood(options, tell):
    seconds, rounds = (2, 1) if options.quick else (5, 5)
    memory, passes = (8 * MIB, 1) if options.quick else (64 * MIB, 3)
    with Site(find_build()) as site:
        site.store.kw(*PLAN)
        stored = make_keys(PREFIXES, "stored")
        run = site.store.kw.run("key", "import", "-", input=records(stored, memory, passes), timeout=600)
        assert run.rc == 0, run.stderr
        proven = make_keys(PROVEN, "proven")
        import_keys(site, proven, "bcrypt:4", subject="acme", plan="pro")
        edge = bcrypt_edge(site)
        workers = tuple(edge.workers())
        script = wrk_script(site.folder / "proven.lua", proven, PACE_MS)
        Target(edge.url("/guarded"), workers, {}, PROVEN, script=script).warm(PROVEN)
        count = FLOOD_RATE * seconds
        before, calm_p99s, p99s, answers = resident(workers), [], [], []
        with Peak(workers) as peak:
            for _ in range(rounds):
                # The same number of requests beside, with a key that costs nothing: only the hashes make the difference.
                calm, _ = with_proven_clients(
                    edge, script, seconds, lambda: send_each(edge.port, FLOOD_RATE, "/guarded", proven[:1] * count)
                )
                these = guesses(stored, count)
                run, heard = with_proven_clients(
                    edge, script, seconds, lambda: send_each(edge.port, FLOOD_RATE, "/guarded", these)
                )
                assert not run.other and not run.errors, f"a proven client was refused: {run}"
                calm_p99s.append(calm.p99_ms)
                p99s.append(run.p99_ms)
                answers += heard
    times = Spread.of([p99 / calm for p99, calm in zip(p99s, calm_p99s)])
    bound = before + BCRYPT_THREADS * memory + 16 * MIB  # beside the hashes: requests, queues, heaps
    told = Counter(answer.status for answer in answers)
    met = times.median < 3 and peak.bytes <= bound and set(told) <= {401, 503}
    text = f"{FLOOD_RATE} random keys a second against {PREFIXES} argon2 records of {memory // MIB} MiB, {BCRYPT_THREADS} threads"
    statuses = ", ".join(f"{status}: {number}" for status, number in sorted(told.items()))
    result = (
        f"p99 of proven clients {times.text('.2f')} times their undisturbed {Spread.of(calm_p99s).text('.2f')} ms; random keys: {statuses}; "
        f"memory of the worker {before / MIB:.0f} MiB, {peak.bytes / MIB:.0f} at most"
    )
    figures = {
        "p99_ms": p99s,
        "calm_p99_ms": calm_p99s,
        "statuses": told,
        "memory_before": before,
        "memory_peak": peak.bytes,
        "memory_bound": bound,
    }
    return [Row("hash_flood", text, (result,), f"p99 below 3 times, memory below {bound / MIB:.0f} MiB", met, figures)]
