"""No result of the keys API may exceed its caller, and nobody comes to it whom keyward has not admitted there."""

import base64
import hashlib
import itertools
import threading

import pytest
from harness.api import Api, as_key, problem

LOCATION = """
location /keys   { keyward on; keyward_limit 100000r/m; keyward_api self; }
location /admin  { keyward on; keyward_limit 100000r/m; keyward_scope keys:admin; keyward_api admin; }
location /plan   { keyward on; keyward_limit plan; proxy_pass @BACKEND@; }
location /       { keyward on; proxy_pass @BACKEND@; }
"""
FORMAT = "keyward_key_format kw_ base62=43 checksum verifier=sha256; keyward_scope_implies full a:* b;"


@pytest.fixture
def e(edge, store, backend):
    return edge(http=FORMAT, server=LOCATION, workers=2)


@pytest.fixture
def caller(e, store):
    """caller(subject, **options of `key create`): the API as that key, and what it has as a record."""

    def make(subject="alice", place="/keys", **options):
        key = store.key(subject=subject, verifier="sha256", **options)
        api = Api(e, as_key(key), place)
        api.id = key["id"]
        return api

    return make


EXCEEDING = [
    {"scopes": ["c"]},
    {"scopes": ["*"]},
    {"scopes": ["a:*"]},
    {"scopes": ["full"]},
    {"scopes": ["a:read", "a:write"]},
    {"allow_from": ["0.0.0.0/0"]},
    {"allow_from": ["127.0.0.0/8", "10.0.0.0/8"]},
    {"allow_from": ["::/0"]},
    {"allow_from": None},
    {"expires_at": None},
    {"expires_at": "31d"},
    {"expires_at": "9999-12-31"},
]


@pytest.mark.parametrize("more", EXCEEDING, ids=str)
def test_a_new_key_never_has_more_than_its_caller(more, caller, e):
    narrow = caller(scope=["a:read"], limit=["5r/m"], expires="30d", allow_from=["127.0.0.0/16"])
    answer = narrow("POST", "/", {"name": "x", **more})
    if more in ({"allow_from": None}, {"expires_at": None}):  # not asked for: the caller's own
        key = answer.json()
        assert key["allow_from"] == ["127.0.0.0/16"] and key["expires_at"]
    else:
        assert problem(answer) == (403, "exceeds_caller"), answer.body
        assert len(narrow("GET").json()["data"]) == 1


def test_what_isnt_asked_for_is_the_callers_own(caller, e):
    narrow = caller(scope=["a:read"], limit=["5r/m", "100r/h"], expires="30d", allow_from=["127.0.0.0/16"])
    own = narrow("GET", f"/{narrow.id}").json()
    key = narrow.make()
    assert [key[name] for name in ("scopes", "limits", "expires_at", "allow_from")] == [
        own[name] for name in ("scopes", "limits", "expires_at", "allow_from")
    ]
    # And so on: a key's key's key.
    for _ in range(3):
        key = Api(e, as_key(key)).make()
        assert (key["scopes"], key["limits"]) == (["a:read"], own["limits"])


def test_implied_scopes_count(caller):
    full = caller(scope=["full"])
    assert full.make(scopes=["a:read", "b"])["scopes"] == ["a:read", "b"]
    assert full.make(scopes=["a:*"])["scopes"] == ["a:*"]
    assert problem(full("POST", "/", {"name": "x", "scopes": ["c"]})) == (403, "exceeds_caller")
    parts = caller(scope=["a:*", "b"])
    # All that full implies, but not what it may come to imply.
    assert problem(parts("POST", "/", {"name": "x", "scopes": ["full"]})) == (403, "exceeds_caller")


def test_self_chooses_no_plan_no_limits_no_verifier_and_nobody_else(caller, kw):
    kw("plan", "set", "pro", "--scope", "*")
    kw("plan", "set", "low", "--scope", "a:read")
    wide = caller(scope=["*"])
    for more in (
        {"plan": "pro"},
        {"plan": "low"},
        {"limits": ["1r/m"]},
        {"subject": "bob"},
        {"verifier": "sha256"},
        {"plan": None},
        {"limits": None},
    ):
        assert problem(wide("POST", "/", {"name": "x", **more})) == (403, "exceeds_caller"), more
    key = wide.make(subject="alice")
    for more in ({"plan": "pro"}, {"plan": None}, {"limits": ["1r/m"]}, {"limits": None}):
        assert problem(wide("PATCH", f"/{key['id']}", more)) == (403, "exceeds_caller"), more


def test_self_narrows_and_never_widens(caller):
    wide = caller(scope=["*"])
    key = wide.make(scopes=["a:read", "b"], expires_at="30d", allow_from=["127.0.0.0/8"])
    path = f"/{key['id']}"
    for more in (
        {"scopes": ["a:read", "b", "c"]},
        {"scopes": ["a:*"]},
        {"scopes": ["*"]},
        {"scopes": None},
        {"expires_at": "31d"},
        {"expires_at": None},
        {"allow_from": None},
        {"allow_from": ["10.0.0.0/8"]},
        {"allow_from": ["127.0.0.0/8", "10.0.0.0/8"]},
        {"name": "fine", "scopes": ["*"]},
    ):
        answer = wide("PATCH", path, more)
        assert problem(answer) == (403, "exceeds_caller"), more
    assert wide("GET", path).json() == {**{k: v for k, v in key.items() if k != "key"}}
    for less in (
        {"scopes": ["b"]},
        {"expires_at": "20d"},
        {"allow_from": ["127.0.0.1"]},
        {"scopes": []},
        {"meta": {"a": 1}},
        {"meta": None},
    ):
        assert wide("PATCH", path, less).status == 200, less


def test_a_narrow_key_neither_patches_nor_rotates_nor_resumes_a_broader_sibling(caller, e):
    broad, narrow = caller(scope=["*"]), caller(scope=["a:read"])
    key = broad.make(scopes=["a:*", "b"])
    path = f"/{key['id']}"
    assert problem(narrow("POST", f"{path}/rotate")) == (403, "exceeds_caller")
    assert problem(narrow("PATCH", path, {"scopes": ["b"]})) == (403, "exceeds_caller")
    assert problem(narrow("PATCH", path, {"expires_at": "1d"})) == (403, "exceeds_caller")
    assert narrow("PATCH", path, {"scopes": []}).status == 200  # an empty list grants nothing
    assert broad("POST", f"{path}/suspend").status == 200
    other = broad.make(scopes=["a:*"])
    assert narrow("POST", f"/{other['id']}/suspend").status == 200
    assert problem(narrow("POST", f"/{other['id']}/resume")) == (403, "exceeds_caller")
    assert narrow("DELETE", f"/{other['id']}").status == 204
    assert e.get("/", as_key(other)).status == 401


def test_a_subject_knows_of_its_own_keys_only(caller, store):
    alice, bob = caller("alice", scope=["*"]), caller("bob", scope=["*"])
    nobody = store.key(verifier="sha256")["id"]
    for other in (bob.id, nobody):
        path = f"/{other}"
        calls = [("GET", path), ("PATCH", path, {"name": "x"}), ("DELETE", path), ("POST", f"{path}/rotate"), ("POST", f"{path}/suspend"),
                 ("POST", f"{path}/resume")]  # fmt: skip
        for call in calls:
            answer = alice(*call)
            assert problem(answer) == (404, "not_found"), call
            assert (
                answer.body
                == alice(*[part.replace(other, "key_none") if isinstance(part, str) else part for part in call]).body
            )
    assert [key["id"] for key in alice("GET").json()["data"]] == [alice.id]
    assert alice("GET", "?subject=bob").json()["data"] == []
    assert all(entry.get("subject") == "alice" for entry in alice("GET", "/audit").json()["data"])
    assert bob("GET", f"/{bob.id}").status == 200


def test_max_keys_holds_under_parallel_creates(caller, kw):
    kw("plan", "set", "small", "--max-keys", "5")
    kw("subject", "set", "alice", "--plan", "small")
    me = caller(scope=["*"])
    statuses = []

    def create():
        for _ in range(5):
            statuses.append(me.status("POST", "/", {"name": "x"}))

    threads = [threading.Thread(target=create) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(set(statuses)) == [201, 403] and statuses.count(201) == 4
    assert problem(me("POST", "/", {"name": "x"})) == (403, "too_many_keys")
    key = me("GET").json()["data"][-1]
    # A suspended key keeps its place, a revoked one gives it up.
    me("POST", f"/{key['id']}/suspend", ok=200)
    assert me.status("POST", "/", {"name": "x"}) == 403
    me("DELETE", f"/{key['id']}", ok=204)
    assert me.status("POST", "/", {"name": "x"}) == 201
    assert me.status("POST", f"/{me.id}/rotate") == 201  # the overlap's key takes none


def test_a_wider_plan_of_the_subject_is_cut_to_the_callers(caller, kw, e):
    kw("plan", "set", "pro", "--scope", "*", "--limit", "100r/m")
    kw("plan", "set", "low", "--scope", "a:read", "--limit", "5r/m")
    kw("subject", "set", "alice", "--plan", "pro")
    low = caller(plan="low")
    key = low.make()
    assert key["plan"] == "low"
    told = Api(e, as_key(key))("GET", "/whoami").json()
    assert told["scopes"] == ["a:read"] and [limit["rate"] for limit in told["limits"]] == ["5r/m"]


def test_an_administrator_is_bound_too_and_never_rules_itself(caller, kw, e):
    kw("plan", "set", "pro", "--scope", "*")
    admin = caller("root", "/admin", scope=["keys:admin", "a:*"])
    assert admin.make(subject="bob", scopes=["a:read"], limits=["7r/m"], verifier="bcrypt:4")["limits"] == ["7r/m"]
    for more in ({"scopes": ["b"]}, {"scopes": ["*"]}, {"scopes": None, "plan": "pro", "subject": "bob"}):
        answer = admin("POST", "/", {"name": "x", **more})
        key = answer.json()
        assert answer.status == 403 or key["scopes"] == ["keys:admin", "a:*"], more
    assert admin("PUT", "/subjects/bob", {"plan": "pro"}).status == 403
    assert admin("PUT", "/subjects/root", {"scopes": ["a:*"]}).status == 403
    assert admin("DELETE", "/subjects/root").status == 403
    assert admin("PUT", "/subjects/bob", {"scopes": ["a:read"]}, ok=201).json()["scopes"] == ["a:read"]
    assert admin("PUT", "/subjects/bob", {"state": "blocked"}, ok=200).json()["state"] == "blocked"
    bob = admin("GET", "?subject=bob").json()["data"]
    assert bob
    answer = admin("DELETE", "/subjects/bob")
    assert problem(answer) == (409, "conflict") and answer.json()["id"] == bob[0]["id"]
    for key in bob:
        admin("DELETE", f"/{key['id']}", ok=204)
    assert admin("DELETE", "/subjects/bob").status == 204 and admin("GET", "/subjects/bob").status == 404


def test_a_blocked_subject_and_a_revoked_caller_are_out_at_once(caller, kw):
    me = caller(scope=["*"])
    key = me.make()
    kw("subject", "block", "alice")
    assert me("POST", "/", {"name": "x"}).status == 403
    kw("subject", "unblock", "alice")
    assert me("DELETE", f"/{me.id}").status == 204
    assert me("GET").status == 401 and me("DELETE", f"/{key['id']}").status == 401


CLOSED = """
location /shadow { keyward shadow; keyward_api self; }
location /off    { keyward off; keyward_api self; }
location /any    { keyward on; satisfy any; allow all; keyward_api self; }
location /free   { keyward on; keyward_accept key anonymous; keyward_api self; }
location /some   { keyward on; limit_except GET { keyward off; } keyward_api self; }
location /odd    { keyward on; if ($arg_off) { keyward off; } keyward_api self; }
location /inner  { keyward on; keyward_api self; }
location /moved  { keyward off; try_files /none /inner; }
location /error  { keyward on; keyward_scope nobody:has; error_page 403 = /off; proxy_pass @BACKEND@; }
"""


def test_only_an_admitted_principal_opens_it(edge, store):
    e = edge(server=CLOSED)
    good = as_key(store.key(subject="alice", scope=["*"], verifier="bcrypt:4"))
    bad = {"X-API-Key": "kw_wrong"}
    for method in ("GET", "POST"):
        for place in ("/shadow", "/off", "/any", "/free"):
            for headers in ({}, bad):
                assert e.request(method, place, headers).status in (401, 403), (method, place, headers)
        for place in ("/shadow", "/off"):
            assert e.request(method, place, good).status in (401, 403), place
    assert e.get("/free", good).status == 200
    assert e.get("/some", good).status == 200 and e.get("/some").status == 401
    assert e.request("POST", "/some", {**good, "Content-Type": "application/json"}, '{"name":"x"}').status == 401
    assert e.get("/odd", good).status == 200 and e.get("/odd?off=1", good).status == 401
    assert e.get("/moved", good).status == 200 and e.get("/moved").status == 401
    narrow = as_key(store.key(subject="alice", scope=["a"], verifier="bcrypt:4"))
    assert e.get("/error", narrow).status in (401, 403)


def test_keys_of_no_subject_have_no_keys(e, store):
    api = Api(e, as_key(store.key(scope=["*"], verifier="sha256")))
    for call in (("GET",), ("POST", "/", {"name": "x"}), ("GET", "/whoami"), ("GET", "/audit")):
        assert problem(api(*call)) == (403, "not_accepted")
    admin = Api(e, as_key(store.key(scope=["*"], verifier="sha256")), "/admin")
    assert admin.make()["subject"] is None


def challenge(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


def test_a_pending_key_does_nothing_but_become_active(caller, e, kw):
    me = caller(scope=["*"])
    assert challenge(VERIFIER) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"  # RFC 7636, appendix B
    key = me.make(pkce_challenge=challenge(VERIFIER))
    assert (key["state"], key["is_active"]) == ("pending", False)
    pending = Api(e, as_key(key))
    assert e.get("/", as_key(key)).status == 401
    for call in (("GET",), ("GET", "/whoami"), ("POST", "/", {"name": "x"}), ("DELETE", f"/{key['id']}"), ("POST", f"/{key['id']}/activate"),
                 ("GET", "/activate")):  # fmt: skip
        assert pending(*call).status == 401, call
    assert problem(pending("POST", "/activate", {})) == (400, "invalid_body")
    assert problem(pending("POST", "/activate", {"code_verifier": "x" * 43})) == (403, "wrong_verifier")
    assert problem(pending("POST", "/activate", {"code_verifier": challenge(VERIFIER)})) == (403, "wrong_verifier")
    assert pending("POST", "/activate", {"code_verifier": VERIFIER}, ok=200).json()["state"] == "active"
    assert e.get("/", as_key(key)).status == 200
    assert problem(pending("POST", "/activate", {"code_verifier": VERIFIER})) == (409, "conflict")
    assert [entry["operation"] for entry in kw("audit", "--key", key["id"])] == [
        "key_created",
        "key_changed",
        "key_changed",
        "key_activated",
    ]


def test_five_wrong_verifiers_revoke(caller, e):
    me = caller(scope=["*"])
    key = me.make(pkce_challenge=challenge(VERIFIER))
    pending = Api(e, as_key(key))
    for i in range(5):
        answer = pending("POST", "/activate", {"code_verifier": f"{i}" * 43})
        assert problem(answer) == (403, "wrong_verifier")
        assert ("detail" in answer.json()) == (i == 4)
    assert pending("POST", "/activate", {"code_verifier": VERIFIER}).status == 401
    assert me("GET", f"/{key['id']}").json()["state"] == "revoked"
    # Guesses side by side are counted each.
    key = me.make(pkce_challenge=challenge(VERIFIER))
    statuses, turns = [], itertools.count()

    def guess():
        for _ in range(4):
            statuses.append(Api(e, as_key(key)).status("POST", "/activate", {"code_verifier": f"{next(turns):043}"}))

    threads = [threading.Thread(target=guess) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert statuses.count(403) == 5 and set(statuses) <= {403, 401, 409}


def test_a_pending_key_of_a_blocked_subject_stays_pending(caller, e, kw):
    key = caller(scope=["*"]).make(pkce_challenge=challenge(VERIFIER))
    kw("subject", "block", "alice")
    assert Api(e, as_key(key))("POST", "/activate", {"code_verifier": VERIFIER}).status == 403
    assert kw("key", "show", key["id"])["state"] == "pending"
