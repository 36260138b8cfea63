"""The keys API while something is wrong: the store's lock is held, the disk is full, a worker dies, a client leaves."""

import contextlib
import fcntl
import json
import os
import subprocess
import threading
import time

import pytest
from harness.api import Api, as_key, problem
from harness.client import Closed, encode_request
from harness.wait import until

HTTP = "keyward_key_format kw_ base62=43 checksum verifier=sha256;"
SERVER = (
    "keyward on; location /keys { keyward_limit 100000r/m; keyward_api self; } location / { proxy_pass @BACKEND@; }"
)


@contextlib.contextmanager
def locked(store):
    """As if another writer were in the middle of a change: byte 0 of the store's lock file."""
    with open(store.path / "lock", "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
        yield
        fcntl.lockf(file, fcntl.LOCK_UN, 1, 0)


@pytest.fixture
def start(edge, store, backend):
    def start(workers=1):
        e = edge(http=HTTP, server=SERVER, workers=workers)
        return Api(e, as_key(store.key(subject="alice", scope=["*"], verifier="sha256")))

    return start


class Later:
    """A request in a thread."""

    def __init__(self, call, *arguments):
        self.answer, self.error, self.took = None, None, None
        begun = time.monotonic()

        def run():
            try:
                self.answer = call(*arguments)
            except (OSError, Closed) as error:
                self.error = error
            self.took = time.monotonic() - begun

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def join(self):
        self._thread.join(90)
        return self

    @property
    def done(self):
        return not self._thread.is_alive()


def test_a_held_lock_stops_changes_and_nothing_else(start, store):
    api = start()
    key = api.make()
    with locked(store):
        change = Later(api, "PATCH", f"/{key['id']}", {"name": "x"})
        for _ in range(20):
            begun = time.monotonic()
            assert api("GET").status == 200 and api("GET", f"/{key['id']}").json()["name"] == "a key"
            assert api.edge.get("/", as_key(key)).status == 200
            assert time.monotonic() - begun < 2
        assert not change.done
        answer = change.join().answer
        assert problem(answer) == (503, "busy") and answer.header("Retry-After") == "1" and 4 < change.took < 9
        assert str(os.getpid()) not in answer.text  # whose lock it is, is nobody's business there
    assert api("PATCH", f"/{key['id']}", {"name": "x"}).status == 200


def test_a_revocation_waits_longer_and_is_done_for_a_client_that_left(start, store):
    api = start()
    key = api.make()
    with locked(store):
        left = api.edge.connect()
        left.socket.sendall(encode_request("DELETE", f"/keys/{key['id']}", api.headers))
        until(lambda: "keyward api" in threads_of(api.edge.workers()[0]))
        left.close()
        stays = Later(api, "DELETE", f"/{key['id']}")
        time_limit = time.monotonic() + 6
        until(lambda: time.monotonic() > time_limit, 8)  # longer than other changes wait
        assert not stays.done and api.edge.get("/", as_key(key)).status == 200
    assert stays.join().answer.status == 204
    assert api.edge.get("/", as_key(key)).status == 401
    assert [entry["operation"] for entry in store.kw("audit", "--key", key["id"])] == ["key_created", "key_revoked"]


def threads_of(pid):
    names = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/comm") as file:
            names.append(file.read().strip())
    return names


def test_a_full_queue_is_503_at_once(start, store):
    api = start()
    key = api.make()
    with locked(store):
        calls = [Later(api, "PATCH", f"/{key['id']}", {"name": f"n{i}"}) for i in range(90)]
        until(lambda: sum(call.done for call in calls) >= 20)
        early = [call for call in calls if call.done]
        assert all(problem(call.answer) == (503, "busy") and call.took < 3 for call in early[:20])
        assert api.edge.get("/", as_key(key)).status == 200  # requests go on
    for call in calls:
        call.join()
    assert {call.answer.status for call in calls} == {200, 503}
    assert api("PATCH", f"/{key['id']}", {"name": "after"}).status == 200


def test_a_reload_during_a_job_loses_nothing(start, store):
    api = start(workers=2)
    key = api.make()
    with locked(store):
        change = Later(api, "DELETE", f"/{key['id']}")
        until(lambda: any("keyward api" in threads_of(pid) for pid in api.edge.workers()))
        reload = Later(api.edge.reload)
        assert api.edge.get("/", as_key(key)).status == 200
    assert change.join().answer.status == 204
    reload.join()
    assert api.edge.get("/", as_key(key)).status == 401


def test_a_killed_worker_loses_nothing(start, store):
    api = start()
    key = api.make()
    with locked(store):
        before = threads_of(api.edge.workers()[0]).count("keyward api")  # making it has had others
        change = Later(api, "DELETE", f"/{key['id']}")
        until(lambda: threads_of(api.edge.workers()[0]).count("keyward api") > before)
        api.edge.kill_worker()
        assert change.join().answer is None
    until(lambda: api.status("GET") == 200)
    assert api.edge.get("/", as_key(key)).status == 200  # nothing was said, and nothing was done
    assert store.kw("store", "check")["keys"] == 2
    api("DELETE", f"/{key['id']}", ok=204)
    assert api.edge.get("/", as_key(key)).status == 401


@contextlib.contextmanager
def remounted(path, how):
    if (
        os.getuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=0755", "tmpfs", path]).returncode != 0
    ):
        pytest.skip("can't mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def test_a_full_disk_refuses_changes_and_serves_keys(edge, build, folder, backend):
    from harness.store import Store

    place = folder / "small"
    place.mkdir(mode=0o755)
    with remounted(place, "size=4m"):
        store = Store(build, place / "store")
        e = edge(http=f"keyward_store {store.path};{HTTP}", server=SERVER, store=False)
        e.allow_log("can't store use counts")
        api = Api(e, as_key(store.key(subject="alice", scope=["*"], verifier="sha256")))
        key = api.make()
        fill = place / "fill"
        with contextlib.suppress(OSError), open(fill, "wb", buffering=0) as file:
            while file.write(b"\0" * 4096):
                pass
        refused, made = None, 0
        for _ in range(300):
            answer = api("POST", "/", {"name": "x", "meta": {"x": "y" * 3000}})
            if answer.status != 201:
                refused = answer
                break
            made += 1
        assert refused is not None and problem(refused) == (503, "store_error")
        assert api.edge.get("/", as_key(key)).status == 200
        assert len(api("GET", "?limit=1000").json()["data"]) == made + 2
        fill.unlink()
        until(lambda: api.status("POST", "/", {"name": "x"}) == 201)
        e.stop()


def test_revocations_under_load_are_seen_by_every_worker(start):
    """Row 36: not one request is admitted after the 204."""
    api = start(workers=2)
    keys = [api.make() for _ in range(8)]
    revoked, late, stop = set(), [], threading.Event()

    def ask():
        while not stop.is_set():
            for key in keys:
                known = key["id"] in revoked
                status = api.edge.get("/", as_key(key)).status
                if known and status == 200:
                    late.append(key["id"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    for key in keys:
        api("DELETE", f"/{key['id']}", ok=204)
        revoked.add(key["id"])
    stop.set()
    [thread.join() for thread in threads]
    assert late == []


def test_a_large_answer_and_a_slow_body(start):
    api = start()
    for i in range(60):
        api.make(f"key {i}", meta={"x": "y" * 3000})
    answer = api("GET", "?limit=1000", ok=200)
    assert len(answer.body) > 180000 and len(answer.json()["data"]) == 61
    # A body that comes byte by byte is read off nobody's time.
    body = json.dumps({"name": "slow"}).encode()
    connection = api.edge.connect()
    head = encode_request(
        "POST", "/keys", {**api.headers, "Content-Type": "application/json", "Content-Length": str(len(body))}
    )
    connection.socket.sendall(head)
    for byte in body:
        connection.socket.sendall(bytes([byte]))
        assert api("GET", "/whoami").status == 200
    assert connection.read_response().status == 201
    connection.close()
