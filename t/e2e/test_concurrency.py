"""keyward_concurrency: so many requests at once, from admission until nginx frees them, over all workers."""

import asyncio
import os
import random
import signal
import threading
import time

import pytest
from h2.exceptions import ProtocolError
from harness.client import Closed, Connection, encode_request
from harness.drive import TELL, ask, connection_to_each_worker, has_answer
from harness.h2client import StreamReset
from harness.load import Load
from harness.wait import until

HANG = "proxy_pass @BACKEND@;"


@pytest.fixture
def key(store):
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


class Held:
    """Requests that the backend doesn't answer yet."""

    def __init__(self, edge, backend):
        self._edge, self._backend = edge, backend
        self.gate = threading.Event()
        backend.on("*", 200, gate=self.gate)
        self.connections = []

    def begin(self, headers, count=1, target="/"):
        """So many more, which all come to the backend."""
        for _ in range(count):
            before = self._backend.count()
            connection = self._edge.connect()
            connection.send(encode_request("GET", target, headers))
            self._backend.wait_requests(before + 1)
            self.connections.append(connection)

    def refused(self, headers, target="/"):
        before = self._backend.count()
        with self._edge.connect() as connection:
            response = connection.request("GET", target, headers)
        assert response.status == 429 and self._backend.count() == before, response
        return response

    def leave(self, count=1):
        """The clients of the latest ones go away."""
        for _ in range(count):
            self.connections.pop().close()

    def finish(self):
        self.gate.set()
        return [connection.read_response().status for connection in self.connections]


@pytest.fixture
def held(backend):
    made = []

    def hold(edge):
        made.append(Held(edge, backend))
        return made[-1]

    yield hold
    for one in made:
        one.gate.set()
        one.leave(len(one.connections))


def is_full(e, headers, target="/own"):
    """Asked of a location under the same name that needs no backend."""
    with e.connect() as connection:
        return connection.request("GET", target, headers).status == 429


def test_so_many_at_once_and_no_more(edge, backend, held, key):
    one, other = key(), key()
    e = edge(location="keyward on; keyward_concurrency 3;", workers=2)
    h = held(e)
    h.begin(one, 3)
    response = h.refused(one)
    assert response.json() == {"error": "rate limit exceeded", "code": "rate_limited", "retry_after": 1}
    assert response.header("Retry-After") == "1"
    assert response.header("X-RateLimit-Limit") is None
    e.wait_log(r"keyward refused: too_many_concurrent, key \"")
    h.begin(other, 3)
    h.refused(other)
    assert h.finish() == [200] * 6
    until(lambda: ask(e, one, count=5) == [200] * 5, 10, "all to be free")


def test_a_client_that_leaves_frees_its_place(edge, backend, held, key):
    headers = key()
    e = edge(server=f"keyward on; keyward_concurrency 2 name=x; location / {{ {HANG} }} location /own {{ empty_gif; }}")
    h = held(e)
    for _ in range(5):
        h.begin(headers, 2)
        h.refused(headers)
        h.leave(2)
        until(lambda: not is_full(e, headers), 10, "the places to be free")


def test_http2_streams_and_their_resets(edge, backend, held, key):
    headers = key()
    e = edge(
        server=f"keyward on; keyward_concurrency 3 name=x; location / {{ {HANG} }}" " location /own { empty_gif; }"
    )
    held(e)
    with e.h2() as connection:
        streams = [connection.start("GET", "/", headers) for _ in range(3)]
        backend.wait_requests(3)
        assert connection.request("GET", "/", headers).status == 429
        assert is_full(e, headers)
        connection.reset(streams[0])
        until(lambda: not is_full(e, headers), 10, "the reset")
        connection.start("GET", "/", headers)
        backend.wait_requests(4)
        assert is_full(e, headers)
    until(lambda: not is_full(e, headers), 10, "the end of the connection")


def test_a_websocket_holds_its_place_while_it_is_open(edge, backend, key):
    headers = key()
    backend.on("*", answer=lambda request: (101, {"Upgrade": "websocket", "Connection": "upgrade"}, b""))
    e = edge(
        server="keyward on; keyward_concurrency 1 name=x; location /own { empty_gif; } location / { proxy_http_version 1.1;"
        ' proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_pass @BACKEND@; }'
    )
    upgrade = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "A" * 22 + "==",
    }
    connection = e.connect()
    with connection:
        connection.send(encode_request("GET", "/", {**headers, **upgrade}))
        assert connection.read_response(interim=True).status == 101
        for _ in range(3):
            connection.send(b"x")
            assert connection.read_some(1) == b"x"
            assert is_full(e, headers)
    until(lambda: not is_full(e, headers), 10, "the end of the socket")


def test_redirects_hold_one_place_of_each_name(edge, backend, held, key):
    headers = key()
    e = edge(
        server=f"""keyward on;
        location /a {{ keyward_concurrency 1 name=x; error_page 404 = /b; root /nonexistent; }}
        location /b {{ keyward_concurrency 1 name=x; {HANG} }}
        location /c {{ keyward_concurrency 1 name=y; error_page 404 = /d; root /nonexistent; }}
        location /d {{ {HANG} }}
        location /own {{ keyward_concurrency 1 name=x; empty_gif; }}
        location /own-y {{ keyward_concurrency 1 name=y; empty_gif; }}"""
    )
    h = held(e)
    h.begin(headers, target="/a")  # its own place is no other's
    assert is_full(e, headers)
    assert not is_full(e, headers, "/own-y")
    h.begin(headers, target="/c")  # and what it was given on its way it keeps
    assert is_full(e, headers, "/own-y")
    assert h.finish() == [200, 200]
    until(lambda: not is_full(e, headers) and not is_full(e, headers, "/own-y"), 10, "the end")


def test_a_location_with_a_lesser_number_behind_another(edge, backend, held, key):
    headers = key()
    e = edge(
        server=f"""keyward on;
        location /wide {{ keyward_concurrency 3 name=x; {HANG} }}
        location /to {{ keyward_concurrency 3 name=x; error_page 404 = /narrow; root /nonexistent; }}
        location /narrow {{ keyward_concurrency 1 name=x; {HANG} }}"""
    )
    h = held(e)
    h.begin(headers, target="/to")
    h.begin(headers, target="/wide")
    assert h.refused(headers, "/to").status == h.refused(headers, "/narrow").status == 429
    h.begin(headers, target="/wide")  # what was refused holds nothing
    h.refused(headers, "/wide")


def test_what_another_limit_refuses_is_given_back(edge, backend, held, key):
    headers = key()
    e = edge(
        server=f"keyward on; location / {{ keyward_concurrency 2 name=x; {HANG} }} location /own {{ keyward_concurrency 2 name=x; empty_gif; }}"
        " location /limited { keyward_concurrency 2 name=x; keyward_limit 1r/h; empty_gif; }"
    )
    assert ask(e, headers, "/limited", 5) == [200] + [429] * 4
    h = held(e)
    h.begin(headers, 2)
    assert ask(e, headers, "/limited") == [429]
    e.wait_log("keyward refused: too_many_concurrent")
    h.leave()
    until(lambda: not is_full(e, headers), 10, "one to be free")


def test_what_it_refuses_costs_no_other_limit(edge, backend, held, key):
    headers = key()
    e = edge(location="keyward on; keyward_limit 10r/h; keyward_concurrency 1;")
    h = held(e)
    h.begin(headers)
    for _ in range(3):
        response = h.refused(headers)
        assert (response.header("X-RateLimit-Remaining"), response.header("Retry-After")) == ("9", "1")


def test_shadow_counts_and_refuses_nothing(edge, backend, held, key):
    headers = key()
    e = edge(
        server=f"keyward shadow; keyward_concurrency 1 name=x; location / {{ {HANG} }} location /own {{ keyward on; empty_gif; }}"
    )
    h = held(e)
    h.begin(headers, 3)
    e.wait_log(r"would have refused \(shadow\): too_many_concurrent")
    assert is_full(e, headers)
    assert h.finish() == [200] * 3
    until(lambda: not is_full(e, headers), 10, "the end")


def test_satisfy_any(edge, backend, held, key):
    headers = key()
    e = edge(
        server=f"""location / {{ keyward on; keyward_concurrency 1; satisfy any; deny all; {HANG} }}
        location /open {{ keyward on; keyward_concurrency 1; satisfy any; allow all; {HANG} }}"""
    )
    h = held(e)
    h.begin(headers)
    h.refused(headers)  # a 429 is final
    h.begin(headers, 3, target="/open")  # admitted before keyward was asked


def test_by_address_by_variable_and_of_nobody(edge, backend, held, key):
    one, other = key(subject="acme"), key(subject="acme")
    e = edge(
        server=f"""set_real_ip_from 127.0.0.1; real_ip_header X-From; keyward on;
        location /address {{ keyward_accept key anonymous; keyward_concurrency 1 by=address; {HANG} }}
        location /subject {{ keyward_concurrency 1 by=subject; {HANG} }}
        location /var {{ keyward_concurrency 1 by=$arg_x; {HANG} }}
        location /kind {{ keyward_accept key anonymous; keyward_concurrency 1 by=$keyward_kind; {HANG} }}
        location /none {{ keyward_concurrency none; {HANG} }}"""
    )
    h = held(e)
    h.begin({"X-From": "192.0.2.1"}, target="/address")
    h.begin({"X-From": "192.0.2.2"}, target="/address")
    h.refused({**one, "X-From": "192.0.2.1"}, "/address")
    h.begin(one, target="/subject")
    h.refused(other, "/subject")
    h.begin(one, target="/var?x=1")
    h.begin(one, target="/var?x=2")
    h.refused(other, "/var?x=1")
    h.begin(one, 2, target="/var")
    h.begin({}, target="/kind")
    h.refused({"X-From": "192.0.2.9"}, "/kind")
    h.begin(one, target="/kind")
    h.refused(other, "/kind")


def test_plans(edge, backend, held, key, kw):
    two, any_number = key(plan="two"), key(plan="free")
    e = edge(
        http="keyward_plan two concurrency=2; keyward_plan free;",
        location="keyward on; keyward_concurrency plan;",
    )
    h = held(e)
    h.begin(two, 2)
    h.refused(two)
    h.begin(any_number, 5)
    h.begin(key(), 3)


def test_a_keys_own_number_counts_instead_of_its_plans(edge, backend, held, key, kw, store):
    one, three = key(plan="two", concurrency="1"), key(plan="two", concurrency="3")
    alone = store.key(verifier="sha256", concurrency="1")
    e = edge(http="keyward_plan two concurrency=2;", location="keyward on; keyward_concurrency plan;")
    h = held(e)
    for headers, most in ((one, 1), (three, 3), ({"X-API-Key": alone["key"]}, 1)):
        h.begin(headers, most)
        h.refused(headers)
    # From the commit on, and without another look at what is held.
    kw("key", "set", alone["id"], "--concurrency", "2")
    h.begin({"X-API-Key": alone["key"]})
    h.refused({"X-API-Key": alone["key"]})
    kw("key", "set", alone["id"], "--no-concurrency")
    h.begin({"X-API-Key": alone["key"]}, 2)
    # A successor has it, too, and counts in the same places.
    kw("key", "set", alone["id"], "--concurrency", "3")  # what had no number took no place
    successor = kw("key", "rotate", alone["id"], "--verifier", "sha256")
    assert successor["concurrency"] == 3
    h.begin({"X-API-Key": successor["key"]})
    h.refused({"X-API-Key": successor["key"]})
    h.refused({"X-API-Key": alone["key"]})


@pytest.mark.parametrize(
    "directives, says",
    [
        ("keyward_concurrency 0;", '"0" is not a number of requests; write one from 1 to 1000000, or "plan"'),
        ("keyward_concurrency 1000001;", "is not a number of requests"),
        ("keyward_concurrency 5r/m;", "is not a number of requests"),
        ("keyward_concurrency 5 by=failures;", "it must be by=key, by=subject, by=address or by=$variable"),
        ("keyward_concurrency 5 window=fixed;", 'unknown parameter "window=fixed"; it may be by=, name='),
        ("keyward_concurrency plan by=address;", '"plan" can only have by=key or by=subject'),
        ("keyward_concurrency plan; keyward_concurrency plan;", 'has "plan" twice here'),
        ("keyward_concurrency 1 name=x; keyward_concurrency 2 name=x;", 'has "name=x" twice here'),
        ("keyward_concurrency none; keyward_concurrency 1;", 'can\'t follow "keyward_concurrency none"'),
        ("keyward_concurrency 1; keyward_concurrency none;", '"none" must stand alone'),
        ("keyward_concurrency 1 name=;", "bad name"),
        ("keyward_concurrency 1 by=$nothing_such;", "nothing_such"),
        ("keyward_concurrency 1; " * 5, "is written more than 4 times here"),
    ],
)
def test_faults(config_test, directives, says):
    rc, output = config_test(location=f"keyward on; {directives}")
    assert rc == 1 and says in output, output


def test_faults_of_plans(config_test):
    rc, output = config_test(http="keyward_plan p concurrency=0;", location="keyward on;")
    assert rc == 1 and '"concurrency=0"; concurrency= is a whole number from 1 to 1000000' in output


def test_old_workers_of_a_reload_still_hold_theirs(edge, backend, held, key):
    headers = key()
    e = edge(location="keyward on; keyward_concurrency 3;", workers=2)
    h = held(e)
    h.begin(headers, 2)
    e.reload()
    h.begin(headers, 1)
    h.refused(headers)
    e.reload(location="keyward on; keyward_concurrency 4;")  # another number keeps what is held
    h.begin(headers, 1)
    h.refused(headers)
    assert h.finish() == [200] * 4


def test_a_killed_workers_places_are_free_within_a_second(edge, backend, held, key):
    headers = key()
    e = edge(server=f"{TELL} keyward on; keyward_concurrency 7; location / {{ {HANG} }}", workers=2)
    h = held(e)
    sets = [connection_to_each_worker(e) for _ in range(4)]
    victim, other = e.workers()
    for connection in [each[victim] for each in sets] + [each[other] for each in sets[:3]]:
        before = backend.count()
        connection.send(encode_request("GET", "/", headers))
        backend.wait_requests(before + 1)
    h.refused(headers)
    e.allow_log(rf"worker process {victim} exited on signal 9")
    os.kill(victim, signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: has_answer(sets[0][victim]), 10, "its end")
    h.begin(headers)
    assert time.monotonic() - killed < 1
    h.begin(headers, 3)
    h.refused(headers)
    h.gate.set()
    for each in sets:
        for connection in each.values():
            connection.close()


class CountingBackend:
    """Counts by itself how many requests it is serving, and the most that it ever was."""

    def __init__(self):
        self.now = self.most = self.served = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024))
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _serve(self, reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(random.random() * 0.004)
            self.now -= 1
            self.served += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture
def counting():
    backend = CountingBackend()
    yield backend
    backend.stop()


@pytest.mark.load
def test_a_hundred_connections_and_never_eight_at_the_backend(edge, counting, key):
    headers = key()
    e = edge(
        server=f"{TELL} keyward on; keyward_concurrency 7; keepalive_requests 1000000;"
        f" location / {{ proxy_pass http://127.0.0.1:{counting.port}; }}",
        workers=2,
    )
    with Load(e.port, connections=100, requests=6000, headers=headers) as load:
        pass
    assert load.samples.statuses.keys() == {200, 429}
    assert 5 <= counting.most <= 7  # on a busy machine the backend may not see all seven at one instant
    assert load.samples.statuses[200] == counting.served


@pytest.mark.load
def test_aborts_resets_and_reloads_leave_nothing(edge, counting, key):
    """10,000 requests, many of which are given up by their clients, while workers come and go."""
    headers = key()
    e = edge(
        server="keyward on; keyward_concurrency 20 name=x; keepalive_requests 1000000;"
        f" location / {{ proxy_pass http://127.0.0.1:{counting.port}; }} location /own {{ empty_gif; }}",
        workers=2,
    )
    numbers = iter(range(10_000))
    lock = threading.Lock()
    request = encode_request("GET", "/", headers)

    def client(seed):
        chance = random.Random(seed)
        while True:
            streams_at_once = 8 if chance.random() < 0.3 else 1
            with lock:
                if [next(numbers, None) for _ in range(streams_at_once)][-1] is None:
                    return
            try:
                if streams_at_once > 1:
                    with e.h2() as connection:
                        streams = [connection.start("GET", "/", headers) for _ in range(streams_at_once)]
                        for stream in streams[:3]:
                            connection.reset(stream)
                        connection.finish(streams[3])  # and the others with the connection
                else:
                    with Connection(e.port) as connection:
                        is_whole = chance.random() < 0.9
                        connection.send(request if is_whole else request[:-10])
                        if is_whole and chance.random() < 0.5:
                            connection.read_response()
            except (OSError, Closed, StreamReset, ProtocolError):
                pass  # what becomes of each is not the question

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        e.reload()
    e.kill_worker()
    for thread in threads:
        thread.join()

    # All 20 places are free again: 20 streams at once are admitted.
    def all_free():
        with e.h2() as connection:
            before = counting.served
            streams = [connection.start("GET", "/", headers) for _ in range(20)]
            return [connection.finish(stream).status for stream in streams] == [
                200
            ] * 20 and counting.served == before + 20

    until(all_free, 20, "all places to be free")
