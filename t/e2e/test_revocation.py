"""What is revoked, suspended or blocked is refused by every worker from the moment that the command has said so.

What is checked is each request by itself: none that began after the command had returned was admitted.
"""

import contextlib
import subprocess
import threading
import time

import pytest
from harness.drive import TELL, connection_to_each_worker, each_port
from harness.load import Load
from harness.tokens import Signer
from harness.wait import until

SERVER = f"{TELL} keyward on; location / {{ empty_gif; }}"

CHANGES = {
    "revoked": lambda kw, key: kw("key", "revoke", key["id"]),
    "suspended": lambda kw, key: kw("key", "suspend", key["id"]),
    "blocked": lambda kw, key: kw("subject", "set", key["subject"], "--state", "blocked"),
}
REFUSED = {"revoked": 401, "suspended": 401, "blocked": 403}


def admitted_after(samples, moment):
    return [sample for sample in samples if sample.status == 200 and sample.start >= moment]


def change_in_the_middle(load, change):
    """Waits for requests, changes, and waits for more; when the change had returned."""
    seen = len(load.samples)
    until(lambda: len(load.samples) > seen + 200, 60, "requests before the change")
    change()
    moment = time.monotonic()
    until(lambda: sum(sample.start >= moment for sample in list(load.samples)[-1000:]) > 200, 60, "requests after it")
    return moment


@pytest.fixture
def storm(store, build):
    """storm(*arguments): a context in which a process commits to the store as fast as it can."""

    @contextlib.contextmanager
    def run(*arguments, least=3):
        stop, counts = threading.Event(), []

        def commit():
            environment = build.environment(KEYWARD_STORE=store.path)
            while not stop.is_set() and len(counts) < 5000:
                filled = [argument.replace("NUMBER", str(len(counts))) for argument in arguments]
                done = subprocess.run([build.command, *filled], env=environment, capture_output=True, text=True)
                counts.append(done.returncode)
                assert done.returncode == 0, done.stderr

        thread = threading.Thread(target=commit, daemon=True)
        thread.start()
        try:
            until(lambda: len(counts) >= least, 30, "the storm to begin")
            yield counts
        finally:
            stop.set()
            thread.join(30)
        assert set(counts) == {0}

    return run


@pytest.mark.load
@pytest.mark.parametrize("verifier", ["sha256", "bcrypt:4"])
@pytest.mark.parametrize("what", CHANGES)
def test_none_that_began_after_the_command_is_admitted(what, verifier, edge, store, kw):
    # Remembered by both workers, 50 connections.
    key = store.key(verifier=verifier, subject="acme")
    e = edge(server=SERVER, workers=2)
    with Load(each_port(e), connections=50, headers={"X-API-Key": key["key"]}) as load:
        moment = change_in_the_middle(load, lambda: CHANGES[what](kw, key))
    before = [sample for sample in load.samples if sample.end < moment]
    assert len(before) > 200 and 200 in {sample.status for sample in before}
    late = admitted_after(load.samples, moment)
    assert (
        not late
    ), f"{len(late)} were admitted, the last one began {late[-1].start - moment:.4f} s after the command's end"
    assert {sample.status for sample in load.samples if sample.start >= moment} == {REFUSED[what]}


@pytest.mark.load
@pytest.mark.parametrize(
    "commits",
    [("plan", "set", "planNUMBER"), ("key", "create", "--name", "n", "--verifier", "sha256")],
    ids=["plans", "keys"],
)
def test_none_that_began_after_the_command_is_admitted_under_a_storm_of_commits(commits, edge, store, kw, storm):
    # Revocations, a suspension and a block, one after the other, while another process commits all the time.
    keys = [store.key(verifier="sha256", subject=f"subject{n}") for n in range(6)]
    e = edge(server=SERVER, workers=2)
    moments, number_of = {}, {}
    with storm(*commits) as counts:
        with Load(
            each_port(e), connections=50, make=lambda n: ("GET", f"/{n % 6}", {"X-API-Key": keys[n % 6]["key"]})
        ) as load:
            before = len(counts)
            for n, what in enumerate(("revoked", "suspended", "blocked", "revoked", "revoked")):
                number_of[n] = what
                moments[n] = change_in_the_middle(load, lambda: CHANGES[what](kw, keys[n]))
            storms = len(counts) - before
    assert storms >= 3, "the storm was none"
    for n in range(6):
        samples = [sample for sample in load.samples if sample.number % 6 == n]
        if n in moments:
            assert not admitted_after(samples, moments[n]), number_of[n]
        assert {sample.status for sample in samples} == {200, *([REFUSED[number_of[n]]] if n in moments else [])}


@pytest.mark.load
@pytest.mark.parametrize("what", CHANGES)
def test_one_key_under_a_storm_of_commits(what, edge, store, kw, storm):
    # With every request of 50 connections by the key that goes.
    key = store.key(verifier="sha256", subject="acme")
    e = edge(server=SERVER, workers=2)
    with storm("plan", "set", "planNUMBER"):
        with Load(each_port(e), connections=50, headers={"X-API-Key": key["key"]}) as load:
            moment = change_in_the_middle(load, lambda: CHANGES[what](kw, key))
    late = admitted_after(load.samples, moment)
    assert (
        not late
    ), f"{len(late)} were admitted, the last one began {late[-1].start - moment:.4f} s after the command's end"
    assert 200 in load.samples.statuses and REFUSED[what] in load.samples.statuses
    assert set(load.samples.statuses) == {200, REFUSED[what]}


@pytest.mark.parametrize("what", CHANGES)
def test_each_worker_refuses_with_its_very_next_request(what, edge, store, kw):
    # Without load: twenty keys, remembered by both workers, each asked of both directly after the command.
    e = edge(server=SERVER, workers=2)
    connections = connection_to_each_worker(e)
    for n in range(20):
        key = store.key(verifier="sha256", subject=f"subject{n}")
        headers = {"X-API-Key": key["key"]}
        for connection in connections.values():
            assert [connection.request(headers=headers).status for _ in range(2)] == [200, 200]
        CHANGES[what](kw, key)
        for connection in connections.values():
            assert connection.request(headers=headers).status == REFUSED[what]
    for connection in connections.values():
        connection.close()


def test_a_suspension_and_its_end_hold_at_once_many_times(edge, store, kw):
    e = edge(server=SERVER, workers=2)
    key = store.key(verifier="sha256")
    headers = {"X-API-Key": key["key"]}
    connections = connection_to_each_worker(e)
    for _ in range(15):
        kw("key", "suspend", key["id"])
        assert [connection.request(headers=headers).status for connection in connections.values()] == [401, 401]
        kw("key", "resume", key["id"])
        assert [connection.request(headers=headers).status for connection in connections.values()] == [200, 200]
    for connection in connections.values():
        connection.close()


@pytest.mark.load
def test_a_revocation_holds_over_reloads_and_killed_workers(edge, store, kw):
    key = store.key(verifier="sha256")
    e = edge(server=SERVER, workers=2)
    with Load(e.port, connections=20, headers={"X-API-Key": key["key"]}) as load:
        e.reload()
        moment = change_in_the_middle(load, lambda: CHANGES["revoked"](kw, key))
        e.reload()
        e.kill_worker()
        seen = len(load.samples)
        until(lambda: len(load.samples) > seen + 200, 60, "requests")
    assert not admitted_after(load.samples, moment)
    # A killed worker's connections are closed, some of them in the middle of a request.
    assert {sample.status for sample in load.samples if sample.start >= moment} <= {401, 0}


TOKENS = {
    "its jti": (("token", "revoke", "--issuer", "auth", "--jti", "one"), 401),
    "its jti, of any issuer": (("token", "revoke", "--jti", "one"), 401),
    "its subject's": (("token", "revoke", "--subject", "u1"), 401),
    "its subject is blocked": (("subject", "set", "u1", "--state", "blocked"), 403),
    "its subject is removed": (("subject", "remove", "u1"), 401),
}


@pytest.mark.load
@pytest.mark.parametrize("stormy", [False, True], ids=["alone", "storm"])
@pytest.mark.parametrize("what", TOKENS)
def test_no_token_that_came_after_the_command_is_admitted(what, stormy, edge, issuers, kw, storm):
    # One that both workers remember, with others of its issuer beside it, and other commits all the time or none.
    command, refused = TOKENS[what]
    signer = Signer("EdDSA")
    for subject in ("u1", "u2"):
        kw("subject", "set", subject)
    e = edge(http=issuers.block("auth", signer, "subject required;"), server=SERVER, workers=2)
    one, other = signer.bearer(jti="one"), signer.bearer(jti="two", sub="u2")
    with storm("plan", "set", "planNUMBER") if stormy else contextlib.nullcontext():
        with Load(each_port(e), connections=50, make=lambda n: ("GET", "/", other if n % 5 == 0 else one)) as load:
            moment = change_in_the_middle(load, lambda: kw(*command))
    late = [sample for sample in load.samples if sample.number % 5 and sample.start >= moment]
    assert {sample.status for sample in late} == {refused}
    assert {sample.status for sample in load.samples if sample.number % 5} == {200, refused}
    assert {sample.status for sample in load.samples if sample.number % 5 == 0} == {200}
