"""As many slow connections as the machine lets a process have, and floods of wrong keys: nobody else notices."""

import json
import resource
import secrets
import socket

import bcrypt
import pytest
from harness.client import Connection, encode_request
from harness.drive import TELL, each_port, statuses, volley
from harness.load import Load
from harness.wait import until

pytestmark = pytest.mark.load

SERVER = f"""{TELL}
client_header_timeout 300s;
keyward on;
location / {{ empty_gif; }}
location /limit {{ keyward_limit 100000r/d; empty_gif; }}
"""


def descriptors_for_slow_ones():
    """10,000, or what the limit on open files leaves, here and in a worker; the rest is for everything else."""
    return min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] * 3 // 4 - 500)


@pytest.mark.release_only
def test_ten_thousand_slow_connections_leave_others_unaffected(edge, store):
    # Each has sent the beginning of a credential.
    count = descriptors_for_slow_ones()
    good, slow = ({"X-API-Key": store.key(verifier=verifier)["key"]} for verifier in ("sha256", "bcrypt:4"))
    # With less than a sixteenth of them free nginx closes idle ones, ours among them.
    e = edge(server=SERVER, WORKER_CONNECTIONS=count * 5 // 4, log_level="warn")
    worker = e.workers()
    request = encode_request(headers=good)
    cuts = [request.index(b"kw_") + n for n in range(20)]
    half = []
    try:
        for n in range(count):
            half.append(Connection(e.port, 60))
            half[-1].send(request[: cuts[n % len(cuts)]])
        with Load(
            e.port,
            connections=10,
            requests=2000,
            make=lambda n: ("GET", ("/", "/limit")[n % 2], (good, slow, {})[n % 3]),
        ) as load:
            for n, connection in enumerate(half):  # and they go on, a byte at a time
                cut = cuts[n % len(cuts)]
                connection.send(request[cut : cut + 1])
        assert not load.samples.errors, load.samples.errors[:3]
        assert all(
            sample.status == (200, 200, 401)[sample.number % 3] for sample in load.samples
        ), load.samples.statuses
        # Who comes to an end at last is decided like anybody.
        for n, connection in list(enumerate(half))[:: count // 50]:
            connection.send(request[cuts[n % len(cuts)] + 1 :])
            assert connection.read_response().status == 200
    finally:
        for connection in half:
            # Reset rather than closed, so that no port is kept waiting.
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
    assert e.workers() == worker
    assert e.get(headers=good).status == 200


def test_floods_of_wrong_keys_hold_up_nobody_else(edge, store, kw):
    """Keys that nobody has, and wrong ones under a plain prefix that cost a bcrypt run each, until they are busy."""
    old = "old_" + secrets.token_hex(20)
    kw(
        "key",
        "import",
        "-",
        input=json.dumps({"bcrypt": bcrypt.hashpw(old.encode(), bcrypt.gensalt(11)).decode(), "prefix": old[:14]})
        + "\n",
    )
    good, other = ({"X-API-Key": store.key(verifier=verifier)["key"]} for verifier in ("sha256", "bcrypt:4"))
    formats = "keyward_key_format kw_ base62=43 checksum;\nkeyward_key_format old_ hex=40;"
    e = edge(http=formats, server=SERVER, workers=2)
    wrong = [
        {"X-API-Key": ("old_" if n % 2 else old[:14]) + secrets.token_hex(20)[: 40 if n % 2 else 30]}
        for n in range(1000)
    ]
    with Load(e.port, connections=4, make=lambda n: ("GET", "/", (good, other)[n % 2])) as load:
        until(lambda: len(load.samples) > 10, 30, "requests")
        flood = volley(each_port(e), 20, 50, make=lambda n: ("/", wrong[n]))
        seen = len(load.samples)
        until(lambda: len(load.samples) > seen + 50, 30, "requests")
    assert statuses(flood[1::2]) == {401: 500}
    assert set(statuses(flood[::2])) == {401, 503} and statuses(flood[::2])[401] <= 10
    assert load.samples.statuses.keys() == {200}, load.samples.errors[:3]
