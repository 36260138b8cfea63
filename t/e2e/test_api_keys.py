"""The keys API, key by key: what each operation answers, and what the store and the workers have of it then."""

import json

import pytest
from harness.api import Api, as_key, problem

LOCATION = """
location /keys  { keyward on; keyward_limit 100000r/m; keyward_api self; }
location /admin { keyward on; keyward_limit 100000r/m; keyward_scope keys:admin; keyward_api admin; }
location /      { keyward on; proxy_pass @BACKEND@; }
"""


@pytest.fixture
def e(edge, store, backend):
    return edge(http="keyward_key_format kw_ base62=43 checksum verifier=bcrypt:4;", server=LOCATION, workers=2)


@pytest.fixture
def me(e, store):
    """A subject's own keys, by a key of its."""
    return Api(e, as_key(store.key(subject="alice", name="first", scope=["*"], verifier="bcrypt:4")))


@pytest.fixture
def admin(e, store):
    return Api(e, as_key(store.key(subject="root", scope=["*"], verifier="bcrypt:4")), "/admin")


def test_a_key_is_made_shown_once_and_works(e, me, kw):
    answer = me("POST", "/", {"name": "CI", "scopes": ["a:read"], "meta": {"team": 1}}, ok=201)
    key = answer.json()
    assert answer.header("Cache-Control") == "no-store" and answer.header("Content-Type") == "application/json"
    assert answer.header("Location") == f"/keys/{key['id']}"
    assert key["key"].startswith("kw_") and key["preview"].startswith("kw_") and key["is_active"] is True
    assert (key["name"], key["subject"], key["scopes"], key["meta"]) == ("CI", "alice", ["a:read"], {"team": 1})
    assert e.get("/", as_key(key)).status == 200
    shown = me("GET", f"/{key['id']}", ok=200)
    assert "key" not in shown.json() and shown.header("ETag") == answer.header("ETag")
    assert key["key"] not in me("GET").text
    assert kw("key", "show", key["id"])["name"] == "CI"
    assert me("GET", answer.header("Location")[len("/keys") :]).status == 200


def test_a_revoked_key_is_refused_by_every_worker_from_the_204_on(e, me):
    for _ in range(20):
        key = me.make()
        for _ in range(4):
            assert e.get("/", as_key(key)).status == 200
        answer = me("DELETE", f"/{key['id']}", ok=204)
        assert answer.body == b"" and answer.header("Content-Length") is None
        for _ in range(6):
            assert e.get("/", as_key(key)).status == 401
        assert me("DELETE", f"/{key['id']}").status == 204
        assert me("GET", f"/{key['id']}").json()["state"] == "revoked"
    assert problem(me("DELETE", "/key_none")) == (404, "not_found")


def test_a_list_is_by_pages_with_a_link_to_the_next(me):
    ids = [me.make(f"key {i}")["id"] for i in range(7)]
    seen, target = [], "?limit=3"
    while target:
        answer = me("GET", target, ok=200)
        page = answer.json()
        seen += [key["id"] for key in page["data"]]
        link = answer.header("Link")
        assert (link is None) == (page["next"] is None)
        target = link and link.split(">")[0].removeprefix("</keys")
    assert seen[1:] == ids and len(seen) == 8
    assert [key["name"] for key in me("GET", "?name=KEY%203").json()["data"]] == ["key 3"]
    assert len(me("GET", "?state=active&limit=1000").json()["data"]) == 8
    assert me("GET", "?state=revoked").json() == {"data": [], "next": None}


@pytest.mark.parametrize(
    "query", ["?state=dead", "?limit=0", "?limit=x", "?after=", "?colour=red", "?name=a&name=b", "?name=%zz"]
)
def test_a_bad_parameter_is_named(query, me):
    answer = me("GET", query)
    assert problem(answer) == (400, "invalid_body")
    assert query[1:].split("=")[0] in answer.json()["detail"] or "%" in query


def test_a_change_is_bound_to_the_record_by_if_match(me):
    key = me.make(scopes=["a", "b"])
    path = f"/{key['id']}"
    tag = me("GET", path).header("ETag")
    answer = me("PATCH", path, {"name": "new", "scopes": ["a"]}, If_Match=tag, ok=200)
    assert (answer.json()["name"], answer.json()["scopes"]) == ("new", ["a"]) and answer.header("ETag") != tag
    assert problem(me("PATCH", path, {"name": "newer"}, If_Match=tag)) == (412, "precondition_failed")
    assert problem(me("DELETE", path, If_Match=tag)) == (412, "precondition_failed")
    assert me("PATCH", path, {"name": "newer"}, If_Match=f'"x", {answer.header("ETag")}').status == 200
    assert me("PATCH", path, {"name": "newest"}, If_Match="*").status == 200
    assert me("PATCH", path, {"name": "newest"}).status == 200
    assert me("GET", path).json()["name"] == "newest"


def test_rotation_hands_out_a_successor_once(e, me):
    key = me.make(scopes=["a"])
    answer = me("POST", f"/{key['id']}/rotate", {"overlap": "1h"}, ok=201)
    new = answer.json()
    assert new["key"] != key["key"] and new["predecessor"] == key["id"] and new["scopes"] == ["a"]
    assert answer.header("Location") == f"/keys/{new['id']}"
    assert e.get("/", as_key(key)).status == e.get("/", as_key(new)).status == 200
    again = me("POST", f"/{key['id']}/rotate")
    assert problem(again) == (409, "conflict") and again.json()["id"] == new["id"]
    # In its overlap a key manages no keys.
    assert Api(e, as_key(key))("POST", "/", {"name": "x"}).status == 401
    assert me("POST", f"/{new['id']}/rotate", {"overlap": 0}).status == 201
    assert e.get("/", as_key(new)).status == 401
    assert e.get("/", as_key(key)).status == 401  # revoking a key ends its predecessor


def test_a_subject_resumes_what_it_has_suspended_and_nothing_else(e, me, admin, kw):
    key = me.make()
    path = f"/{key['id']}"
    assert me("POST", f"{path}/suspend", ok=200).json()["state"] == "suspended"
    assert e.get("/", as_key(key)).status == 401
    assert me("POST", f"{path}/suspend").status == 200
    assert me("POST", f"{path}/resume", ok=200).json()["state"] == "active"
    assert e.get("/", as_key(key)).status == 200
    for suspend in (lambda: admin("POST", f"{path}/suspend", ok=200), lambda: kw("key", "suspend", key["id"])):
        suspend()
        assert problem(me("POST", f"{path}/resume")) == (403, "exceeds_caller")
        assert admin("POST", f"{path}/resume").status == 200
        # Suspended by both: it is the administrator's.
        me("POST", f"{path}/suspend", ok=200)
        suspend()
        assert problem(me("POST", f"{path}/resume")) == (403, "exceeds_caller")
        kw("key", "resume", key["id"])
    assert e.get("/", as_key(key)).status == 200


def test_a_repeated_idempotency_key_makes_no_second_key(me, admin, store, e):
    first = me("POST", "/", {"name": "one"}, Idempotency_Key="abc", ok=201).json()
    again = me("POST", "/", {"name": "two"}, Idempotency_Key="abc")
    assert problem(again) == (409, "conflict") and again.json()["id"] == first["id"]
    assert "kw_" not in again.text.replace(first["id"], "")
    assert me("POST", "/", {"name": "two"}, Idempotency_Key="abd").status == 201
    # Of another caller it is another one.
    assert admin("POST", "/", {"name": "two", "subject": "alice"}, Idempotency_Key="abc").status == 201
    assert len(me("GET").json()["data"]) == 4


BAD = [
    ("[]", "object"),
    ("{", "byte"),
    ('{"name":"a","name":"b"}', '"name" given twice'),
    ('{"name":"a","colour":"red"}', '"colour"'),
    ('{"name":"a","id":"x"}', '"id"'),
    ('{"name":"a","key":"kw_x"}', '"key"'),
    ('{"name":"a","state":"active"}', '"state"'),
    ('{"name":""}', '"name"'),
    ('{"name":7}', '"name"'),
    ('{"name":"%s"}' % ("x" * 201), '"name"'),
    ('{"name":"a\\u0000"}', '"name"'),
    ("{}", '"name"'),
    ('{"name":"a","scopes":"a"}', '"scopes"'),
    ('{"name":"a","scopes":["a b"]}', '"scopes"'),
    ('{"name":"a","expires_at":"yesterday"}', '"expires_at"'),
    ('{"name":"a","expires_at":"2020-01-01"}', '"expires_at"'),
    ('{"name":"a","expires_at":1900000000}', '"expires_at"'),
    ('{"name":"a","allow_from":[]}', '"allow_from"'),
    ('{"name":"a","allow_from":["x"]}', '"allow_from"'),
    ('{"name":"a","meta":[]}', '"meta"'),
    ('{"name":"a","meta":{"x":"%s"}}' % ("y" * 4100), '"meta"'),
    ('{"name":"a","pkce_challenge":"short"}', '"pkce_challenge"'),
    ('{"name":"a"} x', "byte"),
]


@pytest.mark.parametrize("body,says", BAD)
def test_a_bad_body_is_400_and_says_which_member(body, says, me):
    answer = me("POST", "/", body)
    assert problem(answer) == (400, "invalid_body")
    assert says in answer.json()["detail"].replace("\\", "")
    assert len(me("GET").json()["data"]) == 1


def test_other_types_and_longer_bodies_are_refused(me, e):
    assert problem(me("POST", "/", "name=a", Content_Type="application/x-www-form-urlencoded")) == (
        415,
        "unsupported_type",
    )
    assert me("POST", "/", '{"name":"a"}', Content_Type="Application/JSON; charset=utf-8").status == 201
    assert problem(e.request("POST", "/keys", me.headers, '{"name":"a"}')) == (415, "unsupported_type")
    long = json.dumps({"name": "a", "meta": {"x": "y" * 17000}})
    assert problem(me("POST", "/", long)) == (413, "body_too_large")
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (long[i : i + 4000].encode() for i in range(0, len(long), 4000))
    )
    chunked = {**me.headers, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    assert problem(e.request("POST", "/keys", chunked, chunks + b"0\r\n\r\n")) == (413, "body_too_large")
    assert problem(me("DELETE", "/x", {"name": "a"})) == (400, "invalid_body")


def test_other_methods_and_paths(me, admin):
    for method, path, allow in (("PUT", "/", "GET, HEAD, POST"), ("POST", "/x", "GET, HEAD, PATCH, DELETE"), ("GET", "/x/rotate", "POST"),
                                ("DELETE", "/whoami", "GET, HEAD"), ("GET", "/activate", "POST")):  # fmt: skip
        answer = me(method, path)
        assert answer.status == 405 and answer.header("Allow") == allow
    for path in ("/x/y", "/x/rotate/y", "x", "/subjects", "/subjects/a", "/limits/a", "/verify"):
        assert me("GET", path).status == 404, path
    assert admin("GET", "/subjects").status == 200
    head = me("HEAD", "/")
    assert head.status == 200 and head.body == b"" and int(head.header("Content-Length")) > 20


NAMES = [
    "'; DROP TABLE keys; --",
    '{"a":"b"}',
    '\\"},{"',
    "<script>alert(1)</script>",
    "a\u202eb",
    "X-Keyward: 1",
    "%0d%0aSet-Cookie: a=b",
    "名前 🔑",
    "$remote_user ${jndi:ldap://x}",
    "../../etc/passwd",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_shape_come_back_unharmed(name, me, kw, e):
    key = me.make(name, meta={"note": name})
    assert key["name"] == name and key["meta"] == {"note": name}
    assert me("GET", f"/{key['id']}").json()["name"] == name
    assert name in [one["name"] for one in me("GET").json()["data"]]
    assert kw("key", "show", key["id"])["name"] == name
    audit = me("GET", "/audit?limit=1000").json()["data"]
    assert audit[-1]["changes"]["name"]["after"] == name
    me("PATCH", f"/{key['id']}", {"name": name + "!"}, ok=200)
    assert e.get("/", as_key(key)).status == 200
    table = kw("key", "list", json=False)
    assert "\x1b" not in table and "\u202e" not in table


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "\x7f", "\u0085", "a\rb"])
def test_names_that_would_move_a_terminal_are_refused(name, me):
    assert problem(me("POST", "/", {"name": name})) == (400, "invalid_body")


def test_whoami_tells_the_caller_without_a_secret(e, me, store):
    key = store.key(subject="bob", scope=["b:*"], limit=["5r/m"], expires="30d", verifier="bcrypt:4")
    answer = Api(e, as_key(key))("GET", "/whoami", ok=200)
    told = answer.json()
    assert (told["kind"], told["id"], told["subject"], told["scopes"]) == ("key", key["id"], "bob", ["b:*"])
    assert [limit["rate"] for limit in told["limits"]] == ["5r/m"] and told["expires_at"]
    assert key["key"] not in answer.text


def test_last_use_and_uses_are_shown(e, me):
    from harness.wait import until

    key = me.make()
    assert (key["last_used_at"], key["uses"]) == (None, 0)
    assert e.get("/", as_key(key)).status == 200
    until(lambda: me("GET", f"/{key['id']}").json()["uses"] == 1)
    assert me("GET", f"/{key['id']}").json()["last_used_at"]
    listed = {one["id"]: one for one in me("GET").json()["data"]}
    assert listed[key["id"]]["uses"] == 1
    assert [one["id"] for one in me("GET", "?unused_since=1d").json()["data"]] == []


def test_http_2(e, me):
    with e.h2() as connection:
        fields = {**me.headers, "content-type": "application/json"}
        made = connection.request("POST", "/keys", fields, b'{"name":"h2"}')
        assert made.status == 201 and made.header("location")
        key = made.json()
        assert connection.request("GET", "/", {"X-API-Key": key["key"]}).status == 200
        gone = connection.request("DELETE", f"/keys/{key['id']}", me.headers)
        assert gone.status == 204 and gone.body == b""
        assert connection.request("GET", "/", {"X-API-Key": key["key"]}).status == 401
        assert connection.request("POST", "/keys", fields, b"{").status == 400


def test_one_connection_goes_on_after_every_kind_of_answer(e, me):
    connection = e.connect()
    fields = {**me.headers, "Content-Type": "application/json"}
    for body, status in (('{"name":"a"}', 201), ("{", 400), ('{"name":"a","x":1}', 400), ('{"name":"b"}', 201)):
        assert connection.request("POST", "/keys", fields, body).status == status
        if status == 400:  # nginx closes the connection
            connection.close()
            connection = e.connect()
        assert connection.request("GET", "/keys/none", me.headers).status == 404
        assert connection.request("PUT", "/keys", fields, body).status == 405
        assert connection.request("GET", "/keys", me.headers).status == 200
    connection.close()
