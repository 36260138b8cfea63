"""When a refused client may come back: whoever does what it was told is admitted."""

import re
import threading
import time

import pytest
from harness.client import encode_request
from harness.drive import TELL, at
from harness.wait import until


@pytest.fixture
def key(store):
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


# What is told, as (by the wall, the time of day or the seconds from now).
def seconds_of_tightest(response):
    """RateLimit has an element for each limit: t= of the one that X-RateLimit-Limit is about."""
    policies = dict(re.findall(r'"(\w+)";q=(\d+)', response.header("RateLimit-Policy")))
    seconds = dict(re.findall(r'"(\w+)";r=\d+;t=(\d+)', response.header("RateLimit")))
    [name] = [name for name, count in policies.items() if count == response.header("X-RateLimit-Limit")]
    return seconds[name]


TOLD = {
    "X-RateLimit-Reset": lambda response: (True, response.header("X-RateLimit-Reset")),
    "$keyward_reset": lambda response: (True, response.header("X-Reset")),
    "t=": lambda response: (False, seconds_of_tightest(response)),
    "Retry-After": lambda response: (False, response.header("Retry-After")),
    "retry_after": lambda response: (False, response.json()["retry_after"]),
}
LIMITS = {
    "fixed": "keyward_limit 1r/2s;",
    "sliding": "keyward_limit 4r/2s window=sliding;",
    "a cost": "keyward_limit 4r/2s window=sliding cost=3;",
    "two": "keyward_limit 3r/2s window=sliding name=a; keyward_limit 2r/s name=b;",
    "two, the other first": "keyward_limit 2r/s name=b; keyward_limit 3r/2s window=sliding name=a;",
    "two costs": "keyward_limit 6r/2s window=sliding name=a cost=4; keyward_limit 1r/s name=b;",
}


def refused(connection, headers):
    """The first 429 of requests one after the other, and when it came."""
    for _ in range(100):
        response = connection.request(headers=headers)
        if response.status == 429:
            return response, time.monotonic()
    raise AssertionError("a hundred were admitted")


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("limit", LIMITS)
def test_report_U13(edge, key, limit, told):
    """A sliding window's Reset was its end, where the whole of it weighs on; a fixed one's was up to a second early."""
    headers = key()
    e = edge(
        server=f"{TELL} keyward on; keyward_limit_headers both; add_header X-Reset $keyward_reset always;"
        + at(("/", LIMITS[limit]))
    )
    with e.connect() as connection:
        for _ in range(2):
            response, came = refused(connection, headers)
            by_wall, value = TOLD[told](response)
            if by_wall:
                until(lambda: time.time() >= int(value), 10, "the time of day")
            else:
                until(lambda: time.monotonic() >= came + int(value), 10, "the seconds to be over")
            assert connection.request(headers=headers).status == 200, value


@pytest.mark.parametrize("limit", LIMITS)
def test_report_U13_all_say_the_same(edge, key, limit):
    headers = key()
    e = edge(
        server=f"{TELL} keyward on; keyward_limit_headers both; add_header X-Reset $keyward_reset always;"
        + at(("/", LIMITS[limit]))
    )
    with e.connect() as connection:
        response, _ = refused(connection, headers)
    after = int(response.header("Retry-After"))
    assert after == response.json()["retry_after"] == int(TOLD["t="](response)[1])
    assert response.header("X-Reset") == response.header("X-RateLimit-Reset")
    assert abs(int(response.header("X-Reset")) - time.time() - after) < 1.5


def test_report_U13_without_a_refusal_it_is_the_windows_end(edge, key):
    headers = key()
    e = edge(
        server=f"{TELL} keyward on;" + at(("/f", "keyward_limit 5r/m;"), ("/s", "keyward_limit 5r/m window=sliding;"))
    )
    for target in ("/f", "/s"):
        first = int(e.get(target, headers).header("X-RateLimit-Reset"))
        assert abs(first - time.time() - 60) < 1.5
        assert abs(int(e.get(target, headers).header("X-RateLimit-Reset")) - first) <= 1


# What is shown, long after the decision.


@pytest.mark.parametrize("style", ["x reset=delta", "x reset=unix"])
def test_report_U13_of_a_slow_answer(edge, backend, key, style):
    """The window's end was told as if it began with the answer: here it is over by then."""
    gate = threading.Event()
    backend.on("/", 200, gate=gate)
    e = edge(location=f"keyward on; keyward_limit 5r/2s; keyward_limit_headers {style};")
    with e.connect() as connection:
        connection.send(encode_request("GET", "/", key()))
        backend.wait_requests(1)
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 2.2, 10, "the window's end")
        answered = time.time()
        gate.set()
        reset = int(connection.read_response().header("X-RateLimit-Reset"))
    assert reset <= (0 if style == "x reset=delta" else answered + 1)
