"""What the IETF's fields say of several limits, and which of them a problem names."""

import re

import pytest

POLICY, STATE = "RateLimit-Policy", "RateLimit"
QUOTA = "https://iana.org/assignments/http-problem-types#quota-exceeded"
ABNORMAL = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"


def items(response, field):
    """A list of structured fields: [(name, {parameter: number})]."""
    value = response.header(field)
    assert re.fullmatch(r'"[ -!#-~]+"(;[a-z]+=\d+)+(, "[ -!#-~]+"(;[a-z]+=\d+)+)*', value), value
    found = []
    for item in value.split(", "):
        name, *parameters = item.split(";")
        found.append((name.strip('"'), {key: int(number) for key, number in (p.split("=") for p in parameters)}))
    return found


@pytest.fixture
def limited(edge, store):
    store.kw("plan", "set", "gold", "--limit", "5r/m", "--limit", "100r/d")
    e = edge(
        http="keyward_limit_headers ietf;",
        server="""
            keyward on;
            location / {
                keyward_limit 3r/h name=search;
                keyward_limit 50r/m;
                keyward_limit plan;
                keyward_limit 1000r/h by=address;
                proxy_pass @BACKEND@;
            }
            location /both { keyward_limit 9r/h name=a; keyward_limit 8r/m name=b; keyward_limit_headers both;
                             proxy_pass @BACKEND@; }
            location /problem { keyward_errors problem; keyward_limit 9r/h name=wide; keyward_limit 1r/m name=x;
                                keyward_limit 1r/h name=y; proxy_pass @BACKEND@; }
            location /repeat { keyward_errors problem; keyward_limit 1r/h by=repeat name=same; proxy_pass @BACKEND@; }
            location /scope { keyward_scope none:such; keyward_limit 9r/h name=a; keyward_limit 8r/m name=b;
                              proxy_pass @BACKEND@; }
            location /month { keyward_limit 7r/month name=m; keyward_limit 7r/d window=calendar name=d;
                              proxy_pass @BACKEND@; }
            location /none { proxy_pass @BACKEND@; }
        """,
    )
    e.key = {"X-API-Key": store.key(verifier="sha256", plan="gold", scope=["some"])["key"]}
    return e


def test_every_policy_has_its_element(limited):
    response = limited.get("/", limited.key)
    assert response.status == 200
    assert items(response, POLICY) == [
        ("search", {"q": 3, "w": 3600}),
        ("default", {"q": 50, "w": 60}),
        ("plan", {"q": 5, "w": 60}),
        ("plan-2", {"q": 100, "w": 86400}),
        ("default-2", {"q": 1000, "w": 3600}),
    ]
    state = items(response, STATE)
    assert [(name, values["r"]) for name, values in state] == [
        ("search", 2),
        ("default", 49),
        ("plan", 4),
        ("plan-2", 99),
        ("default-2", 999),
    ]
    assert all(0 < values["t"] <= window["w"] for (_, values), (_, window) in zip(state, items(response, POLICY)))
    assert response.header("X-RateLimit-Limit") is None


def test_a_refusal_lists_them_all_and_what_was_given_back(limited):
    for _ in range(3):
        limited.get("/", limited.key)
    response = limited.get("/", limited.key)
    assert response.status == 429
    assert dict((name, values["r"]) for name, values in items(response, STATE)) == {
        "search": 0,
        "default": 47,
        "plan": 2,
        "plan-2": 97,
        "default-2": 997,
    }
    (search,) = [values for name, values in items(response, STATE) if name == "search"]
    assert abs(search["t"] - int(response.header("Retry-After"))) <= 1
    assert [name for name, _ in items(response, POLICY)] == [name for name, _ in items(response, STATE)]


def test_both_kinds_of_fields(limited):
    response = limited.get("/both", limited.key)
    assert response.header("X-RateLimit-Limit") == "8", "the tightest"
    assert [name for name, _ in items(response, STATE)] == ["a", "b"]


def test_a_refusal_for_another_reason_shows_them(limited):
    response = limited.get("/scope", limited.key)
    assert response.status == 403
    assert [(name, values["r"]) for name, values in items(response, STATE)] == [("a", 9), ("b", 8)]


def test_windows_of_the_calendar(limited):
    response = limited.get("/month", limited.key)
    assert items(response, POLICY) == [("m", {"q": 7}), ("d", {"q": 7, "w": 86400})]


def test_where_nothing_is_limited(limited):
    response = limited.get("/none", limited.key)
    assert response.header(POLICY) is None and response.header(STATE) is None
    response = limited.get("/")
    assert response.status == 401 and response.header(POLICY) is None, "nobody is known"


def test_a_problem_names_the_policies_that_refuse(limited):
    limited.get("/problem", limited.key)
    response = limited.get("/problem", limited.key)
    assert response.status == 429
    problem = response.json()
    assert problem["type"] == QUOTA
    assert problem["reason"] == "rate_limited"
    assert problem["violated-policies"] == ["x", "y"]
    limited.get("/repeat", limited.key)
    problem = limited.get("/repeat", limited.key).json()
    assert (problem["type"], problem["reason"]) == (ABNORMAL, "repeated_request")
    assert problem["violated-policies"] == ["same"]
