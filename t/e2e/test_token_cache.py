"""What a worker remembers of tokens never outlives its reasons: time, keys, rules, the store, and what a location accepts."""

import json
import os
import time

import pytest
from harness.drive import limited
from harness.tokens import Signer, bearer, flipped, jwks, unb64
from harness.wait import until
from test_tokens import PAGES, SERVER, outcome, who

REFRESH_SECONDS = 10  # far longer than the second in which a worker looks at its files


def settles(e, headers, wanted, target="/"):
    """What every worker comes to: so many answers in a row, as connections are spread over the workers."""
    until(
        lambda: all(outcome(e, headers, target)[1] == wanted for _ in range(8)),
        REFRESH_SECONDS * e.build.patience,
        wanted or "200",
    )


def test_a_remembered_token_ends_with_its_time(edge, issuers):
    signer = Signer()
    e = edge(http=issuers.block("auth", signer, "leeway 0s;"), server=f"{SERVER}\n{PAGES}", store=False)
    until(lambda: time.time() % 1 < 0.5)
    token = signer.bearer(lifetime=2)
    assert outcome(e, token) == (200, "")
    until(lambda: outcome(e, token) == (401, "expired_token"), 10 * e.build.patience)
    assert time.time() >= json.loads(unb64(token["Authorization"].split(".")[1]))["exp"]


def test_a_key_that_leaves_the_set_ends_its_tokens(edge, issuers):
    old, new = Signer(kid="1"), Signer(kid="2")
    e = edge(http=issuers.block("auth", [old]), server=f"{SERVER}\n{PAGES}", store=False, workers=2)
    first, second = old.bearer(), new.bearer()
    assert [outcome(e, first)[0] for _ in range(8)] == [200] * 8
    assert outcome(e, second) == (401, "invalid_token")
    issuers.write("auth.json", jwks(old, new))
    settles(e, second, "")
    assert [outcome(e, first)[0] for _ in range(8)] == [200] * 8
    issuers.write("auth.json", jwks(new))
    settles(e, first, "invalid_token")
    assert [outcome(e, second)[0] for _ in range(8)] == [200] * 8
    assert 'issuer "auth" has new keys from' in e.log


SHORT_OF = {"descriptors": ("nofile", 3, "Too many open files"), "memory": ("as", 4096, "out of memory")}


@pytest.mark.release_only  # the sanitizers' runtimes end the process where memory is refused
@pytest.mark.parametrize("what", SHORT_OF)
def test_a_file_that_could_not_be_read_is_read_later_for_all_issuers_of_it(edge, issuers, what):
    """Had the laxer one its new keys before the stricter one, it would take the other's tokens."""
    name, value, words = SHORT_OF[what]
    old, new = Signer(kid="1"), Signer(kid="2")
    path = issuers.write("set.json", jwks(old))
    http = f"keyward_issuer lax {{ jwks_file {path}; }} keyward_issuer strict {{ jwks_file {path}; issuer https://strict; }}"
    e = edge(
        http=http,
        server="keyward on; add_header X-I $keyward_issuer/$keyward_reason always; location / { keyward_accept strict lax; empty_gif; }",
        store=False,
        workers=1,
    )
    token = bearer(new.token(iss="https://strict"))
    with e.connect() as connection:

        def ask():
            return connection.request("GET", "/", token).header("X-I")

        assert ask() == "/invalid_token"
        with limited(e.workers()[0], name, value):
            issuers.write("set.json", jwks(old, new) + " " * 900_000)  # more than the worker has in reserve
            e.wait_log(words)
        seen = {ask()}
        until(lambda: seen.add(ask()) or "strict/" in seen, REFRESH_SECONDS * e.build.patience)
    assert seen <= {"/invalid_token", "strict/"}


def test_a_set_that_another_issuers_key_stood_against_is_tried_again(edge, issuers):
    stolen, moved, fresh = Signer(kid="1"), Signer(kid="2"), Signer(kid="3")
    http = issuers.block("one", [stolen]) + issuers.block("other", [moved])
    e = edge(http=http, server=f"{SERVER}\n{PAGES}", store=False, workers=2)
    assert outcome(e, stolen.bearer()) == (200, "")
    issuers.write("one.json", jwks(moved))
    e.wait_log('issuer "one" can\'t use the keys that issuer "other" has, too')
    settles(e, stolen.bearer(), "invalid_token")  # what was taken out is gone all the same
    issuers.write("other.json", jwks(fresh))
    settles(e, moved.bearer(), "")
    settles(e, fresh.bearer(), "")


@pytest.mark.parametrize(
    "bad", ["", "{", '{"keys":[]}', '{"keys":[{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}']
)
def test_a_bad_new_file_keeps_the_last_good_set(edge, issuers, bad):
    signer, new = Signer(kid="1"), Signer(kid="2")
    e = edge(http=issuers.block("auth", [signer]), server=f"{SERVER}\n{PAGES}", store=False)
    issuers.write("auth.json", bad)
    e.wait_log('issuer "auth" goes on with the keys that it had: ')
    assert outcome(e, signer.bearer()) == (200, "")
    # A good one is taken again; and all that is told once, not once a second.
    issuers.write("auth.json", jwks(new))
    settles(e, new.bearer(), "")
    assert outcome(e, signer.bearer()) == (401, "invalid_token")
    assert e.log.count("goes on with the keys") == 1
    assert "MDEyMzQ1" not in e.log


def test_a_file_that_is_gone_keeps_the_last_good_set(edge, issuers):
    signer = Signer()
    e = edge(http=issuers.block("auth", signer), server=f"{SERVER}\n{PAGES}", store=False)
    assert outcome(e, signer.bearer()) == (200, "")
    issuers.path("auth.pem").rename(issuers.path("moved"))
    e.wait_log("goes on with the keys that it had", timeout=REFRESH_SECONDS)
    assert outcome(e, signer.bearer()) == (200, "")


def test_a_file_that_workers_may_not_read_is_read_at_a_reload(edge, issuers, build):
    if os.getuid() != 0:
        pytest.skip("workers run as ourselves")
    old, new = Signer("HS256", secret=b"a" * 32), Signer("HS256", secret=b"b" * 32)
    issuers.folder.chmod(0o700)
    e = edge(http=issuers.block("auth", old), server=f"{SERVER}\n{PAGES}", store=False)
    assert outcome(e, old.bearer()) == (200, "")
    issuers.write("auth.secret", new.private, 0o600)
    e.reload()
    assert outcome(e, old.bearer()) == (401, "invalid_token")
    assert outcome(e, new.bearer()) == (200, "")
    assert "goes on with" not in e.log


def test_a_reload_with_other_rules_ends_what_the_old_ones_admitted(edge, issuers):
    signer = Signer()
    pieces = dict(server=f"{SERVER}\n{PAGES}", store=False)
    e = edge(http=issuers.block("auth", signer), **pieces)
    token = signer.bearer(aud="x")
    assert outcome(e, token) == (200, "")
    e.reload(http=issuers.block("auth", signer, "audience api;"))
    assert outcome(e, token) == (401, "invalid_token")
    e.reload(http=issuers.block("auth", signer))
    assert outcome(e, token) == (200, "")


def test_a_single_process_asks_its_new_rules_after_a_reload(edge, issuers):
    """Without worker processes a connection from before goes on with its old configuration, in which issuers are others."""
    a, b = Signer(), Signer()
    e = edge(http=issuers.block("a", a) + issuers.block("b", b), server=f"{SERVER}\n{PAGES}", store=False)
    with e.connect() as connection:
        assert connection.request(headers=a.bearer()).status == 200
        e.reload(http=issuers.block("b", b))
        assert outcome(e, a.bearer()) == (401, "invalid_token")
        assert who(e, b.bearer()) == "b/u1"


def test_a_revoked_token_is_refused_at_once_by_every_worker(edge, issuers, store, kw):
    signer = Signer()
    e = edge(http=issuers.block("auth", signer), server=f"{SERVER}\n{PAGES}", workers=2)
    token, other = signer.bearer(jti="one"), signer.bearer(jti="two")
    for headers in (token, other):
        assert [outcome(e, headers)[0] for _ in range(8)] == [200] * 8
    if kw.run("token", "revoke", "--jti", "one", "--issuer", "auth").rc == 2:
        pytest.skip("keyward token revoke isn't there yet")
    assert [outcome(e, token)[1] for _ in range(8)] == ["revoked_token"] * 8
    assert [outcome(e, other)[1] for _ in range(8)] == [""] * 8
    kw("token", "revoke", "--subject", "u1")
    assert [outcome(e, other)[1] for _ in range(8)] == ["revoked_token"] * 8
    assert outcome(e, signer.bearer(sub="u2")) == (200, "")


def test_a_flood_of_tokens_leaves_the_verdicts_right(edge, issuers):
    """More than the cache holds in one set or another: what is pushed out is verified again."""
    signer = Signer("HS256")
    e = edge(http=issuers.block("auth", signer), server=f"{SERVER}\nlocation / {{ empty_gif; }}", store=False)
    tokens = [signer.token(jti=str(i)) for i in range(300)]
    with e.connect() as connection:
        for _ in range(2):
            for token in tokens:
                assert connection.request(headers=bearer(token)).status == 200
            assert connection.request(headers=bearer(flipped(tokens[7], 3))).status == 401
