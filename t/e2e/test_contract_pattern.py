"""conf.d/contract.conf: two key spaces on two servers, and what a contract says of all keys of a customer."""

import pytest
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
