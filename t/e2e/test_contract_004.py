"""conf.d/keys-and-two-issuers.conf against what document 004 states (its keys API: test_contract_keys.py; docs/contracts.md lists every statement)."""

import re
import time

import pytest
from harness.published import KEY_SERVER, published
from harness.tokens import Signer, bearer, flipped, jwks
from harness.wait import until

FORMAT = "sapi_key_ hex=62"
REFUSED = {"error": "invalid or inactive API key", "code": "unauthorized"}
ACCOUNTS = "/v1/accounts"
PROVISION = "/v1/users/provision"
USER = "7d0f5e8a-2c61-4c0a-9a52-0d3c9b6f1e11"
JWKS = "/internal/.well-known/jwks.json"


@pytest.fixture
def auth():
    return Signer("EdDSA", kid="auth-1")


@pytest.fixture
def oauth():
    return Signer("EdDSA")


@pytest.fixture
def service(auth, make_backend):
    """The auth service."""
    service = make_backend()
    service.on(JWKS, headers={"Content-Type": "application/json"}, body=jwks(auth))
    return service


@pytest.fixture
def configuration(service, oauth, issuers):
    """The published file, with the auth service's keys on a server of ours."""
    return published(
        "keys-and-two-issuers.conf",
        {KEY_SERVER: service.url, "oauth.pem;": f"{issuers.write('oauth.pem', oauth.pem)};"},
    )


@pytest.fixture
def e(edge, store, configuration):
    return edge(http=configuration, workers=2)


@pytest.fixture
def key(store):
    def make(**options):
        make.last = store.key(format=FORMAT, verifier="bcrypt:4", **options)
        return bearer(make.last["key"])

    return make


@pytest.fixture
def user(kw):
    """The record that the backend's provisioning makes."""
    return lambda name=USER, *options: kw("subject", "set", name, *options)


def session(auth, **claims):
    return auth.bearer(**{"sub": USER, **claims})


def access(oauth, **claims):
    return oauth.bearer(**{"sub": USER, "type": "oauth_access", "lifetime": 3600, **claims})


def test_contract_004_it_loads_without_a_warning(config_test, configuration):
    rc, output = config_test(http=configuration)
    assert rc == 0 and "warn" not in output, output


def test_contract_004_01_bearer_on_all_of_v1(e, key, user, auth, oauth, backend):
    user()
    for target in ("/v1/", ACCOUNTS, "/v1/a/b/c", "/v1/key"):
        for method in ("GET", "POST", "DELETE"):
            assert e.request(method, target).status == 401
            for headers in (key(), session(auth), access(oauth)):
                assert e.request(method, target, headers).status == 200
                assert backend.last.header("Authorization") is None
    text = key()["Authorization"].split()[1]
    assert e.get(ACCOUNTS, {"X-API-Key": text}).status == 401
    assert e.get(f"{ACCOUNTS}?access_token={text}").status == 401
    assert e.get("/v2/", key()).status == 404


def test_contract_004_02_keys_are_sapi_key_and_62_hexadecimal_digits(e, key):
    headers = key()
    text = headers["Authorization"].split()[1]
    assert re.fullmatch("sapi_key_[0-9a-f]{62}", text)
    assert e.get(ACCOUNTS, headers).status == 200
    for wrong in (text[:-1], text + "0", text.upper(), text[9:], "sapi_key_" + "g" * 62):
        assert e.get(ACCOUNTS, bearer(wrong)).json() == REFUSED


def test_contract_004_04_eddsa_by_the_auth_services_jwks(e, user, auth):
    user()
    assert e.get(ACCOUNTS, session(auth)).status == 200
    for stranger in (Signer("EdDSA", kid="auth-1"), Signer("ES256", kid="auth-1"), Signer("RS256", kid="auth-1")):
        assert e.get(ACCOUNTS, session(stranger)).json() == REFUSED


def test_contract_004_05_the_auth_services_keys_are_cached(e, user, auth, service):
    # For 15 minutes, less the share by which a fetch comes ahead of time (t/unit/fetch_schedule_test.cpp).
    user()
    assert "refresh=15m" in published("keys-and-two-issuers.conf")
    assert [e.get(ACCOUNTS, session(auth, jti=str(n))).status for n in range(40)] == [200] * 40
    assert service.count(JWKS) == 1
    service.stop()
    assert [e.get(ACCOUNTS, session(auth, jti=f"again {n}")).status for n in range(10)] == [200] * 10


def test_contract_004_06_oauth_tokens_by_the_apis_own_key(e, oauth, auth):
    assert e.get(ACCOUNTS, access(oauth)).status == 200
    until(lambda: e.get(ACCOUNTS, session(auth)).status == 401, 20, "the other issuer's keys")  # not provisioned
    assert e.get(ACCOUNTS, access(Signer("EdDSA"))).json() == REFUSED
    assert e.get(ACCOUNTS, access(Signer("ES256"))).json() == REFUSED


def test_contract_004_07_by_prefix_a_key_else_a_token(e, user, key, auth, oauth, backend):
    user()
    for headers, kind in ((key(), "key"), (session(auth), "token"), (access(oauth), "token")):
        assert e.get(ACCOUNTS, headers).status == 200
        assert backend.last.header("X-Keyward-Kind") == kind
    # What begins like a key is one, and is never tried as a token.
    token = auth.token(sub=USER)
    for text in (
        f"sapi_key_{token}",
        f"sapi_key_.{token.split('.', 1)[1]}",
        f"{key()['Authorization'][7:]}.{token.split('.', 1)[1]}",
    ):
        assert e.get(ACCOUNTS, bearer(text)).json() == REFUSED


def test_contract_004_08_auth_first_then_oauth(e, user, auth, oauth, backend):
    user()
    issuer = lambda headers: e.get(ACCOUNTS, headers).status == 200 and backend.last.header("X-Keyward-Issuer")
    assert issuer(session(auth)) == "auth"
    assert issuer(access(oauth)) == "oauth"
    # What the auth service signed is never an OAuth token, whatever it says of itself.
    assert issuer(session(auth, type="oauth_access")) == "auth"


def test_contract_004_09_10_all_that_fails_is_one_answer(e, key, kw, user, auth, oauth):
    user()
    revoked = key()
    kw("key", "revoke", key.last["id"])
    now = int(time.time())
    good = auth.token(sub=USER)
    for headers in (
        {},
        revoked,
        bearer("sapi_key_" + "0" * 62),
        bearer("nonsense"),
        bearer("a.b.c"),
        {"Authorization": "Basic eDp5"},
        bearer(flipped(good, 9)),
        session(auth, exp=now - 60, iat=now - 90),
        access(oauth, exp=now - 60, iat=now - 90),
        access(oauth, type=None),
        access(oauth, type="session"),
    ):
        response = e.get(ACCOUNTS, headers)
        assert (response.status, response.json()) == (401, REFUSED), headers
        assert response.header("Content-Type") == "application/json"
        assert response.header("WWW-Authenticate").startswith("Bearer")


def test_contract_004_17_18_20_nothing_works_before_provisioning(e, user, kw, auth, oauth, key, backend):
    headers = session(auth)
    for target in (ACCOUNTS, "/v1/", "/v1/users", f"{PROVISION}/x", f"{PROVISION}/"):
        response = e.get(target, headers)
        assert (response.status, response.json()) == (
            401,
            {"error": "user not provisioned", "code": "unauthorized"},
        ), target
    response = e.request("POST", PROVISION, headers)
    assert response.status == 200
    assert backend.last.header("X-Keyward-Subject") == USER
    user()
    assert e.get(ACCOUNTS, headers).status == 200
    assert backend.last.header("X-Keyward-Subject") == USER
    # The one location is for the auth service's tokens only, and for verified ones.
    assert e.request("POST", PROVISION).status == 401
    assert e.request("POST", PROVISION, bearer(flipped(auth.token(sub="other"), 2))).status == 401
    assert e.request("POST", PROVISION, access(oauth)).status in (401, 403)
    assert e.request("POST", PROVISION, key()).status == 403


def test_contract_004_21_only_oauth_access_tokens_of_the_oauth_key(e, oauth):
    assert e.get(ACCOUNTS, access(oauth)).status == 200
    for kind in (None, "refresh", "oauth_accessx", ["x"], 1, True):
        assert e.get(ACCOUNTS, access(oauth, type=kind)).json() == REFUSED, kind


def test_contract_004_22_access_tokens_expire_after_an_hour(e, oauth):
    assert e.get(ACCOUNTS, access(oauth, lifetime=3600)).status == 200
    assert e.get(ACCOUNTS, access(oauth, lifetime=7200)).json() == REFUSED
    assert e.get(ACCOUNTS, access(oauth, exp=None)).json() == REFUSED


def test_contract_004_24_all_three_give_the_same_principal(e, user, kw, key, auth, oauth, backend):
    kw("plan", "set", "pro", "--scope", "posts:*")
    user(USER, "--plan", "pro")
    seen = set()
    for headers in (key(subject=USER), session(auth), access(oauth)):
        assert e.get(ACCOUNTS, headers).status == 200
        seen.add((backend.last.header("X-Keyward-Subject"), backend.last.header("X-Keyward-Plan")))
    assert seen == {(USER, "pro")}
    # Blocking that user ends all three at once.
    three = (key(subject=USER), session(auth), access(oauth))
    assert [e.get(ACCOUNTS, headers).status for headers in three] == [200] * 3
    user(USER, "--state", "blocked")
    assert [e.get(ACCOUNTS, headers).status for headers in three for _ in range(4)] == [403] * 12


def test_contract_004_25_one_key_revoked_leaves_the_others(e, key, kw, user, auth):
    user()
    first, revoked = key(subject=USER), key.last["id"]
    second = key(subject=USER)
    assert e.get(ACCOUNTS, first).status == e.get(ACCOUNTS, second).status == 200
    kw("key", "revoke", revoked)
    assert e.get(ACCOUNTS, first).status == 401
    assert e.get(ACCOUNTS, second).status == e.get(ACCOUNTS, session(auth)).status == 200
