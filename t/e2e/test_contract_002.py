"""conf.d/resource-scopes.conf against what document 002 states (its keys API: test_contract_keys.py; docs/contracts.md lists every statement)."""

import json
import time

import pytest
from harness.drive import statuses, volley
from harness.published import published, with_login
from harness.tokens import Signer, bearer, flipped
from harness.wait import until

RESOURCES = ("posts", "brands", "clips", "carousels", "kb", "agents", "webhooks")
READ = ("GET", "HEAD")
WRITE = ("POST", "PUT", "PATCH", "DELETE")
LIMIT = 120


@pytest.fixture
def e(edge, store):
    return edge(http=published("resource-scopes.conf"), workers=2)


@pytest.fixture
def key(store):
    """key(scope=...): the header field of a new key."""

    def make(**options):
        make.last = store.key(verifier="sha256", **options)
        return {"Authorization": f"Bearer {make.last['key']}"}

    return make


@pytest.fixture
def login():
    return Signer("EdDSA", kid="login-1")


@pytest.fixture
def app(edge, store, login, make_backend):
    """The same edge, with the login's keys on a server of ours."""
    return edge(http=with_login("resource-scopes.conf", login, make_backend()), workers=2)


def session(login, **claims):
    return login.bearer(**{"type": "session", "org": "acme", **claims})


def allowed(e, headers):
    """The scopes whose operations are allowed, found by trying all of them."""
    found = set()
    with e.connect() as connection:
        for resource in RESOURCES:
            for access, methods in (("read", READ), ("write", WRITE)):
                answers = {connection.request(method, f"/v1/{resource}/1", headers).status for method in methods}
                assert answers in ({200}, {403}), (resource, access, answers)
                if answers == {200}:
                    found.add(f"{resource}:{access}")
    return found


ALL = {f"{resource}:{access}" for resource in RESOURCES for access in ("read", "write")}


def test_contract_002_it_loads_without_a_warning(config_test, store):
    rc, output = config_test(http=published("resource-scopes.conf"))
    assert rc == 0 and "warn" not in output, output


def test_contract_002_05_fourteen_scopes_of_seven_resources(e, key):
    assert len(ALL) == 14
    for scope in sorted(ALL):
        assert allowed(e, key(scope=scope)) == {scope}


def test_contract_002_05_a_key_has_any_of_them_together(e, key):
    assert allowed(e, key(scope=["posts:read", "kb:write", "webhooks:read"])) == {
        "posts:read",
        "kb:write",
        "webhooks:read",
    }
    assert allowed(e, key(scope="clips:*")) == {"clips:read", "clips:write"}
    assert allowed(e, key(scope=sorted(ALL))) == ALL


def test_contract_002_06_outside_the_granted_scopes_is_403(e, key, backend):
    headers = key(scope=["posts:read", "brands:read"])
    for method, target, scope in (
        ("POST", "/v1/posts", "posts:write"),
        ("DELETE", "/v1/posts/7", "posts:write"),
        ("GET", "/v1/clips", "clips:read"),
        ("PATCH", "/v1/brands/order", "brands:write"),
        ("GET", "/v1/kb/search?q=posts", "kb:read"),
    ):
        response = e.request(method, target, headers)
        assert response.status == 403
        assert response.json() == {"error": "insufficient scope", "code": "forbidden", "required_scope": scope}
        assert scope in response.header("WWW-Authenticate")
    # Like a resource's name isn't it, and no spelling of the path makes it another.
    assert {
        e.get(target, headers).status
        for target in ("/v1/postsx", "/v1/", "/v1", "/", "/v2/posts", "/V1/posts", "/v1/POSTS")
    } == {404}
    assert {
        e.get(target, headers).status for target in ("/v1/posts/../clips", "/v1/%63lips", "/v1//clips", "/v1/./clips/1")
    } == {403}
    # A method that no scope is about.
    assert (
        e.request("OPTIONS", "/v1/posts", headers).status == e.request("PROPFIND", "/v1/posts", headers).status == 403
    )
    assert backend.count() == 0
    # Nor does a field make it another.
    assert e.get("/v1/posts", {**headers, "X-HTTP-Method-Override": "DELETE"}).status == 200
    assert backend.last.header("X-HTTP-Method-Override") is None


def test_contract_002_07_limits_are_by_key(e, key):
    one, other = (key(subject="acme", scope="posts:read") for _ in range(2))
    for headers in (one, other):
        assert statuses(volley(e.port, 10, 15, target="/v1/posts", headers=headers)) == {200: LIMIT, 429: 150 - LIMIT}


def test_contract_002_07_all_resources_count_together(e, key):
    headers = key(scope="*")
    targets = [f"/v1/{resource}" for resource in RESOURCES]
    answers = volley(e.port, 10, 15, make=lambda n: (targets[n % 7], headers))
    assert statuses(answers) == {200: LIMIT, 429: 150 - LIMIT}


def test_contract_002_09_429_says_limit_remaining_reset_and_when_to_retry(e, key):
    headers = key(scope="posts:read")
    begin = int(time.time())
    response = e.get("/v1/posts", headers)
    assert (response.header("X-RateLimit-Limit"), response.header("X-RateLimit-Remaining")) == (
        str(LIMIT),
        str(LIMIT - 1),
    )
    assert volley(e.port, 1, LIMIT - 1, target="/v1/posts", headers=headers)[-1].header("X-RateLimit-Remaining") == "0"
    response = e.get("/v1/posts", headers)
    end = int(time.time()) + 1
    assert response.status == 429
    assert (response.header("X-RateLimit-Limit"), response.header("X-RateLimit-Remaining")) == (str(LIMIT), "0")
    assert begin + 60 <= int(response.header("X-RateLimit-Reset")) <= end + 60
    assert 1 <= int(response.header("Retry-After")) <= 60
    assert begin <= int(response.header("X-RateLimit-Reset")) - int(response.header("Retry-After")) <= end


def test_contract_002_11_missing_invalid_or_expired_is_401(e, key, store, backend):
    gone = key(scope="*", expires="1s")
    good = key(scope="*")["Authorization"]
    answers = {}
    for name, headers in (
        ("missing", {}),
        ("basic", {"Authorization": "Basic dTpw"}),
        ("misspelt", {"Authorization": good[:-1]}),
        ("unknown", {"Authorization": "Bearer kw_nobody"}),
        ("a token", {"Authorization": "Bearer eyJh.eyJz.c2ln"}),
    ):
        response = e.get("/v1/posts", headers)
        assert response.header("WWW-Authenticate").startswith("Bearer")
        answers[name] = response.status, response.json()["code"]
    assert set(answers.values()) == {(401, "unauthorized")}, answers
    assert backend.count() == 0
    response = until(lambda: (r := e.get("/v1/posts", gone)).status == 401 and r, 10, "the key's expiry")
    assert response.json() == {"error": "API key expired", "code": "unauthorized"}


def test_contract_002_13_keys_do_not_expire_unless_revoked(e, key, kw):
    headers = key(scope="posts:read")
    assert kw("key", "show", key.last["id"]).get("expires_at") is None
    assert e.get("/v1/posts", headers).status == 200
    kw("key", "revoke", key.last["id"])
    assert e.get("/v1/posts", headers).status == 401


def test_contract_002_14_a_key_has_no_more_than_it_was_given(e, key, backend):
    headers = key(scope="posts:read")
    assert allowed(e, headers) == {"posts:read"}
    assert backend.last.header("X-Keyward-Scopes") == "posts:read"
    assert allowed(e, key(scope="")) == set()


def test_contract_002_15_revocation_is_instant_and_permanent(e, key, kw, backend):
    headers = key(scope="*")
    id = key.last["id"]
    assert statuses(volley(e.port, 10, 2, target="/v1/posts", headers=headers)) == {200: 20}
    kw("key", "revoke", id)
    backend.clear()
    # Both workers, with the very next request.
    assert statuses(volley(e.port, 10, 2, target="/v1/posts", headers=headers)) == {401: 20}
    line = kw("key", "export", json=False).splitlines()
    line = next(text for text in line if json.loads(text)["id"] == id)
    for arguments, given in (
        (("key", "resume", id), None),
        (("key", "suspend", id), None),
        (("key", "rotate", id), None),
        (("key", "import", "-"), json.dumps({**json.loads(line), "state": "active"}) + "\n"),
    ):
        kw(*arguments, input=given, ok=False)
        assert e.get("/v1/posts", headers).status == 401, arguments
    e.reload()
    assert e.get("/v1/posts", headers).status == 401
    assert kw("key", "show", id)["state"] == "revoked"
    assert backend.count() == 0


def test_contract_002_16_keys_are_made_listed_and_revoked(e, key, kw):
    # By the command.
    headers = key(name="ci", scope="posts:read", subject="acme")
    listed = kw("key", "list", "--subject", "acme")
    assert [(one["id"], one["name"]) for one in listed] == [(key.last["id"], "ci")]
    assert key.last["key"] not in json.dumps(listed)
    assert e.get("/v1/posts", headers).status == 200
    kw("key", "revoke", key.last["id"])
    assert e.get("/v1/posts", headers).status == 401


def test_contract_002_17_rotation(e, key, kw, backend):
    old = key(scope=["posts:read"], subject="acme")
    assert e.get("/v1/posts", old).status == 200
    made = kw("key", "rotate", key.last["id"], "--overlap", "1h")
    new = {"Authorization": f"Bearer {made['key']}"}
    # Both, for the overlap; with the same rights and the same counts.
    assert allowed(e, new) == {"posts:read"} == allowed(e, old)
    before = int(e.get("/v1/posts", new).header("X-RateLimit-Remaining"))
    assert int(e.get("/v1/posts", old).header("X-RateLimit-Remaining")) == before - 1
    # Whoever revokes the new one is rid of both.
    kw("key", "revoke", made["id"])
    assert [e.get("/v1/posts", headers).status for headers in (old, new)] == [401, 401]


def test_contract_002_01_a_session_is_accepted(app, login, key, backend):
    for headers, kind in ((session(login, sub="ann"), "token"), (key(subject="ann", scope="posts:read"), "key")):
        assert app.get("/v1/posts", headers).status == 200
        assert backend.last.header("X-Keyward-Kind") == kind
        assert backend.last.header("X-Keyward-Subject") == "ann"
        assert backend.last.header("Authorization") is None


def test_contract_002_02_a_session_has_its_users_full_permissions(app, login, kw):
    assert allowed(app, session(login, sub="ann")) == ALL
    # What the user may not, the session may not either.
    kw("subject", "set", "ben", "--scope", "posts:*")
    assert allowed(app, session(login, sub="ben")) == {"posts:read", "posts:write"}


def test_contract_002_03_a_session_is_within_its_organization(app, login, key, backend):
    lie = {"X-Organization": "other"}
    assert app.get("/v1/posts", {**session(login), **lie}).status == 200
    assert backend.last.all("X-Organization") == ["acme"]
    for headers in (session(login, org=None), key(scope="posts:read")):
        assert app.get("/v1/posts", {**headers, **lie}).status == 200
        assert backend.last.all("X-Organization") == []


def test_contract_002_04_sessions_expire(app, login):
    now = int(time.time())
    assert app.get("/v1/posts", session(login, lifetime=3600)).status == 200
    response = app.get("/v1/posts", session(login, iat=now - 90, exp=now - 60))
    assert (response.status, response.json()) == (401, {"error": "token expired", "code": "unauthorized"})
    assert app.get("/v1/posts", session(login, exp=None)).status == 401


def test_contract_002_08_limits_are_by_session(app, login, key):
    # Of one user, whichever token stands for it; beside those of others and of keys.
    one, same, other = session(login, sub="ann"), session(login, sub="ann", jti="later"), session(login, sub="ben")
    for headers in (one, other, key(subject="ann", scope="posts:read")):
        assert app.get("/v1/posts", headers).status == 200
    answers = volley(app.port, 10, 15, make=lambda n: ("/v1/posts", (one, same)[n % 2]))
    assert statuses(answers) == {200: LIMIT - 1, 429: 151 - LIMIT}
    assert statuses(volley(app.port, 10, 15, target="/v1/posts", headers=other)) == {200: LIMIT - 1, 429: 151 - LIMIT}


def test_contract_002_11_a_session_that_is_wrong_is_401(app, login, backend):
    token = login.token(type="session")
    assert app.get("/v1/posts", bearer(token)).status == 200
    seen = backend.count()
    for wrong in (
        bearer(flipped(token, 4)),
        bearer(token + "."),
        session(Signer("EdDSA", kid="login-1")),
        session(login, type="other"),
        session(login, type=None),
    ):
        response = app.get("/v1/posts", wrong)
        assert (response.status, response.json()["code"]) == (401, "unauthorized")
        assert response.header("WWW-Authenticate").startswith("Bearer")
    assert backend.count() == seen


def test_contract_002_12_what_costs_more_than_there_is_is_402(e, key, kw, backend):
    headers = key(subject="studio", scope="clips:write")
    assert e.request("POST", "/v1/clips/render", headers).status == 402
    kw("subject", "set", "studio", "--credits", "15")
    assert e.request("POST", "/v1/clips/render", headers).status == 200
    refused = e.request("POST", "/v1/clips/render", headers)
    assert refused.status == 402 and refused.json()["error"] == "insufficient credits"
    assert refused.header("X-Credits-Remaining") == "5" and backend.count() == 1
    assert e.request("POST", "/v1/clips/1", headers).status == 200
