"""keyward_api in nginx.conf: what nginx -t says of it, and what it is without being told."""

import contextlib

import pytest
from harness.api import Api, as_key, problem
from harness.client import Connection, encode_request

API = "keyward on; keyward_api self;"

# What is wrong, in a server, and what the line has to name.
WRONG = {
    "location /k { keyward on; keyward_api; }": ["keyward_api"],
    "location /k { keyward on; keyward_api all; }": ['"all"', '"self"', '"admin"'],
    "location /k { keyward on; keyward_api self self; }": ['"self"', "format="],
    "location /k { keyward on; keyward_api self page=0; }": ['"0"', "page=N"],
    "location /k { keyward on; keyward_api self page=1 page=2; }": ["page=2", "second"],
    "location /k { keyward on; keyward_api self preview=9; }": ['"9"', "preview=HEAD"],
    "location /k { keyward on; keyward_api self list=none; }": ['"none"', "list=active"],
    "location /k { keyward on; keyward_api self fields=id,secret; }": ['"secret"', "last_used_at"],
    "location /k { keyward on; keyward_api self fields=name; }": ['"id"'],
    "location /k { keyward on; keyward_api self fields=id,name:id; }": ["name:id", "twice"],
    "location /k { keyward on; keyward_api self id_prefix=a/b; }": ['"a/b"', "key_"],
    "location /k { keyward on; keyward_api self format=none; }": ['"none"', "keyward_key_format"],
    "location /k { keyward on; keyward_api self colour=red; }": ['"colour=red"', "fields="],
    "location /k { keyward on; keyward_api self; keyward_api admin; }": ["duplicate"],
    "location /k { keyward on; keyward_api admin; }": ["keyward_scope keys:admin"],
    "location /k { keyward on; keyward_scope a; keyward_api admin page=off; }": ["page=N"],
    "location ~ /k { keyward on; keyward_api self; }": ["plain name", "/v1/keys"],
    "location @k { keyward on; keyward_api self; }": ["plain name"],
    "location /k { keyward on; proxy_pass @BACKEND@; keyward_api self; }": ["proxy_pass"],
    "location /k { keyward on; keyward_api self; proxy_pass @BACKEND@; }": ["keyward_api", "proxy_pass"],
    "location /k { keyward on; keyward_mcp on; keyward_api self; }": ["keyward_mcp off"],
    "keyward on; keyward_api self;": ["keyward_api"],
    "location /k { if ($arg_a) { keyward_api self; } }": ["keyward_api"],
}


@pytest.mark.parametrize("server", WRONG)
def test_nginx_refuses_it_and_says_what_to_write(server, config_test, store):
    rc, output = config_test(server=server)
    assert rc == 1
    said = "\n".join(line for line in output.splitlines() if "[emerg]" in line)
    assert len(said.splitlines()) == 1 and "nginx.conf:" in said, output
    for words in WRONG[server]:
        assert words in said


def test_it_needs_a_store_and_a_form_to_mint(config_test, store):
    rc, output = config_test(server=f"location /k {{ {API} }}", store=False)
    assert rc == 1 and "keyward_store" in output
    rc, output = config_test(http="keyward_key_format any;", server=f"location /k {{ {API} }}")
    assert rc == 1 and "can mint no key" in output


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_nginx_warns_where_it_answers_nobody(mode, config_test, store):
    rc, output = config_test(server=f"location /k {{ keyward {mode}; keyward_api self; }} location / {{ keyward on; }}")
    assert rc == 0 and "refuses every request" in output


def test_off_in_an_incident_makes_no_reload_fail(config_test, store):
    rc, output = config_test(server="location /k { keyward off; keyward_api admin format=none; }", store=False)
    assert rc == 0 and output.count("[warn]") >= 3


def test_a_store_that_workers_may_not_write_is_found(config_test, store):
    store.key()
    data = store.path / "credentials" / "data.mdb"
    data.chmod(0o400)
    rc, output = config_test(server=f"location /k {{ {API} }}")
    rc_without, _ = config_test(server="location /k { keyward on; }")
    assert (rc, rc_without) == (1, 0) and f"write {data}" in output, output


def test_the_root_and_a_slash_at_the_end(edge, store):
    e = edge(server="location / { keyward on; keyward_api self; } location /k/ { keyward on; keyward_api self; }")
    key = as_key(store.key(subject="a", scope=["*"], verifier="bcrypt:4"))
    root, below = Api(e, key, ""), Api(e, key, "/k")
    made = root("POST", "/", {"name": "x"}, ok=201)
    assert made.header("Location") == f"/{made.json()['id']}"
    made = below("POST", "/", {"name": "x"}, ok=201)
    assert (
        made.header("Location") == f"/k/{made.json()['id']}" and below("GET", made.header("Location")[2:]).status == 200
    )
    assert len(below("GET", "/").json()["data"]) == 3


def test_thirty_writes_an_hour_unless_the_location_says_otherwise(edge, store):
    e = edge(
        server="keyward on; keyward_limit 1000r/m; location /k { keyward_api self; }"
        " location /wide { keyward_limit 1000r/m; keyward_api self; }"
    )
    key = as_key(store.key(subject="a", scope=["*"], verifier="bcrypt:4"))
    api = Api(e, key, "/k")
    made = api.make()
    for i in range(29):
        api("PATCH", f"/{made['id']}", {"name": f"n{i}"}, ok=200)
    refused = api("PATCH", f"/{made['id']}", {"name": "x"})
    assert refused.status == 429 and refused.json()["code"] == "rate_limited"
    assert int(refused.header("Retry-After")) > 3000
    # Of the subject, not of the key; reading is free; another subject has its own.
    sibling = as_key(store.key(subject="a", scope=["*"], verifier="bcrypt:4"))
    assert Api(e, sibling, "/k")("PATCH", f"/{made['id']}", {"name": "x"}).status == 429
    assert api("GET").status == 200
    # Ending a key is never counted: whoever has stolen one can't keep its owner from it.
    assert Api(e, sibling, "/k")("POST", f"/{made['id']}/suspend").status == 200
    assert Api(e, sibling, "/k")("DELETE", f"/{made['id']}").status == 204
    assert (
        Api(e, as_key(store.key(subject="b", scope=["*"], verifier="bcrypt:4")), "/k")(
            "POST", "/", {"name": "x"}
        ).status
        == 201
    )
    assert Api(e, key, "/wide")("DELETE", f"/{made['id']}").status == 204


def test_refusals_have_the_locations_own_form(edge, store):
    e = edge(
        server="keyward on; location /a { keyward_api self; }"
        ' location /b { keyward_errors json; keyward_message not_found "no such key"; keyward_api self; }'
        " location /c { keyward_errors json fields=error; keyward_api self; }"
        " location /d { keyward_errors off; keyward_api self; }"
    )
    key = as_key(store.key(subject="a", scope=["*"], verifier="bcrypt:4"))
    get = {place: Api(e, key, place)("GET", "/none") for place in ("/a", "/b", "/c", "/d")}
    assert {answer.status for answer in get.values()} == {404}
    assert problem(get["/a"]) == (404, "not_found")
    assert get["/b"].json() == {"error": "no such key", "code": "not_found"}
    assert get["/c"].json() == {"error": "not found"}
    assert "text/html" in get["/d"].header("Content-Type")
    bad = Api(e, key, "/b")("POST", "/", {"colour": 1}).json()
    assert bad["error"] == "invalid request body" and '"colour"' in bad["detail"]
    # Who isn't admitted gets what every location answers.
    assert e.get("/a").json() == {"error": "missing credentials", "code": "unauthorized"}


def test_formats_ids_and_other_servers(edge, store):
    e = edge(
        http="keyward_key_format kw_ base62=43 checksum verifier=bcrypt:4; keyward_key_format live_ hex=40 name=live verifier=sha256;",
        server="keyward on; location /k { keyward_api self format=live id_prefix=ak_; } location / { proxy_pass @BACKEND@; }",
    )
    api = Api(e, as_key(store.key(subject="a", scope=["*"], verifier="bcrypt:4")), "/k")
    key = api.make()
    assert key["key"].startswith("live_") and len(key["key"]) == 45 and key["id"].startswith("ak_")
    assert key["verifier"] == "sha256" and e.get("/", as_key(key)).status == 200
    successor = api("POST", f"/{key['id']}/rotate", {}, ok=201).json()
    assert successor["id"].startswith("ak_") and successor["key"].startswith("live_")


def test_a_method_that_is_not_there_is_named(edge, store):
    e = edge(server="keyward on; location /k { keyward_api self; }")
    api = Api(e, as_key(store.key(subject="a", scope=["*"], verifier="bcrypt:4")), "/k")
    for method, path in (("PUT", "/"), ("DELETE", "/"), ("GET", "/activate"), ("POST", "/key_x")):
        answer = api(method, path)
        assert (answer.status, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.header("Content-Type") == "application/problem+json" and method not in answer.header("Allow")


def test_what_clients_send_where_there_is_nothing_to_say(edge, store):
    e = edge(server="keyward on; location /k { keyward_api self; }")
    api = Api(e, as_key(store.key(subject="a", scope=["*"], verifier="bcrypt:4")), "/k")
    made = api.make()
    assert api("POST", f"/{made['id']}/suspend", b" {}\n").status == 200
    assert api("POST", f"/{made['id']}/resume", b'{"x":1}').status == 400
    assert api("POST", f"/{made['id']}/resume", b"{}").status == 200
    for charset, status in (("UTF-8", 200), ('"utf-8"', 200), ("utf-16", 415), ("utf-8x", 415), ("latin1", 415)):
        answer = api("PATCH", f"/{made['id']}", {"name": "x"}, Content_Type=f"application/json; charset={charset}")
        assert answer.status == status, charset


def test_revoking_waits_for_nobody_who_makes_keys(edge, store):
    # One run of bcrypt at this cost takes a second: a queue of them is long.
    e = edge(
        http="keyward_key_format kw_ base62=43 checksum verifier=bcrypt:14; keyward_bcrypt_concurrency 1;",
        server="keyward on; location /k { keyward_limit 1000r/m; keyward_api self; }",
    )
    busy = as_key(store.key(subject="busy", scope=["*"], verifier="sha256"))
    other = Api(e, as_key(store.key(subject="other", scope=["*"], verifier="sha256")), "/k")
    theirs = store.key(subject="other", name="stolen", verifier="sha256")
    body = b'{"name":"x"}'
    fields = [*busy.items(), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(Connection(e.port, 60)) for _ in range(12)]
        for connection in connections:
            connection.send(encode_request("POST", "/k", fields) + body)
        # A subject's share of the queue is less than these, so some are told at once to come again.
        assert min(c.read_response().status for c in connections[-2:]) == 503
        assert other("GET").status == 200
        assert other("POST", f"/{theirs['id']}/suspend").status == 200
        assert other("DELETE", f"/{theirs['id']}").status == 204
