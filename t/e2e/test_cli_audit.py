"""keyward audit: each change is on record. keyward store upgrade: stores of before it."""

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import lmdb
import pytest
from cli_helper import bcrypt, lines, refuses, sha256, strong

# Made by keyward 0.1.0: a plan, a subject, a key, one that is revoked, a denied token.
FORMAT_1 = Path(__file__).parent / "stores" / "format_1.tar.gz"
FORMAT_1_KEY = {"id": "key_0356s8k26uIxI4TeQ1j9oV", "key": "kw_WbT6Bft6TNtNUPy2pgUHiN1KT93GyBZUGHyJTusOlpl32qeAX"}
FORMAT_1_REVOKED = "key_0356s8kLOWUaFfSwBSNmPs"


def operations(kw, *arguments):
    return [entry["operation"] for entry in kw("audit", *arguments)]


def test_each_command_that_changes_something_is_on_record(kw, store):
    kw("plan", "set", "pro", "--scope", "posts:*", "--limit", "60r/m")
    kw("subject", "set", "alice", "--plan", "pro")
    key = store.key("laptop", subject="alice")
    kw("key", "suspend", key["id"])
    kw("key", "resume", key["id"])
    successor = kw("key", "rotate", key["id"])
    kw("key", "revoke", successor["id"])
    kw("key", "revoke", successor["id"])  # which changes nothing
    kw("token", "revoke", "--jti", "j1", "--issuer", "auth")
    kw("subject", "block", "alice")
    kw("plan", "set", "pro", "--limit", "600r/m")
    kw("key", "purge", "--revoked-before", "2100-01-01")
    entries = kw("audit")
    assert [(e["by"]["command"], e["operation"]) for e in entries] == [
        ("plan set", "plan_created"),
        ("subject set", "subject_created"),
        ("key create", "key_created"),
        ("key suspend", "key_suspended"),
        ("key resume", "key_resumed"),
        ("key rotate", "key_created"),
        ("key rotate", "key_rotated"),
        ("key revoke", "key_revoked"),
        ("key revoke", "key_revoked"),
        ("token revoke", "token_denied"),
        ("subject block", "subject_blocked"),
        ("plan set", "plan_changed"),
    ] + [("key purge", "key_purged")] * 2
    assert [e["number"] for e in entries] == list(range(1, len(entries) + 1))
    assert all(
        e["by"]["kind"] == "command" and e["by"]["uid"] == os.getuid() and e["at"].endswith("Z") for e in entries
    )
    created = entries[2]
    assert (created["key"], created["subject"]) == (key["id"], "alice")
    assert created["changes"]["name"] == {"before": None, "after": "laptop"}
    assert entries[3]["changes"] == {"state": {"before": "active", "after": "suspended"}}
    assert entries[9]["jti"] == "j1" and entries[9]["changes"]["issuer"]["after"] == "auth"
    assert entries[11]["changes"] == {"limits": {"before": "60r/m", "after": "600r/m"}}


def test_what_is_only_looked_at_is_not(kw, store):
    key = store.key("a")
    kw("key", "list")
    kw("key", "show", key["id"])
    kw.run("key", "check", input=key["key"])
    kw("store", "check")
    kw("key", "import", "-", "--dry-run", input=lines({"sha256": sha256(strong(1))}))
    refuses(kw, "key", "revoke", "nobody", says="no key")
    assert len(kw("audit")) == 1


def test_filters(kw, store):
    store.kw("subject", "set", "bob")
    keys = [store.key(f"k{n}", subject=["alice", "bob"][n % 2], verifier="sha256") for n in range(6)]
    kw("key", "import", "-", input=lines({"id": "old", "subject": "alice", "bcrypt": bcrypt("x"), "prefix": "abcd"}))
    kw("key", "revoke", keys[0]["id"])
    assert operations(kw, "--key", keys[0]["id"]) == ["key_created", "key_revoked"]
    assert operations(kw, "--key", "old") == ["keys_imported"]
    assert kw("audit", "--key", "old")[0]["keys"] == ["old"]
    assert operations(kw, "--subject", "alice") == ["key_created"] * 3 + ["keys_imported", "key_revoked"]
    assert operations(kw, "--subject", "bob") == ["subject_created"] + ["key_created"] * 3
    assert operations(kw, "--limit", "2") == ["keys_imported", "key_revoked"]
    assert operations(kw, "--subject", "alice", "--limit", "1") == ["key_revoked"]
    assert operations(kw, "--since", "1h") == operations(kw)
    assert operations(kw, "--since", "2100-01-01") == [] == operations(kw, "--key", "nobody")
    for arguments in (["--since", "7"], ["--since", "soon"], ["--key", "a b"], ["--limit", "0"], ["--subject", ""]):
        refuses(kw, "audit", *arguments, status=2)


def test_the_table(kw, store):
    key = store.key("laptop", scope=["posts:read"])
    kw("key", "revoke", key["id"])
    heading, created, revoked = kw("audit", json=False).splitlines()
    assert heading.split() == ["NUMBER", "TIME", "BY", "COMMAND", "OPERATION", "OF", "CHANGES"]
    assert "scopes posts:read" in created and "name laptop" in created and key["id"] in created
    assert "key revoke" in revoked and "state active -> revoked" in revoked


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, who becomes somebody else")
def test_root_and_whoever_is_behind_sudo_are_named(build, kw, store):
    """The command becomes the store's owner, which isn't who did it."""
    kw("key", "list")
    login = Path("/proc/self/loginuid").read_text()
    run = subprocess.run(
        [build.command, "plan", "set", "a"],
        env=build.environment(KEYWARD_STORE=store.path, SUDO_UID="65534"),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run
    by = kw("audit")[0]["by"]
    assert (by["user"], by["uid"]) == ("root", 0)
    if login in ("", "4294967295"):  # nobody has logged in here, so sudo is believed
        assert (by["login"], by["login_uid"]) == ("nobody", 65534)
        assert " nobody as root " in kw("audit", json=False)
    for nonsense in ("", "x", "4294967295", "99999999999999999999", "-1"):
        run = subprocess.run(
            [build.command, "plan", "set", "a", "--max-keys", "1"],
            env=build.environment(KEYWARD_STORE=store.path, SUDO_UID=nonsense),
        )
        assert run.returncode == 0


def test_no_secret_is_in_it(kw, store):
    """A record has its verifier and its locator; the journal has neither, nor a part of a key."""
    key = store.key("a", verifier="sha256")
    other = store.key("b")
    kw(
        "key",
        "import",
        "-",
        input=lines({"id": "old", "bcrypt": bcrypt("x"), "prefix": "sk_live_q"}, {"key": strong(3)}),
    )
    kw("key", "rotate", key["id"])
    with lmdb.open(
        str(store.path / "credentials"), max_dbs=16, max_readers=1024, readonly=True
    ) as environment, environment.begin() as transaction:
        tables = {name: environment.open_db(name, txn=transaction, create=False) for name in (b"journal", b"keys")}
        journal, keys = (
            b"".join(value for _, value in transaction.cursor(db=tables[name])) for name in (b"journal", b"keys")
        )
    digest = bytes.fromhex(sha256(key["key"]))
    assert key["id"].encode() in journal and digest in keys
    secrets = [
        digest[:16],
        digest.hex()[:16].encode(),
        b"$2b$",
        b"sk_live_q",
        bytes.fromhex(sha256(strong(3)))[:8],
        strong(3).encode()[8:20],
    ]
    for made in (key, other):
        secrets += [made["key"].encode(), made["key"].encode()[3:11], made["preview"].encode()]
    for secret in secrets:
        assert secret not in journal
    text = kw("audit", json=False) + json.dumps(kw("audit"))
    assert not any(secret.decode("latin-1") in text for secret in secrets)


def test_an_import_of_many_keys_is_few_entries(kw):
    kw("key", "import", "-", input=lines(*({"sha256": sha256(f"k{n}")} for n in range(5000))))
    entries = kw("audit")
    assert {entry["operation"] for entry in entries} == {"keys_imported"} and len(entries) < 10
    assert sum(len(entry["keys"]) for entry in entries) == 5000
    assert "keys_imported" in kw("audit", json=False)


def test_check_stats_and_compact_know_it(kw, store):
    for n in range(3):
        store.key(f"n{n}", verifier="sha256")
    assert kw("store", "check")["journal"] == 3
    assert (kw("store", "stats")["journal"], kw("store", "stats")["version"]) == (3, 2)
    assert kw("store", "compact")["journal_ended"] == 0
    assert len(kw("audit")) == 3
    refuses(kw, "store", "compact", "--keep-journal", "3", status=2)
    assert "the files had" in kw("store", "compact", "--keep-journal", "1d", json=False)


def test_check_names_a_damaged_entry(kw, store):
    store.key("alpha", verifier="sha256")
    path = store.path / "credentials/data.mdb"
    data = path.read_bytes()
    assert data.count(b"\x05\x00alpha") >= 1
    with open(path, "r+b") as file:
        file.write(data.replace(b"\x05\x00alpha", b"\x05\x00omega"))
    report = kw("store", "check", ok=False)
    assert report["damaged"] == [{"what": "journal", "name": "1", "problem": "its record has a wrong checksum or form"}]
    run = kw.run("audit", "--json")
    assert run.rc == 3 and run.json() == [] and "damaged" in run.stderr


def test_what_was_done_since_a_backup_stays_on_record(kw, store, folder):
    key = store.key("a")
    kw("store", "backup", folder / "backup")
    kw("key", "revoke", key["id"])
    store.key("b")
    kw("store", "restore", folder / "backup")
    entries = kw("audit")
    assert [e["operation"] for e in entries] == ["key_created", "key_revoked", "key_created", "store_restored"]
    assert entries[-1]["by"]["command"] == "store restore" and entries[-1]["changes"]["count"]["after"] == "1"
    assert kw("store", "check")["damaged"] == []


# --- stores of before the journal ---------------------------------------------------------------------------------------


@pytest.fixture
def old_store(kw, store):
    """In the place of the store that was just made."""
    kw("key", "list")
    owner = store.path.stat()
    mode = owner.st_mode & 0o777
    shutil.rmtree(store.path)
    store.path.mkdir()
    with tarfile.open(FORMAT_1) as archive:
        archive.extractall(store.path)
    (store.path / "lock").touch(mode=0o600)  # init makes it
    for path in [store.path, *store.path.rglob("*")]:
        os.chown(path, owner.st_uid, owner.st_gid)
    store.path.chmod(mode)
    return store


def test_an_older_store_is_served_and_changed_as_it_is(edge, kw, old_store):
    e = edge(location="keyward on;")
    headers = {"X-API-Key": FORMAT_1_KEY["key"]}
    assert e.get("/", headers=headers).status == 200
    assert kw("store", "stats")["version"] == 1
    new = old_store.key("new")
    assert e.get("/", headers={"X-API-Key": new["key"]}).status == 200
    kw("key", "revoke", FORMAT_1_KEY["id"])
    assert e.get("/", headers=headers).status == 401
    assert kw("store", "check") | {"remarks": []} == {
        "ok": True,
        "keys": 3,
        "indexed": 3,
        "legacy_prefix": 0,
        "subjects": 1,
        "plans": 1,
        "windows": 0,
        "balances": 0,
        "denials": 1,
        "journal": 0,
        "damaged": [],
        "remarks": [],
    }
    kw("store", "compact")
    assert kw("store", "stats")["version"] == 1
    assert "store upgrade" in refuses(kw, "audit", says="format 1")
    assert "upgrade" in kw("store", "stats", json=False)


def test_an_older_store_takes_no_keys_that_older_workers_can_not_read(kw, old_store):
    line = lines({"id": "newer", "sha512": "00" * 64})
    for arguments in ([], ["--dry-run"]):
        refuses(kw, "key", "import", "-", *arguments, input=line, status=3, says="run `keyward store upgrade`")
    assert kw("store", "stats")["keys"] == 2
    kw("store", "upgrade")
    assert kw("key", "import", "-", input=line)["imported"] == 1


def test_upgrade_while_newer_workers_read_it(edge, kw, old_store):
    e = edge(location="keyward on;", workers=2)
    headers = {"X-API-Key": FORMAT_1_KEY["key"]}
    assert e.get("/", headers=headers).status == 200
    assert kw("store", "upgrade") == {"from": 1, "to": 2, "changed": True}
    assert kw("store", "upgrade") == {"from": 2, "to": 2, "changed": False}
    assert kw("store", "stats")["version"] == 2
    for _ in range(20):
        assert e.get("/", headers=headers).status == 200
    kw("key", "revoke", FORMAT_1_KEY["id"])
    for _ in range(20):
        assert e.get("/", headers=headers).status == 401
    assert operations(kw) == ["store_upgraded", "key_revoked"]
    assert kw("audit")[0]["changes"] == {"version": {"before": "1", "after": "2"}}
    assert kw("key", "show", FORMAT_1_REVOKED)["state"] == "revoked"


OLDER = """
import lmdb, sys
environment = lmdb.open(sys.argv[1], max_dbs=16, max_readers=1024, readonly=True)
transaction = environment.begin()
print(flush=True)
sys.stdin.read()
"""


def test_upgrade_is_refused_while_an_older_process_reads_it(kw, old_store):
    kw("key", "list")  # which makes lock.mdb, as the store's owner
    older = subprocess.Popen(
        ["/usr/bin/python3", "-c", OLDER, str(old_store.path / "credentials")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        older.stdout.readline()
        told = refuses(kw, "store", "upgrade", status=3, says=f"process {older.pid} has")
        assert "restart nginx" in told
        assert kw("store", "stats")["version"] == 1
    finally:
        older.communicate()
    assert kw("store", "upgrade")["changed"]


def test_upgrade_of_what_is_no_store(kw, folder):
    refuses(kw, "--store", folder / "nowhere", "store", "upgrade", status=3, says="no store")
