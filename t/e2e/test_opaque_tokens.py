"""What has the form of neither a key nor a token: the refusal speaks of what is accepted there."""

import pytest
from harness.tokens import Signer, b64

CREDENTIALS = {
    "opaque": "mF_9.B5f-4.1JqM-x.y",
    "opaque, a word": "SlAV32hkKG",
    "opaque, a UUID": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "a JWE": ".".join([b64('{"alg":"RSA-OAEP","enc":"A256GCM"}'), "AAAA", "BBBB", "CCCC", "DDDD"]),
    "the scheme twice": "Bearer x",
    "two parts": "eyJh.eyJz",
    "an empty part": "eyJh..c2ln",
    "two dots, and another alphabet": "eyJh.ey/z.c2ln",
    "padding": "eyJh.eyI=.c2ln",
    "quoted": '"eyJh.eyJz.c2ln"',
}
SERVER = """
add_header X-Reason $keyward_reason always;
keyward on;
location / { keyward_accept token; empty_gif; }
location /named/ { keyward_accept auth; empty_gif; }
location /keys/ { keyward_accept key; empty_gif; }
location /both/ { empty_gif; }
location /methods/ { keyward_accept methods=GET token; keyward_accept methods=POST key; proxy_pass @BACKEND@; }
location /open/ { keyward_accept anonymous; empty_gif; }
"""
TOKEN, KEY = ("invalid_token", "invalid token"), ("invalid_key", "invalid or inactive API key")


def told(e, text, target="/", method="GET"):
    response = e.request(method, target, {"Authorization": f"Bearer {text}"})
    assert response.status == 401
    assert 'error="invalid_token"' in response.header("WWW-Authenticate")
    return response.header("X-Reason"), response.json()["error"]


@pytest.mark.parametrize("name", CREDENTIALS)
def test_report_U8(name, edge, issuers):
    text = CREDENTIALS[name]
    e = edge(http=issuers.block("auth", Signer("EdDSA")), server=SERVER)
    for target, wanted in (
        ("/", TOKEN),
        ("/named/", TOKEN),
        ("/keys/", KEY),
        ("/both/", KEY),
        ("/methods/", TOKEN),
        ("/open/", TOKEN),
    ):
        assert told(e, text, target) == wanted, target
    assert told(e, text, "/methods/", "POST") == KEY
    # What begins as a key is meant for one, wherever it comes.
    assert told(e, "kw_" + text)[0] == "invalid_key"
    assert text not in e.log


@pytest.mark.parametrize("name", CREDENTIALS)
def test_report_U8_without_a_store(name, edge, issuers):
    """There no key can be accepted."""
    e = edge(http=issuers.block("auth", Signer("EdDSA")), server=SERVER.replace("location /keys/ { keyward_accept key; empty_gif; }", "")
             .replace("keyward_accept methods=POST key;", ""), store=False)  # fmt: skip
    for target in ("/", "/named/", "/both/", "/methods/", "/open/"):
        assert told(e, CREDENTIALS[name], target) == TOKEN, target
