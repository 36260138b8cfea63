"""A credential in the query of a request that nginx refuses before keyward's first phase: no access log may have it.

What nginx writes into its error log while it reads a request's header comes before any module. It is at level info, so the edge here logs
at notice, as docs/security-model.md advises. One line is at level error: where error_page leads a request line that could not be read to a
named location. Nothing else is left out.
"""

import contextlib
import datetime
import socket
import ssl
import uuid

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from h2.errors import ErrorCodes
from harness.site import Site
from harness.wait import until

LOG = """
log_format all '$request|$request_uri|$args|$query_string|$is_args|$arg_key|$arg_token|$uri|$document_uri|$status|$mapped|$sent_http_location|$sent_http_x_uri';
map $request_uri $mapped { default $request_uri; }
access_log @PREFIX@/all.log all;
ssl_certificate @CERT@;
ssl_certificate_key @CERT_KEY@;
"""
ECHO = "<$request_uri|$request|$args|$arg_key|$query_string|$mapped>"


def make_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "cert.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"CERT": folder / "cert.pem", "CERT_KEY": folder / "cert.key"}


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.start(
            log_level="notice",
            **make_certificate(site.folder),
            http=LOG
            + f"""
            keyward_store @STORE@;
            client_max_body_size 1k;
            # A server for each way to answer: nginx's page, a location, a redirect, a header.
            server {{
                listen 127.0.0.1:@PORT@; listen 127.0.0.1:@PORT_H2@ http2; listen 127.0.0.1:@PORT_TLS@ ssl;
                keyward on; keyward_credential query=key;
                location / {{ proxy_pass @BACKEND@; }}
            }}
            server {{
                listen 127.0.0.1:@PORT_NAMED@; listen 127.0.0.1:@PORT_NAMED_TLS@ ssl;
                keyward on; keyward_credential query=key;
                error_page 400 405 413 414 497 501 505 = @app;
                location / {{ proxy_pass @BACKEND@; }}
                location @app {{ keyward off; return 200 "{ECHO}"; }}
            }}
            server {{
                listen 127.0.0.1:@PORT_PAGE@; listen 127.0.0.1:@PORT_PAGE_TLS@ ssl;
                keyward on; keyward_credential query=key;
                error_page 400 405 413 414 497 501 505 = /page?$args;
                set $early $request_uri;
                location / {{ proxy_pass @BACKEND@; }}
                location = /page {{ keyward off; return 200 "{ECHO} $early"; }}
            }}
            server {{
                listen 127.0.0.1:@PORT_REDIRECT@; listen 127.0.0.1:@PORT_REDIRECT_TLS@ ssl;
                keyward on; keyward_credential query=key;
                error_page 400 405 413 414 497 501 505 https://localhost$request_uri;
                location / {{ proxy_pass @BACKEND@; }}
            }}
            server {{
                listen 127.0.0.1:@PORT_HEADER@; listen 127.0.0.1:@PORT_HEADER_TLS@ ssl;
                keyward on; keyward_credential query=key;
                add_header X-Uri "{ECHO}" always;
                location / {{ proxy_pass @BACKEND@; }}
            }}
            server {{
                listen 127.0.0.1:@PORT_BACKEND@; listen 127.0.0.1:@PORT_BACKEND_TLS@ ssl;
                keyward on; keyward_credential query=key;
                error_page 400 405 413 414 497 501 505 = @backend;
                location / {{ proxy_pass @BACKEND@; }}
                location @backend {{ keyward_credential bearer; keyward_accept anonymous; proxy_method GET; proxy_pass_request_body off;
                                     proxy_set_header Content-Length ""; proxy_pass @BACKEND@; }}
            }}
            # The request was for the second one; what comes before its Host is known is the first one's.
            server {{ listen 127.0.0.1:@PORT_FIRST@ default_server; listen 127.0.0.1:@PORT_FIRST_H2@ http2 default_server;
                      listen 127.0.0.1:@PORT_FIRST_TLS@ ssl default_server;
                      location / {{ return 200 "of the first"; }} }}
            server {{ listen 127.0.0.1:@PORT_FIRST@; listen 127.0.0.1:@PORT_FIRST_H2@ http2; listen 127.0.0.1:@PORT_FIRST_TLS@ ssl;
                      server_name second.example; keyward on; keyward_credential query=key; location / {{ proxy_pass @BACKEND@; }} }}
            server {{ listen 127.0.0.1:@PORT_SLOW@; client_header_timeout 200ms; keyward on; keyward_credential query=key; location / {{ }} }}
            """,
        )
        yield site


GOOD = "GET {target} HTTP/1.1\r\n"
# What is sent, with the path and the query for {target}, and the status; None: the client leaves without an answer.
REFUSED = {
    "a second Host": (GOOD + "Host: a\r\nHost: b\r\n\r\n", 400),
    "a second, equal Host": (GOOD + "Host: a\r\nHost: a\r\n\r\n", 400),
    "a bad Host": (GOOD + "Host: a/b\r\n\r\n", 400),
    "an empty Host": (GOOD + "Host: .\r\n\r\n", 400),
    "no Host": (GOOD + "X: y\r\n\r\n", 400),
    "a bad host in the line": ("GET http://a..b{target} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an unknown Transfer-Encoding": (GOOD + "Host: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "Transfer-Encoding and Content-Length": (
        GOOD + "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
        400,
    ),
    "Transfer-Encoding in 1.0": ("GET {target} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "a bad Content-Length": (GOOD + "Host: a\r\nContent-Length: x\r\n\r\n", 400),
    "two Content-Lengths": (GOOD + "Host: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
    "two Authorizations": (GOOD + "Host: a\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400),
    "TRACE": ("TRACE {target} HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "a NUL in a field": (GOOD + "Host: a\r\nX: a\0b\r\n\r\n", 400),
    "a field that is too long": (GOOD + "Host: a\r\nX: " + "x" * 40000 + "\r\n\r\n", 400),
    "too many fields": (GOOD + "Host: a\r\n" + "".join(f"X{i}: {'x' * 4000}\r\n" for i in range(12)) + "\r\n", 400),
    "a body that is too large": (GOOD.replace("GET", "POST") + "Host: a\r\nContent-Length: 9999\r\n\r\n", 413),
    "no end of the header": (GOOD + "Host: a\r\nX: y", None),
    "the line alone": (GOOD, None),
    # nginx couldn't take these lines apart: what is behind the question mark isn't logged at all.
    "half a line": ("GET {target}", None),
    "an unknown version": ("GET {target} HTTP/9.1\r\nHost: a\r\n\r\n", 505),
    "a bad version": ("GET {target} HTTP/1.x\r\nHost: a\r\n\r\n", 400),
    "another protocol": ("GET {target} FTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a blank in it": ("GET {target} x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a control character behind it": ("GET {target}\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a method in small letters": ("get {target} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a control character before it": ("GET /\x01{target} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an escaped NUL": ("GET /%00{target} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "above the root": ("GET /../..{target} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a line that is too long": ("GET {target}&y=" + "y" * 9000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a line that is too long, in its middle": ("GET {cut} HTTP/1.1\r\nHost: a\r\n\r\n", 414),
}
UNREAD = list(REFUSED)[list(REFUSED).index("half a line") :]


def send(port, data, tls=False, half=False):
    """The answer's bytes; half: nothing more is sent, so that nginx stops waiting for more."""
    connection = socket.create_connection(("127.0.0.1", port), 10)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection, server_hostname="localhost")
    received = b""
    with connection:
        try:
            # nginx may answer, and close, before it has read all: what it said is there to be read.
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                connection.sendall(data.encode("latin-1"))
            if half:
                return b""
            while part := connection.recv(65536):
                received += part
                if b"\r\n\r\n" in received and b"Connection: close" not in received:
                    break
        except (ConnectionError, ssl.SSLError):
            pass
    return received


def logs(site):
    texts = {path.name: path.read_bytes().decode("latin-1") for path in site.edge.prefix.glob("*.log")}
    lines = [line for line in texts["error.log"].splitlines() if "empty URI in redirect to named location" not in line]
    return {**texts, "error.log": "\n".join(lines)}


def canary():
    """A secret for each test, so that none sees what another left."""
    return f"kw_{uuid.uuid4().hex}{uuid.uuid4().hex}"


def assert_unseen(site, mark, key, status):
    """Waits for the line with this mark, and looks everywhere."""
    wanted = lambda: [
        line
        for line in (site.edge.prefix / "all.log").read_bytes().decode("latin-1").splitlines()
        if mark in line.split("|")[0]
    ]
    line = until(wanted, 10, "the line in the log")[0]
    assert status is None or f"|{status}|" in line, line
    for name, text in logs(site).items():
        for part in (key[3:12], "".join(f"%{ord(c):02X}" for c in key)):
            assert part not in text, next(line for line in text.splitlines() if part in line)
    return line


def make(case, key, query="x=1&key={key}&y=2"):
    """(a mark to find its line by, what to send, the status)."""
    text, status = REFUSED[case]
    mark = f"case-{uuid.uuid4().hex}"
    begin = f"/{mark}?"
    # {cut}: so long that the buffer, of 8 KiB, ends within the credential.
    pad = "x" * (8192 - len(f"GET {begin}&key=") - 20)
    for name, target in {
        "{target}": begin + query.format(key=key),
        "{cut}": f"{begin}{pad}&key={key}{'y' * 500}",
    }.items():
        text = text.replace(name, target)
    return mark, text, status


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("case", REFUSED)
def test_report_S10(site, case, tls):
    key = canary()
    mark, data, status = make(case, key)
    answer = send(int(site.edge.value("PORT_TLS" if tls else "PORT")), data, tls, status is None)
    assert status is None or answer.startswith(b"HTTP/1.1 %d " % status), answer[:100]
    line = assert_unseen(site, mark, key, status)
    # The rest of what nginx could read is there.
    assert ("x=1&y=2" in line) == (case not in UNREAD), line


@pytest.mark.parametrize(
    "case", ["a second Host", "TRACE", "an unknown version", "an escaped NUL", "a line that is too long"]
)
@pytest.mark.parametrize(
    "query", ["%6Bey={key}", "key={key}&key={key}", "key={key}", "key=%6B{key}", "a=%20&key={key}#part"]
)
def test_report_S10_however_it_is_spelled(site, case, query):
    key = canary()
    mark, data, status = make(case, key, query)
    send(int(site.edge.value("PORT")), data)
    assert_unseen(site, mark, key, status)


def test_report_S10_plain_http_on_a_tls_port(site):
    for port in (
        "PORT_TLS",
        "PORT_NAMED_TLS",
        "PORT_PAGE_TLS",
        "PORT_REDIRECT_TLS",
        "PORT_HEADER_TLS",
        "PORT_BACKEND_TLS",
        "PORT_FIRST_TLS",
    ):
        key = canary()
        mark, data = f"case-{uuid.uuid4().hex}", "GET /{}?x=1&key={} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"
        host = "second.example" if "FIRST" in port else "localhost"
        answer = send(int(site.edge.value(port)), data.format(mark, key, host))
        assert answer.startswith(b"HTTP/1.1 ") and key.encode() not in answer, (port, answer)
        assert "x=1" in assert_unseen(site, mark, key, None)


@pytest.mark.parametrize("port", ["PORT_NAMED", "PORT_PAGE", "PORT_REDIRECT", "PORT_HEADER", "PORT_BACKEND"])
@pytest.mark.parametrize("case", REFUSED)
def test_report_S10_where_an_error_page_takes_it_on(site, case, port):
    site.backend.clear()
    key = canary()
    mark, data, status = make(case, key)
    answer = send(int(site.edge.value(port)), data, half=status is None)
    assert_unseen(site, mark, key, None)
    assert key.encode() not in answer and key[3:12].encode() not in answer, answer
    assert all(key not in repr([request.target, request.headers]) for request in site.backend.requests)


@pytest.mark.parametrize(
    "case",
    [
        "a second Host",
        "a bad Host",
        "no Host",
        "an unknown version",
        "an escaped NUL",
        "half a line",
        "a line that is too long",
    ],
)
def test_report_S10_where_its_server_is_not_known_yet(site, case):
    key = canary()
    mark, data, status = make(case, key)
    data = data.replace("Host: a\r\n", "Host: other.example\r\n", 1)
    send(int(site.edge.value("PORT_FIRST")), data, half=status is None)
    assert_unseen(site, mark, key, status)


def test_an_argument_of_another_server_is_left_alone(site):
    """Of a request that came through, only its own server's arguments are credentials."""
    mark = f"case-{uuid.uuid4().hex}"
    send(
        int(site.edge.value("PORT_FIRST")),
        f"GET /{mark}?key=mine&x=1 HTTP/1.1\r\nHost: first\r\nConnection: close\r\n\r\n",
    )
    until(lambda: f"{mark}?key=mine&x=1" in logs(site)["all.log"], 10, "the line")


def test_report_S10_a_header_that_does_not_come_in_time(site):
    key, mark = canary(), f"case-{uuid.uuid4().hex}"
    for data in (f"GET /{mark}?key={key} HTTP/1.1\r\nHost: x\r\n", f"GET /{mark}?key={key}"):
        with socket.create_connection(("127.0.0.1", int(site.edge.value("PORT_SLOW"))), 10) as connection:
            connection.sendall(data.encode())
            assert connection.recv(1) == b""
        assert_unseen(site, mark, key, 408)


H2 = {
    "TRACE": ({":method": "TRACE"}, 405),
    "an unknown pseudo-header": ({":unknown": "x"}, 400),
    "a bad authority": ({":authority": "a/b"}, 400),
    "no method": ({":method": None}, 400),
    "no scheme": ({":scheme": None}, 400),
    "a bad method": ({":method": "g t"}, 400),
    "an unknown Transfer-Encoding": ({"transfer-encoding": "gzip"}, 501),
    "a bad Content-Length": ({"content-length": "x"}, 400),
    "a second Host": ({"host": "b"}, None),
    "two Authorizations": ({"authorization": ["a", "b"]}, 400),
}


@pytest.mark.parametrize("port", ["PORT_H2", "PORT_FIRST_H2"])
@pytest.mark.parametrize("case", H2)
def test_report_S10_over_http2(site, case, port):
    from harness.h2client import H2Connection, StreamReset

    changes, status = H2[case]
    key, mark = canary(), f"case-{uuid.uuid4().hex}"
    fields = {
        ":path": f"/{mark}?x=1&key={key}",
        ":method": "GET",
        ":scheme": "http",
        ":authority": "localhost",
        **changes,
    }
    block = [
        (name, one)
        for name, value in fields.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]
    with H2Connection(int(site.edge.value(port))) as connection:
        stream = connection.h2.get_next_available_stream_id()
        connection.h2.send_headers(stream, block, end_stream=True)
        connection._flush()
        try:
            response = connection.finish(stream)
            assert status is None or response.status == status
        except StreamReset as reset:
            assert reset.code == ErrorCodes.PROTOCOL_ERROR
    # Where nginx has no request line, its URI is logged all the same.
    wanted = lambda: mark in logs(site)["all.log"]
    until(wanted, 10, "the line in the log")
    assert all(key[3:] not in text for text in logs(site).values())


@pytest.mark.parametrize(
    "directives", ["keyward off;", "keyward shadow;", "keyward on; keyward_forward_credential on;"]
)
def test_report_S10_what_a_location_was_given_back_is_in_no_log(directives, edge, store, backend):
    """nginx's log reads what nginx has kept of a variable, also of one that isn't to be kept."""
    key = store.key()["key"]
    e = edge(
        http="map $args $mapped { default $args; }\nlog_format all '$args|$query_string|$arg_key|$mapped|$request_uri|$request';\naccess_log @PREFIX@/all.log all;\n",
        server=f"""
        keyward_credential query=key;
        location / {{ {directives} proxy_set_header X-Mapped $mapped; proxy_set_header X-Arg $arg_key; proxy_pass @BACKEND@$uri$is_args$args; }}
    """,
    )
    assert e.get(f"/?a=1&key={key}").status == 200
    assert key in backend.last.target
    e.stop()
    log = (e.prefix / "all.log").read_text()
    assert "a=1" in log and key not in log
