"""Fields that lead a backend to another URL than the one that keyward judged, and what docs/security-model.md says an edge can't see."""

import re

import pytest
from harness.build import PROJECT
from harness.site import Site

OVERRIDES = [
    "X-Original-URL",
    "X-Original-URI",
    "X-Rewrite-URL",
    "X-Forwarded-URI",
    "X-Script-Name",
    "Script-Name",
    "Path-Info",
]
HOST = "dav.example:8080"


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        grants = ["public", "dav", "a", "files:alice", "write"]
        site.key = site.store.key(verifier="sha256", scope=grants)["key"]
        site.start(
            server="""
            keyward on;
            underscores_in_headers on;
            location / { keyward_scope root; proxy_pass @BACKEND@; }
            location /public/ { keyward_scope public; proxy_pass @BACKEND@; }
            location /private/ { keyward_scope private; proxy_pass @BACKEND@; }
            location = /public/exact { keyward_scope private; proxy_pass @BACKEND@; }
            location /dav/ {
                keyward_scope dav;
                proxy_pass @BACKEND@;
                location /dav/inner/ { keyward_scope inner; proxy_pass @BACKEND@; }
                location ~ \\.secret$ { keyward_scope secret; proxy_pass @BACKEND@; }
            }
            location ^~ /first/ { keyward_scope a; proxy_pass @BACKEND@; }
            location ~ \\.php$ { keyward_scope php; proxy_pass @BACKEND@; }
            location ~ ^/re/(?<user>[^/]+)/ { keyward_scope a; proxy_set_header X-User $user; proxy_set_header X-First $1; proxy_pass @BACKEND@; }
            location ~ ^/own/(?<owner>[^/]+)/ { keyward_scope files:$owner; proxy_pass @BACKEND@; }
            location /methods/ { keyward_limit 100000r/m methods=MOVE; proxy_pass @BACKEND@; }
            location /accept/ { keyward_accept key; keyward_accept methods=MOVE key; proxy_pass @BACKEND@; }
            location /anonymous/ { keyward_accept key anonymous; proxy_pass @BACKEND@; }
            location /plain/ { proxy_pass @BACKEND@; }
            location /off/ { keyward off; proxy_pass @BACKEND@; }
            location /shadow/ { keyward shadow; keyward_scope a; proxy_pass @BACKEND@; }
            location /if/ { keyward_scope a; if ($arg_x) { set $y 1; } proxy_pass @BACKEND@; }
            location /limited/ { keyward_scope a; proxy_pass @BACKEND@; limit_except GET { keyward_scope write; } }
            location /named/ { keyward_scope a; root /nonexistent; try_files /none @named; }
            location @named { keyward_scope a; proxy_pass @BACKEND@; }
            location /rewritten/ { keyward_scope a; rewrite ^/rewritten/(.*) /private/$1 break; proxy_pass @BACKEND@; }
            location /moved/ { rewrite ^/moved/(.*) /public/$1 last; }
        """
        )
        yield site


def send(site, path, fields, method="MOVE", key=True, h2=False):
    site.backend.clear()
    fields = [*fields, *([("X-API-Key", site.key)] if key else [])]
    if h2:
        with site.edge.h2() as connection:
            response = connection.request(method, path, fields)
    else:
        with site.edge.connect() as connection:
            response = connection.request(method, path, [("Host", HOST), *fields])
    assert response.status == 200, response.text
    return site.backend.last


def left(request, names):
    known = {name.lower() for name in names}
    return [name for name, _ in request.headers if name.lower().replace("_", "-") in known]


# Overrides of the URL.


@pytest.mark.parametrize("h2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize(
    "path",
    [
        "/public/x",
        "/methods/x",
        "/accept/x",
        "/anonymous/x",
        "/plain/x",
        "/re/alice/x",
        "/named/x",
        "/limited/x",
        "/if/x?x=1",
    ],
)
def test_report_S19(site, path, h2):
    fields = [(name, "/private/x") for name in OVERRIDES for _ in range(2)]
    for method in ("GET", "POST"):
        assert left(send(site, path, fields, method, h2=h2), OVERRIDES) == []


def test_report_S19_anonymous(site):
    assert (
        left(send(site, "/anonymous/x", [(name, "/private/x") for name in OVERRIDES], "GET", key=False), OVERRIDES)
        == []
    )


@pytest.mark.parametrize("name", ["x_original_url", "X_Rewrite-Url", "SCRIPT_NAME", "PATH_INFO", "x-original_uri"])
def test_report_S19_however_they_are_spelled(site, name):
    assert left(send(site, "/public/x", [(name, "/private/x")]), OVERRIDES) == []


def test_what_the_configuration_sets_itself_is_kept(edge, store, backend):
    key = store.key(verifier="sha256")["key"]
    e = edge(location="keyward on; proxy_set_header X-Original-URL $request_uri;")
    assert e.get("/a", {"X-Original-URL": "/b", "X-API-Key": key}).status == 200
    assert backend.last.header("X-Original-URL") == "/a"


@pytest.mark.parametrize("path", ["/off/x", "/shadow/x"])
def test_off_and_shadow_change_nothing(site, path):
    fields = [(name, "/private/x") for name in [*OVERRIDES, "Destination"]]
    assert left(send(site, path, fields), [*OVERRIDES, "Destination"]) == [name for name, _ in fields]


METHODS = ["X-HTTP-Method-Override", "X-HTTP-Method", "x_method_override"]
PARTS = {
    "limit_except": "keyward off; limit_except GET POST { keyward on; keyward_scope w; }",
    "limit_except, off by default": "limit_except GET POST { keyward on; }",
    "limit_except, others admit the rest": "keyward off; satisfy any; allow all; limit_except GET POST { deny all; keyward on; }",
    "limit_except, shadow around it": "keyward shadow; limit_except GET POST { keyward on; }",
    "limit_except the other way round": "keyward on; limit_except DELETE { keyward off; }",
    "if": "keyward off; if ($request_method = DELETE) { keyward on; }",
    "if the other way round": "keyward on; if ($request_method = POST) { keyward off; proxy_pass @BACKEND@; }",
    "if beside another": "keyward off; if ($request_method = DELETE) { keyward on; } if ($request_method = POST) { proxy_pass @BACKEND@; }",
}


@pytest.mark.parametrize("part", PARTS)
def test_no_method_override_passes_beside_a_guard_for_some_methods(edge, backend, part):
    """DELETE was guarded, and an anonymous POST with `X-HTTP-Method-Override: DELETE` came to the backend with that field."""
    e = edge(server=f"underscores_in_headers on; location / {{ {PARTS[part]} proxy_pass @BACKEND@; }}")
    assert e.request("DELETE", "/x").status in (401, 403)
    response = e.request("POST", "/x", [("X-A", "1"), *[(name, "DELETE") for name in METHODS], ("X-B", "2")])
    assert response.status == 200
    assert left(backend.last, [name.replace("_", "-") for name in METHODS]) == []
    assert (backend.last.header("X-A"), backend.last.header("X-B")) == ("1", "2")


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "limit_except GET POST { deny all; }",
        "limit_except GET POST { keyward shadow; }",
        "if ($arg_x) { set $y 1; }",
        "location /x/inner { keyward on; }",
        "limit_except GET POST { keyward off; }",
    ],
)
def test_method_overrides_are_kept_where_no_method_is_guarded(edge, backend, inside):
    e = edge(server=f"location / {{ keyward on; }} location /x {{ keyward off; {inside} proxy_pass @BACKEND@; }}")
    assert e.request("POST", "/x", [("X-HTTP-Method-Override", "DELETE")]).status == 200
    assert backend.last.header("X-HTTP-Method-Override") == "DELETE"


# Destination.

STAYS = {
    "a path": ("/public/x", "/public/y"),
    "with arguments": ("/public/x", "/public/y?a=/private/"),
    "the location itself": ("/public/x", "/public/"),
    "a deeper path": ("/public/x", "/public/a/b/c%20d"),
    "an absolute URL": ("/public/x", f"http://{HOST}/public/y"),
    "capitals in it": ("/public/x", "HTTP://DAV.example:8080/public/y"),
    "dots within it": ("/public/x", "/public/a/../y"),
    "slashes": ("/public/x", "//public//y"[1:]),
    "an escaped letter": ("/public/x", "/%70ublic/y"),
    "an escaped percent sign": ("/public/x", "/public/100%25"),
    "parameters": ("/public/x", "/public/a;v=1/b;c"),
    "beside the exact one": ("/public/x", "/public/exactly"),
    "a nested location's own": ("/dav/x", "/dav/y"),
    "a prefix before regular expressions": ("/first/x", "/first/y.php"),
    "a regular expression": ("/re/alice/x", "/re/bob/y"),
    "methods": ("/methods/x", "/methods/y"),
    "accept by method": ("/accept/x", "/accept/y"),
    "an if": ("/if/x?x=1", "/if/y"),
    "limit_except": ("/limited/x", "/limited/y"),
    "a named location": ("/named/x", "/named/y"),
    "a rewrite within it": ("/rewritten/x", "/rewritten/y"),
    "where a rewrite led": ("/moved/x", "/public/y"),
    "where nothing looks": ("/plain/x", "/private/y"),
}
GOES = {
    "another location": ("/public/x", "/private/y"),
    "the outer location": ("/public/x", "/y"),
    "the root": ("/public/x", "/"),
    "without its slash": ("/public/x", "/public"),
    "an exact location": ("/public/x", "/public/exact"),
    "an exact location with arguments": ("/public/x", "/public/exact?a"),
    "a nested location": ("/dav/x", "/dav/inner/y"),
    "a nested regular expression": ("/dav/x", "/dav/y.secret"),
    "a regular expression": ("/public/x", "/public/y.php"),
    "a regular expression with arguments": ("/public/x", "/public/y.php?z"),
    "dots": ("/public/x", "/public/../private/y"),
    "dots to another host's root": ("/public/x", f"http://{HOST}/public/../private/y"),
    "escaped dots": ("/public/x", "/public/%2e%2e/private/y"),
    "escaped slashes": ("/public/x", "/public/..%2fprivate/y"),
    "an escaped letter": ("/public/x", "/%70rivate/y"),
    "above the root": ("/public/x", "/../public/y"),
    "path parameters": ("/public/x", "/public/..;/private/y"),
    "path parameters with a value": ("/public/x", "/public/..;a=b/private/y"),
    "a backslash": ("/public/x", "/public/..\\private/y"),
    "an escaped backslash": ("/public/x", "/public/..%5cprivate/y"),
    "escaped twice": ("/public/x", "/public/%252e%252e/private/y"),
    "escaped twice, the slash": ("/public/x", "/public/..%252fprivate/y"),
    "an escaped NUL": ("/public/x", "/public/y%00"),
    "a broken escape": ("/public/x", "/public/y%zz"),
    "a fragment": ("/public/x", "/public/y#/private/"),
    "a blank": ("/public/x", "/public/y z"),
    "another host": ("/public/x", "http://other.example:8080/public/y"),
    "another port": ("/public/x", "http://dav.example:9090/public/y"),
    "no port": ("/public/x", "http://dav.example/public/y"),
    "a user in it": ("/public/x", f"http://me@{HOST}/public/y"),
    "another scheme": ("/public/x", f"ftp://{HOST}/public/y"),
    "no scheme": ("/public/x", f"//{HOST}/public/y"),
    "no path": ("/public/x", f"http://{HOST}"),
    "no path but arguments": ("/public/x", f"http://{HOST}?/public/y"),
    "a backslash for a slash": ("/public/x", f"http://{HOST}\\@other/public/y"),
    "relative": ("/public/x", "y"),
    "relative, with dots": ("/public/x", "../private/y"),
    "Swift's": ("/public/x", "public/y"),
    "empty": ("/public/x", ""),
    "from a regular expression": ("/re/alice/x", "/public/y"),
    "from a scope with variables": ("/own/alice/x", "/own/bob/y"),
    "from a scope with variables, to its own": ("/own/alice/x", "/own/alice/y"),
    "methods": ("/methods/x", "/public/y"),
    "accept by method": ("/accept/x", "/public/y"),
    "an if": ("/if/x?x=1", "/public/y"),
    "limit_except": ("/limited/x", "/public/y"),
    "a named location": ("/named/x", "/public/y"),
    "where a rewrite within it led": ("/rewritten/x", "/private/y"),
    "from where a rewrite led away": ("/moved/x", "/moved/y"),
}


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
@pytest.mark.parametrize("name", STAYS)
def test_report_S19_a_destination_within_the_location_stays(site, name, method):
    path, destination = STAYS[name]
    assert send(site, path, [("Destination", destination)], method).all("Destination") == [destination]


@pytest.mark.parametrize("method", ["MOVE", "COPY", "PUT"])
@pytest.mark.parametrize("name", GOES)
def test_report_S19_a_destination_elsewhere_goes(site, name, method):
    path, destination = GOES[name]
    assert send(site, path, [("Destination", destination), ("Overwrite", "T")], method).all("Destination") == []


@pytest.mark.parametrize("destination", ["/public/y", "/private/y"])
def test_report_S19_over_http2(site, destination):
    request = send(site, "/public/x", [("destination", destination)], h2=True)
    assert request.all("Destination") == ([destination] if "public" in destination else [])


@pytest.mark.parametrize(
    "values", [["/public/y", "/private/y"], ["/private/y", "/public/y"], ["/public/y", "/public/y"]]
)
def test_report_S19_two_destinations_go(site, values):
    assert send(site, "/public/x", [("Destination", value) for value in values]).all("Destination") == []


def test_report_S19_whoever_has_no_credential(site):
    assert send(site, "/anonymous/x", [("Destination", "/plain/y")], key=False).all("Destination") == []
    assert send(site, "/anonymous/x", [("Destination", "/anonymous/y")], key=False).all("Destination") == [
        "/anonymous/y"
    ]


def test_report_S19_captures_stay_the_requests_own(site):
    """The look-up tries the regular expressions of locations on another URI than the request's."""
    for destination in ("/re/bob/y", "/own/bob/y"):
        request = send(site, "/re/alice/x", [("Destination", destination)])
        assert (request.header("X-User"), request.header("X-First")) == ("alice", "alice")


def test_report_S19_the_log_says_why_and_not_what(site):
    for destination, why in {
        "/private/canary?key=canary": "it leads to another location",
        "http://canary.example/public/": "it names another host than the request",
        "canary": "it is neither a path nor a URL with a path",
        "/public/%zzcanary": "it is not a URL that nginx accepts",
        "/public/..;/canary": "backends may read its path differently than nginx",
    }.items():
        send(site, "/public/x", [("Destination", destination)])
        site.edge.wait_log(rf"\[info\].*keyward removed the field Destination: {why}")
    send(site, "/public/x", [("Destination", "/public/"), ("Destination", "/canary")])
    site.edge.wait_log("keyward removed the field Destination: it came more than once")
    send(site, "/own/alice/x", [("Destination", "/own/canary/")])
    site.edge.wait_log("keyward removed the field Destination: this location's scopes are computed for each URL")
    assert "canary" not in site.edge.log


def test_report_S19_nginx_own_webdav(edge, store, folder):
    """MOVE by nginx itself, which asks its own pointer to the field."""
    root = folder / "root"
    for name in ("public", "private"):
        (root / name).mkdir(parents=True)
    (root / "public/file").write_text("text")
    for path in (root, *root.iterdir()):
        path.chmod(0o777)
    key = store.key(verifier="sha256", scope=["public"])["key"]
    e = edge(
        server=f"""
        keyward on; root {root}; dav_methods MOVE COPY;
        location /public/ {{ keyward_scope public; }}
        location /private/ {{ keyward_scope private; }}
    """
    )
    assert e.request("MOVE", "/public/file", {"X-API-Key": key, "Destination": "/private/file"}).status == 400
    assert e.request("MOVE", "/public/file", {"X-API-Key": key, "Destination": "/public/moved"}).status == 204
    assert [path.name for path in root.glob("*/*")] == ["moved"]


# docs/security-model.md: what a backend makes of a request, and the blocks that help, as they stand there.


def block(number):
    """(context, text) of the numbered block."""
    page = (
        (PROJECT / "docs/security-model.md")
        .read_text()
        .split("## What a backend makes of a request", 1)[1]
        .split("\n## ", 1)[0]
    )
    context, text = re.search(rf"^\*\*{number}\.\*\*.*?^```nginx (\w+)\n(.*?)^```$", page, re.M | re.S).groups()
    return {
        context: text.replace("http://127.0.0.1:9000", "@BACKEND@").replace("listen 8080", "listen 127.0.0.1:@PORT@")
    }


@pytest.fixture
def advised(edge, store, backend):
    """advised(1): an edge with that block; in a location the proxy_pass is the block's own."""

    def start(number):
        pieces = block(number)
        if "location" in pieces:
            pieces = {"server": f"location / {{ {pieces['location']} }}"}
        return edge(**pieces)

    return start


def key_for(store, *scopes):
    return {"X-API-Key": store.key(verifier="sha256", scope=list(scopes))["key"]}


def test_report_S19_advice_1_paths(advised, store, backend):
    e, headers = advised(1), key_for(store, "a")
    refused = [
        "/public/..;/admin",
        "/admin;x/users",
        "/public/..%2fadmin",
        "/public/..%5cadmin",
        "/public/..%5Cadmin",
        "/public/..\\admin",
        "/public/%252e%252e/admin",
        "/public/../admin",
        "/public/./admin",
        "/public/..",
        "//admin",
        "/public//x",
        "/%2e%2e/admin",
        "/x%00",
        "/admin.",
        "/admin./x",
        "/admin%20",
        "/admin::$DATA",
        "/admin.?x",
        "/public/..?x",
    ]
    assert {path: e.get(path, headers).status for path in refused} == {path: 400 for path in refused}
    assert backend.requests == []
    passed = ["/", "/public/x.json", "/a.b/c..d/.well-known/e", "/a%C3%A9%3A/b-c_d~e", "/x?y=..%2f;//%5c.", "/a$data"]
    assert {path: e.get(path, headers).status for path in passed} == {path: 200 for path in passed}


def test_report_S19_advice_2_the_strictest_rule_for_the_rest(advised, store, backend):
    e, headers = advised(2), key_for(store, "public")
    for path in (
        "/admin",
        "/ADMIN/users",
        "/admin.json",
        "/admin/",
        "/PUBLIC/x",
        "/publi",
        "/public/../admin",
        "/public%2f..%2fadmin",
    ):
        assert e.get(path, headers).status == 403, path
    assert e.get("/public/x", headers).status == 200


def test_report_S19_advice_3_post(advised, store, backend):
    e = advised(3)
    body = {"Content-Type": "application/x-www-form-urlencoded"}
    assert e.request("POST", "/", {**key_for(store, "posts:read"), **body}, "_method=DELETE").status == 403
    assert e.get("/", key_for(store, "posts:read")).status == 200
    assert e.request("POST", "/", {**key_for(store, "posts:write"), **body}, "_method=DELETE").status == 200


def test_report_S19_advice_4_many_in_one(advised, store, backend):
    e, headers = advised(4), key_for(store, "graphql")
    assert e.request("POST", "/graphql", headers, "{}").status == 200
    assert e.request("POST", "/graphql", key_for(store, "other"), "{}").status == 403
    assert e.get("/graphql?query=x", headers).status == 403
    assert e.request("POST", "/graphql", headers, "x" * 70000).status == 413


def test_report_S19_advice_5_fields(advised, store, backend):
    e = advised(5)
    sent = {
        "Forwarded": "host=x",
        "X-Forwarded-Host": "admin.internal",
        "X-Forwarded-Prefix": "/admin",
        "X-Amz-Copy-Source": "/private/x",
        "X-Copy-From": "private/x",
        "X-Ms-Copy-Source": "x",
        "X-Goog-Copy-Source": "x",
        "Host": "edge.example",
        "Connection": "close, X-Keyward-Scopes",
    }
    assert e.get("/", {**sent, **key_for(store, "posts:read")}).status == 200
    seen = {name.lower(): value for name, value in backend.last.headers}
    assert (seen["host"], seen["x-forwarded-host"], seen["x-keyward-scopes"]) == (
        "api.example.com",
        "edge.example",
        "posts:read",
    )
    assert not ({name.lower() for name in sent} - {"host", "x-forwarded-host"}) & set(seen)


def test_report_S19_advice_6_hosts(advised, store, backend):
    e, headers = advised(6), key_for(store, "a")
    for host, status in {
        "api.example.com": 200,
        "admin.internal": 421,
        "API.example.com": 200,
        "127.0.0.1": 421,
    }.items():
        assert e.get("/", {**headers, "Host": host}).status == status
    assert backend.count() == 2
