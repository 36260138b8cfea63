"""keyward plan."""

import pytest
from cli_helper import refuses

NOTHING = {"scopes": None, "limits": None, "max_keys": None, "credits": None, "no_access": False, "default": False}


def test_set_and_show(kw):
    plan = kw("plan", "set", "pro", "--scope", "posts:*,media:read", "--scope", "a b", "--limit", "60r/m", "--limit", "1000r/d",
              "--max-keys", "5", "--credits", "1000/30d", "--default")
    assert plan == {
        "name": "pro",
        "scopes": ["posts:*", "media:read", "a", "b"],
        "limits": ["60r/m", "1000r/d"],
        "max_keys": 5,
        "credits": "1000/30d",
        "no_access": False,
        "default": True,
    }
    assert kw("plan", "show", "pro") == plan
    assert kw("plan", "list") == [plan]
    assert "posts:*" in kw("plan", "list", json=False)


def test_a_set_replaces_the_plan_whole(kw):
    kw("plan", "set", "pro", "--scope", "a", "--limit", "1r/s", "--max-keys", "2", "--credits", "5/1d", "--no-access", "--default")
    assert kw("plan", "set", "pro") == {"name": "pro", **NOTHING}
    assert kw("plan", "show", "pro") == {"name": "pro", **NOTHING}


def test_an_empty_list_is_not_no_list(kw):
    for empty in (["--scope", ""], ["--scope="]):
        assert kw("plan", "set", "none", *empty)["scopes"] == []
        assert "(nothing)" in kw("plan", "show", "none", json=False)
    assert kw("plan", "set", "zero", "--max-keys", "0")["max_keys"] == 0


def test_one_default(kw):
    kw("plan", "set", "a", "--default")
    kw("plan", "set", "b", "--default")
    assert [plan["default"] for plan in kw("plan", "list")] == [False, True]


def told(kw, *arguments):
    run = kw.run("plan", "set", *arguments)
    assert run.rc == 0
    assert kw.run("plan", "set", *arguments, "--json").stderr == ""
    return run.stderr


def test_what_a_set_drops_or_changes_is_told(kw):
    assert told(kw, "pro", "--scope", "a,b", "--limit", "1r/s", "--max-keys", "2", "--credits", "5/1d") == ""
    assert told(kw, "pro", "--scope", "a,b", "--limit", "1r/s", "--max-keys", "2", "--credits", "5/1d") == ""
    assert told(kw, "pro", "--scope", "a", "--limit", "1r/s", "--max-keys", "3", "--credits", "5/1d") == (
        "Plan pro was there and is replaced whole: scopes a (was a b), max keys 3 (was 2).\n")
    assert told(kw, "pro", "--no-access") == (
        "Plan pro was there and is replaced whole: scopes - (was a), limits - (was 1r/s), max keys - (was 3), credits - (was 5/d), no access yes (was no).\n")
    assert told(kw, "pro", "--scope", "") == "Plan pro was there and is replaced whole: scopes (nothing) (was -), no access no (was yes).\n"


def test_a_default_that_is_taken_away_is_told(kw):
    assert told(kw, "a", "--default") == ""
    assert told(kw, "b", "--default") == "Plan a was the default one, and isn't any more.\n"
    assert told(kw, "b") == "Plan b was there and is replaced whole: default no (was yes).\n"
    assert told(kw, "a", "--default") == "Plan a was there and is replaced whole: default yes (was no).\n"


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["a b"], "can't be a plan's name"),
        (["x" * 65], "can't be a plan's name"),
        (["p", "--scope", "a*"], '"a*" is not a scope; write one such as posts:read, posts:* or *'),
        (["p", "--scope", "*:a"], "is not a scope"),
        (["p", "--scope", 'a"b'], "is not a scope"),
        (["p", "--scope", ",".join(f"scope{i:05}" for i in range(500))], "more than 4096 bytes"),
        (["p", "--limit", "60"], "--limit: "),
        (["p", "--limit", "0r/m"], "--limit: "),
        (["p", *(part for i in range(9) for part in ("--limit", f"{i + 1}r/s"))], "more than 8 limits"),
        (["p", "--max-keys", "-1"], "a whole number"),
        (["p", "--max-keys", "1x"], "a whole number"),
        (["p", "--credits", "many"], "--credits: "),
    ],
)
def test_what_is_wrong_is_told(kw, arguments, says):
    refuses(kw, "plan", "set", *arguments, status=2, says=says)
    assert kw("plan", "list") == []


def test_unknown_plans(kw):
    refuses(kw, "plan", "show", "pro", says='no plan "pro"')
    refuses(kw, "plan", "remove", "pro", says='no plan "pro"')


def test_a_used_plan_stays(kw, store):
    kw("plan", "set", "pro")
    key = store.key(plan="pro", verifier="sha256")
    refuses(kw, "plan", "remove", "pro", says=f'is used by the key "{key["id"]}"; revoke it first')
    kw("key", "revoke", key["id"])
    kw("subject", "set", "alice", "--plan", "pro")
    refuses(kw, "plan", "remove", "pro", says='is used by the subject "alice"; give it another with `keyward subject set --plan`')
    kw("subject", "set", "alice", "--plan", "")
    assert kw("plan", "remove", "pro") == {"name": "pro", "removed": True}
    assert kw("plan", "list") == []
