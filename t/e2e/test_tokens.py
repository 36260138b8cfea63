"""Tokens at the edge: who is admitted, who is refused with which reason, and what the backend learns."""

import itertools
import json
import secrets
import time

import pytest
from harness.drive import statuses, volley
from harness.site import Site
from harness.tokens import (
    ASYMMETRIC,
    SYMMETRIC,
    Issuers,
    Signer,
    bearer,
    flipped,
    forge,
    hs256_with,
    jwks,
    ps256_with_salt,
    unb64,
)

SERVER = (
    "keyward on; add_header X-Reason $keyward_reason always; add_header X-Who $keyward_issuer/$keyward_subject always;"
)
PAGES = "location / { proxy_pass @BACKEND@; }"


def outcome(e, headers, target="/", method="GET"):
    response = e.request(method, target, headers)
    return response.status, response.header("X-Reason") or ""


def who(e, headers, target="/"):
    """ISSUER/SUBJECT of an admitted token, or the reason."""
    response = e.get(target, headers)
    return response.header("X-Who") if response.status == 200 else response.header("X-Reason")


# --- algorithms ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signers():
    names = ASYMMETRIC + SYMMETRIC
    return {
        name: Signer(name, kid=name.lower(), secret=f"{i:064}".encode(), rsa_number=i) for i, name in enumerate(names)
    }


@pytest.fixture(scope="module")
def zoo(build, signers):
    """One issuer for each algorithm, each with a location of its own, and no store at all."""
    with Site(build) as site:
        issuers = Issuers(site.folder)
        blocks = "".join(issuers.block(name.lower(), signer) for name, signer in signers.items())
        locations = "".join(
            f"location = /{name.lower()} {{ keyward_accept {name.lower()}; proxy_pass @BACKEND@; }}\n"
            for name in signers
        )
        site.start(http=blocks, server=f"{SERVER}\n{locations}\n{PAGES}", store=False)
        yield site


@pytest.mark.parametrize("name", ASYMMETRIC + SYMMETRIC)
def test_every_algorithm(zoo, signers, name):
    target = f"/{name.lower()}"
    token = signers[name].token()
    assert outcome(zoo.edge, bearer(token), target) == (200, "")
    assert zoo.backend.last.header("X-Keyward-Issuer") == name.lower()
    assert zoo.backend.last.header("X-Keyward-Subject") == "u1"
    assert zoo.backend.last.header("X-Keyward-Kind") == "token"
    assert zoo.backend.last.header("Authorization") is None
    # Another issuer's is nobody's here, although it is somebody's elsewhere.
    other = signers["ES256" if name != "ES256" else "EdDSA"].token()
    assert outcome(zoo.edge, bearer(other), target) == (401, "invalid_token")
    # A remembered one doesn't help those that look like it.
    with zoo.edge.connect() as connection:
        size = 8 * len(unb64(token.rsplit(".", 1)[1]))
        for bit in {0, 1, 7, 8, size // 2, size - 8, size - 1}:
            assert connection.request(headers=bearer(flipped(token, bit)), target=target).status == 401, bit
        for cut in (1, 2, 3, 4, 10, len(token) // 2):
            assert connection.request(headers=bearer(token[:-cut]), target=target).status == 401, cut
        assert connection.request(headers=bearer(token), target=target).status == 200


@pytest.mark.parametrize("name", ASYMMETRIC + SYMMETRIC)
def test_all_issuers_together_find_their_own(zoo, signers, name):
    assert who(zoo.edge, signers[name].bearer()) == f"{name.lower()}/u1"


@pytest.mark.parametrize("name", ["EdDSA", "ES256", "HS256"])
def test_every_bit_and_every_length(zoo, signers, name):
    """While nobody has seen the good one, and when it is remembered. t/unit/verify_token_test.cpp: for every algorithm."""
    target, token = f"/{name.lower()}", signers[name].token(jti=secrets.token_hex(8))
    size = 8 * len(unb64(token.rsplit(".", 1)[1]))
    bad = [*(flipped(token, bit) for bit in range(size)), *(token[:length] for length in range(len(token)))]
    for good in (0, 2):
        assert [outcome(zoo.edge, bearer(token), target)[0] for _ in range(good)] == [200] * good
        seen = zoo.backend.count()
        each = -(-len(bad) // 10)
        answers = volley(zoo.edge.port, 10, each, make=lambda n: (target, bearer(bad[n % len(bad)])))
        assert statuses(answers) == {401: 10 * each}
        assert {answer.header("X-Reason") for answer in answers[:size]} == {"invalid_token"}
        assert zoo.backend.count() == seen
    assert outcome(zoo.edge, bearer(token), target) == (200, "")


def test_the_key_decides_the_algorithm(zoo, signers):
    """What the header says is never believed."""
    e, signer = zoo.edge, signers["RS256"]
    now = int(time.time())
    claims = {"sub": "u1", "exp": now + 600}
    pem = signer.pem.encode()
    good = signer.token()
    bad = [
        *(hs256_with(secret, {"alg": "HS256", "kid": "rs256"}, claims) for secret in (pem, pem.strip(), b"")),
        *(hs256_with(pem, {"alg": name}, claims) for name in ("none", "None", "NONE", "nOnE", "HS256", "")),
        *(forge(good, {"alg": name}) for name in ("none", "RS512", "PS256", "HS256", "ES256", "rs256", None, 1)),
        *(forge(good, {"alg": "none"}, signature=signature) for signature in (b"", b"\0")),
        good.rsplit(".", 1)[0] + ".",
        good.rsplit(".", 1)[0],
        forge(good, {"crit": ["exp"]}),
        forge(good, {"b64": False}),
        ps256_with_salt(signers["PS256"].private, 20, {"alg": "PS256", "kid": "ps256"}, claims),
        f"{good}.",
        f".{good}",
        f"{good}=",
        f"{good}.x",
    ]
    for token in bad:
        status, reason = outcome(e, bearer(token))
        assert (status, reason) in {(401, "invalid_token"), (401, "invalid_key")}, token
    assert outcome(e, bearer(good)) == (200, "")


def test_a_key_in_the_header_is_not_looked_at(zoo, signers):
    stranger = Signer("EdDSA")
    for header in (
        {"jwk": stranger.jwk},
        {"jku": "http://127.0.0.1/jwks"},
        {"x5u": "http://127.0.0.1/x"},
        {"x5c": ["AA"]},
    ):
        assert outcome(zoo.edge, stranger.bearer({**header, "kid": "eddsa"})) == (401, "invalid_token")
        assert outcome(zoo.edge, signers["EdDSA"].bearer(header)) == (200, "")


def test_none_then_forged_then_good_in_any_order(zoo, signers):
    good = signers["EdDSA"].token()
    tokens = {forge(good, {"alg": "none"}, signature=b"x"): 401, flipped(good, 3): 401, good: 200}
    for order in itertools.permutations(range(3)):
        with zoo.edge.connect() as connection:
            for i in order:
                token = list(tokens)[i]
                assert connection.request(headers=bearer(token)).status == tokens[token]


# --- what a token must say ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def signer():
    return Signer("EdDSA", kid="1")


@pytest.fixture(scope="module")
def strict(build, signer):
    with Site(build) as site:
        issuers = Issuers(site.folder)
        rules = """
            issuer https://issuer.example;
            audience api other;
            type at+jwt;
            require role admin user;
            require realm.level 3 4;
            leeway 5s;
            max_lifetime 1h;
            algorithms EdDSA;
        """
        site.start(http=issuers.block("auth", [signer], rules), server=f"{SERVER}\n{PAGES}", store=False)
        yield site.edge


GOOD = {"iss": "https://issuer.example", "aud": "api", "role": "user", "realm": {"level": 3}}
TYPE = {"typ": "at+jwt"}


def test_the_good_one(strict, signer):
    assert who(strict, signer.bearer(TYPE, **GOOD)) == "auth/u1"
    for more in (
        {"aud": ["x", "other"]},
        {"role": ["x", "admin"]},
        {"realm": {"level": 4}},
        {"iat": int(time.time()) + 3},
    ):
        assert who(strict, signer.bearer(TYPE, **{**GOOD, **more})) == "auth/u1", more
    for kind in ("AT+JWT", "application/at+jwt", "Application/At+Jwt"):
        assert who(strict, signer.bearer({"typ": kind}, **GOOD)) == "auth/u1", kind


REFUSED = {
    "no iss": {"iss": None},
    "another iss": {"iss": "https://issuer.example.evil"},
    "a prefix of iss": {"iss": "https://issuer.exampl"},
    "iss in an array": {"iss": ["https://issuer.example"]},
    "no aud": {"aud": None},
    "another aud": {"aud": "api2"},
    "an empty aud": {"aud": []},
    "aud of no characters": {"aud": ""},
    "aud in an object": {"aud": {"api": 1}},
    "aud of mixed types": {"aud": ["api", 1]},
    "aud in an array in an array": {"aud": [["api"]]},
    "a part of aud": {"aud": ["ap", "apiother"]},
    "no role": {"role": None},
    "another role": {"role": "owner"},
    "a role in an array in an array": {"role": [["admin"]]},
    "no level": {"realm": {}},
    "a level as a name with a dot": {"realm": None, "realm.level": 3},
    "another level": {"realm": {"level": 5}},
    "not yet": {"nbf": int(time.time()) + 6000},
    "issued in the future": {"iat": int(time.time()) + 6000},
    "a lifetime that is too long": {"lifetime": 3700},
    "an unknown lifetime": {"iat": None},
    "exp as a text": {"exp": "2100"},
    "exp null": {"exp": [None]},
    "a subject that isn't one": {"sub": 5},
    "an empty subject": {"sub": ""},
    "a subject with a line break": {"sub": "u1\r\nX-Keyward-Plan: gold"},
    "a subject with a tab in front": {"sub": "\tu1"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_thing_wrong(strict, signer, name):
    assert outcome(strict, signer.bearer(TYPE, **{**GOOD, **REFUSED[name]})) == (401, "invalid_token")


def test_another_type(strict, signer):
    for kind in ("JWT", "", "at+jwt2", "application/jwt"):
        assert outcome(strict, signer.bearer({"typ": kind}, **GOOD)) == (401, "invalid_token"), kind


def test_expired_is_told_apart(strict, signer):
    now = int(time.time())
    expired = signer.token(TYPE, **{**GOOD, "iat": now - 100, "exp": now - 6})
    response = strict.get(headers=bearer(expired))
    assert (response.status, response.json()) == (401, {"error": "token expired", "code": "unauthorized"})
    assert response.header("X-Reason") == "expired_token"
    assert 'error="invalid_token"' in response.header("WWW-Authenticate")
    # Whose it is holds, and the error log says so; but it leads to nobody.
    strict.wait_log('keyward refused: expired_token.*issuer "auth"')
    assert response.header("X-Who") == "/"
    assert (
        who(strict, signer.bearer(TYPE, **{**GOOD, "iat": now - 100, "exp": now - 1})) == "auth/u1"
    ), "within the leeway"
    # Nobody looks at the signature of one that no issuer would take: a flood of expired ones costs little.
    assert outcome(strict, bearer(flipped(expired, 0))) == (401, "expired_token")
    # One that is no good otherwise isn't told that it expired.
    assert outcome(strict, signer.bearer(TYPE, **{**GOOD, "iat": now - 100, "exp": now - 6, "aud": "x"})) == (
        401,
        "invalid_token",
    )


def test_an_unknown_kid_of_a_file_is_just_wrong(strict, signer):
    assert outcome(strict, signer.bearer({**TYPE, "kid": "2"}, **GOOD)) == (401, "invalid_token")
    assert outcome(strict, signer.bearer({**TYPE, "kid": "../1"}, **GOOD)) == (401, "invalid_token")
    assert outcome(strict, Signer("EdDSA", kid="1").bearer(TYPE, **GOOD)) == (401, "invalid_token")


def test_the_log_says_why_and_quotes_nothing(strict, signer):
    since = len(strict.log)
    token = signer.token(TYPE, **{**GOOD, "aud": "somebody-else"})
    assert strict.get(headers=bearer(token)).status == 401
    line = strict.wait_log(r"keyward refused: invalid_token.*", since=since)[0]
    assert 'issuer "auth"' in line and "audience" in line
    assert "somebody-else" not in line and token.split(".")[1] not in strict.log


def test_a_subject_in_the_log_is_one_text(edge, issuers, store):
    """A quote would end it, and what stands behind it would be read as nginx's own."""
    signer = Signer()
    e = edge(http=issuers.block("auth", signer), server=f"{SERVER} keyward_scope a; {PAGES}")
    forged = 'root", client: 6.6.6.6, server: x\\"\u202e\u00e9'
    assert outcome(e, signer.bearer(sub=forged)) == (403, "insufficient_scope")
    line = e.wait_log(r"keyward refused: insufficient_scope.*")[0]
    assert r'subject "root\x22, client: 6.6.6.6, server: x\x5c\x22\xe2\x80\xae\xc3\xa9", client: 127.0.0.1' in line


def test_all_keys_of_a_set_are_tried_or_the_token_is_nobodys(edge, issuers):
    """What wasn't looked at must not be taken for another issuer's."""
    many = [Signer() for _ in range(17)]
    http = issuers.block("strict", many, "require r x; audience api;") + issuers.block("lax", many[16], "grant *;")
    e = edge(http=http, server=f"{SERVER} {PAGES}", store=False)
    assert [who(e, signer.bearer(r="x", aud="api")) for signer in many[:16]] == ["strict/u1"] * 16
    assert who(e, many[16].bearer(r="x")) == "invalid_token"


# --- several issuers -----------------------------------------------------------------------------------------------


def test_one_kid_and_two_issuers(edge, issuers):
    a, b = Signer("EdDSA", kid="same"), Signer("EdDSA", kid="same")
    e = edge(http=issuers.block("a", [a]) + issuers.block("b", [b]), server=f"{SERVER}\n{PAGES}", store=False)
    assert who(e, a.bearer()) == "a/u1"
    assert who(e, b.bearer()) == "b/u1"
    assert who(e, Signer("EdDSA", kid="same").bearer()) == "invalid_token"


def test_one_key_and_two_issuers_are_told_apart_by_their_rules(edge, issuers):
    signer = Signer("EdDSA", kid="1")
    blocks = issuers.block("a", [signer], "issuer https://a.example;") + issuers.block(
        "b", [signer], "issuer https://b.example;"
    )
    locations = "location /b { keyward_accept b; proxy_pass @BACKEND@; }"
    e = edge(http=blocks, server=f"{SERVER}\n{locations}\n{PAGES}", store=False)
    assert who(e, signer.bearer(iss="https://a.example")) == "a/u1"
    assert who(e, signer.bearer(iss="https://b.example")) == "b/u1"
    assert who(e, signer.bearer(iss="https://c.example")) == "invalid_token"
    assert who(e, signer.bearer(iss="https://a.example"), "/b") == "invalid_token"


def test_a_verdict_is_final(edge, issuers, store):
    """What the first issuer refuses never falls through to a laxer one with the same key."""
    signer = Signer("EdDSA")
    strict = issuers.block("strict", signer, "require tenant acme; audience api; subject required;")
    lax = issuers.block("lax", signer, "require_exp off; leeway 1d; max_lifetime 30d;")
    locations = "location /lax { keyward_accept lax; proxy_pass @BACKEND@; }\nlocation /swapped { keyward_accept lax strict; proxy_pass @BACKEND@; }"
    e = edge(http=strict + lax, server=f"{SERVER}\n{locations}\n{PAGES}")
    now = int(time.time())
    assert who(e, signer.bearer(tenant="acme", aud="api")) == "unprovisioned"
    assert who(e, signer.bearer(tenant="acme", aud="x")) == "invalid_token"
    assert who(e, signer.bearer(tenant="acme", aud="api", exp=now - 60, iat=now - 90)) == "expired_token"
    assert who(e, signer.bearer(tenant="other")) == "lax/u1"
    # Remembered as lax's in one location, it is still strict's in another, and the other way round.
    token = signer.bearer(tenant="acme", aud="api")
    assert [who(e, token, target) for target in ("/lax", "/", "/swapped", "/", "/lax")] == [
        "lax/u1",
        "unprovisioned",
        "lax/u1",
        "unprovisioned",
        "lax/u1",
    ]


# --- what a location accepts -----------------------------------------------------------------------------------------


def test_accept(edge, issuers, store):
    a, b = Signer("EdDSA"), Signer("ES256")
    locations = """
        location /keys { keyward_accept key; proxy_pass @BACKEND@; }
        location /a { keyward_accept a; proxy_pass @BACKEND@; }
        location /both { keyward_accept key b anonymous; proxy_pass @BACKEND@; }
        location /methods { keyward_accept key; keyward_accept methods=GET a; keyward_accept methods=POST,GET b; proxy_pass @BACKEND@; }
    """
    e = edge(http=issuers.block("a", a) + issuers.block("b", b), server=f"{SERVER}\n{locations}\n{PAGES}")
    key = {"X-API-Key": store.key()["key"]}
    bad = bearer(flipped(a.token(), 1))

    def row(target, method="GET"):
        return [outcome(e, headers, target, method)[1] or "in" for headers in (key, a.bearer(), b.bearer(), bad, {})]

    missing = "missing_credential"
    assert row("/") == ["in", "in", "in", "invalid_token", missing]
    # No token at all is accepted: a good one is told so, a bad one is bad.
    assert row("/keys") == ["in", "not_accepted", "not_accepted", "invalid_token", missing]
    # Some are: what verifies under none of these is no token here.
    assert row("/a") == ["not_accepted", "in", "invalid_token", "invalid_token", missing]
    assert row("/both") == ["in", "invalid_token", "in", "invalid_token", "in"]
    assert row("/methods") == ["not_accepted", "in", "in", "invalid_token", missing]
    assert row("/methods", "HEAD") == row("/methods")
    assert row("/methods", "POST") == ["not_accepted", "invalid_token", "in", "invalid_token", missing]
    assert row("/methods", "PUT") == ["in", "not_accepted", "not_accepted", "invalid_token", missing]


def test_without_issuers_no_token_is_good(edge, store):
    e = edge(server=f"{SERVER}\n{PAGES}")
    assert outcome(e, Signer().bearer()) == (401, "invalid_key")


def test_tokens_come_from_wherever_credentials_do(edge, issuers, backend):
    signer = Signer("EdDSA")
    server = f"{SERVER} keyward_credential bearer header=X-Token query=token websocket;\n{PAGES}"
    e = edge(http=issuers.block("auth", signer), server=server, store=False)
    token = signer.token()
    assert who(e, {"X-Token": token}) == "auth/u1"
    assert who(e, {}, f"/?token={token}") == "auth/u1"
    assert who(e, {"Sec-WebSocket-Protocol": f"bearer, {token}"}) == "auth/u1"
    assert token not in json.dumps([request.headers + [request.target] for request in backend.requests])
    assert outcome(e, {"X-Token": token, "Authorization": f"Bearer {flipped(token, 1)}"}) == (400, "invalid_request")


# --- who it is ---------------------------------------------------------------------------------------------------------


def test_scopes_from_claims_and_grants(edge, issuers, backend):
    signers = {name: Signer("EdDSA") for name in ("plain", "granted", "wild", "named")}
    blocks = (
        issuers.block("plain", signers["plain"])
        + issuers.block("granted", signers["granted"], "grant posts:read;")
        + issuers.block("wild", signers["wild"], "scope_wildcards on;")
        + issuers.block("named", signers["named"], "scope_claim https://x.example/roles realm_access.roles;")
    )
    e = edge(http=blocks, server=f"{SERVER} keyward_scope posts:read;\n{PAGES}", store=False)

    def scopes(name, **claims):
        response = e.get(headers=signers[name].bearer(**claims))
        return backend.last.header("X-Keyward-Scopes") if response.status == 200 else response.header("X-Reason")

    no = "insufficient_scope"
    assert scopes("plain") == no
    assert scopes("plain", scope="posts:read") == "posts:read"
    assert scopes("plain", scope="posts:read  posts:write") == "posts:read posts:write"
    assert scopes("plain", scope="posts:readx posts:rea POSTS:READ") == no
    assert scopes("plain", scp=["posts:read", "a b", 'c"', 5]) == "posts:read"
    assert scopes("plain", permissions=["posts:read"]) == "posts:read"
    # The first that is there counts, even if it grants nothing.
    assert scopes("plain", scope="", permissions=["posts:read"]) == no
    assert scopes("plain", scope=[], scp="posts:read") == no
    for claim in ("*", "posts:*", ["*"]):
        assert scopes("plain", scope=claim) == no
        assert scopes("wild", scope=claim) in ("*", "posts:*")
    assert scopes("granted") == "posts:read"
    assert scopes("granted", scope="a") == "a posts:read"
    assert scopes("named", scope="posts:read") == no
    assert scopes("named", realm_access={"roles": ["posts:read"]}) == "posts:read"
    assert scopes("named", **{"https://x.example/roles": "posts:read", "realm_access": {"roles": []}}) == "posts:read"


def test_plans(edge, issuers, store, kw, backend):
    store.init()
    kw("plan", "set", "stored", "--scope", "a")
    plain, planned = Signer("EdDSA"), Signer("EdDSA")
    http = (
        "keyward_plan gold scope=a,b; keyward_plan silver scope=a; keyward_plan closed no_access; keyward_plan basic default;"
        + issuers.block("plain", plain, "plan_claim https://x.example/plan; grant *; subject shared;")
        + issuers.block("planned", planned, "plan silver; plan_claim plan; grant *; subject shared;")
    )
    e = edge(http=http, server=f"{SERVER}\n{PAGES}")

    def plan(signer, **claims):
        response = e.get(headers=signer.bearer(**claims))
        if response.status != 200:
            return response.header("X-Reason")
        return backend.last.header("X-Keyward-Plan"), backend.last.header("X-Keyward-Scopes")

    assert plan(plain) == ("basic", "*")
    assert plan(plain, **{"https://x.example/plan": "gold"}) == ("gold", "a b")
    assert plan(plain, **{"https://x.example/plan": "stored"}) == ("stored", "a")
    assert plan(planned) == ("silver", "a")
    assert plan(planned, plan="gold") == ("gold", "a b")
    assert plan(planned, plan="missing") == "no_access"
    assert plan(planned, plan="closed") == "no_access"
    assert plan(planned, plan=5) == "invalid_token"
    # The subject's goes before what the token says, and its scopes narrow.
    kw("subject", "set", "u1", "--plan", "gold", "--scope", "b")
    assert plan(planned, plan="silver") == ("gold", "b")
    assert plan(plain) == ("gold", "b")
    kw("subject", "set", "u1", "--plan", "gone")
    assert plan(planned, plan="silver") == "no_access"


def test_subject_required_and_unprovisioned(edge, issuers, store, kw, backend):
    signer = Signer("EdDSA")
    http = issuers.block("auth", signer, "subject required; grant a;")
    locations = "location = /provision { keyward_accept auth unprovisioned; proxy_pass @BACKEND@; }"
    e = edge(http=http, server=f"{SERVER} keyward_scope a;\n{locations}\n{PAGES}")
    token = signer.bearer()
    response = e.get(headers=token)
    assert (response.status, response.json()) == (401, {"error": "user not provisioned", "code": "unauthorized"})
    e.wait_log('keyward refused: unprovisioned, issuer "auth", subject "u1"')
    assert response.header("X-Who") == "/"
    assert who(e, token, "/provision") == "auth/u1"
    assert backend.last.header("X-Keyward-Subject") == "u1"
    # Having been admitted there opens nothing else.
    assert who(e, token) == "unprovisioned"
    kw("subject", "set", "u1")
    assert who(e, token) == "auth/u1"
    assert who(e, token, "/provision") == "auth/u1"
    kw("subject", "remove", "u1")
    assert who(e, token) == "unprovisioned"
    # Without a subject nobody is provisioned.
    assert who(e, signer.bearer(sub=None)) == "unprovisioned"
    assert who(e, signer.bearer(sub=None), "/provision") == "unprovisioned"
    assert who(e, bearer(flipped(signer.token(), 5)), "/provision") == "invalid_token"


def test_blocking_a_subject_ends_its_keys_and_its_tokens_at_once(edge, issuers, store, kw):
    signer = Signer("EdDSA")
    e = edge(http=issuers.block("auth", signer, "subject shared;"), server=f"{SERVER}\n{PAGES}", workers=2)
    kw("subject", "set", "u1")
    key, token = {"X-API-Key": store.key(subject="u1")["key"]}, signer.bearer()
    assert [outcome(e, headers)[0] for headers in (key, token) for _ in range(4)] == [200] * 8
    for state, reason in (("blocked", "blocked_subject"), ("active", ""), ("blocked", "blocked_subject")):
        kw("subject", "set", "u1", "--state", state)
        for headers in (key, token, signer.bearer(jti=state)):
            assert [outcome(e, headers)[1] for _ in range(4)] == [reason] * 4


def test_the_same_principal_for_a_key_and_a_token(edge, issuers, store, kw, backend):
    signer = Signer("EdDSA")
    http = "keyward_plan gold scope=a limit=3r/h;" + issuers.block("auth", signer, "subject shared; grant *;")
    locations = """
        location = /subject { keyward_limit plan by=subject; proxy_pass @BACKEND@; }
        location = /key { keyward_limit plan; proxy_pass @BACKEND@; }
    """
    e = edge(http=http, server=f"{SERVER} add_header X-Left $keyward_remaining always;\n{locations}\n{PAGES}")
    kw("subject", "set", "u1", "--plan", "gold")
    key, token, other = {"X-API-Key": store.key(subject="u1")["key"]}, signer.bearer(), signer.bearer(sub="u2")
    seen = []
    for headers in (key, token):
        assert e.get(headers=headers).status == 200
        seen.append([backend.last.header(f"X-Keyward-{name}") for name in ("Subject", "Plan", "Scopes")])
    assert seen[0] == seen[1] == ["u1", "gold", "a"]
    left = lambda headers, target: e.get(target, headers).header("X-Left")
    # By subject they count together; by key each by itself, and a new token of the same subject with the old one.
    assert [left(headers, "/subject") for headers in (key, token, key)] == ["2", "1", "0"]
    assert outcome(e, signer.bearer(jti="another"), "/subject") == (429, "rate_limited")
    assert [left(headers, "/key") for headers in (key, token, signer.bearer(jti="another"), key)] == [
        "2",
        "2",
        "1",
        "1",
    ]
    assert outcome(e, other, "/subject") == (403, "no_access")  # no plan


def test_issuers_that_do_not_share_count_apart(edge, issuers, store, kw, backend):
    """Issuer B with A's `sub` is somebody else."""
    a, b = Signer("EdDSA"), Signer("EdDSA")
    http = "keyward_plan gold;" + issuers.block("a", a, "subject shared;") + issuers.block("b", b)
    locations = "location = /limited { keyward_limit 2r/h by=subject; proxy_pass @BACKEND@; }"
    e = edge(
        http=http,
        server=f"{SERVER} keyward_credential bearer header=X-API-Key; add_header X-Left $keyward_remaining always;\n{locations}\n{PAGES}",
    )
    kw("subject", "set", "u1", "--plan", "gold")
    key = {"X-API-Key": store.key(subject="u1")["key"]}
    left = lambda headers: e.get("/limited", headers).header("X-Left")
    assert [left(headers) for headers in (a.bearer(), b.bearer(), key, b.bearer())] == ["1", "1", "0", "0"]
    # Nor has it A's plan; but who is blocked under this name gets in nowhere.
    assert e.get(headers=a.bearer()).status == 200
    assert backend.last.header("X-Keyward-Plan") == "gold"
    assert e.get(headers=b.bearer()).status == 200
    assert backend.last.header("X-Keyward-Plan") is None
    kw("subject", "set", "u1", "--state", "blocked")
    assert [outcome(e, headers) for headers in (a.bearer(), b.bearer(), key)] == [(403, "blocked_subject")] * 3


def test_prefixes_keep_subjects_apart(edge, issuers, store, kw, backend):
    """An issuer whose claim begins with another's prefix comes to that one's subjects no more than without."""
    a, b = Signer("EdDSA"), Signer("EdDSA")
    http = "keyward_plan gold;" + issuers.block("a", a) + issuers.block("b", b, "subject prefix=b: required;")
    e = edge(http=http, server=f"{SERVER}\n{PAGES}")
    kw("subject", "set", "b:u1", "--plan", "gold")
    kw("subject", "set", "u1", "--plan", "gold")

    def subject(signer, **claims):
        response = e.get(headers=signer.bearer(**claims))
        if response.status != 200:
            return response.header("X-Reason")
        return backend.last.header("X-Keyward-Subject"), backend.last.header("X-Keyward-Plan")

    assert subject(b) == ("b:u1", "gold")
    assert subject(b, sub="u2") == "unprovisioned"
    assert subject(a) == ("u1", "gold")
    assert subject(a, sub="b:u1") == ("b:u1", None)


def test_tokens_without_a_subject_share_their_issuers_window(edge, issuers):
    a, b = Signer("EdDSA"), Signer("EdDSA")
    locations = "location = /k { keyward_limit 2r/h; proxy_pass @BACKEND@; }\nlocation = /s { keyward_limit 2r/h by=subject; proxy_pass @BACKEND@; }"
    e = edge(http=issuers.block("a", a) + issuers.block("b", b), server=f"{SERVER}\n{locations}\n{PAGES}", store=False)
    for target in ("/k", "/s"):
        statuses = [e.get(target, a.bearer(sub=None, jti=str(i))).status for i in range(3)]
        assert statuses == [200, 200, 429]
        assert e.get(target, b.bearer(sub=None)).status == 200
        assert e.get(target, a.bearer()).status == 200


def test_variables(edge, issuers):
    signer = Signer("EdDSA")
    names = (
        "email",
        "level",
        "ok",
        "roles",
        "mixed",
        "obj",
        "none",
        "firstname",
        "cognito_groups",
        "twin",
        "line",
        "missing",
    )
    fields = " ".join(f"add_header X-{name} $keyward_claim_{name};" for name in names)
    server = f'{SERVER} {fields} add_header X-All "$keyward_kind $keyward_issuer $keyward_subject $keyward_scopes $remote_user $keyward_key_id.";'
    e = edge(
        http=issuers.block("auth", signer),
        server=f"{server}\n{PAGES}\nlocation /off {{ keyward off; proxy_pass @BACKEND@; }}",
        store=False,
    )
    claims = {
        "email": "a@b.example",
        "level": 1.50,
        "ok": True,
        "roles": ["x y", "z"],
        "mixed": ["a", {}],
        "obj": {"a": 1},
        "none": [None],
        "firstName": "Ann",
        "cognito:groups": ["g1", 2],
        "Twin": "1",
        "tWin": "2",
        "line": "a\r\nX-Evil: 1%",
    }
    response = e.get(headers=signer.bearer(scope="s", **claims))
    got = {name: response.header(f"X-{name}") for name in names}
    assert got == {
        "email": "a@b.example",
        "level": "1.5",
        "ok": "true",
        "roles": "x%20y z",
        "mixed": None,
        "obj": None,
        "none": None,
        "firstname": "Ann",
        "cognito_groups": "g1 2",
        "twin": None,
        "line": "a%0D%0AX-Evil: 1%25",
        "missing": None,
    }
    assert response.header("X-All") == "token auth u1 s u1 ."
    assert response.header("X-Evil") is None
    assert e.get("/off", signer.bearer(**claims)).header("X-email") is None
    # Of a token that is refused nothing is told.
    assert e.get(headers=bearer(flipped(signer.token(email="x"), 1))).header("X-email") is None


# --- limits, shadow, failures --------------------------------------------------------------------------------------------


def test_wrong_signatures_are_counted_and_good_tokens_pass(edge, issuers):
    signer = Signer("EdDSA")
    server = f"{SERVER} set_real_ip_from 127.0.0.1; real_ip_header X-From; keyward_limit 3r/h by=failures;\n{PAGES}"
    e = edge(http=issuers.block("auth", signer), server=server, store=False)
    known, fresh = signer.token(), signer.token(jti="fresh")
    assert outcome(e, bearer(known)) == (200, "")
    now = int(time.time())
    for _ in range(5):  # not a guess at all
        assert outcome(e, signer.bearer(exp=now - 100, iat=now - 200)) == (401, "expired_token")
        assert outcome(e, bearer("a.b.c")) == (401, "invalid_token")
    wrong = [outcome(e, bearer(flipped(known, bit))) for bit in range(5)]
    assert wrong == [(401, "invalid_token")] * 3 + [(429, "too_many_failures")] * 2
    assert outcome(e, bearer(known)) == (200, "")
    assert outcome(e, bearer(fresh)) == (429, "too_many_failures")
    assert outcome(e, {**bearer(fresh), "X-From": "192.0.2.1"}) == (200, "")


def test_shadow(edge, issuers, backend):
    signer = Signer("EdDSA")
    e = edge(
        http=issuers.block("auth", signer),
        server=f"{SERVER} keyward shadow;\n{PAGES}".replace("keyward on;", ""),
        store=False,
    )
    token = signer.token()
    assert e.get(headers=bearer(token)).status == 200
    assert backend.last.header("X-Keyward-Issuer") == "auth"
    assert backend.last.header("Authorization") == f"Bearer {token}"
    assert e.get(headers={**bearer(flipped(token, 1)), "X-Keyward-Issuer": "auth"}).status == 200
    assert backend.last.header("X-Keyward-Issuer") is None
    assert "would have refused (shadow): invalid_token" in e.log


def test_a_store_that_cannot_be_read_is_503_and_never_a_pass(edge, issuers, store, kw):
    signer = Signer("EdDSA")
    e = edge(http=issuers.block("auth", signer), server=f"{SERVER}\n{PAGES}")
    token = signer.bearer()
    assert outcome(e, token) == (200, "")
    hidden = store.path.with_name("hidden")
    store.path.rename(hidden)
    e.wait_log("requests with keys and tokens get 503")
    assert outcome(e, token) == (503, "store_error")
    assert outcome(e, signer.bearer(jti="new")) == (503, "store_error")
    assert outcome(e, bearer(flipped(signer.token(), 1))) == (401, "invalid_token")
    hidden.rename(store.path)
    e.wait_log("the store is readable again")
    assert outcome(e, token) == (200, "")


def test_a_redirect_verifies_and_charges_once(edge, issuers, backend):
    signer = Signer("EdDSA")
    locations = """
        location /start { error_page 418 = /end; return 418; }
        location = /a { try_files /nothing /end; }
        location = /end { keyward_limit 2r/h name=x; proxy_pass @BACKEND@; }
    """
    e = edge(
        http=issuers.block("auth", signer), server=f"{SERVER} keyward_limit 2r/h name=x;\n{locations}", store=False
    )
    token = signer.bearer()
    assert [e.get("/a", token).status for _ in range(3)] == [200, 200, 429]
    assert backend.last.header("X-Keyward-Subject") == "u1"


def test_a_set_with_several_keys(edge, issuers):
    a, b, c = Signer("EdDSA", kid="1"), Signer("ES256", kid="2"), Signer("EdDSA")
    e = edge(http=issuers.block("auth", [a, b, c]), server=f"{SERVER}\n{PAGES}", store=False)
    assert [who(e, signer.bearer()) for signer in (a, b, c)] == ["auth/u1"] * 3
    # By another's kid, and without any.
    assert who(e, a.bearer({"kid": "2"})) == "invalid_token"
    issuers.write("x.json", jwks(a))
    assert who(e, Signer("EdDSA", kid="1").bearer()) == "invalid_token"
