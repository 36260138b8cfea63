"""What happens to the store, and what workers and nginx -t make of it: 503 or a refused start, never open."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

import lmdb
import pytest
from harness.client import Closed
from harness.drive import TELL, statuses, volley
from harness.load import Load
from harness.wait import until

SERVER = f"{TELL} keyward on; keepalive_requests 1000000; location / {{ empty_gif; }}"
SIGBUS = "exited on signal 7|AddressSanitizer: ?(BUS|DEADLYSIGNAL)|exited with code 99"  # what reading a truncated file ends with
SOON = 4  # seconds: the store is looked at once in one; the rest is for a busy machine

FORMATS = "keyward_key_format kw_ base62=43 checksum;\nkeyward_key_format many_ hex=40;"


def status(e, key):
    """The status of one request; 0 where the connection was closed."""
    try:
        return e.get(headers={"X-API-Key": key["key"]}).status
    except (Closed, ConnectionError):
        return 0


def until_status(e, key, wanted, seconds=SOON):
    until(lambda: status(e, key) == wanted, seconds, f"{wanted} (it is {status(e, key)})")


def stays(e, key, wanted, seconds=1.5):
    """It is wanted for longer than the second after which the store is looked at."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert status(e, key) == wanted


def refusal(e, key):
    response = e.get(headers={"X-API-Key": key["key"]})
    return response.status, response.header("X-Reason")


STORE_ERROR = (503, "store_error")


def contents(folder):
    """All that is there: name, size, owner and mode."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        stat = path.lstat()
        found[str(path.relative_to(folder))] = (stat.st_size if path.is_file() else None, stat.st_uid, stat.st_mode)
    return found


@pytest.fixture
def live(edge, store):
    """An edge that has admitted (and so remembers) .key; .fresh has never been seen."""
    key, fresh = store.key(), store.key(verifier="sha256")
    e = edge(server=SERVER)
    assert status(e, key) == 200
    e.key, e.fresh = key, fresh
    return e


# nginx -t and a start.


def remove_folder(path):
    shutil.rmtree(path)


def remove_data(path):
    (path / "credentials/data.mdb").unlink()


def empty_data(path):
    os.truncate(path / "credentials/data.mdb", 0)


def truncate_to_two_pages(path):
    os.truncate(path / "credentials/data.mdb", 8192)


def truncate_by_a_page(path):
    file = path / "credentials/data.mdb"
    os.truncate(file, file.stat().st_size - 4096)


def garbage(path):
    file = path / "credentials/data.mdb"
    with open(file, "r+b") as opened:
        opened.write(os.urandom(file.stat().st_size))


def without_schema(path):
    """A good LMDB environment that isn't ours."""
    folder = path / "credentials"
    owner = (folder / "data.mdb").stat()
    for file in ("data.mdb", "lock.mdb"):
        (folder / file).unlink()
    with lmdb.open(str(folder), max_dbs=16, max_readers=1024) as environment, environment.begin(
        write=True
    ) as transaction:
        transaction.put(b"hello", b"world", db=environment.open_db(b"keys", txn=transaction))
    for file in ("data.mdb", "lock.mdb"):
        os.chown(folder / file, owner.st_uid, owner.st_gid)


def remove_secret(path):
    (path / "secret").unlink()


def empty_secret(path):
    os.truncate(path / "secret", 0)


def change_secret(path):
    secret = path / "secret"
    secret.write_bytes(os.urandom(len(secret.read_bytes())))


def as_root_only(path):
    os.chown(path / "credentials/data.mdb", 0, 0)
    os.chmod(path / "credentials/data.mdb", 0o600)


def folder_of_root(path):
    os.chown(path, 0, 0)
    os.chmod(path, 0o700)


def unwritable_lock(path):
    os.chown(path / "credentials/lock.mdb", 0, 0)
    os.chmod(path / "credentials/lock.mdb", 0o444)


ROOT_ONLY = {as_root_only, folder_of_root, unwritable_lock}
FAULTS = [
    remove_folder,
    remove_data,
    empty_data,
    truncate_to_two_pages,
    truncate_by_a_page,
    garbage,
    without_schema,
    remove_secret,
    empty_secret,
    change_secret,
    as_root_only,
    folder_of_root,
    unwritable_lock,
]


def named(function):
    return function.__name__


@pytest.mark.parametrize("fault", FAULTS, ids=named)
def test_nginx_t_refuses_and_changes_nothing(fault, config_test, store):
    if fault in ROOT_ONLY and os.getuid() != 0:
        pytest.skip("needs root")
    store.key()
    fault(store.path)
    before = contents(store.path.parent / "store")
    rc, output = config_test(http="keyward_store @STORE@;", server=SERVER, STORE=store.path)
    assert rc == 1, output
    assert "[emerg]" in output and str(store.path) in output, output
    assert contents(store.path.parent / "store") == before


def test_nginx_t_leaves_a_good_store_as_it_is(config_test, store):
    store.key()
    before = contents(store.path)
    for _ in range(3):
        rc, output = config_test(server=SERVER)
        assert rc == 0, output
    assert contents(store.path) == before


def test_a_store_without_its_lock_file_is_not_made_by_nginx_t(config_test, store):
    # Refused or not: nginx -t creates nothing, least of all for root.
    store.key()
    (store.path / "credentials/lock.mdb").unlink()
    before = contents(store.path)
    config_test(server=SERVER)
    assert contents(store.path) == before


def test_off_in_an_incident_never_makes_a_reload_fail(live, store):
    # Where no location is on or in shadow, errors of the store are warnings.
    hidden = store.path.with_name("hidden")
    os.rename(store.path, hidden)
    live.reload(refused=True)
    assert "[warn]" in live.reload(server=SERVER.replace("keyward on", "keyward off"))
    assert live.get().status == 200
    os.rename(hidden, store.path)
    live.reload(server=SERVER)
    assert status(live, live.key) == 200
    assert live.get().status == 401


@pytest.mark.parametrize(
    "fault", [empty_data, without_schema, remove_secret, change_secret, truncate_to_two_pages], ids=named
)
def test_a_reload_onto_a_broken_store_is_refused(fault, live, store):
    live.allow_log(SIGBUS)
    live.allow_log(r"\[emerg\].*keyward_store")
    master, since = live.pid, len(live.log)
    fault(store.path)
    live.send_signal(signal.SIGHUP)
    live.wait_log(r"\[emerg\].*keyward_store", since=since)
    until_status(live, live.fresh, 200 if fault in (remove_secret, change_secret) else 503)
    assert live.pid == master and live.workers()


# While nginx runs.


def test_a_store_that_is_moved_away_is_an_error_and_comes_back(live, store):
    hidden = store.path.with_name("hidden")
    os.rename(store.path, hidden)
    until_status(live, live.key, 503)
    assert refusal(live, live.key) == refusal(live, live.fresh) == STORE_ERROR
    stays(live, live.key, 503)
    assert not store.path.exists(), "it was created anew"
    assert live.get(headers={"X-API-Key": "kw_nonsense"}).status == 401
    response = live.get(headers={"X-API-Key": live.key["key"]})
    assert int(response.header("Retry-After")) >= 1
    assert response.header("Cache-Control") == "no-store"
    assert response.json()["error"] == "authentication temporarily unavailable"
    os.rename(hidden, store.path)
    until_status(live, live.key, 200)
    assert status(live, live.fresh) == 200
    live.wait_log(r"\[error\].*keyward")


def test_a_data_file_that_is_moved_away_is_an_error_and_comes_back(live, store):
    data = store.path / "credentials/data.mdb"
    os.rename(data, store.path / "kept.mdb")
    until_status(live, live.key, 503)
    assert refusal(live, live.fresh) == STORE_ERROR
    stays(live, live.key, 503)
    assert not data.exists()
    os.rename(store.path / "kept.mdb", data)
    until_status(live, live.key, 200)


def test_a_store_put_in_its_place_is_answered_from_within_a_second(live, store, make_store):
    # Renamed over.
    other = make_store("other")
    theirs = other.key(verifier="sha256")
    os.rename(store.path, store.path.with_name("old"))
    os.rename(other.path, store.path)
    began = time.monotonic()
    until_status(live, theirs, 200)
    assert time.monotonic() - began < 2.5
    assert status(live, live.key) == 401 and status(live, live.fresh) == 401
    stays(live, live.key, 401)


def test_a_revocation_in_a_store_put_in_its_place_holds(live, store, kw):
    """A copy in which the key is revoked is renamed over the one that workers have open and remember it from."""
    copy = store.path.with_name("copy")
    shutil.copytree(store.path, copy)
    for path in [copy, *copy.rglob("*")]:
        stat = (store.path / path.relative_to(copy)).stat()
        os.chown(path, stat.st_uid, stat.st_gid)
    kw("--store", copy, "key", "revoke", live.key["id"])
    os.rename(copy / "credentials/data.mdb", store.path / "credentials/data.mdb")
    until_status(live, live.key, 401)
    stays(live, live.key, 401)
    assert status(live, live.fresh) == 200


def test_a_data_file_of_another_store_is_never_believed(live, store, make_store):
    """Its records carry checksums under another secret."""
    other = make_store("other")
    theirs = other.key(verifier="sha256")
    os.rename(other.path / "credentials/data.mdb", store.path / "credentials/data.mdb")
    until_status(live, live.key, 503)
    for key in (live.key, live.fresh, theirs):
        assert refusal(live, key) == STORE_ERROR
    stays(live, theirs, 503)


@pytest.mark.parametrize("size", [0, 4096, 8192, 12288, "a page less"])
def test_a_truncated_store_is_never_open(size, live, store):
    # SIGBUS may kill the worker; the next one says 503.
    live.allow_log(SIGBUS)
    file = store.path / "credentials/data.mdb"
    size = file.stat().st_size - 4096 if size == "a page less" else size
    assert size < file.stat().st_size
    shutil.copy2(file, store.path / "kept.mdb")
    os.truncate(file, size)
    until_status(live, live.key, 503, 10)
    stays(live, live.key, 503)
    assert refusal(live, live.fresh) == STORE_ERROR
    assert file.stat().st_size == size, "it was written anew"
    # Put back by a rename, as one should.
    shutil.chown(store.path / "kept.mdb", file.stat().st_uid, file.stat().st_gid)
    os.rename(store.path / "kept.mdb", file)
    until_status(live, live.key, 200, 10)


def test_an_overwritten_store_is_never_open(live, store):
    """Garbage in every page: 503, a closed connection, or 401, until the good file is back."""
    live.allow_log("exited on signal|exited with code 99|AddressSanitizer")
    file = store.path / "credentials/data.mdb"
    shutil.copy2(file, store.path / "kept.mdb")
    garbage(store.path)
    end = time.monotonic() + 3
    seen = set()
    while time.monotonic() < end:
        seen.add(status(live, live.fresh))
    assert 200 not in seen and 503 in seen, seen
    shutil.chown(store.path / "kept.mdb", file.stat().st_uid, file.stat().st_gid)
    os.rename(store.path / "kept.mdb", file)
    until_status(live, live.key, 200, 10)


def test_a_deleted_lock_file_never_opens_what_was_revoked(live, store, kw):
    # Up to a second late where the lock file is gone, and never longer.
    (store.path / "credentials/lock.mdb").unlink()
    if kw.run("key", "revoke", live.key["id"]).rc == 0:
        until(lambda: status(live, live.key) in (401, 503), SOON, "the revocation")
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert status(live, live.key) in (401, 503)
    else:
        assert status(live, live.key) in (200, 503)


def test_a_deleted_lock_file_is_no_end(live, store, kw):
    """Either workers go on, or they say 503 until the command or a restart has made a new one."""
    (store.path / "credentials/lock.mdb").unlink()
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        assert status(live, live.key) in (200, 503)
        assert status(live, live.fresh) in (200, 503)
    if kw.run("plan", "set", "basic").rc == 0:
        until_status(live, live.key, 200, 10)
        assert status(live, live.fresh) == 200


def test_an_unwritable_lock_file_does_not_disturb_workers_that_have_it_open(live, store):
    unwritable_lock(store.path)
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        assert status(live, live.key) in (200, 503)


def short_secret(path):
    os.truncate(path / "secret", 31)


def test_a_foreign_lock_file_is_an_error_until_it_is_put_right(live, store):
    """lock.mdb as root's process may have left it: the worker that starts then can't open the store."""
    if os.getuid() != 0:
        pytest.skip("needs root")
    lock = store.path / "credentials/lock.mdb"
    owner = lock.stat()
    os.chown(lock, 0, 0)
    lock.chmod(0o600)
    live.kill_worker()
    until_status(live, live.key, 503)
    stays(live, live.key, 503)
    assert refusal(live, live.fresh) == STORE_ERROR
    os.chown(lock, owner.st_uid, owner.st_gid)
    until_status(live, live.key, 200)


@pytest.mark.parametrize("fault", [remove_secret, change_secret, empty_secret, short_secret], ids=named)
def test_a_secret_that_is_gone_or_another_never_opens(fault, live, store):
    """Running workers may go on with what they have read; a worker that starts then can't."""
    secret = (store.path / "secret").read_bytes()
    owner = (store.path / "secret").stat()
    fault(store.path)
    assert status(live, live.key) in (200, 503)
    live.kill_worker()
    until_status(live, live.key, 503)
    stays(live, live.key, 503)
    assert refusal(live, live.fresh) == STORE_ERROR
    new = store.path / "new"
    new.write_bytes(secret)
    new.chmod(0o600)
    os.chown(new, owner.st_uid, owner.st_gid)
    os.rename(new, store.path / "secret")
    until_status(live, live.key, 200, 10)


def test_the_usage_environment_may_go_without_harm_to_requests(live, store, kw):
    live.allow_log(SIGBUS)
    usage = store.path / "usage/data.mdb"
    shutil.copy2(usage, store.path / "kept.mdb")
    os.chown(store.path / "kept.mdb", usage.stat().st_uid, usage.stat().st_gid)
    usage.unlink()
    stays(live, live.key, 200, 2.5)
    assert status(live, live.fresh) == 200
    os.rename(store.path / "kept.mdb", usage)
    until(lambda: kw("key", "show", live.fresh["id"])["uses"] == 1, 10, "the use count that was kept")


@pytest.mark.parametrize("size", [0, 8192, "a page less"])
def test_a_truncated_usage_environment_disturbs_no_request(size, live, store, kw):
    live.allow_log(SIGBUS)
    usage = store.path / "usage/data.mdb"
    owner = usage.stat()
    until(lambda: kw("key", "show", live.key["id"])["uses"] == 1, 10, "the first batch")
    shutil.copy2(usage, store.path / "kept.mdb")
    os.chown(store.path / "kept.mdb", owner.st_uid, owner.st_gid)
    os.truncate(usage, owner.st_size - 4096 if size == "a page less" else size)
    assert status(live, live.fresh) in (0, 200)  # 0: the worker was writing at that very moment
    until_status(live, live.fresh, 200)
    stays(live, live.key, 200, 2.5)
    os.rename(store.path / "kept.mdb", usage)
    until(lambda: kw("key", "show", live.fresh["id"])["uses"] > 0, 10, "the use counts that were kept")


def test_a_crash_loses_at_most_the_last_batch_of_use_counts(edge, store, kw):
    # Master and workers killed at once.
    key, gone = store.key(verifier="sha256"), store.key(verifier="sha256")
    e = edge(server=SERVER, workers=2)
    headers = {"X-API-Key": key["key"]}
    assert statuses(volley(e.port, 10, 10, headers=headers)) == {200: 100}
    uses = lambda: kw("key", "show", key["id"])["uses"]
    until(lambda: uses() == 100, 5, "the first batch")
    assert statuses(volley(e.port, 10, 5, headers=headers)) == {200: 50}
    kw("key", "revoke", gone["id"])
    os.killpg(e.pid, signal.SIGKILL)
    until(lambda: e._process.poll() is not None, 5)
    assert 100 <= uses() <= 150
    e.start()
    assert (status(e, key), status(e, gone)) == (200, 401)
    before = uses()
    assert statuses(volley(e.port, 10, 5, headers=headers)) == {200: 50}
    until(lambda: uses() >= before + 50, 5, "later batches")
    assert kw.run("store", "check").rc == 0


# Who holds what open.


def maps_of(pid):
    return Path(f"/proc/{pid}/maps").read_text()


def open_files(pid):
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return found


def test_the_master_never_has_the_store_open(live, store):
    # Opened before the fork, or opened and closed in a process that has it open, resets the table of readers.
    path = str(store.path)
    for _ in range(2):
        assert path not in maps_of(live.pid)
        assert not [file for file in open_files(live.pid) if file.startswith(path)]
        live.reload()
        assert status(live, live.key) == 200
    line = next(line for line in maps_of(live.workers()[0]).splitlines() if f"{path}/credentials/data.mdb" in line)
    assert line.split()[1].startswith("r--"), line


def test_workers_open_the_credentials_read_only(live, store):
    worker = live.workers()[0]
    data = f"{store.path}/credentials/data.mdb"
    for name in os.listdir(f"/proc/{worker}/fd"):
        if os.readlink(f"/proc/{worker}/fd/{name}") == data:
            flags = next(
                line for line in Path(f"/proc/{worker}/fdinfo/{name}").read_text().splitlines() if "flags" in line
            )
            assert int(flags.split()[1], 8) & os.O_ACCMODE == os.O_RDONLY


# Other processes.


@pytest.mark.load
def test_nginx_t_while_live_disturbs_nobody(edge, store, kw, build):
    # As root, many times, under load and commits: a reset table of readers would show as a wrong answer.
    keys = [store.key(verifier="sha256") for _ in range(20)]
    gone = store.key(verifier="sha256")
    kw("key", "revoke", gone["id"])
    e = edge(server=SERVER, workers=2)
    headers = [{"X-API-Key": key["key"]} for key in [*keys, gone]]
    with Load(e.port, connections=10, make=lambda n: ("GET", "/", headers[n % 21])) as load:
        for n in range(15):
            command = ["env", *build.preload(), build.nginx, "-t", "-p", f"{e.prefix}/", "-c", e.prefix / "nginx.conf"]
            done = subprocess.run(command, capture_output=True, text=True, env=build.environment(leaks=False))
            assert done.returncode == 0, done.stderr
            kw("plan", "set", f"plan{n}")
    assert not load.samples.errors
    for sample in load.samples:
        assert sample.status == (401 if sample.number % 21 == 20 else 200)


def many(count):
    keys = ["many_" + secrets.token_hex(20) for _ in range(count)]
    lines = [
        json.dumps({"id": f"many{n}", "sha256": hashlib.sha256(key.encode()).hexdigest()}) for n, key in enumerate(keys)
    ]
    return keys, "\n".join(lines) + "\n"


@contextlib.contextmanager
def stopped_import(store, folder, build, lines=None):
    """A command that was stopped while it holds the lock and has written; it goes on, and succeeds, at the end."""
    (folder / "lines").write_text(lines or many(60_000)[1])
    lock = os.stat(store.path / "lock").st_ino
    command = [build.command, "key", "import", folder / "lines"]
    importing = subprocess.Popen(command, env=build.environment(KEYWARD_STORE=store.path), stdout=subprocess.DEVNULL)

    def holds_the_lock():
        with open("/proc/locks") as file:
            return any(
                line.split()[3:5] == ["WRITE", str(importing.pid)] and f":{lock} " in line
                for line in file
                if len(line.split()) > 5
            )

    try:
        until(lambda: importing.poll() is not None or holds_the_lock(), 60, "the import to write")
        importing.send_signal(signal.SIGSTOP)
        assert importing.poll() is None and holds_the_lock()
        yield importing
    finally:
        importing.send_signal(signal.SIGCONT)
        assert importing.wait(60) == 0


def test_a_command_stopped_inside_a_write_disturbs_no_request(edge, store, kw, folder, build):
    key, slow = store.key(), store.key(verifier="bcrypt:4")
    e = edge(http=FORMATS, server=SERVER)
    assert status(e, key) == 200
    keys, lines = many(60_000)
    with stopped_import(store, folder, build, lines):
        for _ in range(50):
            assert status(e, key) == 200
        assert status(e, slow) == 200
        assert status(e, {"key": keys[0]}) == 401  # not committed
        stays(e, key, 200)
        until(lambda: kw("key", "show", slow["id"])["uses"] == 1, 10, "use counts, which have another lock")
        e.reload()
        assert status(e, key) == 200
        assert status(e, slow) == 200
    assert status(e, {"key": keys[0]}) == status(e, {"key": keys[-1]}) == 200


def test_a_revocation_waits_for_a_command_that_is_stopped(edge, store, kw, folder, build):
    # Others are told who holds the store; a revocation waits longer, and holds once it has been committed.
    key = store.key()
    e = edge(http=FORMATS, server=SERVER)
    assert status(e, key) == 200
    with stopped_import(store, folder, build) as importing:
        revoking = subprocess.Popen(
            [build.command, "key", "revoke", key["id"]],
            stdout=subprocess.DEVNULL,
            env=build.environment(KEYWARD_STORE=store.path),
        )
        run = kw.run("plan", "set", "pro")
        assert run.rc == 3 and str(importing.pid) in run.stderr, run.stderr
        assert revoking.poll() is None
        assert status(e, key) == 200
    assert revoking.wait(60) == 0
    assert refusal(e, key) == (401, "revoked_key")
    stays(e, key, 401)


@pytest.fixture
def small_disk(folder):
    """A file system of a few megabytes, mounted for a test."""
    if os.getuid() != 0:
        pytest.skip("needs root")
    path = folder / "disk"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", path]).returncode != 0:
        pytest.skip("can't mount here")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


def fill(disk):
    with open(disk / "ballast", "wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65536))
        except OSError:
            pass


def test_use_counts_wait_while_the_disk_is_full(edge, make_store, small_disk):
    store = make_store("disk/store")
    keys, lines = many(5000)
    store.kw("key", "import", "-", input=lines)
    e = edge(http="keyward_store @STORE@;\n" + FORMATS, server=SERVER, STORE=store.path)
    fill(small_disk)
    headers = [{"X-API-Key": key} for key in keys]
    responses = volley(e.port, 10, 500, make=lambda n: ("/", headers[n]))
    assert statuses(responses) == {200: 5000}
    e.wait_log(r"\[error\].*use counts", 10)
    assert statuses(volley(e.port, 10, 500, make=lambda n: ("/", headers[n]))) == {200: 5000}
    (small_disk / "ballast").unlink()
    until(lambda: {key["uses"] for key in store.kw("key", "list")} == {2}, 15, "all use counts")


def test_a_full_disk_refuses_changes_and_no_request(edge, make_store, small_disk, folder):
    # Each command says what and where, and leaves all as it was; the revocation works once there is room.
    store = make_store("disk/store")
    store.kw("key", "import", "-", input=many(2000)[1])
    key, gone = store.key(verifier="sha256"), store.key(verifier="sha256")
    store.kw("key", "revoke", gone["id"])
    e = edge(http="keyward_store @STORE@;\n" + FORMATS, server=SERVER, STORE=store.path)
    store.kw("store", "backup", folder / "backup")
    fill(small_disk)
    files = contents(store.path).keys()
    lines = many(3000)[1].replace('"many', '"more')
    for command in (
        ["key", "import", "-"],
        ["store", "compact"],
        ["store", "restore", folder / "backup"],
        ["store", "backup", small_disk / "backup"],
    ):
        run = store.kw.run(*command, input=lines)
        assert run.rc == 3 and "No space left on device" in run.stderr, run
        assert str(store.path / "credentials") in run.stderr or str(small_disk / "backup") in run.stderr, run
        assert (status(e, key), status(e, gone)) == (200, 401)
    assert contents(store.path).keys() == files and not (small_disk / "backup").exists()
    assert store.kw("store", "check")["keys"] == 2002
    # What is small may find room within the file: then it is done, and otherwise it says so.
    run = store.kw.run("key", "revoke", key["id"])
    assert run.rc == 0 or (run.rc == 3 and "No space left on device" in run.stderr), run
    assert status(e, key) == (401 if run.rc == 0 else 200)
    (small_disk / "ballast").unlink()
    store.kw.run("key", "revoke", key["id"])
    for command in (["store", "compact"], ["store", "restore", folder / "backup"]):
        store.kw(*command)
        assert (status(e, key), status(e, gone)) == (401, 401)


def test_a_disk_that_fills_up_during_a_move(edge, make_store, small_disk, folder):
    """At each amount of room: it works or says so, nothing is left behind, and the revoked key stays out."""
    store = make_store("disk/store")
    store.kw("key", "import", "-", input=many(500)[1])
    key, gone = store.key(verifier="sha256"), store.key(verifier="sha256")
    store.kw("store", "backup", folder / "backup")
    store.kw("key", "revoke", gone["id"])
    e = edge(http="keyward_store @STORE@;\n" + FORMATS, server=SERVER, STORE=store.path)
    files = contents(store.path).keys()
    ends = set()
    for room in (8, 32, 64, 128, 192, 256, 512, 1024):
        for command in (["store", "compact"], ["store", "restore", folder / "backup"]):
            fill(small_disk)
            ballast = small_disk / "ballast"
            os.truncate(ballast, ballast.stat().st_size - room * 1024)
            run = store.kw.run(*command)
            ends.add(run.rc)
            assert run.rc == 0 or (run.rc == 3 and "No space left on device" in run.stderr), run
            assert contents(store.path).keys() == files
            assert (status(e, key), status(e, gone)) == (200, 401)
            ballast.unlink()
    assert ends == {0, 3}
    assert store.kw("store", "check")["ok"]


def test_windows_wait_while_the_disk_is_full(edge, make_store, small_disk):
    # For limits' windows.
    store = make_store("disk/store")
    keys, lines = many(3000)
    store.kw("key", "import", "-", input=lines)
    server = f"{TELL} keyward on; keepalive_requests 1000000; location / {{ keyward_limit 2r/h; empty_gif; }}"
    e = edge(http="keyward_store @STORE@;\n" + FORMATS, server=server, STORE=store.path)
    headers = [{"X-API-Key": key} for key in keys]
    make = lambda n: ("/", headers[n])
    assert statuses(volley(e.port, 1, 1, make=make)) == {200: 1}
    until(lambda: store.kw("store", "check")["windows"] == 1, 10, "the first batch")
    fill(small_disk)
    assert statuses(volley(e.port, 10, 300, make=make)) == {200: 3000}
    e.wait_log(r"\[error\].*use counts, windows and balances.*No space", 10)
    assert statuses(volley(e.port, 1, 1, make=make)) == {429: 1}
    (small_disk / "ballast").unlink()
    until(lambda: store.kw("store", "check")["windows"] == 3000, 15, "all windows")
    e.stop()
    e.start()
    assert statuses(volley(e.port, 10, 300, make=make)) == {200: 2999, 429: 1}
    assert statuses(volley(e.port, 10, 300, make=make)) == {429: 3000}
