"""Keys as people have them: secrets as text or as a JWK, sets that are nearly as they should be, and what is no set at all."""

import base64
import gzip
import json

import pytest
from cryptography.hazmat.primitives import serialization
from harness.certificates import certificate
from harness.issuer import Issuer, answer
from harness.tokens import Signer, b64, bearer, jwks, number

SERVER = "keyward on; keyward_accept token; location / { empty_gif; }"


@pytest.fixture
def published():
    issuer = Issuer()
    yield issuer
    issuer.close()


def short_signer():
    """One in 128 keys: a coordinate that begins with a zero."""
    while True:
        signer = Signer("ES256", kid="short")
        numbers = signer.private.public_key().public_numbers()
        if numbers.x >> 248 == 0 or numbers.y >> 248 == 0:
            return signer


def short_jwk(signer):
    """As Java's BigInteger writes it."""
    numbers = signer.private.public_key().public_numbers()
    return {**signer.jwk, "x": number(numbers.x), "y": number(numbers.y)}


# --- secrets ---------------------------------------------------------------------------------------------------

SECRET = bytes(range(200, 248))


@pytest.mark.parametrize("line_break", [b"", b"\n"])
@pytest.mark.parametrize("form", ["base64url", "hex", "jwk", "set"])
def test_report_U10(edge, issuers, kw, form, line_break):
    signer = Signer("HS256", secret=SECRET)
    texts = {
        "base64url": b64(SECRET),
        "hex": SECRET.hex(),
        "jwk": json.dumps(signer.jwk),
        "set": jwks(signer),
    }
    path = issuers.write("s", texts[form].encode() + line_break, 0o640)
    word = form if form in ("base64url", "hex") else ""
    e = edge(http=f"keyward_issuer auth {{ secret_file {path} {word}; }}", server=SERVER, store=False)
    token = signer.token()
    assert e.get("/", bearer(token)).status == 200
    # Nobody's else: neither the text's own bytes nor another secret.
    for other in (texts[form].encode(), SECRET[::-1]):
        assert e.get("/", Signer("HS256", secret=other).bearer()).status == 401
    options = ["--secret-form", word] if word else []
    run = kw.run("--json", "token", "inspect", "--no-store", "--secret", path, *options, input=token)
    assert run.rc == 0, run.stdout + run.stderr


def test_report_U10_as_it_is(edge, issuers):
    """Without a word the text itself is the secret, as ever."""
    text = b64(SECRET).encode()
    path = issuers.write("s", text + b"\n", 0o640)
    e = edge(http=f"keyward_issuer auth {{ secret_file {path}; }}", server=SERVER, store=False)
    assert e.get("/", Signer("HS256", secret=text).bearer()).status == 200
    assert e.get("/", Signer("HS256", secret=SECRET).bearer()).status == 401


def test_report_U10_kid_and_alg_of_a_jwk_hold(edge, issuers):
    signer = Signer("HS256", kid="one", secret=SECRET)
    path = issuers.write("s", json.dumps({**signer.jwk, "alg": "HS256"}), 0o640)
    e = edge(http=f"keyward_issuer auth {{ secret_file {path}; }}", server=SERVER, store=False)
    assert e.get("/", signer.bearer()).status == 200
    assert e.get("/", signer.named("two").bearer()).status == 401
    assert e.get("/", Signer("HS384", kid="one", secret=SECRET).bearer()).status == 401


@pytest.mark.parametrize(
    "content, word, says",
    [
        (base64.b64encode(b"x" * 40 + b"~~"), "base64url", "base64url is letters, digits, - and _"),
        (b64(b"x" * 40) + "==", "base64url", "base64url is letters, digits, - and _"),
        ("abc" * 23, "hex", "hex is an even number of"),
        ("ab" * 31, "hex", "too short"),
        (b64(b"x" * 31), "base64url", "too short"),
        ("x" * 40, "base64", 'unknown form "base64"; it may be base64url or hex'),
        (json.dumps(Signer("ES256").jwk), "", 'it holds a public key; name it by "jwks_file"'),
        (json.dumps({"kty": "oct", "k": "eA"}), "", "too short"),
        (json.dumps({"kty": "oct", "k": "x" * 60 + "=="}), "", "base64 with padding"),
        (json.dumps({"kty": "oct"}), "", "k of a secret (oct)"),
        (json.dumps(Signer("HS256").jwk), "hex", "it is a JWK or a set of such, whose form is known; leave out what"),
        (jwks(Signer("HS256")), "base64url", 'says another one, "base64url"'),
    ],
    ids=range(12),
)
def test_report_U10_mistakes(config_test, issuers, content, word, says):
    path = issuers.write("s", content, 0o640)
    rc, output = config_test(
        http=f"keyward_issuer auth {{ secret_file {path} {word}; }}", location="keyward on;", store=False
    )
    assert rc == 1 and says in output, output


def test_report_U10_inspect_reads_the_configuration(kw, issuers, folder):
    signer = Signer("HS256", secret=SECRET)
    path = issuers.write("s", SECRET.hex(), 0o640)
    conf = folder / "dump"
    conf.write_text(f"keyward_issuer auth {{ secret_file {path} hex; }}\n")
    run = kw.run("--json", "token", "inspect", "--no-store", "--conf", conf, input=signer.token())
    assert run.rc == 0, run.stderr
    conf.write_text(f"keyward_issuer auth {{ secret_file {path} base32; }}\n")
    run = kw.run("token", "inspect", "--no-store", "--conf", conf, input=signer.token())
    assert run.rc == 2 and "it may be base64url or hex" in run.stderr
    run = kw.run("token", "inspect", "--no-store", "--secret", path, "--secret-form", "text", input=signer.token())
    assert run.rc == 2 and "--secret-form is base64url or hex" in run.stderr


# --- sets that can be used -------------------------------------------------------------------------------------


def test_report_U11_null_is_absent(edge, issuers):
    signer = Signer("RS256")
    jwk = {**signer.jwk, "alg": None, "use": None, "kid": None, "key_ops": None}
    path = issuers.write("auth.json", json.dumps({"keys": [jwk]}))
    e = edge(http=f"keyward_issuer auth {{ jwks_file {path}; }}", server=SERVER, store=False)
    for algorithm in ("RS256", "PS512"):
        assert e.get("/", Signer(algorithm).bearer()).status == 200
    assert e.get("/", signer.named("null").bearer()).status == 200


def test_report_U11_short_coordinates(config_test, edge, issuers, kw):
    signer = short_signer()
    path = issuers.write("auth.json", json.dumps({"keys": [short_jwk(signer)]}))
    block = f"keyward_issuer auth {{ jwks_file {path}; }}"
    rc, output = config_test(http=block, location="keyward on; keyward_accept token;", store=False)
    assert rc == 0 and "[warn]" in output and '(kid "short") has x or y shorter than its curve says' in output
    e = edge(http=block, server=SERVER, store=False)
    token = signer.token()
    assert e.get("/", bearer(token)).status == 200
    assert e.get("/", Signer("ES256", kid="short").bearer()).status == 401
    run = kw.run("--json", "token", "inspect", "--no-store", "--jwks", path, input=token)
    assert run.rc == 0 and "shorter than its curve" in run.stdout


def test_report_U11_short_coordinates_that_are_fetched(edge, published):
    signer = short_signer()
    published.behave = answer(json.dumps({"keys": [short_jwk(signer)]}).encode())
    e = edge(http=f"keyward_issuer auth {{ jwks_uri {published.url} plain; }}", server=SERVER, store=False)
    e.wait_log(r'\[warn\].*issuer "auth": http://\S+: a key \(kid "short"\) has x or y shorter')
    assert e.get("/", signer.bearer()).status == 200


# --- what is none ----------------------------------------------------------------------------------------------


def padded(jwk):
    return {name: value + "=" * (-len(value) % 4) if name in "nexy" else value for name, value in jwk.items()}


def pem_of_a_certificate():
    return certificate("auth")[0].public_bytes(serialization.Encoding.PEM)


METADATA = json.dumps({"issuer": "https://auth.example", "jwks_uri": "https://auth.example/jwks"})

# What is served or saved, what is said of it.
NO_SETS = {
    "padding": (lambda: json.dumps({"keys": [padded(Signer("RS256").jwk)]}), "base64 with padding"),
    "gzip": (lambda: gzip.compress(jwks(Signer()).encode()), r"compressed \(gzip\)"),
    "the discovery document": (lambda: METADATA, "discovery"),
    "PEM": (lambda: Signer("RS256").pem, "it is PEM"),
    "a certificate": (pem_of_a_certificate, "it is PEM"),
}


@pytest.mark.parametrize("name", NO_SETS)
def test_report_U11_refused_by_name(config_test, edge, issuers, published, name):
    make, says = NO_SETS[name]
    content = make()
    content = content if isinstance(content, bytes) else content.encode()
    path = issuers.write("auth.json", content)
    rc, output = config_test(http=f"keyward_issuer auth {{ jwks_file {path}; }}", location="keyward on;", store=False)
    assert rc == 1
    assert says.replace("\\", "") in output, output
    published.behave = answer(content)
    e = edge(http=f"keyward_issuer auth {{ jwks_uri {published.url} plain; }}", server=SERVER, store=False)
    e.wait_log(
        rf'\[error\].*issuer "auth": no keys from http://\S+: the answer is no key set that can be used \(.*{says}|is refused.*{says}'
    )
    assert e.get("/", published.bearer()).status == 503


def test_report_U11_a_compressed_answer_is_named(edge, published):
    published.behave = answer(gzip.compress(published.jwks()), headers={"Content-Encoding": "gzip"})
    e = edge(http=f"keyward_issuer auth {{ jwks_uri {published.url} plain; }}", server=SERVER, store=False)
    e.wait_log(
        r'issuer "auth": no keys from http://\S+: the answer is compressed, though Accept-Encoding asks for none.*\(gzip\)'
    )
    assert e.get("/", published.bearer()).status == 503


def test_report_U11_a_certificate_as_public_key(config_test, issuers, kw):
    path = issuers.write("auth.pem", pem_of_a_certificate())
    rc, output = config_test(http=f"keyward_issuer auth {{ public_key {path}; }}", location="keyward on;", store=False)
    assert rc == 1 and "it is a certificate, and no public key" in output and "openssl x509 -pubkey" in output
    run = kw.run("token", "inspect", "--no-store", "--public-key", path, input=Signer().token())
    assert run.rc == 2 and "it is a certificate" in run.stderr
