"""Requests that wait for a key set, and floods of those that would: what changes meanwhile is seen, and nobody waits or pays twice."""

import itertools
import json
import secrets
import threading
import time

import pytest
from harness.client import encode_request
from harness.drive import TELL, connection_to_each_worker, statuses, volley
from harness.issuer import Issuer
from harness.tokens import b64, bearer, flipped
from harness.wait import until
from test_key_sets import block, in_parallel, join, wait_status
from test_phases import ACCESS, BASIC, REDIRECTS
from test_phases import outcome as satisfied
from test_tokens import PAGES, SERVER

ATTEMPTS = 5  # a request waits two seconds at most, which a busy machine may spend elsewhere
UNAVAILABLE = "keys_unavailable"


@pytest.fixture
def make_issuer():
    """Issuers whose first answer waits for their gate."""
    issuers = []

    def make():
        issuers.append(Issuer())
        issuers[-1].gate = threading.Event()
        return issuers[-1]

    yield make
    for issuer in issuers:
        issuer.close()


def reason(response):
    return response.header("X-Reason") or response.status


def in_time(attempt):
    """Until none of the answers is that there were no keys in time: each attempt has an nginx and an issuer of its own."""
    for _ in range(ATTEMPTS):
        reasons = attempt()
        if UNAVAILABLE not in reasons:
            return
    pytest.fail(f"{ATTEMPTS} times somebody waited for more than two seconds")


@pytest.mark.load
def test_ten_thousand_unknown_kids_at_once(edge, make_issuer):
    # As many a second as the machine can send, over two workers.
    issuer = make_issuer()
    issuer.gate.set()
    e = edge(http=block(issuer), server=f"{SERVER} location / {{ empty_gif; }}", workers=2, store=False)
    wait_status(e, 200, issuer.bearer)
    assert issuer.count == 1
    good = issuer.token()
    rest = good.split(".", 1)[1]
    forged = [f"{b64(json.dumps({'alg': 'EdDSA', 'kid': secrets.token_hex(8)}))}.{rest}" for _ in range(10000)]
    began = time.monotonic()
    threads, answers = in_parallel(lambda: [e.get("/", bearer(good)).status for _ in range(100)], 2)
    found = statuses(volley(e.port, 100, 100, make=lambda n: ("/", bearer(forged[n]))))
    join(threads)
    assert found[401] + found[503] == 10000
    assert answers == [[200] * 100] * 2
    assert 2 <= issuer.count <= 2 + int((time.monotonic() - began) / 30)


CHANGES = {
    "its jti is revoked": (("token", "revoke", "--issuer", "auth", "--jti", "one"), "revoked_token"),
    "its subject's tokens are revoked": (("token", "revoke", "--subject", "u1"), "revoked_token"),
    "its subject is blocked": (("subject", "set", "u1", "--state", "blocked"), "blocked_subject"),
    "its subject is removed": (("subject", "remove", "u1"), "unprovisioned"),
    "its plan loses its access": (("plan", "set", "basic", "--no-access"), "no_access"),
    "it expires": (None, "expired_token"),
    "its key leaves the set": (None, "invalid_token"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_a_token_waits(change, edge, kw, make_issuer, backend):
    command, wanted = CHANGES[change]
    numbers = itertools.count()

    def attempt():
        user = f"u{next(numbers)}"
        kw("plan", "set", "basic", "--access")
        kw("subject", "set", user, "--plan", "basic")
        issuer = make_issuer()
        issuer.add_key("another")
        rules = "subject required; leeway 0s;" if change == "it expires" else "subject required;"
        e = edge(http=block(issuer, rules=rules), server=f"keyward on; {TELL} {PAGES}", workers=2)
        issuer.wait_count(1)
        connections = [each for _ in range(4) for each in connection_to_each_worker(e).values()]
        seen = backend.count()
        lifetime = 1 if change == "it expires" else 600
        jti = secrets.token_hex(8)
        token = issuer.keys["first"].token(sub=user, jti=jti, lifetime=lifetime)
        expires = time.time() + lifetime
        for connection in connections[:6]:
            connection.send(encode_request(headers=bearer(token)))
        # What came later is answered on both: so these wait.
        assert {connection.request().status for connection in connections[6:]} == {401}
        if command is not None:
            kw(*(jti if word == "one" else user if word == "u1" else word for word in command))
        elif change == "it expires":
            until(lambda: time.time() > expires, 10)
        else:
            issuer.keys.pop("first")
        issuer.gate.set()
        reasons = {reason(connection.read_response()) for connection in connections[:6]}
        for connection in connections:
            connection.close()
        assert reasons <= {wanted, UNAVAILABLE}
        assert backend.count() == seen
        e.stop()
        return reasons

    in_time(attempt)


def test_250_streams_wait_and_half_are_reset(edge, make_issuer):
    issuer = make_issuer()
    e = edge(http=block(issuer), server=f"{SERVER} http2_max_concurrent_streams 300; {PAGES}", store=False)
    worker = e.workers()
    issuer.wait_count(1)
    with e.h2(60) as connection, e.h2(60) as leaving:
        streams = [connection.start(headers=issuer.bearer()) for _ in range(200)]
        for _ in range(50):
            leaving.start(headers=issuer.bearer())
        assert connection.request().status == 401
        for stream in streams[::2]:
            connection.reset(stream)
        leaving.close()
        issuer.gate.set()
        assert {connection.finish(stream).status for stream in streams[1::2]} <= {200, 503}
        wait_status(e, 200, issuer.bearer)
        assert connection.request(headers=issuer.bearer()).status == 200
    assert e.workers() == worker
    assert issuer.count == 1


def test_a_redirected_token_waits_pays_and_fails_once(edge, make_issuer, backend, folder):
    # First they all wait for one fetch; then the keys are there.
    (folder / "html/index/m").mkdir(parents=True)
    (folder / "html/index/m/y.html").write_text("")
    for path in folder.glob("**/"):
        path.chmod(0o755)
    backend.on("/404", 404)
    backend.on("/accel", headers={"X-Accel-Redirect": "/second/"})
    backend.on("/accel-name", headers={"X-Accel-Redirect": "@second"})
    backend.on("/accel-two", headers={"X-Accel-Redirect": "/two/"})
    backend.on("/reached", body="reached")
    hosts = {f"n{n}.test": REDIRECTS[name] for n, name in enumerate(REDIRECTS)}
    servers = [
        f"""
        server {{
            listen 127.0.0.1:@PORT@;
            server_name {host};
            {SERVER}
            keyward_scope one;
            keyward_limit 100r/h;
            keyward_limit 3r/h by=failures;
            {locations}
            location @second {{ keyward_scope one two; proxy_pass @BACKEND@; rewrite ^ /reached break; }}
            location /second/ {{ internal; keyward_scope one two; proxy_pass @BACKEND@/reached; }}
        }}"""
        for host, locations in hosts.items()
    ]

    def attempt():
        issuer = make_issuer()
        e = edge(http=block(issuer) + "\n".join(servers), store=False, HTML=folder / "html")
        issuer.wait_count(1)
        token = issuer.token(scope="one two")
        connections = {host: e.connect(60) for host in hosts}
        for host, connection in connections.items():
            connection.send(encode_request(target="/m/", headers=bearer(token), host=host))
        assert e.get("/m/", host="n0.test").status == 401
        issuer.gate.set()
        answers = {host: connection.read_response() for host, connection in connections.items()}
        for connection in connections.values():
            connection.close()
        assert issuer.count == 1
        reasons = {reason(answer) for answer in answers.values()}
        assert reasons <= {200, UNAVAILABLE}
        if reasons != {200}:
            return reasons
        for host, answer in answers.items():
            left = [answer, *(e.get("/m/", bearer(token), host=host) for _ in range(2))]
            assert [(each.text, each.header("X-RateLimit-Remaining")) for each in left] == [
                ("reached", str(n)) for n in (99, 98, 97)
            ], host
            narrow = issuer.bearer(scope="one")
            assert reason(e.get("/m/", narrow, host=host)) == "insufficient_scope"
            wrong = [reason(e.get("/m/", bearer(flipped(token, bit)), host=host)) for bit in range(5)]
            # Counted once each, for each server.
            assert wrong == ["invalid_token"] * 3 + ["too_many_failures"] * 2, host
            assert reason(e.get("/m/", bearer(token), host=host)) == 200
        return reasons

    in_time(attempt)


# What keyward says of a token: its status, and where.
TOKENS = {
    "good": (200, "on"),
    "flipped": (401, "on"),
    "of another": (401, "on"),
    "expired": (401, "on"),
    "narrow": (403, "scope"),
    "used up": (429, "limit"),
}
RULES = {
    "on": "keyward on;",
    "scope": "keyward on; keyward_scope b;",
    "limit": "keyward on; keyward_limit 1r/h by=address name=used-up;",
}
CASES = list(itertools.product(("any", "all"), ACCESS, BASIC, TOKENS))


def test_satisfy(edge, make_issuer, backend, folder):
    # For tokens: while they wait for the first keys, once these are there, and where none come in time.
    (folder / "users").write_text("u:{PLAIN}p\n")
    (folder / "users").chmod(0o644)
    locations = []
    for satisfy, access, basic, rule in itertools.product(("any", "all"), ACCESS, ("", "basic"), RULES):
        lines = {"": "", "allow": "allow all;", "deny": "deny all;"}[access] + (
            "auth_basic realm; auth_basic_user_file @USERS@;" if basic else ""
        )
        locations.append(
            f"location /{satisfy}/{access}/{basic}/{rule}/ {{ satisfy {satisfy}; {lines} {RULES[rule]} proxy_pass @BACKEND@; }}"
        )
    prime = f"location /prime {{ {RULES['limit']} keyward_accept anonymous; proxy_pass @BACKEND@; }}"
    server = "\n".join(["add_header X-Reason $keyward_reason always; merge_slashes off;", prime, *locations])

    def attempt():
        issuer = make_issuer()
        e = edge(http=block(issuer, rules="leeway 0s;"), server=server, store=False, USERS=folder / "users")
        issuer.wait_count(1)
        assert [e.get("/prime").status for _ in range(2)] == [200, 429]
        stranger = Issuer()
        stranger.close()
        good = issuer.token()
        tokens = {
            "good": good,
            "flipped": flipped(good, 7),
            "of another": stranger.token(),
            "expired": issuer.token(iat=1, exp=1000000000),
            "narrow": good,
            "used up": good,
        }

        def request(case):
            satisfy, access, basic, kind = case
            headers = {"X-API-Key": tokens[kind], "X-Case": " ".join(case)}
            if basic:
                headers["Authorization"] = "Basic " + {"good": "dTpw", "bad": "dTpx"}[basic]
            return encode_request(
                target=f"/{satisfy}/{access}/{'basic' if basic else ''}/{TOKENS[kind][1]}/", headers=headers
            )

        def wanted(case, status=None):
            satisfy, access, basic, kind = case
            return satisfied(satisfy, ACCESS[access], status or TOKENS[kind][0], BASIC[basic])

        def check(answers, late=False, keys=True):
            """late: a wait may have taken too long."""
            for case, answer in answers.items():
                # What its own claims refuse waits for no keys.
                without_keys = 401 if case[3] == "expired" else 503
                expected = {wanted(case, None if keys else without_keys)} | (
                    {wanted(case, without_keys)} if late else set()
                )
                assert answer.status in expected, (case, answer.status, reason(answer))
            reached = {request.header("X-Case") for request in backend.requests}
            assert reached == {" ".join(case) for case, answer in answers.items() if answer.status == 200}

        # On connections of their own, all before the first answer.
        backend.clear()
        connections = {case: e.connect(60) for case in CASES}
        for case, connection in connections.items():
            connection.send(request(case))
        assert e.get("/prime").status == 429
        issuer.gate.set()
        answers = {case: connection.read_response() for case, connection in connections.items()}
        check(answers, late=True)
        # Then the keys are there.
        until(lambda: e.get("/any///on/", {"X-API-Key": good}).status == 200, 20 * e.build.patience, "the keys")
        backend.clear()
        again = {}
        for case, connection in connections.items():
            connection.send(request(case))
            again[case] = connection.read_response()
            connection.close()
        check(again)
        # And here there never are any.
        issuer.stop()
        none = edge(http=block(issuer), server=server, store=False, USERS=folder / "users")
        none.wait_log("no keys from")
        assert [none.get("/prime").status for _ in range(2)] == [200, 429]
        backend.clear()
        with none.connect() as connection:
            check({case: (connection.send(request(case)), connection.read_response())[1] for case in CASES}, keys=False)
        return {reason(answer) for answer in answers.values()}

    in_time(attempt)
