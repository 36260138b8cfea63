"""The harness itself: that it sees what it should see. None of this needs keyward to do anything."""

import json
import os
import signal
import threading

import pytest
from harness.client import Closed, encode_request
from harness.edge import StartFailed
from harness.h2client import StreamReset
from harness.load import Load, burst, load
from harness.wait import until


@pytest.fixture
def proxy(edge):
    return edge(location="", store=False, workers=2)


def test_echo(proxy, backend):
    response = proxy.request("POST", "/a?b=c", {"X-Test": "1"}, body="hello")
    assert response.status == 200
    assert response.header("content-type") == "application/json"
    assert response.json()["target"] == "/a?b=c"
    assert response.json()["body"] == "hello"
    assert backend.last.header("x-test") == "1"
    assert backend.count() == backend.count("/a") == 1
    until(lambda: "POST /a?b=c" in proxy.access_log)


def test_programmed_answers(proxy, backend):
    backend.on("/teapot", 418, {"X-Pot": "tea"}, b"short and stout")
    backend.on("/twice", answer=lambda request: (200, [("X-N", "1"), ("X-N", "2")], request.body * 2))
    backend.on("/cut", raw_bytes=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    response = proxy.get("/teapot")
    assert (response.status, response.header("x-pot"), response.text) == (418, "tea", "short and stout")
    response = proxy.request("PUT", "/twice", body="ab")
    assert (response.all("x-n"), response.text) == (["1", "2"], "abab")
    with pytest.raises(Closed):
        proxy.get("/cut")


def test_a_gate_holds_the_answer(proxy, backend):
    gate = threading.Event()
    backend.on("/slow", gate=gate, body="done")
    with proxy.connect() as connection:
        connection.send(encode_request(target="/slow"))
        backend.wait_requests(1, "/slow")
        gate.set()
        assert connection.read_response().text == "done"


def test_keep_alive_and_pipelining(proxy):
    with proxy.connect() as connection:
        assert connection.request("HEAD").body == b""
        connection.send(encode_request(target="/1") + encode_request("POST", "/2", body="x"))
        assert [connection.read_response().json()["target"] for _ in range(2)] == ["/1", "/2"]


def test_http2(proxy, backend):
    gate = threading.Event()
    backend.on("/slow", gate=gate, body="slow")
    with proxy.h2() as connection:
        slow, dropped = connection.start(path="/slow"), connection.start(path="/slow")
        quick = connection.request("POST", "/quick", {"X-Test": "2"}, body="b" * 200_000)
        assert quick.status == 200 and len(quick.json()["body"]) == 200_000
        assert ["x-test", "2"] in [[name.lower(), value] for name, value in quick.json()["headers"]]
        backend.wait_requests(2, "/slow")
        connection.reset(dropped)
        gate.set()
        assert connection.finish(slow).text == "slow"
        backend.on("/cut", raw_bytes=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        with pytest.raises(StreamReset):
            connection.request(path="/cut")


def test_an_upgraded_connection_echoes(edge, backend):
    backend.on("/ws", 101, {"Upgrade": "websocket", "Connection": "upgrade"})
    e = edge(
        location="proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
        "proxy_set_header Connection upgrade;",
        store=False,
    )
    with e.connect() as connection:
        assert connection.request(target="/ws", headers={"Upgrade": "websocket", "Connection": "upgrade"}).status == 101
        connection.send(b"ping")
        assert connection.read_some(4) == b"ping"


def test_reload_under_load_drops_nothing(proxy):
    old = proxy.workers()
    with Load(proxy.port, connections=8) as running:
        for _ in range(3):
            proxy.reload()
    assert not set(old) & set(proxy.workers())
    assert running.samples.statuses.keys() == {200}, running.samples.errors[:5]


def test_reload_with_another_configuration(edge):
    e = edge(server="location / { return 200 one; }", store=False)
    assert e.get().text == "one"
    e.reload(server="location / { return 200 two; }")
    assert e.get().text == "two"
    assert "unknown directive" in e.reload(refused=True, server="nonsense;")
    assert e.get().text == "two"


def test_load_and_burst(proxy, backend):
    samples = load(proxy.port, connections=20, requests=500, make=lambda n: ("GET", f"/{n}", {}))
    assert samples.statuses == {200: 500}
    assert {request.target for request in backend.requests} == {f"/{n}" for n in range(500)}
    backend.clear()
    assert [response.status for response in burst(proxy.port, 200)] == [200] * 200
    assert backend.count() == 200


def test_a_killed_worker_is_replaced(proxy):
    old = proxy.kill_worker()
    assert old not in proxy.workers()
    assert proxy.get().status == 200


def test_what_must_not_be_logged_is_seen(proxy):
    assert proxy.problems() == []
    worker = proxy.workers()[0]
    os.kill(worker, signal.SIGKILL)
    proxy.wait_log(f"{worker} exited on signal 9")
    assert len(proxy.problems()) == 1
    proxy.allow_log(f"{worker} exited on signal 9")
    assert proxy.problems() == []


def test_stop_and_start_again(proxy):
    proxy.stop()
    proxy.start()
    assert proxy.get().status == 200


def test_a_bad_configuration(edge, config_test):
    rc, output = config_test(http="nonsense;", store=False)
    assert rc == 1 and 'unknown directive "nonsense"' in output
    with pytest.raises(StartFailed, match="unknown directive"):
        edge(http="nonsense;", store=False)


def test_a_store(store, kw, edge):
    key = store.key(scope=["a:read", "b:read"])
    assert key["id"].startswith("key_")
    assert json.dumps(kw("key", "list")).count(key["id"]) == 1
    assert kw.run("no-such-command").rc == 2
    assert edge(location="keyward off;").get().status == 200
