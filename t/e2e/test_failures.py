"""keyward_limit ... by=failures: wrong keys from an address are counted, and who guesses too often has to wait."""

import json
import secrets

import bcrypt
import pytest
from harness.drive import TELL, each_port, statuses, volley

FROM = "set_real_ip_from 127.0.0.1; real_ip_header X-From;"
SERVER = f"{TELL} {FROM} keyward on;"
LIMIT = "keyward_limit 3r/m by=failures;"


@pytest.fixture
def guard(edge):
    def start(locations=f"location / {{ {LIMIT} empty_gif; }}", **more):
        return edge(server=f"{SERVER}\n{locations}", **more)

    return start


@pytest.fixture
def wrong(store):
    """wrong(): the text of a key that looks right and isn't in the store, another one each time."""

    def make():
        made = store.key(verifier="sha256")
        store.kw("key", "revoke", made["id"])
        store.kw("key", "purge", "--revoked-before", "2100-01-01")
        return made["key"]

    return make


@pytest.fixture
def key(store):
    return lambda **options: store.key(**{"verifier": "sha256", **options})["key"]


def ask(e, text, address="192.0.2.1", target="/", method="GET"):
    """(status, reason) of one request with this key, from this address."""
    headers = {"X-From": address, **({"X-API-Key": text} if text else {})}
    response = e.request(method, target, headers)
    return response.status, response.header("X-Reason")


WRONG, STOPPED = (401, "invalid_key"), (429, "too_many_failures")


def test_so_many_wrong_keys_and_then_429(guard, wrong):
    e = guard()
    keys = [wrong() for _ in range(5)]
    assert [ask(e, key) for key in keys] == [WRONG] * 3 + [STOPPED] * 2
    # The same one again and again is no better.
    assert [ask(e, keys[0], "192.0.2.2") for _ in range(5)] == [WRONG] * 3 + [STOPPED] * 2


def test_the_answer_says_when_to_come_back_and_nothing_of_limits(guard, wrong):
    e = guard()
    for _ in range(3):
        ask(e, wrong())
    response = e.get(headers={"X-From": "192.0.2.1", "X-API-Key": wrong()})
    assert response.status == 429
    assert 1 <= int(response.header("Retry-After")) <= 60
    assert response.json() == {
        "error": "rate limit exceeded",
        "code": "rate_limited",
        "retry_after": int(response.header("Retry-After")),
    }
    assert response.header("Cache-Control") == "no-store"
    # These would tell how many guesses are left.
    assert not [name for name, _ in response.headers if "ratelimit" in name.lower()]
    assert "keyward refused: too_many_failures" in e.log


def test_each_address_has_its_own(guard, wrong):
    e = guard()
    text = wrong()
    assert [ask(e, text) for _ in range(4)] == [WRONG] * 3 + [STOPPED]
    assert [ask(e, text, "192.0.2.2") for _ in range(4)] == [WRONG] * 3 + [STOPPED]
    # IPv6 by /64.
    same = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::", "2001:db8:0:1::3"]
    assert [ask(e, text, address) for address in same] == [WRONG] * 3 + [STOPPED]
    assert ask(e, text, "2001:db8:0:2::1") == WRONG


@pytest.mark.parametrize("verifier", ["sha256", "bcrypt:4"])
def test_a_key_that_was_proved_before_passes_and_one_that_was_not_waits(guard, wrong, key, verifier):
    known, late, e = key(verifier=verifier), key(verifier=verifier), guard(workers=2)
    assert ask(e, known)[0] == 200
    assert [ask(e, wrong()) for _ in range(4)] == [WRONG] * 3 + [STOPPED]
    # In whatever worker.
    answers = volley(each_port(e), 20, 3, headers={"X-From": "192.0.2.1", "X-API-Key": known})
    assert statuses(answers) == {200: 60}
    assert len({response.header("X-Worker") for response in answers}) == 2
    assert ask(e, late) == STOPPED
    assert ask(e, late, "192.0.2.9")[0] == 200
    # From there on it is proved for everywhere.
    assert ask(e, late)[0] == 200


def test_a_proved_key_is_still_judged(guard, wrong, store, kw):
    made = store.key(verifier="sha256", scope=["a:read"])
    e = guard(f"location / {{ {LIMIT} empty_gif; }} location /b {{ {LIMIT} keyward_scope b:read; empty_gif; }}")
    assert ask(e, made["key"])[0] == 200
    assert [ask(e, wrong()) for _ in range(4)][-1] == STOPPED
    assert ask(e, made["key"], target="/b") == (403, "insufficient_scope")
    kw("key", "revoke", made["id"])
    # A change of the record ends its proof: it waits like any other.
    assert ask(e, made["key"]) == STOPPED
    assert ask(e, made["key"], "192.0.2.2") == (401, "revoked_key")


def test_what_is_no_wrong_secret_is_not_counted(guard, wrong, store, kw):
    states = {}
    for command in ("revoke", "suspend"):
        made = store.key(verifier="sha256")
        kw("key", command, made["id"])
        states[command] = made["key"]
    good = store.key(verifier="sha256", scope=["a:read"])["key"]
    e = guard(
        f"location / {{ {LIMIT} empty_gif; }} location /anonymous {{ {LIMIT} keyward_accept key anonymous; empty_gif; }}"
        f"location /scope {{ {LIMIT} keyward_scope x:y; empty_gif; }}"
    )
    for _ in range(10):
        assert ask(e, None) == (401, "missing_credential")
        assert ask(e, None, target="/anonymous")[0] == 200
        assert ask(e, good)[0] == 200
        assert ask(e, good, target="/scope") == (403, "insufficient_scope")
        assert ask(e, states["revoke"]) == (401, "revoked_key")
        assert ask(e, states["suspend"]) == (401, "suspended_key")
        # What can't be a key costs no look at the store, and is no guess.
        assert ask(e, "kw_short") == WRONG
        assert ask(e, good[:-1] + ("0" if good[-1] != "0" else "1")) == WRONG
        assert ask(e, "eyJh.eyJz.c2ln") == WRONG
    assert [ask(e, wrong()) for _ in range(4)] == [WRONG] * 3 + [STOPPED]
    # And where they are used up, who presents nothing isn't stopped.
    assert ask(e, None) == (401, "missing_credential")
    assert ask(e, None, target="/anonymous")[0] == 200


def test_a_success_forgives_nothing_and_costs_nothing(guard, wrong, key):
    good, e = key(), guard()
    for _ in range(3):
        assert ask(e, wrong()) == WRONG
        assert ask(e, good)[0] == 200
    assert ask(e, wrong()) == STOPPED


def test_it_stands_beside_other_limits(guard, wrong, key):
    one, other = key(), key()
    e = guard(f"location / {{ {LIMIT} keyward_limit 2r/m; empty_gif; }}")
    assert [ask(e, one)[0] for _ in range(3)] == [200, 200, 429]
    assert [ask(e, wrong()) for _ in range(4)] == [WRONG] * 3 + [STOPPED]
    assert ask(e, one) == (429, "rate_limited")
    assert ask(e, other) == STOPPED
    # Failures are no requests: the other's own limit is whole.
    assert [ask(e, other, "192.0.2.7")[0] for _ in range(3)] == [200, 200, 429]


def test_methods_and_cost_and_names(guard, wrong):
    e = guard(
        "location /post { keyward_limit 2r/m by=failures methods=POST; empty_gif; }"
        "location /dear { keyward_limit 4r/m by=failures cost=2; empty_gif; }"
        "location /a { keyward_limit 3r/m by=failures name=n; empty_gif; }"
        "location /b { keyward_limit 3r/m by=failures name=n; empty_gif; }"
        "location /free { empty_gif; }"
    )
    text = wrong()
    assert [ask(e, text, target="/post") for _ in range(5)] == [WRONG] * 5
    assert [ask(e, text, target="/post", method="POST") for _ in range(3)] == [WRONG] * 2 + [STOPPED]
    assert [ask(e, text, target="/dear") for _ in range(3)] == [WRONG] * 2 + [STOPPED]
    assert [ask(e, text, target=target) for target in ("/a", "/b", "/a", "/b", "/a")] == [WRONG] * 3 + [STOPPED] * 2
    assert [ask(e, text, target="/free") for _ in range(10)] == [WRONG] * 10


def test_the_longest_of_two_is_told(guard, wrong):
    e = guard("location / { keyward_limit 2r/m by=failures; keyward_limit 2r/h by=failures; empty_gif; }")
    for _ in range(2):
        assert ask(e, wrong()) == WRONG
    assert 60 < int(e.get(headers={"X-From": "192.0.2.1", "X-API-Key": wrong()}).header("Retry-After")) <= 3600


@pytest.mark.load
def test_two_workers_count_together(guard, wrong):
    """A worker looks first and counts after, so that each may be one ahead of what the others have counted; no more."""
    e = guard("location / { keyward_limit 50r/h by=failures; empty_gif; }", workers=2)
    headers = {"X-From": "192.0.2.1", "X-API-Key": wrong()}
    answers = volley(each_port(e), 40, 10, headers=headers)
    assert len({response.header("X-Worker") for response in answers}) == 2
    assert set(statuses(answers)) == {401, 429}
    assert 50 <= statuses(answers)[401] <= 50 + 2


def test_failures_over_reloads_and_killed_workers(guard, wrong):
    e = guard()
    for _ in range(3):
        assert ask(e, wrong()) == WRONG
    e.reload()
    assert ask(e, wrong()) == STOPPED
    e.kill_worker()
    assert ask(e, wrong()) == STOPPED


@pytest.mark.load
def test_more_addresses_than_the_zone_has_room_for(guard, wrong, key):
    # Newcomers share one window of ten times the rate, and the log says so; whoever was proved passes.
    known, text = key(), wrong()
    e = guard("location / { keyward_limit 3r/h by=failures name=guesses; empty_gif; }", http="keyward_zone 512k;")
    assert ask(e, known)[0] == 200
    assert [ask(e, text) for _ in range(4)] == [WRONG] * 3 + [STOPPED]
    addresses = [f"10.0.{n >> 8}.{n & 255}" for n in range(10_000)]
    answers = volley(e.port, 20, 500, make=lambda n: ("/", {"X-From": addresses[n], "X-API-Key": text}))
    assert set(statuses(answers)) == {401, 429}
    assert ask(e, text) == STOPPED
    assert ask(e, known)[0] == 200
    e.wait_log('zone is full: newcomers of limit "guesses"')


def test_shadow_counts_and_refuses_nobody(guard, wrong):
    e = guard(f"location / {{ keyward shadow; {LIMIT} empty_gif; }} location /on {{ {LIMIT} empty_gif; }}")
    assert [ask(e, wrong()) for _ in range(4)] == [(200, "invalid_key")] * 3 + [(200, "too_many_failures")]
    assert ask(e, wrong(), target="/on") == WRONG


def test_a_wrong_key_under_a_known_plain_prefix_counts(guard, kw):
    # A guess at one of these costs a bcrypt run, so that this matters most here.
    good, *others = ("old_" + secrets.token_hex(20) for _ in range(5))
    line = {"bcrypt": bcrypt.hashpw(good.encode(), bcrypt.gensalt(4)).decode(), "prefix": "old_"}
    kw("key", "import", "-", input=json.dumps(line) + "\n")
    e = guard(http="keyward_key_format old_ hex=40;")
    assert [ask(e, other) for other in others] == [WRONG] * 3 + [STOPPED]
    # Its own first success would need a run, too.
    assert ask(e, good) == STOPPED
    assert ask(e, good, "192.0.2.2")[0] == 200
    assert ask(e, good)[0] == 200


@pytest.mark.parametrize("directive", ["plan by=failures", "3r/m by=failure", "3r/m by=failures default=x"])
def test_nginx_t_refuses_what_cannot_be(config_test, store, directive):
    rc, output = config_test(location=f"keyward on; keyward_limit {directive};")
    assert rc == 1 and "keyward_limit" in output, output
