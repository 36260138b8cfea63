"""Messages changed at random against MCP's official servers of both eras: whatever these run, its caller was allowed to.

A caller has a key that may read, or none. What it may not do must not happen, however the message and its fields are written.
"""

import base64
import json
import random
from collections import Counter

import pytest
from harness.client import Closed
from harness.mcp import LEGACY, MODERN
from harness.npm import Program, modules
from harness.thorough import THOROUGH, thorough

SERVER = """
location = /@ERA {
    keyward on;
    keyward_mcp on public=initialize,notifications/initialized,ping,server/discover,tools/list;
    keyward_accept key;
    keyward_tool get_*      scope=mcp:read;
    keyward_tool list_*     scope=mcp:read;
    keyward_tool generate_* scope=mcp:write;
    keyward_rpc resources/read:test://static-text   scope=mcp:read;
    keyward_rpc resources/read:test://static-binary scope=mcp:write;
    proxy_pass http://127.0.0.1:@SERVER/mcp;
}
"""
ALLOWED = {"get_profile", "list_brand_profiles"}
TOOLS = [*ALLOWED, *ALLOWED, "generate_video", "generate_video", "generate_image", "Generate_video", "generate_video "]
METHODS = [
    "tools/list",
    "ping",
    "initialize",
    "resources/read",
    "notifications/initialized",
    "tools/Call",
    "tools/call ",
]
URIS = ["test://static-text", "test://static-binary", "test://static%2dbinary", "TEST://static-binary"]
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "x", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
BINARY = b'"blob":'  # what only the binary resource has


class Mutations:
    """One message at a time: most are changed in one place or in none."""

    def __init__(self, seed, era):
        self._random = random.Random(f"{seed} {era}")
        self._era = era

    def _one_in(self, n):
        return self._random.randrange(n) == 0

    def _escaped(self, text):
        return "".join(f"\\u{ord(c):04x}" if self._one_in(3) else c for c in text)

    def _name(self, text):
        """A member's name, in some spelling."""
        if not self._one_in(8):
            return json.dumps(text)
        spellings = [
            f'"{self._escaped(text)}"',
            json.dumps("".join(c.upper() if self._one_in(3) else c for c in text)),
            json.dumps(text.replace("s", "ſ").replace("k", "\u212a"), ensure_ascii=self._one_in(2)),
            json.dumps(text + "\0"),
            json.dumps(f" {text}"),
        ]
        return self._random.choice(spellings)

    def _text(self, value):
        return f'"{self._escaped(value)}"' if self._one_in(4) else json.dumps(value)

    def _object(self, members):
        if self._one_in(4):
            self._random.shuffle(members)
        space = self._random.choice(["", "", " ", "\n", "\t", "\r\n"])
        return "{" + ",".join(f"{space}{name}{space}:{space}{value}{space}" for name, value in members) + "}"

    def _params(self, method, tool):
        members = [(self._name("name"), self._text(tool)), ('"arguments"', self._random.choice(["{}", "{}", "null"]))]
        if self._one_in(20):
            members.append((self._name("name"), self._text(self._random.choice(TOOLS))))
        if method == "resources/read":
            members.append((self._name("uri"), self._text(self._random.choice(URIS))))
        if (self._era == "modern") != self._one_in(20):
            members.append((self._name("_meta"), json.dumps(META)))
        return self._object(members)

    def _body(self, method, tool):
        members = [
            ('"jsonrpc"', '"2.0"'),
            (self._name("method"), self._text(method)),
            (self._name("params"), self._params(method, tool)),
        ]
        if not self._one_in(10):
            members.append(('"id"', self._random.choice([*["1", '"a"'] * 10, "null", "1.0", "[1]"])))
        if self._one_in(20):
            members.append((self._name("method"), self._text(self._random.choice(["tools/call", *METHODS]))))
        if self._one_in(25):
            members.append((self._name("params"), self._params("tools/call", "generate_video")))
        text = self._object(members)
        if self._one_in(15):
            others = [f"[{text}]", text + text, f"/**/{text}", f"{text[:-1]},}}", f"\ufeff{text}"]
            text = self._random.choice(others)
        charset = self._random.choice(["utf-16", "utf-7"]) if self._one_in(50) else "utf-8"
        return text.encode(charset)

    def _fields(self, method, tool):
        types = ["application/JSON", "text/plain", "application/json; charset=utf-16", "application/x-json", ""]
        fields = [("Accept", "application/json, text/event-stream")]
        fields.append(("Content-Type", self._random.choice(types) if self._one_in(20) else "application/json"))
        if (self._era == "modern") == self._one_in(20):
            return [*fields, ("MCP-Protocol-Version", self._random.choice([LEGACY, "2025-03-26", "2024-11-05"]))]
        version = self._random.choice([LEGACY, "2027-01-01", f"{MODERN},{LEGACY}"]) if self._one_in(20) else MODERN
        named = self._random.choice(TOOLS) if self._one_in(15) else tool
        if self._one_in(4):
            named = f"=?base64?{base64.b64encode(named.encode()).decode()}?="
        fields += [("MCP-Protocol-Version", version), ("Mcp-Name", named)]
        fields.append(("Mcp-Method", self._random.choice(METHODS) if self._one_in(15) else method))
        if self._one_in(40):
            fields.append((self._random.choice(["Mcp-Name", "Mcp_Name"]), "get_profile"))
        return fields

    def next(self):
        """(header fields, body, whether with the key)."""
        method = self._random.choice(METHODS) if self._one_in(4) else "tools/call"
        tool = self._random.choice(TOOLS)
        return self._fields(method, tool), self._body(method, tool), not self._one_in(4)


@pytest.fixture
def servers(build):
    servers = {
        era: Program("mcp/server", modules(build, "@modelcontextprotocol/server")) for era in ("legacy", "modern")
    }
    yield servers
    for server in servers.values():
        server.close()


def session(edge, key):
    """The server of the past wants one."""
    params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    start = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **key}
    return edge.request("POST", "/legacy", fields, json.dumps(start)).header("Mcp-Session-Id")


@thorough(600)
def test_whatever_official_servers_run_was_allowed(edge, store, servers):
    seed = random.randrange(10**9)
    ports = {era: str(server("start", era)["port"]) for era, server in servers.items()}
    e = edge(server="".join(SERVER.replace("@ERA", era).replace("@SERVER", ports[era]) for era in ports))
    key = {"Authorization": f"Bearer {store.key(scope='mcp:read', verifier='sha256')['key']}"}
    own = {"legacy": {"Mcp-Session-Id": session(e, key)}, "modern": {}}
    statuses, ran = Counter(), Counter()
    for era, server in servers.items():
        mutations = Mutations(seed, era)
        connection = e.connect()
        for n in range(20000 if THOROUGH else 1000):
            fields, body, has_key = mutations.next()
            sent = f"seed {seed}, message {n} in {era}: {fields} {body}"
            try:
                response = connection.request(
                    "POST", f"/{era}", [*fields, *own[era].items(), *(key.items() if has_key else ())], body
                )
            except Closed:
                response = None
            if response is None or response.header("Connection") == "close":
                connection.close()
                connection = e.connect()
            statuses[response and response.status] += 1
            calls = server("calls")["calls"]
            assert {call["tool"] for call in calls} <= (ALLOWED if has_key else set()), sent
            assert all(call["headers"].get("x-keyward-kind") == "key" for call in calls), sent
            assert response is None or BINARY not in response.body, sent
            ran.update(call["tool"] for call in calls)
        connection.close()
    # They were no nonsense alone: many ran, and each kind of refusal was there.
    assert min(ran[tool] for tool in ALLOWED) > 20, (statuses, ran)
    assert min(statuses[status] for status in (200, 400, 401, 403)) > 20, statuses
    assert set(statuses) <= {200, 202, 400, 401, 403, 404, 406, 415, None}, statuses
