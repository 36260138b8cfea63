"""A real OAuth server (oauth2-mock-server, from npm) as the issuer: its keys rotated, itself stopped, slow, and sending garbage."""

import json
import os
import signal
import subprocess

import pytest
from harness.npm import Program, modules
from harness.tokens import bearer
from harness.wait import until


@pytest.fixture
def server(build):
    server = Program("oauth/server", modules(build, "oauth2-mock-server"))
    yield server
    server.close()


def token_of(server, kid):
    return bearer(server("token", kid)["token"])


def wait_status(edge, status, headers, timeout=20):
    until(lambda: edge.get("/", headers).status == status, timeout * edge.build.patience, f"a {status}")


def test_its_whole_life(edge, server):
    issuer = server("start")["issuer"]
    port = issuer.rsplit(":", 1)[1]
    server("generate", "RS256", "one")
    block = f"keyward_issuer oauth {{ jwks_uri http://127.0.0.1:{port}/jwks refresh=2s plain; issuer {issuer}; }}"
    e = edge(http=block, location="keyward on; keyward_accept oauth; keyward_scope posts:read;", workers=2)
    one = token_of(server, "one")
    wait_status(e, 200, one)
    answer = json.loads(
        subprocess.run(
            ["curl", "-s", "-d", "grant_type=client_credentials&scope=posts:read", f"http://127.0.0.1:{port}/token"],
            check=True,
            capture_output=True,
        ).stdout
    )
    assert e.get("/", {"Authorization": f"Bearer {answer['access_token']}"}).status == 200
    assert e.get("/", {"Authorization": one["Authorization"][:-3] + "AAA"}).status == 401

    # It rotates: the first new key comes by its being asked for, the others when the set is refreshed.
    for algorithm in ("ES256", "PS384", "EdDSA", "ES512"):
        server("generate", algorithm, algorithm)
        wait_status(e, 200, token_of(server, algorithm))
    assert e.get("/", one).status == 200

    # It sends garbage.
    since = len(e.log)
    server("publish", "no", "keys")
    e.wait_log(r'issuer "oauth": no keys from \S+: the answer is no key set that can be used', since=since)
    assert e.get("/", one).status == 200
    server("publish")
    e.wait_log("keys can be fetched again", since=since)

    # It hangs.
    fresh = token_of(server, "one")
    server("generate", "RS512", "late")
    late = token_of(server, "late")
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        assert e.get("/", fresh).status == 200
        since = len(e.log)
        e.wait_log("no whole answer within 5 seconds", 20, since)
        assert e.get("/", fresh).status == 200
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    wait_status(e, 200, late)

    # It is down, and nginx starts.
    server("stop")
    e.stop()
    e.start()
    assert e.get("/", one).status == 200
    assert e.get("/", late).status == 200
    server("start")
    server("generate", "EdDSA", "last")
    wait_status(e, 200, token_of(server, "last"))
