"""keyward_verify: what other proxies are told, and another nginx with auth_request in front of it."""

import pytest
from harness.api import as_key
from harness.tokens import bearer

IDENTITY = ("Subject", "Key-Id", "Plan", "Scopes", "Kind", "Issuer", "Assertion")
VERIFY = """
location = /verify {
    keyward on;
    keyward_accept key;
    keyward_accept methods=GET key anonymous;
    keyward_scope methods=GET any:read;
    keyward_scope methods=POST,DELETE any:write;
    keyward_limit 1000r/m;
    keyward_verify method=$http_x_forwarded_method address=$http_x_real_ip;
}
location = /plain { keyward on; keyward_verify; }
"""


@pytest.fixture
def e(edge, store):
    return edge(server=VERIFY)


@pytest.fixture
def key(store):
    return lambda **options: store.key(subject="alice", verifier="sha256", **options)


def ask(e, headers=None, method="GET", target="/verify", **more):
    fields = {**(headers or {}), "X-Forwarded-Method": method, **{k.replace("_", "-"): v for k, v in more.items()}}
    return e.get(target, fields)


def test_who_is_admitted_is_told_with_all_fields(e, key):
    made = key(scope=["any:*"])
    answer = ask(e, as_key(made))
    assert answer.status == 204 and answer.body == b"" and answer.header("Cache-Control") == "no-store"
    told = {name: answer.header(f"X-Keyward-{name}") for name in IDENTITY}
    assert told == {
        **dict.fromkeys(IDENTITY, ""),
        "Subject": "alice",
        "Key-Id": made["id"],
        "Scopes": "any:*",
        "Kind": "key",
    }
    assert answer.header("X-RateLimit-Remaining") == "999"
    assert made["key"] not in str(answer.headers)
    plain = e.get("/plain", as_key(made))
    assert plain.status == 204 and plain.header("X-Keyward-Subject") == "alice"


def test_everybody_else_is_refused(e, key):
    assert e.get("/plain").status == 401 and ask(e, {"X-API-Key": "kw_wrong"}).status == 401
    refused = ask(e, as_key(key(scope=["other"])))
    assert refused.status == 403 and refused.json()["required_scope"] == "any:read"
    assert refused.header("X-Keyward-Subject") is None


def test_the_clients_method_counts_not_the_proxys(e, key):
    reader, writer = as_key(key(scope=["any:read"])), as_key(key(scope=["any:write"]))
    assert [ask(e, reader, method).status for method in ("GET", "HEAD", "POST", "DELETE")] == [204, 204, 403, 403]
    assert [ask(e, writer, method).status for method in ("GET", "POST", "DELETE")] == [403, 204, 204]
    for method in ("", "PATCH", "get", "POST ", "BREW", "GET,POST"):
        assert ask(e, reader, method).status == 403, method
    assert e.get("/verify", reader).status == 403  # it wasn't told
    # By method anonymous, too.
    assert ask(e).status == 401 and ask(e, method="POST").status == 401


def test_the_clients_address_counts(e, key):
    made = as_key(key(scope=["any:*"], allow_from=["192.0.2.0/24"]))
    assert ask(e, made, X_Real_IP="192.0.2.7").status == 204
    for address in ("192.0.3.7", "", "192.0.2.7, 10.0.0.1", "x"):
        assert ask(e, made, X_Real_IP=address).status == 403, address
    assert ask(e, made).status == 403


def test_anonymous_where_it_may(edge, store):
    e = edge(server="location /v { keyward on; keyward_accept key anonymous; keyward_verify; }")
    answer = e.get("/v")
    assert answer.status == 204 and answer.header("X-Keyward-Kind") == "anonymous"
    assert answer.header("X-Keyward-Subject") == ""
    assert e.get("/v", {"X-API-Key": "kw_wrong"}).status == 401


@pytest.mark.parametrize("mode", ["keyward off;", "keyward shadow;", "keyward on; satisfy any; allow all;"])
def test_nothing_else_opens_it(mode, edge, store):
    e = edge(server=f"location /v {{ {mode} keyward_verify; }} location / {{ keyward on; }}")
    assert e.get("/v").status == 401 and e.get("/v", {"X-API-Key": "kw_wrong"}).status == 401


def test_another_nginx_asks(e, edge, key, backend):
    front = edge(
        store=False,
        server=f"""
        location = /ask {{
            internal;
            proxy_pass http://127.0.0.1:{e.port}/verify;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header X-Forwarded-Method $request_method;
            proxy_set_header X-Real-IP $remote_addr;
        }}
        location / {{
            auth_request /ask;
            auth_request_set $subject $upstream_http_x_keyward_subject;
            proxy_set_header X-Keyward-Subject $subject;
            proxy_pass @BACKEND@;
        }}""",
    )
    made = key(scope=["any:write"])
    assert front.request("POST", "/x", {**as_key(made), "X-Keyward-Subject": "root"}, "body").status == 200
    assert backend.last.header("X-Keyward-Subject") == "alice" and backend.last.body == b"body"
    assert front.get("/x", as_key(made)).status == 403
    assert front.get("/x").status == 401
    assert front.get("/x", bearer("kw_wrong")).status == 401


def test_a_subrequest_of_the_same_nginx_stays_403(edge, store, key):
    e = edge(
        server="location = /v { internal; keyward on; keyward_verify; } location / { auth_request /v; proxy_pass @BACKEND@; }"
    )
    assert e.get("/", as_key(key())).status == 403


WRONG = {
    "location /v { keyward on; keyward_verify colour=red; }": ['"colour=red"', "method="],
    "location /v { keyward on; keyward_verify method=GET; }": ['"method=GET"', "$http_x_forwarded_method"],
    "location /v { keyward on; keyward_verify method=$a method=$b; }": ["method=$b", "second"],
    "location /v { keyward on; keyward_verify; keyward_verify; }": ["duplicate"],
    "location /v { keyward on; proxy_pass @BACKEND@; keyward_verify; }": ["proxy_pass"],
    "location /v { keyward on; keyward_verify; proxy_pass @BACKEND@; }": ["keyward_verify", "proxy_pass"],
    "location /v { keyward on; keyward_scope methods=GET a; keyward_verify; }": ["method", "$http_x_forwarded_method"],
    "location /v { keyward on; keyward_accept methods=GET key; keyward_verify; }": ["$http_x_forwarded_method"],
    "location /v { keyward on; keyward_limit 1r/m methods=GET; keyward_verify; }": ["$http_x_forwarded_method"],
    "location /v { keyward on; keyward_credential cookie=s; keyward_verify; }": ["cookie", "$http_x_forwarded_method"],
    "location /v { keyward on; limit_except GET { deny all; } keyward_verify method=$http_a; }": [
        "limit_except",
        "methods=",
    ],
}


@pytest.mark.parametrize("server", WRONG)
def test_nginx_refuses_what_a_proxy_cannot_tell(server, config_test, store):
    rc, output = config_test(server=server)
    assert rc == 1
    said = "\n".join(line for line in output.splitlines() if "[emerg]" in line)
    assert len(said.splitlines()) == 1, output
    for words in WRONG[server]:
        assert words in said
