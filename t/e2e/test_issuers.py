"""keyward_issuer in the configuration: every mistake is found by nginx -t, with its place and what to write instead."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives import serialization
from harness.tokens import Signer, jwks, rsa_key

ON = "keyward on;"


@pytest.fixture
def check(config_test, issuers):
    """check(block): what nginx -t says to a guarded location and these blocks."""
    signer = Signer(kid="1")
    issuers.write("good.pem", signer.pem)
    issuers.write("good.json", jwks(signer))
    issuers.write("good.secret", b"0" * 64, 0o640)
    issuers.write("twin.pem", signer.pem)

    def run(http, location=ON, store=False, **more):
        text = http.replace("GOOD", f"public_key {issuers.path('good.pem')};").replace("FILES", str(issuers.folder))
        rc, output = config_test(http=text, location=location, store=store, **more)
        # That there is no store is told as well: test_revocable.py.
        return rc, "\n".join(line for line in output.splitlines() if "[" in line and "can't be revoked" not in line)

    return run


def test_everything_at_once_is_good(check):
    rc, output = check(
        """
        keyward_plan gold;
        keyward_issuer auth {
            jwks_uri http://127.0.0.1:8081/internal/.well-known/jwks.json refresh=5m stale=1d cache=FILES/cache ca=FILES/ca plain;
            algorithms EdDSA ES256 RS256 PS512;
        }
        keyward_issuer full {
            jwks_file FILES/good.json;
            issuer https://issuer.example/;
            audience api https://api.example;
            algorithms Ed25519 RS256;
            type at+jwt;
            require role admin user;
            require realm_access.level 3;
            require https://x.example/tenant acme;
            leeway 1m; max_lifetime 1h; require_exp off;
            scope_claim scope https://x.example/roles; scope_wildcards on;
            grant posts:read posts:* *;
            plan gold; plan_claim plan;
            subject claim=user.id prefix=full: shared;
        }
        keyward_issuer secret { secret_file FILES/good.secret; algorithms HS256 HS512; subject prefix=s:; }
    """.replace(
            " ca=FILES/ca", ""
        )
    )
    assert (rc, output) == (0, "")


BAD = {
    # keys
    "GOOD": None,
    "": "has no keys; write one of jwks_uri, discovery, jwks_file, public_key and secret_file",
    "GOOD jwks_file x.json;": '"jwks_file" directive in keyward_issuer "auth": is a second source of keys',
    "GOOD GOOD": "a second source of keys",
    "GOOD type application/;": '"application/" is no media type; write one such as at+jwt',
    "GOOD type 'at+jwt ';": '"at+jwt " is no media type',
    "GOOD type a/b/c;": '"a/b/c" is no media type',
    "GOOD type application/at+jwt;": None,
    "jwks_uri ftp://x/;": "the URL is no http:// or https:// URL; write https://HOST/PATH",
    "jwks_uri http://x.example/;": "is not encrypted",
    "jwks_uri https://x.example/ plain;": '"plain" is for http only',
    "jwks_uri https://user@x.example/;": "the URL has a user or password in it",
    "jwks_uri https:///jwks;": "the URL has no valid host",
    "jwks_uri https://x.example:0/;": "the URL has no valid port",
    "jwks_uri https://x.example:70000/;": "the URL has no valid port",
    "jwks_uri 'https://x.example/a b';": "the URL holds a character that no URL may hold",
    "jwks_uri https://x.example/#a;": "the URL has a fragment, which is never sent",
    "jwks_uri https://[::1/;": "the URL has no valid host",
    "jwks_uri https://x.example/ refresh=0;": "invalid time",
    "jwks_uri https://x.example/ refresh=15x;": "invalid time",
    "jwks_uri https://x.example/ refresh=15m refresh=1m;": "is there twice",
    "jwks_uri https://x.example/ cache=;": "unknown parameter",
    "jwks_uri https://x.example/ fast;": 'unknown parameter "fast"; it may be refresh=TIME, stale=TIME, cache=FILE, ca=FILE or "plain"',
    "jwks_uri http://x.example/ plain ca=x;": '"ca=" is for https only',
    "public_key FILES/missing.pem;": "has no keys: ",
    "public_key FILES/good.json;": "has no keys: ",
    "jwks_file FILES/good.pem;": "has no keys: ",
    "secret_file FILES/short.secret;": "has no keys: ",
    "public_key FILES/rsa1024.pem;": "has no keys: ",
    "public_key FILES/private.pem;": "has no keys: ",
    "jwks_file FILES/oct.json;": '"secret_file"',
    "public_key FILES;": "has no keys: ",
    # what it must say
    "GOOD algorithms none;": 'unknown algorithm "none"; it must be EdDSA,',
    "GOOD algorithms eddsa;": 'unknown algorithm "eddsa"',
    "GOOD algorithms HS256;": "is for secret_file only",
    "jwks_uri https://x.example/; algorithms EdDSA HS512;": "is for secret_file only",
    "GOOD algorithms RS256;": 'can be used with the issuer\'s "algorithms"',
    "secret_file FILES/good.secret; algorithms RS256;": 'can be used with the issuer\'s "algorithms"',
    "GOOD issuer a; issuer b;": '"issuer" directive in keyward_issuer "auth": is duplicate',
    "GOOD issuer '';": "is empty",
    "GOOD audience '';": "empty audience",
    "GOOD audience;": "wrong number of arguments",
    "GOOD type '';": "is empty",
    "GOOD require role;": "wrong number of arguments",
    "GOOD require .role x;": "is no claim",
    "GOOD require a..b x;": "is no claim",
    "GOOD leeway -1;": "invalid time",
    "GOOD leeway 2d;": "a day is the most",
    "GOOD max_lifetime 0;": "invalid time",
    "GOOD require_exp maybe;": 'it must be "on" or "off"',
    "GOOD scope_claim a.;": "is no claim",
    "GOOD scope_wildcards 1;": 'it must be "on" or "off"',
    "GOOD grant 'a b';": "is not a scope",
    "GOOD grant a,b;": "is not a scope",
    "GOOD plan nope;": 'unknown plan "nope" in keyward_issuer "auth"',
    "GOOD plan 'a b';": "bad name",
    "GOOD plan_claim '';": "is no claim",
    "GOOD subject required;": "needs a store to look in",
    "GOOD subject required required;": "is there twice",
    "GOOD subject 'prefix= a';": "bad prefix",
    "GOOD subject claim=;": "is no claim",
    "GOOD subject mandatory;": 'it may be claim=NAME, prefix=TEXT, "required", "shared" or "integer"',
    "GOOD subject claim=/a/;": "has an empty name in it",
    "GOOD require /a//b x;": "has an empty name in it",
    "GOOD require / x;": "has an empty name in it",
    "GOOD plan_claim /a~;": 'write "~" as ~0 and a slash in a name as ~1',
    "GOOD scope_claim scp /a~2;": 'write "~" as ~0 and a slash in a name as ~1',
    "GOOD require /kubernetes.io/namespace x; scope_claim all scp /a~1b/~0; plan_claim /a; subject claim=/b integer;": None,
    "GOOD scope_claim all;": "scope_claim all scp roles;",
    "GOOD scope_claim /all;": None,
    "GOOD issuer a b '';": "is empty",
    "GOOD issuer https://a https://b;": None,
    "GOOD subjects;": "is unknown here; it must be one of jwks_uri, ",
}


@pytest.mark.parametrize("rules", BAD)
def test_one_mistake(check, issuers, rules):
    issuers.write("short.secret", b"0" * 31, 0o640)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    issuers.write("rsa1024.pem", rsa_key(99, 1024).public_key().public_bytes(serialization.Encoding.PEM, form))
    private = Signer().private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    issuers.write("private.pem", private)
    issuers.write("oct.json", jwks(Signer("HS256")))
    rc, output = check(f"keyward_issuer auth {{ {rules} }}")
    if BAD[rules] is None:
        assert (rc, output) == (0, "")
        return
    assert rc == 1 and BAD[rules] in output, output
    assert "nginx.conf:" in output
    assert "PRIVATE" not in output and "MDEyMzQ1" not in output


@pytest.mark.parametrize(
    "name", ["key", "token", "anonymous", "unprovisioned", "pending", "preflight", "a=b", "'a b'", "''", "$x"]
)
def test_names(check, name):
    rc, output = check(f"keyward_issuer {name} {{ GOOD }}")
    assert rc == 1 and ("bad name" in output or "is a word of keyward_accept" in output), output


def test_a_name_can_be_used_once(check):
    rc, output = check("keyward_issuer a { GOOD issuer x; }\nkeyward_issuer a { GOOD issuer y; }")
    assert rc == 1 and '"keyward_issuer" directive: "a" is duplicate; it stands in ' in output


@pytest.mark.parametrize(
    "second, wrong",
    [
        ("GOOD", True),
        ("public_key FILES/twin.pem;", True),
        ("jwks_file FILES/good.json;", True),
        ("GOOD issuer x;", False),
        ("GOOD type at+jwt;", False),
        ("GOOD require a b;", False),
        ("GOOD audience x;", True),
        ("GOOD issuer x y;", False),
        ("GOOD leeway 1s; subject shared; grant a;", True),
    ],
)
def test_issuers_that_share_a_key_must_be_told_apart(check, second, wrong):
    rc, output = check(f"keyward_issuer a {{ GOOD }}\nkeyward_issuer b {{ {second} }}")
    assert rc == (1 if wrong else 0), output
    assert ('has a key of issuer "a"' in output) == wrong


@pytest.mark.parametrize(
    "first, second, wrong",
    [
        ("audience shop;", "audience desk;", False),
        ("audience shop;", "audience desk shop;", True),
        ("audience shop;", "", True),
        ("issuer a b;", "issuer b a b;", True),
        ("issuer a b;", "issuer a;", False),
    ],
)
def test_report_U6_audiences_tell_issuers_apart(check, first, second, wrong):
    rc, output = check(f"keyward_issuer a {{ GOOD {first} }}\nkeyward_issuer b {{ GOOD {second} }}")
    assert rc == (1 if wrong else 0), output
    assert ('or name in each an "audience" that the other one doesn\'t' in output) == wrong


def test_secrets_that_are_one_to_an_hmac_are_shared(check, issuers):
    """RFC 2104 fills a key up with zeros, and hashes one that is longer than a block."""
    long = b"l" * 200
    secrets = {"own": b"k" * 40, "filled": b"k" * 40 + bytes(8), "long": long, "hashed": hashlib.sha256(long).digest()}
    for name, secret in secrets.items():
        issuers.write(name, secret.hex(), 0o640)

    def shared(one, other):
        rc, output = check(
            "".join(f"keyward_issuer {i} {{ secret_file {issuers.path(i)} hex; }}\n" for i in (one, other))
        )
        assert rc == (1 if "has a key of issuer" in output else 0), output
        return rc == 1

    assert shared("own", "filled") and shared("filled", "own") and shared("long", "hashed")
    assert not shared("own", "long") and not shared("filled", "hashed")


def test_two_of_one_url_must_be_told_apart(check):
    url = "jwks_uri https://x.example/jwks;"
    assert check(f"keyward_issuer a {{ {url} }}\nkeyward_issuer b {{ {url} }}")[0] == 1
    assert check(f"keyward_issuer a {{ {url} issuer a; }}\nkeyward_issuer b {{ {url} issuer b; }}")[0] == 0
    short = url.replace(";", " stale=1h;")
    rc, output = check(f"keyward_issuer a {{ {url} issuer a; }}\nkeyward_issuer b {{ {short} issuer b; }}")
    assert rc == 1 and 'fetches its keys from the same URL as issuer "a"; give both the same "stale="' in output


@pytest.mark.parametrize(
    "second, warned",
    [
        ("jwks_uri https://y.example/jwks;", True),
        ("GOOD", True),
        ("secret_file FILES/good.secret;", False),
        ("jwks_uri https://y.example/jwks; issuer b;", False),
        ("GOOD type at+jwt;", False),
        ("GOOD require a b c; require a c b;", False),
    ],
)
def test_what_may_come_to_share_a_key_is_warned_of(check, second, warned):
    rc, output = check(f"keyward_issuer a {{ jwks_uri https://x.example/jwks; }}\nkeyward_issuer b {{ {second} }}")
    assert rc == 0 and ("differ in nothing but their keys" in output) == warned, output


@pytest.mark.parametrize(
    "rule", ["require a x y;", "require a y x;", "require a x x y;", "require a x y; require a y x;"]
)
def test_requirements_are_the_same_however_they_are_written(check, rule):
    rc, output = check(f"keyward_issuer a {{ GOOD require a x y; }}\nkeyward_issuer b {{ GOOD {rule} }}")
    assert rc == 1 and 'has a key of issuer "a"' in output


def test_accept_names_issuers_that_exist(check):
    issuer = "keyward_issuer auth { GOOD }"
    assert check(issuer, f"{ON} keyward_accept auth;") == (0, "")
    assert check(issuer, f"{ON} keyward_accept token;") == (0, "")
    assert (
        check(issuer, f"{ON} keyward_accept methods=GET auth unprovisioned; keyward_accept methods=POST anonymous;")[0]
        == 0
    )
    rc, output = check(issuer, f"{ON} keyward_accept auht;")
    assert rc == 1 and 'unknown issuer "auht" in keyward_accept in ' in output and "auht { ... }" in output
    rc, output = check(issuer, f"{ON} keyward_accept key unprovisioned;")
    assert rc == 1 and '"unprovisioned" is about tokens' in output
    rc, output = check(issuer, f"{ON} keyward_accept auth pending;")
    assert rc == 1 and "keyward_api" in output
    # Where issuers come behind the locations that name them.
    rc, output = check("server { listen 127.0.0.1:@PORT_X@; keyward on; keyward_accept auth; }\n" + issuer)
    assert (rc, output) == (0, "")


def test_token_without_any_issuer_is_warned_of(check, store):
    store.init()
    rc, output = check("", f"{ON} keyward_accept token;", store=True)
    assert rc == 0 and "accepts none: there is no issuer" in output
    # Beside others it does no harm.
    assert check("", f"{ON} keyward_accept key token;", store=True) == (0, "")
    assert check("", ON, store=True) == (0, "")


def test_an_issuer_that_nobody_accepts_is_warned_of(check, store):
    rc, output = check("keyward_issuer a { GOOD }\nkeyward_issuer b { GOOD issuer b; }", f"{ON} keyward_accept a;")
    assert rc == 0 and 'keyward_issuer "b" in ' in output and "is accepted nowhere" in output
    assert 'keyward_issuer "a"' not in output


def test_tokens_need_no_store_but_keys_do(check):
    issuer = "keyward_issuer auth { GOOD }"
    assert check(issuer) == (0, "")
    rc, output = check(issuer, f"{ON} keyward_accept key;")
    assert rc == 1 and "there is no store" in output


def test_required_subjects_that_can_not_be(check, store):
    store.init()
    two = (
        "keyward_issuer a {{ GOOD issuer a; subject required {}; }}\nkeyward_issuer b {{ GOOD issuer b; subject {}; }}"
    )
    rc, output = check(two.format("", "required"), store=True)
    assert rc == 1 and '"subject required" in keyward_issuer "b"' in output and "shared" in output
    assert check(two.format("", "shared"), store=True)[0] == 1
    for one, other in (
        ("shared", "shared required"),
        ("shared", "claim=sub"),
        ("prefix=a:", "required"),
        ("", "claim=sub"),
    ):
        assert check(two.format(one, other), store=True)[0] == 0, (one, other)


def test_in_an_incident_references_are_warnings(check):
    rc, output = check(
        "keyward_issuer auth { public_key FILES/missing.pem; plan nope; subject required; }", "keyward off;"
    )
    assert rc == 0 and output.count("[warn]") >= 3
    # But what can't be read at all is an error as everywhere.
    assert check("keyward_issuer auth { GOOD leeway soon; }", "keyward off;")[0] == 1


def test_files_that_others_can_get_at_are_warned_of(check, issuers):
    issuers.write("open.secret", b"1" * 64, 0o644)
    rc, output = check("keyward_issuer auth { secret_file FILES/open.secret; }")
    assert rc == 0 and "everyone may read it" in output
    issuers.write("open.pem", Signer().pem, 0o666)
    rc, output = check("keyward_issuer auth { public_key FILES/open.pem; }")
    assert rc == 0 and "everyone may write it" in output


def test_private_keys_in_a_set_are_warned_of(check, issuers):
    private = {**json.loads(jwks(Signer(kid="1")))["keys"][0], "d": "AAAA"}
    issuers.write("private.json", json.dumps({"keys": [private]}))
    rc, output = check("keyward_issuer auth { jwks_file FILES/private.json; }")
    assert rc == 0 and "[warn]" in output and 'a key (kid "1") includes its private part' in output


def test_keys_that_are_left_out_are_named(check, issuers):
    weak = {"kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB"}
    issuers.write("mixed.json", json.dumps({"keys": [json.loads(jwks(Signer(kid="1")))["keys"][0], weak]}))
    rc, output = check("keyward_issuer auth { jwks_file FILES/mixed.json; }")
    assert rc == 0 and 'key 2 (kid "weak") is left out: ' in output


def test_include_inside_a_block(check, issuers):
    issuers.write("rules.conf", "issuer https://issuer.example;\naudience api;\n")
    assert check("keyward_issuer auth { GOOD include FILES/rules.conf; }") == (0, "")
    issuers.write("rules.conf", "issuer a;\nnonsense b;\n")
    rc, output = check("keyward_issuer auth { GOOD include FILES/rules.conf; }")
    assert rc == 1 and "rules.conf:2" in output


def test_a_relative_path_is_beside_the_configuration(config_test, folder):
    prefix = folder / "config1"  # where nginx.conf will be
    rc, output = config_test(http="keyward_issuer auth { public_key missing-oauth.pem; }", location=ON, store=False)
    assert rc == 1 and f"{prefix}/missing-oauth.pem" in output
