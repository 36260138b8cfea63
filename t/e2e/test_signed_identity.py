"""keyward_identity signed=: a backend that others can reach, too, can tell what came through the edge."""

import json
import stat
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from harness.site import Site
from harness.tokens import Issuers, Signer

LOCATIONS = """
    location / { keyward on; proxy_pass @BACKEND@; }
    location /anonymous/ { keyward on; keyward_accept key anonymous; proxy_pass @BACKEND@; }
    location /shadow/ { keyward shadow; proxy_pass @BACKEND@; }
    location /off/ { keyward off; proxy_pass @BACKEND@; }
    location /any/ { keyward on; satisfy any; allow all; proxy_pass @BACKEND@; }
    location /then-off/ { keyward on; try_files /none /off/end; proxy_pass @BACKEND@; }
    location = /identity-keys { keyward off; keyward_identity_keys; }
"""


def pem_of(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_key(folder, name="identity.pem", key=None):
    file = folder / name
    file.write_bytes(pem_of(key or ed25519.Ed25519PrivateKey.generate()))
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.store.kw("plan", "set", "pro", "--scope", "posts:*")
        site.key = site.store.key(verifier="sha256", subject="acme", plan="pro", scope=["posts:read"])
        site.signer = Signer()
        issuer = Issuers(site.folder).block("auth", site.signer, "")
        site.start(
            http=issuer,
            server=f"keyward_identity X-Keyward signed={write_key(site.folder)};\n{LOCATIONS}",
        )
        yield site


def key_set(site):
    response = site.edge.get("/identity-keys")
    assert (response.status, response.header("Content-Type")) == (200, "application/jwk-set+json")
    return jwt.PyJWKSet.from_dict(response.json())


def claims(site, token):
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == ("EdDSA", "identity+jwt")
    return jwt.decode(token, key_set(site)[header["kid"]].key, algorithms=["EdDSA"], issuer="keyward")


def assertion(site, path="/", headers=None):
    """What the backend was sent; None: no such field."""
    site.backend.clear()
    assert site.edge.get(path, headers if headers is not None else {"X-API-Key": site.key["key"]}).status == 200
    values = [value for name, value in site.backend.last.headers if name.lower() == "x-keyward-assertion"]
    assert len(values) <= 1
    return values[0] if values else None


def test_it_says_who_a_key_is(site):
    found = claims(site, assertion(site))
    assert abs(found.pop("iat") - time.time()) < 40
    assert 0 < found.pop("exp") - time.time() <= 60
    assert found == {
        "iss": "keyward",
        "kind": "key",
        "sub": "acme",
        "key_id": site.key["id"],
        "plan": "pro",
        "scope": "posts:read",
    }


def test_it_says_who_a_token_is(site):
    found = claims(site, assertion(site, headers=site.signer.bearer(sub="alice", scope="posts:read")))
    assert (found["kind"], found["sub"], found["scope"], found["issuer"]) == ("token", "alice", "posts:read", "auth")
    assert "key_id" not in found


def test_anonymous_requests_have_no_subject(site):
    found = claims(site, assertion(site, "/anonymous/", {}))
    assert (found["kind"], "sub" in found) == ("anonymous", False)
    assert claims(site, assertion(site, "/anonymous/"))["sub"] == "acme"


def test_one_is_made_for_many_requests(site):
    # Of requests in a row, at most two: a half minute may begin between them.
    assert len({assertion(site) for _ in range(10)}) <= 2 * 2  # two workers


def test_what_a_client_sends_is_removed(site):
    forged = jwt.encode({"iss": "keyward", "sub": "root"}, ed25519.Ed25519PrivateKey.generate(), algorithm="EdDSA")
    key = ("X-API-Key", site.key["key"])
    for name in ("X-Keyward-Assertion", "X_Keyward_Assertion", "x-keyward-ASSERTION"):
        assert claims(site, assertion(site, headers=[(name, forged), key]))["sub"] == "acme"
        for path in ("/off/", "/any/"):
            assert assertion(site, path, [(name, forged)]) is None


@pytest.mark.parametrize("path", ["/off/", "/any/", "/then-off/"])
def test_who_was_not_admitted_here_is_not_named(site, path):
    headers = {"X-API-Key": site.key["key"] if path == "/then-off/" else "kw_nobody"}
    assert assertion(site, path, headers) is None


def test_shadow_signs_for_whom_it_would_have_admitted(site):
    assert claims(site, assertion(site, "/shadow/"))["sub"] == "acme"
    assert assertion(site, "/shadow/", {"X-API-Key": "kw_nobody"}) is None


def test_a_changed_key_is_told_at_once(site):
    key = site.store.key(verifier="sha256", subject="acme", scope=["a"])
    headers = {"X-API-Key": key["key"]}
    assert claims(site, assertion(site, headers=headers))["scope"] == "a"
    site.store.kw("key", "set", key["id"], "--scope", "b")
    assert claims(site, assertion(site, headers=headers))["scope"] == "b"


def test_the_key_set_is_read_only(site):
    assert site.edge.request("HEAD", "/identity-keys").status == 200
    assert site.edge.request("POST", "/identity-keys", {"Content-Length": "0"}).status == 405
    assert "d" not in json.loads(site.edge.get("/identity-keys").text)["keys"][0]


def test_a_reload_takes_a_new_key(edge, store, backend, folder):
    headers = {"X-API-Key": store.key(verifier="sha256", subject="acme")["key"]}
    file = write_key(folder)
    e = edge(
        server=f"keyward_identity X-Edge signed={file}; location / {{ keyward on; proxy_pass @BACKEND@; }}\n"
        "location = /identity-keys { keyward_identity_keys; }"
    )

    def kid():
        e.get("/", headers)
        return jwt.get_unverified_header(backend.last.header("X-Edge-Assertion"))["kid"]

    first = kid()
    assert e.get("/identity-keys").json()["keys"][0]["kid"] == first
    write_key(folder)
    e.reload()
    assert kid() != first
    assert e.get("/identity-keys").json()["keys"][0]["kid"] == kid()


BAD = {
    "missing": (None, "No such file"),
    "no key": (b"hello", "holds no private key in PEM; make one with: openssl genpkey -algorithm ed25519"),
    "another type": (pem_of(ec.generate_private_key(ec.SECP256R1())), "is a key of another type than Ed25519"),
}


@pytest.mark.parametrize("kind", BAD)
def test_nginx_t_refuses_a_bad_key(config_test, folder, kind):
    content, words = BAD[kind]
    file = folder / "identity.pem"
    if content is not None:
        file.write_bytes(content)
    rc, output = config_test(server=f"keyward_identity X-Keyward signed={file};")
    assert rc == 1 and words in output


@pytest.mark.parametrize(
    "server, words",
    [
        ("keyward_identity off signed=FILE;", "there is nothing to sign"),
        ("keyward_identity X-Keyward sign=FILE;", "only signed=KEYFILE may follow"),
        ("location / { keyward on; } location /k { keyward_identity_keys; }", "has no key to tell"),
        ("location /k { proxy_pass http://127.0.0.1:9; keyward_identity_keys; }", "can't answer where another"),
    ],
)
def test_nginx_t_refuses_what_makes_no_sense(config_test, folder, server, words):
    rc, output = config_test(server=server.replace("FILE", str(write_key(folder))))
    assert rc == 1 and words in output


def test_nginx_t_warns_of_a_key_that_everyone_can_read(config_test, folder):
    file = write_key(folder)
    file.chmod(file.stat().st_mode | stat.S_IROTH)
    rc, output = config_test(server=f"keyward_identity X-Keyward signed={file}; location / {{ keyward on; }}")
    assert rc == 0 and f'everyone may use the key in "{file}"' in output
