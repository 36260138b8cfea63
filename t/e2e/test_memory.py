"""Memory that is refused, at each allocation of a request in turn, and threads that are: what should be refused never
passes, and the worker lives on or is replaced."""

import hashlib
import itertools
import json
import re
import secrets
from collections import Counter

import bcrypt
import pytest
from harness.client import Closed, encode_request
from harness.drive import cpu_seconds
from harness.issuer import Issuer, answer
from harness.refusals import Refusals
from harness.thorough import THOROUGH, thorough
from harness.tokens import Signer, bearer, flipped
from harness.wait import until

# The shim's allocator stands in the place where AddressSanitizer's would.
pytestmark = pytest.mark.release_only

# Pools of the least size: what doesn't fit is an allocation of its own, so that nearly each of a request's can be refused.
SMALL_POOLS = "connection_pool_size 128; request_pool_size 128;"
SERVER = f"""
{SMALL_POOLS}
keyward on;
keyward_credential bearer header=X-API-Key query=key websocket;
proxy_http_version 1.1;
location / {{ proxy_pass @BACKEND@; }}
location /scope {{ keyward_scope a:read; proxy_pass @BACKEND@; }}
location /methods {{ keyward_scope methods=GET a:read; keyward_scope methods=POST a:write; proxy_pass @BACKEND@; }}
location /limit {{ keyward_limit 2r/d; proxy_pass @BACKEND@; }}
location /problem {{ keyward_errors problem; proxy_pass @BACKEND@; }}
location /page {{ error_page 401 403 = @page; proxy_pass @BACKEND@; }}
location @page {{ keyward off; return 403 "no"; }}
location /try {{ root /nonexistent; try_files $uri /scope; }}
location /any {{ satisfy any; deny all; proxy_pass @BACKEND@; }}
location /shadow {{ keyward shadow; proxy_pass @BACKEND@; }}
location /off {{ keyward off; proxy_pass @BACKEND@; }}
location /forward {{ keyward_forward_credential on; proxy_pass @BACKEND@; }}
"""
WEBSOCKET = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
OUT_OF_MEMORY = (
    r"(malloc|posix_memalign|memalign)\(.*failed \(12|keyward: .*(memory|bad_alloc)|\[alert\].*(memory|keyward)"
)


@pytest.fixture
def refusals(build, folder, monkeypatch):
    return Refusals(build, folder, monkeypatch)


@pytest.fixture
def cases(store, kw):
    """The key whose limit is two requests, and {name: (target, header fields, status)}."""
    make = lambda **options: store.key(**{"verifier": "sha256", "scope": "a:read", "subject": "acme", **options})
    good, narrow, revoked, suspended, blocked, used_up = (
        make(),
        make(scope="b:read"),
        make(),
        make(),
        make(subject="bad"),
        make(),
    )
    kw("key", "revoke", revoked["id"])
    kw("key", "suspend", suspended["id"])
    kw("subject", "set", "bad", "--state", "blocked")
    x = lambda key: [("X-API-Key", key["key"])]
    spoofed = [("X-Keyward-Subject", "admin"), ("X-Keyward-Scopes", "forged")]
    protocol = lambda key: [*WEBSOCKET, ("Sec-WebSocket-Protocol", f"chat, bearer, {key['key']}, v2")]
    wrong = {"key": "kw_" + "0" * 49}
    return used_up, {
        "good": ("/", [*x(good), *spoofed], 200),
        "good, bearer": ("/", [("Authorization", f"Bearer {good['key']}")], 200),
        "good, scope": ("/scope", x(good), 200),
        "good, redirected": ("/try", x(good), 200),
        "good, in the query": (f"/?a=1&key={good['key']}&b=2", spoofed, 200),
        "good, forwarded": (f"/forward?a=1&key={good['key']}", spoofed, 200),
        "good, over satisfy any": ("/any", x(good), 200),
        "good, websocket": ("/", protocol(good), 200),
        "off": ("/off", spoofed, 200),
        "shadow": ("/shadow", [*x(revoked), *spoofed], 200),
        "none": ("/", spoofed, 401),
        "wrong": ("/", x(wrong), 401),
        "wrong, as a page": ("/page", x(wrong), 403),
        "wrong, as a problem": ("/problem", x(wrong), 401),
        "wrong, over satisfy any": ("/any", x(wrong), 401),
        "wrong, in the query": (f"/?a=1&key={wrong['key']}&b=2", [], 401),
        "revoked": ("/", [*x(revoked), *spoofed], 401),
        "revoked, websocket": ("/", protocol(revoked), 401),
        "suspended": ("/", x(suspended), 401),
        "blocked": ("/", x(blocked), 403),
        "narrow": ("/scope", [*x(narrow), *spoofed], 403),
        "narrow, redirected": ("/try", x(narrow), 403),
        "narrow, method": ("/methods", x(narrow), 403),
        "two that differ": ("/", [*x(good), ("Authorization", f"Bearer {narrow['key']}")], 400),
        "used up": ("/limit", x(used_up), 429),
    }


def ask(e, target, headers):
    """The status, 0 where the connection was closed. When it is told, the worker is done with the request."""
    upgrades = WEBSOCKET[0] in headers
    with e.connect() as connection:
        try:
            connection.send(
                encode_request(target=target, headers=[*headers] if upgrades else [*headers, ("Connection", "close")])
            )
            status = connection.read_response().status
            if not upgrades:
                connection.read_to_end()
            return status
        except (Closed, ConnectionError):
            return 0


def assert_plain(request, credential):
    """What the backend sees: no identity of the client's making, and no credential, unless that is forwarded."""
    assert request.header("X-Keyward-Subject") != "admin" and request.header("X-Keyward-Scopes") != "forged", request
    names = {name.lower() for name, _ in request.headers}
    assert credential or not names & {"x-api-key", "authorization"} and "key=" not in request.target, request


def test_memory_refused_opens_no_backup(edge, refusals, backend):
    """keyward's own 500 was taken to a backup in which keyward is off: nothing had decided about the request."""
    e = edge(
        server=f"""
        {SMALL_POOLS}
        location / {{ keyward on; error_page 500 502 503 504 = @backup; proxy_pass @BACKEND@; }}
        location @backup {{ proxy_pass @BACKEND@; }}
    """
    )
    e.allow_log(OUT_OF_MEMORY)
    failed = 0
    for headers in ([], [("X-API-Key", "kw_" + "0" * 49)], [("X-Keyward-Subject", "admin")]):
        for number in itertools.count(1):
            with refusals.memory(e.workers()[0], number):
                status = ask(e, "/", headers)
                count = refusals.count
            assert status in (401, 500, 503, 0), number
            failed += status == 500
            assert backend.requests == []
            until(lambda: len(e.workers()) == 1, 10, "a worker")
            if count < number:
                break
    assert failed > 0


def test_memory_refused_at_each_allocation_of_a_request(edge, refusals, cases, backend):
    used_up, cases = cases
    e = edge(server=SERVER)
    e.allow_log(OUT_OF_MEMORY)
    assert [ask(e, "/limit", [("X-API-Key", used_up["key"])]) for _ in range(3)] == [200, 200, 429]
    answers = {}
    for name, (target, headers, wanted) in cases.items():
        assert ask(e, target, headers) == wanted, name
        answers[name] = Counter()
        for number in itertools.count(1):
            what = f"{name}, allocation {number}"
            seen = backend.count()
            with refusals.memory(e.workers()[0], number):
                status = ask(e, target, headers)
                count = refusals.count
            answers[name][status] += 1
            assert status in (wanted, 500, 503, 0), f"{what}: {status}"
            if backend.count() > seen:
                assert wanted == 200, f"{what}: it reached the backend"
                assert_plain(backend.last, credential=name in ("shadow", "good, forwarded"))
            until(lambda: len(e.workers()) == 1, 10, "a worker")
            after = ask(e, target, headers)
            assert after == wanted, f"after {what} was refused: {after}"
            if count < number:
                assert status == wanted, what
                break
    assert "keyward answers 500: out of memory" in e.log
    for name, counts in answers.items():
        assert counts[500] + counts[0] > 15, (name, counts)
    # Which of a refusal's allocations is answered with 500 and which with a closed connection, the addresses' alignment decides.
    assert sum(counts[500] for counts in answers.values()) > 100, answers


TOKENS = {
    "good": 200,
    "wrong": 401,
    "expired": 401,
    "of another audience": 401,
    "blocked": 403,
    "unprovisioned": 401,
    "narrow": 403,
}


@pytest.mark.parametrize(
    "kind, algorithm",
    [*((kind, algorithm) for kind in TOKENS for algorithm in ("EdDSA", "ES256")), ("good", "RS256"), ("good", "HS256")],
)
def test_memory_refused_at_each_allocation_of_a_token(kind, algorithm, edge, refusals, kw, issuers, backend):
    """Tokens that nobody has seen yet, one for each allocation, so that each is verified; then the same once more, remembered."""
    signer, lax = Signer(algorithm), Signer("EdDSA")
    kw("subject", "set", "u1")
    kw("subject", "set", "bad", "--state", "blocked")
    claims = {
        "expired": {"exp": 1500000000, "iat": 1400000000},
        "of another audience": {"aud": "x"},
        "blocked": {"sub": "bad"},
        "unprovisioned": {"sub": "u2"},
        "narrow": {"scope": "b:read"},
    }.get(kind, {})
    # A laxer issuer stands behind: what fails in the first must not fall through to it.
    http = issuers.block("auth", signer, "audience api; subject required; scope_claim scope;") + issuers.block(
        "lax", lax, "grant *;"
    )
    e = edge(http=http, server=SERVER)
    e.allow_log(OUT_OF_MEMORY)
    wanted = TOKENS[kind]
    answers = Counter()
    for number in itertools.count(1):
        token = signer.token(**{"aud": "api", "scope": "a:read", "jti": str(number), **claims})
        headers = [
            ("Authorization", f"Bearer {flipped(token, 5) if kind == 'wrong' else token}"),
            ("X-Keyward-Subject", "admin"),
        ]
        with refusals.memory(e.workers()[0], number):
            status = ask(e, "/scope", headers)
            count = refusals.count
        answers[status] += 1
        assert status in (wanted, 500, 503, 0), f"allocation {number}: {status}"
        assert wanted == 200 or backend.count() == 0
        until(lambda: len(e.workers()) == 1, 10, "a worker")
        assert ask(e, "/scope", headers) == wanted, number
        if count < number:
            break
    assert answers[500] + answers[0] > 15, answers


@pytest.mark.parametrize("kind", ["good", "wrong", "legacy"])
def test_memory_refused_at_each_allocation_of_a_bcrypt_run(kind, edge, refusals, kw, backend):
    """Keys that nobody has seen yet, one for each allocation, so that each is verified."""
    keys = ["old_" + secrets.token_hex(20) for _ in range(300)]
    lines = []
    for key in keys:
        text = b"another" if kind == "wrong" else key.encode()
        line = {"bcrypt": bcrypt.hashpw(text, bcrypt.gensalt(4)).decode(), "subject": "acme"}
        found_by = {"prefix": key[:14]} if kind == "legacy" else {"sha256": hashlib.sha256(key.encode()).hexdigest()}
        lines.append(json.dumps({**line, **found_by}) + "\n")
    kw("key", "import", "-", input="".join(lines))
    e = edge(http="keyward_key_format old_ hex=40;", server=SERVER)
    e.allow_log(OUT_OF_MEMORY)
    wanted = 401 if kind == "wrong" else 200
    unseen = iter(keys)
    answers = Counter()
    for number in itertools.count(1):
        headers = [("X-API-Key", next(unseen)), ("X-Keyward-Subject", "admin")]
        with refusals.memory(e.workers()[0], number):
            status = ask(e, "/", headers)
            count = refusals.count
        answers[status] += 1
        assert status in (wanted, 500, 503, 0), f"allocation {number}: {status}"
        assert wanted == 200 or backend.count() == 0
        until(lambda: len(e.workers()) == 1, 10, "a worker")
        after = ask(e, "/", headers)
        assert after == wanted, f"after allocation {number} was refused: {after}"
        if wanted == 200:
            assert backend.last.header("X-Keyward-Subject") == "acme"
            assert_plain(backend.last, credential=False)
        if count < number:
            break
    assert answers[500] + answers[0] > 15, answers


def test_without_threads_bcrypt_runs_nowhere(edge, refusals, store, backend):
    # 503, and never on the event loop.
    slow, quick = store.key(verifier="bcrypt:12"), store.key(verifier="sha256")
    refusals.threads(True)
    e = edge(location="keyward on; add_header X-Reason $keyward_reason always;")
    e.wait_log("can't start threads")
    worker = e.workers()[0]
    before = cpu_seconds(worker)
    for _ in range(30):
        response = e.get(headers={"X-API-Key": slow["key"]})
        assert (response.status, response.header("X-Reason")) == (503, "busy")
        assert int(response.header("Retry-After")) >= 1
    assert cpu_seconds(worker) - before < 1, "thirty runs would have taken seven seconds"
    assert backend.count() == 0
    # What needs no bcrypt is decided as ever.
    assert e.get(headers={"X-API-Key": quick["key"]}).status == 200
    assert e.get(headers={"X-API-Key": quick["key"][:-1]}).status == e.get().status == 401
    refusals.threads(False)
    e.reload()
    assert e.get(headers={"X-API-Key": slow["key"]}).status == 200


@thorough(1200)
def test_memory_refused_while_keys_are_fetched(edge, refusals):
    # Wherever it is in a fetch, in reading a set or in what is kept and told of it: the last good keys stay, and no others come.
    issuers = [Issuer() for _ in range(4)]
    try:
        for issuer in issuers:
            # Another set each time, so that it is read as well, taken, and kept.
            issuer.behave = lambda connection, issuer=issuer: connection.sendall(
                answer(issuer.jwks({**Signer().jwk, "kid": secrets.token_hex(4)}))
            )
        names = [f"i{n}" for n in range(len(issuers))]
        blocks = [
            f"keyward_issuer {name} {{ jwks_uri {issuer.url} plain refresh=1s stale=1h; }}"
            for name, issuer in zip(names, issuers)
        ]
        locations = [f"location /{name} {{ keyward_accept {name}; proxy_pass @BACKEND@; }}" for name in names]
        e = edge(
            http="\n".join(blocks), server="\n".join([SMALL_POOLS, "keyward on; keyward_accept token;", *locations])
        )
        e.allow_log(OUT_OF_MEMORY)
        tokens = {name: issuer.token(lifetime=7200) for name, issuer in zip(names, issuers)}
        admitted = lambda name, token: e.get(f"/{name}", bearer(token)).status
        until(lambda: {admitted(name, tokens[name]) for name in names} == {200}, 30, "the keys")
        for number in range(1, 700, 3 if THOROUGH else 60):
            with refusals.memory(e.workers()[0], number):
                # Of one of the fetches that begin with each second, in threads of their own, and make some six hundred.
                until(lambda: refusals.count >= number or len(e.workers()) != 1, 30, "the allocation")
            until(lambda: len(e.workers()) == 1, 10, "a worker")
            name = names[number % len(names)]
            assert admitted(name, tokens[name]) == 200, f"allocation {number}"
            assert admitted(name, flipped(tokens[name], number % 512)) == 401, f"allocation {number}"
        # And they go on: a key that has left each set, and one that has come.
        for issuer in issuers:
            issuer.add_key("second")
            issuer.keys.pop("first")
        until(
            lambda: {admitted(name, issuer.token()) for name, issuer in zip(names, issuers)} == {200},
            30,
            "the new keys",
        )
        until(lambda: {admitted(name, tokens[name]) for name in names} <= {401, 503}, 30, "the end of the old ones")
        assert len(re.findall("no keys from", e.log)) > 3
    finally:
        for issuer in issuers:
            issuer.close()
