"""WWW-Authenticate: short enough for whatever stands in front, whatever a token or the configuration has."""

import itertools
import re

import pytest
from harness.tokens import Signer

MOST = 1024
PAGE = "location / { empty_gif; }"


def challenge_of(response, status=403):
    assert response.status == status
    return response.header("WWW-Authenticate")


def scopes_of(response):
    found = re.search(r'[ ,]scope="([^"]*)"', challenge_of(response))
    return found[1].split() if found else None


def guarded(edge, blocks, rules="", scope="posts:read", **more):
    return edge(http=blocks, server=f"keyward on; keyward_scope {scope}; {rules} {PAGE}", **more)


def test_report_U4(edge, issuers):
    signer = Signer("EdDSA")
    e = guarded(edge, issuers.block("auth", signer, "scope_claim roles;"), store=False)
    response = e.get("/", signer.bearer(roles=[f"a-role-of-some-length-{n:03}" for n in range(100)]))
    assert len(challenge_of(response)) <= MOST
    assert scopes_of(response) == ["posts:read"]


def test_report_U4_granted_and_needed(edge, issuers):
    signer = Signer("EdDSA")
    blocks = issuers.block("auth", signer, "scope_claim roles scope scp permissions;") + issuers.block(
        "nested", Signer("EdDSA")
    )
    e = guarded(edge, blocks, store=False)
    scopes = lambda **claims: scopes_of(e.get("/", signer.bearer(**claims)))
    for claim, value in itertools.product(("scope", "scp", "permissions"), ("a b", ["a", "b"])):
        assert scopes(**{claim: value}) == ["a", "b", "posts:read"]
    assert scopes() == ["posts:read"]
    # Roles aren't what an authorization server is asked for.
    assert scopes(roles=["a", "b"]) == ["posts:read"]
    assert scopes(roles="a") == ["posts:read"]
    assert scopes(roles=[]) == ["posts:read"]
    # 512 bytes together, and one more.
    fitting = "s" * (512 - len(" posts:read"))
    assert scopes(scope=fitting) == [fitting, "posts:read"]
    assert scopes(scope=fitting + "s") == ["posts:read"]
    assert scopes(scope=f"a {fitting}") == ["posts:read"]


def test_report_U4_grants_beside_roles(edge, issuers):
    signer = Signer("EdDSA")
    e = guarded(edge, issuers.block("auth", signer, "scope_claim roles; grant a;"), store=False)
    assert scopes_of(e.get("/", signer.bearer())) == ["a", "posts:read"]
    assert scopes_of(e.get("/", signer.bearer(roles=["Billing Admin"]))) == ["a", "posts:read"]
    assert scopes_of(e.get("/", signer.bearer(roles=["r"]))) == ["posts:read"]


def test_report_U4_keys(edge, store):
    few = {"X-API-Key": store.key(verifier="sha256", scope=["a", "b:*"])["key"]}
    many = {"X-API-Key": store.key(verifier="sha256", scope=[f"scope-{n:03}" for n in range(60)])["key"]}
    e = guarded(edge, "")
    assert scopes_of(e.get("/", few)) == ["a", "b:*", "posts:read"]
    response = e.get("/", many)
    assert scopes_of(response) == ["posts:read"] and len(challenge_of(response)) <= MOST


LONG = "x" * 900


SIZES = {"short": "short", "long": LONG, "longer": LONG * 3}


@pytest.mark.parametrize("sizes", itertools.product(SIZES, repeat=3), ids="-".join)
def test_report_U4_all_that_is_configured(sizes, edge, store):
    realm, scope, message = (SIZES[size] for size in sizes)
    key = {"X-API-Key": store.key(verifier="sha256", scope=["a"])["key"]}
    e = guarded(
        edge,
        "",
        f'keyward_realm "{realm}"; keyward_message insufficient_scope missing_credential invalid_key "{message}";',
        scope,
    )
    response = e.get("/", key)
    text = challenge_of(response)
    assert len(text) <= MOST and text.startswith("Bearer ")
    assert 'error="insufficient_scope"' in text
    # As a whole or not at all, and what is needed goes last.
    needed = f"a {scope}" if scope == "short" else scope
    for name, value in (("realm", realm), ("scope", needed), ("error_description", message)):
        assert f'{name}="{value}"' in text or not re.search(rf'\b{name}="', text)
    assert ('scope="' in text) == (len(scope) <= 900)
    if realm == scope == message == "short":
        assert text == 'Bearer realm="short", error="insufficient_scope", scope="a short", error_description="short"'
    assert len(challenge_of(e.get("/"), 401)) <= MOST
    assert len(challenge_of(e.get("/", {"X-API-Key": "kw_x"}), 401)) <= MOST


def test_report_U4_a_scope_from_the_request(edge, store):
    key = {"X-API-Key": store.key(verifier="sha256", scope=["a"])["key"]}
    e = guarded(edge, "", scope='"t:$arg_t"')
    for size in (100, 900, 5000):
        text = challenge_of(e.get(f"/?t={'x' * size}", key))
        assert len(text) <= MOST and ("scope=" in text) == (size < 1000)


@pytest.mark.parametrize(
    "directive", ["keyward_realm {};", "keyward_message invalid_token {};", "keyward_message unauthorized {};"]
)
def test_report_U4_nginx_warns(directive, config_test):
    rc, output = config_test(location="keyward on; " + directive.format("x" * 1000))
    assert rc == 0
    (line,) = [line for line in output.splitlines() if "[warn]" in line]
    assert "too long for WWW-Authenticate" in line and "1024" in line and "nginx.conf:" in line
    assert "[warn]" not in config_test(location="keyward on; " + directive.format("x" * 900)).output
    # What is in no challenge may be longer.
    assert "[warn]" not in config_test(location="keyward on; keyward_message rate_limited " + "x" * 1000 + ";").output
