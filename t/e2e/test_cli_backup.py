"""keyward store backup, restore and compact, as the command shows them."""

import os
import pwd
import random
import re
import shutil

import pytest
from cli_helper import bcrypt, lines, refuses, sha256
from harness.wait import until


def fill(kw):
    kw("plan", "set", "pro", "--default", "--scope", "a:*")
    kw("subject", "set", "alice", "--plan", "pro")
    kw(
        "key",
        "import",
        "-",
        input=lines(
            *(
                {"id": f"k{i}", "sha256": sha256(f"{i}"), "subject": "alice", "last_used_at": "2025-01-01"}
                for i in range(9)
            ),
            {"id": "old", "bcrypt": bcrypt("x"), "prefix": "abcd", "subject": "alice"},
        ),
    )


def everything(kw, *where):
    return [kw(*where, *what) for what in (("key", "list"), ("subject", "list"), ("plan", "list"))]


def files(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*"))


STORE_FILES = [
    "credentials",
    "credentials/data.mdb",
    "credentials/lock.mdb",
    "lock",
    "secret",
    "usage",
    "usage/data.mdb",
    "usage/lock.mdb",
]


def test_a_backup_is_a_store(kw, store, folder):
    fill(kw)
    report = kw("store", "backup", folder / "backup")
    assert report["backup"] == str(folder / "backup") and report["keys"] == 10 and report["bytes"] > 8192
    assert files(folder / "backup") == ["credentials", "credentials/data.mdb", "secret", "usage", "usage/data.mdb"]
    assert everything(kw, "--store", folder / "backup") == everything(kw)
    assert kw("--store", folder / "backup", "store", "check")["ok"]
    for path in (folder / "backup").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
        assert path.stat().st_uid == store.path.stat().st_uid
    refuses(kw, "store", "backup", folder / "backup", says="is not empty")
    refuses(kw, "store", "backup", store.path, says="lies in the store")
    refuses(kw, "store", "backup", folder / "no/where", status=3, says="no/where")
    refuses(kw, "store", "backup", "", status=2)
    refuses(kw, "--store", folder / "nowhere", "store", "backup", folder / "b2", status=3, says="no store at")
    assert not (folder / "b2").exists()


def test_restore(kw, store, folder):
    fill(kw)
    before = everything(kw)
    kw("store", "backup", folder / "backup")
    kw("plan", "set", "pro", "--scope", "b:*")
    kw("plan", "set", "late")
    kw("subject", "remove", "nobody", ok=False)
    kw("subject", "set", "alice", "--scope", "b:*")
    kw("key", "create", "--name", "late", "--verifier", "sha256")
    report = kw("store", "restore", folder / "backup")
    assert report == {
        "restored": True,
        "keys": 10,
        "kept": {"revoked": 0, "purged": 0, "suspended": 0, "rotated": 0, "blocked_subjects": 0, "denials": 0},
        "gone": {"keys": 1, "subjects": 0},
        "present_store_read": True,
        "left_out": [],
        "damaged": [],
        "damaged_files": None,
    }
    assert everything(kw) == before
    assert files(store.path) == STORE_FILES
    assert kw("store", "check")["ok"]


def test_what_ended_stays_ended(kw, folder):
    fill(kw)
    kw("store", "backup", folder / "backup")
    kw("key", "revoke", "k0")
    kw("key", "suspend", "k1")
    kw("key", "revoke", "k2")

    def purge():
        kw("key", "purge", "--revoked-before", "0d")  # nothing of this very second
        return len(kw("key", "list")) == 8

    until(purge, 10, "k0 and k2 to be revoked before now")
    kw("key", "revoke", "k3")
    new = kw("key", "rotate", "k4")
    newer = kw("key", "rotate", "k5", "--overlap", "0")
    late = kw("key", "create", "--name", "late", "--verifier", "sha256")
    kw("key", "revoke", late["id"])
    lost = kw("key", "create", "--name", "lost", "--verifier", "sha256")
    kw("subject", "set", "alice", "--state", "blocked")
    kw("subject", "set", "bob")
    expected = {"revoked": 3, "purged": 2, "suspended": 1, "rotated": 1, "blocked_subjects": 1, "denials": 0}
    dry = kw("store", "restore", folder / "backup", "--dry-run")
    assert (dry["restored"], dry["kept"], dry["gone"]) == (False, expected, {"keys": 1, "subjects": 1})
    assert kw("key", "show", lost["id"])["is_active"]
    text = kw("store", "restore", folder / "backup", json=False)
    assert re.search(r"^purged since +2, which stay away$", text, re.M) and text.endswith("The store is restored.\n")
    states = {key["id"]: key["state"] for key in kw("key", "list")}
    assert states == {
        "k1": "suspended",
        "k3": "revoked",
        "k4": "active",
        "k5": "revoked",
        "k6": "active",
        "k7": "active",
        "k8": "active",
        "old": "active",
        new["id"]: "active",
        newer["id"]: "active",
        late["id"]: "revoked",
    }
    assert kw("key", "show", "k4")["overlap_until"] == new["overlap_until"]
    assert kw("subject", "list")[0]["state"] == "blocked"
    assert kw("key", "check", input=new["key"], ok=False)["reason"] == "blocked_subject"
    assert kw("store", "check")["ok"]
    # Again, and over a compacting: it is remembered.
    kw("store", "compact")
    kw("store", "restore", folder / "backup")
    assert {key["id"]: key["state"] for key in kw("key", "list")} == states


def test_a_new_host(build, kw, store, make_store, folder):
    fill(kw)
    kw("store", "backup", folder / "backup")
    before = everything(kw)
    run = kw.run("--store", folder / "host2", "store", "restore", folder / "backup")
    assert run.rc == 0, run
    assert everything(kw, "--store", folder / "host2") == before
    assert (folder / "host2").stat().st_uid == store.path.stat().st_uid
    assert {path.stat().st_uid for path in (folder / "host2").rglob("*")} == {store.path.stat().st_uid}
    other = make_store("host3")  # which was made by init, and so has its own secret
    other.kw("store", "restore", folder / "backup")
    assert everything(other.kw) == before
    assert (other.path / "secret").read_bytes() != (store.path / "secret").read_bytes()


def test_half_a_backup_is_none(kw, store, folder):
    fill(kw)
    kw("store", "backup", folder / "backup")
    (folder / "backup/secret").rename(folder / "secret")
    refuses(kw, "store", "restore", folder / "backup", says="is not a backup")
    (folder / "secret").rename(folder / "backup/secret")
    os.truncate(folder / "backup/credentials/data.mdb", 8192)
    refuses(kw, "store", "restore", folder / "backup", status=3)
    refuses(kw, "store", "restore", folder / "nowhere", says="is not a backup")
    refuses(kw, "store", "restore", store.path, says="is the store itself")
    assert len(kw("key", "list")) == 10 and files(store.path) == STORE_FILES


@pytest.mark.parametrize("fault", ["gone", "empty", "short", "garbage", "no_secret", "wrong_secret"])
def test_a_store_that_is_broken(kw, store, folder, fault):
    fill(kw)
    kw("store", "backup", folder / "backup")
    data = store.path / "credentials/data.mdb"
    if fault == "gone":
        shutil.rmtree(store.path / "credentials")
    elif fault == "empty":
        data.write_bytes(b"")
    elif fault == "short":
        os.truncate(data, 8192)
    elif fault == "garbage":
        data.write_bytes(os.urandom(data.stat().st_size))
    elif fault == "no_secret":
        (store.path / "secret").unlink()
    elif fault == "wrong_secret":
        (store.path / "secret").write_bytes(os.urandom(32))
    if fault != "gone":
        refuses(kw, "store", "restore", folder / "backup", status=3, says="--force")
        run = kw.run("store", "restore", folder / "backup", "--force")
        assert run.rc == 0 and "block it again" in run.stderr and "damaged files are in" in run.stderr
    else:
        kw("store", "restore", folder / "backup")
    assert len(kw("key", "list")) == 10 and kw("store", "check")["ok"]
    assert [name for name in files(store.path) if ".damaged-" not in name] == STORE_FILES
    kw("key", "revoke", "k1")


@pytest.mark.release_only  # the signal that ends the process is a report there
def test_use_counts_that_end_the_process_undo_no_revocation(kw, store, folder):
    """The process that restored the use counts was the one that restored the keys: it died, and --force restored once more, this time
    without reading what had been revoked."""
    fill(kw)
    kw("store", "backup", folder / "backup")
    kw("key", "revoke", "k0")
    data = store.path / "usage/data.mdb"
    pages = data.read_bytes()
    broken = bytearray(pages[:8192])
    for at in range(8192, len(pages), 4096):  # a leaf whose records lie behind the file's end
        broken += pages[at : at + 10] + b"\x02\x00\xf0\x0f\xf0\x0f" + b"\xff" * 4080
    data.write_bytes(broken)
    run = kw.run("store", "restore", folder / "backup")
    assert run.rc == 0 and "not all use counts could be restored: reading them ended with signal" in run.stderr, run
    run = kw.run("store", "restore", folder / "backup", "--force")
    assert run.rc == 0 and "usage.damaged-" in run.stderr and "block it again" not in run.stderr, run
    assert [kw("key", "show", id)["state"] for id in ("k0", "k1")] == ["revoked", "active"]
    assert kw("key", "show", "k1")["uses"] == 0 and kw("key", "show", "k1")["last_used_at"]


def test_a_new_host_is_told_what_it_cant_know(kw, store, folder):
    fill(kw)
    kw("store", "backup", folder / "backup")
    run = kw.run("--store", folder / "host2", "store", "restore", folder / "backup")
    assert (
        run.rc == 0
        and run.stderr == ""
        and "what was revoked, suspended or blocked since the backup is not known here" in run.stdout
    )


@pytest.mark.release_only
@pytest.mark.time_limit(300)
def test_random_damage(kw, store, folder):
    """Restoring over a store whose file is full of errors: it says so, or it is forced, and never hangs or half works."""
    fill(kw)
    kw("store", "backup", folder / "backup")
    data = store.path / "credentials/data.mdb"
    whole = data.read_bytes()
    dice = random.Random(5)
    seen = set()
    for _ in range(12):
        broken = bytearray(whole)
        for _ in range(60):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        data.write_bytes(broken)
        run = kw.run("store", "restore", folder / "backup")
        seen.add(run.rc)
        assert run.rc in (0, 3), run
        if run.rc == 3:
            assert kw.run("store", "restore", folder / "backup", "--force").rc == 0
        assert kw("store", "check")["ok"] and len(kw("key", "list")) == 10
        whole = data.read_bytes()
    assert 3 in seen


def test_compact(kw, store):
    fill(kw)
    kw(
        "key",
        "import",
        "-",
        input=lines(
            *(
                {"id": f"m{i:04}", "sha256": sha256(f"m{i}"), "state": "revoked", "created_at": "2020-01-01"}
                for i in range(5000)
            )
        ),
    )
    kw("key", "purge", "--revoked-before", "90d")
    before, created = everything(kw), kw("store", "stats")["created_at"]
    report = kw("store", "compact")
    assert report["bytes_after"] < report["bytes_before"] / 2
    assert everything(kw) == before
    stats = kw("store", "stats")
    assert stats["created_at"] == created and stats["file_bytes"] + stats["usage_file_bytes"] == report["bytes_after"]
    assert files(store.path) == STORE_FILES
    assert "and have" in kw("store", "compact", json=False)
    refuses(kw, "--store", store.path / "nowhere", "store", "compact", status=3, says="keyward init")


def test_files_keep_their_owner(build, kw, store, folder):
    if build.worker_user is None:
        pytest.skip("needs root")
    fill(kw)
    kw("store", "backup", folder / "backup")
    kw("store", "compact")
    kw("store", "restore", folder / "backup")
    uid = pwd.getpwnam(build.worker_user[0]).pw_uid
    for path in [store.path, *store.path.rglob("*"), folder / "backup", *(folder / "backup").rglob("*")]:
        assert path.stat().st_uid == uid and path.stat().st_mode & 0o077 == 0, path


def test_a_backup_on_a_folder_that_cant_be_written(build, kw, store, folder):
    if os.getuid() == 0:
        pytest.skip("root writes everywhere")
    fill(kw)
    kw("store", "backup", folder / "backup")
    for path in (folder / "backup/credentials", folder / "backup/usage", folder / "backup"):
        path.chmod(0o500)
    try:
        kw("store", "restore", folder / "backup")
    finally:
        for path in (folder / "backup", folder / "backup/credentials", folder / "backup/usage"):
            path.chmod(0o700)


@pytest.mark.parametrize("place", ["inner", "credentials/inner", "", ".", "../store/inner", "link/inner", "link"])
def test_a_backup_into_the_store_itself_is_refused(kw, store, folder, place):
    kw("key", "create", "--name", "a", "--verifier", "sha256")
    (folder / "link").symlink_to(store.path)
    before = files(store.path)
    target = folder / place if place.startswith("link") else f"{store.path}/{place}"
    run = kw.run("store", "backup", target)
    assert run.rc == 1 and "lies in the store" in run.stderr and str(store.path) in run.stderr
    assert files(store.path) == before
    assert kw("store", "check")["ok"]


def test_a_backup_beside_the_store_is_none_inside(kw, store):
    assert kw("store", "backup", f"{store.path}-backup")["keys"] == 0


@pytest.mark.parametrize("place", ["nonexistent/inner", "file/inner", "file"])
def test_a_backup_that_can_not_be_made_names_its_own_place(kw, store, folder, place):
    # The message ended with advice about --store, which was fine.
    kw("plan", "list")
    (folder / "file").write_text("")
    run = kw.run("store", "backup", folder / place)
    assert run.rc == 3 and str(folder / place) in run.stderr and "--store" not in run.stderr
