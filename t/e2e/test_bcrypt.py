"""bcrypt never runs on the event loop, once for all who wait, and its proofs last as long as they should.

Runs are counted by the processor time that workers spend, which a busy machine doesn't change: one run of cost 12 is a
quarter of a second of it, one of cost 13 half a second.
"""

import hashlib
import json
import os
import secrets
import signal
import time

import bcrypt
import pytest
from harness.client import Closed, Connection, encode_request
from harness.drive import TELL, connection_to_each_worker, cpu_seconds, each_port, frozen, has_answer, statuses, volley
from harness.load import burst
from harness.wait import until

FORMATS = "keyward_key_format kw_ base62=43 checksum;\nkeyward_key_format old_ hex=40;"
GUARDED = f"{TELL} keyward on;\nlocation / {{ empty_gif; }}\nlocation /open {{ keyward off; empty_gif; }}"

# Keys and their hashes, so that no test has to compute these.
COST_12 = (
    ("old_ce169fa3403137e8bbceb70421030c28c830e5d7", "$2b$12$Nm6H6TNFma00VYGJkgXItO1Ku9AwmGX9UjBCOZMJMqOp394uZO446"),
    ("old_95288e85880a7954492dd3229052f7465b7d6c96", "$2b$12$rQRaCu5BVD0Fp2PjKfcKPu9sSDRj95pbX1WseibjyPWM0Ss50zM9W"),
    ("old_e0841a507a70347f6f6ff849ba98a76f5e48414b", "$2b$12$ZpTEzfSeJvPVQ8Lgw2cLFuMePXp2iLgJ/Z2gwpUzjQuLULSznSqGm"),
)
COST_13 = (
    ("old_e8ba0bd0eb9a90bf9edc9ae710557182e7fc433d", "$2b$13$Ju7Qg.mCcPAXG8lKqPzrOOyUyi3Meml0LOa/Rv0NL4xL2/R80lW/a"),
    ("old_e9c18c8228b4907d9db2f4151beb74a9ca449192", "$2b$13$Kd8XApDzQWoioUEg59/pvuS15kfv3iTrShMD/uHifLf5Ars2no2eu"),
)
ANOTHERS_COST_14 = "$2b$14$ytSfvOEdxLwQR4sOf030fOPYLt0QyANS6D6wbceTEMep9aDWhs4Tq"
KEYS = {f"{name}{n}": pair for name, pairs in (("quick", COST_12), ("slow", COST_13)) for n, pair in enumerate(pairs)}
PATIENCE = 60  # seconds: bcrypt's threads have low priority, and the machine other work


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def with_key(name):
    return {"X-API-Key": KEYS[name][0]}


@pytest.fixture
def take(kw):
    return lambda *lines: kw("key", "import", "-", input="".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("method", ["epoll", "poll", "select"])
def test_runs_are_collected_under_every_event_method(edge, take, config_test, method):
    """poll and select number their events, and poll finds a connection by its descriptor: ours is none of nginx's own."""
    connections = {"WORKER_CONNECTIONS": f"512; use {method}"}
    rc, output = config_test(http="server { }", store=False, **connections)
    if rc != 0 and "invalid event type" in output:
        pytest.skip(f"this nginx is built without {method}")
    take(
        *(
            {
                "sha256": sha256(key),
                "bcrypt": bcrypt.hashpw(key.encode(), bcrypt.gensalt(4)).decode(),
                "subject": "acme",
            }
            for key in (f"old_{n:040x}" for n in range(20))
        )
    )
    e = edge(http=FORMATS, server=GUARDED, workers=2, **connections)
    send = lambda: volley(
        each_port(e), 8, 5, make=lambda n: ("/", {"X-API-Key": f"old_{n % 20:040x}"}), timeout=PATIENCE
    )
    assert statuses(send()) == {200: 40}
    e.reload()
    assert statuses(send()) == {200: 40}


@pytest.fixture
def start(edge, take, store):
    """start(...): an edge, with quick0, quick1, quick2 (cost 12), slow0 and slow1 (cost 13) in its store."""
    # Long ago: a record that is changed and changed back within the second of its making would be the same again.
    made = {"subject": "acme", "created_at": "2020-01-01T00:00:00Z"}
    take(*({"id": name, "sha256": sha256(key), "bcrypt": hash, **made} for name, (key, hash) in KEYS.items()))
    good = {"X-API-Key": store.key(verifier="sha256")["key"]}

    def run(server=GUARDED, **more):
        e = edge(http=FORMATS, server=server, **more)
        e.good = good
        assert e.get(headers=good).status == 200
        return e

    return run


class Spent:
    """The processor time that some code lets the workers spend, at its end or so far."""

    def __init__(self, edge):
        self._edge = edge

    def __enter__(self):
        self._pids = self._edge.workers()
        self._before = cpu_seconds(*self._pids)
        return self

    @property
    def so_far(self):
        return cpu_seconds(*self._pids) - self._before

    def __exit__(self, *_):
        self.seconds = self.so_far


def one_run(edge, name="quick0"):
    """What one run of this key's hash costs here."""
    with Spent(edge) as spent:
        assert edge.connect(PATIENCE).request(headers=with_key(name)).status == 200
    assert spent.seconds > 0.05, "that was no bcrypt run"
    return spent.seconds


def begin(edge, headers, target="/"):
    """A request that is sent and waits for its bcrypt run, which has begun."""
    with Spent(edge) as spent:
        connection = edge.connect(PATIENCE)
        connection.send(encode_request(target=target, headers=headers))
        until(lambda: spent.so_far > 0.03, PATIENCE, "the bcrypt run to begin")
    assert not has_answer(connection), "the machine is too slow for this test"
    return connection


# Off the event loop.


def test_other_requests_of_the_same_worker_go_on_while_bcrypt_runs(start):
    e = start(workers=1)
    with e.connect() as other:
        waiting = begin(e, with_key("slow0"))
        for _ in range(20):
            assert other.request(headers=e.good).status == 200
            assert other.request(target="/open").status == 200
            assert other.request().status == 401
        assert not has_answer(waiting)
        assert waiting.read_response().status == 200


def test_wrong_keys_of_a_valid_shape_cost_no_bcrypt(start):
    e = start(workers=1)
    run = one_run(e)
    with Spent(e) as spent:
        wrong = [{"X-API-Key": "old_" + secrets.token_hex(20)} for _ in range(300)]
        responses = volley(e.port, 10, 30, make=lambda n: ("/", wrong[n]))
    assert statuses(responses) == {401: 300}
    assert spent.seconds < run


def test_bcrypt_runs_in_threads_of_low_priority(start):
    e = start(workers=1)
    worker = e.workers()[0]

    def threads():
        """{thread id: (nice, processor time)}"""
        found = {}
        for task in os.listdir(f"/proc/{worker}/task"):
            with open(f"/proc/{worker}/task/{task}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            found[int(task)] = int(fields[16]), int(fields[11]) + int(fields[12])
        return found

    before = threads()
    one_run(e)
    after = threads()
    busy = [task for task in after if after[task][1] - before.get(task, (0, 0))[1] > 5]
    assert busy and worker not in busy
    assert all(after[task][0] > after[worker][0] for task in busy), after


# One run for all.


def test_fifty_first_requests_with_one_key_wait_for_one_run(start):
    e = start(workers=1)
    run = one_run(e)
    with Spent(e) as spent:
        responses = burst(e.port, 50, headers=with_key("quick1"), timeout=PATIENCE)
    assert statuses(responses) == {200: 50}
    assert spent.seconds < 1.8 * run


def test_fifty_first_requests_over_two_workers_wait_for_one_run(start):
    e = start(workers=2)
    run = one_run(e)
    with Spent(e) as spent:
        responses = burst(each_port(e), 50, headers=with_key("quick1"), timeout=PATIENCE)
    assert statuses(responses) == {200: 50}
    assert {int(response.header("X-Worker")) for response in responses} == set(e.workers())
    assert spent.seconds < 1.8 * run


def test_a_key_that_one_worker_has_proven_is_proven_for_all(start):
    e = start(workers=2)
    run = one_run(e)
    with Spent(e) as spent:
        for connection in connection_to_each_worker(e, {"X-API-Key": "none"}).values():
            assert connection.request(headers=with_key("quick0")).status == 200
            connection.close()
    assert spent.seconds < run / 2


def test_a_wrong_verifier_is_run_for_once_for_all_who_wait(start, take):
    # A record whose hash is another key's: refused, and its run shared like any other.
    e = start(workers=1)
    run = one_run(e)
    key = "old_" + secrets.token_hex(20)
    take({"sha256": sha256(key), "bcrypt": KEYS["quick1"][1]})
    with Spent(e) as spent:
        responses = burst(e.port, 30, headers={"X-API-Key": key}, timeout=PATIENCE)
    assert statuses(responses) == {401: 30}
    assert spent.seconds < 1.8 * run


def test_no_more_runs_at_once_than_keyward_bcrypt_concurrency_over_all_workers(edge, take, store, start):
    """Two runs that may not overlap: the second request has no answer while the first run goes on."""
    e = edge(http=FORMATS + "\nkeyward_bcrypt_concurrency 1;", server=GUARDED, workers=2)
    connections = connection_to_each_worker(e, {"X-API-Key": "none"})
    (first_pid, first), (second_pid, second) = connections.items()
    before = {pid: cpu_seconds(pid) for pid in connections}
    first.send(encode_request(headers=with_key("slow0")))
    until(lambda: cpu_seconds(first_pid) - before[first_pid] > 0.03, PATIENCE, "the first run")
    second.send(encode_request(headers=with_key("slow1")))
    while not has_answer(first):
        assert cpu_seconds(second_pid) - before[second_pid] < 0.1, "both ran at once"
        time.sleep(0.005)
    assert [first.read_response().status, second.read_response().status] == [200, 200]
    first.close(), second.close()


# What proofs outlive, and what ends them.


@pytest.mark.parametrize("what", ["reload", "killed worker"])
@pytest.mark.parametrize("workers", [1, 2])
def test_proofs_survive(what, workers, start):
    e = start(workers=workers)
    run = one_run(e, "quick0")
    if what == "reload":
        e.reload()
    else:
        for worker in e.workers():
            e.kill_worker(worker)
    with Spent(e) as spent:
        assert e.connect(PATIENCE).request(headers=with_key("quick0")).status == 200
    assert spent.seconds < run / 2
    with Spent(e) as spent:
        assert e.connect(PATIENCE).request(headers=with_key("quick1")).status == 200
    assert spent.seconds > run / 2  # so a run would have been seen


def test_a_change_of_the_record_ends_its_proof(start, kw):
    e = start(workers=1)
    run = one_run(e, "quick0")
    kw("key", "suspend", "quick0")
    kw("key", "resume", "quick0")
    with Spent(e) as spent:
        assert e.connect(PATIENCE).request(headers=with_key("quick0")).status == 200
    assert spent.seconds > run / 2


def test_other_commits_do_not_end_a_proof(start, kw, store):
    # A commit storm may bring look-ups, never bcrypt.
    e = start(workers=1)
    run = one_run(e, "quick0")
    with Spent(e) as spent:
        for n in range(10):
            kw("plan", "set", f"plan{n}")
            assert e.get(headers=with_key("quick0")).status == 200
        kw("subject", "set", "acme", "--scope", "a:read")
        assert e.get(headers=with_key("quick0")).status == 200
    assert spent.seconds < run / 2


# A full queue.


def test_a_full_queue_is_busy_at_once(start, take):
    # 150 keys whose hash is another's of cost 14: one at a time, each a second.
    keys = ["old_" + secrets.token_hex(20) for _ in range(150)]
    take(*({"sha256": sha256(key), "bcrypt": ANOTHERS_COST_14} for key in keys))
    e = start(workers=1)
    connections = [Connection(e.port, PATIENCE) for _ in keys]
    for connection, key in zip(connections, keys):
        connection.send(encode_request(headers={"X-API-Key": key}))
    until(lambda: sum(map(has_answer, connections)) >= 50, PATIENCE, "50 answers")
    answered = [c for c in connections if has_answer(c)]
    responses = [c.read_response() for c in answered]
    busy = [response for response in responses if response.status == 503]
    assert len(busy) >= 50 and len(responses) - len(busy) <= 3, statuses(responses)
    for response in busy:
        assert response.header("X-Reason") == "busy"
        assert int(response.header("Retry-After")) >= 1
        assert response.header("Cache-Control") == "no-store"
        body = response.json()
        assert (body["error"], body["code"]) == ("authentication temporarily unavailable", "unavailable")
        assert body["retry_after"] == int(response.header("Retry-After"))
    # Who doesn't need bcrypt isn't concerned.
    assert e.get(headers=e.good).status == 200
    assert e.get().status == 401
    for connection in connections:
        connection.close()


def test_busy_ends_when_the_queue_does(start, take):
    keys = ["old_" + secrets.token_hex(20) for _ in range(150)]
    hash = bcrypt.hashpw(b"another", bcrypt.gensalt(8)).decode()
    take(*({"sha256": sha256(key), "bcrypt": hash} for key in keys))
    e = start(workers=1)
    responses = volley(e.port, 150, 1, make=lambda n: ("/", {"X-API-Key": keys[n]}))
    assert set(statuses(responses)) == {401, 503}
    until(lambda: e.connect(PATIENCE).request(headers=with_key("quick0")).status == 200, PATIENCE, "the queue to end")


# Who leaves while bcrypt runs.


def test_a_client_that_leaves_during_bcrypt_harms_nobody(start):
    e = start(workers=1)
    worker = e.workers()
    leaving = begin(e, with_key("slow0"))
    staying = e.connect(PATIENCE)
    staying.send(encode_request(headers=with_key("slow0")))
    alone = e.connect(PATIENCE)
    alone.send(encode_request(headers=with_key("slow1")))
    leaving.close()
    alone.close()
    assert e.get(headers=e.good).status == 200
    assert staying.read_response().status == 200
    assert e.connect(PATIENCE).request(headers=with_key("slow1")).status == 200
    assert e.workers() == worker


@pytest.mark.parametrize("others", [0, 3])
def test_an_http2_reset_during_bcrypt_harms_nobody(others, start):
    e = start(workers=1)
    worker = e.workers()
    with e.h2(PATIENCE) as connection, Spent(e) as spent:
        streams = [connection.start(headers=with_key("slow0")) for _ in range(1 + others)]
        until(lambda: spent.so_far > 0.03, PATIENCE, "the bcrypt run to begin")
        connection.reset(streams.pop(0))
        assert connection.request(headers=e.good).status == 200
        assert [connection.finish(stream).status for stream in streams] == [200] * others
        assert connection.request(headers=with_key("slow0")).status == 200
    assert e.workers() == worker


def test_250_streams_of_one_connection_wait_and_half_are_reset(start):
    # nginx's count of what blocks a request is 8 bits wide.
    e = start(workers=1, server=GUARDED + "\nhttp2_max_concurrent_streams 300;")
    worker = e.workers()
    with e.h2(PATIENCE) as connection, Spent(e) as spent:
        streams = [connection.start(headers=with_key("slow0")) for _ in range(250)]
        until(lambda: spent.so_far > 0.03, PATIENCE, "the bcrypt run to begin")
        for stream in streams[::2]:
            connection.reset(stream)
        assert {connection.finish(stream).status for stream in streams[1::2]} == {200}
    assert e.workers() == worker


def test_an_http2_connection_that_closes_during_bcrypt_harms_nobody(start):
    e = start(workers=1)
    worker = e.workers()
    with e.h2(PATIENCE) as connection, Spent(e) as spent:
        for name in ("slow0", "slow0", "slow1"):
            connection.start(headers=with_key(name))
        until(lambda: spent.so_far > 0.03, PATIENCE, "the bcrypt run to begin")
    assert e.get(headers=e.good).status == 200
    assert e.connect(PATIENCE).request(headers=with_key("slow0")).status == 200
    assert e.workers() == worker


# Workers that go while bcrypt runs.


def test_a_reload_during_bcrypt_lets_the_old_worker_answer(start):
    e = start(workers=1)
    old = e.workers()[0]
    waiting = begin(e, with_key("slow0"))
    e.reload()
    new = e.workers()[0]
    assert new != old and not has_answer(waiting), "the machine is too slow for this test"
    response = waiting.read_response()
    assert (response.status, int(response.header("X-Worker"))) == (200, old)
    until(lambda: not os.path.exists(f"/proc/{old}"), 10, "the old worker's end")
    with Spent(e) as spent:
        assert e.get(headers=with_key("slow0")).status == 200
    assert spent.seconds < 0.3  # the old worker's proof is the new one's


def test_a_graceful_stop_during_bcrypt_answers_first(start):
    e = start(workers=1)
    waiting = begin(e, with_key("slow0"))
    e.send_signal(signal.SIGQUIT)
    assert waiting.read_response().status == 200
    until(lambda: not os.path.exists(f"/proc/{e.pid}") or not e.workers(), 10, "the end")
    e.stop()


def hurry(e):
    """Lets the runs under way end soon, also on a busy machine: nginx's master kills a worker that takes a second to end."""
    for worker in e.workers():
        for thread in os.listdir(f"/proc/{worker}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), -15 if os.getuid() == 0 else 19)


def test_a_fast_stop_during_bcrypt_is_clean(start):
    e = start(workers=1)
    waiting = begin(e, with_key("slow0"))
    hurry(e)
    e.stop(graceful=False)
    with pytest.raises(Closed):
        waiting.read_response()


def test_a_worker_killed_during_bcrypt_blocks_nobody(start):
    # The only place for a run was its.
    e = start(workers=2)
    waiting = begin(e, with_key("slow0"))
    busiest = max(e.workers(), key=cpu_seconds)
    e.kill_worker(busiest)
    with pytest.raises(Closed):
        waiting.read_response()
    for name in ("quick0", "slow0"):
        assert e.connect(PATIENCE).request(headers=with_key(name)).status == 200


# What changes while bcrypt runs. State, expiry and subject are read after the last wait.


@pytest.mark.parametrize("waiting", [1, 20])
def test_a_key_revoked_while_bcrypt_runs_is_refused(waiting, start, kw):
    e = start(workers=1)
    connections = [begin(e, with_key("slow0"))]
    for _ in range(waiting - 1):
        connections.append(e.connect(PATIENCE))
        connections[-1].send(encode_request(headers=with_key("slow0")))
    with frozen(*e.workers()):
        assert not has_answer(connections[0])
        kw("key", "revoke", "slow0")
    responses = [connection.read_response() for connection in connections]
    assert statuses(responses) == {401: waiting}
    assert {response.header("X-Reason") for response in responses} == {"revoked_key"}
    assert e.get(headers=with_key("slow0")).status == 401


def test_a_key_revoked_while_another_worker_runs_its_bcrypt_is_refused(start, kw):
    # Over two workers.
    e = start(workers=2)
    connections = connection_to_each_worker(e, {"X-API-Key": "none"})
    with Spent(e) as spent:
        for connection in connections.values():
            connection.send(encode_request(headers=with_key("slow0")))
        until(lambda: spent.so_far > 0.03, PATIENCE, "the bcrypt run to begin")
    with frozen(*e.workers()):
        assert not any(map(has_answer, connections.values()))
        kw("key", "revoke", "slow0")
    assert {connection.read_response().status for connection in connections.values()} == {401}


def test_a_subject_blocked_while_bcrypt_runs_is_refused(start, kw):
    e = start(workers=1)
    waiting = begin(e, with_key("slow0"))
    with frozen(*e.workers()):
        assert not has_answer(waiting)
        kw("subject", "set", "acme", "--state", "blocked")
    response = waiting.read_response()
    assert (response.status, response.header("X-Reason")) == (403, "blocked_subject")


def test_a_key_that_expires_while_bcrypt_runs_is_refused(start, take):
    # Its hash is another's, but that it has expired is known before that it doesn't match.
    e = start(workers=1)
    key = "old_" + secrets.token_hex(20)
    end = int(time.time()) + 3
    take({"sha256": sha256(key), "bcrypt": ANOTHERS_COST_14, "expires_at": end})
    waiting = begin(e, {"X-API-Key": key})
    with frozen(*e.workers()):
        assert time.time() < end and not has_answer(waiting)
        until(lambda: time.time() >= end, 10, "its expiry")
    response = waiting.read_response()
    assert (response.status, response.header("X-Reason")) == (401, "expired_key")


def test_a_key_changed_while_bcrypt_runs_is_verified_again(start, kw):
    """The run that began belongs to the record as it was."""
    e = start(workers=1)
    run = one_run(e, "slow1")
    with Spent(e) as spent:
        waiting = begin(e, with_key("slow0"))
        with frozen(*e.workers()):
            assert not has_answer(waiting)
            kw("key", "suspend", "slow0")
            kw("key", "resume", "slow0")
        assert waiting.read_response().status == 200
    assert spent.seconds > 1.5 * run
