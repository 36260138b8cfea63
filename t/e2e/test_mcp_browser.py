"""MCP from a page of another origin, in a real Chromium: preflights, a refusal that it can read, a call; and origins that see nothing."""

import json

import pytest
from harness.browser import Page
from harness.tokens import bearer

LOCATION = """
keyward_authorization_server https://login.example.com;
location /.well-known/oauth-protected-resource { keyward_metadata; }
location = /mcp {
    keyward on;
    keyward_mcp on public=initialize,tools/list origins=@ORIGIN@;
    keyward_accept key;
    keyward_resource http://127.0.0.1:@PORT@/mcp scopes=mcp:read;
    keyward_tool list_* scope=mcp:read limit=1r/m;
    proxy_pass @BACKEND@;
}
"""
TYPE = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@pytest.fixture
def page(make_backend, tmp_path):
    return Page(make_backend(), tmp_path / "profile")


@pytest.fixture
def mcp(edge, backend, page):
    """mcp(): an edge that the page's origin may ask, or mcp("https://...") another alone."""
    backend.on(
        "*", 200, {"Content-Type": "application/json", "Mcp-Session-Id": "s1"}, '{"jsonrpc":"2.0","id":1,"result":{}}'
    )
    return lambda origin=None: edge(server=LOCATION, ORIGIN=origin or page.origin)


def post(e, message, **headers):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, **message})
    return {"url": e.url("/mcp"), "method": "POST", "headers": {**TYPE, **headers}, "body": body}


def call(e, **headers):
    return post(e, {"method": "tools/call", "params": {"name": "list_all", "arguments": {}}}, **headers)


def test_a_page_of_an_allowed_origin_reads_refusals_and_calls(mcp, page, store, backend):
    e = mcp()
    key = bearer(store.key(scope="mcp:read")["key"])
    version = {"MCP-Protocol-Version": "2025-11-25"}
    start, missing, wrong, good, limited, metadata, stream = page.fetch(
        post(e, {"method": "initialize", "params": {}}),
        call(e),
        call(e, **bearer("kw_wrong")),
        call(e, **key, **version),
        call(e, **key, **version),
        {"url": e.url("/.well-known/oauth-protected-resource/mcp"), "headers": {"MCP-Protocol-Version": "2025-11-25"}},
        {"url": e.url("/mcp"), "headers": {"Accept": "text/event-stream"}},
    )
    assert start["status"] == 200 and start["headers"]["mcp-session-id"] == "s1"
    for refused in (missing, wrong):
        assert refused["status"] == 401
        assert 'resource_metadata="' in refused["headers"]["www-authenticate"]
        assert json.loads(refused["body"])["error"]["code"] == -32001
    assert good["status"] == 200 and good["headers"]["x-ratelimit-limit"] == "1"
    assert json.loads(limited["body"])["result"]["isError"] is True
    assert limited["headers"]["retry-after"]
    assert json.loads(metadata["body"])["authorization_servers"] == ["https://login.example.com"]
    assert stream["status"] == 401
    # The preflights were keyward's to answer.
    assert [request.method for request in backend.requests] == ["POST", "POST"]


def test_a_page_of_another_origin_sees_nothing_and_does_nothing(mcp, page, store, backend):
    e = mcp("https://inspector.example.com")
    key = bearer(store.key(scope="mcp:read")["key"])
    plain = call(e)
    plain["headers"] = {"Content-Type": "text/plain"}  # no preflight: it is sent as it is
    for seen in page.fetch(post(e, {"method": "initialize", "params": {}}), call(e, **key), plain):
        assert "error" in seen
    e.wait_log("keyward refused: origin_refused")
    assert backend.count() == 0
