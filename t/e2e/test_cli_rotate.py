"""keyward key rotate: a successor, and an overlap in which both live."""

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli_helper import bcrypt, lines, raw, refuses, sha256
from harness.wait import until


def show(kw, key):
    return kw("key", "show", key["id"])


def test_a_successor_has_the_same_terms(kw, store):
    kw("plan", "set", "pro")
    old = store.key(
        "laptop", subject="alice", plan="pro", scope=["a", "b"], limit="60r/m", expires="2099-01-02", verifier="sha256"
    )
    new = kw("key", "rotate", old["id"])
    assert list(new) == [*(member for member in old if member != "new_subject"), "predecessor", "overlap_until"]
    same = ("name", "subject", "plan", "scopes", "limits", "state", "expires_at")
    assert {name: new[name] for name in same} == {name: old[name] for name in same}
    assert new["id"] != old["id"] and new["key"] != old["key"] and new["predecessor"] == old["id"]
    before, after = show(kw, old), show(kw, new)
    assert (before["successor"], before["predecessor"], before["overlap_until"]) == (
        new["id"],
        None,
        new["overlap_until"],
    )
    assert (after["successor"], after["predecessor"], after["counter_id"], after["overlap_until"]) == (
        None,
        old["id"],
        old["id"],
        None,
    )
    assert before["is_active"] and after["is_active"]
    assert after["verifier"] == "sha256"  # as the old one's
    for key in (old, new):
        assert kw("key", "check", input=key["key"])["id"] == key["id"]


def test_the_counters_are_the_first_ones_however_often_it_is_rotated(kw, store):
    first = store.key(verifier="sha256")
    second = kw("key", "rotate", first["id"])
    third = kw("key", "rotate", second["id"], "--overlap", "7d")
    assert show(kw, third)["counter_id"] == show(kw, second)["counter_id"] == first["id"]
    assert [show(kw, key)["is_active"] for key in (first, second, third)] == [True] * 3
    assert set(kw("key", "revoke", third["id"])["also_revoked"]) == {first["id"], second["id"]}


def test_overlap(kw, store):
    key = store.key(verifier="sha256")
    start = time.time()
    until_text = kw("key", "rotate", key["id"], "--overlap", "90m")["overlap_until"]
    end = time.mktime(time.strptime(until_text, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert start + 5398 <= end <= time.time() + 5400
    key = store.key(verifier="sha256")
    kw("key", "rotate", key["id"], "--overlap", "1s")
    until(lambda: show(kw, key)["expired"], 5, "the overlap's end")
    assert [listed["id"] for listed in kw("key", "list", "--state", "expired")] == [key["id"]]


def test_without_overlap_it_and_its_predecessors_end_at_once(kw, store):
    first = store.key(verifier="sha256")
    second = kw("key", "rotate", first["id"])
    third = kw("key", "rotate", second["id"], "--overlap", "0")
    assert third["overlap_until"] is None
    assert [show(kw, key)["state"] for key in (first, second, third)] == ["revoked", "revoked", "active"]


@pytest.mark.parametrize("overlap", ["24", "soon", "", "-1h", "200y"])
def test_a_bad_overlap(kw, store, overlap):
    key = store.key(verifier="sha256")
    refuses(kw, "key", "rotate", key["id"], f"--overlap={overlap}", status=2, says="--overlap: ")
    assert show(kw, key)["successor"] is None


def test_what_cant_be_rotated(kw, store):
    refuses(kw, "key", "rotate", "nope", says='no key with the id "nope"')
    rotated = store.key(verifier="sha256")
    new = kw("key", "rotate", rotated["id"])
    refuses(kw, "key", "rotate", rotated["id"], says=f"rotated already; its successor is {new['id']}")
    for how in ("suspend", "revoke"):
        key = store.key(verifier="sha256")
        kw("key", how, key["id"])
        refuses(kw, "key", "rotate", key["id"], says="only an active one can be rotated")
    kw("key", "import", "-", input=lines({"id": "old", "sha256": sha256("old"), "expires_at": "2020-01-01"}))
    refuses(kw, "key", "rotate", "old", says="is expired")
    count = len(kw("key", "list"))
    refuses(kw, "key", "rotate", new["id"], "--format", "a_", status=2, says="--format: ")
    assert len(kw("key", "list")) == count


def test_formats(kw, store):
    kw("key", "import", "-", input=lines({"id": "old", "bcrypt": bcrypt("x"), "prefix": "abcd", "preview": "abcd..."}))
    run = kw.run("key", "rotate", "old", "--format", "nrp_ hex=64", "--verifier", "sha256", "-q")
    assert re.fullmatch(r"nrp_[0-9a-f]{64}\n", run.stdout)
    (new,) = [key["id"] for key in kw("key", "list") if key["id"] != "old"]
    assert kw("key", "show", new)["verifier"] == "sha256"
    run = kw.run("key", "rotate", new, "--verifier", "bcrypt:4")
    assert 'begins with "nrp_", the new one with "kw_"' in run.stderr
    assert re.search(r"^predecessor +key_", run.stdout, re.M) and re.search("^which lives until +20", run.stdout, re.M)


def test_max_keys_counts_a_key_and_its_successor_once(kw, store):
    kw("plan", "set", "one", "--max-keys", "1")
    key = store.key(subject="alice", plan="one", verifier="sha256")
    for _ in range(3):
        key = kw("key", "rotate", key["id"])
    refuses(
        kw,
        "key",
        "create",
        "--name",
        "x",
        "--subject",
        "alice",
        "--plan",
        "one",
        "--verifier",
        "sha256",
        says="has 1 key already",
    )
    kw("key", "revoke", key["id"])
    store.key(subject="alice", plan="one", verifier="sha256")


def test_of_many_at_once_one_wins(kw, store):
    key = store.key(verifier="sha256")
    with ThreadPoolExecutor(6) as pool:
        runs = list(pool.map(lambda _: kw.run("key", "rotate", key["id"], "--json"), range(6)))
    (won,) = [run.json() for run in runs if run.rc == 0]
    assert {run.rc for run in runs} == {0, 1}
    assert show(kw, key)["successor"] == won["id"] and len(kw("key", "list")) == 2


def test_a_revocation_in_between_wins(build, kw, store):
    """The rotation has looked, and is at its bcrypt run, when the key is revoked."""
    for _ in range(3):
        key = store.key(verifier="sha256")
        rotation = subprocess.Popen(
            [build.command, "key", "rotate", key["id"], "--verifier", "bcrypt:14"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=build.environment(KEYWARD_STORE=store.path),
        )
        time.sleep(0.1)  # bcrypt of cost 14 takes about a second
        kw("key", "revoke", key["id"])
        out, error = rotation.communicate(timeout=60)
        assert (rotation.returncode, out) == (1, "") and "is revoked" in error
        assert show(kw, key)["state"] == "revoked" and show(kw, key)["successor"] is None


def test_a_successor_that_could_not_be_shown(build, kw, store):
    key = store.key(verifier="sha256")
    with open("/dev/full", "w") as full:
        run = raw(build, store.path, "key", "rotate", key["id"], stdout=full)
    assert run.returncode == 3 and b"rotate it to get one" in run.stderr
    lost = show(kw, key)["successor"]
    third = kw("key", "rotate", lost)
    assert [kw("key", "show", id)["is_active"] for id in (key["id"], lost, third["id"])] == [True] * 3
