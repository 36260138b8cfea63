"""What is signed as it should be and is no token all the same, through the whole edge; t/unit has the longer tables."""

import hashlib
import json
import re

import jwt
import pytest
from harness.client import raw
from harness.issuer import Issuer, answer
from harness.site import Site
from harness.tokens import Issuers, Signer, b64, bearer, forge, number, rsa_key
from harness.wait import until
from test_tokens import PAGES, SERVER, outcome, who

FAR = 4000000000
REQUESTS = "underscores_in_headers on; large_client_header_buffers 4 32k;"


def signed(signer, header, payload):
    """By an EdDSA key, whatever the bytes are."""
    text = f"{b64(header)}.{b64(payload)}"
    return f"{text}.{b64(signer.private.sign(text.encode()))}"


@pytest.fixture(scope="module")
def signer():
    return Signer("EdDSA", kid="1")


@pytest.fixture(scope="module")
def site(build, signer):
    with Site(build) as site:
        site.key = site.store.key(verifier="sha256")
        site.rs256 = Signer("RS256", kid="only")
        issuers = Issuers(site.folder)
        issuers.write("only.json", json.dumps({"keys": [{**site.rs256.jwk, "alg": "RS256"}]}))
        http = issuers.block("auth", [signer]) + f"keyward_issuer only {{ jwks_file {issuers.path('only.json')}; }}"
        cookies = "location /cookie { keyward_credential cookie=session; proxy_pass @BACKEND@; }"
        methods = (
            "location /methods { keyward_scope methods=GET a; keyward_scope methods=POST b; proxy_pass @BACKEND@; }"
        )
        upstream = "location /upstream { proxy_set_header X-Line $keyward_claim_line; proxy_pass @BACKEND@; }"
        site.start(http=http, server=f"{SERVER}\n{REQUESTS}\n{cookies}\n{methods}\n{upstream}\n{PAGES}")
        yield site


@pytest.mark.parametrize("name", ["RS384", "RS512", "PS256", "PS384", "PS512"])
def test_the_key_says_rs256(site, name):
    # Each is signed well, by that very key.
    signer = site.rs256
    assert who(site.edge, signer.bearer()) == "only/u1"
    other = jwt.encode({"sub": "u1", "exp": FAR}, signer.private, name, {"kid": "only"})
    assert outcome(site.edge, bearer(other)) == (401, "invalid_token")
    assert outcome(site.edge, bearer(forge(other, {"alg": "RS256"}))) == (401, "invalid_token")


GOOD_HEADER = '{"alg":"EdDSA","kid":"1"}'
HEADERS = {
    "crit": '{"alg":"EdDSA","kid":"1","crit":["exp"]}',
    "crit, empty": '{"alg":"EdDSA","kid":"1","crit":[]}',
    "b64": '{"alg":"EdDSA","kid":"1","b64":false,"crit":["b64"]}',
    "b64, true": '{"alg":"EdDSA","kid":"1","b64":true}',
    "none": '{"alg":"none","kid":"1"}',
    "none, escaped": '{"alg":"\\u006eone","kid":"1"}',
    "no alg": '{"kid":"1"}',
    "a list of algs": '{"alg":["EdDSA"],"kid":"1"}',
    "alg twice": '{"alg":"none","alg":"EdDSA","kid":"1"}',
    "kid twice": '{"alg":"EdDSA","kid":"2","kid":"1"}',
    "kid twice, escaped": '{"alg":"EdDSA","kid":"1","\\u006bid":"1"}',
    "a NUL in a name": '{"alg":"EdDSA","kid":"1","kid\\u0000":"2"}',
    "a NUL": '{"alg":"EdDSA","kid":"1","x":"\0"}',
    "depth": '{"alg":"EdDSA","kid":"1","x":' + "[" * 2500 + "]" * 2500 + "}",
    "no UTF-8": b'{"alg":"EdDSA","kid":"1","x":"\xff"}',
    "a byte order mark": b'\xef\xbb\xbf{"alg":"EdDSA","kid":"1"}',
    "no object": '["EdDSA"]',
    "a blank": " ",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_none(site, signer, name):
    payload = json.dumps({"sub": "u1", "exp": FAR})
    assert outcome(site.edge, bearer(signed(signer, GOOD_HEADER, payload))) == (200, "")
    assert outcome(site.edge, bearer(signed(signer, HEADERS[name], payload))) == (401, "invalid_token")


PAYLOADS = {
    "exp twice": '{"exp":4000000000,"exp":4000000000}',
    "exp twice, escaped": '{"exp":1,"\\u0065xp":4000000000}',
    "sub twice, deep": '{"exp":4000000000,"x":{"a":1,"a":1}}',
    "a NUL in a name": '{"exp\\u0000x":5,"exp":4000000000}',
    "depth": '{"exp":4000000000,"x":' + "[" * 2800 + "]" * 2800 + "}",
    "no UTF-8": b'{"exp":4000000000,"x":"\xc0\xaf"}',
    "half a surrogate": '{"exp":4000000000,"x":"\\ud800"}',
    "a comment": '{"exp":4000000000/**/}',
    "something behind": '{"exp":4000000000}{}',
    "no object": "4000000000",
    "a blank": " ",
    "exp 1e400": '{"exp":1e400}',
    "exp a string": '{"exp":"4000000000"}',
    "exp null": '{"exp":null}',
    "exp absent": '{"sub":"u1"}',
    "exp true": '{"exp":true}',
    "exp in an array": '{"exp":[4000000000]}',
    "exp with a plus": '{"exp":+4000000000}',
    "nbf 2^63": '{"exp":1e300,"nbf":9223372036854775808}',
    "nbf a string": '{"exp":4000000000,"nbf":"1"}',
    "iat null": '{"exp":4000000000,"iat":null}',
}
DATES = {
    "1e10": 200,
    "4000000000.5": 200,
    "9223372036854775807": 200,
    "9223372036854775808": 200,
    "1e300": 200,
    "-1": 401,
    "0": 401,
    "-0": 401,
    "1": 401,
    "-9223372036854775809": 401,
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_that_is_none(site, signer, name):
    assert outcome(site.edge, bearer(signed(signer, GOOD_HEADER, PAYLOADS[name]))) == (401, "invalid_token")


@pytest.mark.parametrize("text", DATES)
def test_an_expiry_is_a_number(site, signer, text):
    status = DATES[text]
    reason = "" if status == 200 else "expired_token"
    assert outcome(site.edge, bearer(signed(signer, GOOD_HEADER, f'{{"exp":{text}}}'))) == (status, reason)


def test_what_a_token_is_sent_in(site, signer):
    # What the three parts are written in; the scheme, and two credentials.
    token, other, key = signer.token(), signer.token(jti="other"), site.key["key"]
    header, payload, signature = token.split(".")

    def send(*lines):
        with site.edge.connect() as connection:
            fields = b"".join(raw(line) + b"\r\n" for line in lines)
            connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n")
            response = connection.read_response()
        return response.status if response.status in (200, 400) else response.header("X-Reason")

    for value in (f"Bearer {token}", f"bearer {token}", f"BEARER  {token}", f"Bearer\t{token}", f"bEARER \t{token} \t"):
        assert send(f"Authorization: {value}") == 200, value
        assert site.backend.last.header("Authorization") is None
    assert send(f"X-API-Key: {token}") == send(f"X_API_Key: {token}") == 200
    assert send(f"Authorization: Bearer {token}", f"X-API-Key: {token}") == 200
    for value in (f"Basic {token}", f"Token {token}", token, "Bearer", "Bearer ", "X", "", f"Bearer{token}"):
        assert send(f"Authorization: {value}") == "missing_credential", value
    for lines in (
        [f"Authorization: Bearer {token}"] * 2,
        [f"X-API-Key: {token}"] * 2,
        [f"X-API-Key: {token}", f"X_API_Key: {other}"],
        [f"Authorization: Bearer {token}", f"X-API-Key: {other}"],
        [f"Authorization: Bearer {token}", f"X-API-Key: {key}"],
        [f"Authorization: Bearer {key}", f"X-API-Key: {token}"],
    ):
        assert send(*lines) == 400, lines
    seen = site.backend.count()
    for bad in (
        f"{token}, {other}",
        f"{token},{token}",
        f"{token} {other}",
        f"{token}=",
        f"{token}==",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}=.{signature}",
        f"{header}. {payload}.{signature}",
        f"{token}\x01",
        f"\xff{token}",
        f'"{token}"',
        f"{token}.",
        f".{token}",
        f"{header}..{payload}.{signature}",
        f"{header}.{payload}",
        header,
        f"{token}?",
        f"{token}+",
        f"{token}/",
        f"{header}.{payload}.{signature}.{signature}",
        "." * 3,
        "." * 8000,
        f"{token}%3D",
        token.replace(".", "%2e"),
        token[:-1] + chr(ord(token[-1]) + 1),  # 64 bytes leave four bits of the last character unused
    ):
        assert send(f"Authorization: Bearer {bad}") in ("invalid_token", "invalid_key"), bad
    assert send("Authorization: Bearer " + "." * 10000) == 400
    assert site.backend.count() == seen
    assert send(f"Authorization: Bearer {token}") == 200


def test_kids(edge, issuers):
    # None, one that is twice in the set, and ones that are paths.
    a, b, c, d = Signer(kid="twice"), Signer(kid="twice"), Signer("ES256", kid="twice"), Signer(kid="once")
    e = edge(http=issuers.block("auth", [a, b, c, d]), server=f"{SERVER}\n{PAGES}", store=False)
    for signer in (a, b, c, d):
        assert who(e, signer.bearer()) == "auth/u1"
        kid, signer.kid = signer.kid, None
        assert who(e, signer.bearer()) == "auth/u1"
        for other in (
            "../twice",
            "/etc/passwd",
            "twice/../once",
            "",
            "*",
            "twice\0",
            "' or ''='",
            "x" * 3000,
            f"{kid} ",
        ):
            assert outcome(e, signer.bearer({"kid": other})) == (401, "invalid_token"), other
        signer.kid = kid
    stranger = Signer(kid="twice")
    assert outcome(e, stranger.bearer()) == outcome(e, d.bearer({"kid": "twice"})) == (401, "invalid_token")
    stranger.kid = None
    assert outcome(e, stranger.bearer()) == (401, "invalid_token")


def one_as_exponent(modulus, claims):
    """The signature is the padded hash itself: everybody's, where e is 1."""
    text = f"{b64(json.dumps({'alg': 'RS256', 'kid': 'one'}))}.{b64(json.dumps(claims))}"
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
    padding = bytes([255]) * ((modulus.bit_length() + 7) // 8 - len(info) - 3)
    return f"{text}.{b64(bytes([0, 1]) + padding + bytes([0]) + info)}"


def test_keys_that_are_none_in_a_fetched_set(edge):
    # Each is refused and named, and opens nothing; the good ones beside them do as ever.
    claims = {"sub": "u1", "exp": FAR}
    modulus = rsa_key().public_key().public_numbers().n
    short, curve, secret = rsa_key(bits=1024), Signer("ES256"), b"0123456789abcdef" * 4
    numbers = short.public_key().public_numbers()
    off = {**curve.jwk, "kid": "off", "y": curve.jwk["x"]}
    bad = {
        "short": (
            {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)},
            jwt.encode(claims, short, "RS256", {"kid": "short"}),
        ),
        "one": ({"kty": "RSA", "n": number(modulus), "e": number(1)}, one_as_exponent(modulus, claims)),
        "off": (off, jwt.encode(claims, curve.private, "ES256", {"kid": "off"})),
        "oct": ({"kty": "oct", "k": b64(secret)}, jwt.encode(claims, secret, "HS256", {"kid": "oct"})),
        "weak": ({"kty": "oct", "k": b64(b"short")}, jwt.encode(claims, b"short", "HS256", {"kid": "weak"})),
        "empty": ({"kty": "oct", "k": ""}, jwt.encode(claims, b"", "HS256", {"kid": "empty"})),
        "secret": ({**Signer().jwk, "d": b64(bytes(32))}, None),
        "enc": (
            {**Signer("RS256", rsa_number=1).jwk, "use": "enc"},
            Signer("RS256", rsa_number=1).token({"kid": "enc"}),
        ),
        "hs": (
            {**Signer("RS256", rsa_number=2).jwk, "alg": "HS256"},
            Signer("RS256", rsa_number=2).token({"kid": "hs"}),
        ),
    }
    issuer = Issuer()
    try:
        issuer.behave = answer(issuer.jwks(*({**jwk, "kid": kid} for kid, (jwk, _) in bad.items())))
        e = edge(
            http=f"keyward_issuer auth {{ jwks_uri {issuer.url} plain; }}", server=f"{SERVER}\n{PAGES}", store=False
        )
        until(lambda: who(e, issuer.bearer()) == "auth/u1", 20 * e.build.patience, "the set")
        e.wait_log('issuer "auth": 1 keys from')
        for kid, (_, token) in bad.items():
            assert re.search(rf'\[warn\].*issuer "auth": key \d+ \(kid "{kid}"\) of \S+ is refused: ', e.log), kid
            if token is not None:
                status, reason = outcome(e, bearer(token))
                assert (status, reason) in {(401, "invalid_token"), (503, "keys_unavailable")}, kid
        assert who(e, issuer.bearer()) == "auth/u1"
        assert b64(secret) not in e.log
    finally:
        issuer.close()


def test_a_claim_never_becomes_a_field_or_a_request(site, signer):
    evil = "a\r\nX-Keyward-Plan: gold\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n"
    site.backend.clear()
    token = signer.bearer(line=evil, scope=["a", "b c", f"d{evil}", "*"], email=evil)
    assert site.edge.get("/upstream", token).status == 200
    assert [request.path for request in site.backend.requests] == ["/upstream"]
    seen = site.backend.last
    assert seen.header("X-Line").startswith("a%0D%0AX-Keyward-Plan")
    assert seen.header("X-Keyward-Scopes") == "a"
    assert seen.header("X-Keyward-Plan") is None
    assert outcome(site.edge, signer.bearer(scope="*"), "/methods") == (403, "insufficient_scope")
    for claims in ({"sub": evil}, {"sub": "a\nb"}, {"sub": "a\0"}):
        assert outcome(site.edge, signer.bearer(**claims)) == (401, "invalid_token")
    assert site.backend.count() == 1


def test_a_session_in_a_cookie_and_an_upgrade(site, signer):
    cookie = {"Cookie": f"session={signer.token()}"}
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    site.backend.clear()
    for fields in (
        {},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
    ):
        assert outcome(site.edge, {**cookie, **upgrade, **fields}, "/cookie") == (403, "cross_site"), fields
        assert outcome(site.edge, {**cookie, **fields}, "/cookie", "POST") == (403, "cross_site"), fields
    assert site.backend.requests == []
    for fields in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}):
        assert outcome(site.edge, {**cookie, **upgrade, **fields}, "/cookie") == (200, ""), fields
    # A GET that its backend would take for a DELETE.
    overrides = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE", "X-Method-Override": "DELETE"}
    for target, fields in (("/cookie", cookie), ("/methods", signer.bearer(scope="a"))):
        assert outcome(site.edge, {**fields, **overrides}, target) == (200, "")
        assert not [name for name, _ in site.backend.last.headers if "method" in name.lower()]
