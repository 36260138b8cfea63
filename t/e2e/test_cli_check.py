"""keyward key check: the store's opinion on a key."""

import pytest
from cli_helper import bcrypt, lines, on_terminal, refuses, sha256, strong

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def check(kw, key):
    run = kw.run("key", "check", "--json", input=key)
    answer = run.json()
    assert run.rc == (0 if answer["valid"] else 1)
    assert (answer["reason"] is None) == answer["valid"]
    assert run.stderr == ""
    return answer


@pytest.mark.parametrize("verifier", ["bcrypt:4", "sha256"])
def test_a_key_and_all_that_is_near_it(kw, store, verifier):
    key = store.key(verifier=verifier)
    text = key["key"]
    for good in (text, text + "\n", text + "\r\n"):
        assert check(kw, good)["id"] == key["id"]
    wrong = [text[:i] for i in range(1, len(text))]
    wrong += [text[:i] + chr(ord(text[i]) ^ 1) + text[i + 1:] for i in range(0, len(text), 5)]
    wrong += [text + "x", text + "\n\n", " " + text, text + " ", text + "\0", text.swapcase(), "x" * 100, "x" * 9000, "\n" + text]
    for bad in wrong[:: 1 if verifier == "sha256" else 4]:
        answer = check(kw, bad)
        assert (answer["valid"], answer["reason"], answer["id"]) == (False, "invalid_key", None)


def test_no_key(kw):
    for nothing in ("", "\n"):
        refuses(kw, "key", "check", status=2, says="no key on standard input", input=nothing)


def test_states(kw, store):
    def reason(key):
        answer = check(kw, key["key"])
        assert answer["id"] == key["id"]
        return answer["reason"]

    key = store.key(subject="alice", verifier="sha256")
    assert reason(key) is None
    kw("key", "suspend", key["id"])
    assert reason(key) == "suspended_key"
    kw("key", "resume", key["id"])
    kw("subject", "set", "alice", "--state", "blocked")
    assert reason(key) == "blocked_subject"
    kw("subject", "set", "alice", "--state", "active")
    assert reason(key) is None
    kw("key", "revoke", key["id"])
    assert reason(key) == "revoked_key"
    assert reason(store.key(verifier="sha256", pkce_challenge=CHALLENGE)) == "pending_key"
    kw("plan", "set", "shut", "--no-access")
    assert reason(store.key(verifier="sha256", plan="shut")) == "no_access"
    missing = store.key(verifier="sha256", plan="elsewhere")
    assert reason(missing) == "no_access"
    assert "nginx's configuration may have it" in kw("key", "check", input=missing["key"], json=False, ok=False)


def test_expired(kw):
    key = strong(1)
    kw("key", "import", "-", input=lines({"key": key, "expires_at": "2020-01-01"}), json=False)
    assert check(kw, key)["reason"] == "expired_key"
    kw("key", "import", "-", input=lines({"sha256": sha256("b" * 40), "overlap_until": "2020-01-01"}), json=False)
    assert check(kw, "b" * 40)["reason"] == "expired_key"


def test_effective_scopes(kw, store):
    kw("plan", "set", "pro", "--scope", "posts:*,media:read")
    kw("subject", "set", "alice", "--scope", "posts:read,media:*")

    def scopes(**options):
        return check(kw, store.key(verifier="sha256", **options)["key"])["scopes"]

    assert scopes() == "*"
    assert scopes(scope="a b") == "a b"
    assert scopes(plan="pro") == "posts:* media:read"
    assert scopes(plan="pro", scope="posts:read,other") == "posts:read"
    assert scopes(plan="pro", subject="alice").split() == ["posts:read", "media:read"]
    assert scopes(scope="") is None


def test_its_text(kw, store):
    key = store.key("laptop", verifier="sha256")
    text = kw("key", "check", input=key["key"], json=False)
    assert text.startswith("valid") and "laptop" in text and key["key"] not in text
    text = kw("key", "check", input=key["key"] + "x", json=False, ok=False)
    assert text == "valid   no\nreason  invalid_key\n"


def test_legacy_prefixes(kw):
    keys = [f"legacy_{i % 2}_{i}abcdefghijklmnopqrst" for i in range(4)]
    kw("key", "import", "-", input=lines(*({"id": f"k{i}", "bcrypt": bcrypt(key), "prefix": key[:8]} for i, key in enumerate(keys))))
    for i, key in enumerate(keys):
        assert check(kw, key)["id"] == f"k{i}"
        assert check(kw, key + "x")["id"] is None
    kw("key", "revoke", "k2")
    assert check(kw, keys[2])["reason"] == "revoked_key"
    assert check(kw, keys[2][:-1])["reason"] == "invalid_key"


def test_a_key_of_more_than_72_bytes_that_agrees_in_72(kw):
    key = "k" * 72
    kw("key", "import", "-", "--weak", input=lines({"key": key}), json=False)
    assert check(kw, key)["valid"]
    assert not check(kw, key + "k")["valid"]
    kw("key", "import", "-", input=lines({"bcrypt": bcrypt("legacy__" + key), "prefix": "legacy__"}))
    assert not check(kw, "legacy__" + key)["valid"]


def test_a_terminal_is_asked_and_shows_nothing(build, store):
    key = store.key(verifier="sha256")
    status, shown = on_terminal(build, store.path, "key", "check", typed=key["key"])
    assert status == 0 and "Key: " in shown and key["id"] in shown
    assert key["key"] not in shown
