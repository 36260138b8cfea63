"""lists=filter: what a caller could not call is taken out of lists, in JSON and in event streams, page by page; what it sees
is exactly what it can call, and everything else is as the backend sent it."""

import gzip
import json
import random
import socket
import threading

import pytest
from harness.mcp import MODERN, call, tool
from harness.site import Site
from harness.wait import until

SERVER = """
add_header X-Reason $keyward_reason always;
keyward on;
keyward_errors json;
location / {
    keyward_mcp on public=tools/list lists=filter list=64k;
    keyward_tool read_* scope=r:r;
    keyward_tool *_write scope=w:w;
    keyward_tool hidden refuse;
    keyward_rpc prompts/get:admin_* scope=w:w;
    keyward_rpc resources/read:https://a.example/secret/* scope=w:w;
    proxy_pass @BACKEND@;
    location /small { proxy_buffers 4 1k; proxy_buffer_size 1k; proxy_busy_buffers_size 2k; proxy_pass @BACKEND@; }
    location /unbuffered { proxy_buffering off; proxy_pass @BACKEND@; }
    location /gzip { gzip on; gzip_types application/json; gzip_min_length 1; proxy_pass @BACKEND@; }
    location /error { error_page 502 /page.html; proxy_pass @BACKEND@; }
}
location = /page.html { keyward off; root @HTML@; }
location /shadow { keyward shadow; keyward_mcp on lists=filter; keyward_tool hidden refuse; proxy_pass @BACKEND@; }
location /off { keyward_mcp on; keyward_tool hidden refuse; proxy_pass @BACKEND@; }
"""


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.keys = {
            scopes: [("X-API-Key", site.store.key(scope=list(scopes), verifier="sha256")["key"])]
            for scopes in [("r:r",), ("w:w",), ("r:r", "w:w"), ("x:x",)]
        }
        site.start(server=SERVER)
        site.page("page.html", "a page")
        yield site


def answer_with(site, body, headers=None, status=200):
    site.backend.clear()
    site.backend.on("*", status, headers or {"Content-Type": "application/json"}, body)


def tools(*names, id=1, **more):
    """Its text is as no serialiser would write it, so that it shows whether anything was written anew."""
    entries = ",".join(f'{{ "name" : "{name}", "inputSchema":{{"type":"object"}},"x":1.50 }}' for name in names)
    rest = "".join(f', "{key}" : {json.dumps(value)}' for key, value in more.items())
    return f'{{"jsonrpc":"2.0" ,"id":{json.dumps(id)},"result":{{"tools":[{entries}]{rest}}}}}\n'


def names_of(response, what="tools"):
    return [entry["name"] for entry in response.json()["result"][what]]


ALL = ("read_a", "b_write", "read_write", "hidden", "other")


def test_each_caller_sees_what_it_can_call(site):
    for scopes, expected in [
        (("r:r",), ["read_a"]),
        (("w:w",), ["b_write"]),
        (("r:r", "w:w"), ["read_a", "b_write", "read_write"]),
        (("x:x",), []),
    ]:
        answer_with(site, tools(*ALL, nextCursor="n"))
        response = call(site.edge, "tools/list", headers=site.keys[scopes])
        assert names_of(response) == expected
        assert response.json()["result"]["nextCursor"] == "n"
        assert response.header("Content-Length") == str(len(response.body))
        # And each of it is called, and each that is hidden refused.
        for name in ALL:
            assert (tool(site.edge, name, site.keys[scopes]).status == 200) == (name in expected), name


def test_nobody_s_list_loses_only_what_nobody_can_log_in_for(site):
    answer_with(site, tools(*ALL))
    assert names_of(call(site.edge, "tools/list")) == ["read_a", "b_write", "read_write"]


def test_what_is_not_taken_out_stays_byte_for_byte(site):
    text = tools("read_a", "read_b", nextCursor="é\\u00e9")
    answer_with(site, text.encode(), {"Content-Type": "application/json", "ETag": '"x"', "Content-MD5": "y"})
    response = call(site.edge, "tools/list", headers=site.keys[("r:r",)])
    assert response.body == text.encode()
    assert response.header("ETag") == '"x"' and response.header("Content-MD5") == "y"
    for entry in ('{ "name" : "read_a", "inputSchema":{"type":"object"},"x":1.50 }',):
        answer_with(site, tools("hidden", "read_a"), {"Content-Type": "application/json", "ETag": '"x"'})
        response = call(site.edge, "tools/list", headers=site.keys[("r:r",)])
        assert entry in response.text and "hidden" not in response.text
        assert response.header("ETag") is None


def test_the_other_lists(site):
    key = site.keys[("r:r",)]
    prompts = {"prompts": [{"name": "admin_x"}, {"name": "admin_y"}]}
    answer_with(site, json.dumps({"jsonrpc": "2.0", "id": 1, "result": prompts}))
    assert names_of(call(site.edge, "prompts/list", headers=key), "prompts") == []
    assert len(names_of(call(site.edge, "prompts/list", headers=site.keys[("w:w",)]), "prompts")) == 2
    resources = {"resources": [{"uri": "https://a.example/secret/x", "name": "s"}]}
    answer_with(site, json.dumps({"jsonrpc": "2.0", "id": 1, "result": resources}))
    assert names_of(call(site.edge, "resources/list", headers=key), "resources") == []
    templates = {"resourceTemplates": [{"uriTemplate": "https://a.example/secret/{x}", "name": "s"}]}
    answer_with(site, json.dumps({"jsonrpc": "2.0", "id": 1, "result": templates}))
    assert names_of(call(site.edge, "resources/templates/list", headers=key), "resourceTemplates") == []
    assert len(names_of(call(site.edge, "resources/templates/list", headers=site.keys[("w:w",)]), "resourceTemplates"))


def test_the_modern_era_says_private(site):
    answer_with(site, tools(*ALL, cacheScope="public", ttlMs=5))
    result = call(site.edge, "tools/list", headers=site.keys[("r:r",)], version=MODERN).json()["result"]
    assert result["cacheScope"] == "private" and result["ttlMs"] == 5


def test_answers_to_other_methods_are_left_alone(site):
    answer_with(site, tools(*ALL))
    for method, params in [("tools/call", {"name": "read_a"}), ("ping", None)]:
        response = call(site.edge, method, params, headers=site.keys[("r:r",)])
        assert response.text == tools(*ALL)
    for target in ("/shadow", "/off"):
        assert call(site.edge, "tools/list", headers=site.keys[("r:r",)], target=target).text == tools(*ALL)


def test_accept_encoding_is_not_passed_on(site):
    answer_with(site, tools(*ALL))
    for target in ("/", "/gzip"):
        response = call(
            site.edge, "tools/list", headers=[*site.keys[("r:r",)], ("Accept-Encoding", "gzip")], target=target
        )
        assert names_of(response) == ["read_a"]
        assert site.backend.last.header("Accept-Encoding") is None
    call(site.edge, "ping", headers=[*site.keys[("r:r",)], ("Accept-Encoding", "gzip")])
    assert site.backend.last.header("Accept-Encoding") == "gzip"


UNREADABLE = {
    "encoded": (gzip.compress(tools(*ALL).encode()), {"Content-Type": "application/json", "Content-Encoding": "gzip"}),
    "too large": (tools(*ALL, "x" * 70_000), {"Content-Type": "application/json"}),
    "too large, in chunks": (
        "%x\r\n%s\r\n0\r\n\r\n" % (len(tools("read_a", "x" * 70_000)), tools("read_a", "x" * 70_000)),
        {"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
    ),
    "no JSON": ("<tools>", {"Content-Type": "text/html"}),
    "bad JSON": ('{"jsonrpc":"2.0","id":1,"result":{"tools":[', {"Content-Type": "application/json"}),
    "no type": (tools(*ALL), {"X-Type": "none"}),
}


@pytest.mark.parametrize("target", ["/", "/small", "/unbuffered"])
@pytest.mark.parametrize("name", UNREADABLE)
def test_what_can_t_be_read_is_502(site, name, target):
    body, headers = UNREADABLE[name]
    answer_with(site, body, headers)
    since = len(site.edge.log)
    with site.edge.connect() as connection:
        response = call(connection, "tools/list", headers=site.keys[("r:r",)], target=target)
        assert (response.status, response.header("X-Reason")) == (502, "list_unreadable")
        assert response.json()["code"] == "bad_gateway"
        assert response.header("Content-Encoding") is None
        assert b"read_a" not in response.body
    site.edge.wait_log("keyward refused the answer: list_unreadable", since=since)


def test_an_error_page_takes_no_part_in_it(site):
    answer_with(site, "<tools>", {"Content-Type": "text/html"})
    response = call(site.edge, "tools/list", headers=site.keys[("r:r",)], target="/error")
    assert response.status == 502 and response.json()["code"] == "bad_gateway"


def test_a_failure_of_the_backend_is_told_as_it_is(site):
    for status, body, headers in [
        (404, "no such session", {"Content-Type": "text/plain"}),
        (401, '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}', {"Content-Type": "application/json"}),
        (202, "", {}),
    ]:
        answer_with(site, body, headers, status)
        response = call(site.edge, "tools/list", headers=site.keys[("r:r",)])
        assert (response.status, response.text) == (status, body)


# --- event streams -------------------------------------------------------------------------------------------------------

STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


def event(text, **fields):
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"data: {text.strip()}\n\n"


def data_of(response):
    """The messages of a stream."""
    return [
        json.loads("\n".join(line[5:].lstrip() for line in part.split("\n") if line.startswith("data:")))
        for part in response.text.replace("\r\n", "\n").split("\n\n")
        if "data:" in part
    ]


NOTE = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"tools":["hidden"]}}'


@pytest.mark.parametrize("target", ["/", "/small", "/unbuffered"])
def test_a_list_in_a_stream(site, target):
    text = ": hello\n\n" + event(NOTE, id=1) + event(tools(*ALL), id=2, event="message") + event(NOTE)
    answer_with(site, text, {**STREAM, "Content-Length": str(len(text)), "ETag": '"x"'})
    response = call(site.edge, "tools/list", headers=site.keys[("r:r",)], target=target)
    note, list_, last = data_of(response)
    assert note == last == json.loads(NOTE)
    assert [entry["name"] for entry in list_["result"]["tools"]] == ["read_a"]
    assert response.text.startswith(": hello\n\n" + event(NOTE, id=1)) and "id: 2\n" in response.text
    assert response.header("ETag") is None


def test_a_list_on_a_get_stream(site):
    text = event(NOTE) + event(tools(*ALL, id="of another request"))
    answer_with(site, text, STREAM)
    response = site.edge.get("/", [*site.keys[("r:r",)], ("Accept", "text/event-stream")])
    assert [entry["name"] for entry in data_of(response)[1]["result"]["tools"]] == ["read_a"]
    # A server without such streams.
    answer_with(site, "no", {"Content-Type": "text/plain"}, 405)
    assert site.edge.get("/", site.keys[("r:r",)]).status == 405


def test_an_event_that_can_t_be_read_becomes_an_error_under_its_id(site):
    text = event('{"jsonrpc":"2.0","id":1,"result":{"tools":[') + event(NOTE)
    answer_with(site, text, STREAM)
    response = call(site.edge, "tools/list", headers=site.keys[("r:r",)])
    error, note = data_of(response)
    assert error["error"]["code"] == -32603 and "hidden" not in response.text.split("notifications")[0]
    assert note == json.loads(NOTE)


class Streaming:
    """A server that answers one request with the pieces it is given, each when `next` is called."""

    def __init__(self, fields=""):
        self.fields = fields
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.pieces, self.more = [], threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def send(self, *pieces):
        with self.more:
            self.pieces += pieces
            self.more.notify()

    def _run(self):
        connection, _ = self.socket.accept()
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            fields = f"Content-Type: text/event-stream\r\nConnection: close\r\n{self.fields}\r\n"
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + fields.encode())
            while True:
                with self.more:
                    self.more.wait_for(lambda: self.pieces, 30)
                    piece = self.pieces.pop(0) if self.pieces else None
                if piece is None:
                    return
                try:
                    connection.sendall(piece)
                except ConnectionError:  # a test that failed
                    return

    def stop(self):
        self.send(None)
        self.thread.join(30)
        self.socket.close()


@pytest.mark.parametrize("buffering", ["", "X-Accel-Buffering: no\r\n"])
def test_events_go_on_one_by_one(edge, store, buffering):
    """Each as soon as it is whole, however it is cut, where nginx itself passes on what comes."""
    backend = Streaming(buffering)
    options = "" if buffering else "proxy_buffering off;"
    try:
        e = edge(
            server=f"""
            keyward on;
            location / {{
                keyward_mcp on lists=filter; keyward_tool hidden refuse; {options}
                proxy_pass http://127.0.0.1:{backend.port};
            }}
            """
        )
        key = [("X-API-Key", store.key(verifier="sha256")["key"])]
        with e.connect(30) as connection:
            connection.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " + key[0][1] + "\r\n\r\n")
            first, second = event(NOTE).encode(), event(tools("hidden", "shown")).encode()
            received = b""
            while b"\r\n\r\n" not in received:  # before there is any event
                received += connection.read_some(1)
            backend.send(first)
            while NOTE.encode() not in received:
                received += connection.read_some(1)
            for at in range(0, len(second), 7):
                backend.send(second[at : at + 7])
            while b"shown" not in received:
                received += connection.read_some(1)
            for n in range(200):
                backend.send(event(NOTE, id=n).encode())
                while f"id: {n}\n".encode() not in received:
                    received += connection.read_some(1)
            backend.send(None)
            while not received.endswith(b"\r\n0\r\n\r\n"):
                received += connection.read_some(1)
            assert b"hidden" not in received.replace(NOTE.encode(), b"")
    finally:
        backend.stop()


def own_memory(pid):
    """Bytes that no other process has."""
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("RssAnon")).split()[1]) * 1024


@pytest.mark.parametrize("buffering", ["", "X-Accel-Buffering: no\r\n"])
def test_a_client_that_reads_slowly_holds_up_the_backend_and_not_nginx(edge, store, buffering):
    """All of it comes in the end, and is never in memory at once."""
    backend = Streaming(buffering)
    try:
        e = edge(
            server=f"""
            keyward on;
            location / {{
                keyward_mcp on lists=filter; keyward_tool hidden refuse;
                proxy_max_temp_file_size 0;
                proxy_pass http://127.0.0.1:{backend.port};
            }}
            """
        )
        key = store.key(verifier="sha256")["key"]
        count, piece = 4000, event(tools("hidden", "shown" * 1000)).encode()
        with e.connect(60) as connection:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            before = own_memory(e.workers()[0])
            # HTTP/1.0: the answer has no chunks, and ends with the connection.
            connection.send("GET / HTTP/1.0\r\nHost: localhost\r\nX-API-Key: " + key + "\r\n\r\n")
            backend.send(*[piece] * count, None)
            until(lambda: len(backend.pieces) < count - 20)
            stuck = [len(backend.pieces)]
            until(lambda: (stuck.append(len(backend.pieces)) or len(stuck) > 200) and stuck[-1] == stuck[-200])
            assert stuck[-1] > count // 2, "the backend isn't held up"
            assert own_memory(e.workers()[0]) - before < 4_000_000
            received = connection.read_to_end().split(b"\r\n\r\n", 1)[1]
            assert own_memory(e.workers()[0]) - before < 4_000_000
        assert received.count(b"shown" * 1000) == count and b"hidden" not in received
    finally:
        backend.stop()


def test_five_hundred_tools_over_pages_and_random_scopes(edge, store, backend):
    """What a caller sees is what it can call."""
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    rng = random.Random(seed)
    scopes = [f"s:{n}" for n in range(6)]
    names = [f"{rng.choice('abc')}_{rng.choice('xyz')}_{n}" for n in range(500)]
    rules = [f"keyward_tool {a}_* scope={rng.choice(scopes)};" for a in "ab"]
    rules += [f"keyward_tool *_{x}_* scope={rng.choice(scopes)};" for x in "xy"]
    rules += [f"keyward_tool {name} refuse;" for name in rng.sample(names, 20)]
    rules += [
        f"keyward_tool {name} scope={rng.choice(scopes)};"
        for name in rng.sample(names, 40)
        if name not in "".join(rules)
    ]
    rules += ["keyward_tool c_*;"]
    e = edge(
        server="keyward on; location / { keyward_mcp on lists=filter; " + " ".join(rules) + " proxy_pass @BACKEND@; }"
    )
    pages = [names[at : at + 100] for at in range(0, 500, 100)]
    for n in range(3):
        own = rng.sample(scopes, rng.randrange(1, 5))
        key = [("X-API-Key", store.key(scope=own, verifier="sha256")["key"])]
        seen = set()
        for page, part in enumerate(pages):
            text, stream = tools(*part, nextCursor=str(page)), page % 2
            backend.on("*", headers=STREAM if stream else {"Content-Type": "application/json"},
                       body=event(text) if stream else text)  # fmt: skip
            response = call(e, "tools/list", {"cursor": str(page)}, headers=key)
            result = (data_of(response)[0] if stream else response.json())["result"]
            assert result["nextCursor"] == str(page)
            seen |= {entry["name"] for entry in result["tools"]}
        backend.on("*", headers={"Content-Type": "application/json"}, body="{}")
        with e.connect() as connection:
            callable_ = {name for name in rng.sample(names, 250) if tool(connection, name, key).status == 200}
            assert callable_ <= seen, sorted(callable_ - seen)[:5]
            for name in seen:
                assert tool(connection, name, key).status == 200, name
