"""Reading a message before anything is decided about it: whole, within its bound, as nginx buffers it, and passed on
unchanged. What changes while it comes counts."""

import threading

import pytest
from harness.client import encode_request
from harness.mcp import JSON, MODERN, message, tool
from harness.site import Site
from harness.wait import until

SERVER = """
add_header X-Reason $keyward_reason always;
client_body_buffer_size 4k;
client_max_body_size 2m;
keyward on;
error_page 502 = @fallback;
location / {
    keyward_mcp on body=100k public=ping;
    keyward_tool read scope=tools:read;
    keyward_tool other scope=tools:read;
    proxy_pass @BACKEND@;
    location /unbuffered { proxy_request_buffering off; proxy_http_version 1.1; proxy_pass @BACKEND@; }
    location /file { client_body_in_file_only clean; proxy_pass @BACKEND@; }
    location /single { client_body_in_single_buffer on; proxy_pass @BACKEND@; }
    location /small { keyward_mcp on body=100; proxy_pass @BACKEND@; }
    location /shadow { keyward shadow; keyward_mcp on body=100 public=ping; proxy_pass @BACKEND@; }
    location /slow { client_body_timeout 1s; proxy_pass @BACKEND@; }
    location /gone { proxy_pass http://127.0.0.1:@PORT_GONE@; }
    location /gone-unbuffered {
        proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://127.0.0.1:@PORT_GONE@;
    }
    location /moved { proxy_pass @BACKEND@; }
    location /message { keyward_message body_too_large "too much" status=422; proxy_pass @BACKEND@; }
}
location /bare { keyward off; error_page 502 = @fallback; proxy_request_buffering off; proxy_http_version 1.1;
                 proxy_pass http://127.0.0.1:@PORT_GONE@; }
location /read-before { keyward off; error_page 502 = @fallback; proxy_pass http://127.0.0.1:@PORT_GONE@; }
location /mirrored { keyward_mcp on; mirror /copy; proxy_pass @BACKEND@; }
location = /copy { internal; keyward off; proxy_pass @BACKEND@/copy; }
location @fallback { keyward_mcp on; keyward_tool read scope=tools:read; keyward_tool other refuse;
                     proxy_pass @BACKEND@; }
location /inner-too { internal; keyward_mcp on; keyward_tool read scope=tools:read; proxy_pass @BACKEND@; }
location /inner { internal; keyward_mcp on; keyward_tool read scope=tools:more; proxy_pass @BACKEND@; }
"""


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.key = [("X-API-Key", site.store.key(scope=["tools:read"], verifier="sha256")["key"])]
        site.start(server=SERVER, log_level="info")
        yield site


def padded(size, name="read"):
    """A call of this many bytes."""
    text = message("tools/call", {"name": name, "arguments": {"text": ""}})
    return text.replace('"text": ""', '"text": "' + "x" * (size - len(text)) + '"')


def chunked(text, size=1000):
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return "".join(f"{len(part):x}\r\n{part}\r\n" for part in parts) + "0\r\n\r\n"


def post(site, text, target="/", headers=(), chunks=0):
    site.backend.clear()
    extra = [("Transfer-Encoding", "chunked")] if chunks else []
    body = chunked(text, chunks) if chunks else text
    return site.edge.request("POST", target, [JSON, *site.key, *extra, *headers], body)


@pytest.mark.parametrize("chunks", [0, 1, 700, 100_000])
@pytest.mark.parametrize("target", ["/", "/unbuffered", "/file", "/single"])
@pytest.mark.parametrize("size", [200, 4096, 4097, 60_000, 102_400])
def test_a_body_of_any_size_reaches_the_backend_unchanged(site, target, size, chunks):
    if chunks == 1 and size > 5000:
        return
    text = padded(size)
    assert len(text) == size
    response = post(site, text, target, chunks=chunks)
    assert response.status == 200, response.body
    assert site.backend.last.body == text.encode()


@pytest.mark.parametrize("target", ["/", "/unbuffered", "/file", "/message"])
@pytest.mark.parametrize("chunks", [0, 5000, 200_000])
def test_one_byte_more_than_the_bound_is_413(site, target, chunks):
    response = post(site, padded(102_401), target, chunks=chunks)
    assert (response.status, response.header("X-Reason")) == (422 if target == "/message" else 413, "body_too_large")
    assert not site.backend.requests


def test_a_length_above_the_bound_is_refused_unread(site):
    head = encode_request("POST", "/", [JSON, *site.key, ("Content-Length", "102401"), ("Expect", "100-continue")])
    with site.edge.connect() as connection:
        connection.send(head)
        response = connection.read_response(interim=True)
        assert (response.status, response.header("X-Reason")) == (413, "body_too_large")


def test_a_body_without_a_length_is_counted_while_it_is_read(site):
    """It is refused as soon as it is too much, and what follows is no request."""
    for target in ("/", "/message"):
        site.backend.clear()
        with site.edge.connect() as connection:
            connection.send(encode_request("POST", target, [JSON, *site.key, ("Transfer-Encoding", "chunked")]))
            for _ in range(11):
                connection.send("2710\r\n" + " " * 10_000 + "\r\n")
            response = connection.read_response()
            assert response.header("X-Reason") == "body_too_large"
            inner = encode_request("POST", "/", [JSON, *site.key], message("ping")).decode()
            try:
                connection.send(f"{len(inner):x}\r\n{inner}\r\n0\r\n\r\n{inner}")
                assert connection.read_to_end() == b""
            except ConnectionError:
                pass
        assert not site.backend.requests


def test_expect_is_answered_before_the_body_is_there(site):
    text = padded(5000)
    with site.edge.connect() as connection:
        connection.send(
            encode_request(
                "POST", "/", [JSON, *site.key, ("Content-Length", str(len(text))), ("Expect", "100-continue")]
            )
        )
        assert connection.read_response(interim=True).status == 100
        connection.send(text)
        assert connection.read_response().status == 200
    # Who can't be let in isn't asked for his body.
    with site.edge.connect() as connection:
        connection.send(
            encode_request("POST", "/", [JSON, ("X-API-Key", "x"), ("Content-Length", "9"), ("Expect", "100-continue")])
        )
        assert connection.read_response(interim=True).status == 401


@pytest.mark.parametrize("cut", [0, 1, 50, -1])
def test_half_a_body_waits_and_nothing_passes(site, cut):
    text = padded(300)
    request = encode_request("POST", "/", [JSON, *site.key, ("Content-Length", str(len(text)))])
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(request + text[:cut].encode())
        other = site.edge.request("POST", "/", [JSON, *site.key], message("ping"))
        assert other.status == 200 and len(site.backend.requests) == 1
        connection.send(text[cut:])
        assert connection.read_response().status == 200
        # And the connection goes on.
        assert connection.request("POST", "/", [JSON, *site.key], message("ping")).status == 200
    # A client that leaves instead.
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(request + text[:cut].encode())
    assert post(site, message("ping")).status == 200
    assert len(site.backend.requests) == 1


def test_a_slow_body_ends_with_its_connection(site):
    with site.edge.connect() as connection:
        connection.send(encode_request("POST", "/slow", [JSON, *site.key, ("Content-Length", "50")]) + b"{")
        assert connection.read_to_end() == b""  # as nginx does
    assert post(site, message("ping")).status == 200


def test_bad_chunks_are_nginx_s_400(site):
    site.backend.clear()
    with site.edge.connect() as connection:
        connection.send(encode_request("POST", "/", [JSON, *site.key, ("Transfer-Encoding", "chunked")]) + b"zz\r\n")
        assert connection.read_response().status == 400
    with site.edge.connect() as connection:
        connection.send(
            encode_request("POST", "/", [JSON, *site.key, ("Transfer-Encoding", "chunked")]) + b"1\r\n{\r\n"
        )
        connection.send("zz\r\n")
        assert connection.read_response().status == 400
    assert not site.backend.requests


def test_a_post_without_a_body_is_no_message(site):
    for headers in ((), [("Content-Length", "0")], [("Transfer-Encoding", "chunked")]):
        body = "0\r\n\r\n" if headers and headers[0][0].startswith("T") else None
        response = site.edge.request("POST", "/", [*site.key, *headers], body)
        assert (response.status, response.header("X-Reason")) == (400, "invalid_message")


# --- what changes meanwhile --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["revoke", "suspend", "scope", "block", "expire"])
@pytest.mark.parametrize("protocol", ["http/1", "chunked", "h2"])
def test_what_changes_between_the_header_and_the_end_of_the_body_counts(edge, store, backend, kw, change, protocol):
    e = edge(server=SERVER)
    key = store.key(scope=["tools:read"], verifier="sha256", subject="acme")
    kw("subject", "set", "acme")
    headers = [("X-API-Key", key["key"])]
    assert tool(e, "read", headers).status == 200  # it is remembered
    backend.clear()
    text = padded(300)

    def change_it():
        if change == "revoke":
            kw("key", "revoke", key["id"])
        elif change == "suspend":
            kw("key", "suspend", key["id"])
        elif change == "scope":
            kw("key", "set", key["id"], "--scope", "other")
        elif change == "block":
            kw("subject", "block", "acme")
        else:
            kw("key", "set", key["id"], "--expires", "1s")
            until(lambda: tool(e, "read", headers).status == 401)
            backend.clear()

    if protocol == "h2":
        with e.h2() as connection:
            stream = connection.start("POST", "/", [JSON, *headers], text[:100], end=False)
            change_it()
            connection.data(stream, text[100:], end=True)
            response = connection.finish(stream)
    else:
        with e.connect() as connection:
            if protocol == "chunked":
                connection.send(encode_request("POST", "/", [JSON, *headers, ("Transfer-Encoding", "chunked")]))
                connection.send(f"64\r\n{text[:100]}\r\n")
                change_it()
                connection.send(f"{len(text) - 100:x}\r\n{text[100:]}\r\n0\r\n\r\n")
            else:
                connection.send(encode_request("POST", "/", [JSON, *headers, ("Content-Length", str(len(text)))]))
                connection.send(text[:100])
                change_it()
                connection.send(text[100:])
            response = connection.read_response()
    assert response.status == {"scope": 403, "block": 403}.get(change, 401)
    assert not backend.requests


def test_many_bodies_at_once_that_end_in_any_order(site):
    text = padded(300)
    request = encode_request("POST", "/", [JSON, *site.key, ("Content-Length", str(len(text)))])
    connections = [site.edge.connect() for _ in range(40)]
    try:
        for n, connection in enumerate(connections):
            connection.send(request + text[: n * 7].encode())
        for n, connection in reversed(list(enumerate(connections))):
            if n % 3:
                connection.send(text[n * 7 :])
                assert connection.read_response().status == 200
    finally:
        for connection in connections:
            connection.close()
    assert post(site, message("ping")).status == 200


# --- HTTP/2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("size", [200, 5000, 60_000, 102_400, 102_401])
@pytest.mark.parametrize("target", ["/", "/unbuffered", "/file"])
def test_over_http_2(site, target, size, length):
    text = padded(size)
    headers = [JSON, *site.key, *([("content-length", str(size))] if length else [])]
    site.backend.clear()
    with site.edge.h2() as connection:
        if size > 102_400:
            # What is too large by its length is refused unread; else one byte more comes when all others are there.
            stream = connection.start("POST", target, headers, "" if length else text[:-1], end=False)
            if not length:
                connection.data(stream, text[-1:], end=True)
            response = connection.finish(stream)
            assert (response.status, response.header("x-reason")) == (413, "body_too_large")
            assert not site.backend.requests
            return
        response = connection.request("POST", target, headers, text)
        assert response.status == 200
        assert site.backend.last.body == text.encode()
        assert connection.request("POST", "/", [JSON, *site.key], message("ping")).status == 200


def test_streams_that_are_reset_while_their_bodies_come(site):
    text = padded(300)
    site.backend.clear()
    with site.edge.h2() as connection:
        streams = [connection.start("POST", "/", [JSON, *site.key], text[:100], end=False) for _ in range(50)]
        for stream in streams[::2]:
            connection.reset(stream)
        for stream in streams[1::2]:
            connection.data(stream, text[100:], end=True)
            assert connection.finish(stream).status == 200
    assert len(site.backend.requests) == 25
    with site.edge.h2() as connection:
        connection.start("POST", "/", [JSON, *site.key], text[:100], end=False)
    assert post(site, message("ping")).status == 200


def test_a_get_with_data_over_http_2(site):
    site.backend.clear()
    with site.edge.h2() as connection:
        response = connection.request("GET", "/", site.key, message("tools/call", {"name": "read"}))
        assert (response.status, response.header("x-reason")) == (400, "invalid_message")
    assert not site.backend.requests


# --- redirects, other modules, modes -----------------------------------------------------------------------------------


def test_a_redirect_judges_the_kept_message_again(site):
    for size in (200, 60_000):  # the second one lies in a file
        text = padded(size)
        response = post(site, text, "/gone")
        assert response.status == 200
        assert site.backend.last.body == text.encode()
    response = post(site, padded(200, "other"), "/gone")
    assert (response.status, response.header("X-Reason")) == (403, "not_accepted")


@pytest.mark.parametrize("chunks", [0, 700])
@pytest.mark.parametrize("size", [200, 5000, 60_000])
def test_a_body_that_was_read_before_is_judged_all_the_same(site, size, chunks):
    """As nginx's client_body_early_read has it, or another location."""
    text = padded(size)
    assert post(site, text, "/read-before", chunks=chunks).status == 200
    assert site.backend.last.body == text.encode()
    response = post(site, padded(size, "other"), "/read-before", chunks=chunks)
    assert (response.status, response.header("X-Reason")) == (403, "not_accepted")
    with site.edge.h2() as connection:
        assert connection.request("POST", "/read-before", [JSON, *site.key], text).status == 200
        assert connection.request("POST", "/read-before", [JSON, *site.key], padded(size, "other")).status == 403


def test_a_body_that_was_passed_on_before_it_was_whole_can_t_be_judged(site):
    text = padded(50_000)
    for target in ("/bare",):
        site.backend.clear()
        with site.edge.connect() as connection:
            connection.send(
                encode_request("POST", target, [JSON, *site.key, ("Content-Length", str(len(text)))])
                + text[:9].encode()
            )
            response = connection.read_response()
        assert (response.status, response.header("X-Reason")) == (400, "invalid_message")
        assert not site.backend.requests


def test_x_accel_redirect_is_judged_by_the_rules_of_where_it_leads(site):
    for inner, expected in [("/inner", (403, "insufficient_scope")), ("/inner-too", (200, None))]:
        site.backend.on("/moved", headers={"X-Accel-Redirect": inner})
        for size in (200, 60_000):
            response = post(site, padded(size), "/moved")
            assert (response.status, response.header("X-Reason")) == expected
            assert [request.path for request in site.backend.requests][1:] == ([inner] if expected[0] == 200 else [])


def test_a_mirror_gets_the_same_body(site):
    text = padded(5000)
    assert post(site, text, "/mirrored").status == 200
    site.backend.wait_requests(2)
    assert {request.body for request in site.backend.requests} == {text.encode()}


def test_shadow_refuses_nothing(site):
    deep = "[" * 500 + "]" * 500
    for text, reason in [
        (padded(5000), "body_too_large"),
        (deep[:90], "invalid_message"),
        (message("ping"), ""),
    ]:
        for chunks in (0, 50):
            since = len(site.edge.log)
            response = post(site, text, "/shadow", chunks=chunks)
            assert (response.status, response.header("X-Reason") or "") == (200, reason)
            assert site.backend.last.body == text.encode()
            if reason:
                site.edge.wait_log(rf"keyward would have refused \(shadow\): {reason}", since=since)


def test_a_smaller_bound_of_another_location_holds(site):
    response = post(site, padded(200), "/small")
    assert response.status == 413


def test_satisfy_any(edge, store, backend):
    e = edge(
        server="""
        add_header X-Reason $keyward_reason always;
        keyward on;
        keyward_mcp on;
        keyward_tool read scope=tools:read;
        keyward_tool gone refuse;
        satisfy any;
        location / { deny all; proxy_pass @BACKEND@; }
        location /open { allow all; proxy_pass @BACKEND@; }
        """
    )
    key = [("X-API-Key", store.key(scope=["tools:read"], verifier="sha256")["key"])]
    text = message("tools/call", {"name": "read"})

    def ask(target, text, headers=()):
        with e.connect() as connection:
            request = encode_request("POST", target, [JSON, *headers, ("Content-Length", str(len(text)))])
            connection.send(request + text[:20].encode())
            # The rest comes while the phase waits for it.
            other = e.request("POST", "/", [JSON, *headers], text)
            connection.send(text[20:])
            response = connection.read_response()
            assert response.status == other.status or target != "/"
            return response.status

    assert ask("/", text, key) == 200
    assert ask("/", text) == 401  # which wins over that of deny
    assert ask("/", message("tools/call", {"name": "gone"}), key) == 403
    assert ask("/", "[]", key) == 400
    assert ask("/open", text) == 200


def test_temporary_files_are_gone_afterwards(site):
    for _ in range(5):
        assert post(site, padded(90_000)).status == 200
    until(lambda: not [path for path in (site.edge.prefix / "temp" / "body").rglob("*") if path.is_file()])


def test_variables_tell_of_a_message_also_in_a_log(edge, store, backend):
    e = edge(
        http='log_format m "<$keyward_mcp_method|$keyward_mcp_tool|$keyward_mcp_version|$keyward_decision>";',
        server="""
        access_log @PREFIX@/mcp.log m;
        keyward on;
        location / {
            keyward_mcp on;
            proxy_set_header X-Tool "$keyward_mcp_method $keyward_mcp_tool";
            proxy_pass @BACKEND@;
        }
        """,
    )
    key = [("X-API-Key", store.key(verifier="sha256")["key"])]

    def logged():
        return (e.prefix / "mcp.log").read_text().splitlines()

    assert tool(e, "read", key).status == 200
    assert backend.last.header("X-Tool") == "tools/call read"
    assert tool(e, "read", key, MODERN).status == 200
    assert tool(e, "a\r\nX-Evil: 1\x7f%", key).status == 200
    assert backend.last.header("X-Tool") == "tools/call a%0D%0AX-Evil: 1%7F%25"
    assert backend.last.header("X-Evil") is None
    assert tool(e, "read").status == 401
    assert e.request("POST", "/", [JSON, *key], message("prompts/get", {"name": "p"})).status == 200
    assert e.request("POST", "/", [JSON, *key], "[]").status == 400
    until(lambda: len(logged()) == 6)
    assert logged() == [
        "<tools/call|read|-|allowed>",
        f"<tools/call|read|{MODERN}|allowed>",
        "<tools/call|a%0D%0AX-Evil: 1%7F%25|-|allowed>",
        "<tools/call|read|-|refused>",
        "<prompts/get|-|-|allowed>",
        "<-|-|-|refused>",
    ]


def test_no_message_is_lost_while_workers_are_reloaded(site):
    text = padded(300)
    with site.edge.connect() as connection:
        connection.send(encode_request("POST", "/", [JSON, *site.key, ("Content-Length", str(len(text)))]))
        connection.send(text[:50])
        site.edge.reload()
        connection.send(text[50:])
        assert connection.read_response().status == 200


def test_bcrypt_runs_after_the_body(edge, store, backend, kw):
    """A key that has to be proven first: the request waits twice, and is decided as things are at the end."""
    e = edge(server=SERVER)
    good, gone = (store.key(scope=["tools:read"], verifier="bcrypt:8") for _ in range(2))
    text = padded(300)
    results = {}

    def send(name, key, between=None):
        with e.connect(30) as connection:
            connection.send(
                encode_request("POST", "/", [JSON, ("X-API-Key", key), ("Content-Length", str(len(text)))])
                + text[:99].encode()
            )
            if between:
                between()
            connection.send(text[99:])
            results[name] = connection.read_response().status

    threads = [threading.Thread(target=send, args=(n, good["key"])) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    send("gone", gone["key"], lambda: kw("key", "revoke", gone["id"]))
    assert results == {**{n: 200 for n in range(5)}, "gone": 401}
