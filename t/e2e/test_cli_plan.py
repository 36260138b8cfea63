"""keyward plan."""

import subprocess

import pytest
from cli_helper import refuses
from harness.older import give_plan_credits
from test_cli_audit import old_store

__all__ = ["old_store"]


def test_set_and_show(kw):
    plan = kw(
        "plan",
        "set",
        "pro",
        "--scope",
        "posts:*,media:read",
        "--scope",
        "a b",
        "--limit",
        "60r/m",
        "--limit",
        "1000r/d",
        "--max-keys",
        "5",
        "--default",
    )
    assert plan.pop("created") is True
    assert plan == {
        "name": "pro",
        "scopes": ["posts:*", "media:read", "a", "b"],
        "limits": ["60r/m", "1000r/d"],
        "max_keys": 5,
        "concurrency": None,
        "credits": None,
        "no_access": False,
        "default": True,
    }
    assert kw("plan", "show", "pro") == plan
    assert kw("plan", "list") == [plan]
    assert "posts:*" in kw("plan", "list", json=False)


def test_report_S17(kw, store):
    """A plan whose limits change keeps its scopes: without them it would grant everything."""
    kw("plan", "set", "pro", "--scope", "posts:read", "--limit", "60r/m", "--max-keys", "5", "--no-access", "--default")
    plan = kw("plan", "set", "pro", "--limit", "600r/m")
    assert plan == {
        "name": "pro",
        "scopes": ["posts:read"],
        "limits": ["600r/m"],
        "max_keys": 5,
        "concurrency": None,
        "credits": None,
        "no_access": True,
        "default": True,
        "created": False,
    }
    del plan["created"]
    assert kw("plan", "show", "pro") == plan
    kw("plan", "set", "pro", "--access")
    key = store.key(plan="pro", verifier="sha256")
    assert kw("key", "check", input=key["key"])["scopes"] == "posts:read"


@pytest.mark.parametrize(
    "option, member, value",
    [
        ("--no-scopes", "scopes", None),
        ("--no-limits", "limits", None),
        ("--no-max-keys", "max_keys", None),
        ("--no-concurrency", "concurrency", None),
        ("--no-credits", "credits", None),
        ("--access", "no_access", False),
        ("--no-default", "default", False),
    ],
)
def test_report_S17_each_is_taken_away_alone(kw, store, option, member, value):
    whole = kw(
        "plan",
        "set",
        "pro",
        "--scope",
        "a",
        "--limit",
        "1r/s",
        "--max-keys",
        "2",
        "--concurrency",
        "3",
        "--no-access",
        "--default",
    )
    give_plan_credits(store, "pro", 5, 86400)
    assert kw("plan", "set", "pro", option) == {**whole, "credits": "5/d", member: value, "created": False}


def test_report_S17_nothing_given_changes_nothing(kw):
    whole = kw("plan", "set", "pro", "--scope", "a", "--limit", "1r/s", "--max-keys", "2", "--no-access", "--default")
    assert kw("plan", "set", "pro") == {**whole, "created": False}


@pytest.mark.parametrize(
    "one, other",
    [
        (["--scope", "a"], "--no-scopes"),
        (["--limit", "1r/s"], "--no-limits"),
        (["--max-keys", "1"], "--no-max-keys"),
        (["--credits", "1/d"], "--no-credits"),
        (["--no-access"], "--access"),
        (["--default"], "--no-default"),
    ],
)
def test_report_S17_contradictions(kw, one, other):
    for arguments in ([*one, other], [other, *one]):
        refuses(kw, "plan", "set", "pro", *arguments, status=2, says="contradict each other")
    assert kw("plan", "list") == []


def test_report_S17_two_at_once(kw, build, store):
    """Each reads the plan where it writes it: neither takes the other's change back."""
    kw("plan", "set", "pro", "--scope", "a")
    changes = [["--limit", "1r/s"], ["--max-keys", "3"], ["--default"], ["--no-access"], ["--scope", "b"]]
    running = [
        subprocess.Popen(
            [build.command, "plan", "set", "pro", *change],
            env=build.environment(KEYWARD_STORE=store.path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for change in changes
    ]
    assert [one.wait() for one in running] == [0] * len(changes)
    assert kw("plan", "show", "pro") == {
        "name": "pro",
        "scopes": ["b"],
        "limits": ["1r/s"],
        "max_keys": 3,
        "concurrency": None,
        "credits": None,
        "no_access": True,
        "default": True,
    }


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


def test_what_a_set_changes_is_told(kw):
    assert told(kw, "pro", "--scope", "a,b", "--limit", "1r/s", "--max-keys", "2") == "Plan pro is new.\n"
    assert told(kw, "pro", "--scope", "a,b", "--limit", "1r/s") == "Plan pro had these values already.\n"
    assert (
        told(kw, "pro", "--scope", "a", "--max-keys", "3")
        == "Plan pro is changed: scopes a (was a b), max keys 3 (was 2).\n"
    )
    assert (
        told(kw, "pro", "--no-access", "--no-limits")
        == "Plan pro is changed: limits - (was 1r/s), no access yes (was no).\n"
    )
    assert (
        told(kw, "pro", "--scope", "", "--access")
        == "Plan pro is changed: scopes (nothing) (was a), no access no (was yes).\n"
    )


def test_report_S16_a_new_plan_is_told(kw):
    """A misspelt name makes a plan that nobody has."""
    kw("plan", "set", "premium")
    assert told(kw, "premuim", "--limit", "1r/s") == 'Plan premuim is new; did you mean "premium"?\n'
    assert kw("plan", "set", "other")["created"] is True
    assert kw("plan", "set", "other")["created"] is False


def test_a_default_that_is_taken_away_is_told(kw):
    assert told(kw, "a", "--default") == "Plan a is new.\n"
    assert told(kw, "b", "--default") == "Plan b is new.\nPlan a is no longer the default plan.\n"
    assert told(kw, "b", "--no-default") == "Plan b is changed: default no (was yes).\n"
    assert told(kw, "a", "--default") == "Plan a is changed: default yes (was no).\n"


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
        (["p", "--credits", "many"], '--credits: "many" is not an amount of credits'),
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
    refuses(
        kw,
        "plan",
        "remove",
        "pro",
        says='is used by the subject "alice"; give it another with `keyward subject set --plan`',
    )
    kw("subject", "set", "alice", "--plan", "")
    assert kw("plan", "remove", "pro") == {"name": "pro", "removed": True}
    assert kw("plan", "list") == []


def test_concurrency(kw, old_store):
    """A stored plan's, which an older version could not read."""
    run = kw.run("plan", "set", "two", "--concurrency", "2")
    assert run.rc == 3 and "run `keyward store upgrade`" in run.stderr
    kw("store", "upgrade")
    assert kw("plan", "set", "two", "--concurrency", "2")["concurrency"] == 2
    assert "concurrency 3 (was 2)" in kw.run("plan", "set", "two", "--concurrency", "3").stderr
    for wrong in ("0", "1000001", "-1", "x"):
        refuses(kw, "plan", "set", "two", "--concurrency", wrong, status=2, says="--concurrency")
    refuses(kw, "plan", "set", "two", "--concurrency", "3", "--no-concurrency", status=2, says="--no-concurrency")
    assert kw("audit")[-1]["changes"] == {"concurrency": {"before": "2", "after": "3"}}
    assert kw("plan", "set", "two", "--no-concurrency")["concurrency"] is None
