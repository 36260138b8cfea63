"""Limits: how many are admitted, who counts together, and what is told."""

import hashlib
import itertools
import json
import re
import secrets
import time

import pytest
from harness.client import Connection
from harness.drive import TELL, ask, at, each_port, statuses, volley
from harness.load import Load, burst
from harness.wait import until

# Any address may be pretended, as X-From.
FROM = "set_real_ip_from 127.0.0.1; real_ip_header X-From;"
SERVER = f"{TELL} {FROM} keepalive_requests 1000000; keyward on;"


@pytest.fixture
def guard(edge):
    """guard(locations): a server with keyward on, where what is admitted costs next to nothing."""

    def start(locations="location / { empty_gif; }", **more):
        return edge(server=f"{SERVER}\n{locations}", **more)

    return start


@pytest.fixture
def key(store):
    """key(...): the header fields of a new key."""
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


MANY = "keyward_key_format kw_ base62=43 checksum;\nkeyward_key_format many_ hex=40;"


def imported_keys(kw, count, **more):
    """The texts of so many new keys, of the format that MANY adds. more: functions from a key's number to a member of its line."""
    keys = ["many_" + secrets.token_hex(20) for _ in range(count)]
    lines = [
        json.dumps(
            {"sha256": hashlib.sha256(key.encode()).hexdigest(), **{name: make(n) for name, make in more.items()}}
        )
        for n, key in enumerate(keys)
    ]
    kw("key", "import", "-", input="\n".join(lines) + "\n")
    return keys


def admitted(e, headers, target="/", most=100):
    """How many of these are admitted before the first 429; it holds for the next, too."""
    answers = ask(e, headers, target, most + 3)
    count = answers.index(429) if 429 in answers else len(answers)
    assert answers == [200] * count + [429] * (len(answers) - count), answers
    return count


def limit_fields(response):
    return [response.header(f"X-RateLimit-{name}") for name in ("Limit", "Remaining", "Reset")]


# Exactly the limit.


@pytest.mark.load
def test_exactly_the_limit_is_admitted_under_load_ten_times_of_ten(guard, key):
    # 1,500 requests at once on 100 connections over two workers, and 1,000 to admit.
    keys = [key() for _ in range(10)]
    e = guard(at(("/", "keyward_limit 1000r/m;")), workers=2)
    for headers in keys:
        responses = volley(each_port(e), 100, 15, headers=headers)
        assert statuses(responses) == {200: 1000, 429: 500}
        assert len({response.header("X-Worker") for response in responses}) == 2
        # One atomic check and increment: each admitted request saw its own number.
        remaining = sorted(int(r.header("X-RateLimit-Remaining")) for r in responses if r.status == 200)
        assert remaining == list(range(1000))


@pytest.mark.load
def test_one_left_and_a_thousand_at_once_admits_one(guard, key):
    keys = [key() for _ in range(5)]
    e = guard(at(("/", "keyward_limit 50r/m;")), workers=2)
    for headers in keys:
        assert statuses(volley(each_port(e), 7, 7, headers=headers)) == {200: 49}
        assert statuses(volley(each_port(e), 100, 10, headers=headers)) == {200: 1, 429: 999}


@pytest.mark.load
def test_exactly_the_limit_is_admitted_while_nginx_reloads(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 2000r/h;")), workers=2)
    with Load(each_port(e), connections=20, headers=headers) as load:
        for _ in range(3):
            e.reload()
        until(lambda: load.samples.statuses[429] > 100, 60, "the limit's end")
    assert load.samples.statuses[200] == 2000
    assert set(load.samples.statuses) == {200, 429}, load.samples.errors[:3]


@pytest.mark.load
def test_never_more_than_the_limit_while_workers_are_killed(guard, key):
    # What a killed worker had charged and not answered is gone.
    headers = key()
    e = guard(at(("/", "keyward_limit 2000r/h;")), workers=2)
    with Load(e.port, connections=20, headers=headers) as load:
        for _ in range(5):
            seen = len(load.samples)
            until(lambda: len(load.samples) > seen + 100, 30, "requests")
            e.kill_worker()
        until(lambda: load.samples.statuses[429] > 100, 60, "the limit's end")
    # At most one for each connection and kill; the load sends some of these again.
    assert 2000 - 5 * 20 <= load.samples.statuses[200] <= 2000
    assert set(load.samples.statuses) <= {0, 200, 429}


@pytest.mark.load
def test_several_limits_never_admit_more_than_any_of_them(guard, key):
    headers = key()
    e = guard(
        at(
            ("/both", "keyward_limit 500r/h name=a; keyward_limit 300r/h name=b;"),
            ("/a", "keyward_limit 500r/h name=a;"),
            ("/b", "keyward_limit 300r/h name=b;"),
        ),
        workers=2,
    )
    responses = volley(each_port(e), 100, 10, headers=headers, make=lambda n: (("/both", "/a", "/b")[n % 3], headers))
    assert set(statuses(responses)) == {200, 429}
    of = [sum(r.status == 200 for r in responses[n::3]) for n in range(3)]
    assert of[0] + of[1] <= 500 and of[0] + of[2] <= 300
    # "A request refused by one gives back what it took of the others, so a concurrent one may be refused early": what is
    # left can still be had, exactly.
    rest = statuses(volley(each_port(e), 60, 10, target="/a", headers=headers))[200]
    assert of[0] + of[1] + rest == 500
    rest = statuses(volley(each_port(e), 60, 10, target="/b", headers=headers))[200]
    assert of[0] + of[2] + rest == 300


# Several limits: all admit, or none is charged.


def test_all_limits_are_charged_or_none(guard, key):
    both = "keyward_limit 6r/m name=wide; keyward_limit 4r/m name=narrow;"
    e = guard(
        at(
            ("/both", both),
            ("/wide", "keyward_limit 6r/m name=wide;"),
            ("/reverse", "keyward_limit 4r/m name=narrow; keyward_limit 6r/m name=wide;"),
        )
    )
    for path in ("/both", "/reverse"):
        headers = key()
        assert admitted(e, headers, path) == 4
        assert ask(e, headers, path, 20) == [429] * 20
        assert admitted(e, headers, "/wide") == 2


def test_a_request_refused_by_one_limit_gives_back_what_it_took_of_the_others(guard, key):
    one, other = key(subject="acme"), key(subject="acme")
    e = guard(
        at(("/", "keyward_limit 5r/m by=key; keyward_limit 3r/m by=subject;"), ("/key", "keyward_limit 5r/m by=key;"))
    )
    assert admitted(e, one) == 3
    assert ask(e, other, count=10) == [429] * 10
    # Three of the first key's five are gone; the other's ten refusals cost it nothing where it counts alone.
    e.reload(server=f"{SERVER}\n" + at(("/", "keyward_limit 5r/m by=key;")))
    assert admitted(e, other) == 5
    assert admitted(e, one) == 2


@pytest.mark.load
def test_refusals_at_the_same_time_cost_nothing(guard, key, kw):
    """What is given back belongs to a window that the refused request itself may have opened, and workers' clocks differ."""
    keys = imported_keys(kw, 200)
    both = "keyward_limit 10r/h name=own; keyward_limit 1r/h name=all by=address;"
    e = guard(at(("/both", both), ("/own", "keyward_limit 10r/h name=own;")), http=MANY, workers=2)
    make = lambda n: ("/both", {"X-API-Key": keys[n % 200]})
    assert statuses(volley(each_port(e), 1, 1, "/both", key())) == {200: 1}
    assert statuses(volley(each_port(e), 100, 30, make=make)) == {429: 3000}
    answers = volley(each_port(e), 100, 22, make=lambda n: ("/own", {"X-API-Key": keys[n % 200]}))
    assert statuses(answers) == {200: 2000, 429: 200}


def test_what_is_refused_before_the_limits_is_not_charged(guard, key):
    headers = key(scope="a:read")
    e = guard(at(("/", "keyward_limit 3r/m name=n;"), ("/scope", "keyward_scope b:read; keyward_limit 3r/m name=n;")))
    assert ask(e, headers, "/scope", 10) == [403] * 10
    assert ask(e, {}, "/", 10) == [401] * 10
    assert admitted(e, headers) == 3


# Who counts together.


def test_by_key_each_key_has_its_own(guard, key):
    one, other = key(subject="acme"), key(subject="acme")
    for by in ("", "by=key"):
        e = guard(at(("/", f"keyward_limit 3r/m {by};")))
        assert [admitted(e, one), admitted(e, other)] == [3, 3]


def test_by_subject_its_keys_share(guard, key):
    one, other, else_, alone, lonely = (key(subject=s) if s else key() for s in ("acme", "acme", "corp", None, None))
    e = guard(at(("/", "keyward_limit 4r/m by=subject;")))
    assert ask(e, one, count=2) == ask(e, other, count=2) == [200, 200]
    assert ask(e, one) == ask(e, other) == [429]
    assert admitted(e, else_) == 4
    # A key that has no subject stands for itself.
    assert [admitted(e, alone), admitted(e, lonely)] == [4, 4]


def test_by_address_all_keys_of_an_address_share(guard, key):
    one, other = key(), key()
    e = guard(at(("/", "keyward_limit 4r/m by=address;")))
    assert (
        ask(e, {**one, "X-From": "192.0.2.1"}, count=2)
        == ask(e, {**other, "X-From": "192.0.2.1"}, count=2)
        == [200] * 2
    )
    assert ask(e, {**one, "X-From": "192.0.2.1"}) == [429]
    assert admitted(e, {**one, "X-From": "192.0.2.2"}) == 4


def test_ipv6_counts_by_64_bits(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 4r/m by=address;")))
    same = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1:8000::"]
    assert [ask(e, {**headers, "X-From": address}) for address in same] == [[200]] * 4
    assert ask(e, {**headers, "X-From": same[1]}) == [429]
    assert admitted(e, {**headers, "X-From": "2001:db8:0:2::1"}) == 4
    assert admitted(e, {**headers, "X-From": "2001:db9:0:1::1"}) == 4


def test_anonymous_requests_count_by_address(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_accept key anonymous; keyward_limit 3r/m;")))
    assert admitted(e, {"X-From": "192.0.2.1"}) == 3
    assert admitted(e, {"X-From": "192.0.2.2"}) == 3
    assert admitted(e, {**headers, "X-From": "192.0.2.1"}) == 3


# Plans.


def test_plan_limits_count_over_all_locations(guard, key, kw):
    kw("plan", "set", "basic", "--limit", "5r/m")
    headers = key(plan="basic")
    e = guard(at(("/a", "keyward_limit plan;"), ("/b", "keyward_limit plan;"), ("/free", "")))
    assert ask(e, headers, "/a", 3) == [200] * 3
    assert ask(e, headers, "/b", 3) == [200, 200, 429]
    assert ask(e, headers, "/a") == [429]
    assert ask(e, headers, "/free", 5) == [200] * 5


def test_plan_limits_count_over_all_servers(edge, key, kw, store):
    kw("plan", "set", "basic", "--limit", "5r/m")
    headers = key(plan="basic")
    servers = [
        f"server {{ listen 127.0.0.1:@{port}@; server_name {port}; keyward on; keyward_limit plan;"
        " location / { empty_gif; } }"
        for port in ("PORT", "PORT_B")
    ]
    e = edge(http="\n".join(servers))
    assert ask(e, headers, count=3) == [200] * 3
    answers = [Connection(int(e.value("PORT_B"))).request(headers=headers).status for _ in range(3)]
    assert answers == [200, 200, 429]


def test_every_limit_of_a_plan_applies(guard, key, kw):
    kw("plan", "set", "basic", "--limit", "10r/m", "--limit", "3r/h")
    headers = key(plan="basic")
    e = guard(at(("/", "keyward_limit plan;")))
    assert admitted(e, headers) == 3


def test_a_plan_of_the_configuration_has_limits(guard, key):
    headers = key(plan="basic")
    e = guard(at(("/", "keyward_limit plan;")), http="keyward_plan basic limit=4r/m,1000r/d;")
    assert admitted(e, headers) == 4


def test_the_keys_own_limits_win_over_its_plans(guard, key, kw):
    kw("plan", "set", "basic", "--limit", "3r/m")
    more, less, plain = key(plan="basic", limit="6r/m"), key(plan="basic", limit="2r/m"), key(plan="basic")
    no_plan = key(limit="4r/m")
    e = guard(at(("/", "keyward_limit plan;")))
    assert [admitted(e, headers) for headers in (more, less, plain, no_plan)] == [6, 2, 3, 4]


def test_a_changed_plan_keeps_what_was_counted(guard, key, kw):
    kw("plan", "set", "basic", "--limit", "5r/m")
    headers = key(plan="basic")
    e = guard(at(("/", "keyward_limit plan;")))
    assert admitted(e, headers) == 5
    kw("plan", "set", "basic", "--limit", "8r/m")
    assert admitted(e, headers) == 3
    kw("plan", "set", "basic", "--limit", "2r/m")
    assert ask(e, headers) == [429]


def test_a_plan_limit_without_a_plan_refuses(guard, key, kw):
    kw("plan", "set", "basic", "--limit", "3r/m")
    headers = key()
    e = guard(
        at(("/", "keyward_limit plan;"), ("/default", "keyward_limit plan default=house;")),
        http="keyward_plan house limit=2r/m;",
    )
    response = e.get(headers=headers)
    assert (response.status, response.header("X-Reason")) == (403, "no_access")
    assert response.json() == {"error": "access denied", "code": "forbidden"}
    assert admitted(e, headers, "/default") == 2
    assert admitted(e, key(plan="basic"), "/default") == 3
    kw("plan", "set", "basic", "--limit", "3r/m", "--default")
    assert admitted(e, key()) == 3
    # A plan's limits are counted under one name, whichever plan it is: two are gone already.
    assert admitted(e, headers) == 1


def test_a_plan_limit_refuses_a_plan_that_is_missing_also_with_a_default(guard, kw, store, key):
    kw("subject", "set", "acme", "--plan", "nowhere")
    headers = key(subject="acme")
    e = guard(at(("/", "keyward_limit plan default=house;")), http="keyward_plan house limit=2r/m;")
    response = e.get(headers=headers)
    assert (response.status, response.header("X-Reason")) == (403, "no_access")


def test_an_anonymous_request_has_no_plan_not_even_the_default(guard, key):
    e = guard(
        at(
            ("/", "keyward_accept key anonymous; keyward_limit plan;"),
            ("/default", "keyward_accept key anonymous; keyward_limit plan default=house;"),
        ),
        http="keyward_plan house limit=2r/m default;",
    )
    response = e.get()
    assert (response.status, response.header("X-Reason")) == (403, "no_access")
    assert admitted(e, {"X-From": "192.0.2.7"}, "/default") == 2
    assert admitted(e, key()) == 2


# Where it is written.


def test_a_list_is_inherited_whole_and_its_counts_are_shared(guard, key):
    headers = key()
    e = guard("keyward_limit 6r/m; keyward_limit 100r/m;\n" + at(("/", ""), ("/child", "")))
    assert ask(e, headers, "/", 4) == [200] * 4
    assert admitted(e, headers, "/child") == 2
    assert ask(e, headers, "/") == [429]


def test_a_list_is_replaced_whole(guard, key):
    headers = key()
    e = guard(
        "keyward_limit 3r/m;\n" + at(("/", ""), ("/own", "keyward_limit 5r/m;"), ("/none", "keyward_limit none;"))
    )
    assert admitted(e, headers, "/own") == 5
    assert admitted(e, headers, "/") == 3
    responses = volley(e.port, 1, 20, target="/none", headers=headers)
    assert statuses(responses) == {200: 20}
    assert {tuple(limit_fields(response)) for response in responses} == {(None, None, None)}


def test_a_nested_location_inherits_and_shares(guard, key):
    headers = key()
    e = guard("location /a { keyward_limit 5r/m; empty_gif; location /a/b { empty_gif; } }")
    assert ask(e, headers, "/a", 3) == [200] * 3
    assert admitted(e, headers, "/a/b") == 2
    assert ask(e, headers, "/a") == [429]


def test_unnamed_limits_of_two_locations_are_two(guard, key):
    headers = key()
    e = guard(at(("/a", "keyward_limit 3r/m;"), ("/b", "keyward_limit 3r/m;")))
    assert [admitted(e, headers, "/a"), admitted(e, headers, "/b")] == [3, 3]


def test_limits_of_one_name_share_their_counts(guard, key):
    headers = key()
    e = guard(
        at(
            ("/a", "keyward_limit 5r/m name=n;"),
            ("/b", "keyward_limit 5r/m name=n;"),
            ("/c", "keyward_limit 5r/m name=other;"),
        )
    )
    assert ask(e, headers, "/a", 3) == [200] * 3
    assert admitted(e, headers, "/b") == 2
    assert ask(e, headers, "/a") == [429]
    assert admitted(e, headers, "/c") == 5


def test_nginx_t_warns_where_the_plans_limits_get_lost(config_test, store):
    # Lists are replaced whole, and `plan` gets lost so.
    rc, output = config_test(
        server="keyward on; keyward_limit plan;\n" + at(("/", "keyward_limit 5r/m;")),
        http="keyward_plan p limit=1r/s default;",
    )
    assert rc == 0, output
    assert re.search(r"\[warn\].*keyward_limit", output), output


# methods=, cost=, window=.


def test_methods_are_those_that_count(guard, key):
    headers = key()
    e = guard("location / { keyward_limit 2r/m methods=POST,DELETE; proxy_pass @BACKEND@; }")
    post = [e.request("POST", headers=headers).status for _ in range(2)]
    assert post == [200, 200]
    assert e.request("DELETE", headers=headers).status == 429
    assert ask(e, headers, count=10) == [200] * 10
    assert e.request("PUT", headers=headers).status == 200


def test_a_cost_counts_as_many(guard, key):
    headers = key()
    e = guard(at(("/dear", "keyward_limit 10r/m name=n cost=4;"), ("/cheap", "keyward_limit 10r/m name=n;")))
    assert admitted(e, headers, "/dear") == 2
    assert ask(e, headers, "/cheap", 3) == [200, 200, 429]


def in_window(seconds):
    """Waits for the clock alone: until() with a bound."""
    until(lambda: time.monotonic() >= seconds, 10)


@pytest.mark.parametrize("window", ["", "window=fixed", "window=sliding"])
def test_a_sliding_window_weighs_the_window_before(window, guard, key):
    """Nine tenths of a limit at the end of one window, and then as many as there may be at the beginning of the next."""
    e = guard(at(("/", f"keyward_limit 40r/4s {window};")))
    headers = key()
    with e.connect() as connection:
        send = lambda count: [connection.request(headers=headers).status for _ in range(count)]
        opened = time.monotonic()
        assert send(1) == [200]
        in_window(opened + 3.4)
        assert send(39) == [200] * 39
        assert send(1) == [429]
        in_window(opened + 4.2)
        count = send(45).count(200)
        elapsed = time.monotonic() - opened
    assert elapsed < 5, "the machine is too slow for this test"
    if window == "window=sliding":
        # 40 * (4 - 0.2) / 4 = 38 weigh on; at 5 s it would be 30.
        assert 1 <= count <= 40 - 30 + 1
    else:
        assert count == 40


def test_a_fixed_window_opens_with_its_first_request(guard, key):
    """Not on the clock's minute: a window of three seconds, opened at any time, holds three seconds."""
    e = guard(at(("/", "keyward_limit 2r/3s;")))
    headers = key()
    before = time.monotonic()
    assert ask(e, headers, count=3) == [200, 200, 429]
    opened = time.monotonic()
    until(lambda: ask(e, headers) == [200], 10, "the next window")
    assert before + 2.9 <= time.monotonic() <= opened + 3.5


# What is told.


def test_every_answer_to_a_known_principal_tells_its_limit(guard, key, kw):
    headers = key(scope="a:read")
    e = guard(
        at(
            ("/", "keyward_limit 4r/m name=n;"),
            ("/scope", "keyward_limit 4r/m name=n; keyward_scope b:read;"),
            ("/missing", "keyward_limit 4r/m name=n;"),
        )
    )
    start = int(time.time())
    resets = []
    for target, status, remaining in (
        ("/", 200, 3),
        ("/scope", 403, 3),
        ("/", 200, 2),
        ("/", 200, 1),
        ("/", 200, 0),
        ("/", 429, 0),
        ("/scope", 403, 0),
    ):
        response = e.get(target, headers)
        assert response.status == status
        limit, left, reset = limit_fields(response)
        assert (limit, left) == ("4", str(remaining)), (target, status)
        resets.append(int(reset))
    assert start + 59 <= min(resets) and max(resets) <= int(time.time()) + 61
    assert max(resets) - min(resets) <= 1
    for other in ({}, {"X-API-Key": "kw_nonsense"}):
        response = e.get("/", other)
        assert response.status == 401
        assert limit_fields(response) == [None] * 3


def test_the_tightest_limit_is_told(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 100r/h name=wide; keyward_limit 3r/m name=narrow;")))
    told = [limit_fields(e.get("/", headers))[:2] for _ in range(4)]
    assert told == [["3", "2"], ["3", "1"], ["3", "0"], ["3", "0"]]


def test_the_backends_own_fields_are_replaced_only_where_there_is_a_limit(edge, backend, key):
    backend.on("*", 200, [("X-RateLimit-Limit", "999"), ("x-ratelimit-remaining", "998"), ("X-RATELIMIT-RESET", "997")])
    headers = key()
    e = edge(
        server="keyward on; location / { keyward_limit 5r/m; proxy_pass @BACKEND@; }"
        " location /free { proxy_pass @BACKEND@; } location /open { keyward off; proxy_pass @BACKEND@; }"
    )
    response = e.get("/", headers)
    limit, remaining, reset = limit_fields(response)  # an error where one came twice
    assert (limit, remaining) == ("5", "4") and abs(int(reset) - time.time()) < 62
    for target in ("/free", "/open"):
        assert limit_fields(e.get(target, headers)) == ["999", "998", "997"]


def test_reset_is_unix_time_or_a_delta(guard, key):
    headers = key()
    e = guard(
        at(
            ("/unix", "keyward_limit 5r/m; keyward_limit_headers x reset=unix;"),
            ("/delta", "keyward_limit 5r/m; keyward_limit_headers x reset=delta;"),
        )
    )
    assert abs(int(limit_fields(e.get("/unix", headers))[2]) - (time.time() + 60)) <= 1.5
    assert 59 <= int(limit_fields(e.get("/delta", headers))[2]) <= 60


def test_ietf_both_and_off(guard, key):
    headers = key()
    e = guard(
        at(
            *(
                (f"/{style}", f"keyward_limit 60r/m name=burst; keyward_limit_headers {style};")
                for style in ("ietf", "both", "off", "x")
            )
        )
    )
    for count, style in enumerate(("ietf", "both", "off", "x"), 1):
        response = e.get(f"/{style}", headers)
        assert response.status == 200
        ietf = [response.header("RateLimit-Policy"), response.header("RateLimit")]
        if style in ("ietf", "both"):
            assert ietf[0] == '"burst";q=60;w=60'
            left, reset = re.fullmatch(r'"burst";r=(\d+);t=(\d+)', ietf[1]).groups()
            assert (int(left), 55 <= int(reset) <= 60) == (60 - count, True)
        else:
            assert ietf == [None, None]
        x = limit_fields(response)
        assert (x[:2] == ["60", str(60 - count)]) if style in ("both", "x") else (x == [None] * 3)


def test_the_ietf_fields_of_a_plan_have_a_name(guard, key):
    headers = key(plan="basic")
    e = guard(at(("/", "keyward_limit plan; keyward_limit_headers ietf;")), http="keyward_plan basic limit=60r/m;")
    response = e.get("/", headers)
    policy = re.fullmatch(r'"([^"]+)";q=60;w=60', response.header("RateLimit-Policy"))
    assert policy and response.header("RateLimit").startswith(f'"{policy[1]}";r=59;t=')


def test_a_429_says_what_it_is(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 1r/m;")))
    assert e.get("/", headers).status == 200
    response = e.get("/", headers)
    assert (response.status, response.header("X-Reason")) == (429, "rate_limited")
    assert response.header("Content-Type") == "application/json"
    assert response.header("Cache-Control") == "no-store"
    after = response.header("Retry-After")
    assert re.fullmatch("[1-9][0-9]*", after) and 58 <= int(after) <= 60
    assert response.json() == {"error": "rate limit exceeded", "code": "rate_limited", "retry_after": int(after)}
    assert abs(int(response.header("X-RateLimit-Reset")) - time.time() - int(after)) <= 1.5


def test_retry_after_is_when_the_next_is_admitted(guard, key):
    """Asked again all the time: refused until Retry-After is nearly over, and admitted when it is."""
    e = guard(at(("/", "keyward_limit 3r/3s;"), ("/second", "keyward_limit 2r/s;")))
    for target, window in (("/", 3), ("/second", 1)):
        headers = key()
        with e.connect() as connection:
            send = lambda: connection.request(target=target, headers=headers)
            began = time.monotonic()
            response = send()
            while response.status == 200:
                asked = time.monotonic()
                response = send()
            first, refused = time.monotonic(), int(response.header("Retry-After"))
            assert 1 <= refused <= window
            reset = int(response.header("X-RateLimit-Reset"))
            while response.status == 429:
                assert int(response.header("Retry-After")) >= 1
                promised = time.monotonic() + int(response.header("Retry-After"))
                asked, asked_wall = time.monotonic(), time.time()
                response = send()
            assert response.status == 200
            done = time.monotonic()
            assert asked < first + refused + 0.1, "was refused after Retry-After was over"
            assert done > began + window - 1.1, "was admitted long before Retry-After was over"
            assert done <= promised + 1
            assert abs(asked_wall - reset) <= 1.5


def test_who_is_refused_by_several_is_told_the_longest(guard, key):
    headers = key()
    for order in (
        "keyward_limit 2r/3s name=short; keyward_limit 2r/h name=long;",
        "keyward_limit 2r/h name=long; keyward_limit 2r/3s name=short;",
    ):
        e = guard(at(("/", order)))
        ask(e, headers, count=2)
        response = e.get("/", headers)
        assert response.status == 429
        assert int(response.header("Retry-After")) > 3500
        assert limit_fields(response)[:2] == ["2", "0"] and int(limit_fields(response)[2]) > time.time() + 3500


def test_a_known_principal_without_access_is_told_its_limit(guard, key):
    # "Every answer of a limited location to a known principal carries the tightest limit."
    headers = key(plan="closed")
    e = guard(at(("/", "keyward_limit 5r/m;")), http="keyward_plan closed no_access;")
    response = e.get("/", headers)
    assert (response.status, response.header("X-Reason")) == (403, "no_access")
    assert limit_fields(response)[:2] == ["5", "5"]


def test_a_method_that_no_scope_covers_is_told_the_limit(guard, key):
    headers = key(scope="*")
    e = guard(at(("/", "keyward_limit 5r/m; keyward_scope methods=POST a:write;")))
    response = e.get("/", headers)
    assert (response.status, response.header("X-Reason")) == (403, "method_not_covered")
    assert limit_fields(response)[:2] == ["5", "5"]


def test_streams_of_one_connection_are_counted_like_any(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 30r/m;")))
    with e.h2() as connection:
        streams = [connection.start(headers=headers) for _ in range(100)]
        assert statuses(connection.finish(stream) for stream in streams) == {200: 30, 429: 70}


# What counts outlive.


def test_counts_survive_reloads_and_changed_rates_and_neighbours(guard, key):
    headers = key()
    other = "location /zzz { keyward_limit 7r/h; empty_gif; }"

    def at_rate(rate, before="", after=""):
        server = f"{SERVER}\n{before}\n" + at(("/", f"keyward_limit {rate};")) + after
        e.reload(server=server)

    e = guard(at(("/", "keyward_limit 5r/h;")))
    assert admitted(e, headers) == 5
    e.reload()
    assert ask(e, headers) == [429]
    at_rate("8r/h")
    assert admitted(e, headers) == 3
    at_rate("8r/h", before=other)
    assert ask(e, headers) == [429]
    at_rate("10r/h", before="location /aaa { keyward_limit 9r/h; empty_gif; }", after=other)
    assert admitted(e, headers) == 2
    at_rate("4r/h")
    assert ask(e, headers) == [429]


def test_counts_survive_other_servers_that_come_before(edge, key):
    headers = key()
    server = "server { listen 127.0.0.1:@%s@; server_name %s; keyward on; location / { keyward_limit %s; empty_gif; } }"
    e = edge(http=server % ("PORT", "one.test", "5r/h"))
    assert ask(e, headers, count=3) == [200] * 3
    e.reload(http=server % ("PORT_B", "other.test", "9r/h") + server % ("PORT", "one.test", "5r/h"))
    assert Connection(int(e.value("PORT_B"))).request(headers=headers).header("X-RateLimit-Remaining") == "8"
    assert admitted(e, headers) == 2


def test_counts_survive_a_changed_window_length(guard, key):
    """A window longer than the new rate's is cut to that, its count kept (so no client is locked out for an hour)."""
    headers = key()
    e = guard(at(("/", "keyward_limit 5r/h;")))
    assert admitted(e, headers) == 5
    e.reload(server=f"{SERVER}\n" + at(("/", "keyward_limit 5r/2s;")))
    assert ask(e, headers) == [429]
    until(lambda: ask(e, headers) == [200], 5, "the new window")


def test_counts_survive_killed_workers(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 5r/h;")), workers=2)
    assert ask(e, headers, count=3) == [200] * 3
    for worker in e.workers():
        e.kill_worker(worker)
    assert admitted(e, headers) == 2


def test_a_changed_zone_size_keeps_the_counts(edge, key):
    # A changed size of the zone copies what fits.
    headers = key()
    server = f"{TELL} keyward on;\n" + at(("/", "keyward_limit 5r/h;"))
    e = edge(http="keyward_zone 2m;", server=server)
    assert ask(e, headers, count=3) == [200] * 3
    e.reload(http="keyward_zone 4m;")
    assert admitted(e, headers) == 2


def test_windows_of_an_hour_survive_a_restart(guard, key):
    # Windows of an hour or more survive a restart.
    headers = key()
    e = guard(at(("/", "keyward_limit 5r/h;")))
    assert ask(e, headers, count=3) == [200] * 3
    e.stop()
    e.start()
    assert admitted(e, headers) == 2


# Many others.


def many_addresses(count):
    return [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in range(count)]


def test_ten_thousand_addresses_later_a_used_up_limit_is_still_used_up(guard, key):
    headers = key()
    e = guard(at(("/", "keyward_limit 3r/h by=address;"), ("/key", "keyward_limit 3r/h;")))
    used = {**headers, "X-From": "192.0.2.1"}
    assert admitted(e, used) == 3
    assert admitted(e, headers, "/key") == 3
    addresses = many_addresses(10_000)
    responses = volley(e.port, 20, 500, make=lambda n: ("/", {**headers, "X-From": addresses[n]}))
    assert statuses(responses) == {200: 10_000}
    assert ask(e, used) == [429]
    assert ask(e, headers, "/key") == [429]


@pytest.fixture
def small(guard, key):
    """An edge whose zone is far too small for 10,000 addresses, with one used up before all of these came."""
    e = guard(at(("/", "keyward_limit 3r/h by=address;"), ("/key", "keyward_limit 3r/h;")), http="keyward_zone 512k;")
    e.headers = key()
    e.used = {**e.headers, "X-From": "192.0.2.1"}
    assert admitted(e, e.used) == 3
    assert admitted(e, e.headers, "/key") == 3
    addresses = many_addresses(10_000)
    e.responses = volley(e.port, 20, 500, make=lambda n: ("/", {**e.headers, "X-From": addresses[n]}))
    return e


def test_a_full_zone_evicts_no_open_window(small, key):
    # Newcomers share one overflow window, of ten times the rate.
    assert set(statuses(small.responses)) == {200, 429}
    assert ask(small, small.used) == [429]
    # Principals have their own share of the zone.
    assert ask(small, small.headers, "/key") == [429]
    assert admitted(small, key(), "/key") == 3
    # From the first refusal on, no more than the overflow window's thirty of those without a window were admitted in all:
    # who had a window has used one of its three and is admitted again.
    refused = [n for n, response in enumerate(small.responses) if response.status == 429]
    addresses = many_addresses(10_000)
    again = volley(small.port, 5, 200, make=lambda n: ("/", {**small.headers, "X-From": addresses[refused[n]]}))
    assert statuses(again) == {429: 1000}


def test_a_full_zone_has_room_again_once_windows_have_closed(guard, key):
    # The shared window has ten times the limit, which tells it from one of a newcomer's own.
    headers = key()
    e = guard(at(("/", "keyward_limit 3r/20s by=address;")), http="keyward_zone 512k;")
    addresses = iter(many_addresses(1_000_000))

    def newcomers(count):
        some = list(itertools.islice(addresses, count))
        return {
            response.header("X-RateLimit-Limit")
            for response in volley(e.port, 20, count // 20, make=lambda n: ("/", {**headers, "X-From": some[n]}))
        }

    until(lambda: newcomers(1000) and newcomers(20) == {"30"}, 60, "a full zone")
    until(lambda: newcomers(20) == {"3"}, 60, "room")


def test_a_full_zone_is_told_in_the_log(small):
    # The log says so.
    small.wait_log(r"\[(warn|error)\].*keyward.*(zone|overflow|full)", 3)


def test_ten_thousand_keys_later_a_used_up_limit_is_still_used_up(guard, key, kw):
    headers = key()
    keys = imported_keys(kw, 10_000)
    e = guard(at(("/", "keyward_limit 3r/h;")), http=MANY)
    assert admitted(e, headers) == 3
    assert statuses(volley(e.port, 20, 500, make=lambda n: ("/", {"X-API-Key": keys[n]}))) == {200: 10_000}
    assert ask(e, headers) == [429]
    assert admitted(e, {"X-API-Key": keys[0]}) == 2


def test_ten_thousand_subjects_later_a_used_up_limit_is_still_used_up(guard, key, kw):
    one, other = key(subject="acme"), key(subject="acme")
    keys = imported_keys(kw, 10_000, subject=lambda n: f"subject{n}")
    e = guard(at(("/", "keyward_limit 3r/h by=subject;")), http=MANY)
    assert admitted(e, one) == 3
    assert statuses(volley(e.port, 20, 500, make=lambda n: ("/", {"X-API-Key": keys[n]}))) == {200: 10_000}
    assert ask(e, one) == ask(e, other) == [429]
    assert admitted(e, {"X-API-Key": keys[0]}) == 2


@pytest.mark.parametrize("limit", ["3r/h", "3r/h by=subject", "3r/h window=sliding", "plan"])
def test_a_rotation_after_a_used_up_limit_gives_nothing_back(guard, store, kw, limit):
    # A successor has the same counters.
    made = store.key(verifier="sha256", subject="acme", limit="3r/h")
    e = guard(at(("/", f"keyward_limit {limit};")), workers=2)
    keys = [{"X-API-Key": made["key"]}]
    assert admitted(e, keys[0]) == 3
    for overlap in ("1h", "1h", "0"):
        made = kw("key", "rotate", made["id"], "--overlap", overlap)
        keys.append({"X-API-Key": made["key"]})
        assert ask(e, keys[-1], count=3) == [429] * 3
    assert ask(e, keys[1]) == [401], "an overlap of 0 ends all that it replaced"
    e.reload()
    assert ask(e, keys[-1]) == [429]


def test_simultaneous_first_requests_open_one_window(guard, key):
    e = guard(at(("/", "keyward_limit 7r/m;")), workers=2)
    for _ in range(5):
        headers = key()
        assert statuses(burst(each_port(e), 40, headers=headers)) == {200: 7, 429: 33}


def test_one_request_is_charged_once_however_often_it_is_redirected(edge, key, backend):
    backend.on("/gone", 404)
    headers = key()
    e = edge(
        server=f"""{TELL} keyward on; keyward_limit 5r/m;
        location /gone {{ proxy_intercept_errors on; error_page 404 = /page; proxy_pass @BACKEND@; }}
        location /try {{ root /nonexistent; try_files $uri /page; }}
        location /named {{ root /nonexistent; try_files $uri @page; }}
        location @page {{ proxy_pass @BACKEND@; }}
        location /page {{ proxy_pass @BACKEND@; }}"""
    )
    assert [e.get(target, headers).status for target in ("/gone", "/try", "/named", "/page", "/page")] == [200] * 5
    assert e.get("/page", headers).status == 429
