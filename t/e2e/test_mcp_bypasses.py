"""What gateways in front of MCP servers were walked around by, against a backend that executes whatever any parser reads
in a body: nobody reaches what he may not, whatever is written how."""

import gzip
import json

import pytest
from harness.client import Closed
from harness.mcp import JSON, LEGACY, MODERN, Executing, call, message, tool
from harness.site import Site

# "deploy" is what must never be done: by nobody but the admin.
SERVER = """
add_header X-Reason $keyward_reason always;
keyward on;
location / {
    keyward_mcp on public=ping,initialize,tools/list body=64k;
    keyward_tool read* scope=tools:read;
    keyward_tool deploy scope=tools:admin;
    keyward_rpc prompts/get:secret* scope=tools:admin;
    keyward_rpc resources/read:https://files.example/public/* scope=tools:read;
    keyward_rpc resources/read:https://files.example/secret/* scope=tools:admin;
    proxy_pass @BACKEND@;
}
location /wide {
    keyward_mcp on;
    keyward_rpc resources/read:https://files.example/* scope=tools:read;
    keyward_rpc resources/read:https://files.example/secret/* scope=tools:admin;
    keyward_rpc resources/read:https://files.example/key scope=tools:admin;
    proxy_pass @BACKEND@;
}
"""

PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
DEPLOY = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"deploy","arguments":{}}}'
PARAMS = '"params":{"name":"deploy"}'


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.keys = {
            "nobody": [],
            "reader": [("X-API-Key", site.store.key(scope=["tools:read"], verifier="sha256")["key"])],
            "admin": [("X-API-Key", site.store.key(scope=["tools:*"], verifier="sha256")["key"])],
        }
        site.done = Executing(site.backend)
        site.start(server=SERVER)
        yield site


def ask(site, body, headers=(JSON,), who="reader", method="POST", target="/"):
    """The response, and what the backend executed."""
    site.done.done.clear()
    body = body.encode() if isinstance(body, str) else body
    response = site.edge.request(method, target, [*headers, *site.keys[who]], body)
    return response, set(site.done.done)


def harmful(done):
    """What was executed that neither the reader nor nobody may."""
    return {
        (method, name)
        for method, name in done
        if (method == "tools/call" and name != "read")
        or (method == "prompts/get" and name.startswith("secret"))
        or (method == "resources/read" and "public" not in name)
        or method not in ("ping", "tools/call", "tools/list", "prompts/get", "resources/read", "initialize")
    }


def member(*pairs):
    return "{" + ",".join(pairs) + "}"


BODIES = {
    "as it is": DEPLOY,
    "a batch": f"[{PING},{DEPLOY}]",
    "a batch of one": f"[{DEPLOY}]",
    "an empty batch": "[]",
    "two messages": PING + DEPLOY,
    "two lines": PING + "\n" + DEPLOY,
    "two messages and a NUL": PING + "\0" + DEPLOY,
    "method twice, ping first": member('"jsonrpc":"2.0"', '"id":1', '"method":"ping"', '"method":"tools/call"', PARAMS),
    "method twice, ping last": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"method":"ping"', PARAMS),
    "method twice, once escaped": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"ping"', '"m\\u0065thod":"tools/call"', PARAMS
    ),
    "escaped alone": member('"jsonrpc":"2.0"', '"id":1', '"m\\u0065thod":"tools\\/call"', PARAMS),
    "params twice": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":"read"}', PARAMS),
    "name twice": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":"read","name":"deploy"}'
    ),
    "name twice, the other way": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":"deploy","name":"read"}'
    ),
    "id twice": member('"jsonrpc":"2.0"', '"id":1', '"id":2', '"method":"tools/call"', PARAMS),
    "Method": member('"jsonrpc":"2.0"', '"id":1', '"method":"ping"', '"Method":"tools/call"', PARAMS),
    "METHOD alone": member('"jsonrpc":"2.0"', '"id":1', '"METHOD":"tools/call"', PARAMS),
    "a NUL in a name": member('"jsonrpc":"2.0"', '"id":1', '"method":"ping"', '"method\\u0000":"tools/call"', PARAMS),
    "a long s": member(
        '"jsonrpc":"2.0"',
        '"id":1',
        '"method":"tools/call"',
        '"params":{"name":"read"}',
        '"param\\u017f":{"name":"deploy"}',
    ),
    "a long s as it is": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":"read"}', '"paramſ":{"name":"deploy"}'
    ),
    "a Kelvin sign": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"tasks/get"', '"params":{"taskId":"a","tas\\u212aId":"deploy"}'
    ),
    "Name": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":"read","Name":"deploy"}'),
    "a form feed between": '\f{"jsonrpc":"2.0","id":1,"method":"tools/call",' + PARAMS + "}",
    "a byte order mark": "\N{ZERO WIDTH NO-BREAK SPACE}" + DEPLOY,
    "a comment": '{"jsonrpc":"2.0","id":1,"method":"ping"/*,*/,"method":"tools/call",' + PARAMS + "}",
    "a trailing comma": DEPLOY[:-1] + ",}",
    "single quotes": DEPLOY.replace('"', "'"),
    "deep": '{"jsonrpc":"2.0","id":1,"method":"ping","x":' + "[" * 1000 + "]" * 1000 + "}",
    "cut": DEPLOY[:-1],
    "nothing": "",
    "a number": "5",
    "a string": json.dumps(DEPLOY),
    "result beside method": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"result":{}', PARAMS),
    "params is a list": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":["deploy"]'),
    "no name": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{}'),
    "a name that is a list": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":["deploy"]}'
    ),
    "an id that is an object": member('"jsonrpc":"2.0"', '"id":{}', '"method":"tools/call"', PARAMS),
    "an id that is null": member('"jsonrpc":"2.0"', '"id":null', '"method":"tools/call"', PARAMS),
    "no jsonrpc": member('"id":1', '"method":"tools/call"', PARAMS),
    "a notification": member('"jsonrpc":"2.0"', '"method":"tools/call"', PARAMS),
    "a lone surrogate": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":"deploy\\ud800"}'
    ),
    "another method": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/Call"', PARAMS),
    "a blank behind": member('"jsonrpc":"2.0"', '"id":1', '"method":"tools/call "', PARAMS),
    "a blank behind the name": member(
        '"jsonrpc":"2.0"', '"id":1', '"method":"tools/call"', '"params":{"name":"deploy "}'
    ),
}


@pytest.mark.parametrize("who", ["nobody", "reader"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_some_parser_takes_for_a_protected_call(site, name, who):
    for content_type in ("application/json", "application/JSON", "text/plain", "application/json; charset=utf-8", ""):
        headers = [("Content-Type", content_type)] if content_type else []
        response, done = ask(site, BODIES[name], headers, who)
        assert not harmful(done), (content_type, done)
        assert response.status in (400, 401, 403), response.status


@pytest.mark.parametrize("name", BODIES)
def test_the_same_is_refused_or_executed_once_for_whoever_may(site, name):
    """What any two parsers read differently is refused to everybody."""
    response, done = ask(site, BODIES[name], who="admin")
    if name in ("as it is", "escaped alone", "a notification", "no jsonrpc"):
        assert (response.status, done) == (200, {("tools/call", "deploy")})
    else:
        assert response.status in (400, 403) and not done, (response.status, done)


ENCODED = {
    "gzip": ([JSON, ("Content-Encoding", "gzip")], gzip.compress(DEPLOY.encode())),
    "said twice": ([JSON, ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")], DEPLOY.encode()),
    "gzip that it isn't": ([JSON, ("Content-Encoding", "gzip")], PING.encode()),
    "UTF-16": ([("Content-Type", "application/json; charset=utf-16")], DEPLOY.encode("utf-16")),
    "UTF-16 unsaid": ([JSON], DEPLOY.encode("utf-16")),
    "UTF-7": ([("Content-Type", "application/json; charset=utf-7")], b'{"method":"ping","+AG0-ethod":"tools/call"}'),
    "latin-1": ([("Content-Type", "application/json; charset=ISO-8859-1")], PING.encode()),
    "bad UTF-8": ([JSON], PING[:-1].encode() + b',"x":"\xff"}'),
    "overlong": ([JSON], PING[:-1].encode() + b',"x":"\xc0\xaf"}'),
}


@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_body_is_refused_to_all(site, name):
    headers, body = ENCODED[name]
    for who in ("nobody", "reader", "admin"):
        response, done = ask(site, body, headers, who)
        assert (response.status, response.header("X-Reason"), done) == (400, "invalid_message", set()), who


LYING = {
    "Mcp-Method says ping": [("Mcp-Method", "ping")],
    "Mcp-Name says read": [("Mcp-Method", "tools/call"), ("Mcp-Name", "read")],
    "Mcp-Method twice": [("Mcp-Method", "tools/call"), ("Mcp-Method", "ping")],
    "Mcp-Name in bad base64": [("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?ZGVwbG95=?=")],
}


@pytest.mark.parametrize("version", [None, LEGACY, MODERN])
@pytest.mark.parametrize("name", LYING)
def test_a_field_that_lies_is_no_way_around(site, name, version):
    body = message("tools/call", {"name": "deploy"}, version=version if version == MODERN else None)
    headers = [JSON, *LYING[name], *([("MCP-Protocol-Version", version)] if version else [])]
    for who in ("nobody", "reader"):
        response, done = ask(site, body, headers, who)
        assert response.status in (400, 401, 403) and not done, response.status
    response, done = ask(site, body, headers, "admin")
    assert response.status == 400 and not done


@pytest.mark.parametrize("field", ["ping", "tools/call"])
def test_a_public_body_with_the_fields_of_a_call(site, field):
    """A backend that routes by its fields would execute what the body doesn't say."""
    headers = [JSON, ("Mcp-Method", field), ("Mcp-Name", "deploy"), ("MCP-Protocol-Version", LEGACY)]
    response, done = ask(site, PING, headers, "nobody")
    assert (response.status, bool(done)) == ((400, False) if field == "tools/call" else (response.status, bool(done)))
    assert not harmful(done)


RESPONSES = {
    "a result": '{"jsonrpc":"2.0","id":1,"result":{},"params":{"name":"deploy","arguments":{}}}',
    "an error": '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"},"params":{"name":"deploy"}}',
}
NAMING = {
    "both": [("Mcp-Method", "tools/call"), ("Mcp-Name", "deploy")],
    "the method": [("Mcp-Method", "tools/call")],
    "the name": [("Mcp-Name", "deploy")],
    "an empty one": [("Mcp-Method", "")],
    "another spelling": [("Mcp-Method", "tools/call"), ("mcp-NAME", "deploy")],
}


@pytest.mark.parametrize("version", [None, LEGACY, MODERN])
@pytest.mark.parametrize("naming", NAMING)
def test_a_response_makes_no_call_by_its_fields(site, naming, version):
    headers = [JSON, *NAMING[naming], *([("MCP-Protocol-Version", version)] if version else [])]
    for body in RESPONSES.values():
        for who in ("nobody", "reader", "admin"):
            response, done = ask(site, body, headers, who)
            assert (response.status, done) == (400, set()), who
            error = response.json()["error"]
            assert error["code"] == (-32020 if version == MODERN else -32600)


def test_no_client_of_the_modern_era_sends_a_response(site):
    for body in RESPONSES.values():
        for version, status in ((None, 200), (LEGACY, 200), (MODERN, 400)):
            headers = [JSON, *([("MCP-Protocol-Version", version)] if version else [])]
            assert ask(site, body, headers)[0].status == status, version


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("naming", NAMING)
def test_other_methods_of_http_make_no_call_by_their_fields(site, naming, method):
    for version in (None, LEGACY, MODERN):
        headers = [*NAMING[naming], *([("MCP-Protocol-Version", version)] if version else [])]
        for who in ("nobody", "reader", "admin"):
            response, done = ask(site, None, headers, who, method)
            assert (response.status, done) == (400, set()), (version, who)


def test_a_name_beside_a_method_without_one(site):
    for method, params, status in [
        ("ping", {}, 400),
        ("ping", {"name": "deploy"}, 400),
        ("tools/list", {}, 400),
        ("notifications/initialized", {}, 400),
    ]:
        for version in (None, MODERN):
            headers = [("Mcp-Name", "deploy"), *site.keys["admin"]]
            site.done.done.clear()
            response = call(site.edge, method, params, headers=headers, version=version)
            assert (response.status, site.done.done) == (status, set()), (method, version)


URIS = [
    "https://files.example/secret/a",
    "https://files.example/%73ecret/a",
    "https://files.example/public/../secret/a",
    "https://files.example/public/%2e%2e/secret/a",
    "https://files.example/public/..%2fsecret/a",
    "https://files.example/public/..\\secret\\a",
    "https://files.example/public/%5c..%5csecret/a",
    "HTTPS://FILES.example/secret/a",
    "https://files.example:443/secret/a",
    "https://files.example/./secret/a",
    "https://files.example//secret/a",
    "https://user@files.example/secret/a",
    "https://files.example/public/\x01/../../secret/a",
    "https://files.example/public//../secret/a",
    "https://files.example/public/..//secret/a",
    "https://files.example/public/a?/../../secret/a",
    "https://files.example/public/a#/..//../secret/a",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("uri", URIS)
def test_another_spelling_of_a_uri(site, uri):
    for method in ("resources/read", "resources/subscribe"):
        site.done.done.clear()
        response = call(site.edge, method, {"uri": uri}, headers=site.keys["reader"])
        done = {one for one in site.done.done if one[0] == "resources/read"}
        assert not done or method == "resources/subscribe", uri
        assert response.status in (400, 403) if method == "resources/read" else True, (uri, response.status)


WIDE_URIS = [
    "secret/a",
    "/secret/a",
    "//secret/a",
    "secret//a",
    "x/..//secret/a",
    "x//..//secret/a",
    "x//../../secret/a",
    "x?/../secret/a",
    "x?y=/../../secret/a",
    "x#/..//%73ecret/a",
    "/secret/a?b",
    "key",
    "key?",
    "key#x",
    "/key?x",
    "x/../key?x",
]


@pytest.mark.parametrize("path", WIDE_URIS)
def test_a_uri_as_servers_of_files_read_it(site, path):
    """They merge slashes, and some read dots in a query, or no query at all."""
    params = {"uri": f"https://files.example/{path}"}
    for version in (None, MODERN):
        site.done.done.clear()
        refused = call(
            site.edge, "resources/read", params, headers=site.keys["reader"], version=version, target="/wide"
        )
        assert (refused.status, refused.header("X-Reason")) == (403, "insufficient_scope")
        assert not site.done.done
        admin = call(site.edge, "resources/read", params, headers=site.keys["admin"], version=version, target="/wide")
        assert admin.status == 200


@pytest.mark.parametrize("path", ["a", "a//b", "a?b=c//d", "a?b=/../c", "keys", "/a?key", "x?u=https://key/"])
def test_a_uri_that_leads_nowhere_else_passes(site, path):
    params = {"uri": f"https://files.example/{path}"}
    response = call(site.edge, "resources/read", params, headers=site.keys["reader"], target="/wide")
    assert response.status == 200


def test_what_leads_to_a_name_needs_what_the_name_needs(site):
    secret = "https://files.example/secret/a"
    asked = [
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "secret-plan"}, "argument": {}}),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": secret}, "argument": {}}),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": [secret]}}),
    ]
    for method, params in asked:
        version = MODERN if method == "subscriptions/listen" else None
        refused = call(site.edge, method, params, headers=site.keys["reader"], version=version)
        assert (refused.status, refused.header("X-Reason")) == (403, "insufficient_scope"), method
        assert call(site.edge, method, params, headers=site.keys["admin"], version=version).status == 200, method


def test_who_may_is_served_in_both_eras(site):
    for version in (None, LEGACY, MODERN):
        for who, name, expected in [
            ("reader", "read", 200),
            ("reader", "deploy", 403),
            ("admin", "deploy", 200),
            ("nobody", "read", 401),
        ]:
            site.done.done.clear()
            response = tool(site.edge, name, site.keys[who], version)
            assert response.status == expected, (version, who, name)
            assert site.done.done == ({("tools/call", name)} if expected == 200 else set())


def test_public_methods_need_no_credential_but_refuse_a_bad_one(site):
    for version in (None, MODERN):
        assert call(site.edge, "tools/list", version=version).status == 200
        bad = call(site.edge, "tools/list", headers=[("X-API-Key", "kw_" + "a" * 49)], version=version)
        assert (bad.status, bad.header("X-Reason")) == (401, "invalid_key")
    assert call(site.edge, "tools/lists").status == 401
    assert call(site.edge, "prompts/list").status == 401


def test_a_response_needs_a_credential(site):
    body = '{"jsonrpc":"2.0","id":1,"result":{"method":"ping"}}'
    assert ask(site, body, who="nobody")[0].status == 401
    assert ask(site, body, who="reader")[0].status == 200


METHODS = ["GET", "HEAD", "DELETE", "PUT", "PATCH", "PROPFIND", "OPTIONS", "QUERY"]


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_of_http(site, method):
    alone, done = ask(site, None, (), "nobody", method)
    assert alone.status in (401, 405) and not done
    keyed, done = ask(site, None, (), "reader", method)
    assert keyed.status == (200 if method in ("GET", "HEAD", "DELETE", "OPTIONS") else 405)
    if keyed.status == 405:
        assert keyed.header("Allow") == "POST, GET, HEAD, DELETE, OPTIONS"
    # A body under another method may be executed all the same.
    for headers, body in (((), DEPLOY), ([("Transfer-Encoding", "chunked")], "5\r\n{    \r\n0\r\n\r\n")):
        response, done = ask(site, body, headers, "reader", method)
        assert response.status in (400, 405) and not done, headers
    modern, done = ask(site, None, [("MCP-Protocol-Version", MODERN)], "admin", method)
    assert modern.status == (200 if method == "OPTIONS" else 405)
    if method != "OPTIONS":
        assert modern.header("Allow") == "POST, OPTIONS"


def test_method_overrides_are_removed(site):
    overrides = [("X-HTTP-Method-Override", "DELETE"), ("X-HTTP-Method", "DELETE"), ("X-Method-Override", "DELETE")]
    response, _ = ask(site, PING, [JSON, *overrides], "reader")
    assert response.status == 200
    assert not [name for name, _ in site.backend.last.headers if "method" in name.lower()]


def test_a_pipelined_second_request_is_judged_too(site):
    key = site.keys["reader"][0][1]
    one = f"POST / HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: "
    site.done.done.clear()
    with site.edge.connect() as connection:
        connection.send(f"{one}{len(PING)}\r\n\r\n{PING}{one}{len(DEPLOY)}\r\n\r\n{DEPLOY}")
        assert [connection.read_response().status for _ in range(2)] == [200, 403]
        # One with two lengths, and one with a length and chunks, are nginx's to refuse.
        connection.send(f"{one}4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{DEPLOY}")
        try:
            assert connection.read_response().status == 400
        except Closed:
            pass
    assert not harmful(site.done.done)


@pytest.mark.parametrize("who", ["nobody", "reader", "admin"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
def test_no_tunnel_is_opened(site, who, method):
    upgrade = [("Upgrade", "websocket"), ("Connection", "upgrade"), ("Sec-WebSocket-Version", "13")]
    body = PING if method == "POST" else None
    response, done = ask(site, body, [*((JSON,) if body else ()), *upgrade], who, method)
    assert (response.status, response.header("X-Reason"), done) == (400, "invalid_message", set())


@pytest.mark.parametrize(
    "parameter", ["charset*0=utf-7", "charset*=us-ascii''utf-7", "\x0bcharset=utf-7", 'x=";charset=utf-7"']
)
def test_no_other_charset_is_hidden_in_the_type(site, parameter):
    # What a reader of UTF-7 would take for a call of the tool.
    hidden = (
        '{"jsonrpc":"2.0","id":1,"method":"ping","z":"+ACI-,+ACI-method+ACI-:+ACI-tools/call+ACI-,'
        '+ACI-params+ACI-:{+ACI-name+ACI-:+ACI-deploy+ACI-},+ACI-q+ACI-:+ACI-"}'
    )
    response, done = ask(site, hidden, [("Content-Type", f"application/json; {parameter}")])
    assert (response.status, done) == (400, set())
