"""Claims as issuers write them: names with dots and slashes, objects, numbers; several names and audiences of one key."""

import json

import pytest
from harness.tokens import Signer, bearer

SERVER = (
    "keyward on; add_header X-Reason $keyward_reason always;"
    "add_header X-Who $keyward_issuer/$keyward_subject/$keyward_scopes/$keyward_plan always;"
)
PAGE = "location / { empty_gif; }"


def who(e, token, target="/"):
    """ISSUER/SUBJECT/SCOPES/PLAN of an admitted token, or the reason."""
    response = e.get(target, bearer(token))
    return response.header("X-Who") if response.status == 200 else response.header("X-Reason")


def inspect(kw, issuers, token, rules=(), keys="auth.pem"):
    run = kw.run(
        "--json", "token", "inspect", "--no-store", "--public-key", issuers.path(keys), *map(str, rules), input=token
    )
    assert run.rc in (0, 1), run.stderr
    return json.loads(run.stdout)


# --- names with dots and slashes -------------------------------------------------------------------------------


def test_report_U5(edge, issuers):
    """Wherever a CLAIM is named: a JSON Pointer leads through names with dots and slashes, and into no array."""
    signer = Signer("EdDSA")
    rules = (
        "require /kubernetes.io/namespace shop desk; subject claim=/https:~1~1shop.example~1app/user;"
        "scope_claim /https:~1~1shop.example~1app/roles; plan_claim /a~1b~0c;"
    )
    e = edge(http="keyward_plan gold; " + issuers.block("auth", signer, rules), server=f"{SERVER} {PAGE}", store=False)
    claims = {
        "kubernetes.io": {"namespace": "shop"},
        "https://shop.example/app": {"user": "alice", "roles": ["admin"]},
        "a/b~c": "gold",
    }
    assert who(e, signer.token(**claims)) == "auth/alice/admin/gold"
    assert who(e, signer.token(**{**claims, "kubernetes.io": {"namespace": ["x", "desk"]}})) == "auth/alice/admin/gold"
    for other in ([{"namespace": "shop"}], {"namespace": "other"}, {"namespace": {"shop": True}}, "shop", None):
        assert who(e, signer.token(**{**claims, "kubernetes.io": other})) == "invalid_token", other
    assert who(e, signer.token(**{**claims, "kubernetes": {"io": {"namespace": "shop"}}, "kubernetes.io": None})) == (
        "invalid_token"
    )
    # Another claim of nearly that name grants nothing.
    assert who(e, signer.token(**{**claims, "a/b~c": None, "a~1b~0c": "gold"})) == "auth/alice/admin/"
    apart = {**claims, "https://shop.example/app": {"user": "alice"}, "https:": {"": {"roles": ["admin"]}}}
    assert who(e, signer.token(**apart)) == "auth/alice//gold"


def test_report_U5_a_url_is_a_name_as_it_stands(edge, issuers):
    signer = Signer("EdDSA")
    block = issuers.block("auth", signer, "scope_claim https://shop.example/v1.0/roles;")
    e = edge(http=block, server=f"{SERVER} {PAGE}", store=False)
    assert who(e, signer.token(**{"https://shop.example/v1.0/roles": ["admin"]})) == "auth/u1/admin/"


def test_report_U5_inspect(kw, issuers):
    signer = Signer("EdDSA")
    issuers.block("auth", signer)
    rules = ["--require", "/kubernetes.io/namespace shop", "--subject", "claim=/a.b/c", "--scope-claim", "/a.b/d"]
    claims = {"kubernetes.io": {"namespace": "shop"}, "a.b": {"c": "alice", "d": ["x"]}}
    answer = inspect(kw, issuers, signer.token(**claims), rules)
    assert (answer["accepted"], answer["subject"], answer["scopes"]) == (True, "alice", "x")
    assert not inspect(kw, issuers, signer.token(**{**claims, "kubernetes.io": {}}), rules)["accepted"]


# --- scopes ----------------------------------------------------------------------------------------------------

# scope_claim, claims, the scopes that come of it.
SCOPES = {
    "an object": ("roles", {"roles": {"admin": {"42": "shop.example"}, "guest": True}}, "admin guest"),
    "what doesn't hold in it": (
        "roles",
        {"roles": {"a": False, "b": None, "c": {}, "d": ["x"], "e": 1, "f": "true", "g": True}},
        "g",
    ),
    "names that are no scopes": ("roles", {"roles": {"Billing Admin": True, 'a"b': True, "*": True, "ok": True}}, "ok"),
    "an object that nobody has named": (None, {"scope": {"admin": True}}, ""),
    "all": ("all scp roles", {"scp": "a b", "roles": ["admin"]}, "a b admin"),
    "all, one missing": ("all scp roles", {"roles": ["admin"]}, "admin"),
    "all, one of no use": ("all scp roles", {"scp": 5, "roles": {"admin": True}}, "admin"),
    "the first": ("scp roles", {"scp": "a b", "roles": ["admin"]}, "a b"),
    "all, a string of roles": ("all scp roles", {"scp": "a", "roles": "Billing Admin"}, "a"),
    "a claim called all": ("/all", {"all": ["x"]}, "x"),
}


@pytest.mark.parametrize("name", SCOPES)
def test_report_U9(name, edge, issuers, kw):
    claim, claims, wanted = SCOPES[name]
    signer = Signer("EdDSA")
    block = issuers.block("auth", signer, f"scope_claim {claim};" if claim else "")
    e = edge(http=block, server=f"{SERVER} {PAGE}", store=False)
    token = signer.token(**claims)
    assert who(e, token) == f"auth/u1/{wanted}/"
    rules = [word for one in (claim or "").split() for word in ("--scope-claim", one)]
    assert (inspect(kw, issuers, token, rules)["scopes"] or "") == wanted


# --- numbers ---------------------------------------------------------------------------------------------------


def test_report_U7(edge, issuers, kw):
    """A number as the subject is refused unless the block says that numbers name subjects; the log says which claim it is."""
    signer = Signer("EdDSA")
    e = edge(http=issuers.block("auth", signer, "subject claim=user_id;"), server=f"{SERVER} {PAGE}", store=False)
    token = signer.token(user_id=42)
    assert who(e, token) == "invalid_token"
    e.wait_log(r'invalid_token: its subject claim "user_id" is a number.*`integer`.*issuer "auth"')
    answer = inspect(kw, issuers, token, ["--subject", "claim=user_id"])
    assert answer["cause"].startswith('its subject claim "user_id" is a number, and no string')
    answer = inspect(kw, issuers, token, ["--subject", "claim=user_id integer"])
    assert answer["accepted"] and answer["subject"] == "42"


def test_report_U7_integer(edge, issuers, kw):
    """42 and "42" are one subject: its record, its denials, its limit."""
    signer = Signer("EdDSA")
    kw("subject", "set", "shop:42")
    kw("subject", "set", "shop:7", "--state", "blocked")
    e = edge(
        http=issuers.block("auth", signer, "subject claim=user_id prefix=shop: required integer;"),
        server=f"{SERVER} location / {{ keyward_limit 3r/h by=subject; empty_gif; }}",
    )
    for good in (42, "42", 42):
        assert who(e, signer.token(user_id=good)) == "auth/shop:42//"
    assert who(e, signer.token(user_id="42")) == "rate_limited"
    assert who(e, signer.token(user_id=7)) == "blocked_subject"
    assert who(e, signer.token(user_id=8)) == "unprovisioned"
    for bad in (42.0, -42, 1e2, 2**53, True, [42]):
        assert who(e, signer.token(user_id=bad)) == "invalid_token", bad
    e.wait_log(r'its subject claim "user_id" is a number other than a whole one from 0 to 9007199254740991')
    kw("token", "revoke", "--subject", "shop:42")
    assert who(e, signer.token(user_id=42, iat=None)) == "revoked_token"


@pytest.mark.parametrize(
    "claims, says",
    [
        ({"jti": 7}, "its jti is not a string"),
        ({"iss": 7}, "its iss is not a string"),
        ({"aud": {"a": 1}}, "its aud is neither a string nor an array of strings"),
        ({"nbf": "soon"}, "its nbf is not a number of seconds"),
        ({"sub": 42}, 'its subject claim "sub" is a number'),
        ({"sub": None, "tier": 5}, 'its plan claim "tier" is not a valid name of a plan'),
    ],
)
def test_report_U7_is_told_by_name(edge, issuers, kw, claims, says):
    signer = Signer("EdDSA")
    e = edge(http=issuers.block("auth", signer, "plan_claim tier;"), server=f"{SERVER} {PAGE}", store=False)
    # By hand, as the library refuses some of these itself.
    header, payload = {"alg": "EdDSA"}, json.loads(json.dumps({"sub": "u1", "exp": 9999999999, **claims}))
    token = signer.raw_token(header, {name: value for name, value in payload.items() if value is not None})
    assert who(e, token) == "invalid_token"
    e.wait_log(f"invalid_token: {says}")
    if "tier" not in claims:
        assert inspect(kw, issuers, token)["cause"].startswith(says)


def test_report_U6_inspect(kw, issuers):
    signer = Signer("EdDSA")
    issuers.block("auth", signer)
    rules = ["--issuer", "https://a", "--issuer", "https://old-a"]
    for iss, good in (("https://a", True), ("https://old-a", True), ("https://b", False), (None, False)):
        assert inspect(kw, issuers, signer.token(iss=iss), rules)["accepted"] == good, iss


# --- whose token it is -----------------------------------------------------------------------------------------


def test_report_U6(edge, issuers):
    """Two blocks of one key that differ only in their audiences, and one that has two names."""
    signer = Signer("EdDSA")
    keys = issuers.block("shop", [signer], "audience shop shop-v2; issuer https://a https://old-a;")
    desk = keys.replace("keyward_issuer shop", "keyward_issuer desk").replace("audience shop shop-v2", "audience desk")
    lax = f"keyward_issuer lax {{ jwks_file {issuers.path('shop.json')}; }}\n"
    e = edge(
        http=keys + lax + desk,
        server=f"{SERVER} {PAGE} location /desk {{ keyward_accept desk lax; empty_gif; }}",
        store=False,
    )
    for aud, iss, taker in (
        ("shop", "https://a", "shop"),
        ("shop-v2", "https://old-a", "shop"),
        (["x", "desk"], "https://a", "desk"),
        (["desk", "shop"], "https://a", "shop"),
        ("shop", "https://other", "lax"),  # differs in its issuer: none of the other two's
    ):
        assert who(e, signer.token(aud=aud, iss=iss)) == f"{taker}/u1//", (aud, iss)
    # It never goes on to the issuer that asks for no audience.
    for aud in ("x", [], None, ["shop "]):
        assert who(e, signer.token(aud=aud, iss="https://a")) == "invalid_token"
    e.wait_log(r'its aud has none of the configured audiences, issuer "shop"')
    assert who(e, signer.token(aud="shop", iss="https://a"), "/desk") == "invalid_token"
    assert who(e, signer.token(aud="desk", iss="https://old-a"), "/desk") == "desk/u1//"
