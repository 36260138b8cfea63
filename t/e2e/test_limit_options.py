"""What a keyward_limit may say beside its rate: by=$variable, name=, cost=, methods=, default=. test_limits.py has the rest."""

import pytest
from harness.client import Connection
from harness.drive import TELL, ask, at

SERVER = f"{TELL} keyward on;"


@pytest.fixture
def guard(edge):
    def start(locations, **more):
        return edge(server=f"{SERVER}\n{locations}", **more)

    return start


@pytest.fixture
def key(store):
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


# by=$variable.


def test_each_value_has_its_own_whoever_brings_it(guard, key):
    one, other = key(), key()
    e = guard(at(("/", "keyward_limit 3r/m by=$http_x_room;")))
    assert ask(e, {**one, "X-Room": "red"}, count=2) == ask(e, {**other, "X-Room": "red"}, count=1) * 2 == [200] * 2
    assert ask(e, {**one, "X-Room": "red"}) == ask(e, {**other, "X-Room": "red"}) == [429]
    assert ask(e, {**one, "X-Room": "blue"}, count=4) == [200] * 3 + [429]
    # Byte for byte.
    assert (
        ask(e, {**one, "X-Room": "RED"}) == ask(e, {**one, "X-Room": "red2"}) == ask(e, {**one, "X-Room": "r"}) == [200]
    )


def test_an_empty_value_is_not_counted(guard, key):
    # As with nginx's limit_req and limit_conn.
    headers = key()
    e = guard(
        at(
            ("/", "keyward_limit 2r/m by=$http_x_room;"),
            ("/both", "keyward_limit 2r/m by=$http_x_room; keyward_limit 4r/m;"),
        )
    )
    assert ask(e, headers, count=10) == ask(e, {**headers, "X-Room": ""}, count=10) == [200] * 10
    # A second limit holds all the same.
    assert ask(e, headers, "/both", 6) == [200] * 4 + [429] * 2
    response = e.get("/", headers)
    assert response.header("X-RateLimit-Limit") is None
    assert e.get("/", {**headers, "X-Room": "red"}).header("X-RateLimit-Remaining") == "1"


def test_long_values_count_whole(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 2r/m by=$http_x_room;")), http="large_client_header_buffers 4 64k;")
    long = "x" * 60_000
    assert ask(e, {**headers, "X-Room": long}, count=3) == [200, 200, 429]
    assert ask(e, {**headers, "X-Room": long[:-1]}, count=3) == [200, 200, 429]
    assert ask(e, {**headers, "X-Room": long[:-1] + "y"}, count=3) == [200, 200, 429]
    assert ask(e, {**headers, "X-Room": "\xff\x01\xfe"}, count=3) == [200, 200, 429]


def test_several_variables_in_one(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 2r/m by=$http_x_a/$http_x_b;")))
    for a, b in (("1", "2"), ("12", ""), ("", "12"), ("2", "1")):
        assert ask(e, {**headers, "X-A": a, "X-B": b}, count=3) == [200, 200, 429]


def test_two_variables_are_two_limits(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 3r/m by=$http_x_a; keyward_limit 2r/m by=$http_x_b;")))
    assert ask(e, {**headers, "X-A": "v"}, count=4) == [200] * 3 + [429]
    assert ask(e, {**headers, "X-B": "v"}, count=3) == [200] * 2 + [429]
    # All or none: what the second refuses costs the first nothing.
    assert ask(e, {**headers, "X-A": "w", "X-B": "v"}, count=5) == [429] * 5
    assert ask(e, {**headers, "X-A": "w"}, count=4) == [200] * 3 + [429]


def test_a_value_is_no_key_subject_or_address(guard, key, store):
    made = store.key(verifier="sha256", subject="acme")
    headers = {"X-API-Key": made["key"], "X-Room": "acme"}
    e = guard(at(("/v", "keyward_limit 2r/m name=n by=$http_x_room;"), ("/s", "keyward_limit 2r/m name=n by=subject;")))
    assert ask(e, headers, "/v", 3) == ask(e, headers, "/s", 3) == [200, 200, 429]


@pytest.mark.parametrize(
    "variable, together",
    [("$keyward_plan", True), ("$keyward_subject", True), ("$keyward_key_id", False), ("$keyward_kind", True)],
)
def test_what_is_known_of_the_principal_can_be_counted_by(guard, key, kw, variable, together):
    """Nothing is decided yet when limits are looked at; such a limit counted nobody then."""
    kw("plan", "set", "basic")
    one, other = (key(subject="acme", plan="basic") for _ in range(2))
    e = guard(at(("/", f"keyward_limit 3r/m by={variable};")))
    assert ask(e, one, count=4) == [200] * 3 + [429]
    assert ask(e, other) == ([429] if together else [200])


def test_by_a_variable_an_anonymous_request_counts_too(guard, key):
    e = guard(at(("/", "keyward_accept key anonymous; keyward_limit 2r/m by=$http_x_room;")))
    assert ask(e, {"X-Room": "red"}, count=2) == [200, 200]
    assert ask(e, {"X-Room": "red"}) == ask(e, {**key(), "X-Room": "red"}) == [429]


@pytest.mark.parametrize("word", ["by=$", "by=$no_such_variable_anywhere", "by=", "by=name", "by=${unclosed"])
def test_nginx_t_refuses_a_bad_variable(config_test, store, word):
    rc, output = config_test(location=f"keyward on; keyward_limit 3r/m {word};")
    assert rc == 1 and "[emerg]" in output, output


# name=.


def test_one_name_is_one_limit_over_servers(edge, key, kw):
    headers = key()
    server = """
        server {{
            listen 127.0.0.1:@{port}@;
            keyward on;
            location / {{ keyward_limit 4r/m name=shared; empty_gif; }}
            location /own {{ keyward_limit 4r/m; empty_gif; }}
        }}"""
    e = edge(http=server.format(port="PORT") + server.format(port="PORT_OTHER"))

    def ask_other(target, count):
        with Connection(int(e.value("PORT_OTHER"))) as connection:
            return [connection.request(target=target, headers=headers).status for _ in range(count)]

    assert ask(e, headers, count=3) == [200] * 3
    assert ask_other("/", 2) == [200, 429]
    assert ask(e, headers) == [429]
    # What has no name is known by where it stands: another server is another limit.
    assert ask(e, headers, "/own", 5) == ask_other("/own", 5) == [200] * 4 + [429]


def test_a_name_keeps_its_counts_wherever_it_moves(guard, key):
    headers = key()
    e = guard(at(("/a", "keyward_limit 4r/m name=n;")))
    assert ask(e, headers, "/a", 3) == [200] * 3
    e.reload(server=f"{SERVER}\n" + at(("/b", "keyward_limit 9r/h; keyward_limit 4r/m name=n;")))
    assert ask(e, headers, "/b", 2) == [200, 429]


@pytest.mark.parametrize(
    "more, good",
    [
        ("keyward_limit 9r/m name=n;", False),
        ("keyward_limit 9r/m name=n by=subject;", True),
        ("keyward_limit 9r/m name=m;", True),
        ("keyward_limit plan name=n;", False),
    ],
)
def test_one_name_is_there_once_for_each_way_of_counting(config_test, store, more, good):
    rc, output = config_test(location=f"keyward on; keyward_limit 3r/m name=n; {more}")
    assert (rc == 0) == good, output


# cost=.


def test_a_plan_limit_may_cost_more(guard, key, kw):
    kw("plan", "set", "basic", "--limit", "5r/m")
    headers = key(plan="basic")
    e = guard(
        at(
            ("/cheap", "keyward_limit plan;"),
            ("/dear", "keyward_limit plan cost=2;"),
            ("/never", "keyward_limit plan cost=6;"),
        )
    )
    assert ask(e, headers, "/never", 3) == [429] * 3
    assert ask(e, headers, "/dear", 3) == [200, 200, 429]
    assert ask(e, headers, "/cheap", 2) == [200, 429]


def test_a_refused_cost_is_given_back_whole(guard, key):
    headers = key()
    e = guard(
        at(
            ("/", "keyward_limit 10r/m name=a cost=3; keyward_limit 5r/m name=b cost=3;"),
            ("/a", "keyward_limit 10r/m name=a;"),
        )
    )
    assert ask(e, headers, "/", 5) == [200] + [429] * 4
    assert ask(e, headers, "/a", 8) == [200] * 7 + [429]


@pytest.mark.parametrize("cost", ["0", "-1", "x", "", "1.5", "4", "99999999999"])
def test_nginx_t_refuses_a_bad_cost(config_test, store, cost):
    rc, output = config_test(location=f"keyward on; keyward_limit 3r/m cost={cost};")
    assert rc == 1 and "cost=" in output, output


# methods=.


def test_get_includes_head_and_each_method_may_have_its_own(guard, key):
    headers = key()
    e = guard(
        "location / { keyward_limit 2r/m methods=GET name=read; keyward_limit 1r/m methods=POST,PUT name=write; proxy_pass @BACKEND@; }"
    )
    assert ask(e, headers, method="HEAD") + ask(e, headers) + ask(e, headers) == [200, 200, 429]
    assert ask(e, headers, method="PUT") + ask(e, headers, method="POST") == [200, 429]
    assert ask(e, headers, method="DELETE", count=5) == [200] * 5
    # A method that nginx doesn't know is in none.
    assert ask(e, headers, method="FOO", count=5) == [200] * 5


def test_a_plans_limit_for_some_methods_only(guard, key, kw):
    kw("plan", "set", "basic", "--limit", "2r/m")
    headers = key(plan="basic")
    e = guard("location / { keyward_limit plan methods=POST; proxy_pass @BACKEND@; }")
    assert ask(e, headers, method="POST", count=3) == [200, 200, 429]
    assert ask(e, headers, count=5) == [200] * 5
    # Where the plan's limits aren't asked for, a principal needs none.
    assert ask(e, key()) == [200]
    assert ask(e, key(), method="POST") == [403]


# default=.


def test_the_default_plan_is_for_who_has_none(guard, key, kw):
    kw("plan", "set", "own", "--limit", "5r/m")
    kw("plan", "set", "unlimited")
    e = guard(at(("/", "keyward_limit plan default=basic;")), http="keyward_plan basic limit=2r/m scope=nothing:here;")
    assert ask(e, key(), count=3) == [200, 200, 429]
    assert ask(e, key(plan="own"), count=6) == [200] * 5 + [429]
    # A plan that has no limits isn't no plan.
    assert ask(e, key(plan="unlimited"), count=10) == [200] * 10
    # Its limits alone: it isn't the principal's plan.
    assert e.get("/", key()).header("X-RateLimit-Limit") == "2"


def test_the_default_plan_is_one_of_the_configuration(config_test, store, kw):
    kw("plan", "set", "stored", "--limit", "2r/m")
    for name in ("stored", "misspelt", ""):
        rc, output = config_test(location=f"keyward on; keyward_limit plan default={name};")
        assert rc == 1, output


# Plans of several keys of one subject, and of other lengths.


def test_keys_of_one_subject_do_not_cut_each_others_windows(guard, kw, store):
    """A key with a shorter window once ended the longer one of another key, and that was admitted anew, again and again."""
    kw("plan", "set", "hourly", "--limit", "3r/h")
    kw("plan", "set", "quick", "--limit", "1000r/s")
    kw("subject", "set", "acme", "--plan", "hourly")
    slow = {"X-API-Key": store.key(verifier="sha256", subject="acme")["key"]}
    quick = {"X-API-Key": store.key(verifier="sha256", subject="acme", plan="quick")["key"]}
    e = guard(at(("/", "keyward_limit plan by=subject;")))
    assert ask(e, slow, count=4) == [200] * 3 + [429]
    assert ask(e, quick, count=3) == [200] * 3
    response = e.get("/", slow)
    assert response.status == 429 and int(response.header("Retry-After")) > 60
    assert ask(e, quick) == [200]


def test_a_plans_counts_go_by_windows_and_not_by_places(guard, kw, store):
    kw("plan", "set", "pro", "--limit", "1000r/m", "--limit", "3r/h")
    headers = {"X-API-Key": store.key(verifier="sha256", plan="pro")["key"]}
    e = guard(at(("/", "keyward_limit plan;")))
    assert ask(e, headers, count=4) == [200] * 3 + [429]
    for limits in (["3r/h", "1000r/m"], ["3r/h"], ["500r/m", "1000r/d", "3r/h"]):
        kw("plan", "set", "pro", *(word for limit in limits for word in ("--limit", limit)))
        assert ask(e, headers) == [429]
    # Two of one length are two limits.
    kw("plan", "set", "pro", "--limit", "3r/h", "--limit", "4r/h")
    assert ask(e, headers) == [429]
    kw("plan", "set", "pro", "--limit", "5r/h")
    assert ask(e, headers, count=3) == [200] * 2 + [429]


@pytest.mark.parametrize(
    "one, other",
    [
        ("1000r/s name=t", "5r/h name=t"),
        ("5r/h name=t", "5r/h name=t window=sliding"),
        ("plan", "plan window=sliding"),
        ("5r/m name=t by=address", "5r/30s name=t by=address"),
    ],
)
def test_limits_that_share_counts_have_one_window(config_test, one, other):
    test = config_test(
        server=at(("/a", f"keyward on; keyward_limit {one};"), ("/b", f"keyward on; keyward_limit {other};"))
    )
    assert test.rc == 1 and "shares its counts with the limit in" in test.output and "another name=" in test.output


@pytest.mark.parametrize(
    "one, other",
    [("60r/m name=t", "20r/m name=t"), ("5r/h name=t", "5r/m name=t by=address"), ("5r/h name=t", "5r/m name=u")],
)
def test_limits_may_share_with_another_number(config_test, one, other):
    test = config_test(
        server=at(("/a", f"keyward on; keyward_limit {one};"), ("/b", f"keyward on; keyward_limit {other};"))
    )
    assert test.rc == 0 and "[warn]" not in test.output


def test_a_default_plan_without_access_is_no_default(config_test):
    test = config_test(
        http="keyward_plan none no_access;", server=at(("/", "keyward on; keyward_limit plan default=none;"))
    )
    assert test.rc == 1 and "no_access" in test.output and "nginx.conf:" in test.output


# keyward's own variables.

MAP = 'map $keyward_kind $anon { anonymous $binary_remote_addr; default ""; }\n'


def test_report_U2(guard, key):
    """While limits were looked at, an anonymous request had no kind, so that such a limit never counted."""
    headers = key()
    e = guard(at(("/", "keyward_accept key anonymous; keyward_limit 3r/m by=$anon;")), http=MAP)
    assert ask(e, {}, count=5) == [200] * 3 + [429] * 2
    assert ask(e, headers, count=5) == [200] * 5


@pytest.mark.parametrize("variable", ["$keyward_kind", "${keyward_kind}x$keyward_subject$keyward_key_id"])
def test_report_U2_variables(guard, key, variable):
    headers = key(subject="acme")
    e = guard(at(("/", f"keyward_accept key anonymous; keyward_limit 3r/m by={variable};")))
    assert ask(e, {}, count=5) == [200] * 3 + [429] * 2
    assert ask(e, headers, count=5) == [200] * 3 + [429] * 2


def test_report_U2_after_a_redirect(guard, key):
    """What the earlier location had decided isn't what the next one counts by."""
    headers = key(subject="acme")
    e = guard(
        "location / { keyward_limit none; keyward_accept key anonymous; try_files /nonexistent @next; }"
        " location @next { keyward_accept key anonymous; keyward_limit 3r/m by=$keyward_decision-$keyward_kind; empty_gif; }"
    )
    assert ask(e, {}, count=5) == [200] * 3 + [429] * 2
    assert ask(e, headers, count=5) == [200] * 3 + [429] * 2


def test_report_U2_nobody_is_named_while_it_isnt_known(guard, key):
    """A request whose credential is no good is told by nothing, whatever its kind."""
    e = guard(
        "location / { keyward_accept key anonymous; keyward_limit 3r/m by=$anon; add_header X-Kind $keyward_kind always; empty_gif; }",
        http=MAP,
    )
    assert ask(e, {"X-API-Key": "kw_nonsense"}, count=5) == [401] * 5
    assert ask(e, {}, count=4) == [200] * 3 + [429]


# The policy's name.


@pytest.mark.parametrize(
    "limit, name",
    [
        ("plan name=r1", "r1"),
        ("plan", "plan"),
        ("plan default=house", "plan"),
        ("plan name=r1 default=house", "r1"),
        ("60r/m name=r2", "r2"),
        ("60r/m", "default"),
    ],
)
def test_report_U14(guard, key, limit, name):
    headers = key(plan="basic")
    plans = "keyward_plan basic limit=60r/m; keyward_plan house limit=30r/m;"
    e = guard(at(("/", f"keyward_limit {limit}; keyward_limit_headers ietf;")), http=plans)
    response = e.get("/", headers)
    assert response.header("RateLimit-Policy") == f'"{name}";q=60;w=60'
    assert response.header("RateLimit").startswith(f'"{name}";r=59;t=')


@pytest.mark.parametrize("limit, name", [("plan default=house", "house"), ("plan name=r1 default=house", "r1")])
def test_report_U14_of_a_default(guard, key, limit, name):
    e = guard(at(("/", f"keyward_limit {limit}; keyward_limit_headers ietf;")), http="keyward_plan house limit=30r/m;")
    assert e.get("/", key()).header("RateLimit-Policy") == f'"{name}";q=30;w=60'
