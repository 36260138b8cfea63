"""Who the backend is told it is, and that no client tells it."""

import re
import socket
import struct
import threading

import pytest
from harness.client import raw
from harness.site import Site
from harness.tokens import Issuers, Signer
from harness.wait import until

FIELDS = ("Subject", "Key-Id", "Plan", "Scopes", "Kind", "Issuer", "Assertion")
NAMES = [f"X-Keyward-{field}" for field in FIELDS]
LIE = "i-am-root"

SPELLINGS = {
    "hyphens": lambda name: name,
    "underscores": lambda name: name.replace("-", "_"),
    "one underscore": lambda name: name.replace("-", "_", 1),
    "dots": lambda name: name.replace("-", "."),
    "other separators": lambda name: "!".join(name.rsplit("-", 1)),
    "lower case": str.lower,
    "capitals": lambda name: name.upper().replace("-", "_"),
    "mixed case": lambda name: "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(name)),
}


def canonical(name):
    """As a CGI-like backend reads it."""
    return re.sub("[^a-z0-9]", "-", name.lower())


def identity(request):
    """What a backend might take for identity: canonical name to all its values."""
    found = {}
    for name, value in request.headers:
        if canonical(name).startswith("x-keyward-"):
            found.setdefault(canonical(name), []).append(value)
    return found


def lies(spell=str, copies=1):
    return [(spell(name), LIE) for name in NAMES for _ in range(copies)]


LOCATIONS = """
    location / { keyward on; proxy_pass @BACKEND@; }
    location /off/ { keyward off; proxy_pass @BACKEND@; }
    location /anonymous/ { keyward on; keyward_accept key anonymous; proxy_pass @BACKEND@; }
    location /shadow/ { keyward shadow; proxy_pass @BACKEND@; }
    location /set/ { keyward on; proxy_set_header X-Other 1; proxy_pass @BACKEND@; }
    location /off-set/ { keyward off; proxy_set_header X-Other 1; proxy_pass @BACKEND@; }
    location /copy/ { keyward off; proxy_set_header X-Copy "$http_x_keyward_subject"; proxy_pass @BACKEND@; }
    location /return/ { keyward off; return 200 "[$http_x_keyward_subject$http_x_keyward_key_id$http_x_keyward_kind]"; }
    location /return-on/ { keyward on; return 200 "[$http_x_keyward_subject$http_x_keyward_key_id$http_x_keyward_kind]"; }
    location /early/ {
        keyward on;
        set $early "$http_x_keyward_subject$http_x_keyward_plan";
        if ($http_x_keyward_subject) { return 200 fooled; }
        proxy_set_header X-Early "[$early]";
        proxy_pass @BACKEND@;
    }
    location /static/ { keyward off; alias @HTML@/; add_header X-Echo "[$http_x_keyward_subject$http_x_keyward_scopes]" always; }
    location /error/ { keyward on; error_page 401 = @error; proxy_pass @BACKEND@; }
    location /not-found/ { keyward off; error_page 404 = @error; root @HTML@; }
    location @error { keyward off; proxy_pass @BACKEND@; }
    location /satisfy/ { keyward on; satisfy any; allow all; proxy_pass @BACKEND@; }
    location /if/ { keyward off; if ($request_method) { proxy_pass @BACKEND@; } proxy_pass @BACKEND@; }
    location /mirror/ { keyward off; mirror /mirrored; proxy_pass @BACKEND@; }
    location /mirrored { internal; keyward off; proxy_pass @BACKEND@; }
"""


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.page("f.txt", "text")
        site.key = site.store.key(verifier="sha256", subject="acme", scope=["posts:read"])
        site.start(
            http="log_format lies '$http_x_keyward_subject|$http_x_keyward_key_id|$uri';",
            server=f"underscores_in_headers on; ignore_invalid_headers off; access_log @PREFIX@/lies.log lies;\n{LOCATIONS}",
        )
        yield site


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_no_spelling_of_a_lie_reaches_a_backend(site, spelling, protocol):
    key = ("X-API-Key", site.key["key"])
    truth = {
        "x-keyward-subject": ["acme"],
        "x-keyward-key-id": [site.key["id"]],
        "x-keyward-kind": ["key"],
        "x-keyward-scopes": ["posts:read"],
    }
    expected = {
        "/": truth,
        "/set/": truth,
        "/shadow/": truth,
        "/early/": truth,
        "/off/": {},
        "/off-set/": {},
        "/copy/": {},
        "/not-found/": {},
        "/satisfy/": {},
        "/if/": {},
        "/mirror/": {},
    }
    for path, there in expected.items():
        site.backend.clear()
        sent = [("X-A", "1"), *lies(SPELLINGS[spelling]), key, *lies(SPELLINGS[spelling]), ("X-B", "2")]
        if protocol == "HTTP/2":
            with site.edge.h2() as connection:
                response = connection.request(path=path, headers=sent)
        else:
            response = site.edge.get(path, sent)
        assert response.status == 200, path
        site.backend.wait_requests(2 if path == "/mirror/" else 1)
        for request in site.backend.requests:
            assert identity(request) == there, path
            assert LIE not in str(request.headers)
            assert (request.header("X-A"), request.header("X-B")) == ("1", "2")


def test_variables_that_read_the_request_see_no_lie(site):
    # return, static, set and if run before the access phase.
    headers = lies() + lies(SPELLINGS["underscores"])
    assert site.edge.get("/return/", headers).text == "[]"
    assert site.edge.get("/return-on/", headers).text == "[]"
    response = site.edge.get("/static/f.txt", headers)
    assert (response.text, response.header("X-Echo")) == ("text", "[]")
    assert site.edge.get("/static/none", headers).header("X-Echo") == "[]"
    site.edge.get("/early/", headers + [("X-API-Key", site.key["key"])])
    assert site.backend.last.header("X-Early") == "[]"
    site.edge.get("/copy/", headers)
    assert site.backend.last.header("X-Copy") is None


def test_a_refusal_handed_to_a_backend_by_error_page_carries_no_lie(site):
    for headers in (lies(), lies() + [("X-API-Key", "bad")]):
        site.backend.clear()
        site.edge.get("/error/x", headers)
        assert site.backend.count() == 1
        assert identity(site.backend.last) == {}


def test_the_access_log_sees_no_lie(site):
    site.edge.get("/log-refused", lies())
    site.edge.get("/off/log-passed", lies())
    log = site.folder / "edge/lies.log"
    until(lambda: "/off/log-passed" in log.read_text() and "/log-refused" in log.read_text())
    assert LIE not in log.read_text()


@pytest.mark.parametrize("copies", [1, 2, 100])
@pytest.mark.parametrize("fillers", [0, 1, 19, 20, 21, 60])
def test_any_number_of_lies_among_other_fields(site, copies, fillers):
    # Also at the ends, and nothing but lies.
    key = ("X-API-Key", site.key["key"])
    one = [("X-Keyward-Subject", LIE)] * copies
    filled = [(f"X-F-{n}", str(n)) for n in range(fillers)]
    mixed = [pair for n, field in enumerate(filled) for pair in (field, ("x_keyward-subject", LIE)) if n < 60]
    for path, credential in (("/", [key]), ("/off/", [])):
        for sent in (
            one + filled + credential,
            filled + one + credential,
            credential + filled + one,
            mixed + credential + one,
        ):
            assert site.edge.get(path, sent).status == 200
            request = site.backend.last
            assert request.all("X-Keyward-Subject") == (["acme"] if credential else [])
            assert LIE not in str(request.headers)
            assert [pair for pair in request.headers if pair[0].startswith("X-F-")] == filled


def test_names_that_only_look_alike_are_left_alone(site):
    sent = [
        ("X-Keyward", "1"),
        ("X-Keyward-", "2"),
        ("X-Keyward-Subjects", "3"),
        ("XX-Keyward-Subject", "4"),
        ("Keyward-Subject", "5"),
        ("X-KeywardSubject", "6"),
        ("X-Keyward-Other", "7"),
    ]
    site.edge.get("/off/", sent)
    assert [pair for pair in site.backend.last.headers if pair in sent] == sent


def test_an_unguarded_server_is_none_of_our_business(edge, backend):
    e = edge(
        http="""
        server { listen 127.0.0.1:@PORT@; server_name guarded; location / { proxy_pass @BACKEND@; } location /g { keyward on; proxy_pass @BACKEND@; } }
        server { listen 127.0.0.1:@PORT@; server_name other; location / { proxy_pass @BACKEND@; } }
    """
    )
    assert e.get("/", lies(), host="guarded").status == 200
    assert identity(backend.last) == {}
    assert e.get("/", lies(), host="other").status == 200
    assert len(identity(backend.last)) == len(NAMES)


def test_keyward_in_http_guards_every_server(edge, backend):
    e = edge(
        http="""
        keyward on;
        server { listen 127.0.0.1:@PORT@; server_name one; location / { proxy_pass @BACKEND@; } }
        server { listen 127.0.0.1:@PORT@; server_name two; location / { keyward off; proxy_pass @BACKEND@; } }
    """
    )
    assert e.get(host="one").status == 401
    assert e.get("/", lies(), host="two").status == 200
    assert identity(backend.last) == {}


# --- what is told ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(build):
    with Site(build) as site:
        kw = site.store.kw
        kw("plan", "set", "pro", "--scope", "posts:read", "--scope", "posts:write")
        kw("plan", "set", "free", "--scope", "posts:read")
        kw("subject", "set", "acme", "--plan", "pro")
        kw("subject", "set", "narrow", "--scope", "posts:read")

        def key(**options):
            return site.store.key(verifier="sha256", **options)

        # What each key has: subject, plan, effective scopes (None: whatever there is).
        site.keys = {
            "bare": (key(), None, None, {"*"}),
            "subject": (key(subject="nobody else", scope=["a"]), "nobody else", None, {"a"}),
            "own plan": (key(plan="free"), None, "free", {"posts:read"}),
            "the subject's plan": (key(subject="acme"), "acme", "pro", {"posts:read", "posts:write"}),
            "its own before the subject's": (key(subject="acme", plan="free"), "acme", "free", {"posts:read"}),
            "narrowed by the plan": (
                key(plan="free", scope=["posts:read", "posts:write"]),
                None,
                "free",
                {"posts:read"},
            ),
            "narrowed by the subject": (key(subject="narrow", scope=["posts:*"]), "narrow", None, {"posts:read"}),
            "nothing left": (key(plan="free", scope=["other"]), None, "free", set()),
            "a wildcard": (key(scope=["posts:*", "b"]), None, None, {"posts:*", "b"}),
            "an address": (key(subject="user@example.com/1"), "user@example.com/1", None, {"*"}),
        }
        show = 'add_header X-Seen "$keyward_decision|$keyward_reason|$keyward_kind|$keyward_key_id|$keyward_subject|$keyward_plan|$keyward_scopes|$keyward_issuer|$remote_user" always;'
        site.start(server=f"{show} location / {{ keyward on; proxy_pass @BACKEND@; }}")
        yield site


@pytest.mark.parametrize(
    "case",
    [
        "bare",
        "subject",
        "own plan",
        "the subject's plan",
        "its own before the subject's",
        "narrowed by the plan",
        "narrowed by the subject",
        "nothing left",
        "a wildcard",
        "an address",
    ],
)
def test_the_backend_is_told_who_it_is(told, case):
    key, subject, plan, scopes = told.keys[case]
    response = told.edge.get(headers=[*lies(), ("X-API-Key", key["key"])])
    assert response.status == 200
    request = told.backend.last
    # Absent, not empty, where there is nothing to tell.
    assert request.all("X-Keyward-Subject") == ([subject] if subject else [])
    assert request.all("X-Keyward-Key-Id") == [key["id"]]
    assert request.all("X-Keyward-Plan") == ([plan] if plan else [])
    assert request.all("X-Keyward-Kind") == ["key"]
    assert request.all("X-Keyward-Issuer") == request.all("X-Keyward-Assertion") == []
    assert set((request.header("X-Keyward-Scopes") or "").split()) == scopes
    seen = response.header("X-Seen").split("|")
    assert seen[:6] == ["allowed", "", "key", key["id"], subject or "", plan or ""]
    assert set(seen[6].split()) == scopes
    assert seen[7:] == ["", subject or ""]


def test_anonymous_is_told_as_that(site):
    assert site.edge.get("/anonymous/", lies()).status == 200
    assert identity(site.backend.last) == {"x-keyward-kind": ["anonymous"]}


def test_another_prefix(edge, store, backend):
    key = ("X-API-Key", store.key(verifier="sha256", subject="acme")["key"])
    spoofed = [(f"X-Auth-{field}", LIE) for field in FIELDS] + [(f"x_auth_{field}", LIE) for field in FIELDS]
    e = edge(
        http="keyward_identity X-Auth;",
        server="""
        underscores_in_headers on;
        location / { keyward on; proxy_pass @BACKEND@; }
        location /off/ { keyward off; proxy_pass @BACKEND@; }
    """,
    )
    assert e.get("/", [*spoofed, key]).status == 200
    assert backend.last.header("X-Auth-Subject") == "acme"
    assert identity(backend.last) == {}
    assert LIE not in str(backend.last.headers)
    e.get("/off/", spoofed)
    assert LIE not in str(backend.last.headers)


def test_a_servers_own_prefix(edge, store, backend):
    key = ("X-API-Key", store.key(verifier="sha256", subject="acme")["key"])
    e = edge(
        http="""
        keyward on;
        keyward_identity X-Http;
        server { listen 127.0.0.1:@PORT@; server_name one; location / { proxy_pass @BACKEND@; } }
        server { listen 127.0.0.1:@PORT@; server_name two; keyward_identity X-Two; location / { proxy_pass @BACKEND@; } }
        server { listen 127.0.0.1:@PORT@; server_name off; keyward_identity off; location / { proxy_pass @BACKEND@; } }
    """
    )
    for host, name in (("one", "X-Http"), ("two", "X-Two")):
        assert e.get("/", [key, (f"{name}-Subject", LIE)], host=host).status == 200
        assert backend.last.all(f"{name}-Subject") == ["acme"]
    assert e.get("/", [key, *lies()], host="off").status == 200
    assert identity(backend.last) == {}
    assert "acme" not in str(backend.last.headers)


def test_identity_follows_the_last_decision_and_never_stays(edge, store, backend):
    """Through redirects: where another principal's word counts, or nobody's."""
    for target in ("/b", "/anonymous", "/refused"):
        backend.on(f"/to{target}", headers={"X-Accel-Redirect": target})
    e = edge(
        server="""
        keyward on;
        add_header X-Seen "$keyward_decision|$keyward_reason" always;
        location / { proxy_pass @BACKEND@; }
        location = /refused { keyward_scope nobody:has; error_page 403 = @refused; proxy_pass @BACKEND@; }
        location @refused { keyward off; proxy_pass @BACKEND@; }
    """
    )
    key = store.key(verifier="sha256", subject="acme", scope=["a"])
    assert e.get("/to/b", {"X-API-Key": key["key"]}).status == 200
    assert backend.last.path == "/b" and backend.last.all("X-Keyward-Subject") == ["acme"]
    e.get("/to/refused", {"X-API-Key": key["key"]})
    assert backend.last.path == "/refused"
    assert identity(backend.last) == {}, "a refused request carries nobody's identity"


def test_proxy_set_header_may_use_the_identity(edge, store, backend):
    e = edge(location='keyward on; proxy_set_header X-User "$http_x_keyward_subject/$keyward_subject";')
    e.get("/", [("X-API-Key", store.key(verifier="sha256", subject="acme")["key"]), *lies()])
    assert backend.last.header("X-User") == "acme/acme"


# --- uwsgi, SCGI and FastCGI ------------------------------------------------------------------------------------------------


def uwsgi_parameters(connection):
    _, size, _ = struct.unpack("<BHB", receive(connection, 4))
    data, found = receive(connection, size), []
    while data:
        parts = []
        for _ in range(2):
            (length,) = struct.unpack_from("<H", data)
            parts.append(data[2 : 2 + length].decode("latin-1"))
            data = data[2 + length :]
        found.append(tuple(parts))
    return found, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nok"


def scgi_parameters(connection):
    size = b""
    while not size.endswith(b":"):
        size += receive(connection, 1)
    parts = receive(connection, int(size[:-1]) + 1)[:-2].decode("latin-1").split("\0")
    return list(zip(parts[::2], parts[1::2])), b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok"


def fastcgi_parameters(connection):
    data = b""
    while True:
        _, kind, _, size, padding, _ = struct.unpack(">BBHHBB", receive(connection, 8))
        content = receive(connection, size + padding)[:size]
        if kind == 5 and not content:
            break
        data += content if kind == 4 else b""
    found = []
    while data:
        lengths = []
        for _ in range(2):
            wide = data[0] & 0x80
            lengths.append(struct.unpack(">I", data[:4])[0] & 0x7FFFFFFF if wide else data[0])
            data = data[4 if wide else 1 :]
        name, value = data[: lengths[0]], data[lengths[0] : sum(lengths)]
        found.append((name.decode("latin-1"), value.decode("latin-1")))
        data = data[sum(lengths) :]
    out = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nok"
    return found, struct.pack(">BBHHBB", 1, 6, 1, len(out), 0, 0) + out + struct.pack(">BBHHBBQ", 1, 3, 1, 8, 0, 0, 0)


def receive(connection, size):
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, "nginx closed the connection"
        data += part
    return data


@pytest.mark.parametrize(
    "protocol, read", [("uwsgi", uwsgi_parameters), ("scgi", scgi_parameters), ("fastcgi", fastcgi_parameters)]
)
def test_gateways_get_the_same_identity_as_proxies(edge, store, protocol, read):
    seen = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                parameters, answer = read(connection)
                seen.append(
                    [
                        pair
                        for pair in parameters
                        if "KEYWARD" in pair[0] or "API_KEY" in pair[0] or "AUTHORIZATION" in pair[0]
                    ]
                )
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    pass_to = f"{protocol}_pass 127.0.0.1:{listener.getsockname()[1]};"
    key = store.key(verifier="sha256", subject="acme", scope=["a"])
    e = edge(
        server=f"""
        underscores_in_headers on;
        location / {{ keyward on; {pass_to} }}
        location /off/ {{ keyward off; {pass_to} }}
    """
    )
    try:
        for spelling in ("hyphens", "underscores", "capitals"):
            sent = [*lies(SPELLINGS[spelling]), ("Authorization", f"Bearer {key['key']}"), ("X_API_Key", key["key"])]
            response = e.get("/", sent)
            assert (response.status, response.text) == (200, "ok")
            assert sorted(seen[-1]) == [
                ("HTTP_X_KEYWARD_KEY_ID", key["id"]),
                ("HTTP_X_KEYWARD_KIND", "key"),
                ("HTTP_X_KEYWARD_SCOPES", "a"),
                ("HTTP_X_KEYWARD_SUBJECT", "acme"),
            ]
            assert e.get("/off/", lies(SPELLINGS[spelling])).status == 200
            assert seen[-1] == []
    finally:
        listener.close()


# --- method overrides ---------------------------------------------------------------------------------------------------------

OVERRIDES = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override", "X-Http_Method"]


@pytest.mark.parametrize(
    "directive",
    ["keyward_scope methods=GET a;", "keyward_accept methods=GET key;", "keyward_limit 100r/m methods=GET;"],
)
@pytest.mark.parametrize("where", ["location", "server"])
def test_method_overrides_are_removed_where_methods_decide(edge, store, backend, directive, where):
    key = ("X-API-Key", store.key(verifier="sha256", scope=["a"])["key"])
    e = edge(
        server=f"""
        underscores_in_headers on;
        {directive if where == "server" else ""}
        location / {{ keyward on; {directive if where == "location" else ""} proxy_pass @BACKEND@; }}
    """
    )
    sent = [("X-A", "1"), *[(name, "DELETE") for name in OVERRIDES for _ in range(2)], key, ("X-B", "2")]
    assert e.get("/", sent).status == 200
    assert "DELETE" not in str(backend.last.headers)
    assert (backend.last.header("X-A"), backend.last.header("X-B")) == ("1", "2")


def test_method_overrides_are_removed_from_preflight(edge, store, backend):
    """It is admitted for its method, and for nothing else."""
    e = edge(location="keyward on; keyward_accept key preflight;")
    asked = [("Origin", "https://a.example"), ("Access-Control-Request-Method", "DELETE")]
    assert e.request("OPTIONS", "/", [*asked, *[(name, "DELETE") for name in OVERRIDES[:3]]]).status == 200
    assert [backend.last.header(name) for name in OVERRIDES[:3]] == [None] * 3


def test_method_overrides_are_kept_elsewhere(edge, store, backend):
    key = ("X-API-Key", store.key(verifier="sha256", scope=["a"])["key"])
    e = edge(
        server="location / { keyward on; keyward_scope a; proxy_pass @BACKEND@; } location /off/ { keyward off; proxy_pass @BACKEND@; }"
    )
    for path in ("/", "/off/"):
        e.get(path, [("X-HTTP-Method-Override", "DELETE"), key])
        assert backend.last.header("X-HTTP-Method-Override") == "DELETE"


# --- variables ------------------------------------------------------------------------------------------------------------

SEEN = ("decision", "reason", "kind", "key_id", "subject", "plan", "scopes", "limit", "remaining")
VARIABLES = "|".join(f"$keyward_{name}" for name in SEEN) + "|$remote_user"


def read_seen(text):
    """The variables that aren't empty; the log writes "-" for those."""
    return {name: value for name, value in zip((*SEEN, "remote_user"), text.split("|")) if value not in ("", "-")}


@pytest.fixture(scope="module")
def variables(build):
    with Site(build) as site:
        site.store.kw("plan", "set", "pro")
        site.key = site.store.key(verifier="sha256", subject="acme", plan="pro", scope=["a"])
        site.subjectless = site.store.key(verifier="sha256")
        site.revoked = site.store.key(verifier="sha256", subject="acme")
        site.store.kw("key", "revoke", site.revoked["id"])
        site.page("users", "basic-user:{PLAIN}p\n")
        site.page("page.txt", "page")
        site.backend.on("/to-off", headers={"X-Accel-Redirect": "/off/x"})
        site.backend.on("/to-on", headers={"X-Accel-Redirect": "/plain/x"})
        site.start(
            http=f"log_format seen '$request_uri {VARIABLES}';",
            server=f"""
            access_log @PREFIX@/seen.log seen;
            add_header X-Seen "{VARIABLES}" always;
            location / {{ keyward on; keyward_limit 5r/h by=address name=x; proxy_pass @BACKEND@; }}
            location /plain/ {{ keyward on; proxy_pass @BACKEND@; }}
            location /scope/ {{ keyward on; keyward_scope b; proxy_pass @BACKEND@; }}
            location /off/ {{ keyward off; proxy_pass @BACKEND@; }}
            location = /to-off {{ keyward on; proxy_pass @BACKEND@; }}
            location = /to-on {{ keyward on; proxy_pass @BACKEND@; }}
            location /early/ {{
                keyward on;
                set $early "$keyward_decision$keyward_kind$keyward_key_id$keyward_subject$keyward_plan$keyward_scopes$remote_user";
                if ($keyward_subject) {{ return 418; }}
                add_header X-Early "[$early]" always;
                add_header X-Seen "{VARIABLES}" always;
                proxy_pass @BACKEND@;
            }}
            location /basic/ {{ keyward on; auth_basic r; auth_basic_user_file @HTML@/users; proxy_pass @BACKEND@; }}
            location /basic-any/ {{ keyward on; satisfy any; auth_basic r; auth_basic_user_file @HTML@/users; proxy_pass @BACKEND@; }}
            location /basic-off/ {{ keyward off; auth_basic r; auth_basic_user_file @HTML@/users; proxy_pass @BACKEND@; }}
            location /page/ {{ keyward on; error_page 401 /page.txt; proxy_pass @BACKEND@; }}
            location = /page.txt {{ keyward on; root @HTML@; }}
            location /off-page/ {{ keyward on; error_page 401 = @off; proxy_pass @BACKEND@; }}
            location @off {{ keyward off; proxy_pass @BACKEND@; }}
            location /denied/ {{ keyward on; deny all; proxy_pass @BACKEND@; }}
            """,
        )
        yield site


def logged(site, target):
    """The access log's line for it."""
    log = site.folder / "edge/seen.log"
    return until(
        lambda: next(
            (line.split(" ", 1)[1] for line in log.read_text().splitlines() if line.startswith(f"{target} ")), None
        )
    )


ACME = {"kind": "key", "key_id": "KEY", "subject": "acme", "plan": "pro", "scopes": "a", "remote_user": "acme"}
NOBODYS = {"kind": "key", "key_id": "SUBJECTLESS", "scopes": "*"}
CASES = {
    # path: credentials, and all that isn't empty. KEY and SUBJECTLESS are their ids.
    "/plain/allowed": ("key", {"decision": "allowed", **ACME}),
    "/plain/subjectless": ("subjectless", {"decision": "allowed", **NOBODYS}),
    "/plain/missing": ("", {"decision": "refused", "reason": "missing_credential", "kind": "anonymous"}),
    "/plain/bad": ("bad", {"decision": "refused", "reason": "invalid_key", "kind": "key"}),
    "/scope/x": ("key", {"decision": "refused", "reason": "insufficient_scope", "kind": "key", "key_id": "KEY"}),
    "/off/x": ("key", {"decision": "off"}),
    "/denied/x": ("key", {}),
    "/basic/both": ("key basic", {"decision": "allowed", **ACME}),
    "/basic/subjectless": ("subjectless basic", {"decision": "allowed", **NOBODYS}),
    "/basic-off/x": ("key basic", {"decision": "off", "remote_user": "basic-user"}),
    # error_page took the refusal elsewhere: the log still says why.
    "/page/x": ("", {"decision": "refused", "reason": "missing_credential", "kind": "anonymous"}),
    "/off-page/x": ("", {"decision": "refused", "reason": "missing_credential", "kind": "anonymous"}),
}


@pytest.mark.parametrize("path", CASES)
def test_variables_in_the_access_log_and_in_fields(variables, path):
    site = variables
    credentials, expected = CASES[path]
    fields = {
        "basic": ("Authorization", "Basic YmFzaWMtdXNlcjpw"),
        "bad": ("X-API-Key", "kw_bad"),
        "key": ("X-API-Key", site.key["key"]),
        "subjectless": ("X-API-Key", site.subjectless["key"]),
    }
    response = site.edge.get(path, [fields[name] for name in credentials.split()])
    ids = {"KEY": site.key["id"], "SUBJECTLESS": site.subjectless["id"]}
    expected = {name: ids.get(value, value) for name, value in expected.items()}
    assert read_seen(logged(site, path)) == expected
    assert read_seen(response.header("X-Seen")) == expected


def test_limits_in_variables(variables):
    site = variables
    response = site.edge.get("/limit", {"X-API-Key": site.key["key"]})
    seen = response.header("X-Seen").split("|")
    assert seen[7:9] == ["5", "4"] == [response.header("X-RateLimit-Limit"), response.header("X-RateLimit-Remaining")]


def test_variables_are_empty_before_the_access_phase_and_right_after_it(variables):
    site = variables
    response = site.edge.get("/early/x", {"X-API-Key": site.key["key"]})
    assert response.status == 200
    assert response.header("X-Early") == "[]"
    # Having been read early, they are read anew.
    assert response.header("X-Seen").startswith(f"allowed||key|{site.key['id']}|acme|pro|a")
    assert response.header("X-Seen").endswith("|acme")


def test_variables_are_never_stale_after_a_redirect(variables):
    site = variables
    response = site.edge.get("/to-off", {"X-API-Key": site.key["key"]})
    assert site.backend.last.path == "/off/x"
    assert read_seen(response.header("X-Seen")) == {"decision": "off"}, "keyward is off where the request is now"
    response = site.edge.get("/to-on", {"X-API-Key": site.key["key"]})
    assert response.header("X-Seen").startswith("allowed||key|")


def test_the_basic_user_is_remote_user_where_basic_admitted(variables):
    # satisfy any: keyward refused, auth_basic admitted.
    site = variables
    response = site.edge.get(
        "/basic-any/x", {"Authorization": "Basic YmFzaWMtdXNlcjpw", "X-API-Key": site.revoked["key"]}
    )
    assert response.status == 200
    assert response.header("X-Seen").endswith("|basic-user")
    assert identity(site.backend.last) == {}


def test_a_lying_basic_user_is_no_remote_user_of_a_key(variables):
    """X-API-Key admits; a Basic field that nobody checked must not pass for its user."""
    site = variables
    response = site.edge.get("/plain/x", {"Authorization": "Basic " + "cm9vdDpw", "X-API-Key": site.key["key"]})
    assert response.header("X-Seen").endswith("|acme")


@pytest.mark.parametrize("path, who", [
    ("/key/x", "key"), ("/token/x", "token"), ("/any/x", "key"), ("/any/x", None), ("/basic/x", "key"), ("/shadow/x", "key"),
    ("/shadow-any/x", None), ("/any/x", "token"),
])  # fmt: skip
def test_what_basic_says_is_no_user_of_whom_keyward_admitted(edge, store, backend, folder, path, who):
    """A key or token without a subject, or nobody at all, was whoever an unverified `Authorization: Basic` said: admin."""
    (folder / "users").write_text("admin:{PLAIN}p\n")
    signer = Signer("EdDSA")
    key = store.key(verifier="sha256")["key"]
    credential = {"key": key, "token": signer.token(sub=None), None: None}[who]
    e = edge(
        http="log_format who '$uri who=$remote_user.';" + Issuers(folder).block("auth", signer),
        server=f"""
        access_log @PREFIX@/who.log who; proxy_set_header X-User "[$remote_user]"; add_header X-User "[$remote_user]" always;
        location /key/ {{ keyward on; proxy_pass @BACKEND@; }}
        location /token/ {{ keyward on; keyward_accept token; proxy_pass @BACKEND@; }}
        location /any/ {{ keyward on; keyward_accept key token anonymous; proxy_pass @BACKEND@; }}
        location /basic/ {{ keyward on; auth_basic r; auth_basic_user_file {folder}/users; proxy_pass @BACKEND@; }}
        location /shadow/ {{ keyward shadow; proxy_pass @BACKEND@; }}
        location /shadow-any/ {{ keyward shadow; keyward_accept anonymous; proxy_pass @BACKEND@; }}
    """,
    )
    headers = {"Authorization": "Basic YWRtaW46cA==", **({"X-API-Key": credential} if credential else {})}
    response = e.get(path, headers)
    assert (response.status, response.header("X-User"), backend.last.header("X-User")) == (200, "[]", "[]")
    until(lambda: "who=" in (e.prefix / "who.log").read_text())
    assert "admin" not in (e.prefix / "who.log").read_text()


def test_a_subrequest_has_the_identity_of_its_main_request(edge, store, backend):
    """Also in a location where keyward is off; a redirect into one has none."""
    e = edge(
        server="""
        location / { keyward on; mirror /mirror; auth_request /asks; proxy_pass @BACKEND@; }
        location = /mirror { internal; keyward off; proxy_pass @BACKEND@/mirrored; }
        location = /asks { internal; keyward off; proxy_pass @BACKEND@/asked; }
    """
    )
    key = store.key(verifier="sha256", subject="alice")["key"]
    assert e.get("/x", {"X-API-Key": key}).status == 200
    backend.wait_requests(1, "/mirrored")
    assert {(request.path, request.header("X-Keyward-Subject"), request.header("X-API-Key")) for request in backend.requests} == {
        ("/x", "alice", None), ("/mirrored", "alice", None), ("/asked", "alice", None),
    }  # fmt: skip


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "kw_bad"}])
def test_basic_names_the_user_where_shadow_would_have_refused(edge, backend, headers):
    """Nobody was admitted by keyward, and nobody refused: it is as without keyward."""
    e = edge(location='keyward shadow; proxy_set_header X-User "$remote_user";')
    assert e.get("/", {"Authorization": "Basic YWRtaW46cA==", **headers}).status == 200
    assert backend.last.header("X-User") == "admin"


def test_pipelined_requests_keep_their_variables_apart(variables):
    site = variables
    lines = []
    for key in (site.key["key"], None, site.subjectless["key"], None, site.key["key"]):
        field = f"X-API-Key: {key}\r\n" if key else ""
        lines.append(f"GET /plain/p HTTP/1.1\r\nHost: x\r\n{field}\r\n")
    with site.edge.connect() as connection:
        connection.send(raw("".join(lines)))
        ids = [connection.read_response().header("X-Seen").split("|")[3] for _ in lines]
    assert ids == [site.key["id"], "", site.subjectless["id"], "", site.key["id"]]


def test_what_was_told_outlives_the_principal(edge, store, kw, backend):
    """Identity fields point into the principal, which the worker forgets when the store changes: here between the
    first location's decision and the second's. nginx keeps what it has read of a field in a variable. That pointed to
    freed memory once, and named at the second location whom that one had refused."""
    key = store.key(subject="a-subject-that-is-long-enough-to-be-allocated")
    format = """log_format who '$uri who=$http_x_keyward_subject';"""
    e = edge(
        http=format,
        server="""keyward on; access_log @PREFIX@/who.log who;
        location /first { proxy_set_header X-Who $http_x_keyward_subject; proxy_pass @BACKEND@; }
        location /second { empty_gif; }""",
    )

    def revoke(_):
        kw("key", "revoke", key["id"])
        assert e.get("/second", {"X-API-Key": key["key"]}).status == 401  # the worker has seen it
        return 200, {"X-Accel-Redirect": "/second"}, b""

    backend.on("/first", answer=revoke)
    assert e.get("/first", {"X-API-Key": key["key"]}).status == 401
    who = e.prefix / "who.log"
    until(lambda: who.exists() and who.read_text().count("\n") == 2, what="two lines")
    assert "/second who=-" in who.read_text().splitlines()
