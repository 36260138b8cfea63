"""Who may call an MCP server from a page: Origin, preflights, and answers that a page can read, refusals too."""

import pytest
from harness.mcp import call, message
from harness.site import Site

APP = "https://app.example.com"
EXPOSED = {"WWW-Authenticate", "Mcp-Session-Id", "Retry-After"}


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.key = [("X-API-Key", site.store.key(verifier="sha256")["key"])]
        site.start(
            http="""
            server {
                listen 127.0.0.1:@PORT@;
                server_name mcp.example.com .pattern.example *.wild.example;
                add_header X-Reason $keyward_reason always;
                client_max_body_size 10k;
                keyward on;
                location / { keyward_mcp on origins=https://app.example.com,http://localhost:6274 public=ping;
                             proxy_pass @BACKEND@; }
                location /any { keyward_mcp on origins=any; proxy_pass @BACKEND@; }
                location /own { keyward_mcp on; proxy_pass @BACKEND@; }
                location /named { keyward_mcp on; keyward_resource https://named.example:8080/named; proxy_pass @BACKEND@; }
                location /shadow { keyward shadow; keyward_mcp on; proxy_pass @BACKEND@; }
                location /page { keyward_mcp on origins=https://app.example.com; error_page 401 /401.html;
                                 keyward_errors off; proxy_pass @BACKEND@; }
                location = /401.html { keyward off; root @HTML@; }
                location /cors { keyward_mcp on origins=https://app.example.com; proxy_pass @BACKEND@; }
                location /down { keyward_mcp on origins=https://app.example.com; proxy_pass http://127.0.0.1:1; }
                location /plain { proxy_pass @BACKEND@; }
                location /else { keyward off; proxy_pass @BACKEND@; }
            }
            """
        )
        site.page("401.html", "log in")
        site.backend.on(
            "/cors",
            headers=[
                ("Access-Control-Allow-Origin", "*"),
                ("Access-Control-Expose-Headers", "X-More"),
                ("Vary", "Accept"),
            ],
        )
        yield site


def ask(site, origin=None, target="/", headers=(), method="POST", body=None, host="mcp.example.com"):
    origins = [origin] if isinstance(origin, str) else origin or []
    site.backend.clear()
    return site.edge.request(
        method,
        target,
        [*(("Origin", one) for one in origins), *headers],
        message("tools/list") if body is None and method == "POST" else body,
        host=host,
    )


def assert_readable(response, origin):
    assert response.all("Access-Control-Allow-Origin") == [origin]
    assert "Origin" in [part.strip() for value in response.all("Vary") for part in value.split(",")]
    exposed = {part.strip() for value in response.all("Access-Control-Expose-Headers") for part in value.split(",")}
    assert exposed >= EXPOSED


def assert_unreadable(response):
    assert not response.all("Access-Control-Allow-Origin") and not response.all("Access-Control-Expose-Headers")


OWN = "http://mcp.example.com"


@pytest.mark.parametrize("target", ["/", "/any", "/own"])
@pytest.mark.parametrize(
    "origin, host, where",
    [
        (APP, None, {"/", "/any"}),
        ("http://localhost:6274", None, {"/", "/any"}),
        ("http://localhost", None, {"/any"}),
        (APP + ".evil.example", None, {"/any"}),
        (APP + "/", None, set()),
        ("null", None, set()),
        ("", None, set()),
        ([APP, APP], None, set()),
        ([APP, "https://evil.example"], None, set()),
        (APP + ", https://evil.example", None, set()),
        (OWN, None, {"/", "/any", "/own"}),
        ("https://mcp.example.com", None, {"/", "/any", "/own"}),  # something in front of us may have ended TLS
        (OWN, "mcp.example.com:8080", {"/any"}),
        (OWN + ":8080", "mcp.example.com:8080", {"/", "/any", "/own"}),
        (OWN, "MCP.example.com", {"/", "/any", "/own"}),
        # A name that was bound anew, and one that a pattern names.
        ("http://evil.example", "evil.example", {"/any"}),
        ("http://a.pattern.example", "a.pattern.example", {"/any"}),
        ("http://a.wild.example", "a.wild.example", {"/any"}),
        ("http://127.0.0.1", "127.0.0.1", {"/any"}),
    ],
)
def test_where_a_call_may_come_from(site, target, origin, host, where):
    for headers in (site.key, []):
        response = ask(site, origin, target, headers, host=host or "mcp.example.com")
        if target in where:
            assert response.status == (200 if headers else 401)
            assert_readable(response, origin)
        else:
            assert (response.status, response.header("X-Reason")) == (403, "origin_refused")
            assert_unreadable(response)
            assert not site.backend.requests


def test_without_origin_nothing_is_added(site):
    for headers, expected in ((site.key, 200), ([], 401)):
        response = ask(site, None, "/", headers)
        assert response.status == expected
        assert_unreadable(response)


def test_every_kind_of_refusal_can_be_read(site):
    pages = {
        400: dict(body="[]"),
        401: dict(),
        405: dict(method="PUT", body=""),
        413: dict(body="x" * 20_000),  # nginx's own
    }
    for status, request in pages.items():
        response = ask(site, APP, headers=site.key if status != 401 else (), **request)
        assert response.status == status
        assert_readable(response, APP)
    response = ask(site, APP, "/down", site.key)
    assert response.status == 502
    assert_readable(response, APP)
    response = ask(site, APP, "/page")
    assert (response.status, response.text) == (401, "log in")
    assert_readable(response, APP)


def test_the_backend_s_own_fields_are_replaced_or_added_to(site):
    response = ask(site, APP, "/cors", site.key)
    assert_readable(response, APP)
    assert "X-More" in response.all("Access-Control-Expose-Headers")
    response = ask(site, None, "/cors", site.key)
    assert response.all("Access-Control-Allow-Origin") == ["*"]


PREFLIGHT = [
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "authorization,content-type,mcp-protocol-version,mcp-param-x"),
]


def test_preflights_are_answered_by_keyward_itself(site):
    with site.edge.connect() as connection:
        for _ in range(2):
            site.backend.clear()
            response = connection.request("OPTIONS", "/", [("Origin", APP), *PREFLIGHT], host="mcp.example.com")
            assert response.status == 204 and response.body == b""
            assert_readable(response, APP)
            assert "POST" in response.header("Access-Control-Allow-Methods")
            assert response.header("Access-Control-Allow-Headers") == PREFLIGHT[1][1]
            assert not site.backend.requests
    response = ask(site, "https://evil.example", headers=PREFLIGHT, method="OPTIONS")
    assert (response.status, response.header("X-Reason")) == (403, "origin_refused")
    assert_unreadable(response)


def test_what_is_no_preflight_needs_a_credential(site):
    for headers in ([], PREFLIGHT[1:]):
        assert ask(site, APP, headers=headers, method="OPTIONS").status == 401
    upgrade = [("Upgrade", "websocket"), ("Connection", "upgrade")]
    assert ask(site, APP, headers=[*PREFLIGHT, *upgrade], method="OPTIONS").status == 400
    assert ask(site, None, headers=PREFLIGHT, method="OPTIONS").status == 401
    assert ask(site, APP, headers=PREFLIGHT, method="OPTIONS", body="x").status == 400
    assert ask(site, APP, headers=[*PREFLIGHT[:1], *site.key], method="OPTIONS").status == 204
    assert ask(site, APP, headers=site.key, method="OPTIONS").status == 200


def test_a_list_of_names_that_is_none_is_not_repeated(site):
    for names in ('x"y', "a;b", "<script>", "a=b"):
        response = ask(site, APP, headers=[PREFLIGHT[0], ("Access-Control-Request-Headers", names)], method="OPTIONS")
        assert response.status == 204 and response.header("Access-Control-Allow-Headers") is None


def test_shadow_adds_nothing_and_lets_the_backend_answer(site):
    response = ask(site, "https://evil.example", "/shadow")
    assert response.status == 200 and response.header("X-Reason") == "origin_refused"
    assert_unreadable(response)
    response = ask(site, OWN, "/shadow", PREFLIGHT, "OPTIONS")
    assert response.status == 200 and len(site.backend.requests) == 1
    assert_unreadable(response)


def test_other_locations_have_none_of_it(site):
    for target in ("/plain", "/else"):
        response = ask(site, "https://evil.example", target, site.key)
        assert response.status == 200
        assert_unreadable(response)


def test_a_refused_origin_is_refused_before_anybody_is_looked_up(site):
    response = ask(site, "https://evil.example", headers=[("X-API-Key", "kw_" + "0" * 49)])
    assert (response.status, response.header("X-Reason")) == (403, "origin_refused")
    assert response.header("WWW-Authenticate") is None


def test_over_http_2(edge, store):
    e = edge(server="server_name localhost; keyward on; location / { keyward_mcp on; proxy_pass @BACKEND@; }")
    key = [("X-API-Key", store.key(verifier="sha256")["key"])]
    with e.h2() as connection:
        for origin, status in (("http://localhost", 200), ("http://localhost:1", 403), ("https://evil.example", 403)):
            response = call(connection, "ping", headers=[*key, ("Origin", origin)])
            assert response.status == status
            assert response.header("access-control-allow-origin") == (origin if status == 200 else None)
        response = connection.request("OPTIONS", "/", [("Origin", "http://localhost"), *PREFLIGHT])
        assert response.status == 204


def test_the_host_of_keyward_resource_is_our_own(site):
    for host, origin, status in [
        ("named.example:8080", "http://named.example:8080", 200),
        ("NAMED.example", "http://named.example", 200),
        ("named.example", "http://named.example:1", 403),
        ("other.example", "http://other.example", 403),
    ]:
        assert ask(site, origin, "/named", site.key, host=host).status == status
    assert ask(site, "http://named.example", "/own", site.key, host="named.example").status == 403
