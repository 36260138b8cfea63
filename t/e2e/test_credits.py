"""keyward_cost: credits, taken from a balance together with the limits, and given back by the final status."""

import os
import random
import re
import signal
import threading

import lmdb
import pytest
from cli_helper import refuses
from harness.client import encode_request
from harness.drive import TELL, ask, at, connection_to_each_worker
from harness.load import Load, load
from harness.wait import until

UPSTREAM = "proxy_pass @BACKEND@;"


@pytest.fixture
def key(store):
    """key(...): the header fields of a new key."""
    return lambda **options: {"X-API-Key": store.key(verifier="sha256", **options)["key"]}


@pytest.fixture
def pro(kw):
    """pro("10/30d"): the plan of this name."""
    return lambda credits, *more: kw("plan", "set", "pro", "--credits", credits, *more)


def left(response):
    text = response.header("X-Credits-Remaining")
    return text if text is None else int(text)


def balance(kw, subject):
    """What the store says, which workers tell once a second."""
    return kw("key", "show", kw("key", "list", "--subject", subject)[0]["id"])["credits"]


def stored(kw, subject, number):
    until(lambda: balance(kw, subject) == number, 10, f"{number} in the store, {balance(kw, subject)} are there")


def test_takes_the_cost_until_there_is_too_little(edge, backend, key, pro):
    pro("10/30d")
    headers = key(plan="pro")
    e = edge(
        server=f"keyward on; keyward_cost 3; location / {{ {UPSTREAM} }} location /one {{ keyward_cost 1; empty_gif; }}"
    )
    assert [left(e.get("/", headers)) for _ in range(3)] == [7, 4, 1]
    refused = e.get("/", headers)
    assert refused.status == 402 and left(refused) == 1 and backend.count() == 3
    assert refused.json() == {"error": "insufficient credits", "code": "payment_required"}
    assert refused.header("Retry-After") is None and refused.header("Cache-Control") == "no-store"
    assert (e.get("/one", headers).status, e.get("/one", headers).status) == (200, 402)
    e.wait_log(r"keyward refused: insufficient_credits, key \"")
    assert left(e.get("/", key(plan="pro"))) == 7  # another key without a subject


def test_without_a_balance(edge, key, kw):
    kw("plan", "set", "bare")
    e = edge(
        server="keyward on; keyward_accept key anonymous;"
        + at(("/", "keyward_cost 1;"), ("/free", "keyward_cost none;"))
    )
    for headers in ({}, key(), key(plan="bare"), key(subject="bob")):
        assert e.get("/", headers).status == 402
        assert e.get("/free", headers).status == 200
    assert left(e.get("/", key())) == 0 and left(e.get("/", {})) is None


def test_whose_balance_it_is(edge, store, key, kw, pro):
    pro("10/30d")
    first = store.key(verifier="sha256", plan="pro")
    e = edge(server="keyward on;" + at(("/", "keyward_cost 1;")))
    assert left(e.get("/", {"X-API-Key": first["key"]})) == 9
    rotated = kw("key", "rotate", first["id"], "--overlap", "1h")
    assert left(e.get("/", {"X-API-Key": rotated["key"]})) == 8
    assert left(e.get("/", {"X-API-Key": first["key"]})) == 7
    alices = [key(subject="alice", plan="pro") for _ in range(3)]
    assert [left(e.get("/", headers)) for headers in alices] == [9, 8, 7]


def test_costs_add_up_by_method(edge, key, pro):
    pro("100/30d")
    headers = key(plan="pro")
    e = edge(
        location="keyward on; keyward_cost 1; keyward_cost 10 methods=POST,PUT; keyward_cost 5 methods=PUT; "
        "error_page 405 =200 /; empty_gif;"
    )
    assert left(e.get("/", headers)) == 99
    assert left(e.request("POST", "/", headers)) == 88
    assert left(e.request("PUT", "/", headers)) == 72


def test_limits_and_credits_are_taken_together_or_not(edge, key, kw, pro):
    pro("10/30d")
    one, other = key(plan="pro", subject="a"), key(plan="pro", subject="b", scope="some")
    e = edge(
        server="keyward on;"
        + at(
            ("/limited", "keyward_limit 2r/h name=x; keyward_concurrency 1 name=y; keyward_cost 1;"),
            ("/dear", "keyward_limit 2r/h name=x; keyward_concurrency 1 name=y; keyward_cost 100;"),
            ("/scoped", "keyward_scope none:at:all; keyward_cost 1;"),
            ("/look", "keyward_cost 1; keyward_limit 1r/h; keyward_limit 100r/h;"),
        )
    )
    answers = [e.get("/limited", one) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert [left(answer) for answer in answers] == [9, 8, 8, 8]
    answers = [e.get("/dear", other) for _ in range(4)]
    assert [answer.status for answer in answers] == [402] * 4
    assert [answer.header("X-RateLimit-Remaining") for answer in answers] == ["2"] * 4
    assert ask(e, other, "/limited", 3) == [200, 200, 429]
    refused = e.get("/scoped", other)
    assert refused.status == 403 and left(refused) == 8


@pytest.mark.parametrize("workers", [2])
def test_the_operators_changes_hold_at_once(workers, edge, key, kw):
    headers = key(subject="alice")
    e = edge(server=f"{TELL} keyward on; location / {{ keyward_cost 1; empty_gif; }}", workers=workers)
    connections = connection_to_each_worker(e, headers)

    def see():
        return [left(connection.request(headers=headers)) for connection in connections.values()]

    assert see() == [0, 0]
    kw("subject", "set", "alice", "--credits", "10")
    assert see() == [9, 8]
    kw("subject", "set", "alice", "--credits", "+100")
    assert see() == [107, 106]
    kw("subject", "set", "alice", "--credits=-50")
    assert see() == [55, 54]
    kw("subject", "set", "alice", "--plan", "")
    assert see() == [53, 52]
    kw("subject", "set", "alice", "--credits", "10")
    assert see() == [9, 8]
    kw("subject", "set", "alice", "--credits", "-20")
    assert see() == [0, 0]
    stored(kw, "alice", -12)
    kw("subject", "set", "alice", "--no-credits")
    assert see() == [0, 0]
    changes = [entry["changes"].get("credits") for entry in kw("audit", "--subject", "alice") if "changes" in entry]
    assert [(change["before"], change["after"]) for change in changes if change] == [
        (None, "10"),
        (None, "+100"),
        (None, "-50"),
        (None, "10"),
        (None, "-20"),
        ("-10", None),
    ]


def test_refunds_by_the_final_status(edge, backend, key, kw, pro):
    pro("1000/30d")
    headers = key(subject="alice", plan="pro")
    backend.on("*", answer=lambda request: (int(request.header("X-Status")), {}, b""))
    places = {
        "/back": f"keyward_cost 10 refund=5xx; {UPSTREAM}",
        "/kept": f"keyward_cost 10; {UPSTREAM}",
        "/mixed": f"keyward_cost 10 refund=5xx; keyward_cost 3; {UPSTREAM}",
        "/down": "keyward_cost 10 refund=5xx; proxy_pass http://127.0.0.1:1;",
        "/page": f"keyward_cost 10 refund=5xx; error_page 503 =200 /empty; proxy_intercept_errors on; {UPSTREAM}",
    }
    e = edge(
        server="keyward on; location = /empty { keyward off; empty_gif; }"
        + "".join(f"location {path} {{ {text} }}" for path, text in places.items())
    )
    e.allow_log("connect.. failed")
    now = 1000
    for path, status, taken in (
        ("/back", 200, 10),
        ("/back", 500, 0),
        ("/back", 503, 0),
        ("/back", 599, 0),
        ("/back", 404, 10),
        ("/kept", 500, 10),
        ("/mixed", 500, 3),
        ("/down", 502, 0),
        ("/page", 503, 10),  # what the client got is a 200
    ):
        answer = e.get(path, {**headers, "X-Status": str(status)})
        assert left(answer) == now - (13 if path == "/mixed" else 10), (path, status)
        now -= taken
        after = e.get("/kept", {**headers, "X-Status": "200"})
        now -= 10
        assert left(after) == now, (path, status)


def test_a_client_that_left_is_not_refunded(edge, backend, key, kw, pro):
    pro("1000/30d")
    headers = key(subject="alice", plan="pro")
    gate = threading.Event()
    backend.on("/slow", 500, gate=gate)
    e = edge(
        server=f"keyward on; location / {{ keyward_cost 10 refund=5xx; {UPSTREAM} }} location /see {{ keyward_cost 1; empty_gif; }}"
    )
    connection = e.connect()
    connection.send(encode_request("GET", "/slow", headers))
    backend.wait_requests(1)
    connection.close()
    until(lambda: " 499 " in e.access_log, 10, "the end of the request")
    gate.set()
    assert left(e.get("/see", headers)) == 989
    with e.h2() as connection:
        gate.clear()
        stream = connection.start("GET", "/slow", headers)
        backend.wait_requests(2)
        connection.reset(stream)
        until(lambda: e.access_log.count(" 499 ") == 2, 10, "the end of the stream")
        gate.set()
    assert left(e.get("/see", headers)) == 978


def test_a_request_pays_the_difference_on_its_way(edge, backend, key, pro):
    pro("1000/30d")
    headers = key(plan="pro")
    backend.on("/a", answer=lambda request: (200, {"X-Accel-Redirect": request.header("X-To")}, b""))
    backend.on("/c", 503)
    e = edge(
        server=f"keyward on; location = /a {{ keyward_cost 3 refund=5xx; {UPSTREAM} }}"
        + at(
            ("= /b", "keyward_cost 5;"), ("= /less", "keyward_cost 1;"), ("= /free", ""), ("= /see", "keyward_cost 1;")
        )
        + f"location = /c {{ keyward_cost 5 refund=5xx; {UPSTREAM} }}"
    )

    def go(to):
        return e.get("/a", {**headers, "X-To": to})

    assert left(go("/b")) == 995
    assert left(go("/less")) == 992
    assert go("/free").status == 200 and left(e.get("/see", headers)) == 988
    assert go("/c").status == 503 and left(e.get("/see", headers)) == 987


def test_error_pages_and_refusals_later_on(edge, key, pro):
    pro("10/30d")
    headers = key(plan="pro", scope="some")
    e = edge(
        server="keyward on; error_page 402 /pay; location = /pay { keyward_cost 1; empty_gif; }"
        "location = /dear { keyward_cost 100; empty_gif; } location = /see { keyward_cost 1; empty_gif; }"
        "location = /first { keyward_cost 2 refund=5xx; try_files /nothing /second; }"
        "location = /second { keyward_scope none:at:all; empty_gif; }"
    )
    assert e.get("/dear", headers).status == 402
    assert left(e.get("/see", headers)) == 9
    assert e.get("/first", headers).status == 403
    assert left(e.get("/see", headers)) in (6, 8)


def test_shadow_takes_nothing(edge, key, kw, pro):
    pro("10/30d")
    headers = key(subject="alice", plan="pro")
    e = edge(
        server="location / { keyward shadow; keyward_cost 4; empty_gif; } location /dear { keyward shadow; keyward_cost 40; empty_gif; }"
        " location /on { keyward on; keyward_cost 1; empty_gif; }"
    )
    for _ in range(3):
        answer = e.get("/", headers)
        assert answer.status == 200 and left(answer) is None
    assert e.get("/dear", headers).status == 200
    e.wait_log(r"would have refused \(shadow\): insufficient_credits")
    assert left(e.get("/on", headers)) == 9


def test_satisfy_any_and_what_is_refused_otherwise(edge, key, pro):
    pro("10/30d")
    headers = key(plan="pro")
    e = edge(
        server="keyward on; keyward_cost 1;"
        "location /any { satisfy any; allow 127.0.0.1; deny all; empty_gif; }"
        "location /deny { deny all; empty_gif; } location /see { empty_gif; }"
    )
    assert e.get("/deny", headers).status == 403
    assert e.get("/any").status == 200
    assert left(e.get("/see", headers)) == 9


def test_the_variable_and_the_field(edge, backend, key, pro):
    pro("10/30d")
    headers = key(plan="pro")
    backend.on("*", 200, {"X-Credits-Remaining": "12345"})
    e = edge(
        http='log_format credits "$request_uri=[$keyward_credits]";',
        server="access_log @PREFIX@/credits.log credits; keyward on; "
        f"location /cost {{ keyward_cost 4; {UPSTREAM} }} location /free {{ {UPSTREAM} }}",
    )
    answer = e.get("/cost", headers)
    assert answer.all("X-Credits-Remaining") == ["6"]
    assert e.get("/free", headers).header("X-Credits-Remaining") == "12345"
    assert e.get("/cost", headers).status == 200 and e.get("/cost", headers).status == 402
    log = e.prefix / "credits.log"
    until(
        lambda: log.exists() and log.read_text().splitlines() == ["/cost=[6]", "/free=[-]", "/cost=[2]", "/cost=[2]"],
        10,
        "the log",
    )


# What balances outlive.


def test_reloads_and_killed_workers_change_nothing(edge, key, kw, pro):
    pro("1000/30d")
    headers = key(subject="alice", plan="pro")
    location = "keyward on; keyward_cost 1; empty_gif;"
    e = edge(location=location, workers=2)
    assert left(e.get("/", headers)) == 999
    e.reload()
    assert left(e.get("/", headers)) == 998
    e.kill_worker()
    assert left(e.get("/", headers)) == 997
    e.reload(http="keyward_zone 8m;")
    assert left(e.get("/", headers)) == 996
    e.reload(location="keyward on; empty_gif;")
    assert e.get("/", headers).status == 200
    e.reload(location=location)
    assert left(e.get("/", headers)) == 995
    with Load(e.port, connections=8, headers=headers) as run:
        for size in ("4m", "16m", "8m"):
            e.reload(http=f"keyward_zone {size};")
    assert set(run.samples.statuses) <= {200, 402, 503, 0}
    admitted = run.samples.statuses[200]
    assert left(e.get("/", headers)) == max(994 - admitted, 0)


@pytest.mark.parametrize("how", ["graceful", "killed"])
def test_a_restart(how, edge, key, kw, pro):
    pro("1000/30d")
    alice, bob = key(subject="alice", plan="pro"), key(subject="bob")
    kw("subject", "set", "bob", "--credits", "50")
    e = edge(location="keyward on; keyward_cost 10; empty_gif;", workers=2)
    assert ask(e, alice, count=5) == [200] * 5 and ask(e, bob, count=2) == [200] * 2
    if how == "graceful":
        e.stop()
    else:
        stored(kw, "alice", 950)
        stored(kw, "bob", 30)
        os.killpg(e.pid, signal.SIGKILL)
        until(lambda: e._process.poll() is not None, 5)
    assert (balance(kw, "alice"), balance(kw, "bob")) == (950, 30)
    e.start()
    assert left(e.get("/", alice)) == 940 and left(e.get("/", bob)) == 20


def test_a_crash_loses_a_batch_at_most(edge, backend, key, kw, pro):
    """All processes are killed under load: what was admitted before the last save is known afterwards."""
    pro("1000000/30d")
    headers = key(subject="alice", plan="pro")
    e = edge(location="keyward on; keyward_cost 1;", workers=2)
    spent = 0
    for _ in range(3):
        with Load(e.port, connections=4, headers=headers):
            backend.wait_requests(backend.count() + 300)
            at_save, before = backend.count(), balance(kw, "alice")
            until(lambda: balance(kw, "alice") < before, 10, "a save")
            known = 1000000 - balance(kw, "alice")
            os.killpg(e.pid, signal.SIGKILL)
            until(lambda: e._process.poll() is not None, 5)
            served = backend.count()
        after = 1000000 - balance(kw, "alice")
        assert after >= known, "what was saved is lost"
        # Each is at the backend once and was charged once; what isn't known is of the last second or so.
        assert served - (after - spent) <= served - at_save + 8, (served, after, spent, at_save)
        spent = after
        backend.clear()
        e.start()
        now = 1000000 - left(e.get("/", headers))
        assert now == after + 1
        spent = now
        backend.clear()


def test_damaged_balances_are_empty(edge, key, kw, store, pro):
    pro("1000/30d")
    headers = key(subject="alice", plan="pro")
    location = "keyward on; keyward_cost 10; empty_gif;"
    e = edge(location=location)
    assert e.get("/", headers).status == 200
    e.stop()
    with lmdb.open(str(store.path / "usage"), max_dbs=16, max_readers=1024, lock=True) as environment:
        table = environment.open_db(b"balances", create=False)
        with environment.begin(write=True, db=table) as transaction:
            for name, value in list(transaction.cursor()):
                transaction.put(name, bytes([value[0], value[1] ^ 1]) + value[2:])
    check = kw.run("store", "check", "--json")
    assert check.rc == 3 and [item["what"] for item in check.json()["damaged"]] == ["balance"]
    e.start()
    e.wait_log("1 stored balances are damaged and are empty until they are refilled or set")
    e.allow_log("stored balances are damaged")
    assert e.get("/", headers).status == 402
    kw("subject", "set", "alice", "--credits", "100")
    assert left(e.get("/", headers)) == 90


def test_a_restored_backup_brings_no_credits_back(edge, key, kw, folder):
    kw("subject", "set", "alice", "--credits", "100")
    headers = key(subject="alice")
    kw("store", "backup", str(folder / "backup"))
    e = edge(location="keyward on; keyward_cost 10; empty_gif;")
    assert ask(e, headers, count=3) == [200] * 3
    kw("subject", "set", "alice", "--credits", "+5")
    assert left(e.get("/", headers)) == 65
    kw("store", "restore", str(folder / "backup"))
    assert left(e.get("/", headers)) == 55
    kw("subject", "set", "alice", "--credits", "+1")
    assert left(e.get("/", headers)) == 46


# Exactly.


@pytest.mark.load
def test_what_the_backend_has_served_is_what_was_taken(edge, backend, key, kw):
    """A balance of 1,000 and 5,000 requests over two workers, of which the backend fails some."""
    kw("subject", "set", "alice", "--credits", "1000")
    headers = key(subject="alice")
    numbers = random.Random(5)
    failing = {n for n in range(5000) if numbers.random() < 0.4}
    charged, lock = [], threading.Lock()

    def answer(request):
        number = int(request.path[1:])
        if number in failing:
            return 503, {}, b""
        with lock:
            charged.append(number)
        return 200, {}, b""

    backend.on("*", answer=answer)
    e = edge(location="keyward on; keyward_cost 1 refund=5xx;", workers=2)
    samples = load(e.port, connections=20, requests=5000, make=lambda n: ("GET", f"/{n}", headers))
    assert set(samples.statuses) == {200, 402, 503}
    assert len(charged) == len(set(charged)) == 1000 == samples.statuses[200]
    assert left(e.get("/0", headers)) == 0
    stored(kw, "alice", 0)


@pytest.mark.load
def test_one_credit_and_many_requests_at_once(edge, key, kw):
    kw("subject", "set", "alice", "--credits", "1")
    headers = key(subject="alice")
    e = edge(location="keyward on; keyward_cost 1; empty_gif;", workers=2)
    samples = load(e.port, connections=20, requests=1000, headers=headers)
    assert samples.statuses == {200: 1, 402: 999}


# What can be said wrong.


def test_words_of_the_command(kw):
    for word in ("many", "", "-", "+", "1.5", "1000000000000001", "+0", "1k"):
        refuses(kw, "subject", "set", "u", f"--credits={word}", status=2, says=f'--credits: "{word}" is not a balance')
    refuses(kw, "plan", "set", "p", "--credits", "1000", status=2, says="is not an amount of credits")
    assert kw("subject", "list") == [] and kw("plan", "list") == []
    kw("plan", "set", "pro", "--credits", "1000/30d", "--default")
    kw("subject", "set", "alice")
    assert kw("subject", "show", "alice")["credits"] == 1000
    assert kw("subject", "set", "alice", "--credits", "7")["credits"] == 7
    assert kw("subject", "list")[0]["credits"] == 7
    assert re.search(r"CREDITS.*\n.*\b7\b", kw("subject", "list", json=False))


def test_a_store_is_needed(config_test):
    rc, output = config_test(location="keyward on; keyward_accept anonymous; keyward_cost 1;", store=False)
    assert rc == 1 and "keyward_cost" in output and "needs a store, where balances are kept" in output
