"""One decision for each location that nginx brings a request to, and no way around it."""

import hashlib
import itertools
import json
import os
import posixpath
import re
from urllib.parse import unquote

import bcrypt
import pytest
from harness.client import Closed, encode_request
from harness.site import Site
from harness.wait import until

ECHO = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
SHOW = "add_header X-Decision $keyward_decision always;\nadd_header X-Reason $keyward_reason always;\n"


@pytest.fixture
def echo(config_test):
    """The echo module, another that hooks into nginx everywhere, where it is installed for the nginx under test."""
    if not os.path.exists(ECHO):
        pytest.skip("libnginx-mod-http-echo isn't installed")
    rc, output = config_test(main=f"load_module {ECHO};", store=False)
    if rc != 0 and re.search("not binary compatible|undefined symbol|version 1[0-9]+ instead of", output):
        pytest.skip("libnginx-mod-http-echo is for another nginx")
    return ECHO


def auth(key):
    return {"X-API-Key": key["key"] if isinstance(key, dict) else key}


# --- internal redirects -----------------------------------------------------------------------------------------------

# How nginx gets from /m/ to the second location. The first lies under the server's rules alone.
REDIRECTS = {
    "try_files to a name": "location /m/ { root @HTML@; try_files $uri @second; }",
    "try_files to a URI": "location /m/ { root @HTML@; try_files $uri /second/; }",
    "index": "location = /m/ { root @HTML@/index; index x.html /second/; }",
    "error_page to a name": "location /m/ { root @HTML@; error_page 404 = @second; }",
    "error_page to a URI": "location /m/ { root @HTML@; error_page 404 = /second/; }",
    "error_page of a backend's error": "location /m/ { proxy_intercept_errors on; error_page 404 = @second; proxy_pass @BACKEND@/404; }",
    "X-Accel-Redirect to a URI": "location /m/ { proxy_pass @BACKEND@/accel; }",
    "X-Accel-Redirect to a name": "location /m/ { proxy_pass @BACKEND@/accel-name; }",
    "rewrite": "location /m/ { rewrite ^ /second/ last; }",
    "three at once": """
        location /m/ { root @HTML@; try_files $uri @one; }
        location @one { rewrite ^ /accel-two break; proxy_pass @BACKEND@; }
        location /two/ { root @HTML@; error_page 404 = /second/; }
    """,
}


@pytest.fixture(scope="module", params=["sha256", "bcrypt:4"])
def redirected(build, request):
    with Site(build) as site:
        site.page("index/m/y.html", "")
        site.backend.on("/404", 404)
        site.backend.on("/accel", headers={"X-Accel-Redirect": "/second/"})
        site.backend.on("/accel-name", headers={"X-Accel-Redirect": "@second"})
        site.backend.on("/accel-two", headers={"X-Accel-Redirect": "/two/"})
        site.backend.on("/reached", body="reached")
        names = [f"n{n}.test" for n in range(len(REDIRECTS))]
        site.hosts = dict(zip(REDIRECTS, names))

        def key(*scopes):
            return site.store.key(verifier=request.param, scope=list(scopes))

        # Each is used once or twice, so that bcrypt keys go through their first verification.
        site.both = {name: key("one", "two") for name in REDIRECTS}
        site.one = {name: key("one") for name in REDIRECTS}
        servers = []
        for name, locations in REDIRECTS.items():
            servers.append(
                f"""
            server {{
                listen 127.0.0.1:@PORT@;
                server_name {site.hosts[name]};
                keyward on;
                keyward_scope one;
                keyward_limit 100r/h name=all;
                {SHOW}
                {locations}
                location @second {{ keyward_scope one two; proxy_pass @BACKEND@; rewrite ^ /reached break; }}
                location /second/ {{ internal; keyward_scope one two; proxy_pass @BACKEND@/reached; }}
            }}"""
            )
        site.start(http="\n".join(servers))
        yield site


@pytest.mark.parametrize("name", REDIRECTS)
def test_a_redirect_is_one_charge_and_one_use(redirected, name):
    site = redirected
    key, host = site.both[name], site.hosts[name]
    site.backend.clear()
    for n in (1, 2):
        response = site.edge.get("/m/", auth(key), host=host)
        assert (response.status, response.text) == (200, "reached")
        assert response.header("X-RateLimit-Remaining") == str(100 - n), "one charge for each request"
        assert response.header("X-Decision") == "allowed"
    assert site.backend.last.header("X-Keyward-Key-Id") == key["id"]
    assert all(key["key"] not in json.dumps(request.headers) for request in site.backend.requests)
    # Uses are written once a second.
    until(lambda: site.store.kw("key", "show", key["id"])["uses"] == 2, 10, "two uses")


@pytest.mark.parametrize("name", REDIRECTS)
def test_the_new_location_is_decided_by_its_own_scopes(redirected, name):
    site = redirected
    site.backend.clear()
    response = site.edge.get("/m/", auth(site.one[name]), host=site.hosts[name])
    assert (response.status, response.header("X-Reason")) == (403, "insufficient_scope")
    assert response.json()["required_scope"] == "one two"
    assert site.backend.count("/reached") == 0
    site.backend.clear()
    response = site.edge.get("/m/", host=site.hosts[name])
    assert (response.status, response.header("X-Reason")) == (401, "missing_credential")
    assert site.backend.requests == []


def test_each_locations_own_limit_is_charged_once(edge, store, backend):
    backend.on("/a", headers={"X-Accel-Redirect": "/b"})
    backend.on("/b", headers={"X-Accel-Redirect": "/c"})
    backend.on("/c", body="end")
    e = edge(
        server=f"""
        keyward on;
        {SHOW}
        location = /a {{ keyward_limit 50r/h name=a; proxy_pass @BACKEND@; }}
        location = /b {{ keyward_limit 40r/h name=b; proxy_pass @BACKEND@; }}
        location = /c {{ keyward_limit 50r/h name=a; keyward_limit 30r/h name=c; proxy_pass @BACKEND@; }}
        location /look/a {{ keyward_limit 50r/h name=a; proxy_pass @BACKEND@; }}
        location /look/b {{ keyward_limit 40r/h name=b; proxy_pass @BACKEND@; }}
        location /look/c {{ keyward_limit 30r/h name=c; proxy_pass @BACKEND@; }}
    """
    )
    key = auth(store.key(verifier="sha256"))
    for _ in range(3):
        response = e.get("/a", key)
        assert (response.status, response.text) == (200, "end")
    assert response.header("X-RateLimit-Limit") == "30"
    left = [int(e.get(f"/look/{name}", key).header("X-RateLimit-Remaining")) for name in "abc"]
    assert left == [50 - 3 - 1, 40 - 3 - 1, 30 - 3 - 1]


def test_a_limit_of_the_second_location_refuses(edge, store, backend):
    backend.on("/a", headers={"X-Accel-Redirect": "/b"})
    e = edge(
        server=f"keyward on; {SHOW} location / {{ proxy_pass @BACKEND@; }} location = /b {{ keyward_limit 1r/h; proxy_pass @BACKEND@; }}"
    )
    key = auth(store.key(verifier="sha256"))
    assert [e.get("/a", key).status for _ in range(2)] == [200, 429]
    assert backend.count("/b") == 1


def test_methods_are_those_that_nginx_redirects_with(edge, store, backend):
    """error_page and X-Accel-Redirect turn a POST into a GET: the second location is decided for what it will serve."""
    backend.on("/a", headers={"X-Accel-Redirect": "/b"})
    e = edge(
        server=f"""
        keyward on; {SHOW}
        location / {{ proxy_pass @BACKEND@; }}
        location = /b {{ keyward_scope methods=GET read; keyward_scope methods=POST write; proxy_pass @BACKEND@; }}
    """
    )
    read, write = (auth(store.key(verifier="sha256", scope=[scope])) for scope in ("read", "write"))
    assert e.request("POST", "/a", read, body="x").status == 200
    assert backend.last.method == "GET"
    assert e.request("POST", "/a", write, body="x").status == 403
    assert e.request("POST", "/b", write, body="x").status == 200


def test_from_on_to_off_and_from_off_to_on(edge, store, backend):
    backend.on("/on", headers={"X-Accel-Redirect": "/x/off"})
    backend.on("/off", headers={"X-Accel-Redirect": "/x/on"})
    backend.on("/x/off", body="off")
    backend.on("/x/on", body="on")
    e = edge(
        server=f"""
        {SHOW}
        location = /on {{ keyward on; proxy_pass @BACKEND@; }}
        location = /off {{ keyward off; proxy_pass @BACKEND@; }}
        location = /x/on {{ keyward on; proxy_pass @BACKEND@; }}
        location = /x/off {{ keyward off; proxy_pass @BACKEND@; }}
    """
    )
    key = auth(store.key())
    assert e.get("/on", key).text == "off"
    assert e.get("/on").status == 401
    assert backend.count() == 2
    assert e.get("/off", key).text == "on"
    backend.clear()
    assert e.get("/off").status == 401
    assert [request.path for request in backend.requests] == ["/off"]


# --- satisfy --------------------------------------------------------------------------------------------------------------

ACCESS = {"": None, "allow": 200, "deny": 403}
BASIC = {"": None, "good": 200, "bad": 401}
# What keyward says: its status (None: it declines), and whether that takes a bcrypt run.
VERDICTS = {
    "ok": (200, "on"),
    "ok, async": (200, "on"),
    "missing": (401, "on"),
    "malformed": (401, "on"),
    "wrong, async": (401, "on"),
    "scope": (403, "scope"),
    "scope, async": (403, "scope"),
    "limit": (429, "limit"),
    "limit, async": (429, "limit"),
    "busy": (503, "on"),
    "off": (None, "off"),
}


def outcome(satisfy, *steps):
    """nginx's rule, read from its documentation. Each step's status in their order, None where it has no say."""
    code = None
    for step in steps:
        if step is None or (satisfy == "all" and step == 200):
            continue
        if satisfy == "all" or step == 200 or step not in (401, 403):
            return step
        code = 401 if 401 in (code, step) else step
    return code or 200


@pytest.fixture(scope="module")
def satisfied(build):
    with Site(build) as site:
        counter = itertools.count()
        kw = site.store.kw

        def fill(count, verifier, **members):
            """Many keys at once."""
            keys = [f"test_{next(counter):04}{os.urandom(16).hex()}" for _ in range(count)]
            lines = [json.dumps({"key": key, **members}) for key in keys]
            kw("key", "import", "-", "--verifier", verifier, input="\n".join(lines))
            return keys

        combinations = 2 * len(ACCESS) * len(BASIC)
        site.good = {"x-api-key": fill(1, "sha256", scopes=["a"])[0]}
        fresh = iter(fill(3 * combinations, "bcrypt:4", scopes=["a"]))
        wrong = [f"test_{next(counter):04}{os.urandom(16).hex()}" for _ in range(combinations)]
        other = bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()
        lines = [json.dumps({"sha256": hashlib.sha256(key.encode()).hexdigest(), "bcrypt": other}) for key in wrong]
        kw("key", "import", "-", input="\n".join(lines))
        wrong = iter(wrong)
        legacy = {"bcrypt": other, "prefix": "test_legacy_"}
        kw("key", "import", "-", input=json.dumps(legacy))
        site.legacy = auth("test_legacy_" + "0" * 29)

        site.credentials = {
            "ok": lambda: site.good,
            "ok, async": lambda: auth(next(fresh)),
            "missing": dict,
            "malformed": lambda: auth("test_"),
            "wrong, async": lambda: auth(next(wrong)),
            "scope": lambda: site.good,
            "scope, async": lambda: auth(next(fresh)),
            "limit": lambda: site.good,
            "limit, async": lambda: auth(next(fresh)),
            "busy": lambda: site.legacy,
            "off": lambda: site.good,
        }
        rules = {
            "on": "keyward on;",
            "off": "keyward off;",
            "scope": "keyward on; keyward_scope b;",
            "limit": "keyward on; keyward_limit 1r/h by=address name=used-up;",
        }
        site.page("users", "u:{PLAIN}p\n")
        blocks = []
        for satisfy, access, basic, (rule, lines) in itertools.product(
            ("any", "all"), ACCESS, ("", "basic"), rules.items()
        ):
            access_lines = {"": "", "allow": "allow all;", "deny": "deny all;"}[access]
            basic_lines = "auth_basic realm; auth_basic_user_file @HTML@/users;" if basic else ""
            blocks.append(
                f"location /{satisfy}/{access}/{basic}/{rule}/ {{ satisfy {satisfy}; {access_lines} {basic_lines} {lines} proxy_pass @BACKEND@; }}"
            )
        site.start(
            http="keyward_key_format test_ base64url=36;",
            server=SHOW
            + "merge_slashes off;\n"
            + "\n".join(blocks)
            + f"location /prime/ {{ {rules['limit']} proxy_pass @BACKEND@; }}",
        )
        assert [site.edge.get("/prime/", site.good).status for _ in range(2)] == [200, 429]
        yield site


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("basic", BASIC)
@pytest.mark.parametrize("access", ACCESS)
@pytest.mark.parametrize("satisfy", ["any", "all"])
def test_satisfy(satisfied, satisfy, access, basic, verdict):
    site = satisfied
    status, rule = VERDICTS[verdict]
    path = f"/{satisfy}/{access}/{'basic' if basic else ''}/{rule}/"
    headers = dict(site.credentials[verdict]())
    if basic:
        headers["Authorization"] = "Basic " + {"good": "dTpw", "bad": "dTpx"}[basic]
    if verdict == "busy":
        # More than ten failures within a minute.
        assert any(site.edge.get("/all///on/", site.legacy).status == 503 for _ in range(12))
    expected = outcome(satisfy, ACCESS[access], status, BASIC[basic])
    site.backend.clear()
    response = site.edge.get(path, headers)
    assert response.status == expected
    if expected != 200:
        assert site.backend.requests == []
        # Whose refusal it is; where both are 401, ours comes first.
        challenges = response.all("WWW-Authenticate")
        if expected == 401 and status == 401:
            assert challenges[0].startswith("Bearer")
            assert response.json()["code"] == "unauthorized"
        if expected == 401 and basic == "bad" and satisfy == "any":
            assert any(challenge.startswith("Basic") for challenge in challenges)
        return
    assert response.all("WWW-Authenticate") == []
    request = site.backend.last
    admitted = status == 200 and not (satisfy == "any" and access == "allow")
    assert bool(request.header("X-Keyward-Key-Id")) == admitted, "identity exactly where keyward admitted"
    if admitted:
        assert not request.header("X-API-Key")
        assert response.header("X-Decision") == "allowed"
    else:
        assert response.header("X-Decision") != "allowed"
        assert response.header("Cache-Control") != "no-store", "this answer is no refusal"


# --- if, limit_except, nested and named locations -------------------------------------------------------------------------

CHILDREN = """
    keyward on;
    root @HTML@;
    location / { proxy_pass @BACKEND@; }
    location = /exact { proxy_pass @BACKEND@; }
    location ^~ /prefix/ { proxy_pass @BACKEND@; }
    location ~ ^/regex { proxy_pass @BACKEND@; }
    location ~* \\.php$ { proxy_pass @BACKEND@; }
    location /nest/ {
        proxy_pass @BACKEND@;
        location /nest/in/ {
            proxy_pass @BACKEND@;
            location ~ deep { proxy_pass @BACKEND@; }
        }
    }
    location /if/ {
        set $x 1;
        if ($x) { proxy_pass @BACKEND@; }
        proxy_pass @BACKEND@;
    }
    location /if-header/ {
        if ($request_method = POST) { set $post 1; }
        if ($http_x_go) { add_header X-Went yes; }
        proxy_pass @BACKEND@;
    }
    location /except/ {
        limit_except GET { allow all; }
        proxy_pass @BACKEND@;
    }
    location /except-deny/ {
        limit_except POST { deny all; }
        proxy_pass @BACKEND@;
    }
    location /scope-none/ { keyward_scope none; proxy_pass @BACKEND@; }
    location /limit-none/ { keyward_limit none; proxy_pass @BACKEND@; }
    location /accept/ { keyward_accept key; proxy_pass @BACKEND@; }
    location /errors/ { keyward_errors off; proxy_pass @BACKEND@; }
    location /named/ { try_files /none @named; }
    location @named { proxy_pass @BACKEND@; }
    location /named-error/ { error_page 404 = @named; try_files /none =404; }
    location /static/ { }
    location /autoindex/ { autoindex on; }
    location /stub { stub_status; }
    location /gif { empty_gif; }
    location /dav/ { dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on; }
    location /mirror-of/ { mirror /nest/; proxy_pass @BACKEND@; }
"""


@pytest.fixture(scope="module")
def children(build):
    with Site(build) as site:
        site.page("static/x", "static")
        site.page("autoindex/x", "static")
        site.page("dav/x", "static")
        os.chmod(site.folder / "html/dav", 0o777)
        site.key = auth(site.store.key(verifier="sha256"))
        site.start(server=SHOW + CHILDREN)
        yield site


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "MKCOL", "FOO"]
)
def test_no_child_of_a_guarded_server_is_open_by_accident(children, method):
    # The paths are those of the configuration itself.
    paths = re.findall(r"^\s*location (?:=|\^~|~\*?)?\s*(/\S*)", CHILDREN, re.M)
    paths += ["/regex/x", "/a.php", "/A.PHP", "/nest/in/deep", "/static/x", "/dav/x", "/dav/new", "/x?y"]
    headers = {"X-Go": "1"}
    for path in paths:
        response = children.edge.request(
            method, path, headers, body="x" if method in ("POST", "PUT", "PATCH") else None
        )
        # 403 is limit_except's own; 405 and 400 are nginx's for methods that it doesn't know.
        assert response.status in (401, 403, 405), (path, response.status)
        assert b"static" not in response.body
    assert children.backend.requests == []
    assert (children.folder / "html/dav/x").exists() and not (children.folder / "html/dav/new").exists()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/exact",
        "/prefix/",
        "/regex",
        "/nest/",
        "/nest/in/",
        "/nest/in/deep",
        "/if/",
        "/if-header/",
        "/except/",
        "/scope-none/",
        "/named/",
        "/named-error/",
        "/static/x",
        "/gif",
        "/autoindex/",
        "/stub",
    ],
)
def test_and_each_of_them_is_open_to_a_key(children, path):
    response = children.edge.get(path, {**children.key, "X-Go": "1"})
    assert (response.status, response.header("X-Decision")) == (200, "allowed") or path == "/if-header/"
    assert response.status == 200


def test_limit_except_has_rules_of_its_own(edge, store, backend):
    e = edge(
        server=f"""
        {SHOW}
        location /writes/ {{ limit_except GET {{ keyward on; }} proxy_pass @BACKEND@; }}
        location /reads/ {{ keyward on; limit_except POST {{ keyward off; }} proxy_pass @BACKEND@; }}
        location /scoped/ {{ keyward on; limit_except GET {{ keyward_scope write; }} proxy_pass @BACKEND@; }}
    """
    )
    key = auth(store.key(verifier="sha256", scope=["read"]))
    assert [e.request(m, "/writes/").status for m in ("GET", "HEAD", "POST", "DELETE")] == [200, 200, 401, 401]
    assert [e.request(m, "/reads/").status for m in ("GET", "HEAD", "POST", "DELETE")] == [200, 200, 401, 200]
    assert [e.request(m, "/scoped/").status for m in ("GET", "HEAD", "POST")] == [401, 401, 401]
    assert [e.request(m, "/scoped/", key).status for m in ("GET", "HEAD", "POST")] == [200, 200, 403]


def test_an_if_has_rules_of_its_own(edge, store):
    e = edge(
        server=f"""
        {SHOW}
        location / {{
            if ($arg_guard) {{ keyward on; }}
            if ($arg_write) {{ keyward on; keyward_scope write; }}
            proxy_pass @BACKEND@;
        }}
        location /on/ {{
            keyward on; keyward_scope read;
            if ($arg_x) {{ add_header X-In if; }}
            if ($arg_open) {{ keyward off; }}
            proxy_pass @BACKEND@;
        }}
    """
    )
    key = auth(store.key(verifier="sha256", scope=["read"]))
    assert e.get("/").status == 200
    assert e.get("/?guard=1").status == 401
    assert e.get("/?guard=1", key).status == 200
    assert e.get("/?write=1", key).status == 403
    assert e.get("/on/").status == e.get("/on/?x=1").status == 401
    assert e.get("/on/?x=1", key).status == 200
    assert e.get("/on/?open=1").status == 200


def test_return_answers_before_keyward_and_says_nothing_of_the_request(edge, backend):
    """nginx's rewrite phase comes first; a guarded `return` is the operator's own word."""
    e = edge(
        server=f'{SHOW} keyward on; location /r {{ return 200 "[$keyward_decision$keyward_reason]"; }} location / {{ proxy_pass @BACKEND@; }}'
    )
    response = e.get("/r")
    assert (response.status, response.text) == (200, "[]")
    assert e.get("/").status == 401


# --- paths -------------------------------------------------------------------------------------------------------------

PATHS = [
    "/private/x",
    "/private/",
    "/private//x",
    "//private/x",
    "///private///x",
    "/./private/x",
    "/public/../private/x",
    "/public/./../private/./x",
    "/%70rivate/x",
    "/privat%65/x",
    "/%70%72%69%76%61%74%65/x",
    "/private%2fx",
    "/private%2Fx",
    "/%2fprivate/x",
    "/public%2f..%2fprivate%2fx",
    "/public/%2e%2e/private/x",
    "/public/%2e./private/x",
    "/public/..%2fprivate/x",
    "/%2e/private/x",
    "/private/../public/x",
    "/private/%2e%2e/public/x",
    "/private/..",
    "/private/../",
    "/PRIVATE/x",
    "/Private/x",
    "/private%00/x",
    "/private%20/x",
    "/private;a=b/x",
    "/private;/x",
    "/private?x",
    "/private#x",
    "/private/?x=/public/",
    "/public/?x=/private/",
    "/private\\x",
    "/public/..\\private/x",
    "/private",
    "/private.",
    "/privatex",
    "/%25%37%30rivate/x",
    "/%2570rivate/x",
    "/private/%",
    "/private/%zz",
    "/private/%c0%af",
    "/%c0%afprivate/x",
    "http://localhost/private/x",
    "http://other/private/x",
    "http://localhost//private/x",
    "private/x",
    "",
    "/public/../../private/x",
    "/..",
    "/private/x.php",
    "/public/.%2e/private/x.php",
    "/x.PHP",
    "/public//../private/x",
    "/public/x/..//../private/x",
    "/private\t/x",
    "/ private/x",
    "/\xc3\xa9/../private/x",
    "/public/\x7f/../../private/x",
]


def is_private(target):
    """Independent of nginx: whether a client may think of this as something under /private/."""
    path = unquote(re.sub(r"^http://[^/]*", "", target).split("?")[0].split("#")[0], "latin-1")
    return (re.sub("/+", "/", posixpath.normpath(path)) + "/").startswith("/private/")


@pytest.fixture(scope="module")
def guarded_paths(build):
    with Site(build) as site:
        site.start(
            server=f"""
            {SHOW}
            location / {{ proxy_set_header X-Loc open; proxy_pass @BACKEND@; }}
            location /private/ {{ keyward on; proxy_set_header X-Loc private; proxy_pass @BACKEND@; }}
            location ~ \\.php$ {{ keyward on; proxy_set_header X-Loc private; proxy_pass @BACKEND@; }}
        """
        )
        yield site


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("target", PATHS)
def test_a_path_is_decided_by_the_location_that_nginx_chose(guarded_paths, target, protocol):
    site = guarded_paths
    site.backend.clear()
    try:
        if protocol == "HTTP/2":
            with site.edge.h2() as connection:
                response = connection.request(path=target.encode("latin-1"))
        else:
            response = site.edge.get(target.encode("latin-1"))
    except Exception as error:  # the connection or stream was refused
        assert isinstance(error, (Closed, ConnectionError)) or "reset" in str(error)
        response = None
    assert all(request.header("X-Loc") == "open" for request in site.backend.requests)
    if response is not None and response.status == 200:
        assert not is_private(target) or "\\" in target
        assert site.backend.count() == 1
    if response is not None and response.status == 401:
        assert site.backend.requests == []


# --- bodies of refused requests -----------------------------------------------------------------------------------------------

SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def chunked(*chunks):
    return "".join(f"{len(chunk):x}\r\n{chunk}\r\n" for chunk in (*chunks, ""))


LARGE = SMUGGLED * 50_000
# What frames it, what is sent, what it is.
BODIES = {
    "a length": ("Content-Length: 10", "0123456789", "0123456789"),
    "a request inside": (f"Content-Length: {len(SMUGGLED)}", SMUGGLED, SMUGGLED),
    "a large body": (f"Content-Length: {len(LARGE)}", LARGE, LARGE),
    "an empty body": ("Content-Length: 0", "", ""),
    "chunks": ("Transfer-Encoding: chunked", chunked("0123456789", SMUGGLED), "0123456789" + SMUGGLED),
    "no chunks": ("Transfer-Encoding: chunked", chunked(), ""),
    "many chunks": ("Transfer-Encoding: chunked", chunked(*["x" * 100] * 5000), "x" * 500_000),
    "a trailer": ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n", "abc"),
}


@pytest.fixture(scope="module")
def bodies(build):
    with Site(build) as site:
        site.good = auth(site.store.key(verifier="sha256"))
        other = bcrypt.hashpw(b"another", bcrypt.gensalt(8)).decode()  # 15 ms: the body is there before its end
        site.wrong = []
        lines = []
        for n in range(100):
            key = "test_" + os.urandom(18).hex()
            site.wrong.append(auth(key))
            lines.append(json.dumps({"sha256": hashlib.sha256(key.encode()).hexdigest(), "bcrypt": other}))
        site.store.kw("key", "import", "-", input="\n".join(lines))
        site.start(
            http="keyward_key_format kw_ base62=43 checksum;\nkeyward_key_format test_ hex=36 verifier=sha256;\nclient_max_body_size 0;",
            server=f"""
            keyward on; {SHOW}
            location / {{ proxy_pass @BACKEND@; }}
            location /unbuffered/ {{ proxy_request_buffering off; proxy_http_version 1.1; proxy_pass @BACKEND@; }}
            location /scope/ {{ keyward_scope x; proxy_pass @BACKEND@; }}
            """,
        )
        yield site


def request_with(body, path, headers, expect=False):
    field, data, _ = BODIES[body]
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    expectation = "Expect: 100-continue\r\n" if expect else ""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}{field}\r\n{expectation}\r\n", data


@pytest.mark.parametrize("expect", [False, True], ids=["", "expect"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("case", ["missing", "wrong, async", "unbuffered", "unbuffered, async", "malformed"])
def test_a_refused_body_leaves_the_connection_in_step(bodies, case, body, expect):
    site = bodies
    path = "/unbuffered/x" if "unbuffered" in case else "/x"
    headers = site.wrong.pop() if "async" in case else auth("bad") if case == "malformed" else {}
    head, data = request_with(body, path, headers, expect)
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(head)
        connection.send(data)
        connection.send(encode_request(target="/next", headers=site.good))
        assert connection.read_response("POST").status == 401
        response = connection.read_response()
        assert (response.status, response.json()["target"]) == (200, "/next")
    assert [request.path for request in site.backend.requests] == ["/next"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["/x", "/unbuffered/x"])
def test_an_admitted_body_arrives_whole_after_a_bcrypt_run(bodies, path, body):
    site = bodies
    key = auth(site.store.key(verifier="bcrypt:8"))
    head, data = request_with(body, path, key, expect=True)
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(head)
        connection.send(data)
        connection.send(encode_request(target="/next", headers=key))
        response = connection.read_response("POST")
        assert response.status == 200
        assert connection.read_response().json()["target"] == "/next"
    assert site.backend.requests[0].body == BODIES[body][2].encode()


def test_a_body_in_pieces_around_the_refusal(bodies):
    # Half of it comes before the answer, half after.
    site = bodies
    for headers in (site.wrong.pop(), {}):
        site.backend.clear()
        with site.edge.connect() as connection:
            head, data = request_with("a request inside", "/x", headers)
            connection.send(head + data[:10])
            assert connection.read_response("POST").status == 401
            connection.send(data[10:] + encode_request(target="/next", headers=site.good).decode())
            assert connection.read_response().json()["target"] == "/next"
        assert [request.path for request in site.backend.requests] == ["/next"]


def test_an_expectation_is_answered_before_the_body_is_sent(bodies):
    site = bodies
    with site.edge.connect() as connection:
        head, data = request_with("a length", "/x", {}, expect=True)
        connection.send(head)
        first = connection.read_response("POST", interim=True)
        assert first.status in (100, 401)
        connection.send(data)
        if first.status == 100:
            assert connection.read_response("POST").status == 401
        assert connection.request(headers=site.good).status == 200


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 10\r\nContent-Length: 11",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Content-Length: -1",
        "Content-Length: 0x5",
        "Transfer-Encoding: xchunked",
    ],
)
def test_ambiguous_framing_reaches_no_backend(bodies, head):
    site = bodies
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(f"POST /x HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n0\r\n\r\n{SMUGGLED}")
        connection.socket.shutdown(1)
        connection.read_to_end()
    assert site.backend.requests == []


def test_refused_bodies_over_http2(bodies):
    site = bodies
    site.backend.clear()
    with site.edge.h2() as connection:
        open_stream = connection.start("POST", "/a", [], body="half", end=False)
        refused = [
            connection.start("POST", "/b", headers, body="x" * 5000) for headers in ({}, auth("bad"), site.wrong.pop())
        ]
        assert [connection.finish(stream).status for stream in refused] == [401] * 3
        assert connection.request(path="/next", headers={"x-api-key": site.good["X-API-Key"]}).status == 200
        assert connection.finish(open_stream).status == 401
        assert (
            connection.request("POST", "/next", {"x-api-key": site.good["X-API-Key"]}, body="y" * 100_000).status == 200
        )
    assert [request.path for request in site.backend.requests] == ["/next"] * 2


# --- odd requests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        "GET /x\r\n",
        "GET /x HTTP/1.0\r\n\r\n",
        "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HEAD /x HTTP/1.0\r\n\r\n",
        "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS /x HTTP/1.1\r\nHost: x\r\nOrigin: https://x\r\nAccess-Control-Request-Method: GET\r\n\r\n",
        "TRACE /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://x/x HTTP/1.1\r\nHost: x\r\n\r\n",
        "get /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/1.9\r\nHost: x\r\n\r\n",
        "GET /x HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET /x HTTP/1.1\nHost: x\n\n",
        "GET  /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n",
        "FOO /x HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_no_odd_request_gets_through(bodies, data):
    site = bodies
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(data)
        connection.socket.shutdown(1)
        answer = connection.read_to_end()
    assert site.backend.requests == []
    if data == "GET /x\r\n":
        assert json.loads(answer) == {
            "error": "missing credentials",
            "code": "unauthorized",
        }, "HTTP/0.9: the body alone"
    elif data.startswith("PRI") and site.edge.build.nginx_version >= (1, 25, 1):
        assert answer[3:4] in (b"\4", b""), "SETTINGS: where HTTP/2 is on, this is how it begins"
    elif answer:
        assert re.match(rb"HTTP/1\.1 (400|401|405|505) ", answer)


@pytest.mark.parametrize(
    "directives", ["keyward on; keyward_accept key anonymous;", "keyward shadow; keyward_accept key anonymous;"]
)
def test_http_0_9_where_no_credential_is_needed(edge, backend, directives):
    """nginx makes no list of fields for HTTP/0.9, and adding the identity to none once took the worker down."""
    e = edge(location=directives)
    for _ in range(3):
        with e.connect() as connection:
            connection.send("GET /x\r\n")
            assert json.loads(connection.read_to_end())["target"] == "/x"
    assert backend.last.header("X-Keyward-Kind") == "anonymous"


def test_odd_requests_with_a_key_are_admitted(bodies):
    site = bodies
    for version in ("1.0", "1.1"):
        assert site.edge.request("OPTIONS", "/o", site.good, version=version).status == 200
        assert site.edge.request("HEAD", "/o", site.good, version=version).status == 200
        assert site.edge.request("FOO", "/o", site.good, version=version).status == 200
    assert site.edge.get("/o", site.good, version="1.0", host=None).status == 200


# --- what comes before keyward, and subrequests -------------------------------------------------------------------------------


def test_deny_comes_before_any_bcrypt(edge, kw, backend):
    # More than ten failed runs a minute for one legacy prefix are 503: denied requests made none.
    line = {"bcrypt": bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode(), "prefix": "test_legacy_"}
    kw("key", "import", "-", input=json.dumps(line))
    e = edge(
        http="keyward_key_format test_ base64url=36;",
        server=f"""
        keyward on; {SHOW}
        location /denied/ {{ deny all; proxy_pass @BACKEND@; }}
        location / {{ proxy_pass @BACKEND@; }}
    """,
    )
    for n in range(30):
        assert e.get("/denied/", auth(f"test_legacy_{n:029}")).status == 403
    outcomes = [e.get("/", auth(f"test_legacy_{n:029}")).status for n in range(11)]
    assert outcomes == [401] * 10 + [503]
    assert backend.requests == []


def test_a_denied_request_is_no_use_of_its_key_and_no_charge(edge, store, kw):
    key = store.key()
    e = edge(
        server=f"keyward on; keyward_limit 5r/h name=n; {SHOW} location /denied/ {{ deny all; proxy_pass @BACKEND@; }} location / {{ proxy_pass @BACKEND@; }}"
    )
    for _ in range(3):
        response = e.get("/denied/", auth(key))
        assert (response.status, response.header("X-Decision")) == (403, None)
        assert response.header("Content-Type") == "text/html", "nginx's own"
    assert e.get("/", auth(key)).header("X-RateLimit-Remaining") == "4"
    until(lambda: kw("key", "show", key["id"])["uses"] == 1)


def test_limit_req_comes_first(edge, store):
    e = edge(
        http="limit_req_zone $binary_remote_addr zone=z:1m rate=1r/m;",
        server=f"keyward on; keyward_limit 9r/h; {SHOW} location / {{ limit_req zone=z; proxy_pass @BACKEND@; }}",
    )
    key = auth(store.key(verifier="sha256"))
    assert e.get("/", key).header("X-RateLimit-Remaining") == "8"
    response = e.get("/", key)
    assert (response.status, response.header("X-Reason")) == (503, None)
    assert response.header("Content-Type") == "text/html"


@pytest.mark.parametrize("order", ["alone", "before echo", "behind echo"])
def test_the_order_of_load_module_changes_nothing(edge, store, build, order, request):
    # After allow and deny, before auth_basic and auth_request.
    if order != "alone":
        request.getfixturevalue("echo")
    more = {
        "behind echo": {"MODULE": f"{ECHO};\nload_module {build.module}"},
        "before echo": {"main": f"load_module {ECHO};"},
    }.get(order, {})
    e = edge(
        server=f"""
        keyward on; {SHOW}
        auth_basic realm; auth_basic_user_file @PREFIX@/none;
        location / {{ proxy_pass @BACKEND@; }}
        location /denied/ {{ deny all; proxy_pass @BACKEND@; }}
        location /gzip/ {{ gzip on; gzip_types *; gzip_min_length 1; keyward_scope x; proxy_pass @BACKEND@; }}
        location = /asked {{ auth_basic off; auth_request /asks; proxy_pass @BACKEND@; }}
        location = /asks {{ keyward off; auth_basic off; proxy_pass @BACKEND@; }}
    """,
        **more,
    )
    key = auth(store.key(verifier="sha256", scope=["a"]))
    response = e.get("/denied/")
    assert (response.status, response.header("X-Decision")) == (403, None)
    response = e.get("/")
    assert response.header("WWW-Authenticate") == "Bearer" and response.json()["code"] == "unauthorized"
    response = e.get("/", key)
    assert response.status == 401 and response.header("WWW-Authenticate").startswith("Basic")
    assert response.header("X-Decision") == "allowed"
    assert e.get("/asked").status == 401
    assert e.get("/asked", key).status == 200


SUBREQUESTS = {
    "auth_request": "auth_request /guarded/sub;",
    "mirror": "mirror /guarded/sub;",
    "addition": "add_after_body /guarded/sub; addition_types *;",
    "ssi": "ssi on; ssi_types *;",
}


@pytest.mark.parametrize("mode", ["off", "on", "anonymous"])
@pytest.mark.parametrize("kind", SUBREQUESTS)
def test_a_subrequest_into_a_guarded_location(edge, store, backend, kind, mode):
    # 403 unless keyward allowed the main request.
    backend.on("/main", headers={"Content-Type": "text/html"}, body='main <!--#include virtual="/guarded/sub" -->')
    backend.on("/guarded/sub", headers={"Content-Type": "text/html"}, body="GUARDED")
    rules = {"off": "keyward off;", "on": "keyward on;", "anonymous": "keyward on; keyward_accept key anonymous;"}[mode]
    e = edge(
        server=f"""
        location = /main {{ {rules} {SUBREQUESTS[kind]} proxy_pass @BACKEND@; }}
        location /guarded/ {{ keyward on; keyward_scope other; proxy_pass @BACKEND@; }}
    """
    )
    key = auth(store.key(verifier="sha256", scope=["x"]))

    # Nobody admitted: keyward off, with a key or without (it isn't looked at), and refused ones.
    outsiders = {"off": [{}, key], "on": [{}, auth("bad")], "anonymous": [auth("bad")]}[mode]
    for headers in outsiders:
        response = e.get("/main", headers)
        assert b"GUARDED" not in response.body
        assert response.status == (401 if mode != "off" else 403 if kind == "auth_request" else 200)
        assert backend.count("/guarded/sub") == 0
    # Admitted ones: scopes, limits and whom it accepts aren't looked at again for the subrequest.
    for headers in {"off": [], "on": [key], "anonymous": [key, {}]}[mode]:
        backend.clear()
        assert e.get("/main", headers).status == 200
        backend.wait_requests(1, "/guarded/sub")


@pytest.mark.parametrize("where", ["server", "location"])
def test_an_error_page_in_a_guarded_location_is_shown(edge, folder, where):
    # As the usual configuration has it: everything is guarded, the page too.
    (folder / "401.html").write_text("log in")
    rule = "keyward on;"
    e = edge(
        server=f"""
        {rule if where == 'server' else ''}
        error_page 401 /401.html;
        location = /401.html {{ {rule} root {folder}; }}
        location / {{ {rule} proxy_pass @BACKEND@; }}
    """
    )
    for path in ("/", "/other/x?y"):
        response = e.get(path)
        assert (response.status, response.text) == (401, "log in")
    assert e.get("/401.html").status == 401, "whichever page says so: it is itself what was refused"
    with e.h2() as connection:
        assert connection.request().text == "log in"


# --- nobody reaches a guarded backend unadmitted -----------------------------------------------------------------------------

GUARDED = """
    location /secret/ { keyward on; proxy_pass @BACKEND@; }
    location @secret { keyward on; rewrite ^ /secret/named break; proxy_pass @BACKEND@; }
"""
# A way that a clumsy or clever configuration leads a refused (or undecided) request on, and never meant to let in.
# "/start" is asked for without a credential; /accel answers with X-Accel-Redirect: /secret/x.
ATTACKS = {
    "an error page that is off and redirects": """
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward off; try_files /none /secret/x; }
    """,
    "an error page that is off and redirects to a name": """
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward off; root @PREFIX@; try_files /none @none; }
        location @none { keyward on; rewrite ^ /secret/x break; proxy_pass @BACKEND@; }
    """,
    "a named error page that is off and whose backend redirects": """
        location /start { keyward on; error_page 401 = @page; proxy_pass @BACKEND@; }
        location @page { keyward off; rewrite ^ /accel break; proxy_pass @BACKEND@; }
    """,
    "a guarded error page whose backend redirects": """
        location /start { keyward on; error_page 401 = @page; proxy_pass @BACKEND@; }
        location @page { keyward on; rewrite ^ /accel break; proxy_pass @BACKEND@; }
    """,
    "an error page that someone else admits": """
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward on; satisfy any; allow all; try_files /none /secret/x; }
    """,
    "an error page that returns an error": """
        recursive_error_pages on;
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward off; error_page 404 = /secret/x; return 404; }
    """,
    "a guarded error page that returns an error": """
        recursive_error_pages on;
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward on; error_page 404 = /secret/x; return 404; }
    """,
    "a guarded error page that is denied": """
        recursive_error_pages on;
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward on; deny all; error_page 403 = @secret; proxy_pass @BACKEND@; }
    """,
    "a guarded error page that is missing": """
        recursive_error_pages on;
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward on; root @PREFIX@/none; error_page 404 = /secret/x; }
    """,
    "an error page with an index": """
        location /start { keyward on; error_page 401 /page/; proxy_pass @BACKEND@; }
        location = /page/ { keyward off; root @PREFIX@; index none.html /secret/x; }
    """,
    "post_action": """
        location /start { keyward on; post_action /secret/x; proxy_pass @BACKEND@; }
    """,
    "post_action to a name": """
        location /start { keyward on; post_action @secret; proxy_pass @BACKEND@; }
    """,
    "post_action of an error page": """
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward off; post_action /secret/x; root @PREFIX@; }
    """,
    "auth_request of an error page": """
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward on; auth_request /secret/x; root @PREFIX@; }
    """,
    "mirror of an error page": """
        location /start { keyward on; error_page 401 =200 /nginx.conf; proxy_pass @BACKEND@; }
        location = /nginx.conf { keyward on; mirror /secret/x; root @PREFIX@; }
    """,
    "addition to an error page": """
        location /start { keyward on; error_page 401 =200 /nginx.conf; proxy_pass @BACKEND@; }
        location = /nginx.conf { keyward on; add_after_body /secret/x; addition_types *; root @PREFIX@; }
    """,
    "satisfy any with allow, then X-Accel-Redirect": """
        location /start { keyward on; satisfy any; allow all; proxy_pass @BACKEND@/accel; }
    """,
    "satisfy any with auth_basic, then X-Accel-Redirect": """
        location /start { keyward on; satisfy any; auth_basic r; auth_basic_user_file @USERS@; proxy_pass @BACKEND@/accel; }
    """,
    "satisfy any with auth_basic, then error_page": """
        location /start {
            keyward on; satisfy any; auth_basic r; auth_basic_user_file @USERS@;
            root @PREFIX@/none; error_page 404 = /secret/x;
        }
    """,
    "satisfy any with auth_basic, then the backend's 404": """
        location /start {
            keyward on; satisfy any; auth_basic r; auth_basic_user_file @USERS@;
            proxy_intercept_errors on; error_page 404 = /secret/x; proxy_pass @BACKEND@/404;
        }
    """,
    "satisfy any with auth_basic, then try_files": """
        location /start { keyward on; satisfy any; auth_basic r; auth_basic_user_file @USERS@; try_files /none /secret/x; }
    """,
    "satisfy any with auth_basic, then mirror": """
        location /start { keyward on; satisfy any; auth_basic r; auth_basic_user_file @USERS@; mirror /secret/x; proxy_pass @BACKEND@; }
    """,
    "shadow, then X-Accel-Redirect": """
        location /start { keyward shadow; proxy_pass @BACKEND@/accel; }
    """,
    "shadow, then a subrequest": """
        location /start { keyward shadow; mirror /secret/x; proxy_pass @BACKEND@; }
    """,
    "anonymous, then X-Accel-Redirect": """
        location /start { keyward on; keyward_accept key anonymous; proxy_pass @BACKEND@/accel; }
    """,
    "preflight, then X-Accel-Redirect": """
        location /start { keyward on; keyward_accept key preflight; proxy_pass @BACKEND@/accel; }
    """,
    "an if without keyward of its own": """
        location /start { keyward on; if ($request_method) { proxy_pass @BACKEND@; } rewrite ^ /secret/x last; }
    """,
    "rewrite": "location /start { keyward off; rewrite ^ /secret/x last; }",
    "an if that is off and rewrites": "location /start { keyward on; if ($uri) { keyward off; rewrite ^ /secret/x last; } }",
    "a server's error_page": """
        error_page 401 403 = @login;
        location @login { keyward off; rewrite ^ /accel break; proxy_pass @BACKEND@; }
        location /start { keyward on; proxy_pass @BACKEND@; }
    """,
    "a push over HTTP/2": "location /start { keyward off; http2_push /secret/x; proxy_pass @BACKEND@; }",
    "an X-Accel-Redirect that the client sends": "location /start { keyward off; proxy_pass @BACKEND@; }",
    "a denied method, then error_page": "location /start { keyward off; limit_except GET { deny all; } error_page 403 = /secret/x; proxy_pass @BACKEND@; }",
}
ECHO_ATTACKS = {
    "echo_exec": "location /start { keyward off; echo_exec /secret/x; }",
    "echo_exec of an error page": """
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward off; echo_exec @secret; }
    """,
    "echo_location": "location /start { keyward off; echo_location /secret/x; }",
    "echo_location of an error page": """
        location /start { keyward on; error_page 401 /page; proxy_pass @BACKEND@; }
        location = /page { keyward on; echo_location /secret/x; }
    """,
    "echo_subrequest_async": "location /start { keyward off; echo_subrequest_async POST /secret/x -b hello; }",
    "echo_reset_timer": "location /start { keyward on; error_page 401 = @page; proxy_pass @BACKEND@; } location @page { keyward off; echo_exec /secret/x; }",
}

METHODS = ("GET", "POST", "HEAD", "OPTIONS")


def attack(e, backend):
    backend.on("/accel", headers={"X-Accel-Redirect": "/secret/x"})
    backend.on("/404", 404)
    basic = {"Authorization": "Basic dTpw", "X-Accel-Redirect": "/secret/x"}
    cors = {"Origin": "https://x", "Access-Control-Request-Method": "GET"}
    for method in METHODS:
        for headers in ({}, basic, auth("bad"), cors, auth("eyJh.eyJz.c2ln")):
            body = "x" if method == "POST" else None
            for version in ("1.1", "1.0"):
                try:
                    e.request(method, "/start", headers, body, version=version)
                except Closed:
                    pass
            with e.h2() as connection:
                stream = connection.start(method, "/start", headers, body)
                try:
                    connection.finish(stream)
                except Exception as error:
                    assert "reset" in str(error) or isinstance(error, Closed), error
    # Whatever runs after the answer has run when the connection is answered again.
    e.stop()
    assert [(request.method, request.path) for request in backend.requests if request.path.startswith("/secret")] == []


def users(folder):
    (folder / "users").write_text("u:{PLAIN}p\n")
    return folder / "users"


@pytest.mark.parametrize("name", ATTACKS)
def test_nobody_reaches_a_guarded_backend_unadmitted(edge, folder, backend, name):
    e = edge(server="log_subrequest on;\n" + ATTACKS[name] + GUARDED, USERS=users(folder))
    e.allow_log("internal redirection cycle")
    attack(e, backend)


@pytest.mark.parametrize("name", ECHO_ATTACKS)
def test_nobody_reaches_a_guarded_backend_through_echo(edge, folder, backend, echo, name):
    e = edge(main=f"load_module {echo};", server=ECHO_ATTACKS[name] + GUARDED, USERS=users(folder))
    attack(e, backend)


@pytest.mark.parametrize(
    "page",
    [
        "error_page 502 503 504 = @backup;",
        "error_page 404 = @backup;",
        "error_page 401 403 404 = @backup;",
        "error_page 403 = @backup;",
    ],
)
def test_an_error_page_for_the_backends_own_errors_lets_no_refused_request_in(edge, kw, store, backend, page):
    """A fallback to another upstream, a common thing, in a server that is guarded as a whole. The refusals (503, a 404 that hides what
    there is, 403 for a scope) are the status that the operator had in mind for its backends."""
    line = {"bcrypt": bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode(), "prefix": "test_legacy_"}
    kw("key", "import", "-", input=json.dumps(line))
    key = auth(store.key(verifier="sha256", format="test_ base64url=36", scope=["a"]))
    e = edge(
        http="keyward_key_format test_ base64url=36;",
        server=f"""
        keyward on;
        keyward_message missing_credential "not found" status=404;
        {page}
        location / {{ keyward_scope b; proxy_pass @BACKEND@; }}
        location @backup {{ proxy_pass @BACKEND@; }}
    """,
    )
    e.get("/", {})
    e.get("/", key)
    for n in range(12):
        e.get("/", auth(f"test_legacy_{n:029}"))
    assert backend.requests == []


# A location that no word of keyward's is in: open to whoever may come to it, as its own, and so to nobody that was refused.
UNGUARDED = {
    "named": "location @backup { BACKUP }",
    "a path": "location = /backup { internal; BACKUP }",
    "whom others admit": "location @backup { satisfy any; allow all; BACKUP }",
    "whom a password admits": "location @backup { satisfy any; auth_basic r; auth_basic_user_file @USERS@; BACKUP }",
    "through a rewrite": "location @backup { rewrite ^ /behind last; } location = /behind { BACKUP }",
    "in an if": "location @backup { if ($request_method) { BACKUP } }",
    "behind an error of its own": "location @backup { root @PREFIX@/none; error_page 404 405 = @behind; } location @behind { BACKUP }",
    "behind a page that is off": "location @backup { keyward off; rewrite ^ /accel break; BACKUP } location = /behind { internal; BACKUP }",
    "behind a page that is off, by name": "location @backup { keyward off; rewrite ^ /accel-name break; BACKUP } location @behind { BACKUP }",
}


@pytest.mark.parametrize("where", UNGUARDED)
@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_refused_request_comes_to_no_backup_without_keyward(edge, kw, store, backend, folder, status, where):
    """Made-up keys had 503 (keys_unavailable, store_error, busy) in an outage, and `error_page 502 503 504 = @backup;` let all of them
    through to the backup, where keyward was off by nobody's decision."""
    line = {"bcrypt": bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode(), "prefix": "test_legacy_"}
    kw("key", "import", "-", input=json.dumps(line))
    narrow = auth(store.key(verifier="sha256", format="test_ base64url=36", scope=["a"]))
    backend.on("/accel", headers={"X-Accel-Redirect": "/behind"})
    backend.on("/accel-name", headers={"X-Accel-Redirect": "@behind"})
    to = "/backup" if where == "a path" else "@backup"
    e = edge(
        http="keyward_key_format test_ base64url=36;",
        server=f"""
        recursive_error_pages on;
        location / {{ keyward on; keyward_scope b; error_page 401 403 502 503 504 = {to}; proxy_pass @BACKEND@; }}
        location /used {{ keyward on; keyward_accept key anonymous; keyward_limit 1r/h by=address name=used; error_page 429 = {to}; empty_gif; }}
        {UNGUARDED[where].replace("BACKUP", "proxy_pass @BACKEND@;")}
    """,
        USERS=users(folder),
    )
    if status == 503:
        for n in range(12):
            e.get("/", auth(f"test_legacy_{n:029}"))
    elif status == 429:
        e.get("/used", {})
    backend.clear()
    path = "/used" if status == 429 else "/x"
    headers = {401: {}, 403: narrow, 429: {}, 503: auth("test_legacy_" + "x" * 29)}[status]
    for method in ("GET", "POST", "HEAD", "DELETE"):
        response = e.request(
            method, path, {**headers, **({"Authorization": "Basic dTpw"} if status in (401, 429) else {})}
        )
        assert response.status == status
        if method != "HEAD":
            assert (
                response.json()["code"]
                == {401: "unauthorized", 403: "forbidden", 429: "rate_limited", 503: "unavailable"}[status]
            )
    allowed = ("/accel", "/accel-name") if where.startswith("behind a page") else ()
    assert [request.path for request in backend.requests if request.path not in allowed] == []


@pytest.mark.parametrize("where", ["location", "server", "http"])
def test_a_refused_request_comes_to_a_backend_where_off_is_written(edge, backend, where):
    off = "keyward off;"
    e = edge(
        http=off if where == "http" else "",
        server=f"""
        {off if where == "server" else ""}
        location / {{ keyward on; error_page 401 = @page; proxy_pass @BACKEND@; }}
        location @page {{ {off if where == "location" else ""} proxy_pass @BACKEND@; }}
    """,
    )
    assert e.get("/x", {}).json()["target"] == "/x"


def test_the_backends_own_errors_come_to_a_backup_without_keyward(edge, store, backend, folder):
    """Whoever was admitted, by keyward or by another module, or was refused by another one, goes where the configuration leads."""
    backend.on("/503", 503)
    e = edge(
        server="""
        proxy_intercept_errors on;
        location / { keyward on; error_page 403 503 = @backup; proxy_pass @BACKEND@/503?; }
        location /any { keyward on; satisfy any; auth_basic r; auth_basic_user_file @USERS@; error_page 503 = @backup; proxy_pass @BACKEND@/503?; }
        location /denied { keyward on; deny all; error_page 403 = @backup; proxy_pass @BACKEND@; }
        location @backup { proxy_pass @BACKEND@; }
    """,
        USERS=users(folder),
    )
    assert e.get("/x", auth(store.key(verifier="sha256"))).json()["target"] == "/x"
    assert e.get("/any", {"Authorization": "Basic dTpw"}).json()["target"] == "/any"
    assert e.get("/denied", {}).json()["target"] == "/denied"


@pytest.mark.parametrize(
    "page",
    [
        "error_page 401 403 @page; location @page { }",
        "error_page 401 403 = @page; location @page { }",
        "error_page 401 403 @page; location @page { keyward on; root @FILES@; }",
        "error_page 401 403 @page; location @page { try_files $uri /page.txt =404; }",
        "error_page 401 403 @page; location @page { try_files /page.txt =404; }",
        "error_page 401 403 @page; location @page { satisfy any; deny all; }",
        "error_page 401 403 /page.txt;",
        "error_page 401 403 =200 /page.txt;",
        "error_page 401 403 $uri;",
        "error_page 401 403 =200 $uri?$args;",
        "error_page 401 403 = /in/; location /in/ { alias @FILES@/; }",
    ],
)
def test_a_guarded_error_page_never_does_what_was_refused(edge, folder, store, page):
    """A named location keeps the URI and the method: there static files and WebDAV would serve, write or delete."""
    files = folder / "files"
    files.mkdir()
    for name in ("secret.txt", "page.txt"):
        (files / name).write_text(f"this is {name}")
        os.chmod(files / name, 0o666)
    os.chmod(files, 0o777)
    key = auth(store.key(verifier="sha256", scope=["a"]))
    e = edge(
        server=f"""
        keyward on; keyward_scope b;
        root @FILES@; dav_methods PUT DELETE MKCOL COPY MOVE; min_delete_depth 0; client_body_temp_path @FILES@/temp;
        location /x {{ }}
        {page}
    """,
        FILES=files,
    )
    copy = {"Destination": "/copied.txt"}
    for headers in ({}, key, auth("bad")):
        for target in ("/secret.txt", "/new.txt"):
            for method, more in (
                ("PUT", {}),
                ("DELETE", {}),
                ("COPY", copy),
                ("MOVE", copy),
                ("MKCOL", {}),
                ("GET", {}),
                ("HEAD", {}),
                ("POST", {}),
            ):
                response = e.request(
                    method, target, {**headers, **more}, body="evil" if method in ("PUT", "POST") else None
                )
                assert b"secret" not in response.body, (method, target)
                assert response.status not in (201, 204), (method, target)
                with e.h2() as connection:
                    assert b"secret" not in connection.request(method, target, {**headers, **more}).body
    left = {path.name: path.read_text() for path in files.iterdir() if path.is_file()}
    assert left == {name: f"this is {name}" for name in ("secret.txt", "page.txt")}
