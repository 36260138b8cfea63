"""The wall clock steps an hour forth and back. Limits go by monotonic time, expiry by wall time, and nobody gets in by it."""

import email.utils
import struct
import time

import pytest
from harness.shim import preload
from harness.tokens import Signer
from harness.wait import until

HOUR = 3600
pytestmark = pytest.mark.release_only  # the sanitizers have clocks of their own


class Clock:
    """What nginx takes for the time of day."""

    def __init__(self, path):
        self._path = path
        path.write_bytes(struct.pack("q", 0))

    def step(self, seconds):
        """Off by so much from now on; nginx reads its clock with each event."""
        with open(self._path, "r+b") as file:
            file.write(struct.pack("q", seconds))
        self.offset = seconds

    def of(self, e):
        """What time it is there, by an answer's Date."""
        return email.utils.parsedate_to_datetime(e.get("/time").header("Date")).timestamp()


@pytest.fixture
def clock(folder, build, edge, monkeypatch):
    """A clock that the edges of this test go by; clock.edge(...) starts one."""
    clock = Clock(folder / "clock")
    monkeypatch.setenv("CLOCK_FILE", str(folder / "clock"))
    preload(build, folder, monkeypatch, "clock")

    def start(**pieces):
        e = edge(**pieces)
        clock.step(0)
        clock.step(7 * HOUR)
        until(lambda: abs(clock.of(e) - time.time() - 7 * HOUR) < 60, 10, "the clock to be ours")
        clock.step(0)
        until(lambda: abs(clock.of(e) - time.time()) < 60, 10, "the clock to be right again")
        return e

    clock.edge = start
    return clock


def stepped(clock, e, seconds):
    clock.step(seconds)
    until(lambda: abs(clock.of(e) - time.time() - seconds) < 60, 10, "the step")


SHOW = "location = /time { keyward off; return 204; } add_header X-Reason $keyward_reason always; keyward on;"


@pytest.mark.parametrize("step", [HOUR, -HOUR])
@pytest.mark.parametrize("window", ["fixed", "sliding"])
def test_a_used_up_limit_stays_used_up_and_opens_none_the_earlier(clock, store, step, window):
    one, other = ({"X-API-Key": store.key(verifier="sha256")["key"]} for _ in range(2))
    e = clock.edge(server=f"{SHOW} location / {{ keyward_limit 3r/h window={window}; empty_gif; }}", workers=2)
    assert [e.get("/", one).status for _ in range(4)] == [200] * 3 + [429]
    assert e.get("/", other).status == 200
    stepped(clock, e, step)
    response = e.get("/", one)
    assert response.status == 429
    # The rest of the wait is what it was, told by the clock that the client has now. A third of a sliding window's count has to go out of view besides.
    wait = HOUR if window == "fixed" else HOUR + HOUR // 3
    assert wait - 120 < int(response.header("Retry-After")) <= wait
    assert abs(int(response.header("X-RateLimit-Reset")) - (time.time() + step + wait)) < 120
    assert [e.get("/", other).status for _ in range(3)] == [200, 200, 429]
    stepped(clock, e, 0)
    assert e.get("/", one).status == e.get("/", other).status == 429


def test_a_window_ends_when_it_would_have(clock, store):
    # Monotonic: a second is a second, whatever the wall says.
    headers = {"X-API-Key": store.key(verifier="sha256")["key"]}
    e = clock.edge(server=f"{SHOW} location / {{ keyward_limit 1r/s; empty_gif; }}")
    until(lambda: e.get("/", headers).status == 429, 10, "a used up limit")
    stepped(clock, e, -HOUR)
    until(lambda: e.get("/", headers).status == 200, 10, "the next window")


@pytest.mark.parametrize("verifier", ["sha256", "bcrypt:4"])
def test_expiry_goes_by_the_wall_also_for_a_remembered_key(clock, store, verifier):
    soon, late, never = (
        store.key(verifier=verifier, **options) for options in ({"expires": "30m"}, {"expires": "90m"}, {})
    )
    e = clock.edge(server=f"{SHOW} location / {{ empty_gif; }}", workers=2)

    def answers():
        return [e.get("/", {"X-API-Key": made["key"]}).status for made in (soon, late, never)]

    assert answers() == answers() == [200, 200, 200]
    stepped(clock, e, HOUR)
    assert [answers() for _ in range(4)] == [[401, 200, 200]] * 4
    assert e.get("/", {"X-API-Key": soon["key"]}).header("X-Reason") == "expired_key"
    stepped(clock, e, 2 * HOUR)
    assert answers() == [401, 401, 200]
    # An hour back: what a record says holds by the time that it is now.
    stepped(clock, e, 0)
    assert answers() == [200, 200, 200]
    stepped(clock, e, -HOUR)
    assert answers() == [200, 200, 200]


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_revocation_and_an_overlap_hold(clock, store, kw, step):
    revoked, old = (store.key(verifier="sha256") for _ in range(2))
    e = clock.edge(server=f"{SHOW} location / {{ empty_gif; }}", workers=2)
    assert e.get("/", {"X-API-Key": revoked["key"]}).status == e.get("/", {"X-API-Key": old["key"]}).status == 200
    new = kw("key", "rotate", old["id"], "--overlap", "30m")
    kw("key", "revoke", revoked["id"])
    for seconds in (step, 0, -step):
        stepped(clock, e, seconds)
        for _ in range(4):
            assert e.get("/", {"X-API-Key": revoked["key"]}).header("X-Reason") == "revoked_key"
            assert e.get("/", {"X-API-Key": new["key"]}).status == 200
            assert e.get("/", {"X-API-Key": old["key"]}).status == (401 if seconds > 0 else 200)


def test_commits_are_seen_whatever_the_clock_says(clock, store, kw):
    # An hour back, nothing is remembered for an hour longer.
    made = store.key()
    e = clock.edge(server=f"{SHOW} location / {{ empty_gif; }}", workers=2)
    for seconds in (0, HOUR, -HOUR, 0):
        stepped(clock, e, seconds)
        assert [e.get("/", {"X-API-Key": made["key"]}).status for _ in range(4)] == [200] * 4
        kw("key", "suspend", made["id"])
        assert [e.get("/", {"X-API-Key": made["key"]}).status for _ in range(4)] == [401] * 4
        kw("key", "resume", made["id"])


def test_shadow_ends_by_the_wall(clock, store):
    until_text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + HOUR / 2))
    e = clock.edge(
        server=f"location = /time {{ keyward off; return 204; }} keyward shadow until={until_text}; location / {{ empty_gif; }}"
    )
    assert e.get("/").status == 200
    stepped(clock, e, HOUR)
    assert e.get("/").status == 401


@pytest.mark.parametrize("leeway", [0, 30])
def test_a_remembered_token_ends_to_the_second(clock, issuers, leeway):
    # The very next request is refused, whatever was remembered; and what isn't good yet is good from its second on.
    signer = Signer()
    e = clock.edge(
        http=issuers.block("auth", signer, f"leeway {leeway}s;"),
        server=f"{SHOW} location / {{ empty_gif; }}",
        workers=2,
        store=False,
    )
    base = int(time.time())
    soon, late = signer.bearer(iat=base, exp=base + HOUR), signer.bearer(iat=base, exp=base + 3 * HOUR)
    early = signer.bearer(iat=base, nbf=base + 2 * HOUR, exp=base + 4 * HOUR)
    state = lambda: [
        e.get("/", headers).header("X-Reason") or e.get("/", headers).status for headers in (soon, late, early)
    ]

    def shows(at, wanted):
        """From this second on, for two minutes; on both workers."""
        for second in (at, at + 120):
            stepped(clock, e, second - int(time.time()))
            assert [state() for _ in range(4)] == [wanted] * 4, second

    shows(base, [200, 200, "invalid_token"])
    shows(base + HOUR + leeway, ["expired_token", 200, "invalid_token"])
    shows(base + 2 * HOUR - leeway, ["expired_token", 200, 200])
    shows(base + 3 * HOUR + leeway, ["expired_token", "expired_token", 200])
    # Back again, as a clock may go: by the time that it is now.
    shows(base, [200, 200, "invalid_token"])


def test_a_remembered_token_is_good_until_its_last_second(clock, issuers):
    # A clock that steps to some seconds before the end, and a poll: never 200 once an answer's Date says that it is over.
    signer = Signer()
    e = clock.edge(
        http=issuers.block("auth", signer, "leeway 0s;"), server=f"{SHOW} location / {{ empty_gif; }}", store=False
    )
    exp = int(time.time()) + HOUR
    token = signer.bearer(exp=exp)
    assert e.get("/", token).status == 200
    stepped(clock, e, HOUR - 3)
    seen = {200: [], 401: []}

    def over():
        response = e.get("/", token)
        seen[response.status].append(email.utils.parsedate_to_datetime(response.header("Date")).timestamp())
        return response.status == 401

    until(over, 30, "the end")
    assert all(date < exp for date in seen[200]) and seen[401][0] >= exp
