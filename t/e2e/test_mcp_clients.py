"""MCP's official clients (TypeScript, v1 and v2, from npm) through keyward: in both eras, each against a server of its era.

They log in at a real authorization server (oidc-provider), whose tokens keyward verifies.
"""

import re
from collections import namedtuple

import pytest
from harness.edge import Ports
from harness.npm import Program, modules
from harness.person import Person
from harness.site import Site
from harness.tokens import bearer
from harness.wait import until

pytestmark = pytest.mark.xdist_group("mcp_clients")  # its programs start once

PUBLIC = "initialize,notifications/initialized,ping,server/discover,tools/list,prompts/list,resources/list"
TOOLS = """
keyward_tool list_*     scope=mcp:read;
keyward_tool get_*      scope=mcp:read;
keyward_tool generate_* scope=mcp:write limit=3r/m;
"""

HTTP = """
keyward_issuer login { jwks_uri @ISSUER@/jwks plain; issuer @ISSUER@; algorithms ES256; }
keyward_issuer renewing { jwks_uri @RENEWING@/jwks plain; issuer @RENEWING@; algorithms ES256; leeway 0s; }
keyward_plan quota limit=2r/m;
"""
SERVER = """
keyward_authorization_server @ISSUER@;
location /.well-known/oauth-protected-resource { keyward_metadata; }
"""
LOGIN = TOOLS + "keyward_accept key login; keyward_accept methods=GET key login anonymous;"
RENEWING = TOOLS + "keyward_accept key renewing; keyward_authorization_server @RENEWING@;"
# open: the start is public, and a tool's call asks for the login. closed: the start asks.
LOCATION = """
location = /@ERA/@NAME {
    keyward on;
    keyward_mcp on @PUBLIC;
    keyward_resource http://127.0.0.1:@PORT@/@ERA/@NAME scopes=mcp:read;
    @RULES
    proxy_pass http://127.0.0.1:@SERVER/mcp;
}
"""
LOCATIONS = {
    "open": (f"public={PUBLIC}", LOGIN),
    "closed": ("", LOGIN),
    "scarce": (f"public={PUBLIC}", LOGIN + "keyward_limit plan;"),
    "filtered": (f"public={PUBLIC} lists=filter", LOGIN + "keyward_rpc resources/read:test://static-* scope=mcp:read;"),
    "single": ("", LOGIN + "keyward_concurrency 1;"),
    "brief": ("", RENEWING),
    "renewed": ("", RENEWING),
}

Way = namedtuple("Way", "sdk era negotiation")
WAYS = {
    "v1": Way("v1", "legacy", None),
    "v2-legacy": Way("v2", "legacy", {"mode": "legacy"}),
    "v2-falls-back": Way("v2", "legacy", {"mode": "auto"}),  # the server doesn't know what it asks first
    "v2-auto": Way("v2", "modern", {"mode": "auto"}),
    "v2-pinned": Way("v2", "modern", {"mode": {"pin": "2026-07-28"}}),
}
VERSIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}


class Place(Site):
    """Servers of both eras, an authorization server, and an edge before them."""

    def __init__(self, build, folder):
        super().__init__(build)
        ports = Ports()
        port = ports.take()
        self.url = f"http://127.0.0.1:{port}"
        self.servers = {era: Program("mcp/server", folder) for era in VERSIONS}
        self.clients = Program("mcp/client", folder)
        self.authorization = Program("mcp/authorization", folder)
        resources = {
            f"{self.url}/{era}/{name}": 4 if name == "brief" else 3600 for era in VERSIONS for name in LOCATIONS
        }
        self.issuer = self.authorization("start", resources, "mcp:read mcp:write")["issuer"]
        # Whose clients get refresh tokens.
        self.renewing = Program("mcp/authorization", folder)
        self.renewing_issuer = self.renewing("start", resources, "mcp:read mcp:write", True)["issuer"]
        locations = ""
        for era, server in self.servers.items():
            mcp_port = str(server("start", era)["port"])
            for name, (public, rules) in LOCATIONS.items():
                words = {"@ERA": era, "@NAME": name, "@PUBLIC": public, "@RULES": rules, "@SERVER": mcp_port}
                locations += re.sub("|".join(words), lambda match: words[match[0]], LOCATION)
        self.ports = ports
        self.start(
            http=HTTP,
            server=SERVER + locations,
            ISSUER=self.issuer,
            RENEWING=self.renewing_issuer,
            PORT=port,
            workers=2,
        )

    def calls(self, era):
        """The tools that ran since this was last asked, and for whom: [(tool, subject)]."""
        asked = self.servers[era]("calls")["calls"]
        return [(call["tool"], call["headers"].get("x-keyward-subject")) for call in asked]

    def __exit__(self, *arguments):
        for program in (*self.servers.values(), self.clients, self.authorization, self.renewing):
            program.close()
        self.ports.close()
        super().__exit__(*arguments)


@pytest.fixture(scope="module")
def place(build):
    with Place(build, modules(build, "@modelcontextprotocol/client")) as place:
        yield place


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


class Client:
    """client("call", "tool") answers with what came of that; client.first is what came of the start."""

    def __init__(self, program, options):
        self._program = program
        self.first = program("start", options)

    def __call__(self, command, *words):
        return self._program(command, self.first["number"], *words)


@pytest.fixture
def client(place, way):
    """client("open", login=True): a client that has connected to that location, or tried to."""
    opened = []

    def make(location, **options):
        url = f"{place.url}/{way.era}/{location}"
        what = {"sdk": way.sdk, "url": url, "versionNegotiation": way.negotiation, **options}
        opened.append(Client(place.clients, what))
        return opened[-1]

    place.calls(way.era)
    yield make
    for one in opened:
        one("close")


def is_done(answer, text):
    return not answer.get("isError") and answer["content"] == [{"type": "text", "text": text}]


def log_in(client, answer, person):
    """As the host does: it sends the user to where the client says, and hands on what comes back."""
    assert answer["login"], answer
    finished = client("finish", person.approve(answer["login"]))
    assert "error" not in finished, finished


def statuses(client):
    """Of what it sent, as far as it waited for an answer."""
    return [request["status"] for request in client("requests")["requests"] if "status" in request]


def test_it_lists_without_a_login_where_that_is_public(client, way):
    anybody = client("open", login=True)
    assert anybody.first["version"] == VERSIONS[way.era]
    names = {tool["name"] for tool in anybody("tools")["tools"]}
    assert {"list_brand_profiles", "get_profile", "generate_video"} <= names
    assert 401 not in statuses(anybody)
    assert "login" not in anybody.first


def test_it_is_challenged_logs_in_and_steps_up(client, place, way):
    """The whole way: challenge, discovery, registration, PKCE, the call again; and again for another scope."""
    user = client("open", login=True)
    person = Person("alice")
    user("requests")
    answer = user("call", "list_brand_profiles")
    assert "content" not in answer
    requests = user("requests")["requests"]
    challenge = next(request["challenge"] for request in requests if request.get("status") == 401)
    resource = f"{place.url}/{way.era}/open"
    metadata = f"{place.url}/.well-known/oauth-protected-resource/{way.era}/open"
    assert f'resource_metadata="{metadata}"' in challenge and 'scope="mcp:read"' in challenge
    assert "error=" not in challenge  # RFC 6750: there was no credential
    asked = [(request["method"], request["url"].removeprefix(place.issuer)) for request in requests]
    assert ("GET", metadata) in asked and ("POST", "/reg") in asked
    assert f"resource={resource.replace(':', '%3A').replace('/', '%2F')}" in answer["login"]
    assert "code_challenge_method=S256" in answer["login"] and "scope=mcp%3Aread&" in answer["login"] + "&"
    assert place.calls(way.era) == []

    log_in(user, answer, person)
    assert user("scope")["scope"] == "mcp:read"
    assert is_done(user("call", "list_brand_profiles"), "two profiles")
    assert place.calls(way.era) == [("list_brand_profiles", "alice")]

    user("requests")
    answer = user("call", "generate_video")
    requests = user("requests")["requests"]
    challenge = next(request["challenge"] for request in requests if request.get("status") == 403)
    assert 'error="insufficient_scope"' in challenge
    assert set(re.search(r'\bscope="([^"]*)"', challenge)[1].split()) == {"mcp:read", "mcp:write"}
    assert place.calls(way.era) == []

    log_in(user, answer, person)
    assert set(user("scope")["scope"].split()) == {"mcp:read", "mcp:write"}
    assert is_done(user("call", "generate_video"), "a video")
    assert is_done(user("call", "list_brand_profiles"), "two profiles")
    assert place.calls(way.era) == [("generate_video", "alice"), ("list_brand_profiles", "alice")]


def test_it_logs_in_at_the_start_where_nothing_is_public(client, place, way):
    """v2 asks server/discover first: a 401 there is a login, and no sign of a server of the past."""
    user = client("closed", login=True)
    assert "version" not in user.first
    log_in(user, user.first, Person("bob"))
    assert user("reconnect")["version"] == VERSIONS[way.era]
    assert is_done(user("call", "get_profile"), "a profile")
    assert place.calls(way.era) == [("get_profile", "bob")]
    assert user("end") == {}


@pytest.mark.parametrize("field", ["Authorization", "X-API-Key"])
def test_it_calls_with_a_key(field, client, place, way):
    key = place.store.key(scope=["mcp:read", "mcp:write"], subject="acme")["key"]
    for location in ("open", "closed"):
        agent = client(location, headers=bearer(key) if field == "Authorization" else {field: key})
        assert agent.first["version"] == VERSIONS[way.era]
        assert is_done(agent("call", "list_brand_profiles"), "two profiles")
        assert agent("read", "test://static-text")["contents"][0]["text"].startswith("This is the content")
        assert agent("prompt", "test_simple_prompt", {})["messages"]
        assert agent("end") == {}
        first, *rest = statuses(agent)
        assert first == (400 if way == WAYS["v2-falls-back"] else 200) and set(rest) <= {200, 202}
    assert set(place.calls(way.era)) == {("list_brand_profiles", "acme")}


def test_a_key_that_is_wrong_or_revoked_is_told_so(client, place, way):
    key = place.store.key(scope="mcp:read")
    agent = client("open", headers=bearer(key["key"]))
    assert is_done(agent("call", "list_brand_profiles"), "two profiles")
    place.store.kw("key", "revoke", key["id"])
    answer = agent("call", "list_brand_profiles")
    assert 401 in (answer["error"].get("code"), answer["error"].get("status"))
    # A bad credential is refused even where none is needed.
    assert "error" in agent("tools")
    assert "error" in client("open", headers=bearer("kw_wrong")).first
    assert len(place.calls(way.era)) == 1


def test_a_key_without_the_scope_is_told_which_it_lacks(client, place, way):
    agent = client("open", headers=bearer(place.store.key(scope="mcp:read")["key"]))
    answer = agent("call", "generate_video")
    # v2 has an error of its own for it.
    assert answer["error"].get("code") == 403 or "mcp:write" in answer["error"]["requiredScope"].split()
    request = next(request for request in agent("requests")["requests"] if request.get("status") == 403)
    assert "mcp:write" in request["challenge"]
    assert place.calls(way.era) == []


def test_a_limit_is_a_result_that_a_model_can_read(client, place, way):
    agent = client("open", headers=bearer(place.store.key(scope=["mcp:read", "mcp:write"])["key"]))
    for _ in range(3):
        assert is_done(agent("call", "generate_video"), "a video")
    for tool in ("generate_video", "generate_image"):  # one rule, one count
        answer = agent("call", tool)
        assert answer["isError"] is True
        (content,) = answer["content"]
        assert content["type"] == "text"
        assert "rate limit exceeded" in content["text"] and tool in content["text"]
        assert 1 <= int(re.search(r"Wait (\d+) seconds?", content["text"])[1]) <= 60
        assert "_meta" not in answer
    assert is_done(agent("call", "get_profile"), "a profile")
    assert [tool for tool, _ in place.calls(way.era)] == 3 * ["generate_video"] + ["get_profile"]


def test_who_may_start_nothing_more_is_no_client_of_the_past(client, place, way):
    """A refused server/discover must not make v2 take the server for one of 2025: 503, after which it doesn't fall back."""
    key = bearer(place.store.key(plan="quota", scope=["mcp:read"])["key"])
    with place.edge.connect() as connection:
        for _ in range(2):
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
            target = f"/{way.era}/scarce"
            assert connection.request("POST", target, key, str(call).replace("'", '"')).status < 500
    agent = client("scarce", headers=key)
    assert "error" in agent.first
    assert statuses(agent) == ([503] if way.negotiation and way.negotiation["mode"] != "legacy" else [429])


def test_an_access_token_that_has_ended_is_renewed_by_the_client(client, place, way):
    user = client("brief", login=True)
    log_in(user, user.first, Person("carol"))
    assert user("reconnect")["version"] == VERSIONS[way.era]
    asked = []

    def renewed():
        assert is_done(user("call", "get_profile"), "a profile")
        asked.extend(user("requests")["requests"])
        return [request["url"] for request in asked].count(place.renewing_issuer + "/token") >= 2

    until(renewed, what="the renewal")
    assert any('error="invalid_token"' in (request.get("challenge") or "") for request in asked)
    assert {subject for _, subject in place.calls(way.era)} == {"carol"}


def test_stepping_up_with_a_refresh_token_needs_a_client_that_asks_anew(client, place, way):
    """A refresh token brings no new scope. v2 knows; v1 renews what it has, is refused again, and gives up: docs/mcp.md says so."""
    user = client("renewed", login=True)
    person = Person("dave")
    log_in(user, user.first, person)
    user("reconnect")
    answer = user("call", "generate_video")
    if way.sdk == "v1":
        assert answer["error"].get("code") == 403 and "login" not in answer, (answer, user("requests"))
    else:
        log_in(user, answer, person)
        assert is_done(user("call", "generate_video"), "a video")


def test_a_stream_tells_of_changes_at_once_and_takes_nobodys_place(client, place, way):
    """The server's own messages: on a GET stream in 2025's way, on a long POST in 2026's. Calls go on beside it, one at a time."""
    agent = client("single", headers=bearer(place.store.key(scope="mcp:read")["key"]))
    if way.era == "modern":
        assert agent("listen") == {}

    def told():
        place.servers[way.era]("change")
        assert is_done(agent("call", "get_profile"), "a profile")
        return agent("changes")["count"] > 0

    until(told, what="the change")


def test_what_a_caller_could_not_call_is_not_in_its_list(client, place, way):
    everything = {tool["name"] for tool in client("filtered")("tools")["tools"]}
    reader = client("filtered", headers=bearer(place.store.key(scope="mcp:read")["key"]))
    writer = client("filtered", headers=bearer(place.store.key(scope="mcp:write")["key"]))
    readable = {tool["name"] for tool in reader("tools")["tools"]}
    writable = {tool["name"] for tool in writer("tools")["tools"]}
    assert readable == {"list_brand_profiles", "get_profile"}
    assert writable == {"generate_video", "generate_image"}
    # Nobody's list has what some login could call, and what none could is in no list.
    assert everything == readable | writable
    for tool in readable:
        assert "isError" not in reader("call", tool) and "error" in writer("call", tool)
    assert reader("read", "test://static-text")["contents"]
    assert "error" in reader("read", "test://watched-resource")
