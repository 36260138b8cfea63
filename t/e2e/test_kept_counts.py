"""What limits' counts outlive: another size of the zone, and, from an hour on, the end of nginx."""

import os
import shutil
import signal
import time

import lmdb
import pytest
from harness.drive import TELL, ask, each_port, statuses, volley
from harness.edge import StartFailed
from harness.load import Load
from harness.wait import until

SERVER = f"{TELL} set_real_ip_from 127.0.0.1; real_ip_header X-From; keepalive_requests 1000000; keyward on;"
AT = "location /%s { keyward_limit %s; empty_gif; }"


@pytest.fixture
def key(store):
    """key(...): the header fields of a new key."""
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


@pytest.fixture
def guard(edge):
    """guard(rate): a server with this limit everywhere."""
    return lambda rate, **more: edge(server=f"{SERVER}\n" + AT % ("", rate), **more)


def admitted(e, headers, target="/", most=20):
    answers = ask(e, headers, target, most)
    count = answers.count(200)
    assert answers == [200] * count + [429] * (most - count), answers
    return count


def kept(kw):
    """How many windows the store has."""
    return kw("store", "check")["windows"]


def kill_all(e):
    os.killpg(e.pid, signal.SIGKILL)
    until(lambda: e._process.poll() is not None, 5)


def change_windows(store, change):
    """change(name, value) answers with the value that is put in the place of each window's record."""
    with lmdb.open(str(store.path / "usage"), max_dbs=16, max_readers=1024, lock=True) as environment:
        table = environment.open_db(b"windows", create=False)
        with environment.begin(write=True, db=table) as transaction:
            for name, value in list(transaction.cursor()):
                transaction.put(name, change(name, value))


# The end of nginx.


def stop(e, graceful, key, kw):
    """Ends nginx with all windows stored; answers with how many it added for that.

    A graceful end stores what came after the last batch. At SIGTERM nginx's master kills a worker that takes more than a second or so, as on
    a busy machine, so all is stored before: the second marker's batch begins after the first's, which begins after all that was counted.
    """
    for _ in range(0 if graceful else 2):
        before = kept(kw)
        ask(e, key(), "/fixed")
        until(lambda: kept(kw) > before, what="a batch")
    e.stop(graceful)
    return 0 if graceful else 2


@pytest.mark.parametrize("graceful", [True, False])
def test_windows_of_an_hour_survive_a_restart(graceful, edge, key, kw):
    kw("plan", "set", "basic", "--limit", "6r/h", "--limit", "7r/d")
    locations = "".join(
        AT % each
        for each in (
            ("fixed", "5r/h"),
            ("sliding", "5r/h window=sliding"),
            ("day", "5r/d"),
            ("address", "5r/h by=address"),
            ("subject", "5r/h by=subject"),
            ("plan", "plan"),
            ("named", "5r/h name=named"),
        )
    )
    e = edge(server=f"{SERVER}\n{locations}", workers=2)
    paths = ("fixed", "sliding", "day", "address", "subject", "plan", "named")
    one, other = key(subject="acme", plan="basic"), key(subject="corp", plan="basic")
    for path in paths:
        assert ask(e, one, f"/{path}", 3) == [200] * 3
    until(lambda: kept(kw) > 0, 10, "the first batch")
    for path in paths:
        assert ask(e, {**one, "X-From": "192.0.2.1"} if path == "address" else one, f"/{path}") == [200]
    windows = 9 + stop(e, graceful, key, kw)  # two addresses, two limits of the plan
    assert kept(kw) == windows
    e.start()
    e.wait_log(rf"\[notice\].*keyward: restored {windows} windows of limits")
    for path in paths:
        wanted = 2 if path in ("address", "plan") else 1
        response = e.get(f"/{path}", one)
        assert (response.status, response.header("X-RateLimit-Remaining")) == (200, str(wanted - 1)), path
        assert abs(int(response.header("X-RateLimit-Reset")) - time.time()) < (86400 if path == "day" else 3600) + 2
        assert admitted(e, one, f"/{path}") == wanted - 1
        assert admitted(e, other, f"/{path}") == (0 if path == "address" else 6 if path == "plan" else 5)
    # And again, from what was loaded and charged since.
    stop(e, graceful, key, kw)
    e.start()
    for path in paths:
        assert ask(e, one, f"/{path}") == ask(e, other, f"/{path}") == [429]
    assert kw.run("store", "check").rc == 0


def test_shorter_windows_begin_anew(guard, key, kw):
    headers = key()
    e = guard("5r/3599s")
    assert admitted(e, headers) == 5
    e.stop()
    assert kept(kw) == 0
    e.start()
    assert admitted(e, headers) == 5


@pytest.mark.load
def test_a_kill_of_all_loses_one_batch_at_most(guard, key, kw):
    # Master and workers killed at once.
    headers, marker = key(), key()
    e = guard("50r/h", workers=2)
    assert ask(e, headers, count=20) == [200] * 20
    until(lambda: kept(kw) == 1, 10, "a batch")
    ask(e, marker)
    until(lambda: kept(kw) == 2, 10, "a batch that began after all of these")
    assert ask(e, headers, count=10) == [200] * 10
    kill_all(e)
    e.start()
    assert 20 <= admitted(e, headers, most=60) <= 30
    assert kw.run("store", "check").rc == 0


@pytest.mark.load
def test_no_request_is_decided_before_the_windows_are_there(guard, key):
    """Each of several workers starts at once, and clients knock before any of them is ready."""
    keys = [key() for _ in range(30)]
    e = guard("3r/h", workers=4)
    for headers in keys:
        assert admitted(e, headers, most=5) == 3
    for _ in range(3):
        e.stop()
        with Load(e.port, connections=8, make=lambda n: ("GET", "/", keys[n % 30])) as load:
            e.start()
            until(lambda: load.samples.statuses[429] > 100, 30, "answers")
        assert set(load.samples.statuses) <= {0, 429}, load.samples.statuses


def test_damaged_windows_are_told_and_begin_anew(guard, key, store, kw):
    headers, other = key(), key()
    e = guard("5r/h")
    assert admitted(e, headers) == 5
    e.stop()
    change_windows(store, lambda name, value: value[:-1] + bytes([value[-1] ^ 1]))
    report = kw.run("store", "check", "--json")
    assert report.rc == 3 and [item["what"] for item in report.json()["damaged"]] == ["window"]
    e.start()
    e.wait_log(r"\[error\].*keyward: 1 stored windows of limits are damaged", 5)
    assert admitted(e, headers) == admitted(e, other) == 5
    e.stop()
    assert kw.run("store", "check").rc == 0
    change_windows(store, lambda name, value: b"")
    e.start()
    e.wait_log(r"keyward: 2 stored windows of limits are damaged", 5)


@pytest.mark.parametrize("fault", ["read-only", "empty", "gone"])
def test_a_start_without_the_stored_windows_is_refused(fault, guard, key, store, build):
    """nginx doesn't begin with fresh windows where those of before are only out of reach."""
    if fault == "read-only" and not build.worker_user:
        pytest.skip("needs root")
    headers = key()
    e = guard("5r/h")
    assert admitted(e, headers) == 5
    e.stop()
    data = store.path / "usage/data.mdb"
    kept_aside = store.path / "kept"
    shutil.copy2(data, kept_aside)
    os.chown(kept_aside, data.stat().st_uid, data.stat().st_gid)
    if fault == "read-only":
        os.chown(data, 0, 0)
        data.chmod(0o644)
    elif fault == "empty":
        data.write_bytes(b"")
    else:
        data.unlink()
    e.allow_log(r"\[emerg\]")
    with pytest.raises(StartFailed):
        e.start()
    os.rename(kept_aside, data)
    e.start()
    assert ask(e, headers) == [429]


def test_two_on_one_store_count_apart_and_tear_nothing(edge, key, kw):
    """As during a binary upgrade: whoever stores a window last, wins."""
    headers = key()
    server = f"{SERVER}\n" + AT % ("", "50r/h")
    one, other = edge(server=server), edge(server=server)
    assert ask(one, headers, count=10) == [200] * 10
    assert ask(other, headers, count=20) == [200] * 20
    with Load(one.port, connections=2, headers=headers) as first, Load(
        other.port, connections=2, headers=headers
    ) as second:
        until(lambda: first.samples.statuses[429] and second.samples.statuses[429], 20, "both limits' ends")
    assert (first.samples.statuses[200], second.samples.statuses[200]) == (40, 30)
    one.stop()
    other.stop()
    assert kept(kw) == 1 and kw.run("store", "check").rc == 0
    one.start()
    assert ask(one, headers) == [429]


def test_a_zone_of_no_store_keeps_its_names_when_a_store_comes(edge, key):
    """Workers that run mustn't change how windows are named: the counts of before would be gone."""
    server = f"{SERVER} keyward_accept key anonymous;\n" + AT % ("", "5r/h by=address")
    e = edge(server=server.replace("key anonymous", "anonymous"), store=False)
    assert admitted(e, {}) == 5
    e.reload(server=server, store=True)
    assert ask(e, {}) == [429]
    e.wait_log(r"\[warn\].*limits will start from zero at the next start", 5)
    e.stop()
    e.start()
    assert admitted(e, {}) == 5
    e.stop()
    e.start()
    assert ask(e, {}) == [429]


def test_the_store_may_be_made_compact_meanwhile(guard, key, kw):
    headers, other = key(), key()
    e = guard("5r/h")
    assert ask(e, headers, count=3) == [200] * 3
    until(lambda: kept(kw) == 1, 10, "the first batch")
    kw("store", "compact")
    assert kept(kw) == 1
    assert ask(e, other, count=5) == [200] * 5
    e.stop()
    e.start()
    assert (admitted(e, headers), admitted(e, other)) == (2, 0)


# Another size of the zone.


@pytest.mark.parametrize("sizes", [("2m", "4m", "1m"), ("4m", "512k", "16m")])
def test_a_changed_zone_size_keeps_the_counts(sizes, edge, key):
    locations = "".join(
        AT % each
        for each in (
            ("fixed", "5r/h"),
            ("sliding", "5r/m window=sliding"),
            ("minute", "5r/5m"),
            ("address", "5r/h by=address"),
        )
    )
    paths = ("fixed", "sliding", "minute", "address")
    headers = key()
    e = edge(http=f"keyward_zone {sizes[0]};", server=f"{SERVER}\n{locations}", workers=2)
    for path in paths:
        assert ask(e, headers, f"/{path}", 3) == [200] * 3
    for n, size in enumerate(sizes[1:]):
        e.reload(http=f"keyward_zone {size};")
        for path in paths:
            assert ask(e, headers, f"/{path}") == [200], path
    for path in paths:
        assert ask(e, headers, f"/{path}") == [429], path
    # What is stored is the new zone's.
    e.stop()
    e.start()
    assert ask(e, headers, "/fixed") == ask(e, headers, "/address") == [429]


def test_a_reload_that_fails_leaves_the_old_zone_as_it_is(edge, key, kw):
    headers = key()
    e = edge(http="keyward_zone 2m;", server=f"{SERVER}\n" + AT % ("", "5r/h"))
    assert ask(e, headers, count=2) == [200] * 2
    # Found wrong only after the zones were made: the address is taken.
    with e.connect() as taken:
        port = taken.socket.getsockname()[1]
        e.reload(http=f"keyward_zone 4m; server {{ listen 127.0.0.1:{port}; }}", refused=True)
    e.allow_log(r"bind\(\)|still could not bind")
    assert ask(e, headers) == [200]
    e.stop()
    assert kept(kw) == 1


@pytest.mark.load
@pytest.mark.parametrize("sizes", [("1m", "4m"), ("4m", "1m")])
def test_a_changed_zone_size_under_load_admits_no_more_than_old_workers_did_meanwhile(sizes, edge, key):
    # What old workers admit after the copy, until they are gone, isn't known to the new ones.
    limit = 3000
    headers = key()
    e = edge(http=f"keyward_zone {sizes[0]};", server=f"{SERVER}\n" + AT % ("", f"{limit}r/h"), workers=2)
    with Load(each_port(e), connections=20, headers=headers) as load:
        until(lambda: load.samples.statuses[200] > 300, 30, "some requests")
        old = e.workers()
        begin = time.monotonic()
        e.reload(http=f"keyward_zone {sizes[1]};")
        until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in old), 30, "the end of the old workers")
        end = time.monotonic()
        until(lambda: load.samples.statuses[429] > 100, 60, "the limit's end")
    assert set(load.samples.statuses) <= {0, 200, 429}, load.samples.errors[:3]
    good = [sample for sample in load.samples if sample.status == 200]
    before = sum(sample.end < begin for sample in good)
    after = sum(sample.start > end for sample in good)
    assert before + after <= limit
    assert len(good) >= limit - load.samples.statuses[0]
    assert ask(e, headers) == [429]


def test_what_finds_no_room_in_a_smaller_zone_is_told(edge, key):
    headers = key()
    locations = AT % ("minute", "5r/10m by=address") + AT % ("hour", "3r/h by=address")
    e = edge(http="keyward_zone 8m;", server=f"{SERVER}\n{locations}")
    used = [{**headers, "X-From": f"192.0.2.{n}"} for n in range(20)]
    addresses = [f"10.0.{n >> 8 & 255}.{n & 255}" for n in range(8000)]
    assert statuses(volley(e.port, 20, 400, make=lambda n: ("/minute", {**headers, "X-From": addresses[n]}))) == {
        200: 8000
    }
    for one in used:
        assert admitted(e, one, "/hour", 5) == 3
    log = e.reload(http="keyward_zone 512k;")
    assert "open windows of limits don't fit into the new size" in log
    # Long ones go first.
    for one in used:
        assert ask(e, one, "/hour") == [429]
