"""conf.d/sessions-and-keys.conf against what document 001 states (its keys API: test_contract_keys.py; docs/contracts.md lists every statement)."""

import re
import time

import pytest
from harness.mcp_server import send, serve, use
from harness.published import published, with_login
from harness.tokens import Signer, bearer, flipped
from harness.wait import until

FORMAT = "nrp_ hex=64"
READ = ("GET", "HEAD")
WRITE = ("POST", "PUT", "PATCH", "DELETE")
IDEAS = "/api/v1/ideas"


@pytest.fixture
def e(edge, store):
    return edge(http=published("sessions-and-keys.conf"), workers=2)


@pytest.fixture
def key(store):
    """key(...): the header field of a new key."""

    def make(**options):
        make.last = store.key(format=FORMAT, verifier="bcrypt:4", **options)
        return {"X-API-Key": make.last["key"]}

    return make


@pytest.fixture
def login():
    return Signer("EdDSA", kid="login-1")


@pytest.fixture
def app(edge, store, login, make_backend):
    """The same edge, with the web app's keys on a server of ours."""
    return edge(http=with_login("sessions-and-keys.conf", login, make_backend()), workers=2)


def session(login, **claims):
    return login.bearer(**{"type": "session", **claims})


def methods_allowed(e, headers, target=IDEAS):
    return {method for method in READ + WRITE if e.request(method, target, headers).status == 200}


def test_contract_001_it_loads_without_a_warning(config_test, store):
    rc, output = config_test(http=published("sessions-and-keys.conf"))
    assert rc == 0 and "warn" not in output, output


def test_contract_001_01_all_but_health_needs_authentication(e, key, backend):
    assert e.get("/api/v1/health").status == 200
    assert e.get("/api/v1/health", {"X-API-Key": "nrp_wrong"}).status == 200
    count = backend.count()
    for target in (
        IDEAS,
        "/api/v1/",
        "/api/v1/health/",
        "/api/v1/health/deep",
        "/api/v1/healthy",
        "/api/v1/HEALTH",
        "/api/v1/user/api-keys",
        "/api//v1/ideas",
        "/api/v1/health/../ideas",
        "/api/v1/%69deas",
    ):
        for method in READ + WRITE:
            assert e.request(method, target).status == 401, (method, target)
    for target in ("/", "/api", "/api/v2/ideas"):
        assert e.get(target).status == 404
    assert backend.count() == count
    assert e.get(IDEAS, key()).status == 200


def test_contract_001_05_keys_are_nrp_and_64_hexadecimal_digits(e, key, store):
    headers = key()
    assert re.fullmatch("nrp_[0-9a-f]{64}", headers["X-API-Key"])
    assert e.get(IDEAS, headers).status == 200
    text = headers["X-API-Key"]
    for wrong in (text[:-1], text + "0", text.upper(), text[4:], "npr_" + text[4:], text[:-1] + "g"):
        assert e.get(IDEAS, {"X-API-Key": wrong}).status == 401
    # Another format isn't this service's.
    assert e.get(IDEAS, {"X-API-Key": store.key()["key"]}).status == 401


def test_contract_001_06_keys_come_in_x_api_key(e, key, backend):
    headers = key()
    assert e.get(IDEAS, headers).status == 200
    assert e.get(IDEAS, {"x-api-key": headers["X-API-Key"]}).status == 200
    assert backend.last.header("X-API-Key") is None
    assert backend.last.header("X-Keyward-Key-Id") == key.last["id"]
    assert e.get(f"{IDEAS}?api_key={headers['X-API-Key']}").status == 401
    assert e.get(IDEAS, {"Cookie": f"api_key={headers['X-API-Key']}"}).status == 401


def test_contract_001_12_a_deleted_key_is_refused_at_once(e, key, kw):
    # By the command.
    headers = key()
    assert e.get(IDEAS, headers).status == 200
    kw("key", "revoke", key.last["id"])
    assert e.get(IDEAS, headers).status == 401


@pytest.mark.parametrize(
    "target",
    [IDEAS, "/api/v1/tags", "/api/v1/search?q=x", "/api/v1/map", "/api/v1/duplicates", "/api/v1/ideas/1/links"],
)
def test_contract_001_13_read_reads_and_write_writes(target, e, key):
    assert methods_allowed(e, key(scope="ideas:read"), target) == set(READ)
    assert methods_allowed(e, key(scope="ideas:write"), target) == set(WRITE)
    assert methods_allowed(e, key(scope=["ideas:read", "ideas:write"]), target) == set(READ + WRITE)


def test_contract_001_13_no_method_override_turns_reading_into_writing(e, key, backend):
    headers = key(scope="ideas:read")
    fields = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method-Override": "DELETE"}
    assert e.get(IDEAS, {**headers, **fields}).status == 200
    assert not [name for name, _ in backend.last.headers if "method" in name.lower()]


def test_contract_001_15_a_key_has_both_scopes_by_default(e, key, backend):
    headers = key()
    assert methods_allowed(e, headers) == set(READ + WRITE)
    assert e.get(IDEAS, headers).status == 200
    assert set(backend.last.header("X-Keyward-Scopes").split()) == {"ideas:read", "ideas:write"}
    assert methods_allowed(e, key(scope="*")) == set(READ + WRITE)


def test_contract_001_19_missing_or_invalid_is_401(e, key, kw):
    headers = key()
    kw("key", "revoke", key.last["id"])
    for wrong in (
        {},
        headers,
        {"X-API-Key": ""},
        {"X-API-Key": "nrp_" + "0" * 64},
        {"X-API-Key": "secret"},
        {"Authorization": "Bearer nrp_" + "0" * 64},
        {"Authorization": "Basic YTpi"},
    ):
        response = e.get(IDEAS, wrong)
        assert response.status == 401
        assert response.header("WWW-Authenticate").startswith("Bearer")


def test_contract_001_20_insufficient_permission_is_403(e, key, backend):
    headers = key(scope="ideas:read")
    response = e.request("POST", IDEAS, headers, body="{}")
    assert response.status == 403
    assert set(response.json()) == {"error"}
    assert backend.count() == 0
    assert e.get(IDEAS, key(scope="")).status == 403
    # A method that no scope is about.
    assert e.request("OPTIONS", IDEAS, key()).status == 403


def test_contract_001_20_plan_limits_exceeded_is_403(e, store, kw, key):
    # A subject whose plan gives no access.
    kw("plan", "set", "expired", "--no-access")
    kw("subject", "set", "acme", "--plan", "expired")
    assert e.get(IDEAS, key(subject="acme")).status == 403


def test_contract_001_21_the_body_is_error_alone(e, key, kw):
    for wrong in ({"X-API-Key": "nrp_" + "0" * 64}, {"X-API-Key": "x"}, {}):
        response = e.get(IDEAS, wrong)
        assert (response.status, response.json()) == (401, {"error": "Invalid API key"})
        assert response.header("Content-Type") == "application/json"
        assert response.header("Cache-Control") == "no-store"
    headers = key()
    kw("key", "suspend", key.last["id"])
    assert e.get(IDEAS, headers).json() == {"error": "Invalid API key"}


def test_contract_001_22_a_revoked_key_ends_and_its_replacement_works(e, key, kw):
    old = key(subject="ann")
    id = key.last["id"]
    new = key(subject="ann")
    assert e.get(IDEAS, old).status == e.get(IDEAS, new).status == 200
    kw("key", "revoke", id)
    assert [e.get(IDEAS, old).status, e.get(IDEAS, new).status] == [401, 200]


def test_contract_001_22_a_rotated_key_lives_for_its_overlap_and_its_successor_goes_on(e, key, kw, backend):
    old = key(subject="ann", scope="ideas:read")
    assert e.get(IDEAS, old).status == 200
    made = kw("key", "rotate", key.last["id"], "--overlap", "2s", "--format", FORMAT)
    assert re.fullmatch("nrp_[0-9a-f]{64}", made["key"])
    new = {"X-API-Key": made["key"]}
    assert methods_allowed(e, new) == set(READ)
    assert backend.last.header("X-Keyward-Subject") == "ann"
    until(lambda: e.get(IDEAS, old).status == 401, 20, "the overlap's end")
    assert e.get(IDEAS, old).json() == {"error": "Invalid API key"}
    assert e.get(IDEAS, new).status == 200


def test_contract_001_02_a_session_comes_in_a_cookie(app, login, backend):
    cookie = {"Cookie": f"theme=dark; session={login.token(type='session', sub='u1')}"}
    own = {"Sec-Fetch-Site": "same-origin"}
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert app.get(IDEAS, cookie).status == 200
    assert backend.last.header("X-Keyward-Subject") == "u1"
    assert backend.last.all("Cookie") == ["theme=dark"]
    assert app.request("POST", IDEAS, {**cookie, **own}, body="{}").status == 200
    seen = backend.count()
    for foreign in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        for response in (
            app.request("POST", IDEAS, {**cookie, **foreign}, body="{}"),
            app.get(IDEAS, {**cookie, **upgrade, **foreign}),
        ):
            assert (response.status, response.json()) == (403, {"error": "cross-site request refused"})
    for wrong in (
        "session=",
        "session=x",
        f"session={flipped(login.token(type='session'), 3)}",
        f"other={login.token(type='session')}",
    ):
        response = app.get(IDEAS, {"Cookie": wrong})
        assert (response.status, response.json()) == (401, {"error": "Invalid API key"})
    assert backend.count() == seen


def test_contract_001_03_a_session_comes_as_bearer(app, login, backend):
    headers = session(login)
    assert app.get(IDEAS, headers).status == 200
    assert backend.last.header("X-Keyward-Issuer") == "session"
    assert backend.last.header("X-Keyward-Subject") == "u1"
    assert backend.last.header("Authorization") is None
    assert app.get(IDEAS, Signer("EdDSA", kid="login-1").bearer(type="session")).json() == {"error": "Invalid API key"}


def test_contract_001_04_sessions_are_short_lived(app, login):
    now = int(time.time())
    assert app.get(IDEAS, session(login, lifetime=3600)).status == 200
    assert app.get(IDEAS, session(login, lifetime=86400)).status == 401
    assert app.get(IDEAS, session(login, iat=now - 90, exp=now - 60)).json() == {"error": "Invalid API key"}


def test_contract_001_14_sessions_have_full_access(app, login, backend):
    assert methods_allowed(app, session(login)) == set(READ + WRITE)
    assert backend.last.header("X-Keyward-Scopes") == "*"


def test_contract_001_19_a_session_that_is_wrong_is_401(app, login, backend):
    assert app.get(IDEAS, session(login)).status == 200
    seen = backend.count()
    now = int(time.time())
    for wrong in (
        bearer(flipped(login.token(type="session"), 5)),
        session(Signer("EdDSA", kid="login-1")),
        session(Signer("ES256", kid="login-1")),
        session(login, type=None),
        session(login, type="refresh"),
        session(login, exp=None),
        session(login, exp=now - 60, iat=now - 90),
        session(login, nbf=now + 600),
        bearer("a.b.c"),
        bearer(login.token(type="session") + "."),
    ):
        response = app.get(IDEAS, wrong)
        assert (response.status, response.json()) == (401, {"error": "Invalid API key"}), wrong
        assert response.header("WWW-Authenticate").startswith("Bearer")
    assert backend.count() == seen


def test_contract_001_20_a_session_of_an_expired_plan_is_403(app, login, kw):
    kw("plan", "set", "expired", "--no-access")
    assert app.get(IDEAS, session(login)).status == 200
    kw("subject", "set", "u1", "--plan", "expired")
    assert app.get(IDEAS, session(login)).status == 403
    assert app.get(IDEAS, session(login, sub="u2")).status == 200


def test_contract_001_16_mcp_tokens_are_minted_for_sessions(app, login, key):
    target = "/api/v1/user/mcp-tokens"
    assert app.get(target, session(login)).status == 200
    assert app.get(target, key()).status == 403
    assert app.get(target, login.bearer(type="mcp")).status == 401


def test_contract_001_17_mcp_tokens_have_the_scopes_of_keys(app, login, key, backend):
    scopes = set()
    for headers in (key(), login.bearer(type="mcp")):
        assert methods_allowed(app, headers) == set(READ + WRITE)
        scopes.add(backend.last.header("X-Keyward-Scopes"))
    assert scopes == {"ideas:read ideas:write"}


def test_contract_001_18_the_flow_of_mcp_tokens_is_separate(app, login, backend):
    for kind, issuer in (("session", "session"), ("mcp", "mcp")):
        assert app.get(IDEAS, login.bearer(type=kind)).status == 200
        assert backend.last.header("X-Keyward-Issuer") == issuer
    # What is for a session only, no MCP token opens, nor does it live by a session's rules.
    assert app.get("/api/v1/user/mcp-tokens", login.bearer(type="mcp")).status == 401
    assert app.get("/api/v1/user/mcp-tokens", login.bearer(type=["mcp", "other"])).status == 401
    assert app.get(IDEAS, login.bearer(type="mcp", lifetime=7 * 86400)).status == 200
    assert app.get(IDEAS, login.bearer(type="session", lifetime=7 * 86400)).status == 401


READING = ["search_ideas", "find_duplicates", "get_idea", "list_tags"]
WRITING = ["create_idea", "update_idea", "delete_idea", "merge_ideas"]


def callable_tools(app, headers):
    """The tools that may be called; each other one is refused for its scope."""
    answers = {name: use(app, name, headers) for name in READING + WRITING}
    for response in answers.values():
        assert response.status == 200 or response.json()["error"]["code"] == 403
    return [name for name, response in answers.items() if response.status == 200]


def test_contract_001_16_mcp_tokens_are_used_by_clients_of_mcp(app, login, backend):
    serve(backend)
    headers = login.bearer(type="mcp")
    assert send(app, "initialize", headers=headers).status == 200
    assert use(app, "search_ideas", headers).json()["result"] == {"method": "tools/call"}
    assert backend.last.header("X-Keyward-Issuer") == "mcp"
    seen = backend.count()
    # Everything there needs one, the start too, so that clients know at once that they have to log in.
    for method in ("initialize", "tools/list", "tools/call"):
        response = send(app, method, {"name": "search_ideas"})
        assert response.status == 401 and response.json()["error"]["message"] == "Invalid API key"
    assert backend.count() == seen


def test_contract_001_17_mcp_tokens_call_what_keys_call(app, login, key, backend):
    serve(backend)
    for headers in (login.bearer(type="mcp"), key()):
        assert callable_tools(app, headers) == READING + WRITING
    assert callable_tools(app, key(scope="ideas:read")) == READING
    assert callable_tools(app, key(scope="ideas:write")) == WRITING
    assert use(app, "export_everything", login.bearer(type="mcp")).status == 403


def test_contract_001_18_sessions_are_no_tokens_of_mcp(app, login, backend):
    for headers in (session(login), {"Cookie": f"session={login.token(type='session')}"}):
        assert use(app, "search_ideas", headers).status == 401
    assert backend.count() == 0
