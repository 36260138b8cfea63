"""keyward_rpc and keyward_tool: every rule that matches holds, on top of the location's own; all or none is charged."""

import json

import pytest
from harness.mcp import LEGACY, MODERN, call, tool

SERVER = """
add_header X-Reason $keyward_reason always;
keyward on;
keyward_limit_headers off;
keyward_errors json;
location / { keyward_mcp on; %s proxy_pass @BACKEND@; }
"""


@pytest.fixture
def mcp(edge, store, backend):
    """mcp(rules) starts an edge with these rules; .key(scope) makes a key; .ask(...) answers (status, reason)."""

    class Mcp:
        def start(self, rules, http="", server=None):
            self.edge = edge(http=http, server=server or SERVER % rules)
            return self

        @staticmethod
        def key(*scope, **more):
            return [("X-API-Key", store.key(scope=list(scope), verifier="sha256", **more)["key"])]

        def tool(self, name, key=(), version=None, target="/", **arguments):
            return self.told(tool(self.edge, name, key, version, target=target, **arguments))

        def call(self, method, params=None, key=(), version=None, target="/", **more):
            return self.told(call(self.edge, method, params, headers=key, version=version, target=target, **more))

        @staticmethod
        def told(response):
            return response.status, response.header("X-Reason") or ""

    return Mcp()


ADMITTED = (200, "")


def test_every_rule_that_matches_holds(mcp):
    m = mcp.start("keyward_tool files_* scope=files:read; keyward_tool *_write scope=files:write;")
    both, one = m.key("files:read", "files:write"), m.key("files:write")
    assert m.tool("files_write", both) == ADMITTED
    assert m.tool("files_write", one) == (403, "insufficient_scope")
    assert m.tool("other_write", one) == ADMITTED
    # A name of a method with scopes that no rule is about.
    assert m.tool("other", both) == (403, "insufficient_scope")
    # A method without rules that the protocol knows, and one that it doesn't.
    assert m.call("prompts/get", {"name": "x"}, one) == ADMITTED
    assert m.call("tools/list", key=one) == ADMITTED
    assert m.call("vendor/anything", key=both) == (403, "insufficient_scope")


def test_a_challenge_names_all_scopes_that_the_call_needs(mcp):
    m = mcp.start("keyward_scope api:use; keyward_tool a scope=x:one,x:two; keyward_tool a* scope=x:three;")
    response = tool(m.edge, "a", m.key("x:one"))
    assert response.status == 403
    challenge = response.header("WWW-Authenticate")
    scope = challenge.split('scope="')[1].split('"')[0].split()
    assert sorted(scope) == ["api:use", "x:one", "x:three", "x:two"]


def test_the_location_s_own_scopes_hold_too(mcp):
    m = mcp.start("keyward_scope api:use; keyward_tool a scope=x:y; keyward_rpc ping public;")
    assert m.tool("a", m.key("x:y")) == (403, "insufficient_scope")
    assert m.tool("a", m.key("x:y", "api:use")) == ADMITTED
    assert m.call("ping", key=m.key("api:use")) == ADMITTED
    assert m.call("ping") == (401, "missing_credential")


def test_scopes_of_methods_of_http_that_are_not_this_one_open_nothing(mcp):
    m = mcp.start("keyward_scope methods=GET api:read; keyward_tool a scope=x:y;")
    assert m.tool("a", m.key("x:y")) == (403, "method_not_covered")


def test_default_is_for_what_no_other_rule_matches(mcp):
    m = mcp.start("keyward_tool a; keyward_rpc ping public; keyward_rpc default scope=rest:all;")
    rest, none = m.key("rest:all"), m.key("other")
    assert m.tool("a", none) == ADMITTED
    assert m.tool("b", none) == (403, "insufficient_scope")
    assert m.tool("b", rest) == ADMITTED
    # `default` names no method, so that those that the protocol doesn't know stay closed.
    assert m.call("vendor/anything", key=rest) == (403, "insufficient_scope")
    assert m.call("ping") == ADMITTED


def test_refuse(mcp):
    m = mcp.start("keyward_tool danger* refuse; keyward_rpc logging/* refuse;")
    key = m.key("*")
    assert m.tool("danger_zone", key) == (403, "not_accepted")
    assert m.tool("danger_zone") == (401, "missing_credential")
    assert m.call("logging/setLevel", {"level": "info"}, key) == (403, "not_accepted")
    assert m.tool("safe", key) == ADMITTED


def test_public(mcp):
    m = mcp.start(
        "keyward_tool open public; keyward_tool op* scope=x:y; keyward_tool free public; keyward_rpc tools/list public;"
    )
    assert m.tool("free") == ADMITTED
    assert m.tool("open") == (401, "missing_credential")
    assert m.call("tools/list") == ADMITTED
    assert m.call("tools/list", key=[("X-API-Key", "kw_" + "0" * 49)]) == (401, "invalid_key")
    assert m.call("tools/list", key=[("X-API-Key", "nonsense")]) == (401, "invalid_key")
    assert m.call("tools/list", key=[("X-API-Key", "a"), ("Authorization", "Bearer b")]) == (400, "invalid_request")


def test_anonymous_opens_get_and_no_post(mcp, backend):
    m = mcp.start("keyward_accept key anonymous;")
    assert m.call("ping") == (401, "missing_credential")
    for method, headers, expected in [
        ("GET", [], 200),
        ("HEAD", [], 200),
        ("DELETE", [], 401),
        ("GET", [("Mcp-Session-Id", "x")], 405),
        ("GET", [("Last-Event-ID", "x")], 405),
        ("HEAD", [("Mcp-Session-Id", "x")], 405),
        ("DELETE", [("Mcp-Session-Id", "x")], 401),
        ("GET", [*m.key("a"), ("Mcp-Session-Id", "x")], 200),
        ("DELETE", [*m.key("a"), ("Mcp-Session-Id", "x")], 200),
    ]:
        assert m.edge.request(method, "/", headers).status == expected, (method, headers)


def test_without_anonymous_a_get_needs_a_credential(mcp):
    m = mcp.start("")
    assert m.told(m.edge.get("/")) == (401, "missing_credential")
    assert m.told(m.edge.get("/", [("Mcp-Session-Id", "x")])) == (401, "missing_credential")


# --- limits --------------------------------------------------------------------------------------------------------------


def test_limits_of_rules_add_up_and_all_or_none_is_charged(mcp):
    m = mcp.start("keyward_limit 5r/h; keyward_tool a* limit=3r/h; keyward_tool ab limit=1r/h;")
    key = m.key("x")
    assert m.tool("ab", key) == ADMITTED
    for _ in range(3):
        assert m.tool("ab", key) == (429, "rate_limited")
    # What was refused took nothing: two are left of three, and four of five.
    assert [m.tool("ac", key)[0] for _ in range(3)] == [200, 200, 429]
    assert [m.call("ping", key=key)[0] for _ in range(3)] == [200, 200, 429]
    other = m.key("x")
    assert m.tool("ab", other) == ADMITTED


def test_a_call_without_an_id_is_charged_like_any_other(mcp):
    m = mcp.start("keyward_tool a limit=2r/h;")
    key = m.key("x")
    for expected in (200, 200, 429):
        assert m.call("tools/call", {"name": "a"}, key, id=None)[0] == expected
    assert m.tool("a", key) == (429, "rate_limited")


def test_by_tool_counts_a_principal_for_each_rule(mcp):
    m = mcp.start("keyward_limit 2r/h by=tool; keyward_tool gen_*; keyward_tool list; keyward_rpc prompts/get:p*;")
    one, other = m.key("x"), m.key("x")
    assert [m.tool(name, one)[0] for name in ("gen_a", "gen_b", "gen_c")] == [200, 200, 429]
    assert [m.tool("list", one)[0] for _ in range(3)] == [200, 200, 429]
    # Tools that no rule is about are counted together; what is no tool, and has no rule, isn't counted.
    assert [m.tool(name, one)[0] for name in ("x", "y", "z")] == [200, 200, 429]
    assert [m.call("prompts/get", {"name": name}, one)[0] for name in ("p", "pq", "pp")] == [200, 200, 429]
    assert [m.call("ping", key=one)[0] for _ in range(4)] == [200] * 4
    assert m.tool("gen_a", other) == ADMITTED


def test_by_repeat_finds_the_same_call_again(mcp):
    m = mcp.start("keyward_limit 2r/h by=repeat;")
    key = m.key("x")

    def ask(method, params, **more):
        return m.call(method, params, key, **more)[0]

    same = {"name": "a", "arguments": {"q": 1}}
    assert [ask("tools/call", same, id=n) for n in range(3)] == [200, 200, 429]
    assert m.call("tools/call", same, key) == (429, "repeated_request")
    assert ask("tools/call", {**same, "_meta": {"progressToken": 7}}) == 429
    assert ask("tools/call", {"name": "a", "arguments": {"q": 2}}) == 200
    assert ask("tools/call", {"name": "b", "arguments": {"q": 1}}) == 200
    # The same params of another method, the same call continued, and what clients ask again and again.
    assert ask("prompts/get", same) == 200
    continued = {**same, "requestState": "s", "inputResponses": {}}
    assert [ask("tools/call", continued) for _ in range(4)] == [200] * 4
    for method, params in [("ping", None), ("tools/list", None), ("tasks/get", {"taskId": "t"})]:
        assert [ask(method, params) for _ in range(4)] == [200] * 4
    assert [ask("resources/read", {"uri": "a:b"}) for _ in range(3)] == [200, 200, 429]
    assert m.tool("a", m.key("x"), q=1) == ADMITTED


def test_streams_take_no_place_of_requests_at_once(mcp, backend):
    import threading

    gate = threading.Event()
    backend.on("/held", gate=gate)
    m = mcp.start(
        "",
        server="""
        add_header X-Reason $keyward_reason always;
        keyward on;
        keyward_concurrency 1;
        location / { keyward_mcp on; proxy_pass @BACKEND@; }
        """,
    )
    key = m.key("x")
    stack = []
    try:

        def hold(request):
            thread = threading.Thread(target=request)
            thread.start()
            stack.append(thread)
            backend.wait_requests(len(stack), "/held")

        hold(lambda: m.edge.get("/held", key))
        hold(lambda: m.call("subscriptions/listen", {"notifications": {}}, key, MODERN, target="/held"))
        assert m.call("ping", key=key) == ADMITTED
        hold(lambda: m.call("ping", key=key, target="/held"))
        assert m.call("ping", key=key) == (429, "too_many_concurrent")
        assert m.edge.get("/", key).status == 200
    finally:
        gate.set()
        for thread in stack:
            thread.join()


def test_by_variable(mcp):
    m = mcp.start('keyward_limit 1r/h "by=$keyward_mcp_method $keyward_mcp_tool";')
    key = m.key("x")
    assert m.tool("a", key) == ADMITTED
    assert m.tool("a", key) == (429, "rate_limited")
    assert m.tool("b", key) == ADMITTED
    assert m.call("ping", key=key) == ADMITTED


def test_scopes_may_hold_the_name_of_the_tool(mcp):
    m = mcp.start("keyward_scope tool:$keyward_mcp_tool;")
    assert m.tool("a", m.key("tool:a")) == ADMITTED
    assert m.tool("b", m.key("tool:a")) == (403, "insufficient_scope")
    assert m.tool('b" x', m.key("tool:a")) == (403, "insufficient_scope")


def test_a_rule_s_counts_outlive_a_reload(mcp):
    m = mcp.start("keyward_tool z; keyward_tool a limit=1r/h;")
    key = m.key("x")
    assert m.tool("a", key) == ADMITTED
    m.edge.reload(server=SERVER % "keyward_tool a limit=1r/h; keyward_tool y;")
    assert m.tool("a", key) == (429, "rate_limited")


def test_rules_are_inherited_whole_or_replaced_whole(mcp):
    m = mcp.start(
        "",
        server="""
        add_header X-Reason $keyward_reason always;
        keyward on;
        keyward_mcp on public=ping;
        keyward_tool a scope=a:a;
        keyward_tool b refuse;
        location / { proxy_pass @BACKEND@; }
        location /own { keyward_tool c scope=c:c; proxy_pass @BACKEND@; }
        location /off { keyward_mcp off; proxy_pass @BACKEND@; }
        location /bare { keyward_mcp on; proxy_pass @BACKEND@; }
        """,
    )
    key = m.key("x:y")
    assert m.tool("a", key) == (403, "insufficient_scope")
    assert m.tool("b", key) == (403, "not_accepted")
    assert m.tool("c", key, target="/own") == (403, "insufficient_scope")
    assert m.tool("b", m.key("c:c"), target="/own") == (403, "insufficient_scope")
    assert m.tool("b", key, target="/off") == ADMITTED
    assert m.edge.request("POST", "/off", key, "[]").status == 200
    assert m.call("ping") == ADMITTED
    assert m.call("ping", target="/bare") == (401, "missing_credential")
    assert m.tool("b", key, target="/bare") == (403, "not_accepted")


def test_one_message_may_not_ask_for_more_than_can_be_counted(mcp):
    rules = "".join(f"keyward_rpc resources/read:a:{n} limit=100r/h;" for n in range(60))
    m = mcp.start(rules)
    key = m.key("x")

    def listen(count):
        uris = [f"a:{n}" for n in range(count)]
        return m.call("subscriptions/listen", {"notifications": {"resourceSubscriptions": uris}}, key, MODERN)

    assert listen(30) == ADMITTED
    assert listen(60) == (400, "invalid_message")


# --- the two eras --------------------------------------------------------------------------------------------------------


def test_the_modern_era_demands_its_fields(mcp):
    m = mcp.start("")
    key = m.key("x")
    for version in (LEGACY, "2025-03-26", MODERN, "2027-01-01"):
        assert m.tool("a", key, version) == ADMITTED
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}'
    good = [("MCP-Protocol-Version", MODERN), ("Mcp-Method", "tools/call"), ("Mcp-Name", "a")]

    def ask(headers, text=body):
        return m.told(m.edge.request("POST", "/", [*headers, *key], text))

    assert ask(good) == ADMITTED
    assert ask([*good[:2], ("Mcp-Name", "=?base64?YQ==?=")]) == ADMITTED
    for missing in range(3):
        assert ask(good[:missing] + good[missing + 1 :]) == (400, "invalid_message")
        assert ask([*good, good[missing]]) == (400, "invalid_message")
    other = [("MCP-Protocol-Version", "2026-08-01"), ("Mcp-Method", "ping"), ("Mcp-Name", "A")]
    for wrong in range(3):
        assert ask(good[:wrong] + [other[wrong]] + good[wrong + 1 :]) == (400, "invalid_message")
    assert ask(good, body.replace("2026-07-28", "2026-09-09")) == (400, "invalid_message")
    assert ask(good, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a"}})) == (
        400,
        "invalid_message",
    )
    # A notification needs none of it but its version.
    note = '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'
    assert ask([("MCP-Protocol-Version", MODERN)], note) == ADMITTED
    assert ask([("MCP-Protocol-Version", MODERN), ("Mcp-Method", "ping")], note) == (400, "invalid_message")
