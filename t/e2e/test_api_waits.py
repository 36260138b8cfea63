"""A call of the keys API whose body comes slowly: what is decided is decided when all of it is there."""

import json

import pytest
from harness.api import Api, as_key
from harness.client import Connection, encode_request
from harness.tokens import Issuers, Signer

SERVER = """
location /keys  { keyward on; keyward_limit 100000r/m; keyward_api self; }
location /admin { keyward on; keyward_limit 100000r/m; keyward_scope keys:admin; keyward_api admin; }
location /      { keyward on; proxy_pass @BACKEND@; }
"""


@pytest.fixture
def signer():
    return Signer()


@pytest.fixture
def e(edge, store, folder, signer):
    issuer = Issuers(folder).block("auth", signer, "subject shared;")
    return edge(http=f"keyward_key_format kw_ base62=43 checksum verifier=bcrypt:4;\n{issuer}", server=SERVER)


def halves(credential, place="/keys"):
    body = json.dumps({"name": "late", "scopes": []}).encode()
    fields = [*credential.items(), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    whole = encode_request("POST", place, fields) + body
    return whole[:-4], whole[-4:]


def call(e, credential, between, place="/keys"):
    """The status of a create, of whose body the end comes after `between` was called."""
    first, rest = halves(credential, place)
    with Connection(e.port) as connection:
        connection.send(first)
        assert e.get("/").status == 401  # by now nginx has read the first half
        between()
        connection.send(rest)
        return connection.read_response().status


def names(kw, subject="alice"):
    return [key["name"] for key in kw("key", "list", "--subject", subject)]


def test_it_is_made_where_nothing_happens_meanwhile(e, store, kw):
    key = store.key(subject="alice", name="first", verifier="bcrypt:4")
    assert call(e, as_key(key), lambda: None) == 201
    assert sorted(names(kw)) == ["first", "late"]


def test_a_key_that_is_revoked_meanwhile_makes_none(e, store, kw):
    key = store.key(subject="alice", name="first", verifier="bcrypt:4")
    assert call(e, as_key(key), lambda: kw("key", "revoke", key["id"])) == 401
    assert names(kw) == ["first"]


def test_a_token_that_is_revoked_meanwhile_makes_none(e, store, kw, signer):
    store.key(subject="alice", name="first", verifier="bcrypt:4")
    credential = signer.bearer(sub="alice", jti="j1", scope="a")
    assert call(e, credential, lambda: kw("token", "revoke", "--jti", "j1")) == 401
    assert names(kw) == ["first"]


def test_who_loses_the_scope_of_administrators_meanwhile_is_none(e, store, kw):
    key = store.key(subject="root", name="root", scope=["keys:admin", "a"], verifier="bcrypt:4")
    assert call(e, as_key(key), lambda: kw("key", "set", key["id"], "--scope", "a"), "/admin") == 403
    assert names(kw, "root") == ["root"]


def test_a_body_without_a_length_is_counted_while_it_is_read(e, store):
    me = Api(e, as_key(store.key(subject="alice", name="first", verifier="bcrypt:4")))
    large = json.dumps({"name": "x" * 20000})
    assert me("POST", "/", large).status == 413
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [b" " * 4096] * 5) + b"0\r\n\r\n"
    fields = [*me.headers.items(), ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
    with Connection(e.port) as connection:
        connection.send(encode_request("POST", "/keys", fields) + chunks)
        response = connection.read_response()
    assert (response.status, response.json()["detail"]) == (413, "at most 16 KiB")
