"""keyward_credential query=NAME: cut out before anything can log it or pass it on, and given back where keyward must not touch it."""

import json
import socket
import struct
import threading

import pytest
from harness.client import Connection
from harness.site import Site
from harness.wait import until

# Whatever a log or a backend could see of the query, as the answer's fields.
SHOW = """
add_header X-Reason $keyward_reason always;
add_header X-Args "<$args>" always;
add_header X-Query "<$query_string>" always;
add_header X-Is-Args "<$is_args>" always;
add_header X-Uri "<$request_uri>" always;
add_header X-Line "<$request>" always;
add_header X-Arg "<$arg_key>" always;
add_header X-Path "<$uri>" always;
"""
# Everything that an access log may hold.
LOG = """
log_format all '$request|$request_uri|$args|$arg_key|$uri|$keyward_decision|$keyward_reason|$http_x_api_key';
access_log @PREFIX@/all.log all;
large_client_header_buffers 4 64k;
"""


class FastCgi:
    """Answers each request with its parameters, as JSON (FastCGI 1.0, sections 3.3 and 3.4)."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._socket.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                self._answer(connection, stream)

    def _answer(self, connection, stream):
        params, kind, size = b"", 0, -1
        while kind != 5 or size != 0:  # the end of the body
            _, kind, _, size, padding, _ = struct.unpack("!BBHHBB", stream.read(8))
            content = stream.read(size + padding)[:size]
            params += content if kind == 4 else b""
        body = b"Content-Type: application/json\r\n\r\n" + json.dumps(dict(self._pairs(params))).encode()
        connection.sendall(struct.pack("!BBHHBB", 1, 6, 1, len(body), 0, 0) + body)
        connection.sendall(struct.pack("!BBHHBB", 1, 3, 1, 8, 0, 0) + bytes(8))

    @staticmethod
    def _pairs(data):
        at = 0

        def length():
            nonlocal at
            size = data[at]
            at += 1
            if size > 127:
                size = struct.unpack("!I", bytes([size & 127]) + data[at : at + 3])[0]
                at += 3
            return size

        while at < len(data):
            name, value = length(), length()
            yield data[at : at + name].decode(), data[at + name : at + name + value].decode()
            at += name + value


@pytest.fixture(scope="module")
def site(build):
    cgi = FastCgi()
    with Site(build) as site:
        site.a = site.store.key(name="a", verifier="sha256")
        site.b = site.store.key(name="b", verifier="sha256")
        site.c = site.store.key(name="c", verifier="sha256")
        site.page("there", "a file")
        site.start(
            http=LOG,
            CGI=cgi.port,
            server=f"""
            {SHOW}
            keyward on;
            keyward_credential bearer header=X-API-Key query=key;
            root @HTML@;
            proxy_set_header X-Request-Uri $request_uri;
            proxy_set_header X-Request $request;
            proxy_set_header X-Args $args;
            location / {{ proxy_pass @BACKEND@; }}
            location /uri/ {{ proxy_pass @BACKEND@/mapped/; }}
            location /variables/ {{ proxy_pass @BACKEND@$request_uri; }}
            location /cgi/ {{
                fastcgi_pass 127.0.0.1:@CGI@;
                fastcgi_param REQUEST_URI $request_uri;
                fastcgi_param QUERY_STRING $query_string;
                fastcgi_param SCRIPT_NAME $uri;
            }}
            location /off/ {{ keyward off; proxy_pass @BACKEND@; }}
            location /off-uri/ {{ keyward off; proxy_pass @BACKEND@/mapped/; }}
            location /off-cgi/ {{
                keyward off;
                fastcgi_pass 127.0.0.1:@CGI@;
                fastcgi_param REQUEST_URI $request_uri;
                fastcgi_param QUERY_STRING $query_string;
            }}
            location /shadow/ {{ keyward shadow; proxy_pass @BACKEND@; }}
            location /forward/ {{ keyward_forward_credential on; proxy_pass @BACKEND@; }}
            location /bearer/ {{ keyward_credential bearer; proxy_pass @BACKEND@; }}
            location /anonymous/ {{ keyward_accept key anonymous; proxy_pass @BACKEND@; }}

            # Rewrites and redirects.
            location /rewrite/ {{ rewrite ^/rewrite/(.*)$ /$1?added=1; }}
            location /drop/ {{ rewrite ^/drop/(.*)$ /$1?; }}
            location /early/ {{ if ($request_uri ~ never) {{ return 500; }} proxy_pass @BACKEND@; }}
            location /off-rewrite/ {{ keyward off; rewrite ^ /o?added=1 break; proxy_pass @BACKEND@; }}
            location /off-early/ {{ keyward off; if ($request_uri ~ never) {{ return 500; }} proxy_pass @BACKEND@$request_uri; }}
            location /try/ {{ try_files /missing /other/there; }}
            location /try-named/ {{ try_files /missing @named; }}
            location @named {{ proxy_pass @BACKEND@; }}
            location /error/ {{ error_page 404 = /other$uri; try_files /missing =404; }}
            location /shadow-to-on/ {{ keyward shadow; error_page 404 = /other/there; try_files /missing =404; }}
            location /shadow-to-on-args/ {{ keyward shadow; error_page 404 = /other/there?$args&more=1; try_files /missing =404; }}
            location /shadow-to-named/ {{ keyward shadow; try_files /missing @named; }}
            location /shadow-to-variable/ {{ keyward shadow; set $seen $request_uri; try_files /missing @variable; }}
            location @variable {{ proxy_pass @BACKEND@$request_uri; }}
            location /shadow-read/ {{ keyward shadow; proxy_intercept_errors on; error_page 404 = @variable; proxy_pass @BACKEND@; }}
            location /off-to-on/ {{ keyward off; try_files /missing @named; }}
            location /on-to-off/ {{ try_files /missing @off; }}
            location @off {{ keyward off; proxy_pass @BACKEND@; }}
            location @shadow {{ keyward shadow; keyward_scope never:granted; proxy_pass @BACKEND@; }}
            location @forward {{ keyward_forward_credential on; proxy_pass @BACKEND@; }}
            location @on-to-off {{ try_files /missing @off; }}
            location /on-to-shadow/ {{ try_files /missing @shadow; }}
            location /on-to-forward/ {{ try_files /missing @forward; }}
            location /off-to-on-to-off/ {{ keyward off; try_files /missing @on-to-off; }}
            location /shadow-to-on-to-off/ {{ keyward shadow; try_files /missing @on-to-off; }}
            location /forward-to-off/ {{ keyward_forward_credential on; try_files /missing @off; }}
            location /bearer-to-off/ {{ keyward_credential bearer; try_files /missing @off; }}
            location /refused/ {{ keyward_scope never:granted; error_page 403 = /off/page; proxy_pass @BACKEND@; }}
            location /satisfy/ {{ satisfy any; allow 127.0.0.1; proxy_pass @BACKEND@; }}
            """,
        )
        yield site
    cgi.close()


def encoded(text):
    return "".join(f"%{ord(c):02X}" for c in text)


def send(site, target, protocol="HTTP/1.1", headers=()):
    site.backend.clear()
    if protocol == "HTTP/2":
        with site.edge.h2() as connection:
            return connection.request("GET", target, headers)
    return site.edge.get(target, headers)


def assert_unseen(site, response, *secrets):
    """Neither the answer (with every variable) nor the backend has seen these."""
    for text in [
        json.dumps(response.headers),
        response.text,
        *(json.dumps([r.target, r.headers]) for r in site.backend.requests),
    ]:
        for secret in secrets:
            assert secret not in text and encoded(secret) not in text, text


# {a} and {b}: good keys. What is left of the arguments, where it is admitted; else the status and reason.
ROWS = {
    "the only one": ("?key={a}", ""),
    "the first": ("?key={a}&x=1&y=2", "?x=1&y=2"),
    "in the middle": ("?x=1&key={a}&y=2", "?x=1&y=2"),
    "the last": ("?x=1&y=2&key={a}", "?x=1&y=2"),
    "between empty ones": ("?&key={a}&&x=1&", "?&&x=1&"),
    "beside longer names": ("?xkey=1&key={a}&keyx=2&key_=3&-key=4", "?xkey=1&keyx=2&key_=3&-key=4"),
    "beside itself as a value": ("?x=key={b:0:9}&key={a}&y=?key=", "?x=key={b:0:9}&y=?key="),
    "beside a bare name": ("?key&key={a}", "?key"),
    "with other escapes around it": ("?a=%26key%3D1&key={a}&b=%20+", "?a=%26key%3D1&b=%20+"),
    "with an escaped name": ("?%6Bey={a}&x=1", "?x=1"),
    "with a wholly escaped name": ("?%6b%65%79={a}", ""),
    "with an escaped value": ("?x=1&key={e}", "?x=1"),
    "with part of its value escaped": ("?key=%6B{a:1:99}", ""),
    "empty, then filled": ("?key=&key={a}", ""),
    "filled, then empty": ("?key={a}&x=1&key=", "?x=1"),
    "twice": ("?key={a}&key={a}", (400, "invalid_request")),
    "twice, differing": ("?key={a}&x=1&key={b}", (400, "invalid_request")),
    "twice, the second escaped": ("?key={a}&%6Bey={b}", (400, "invalid_request")),
    "empty": ("?key=", (401, "missing_credential")),
    "a bare name": ("?key", (401, "missing_credential")),
    "no argument at all": ("", (401, "missing_credential")),
    "a name that begins with it": ("?keys={a}", (401, "missing_credential")),
    "a name that ends in it": ("?xkey={a}", (401, "missing_credential")),
    "in another case": ("?KEY={a}", (401, "missing_credential")),
    "a name with a broken escape": ("?%6xey={a}", (401, "missing_credential")),
    "a semicolon before it": ("?x=1;key={a}", (401, "missing_credential")),
    "with an escaped equals sign": ("?key%3D{a}", (401, "missing_credential")),
    "with an escaped NUL in the name": ("?key%00={a}", (401, "missing_credential")),
    "with something behind": ("?key={a}%20", (401, "invalid_key")),
    "with a NUL behind": ("?key={a}%00", (401, "invalid_key")),
    "with a broken escape in it": ("?key=%zz{a}", (401, "invalid_key")),
    "wrong": ("?key=kw_nonsense&x=1", (401, "invalid_key")),
    "8 KiB": ("?key=kw_" + "x" * 8189, (401, "invalid_key")),
    "8 KiB and a byte": ("?key=kw_" + "x" * 8190, (400, "credential_too_large")),
    "8 KiB, escaped": ("?key=kw_" + "%78" * 8189, (401, "invalid_key")),
}


class Slice(str):
    """{a:1:99} is a[1:99]."""

    def __format__(self, spec):
        return str(self)[slice(*(int(part) for part in spec.split(":")))] if spec else str(self)


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("name", ROWS)
def test_what_is_taken_for_a_credential_and_what_is_left(site, name, protocol):
    query, outcome = ROWS[name]
    texts = {"a": Slice(site.a["key"]), "b": Slice(site.b["key"]), "e": encoded(site.a["key"])}
    response = send(site, "/p%41th" + query.format(**texts), protocol)
    if isinstance(outcome, tuple):
        assert (response.status, response.header("X-Reason")) == outcome
        assert site.backend.requests == []
    else:
        left = outcome.format(**texts)
        assert (response.status, site.backend.last.target) == (200, "/p%41th" + left)
        assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]
        assert_unseen(site, response, site.a["key"])
        assert response.header("X-Args") == response.header("X-Query") == f"<{left[1:]}>"
        assert response.header("X-Is-Args") == ("<?>" if left[1:] else "<>")
        assert response.header("X-Uri") == f"</p%41th{left}>"
        version = "2.0" if protocol == "HTTP/2" else "1.1"
        assert response.header("X-Line") == f"<GET /p%41th{left} HTTP/{version}>"
        # Where a shared cache might keep it: the answer is one client's.
        assert response.header("Cache-Control") == "private"


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_no_log_has_it(site, protocol):
    a, e = site.c["key"], site.edge
    for path in (
        "/",
        "/uri/",
        "/cgi/",
        "/off/",
        "/shadow/",
        "/forward/",
        "/bearer/",
        "/early/",
        "/off-early/",
        "/rewrite/",
        "/try/",
        "/error/",
        "/shadow-to-on/",
        "/shadow-to-on-args/",
        "/shadow-read/",
        "/refused/",
        "/satisfy/",
        "/off-rewrite/",
    ):
        for query in (f"?key={a}", f"?x=1&{encoded('key')}={encoded(a)}", f"?key={a}&key={a}", f"?key={a}z"):
            send(site, path + query, protocol)
    send(site, "/done", protocol)
    until(lambda: "GET /done" in (e.prefix / "all.log").read_text(), 10, "the last line")
    for text in ((e.prefix / "all.log").read_text(), e.access_log, e.log):
        assert "GET /shadow-to-on/" in text
        assert a not in text and encoded(a) not in text


@pytest.mark.parametrize(
    "line, seen",
    [
        ("GET /x?key={a}&y=1#part HTTP/1.1", "/x?y=1"),
        ("GET http://localhost/x?key={a}&y=1 HTTP/1.1", "/x?y=1"),
        ("GET http://localhost?key={a} HTTP/1.1", "/"),
        ("GET http://localhost?y=1&key={a} HTTP/1.1", "/?y=1"),
        ("GET /a/../x//z?key={a} HTTP/1.1", None),
        ("GET /x?y=1&key={a} HTTP/1.0", "/x?y=1"),
        ("HEAD /x?key={a} HTTP/1.1", "/x"),
        ("POST /x?key={a} HTTP/1.1", "/x"),
        ("OPTIONS /x?key={a} HTTP/1.1", "/x"),
    ],
)
def test_every_form_of_a_request_line(site, line, seen):
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(
            line.format(a=site.a["key"]) + "\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        response = connection.read_response(line.split()[0])
    assert response.status == 200
    assert_unseen(site, response, site.a["key"])
    if seen is not None:
        assert site.backend.last.target.split("#")[0] == seen


def test_http_0_9(site):
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(f"GET /x?y=1&key={site.a['key']}\r\n")
        assert b"/x?y=1" in connection.read_to_end()
    assert site.backend.last.target == "/x?y=1"
    assert site.a["key"] not in json.dumps(site.backend.last.headers)


def test_where_nginx_itself_makes_the_uri(site):
    a = site.a["key"]
    for path, seen in (
        ("/uri/x", "/mapped/x"),
        ("/variables/x", "/variables/x"),
        ("/rewrite/x", "/x?added=1&"),
        ("/drop/x", "/x"),
        ("/early/x", "/early/x"),
    ):
        for query, left in ((f"?key={a}&y=1", "y=1"), (f"?y=1&key={a}", "y=1")):
            response = send(site, path + query)
            assert response.status == 200
            mark = "" if path == "/drop/x" else left if "?" in seen else "?" + left
            assert site.backend.last.target == seen + mark
            assert_unseen(site, response, a)


def test_fastcgi(site):
    a = site.a["key"]
    seen = send(site, f"/cgi/x?key={a}&y=1").json()
    assert (seen["REQUEST_URI"], seen["QUERY_STRING"], seen["SCRIPT_NAME"]) == ("/cgi/x?y=1", "y=1", "/cgi/x")
    assert a not in json.dumps(seen)
    # The identity is there.
    assert seen["HTTP_X_KEYWARD_KEY_ID"] == site.a["id"]
    seen = send(site, f"/off-cgi/x?key={a}&y=1").json()
    assert (seen["REQUEST_URI"], seen["QUERY_STRING"]) == (f"/off-cgi/x?key={a}&y=1", f"key={a}&y=1")


# Given back, byte for byte.


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("where", ["/off/", "/shadow/", "/forward/"])
@pytest.mark.parametrize("query", ["?key={a}", "?x=1&key={a}&y=%20", "?%6Bey={a}&&", "?key={a}&y=1"])
def test_it_is_given_back_as_it_was_sent(site, where, query, protocol):
    target = where + query.format(a=site.a["key"])
    assert send(site, target, protocol).status == 200
    assert site.backend.last.target == target
    assert site.backend.last.header("X-Request-Uri") == target
    assert site.backend.last.header("X-Args") == target.split("?", 1)[1]
    # The request line, which only logs read, stays without.
    assert site.a["key"] not in site.backend.last.header("X-Request")
    assert site.backend.last.header("X-Keyward-Key-Id") == (None if where == "/off/" else site.a["id"])


@pytest.mark.parametrize("query", ["?key={a}&key={b}", "?key=&x=1&key=", "?key=nonsense", "?key"])
def test_off_and_shadow_give_back_whatever_it_was(site, query):
    for where in ("/off/", "/shadow/"):
        target = where + query.format(a=site.a["key"], b=site.b["key"])
        assert send(site, target).status == 200
        assert site.backend.last.target == target


def test_a_fragment_stays_behind_it(site):
    with site.edge.connect() as connection:
        response = connection.request(target=f"/off/?key={site.a['key']}#part")
    assert response.status == 200
    assert site.backend.last.target.startswith(f"/off/?key={site.a['key']}")


def test_it_is_given_back_after_a_rewrite(site):
    a = site.a["key"]
    assert send(site, f"/off-rewrite/x?y=1&key={a}").status == 200
    assert site.backend.last.target == f"/o?added=1&y=1&key={a}"
    assert send(site, f"/off-uri/x?y=1&key={a}").status == 200
    assert site.backend.last.target == f"/mapped/x?y=1&key={a}"
    # $request_uri was read before.
    assert send(site, f"/off-early/x?y=1&key={a}").status == 200
    assert site.backend.last.target == f"/off-early/x?y=1&key={a}"


# Redirects inside nginx.


@pytest.mark.parametrize(
    "path",
    [
        "/try/",
        "/try-named/",
        "/error/",
        "/shadow-to-on/",
        "/shadow-to-on-args/",
        "/shadow-to-named/",
        "/shadow-to-variable/",
        "/shadow-read/",
        "/off-to-on/",
    ],
)
@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_where_a_redirect_leads_it_counts_and_is_not_seen(site, path, protocol):
    """A location in shadow passes the credential on; one that comes after it in the same request must not."""
    a = site.a["key"]
    site.backend.on("/shadow-read/", answer=lambda request: (404, {}, b""))
    for query in (f"?key={a}", f"?x=1&key={a}&y=2", f"?x=1&%6Bey={a}"):
        site.backend.clear()
        response = send(site, path + query, protocol)
        if path == "/shadow-read/":
            # The first request is shadow's own, which gives it back.
            assert len(site.backend.requests) in (1, 2)
            site.backend.requests[:] = site.backend.requests[1:]
        else:
            assert response.status == 200
        assert_unseen(site, response, a)
        if site.backend.requests:
            assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]
    # And a bad one is refused there.
    if path != "/shadow-read/":
        assert send(site, f"{path}?key={a}z", protocol).header("X-Reason") == "invalid_key"


@pytest.mark.parametrize(
    "path", ["/on-to-off/", "/on-to-shadow/", "/on-to-forward/", "/off-to-on-to-off/", "/shadow-to-on-to-off/"]
)
def test_what_an_admitting_location_took_stays_gone(site, path):
    """As a header field does. The location behind a redirect, where keyward was off, had the whole key again."""
    a = site.a["key"]
    response = send(site, f"{path}?x=1&key={a}")
    assert response.status == 200
    assert site.backend.last.target.endswith("?x=1")
    assert_unseen(site, response, a)


def test_a_location_that_took_nothing_leaves_it_to_off(site):
    """Its credential came in a field, or it keeps what it was given."""
    a = site.a["key"]
    assert send(site, f"/forward-to-off/?x=1&key={a}").status == 200
    assert site.backend.last.target == f"/forward-to-off/?x=1&key={a}"
    assert send(site, f"/bearer-to-off/?x=1&key={a}", headers={"Authorization": f"Bearer {a}"}).status == 200
    assert site.backend.last.target == f"/bearer-to-off/?x=1&key={a}"


def test_satisfy_any_shows_it_to_nobody(site):
    # Admitted by allow, not by us.
    for query in (f"?key={site.a['key']}", f"?key={site.a['key']}z&x=1"):
        response = send(site, "/satisfy/" + query)
        assert response.status == 200
        assert_unseen(site, response, site.a["key"])


# Several sources.


def test_two_sources(site):
    a, b = site.a["key"], site.b["key"]
    response = send(site, f"/?key={a}&x=1", headers={"X-API-Key": a, "Authorization": f"Bearer {a}"})
    assert (response.status, site.backend.last.target) == (200, "/?x=1")
    assert a not in json.dumps(site.backend.last.headers)
    # Equal once it is decoded.
    assert send(site, f"/?key={encoded(a)}", headers={"X-API-Key": a}).status == 200
    for headers in ({"X-API-Key": b}, {"Authorization": f"Bearer {b}"}, {"X-API-Key": "kw_x"}):
        response = send(site, f"/?key={a}", headers=headers)
        assert (response.status, response.header("X-Reason")) == (400, "invalid_request")
    # An empty argument is none.
    assert send(site, "/?key=", headers={"X-API-Key": b}).status == 200
    assert site.backend.last.header("X-Keyward-Key-Id") == site.b["id"]
    assert send(site, f"/?key={a}", headers={"X-API-Key": ""}).status == 200


def test_a_location_without_this_source_does_not_take_it_and_does_not_see_it(site):
    a, b = site.a["key"], site.b["key"]
    assert send(site, f"/bearer/?key={a}").header("X-Reason") == "missing_credential"
    response = send(site, f"/bearer/?key={a}&x=1", headers={"Authorization": f"Bearer {b}"})
    assert (response.status, site.backend.last.target) == (200, "/bearer/?x=1")
    assert site.backend.last.header("X-Keyward-Key-Id") == site.b["id"]


def test_where_no_credential_is_needed_a_bad_one_is_refused_all_the_same(site):
    assert send(site, "/anonymous/?x=1").status == 200
    assert send(site, f"/anonymous/?key={site.a['key']}&x=1").status == 200
    assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]
    assert send(site, f"/anonymous/?key={site.a['key']}z").header("X-Reason") == "invalid_key"


def test_pipelined_requests_have_their_own(site):
    a, b = site.a["key"], site.b["key"]
    with site.edge.connect() as connection:
        connection.send(
            "".join(
                f"GET /{n}?x=1{query} HTTP/1.1\r\nHost: x\r\n\r\n"
                for n, query in enumerate([f"&key={a}", "", f"&key={b}", "&key=kw_x"])
            )
        )
        assert [connection.read_response().status for _ in range(4)] == [200, 401, 200, 401]


def test_it_is_of_the_server_that_has_it(edge, store, backend):
    key = store.key(verifier="sha256")
    e = edge(
        http="""
        server {
            listen 127.0.0.1:@PORT@;
            keyward on;
            keyward_credential query=token;
            location / { proxy_pass @BACKEND@; }
        }
        server {
            listen 127.0.0.1:@PORT_PLAIN@;
            location / { proxy_pass @BACKEND@; }
        }"""
    )
    assert e.get(f"/?token={key['key']}").status == 200
    assert e.get(f"/?key={key['key']}").status == 401
    assert e.get("/", {"X-API-Key": key["key"]}).status == 401
    with Connection(int(e.value("PORT_PLAIN"))) as connection:
        assert connection.request(target="/?token=kept").status == 200
    assert backend.last.target == "/?token=kept"


@pytest.mark.parametrize(
    "directives",
    [
        "location / { keyward on; keyward_credential query=key; }",
        "keyward on; keyward_credential query=;",
        "keyward on; keyward_credential query=a&b;",
        "keyward on; keyward_credential query=a%41;",
        "keyward on; keyward_credential query=a=b;",
        "keyward on; keyward_credential query=a query=b;",
        "keyward on; keyward_credential query;",
    ],
)
def test_nginx_t_refuses_what_cannot_be(config_test, store, directives):
    rc, output = config_test(server=directives)
    assert rc == 1 and "keyward_credential" in output, output
