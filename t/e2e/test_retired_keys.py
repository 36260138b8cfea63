"""Tokens whose key is in no set: who is refused at once, as no fetch could help, and who waits for one."""

import shutil
import threading
import time

import pytest
from harness.issuer import Issuer
from harness.tokens import Signer
from harness.wait import until
from test_key_sets import block, in_parallel, join, wait_status

SERVER = "keyward on; add_header X-Reason $keyward_reason always; location / { empty_gif; }"
OLD = 100  # seconds before now: well before any fetch of these tests, less the leeway
UNAVAILABLE = (503, "keys_unavailable")


@pytest.fixture
def make_issuer():
    issuers = []

    def make(**options):
        issuers.append(Issuer(**options))
        return issuers[-1]

    yield make
    for issuer in issuers:
        if issuer.gate is not None:
            issuer.gate.set()
        issuer.close()


@pytest.fixture
def issuer(make_issuer):
    return make_issuer()


RETIRED = Signer("EdDSA", kid="retired")


def ask(e, **claims):
    """What a token of the retired key gets; age: how long ago it was issued."""
    now = int(time.time())
    claims = {"iat": now - claims.pop("age"), "exp": now + 600, **claims} if "age" in claims else claims
    response = e.get("/", RETIRED.bearer(**claims))
    return response.status, response.header("X-Reason")


def expired():
    now = int(time.time())
    return {"iat": now - 100000, "exp": now - 90000}


def start(edge, issuer, rules="", more="", http="", **options):
    e = edge(
        http=block(issuer, rules=rules, more=more) + http, server=SERVER, **{"workers": 2, "store": False, **options}
    )
    wait_status(e, 200, lambda: issuer.bearer(**{"iat": int(time.time()), "aud": "api"}))
    assert issuer.count == 1
    return e


def test_report_U1(edge, issuer):
    e = start(edge, issuer)
    threads, answers = in_parallel(lambda: ask(e, **expired()), 20)
    join(threads)
    assert answers == [(401, "expired_token")] * 20
    assert issuer.count == 1, "nothing is fetched for what its own claims refuse"
    assert "[error]" not in e.log
    assert e.log.count("keyward refused: expired_token: it has expired") == 20


@pytest.mark.parametrize("iat", ["before the leeway", "none"])
def test_report_U1_claims_refuse(iat, edge, issuer):
    rules = "audience api; max_lifetime 1d; plan_claim plan;"
    e = start(edge, issuer, rules)
    now = int(time.time())
    age = {"iat": now - OLD} if iat != "none" else {"iat": None}
    for claims in (
        {"aud": "other"},
        {},
        {"aud": "api", "jti": 5},
        {"aud": "api", "nbf": now + 3600},
        {"aud": "api", "sub": ""},
        {"aud": "api", "plan": 7},
    ):
        assert ask(e, **age, **claims) == (401, "invalid_token"), claims
    assert ask(e, aud="api", iat=now + 3600) == (401, "invalid_token")
    assert ask(e, aud="other", iat=now - 10000, exp=now - 5000) == (401, "invalid_token")
    assert issuer.count == 1


def test_report_U1_issued_before_the_last_fetch(edge, issuer):
    issuer_is_slow = threading.Event()
    e = start(edge, issuer)
    issuer.gate = issuer_is_slow
    # The one fetch in 30 s begins, and nobody waits for it: it has no answer yet.
    assert [ask(e, age=OLD) for _ in range(10)] == [(401, "invalid_token")] * 10
    issuer.wait_count(2)
    assert [ask(e, age=OLD) for _ in range(10)] == [(401, "invalid_token")] * 10
    issuer_is_slow.set()
    assert issuer.count == 2
    assert "[error]" not in e.log
    assert e.log.count("keyward refused: invalid_token: its kid is in no key set") == 20


def test_report_U1_a_key_that_was_published_late(edge, issuer):
    e = start(edge, issuer)
    issuer.keys["retired"] = RETIRED
    assert ask(e, age=OLD) == (401, "invalid_token")
    until(lambda: ask(e, age=OLD)[0] == 200, 20 * e.build.patience, "the key")
    assert issuer.count == 2


def test_report_U1_what_waits_as_before(edge, issuer):
    e = start(edge, issuer)
    # Of a moment ago, or nobody knows of when: a fetch may have the key.
    assert ask(e, age=0) == (401, "invalid_token")
    assert issuer.count == 2
    for claims in ({"age": 0}, {"age": 20}, {"iat": None}):
        assert ask(e, **claims) == UNAVAILABLE
    assert ask(e, age=OLD) == (401, "invalid_token")
    assert ask(e, **expired()) == (401, "expired_token")
    assert issuer.count == 2
    issuer.keys["retired"] = RETIRED
    assert ask(e, age=0) == UNAVAILABLE, "throttled"


def test_report_U1_without_iat_it_waits(edge, issuer):
    e = start(edge, issuer)
    issuer.keys["retired"] = RETIRED
    assert ask(e, iat=None)[0] == 200
    assert issuer.count == 2


def test_report_U1_leeway(edge, issuer):
    e = start(edge, issuer, "leeway 1h;")
    assert ask(e, age=OLD) == (401, "invalid_token"), "by the fetch that it waited for"
    assert issuer.count == 2
    assert ask(e, age=OLD) == UNAVAILABLE
    assert ask(e, age=2 * 3600) == (401, "invalid_token")


def test_report_U1_every_issuer(edge, issuer, make_issuer):
    other = make_issuer()
    other.stop()
    e = edge(http=block(issuer) + block(other, "other", rules="audience api;"), server=SERVER, workers=2, store=False)
    wait_status(e, 200, lambda: issuer.bearer(aud="none"))
    e.wait_log('issuer "other": no keys from')
    # Not the other's, by its audience: so what the first one says is all.
    assert ask(e, age=OLD, aud="none") == (401, "invalid_token")
    assert ask(e, **expired(), aud="none") == (401, "expired_token")
    # It may be the other's, which has no keys.
    assert ask(e, age=OLD, aud="api") == UNAVAILABLE
    # Both would refuse it.
    assert ask(e, **expired(), aud="api") == (401, "expired_token")


def test_report_U1_without_any_keys(edge, issuer):
    issuer.stop()
    e = edge(http=block(issuer, rules="audience api;"), server=SERVER, store=False)
    e.wait_log("no keys from")
    assert ask(e, age=OLD, aud="api") == UNAVAILABLE
    assert ask(e, age=0, aud="api") == UNAVAILABLE
    assert ask(e, **expired(), aud="api") == (401, "expired_token")
    assert ask(e, age=0, aud="other") == (401, "invalid_token")


def test_report_U1_a_laxer_issuer_gets_nothing_by_it(edge, issuer, issuers):
    """What the stricter one would refuse may be its own all the same: its keys are away, so nobody can say."""
    issuer.stop()
    laxer = issuers.block("laxer", RETIRED)
    e = edge(http=block(issuer, rules="audience api; type at+jwt;") + laxer, server=SERVER, store=False)
    e.wait_log("no keys from")
    typed = {"headers": {"typ": "at+jwt"}}
    token = lambda **claims: (lambda r: (r.status, r.header("X-Reason")))(e.get("/", RETIRED.bearer(**typed, **claims)))
    assert token(aud="other") == UNAVAILABLE
    assert token(aud="api") == UNAVAILABLE
    assert token(aud="other", **expired()) == (401, "expired_token")
    assert ask(e, age=0)[0] == 200, "of another type it is the laxer one's"


def test_report_U1_over_a_restart(edge, issuer, folder, build):
    cache = folder / "cache"
    cache.mkdir()
    if build.worker_user:
        shutil.chown(cache, *build.worker_user)
    e = start(edge, issuer, more=f"cache={cache}/keys")
    until(lambda: (cache / "keys").exists(), 20 * build.patience, "the file")
    e.stop()
    issuer.stop()
    e.start()
    e.wait_log("cached keys, fetched at")
    assert ask(e, age=OLD) == (401, "invalid_token")
    assert ask(e, **expired()) == (401, "expired_token")
    assert ask(e, age=0) == UNAVAILABLE


def test_report_U1_failures_are_counted_where_a_key_is_unknown(edge, issuer):
    e = edge(
        http=block(issuer),
        server="keyward on; keyward_limit 3r/h by=failures; " + SERVER.replace("keyward on;", ""),
        store=False,
    )
    wait_status(e, 200, issuer.bearer)
    assert [ask(e, **expired()) for _ in range(5)] == [(401, "expired_token")] * 5
    assert [ask(e, age=OLD)[1] for _ in range(5)] == ["invalid_token"] * 3 + ["too_many_failures"] * 2
