"""Upgrade and HTTP2-Settings: a switch to HTTP/2 is a tunnel through which everything passes unseen, so a client gets WebSocket only."""

import pytest
from harness.client import Connection
from harness.site import Site

SETTINGS = ("HTTP2-Settings", "AAMAAABkAAQAAP__")
PATHS = ("/on", "/off", "/shadow", "/scoped", "/named", "/rewritten", "/if", "/nothing-of-ours")
PASSING = [["websocket"], ["WebSocket"], ["WEBSOCKET"]]
REMOVED = {
    "h2c": ["h2c"],
    "h2c in capitals": ["H2C"],
    "h2": ["h2"],
    "an old draft": ["h2c-14"],
    "TLS": ["TLS/1.0"],
    "HTTP/2.0": ["HTTP/2.0"],
    "a list": ["websocket, h2c"],
    "a list, the other way round": ["h2c, websocket"],
    "a list of one": ["websocket,"],
    "twice in one": ["websocket, websocket"],
    "with a version": ["websocket/13"],
    "a prefix of it": ["websocke"],
    "it is a prefix": ["websockets"],
    "empty": [""],
    "quoted": ['"websocket"'],
    "two fields": ["websocket", "h2c"],
    "two fields, the other way round": ["h2c", "websocket"],
    "two equal fields": ["websocket", "websocket"],
    "three fields": ["h2c", "websocket", "h2c"],
    "a tab behind it": ["websocket\t;"],
}

PROXY = """
    add_header X-Saw "<$http_upgrade>" always;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;
"""


def locations(extra=""):
    return f"""
    {extra}
    {PROXY}
    location /on {{ keyward on; proxy_pass @BACKEND@; }}
    location /off {{ keyward off; proxy_pass @BACKEND@; }}
    location /shadow {{ keyward shadow; proxy_pass @BACKEND@; }}
    location /scoped {{ keyward on; keyward_scope a; proxy_pass @BACKEND@; }}
    location /named {{ keyward on; root /nonexistent; try_files /none @named; }}
    location @named {{ keyward on; proxy_pass @BACKEND@; }}
    location /rewritten {{ set $seen $http_upgrade; rewrite ^ /on/x last; }}
    location /if {{ keyward off; if ($http_upgrade = h2c) {{ return 418; }} proxy_pass @BACKEND@; }}
    location /nothing-of-ours {{ proxy_pass @BACKEND@; }}
    """


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.key = site.store.key(verifier="sha256", scope=["a"])["key"]
        site.start(
            http=f"""
            underscores_in_headers on;
            keyward_store @STORE@;
            server {{ listen 127.0.0.1:@PORT@; listen 127.0.0.1:@PORT_H2@ http2; {locations()} }}
            server {{ listen 127.0.0.1:@PORT_OTHER@; {PROXY} location / {{ proxy_pass @BACKEND@; }} }}
            """,
        )
        yield site


@pytest.fixture(scope="module")
def named(build):
    """Servers where other protocols may pass."""
    with Site(build) as site:
        site.key = site.store.key(verifier="sha256", scope=["a"])["key"]
        site.start(
            http=f"""
            keyward_store @STORE@;
            server {{ listen 127.0.0.1:@PORT_H2C@; {locations("keyward_upgrade h2c;")} }}
            server {{ listen 127.0.0.1:@PORT_SPDY@; {locations("keyward_upgrade tcp SPDY/3.1;")} }}
            """,
        )
        yield site


def seen(site, path, fields, port="PORT"):
    """What the backend gets of (Upgrade, HTTP2-Settings), however spelled, and what nginx's variable holds."""
    site.backend.clear()
    with Connection(int(site.edge.value(port))) as connection:
        response = connection.request(target=path, headers=[*fields, ("X-API-Key", site.key)])
    assert response.status == 200, response.text
    names = {"upgrade": [], "http2-settings": []}
    for name, value in site.backend.last.headers:
        names.get(name.lower().replace("_", "-"), []).append(value)
    return names["upgrade"], names["http2-settings"], response.header("X-Saw")


@pytest.mark.parametrize("path", PATHS)
def test_report_S4(site, path):
    fields = [("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), SETTINGS]
    assert seen(site, path, fields) == ([], [], "<>")


def test_report_S4_no_tunnel_is_opened(edge, store, backend):
    """As it was: the location for WebSockets of every tutorial, and a backend that speaks h2c."""
    backend.on(
        "*",
        answer=lambda request: (101, {"Upgrade": "h2c", "Connection": "Upgrade"}, b"")
        if request.header("Upgrade") == "h2c"
        else (200, {}, b"no tunnel"),
    )
    key = store.key(verifier="sha256", scope=["a"])["key"]
    e = edge(
        location='keyward on; keyward_scope a; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    )
    response = e.get("/", [("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings"), SETTINGS, ("X-API-Key", key)])
    assert (response.status, response.text) == (200, "no tunnel")


def test_report_S4_no_tunnel_where_the_configuration_asks_for_it(edge, store, backend):
    """nginx itself switches only where the client asked, so that a 101 without a question is an error of the backend."""
    backend.on("*", answer=lambda request: (101, {"Upgrade": "h2c", "Connection": "Upgrade"}, b""))
    key = store.key(verifier="sha256")["key"]
    e = edge(
        location='keyward on; proxy_http_version 1.1; proxy_set_header Upgrade h2c; proxy_set_header Connection "upgrade"; proxy_read_timeout 2s;'
    )
    with e.connect() as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nX-API-Key: {key}\r\n\r\n")
        connection.send("echoed only through a tunnel")
        assert b"echoed" not in connection.read_to_end()


@pytest.mark.parametrize("name", REMOVED)
def test_report_S4_whatever_is_not_one_websocket(site, name):
    for path in ("/on", "/off"):
        assert seen(site, path, [("Upgrade", value) for value in REMOVED[name]])[::2] == ([], "<>")


@pytest.mark.parametrize("values", PASSING)
def test_report_S4_websocket_passes(site, values):
    for path in PATHS:
        assert seen(site, path, [("Upgrade", value) for value in values]) == (values, [], f"<{values[0]}>")


@pytest.mark.parametrize(
    "upgrade, settings", [("UPGRADE", "http2_settings"), ("upgrade", "HTTP2_SETTINGS"), ("uPGRADE", "Http2-Settings")]
)
def test_report_S4_however_they_are_spelled(site, upgrade, settings):
    assert seen(site, "/off", [(upgrade, "h2c"), (settings, "x"), (settings, "y")]) == ([], [], "<>")


def test_report_S4_settings_go_alone_too(site):
    """Connection may name what is not there: it means nothing then."""
    for fields in (
        [("Connection", "upgrade, HTTP2-Settings"), SETTINGS],
        [("Connection", "HTTP2-Settings"), ("Upgrade", "websocket"), SETTINGS, SETTINGS],
    ):
        assert seen(site, "/off", fields)[1] == []


@pytest.mark.parametrize("value", ["h2c", "websocket"])
def test_report_S4_over_http2(site, value):
    """HTTP/2 has no such field at all (RFC 9113, section 8.2.2)."""
    site.backend.clear()
    with site.edge.h2() as connection:
        response = connection.request("GET", "/off", [("upgrade", value), ("http2-settings", "AAMAAABkAAQAAP__")])
    assert (response.status, response.header("X-Saw")) == (200, "<>")
    assert [site.backend.last.header(name) for name in ("Upgrade", "HTTP2-Settings")] == [None, None]


def test_report_S4_a_server_without_keyward_is_left_alone(site):
    assert seen(site, "/", [("Upgrade", "h2c"), SETTINGS], "PORT_OTHER") == (["h2c"], [SETTINGS[1]], "<h2c>")


def test_report_S4_before_post_read(edge, store, backend):
    """nginx's own 400 about a bad Host, taken on by error_page, comes to the backend without having come to post-read."""
    e = edge(
        server="keyward off; error_page 400 = @app; location @app { proxy_set_header Upgrade $http_upgrade; proxy_pass @BACKEND@; }"
    )
    with e.connect() as connection:
        connection.send(
            "GET / HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-Keyward-Subject: me\r\nHost: a/b\r\n\r\n"
        )
        assert connection.read_response().status == 200
    assert {name.lower() for name, _ in backend.last.headers} & {
        "upgrade",
        "http2-settings",
        "x-keyward-subject",
    } == set()


# keyward_upgrade.


def test_named_protocols_pass(named):
    for value in ("h2c", "H2C", "websocket"):
        assert seen(named, "/on", [("Upgrade", value), SETTINGS], "PORT_H2C") == ([value], [SETTINGS[1]], f"<{value}>")
    for value in ("SPDY/3.1", "spdy/3.1", "tcp", "websocket"):
        assert seen(named, "/on", [("Upgrade", value), SETTINGS], "PORT_SPDY") == ([value], [], f"<{value}>")


@pytest.mark.parametrize("values", [["h2c, websocket"], ["h2c", "h2c"], ["tcp"], ["h2"]])
def test_others_do_not(named, values):
    assert seen(named, "/on", [("Upgrade", value) for value in values], "PORT_H2C")[0] == []
    assert seen(named, "/on", [("Upgrade", "SPDY/3")], "PORT_SPDY")[0] == []


def test_a_server_has_its_own_or_inherits(edge, store, backend):
    e = edge(
        http="""
        keyward_upgrade tcp;
        server { listen 127.0.0.1:@PORT@; keyward off; proxy_set_header Upgrade $http_upgrade; location / { proxy_pass @BACKEND@; } }
        server { listen 127.0.0.1:@PORT_TWO@; keyward off; keyward_upgrade raw; proxy_set_header Upgrade $http_upgrade; location / { proxy_pass @BACKEND@; } }
        """
    )
    passed = {}
    for port in ("PORT", "PORT_TWO"):
        for value in ("tcp", "raw", "websocket"):
            with Connection(int(e.value(port))) as connection:
                connection.request(headers={"Upgrade": value})
            passed[port, value] = backend.last.header("Upgrade") == value
    assert [key for key, value in passed.items() if not value] == [("PORT", "raw"), ("PORT_TWO", "tcp")]


@pytest.mark.parametrize(
    "text, message",
    [
        ("keyward_upgrade tcp; keyward_upgrade raw;", "is duplicate"),
        ("keyward_upgrade tcp TCP;", '"TCP" is there twice'),
        ("keyward_upgrade h2c,tcp;", '"h2c,tcp" is not a protocol'),
        ('keyward_upgrade "h2c tcp";', '"h2c tcp" is not a protocol'),
        ('keyward_upgrade "";', '"" is not a protocol'),
        ("keyward_upgrade tcp/;", '"tcp/" is not a protocol'),
        ("keyward_upgrade /1;", '"/1" is not a protocol'),
        ("keyward_upgrade a/b/c;", '"a/b/c" is not a protocol'),
        ("keyward_upgrade;", "invalid number of arguments"),
        ("location / { keyward_upgrade tcp; }", "directive is not allowed here"),
    ],
)
def test_nginx_t_says_what_is_wrong(config_test, store, text, message):
    rc, output = config_test(server=f"keyward on; {text}")
    assert rc == 1 and message in output, output


def test_nginx_t_warns_of_h2c(config_test, store):
    rc, output = config_test(server="keyward on; keyward_upgrade H2C;")
    assert rc == 0 and "[warn]" in output and "tunnel" in output, output
    rc, output = config_test(server="keyward on; keyward_upgrade websocket tcp;")
    assert rc == 0 and "[warn]" not in output, output
