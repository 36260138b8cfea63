"""jwks_uri: key sets that are fetched, kept, rotated and lost."""

import ipaddress
import os
import re
import shutil
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from harness.certificates import certificate, server_context
from harness.issuer import Issuer, answer
from harness.shim import preload
from harness.wait import until

GUARDED = "keyward on; keyward_accept token;"
# Fetched again every second or so, as little as that can be.
SHORT = "refresh=1s stale=1h"


@pytest.fixture
def make_issuer():
    issuers = []

    def make(**options):
        issuers.append(Issuer(**options))
        return issuers[-1]

    yield make
    for issuer in issuers:
        issuer.close()


@pytest.fixture
def issuer(make_issuer):
    return make_issuer()


def block(issuer, name="auth", more="", rules=""):
    return f"keyward_issuer {name} {{ jwks_uri {issuer.url} plain {more}; {rules} }}"


def wait_status(edge, status, headers, timeout=20):
    until(lambda: edge.get("/", headers()).status == status, timeout * edge.build.patience, f"a {status}")


def in_parallel(work, count):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, answers


def join(threads):
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_keys_are_there_before_anybody_asks(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    e.wait_log(r'\[notice\].*issuer "auth": 1 keys from http://127')
    assert issuer.count == 1
    for _ in range(10):
        assert e.get("/", issuer.bearer()).status == 200
    assert e.get("/", {"Authorization": f"Bearer {issuer.token()[:-4]}AAAA"}).status == 401
    assert issuer.count == 1


def test_the_first_request_waits_for_the_first_fetch(edge, issuer):
    issuer.gate = threading.Event()
    e = edge(http=block(issuer), location=GUARDED, store=False)
    issuer.wait_count(1)
    with e.connect() as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n")
        issuer.gate.set()
        assert connection.read_response().status == 200
    assert issuer.count == 1


def test_a_rotation_costs_one_fetch(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    issuer.add_key("second")
    issuer.gate = threading.Event()
    threads, answers = in_parallel(lambda: e.get("/", issuer.bearer("second")).status, 40)
    issuer.wait_count(2)
    assert e.get("/", issuer.bearer("first")).status == 200  # nobody else waits
    issuer.gate.set()
    join(threads)
    assert answers == [200] * 40
    assert issuer.count == 2


def test_unknown_keys_are_throttled(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    stranger = Issuer()
    stranger.close()
    stranger.add_key("stranger")
    # The set that is fetched for it doesn't have it: now that is known.
    refused = e.get("/", stranger.bearer())
    assert (refused.status, refused.json()["error"]) == (401, "invalid token")
    assert issuer.count == 2
    issuer.add_key("second")
    for headers in [*(stranger.bearer() for _ in range(20)), issuer.bearer("second")]:
        refused = e.get("/", headers)
        assert (refused.status, refused.json()["code"]) == (503, "unavailable")
        assert 1 <= int(refused.header("Retry-After")) <= 30
    assert e.get("/", issuer.bearer("first")).status == 200
    assert issuer.count == 2


def test_a_flood_of_unknown_keys_is_one_fetch(edge, issuer, build):
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    stranger = Issuer()
    stranger.close()
    key = stranger.keys["first"]

    def flood():
        statuses = set()
        with e.connect() as connection:
            for _ in range(250):
                kid = os.urandom(8).hex()
                statuses.add(
                    connection.request(
                        "GET", "/", {"Authorization": f"Bearer {stranger.token(kid, signed_with=key)}"}
                    ).status
                )
        return statuses

    threads, answers = in_parallel(flood, 8)
    join(threads)
    assert set().union(*answers) <= {401, 503}
    assert issuer.count == 2
    assert e.get("/", issuer.bearer()).status == 200


def test_a_slow_issuer_holds_up_nobody_for_long(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    issuer.gate = threading.Event()
    issuer.add_key("second")
    with e.connect() as leaving:
        leaving.send(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n")
        issuer.wait_count(2)
        leaving.close()
        assert e.get("/", issuer.bearer()).status == 503  # after its two seconds, not the fetch's five
        assert not re.search("no whole answer within 5 seconds", e.log)
        assert e.get("/", issuer.bearer("first")).status == 200
        e.wait_log(r'\[error\].*issuer "auth": no keys from .*: no whole answer within 5 seconds')
    assert e.get("/", issuer.bearer()).status == 503  # throttled
    assert issuer.count in (2, 3)  # the failed one is tried again in its time


def test_streams_may_leave_while_they_wait(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    issuer.gate = threading.Event()
    issuer.add_key("second")
    with e.h2() as staying, e.h2() as leaving:
        streams = [staying.start("GET", "/", issuer.bearer()) for _ in range(60)]
        for _ in range(60):
            leaving.start("GET", "/", issuer.bearer())
        issuer.wait_count(2)
        for stream in streams[::2]:
            staying.reset(stream)
        leaving.close()
        issuer.gate.set()
        assert {staying.finish(stream).status for stream in streams[1::2]} == {200}
    assert issuer.count == 2


def test_a_subject_that_is_blocked_while_its_request_waits(edge, issuer, kw):
    kw("subject", "set", "u1")
    e = edge(http=block(issuer, rules="subject shared;"), location=GUARDED)
    wait_status(e, 200, issuer.bearer)
    issuer.gate = threading.Event()
    issuer.add_key("second")
    with e.connect() as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n")
        issuer.wait_count(2)
        kw("subject", "set", "u1", "--state", "blocked")
        issuer.gate.set()
        assert connection.read_response().status == 403


def test_only_so_many_wait(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    issuer.gate = threading.Event()
    issuer.add_key("second")
    request = f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n"
    connections = [e.connect(60) for _ in range(300)]
    for connection in connections:
        connection.send(request)
    issuer.wait_count(2)
    issuer.gate.set()
    statuses = [connection.read_response().status for connection in connections]
    for connection in connections:
        connection.close()
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 1
    assert e.get("/", issuer.bearer()).status == 200
    assert issuer.count == 2


def test_an_issuer_that_comes_up_later(edge, issuer):
    issuer.stop()
    e = edge(http=block(issuer), location=GUARDED, store=False)
    e.wait_log(
        r'\[error\].*issuer "auth": no keys from \S+: can\'t connect to the host.*it has no keys yet, so its tokens get 503'
    )
    refused = e.get("/", issuer.bearer())
    assert (refused.status, refused.json()["code"]) == (503, "unavailable")
    issuer.start()
    wait_status(e, 200, issuer.bearer)
    assert len(re.findall(r"\[error\].*can't connect", e.log)) == 1


SECRET = {"kty": "oct", "kid": "secret", "k": "A" * 64}


def endless(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")


def test_the_last_good_set_stays(edge, issuer, make_issuer):
    """One edge for all that an issuer may send instead of keys."""
    other = make_issuer()
    whole = answer(issuer.jwks())
    e = edge(http=block(issuer, more=SHORT), location=GUARDED, workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    private = {**issuer.keys["first"].jwk, "d": "AAAA"}
    bad = [
        (answer(b"<html>"), "no key set that can be used"),
        (answer(b""), "no key set that can be used"),
        (answer(b'{"keys":[]}'), "no key set that can be used .no key that can be used"),
        (answer(issuer.jwks()[:-1]), "no key set that can be used"),
        (answer(issuer.jwks() + b"x"), "no key set that can be used"),
        (answer(str({"keys": [SECRET]}).replace("'", '"').encode()), "no key set that can be used"),
        (answer(str({"keys": [private]}).replace("'", '"').encode()), "no key set that can be used"),
        (answer(b"\x1f\x8b\x08" + b"\0" * 50, headers={"Content-Encoding": "gzip"}), "is compressed"),
        (answer(b"\x1f\x8b\x08" + b"\0" * 50), "no key set that can be used .it is compressed .gzip."),
        (whole[:-10], "not whole"),
        (b"garbage", "not whole, or no HTTP"),
        (b"", "not whole, or no HTTP"),
        (answer(b" " * (2 << 20) + issuer.jwks()), "larger than 1 MiB"),
        (endless, "larger than 1 MiB"),
        (answer(issuer.jwks(), headers={"Content-Length": str(1 << 30)}), "larger than 1 MiB"),
        (answer(issuer.jwks(), "404 Not Found"), "status 404"),
        (answer(issuer.jwks(), "500 Oops"), "status 500"),
        (answer(issuer.jwks(), "201 Created"), "status 201"),
        (answer(issuer.jwks(), "302 Found", {"Location": other.url}), "redirects .status 302., which is not followed"),
        (answer(issuer.jwks(), "308 Gone", {"Location": other.url}), "redirects .status 308., which is not followed"),
    ]
    for what, words in bad:
        since = len(e.log)
        issuer.behave = what
        e.wait_log(rf'issuer "auth": no keys from \S+: [^\n]*{words}', 20, since)
        assert e.get("/", issuer.bearer("first")).status == 200, words
    assert other.count == 0
    issuer.behave = None
    since = len(e.log)
    e.wait_log('issuer "auth": keys can be fetched again', 20, since)
    assert e.get("/", issuer.bearer("first")).status == 200


def test_a_key_that_leaves_the_set_ends_its_tokens(edge, issuer):
    issuer.add_key("second")
    e = edge(http=block(issuer, more=SHORT), location=GUARDED, workers=2, store=False)
    old = {"Authorization": f"Bearer {issuer.token('first')}"}
    wait_status(e, 200, lambda: old)
    new = issuer.bearer("second")
    gone = issuer.keys.pop("first")
    wait_status(e, 401, lambda: old)
    assert e.get("/", new).status == 200
    # And it doesn't come back by itself: a third one under its name is another.
    issuer.add_key("first")
    wait_status(e, 200, lambda: issuer.bearer("first"))
    issuer.keys["gone"] = gone
    for _ in range(10):
        assert e.get("/", old).status == 401


def test_keys_of_a_bad_kind_are_left_out_and_named(edge, issuer):
    issuer.behave = answer(issuer.jwks({"kty": "RSA", "kid": "small", "n": "AQAB", "e": "AQAB"}))
    e = edge(http=block(issuer), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    assert re.search(r'\[warn\].*issuer "auth": key 2 .kid "small". of http://\S+ is refused: ', e.log)


def test_a_set_that_is_too_old_is_gone(edge, issuer):
    e = edge(http=block(issuer, more="refresh=1s stale=3s"), location=GUARDED, workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    issuer.stop()
    wait_status(e, 503, issuer.bearer)
    e.wait_log(r'\[error\].*issuer "auth": its keys are too old')
    issuer.start()
    wait_status(e, 200, issuer.bearer)
    assert len(re.findall("keys are too old", e.log)) == 1


def test_two_issuers_dont_wait_for_each_other(edge, make_issuer):
    slow, quick = make_issuer(), make_issuer()
    slow.gate = threading.Event()
    e = edge(
        http=block(slow, "slow") + block(quick, "quick"), location="keyward on; keyward_accept quick;", store=False
    )
    slow.wait_count(1)
    wait_status(e, 200, quick.bearer)
    quick.add_key("second")
    assert e.get("/", quick.bearer("second")).status == 200
    slow.gate.set()
    assert e.get("/", slow.bearer()).status == 401


def test_two_issuers_of_one_url_share_its_set(edge, issuer):
    http = block(issuer, "a", rules="issuer https://a;") + block(issuer, "b", rules="issuer https://b;")
    e = edge(http=http, location=GUARDED, store=False)
    wait_status(e, 200, lambda: issuer.bearer(iss="https://a"))
    assert e.get("/", issuer.bearer(iss="https://b")).status == 200
    assert e.get("/", issuer.bearer(iss="https://c")).status == 401
    assert issuer.count == 1


@pytest.mark.parametrize("order", ["lax strict", "strict lax"])
def test_a_rotation_leaves_nothing_to_a_laxer_issuer_of_the_same_url(edge, issuer, order):
    # Whichever stands first and whoever's worker fetches: the token is for the first that is accepted.
    rules = {"lax": "grant *;", "strict": "require tier gold; subject required;"}
    http = "".join(block(issuer, name, rules=rules[name]) for name in order.split())
    e = edge(
        http=http,
        location="keyward on; keyward_accept strict lax; add_header X-Reason $keyward_reason always;",
        workers=2,
    )
    wait_status(e, 200, issuer.bearer)
    issuer.add_key("second")
    issuer.gate = threading.Event()
    threads, answers = in_parallel(lambda: e.get("/", issuer.bearer("second", tier="gold")), 40)
    issuer.wait_count(2)
    issuer.gate.set()
    join(threads)
    assert {(response.status, response.header("X-Reason")) for response in answers} == {(401, "unprovisioned")}
    assert e.get("/", issuer.bearer("second", tier="tin")).status == 200


def test_a_set_that_another_issuers_key_stood_against_is_tried_again(edge, make_issuer):
    one, other = make_issuer(), make_issuer()
    e = edge(http=block(one, "one", SHORT) + block(other, "other", SHORT), location=GUARDED, store=False)
    wait_status(e, 200, one.bearer)
    wait_status(e, 200, other.bearer)
    one.keys["moved"] = other.keys["first"].named("moved")
    e.wait_log('issuer "one" can\'t use the keys that issuer "other" has, too')
    assert e.get("/", one.bearer("first")).status == 200
    other.add_key("second")
    del other.keys["first"]
    wait_status(e, 200, lambda: other.bearer("second"))
    wait_status(e, 200, lambda: one.bearer("moved"))


# What outlives a restart.


def test_a_restart_while_the_issuer_is_down(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, workers=2)
    wait_status(e, 200, issuer.bearer)
    # Written by the store's thread, behind the answer.
    database = Path(e.value("STORE")) / "usage" / "data.mdb"
    until(lambda: issuer.jwks() in database.read_bytes(), 10, "the keys in the store")
    e.stop()
    issuer.stop()
    e.start()
    assert e.get("/", issuer.bearer()).status == 200
    e.wait_log(r'issuer "auth": 1 cached keys, fetched at 20')
    e.wait_log(r"can't connect to the host[^\n]*; those of 20\S+ are used until 20")
    assert e.get("/", issuer.bearer()).status == 200


@pytest.fixture
def cache(folder, build):
    """A folder that workers may write."""
    path = folder / "cache"
    path.mkdir()
    if build.worker_user:
        shutil.chown(path, *build.worker_user)
    return path / "auth.jwks"


def test_a_cache_without_a_store(edge, issuer, cache):
    e = edge(http=block(issuer, more=f"cache={cache}"), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    until(cache.exists, 10, "the cache")
    assert cache.stat().st_mode & 0o7777 == 0o600
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]
    e.stop()
    issuer.stop()
    e.start()
    assert e.get("/", issuer.bearer()).status == 200


def test_a_cache_is_believed_for_its_own_url_only(edge, issuer, make_issuer, cache):
    e = edge(http=block(issuer, more=f"cache={cache}"), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    until(cache.exists, 10, "the cache")
    other = make_issuer()
    other.stop()
    e2 = edge(http=block(other, more=f"cache={cache}"), location=GUARDED, store=False)
    e2.wait_log(r"\[error\].*its cached keys can't be used: .*fetched from another URL")
    assert e2.get("/", issuer.bearer()).status == 503


def test_a_cache_that_is_too_old_isnt_used(edge, issuer, cache):
    http = block(issuer, more=f"refresh=1s stale=2s cache={cache}")
    e = edge(http=http, location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    until(cache.exists, 10, "the cache")
    e.stop()
    issuer.stop()
    written = cache.stat().st_mtime
    until(lambda: time.time() > written + 3, 10, "time to pass")
    e.start()
    e.wait_log(r"\[error\].*its cached keys can't be used: they were fetched at 20\S+, longer ago than stale=")
    assert e.get("/", issuer.bearer()).status == 503


def test_a_cache_that_others_may_write_isnt_believed(edge, issuer, cache):
    e = edge(http=block(issuer, more=f"cache={cache}"), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    until(cache.exists, 10, "the cache")
    e.stop()
    issuer.stop()
    cache.chmod(0o666)
    e.start()
    e.wait_log(r"\[error\].*its cached keys can't be used: .*others than the workers' user and root may write it")
    assert e.get("/", issuer.bearer()).status == 503


def test_a_cache_that_cant_be_written_is_told(edge, issuer, folder):
    (folder / "there" / "auth.jwks").mkdir(parents=True)  # a folder, where the file would be
    e = edge(http=block(issuer, more=f"cache={folder}/there/auth.jwks"), location=GUARDED, store=False)
    e.wait_log(r'\[error\].*issuer "auth": its keys can\'t be cached: .*can\'t be written')
    assert e.get("/", issuer.bearer()).status == 200


# Processes that come and go.


def worker_of(edge, port):
    """The pid of the worker that has the connection from this port of its own."""
    with open("/proc/net/tcp") as file:
        inodes = {line.split()[9] for line in file.readlines()[1:] if line.split()[1].endswith(f":{port:04X}")}
    for pid in edge.workers():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                match = re.match(r"socket:\[(\d+)\]", os.readlink(descriptor))
            except OSError:
                continue
            if match and match[1] in inodes:
                return pid
    return None


def test_the_turn_of_a_killed_worker_passes_on(edge, issuer):
    issuer.gate = threading.Event()
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    issuer.wait_count(1)
    fetching = worker_of(e, issuer.peers[0])
    assert fetching
    e.kill_worker(fetching)
    issuer.gate.set()
    issuer.wait_count(2)
    wait_status(e, 200, issuer.bearer)
    assert issuer.count == 2


def test_a_killed_worker_keeps_nobody_from_new_keys(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    issuer.add_key("second")
    issuer.gate = threading.Event()
    with e.connect() as waiting:
        waiting.send(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n")
        issuer.wait_count(2)
        e.kill_worker(worker_of(e, issuer.peers[1]))
    issuer.gate.set()
    wait_status(e, 200, issuer.bearer)  # without the half minute that a fetch of its own would have to wait
    assert issuer.count == 3


def test_a_reload_keeps_the_set(edge, issuer):
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    issuer.stop()
    for _ in range(3):
        e.reload()
        assert e.get("/", issuer.bearer()).status == 200
    e.reload(http=block(issuer, more="refresh=5m"), workers=1)
    assert e.get("/", issuer.bearer()).status == 200
    assert issuer.count == 1


def test_a_reload_in_the_middle_of_a_fetch(edge, issuer, make_issuer):
    issuer.gate = threading.Event()
    other = make_issuer()
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    issuer.wait_count(1)
    e.reload(http=block(issuer) + block(other, "other"))
    wait_status(e, 200, other.bearer)
    issuer.gate.set()
    wait_status(e, 200, issuer.bearer)
    # Another URL has memory of its own.
    e.reload(http=block(other))
    assert e.get("/", other.bearer()).status == 200
    assert e.get("/", issuer.bearer()).status in (401, 503)


def test_the_end_doesnt_wait_for_an_issuer(edge, issuer):
    issuer.gate = threading.Event()
    e = edge(http=block(issuer), location=GUARDED, workers=2, store=False)
    issuer.wait_count(1)
    e.stop()
    issuer.gate.set()
    issuer.gate = threading.Event()
    e.start()
    issuer.wait_count(2)
    with e.connect() as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {issuer.token()}\r\n\r\n")
        until(lambda: e.access_log.count("\n") == 0 and e.get("/").status == 401, 10, "an answer")
        e.stop()  # lets the request have its answer
        assert connection.read_response().status == 503


@pytest.mark.parametrize("graceful", [True, False])
def test_the_end_doesnt_wait_for_a_name(edge, issuer, build, folder, monkeypatch, graceful):
    """libcurl looks names up in a thread that can't be stopped, and waits for it unless it is told not to."""
    preload(build, folder, monkeypatch, "hanging_names")
    issuer.url = "http://hanging.invalid/jwks.json"
    e = edge(http=block(issuer), location=GUARDED, store=False)
    e.wait_log("looking up hanging.invalid")
    e.stop(graceful=graceful)


# Where keys come from.


def test_what_a_token_says_of_keys_leads_nowhere(edge, issuer, make_issuer):
    elsewhere = make_issuer()
    e = edge(http=block(issuer), location=GUARDED, store=False)
    wait_status(e, 200, issuer.bearer)
    tempting = {"jku": elsewhere.url, "x5u": elsewhere.url, "jwk": elsewhere.keys["first"].jwk, "x5c": ["MAA="]}
    assert e.get("/", issuer.keys["first"].bearer(tempting)).status == 200
    assert e.get("/", elsewhere.keys["first"].bearer(tempting)).status == 401
    assert e.get("/", elsewhere.keys["first"].bearer({**tempting, "kid": "../../elsewhere"})).status == 401
    assert (elsewhere.count, issuer.count) == (0, 2)


def test_a_name_without_an_address(edge, issuer):
    issuer.url = "http://nobody.invalid/jwks.json?secret=canary"
    e = edge(http=block(issuer), location=GUARDED, store=False)
    e.wait_log(r"no keys from http://nobody.invalid/jwks.json: the host name does not resolve")
    assert e.get("/", issuer.bearer()).status == 503
    assert "canary" not in e.log


@pytest.fixture
def authorities(folder):
    """Two, and their certificates as files that only root may read."""
    pairs = [certificate(name, ca=True) for name in ("one", "two")]
    paths = [folder / "one.pem", folder / "two.pem"]
    for pair, path in zip(pairs, paths):
        path.write_bytes(pair[0].public_bytes(serialization.Encoding.PEM))
        path.chmod(0o600)
    return list(zip(pairs, paths))


def test_certificates_are_verified(edge, make_issuer, folder, authorities):
    (one, one_path), (_, two_path) = authorities
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    good = make_issuer(tls=server_context(folder, certificate("good", one, address)))
    named = make_issuer(tls=server_context(folder, certificate("named", one, x509.DNSName("elsewhere.example"))))
    expired = make_issuer(tls=server_context(folder, certificate("expired", one, address, days=-1)))
    blocks = [
        f"keyward_issuer good {{ jwks_uri {good.url} ca={one_path}; }}",
        f"keyward_issuer other_ca {{ jwks_uri {good.url} ca={two_path}; type other; }}",
        f"keyward_issuer system_ca {{ jwks_uri {good.url}; type system; }}",
        f"keyward_issuer named {{ jwks_uri {named.url} ca={one_path}; }}",
        f"keyward_issuer expired {{ jwks_uri {expired.url} ca={one_path}; }}",
    ]
    e = edge(http="\n".join(blocks), location="keyward on; keyward_accept good;", store=False)
    wait_status(e, 200, good.bearer)
    for name in ("other_ca", "system_ca", "named", "expired"):
        e.wait_log(
            rf'\[error\].*issuer "{name}": no keys from https://\S+: TLS failed, or the certificate is not trusted .+; it has no keys yet'
        )
    assert (named.count, expired.count) == (0, 0)  # not even asked
    assert good.count == 1


@pytest.mark.parametrize(
    "folder_of_cache, words",
    [("/missing", '"/missing": No such file or directory; make it'), ("@FILE@", "not a directory; make it")],
)
def test_a_cache_without_a_folder_is_warned_of(config_test, folder, folder_of_cache, words):
    (folder / "file").write_text("")
    block = f"keyward_issuer auth {{ jwks_uri https://127.0.0.1/jwks cache={folder_of_cache}/c; }}"
    rc, output = config_test(http=block, location=GUARDED, store=False, FILE=folder / "file")
    assert rc == 0 and "[warn]" in output and words in output


@pytest.mark.parametrize(
    "uri, words",
    [
        ("http://127.0.0.1:1/jwks", "plain"),
        ("https://user:canary@127.0.0.1/jwks", "user"),
        ("https://canary@127.0.0.1/jwks", "user"),
        ("ftp://127.0.0.1/jwks plain", "https://HOST/PATH"),
        ("file:///etc/passwd plain", "https://HOST/PATH"),
        ("https:///jwks", "host"),
        ("https://a_b:x/jwks", "port"),
        ("https://127.0.0.1/jwks ca=/missing.pem", "No such file"),
        ("https://127.0.0.1/jwks ca=@BACKUP@", "holds no certificates"),
        (
            "https://127.0.0.1/jwks cache=/c; } keyward_issuer b { jwks_uri https://127.0.0.1/b cache=/c",
            "write another file for one",
        ),
        ("https://127.0.0.1/jwks refresh=0", "at least 1s"),
        ("https://127.0.0.1/jwks refresh=2h stale=1h", "stale"),
    ],
)
def test_what_nginx_refuses(config_test, folder, uri, words):
    (folder / "none.pem").write_text("no certificate")
    rc, output = config_test(
        http=f"keyward_issuer auth {{ jwks_uri {uri}; }}", location=GUARDED, store=False, BACKUP=folder / "none.pem"
    )
    assert rc == 1
    assert words in output
    assert "canary" not in output
