"""What a worker remembers of tokens and keys is bounded in bytes."""

import itertools
import json

import pytest
from harness.drive import private_kib
from harness.tokens import Signer

MIB = 1024


def scopes(count, width=3):
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join(itertools.islice(map("".join, itertools.product(letters, repeat=width)), count))


@pytest.mark.release_only
def test_report_S11(edge, issuers):
    signer = Signer("HS256")
    e = edge(
        http="large_client_header_buffers 4 16k;\n" + issuers.block("auth", signer),
        server="keepalive_requests 100000; keyward on; keyward_scope aaa; location / { empty_gif; }",
        store=False,
    )
    (pid,) = e.workers()
    many = scopes(1400)
    first = signer.token(sub="first", scope="aaa")
    with e.connect() as connection:
        assert connection.request("GET", "/", {"Authorization": f"Bearer {first}"}).status == 200
        before = private_kib(pid)
        for n in range(800):
            token = signer.token(sub=f"user{n}", scope=many)
            assert len(token) > 7500
            assert connection.request("GET", "/", {"Authorization": f"Bearer {token}"}).status == 200
            if n % 50 == 0:
                assert connection.request("GET", "/", {"Authorization": f"Bearer {first}"}).status == 200
        # 32 MiB, and what malloc keeps between what it gave back.
        assert private_kib(pid) - before < 64 * MIB


@pytest.mark.release_only
def test_report_S11_keys(edge, store, kw):
    many = scopes(1000)
    kw("plan", "set", "large", *(word for scope in many.split() for word in ("--scope", scope)))
    formats = "keyward_key_format old_ hex=40 verifier=sha256;"
    keys = [f"old_{n:040x}" for n in range(2500)]
    lines = "".join(json.dumps({"key": key, "plan": "large"}) + "\n" for key in keys)
    kw("key", "import", "-", "--verifier", "sha256", "--weak", input=lines)
    e = edge(http=formats, server="keepalive_requests 100000; keyward on; keyward_scope aaa; location / { empty_gif; }")
    (pid,) = e.workers()
    with e.connect() as connection:
        assert connection.request("GET", "/", {"X-API-Key": keys[0]}).status == 200
        before = private_kib(pid)
        for key in keys:
            assert connection.request("GET", "/", {"X-API-Key": key}).status == 200
        assert private_kib(pid) - before < 64 * MIB
