"""Protected resources (RFC 9728): what challenges name, the document that they lead to, and whom tokens are for."""

import pytest
from harness.client import Connection
from harness.tokens import Signer

RESOURCE = "http://127.0.0.1:@PORT@/mcp"
WELL_KNOWN = "/.well-known/oauth-protected-resource"


@pytest.fixture
def guarded(edge):
    return edge(
        server=f"""
            keyward on;
            keyward_realm "Files";
            keyward_resource {RESOURCE} scopes=files:read,files:list;
            keyward_authorization_server https://as.example https://other.example/tenant;
            location {WELL_KNOWN} {{ keyward_metadata; }}
            location = /custom {{ keyward_metadata; }}
            location / {{ keyward_scope files:write; proxy_pass @BACKEND@; }}
            location /api {{ keyward_resource http://localhost/api; proxy_pass @BACKEND@; }}
        """
    )


def origin(e):
    return f"http://127.0.0.1:{e.value('PORT')}"


def test_challenges_point_to_the_metadata(guarded, store):
    e = guarded
    metadata = f'resource_metadata="{origin(e)}{WELL_KNOWN}/mcp"'
    first = e.get("/mcp").header("WWW-Authenticate")
    assert first == f'Bearer realm="Files", {metadata}, scope="files:read files:list"'
    bad = e.get("/mcp", {"X-API-Key": "kw_x"}).header("WWW-Authenticate")
    expected = f'Bearer realm="Files", {metadata}, error="invalid_token", '
    assert bad == expected + 'error_description="invalid or inactive API key"'
    key = store.key(verifier="sha256", scope=["files:read", "offline_access"])["key"]
    lacking = e.get("/mcp", {"X-API-Key": key}).header("WWW-Authenticate")
    assert metadata in lacking and 'scope="files:read files:write"' in lacking
    assert "offline_access" not in lacking
    # Another one, without scopes.
    assert e.get("/api/x").header("WWW-Authenticate") == (
        f'Bearer realm="Files", resource_metadata="http://localhost{WELL_KNOWN}/api"'
    )


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_the_document(guarded, protocol, backend):
    e = guarded
    with e.h2() if protocol == "HTTP/2" else e.connect() as connection:
        response = connection.request("GET", f"{WELL_KNOWN}/mcp", {"Origin": "https://anywhere.example"})
        assert response.status == 200
        assert response.header("Content-Type") == "application/json"
        assert response.header("Access-Control-Allow-Origin") == "*"
        assert response.json() == {
            "resource": f"{origin(e)}/mcp",
            "authorization_servers": ["https://as.example", "https://other.example/tenant"],
            "scopes_supported": ["files:read", "files:list"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Files",
        }
        head = connection.request("HEAD", f"{WELL_KNOWN}/mcp")
        assert (head.status, head.body, head.header("Content-Length")) == (200, b"", str(len(response.body)))
        # The root is for the one that holds there; other paths for whatever has that path.
        assert connection.request("GET", WELL_KNOWN).json() == response.json()
        assert connection.request("GET", "/custom").json() == response.json()
        assert connection.request("GET", f"{WELL_KNOWN}/api").json()["resource"] == "http://localhost/api"
        for path in (f"{WELL_KNOWN}/", f"{WELL_KNOWN}/mcp/", f"{WELL_KNOWN}/other", f"{WELL_KNOWN}x"):
            missing = connection.request("GET", path)
            assert missing.status == 404
            assert missing.header("Access-Control-Allow-Origin") == "*"
    assert backend.requests == []


def test_a_preflight_is_answered(guarded):
    sent = {
        "Origin": "https://anywhere.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "mcp-protocol-version, x-other",
    }
    response = guarded.request("OPTIONS", f"{WELL_KNOWN}/mcp", sent)
    assert (response.status, response.body) == (204, b"")
    assert response.header("Access-Control-Allow-Origin") == "*"
    assert response.header("Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS"
    assert response.header("Access-Control-Allow-Headers") == "mcp-protocol-version, x-other"
    assert response.header("Vary") == "Access-Control-Request-Headers"
    assert guarded.request("OPTIONS", f"{WELL_KNOWN}/mcp").header("Allow") == "GET, HEAD, OPTIONS"


def test_nothing_else_is_answered(guarded):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        response = guarded.request(method, f"{WELL_KNOWN}/mcp", body=b"{}")
        assert response.status == 405
        assert response.header("Allow") == "GET, HEAD, OPTIONS"
        assert response.header("Access-Control-Allow-Origin") == "*"


def test_it_is_public_whatever_is_sent(guarded):
    for headers in ({"Authorization": "Bearer kw_bad"}, {"X-API-Key": "bad"}, {"Authorization": "Basic eDp5"}):
        assert guarded.get(f"{WELL_KNOWN}/mcp", headers).status == 200


def test_servers_have_documents_of_their_own(edge):
    e = edge(
        http=f"""
            keyward_authorization_server https://everywhere.example;
            server {{ listen 127.0.0.1:@PORT@; keyward on; keyward_resource https://one.example;
                      location {WELL_KNOWN} {{ keyward_metadata; }} }}
            server {{ listen 127.0.0.1:@PORT_TWO@; keyward on; keyward_resource https://two.example/;
                      keyward_authorization_server https://own.example;
                      location {WELL_KNOWN} {{ keyward_metadata; }} }}
        """
    )
    one = e.get(WELL_KNOWN).json()
    assert (one["resource"], one["authorization_servers"]) == ("https://one.example", ["https://everywhere.example"])
    with Connection(int(e.value("PORT_TWO"))) as connection:
        two = connection.request("GET", WELL_KNOWN).json()
    assert (two["resource"], two["authorization_servers"]) == ("https://two.example/", ["https://own.example"])


# --- audiences ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def audiences(edge, issuers):
    open_signer, bound_signer = Signer("EdDSA"), Signer("EdDSA")
    e = edge(
        http=issuers.block("open", open_signer) + issuers.block("bound", bound_signer, "audience api;"),
        server="""
            keyward on;
            location /mcp { keyward_resource https://mcp.example/mcp; proxy_pass @BACKEND@; }
            location /origin { keyward_resource https://mcp.example; proxy_pass @BACKEND@; }
            location /slash { keyward_resource https://mcp.example/; proxy_pass @BACKEND@; }
            location /free { proxy_pass @BACKEND@; }
        """,
        store=False,
    )
    e.open, e.bound = open_signer, bound_signer
    return e


AUDIENCES = {
    "https://mcp.example/mcp": {"/mcp", "/free"},
    "https://mcp.example/mcp/": {"/free"},
    "https://mcp.example": {"/origin", "/slash", "/free"},
    "https://mcp.example/": {"/origin", "/slash", "/free"},
    "https://MCP.example": {"/free"},
    "https://other.example/mcp": {"/free"},
    "api": {"/free"},
    None: {"/free"},
}


@pytest.mark.parametrize("audience", AUDIENCES)
def test_an_issuer_without_an_audience_has_the_resources(audiences, audience):
    claims = {} if audience is None else {"aud": audience}
    token = audiences.open.bearer(**claims)
    for _ in range(2):  # also of a token that is remembered
        for path in ("/free", "/mcp", "/origin", "/slash"):
            response = audiences.get(path, token)
            expected = 200 if path in AUDIENCES[audience] else 401
            assert response.status == expected, path
            if expected == 401:
                assert response.json()["code"] == "unauthorized"
                assert 'error="invalid_token"' in response.header("WWW-Authenticate")
    if audience is not None:
        assert audiences.get("/mcp", audiences.open.bearer(aud=["x", audience])).status == (
            200 if "/mcp" in AUDIENCES[audience] else 401
        )


def test_an_issuer_with_an_audience_keeps_it(audiences):
    for path in ("/mcp", "/origin", "/free"):
        assert audiences.get(path, audiences.bound.bearer(aud="api")).status == 200
        assert audiences.get(path, audiences.bound.bearer(aud="https://mcp.example/mcp")).status == 401


# --- nginx -t -------------------------------------------------------------------------------------------------------------

SERVERS = "keyward_authorization_server https://as.example;"

FAULTS = {
    "keyward_resource mcp.example;": "https://HOST/PATH",
    "keyward_resource ftp://mcp.example;": "https://HOST/PATH",
    "keyward_resource https://a@mcp.example;": "https://HOST/PATH",
    "keyward_resource https://mcp.example/#x;": "https://HOST/PATH",
    "keyward_resource https://mcp.example/?x=y;": "without",
    "keyward_resource http://mcp.example;": "not https",
    "keyward_resource https://mcp.example; keyward_resource https://mcp.example;": "duplicate",
    "keyward_resource https://mcp.example/" + "x" * 400 + ";": "400 bytes",
    "keyward_resource https://mcp.example scopes=;": "scopes=",
    "keyward_resource https://mcp.example scopes=a,;": "a comma too many",
    "keyward_resource https://mcp.example scopes=a,b:*;": "wildcards",
    "keyward_resource https://mcp.example scopes=a,offline_access;": "offline_access",
    "keyward_resource https://mcp.example scopes=" + "s" * 1000 + ";": "1024",
    "keyward_resource https://mcp.example scope=a;": "scopes=SCOPE",
    "keyward_authorization_server as.example;": "https://HOST/PATH",
    "keyward_authorization_server http://as.example;": "not https",
    "keyward_authorization_server https://as.example https://as.example;": "twice",
    f"{SERVERS} {SERVERS}": "duplicate",
    f"location /m {{ keyward_metadata; }} {SERVERS}": "no keyward_resource is in its server",
    "location /m { keyward_metadata; } keyward_resource https://mcp.example;": "authorization_server",
    "location /m { keyward_metadata; keyward_metadata; }": "duplicate",
    f"keyward_resource https://a.example; {SERVERS} location /m {{ keyward on; keyward_metadata; }}": "public by itself",
    f"keyward_resource https://a.example; {SERVERS} location /m {{ keyward_metadata; empty_gif; }}": "another handler",
    "keyward_metadata;": "not allowed here",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(config_test, fault):
    rc, output = config_test(server=f"keyward on; {fault} location / {{ empty_gif; }}")
    assert rc != 0
    assert FAULTS[fault] in output
    assert "nginx.conf:" in output or "another handler" in output


GOOD = [
    "keyward_resource https://mcp.example/mcp scopes=a,b:c;",
    "keyward_resource http://localhost:8080/mcp;",
    "keyward_resource http://127.0.0.1/;",
    "keyward_resource http://[::1]:80/mcp;",
    f"keyward_resource https://mcp.example/mcp; {SERVERS} location {WELL_KNOWN}/mcp {{ keyward_metadata; }}",
]


@pytest.mark.parametrize("good", GOOD)
def test_what_is_good(config_test, good):
    rc, output = config_test(server=f"keyward on; {good} location / {{ empty_gif; }}")
    assert rc == 0, output
    assert "[warn]" not in output


def test_nginx_warns_of_metadata_that_clients_do_not_find(config_test):
    for location in ("= " + WELL_KNOWN, "/metadata"):
        rc, output = config_test(
            server=f"keyward on; keyward_resource https://mcp.example/mcp; {SERVERS}"
            f"location {location} {{ keyward_metadata; }} location / {{ empty_gif; }}"
        )
        assert rc == 0
        (line,) = [line for line in output.splitlines() if "[warn]" in line]
        assert f"{WELL_KNOWN}/mcp" in line
