"""keyward key revoke --stdin and key purge: many keys at once."""

import fcntl
import json
import subprocess
import threading
import time

import pytest
from cli_helper import lines, refuses, sha256


def states(kw):
    return {key["id"]: key["state"] for key in kw("key", "list")}


def ids(*names):
    return "".join(f"{name}\n" for name in names)


@pytest.fixture
def many(kw):
    """k0 ... k9, of which k9 was revoked in 2020."""
    kw(
        "key",
        "import",
        "-",
        input=lines(
            *({"id": f"k{i}", "sha256": sha256(f"{i}"), "subject": "s"} for i in range(9)),
            {"id": "k9", "sha256": sha256("9"), "state": "revoked", "created_at": "2020-01-01"},
        ),
    )


# Revoking.


def test_many_are_revoked(kw, many):
    done = kw("key", "revoke", "--stdin", input=ids("k1", "", "  k2\t", "k1", "k9\r"))
    assert done == [
        {"id": "k1", "state": "revoked", "changed": True, "also_revoked": [], "workers": 0},
        {"id": "k2", "state": "revoked", "changed": True, "also_revoked": [], "workers": 0},
        {"id": "k9", "state": "revoked", "changed": False, "also_revoked": [], "workers": 0},
    ]
    assert {id for id, state in states(kw).items() if state == "revoked"} == {"k1", "k2", "k9"}
    run = kw.run("key", "revoke", "--stdin", input="k3")
    assert (run.rc, run.stdout) == (0, "key k3 is revoked\n")
    assert kw("key", "revoke", "--stdin", input="") == []


def test_those_that_are_known_are_revoked_whatever_the_others_are(kw, many):
    run = kw.run("key", "revoke", "--stdin", input=ids("k1", "nope", "with blank", "k2", "x" * 5000, "k3"))
    assert run.rc == 1
    assert run.stdout.splitlines() == ["key k1 is revoked", "key k2 is revoked", "key k3 is revoked"]
    warning, *errors = run.stderr.splitlines()
    assert "no nginx worker has this store open" in warning
    assert errors == [
        'keyward: line 2: there is no key with the id "nope"',
        "keyward: line 3: this is no id",
        "keyward: line 5: this is no id",
        "keyward: 3 keys are revoked; 3 lines are not done",
    ]
    run = kw.run("key", "revoke", "--stdin", "--json", input=ids("k4", "nope"))
    assert run.rc == 1 and [key["id"] for key in run.json()] == ["k4"]
    assert json.loads(run.stderr.splitlines()[-1])["lines"] == [
        {"line": 2, "error": 'there is no key with the id "nope"'}
    ]


def test_a_key_among_the_ids_is_not_repeated(kw, store):
    key = store.key(verifier="sha256")
    run = kw.run("key", "revoke", "--stdin", input=ids(key["key"], key["id"]))
    assert run.rc == 1 and key["key"][3:] not in run.stderr + run.stdout and "key check" in run.stderr
    assert states(kw) == {key["id"]: "revoked"}


def test_predecessors_end_with_them(kw, store):
    old = store.key(verifier="sha256")
    new = kw("key", "rotate", old["id"])
    assert kw("key", "revoke", "--stdin", input=new["id"])[0]["also_revoked"] == [old["id"]]
    assert set(states(kw).values()) == {"revoked"}


def test_usage(kw):
    for arguments in ([], ["k1", "--stdin"]):
        refuses(kw, "key", "revoke", *arguments, status=2, says="--stdin")


@pytest.mark.time_limit(60)
def test_it_waits_for_another_writer(build, kw, store, many):
    with open(store.path / "lock", "r+b") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX, 1, 0)
        done = []
        thread = threading.Thread(target=lambda: done.extend(kw("key", "revoke", "--stdin", input=ids("k1", "k2"))))
        thread.start()
        time.sleep(7)  # others give up after five seconds
        assert not done
        fcntl.lockf(lock, fcntl.LOCK_UN, 1, 0)
        thread.join(30)
    assert [key["id"] for key in done] == ["k1", "k2"]


def test_twelve_thousand(kw):
    kw("key", "import", "-", input=lines(*({"id": f"k{i:05}", "sha256": sha256(f"{i}")} for i in range(12000))))
    done = kw("key", "revoke", "--stdin", input=ids(*(f"k{i:05}" for i in range(11999))))
    assert len(done) == 11999 and [id for id, state in states(kw).items() if state == "active"] == ["k11999"]
    assert kw("key", "purge", "--revoked-before", "2099-01-01") == {
        "revoked_before": "2099-01-01T00:00:00Z",
        "purged": 11999,
    }
    assert list(states(kw)) == ["k11999"]
    assert kw("store", "check")["ok"]


# Purging.


def test_only_what_was_revoked_before_goes(kw, many):
    kw("key", "revoke", "k1")
    kw("key", "suspend", "k2")
    assert kw("key", "purge", "--revoked-before", "90d", "--dry-run")["would_purge"] == 1
    assert len(states(kw)) == 10
    report = kw("key", "purge", "--revoked-before", "90d")
    assert report["purged"] == 1 and report["revoked_before"].endswith("Z")
    assert set(states(kw)) == {f"k{i}" for i in range(9)}
    assert kw("key", "purge", "--revoked-before", "2099-01-01")["purged"] == 1
    assert set(states(kw)) == {f"k{i}" for i in range(9) if i != 1}
    refuses(kw, "key", "show", "k1", says="there is no key")
    assert kw("store", "check")["ok"]
    assert kw("key", "purge", "--revoked-before", "0d", json=False).startswith("0 keys revoked before 20")


def test_use_counts_go_with_their_keys(kw):
    kw(
        "key",
        "import",
        "-",
        input=lines(
            *(
                {"id": id, "sha256": sha256(id), "state": state, "last_used_at": "2025-01-01"}
                for id, state in (("gone", "revoked"), ("here", "active"))
            )
        ),
    )
    kw("key", "purge", "--revoked-before", "2099-01-01")
    kw("key", "import", "-", input=lines({"id": "gone", "sha256": sha256("another")}))
    used = {key["id"]: key["last_used_at"] for key in kw("key", "list")}
    assert used == {"gone": None, "here": "2025-01-01T00:00:00Z"}


@pytest.mark.parametrize("before", ["", "90", "soon", "2026-13-01"])
def test_a_bad_time(kw, many, before):
    refuses(kw, "key", "purge", f"--revoked-before={before}", status=2, says="--revoked-before")
    assert len(states(kw)) == 10


def test_a_successor_outlives_its_predecessor(kw, store):
    old = store.key(verifier="sha256")
    new = kw("key", "rotate", old["id"], "--overlap", "0")
    kw("key", "purge", "--revoked-before", "2099-01-01")
    assert states(kw) == {new["id"]: "active"}
    assert kw("key", "check", input=new["key"])["id"] == new["id"]
    third = kw("key", "rotate", new["id"])
    assert kw("key", "show", third["id"])["counter_id"] == old["id"]
    assert kw("key", "revoke", third["id"])["also_revoked"] == [new["id"]]


def test_others_write_meanwhile(build, kw, store):
    """Purging holds no lock for long: another process creates and revokes all the time."""
    kw(
        "key",
        "import",
        "-",
        input=lines(
            *(
                {"id": f"k{i:05}", "sha256": sha256(f"{i}"), "state": "revoked", "created_at": "2020-01-01"}
                for i in range(20000)
            )
        ),
    )
    purge = subprocess.Popen(
        [build.command, "key", "purge", "--revoked-before", "90d", "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=build.environment(KEYWARD_STORE=store.path),
    )
    made = []
    while purge.poll() is None:
        made.append(store.key(verifier="sha256"))
        kw("key", "revoke", made[-1]["id"])
    assert purge.returncode == 0 and json.loads(purge.stdout.read())["purged"] == 20000
    assert {key["id"] for key in made} == set(states(kw))
