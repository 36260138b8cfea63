"""keyward_limit by=repeat: an agent that does one thing again and again is stopped, and nobody else."""

import pytest
from harness.drive import TELL, ask, at


@pytest.fixture
def key(store):
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


def test_the_same_request_again_and_again(edge, key):
    one, other = key(), key()
    e = edge(server=f"{TELL} keyward on; keyward_limit 3r/h by=repeat;" + at(("/", "")))
    assert ask(e, one, "/a?x=1", 5) == [200] * 3 + [429] * 2
    assert ask(e, one, "/a?x=2", 3) == [200] * 3
    assert ask(e, one, "/a", 3) == [200] * 3
    assert ask(e, one, "/a?x=1", method="HEAD") == [200]
    assert ask(e, other, "/a?x=1", 4) == [200] * 3 + [429]
    response = e.get("/a?x=1", one)
    assert response.header("X-Reason") == "repeated_request"
    assert response.json()["error"] == "rate limit exceeded"
    assert 3590 < int(response.header("Retry-After")) <= 3600
    e.wait_log("keyward refused: repeated_request")


def test_beside_other_limits(edge, key):
    headers = key()
    e = edge(server=f"{TELL} keyward on; keyward_limit 5r/h; keyward_limit 2r/h by=repeat;" + at(("/", "")))
    assert ask(e, headers, "/a", 3) == [200, 200, 429]
    assert e.get("/a", headers).header("X-Reason") == "repeated_request"
    assert ask(e, headers, "/b", 2) + ask(e, headers, "/c") == [200] * 3  # what it refused was not charged
    assert e.get("/d", headers).header("X-Reason") == "rate_limited"


def test_of_nobody_by_address_and_over_redirects(edge, key):
    headers = key()
    e = edge(
        server=f"""{TELL} set_real_ip_from 127.0.0.1; real_ip_header X-From; keyward on; keyward_accept key anonymous;
        location / {{ keyward_limit 2r/h by=repeat name=x; root /nonexistent; try_files $uri @same; }}
        location @same {{ keyward_limit 2r/h by=repeat name=x; return 204; }}"""
    )
    assert ask(e, {"X-From": "192.0.2.1"}, "/", 3) == [204, 204, 429]
    assert ask(e, {"X-From": "192.0.2.2"}, "/", 3) == [204, 204, 429]
    assert ask(e, {**headers, "X-From": "192.0.2.1"}, "/", 3) == [204, 204, 429]


def test_a_credential_in_the_query_is_no_part_of_it(edge, key):
    text = key()["X-API-Key"]
    e = edge(server=f"{TELL} keyward on; keyward_credential query=key; keyward_limit 1r/h by=repeat;" + at(("/", "")))
    assert ask(e, {}, f"/a?key={text}&b=1", 2) == [200, 429]
    assert ask(e, {}, f"/a?b=1&key={text}") == [429]


def test_not_of_plans(config_test):
    rc, output = config_test(location="keyward on; keyward_limit plan by=repeat;")
    assert rc == 1 and '"plan" can only have by=key or by=subject' in output
