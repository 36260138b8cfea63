"""Limits of a request that comes through several locations: what it has paid, and which rules hold where it stands."""

import pytest
from harness.drive import TELL, each_port, statuses, volley

# How nginx gets from /w/ to the second location; %s is the first location's limit.
REDIRECTS = {
    "try_files to a name": "location /w/ { %s try_files $uri @n; }",
    "try_files to a URI": "location /w/ { %s try_files $uri /n/; }",
    "index": "location /w/ { %s alias @HTML@/index/; index x.html /n/; }",
    "error_page to a name": "location /w/ { %s error_page 404 = @n; }",
    "error_page to a URI": "location /w/ { %s error_page 404 = /n/; }",
    "error_page of a backend's error": "location /w/ { %s proxy_intercept_errors on; error_page 404 = @n; proxy_pass @BACKEND@/404; }",
    "X-Accel-Redirect to a URI": "location /w/ { %s proxy_pass @BACKEND@/accel; }",
    "X-Accel-Redirect to a name": "location /w/ { %s proxy_pass @BACKEND@/accel-name; }",
    "rewrite behind the first": "location /w/ { %s try_files $uri /r/; } location /r/ { rewrite ^ /n/ last; }",
    "through a third, without a limit": "location /w/ { %s try_files $uri @none; } location @none { keyward_limit none; error_page 404 = @n; root @HTML@/none; }",
}


@pytest.fixture
def through(edge, backend, folder):
    """through(first, second, redirect): /w/ under the one leads to a location under the other. /look/w and /look/n have them alone."""
    backend.on("/404", 404)
    backend.on("/accel", headers={"X-Accel-Redirect": "/n/"})
    backend.on("/accel-name", headers={"X-Accel-Redirect": "@n"})
    (folder / "html/index").mkdir(parents=True)

    def start(first, second, redirect="try_files to a name", **more):
        return edge(
            server=f"""
            {TELL}
            keyward on;
            root @HTML@;
            {REDIRECTS[redirect] % first}
            location @n {{ {second} rewrite ^ /end break; proxy_pass @BACKEND@; }}
            location /n/ {{ internal; {second} proxy_pass @BACKEND@/end; }}
            location = /look/w {{ {first} empty_gif; }}
            location = /look/n {{ {second} empty_gif; }}
            """,
            HTML=folder / "html",
            **more,
        )

    return start


@pytest.fixture
def key(store):
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


def come(e, headers, count, target="/w/x"):
    """The statuses of so many requests."""
    return [e.get("/w/" if target == "/w/x" else target, headers).status for _ in range(count)]


def left(response):
    return response.header("X-RateLimit-Limit"), response.header("X-RateLimit-Remaining")


@pytest.mark.parametrize("redirect", REDIRECTS)
def test_report_S1(through, key, redirect):
    """A window that was charged once counted as paid, whatever rate the next location had for it."""
    headers = key()
    e = through("keyward_limit 600r/m name=api;", "keyward_limit 3r/m name=api;", redirect)
    assert come(e, headers, 10) == [200] * 3 + [429] * 7
    # What was paid before stays paid: ten by the first location, and one more by this look.
    assert left(e.get("/look/w", headers)) == ("600", "589")
    # Others are none the worse.
    assert left(e.get("/w/", key())) == ("3", "2")


@pytest.mark.parametrize("redirect", REDIRECTS)
def test_report_S1_cost(through, key, redirect):
    headers = key()
    e = through("keyward_limit 600r/m name=api;", "keyward_limit 600r/m name=api cost=50;", redirect)
    assert [left(e.get("/w/", headers))[1] for _ in range(3)] == ["550", "500", "450"]
    assert come(e, headers, 10) == [200] * 9 + [429]
    assert left(e.get("/look/w", headers)) == ("600", "0")


@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_report_S1_refused_cost(through, key, window):
    """What the second location can't take in full it doesn't take at all, and the first one's stays."""
    headers = key()
    e = through(
        f"keyward_limit 600r/h name=api window={window};", f"keyward_limit 120r/h name=api cost=50 window={window};"
    )
    assert come(e, headers, 4) == [200, 200, 429, 429]
    response = e.get("/w/", headers)
    assert (response.status, left(response)) == (429, ("120", "17"))
    assert left(e.get("/look/w", headers)) == ("600", "496")


def test_report_S1_lesser_cost(through, key):
    """A later location that costs less gives nothing back, and its rate holds for all that was paid."""
    headers = key()
    e = through("keyward_limit 600r/m name=api cost=50;", "keyward_limit 120r/m name=api cost=5;")
    assert come(e, headers, 4) == [200, 200, 429, 429]
    assert left(e.get("/look/w", headers)) == ("600", "350")


def test_report_S1_all_or_none(through, key):
    """Of several limits of the second location none takes anything where one refuses."""
    headers = key()
    e = through(
        "keyward_limit 600r/m name=api;",
        "keyward_limit 600r/m name=api cost=10; keyward_limit 100r/m name=own cost=2; keyward_limit 2r/m name=few;",
    )
    assert come(e, headers, 5) == [200, 200, 429, 429, 429]
    assert left(e.get("/look/w", headers)) == ("600", str(600 - 2 * 10 - 3 - 1))
    e.reload(server=f"{TELL} keyward on; location / {{ keyward_limit 100r/m name=own; empty_gif; }}")
    assert left(e.get("/", headers)) == ("100", str(100 - 2 * 2 - 1))


def test_report_S1_plan(through, key, kw):
    kw("plan", "set", "basic", "--limit", "12r/m", "--limit", "1000r/h")
    headers = key(plan="basic")
    e = through("keyward_limit plan;", "keyward_limit plan cost=5;")
    assert [left(e.get("/w/", headers)) for _ in range(2)] == [("12", "7"), ("12", "2")]
    assert come(e, headers, 2) == [429, 429]
    assert left(e.get("/look/w", headers)) == ("12", "0")


def test_report_S1_and_back(edge, backend, key):
    """To a second location and back to the first: each window is charged once, each rate holds."""
    backend.on("/a/start", headers={"X-Accel-Redirect": "/b"})
    backend.on("/b", headers={"X-Accel-Redirect": "/a/done"})
    headers = key()
    e = edge(
        server=f"""{TELL} keyward on;
        location /a/ {{ keyward_limit 600r/m name=api; keyward_limit 5r/m name=first; proxy_pass @BACKEND@; }}
        location /b {{ keyward_limit 3r/m name=api; proxy_pass @BACKEND@; }}"""
    )
    assert left(e.get("/a/start", headers)) == ("5", "4")
    assert come(e, headers, 5, "/a/start") == [200, 200, 429, 429, 429]
    assert come(e, headers, 1, "/a/done") == [429], "what the first location took of its own limits stays taken"


def test_report_S1_many_windows(edge, key):
    """Through more windows than a request needs to remember as a rule; none is paid twice, and each rate holds."""

    def limits(first, rate, count=16):
        return " ".join(f"keyward_limit {rate}r/m name=n{n};" for n in range(first, first + count))

    one, other = key(), key()
    e = edge(
        server=f"""{TELL} keyward on;
        location /w/ {{ {limits(0, 100)} try_files /nonexistent @b; }}
        location @b {{ {limits(16, 100)} try_files /nonexistent @c; }}
        location @c {{ {limits(32, 2)} try_files /nonexistent @d; }}
        location @d {{ {limits(1, 2)} try_files /nonexistent @e; }}
        location @e {{ {limits(17, 3)} empty_gif; }}
        location /look/ {{ {limits(24, 100)} empty_gif; }}"""
    )
    assert come(e, one, 4) == [200, 200, 429, 429]
    assert left(e.get("/look/", one)) == ("100", "95"), "twice by all, twice on the way to a refusal, and this look"
    assert left(e.get("/w/", other)) == ("3", "2")


def test_report_S1_of_other_principals(through, key):
    """Whom a limit counts may change on the way: another's window is not paid."""
    one, other = key(subject="acme"), key(subject="acme")
    e = through("keyward_limit 600r/m name=api;", "keyward_limit 3r/m name=api by=subject;")
    assert come(e, one, 2) + come(e, other, 2) == [200, 200, 200, 429]
    assert left(e.get("/look/w", one)) == ("600", "597")


def test_report_S1_under_load(through, key):
    headers = key()
    e = through(
        "keyward_limit 6000r/m name=api;", "keyward_limit 30r/m name=api; keyward_limit 6000r/m name=more;", workers=2
    )
    seen = statuses(volley(each_port(e), 20, 10, "/w/", headers))
    assert set(seen) == {200, 429} and 28 <= seen[200] <= 30
    assert left(e.get("/look/w", headers)) == ("6000", str(6000 - 200 - 1))


def test_report_S1_anonymous(through):
    e = through(
        "keyward_accept key anonymous; keyward_limit 600r/m name=api;",
        "keyward_accept key anonymous; keyward_limit 3r/m name=api;",
    )
    assert come(e, {}, 5) == [200] * 3 + [429] * 2


# Shadow.


def test_report_S1_shadow_first(through, key):
    """A location in shadow pays for nobody: the next one takes its whole cost."""
    headers = key()
    e = through("keyward shadow; keyward_limit 600r/m name=api cost=50;", "keyward_limit 600r/m name=api cost=50;")
    assert left(e.get("/w/", headers)) == ("600", "500")
    assert left(e.get("/look/n", headers)) == ("600", "450")


def test_report_S1_shadow_first_and_a_lesser_rate(through, key):
    headers = key()
    e = through("keyward shadow; keyward_limit 600r/m name=api;", "keyward_limit 4r/m name=api;")
    assert come(e, headers, 6) == [200, 200, 429, 429, 429, 429]


def test_report_S1_shadow_between(edge, key):
    headers = key()
    e = edge(
        server=f"""{TELL} keyward on;
        location /w/ {{ keyward_limit 600r/m name=api cost=3; try_files /nonexistent @shadow; }}
        location @shadow {{ keyward shadow; keyward_limit 600r/m name=api cost=10; try_files /nonexistent @n; }}
        location @n {{ keyward_limit 600r/m name=api cost=10; empty_gif; }}"""
    )
    # 3 paid; 7 by the shadow, for nobody; 7 more.
    assert left(e.get("/w/", headers)) == ("600", "583")


# What is told of a limit that nothing is charged to.


def test_report_S1_told_without_charging(through, key):
    headers = key(scope="a:b")
    e = through("keyward_limit 600r/m name=api;", "keyward_scope c:d; keyward_limit 3r/m name=api;")
    seen = [e.get("/w/", headers) for _ in range(5)]
    assert [response.status for response in seen] == [403] * 5
    assert [left(response) for response in seen] == [("3", "2"), ("3", "1"), ("3", "0"), ("3", "0"), ("3", "0")]
    # Used up there by now: when it would be admitted is told, which is not before the window closes.
    assert e.get("/w/", headers).header("X-RateLimit-Reset") == e.get("/look/n", headers).header("X-RateLimit-Reset")


# by=failures.

BASIC = "satisfy any; auth_basic r; auth_basic_user_file @USERS@;"
WRONG = {"X-API-Key": "kw_" + "0" * 49, "Authorization": "Basic Ym9iOmJvYg=="}


@pytest.fixture
def users(folder):
    path = folder / "users"
    path.write_text("bob:{PLAIN}bob\n")
    path.chmod(0o644)
    return path


@pytest.fixture
def wrong_key(store):
    """One that looks right, and that the store doesn't have."""
    made = store.key(verifier="sha256")
    store.kw("key", "revoke", made["id"])
    store.kw("key", "purge", "--revoked-before", "2999-01-01")
    return {**WRONG, "X-API-Key": made["key"]}


def test_report_S1_failures(through, wrong_key, users):
    """A wrong key that Basic lets through is one failure, and each location's rate holds for it."""
    e = through(
        f"{BASIC} keyward_limit 60r/m by=failures name=f;",
        f"{BASIC} keyward_limit 6r/m by=failures name=f;",
        USERS=users,
    )
    assert come(e, wrong_key, 8) == [200] * 6 + [429] * 2


def test_report_S1_failures_of_a_shadow(through, wrong_key):
    e = through("keyward shadow; keyward_limit 60r/m by=failures name=f;", "keyward_limit 4r/m by=failures name=f;")
    assert come(e, wrong_key, 4) == [401, 401, 429, 429]
