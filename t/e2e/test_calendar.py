"""Limits by the calendar: a day or a month of the wall clock in UTC, wherever the clock steps to, and over restarts."""

import calendar
import email.utils
import json
import time

import pytest
from cli_helper import lines, sha256
from harness.drive import TELL, ask, at
from harness.wait import until
from test_cli_audit import old_store
from test_clock import SHOW, clock, stepped

pytestmark = pytest.mark.release_only  # the sanitizers have clocks of their own

__all__ = ["clock", "old_store"]
KINDS = {"day": "3r/d window=calendar", "month": "3r/month"}
# A leap year: its February has 29 days.
LEAP, COMMON = 2028, 2027


def second_of(*date):
    return calendar.timegm((*date, *(0,) * (6 - len(date)), 0, 0, 0))


def go(clock, e, moment):
    """It is this second there, or one of the next few."""
    stepped(clock, e, int(moment - time.time()) + 1)


def admitted(e, headers, most=8, target="/"):
    answers = ask(e, headers, target, most)
    count = answers.count(200)
    assert answers == [200] * count + [429] * (most - count), answers
    return count


@pytest.fixture
def key(store):
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


@pytest.fixture
def guard(clock):
    return lambda rate, **more: clock.edge(
        server=f"{SHOW} location / {{ keyward_limit_headers both; keyward_limit {rate}; empty_gif; }}",
        workers=2,
        **more,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_turn_of_a_month_back_and_forth(clock, guard, key, kind):
    one, other = key(), key()
    e = guard(KINDS[kind])
    turn = second_of(COMMON, 2, 1)
    go(clock, e, turn - 600)
    assert admitted(e, one) == 3
    go(clock, e, turn)
    assert admitted(e, one, 2) == 2
    go(clock, e, turn - 600)  # back: it stays the window that was reached
    assert admitted(e, one) == 1
    assert admitted(e, other) == 3
    e.wait_log(r"\[warn\].*the clock has stepped back from 2027-02-01: limits by the calendar stay in that day")
    go(clock, e, turn)
    assert admitted(e, one) == admitted(e, other) == 0
    go(clock, e, second_of(COMMON, 3, 1))
    assert admitted(e, one) == admitted(e, other) == 3


def test_the_very_second_of_the_turn(clock, key):
    """The clock runs over midnight by itself: each answer's Date says which window it belongs to."""
    headers = key()
    e = clock.edge(
        server=f"{SHOW} location / {{ keyward_limit 1000000r/d window=calendar name=d; keyward_limit 1000000r/month name=m;"
        " keyward_limit_headers x reset=unix; empty_gif; }"
    )
    turn = second_of(COMMON, 2, 1)
    stepped(clock, e, int(turn - time.time()) - 2)
    seen = {}

    def over():
        response = e.get("/", headers)
        second = int(email.utils.parsedate_to_datetime(response.header("Date")).timestamp())
        seen.setdefault(second, []).append(
            (int(response.header("X-RateLimit-Remaining")), int(response.header("X-RateLimit-Reset")))
        )
        return second >= turn + 1

    until(over, 30, "the turn")
    assert turn - 1 in seen and turn in seen
    for second, answers in seen.items():
        for _, reset in answers:  # of two that leave as much, the one that closes later is told
            assert reset == (turn if second < turn else second_of(COMMON, 3, 1)), second
    assert seen[turn][0][0] == 999999  # both began anew with the first request of that second


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("year", [LEAP, COMMON])
def test_the_end_of_february(clock, guard, key, kind, year):
    headers = key()
    e = guard(KINDS[kind])
    go(clock, e, second_of(year, 2, 28, 12))
    assert admitted(e, headers) == 3
    go(clock, e, second_of(year, 2, 28, 12) + 86400)
    is_leap_day = year == LEAP
    assert admitted(e, headers) == (0 if is_leap_day and kind == "month" else 3)
    go(clock, e, second_of(year, 3, 1, 13))
    assert admitted(e, headers) == (3 if is_leap_day else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_client_is_told(clock, guard, key, kind):
    headers = key()
    e = guard(KINDS[kind])
    go(clock, e, second_of(COMMON, 4, 29, 20))
    end = second_of(COMMON, 4, 30) if kind == "day" else second_of(COMMON, 5, 1)
    for status in (200, 200, 200, 429):
        response = e.get("/", headers)
        now = clock.of(e)
        assert response.status == status
        assert response.header("X-RateLimit-Reset") == str(end)
        assert response.header("RateLimit-Policy") == ('"default";q=3;w=86400' if kind == "day" else '"default";q=3')
        left = int(response.header("RateLimit").rsplit("t=", 1)[1])
        assert 0 <= left - (end - now) <= 2
    assert 0 <= int(response.header("Retry-After")) - (end - now) <= 2
    assert response.json()["retry_after"] == int(response.header("Retry-After"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_finds_its_window_by_its_number(clock, guard, key, kw, kind):
    one, other = key(), key()
    e = guard(KINDS[kind])
    turn = second_of(COMMON, 2, 1)
    go(clock, e, turn)
    assert admitted(e, one, 2) == 2
    e.stop()
    e.start()
    e.wait_log(r"\[notice\].*keyward: restored 1 windows of limits")
    assert admitted(e, one) == 1
    # The clock is back before the turn when nginx comes up again: the window of the turn is not forgotten.
    e.stop()
    clock.step(int(turn - 600 - time.time()))
    e.start()
    assert admitted(e, one) == 0
    assert admitted(e, other) == 3
    go(clock, e, turn)
    assert admitted(e, one) == 0
    assert admitted(e, other) == 3
    # Away over the next turn.
    e.stop()
    clock.step(int(second_of(COMMON, 3, 1) + 5 - time.time()))
    e.start()
    assert admitted(e, one) == 3
    assert kw.run("store", "check").rc == 0


def test_a_clock_that_was_years_ahead_locks_nobody_out_for_years(clock, guard, key):
    headers = key()
    e = guard("3r/month")
    go(clock, e, second_of(2090, 1, 15))
    assert admitted(e, headers) == 3
    e.stop()
    clock.step(int(second_of(COMMON, 5, 15) - time.time()))
    e.start()
    assert admitted(e, headers) == 0  # what it used up is of the month after this one at the latest
    go(clock, e, second_of(COMMON, 7, 1))
    assert admitted(e, headers) == 3


def test_reload_resize_and_workers_share_one_window(clock, guard, key):
    headers = key()
    e = guard("20r/month")
    go(clock, e, second_of(COMMON, 2, 1))
    assert admitted(e, headers, 5) == 5
    e.reload()
    assert admitted(e, headers, 5) == 5
    e.reload(http="keyward_zone 8m;")
    assert admitted(e, headers, 20) == 10


def test_plans_by_the_month_and_their_days_by_the_calendar(clock, key, kw):
    kw("plan", "set", "pro", "--limit", "4r/d", "--limit", "6r/month")
    assert kw("plan", "show", "pro")["limits"] == ["4r/d", "6r/month"]
    own = key(limit="2r/month")
    by_plan, fixed = key(plan="pro"), key(plan="pro")
    e = clock.edge(
        server=f"{SHOW} location /c {{ keyward_limit plan window=calendar; empty_gif; }}"
        " location /f { keyward_limit plan name=f; empty_gif; }"
    )
    turn = second_of(COMMON, 2, 1)
    go(clock, e, turn - 7200)
    assert admitted(e, own, target="/c") == 2
    assert admitted(e, by_plan, target="/c") == 4
    assert admitted(e, fixed, target="/f") == 4
    go(clock, e, turn)
    assert admitted(e, own, target="/c") == 2
    assert admitted(e, by_plan, target="/c") == 4
    assert admitted(e, fixed, target="/f") == 0  # a day of 24 hours, by the monotonic clock
    go(clock, e, turn + 86400)
    assert admitted(e, by_plan, target="/c") == 2  # what the month has left


def test_in_the_configuration(edge, key):
    headers = key()
    e = edge(
        http="keyward_plan free limit=2r/month default;",
        server=f"{TELL} keyward on;"
        + at(
            ("/plan", "keyward_limit plan;"),
            ("/rate", "keyward_limit 3r/month name=x;"),
            ("/same", "keyward_limit 3r/month name=x;"),
        ),
    )
    assert ask(e, headers, "/plan", 3) == [200, 200, 429]
    assert ask(e, headers, "/rate", 2) + ask(e, headers, "/same", 2) == [200, 200, 200, 429]


def test_imported_and_exported(kw):
    line = {"id": "a", "sha256": sha256("a"), "limits": ["1000r/month", "10r/s"]}
    kw("key", "import", "-", input=lines(line))
    assert kw("key", "show", "a")["limits"] == line["limits"]
    assert json.loads(kw("key", "export", json=False))["limits"] == line["limits"]


def test_a_store_of_the_first_format_takes_none(kw, old_store):
    """What an older version can't read is not put where one may read it."""
    for command in (
        ["plan", "set", "pro", "--limit", "1r/month"],
        ["key", "create", "--name", "x", "--limit", "1r/month"],
    ):
        run = kw.run(*command)
        assert run.rc == 3 and "run `keyward store upgrade`" in run.stderr, run
    assert kw.run("key", "import", "-", input=lines({"sha256": sha256("a"), "limits": ["1r/month"]})).rc == 3
    kw("store", "upgrade")
    assert kw("plan", "set", "pro", "--limit", "1r/month")["limits"] == ["1r/month"]
