"""What doesn't work yet is refused, rather than taken and forgotten; what an older version took can still be read."""

import pytest
from cli_helper import lines, refuses, sha256
from harness.older import give_credits, give_plan_credits

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_report_S18_a_challenge_makes_a_pending_key(kw):
    key = kw("key", "create", "--name", "x", "--pkce-challenge", CHALLENGE)
    assert key["state"] == "pending" and kw("key", "show", key["id"])["is_active"] is False
    refuses(
        kw, "key", "create", "--name", "x", "--pkce-challenge", "short", status=2, says="--pkce-challenge: it has to be"
    )
    assert len(kw("key", "list")) == 1


@pytest.mark.parametrize(
    "member, says",
    [
        ({"state": "pending", "pkce_challenge": CHALLENGE}, 'state "pending": such a key lives for ten minutes'),
        ({"state": "pending"}, 'state "pending": such a key lives for ten minutes'),
        ({"pkce_challenge": CHALLENGE}, "pkce_challenge: only a pending key has one"),
    ],
)
def test_report_S18_import(kw, member, says):
    run = kw.run("key", "import", "-", input=lines({"sha256": sha256("a"), **member}))
    assert run.rc == 1 and says in run.stderr
    assert kw("key", "list") == []


def test_report_S18_a_revoked_key_keeps_its_history(kw):
    kw(
        "key",
        "import",
        "-",
        input=lines({"id": "a", "sha256": sha256("a"), "state": "revoked", "pkce_challenge": CHALLENGE}),
    )
    assert CHALLENGE in kw("key", "export", json=False)


def test_report_S18_what_is_stored_is_read(kw, store):
    kw("plan", "set", "pro", "--limit", "1r/s")
    give_plan_credits(store, "pro", 1000, 30 * 86400)
    kw("subject", "set", "alice")
    give_credits(store, "alice", 7)
    key = store.pending_key(verifier="sha256")
    assert kw("plan", "show", "pro")["credits"] == "1000/30d"
    assert kw("plan", "set", "pro", "--limit", "2r/s")["credits"] == "1000/30d"
    assert kw("subject", "show", "alice")["credits"] == 7
    assert kw("key", "show", key["id"])["state"] == "pending"
    assert kw("key", "check", input=key["key"], ok=False)["reason"] == "pending_key"
    assert kw("store", "check")["ok"]
    assert kw("plan", "set", "pro", "--no-credits")["credits"] is None
    assert kw("subject", "set", "alice", "--no-credits")["credits"] is None
    assert kw("key", "revoke", key["id"])["changed"]
