"""keyward subject."""

import pytest
from cli_helper import refuses
from harness.older import give_credits

TIMES = ("created_at", "changed_at")


def without_times(subject):
    return {name: value for name, value in subject.items() if name not in (*TIMES, "created")}


def test_only_what_is_given_changes(kw, store):
    kw("plan", "set", "pro")
    kw("subject", "set", "alice", "--plan", "pro", "--scope", "a:*,b")
    give_credits(store, "alice", 100)
    first = kw("subject", "show", "alice")
    del first["keys"]
    assert without_times(first) == {
        "id": "alice",
        "state": "active",
        "plan": "pro",
        "scopes": ["a:*", "b"],
        "credits": 100,
        "credits_renew_at": None,
    }
    blocked = kw("subject", "set", "alice", "--state", "blocked")
    assert without_times(blocked) == {**without_times(first), "state": "blocked"}
    assert blocked["created_at"] == first["created_at"]
    assert kw("subject", "set", "alice", "--scope", "a:*,b")["state"] == "blocked"
    bare = kw("subject", "set", "alice", "--plan", "", "--no-scopes", "--no-credits", "--state", "active")
    assert without_times(bare) == {
        "id": "alice",
        "state": "active",
        "plan": None,
        "scopes": None,
        "credits": None,
        "credits_renew_at": None,
    }
    assert kw("subject", "set", "alice", "--scope", "")["scopes"] == []
    assert [subject["id"] for subject in kw("subject", "list")] == ["alice"]


def test_report_S16(kw, store):
    """A misspelt name is not blocked: it would look as if alice were."""
    key = store.key(subject="alice", verifier="sha256")
    for command in ("block", "unblock"):
        error = refuses(
            kw,
            "subject",
            command,
            "alcie",
            status=1,
            says='there is no subject "alcie": neither a record nor a key has it',
        )
        assert "--create" in error and error.endswith('did you mean "alice"?\n')
    assert kw("subject", "list") == []
    assert kw("key", "check", input=key["key"])["valid"]
    blocked = kw("subject", "block", "alice")
    assert blocked == {"id": "alice", "state": "blocked", "changed": True, "created": True, "workers": 0}
    assert kw("key", "check", input=key["key"], ok=False)["reason"] == "blocked_subject"
    assert kw("subject", "block", "alice") == {**blocked, "changed": False, "created": False}
    assert kw("subject", "unblock", "alice") == {**blocked, "state": "active", "created": False}
    assert kw("key", "check", input=key["key"])["valid"]


def test_report_S16_set_says_when_it_makes_one(kw, store):
    run = kw.run("subject", "set", "alcie", "--state", "blocked")
    assert run.rc == 0 and run.stderr.startswith("Subject alcie is new: no record and no key had it.\n")
    assert kw("subject", "set", "bob")["created"] is True
    assert kw("subject", "set", "bob")["created"] is False
    assert kw.run("subject", "set", "bob").stderr == ""
    store.key(subject="carol", verifier="sha256")
    run = kw.run("subject", "set", "carol", "--scope", "a")
    assert run.rc == 0 and run.stderr == "Subject carol had keys, but no record of its own; now it has one.\n"
    run = kw.run("subject", "set", "caroll")
    assert run.stderr == 'Subject caroll is new: no record and no key had it; did you mean "carol"?\n'


def test_report_S16_create(kw):
    """For a subject that only tokens have, which the store doesn't know."""
    assert kw("subject", "block", "token-user", "--create")["created"] is True
    assert kw("subject", "show", "token-user")["state"] == "blocked"
    assert kw("subject", "unblock", "other", "--create") == {
        "id": "other",
        "state": "active",
        "changed": False,
        "created": True,
        "workers": 0,
    }


def test_report_S16_unblocking_makes_no_record(kw, store):
    store.key(subject="alice", verifier="sha256")
    assert kw("subject", "unblock", "alice") == {
        "id": "alice",
        "state": "active",
        "changed": False,
        "created": False,
        "workers": 0,
    }
    assert kw("subject", "list") == []
    assert kw("subject", "unblock", "alice", json=False) == "subject alice is active already\n"


def test_report_S16_blocking_keeps_the_rest(kw):
    kw("plan", "set", "pro")
    kw("subject", "set", "alice", "--plan", "pro", "--scope", "a")
    kw("subject", "block", "alice")
    assert without_times(kw("subject", "show", "alice")) == {
        "id": "alice",
        "state": "blocked",
        "plan": "pro",
        "scopes": ["a"],
        "credits": None,
        "credits_renew_at": None,
        "keys": {},
    }
    assert kw("subject", "unblock", "alice", json=False) == "subject alice is active\n"


def test_report_S16_a_new_subject_of_a_key_is_told(kw, store):
    first = kw.run("key", "create", "--name", "x", "--verifier", "sha256", "--subject", "alice", "--scope", "a")
    assert "Subject alice is new: no record and no key had it.\n" in first.stderr
    again = kw.run("key", "create", "--name", "x", "--verifier", "sha256", "--subject", "alice", "--scope", "a")
    assert "is new" not in again.stderr
    assert store.key(subject="alcie", verifier="sha256")["new_subject"] is True
    assert store.key(subject="alice", verifier="sha256")["new_subject"] is False
    assert store.key(verifier="sha256")["new_subject"] is False
    assert kw.run("key", "create", "--name", "x", "--verifier", "sha256", "--subject", "another", "-q").stderr == ""


def test_wrong_names_of_subjects(kw):
    for command in ("block", "unblock"):
        refuses(kw, "subject", command, " a", status=2, says="can't be a subject")


def test_many(kw):
    for name in ("b", "a", "Jürgen Müller", "x" * 256):
        kw("subject", "set", name)
    assert [subject["id"] for subject in kw("subject", "list")] == ["Jürgen Müller", "a", "b", "x" * 256]
    assert "Jürgen Müller" in kw("subject", "list", json=False)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([" a"], "can't be a subject"),
        (["a\nb"], "can't be a subject"),
        (["x" * 257], "can't be a subject"),
        (["a", "--state", "gone"], '"gone" is not a subject\'s state; write active or blocked'),
        (["a", "--credits", "many"], '--credits: "many" is not a balance; write 1000 to set it, +100 to add to it'),
        (["a", "--scope", "x", "--no-scopes"], "contradict"),
        (["a", "--credits", "1", "--no-credits"], "contradict"),
        (["a", "--plan", "b c"], "can't be a plan's name"),
    ],
)
def test_what_is_wrong_is_told(kw, arguments, says):
    refuses(kw, "subject", "set", *arguments, status=2, says=says)
    assert kw("subject", "list") == []


def test_an_unknown_plan_is_a_warning(kw):
    kw("plan", "set", "free")
    kw("plan", "set", "pro")
    run = kw.run("subject", "set", "alice", "--plan", "gold")
    assert run.rc == 0
    assert (
        run.stderr == "Subject alice is new: no record and no key had it.\n"
        'keyward: warning: the store has no plan "gold" (nginx\'s configuration may have it); it has free, pro\n'
    )
    assert kw("subject", "show", "alice")["plan"] == "gold"
    assert kw.run("subject", "set", "alice", "--plan", "pro").stderr == ""


def test_show_counts_keys(kw, store):
    kw("subject", "set", "alice")
    assert kw("subject", "show", "alice")["keys"] == {}
    keys = [store.key(subject="alice", verifier="sha256") for _ in range(3)]
    kw("key", "revoke", keys[0]["id"])
    assert kw("subject", "show", "alice")["keys"] == {"active": 2, "revoked": 1}
    refuses(kw, "subject", "show", "bob", says='no subject "bob"')


def test_remove(kw, store):
    kw("subject", "set", "alice", "--state", "blocked")
    key = store.key(subject="alice", verifier="sha256")
    refuses(kw, "subject", "remove", "alice", says=key["id"])
    kw("key", "suspend", key["id"])
    refuses(kw, "subject", "remove", "alice", says="isn't revoked")
    kw("key", "revoke", key["id"])
    assert kw("subject", "remove", "alice") == {"id": "alice", "removed": True}
    refuses(kw, "subject", "remove", "alice", says='no subject "alice"')
