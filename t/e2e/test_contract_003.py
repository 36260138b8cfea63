"""conf.d/mcp-server.conf against what document 003 states (docs/contracts.md lists every statement). Only paths, ports and servers are replaced."""

import json
import os
import re
import time

import pytest
from cli_helper import bcrypt, lines
from harness.mcp import LEGACY, MODERN
from harness.mcp_server import send, serve, use
from harness.published import published, with_login
from harness.tokens import Signer, bearer, flipped
from harness.wait import until

FORMAT = "sk_live_ base62=32"
CONF = "mcp-server.conf"
RESOURCE = "https://mcp.example.com/mcp"
METADATA = "/.well-known/oauth-protected-resource"
LIFECYCLE = ["initialize", "notifications/initialized", "ping", "tools/list", "resources/list", "resources/read"]
CHATGPT = {"User-Agent": "openai-mcp/1.0.0 (ChatGPT)"}
MISSING, INVALID, EXPIRED, FAILED = (
    "Missing Authorization header.",
    "Invalid API key.",
    "API key expired.",
    "Failed to validate API key.",
)


@pytest.fixture
def login():
    return Signer("ES256", kid="1")


@pytest.fixture
def service(make_backend):
    """Where the authorization server's keys are."""
    return make_backend()


@pytest.fixture
def e(edge, store, backend, login, service):
    serve(backend)
    return edge(http=with_login(CONF, login, service), workers=2)


@pytest.fixture
def key(store):
    """key(...): the header field of a new key."""

    def make(**options):
        make.last = store.key(format=FORMAT, verifier="bcrypt:4", **options)
        return bearer(make.last["key"])

    return make


def access(login, **claims):
    return login.bearer(**{"iss": "https://mcp.example.com", "aud": RESOURCE, "scope": "mcp:read mcp:write", **claims})


def error(response, status=401):
    """The error of an answer as this service gives it."""
    assert response.status == status
    assert response.header("Content-Type") == "application/json"
    answer = response.json()
    assert (answer["jsonrpc"], answer["id"], set(answer)) == ("2.0", None, {"jsonrpc", "id", "error"})
    return answer["error"]


def test_contract_003_it_loads_without_a_warning(config_test, store):
    rc, output = config_test(http=published(CONF))
    assert rc == 0 and "warn" not in output, output


@pytest.mark.parametrize("version", [LEGACY, MODERN])
def test_contract_003_01_access_tokens_are_accepted(version, e, login, backend):
    assert use(e, "list_brand_profiles", access(login), version=version).status == 200
    assert backend.last.header("X-Keyward-Kind") == "token"
    assert backend.last.header("X-Keyward-Subject") == "u1"
    assert backend.last.header("Authorization") is None
    count = backend.count()
    for wrong in (
        access(login, aud="https://other.example.com/mcp"),
        access(login, aud=None),
        access(login, iss="https://other.example.com"),
        access(login, exp=int(time.time()) - 60),
        access(Signer("ES256", kid="1")),
        bearer(flipped(access(login)["Authorization"][7:], 9)),
    ):
        assert use(e, "list_brand_profiles", wrong, version=version).status == 401
    assert use(e, "generate_video", access(login, scope="mcp:read"), version=version).status == 403
    assert backend.count() == count


@pytest.mark.parametrize("version", [LEGACY, MODERN])
def test_contract_003_02_keys_are_accepted_at_the_same_endpoint(version, e, key, backend):
    headers = key(subject="acme")
    assert use(e, "list_brand_profiles", headers, version=version).status == 200
    assert backend.last.header("X-Keyward-Kind") == "key"
    assert use(e, "generate_video", headers, version=version).status == 200


def test_contract_003_03_get_mcp_is_public(e, key, backend):
    assert e.get("/mcp").text == "described"
    assert e.get("/mcp", key()).status == 200
    assert e.get("/mcp", bearer("sk_live_wrong")).status == 401
    # A stream of a session isn't discovery. 405 is no reason to log in.
    count = backend.count()
    assert e.get("/mcp", {"Mcp-Session-Id": "s"}).status == 405
    assert e.request("DELETE", "/mcp", {"Mcp-Session-Id": "s"}).status == 401
    assert backend.count() == count


def test_contract_003_04_what_describes_the_server_is_public(e, backend):
    for path in ("/api/mcp-app", "/mcp.json"):
        assert e.get(path).status == 200
        assert backend.last.path == path
    assert e.get("/").status == e.get("/api/").status == e.get("/mcp/").status == 404


@pytest.mark.parametrize(
    "version, method",
    [(LEGACY, method) for method in LIFECYCLE] + [(MODERN, method) for method in ("server/discover", *LIFECYCLE[3:])],
)
def test_contract_003_05_the_lifecycle_is_public(version, method, e, key, backend):
    params = {"uri": "ui://widget"} if method == "resources/read" else {}
    id = None if method.startswith("notifications/") else 1
    for headers in ({}, key()):
        assert send(e, method, params, headers, id=id, version=version).status in (200, 202)
    assert backend.count() == 2
    assert error(send(e, method, params, bearer("sk_live_wrong"), id=id, version=version))["message"] == INVALID


@pytest.mark.parametrize(
    "method", ["tools/call", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel", "x/y"]
)
def test_contract_003_05_and_nothing_else_is(method, e, backend):
    params = {"name": "list_brand_profiles", "ref": {"type": "ref/prompt", "name": "p"}}
    assert send(e, method, params).status == 401
    assert (
        e.request("POST", "/mcp", {"Content-Type": "application/json"}, '{"jsonrpc":"2.0","id":1,"result":{}}').status
        == 401
    )
    assert backend.count() == 0


def test_contract_003_06_the_protected_resource_describes_itself(e, backend):
    for path in (METADATA, f"{METADATA}/mcp"):
        response = e.get(path)
        assert (response.status, response.header("Content-Type")) == (200, "application/json")
        told = response.json()
        assert (told["resource"], told["authorization_servers"]) == (RESOURCE, ["https://mcp.example.com"])
        assert told["scopes_supported"] == ["mcp:read"]
    assert backend.count() == 0
    challenge = use(e, "list_brand_profiles").header("WWW-Authenticate")
    assert f'resource_metadata="https://mcp.example.com{METADATA}/mcp"' in challenge


def test_contract_003_07_the_authorization_server_is_reached_without_a_login(e, backend):
    asked = [
        ("GET", "/.well-known/oauth-authorization-server"),
        ("POST", "/api/oauth/register"),
        ("GET", "/api/oauth/authorize?client_id=x"),
        ("POST", "/api/oauth/token"),
    ]
    for method, target in asked:
        assert e.request(method, target, body="{}" if method == "POST" else None).status in (200, 202)
    assert [(request.method, request.target) for request in backend.requests] == asked


def test_contract_003_08_security_schemes_pass_through_unchanged(e, key, backend):
    scheme = '[{"type": "oauth2","scopes":["mcp:read"]}]'
    listed = '{"tools": [ {"name":"get_x","inputSchema":{},"securitySchemes":%s,"_meta":{"securitySchemes":%s}} ]}' % (
        scheme,
        scheme,
    )
    serve(backend, {"tools/list": listed})
    for headers in ({}, CHATGPT, key()):
        assert send(e, "tools/list", headers=headers).text == f'{{"jsonrpc":"2.0","id":1,"result":{listed}}}'


@pytest.mark.parametrize("version", [LEGACY, MODERN])
def test_contract_003_09_an_unlinked_call_of_chatgpt_gets_a_result_that_opens_the_login(version, e, login, backend):
    response = use(e, "list_brand_profiles", CHATGPT, id="c-1", version=version)
    assert (response.status, response.header("Content-Type")) == (200, "application/json")
    answer = response.json()
    assert answer["id"] == "c-1" and answer["result"]["isError"] is True
    assert answer["result"].get("resultType") == ("complete" if version == MODERN else None)
    assert MISSING in answer["result"]["content"][0]["text"]
    (challenge,) = answer["result"]["_meta"]["mcp/www_authenticate"]
    assert challenge.startswith("Bearer ")
    assert f'resource_metadata="https://mcp.example.com{METADATA}/mcp"' in challenge
    assert 'error="' in challenge and 'error_description="' in challenge
    # So does a link that has ended, and one that lacks a permission.
    ended = use(e, "list_brand_profiles", {**CHATGPT, **access(login, exp=1)}, version=version)
    assert 'error="invalid_token"' in ended.json()["result"]["_meta"]["mcp/www_authenticate"][0]
    lacking = use(e, "generate_video", {**CHATGPT, **access(login, scope="mcp:read")}, version=version)
    assert 'error="insufficient_scope"' in lacking.json()["result"]["_meta"]["mcp/www_authenticate"][0]
    assert backend.count() == 0
    assert use(e, "list_brand_profiles", {**CHATGPT, **access(login)}, version=version).status == 200


@pytest.mark.parametrize("agent", ["claude-user", "node", "curl/8", ""])
def test_contract_003_10_other_clients_get_an_error(agent, e, backend):
    response = use(e, "list_brand_profiles", {"User-Agent": agent})
    assert error(response) == {"code": -32001, "message": MISSING}
    assert response.header("WWW-Authenticate").startswith("Bearer ")


def test_contract_003_11_keys_are_40_characters_that_begin_with_sk_live(e, key, store, backend):
    text = key()["Authorization"].removeprefix("Bearer ")
    assert re.fullmatch("sk_live_[0-9A-Za-z]{32}", text) and len(text) == 40
    assert use(e, "get_x", bearer(text)).status == 200
    for wrong in (text[:-1], text + "0", text[8:], "sk_test_" + text[8:], text[:-1] + "-", store.key()["key"]):
        assert use(e, "get_x", bearer(wrong)).status == 401
    assert backend.count() == 1


def test_contract_003_12_a_key_may_have_a_description_and_an_expiry(e, key, kw):
    headers = key(name="CI of the blog", expires="90d")
    shown = kw("key", "show", key.last["id"])
    assert shown["name"] == "CI of the blog" and shown["expires_at"]
    assert use(e, "get_x", headers).status == 200
    assert use(e, "get_x", key()).status == 200
    assert kw("key", "show", key.last["id"])["expires_at"] is None


def test_contract_003_13_a_key_is_shown_once(e, key, kw, store):
    text = key()["Authorization"].removeprefix("Bearer ")
    id = key.last["id"]
    assert use(e, "get_x", bearer(text)).status == 200
    for told in (kw("key", "show", id), kw("key", "list"), kw("key", "export", json=False)):
        assert text[17:-4] not in json.dumps(told)
    assert text[17:-4] not in e.log + e.access_log


def test_contract_003_14_keys_are_kept_as_bcrypt(kw, store):
    made = store.kw("key", "create", "--name", "x", "--format", f"{FORMAT} verifier=bcrypt")
    (kept,) = [json.loads(line) for line in kw("key", "export", json=False).splitlines()]
    assert re.fullmatch(r"\$2[aby]\$10\$.{53}", kept["bcrypt"])
    assert kw("key", "check", input=made["key"])["id"] == made["id"]


def test_contract_003_15_a_key_is_found_by_its_first_characters(e, kw, backend):
    """A key that another system made, which kept its bcrypt hash and eight characters behind the prefix that all have."""
    text = "sk_live_" + "aB3dE5gH" * 4
    line = {"id": "old", "subject": "acme", "bcrypt": bcrypt(text), "prefix": text[:16]}
    kw("key", "import", "-", input=lines(line))
    until(lambda: use(e, "get_x", bearer(text)).status == 200, what="the imported key")
    assert backend.last.header("X-Keyward-Key-Id") == "old"
    assert use(e, "get_x", bearer(text[:-1] + "x")).status == 401
    # What made it is shown by its beginning.
    assert kw("key", "show", "old")["id"] == "old"


def test_contract_003_16_keys_come_in_authorization_bearer(e, key, backend):
    headers = key()
    text = headers["Authorization"].removeprefix("Bearer ")
    assert use(e, "get_x", headers).status == 200
    assert use(e, "get_x", {"authorization": f"bearer {text}"}).status == 200
    for elsewhere in ({"X-API-Key": text}, {"Cookie": f"key={text}"}, {"Authorization": f"Basic {text}"}):
        assert error(use(e, "get_x", elsewhere))["message"] == MISSING
    assert error(use(e, "get_x", target=f"/mcp?key={text}"))["message"] == MISSING


def test_contract_003_17_a_key_is_company_wide(e, key, backend):
    for headers in (key(subject="acme"), key(subject="acme", name="another")):
        for tool in ("list_brand_profiles", "get_brand", "generate_image"):
            assert use(e, tool, headers).status == 200
            assert backend.last.header("X-Keyward-Subject") == "acme"
            assert set(backend.last.header("X-Keyward-Scopes").split()) == {"mcp:read", "mcp:write"}


def test_contract_003_18_revocation_is_immediate_and_permanent(e, key, kw):
    headers = key()
    assert use(e, "get_x", headers).status == 200
    id = key.last["id"]
    kw("key", "revoke", id)
    assert error(use(e, "get_x", headers))["message"] == INVALID
    assert error(send(e, "tools/list", headers=headers))["message"] == INVALID
    assert kw.run("key", "resume", id).rc != 0 and kw.run("key", "set", id, "--expires", "never").rc != 0
    assert kw("key", "show", id)["state"] == "revoked"
    assert use(e, "get_x", headers).status == 401


def test_contract_003_19_an_expired_key_is_an_error(e, key):
    headers = key(expires="1s")
    until(lambda: use(e, "get_x", headers).status == 401, what="the expiry")
    assert error(use(e, "get_x", headers)) == {"code": -32001, "message": EXPIRED}


def test_contract_003_20_last_used_at_follows_each_success(e, key, kw):
    headers = key()
    assert kw("key", "show", key.last["id"])["last_used_at"] is None
    assert use(e, "get_x", headers).status == 200
    first = until(lambda: kw("key", "show", key.last["id"])["last_used_at"], what="last_used_at")
    until(lambda: use(e, "get_x", headers).status == 200 and kw("key", "show", key.last["id"])["last_used_at"] > first)


@pytest.mark.parametrize("id", [1, "a", None])
def test_contract_003_21_errors_have_code_32001_and_no_id(id, e, key, kw):
    headers = key()
    kw("key", "revoke", key.last["id"])
    for wrong in ({}, headers, bearer("sk_live_x"), bearer("x")):
        assert error(use(e, "get_x", wrong, id=id))["code"] == -32001


def test_contract_003_22_the_messages_say_what_is_wrong(e, key, kw, login):
    headers = key()
    kw("key", "suspend", key.last["id"])
    for wrong in (headers, bearer("sk_live_" + "0" * 32), bearer("x"), access(Signer("ES256"))):
        assert error(use(e, "get_x", wrong))["message"] == INVALID
    assert error(use(e, "get_x"))["message"] == MISSING
    assert error(use(e, "get_x", access(login, exp=1)))["message"] == EXPIRED


@pytest.mark.parametrize("version", [LEGACY, MODERN])
def test_contract_003_23_a_failure_of_ours_is_no_fault_of_the_key(version, e, key, store, backend):
    headers = key()
    assert use(e, "get_x", headers, version=version).status == 200
    hidden = store.path.with_name("hidden")
    os.rename(store.path, hidden)
    until(lambda: use(e, "get_x", headers, version=version).status == 503, what="the failure")
    response = use(e, "get_x", headers, version=version)
    assert error(response, 503) == {"code": -32001, "message": FAILED}
    assert response.header("WWW-Authenticate") is None
    os.rename(hidden, store.path)
    until(lambda: use(e, "get_x", headers, version=version).status == 200, what="its end")


def test_contract_003_24_rotation(e, key, kw):
    old = key(subject="acme")
    made = kw("key", "rotate", key.last["id"], "--overlap", "1s", "--format", FORMAT)
    assert use(e, "get_x", bearer(made["key"])).status == 200
    until(lambda: use(e, "get_x", old).status == 401, what="the overlap's end")
    assert use(e, "get_x", bearer(made["key"])).status == 200


def test_contract_003_generation_is_limited_for_each_key(e, key):
    headers = key()
    for _ in range(20):
        assert "isError" not in use(e, "generate_video", headers).json()["result"]
    answer = use(e, "generate_image", headers, id=7).json()
    assert answer["id"] == 7 and answer["result"]["isError"] is True and "_meta" not in answer["result"]
    assert "rate limit exceeded" in answer["result"]["content"][0]["text"]
    assert "isError" not in use(e, "generate_video", key()).json()["result"]
    assert error(use(e, "delete_everything", headers), 403)["code"] == 403
