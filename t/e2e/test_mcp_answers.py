"""What a client of MCP reads when it is refused: JSON-RPC in its era, tool results that a model can act on, under its own id."""

import json

import pytest
from harness.mcp import JSON, MODERN, call, message, tool
from harness.site import Site

UNKNOWN = "kw_" + "0" * 49


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.key = [("X-API-Key", site.store.key(scope=["a:a"], verifier="sha256")["key"])]
        site.start(
            server="""
            keyward on;
            error_page 400 401 403 405 413 429 503 /page.html;
            location = /page.html { keyward off; root @HTML@; }
            location / {
                keyward_mcp on public=ping body=10k;
                keyward_tool read; keyward_tool write scope=b:b; keyward_tool never refuse;
                keyward_tool rare limit=1r/h;
                keyward_rpc prompts/get:rare limit=1r/h;
                proxy_pass @BACKEND@;
            }
            location /discover { keyward_mcp on body=200; keyward_limit 1r/h; proxy_pass @BACKEND@; }
            location /refused { keyward_mcp on; keyward_rpc server/discover scope=b:b; proxy_pass @BACKEND@; }
            location /old {
                keyward_mcp on; keyward_errors auto id=null;
                keyward_message unauthorized "log in" rpc=-32001;
                proxy_pass @BACKEND@;
            }
            location /tool-errors { keyward_mcp on; keyward_errors mcp; keyward_tool write scope=b:b; proxy_pass @BACKEND@; }
            location /plain { keyward_mcp on; keyward_errors json; proxy_pass @BACKEND@; }
            """
        )
        site.page("page.html", "a page")
        yield site


def error(response):
    body = response.json()
    assert response.header("Content-Type") == "application/json" and body["jsonrpc"] == "2.0", body
    assert response.header("Cache-Control") == "no-store"
    return response.status, body["error"]["code"], body.get("id", "none")


@pytest.mark.parametrize("version, none, coded", [(None, None, True), (MODERN, "none", False)])
def test_errors_come_under_the_request_s_id(site, version, none, coded):
    e = site.edge
    unauthorized = -32001 if coded else 401
    for id in (7, "x", "é\\n", 0, 9007199254740993):
        assert error(tool(e, "write", site.key, version, id)) == (403, 403, id)
    assert error(tool(e, "read", version=version)) == (401, unauthorized, 1)
    assert error(tool(e, "never", site.key, version)) == (403, 403, 1)
    # What could not be read has none; nor has what is no request.
    headers = [*site.key, *([("MCP-Protocol-Version", version)] if version else [])]
    assert error(e.request("POST", "/", headers, "{")) == (400, -32700, none)
    assert error(e.request("POST", "/", headers, "x" * 20_000)) == (413, -32600, none)
    assert error(e.request("POST", "/", headers[1:], message("notifications/cancelled", {"requestId": 1}, None))) == (
        401,
        unauthorized,
        "none",
    )
    # A bad credential is refused before the body is read.
    assert error(tool(e, "read", [("X-API-Key", "nonsense")], version)) == (401, unauthorized, none)
    assert error(tool(e, "read", [("X-API-Key", UNKNOWN)], version)) == (401, unauthorized, 1)


def test_the_raw_text_of_an_id_is_kept(site):
    for id in ("1", "-0", '"\\u0041"', "123456789012345678901234567890"):
        body = '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"write"},"id":%s}' % id
        response = site.edge.request("POST", "/", [JSON, *site.key], body)
        assert response.status == 403 and '"id":%s,' % id in response.text.replace(": ", ":"), response.text


def test_what_the_protocol_says_of_fields(site):
    body = json.loads(message("tools/call", {"name": "read"}, version=MODERN))
    fields = [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/call"), ("Mcp-Name", "other")]
    assert error(site.edge.request("POST", "/", [*fields, *site.key], json.dumps(body))) == (400, -32020, 1)
    del body["params"]["_meta"]
    fields[2] = ("Mcp-Name", "read")
    assert error(site.edge.request("POST", "/", [*fields, *site.key], json.dumps(body))) == (400, -32602, 1)


@pytest.mark.parametrize("version", [None, MODERN])
def test_a_limit_is_told_as_a_tool_s_result(site, version):
    key = [("X-API-Key", site.store.key(verifier="sha256")["key"])]
    assert tool(site.edge, "rare", key, version).status == 200
    response = tool(site.edge, "rare", key, version, "again")
    body = response.json()
    assert (response.status, body["id"], body["result"]["isError"]) == (200, "again", True)
    assert body["result"].get("resultType") == ("complete" if version else None)
    assert "limit" in body["result"]["content"][0]["text"]
    # Of no tool, and of a tool that is called without an id, it is an error.
    assert call(site.edge, "prompts/get", {"name": "rare"}, headers=key, version=version).status == 200
    assert error(call(site.edge, "prompts/get", {"name": "rare"}, headers=key, version=version)) == (429, 429, 1)
    assert error(tool(site.edge, "rare", key, version, None)) == (429, 429, "none")


def test_login_as_a_tool_s_result(site):
    for headers in ([], site.key):
        body = tool(site.edge, "write", headers, target="/tool-errors").json()
        assert body["result"]["isError"] and body["result"]["_meta"]["mcp/www_authenticate"][0].startswith("Bearer ")


def test_clients_of_an_older_service(site):
    assert error(tool(site.edge, "read", target="/old")) == (401, -32001, None)
    assert error(tool(site.edge, "read", version=MODERN, target="/old")) == (401, -32001, None)


def test_another_format(site):
    assert tool(site.edge, "read", target="/plain").text == "a page"


def test_discovery_is_refused_in_few_ways(site):
    key = [("X-API-Key", site.store.key(verifier="sha256")["key"])]

    def ask(target="/discover", headers=(), body=None, fields=()):
        text = body or message("server/discover", version=MODERN)
        sent = [JSON, ("MCP-Protocol-Version", MODERN), ("Mcp-Method", "server/discover"), *fields, *headers]
        return site.edge.request("POST", target, sent, text)

    assert ask().status == 401
    assert ask(headers=key).status == 200
    limited = ask(headers=key)
    assert (limited.status, error(limited)[1]) == (503, 503) and int(limited.header("Retry-After")) > 1
    large = ask(headers=key, body=message("server/discover", {"x": "y" * 300}, version=MODERN))
    assert large.status == 503 and int(large.header("Retry-After")) >= 1
    assert ask(headers=[("X-API-Key", "a"), ("Authorization", "Bearer b")]).status == 401
    # The body isn't read for credentials that can't be right; without its field the request is wrong in any case.
    unsaid = [JSON, ("MCP-Protocol-Version", MODERN)]
    for keys in (key, [("X-API-Key", "a"), ("Authorization", "Bearer b")]):
        said = message("server/discover", version=MODERN)
        assert site.edge.request("POST", "/discover", [*unsaid, *keys], said).status == 400
    assert ask("/refused", site.key).status == 403
    assert ask(headers=key, body="[]").status == 400
    assert ask(headers=key, fields=[("Mcp-Method", "ping")]).status == 400


def test_these_answers_are_final(site):
    """error_page takes none of their places."""
    for response in (
        tool(site.edge, "read"),
        tool(site.edge, "write", site.key),
        site.edge.request("PUT", "/", site.key),
        site.edge.request("POST", "/", site.key, "[]"),
    ):
        assert "jsonrpc" in response.json()


def test_over_http_2_and_for_head(edge, store):
    e = edge(server="keyward on; location / { keyward_mcp on; proxy_pass @BACKEND@; }")
    with e.h2() as connection:
        assert error(tool(connection, "read", id=5)) == (401, -32001, 5)
        response = connection.request("HEAD", "/")
        assert (response.status, response.body) == (401, b"")
    response = e.request("HEAD", "/")
    assert (response.status, response.body) == (401, b"")
