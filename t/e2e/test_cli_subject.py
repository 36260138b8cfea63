"""keyward subject."""

import pytest
from cli_helper import refuses


def without_times(subject):
    return {name: value for name, value in subject.items() if name not in ("created_at", "changed_at")}


def test_only_what_is_given_changes(kw):
    kw("plan", "set", "pro")
    first = kw("subject", "set", "alice", "--plan", "pro", "--scope", "a:*,b", "--credits", "100")
    assert without_times(first) == {"id": "alice", "state": "active", "plan": "pro", "scopes": ["a:*", "b"], "credits": 100}
    blocked = kw("subject", "set", "alice", "--state", "blocked")
    assert without_times(blocked) == {**without_times(first), "state": "blocked"}
    assert blocked["created_at"] == first["created_at"]
    assert kw("subject", "set", "alice", "--credits", "7")["state"] == "blocked"
    bare = kw("subject", "set", "alice", "--plan", "", "--no-scopes", "--no-credits", "--state", "active")
    assert without_times(bare) == {"id": "alice", "state": "active", "plan": None, "scopes": None, "credits": None}
    assert kw("subject", "set", "alice", "--scope", "")["scopes"] == []
    assert [subject["id"] for subject in kw("subject", "list")] == ["alice"]


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
        (["a", "--credits", "-1"], "a whole number"),
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
    assert run.stderr == 'keyward: warning: the store has no plan "gold" (nginx\'s configuration may have it); it has free, pro\n'
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
