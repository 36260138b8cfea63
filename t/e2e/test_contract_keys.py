"""The keys API in conf.d, against what documents 000, 001, 002 and 004 state of it (docs/contracts.md lists every statement)."""

import json
import re
import secrets

import pytest
from harness.api import Api, as_key, bearer, problem
from harness.published import KEY_SERVER, published, with_login
from harness.tokens import Signer, jwks
from harness.wait import until

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.fixture
def login():
    return Signer("EdDSA", kid="login-1")


# --- 000 ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plans(edge, store, kw):
    """plans("pro"): the API as a key of a new subject with this plan."""
    e = edge(http=published("plans.conf"), workers=2)
    numbers = iter(range(1000))

    def make(plan):
        subject = f"{plan}{next(numbers)}"
        kw("subject", "set", subject, "--plan", plan)
        return Api(
            e, as_key(store.key(format="snk_ base62=43 checksum", verifier="sha256", subject=subject)), "/v1/keys"
        )

    return make


def test_contract_000_04_a_key_has_the_scopes_that_were_approved(plans):
    pro = plans("pro")
    key = pro.make(scopes=["mcp:read"])
    assert pro.edge.get("/v1/insights/x", as_key(key)).status == 200
    assert pro.edge.get("/v1/content/x", as_key(key)).status == 403
    assert problem(plans("starter")("POST", "/", {"name": "x", "scopes": ["mcp:write"]})) == (403, "exceeds_caller")


def test_contract_000_05_07_a_challenge_binds_the_key_and_the_exchange_activates_it(plans):
    pro = plans("pro")
    key = pro.make(pkce_challenge=CHALLENGE)
    as_new = Api(pro.edge, as_key(key), "/v1/keys")
    assert pro.edge.get("/v1/insights/x", as_key(key)).status == 401
    assert problem(as_new("POST", "/activate", {"code_verifier": "x" * 43})) == (403, "wrong_verifier")
    assert as_new("POST", "/activate", {"code_verifier": VERIFIER}).status == 200
    assert pro.edge.get("/v1/insights/x", as_key(key)).status == 200


@pytest.mark.parametrize("plan, most", [("starter", 2), ("pro", 5), ("team", 20)])
def test_contract_000_18_so_many_keys(plan, most, plans):
    caller = plans(plan)
    for _ in range(most - 1):
        caller.make()
    assert problem(caller("POST", "/", {"name": "one more"})) == (403, "too_many_keys")


# --- 001 ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sessions(edge, store, login, make_backend):
    """The API as a user with a session."""
    e = edge(http=with_login("sessions-and-keys.conf", login, make_backend()), workers=2)
    return Api(e, login.bearer(type="session", sub="alice"), "/api/v1/user/api-keys")


def test_contract_001_07_08_09_a_session_makes_a_key_with_a_label(sessions):
    answer = sessions("POST", "", {"label": "CI Pipeline"})
    assert answer.status == 201
    body = answer.json()
    assert list(body) == ["id", "label", "key", "created_at"]
    assert body["id"].startswith("ak_") and body["label"] == "CI Pipeline"
    assert re.fullmatch("nrp_[0-9a-f]{64}", body["key"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", body["created_at"])
    assert sessions.edge.get("/api/v1/ideas", as_key(body)).status == 200
    assert sessions("POST", "", {"name": "CI Pipeline"}).status == 400


def test_contract_001_10_11_a_list_has_all_active_keys_masked(sessions):
    keys = [sessions("POST", "", {"label": f"key {i}"}).json() for i in range(3)]
    sessions("DELETE", f"/{keys[1]['id']}", ok=204)
    listed = sessions("GET", "").json()
    assert [one["id"] for one in listed] == [keys[0]["id"], keys[2]["id"]]
    for one, key in zip(listed, (keys[0], keys[2]), strict=True):
        assert list(one) == ["id", "label", "key", "created_at"]
        assert re.fullmatch(r"nrp_[0-9a-f]{8}\.\.\.[0-9a-f]{4}", one["key"]) and key["key"].startswith(one["key"][:12])


def test_contract_001_12_delete_is_204_and_at_once(sessions):
    for _ in range(5):
        key = sessions("POST", "", {"label": "x"}).json()
        for _ in range(4):
            assert sessions.edge.get("/api/v1/ideas", as_key(key)).status == 200
        assert sessions("DELETE", f"/{key['id']}").status == 204
        for _ in range(4):
            refused = sessions.edge.get("/api/v1/ideas", as_key(key))
            assert refused.status == 401 and refused.json() == {"error": "Invalid API key"}


def test_contract_001_15_a_key_has_both_scopes_by_default_and_no_more(sessions):
    key = sessions("POST", "", {"label": "x"}).json()
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert sessions.edge.request(method, "/api/v1/ideas", as_key(key)).status == 200
    # Not what only a session may do: neither manage keys nor fetch tokens for MCP.
    assert sessions.edge.get("/api/v1/user/api-keys", as_key(key)).status == 403
    assert sessions.edge.get("/api/v1/user/mcp-tokens", as_key(key)).status == 403


def test_contract_001_22_a_key_is_rotated(sessions):
    key = sessions("POST", "", {"label": "x"}).json()
    new = sessions("POST", f"/{key['id']}/rotate", {"overlap": 0}).json()
    assert list(new) == ["id", "label", "key", "created_at"] and new["label"] == "x"
    assert sessions.edge.get("/api/v1/ideas", as_key(key)).status == 401
    assert sessions.edge.get("/api/v1/ideas", as_key(new)).status == 200


def test_contract_001_mistakes_have_the_documents_one_member(sessions):
    answer = sessions("POST", "", {"label": ""})
    assert answer.status == 400 and list(answer.json()) == ["error"]


# --- 002 ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def resources(edge, store, login, make_backend):
    e = edge(http=with_login("resource-scopes.conf", login, make_backend()), workers=2)
    return Api(e, login.bearer(type="session", sub="alice", org="acme"), "/v1/api-keys")


def test_contract_002_16_keys_are_created_listed_updated_and_revoked(resources):
    key = resources.make("n8n", scopes=["posts:read"])
    use = {"Authorization": f"Bearer {key['key']}"}
    assert resources.edge.get("/v1/posts", use).status == 200
    assert resources.edge.request("POST", "/v1/posts", use).status == 403
    assert [one["name"] for one in resources("GET", "").json()["data"]] == ["n8n"]
    assert resources("PATCH", f"/{key['id']}", {"name": "zapier", "scopes": []}).json()["name"] == "zapier"
    assert resources.edge.get("/v1/posts", use).status == 403
    assert resources("DELETE", f"/{key['id']}").status == 204
    assert resources.edge.get("/v1/posts", use).status == 401


def test_contract_002_13_14_a_key_does_not_expire_and_has_minimum_scopes(resources):
    assert resources.make("x", scopes=["kb:read"])["expires_at"] is None
    narrow = Api(resources.edge, bearer(resources.make("x", scopes=["kb:read"])["key"]), "/v1/api-keys")
    assert problem(narrow("POST", "", {"name": "y", "scopes": ["kb:write"]})) == (403, "exceeds_caller")


def test_contract_002_15_revocation_is_instant_and_permanent(resources):
    key = resources.make("x", scopes=["kb:read"])
    use = bearer(key["key"])
    for _ in range(4):
        assert resources.edge.get("/v1/kb", use).status == 200
    resources("DELETE", f"/{key['id']}", ok=204)
    for _ in range(4):
        assert resources.edge.get("/v1/kb", use).status == 401
    assert problem(resources("POST", f"/{key['id']}/resume")) == (409, "conflict")
    assert problem(resources("PATCH", f"/{key['id']}", {"expires_at": None})) == (409, "conflict")


def test_contract_002_17_a_key_is_rotated(resources):
    key = resources.make("x", scopes=["kb:read"])
    new = resources("POST", f"/{key['id']}/rotate", {}, ok=201).json()
    assert resources.edge.get("/v1/kb", bearer(new["key"])).status == 200
    assert resources.edge.get("/v1/kb", bearer(key["key"])).status == 200  # for a day


# --- 004 ----------------------------------------------------------------------------------------------------------

USER = "7d0f5e8a-2c61-4c0a-9a52-0d3c9b6f1e11"
FORMAT = "sapi_key_ hex=62"


@pytest.fixture
def socapi(edge, store, kw, login, issuers, make_backend):
    """The API as a user's key."""
    service = make_backend()
    service.on("/internal/.well-known/jwks.json", headers={"Content-Type": "application/json"}, body=jwks(login))
    text = published(
        "keys-and-two-issuers.conf",
        {KEY_SERVER: service.url, "oauth.pem;": f"{issuers.write('oauth.pem', Signer('EdDSA').pem)};"},
    )
    e = edge(http=text, workers=2)
    first = store.key(format=FORMAT, verifier="bcrypt:4", subject=USER)
    return Api(e, bearer(first["key"]), "/v1/keys")


def test_contract_004_11_12_a_key_makes_a_key_and_raw_key_comes_once(socapi):
    answer = socapi("POST", "", {"name": "Production App"}, ok=201)
    body = answer.json()
    assert list(body) == ["id", "name", "raw_key", "preview", "is_active", "last_used_at"]
    assert body["name"] == "Production App" and re.fullmatch("sapi_key_[0-9a-f]{62}", body["raw_key"])
    assert socapi.edge.get("/v1/accounts", bearer(body["raw_key"])).status == 200
    for again in (socapi("GET", f"/{body['id']}"), socapi("GET", "")):
        assert again.status == 200 and "raw_key" not in again.text and body["raw_key"] not in again.text


def test_contract_004_13_14_16_a_list_has_previews_is_active_and_last_used_at(socapi, kw):
    key = socapi("POST", "", {"name": "Production App"}, ok=201).json()
    old = "sapi_key_" + secrets.token_hex(31)
    imported = {"key": old, "name": "imported", "subject": USER}
    kw("key", "import", "-", "--verifier", "sha256", input=json.dumps(imported))
    socapi.edge.get("/v1/accounts", bearer(key["raw_key"]))

    def listed():
        return {one["name"]: one for one in socapi("GET", "").json()["data"]}

    until(lambda: listed()["Production App"]["last_used_at"])
    one = listed()["Production App"]
    assert list(one) == ["id", "name", "preview", "is_active", "last_used_at"] and one["is_active"] is True
    assert one["preview"] == key["raw_key"][: len("sapi_key_") + 5] + "..."
    assert listed()["imported"]["preview"] == old[:14] + "..."


def test_contract_004_15_25_a_deleted_key_stops_at_once_and_others_go_on(socapi):
    one, other = (socapi("POST", "", {"name": name}, ok=201).json()["raw_key"] for name in ("a", "b"))
    ids = {key["name"]: key["id"] for key in socapi("GET", "").json()["data"]}
    for key in (one, other, one, other):
        assert socapi.edge.get("/v1/accounts", bearer(key)).status == 200
    socapi("DELETE", f"/{ids['a']}", ok=204)
    for _ in range(4):
        refused = socapi.edge.get("/v1/accounts", bearer(one))
        assert refused.status == 401
        assert refused.json() == {"error": "invalid or inactive API key", "code": "unauthorized"}
        assert socapi.edge.get("/v1/accounts", bearer(other)).status == 200


def test_contract_004_19_the_backends_provisioning_creates_the_record(socapi, store, login):
    user = login.bearer(sub="9b1d8f1e-0000-4000-8000-000000000001")
    refused = socapi.edge.get("/v1/accounts", user)
    assert refused.status == 401 and refused.json()["error"] == "user not provisioned"
    admin = store.key(format="sapi_internal_ hex=48", verifier="bcrypt:4", scope=["keys:admin"])
    backend = Api(socapi.edge, bearer(admin["key"]), "/internal/keys")
    assert backend("PUT", "/subjects/9b1d8f1e-0000-4000-8000-000000000001", {"scopes": []}).status == 201
    assert socapi.edge.get("/v1/accounts", user).status == 200
    assert socapi("GET", "", ok=200) and Api(socapi.edge, socapi.headers, "/internal/keys").status("GET") == 403
    # Nor does a user's key make one that could.
    key = socapi("POST", "", {"name": "x"}, ok=201).json()["raw_key"]
    assert Api(socapi.edge, bearer(key), "/internal/keys").status("GET") == 403


def test_contract_004_24_a_token_and_a_key_of_one_user_see_the_same_keys(socapi, login, kw):
    kw("subject", "set", USER)
    by_key = socapi("GET", "").json()
    by_token = Api(socapi.edge, login.bearer(sub=USER), "/v1/keys")("GET", "").json()
    assert [key["id"] for key in by_key["data"]] == [key["id"] for key in by_token["data"]] != []
