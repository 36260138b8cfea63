"""Tokens that libraries of others sign, under keys that these export: jose, from npm, and python3-jwt; each algorithm, end to end."""

import json
import secrets
import subprocess
import time
from pathlib import Path

import jwt
import pytest
from harness.drive import statuses, volley
from harness.issuer import Issuer, answer
from harness.npm import modules, node
from harness.site import Site
from harness.tokens import ASYMMETRIC, CURVES, SYMMETRIC, Issuers, Signer, bearer, flipped, unb64
from harness.wait import until

DRIVER = Path(__file__).parent / "oauth/jose.mjs"
PUBLIC = [*ASYMMETRIC, "Ed25519"]  # RFC 9864's name of what was EdDSA alone
EVERY = [*PUBLIC, *SYMMETRIC]
RULES = "issuer https://issuer.example; audience api; type at+jwt;"
SERVER = "keyward on; keyward_scope posts:read; add_header X-Reason $keyward_reason always;"


def by_jose(build):
    """{algorithm: {jwk, pem, good, expired}}: a key as the library exports it, and tokens."""
    folder = modules(build, "jose")
    command = [node(folder), DRIVER, folder, *EVERY]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def by_python_jwt(_):
    """The same."""
    jws = jwt.PyJWS()
    jws.register_algorithm("Ed25519", jwt.algorithms.OKPAlgorithm())
    minted = {}
    for i, name in enumerate(EVERY):
        signer = Signer("EdDSA" if name == "Ed25519" else name, f"{name}/{i}", secrets.token_bytes(64), rsa_number=i)
        key = signer.private if name in SYMMETRIC else signer.private.public_key()
        now = int(time.time())
        claims = {
            "iss": "https://issuer.example",
            "aud": ["other", "api"],
            "sub": f"{name}-user",
            "iat": now,
            "scope": "posts:read",
        }

        def sign(expires):
            return jws.encode(
                json.dumps({**claims, "exp": expires}).encode(),
                signer.private,
                name,
                {"kid": signer.kid, "typ": "at+jwt"},
            )

        # Its JWKs of curves lack a coordinate's leading zeros (RFC 7518, section 6.2.1.2), now and then: no key for us.
        jwk = signer.jwk if name in CURVES else json.loads(jws.get_algorithm_by_name(name).to_jwk(key))
        pem = None if name in SYMMETRIC else signer.pem
        minted[name] = {
            "jwk": {**jwk, "kid": signer.kid, "alg": name},
            "pem": pem,
            "good": sign(now + 3600),
            "expired": sign(now - 3600),
        }
    return minted


@pytest.fixture(scope="module", params=[by_jose, by_python_jwt])
def minted(request, build):
    return request.param(build)


def reason(e, token, target="/"):
    response = e.get(target, bearer(token))
    return response.header("X-Reason") or response.status


@pytest.fixture(scope="module")
def site(build, minted):
    """An issuer for each algorithm, by its JWK, or its secret; and for each key that has one, by its PEM: at /NAME and /NAME/pem."""
    with Site(build) as site:
        issuers = Issuers(site.folder)
        http = locations = ""
        for name, made in minted.items():
            if name in SYMMETRIC:
                keys = {name: f"secret_file {issuers.write(name, unb64(made['jwk']['k']), 0o640)};"}
            else:
                keys = {
                    name: f"jwks_file {issuers.write(name, json.dumps({'keys': [made['jwk']]}))};",
                    f"{name}-pem": f"public_key {issuers.write(f'{name}.pem', made['pem'])}; algorithms {name}; require sub {name}-user;",
                }
            for issuer, source in keys.items():
                http += f"keyward_issuer {issuer} {{ {source} {RULES} }}\n"
                locations += f"location = /{issuer} {{ keyward_accept {issuer}; proxy_pass @BACKEND@; }}\n"
        site.start(http=http, server=f"{SERVER}\n{locations}\nlocation / {{ proxy_pass @BACKEND@; }}", store=False)
        yield site


@pytest.mark.parametrize("name", EVERY)
def test_every_algorithm(site, minted, name):
    token = minted[name]["good"]
    assert token.count(".") == 2
    for issuer in (name,) if name in SYMMETRIC else (name, f"{name}-pem"):
        assert reason(site.edge, token, f"/{issuer}") == 200
        seen = site.backend.last
        got = [seen.header(f"X-Keyward-{field}") for field in ("Kind", "Issuer", "Subject", "Scopes")]
        assert got == ["token", issuer, f"{name}-user", "posts:read"]
        assert seen.header("Authorization") is None
        assert reason(site.edge, minted[name]["expired"], f"/{issuer}") == "expired_token"
        # As good as it is, it is nobody's where another's are accepted.
        for other in {*EVERY} - {name}:
            assert reason(site.edge, minted[other]["good"], f"/{issuer}") == "invalid_token", other
    # Every bit of its signature, and every length.
    bad = [
        *(flipped(token, bit) for bit in range(8 * len(unb64(token.split(".")[2])))),
        *(token[:size] for size in range(len(token))),
    ]
    each = -(-len(bad) // 10)
    answers = volley(site.edge.port, 10, each, make=lambda n: (f"/{name}", bearer(bad[n % len(bad)])))
    assert statuses(answers) == {401: 10 * each}
    # Among all the issuers it finds its own.
    assert reason(site.edge, token) == 200
    assert site.backend.last.header("X-Keyward-Issuer") == name


@pytest.mark.parametrize("use_alg", [True, False])
def test_one_set_of_them_all(edge, minted, backend, use_alg):
    """Fetched, as it is published: with what each key is for, and without, where the key's type alone says it."""
    issuer = Issuer()
    try:
        keys = [{k: v for k, v in minted[name]["jwk"].items() if use_alg or k not in ("alg", "use")} for name in PUBLIC]
        issuer.behave = answer(json.dumps({"keys": keys}).encode())
        e = edge(
            http=f"keyward_issuer all {{ jwks_uri {issuer.url} plain; {RULES} }}",
            server=f"{SERVER} location / {{ proxy_pass @BACKEND@; }}",
            store=False,
        )
        until(lambda: reason(e, minted["EdDSA"]["good"]) == 200, 20 * e.build.patience, "the set")
        for name in PUBLIC:
            assert reason(e, minted[name]["good"]) == 200, name
            assert backend.last.header("X-Keyward-Subject") == f"{name}-user"
            assert reason(e, minted[name]["expired"]) == "expired_token"
            assert reason(e, flipped(minted[name]["good"], 100)) == "invalid_token"
        assert issuer.count == 1
        assert not [name for name in SYMMETRIC if reason(e, minted[name]["good"]) == 200]
    finally:
        issuer.close()
