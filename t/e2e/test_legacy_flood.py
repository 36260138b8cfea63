"""Keys that begin with the plain prefix of a stored one have bcrypt run by whoever sends them: that is kept small, and keeps no other key waiting."""

import hashlib
import json
import secrets
import threading
import time

import bcrypt
import pytest
from harness.client import Connection, encode_request
from harness.drive import TELL, each_port, has_answer, statuses
from harness.wait import until

FORMATS = "keyward_bcrypt_concurrency 1;\nkeyward_key_format kw_ base62=43 checksum;\nkeyward_key_format old_ hex=40;"
SERVER = f"{TELL} keyward on; location / {{ empty_gif; }}"
PATIENCE = 60


def hash_of(key, cost):
    return bcrypt.hashpw(key.encode(), bcrypt.gensalt(cost)).decode()


@pytest.fixture
def take(kw):
    return lambda *lines: kw("key", "import", "-", input="".join(json.dumps(line) + "\n" for line in lines))


def prefix(number):
    return f"old_{number:08x}"


def wrong(number):
    """A key of this prefix that nobody has."""
    return prefix(number) + secrets.token_hex(16)


def send(e, key):
    response = e.connect(PATIENCE).request(headers={"X-API-Key": key})
    return response.status, response.header("X-Reason")


class Flood:
    """So many connections, each of which sends a wrong key of another prefix as soon as the last one was answered; until the end of the
    block, and no more than `most` in all."""

    def __init__(self, port, connections, prefixes, most):
        self._port, self._count, self._prefixes, self._most = port, connections, prefixes, most
        self._stop = threading.Event()
        self.answers = []

    def _run(self, first, share):
        with Connection(self._port, PATIENCE) as connection:
            for number in range(share):
                if self._stop.is_set():
                    return
                key = wrong((first + number * self._count) % self._prefixes)
                self.answers.append(connection.request(headers={"X-API-Key": key}).status)

    def __enter__(self):
        arguments = [(n, self._most // self._count) for n in range(self._count)]
        self._threads = [threading.Thread(target=self._run, args=each) for each in arguments]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


@pytest.mark.load
@pytest.mark.parametrize("workers", [1, 2])
def test_report_S7(workers, edge, take):
    another = hash_of("another", 10)
    keys = ["old_" + secrets.token_hex(20) for _ in range(20)]
    records = [{"prefix": prefix(n), "bcrypt": another} for n in range(500)]
    take(*records, *({"sha256": hashlib.sha256(key.encode()).hexdigest(), "bcrypt": hash_of(key, 6)} for key in keys))
    e = edge(http=FORMATS, server=SERVER, workers=workers)
    with Flood(each_port(e), 60 * workers, 500, 12000) as flood:
        until(lambda: flood.answers.count(503) >= 100, PATIENCE, "a flood that is refused")
        # All at once, and none of them was ever seen.
        opened = [Connection(each_port(e), PATIENCE) for _ in keys]
        for connection, key in zip(opened, keys):
            connection.send(encode_request(headers={"X-API-Key": key}))
        answers = [connection.read_response() for connection in opened]
        for connection in opened:
            connection.close()
    assert [answer.status for answer in answers] == [200] * len(keys), statuses(answers)
    assert set(flood.answers) <= {401, 503}


def test_report_S7_a_rate_over_all_prefixes(edge, take, store):
    another = hash_of("another", 4)
    own = "old_ffffffff" + secrets.token_hex(16)
    take(
        *({"prefix": prefix(n), "bcrypt": another} for n in range(300)), {"prefix": own[:12], "bcrypt": hash_of(own, 4)}
    )
    good = store.key(verifier="bcrypt:4")["key"]
    e = edge(http=FORMATS, server=SERVER)
    began = time.monotonic()
    with e.connect(PATIENCE) as connection:
        answers = [connection.request(headers={"X-API-Key": wrong(n)}) for n in range(300)]
    minutes = int((time.monotonic() - began) / 60) + 1
    assert statuses(answers)[401] + statuses(answers)[503] == 300
    assert [answer.status for answer in answers[:120]] == [401] * 120
    assert statuses(answers)[401] <= 120 * minutes
    busy = answers[-1] if minutes > 1 else answers[120]
    if minutes == 1:
        assert (busy.status, busy.header("X-Reason")) == (503, "busy")
        assert 1 < int(busy.header("Retry-After")) <= 60, "until its window closes"
        assert send(e, own) == (503, "busy"), "that is a candidate as well"
    assert send(e, good)[0] == 200


def test_report_S7_right_keys_count_for_nothing(edge, take):
    keys = [wrong(n) for n in range(150)]
    take(*({"prefix": key[:12], "bcrypt": hash_of(key, 4)} for key in keys))
    e = edge(http=FORMATS, server=SERVER)
    with e.connect(PATIENCE) as connection:
        answers = [connection.request(headers={"X-API-Key": key}) for key in keys]
    assert statuses(answers) == {200: 150}


def test_report_S7_a_queue_of_their_own(edge, take, store):
    """One run and eight that wait in each worker; what is beyond is told at once."""
    another = hash_of("another", 13)
    take(*({"prefix": prefix(n), "bcrypt": another} for n in range(40)))
    good = store.key(verifier="bcrypt:4")["key"]
    e = edge(http=FORMATS, server=SERVER)
    opened = [Connection(e.port, PATIENCE) for _ in range(40)]
    for n, connection in enumerate(opened):
        connection.send(encode_request(headers={"X-API-Key": wrong(n)}))
    until(lambda: sum(map(has_answer, opened)) >= 30, PATIENCE, "30 answers")
    busy = [connection.read_response() for connection in opened if has_answer(connection)]
    assert statuses(busy)[503] >= 29
    assert send(e, good)[0] == 200
    for connection in opened:
        connection.close()


def test_when_a_used_up_prefix_may_be_tried_again(edge, take):
    """Ten failures in a minute were followed by 503 with Retry-After: 1, and so by a try each second for the rest of the minute."""
    take({"bcrypt": hash_of(prefix(1) + "x" * 20, 4), "prefix": prefix(1)})
    e = edge(http=FORMATS, server=SERVER)
    assert [send(e, wrong(1)) for _ in range(10)] == [(401, "invalid_key")] * 10
    response = e.get("/", {"X-API-Key": wrong(1)})
    assert response.status == 503
    assert 20 < int(response.header("Retry-After")) <= 60
