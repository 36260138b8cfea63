"""The store is compacted and restored, and keys are rotated, under load: nobody who may pass is refused, and
nobody who was revoked passes."""

import contextlib
import random
import subprocess
import threading
import time

import pytest
from harness.drive import TELL, connection_to_each_worker, each_port
from harness.load import Load
from harness.wait import until

SERVER = f"{TELL} keyward on; keepalive_requests 1000000; location / {{ empty_gif; }}"


class Mover:
    """Compacts, or restores a backup, again and again. kill: some of the processes, at a random moment."""

    def __init__(self, build, store, arguments, kill=False):
        self.done = self.killed = 0
        self.failures = []
        self._command = [build.command, *(str(argument) for argument in arguments)]
        self._environment = build.environment(KEYWARD_STORE=store.path)
        self._kill = kill
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        dice = random.Random(3)
        while not self._stop.is_set():
            process = subprocess.Popen(
                self._command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=self._environment
            )
            if self._kill:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(dice.uniform(0, 0.05))
                process.kill()
            _, error = process.communicate(timeout=60)
            if process.returncode == 0:
                self.done += 1
            elif self._kill:
                self.killed += 1
            else:
                self.failures.append(error)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)
        assert not self.failures, self.failures[0]


@pytest.fixture
def moves(kw, folder):
    """The arguments of a command that moves the store. Both find all keys that are there by now."""

    def arguments(what):
        if what == "compact":
            return ["store", "compact"]
        kw("store", "backup", folder / "backup")
        return ["store", "restore", folder / "backup"]

    return arguments


@pytest.mark.load
@pytest.mark.parametrize("kill", [False, True], ids=["", "killed"])
@pytest.mark.parametrize("what", ["compact", "restore"])
def test_none_passes_after_its_revocation_while_the_store_moves(what, kill, edge, store, kw, build, moves):
    keys = [store.key(verifier="sha256", subject=f"subject{n}") for n in range(12)]
    arguments = moves(what)
    e = edge(server=SERVER, workers=2)
    moments = {}
    with Mover(build, store, arguments, kill) as mover:
        with Load(
            each_port(e), connections=20, make=lambda n: ("GET", f"/{n % 12}", {"X-API-Key": keys[n % 12]["key"]})
        ) as load:
            until(
                lambda: mover.done + mover.killed > 0 and len(load.samples) > 200,
                60,
                "the first move, and requests for each key",
            )
            for n in range(8):
                before, seen = mover.done + mover.killed, len(load.samples)
                if n % 4 == 3:
                    kw("subject", "set", keys[n]["subject"], "--state", "blocked")
                else:
                    kw("key", "revoke" if n % 2 else "suspend", keys[n]["id"])
                moments[n] = time.monotonic()
                until(
                    lambda: mover.done + mover.killed > before + 2 and len(load.samples) > seen + 200,
                    60,
                    "moves and requests",
                )
    assert mover.done + mover.killed > 16 and (mover.killed > 0) == kill
    for n in range(12):
        samples = [sample for sample in load.samples if sample.number % 12 == n]
        if n in moments:
            late = [sample for sample in samples if sample.status == 200 and sample.start >= moments[n]]
            assert (
                not late
            ), f"key {n}: {len(late)}, the last one began {late[-1].start - moments[n]:.4f} s after the command's end"
            assert {sample.status for sample in samples} == {200, 403 if n % 4 == 3 else 401}
        else:  # none but those is ever refused
            assert {sample.status for sample in samples} == {200}
    states = {key["id"]: key["state"] for key in kw("key", "list")}
    assert [states[keys[n]["id"]] for n in range(8)] == ["suspended", "revoked", "suspended", "active"] * 2
    assert kw("store", "check")["ok"]


@pytest.mark.parametrize("what", ["compact", "restore"])
def test_each_worker_moves_with_its_very_next_request(what, edge, store, kw, moves):
    key = store.key(verifier="sha256")
    arguments = moves(what)
    e = edge(server=SERVER, workers=2)
    connections = connection_to_each_worker(e)
    for _ in range(5):
        for connection in connections.values():
            assert [connection.request(headers={"X-API-Key": key["key"]}).status for _ in range(2)] == [200, 200]
        late = store.key(verifier="sha256")
        kw(*arguments)
        # A restore has undone the second one: a worker that still had the old store would let it in.
        for connection in connections.values():
            assert connection.request(headers={"X-API-Key": late["key"]}).status == (200 if what == "compact" else 401)
            assert connection.request(headers={"X-API-Key": key["key"]}).status == 200
    for connection in connections.values():
        connection.close()


@pytest.mark.load
def test_use_counts_outlive_moves(edge, store, kw, build, moves):
    keys = [store.key(verifier="sha256") for _ in range(3)]
    e = edge(server=SERVER, workers=2)
    with Mover(build, store, moves("compact")) as mover:
        with Load(each_port(e), connections=6, make=lambda n: ("GET", "/", {"X-API-Key": keys[n % 3]["key"]})) as load:
            until(lambda: mover.done > 10 and len(load.samples) > 2000, 60, "moves and requests")
    assert set(load.samples.statuses) == {200}

    def counted():
        return sum(key["uses"] for key in kw("key", "list"))

    until(lambda: counted() == len(load.samples), 15, "all uses to be stored")


@pytest.mark.load
def test_a_backup_under_load_refuses_nobody_and_holds_nobody_up(edge, store, kw, build, folder):
    key = store.key(verifier="sha256")
    e = edge(server=SERVER, workers=2)
    with Load(each_port(e), connections=10, headers={"X-API-Key": key["key"]}) as load:
        for n in range(10):
            kw("store", "backup", folder / f"backup{n}")
            kw("plan", "set", f"plan{n}")
    assert set(load.samples.statuses) == {200}
    assert kw("--store", folder / "backup9", "store", "check")["plans"] == 9


@pytest.mark.load
def test_a_rotation_under_load_refuses_neither_key(edge, store, kw):
    first = store.key(verifier="sha256")
    e = edge(server=SERVER, workers=2)
    keys = [first]
    with Load(
        each_port(e), connections=20, make=lambda n: ("GET", "/", {"X-API-Key": keys[n % len(keys)]["key"]})
    ) as load:
        for _ in range(5):
            keys.append(kw("key", "rotate", keys[-1]["id"]))
            seen = len(load.samples)
            until(lambda: len(load.samples) > seen + 200, 60, "requests")
    assert set(load.samples.statuses) == {200}


@pytest.mark.load
def test_the_overlap_ends_by_itself(edge, store, kw):
    """Both workers remember the old key; nothing is written at the end of its overlap."""
    old = store.key(verifier="sha256")
    e = edge(server=SERVER, workers=2)
    new = kw("key", "rotate", old["id"], "--overlap", "3s")
    wall = time.time() - time.monotonic()
    end = time.mktime(time.strptime(new["overlap_until"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone - wall
    with Load(
        each_port(e), connections=20, make=lambda n: ("GET", "/", {"X-API-Key": (old, new)[n % 2]["key"]})
    ) as load:
        until(lambda: time.monotonic() > end + 1.5, 20, "the overlap's end")
    olds = [sample for sample in load.samples if sample.number % 2 == 0]
    assert {sample.status for sample in load.samples if sample.number % 2 == 1} == {200}
    assert {sample.status for sample in olds if sample.end < end - 0.2} == {200}
    assert {sample.status for sample in olds if sample.start > end + 0.2} == {401}
    assert e.get(headers={"X-API-Key": old["key"]}).header("X-Reason") == "expired_key"


def test_a_successor_counts_in_the_same_windows(edge, store, kw):
    old = store.key(verifier="sha256", limit="10r/h")
    e = edge(server="keyward on; keyward_limit plan; location / { empty_gif; }")
    assert [e.get(headers={"X-API-Key": old["key"]}).status for _ in range(4)] == [200] * 4
    new = kw("key", "rotate", old["id"])
    assert [e.get(headers={"X-API-Key": new["key"]}).status for _ in range(3)] == [200] * 3
    newer = kw("key", "rotate", new["id"])
    statuses = [e.get(headers={"X-API-Key": key["key"]}).status for key in (newer, new, old, newer, new, old)]
    assert statuses == [200, 200, 200, 429, 429, 429]
