"""keyward token inspect: the verdict of the code that requests use, in words. Tokens are minted by another library."""

import json
import subprocess
import time

import pytest
from cli_helper import refuses
from harness.tokens import Signer, b64

NOW = int(time.time())
SECRET = "a secret of more than thirty-two bytes, which nobody may see"


@pytest.fixture(scope="module")
def signer():
    return Signer("EdDSA", kid="k1")


@pytest.fixture
def keys(folder, signer):
    """auth.pem, auth.jwks, secret, and another's key."""
    (folder / "auth.pem").write_text(signer.pem)
    (folder / "other.pem").write_text(Signer("EdDSA").pem)
    (folder / "auth.jwks").write_text(
        json.dumps({"keys": [signer.jwk, {"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB", "kid": "enc"}]})
    )
    (folder / "secret").write_text(SECRET)
    return folder


def mint(signer, header=None, **claims):
    return signer.token(
        header,
        **{
            "iss": "https://auth.example",
            "aud": "api",
            "sub": "alice",
            "jti": "j1",
            "iat": NOW - 10,
            "exp": NOW + 7200,
            **claims,
        },
    )


def inspect(kw, token, *arguments, rc):
    run = kw.run("--json", "token", "inspect", *arguments, input=token)
    assert run.rc == rc and run.stderr == "", run
    assert token.split(".")[-1] not in run.stdout, "the signature is never shown"
    return json.loads(run.stdout)


def test_accepted(kw, keys, signer):
    token = mint(signer, scope="a b", n=1.5e3)
    answer = inspect(kw, token, "--public-key", keys / "auth.pem", rc=0)
    assert answer["accepted"] and answer["verified"] and answer["reason"] is None and answer["cause"] is None
    assert answer["header"] == {"alg": "EdDSA", "typ": "JWT", "kid": "k1"}
    assert answer["claims"]["sub"] == "alice" and answer["claims"]["n"] == 1500
    assert (answer["subject"], answer["scopes"]) == ("alice", "a b")
    assert answer["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + 7200))
    assert answer["store"] == {"subject_state": "none", "denied": False, "denied_until_issued_at": None}
    (remark,) = inspect(kw, token, "--jwks", keys / "auth.jwks", rc=0)["remarks"]
    assert 'auth.jwks": key 2 (kid "enc") is left out: ' in remark
    text = kw.run("token", "inspect", "--public-key", keys / "auth.pem", input=token)
    assert text.rc == 0 and '"sub": "alice"' in text.stdout and "accepted" in text.stdout


REFUSALS = {
    "expired": ({"exp": NOW - 60}, [], "expired_token", "it has expired"),
    "not yet": ({"nbf": NOW + 7200}, [], "invalid_token", "its nbf is in the future"),
    "no exp": ({"exp": None}, [], "invalid_token", "it has no exp"),
    "other iss": (
        {},
        ["--issuer", "https://other.example"],
        "invalid_token",
        "its iss is not that of an accepted issuer",
    ),
    "other aud": (
        {},
        ["--audience", "b", "--audience", "c"],
        "invalid_token",
        "its aud has none of the configured audiences",
    ),
    "other type": ({}, ["--type", "at+jwt"], "invalid_token", "its typ is not the required one"),
    "a claim": (
        {"role": "user"},
        ["--require", "role admin owner"],
        "invalid_token",
        "a required claim is missing or has another value",
    ),
    "lifetime": ({}, ["--max-lifetime", "5m"], "invalid_token", "it lives longer than max_lifetime"),
    "leeway": ({"exp": NOW - 20}, ["--leeway", "5s"], "expired_token", "it has expired"),
    "at another time": ({}, ["--at", "2099-01-01"], "expired_token", "it has expired"),
    "a bad subject": (
        {"sub": "a\nb"},
        [],
        "invalid_token",
        'its subject claim "sub" is not a valid subject: a string of 1 to 256 bytes without control characters, and without white space at its ends',
    ),
}


@pytest.mark.parametrize("claims, rules, reason, cause", REFUSALS.values(), ids=REFUSALS)
def test_refused(kw, keys, signer, claims, rules, reason, cause):
    answer = inspect(kw, mint(signer, **claims), "--public-key", keys / "auth.pem", *rules, rc=1)
    assert (answer["accepted"], answer["reason"], answer["cause"]) == (False, reason, cause)
    assert answer["claims"]["jti"] == "j1"
    text = kw.run("token", "inspect", "--public-key", keys / "auth.pem", *rules, input=mint(signer, **claims))
    assert text.rc == 1 and cause in text.stdout


ACCEPTED = {
    "all rules": (
        {"role": ["x", "admin"], "typ": "y"},
        [
            "--issuer",
            "https://auth.example",
            "--audience",
            "b",
            "--audience",
            "api",
            "--require",
            "role admin owner",
            "--require",
            "typ y",
            "--type",
            "application/JWT",
            "--algorithm",
            "EdDSA",
            "--max-lifetime",
            "1d",
        ],
    ),
    "no exp": ({"exp": None}, ["--no-exp"]),
    "leeway": ({"exp": NOW - 60}, ["--leeway", "1h"]),
    "at another time": ({"exp": 1000, "iat": 900}, ["--at", "1970-01-01T00:15:30Z"]),
    "a subject": ({"sub": None, "oid": "x"}, ["--subject", "claim=oid prefix=e:"]),
}


@pytest.mark.parametrize("claims, rules", ACCEPTED.values(), ids=ACCEPTED)
def test_rules_that_hold(kw, keys, signer, claims, rules):
    answer = inspect(kw, mint(signer, **claims), "--public-key", keys / "auth.pem", *rules, rc=0)
    assert answer["subject"] == ("e:x" if "oid" in claims else "alice")


def test_what_nobody_has_vouched_for(kw, keys, signer):
    token = mint(signer)
    answer = inspect(kw, token, "--public-key", keys / "other.pem", rc=1)
    assert (
        answer["cause"] == "its signature verifies with no key of an accepted issuer"
        and not answer["verified"]
        and answer["subject"] is None
    )
    assert answer["claims"]["sub"] == "alice"
    text = kw.run("token", "inspect", "--public-key", keys / "other.pem", input=token)
    assert "claims (signature not verified):" in text.stdout
    for broken, cause in (
        ("abc", "not three parts"),
        (token + "=", "not base64url"),
        ("x" * 70000, "longer than 64 KiB"),
        ("e30.e30.e30", "alg, kid or typ"),
        (".".join(["bm9qc29u"] * 3), "header is not a valid JSON object"),
    ):
        run = kw.run("--json", "token", "inspect", "--public-key", keys / "auth.pem", input=broken)
        answer = json.loads(run.stdout)
        assert run.rc == 1 and cause in answer["cause"], broken[:40]
        # As requests are told.
        reason = "credential_too_large" if len(broken) > 65536 else "invalid_token"
        assert answer["reason"] == reason
    assert (
        kw.run("token", "inspect", "--public-key", keys / "auth.pem", input=f" {mint(signer)} \t\n").rc == 0
    ), "as HTTP takes blanks away"
    hostile = mint(signer, note="a\x1b[2Jb")
    assert "\x1b" not in kw.run("token", "inspect", "--public-key", keys / "auth.pem", input=hostile).stdout


def test_an_algorithm_that_the_issuer_does_not_allow(kw, keys, signer):
    other = Signer("ES256", kid="k2")
    (keys / "both.jwks").write_text(json.dumps({"keys": [signer.jwk, other.jwk]}))
    for token, rc in ((mint(signer), 0), (mint(other), 1)):
        answer = inspect(kw, token, "--jwks", keys / "both.jwks", "--algorithm", "EdDSA", rc=rc)
    assert (answer["reason"], answer["cause"]) == (
        "invalid_token",
        "its alg is not allowed by the issuer's algorithms or its keys",
    )
    # A file without any key for it is what `nginx -t` refuses, too.
    refuses(
        kw,
        "token",
        "inspect",
        "--public-key",
        keys / "auth.pem",
        "--algorithm",
        "ES256",
        status=2,
        input=mint(signer),
        says='auth.pem": none of its keys can be used with the issuer\'s "algorithms"',
    )


def test_a_set_is_judged_as_where_it_comes_from(kw, keys, signer):
    """A private key in a file is taken for its public part, as nginx takes jwks_file; what jwks_uri brings with one is refused, and told."""
    private = {**signer.jwk, "d": b64(bytes(32))}
    (keys / "private.jwks").write_text(json.dumps({"keys": [private]}))
    (keys / "file.conf").write_text(f"keyward_issuer a {{ jwks_file {keys}/private.jwks; }}")
    (keys / "uri.conf").write_text("keyward_issuer a { jwks_uri https://auth.example/jwks; }")
    token = mint(signer)
    for source in ["--jwks", keys / "private.jwks"], ["--conf", keys / "file.conf"]:
        (remark,) = inspect(kw, token, *source, rc=0)["remarks"]
        assert remark.endswith(
            'private.jwks": a key (kid "k1") includes its private part, which can sign tokens; leave only the public part here'
        )
    refuses(
        kw,
        "token",
        "inspect",
        "--conf",
        keys / "uri.conf",
        "--keys",
        f"a={keys}/private.jwks",
        status=2,
        input=token,
        says='private.jwks": no key that can be used; key 1 (kid "k1") is left out: it is a private key: publish the public one',
    )
    (keys / "enc.jwks").write_text(json.dumps({"keys": [{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}]}))
    refuses(
        kw,
        "token",
        "inspect",
        "--jwks",
        keys / "enc.jwks",
        status=2,
        input=token,
        says="no key that can be used; key 1 is left out: ",
    )
    (keys / "none.jwks").write_text('{"keys":[]}')
    refuses(
        kw,
        "token",
        "inspect",
        "--jwks",
        keys / "none.jwks",
        status=2,
        input=token,
        says='none.jwks": no key that can be used\n',
    )


def test_a_secret_is_never_shown(kw, keys):
    signer = Signer("HS256", secret=SECRET.encode())
    token = signer.token()
    run = kw.run("token", "inspect", "--secret", keys / "secret", input=token)
    assert run.rc == 0 and SECRET not in run.stdout + run.stderr
    (keys / "oct.jwks").write_text(json.dumps({"keys": [signer.jwk]}))
    error = refuses(
        kw,
        "token",
        "inspect",
        "--jwks",
        keys / "oct.jwks",
        status=2,
        input=token,
        says='it holds secrets ("kty":"oct")',
    )
    assert "--secret" in error
    assert SECRET not in error and b64(SECRET.encode()) not in error


def test_the_stores_view(kw, keys, signer):
    arguments = ["--public-key", keys / "auth.pem", "--name", "auth"]
    token = mint(signer)
    kw("subject", "set", "alice")
    assert inspect(kw, token, *arguments, rc=0)["store"]["subject_state"] == "active"
    kw("subject", "set", "alice", "--state", "blocked")
    answer = inspect(kw, token, *arguments, rc=1)
    assert (answer["reason"], answer["cause"], answer["store"]["subject_state"]) == (
        "blocked_subject",
        "its subject is blocked",
        "blocked",
    )
    kw("subject", "set", "alice", "--state", "active")
    kw("token", "revoke", "--jti", "j1", "--issuer", "other")
    assert inspect(kw, token, *arguments, rc=0)["store"]["denied"] is False
    kw("token", "revoke", "--jti", "j1", "--issuer", "auth")
    answer = inspect(kw, token, *arguments, rc=1)
    assert answer["reason"] == "revoked_token" and answer["store"]["denied"] and "denylist" in answer["cause"]
    assert inspect(kw, token, *arguments, "--no-store", rc=0)["store"] is None
    assert inspect(kw, mint(signer, jti="j2"), *arguments, rc=0)["accepted"]
    until = kw("token", "revoke", "--subject", "alice")["not_before"]
    answer = inspect(kw, mint(signer, jti="j2"), *arguments, rc=1)
    assert answer["reason"] == "revoked_token" and answer["store"]["denied_until_issued_at"] == until
    assert inspect(kw, mint(signer, jti="j2", iat=None), *arguments, rc=1)["reason"] == "revoked_token"
    later = int(time.time()) + 100
    assert inspect(
        kw,
        mint(signer, jti="j2", iat=later, exp=later + 9),
        *arguments,
        "--at",
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(later)),
        rc=0,
    )["accepted"]
    refuses(kw, "--store", keys / "nowhere", "token", "inspect", *arguments, status=3, says="no store at", input=token)


CONFIGURATION = """
http {
    # keyward_issuer commented { }
    keyward_issuer session { jwks_uri https://auth.example/jwks refresh=5m; issuer https://auth.example; audience "api"; type JWT; }
    keyward_issuer oauth {
        public_key auth.pem;   # relative to the main file
        require kind oauth 'two words'; leeway 1m;
        subject claim=sub prefix=o: required;
    }
    server { location / { return 200 "a;b{${c}"; } }
}
"""


def test_by_a_configuration(kw, keys, signer):
    (keys / "nginx.conf").write_text(CONFIGURATION)
    dump = keys / "dump.txt"
    dump.write_text(
        f"# configuration file {keys}/nginx.conf:{CONFIGURATION}\n# configuration file {keys}/mime.types:\ntypes {{ }}\n"
    )
    for file in (keys / "nginx.conf", dump):
        token = mint(signer)
        answer = inspect(kw, token, "--conf", file, "--keys", f"session={keys}/auth.jwks", rc=0)
        assert (answer["issuer"], answer["subject"]) == ("session", "alice")
        answer = inspect(kw, token, "--conf", file, "--accept", "oauth", rc=1)
        assert (answer["issuer"], answer["cause"]) == (None, "a required claim is missing or has another value")
        answer = inspect(kw, token, "--conf", file, rc=1)
        assert answer["reason"] == "keys_unavailable" and "https://auth.example/jwks" in answer["remarks"][0]
        other = mint(signer, iss="https://else.example", kind="two words", exp=int(time.time()) - 40)
        answer = inspect(kw, other, "--conf", file, rc=1)
        assert (answer["issuer"], answer["reason"]) == ("oauth", "unprovisioned")
    kw("subject", "set", "o:alice")
    assert inspect(kw, other, "--conf", dump, rc=0)["subject"] == "o:alice"
    kw("token", "revoke", "--subject", "o:alice", "--issuer", "oauth")
    assert inspect(kw, other, "--conf", dump, rc=1)["reason"] == "revoked_token"


@pytest.fixture
def files(keys, build):
    """files({"nginx.conf": ...}): writes them, and what `nginx -T` prints of the first; $FOLDER is where they lie."""

    def write(texts):
        for name, text in texts.items():
            (keys / name).parent.mkdir(parents=True, exist_ok=True)
            (keys / name).write_text(text.replace("$FOLDER", str(keys)))
        main = keys / next(iter(texts))
        frame = f"load_module {build.module}; pid {keys}/pid; error_log {keys}/error.log; events {{ }}\n"
        main.write_text(frame + main.read_text())
        run = subprocess.run(
            ["env", *build.preload(), build.nginx, "-T", "-p", keys, "-c", main],
            text=True,
            capture_output=True,
            env=build.environment(),
        )
        assert run.returncode == 0, run.stderr
        (keys / "dump.txt").write_text(run.stdout)
        (keys / "both.txt").write_text(run.stderr + run.stdout)
        return keys / "dump.txt"

    return write


def test_includes_are_followed_in_a_dump(kw, keys, signer, files):
    """Inside of a block and around it, by a name, an absolute path and a pattern, in the order in which nginx reads them."""
    dump = files(
        {
            "conf/nginx.conf": "http { include issuers/*.conf; keyward_issuer last { include keys/*.inc; include none-*.inc; } include $FOLDER/other.conf;"
            " types { include 'mime types'; } }",
            "conf/mime types": "text/html html;\n",
            "conf/issuers/20.conf": "keyward_issuer b { include keys/auth.inc; include body.inc; type b; }",
            "conf/issuers/10.conf": "keyward_issuer a { include $FOLDER/conf/keys/auth.inc; include 'body.inc'; type a; }",
            "conf/issuers/.hidden.conf": "keyward_issuer hidden { }",
            "conf/body.inc": "# configuration\nissuer https://auth.example; include nested.inc; audience api;",
            "conf/nested.inc": "require kind\n  x;",
            "conf/keys/auth.inc": "public_key ../auth.pem;",  # beside nginx.conf, wherever it is written
            "other.conf": "keyward_issuer z { public_key $FOLDER/auth.pem; issuer https://z.example; }\nkeyward_issuer fetched { jwks_uri https://z.example/jwks; }",
        }
    )
    for file in (dump, keys / "both.txt"):
        for claims, typ, issuer in (
            ({"kind": "x"}, "a", "a"),
            ({"kind": "x"}, "b", "b"),
            ({}, "c", "last"),
            ({"iss": "https://z.example"}, "a", "last"),
        ):
            answer = inspect(kw, mint(signer, {"typ": typ, "kid": "k1"}, **claims), "--conf", file, rc=0)
            assert (answer["issuer"], len(answer["remarks"])) == (issuer, 1), answer
            assert "https://z.example/jwks" in answer["remarks"][0]
        assert (
            inspect(kw, mint(signer, iss="https://z.example"), "--conf", file, "--accept", "z", rc=0)["issuer"] == "z"
        )
        answer = inspect(kw, mint(signer), "--conf", file, "--accept", "a", "--accept", "b", rc=1)
        assert answer["cause"] in (
            "its typ is not the required one",
            "a required claim is missing or has another value",
        )


def test_an_include_that_cannot_be_followed_is_told(kw, keys, signer):
    block = "keyward_issuer a { public_key auth.pem; }"
    lone = keys / "lone.conf"
    lone.write_text(f"include mime.types;\nhttp {{ {block} }}")
    (remark,) = inspect(kw, mint(signer), "--conf", lone, rc=0)["remarks"]
    assert remark == '"mime.types" and other included files were not read; give what `nginx -T` prints'

    def dump(**texts):
        lone.write_text("".join(f"# configuration file {keys}/{name}.conf:\n{text}\n" for name, text in texts.items()))
        return ["token", "inspect", "--conf", lone]

    (remark,) = inspect(kw, mint(signer), *dump(nginx="include gone.conf; " + block)[2:], rc=0)["remarks"]
    assert remark == '"gone.conf", which is included, is not in what `nginx -T` printed'
    for texts, says in (
        (
            {"nginx": "keyward_issuer a { include gone.conf; }"},
            f'"{keys}/nginx.conf": line 1: "include" in a keyward_issuer: "gone.conf" is not in what',
        ),
        (
            {"nginx": "\ninclude x.conf;", "x": "\n\nkeyward_issuer a { include y.conf; }", "y": "\nisuer b;"},
            f'--conf: "{keys}/y.conf": line 2: "isuer" directive',
        ),
        (
            {"nginx": "include x.conf;", "x": "keyward_issuer a { public_key auth.pem;"},
            f'"{keys}/x.conf": line 2: the file ends inside of a block',
        ),
        ({"nginx": "include x.conf;", "x": "include [x].conf; include x.conf;"}, "includes itself"),
        ({"nginx": "include nginx.conf; keyward_issuer a { }"}, "includes itself"),
    ):
        refuses(kw, *dump(**texts), status=2, says=says, input="a.b.c")


@pytest.mark.parametrize(
    "text, says",
    {
        "http { }": "has no keyward_issuer",
        "keyward_issuer a { issuer b; }": 'keyward_issuer "a" has no keys',
        "keyward_issuer a { public_key auth.pem; secret_file secret; }": "a second source of keys",
        "keyward_issuer a { include x; }": "can't be followed here; name a file with what `nginx -T` prints",
        "keyward_issuer a { public_key auth.pem; isuer b; }": '"isuer" directive in keyward_issuer "a": is unknown',
        "keyward_issuer a { public_key auth.pem; issuer b; issuer c; }": "is duplicate",
        "keyward_issuer a { public_key auth.pem; leeway soon; }": 'invalid time "soon"',
        "keyward_issuer a { public_key auth.pem; algorithms none; }": 'unknown algorithm "none"',
        "keyward_issuer a { public_key auth.pem; issuer; }": "wrong number of arguments",
        "keyward_issuer a { public_key gone.pem; }": "gone.pem",
        "keyward_issuer a { public_key auth.pem;": "the file ends inside of a block",
        "}": 'line 1: unexpected "}"',
    }.items(),
)
def test_a_configuration_that_is_wrong_is_told(kw, keys, text, says):
    (keys / "nginx.conf").write_text(text)
    refuses(kw, "token", "inspect", "--conf", keys / "nginx.conf", status=2, says=says, input="a.b.c")


def test_wrong_usage(kw, keys, signer):
    pem = ["--public-key", keys / "auth.pem"]
    (keys / "nginx.conf").write_text(CONFIGURATION)
    conf = ["--conf", keys / "nginx.conf"]
    for arguments, says in (
        ([], "give rules"),
        ([*conf, *pem], "give rules"),
        ([*pem, "--secret", keys / "secret"], "give one of --jwks, --public-key and --secret"),
        ([*conf, "--issuer", "x"], "all rules come from the configuration"),
        ([*conf, "--accept", "nobody"], 'the configuration has no issuer "nobody"'),
        ([*conf, "--keys", "nobody=x"], "names no issuer of the configuration"),
        ([*conf, "--keys", f"oauth={keys}/auth.jwks"], "has no jwks_uri"),
        ([*pem, "--accept", "a"], "are for --conf"),
        ([*pem, "--at", "soon"], "is not a time"),
        ([*pem, "--require", "claim"], "wrong number of words"),
        ([*pem, "--name", "two words"], '--name: "two words" can\'t be the name of a keyward_issuer'),
        ([*pem, "--leeway", "x"], 'invalid time "x"'),
        (["--public-key", keys / "gone.pem"], "gone.pem"),
        (["--public-key", keys / "secret"], "secret"),
        (["--conf", keys / "gone.conf"], "gone.conf"),
    ):
        refuses(kw, "token", "inspect", *arguments, status=2, says=says, input="a.b.c")
    refuses(kw, "token", "inspect", *pem, status=2, says="no token on standard input", input="")


def test_report_U18_plans_of_the_configuration(kw, keys, store, signer):
    """What it may do is told by the configuration's plans and implied scopes, which nginx has, too."""
    kw("subject", "set", "alice", "--plan", "gold")
    token = mint(signer, scope="all other")
    dump = keys / "plans.conf"

    def judged(plans, *arguments, rc=0):
        dump.write_text(f"keyward_issuer auth {{ public_key {keys}/auth.pem; subject shared; }}\n{plans}\n")
        return inspect(kw, token, "--conf", dump, *arguments, rc=rc)

    assert judged("keyward_plan gold scope=posts:read; keyward_scope_implies all posts:read;")["scopes"] == "posts:read"
    assert judged("keyward_plan gold no_access;", rc=1)["reason"] == "no_access"
    assert judged("keyward_plan silver;", rc=1)["reason"] == "no_access"
    kw("plan", "set", "gold", "--scope", "other")
    assert judged("keyward_plan silver;")["scopes"] == "other"
    (remark,) = [
        remark for remark in inspect(kw, token, "--public-key", keys / "auth.pem", rc=0)["remarks"] if "plan" in remark
    ] or [None]
    assert remark is None
