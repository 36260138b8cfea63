"""keyward store, and what the command does about a store that fails."""

import fcntl
import json
import os
import pwd
import random
import shutil
import subprocess

import lmdb
import pytest
from cli_helper import bcrypt, lines, refuses, sha256

WRITERS_BYTE = 0  # of FOLDER/lock


def fill(kw, store):
    kw("plan", "set", "pro", "--default")
    kw("subject", "set", "alice", "--plan", "pro")
    for i in range(20):
        store.key(f"n{i}", subject="alice", verifier="sha256")
    kw("key", "import", "-", input=lines({"id": "old", "bcrypt": bcrypt("x"), "prefix": "abcd", "plan": "elsewhere"}))


def test_check_of_a_whole_store(kw, store):
    fill(kw, store)
    report = kw("store", "check")
    assert report == {
        "ok": True,
        "keys": 21,
        "indexed": 20,
        "legacy_prefix": 1,
        "subjects": 1,
        "plans": 1,
        "windows": 0,
        "balances": 0,
        "denials": 0,
        "journal": 23,
        "damaged": [],
        "remarks": [
            "plans that keys or subjects name and the store doesn't have (nginx's configuration may): elsewhere"
        ],
    }
    assert kw("store", "check", json=False).endswith("21 keys, 1 subject, 1 plan: no damage\n")


def test_stats(kw, store):
    fill(kw, store)
    stats = kw("store", "stats")
    assert (stats["keys"], stats["indexed"], stats["legacy_prefix"], stats["subjects"], stats["plans"]) == (
        21,
        20,
        1,
        1,
        1,
    )
    assert stats["used_bytes"] <= stats["file_bytes"] <= stats["map_bytes"]
    assert len(stats["instance_id"]) == 32 and stats["max_readers"] == 1024
    text = kw("store", "stats", json=False)
    assert "1.0 GB" in text and "of 1024" in text


def damage(store, old, new, count=-1):
    """Overwrites bytes in the file: LMDB has no checksums of its own."""
    path = store.path / "credentials/data.mdb"
    data = path.read_bytes()
    assert old in data and len(old) == len(new)
    with open(path, "r+b") as file:
        file.write(data.replace(old, new, count))


def test_a_damaged_record_is_named(kw, store):
    fill(kw, store)
    (key,) = [key for key in kw("key", "list") if key["name"] == "n7"]
    damage(store, b"\x02n7", b"\x02m7")
    run = kw.run("store", "check", "--json")
    assert run.rc == 3
    report = run.json()
    assert not report["ok"] and report["keys"] == 20
    assert {"what": "key", "name": key["id"], "problem": "its record has a wrong checksum or form"} in report["damaged"]
    text = kw.run("store", "check").stdout
    assert key["id"] in text and "DAMAGED" in text
    refuses(kw, "key", "show", key["id"], status=3, says="damaged")
    refuses(kw, "key", "revoke", key["id"], status=3, says="damaged")
    run = kw.run("key", "list", "--json")
    assert run.rc == 3 and "store check" in run.stderr
    assert len(run.json()) == 20  # the others


def test_report_U17(kw, store):
    """One damaged key is one problem, not one more for its table and one for its subject."""
    fill(kw, store)
    (key,) = [key for key in kw("key", "list") if key["name"] == "n7"]
    damage(store, b"\x02n7", b"\x02m7")
    run = kw.run("store", "check", "--json")
    assert run.json()["damaged"] == [
        {"what": "key", "name": key["id"], "problem": "its record has a wrong checksum or form"}
    ]
    assert "1 problem;" in run.stderr


def rewrite(store, table, change):
    """change(the table's name and value pairs, as a list of those to be put in their place) in the store as it lies there."""
    with lmdb.open(str(store.path / "credentials"), max_dbs=32) as environment, environment.begin(
        write=True
    ) as transaction:
        db = environment.open_db(table.encode(), txn=transaction, create=False)
        for name, value in [(bytes(name), bytes(value)) for name, value in transaction.cursor(db=db)]:
            new = change(name, value)
            if new is not None:
                transaction.put(name, new, db=db)


def flipped(value):
    return value[:-1] + bytes([value[-1] ^ 1])


@pytest.mark.parametrize(
    "table, name, problems",
    [
        ("keys", b"old", [("key", "old")]),
        ("index", None, [("index", None)]),
        ("subject_keys", None, [("subject_keys", "alice")]),
        ("prefixes", None, [("prefixes", "abcd")]),
        ("plans", b"pro", [("plan", "pro")]),
        ("subjects", b"alice", [("subject", "alice")]),
    ],
)
def test_report_U17_one_damaged_entry_of_each_table(kw, store, table, name, problems):
    fill(kw, store)
    done = []

    def change(entry, value):
        if done or (name is not None and entry != name):
            return None
        done.append(entry)
        return flipped(value)

    rewrite(store, table, change)
    assert done
    damaged = kw("store", "check", ok=False)["damaged"]
    assert [(item["what"], item["name"]) for item in damaged if name is not None or table != "index"] == [
        problem for problem in problems if problem[1] is not None
    ]
    assert len(damaged) == 1, damaged


def test_an_index_entry_that_leads_nowhere(kw, store):
    fill(kw, store)
    listed = kw("key", "list")
    export = {key["id"]: key for key in map(json.loads, kw("key", "export", json=False).splitlines())}
    locator = bytes.fromhex(export[listed[3]["id"]]["sha256"])[:16]
    # the same locator stands in the record and in the index: only the index has it in front of the id
    path = store.path / "credentials/data.mdb"
    data = path.read_bytes()
    needle = locator + listed[3]["id"].encode()
    assert needle in data
    damage(store, needle, locator[:15] + bytes([locator[15] ^ 1]) + needle[16:])
    report = kw("store", "check", ok=False)
    assert not report["ok"] and "index" in {item["what"] for item in report["damaged"]}


def without_record(store, id):
    """Takes a key's record out of its table, and nothing else."""
    environment = lmdb.open(str(store.path / "credentials"), max_dbs=32)
    with environment.begin(write=True) as transaction:
        assert transaction.delete(id.encode(), db=environment.open_db(b"keys", txn=transaction, create=False))
    environment.close()


def damage_found(kw):
    report = kw("store", "check", ok=False)
    assert not report["ok"]
    return {(item["what"], item["name"], item["problem"]) for item in report["damaged"]}


def test_entries_of_a_key_that_is_not_there(kw, store):
    fill(kw, store)
    without_record(store, kw("key", "list")[3]["id"])
    without_record(store, "old")
    gone = [key["id"] for key in kw("key", "list")]
    assert len(gone) == 19
    found = damage_found(kw)
    problem = "an entry leads to this key, which doesn't exist"
    (index,) = [name for what, name, _ in found if what == "index"]
    assert index not in gone and index != "old"
    assert {("index", index, problem), ("prefixes", "old", problem), ("subject_keys", index, problem)} <= found
    text = kw.run("store", "check")
    assert text.rc == 3 and index in text.stdout


def test_entries_of_a_key_that_has_changed(kw, store):
    """The record is taken out, and the id is given to another key: the old entries lead to it, and it doesn't ask for them."""
    problem = "an entry leads to this key, but doesn't match its record"
    kw(
        "key",
        "import",
        "-",
        input=lines(
            {"id": "a", "sha256": sha256("1"), "subject": "alice"}, {"id": "b", "bcrypt": bcrypt("x"), "prefix": "abcd"}
        ),
    )
    without_record(store, "a")
    without_record(store, "b")
    kw(
        "key",
        "import",
        "-",
        input=lines({"id": "a", "sha256": sha256("2"), "subject": "bob"}, {"id": "b", "sha256": sha256("3")}),
    )
    assert damage_found(kw) == {("index", "a", problem), ("subject_keys", "a", problem), ("prefixes", "b", problem)}
    for command in ("key", "list", "--subject", "bob"), ("key", "show", "a"):
        assert kw.run(*command).rc == 0


def test_check_counts_in_words(kw, store):
    assert kw("store", "check", json=False) == "0 keys, 0 subjects, 0 plans: no damage\n"
    kw("plan", "set", "a")
    kw("subject", "set", "a")
    store.key(verifier="sha256")
    assert kw("store", "check", json=False) == "1 key, 1 subject, 1 plan: no damage\n"


@pytest.mark.parametrize(
    "change", ["empty", "short", "garbage", "no_secret", "wrong_secret", "gone", "lock_is_a_folder"]
)
def test_a_store_that_fails(kw, store, change):
    fill(kw, store)
    data = store.path / "credentials/data.mdb"
    if change == "empty":
        data.write_bytes(b"")
    elif change == "short":
        os.truncate(data, 8192)
    elif change == "garbage":
        data.write_bytes(os.urandom(data.stat().st_size))
    elif change == "no_secret":
        (store.path / "secret").unlink()
    elif change == "wrong_secret":
        (store.path / "secret").write_bytes(os.urandom(32))
    elif change == "gone":
        shutil.rmtree(store.path / "credentials")
    elif change == "lock_is_a_folder":
        (store.path / "lock").unlink(missing_ok=True)
        (store.path / "lock").mkdir()
    commands = [
        ["key", "create", "--name", "x", "--verifier", "sha256"],
        ["plan", "set", "p"],
        ["key", "revoke", "old"],
    ]
    if change != "lock_is_a_folder":  # which only writers need
        commands += [
            ["key", "list"],
            ["key", "list", "--json"],
            ["key", "show", "old"],
            ["key", "export"],
            ["store", "check"],
            ["store", "stats"],
        ]
    for command in commands:
        run = kw.run(*command)
        assert run.rc == 3, (command, run)
        assert run.stderr.count("\n") == 1 and (run.stderr.startswith("keyward: ") or "--json" in command)
        assert run.stdout == "", command


@pytest.mark.release_only  # whose child may crash by design
def test_random_damage_never_hangs_and_always_answers(kw, store):
    """LMDB may crash on a damaged file; `store check` lets a child find out."""
    fill(kw, store)
    data = store.path / "credentials/data.mdb"
    whole = data.read_bytes()
    dice = random.Random(7)
    outcomes = set()
    for _ in range(30):
        broken = bytearray(whole)
        for _ in range(20):
            broken[dice.randrange(len(broken))] = dice.randrange(256)
        with open(data, "r+b") as file:
            file.write(broken)
        run = kw.run("store", "check", "--json")
        assert run.rc in (0, 3)
        outcomes.add(run.rc)
    assert 3 in outcomes


def test_a_reader_without_rights(build, kw, store):
    if os.getuid() != 0:
        pytest.skip("needs root, to become somebody else")
    fill(kw, store)
    run = subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            build.command,
            "--store",
            str(store.path),
            "key",
            "list",
        ],
        capture_output=True,
        text=True,
        env=build.environment(),
    )
    assert (run.returncode, run.stdout) == (3, "") and run.stderr.count("\n") == 1
    assert "ermission" in run.stderr or "not allowed" in run.stderr


@pytest.mark.time_limit(60)
def test_another_writer_is_named(kw, store):
    """Every change but the urgent ones gives up after 5 s, and names who holds the lock."""
    key = store.key(verifier="sha256")
    with open(store.path / "lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX, 1, WRITERS_BYTE)
        assert str(os.getpid()) in refuses(kw, "plan", "set", "pro", status=3)
        assert kw("key", "list")[0]["state"] == "active"  # readers don't wait
        fcntl.lockf(lock, fcntl.LOCK_UN, 1, WRITERS_BYTE)
    kw("key", "revoke", key["id"])


def test_files_keep_their_owner(build, kw, store):
    if build.worker_user is None:
        pytest.skip("needs root")
    fill(kw, store)
    uid = pwd.getpwnam(build.worker_user[0]).pw_uid
    for folder, _, files in os.walk(store.path):
        for name in [".", *files]:
            assert os.stat(os.path.join(folder, name)).st_uid == uid, (folder, name)
            assert os.stat(os.path.join(folder, name)).st_mode & 0o007 == 0
