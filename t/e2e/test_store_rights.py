"""Stores whose files others may write, and stores that nobody can write."""

import os
import re
import subprocess
import time

import pytest
from cli_helper import refuses
from harness.wait import until

SERVER = "keyward on; location / { empty_gif; }"
OFF = "keyward off; location / { empty_gif; }"

PARTS = [
    ".",
    "secret",
    "lock",
    "credentials",
    "credentials/data.mdb",
    "credentials/lock.mdb",
    "usage",
    "usage/data.mdb",
    "usage/lock.mdb",
]


def let(path, who):
    path.chmod(path.stat().st_mode | {"others": 0o002, "group": 0o020}[who])


@pytest.mark.parametrize("part", PARTS)
def test_report_S6(part, store, kw, config_test):
    """What others may write, they can exchange for an older one: a revoked key would be good again."""
    key = store.key(verifier="sha256")
    let(store.path / part, "others")
    wanted = f"others may write {(store.path / part).resolve()}: chmod o-w"
    for command in (
        ["key", "list"],
        ["key", "revoke", key["id"]],
        ["key", "create", "--name", "x"],
        ["store", "check"],
        ["store", "compact"],
        ["store", "backup", store.path.with_name("b")],
        ["store", "stats"],
    ):
        refuses(kw, *command, status=3, says=wanted)
    rc, output = config_test(server=SERVER)
    assert rc == 1 and "[emerg]" in output and wanted in output, output
    # In an incident a reload must work.
    rc, output = config_test(server=OFF)
    assert rc == 0 and "[warn]" in output and wanted in output, output


@pytest.mark.parametrize("part", PARTS)
def test_report_S6_the_group(part, store, kw, config_test):
    key = store.key(verifier="sha256")
    let(store.path / part, "group")
    wanted = f"the group of {(store.path / part).resolve()} may write it: chmod g-w"
    if part == "." and os.getuid() == 0:
        assert store.path.stat().st_uid != 0  # root's own would be refused
    run = kw.run("key", "show", key["id"])
    assert run.rc == 0 and wanted in run.stderr, run
    for server in (SERVER, OFF):
        rc, output = config_test(server=server)
        assert rc == 0 and "[warn]" in output and wanted in output, output


def test_report_S6_at_a_start(store, edge):
    """503, never a pass, and the log says what to write; put right, it goes on by itself."""
    key = store.key(verifier="sha256")
    e = edge(server=SERVER)
    headers = {"X-API-Key": key["key"]}
    assert e.get(headers=headers).status == 200
    (store.path / "secret").chmod(0o602)
    e.allow_log(r"others may write")
    e.kill_worker()
    until(lambda: e.get(headers=headers).status == 503, 10, "the new worker to refuse")
    e.wait_log(r"\[error\].*others may write .*/secret: chmod o-w")
    (store.path / "secret").chmod(0o600)
    until(lambda: e.get(headers=headers).status == 200, 10, "the worker to open it")


@pytest.mark.parametrize("part", PARTS[1:])
def test_report_S6_files_of_another_user(part, store, kw, config_test):
    if os.getuid() != 0:
        pytest.skip("needs root")
    store.key(verifier="sha256")
    os.chown(store.path / part, 4242, -1)
    (store.path / part).chmod(0o755 if (store.path / part).is_dir() else 0o644)
    wanted = f"{store.path / part} belongs to user 4242"
    assert "chown -R www-data: " + str(store.path) in refuses(kw, "key", "list", status=3, says=wanted)
    rc, output = config_test(server=SERVER)
    assert rc == 1 and wanted in output, output


# A mount that is read-only.


@pytest.fixture
def read_only(store, folder):
    """A second, read-only mount of the store's folder."""
    path = folder / "read-only"
    path.mkdir()
    store.init()
    if os.getuid() != 0 or subprocess.run(["mount", "--bind", store.path, path], capture_output=True).returncode != 0:
        pytest.skip("can't mount here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def test_report_U15(store, kw, edge, config_test, read_only):
    """Keys that exist are served, a revocation made through another mount counts at once, and one line says what isn't kept."""
    key, other = store.key(verifier="sha256"), store.key()
    http = f"keyward_store {read_only};"
    rc, output = config_test(http=http, server=SERVER, store=False)
    assert rc == 0 and "[warn]" in output and "read-only mount" in output and "chown" not in output, output
    e = edge(http=http, server=SERVER, store=False)
    for each in (key, other):
        assert e.get(headers={"X-API-Key": each["key"]}).status == 200
    assert e.get(headers={"X-API-Key": key["key"][:-1] + "x"}).status == 401
    late = store.key(verifier="sha256")
    assert e.get(headers={"X-API-Key": late["key"]}).status == 200
    for each in (key, other, late):
        kw("key", "revoke", each["id"])
        assert e.get(headers={"X-API-Key": each["key"]}).status == 401
    e.allow_log("use counts")
    e.wait_log(r"\[error\].*use counts.*Read-only file system")
    # Counts come in three times more, over at least two of its tries a second.
    for _ in range(3):
        last = store.key(verifier="sha256")
        assert e.get(headers={"X-API-Key": last["key"]}).status == 200
        start = time.monotonic()
        until(lambda: time.monotonic() > start + 1.1, 10, "the worker's next try")
    assert len(re.findall(r"\[error\].*use counts", e.log)) == 1, e.log


def test_report_U15_the_command(store, kw, read_only):
    key = store.key(verifier="sha256")
    assert [one["id"] for one in kw("--store", read_only, "key", "list")] == [key["id"]]
    assert kw("--store", read_only, "store", "check")["ok"]
    assert kw("--store", read_only, "key", "check", input=key["key"])["valid"]
    kw("--store", read_only, "store", "backup", store.path.with_name("backup"))
    for command in (["key", "create", "--name", "x"], ["key", "revoke", key["id"]], ["store", "compact"]):
        message = refuses(kw, "--store", read_only, *command, status=3, says="Read-only file system")
        assert "chown" not in message


def test_report_U15_without_lock_files(store, kw, edge, read_only):
    """As a copy in an image is, which nobody has opened yet."""
    key = store.key(verifier="sha256")
    for name in ("credentials/lock.mdb", "usage/lock.mdb", "lock"):
        (store.path / name).unlink()
    assert [one["id"] for one in kw("--store", read_only, "key", "list")] == [key["id"]]
    e = edge(http=f"keyward_store {read_only};", server=SERVER, store=False)
    assert e.get(headers={"X-API-Key": key["key"]}).status == 200
    e.wait_log(r"\[error\].*use counts")
    e.allow_log("use counts")


@pytest.mark.load
def test_report_U15_while_another_mount_is_written(store, kw, edge, read_only):
    """No writer knows of such a reader: what it can't be sure of is 503, and never another's, and the workers live."""
    good = [store.key(verifier="sha256", subject=f"s{n}") for n in range(8)]
    e = edge(
        http=f"keyward_store {read_only};",
        server="keyward on; add_header X-Subject $keyward_subject always; location / { empty_gif; }",
        store=False,
    )
    e.allow_log("use counts|refused: store_error")
    workers = e.workers()
    seen = set()
    for n in range(60):
        kw("plan", "set", f"plan{n % 5}", "--scope", "a:" + "b" * (n * 7 % 400))
        for key in good:
            response = e.get(headers={"X-API-Key": key["key"]})
            seen.add(response.status)
            assert response.status in (200, 503)
            assert response.status != 200 or response.header("X-Subject") == key["subject"]
    assert 200 in seen and e.workers() == workers
