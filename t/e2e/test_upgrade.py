"""nginx replaced by another one while it serves (USR2): nobody is dropped, and each of the two decides right."""

import os
import signal
import subprocess
import threading
import time
from collections import Counter

import pytest
from harness.client import encode_request
from harness.issuer import Issuer
from harness.load import Load, burst
from harness.tokens import flipped
from harness.wait import until

pytestmark = pytest.mark.load

SERVER = "keyward on; add_header X-Worker $pid always; location / { empty_gif; } location /limit { keyward_limit 3r/d; empty_gif; }"


class Upgradable:
    """The nginx of an edge as a daemon: one that has been started by somebody who still runs takes no USR2."""

    def __init__(self, edge, build):
        self.edge = edge
        self._build = build
        self._pids = edge.prefix / "nginx.pid"
        edge.stop()
        conf = edge.prefix / "nginx.conf"
        # What one nginx hands the next of its environment is what it is told to: the sanitizers' runtimes and options.
        kept = "env LD_PRELOAD; env ASAN_OPTIONS; env LSAN_OPTIONS; env UBSAN_OPTIONS;" if build.sanitized else ""
        conf.write_text(conf.read_text().replace("daemon off;", f"daemon on; {kept}"))
        command = ["env", *build.preload(), build.nginx, "-p", f"{edge.prefix}/", "-c", conf]
        with open(edge.prefix / "stderr.log", "ab") as stderr:
            environment = build.environment(edge.prefix / "sanitizer" / "report")
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, check=True)
        self.master = until(self.pid, 10, "the pid file")
        until(lambda: len(workers(self.master)) == 2, 10 * build.patience, "workers")

    def pid(self):
        """Of the master that the pid file names."""
        try:
            return int(self._pids.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def replace(self):
        """Starts another one beside it: the new master's pid."""
        old = self.pid()
        os.kill(old, signal.SIGUSR2)
        new = until(lambda: self.pid() not in (None, old) and self.pid(), 10 * self._build.patience, "the new master")
        until(lambda: len(workers(new)) == 2, 10 * self._build.patience, "its workers")
        return new

    def signal(self, pid, number, ends=True):
        os.kill(pid, number)
        if ends:
            until(lambda: not is_alive(pid), 10 * self._build.patience, f"the end of {pid}")

    def close(self):
        for path in (self._pids, self._pids.with_name("nginx.pid.oldbin")):
            if path.exists():
                self.signal(int(path.read_text()), signal.SIGTERM)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def workers(master):
    """The pids of a master's workers that serve."""
    found = []
    for pid in subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True).stdout.split():
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                title = file.read().strip("\0 ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if title == "nginx: worker process":
            found.append(int(pid))
    return found


@pytest.fixture
def upgradable(edge, build):
    started = []

    def start(**pieces):
        started.append(Upgradable(edge(workers=2, **pieces), build))
        return started[-1]

    yield start
    for one in started:
        one.close()


def serving(e, headers):
    """Which workers answer, each one that does."""
    found = set()
    for _ in range(60):
        response = e.get(headers=headers)
        assert response.status == 200
        found.add(int(response.header("X-Worker")))
    return found


@pytest.mark.time_limit(240)
def test_a_binary_upgrade_under_load_drops_nobody_and_admits_nobody_else(upgradable, store, kw):
    good, slow, gone, going = store.key(verifier="sha256"), store.key(), store.key(), store.key()
    kw("key", "revoke", gone["id"])
    nginx = upgradable(server=SERVER)
    e, old = nginx.edge, nginx.master
    keys = [good, slow, gone, {"key": "kw_nonsense"}, going]
    wanted = [200, 200, 401, 401, None]
    headers = [{"X-API-Key": key["key"]} for key in keys]
    with Load(e.port, connections=10, make=lambda n: ("GET", "/", headers[n % 5])) as load:
        until(lambda: len(load.samples) > 100, 30, "requests")
        new = nginx.replace()
        # Both serve, and both see what is committed.
        until(lambda: serving(e, headers[0]) & set(workers(new)), 30, "an answer of the new one")
        kw("key", "revoke", going["id"])
        revoked = time.monotonic()
        assert [e.get(headers=headers[4]).status for _ in range(40)] == [401] * 40
        # The new one alone, and then back to the old one.
        nginx.signal(old, signal.SIGWINCH, ends=False)
        until(lambda: not workers(old), 30, "the old workers' end")
        assert serving(e, headers[0]) <= set(workers(new))
        nginx.signal(old, signal.SIGHUP, ends=False)
        until(lambda: len(workers(old)) == 2, 30, "the old one's workers")
        nginx.signal(new, signal.SIGQUIT)
        assert serving(e, headers[0]) <= set(workers(old))
        # And now for good.
        until(lambda: nginx.pid() == old, 10, "the old pid file in its place")
        new = nginx.replace()
        nginx.signal(old, signal.SIGQUIT)
        assert serving(e, headers[0]) <= set(workers(new))
        assert [e.get(headers=headers[4]).status for _ in range(20)] == [401] * 20
        seen = len(load.samples)
        until(lambda: len(load.samples) > seen + 100, 30, "requests")
    assert not load.samples.errors, load.samples.errors[:3]
    for sample in load.samples:
        kind = sample.number % 5
        expected = wanted[kind] or (401 if sample.start > revoked else None)
        assert sample.status == expected or (expected is None and sample.status in (200, 401)), (kind, sample)
    assert kw.run("store", "check").rc == 0
    assert kw("key", "show", good["id"])["uses"] > 0


def test_both_generations_count_apart(upgradable, store):
    # Each admits its own three, and no more.
    key = {"X-API-Key": store.key(verifier="sha256")["key"]}
    nginx = upgradable(server=SERVER)
    e, old = nginx.edge, nginx.master
    new = nginx.replace()
    answers = {old: Counter(), new: Counter()}

    def both_refuse():
        for response in burst(e.port, 20, target="/limit", headers=key):
            worker = int(response.header("X-Worker"))
            answers[old if worker in workers(old) else new][response.status] += 1
        return all(answer[429] for answer in answers.values())

    until(both_refuse, 60, "refusals of both")
    assert [answer[200] for answer in answers.values()] == [3, 3]
    nginx.signal(old, signal.SIGQUIT)
    assert [e.get("/limit", key).status for _ in range(10)] == [429] * 10


def test_an_upgrade_with_a_fetch_in_flight(upgradable):
    # Each generation fetches for itself, and the end of neither waits for an issuer that doesn't answer.
    issuer = Issuer()
    issuer.gate = threading.Event()
    try:
        block = f"keyward_issuer auth {{ jwks_uri {issuer.url} plain; }}"
        nginx = upgradable(http=block, server=SERVER, store=False)
        e, old = nginx.edge, nginx.master
        issuer.wait_count(2)  # of the nginx that the daemon replaced, and the daemon's
        good, bad = issuer.bearer("first"), issuer.token("first")
        bad = {"Authorization": f"Bearer {flipped(bad, 5)}"}
        with e.connect(60) as waiting:
            waiting.send(encode_request(headers=good))
            new = nginx.replace()
            issuer.wait_count(3)
            nginx.signal(old, signal.SIGQUIT)
            assert waiting.read_response().status == 503
        assert e.get(headers=bad).status == 503
        issuer.gate.set()
        until(lambda: e.get(headers=good).status == 200, 20, "the keys")
        assert e.get(headers=bad).status == 401
        assert serving(e, good) <= set(workers(new))

        # A key is asked for while another nginx comes, which has none at all yet, and goes again.
        issuer.gate = threading.Event()
        issuer.add_key("second")
        with e.connect(60) as waiting:
            waiting.send(encode_request(headers=issuer.bearer("second")))
            issuer.wait_count(4)
            newest = nginx.replace()
            issuer.wait_count(5)
            assert e.get(headers=bad).status in (401, 503)
            nginx.signal(newest, signal.SIGQUIT)
            until(lambda: nginx.pid() == new, 10, "the old pid file in its place")
            assert [e.get(headers=headers).status for headers in (good, bad)] == [200, 401]
            issuer.gate.set()
            assert waiting.read_response().status in (200, 503)
        until(lambda: e.get(headers=issuer.bearer("second")).status == 200, 20, "the new key")
        assert [e.get(headers=headers).status for headers in (good, bad)] == [200, 401]
    finally:
        issuer.close()
