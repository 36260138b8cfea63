"""`keyward token inspect --conf` and nginx judge by the same code: of whatever token, both admit it or neither, and for the same reason."""

import json
import random
import subprocess
import time

import pytest
from harness.site import Site
from harness.thorough import THOROUGH, thorough
from harness.tokens import Issuers, Signer, b64, bearer

PLACES = {"/": [], "/second": ["second", "first"], "/third": ["third"]}
RULES = {
    "first": "issuer https://first; audience api web; type at+jwt; require role admin owner; require realm.kind x; leeway 10s; max_lifetime 1h; subject shared;",
    "second": "issuer https://second; require_exp off; scope_wildcards on; subject claim=/ext/uid prefix=2: integer;",
    "third": "require tenant t1 5; scope_claim all perms.list /scope; subject required shared prefix=3:;",
}
CLAIMS = {
    "first": {"iss": "https://first", "aud": "api", "role": "admin", "realm": {"kind": "x"}},
    "second": {"iss": "https://second", "ext": {"uid": "alice"}},
    "third": {"tenant": "t1", "perms": {"list": ["a", "b"]}},
}
LOST = object()  # the member is left out

ODD = [
    None,
    True,
    0,
    5,
    -1,
    1e300,
    "",
    "x",
    "a b",
    " a",
    "é",
    "😀",
    "a\nb",
    "a\0b",
    "\u2028",
    "x" * 300,
    [],
    [None],
    ["x", 5],
    [["admin"]],
    {},
    {"a": 1},
    LOST,
]
HEADER = {
    "alg": ["none", "None", "HS256", "ES256", "eddsa", "Ed25519", None, 5, ["EdDSA"], LOST],
    "kid": ["one", "two", "ONE", "", "../one", "one\0", None, 5, LOST],
    "typ": ["AT+JWT", "application/at+jwt", "at+jwt ", "application/application/at+jwt", "JWT", "", None, 5, LOST],
    "crit": [["exp"], [], None],
    "b64": [True, False],
    "jwk": [{"kty": "oct"}],
}
NAMES = ["iss", "aud", "sub", "jti", "role", "realm", "tenant", "ext", "perms", "scope", "exp", "nbf", "iat"]
VALUES = {
    "aud": [["x", "web"], ["x"], [["api"]], ["api", None], "API", "api web"],
    "iss": ["https://second", "https://first/", "https://firs", ["https://first"]],
    "role": ["owner", "Admin", "admin owner", ["u", "owner"], {"admin": True}],
    "realm": [{"kind": ["y", "x"]}, {"Kind": "x"}, [{"kind": "x"}], {"kind": {"x": 1}}],
    "tenant": ["5", 5, 5.0, ["t1"], "t2"],
    "ext": [
        {"uid": "bob"},
        {"uid": "carol"},
        {"uid": 5},
        {"uid": 5.0},
        {"uid": -1},
        {"uid": 2**53},
        {"uid": ""},
        {"UID": "alice"},
    ],
    "sub": ["alice", "bob", "carol", "nobody"],
    "jti": ["denied", "denied-second"],
    "perms": [{"list": {"a": True, "b": {"x": 1}, "c": False, "d d": True}}, {"list": "a b"}],
    "scope": [{"a": True}, "a  b", "*", "p:* **", ["a b", "a"], "a\tb", 'a"b'],
}
SECONDS = [-(10**6), -4000, -100, 100, 4000, 10**6]


def changes(make, now):
    """One change: which part, which member, its value."""
    if make.random() < 0.3:
        name = make.choice(list(HEADER))
        return 0, name, make.choice(HEADER[name])
    name = make.choice(NAMES)
    if name in ("exp", "nbf", "iat") and make.random() < 0.7:
        at = now + make.choice(SECONDS)
        return 1, name, make.choice([at, at + 0.5, float(at)])
    return 1, name, make.choice(VALUES.get(name, []) + ODD)


def written(members, make):
    text = json.dumps(members, ensure_ascii=make.random() < 0.5)
    if make.random() < 0.04:
        text = make.choice(
            [
                text + " ",
                text[:-1] + ',"x":{"a":1,"a":2}}',
                text[:-1] + ',"x":"\\ud800"}',
                text[:-1] + ",}",
                "[]",
                text + text,
                '{"exp":1,' + text[1:],
            ]
        )
    return text


def minted(make, signers, now):
    name = make.choice(list(RULES))
    signer = signers[name]
    header = {"alg": signer.algorithm, "typ": "at+jwt", **({"kid": signer.kid} if signer.kid else {})}
    claims = {"sub": "alice", "jti": "1", "iat": now - 100, "exp": now + 1000, **CLAIMS[name]}
    for _ in range(make.choice([0, 1, 1, 1, 2, 3])):
        part, member, value = changes(make, now)
        (header, claims)[part][member] = value
    header, claims = ({n: v for n, v in members.items() if v is not LOST} for members in (header, claims))
    text = f"{b64(written(header, make))}.{b64(written(claims, make))}"
    return f"{text}.{b64(signer.private.sign(text.encode()))}"


@pytest.fixture(scope="module")
def signers():
    """The first two have one key."""
    one = Signer("EdDSA", kid="one")
    return {"first": one, "second": one, "third": Signer("EdDSA")}


@pytest.fixture(scope="module")
def site(build, signers):
    with Site(build) as site:
        issuers = Issuers(site.folder)
        shared = issuers.block("first", [signers["first"], Signer("EdDSA", kid="two")], RULES["first"])
        http = (
            shared
            + f"keyward_issuer second {{ jwks_file {issuers.path('first.json')}; {RULES['second']} }}\n"
            + issuers.block("third", signers["third"], RULES["third"])
        )
        kw = site.store.kw
        for subject, state in (
            ("alice", "active"),
            ("bob", "blocked"),
            ("2:bob", "blocked"),
            ("3:alice", "active"),
            ("3:bob", "blocked"),
        ):
            kw("subject", "set", subject, "--state", state)
        kw("token", "revoke", "--jti", "denied")
        kw("token", "revoke", "--jti", "denied-second", "--issuer", "second")
        for subject in ("carol", "2:carol", "3:carol"):
            kw("token", "revoke", "--subject", subject)
        locations = "".join(
            f"location {path} {{ keyward_accept {' '.join(names) or 'token'}; empty_gif; }}\n"
            for path, names in PLACES.items()
        )
        told = "add_header X-Reason $keyward_reason always; add_header X-Who $keyward_issuer/$keyward_subject/$keyward_scopes always;"
        site.start(
            http=http,
            server=f"large_client_header_buffers 4 32k; keepalive_requests 100000; keyward on; {told}\n{locations}",
        )
        prefix = site.edge.prefix
        run = subprocess.run(
            ["env", *build.preload(), build.nginx, "-T", "-p", f"{prefix}/", "-c", prefix / "nginx.conf"],
            capture_output=True,
            text=True,
            env=build.environment(),
        )
        assert run.returncode == 0, run.stderr
        site.dump = site.folder / "dump"
        site.dump.write_text(run.stdout)
        yield site


def by_nginx(connection, path, token):
    """(status, reason, ISSUER/SUBJECT/SCOPES)"""
    response = connection.request("GET", path, bearer(token))
    return response.status, response.header("X-Reason") or "", response.header("X-Who").encode("latin-1").decode()


def by_command(site, path, token):
    arguments = [word for name in PLACES[path] for word in ("--accept", name)]
    run = site.store.kw.run("--json", "token", "inspect", "--conf", site.dump, *arguments, input=token)
    assert run.rc in (0, 1) and run.stderr == "", run
    answer = json.loads(run.stdout)
    assert answer["accepted"] == (run.rc == 0)
    return answer


@thorough(600)
@pytest.mark.parametrize("seed", range(4))
def test_of_any_token(site, signers, seed):
    make = random.Random(seed)
    seen = {}
    with site.edge.connect() as connection:
        for _ in range(1000 if THOROUGH else 60):
            token, path = minted(make, signers, int(time.time())), make.choice(list(PLACES))
            status, reason, who = by_nginx(connection, path, token)
            assert (status, reason, who) == by_nginx(connection, path, token), token  # now it may be remembered
            answer = by_command(site, path, token)
            assert (answer["accepted"], answer["reason"] or "") == (status == 200, reason), (token, answer)
            if answer["accepted"]:
                assert f"{answer['issuer']}/{answer['subject'] or ''}/{answer['scopes'] or ''}" == who, token
            seen[reason] = seen.get(reason, 0) + 1
    assert seen.get("", 0) >= 5 and seen.get("invalid_token", 0) >= 5, seen


SHAPES = {
    "a blank behind": lambda token: f"{token} \t",
    "two parts": lambda token: token.rsplit(".", 1)[0],
    "four parts": lambda token: f"{token}.x",
    "an empty part": lambda token: token.rsplit(".", 1)[0] + ".",
    "padding": lambda token: f"{token}=",
    "another alphabet": lambda token: token[:-1] + "/",
    "8 KiB and a byte": lambda token: token.ljust(8193, "A"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_of_what_has_not_the_form_of_one(site, signers, name):
    """With the code that requests use, also where a request is refused before its token is looked at; nginx ignores blanks behind it."""
    token = SHAPES[name](signers["third"].token(sub="alice", **CLAIMS["third"]))
    with site.edge.connect() as connection:
        status, reason, _ = by_nginx(connection, "/", token)
    answer = by_command(site, "/", token)
    assert (answer["accepted"], answer["reason"] or "") == (status == 200, reason)
