"""conf.d/contract.conf: two key spaces on two servers, and what a contract says of all keys of a customer."""

import threading
from datetime import datetime, timezone

import pytest
from harness.client import encode_request
from harness.published import published

LIVE, TEST = "live_ base62=43 checksum", "test_ base62=43 checksum"


@pytest.fixture
def trials(make_backend):
    """What stands behind the server for trying things."""
    return make_backend()


@pytest.fixture
def e(edge, store, trials):
    return edge(http=published("contract.conf", {"http://127.0.0.1:9001": trials.url}), workers=2)


def asked(e, host, key, method="GET"):
    return e.request(method, "/orders/1", {"Host": f"{host}.example.com", "X-API-Key": key["key"]})


def test_each_server_takes_its_own_keys(e, store, backend, trials):
    live = store.key(format=LIVE, plan="contract", subject="acme", verifier="sha256")
    test = store.key(format=TEST, plan="trial", subject="acme", verifier="sha256")
    assert [asked(e, host, key).status for host in ("api", "test") for key in (live, test)] == [200, 403, 403, 200]
    assert (backend.count(), trials.count()) == (1, 1)
    assert backend.last.header("X-Keyward-Key-Id") == live["id"]
    assert trials.last.header("X-Keyward-Key-Id") == test["id"]
    # What is no key of either is nobody's.
    for host in ("api", "test"):
        assert asked(e, host, {"key": live["key"][:-1] + "-"}).status == 401
        assert asked(e, host, store.key()).status == 401


def test_all_keys_of_a_customer_share_the_contract(e, store):
    keys = [store.key(format=LIVE, plan="contract", subject="acme", verifier="sha256") for _ in range(2)]
    other = store.key(format=LIVE, plan="contract", subject="umbrella", verifier="sha256")
    left = [remaining(asked(e, "api", key)) for key in (*keys, other)]
    # The tightest limit is shown: 50 a second, which the second of the three may find in a new second.
    assert left[0] == 49 and left[1] in (48, 49) and left[2] == 49


def test_a_trial_is_counted_for_itself(e, store):
    test = store.key(format=TEST, plan="trial", subject="acme", verifier="sha256")
    live = store.key(format=LIVE, plan="contract", subject="acme", verifier="sha256")
    assert [remaining(asked(e, "test", test)) for _ in range(3)] == [999, 998, 997]
    assert remaining(asked(e, "api", live)) == 49
    assert remaining(asked(e, "test", test)) == 996


def remaining(response):
    assert response.status == 200
    return int(response.header("X-RateLimit-Remaining"))


def test_a_key_without_a_plan_is_in_no_contract(e, store):
    key = store.key(format=LIVE, subject="acme", verifier="sha256")
    assert asked(e, "api", key).status == 403


def test_scopes_narrow_a_contract(e, store):
    key = store.key(format=LIVE, plan="contract", scope="orders:read", verifier="sha256", subject="acme")
    assert [asked(e, "api", key, method).status for method in ("GET", "POST", "DELETE")] == [200, 403, 403]


def test_two_requests_at_once_and_no_more(e, store, backend):
    """Of all keys of the customer together."""
    keys = [store.key(format=LIVE, plan="contract", subject="acme", verifier="sha256") for _ in range(3)]
    gate = threading.Event()
    backend.on("*", 200, gate=gate)
    held = []
    try:
        for number, key in enumerate(keys[:2]):
            held.append(e.connect())
            held[-1].send(encode_request("GET", "/orders/1", {"X-API-Key": key["key"]}, host="api.example.com"))
            backend.wait_requests(number + 1)
        response = asked(e, "api", keys[2])
        assert response.status == 429 and backend.count() == 2
        e.wait_log(f'keyward refused: too_many_concurrent, key "{keys[2]["id"]}"')
    finally:
        gate.set()
    assert [connection.read_response().status for connection in held] == [200, 200]
    assert asked(e, "api", keys[2]).status == 200


def test_a_month_s_calls_are_used_up_until_the_next_one(edge, store):
    """The month's own limit, which 50 a second hide as long as there is enough of it."""
    http = published("contract.conf").replace("100000r/month,50r/s", "3r/month,50r/s")
    e = edge(http=http, workers=2)
    key = store.key(format=LIVE, plan="contract", subject="acme", verifier="sha256")
    assert [remaining(asked(e, "api", key)) for _ in range(3)] == [2, 1, 0]
    response = asked(e, "api", key)
    assert response.status == 429
    turn = datetime.fromtimestamp(int(response.header("X-RateLimit-Reset")), timezone.utc)
    assert (turn.day, turn.hour, turn.minute, turn.second) == (1, 0, 0, 0)


def test_a_key_is_good_from_its_networks_alone(e, store):
    far = store.key(format=LIVE, plan="contract", subject="acme", verifier="sha256", allow_from="203.0.113.0/24")
    near = store.key(format=LIVE, plan="contract", subject="acme", verifier="sha256", allow_from="127.0.0.0/8")
    assert [asked(e, "api", key).status for key in (far, near)] == [403, 200]
    e.wait_log("keyward refused: address_not_allowed")
