"""After a redirect the new location's sources are looked at as if it had been asked directly, whatever an earlier one
has taken out."""

import itertools
import json

import pytest
from harness.site import Site

# Whose credentials the first location looks for, and with what else; and the second's.
FIRST = {
    "bearer": "keyward_credential bearer;",
    "header": "keyward_credential header=X-API-Key;",
    "cookie": "keyward_credential cookie=session;",
    "bearer or cookie": "keyward_credential bearer cookie=session;",
    "websocket": "keyward_credential websocket;",
    "the server's, with a query": "",
    "nobody has to be known": "keyward_credential bearer; keyward_accept key anonymous;",
    "bearer, kept": "keyward_credential bearer; keyward_forward_credential on;",
    "bearer, in shadow": "keyward shadow; keyward_credential bearer;",
}
SECOND = {
    "service": "keyward_credential header=X-Service-Key;",
    "service and bearer": "keyward_credential header=X-Service-Key bearer;",
    "cookie": "keyward_credential cookie=session;",
    "bearer and cookie": "keyward_credential bearer cookie=session;",
    "bearer or nobody": "keyward_credential bearer; keyward_accept key anonymous;",
    "websocket and header": "keyward_credential websocket header=X-API-Key;",
    "the server's, with a query": "",
}
PLACES = {
    "bearer": lambda key: ("Authorization", f"Bearer {key}"),
    "header": lambda key: ("X-API-Key", key),
    "service": lambda key: ("X-Service-Key", key),
    "cookie": lambda key: ("Cookie", f"x=1; session={key}"),
    "websocket": lambda key: ("Sec-WebSocket-Protocol", f"chat, bearer, {key}"),
    "query": lambda key: ("", f"key={key}"),
}


def name_of(text):
    return text.replace(" ", "-").replace(",", "").replace("'", "")


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.keys = {name: site.store.key(name=name, verifier="sha256") for name in "ab"}
        site.backend.on("/accel", answer=lambda request: (200, {"X-Accel-Redirect": request.header("X-To")}, b""))
        locations = [
            f"location /second/{name_of(name)} {{ {rules} proxy_pass @BACKEND@; }}" for name, rules in SECOND.items()
        ]
        for name, rules in FIRST.items():
            locations.append(
                f"location /first/{name_of(name)} {{ {rules} rewrite ^ /accel break; proxy_pass @BACKEND@; }}"
            )
            # The same without a backend on the way.
            for second in SECOND:
                locations.append(
                    f"location /try/{name_of(name)}/{name_of(second)} {{ {rules} root @HTML@; try_files /none /second/{name_of(second)}$is_args$args; }}"
                )
        site.start(
            server="""
            keyward on;
            keyward_credential bearer header=X-Service-Key cookie=session query=key;
            add_header X-Reason $keyward_reason always;
            underscores_in_headers on;
            """
            + "\n".join(locations)
        )
        yield site


def ask(site, target, places, more=()):
    """(status, reason, whose it was at the backend), and which keys came to that one, by place."""
    site.backend.clear()
    fields, query = [*more], []
    for place, who in places.items():
        name, value = PLACES[place](site.keys[who]["key"])
        (fields if name else query).append((name, value) if name else value)
    response = site.edge.get(target + ("?" + "&".join(query) if query else ""), fields)
    got = site.backend.last if response.status == 200 else None
    ids = {key["id"]: name for name, key in site.keys.items()}
    whose = ids.get(got.header("X-Keyward-Key-Id"), got.header("X-Keyward-Key-Id")) if got else None
    seen = set()
    for name, value in [*got.headers, ("", got.target)] if got else []:
        seen |= {(name, who) for who, key in site.keys.items() if key["key"] in value}
    return (response.status, response.header("X-Reason"), whose), seen


def requests():
    """With up to two places that hold a key, or all with the same."""
    for count in (0, 1, 2):
        for places in itertools.combinations(PLACES, count):
            for who in itertools.product("ab", repeat=count):
                if who[:1] != ("b",):
                    yield dict(zip(places, who))
    yield dict.fromkeys(PLACES, "a")


@pytest.mark.parametrize("way", ["first", "try"])
@pytest.mark.parametrize("first", FIRST)
def test_report_S9(site, first, way):
    """Bearer in the first; the second looks at X-Service-Key and bearer: another X-Service-Key went to the backend."""
    for places in requests():
        if way == "try" and "query" in places:
            continue  # a rewritten query is test_query.py's
        ask(site, f"/first/{name_of(first)}", places, [("X-To", "/second/service")])
        on_the_way = site.backend.count("/accel") != 0
        for second in SECOND:
            target = f"/second/{name_of(second)}"
            direct, seen_directly = ask(site, target, places)
            if way == "first":
                redirected, seen = ask(site, f"/first/{name_of(first)}", places, [("X-To", target)])
            else:
                redirected, seen = ask(site, f"/try/{name_of(first)}/{name_of(second)}", places)
            if not on_the_way:
                assert redirected[0] in (400, 401), (places, second)  # the first refused it
                continue
            assert redirected == direct, (places, second)
            # No more than it would have seen; what the first took out is gone for good.
            assert seen <= seen_directly, (places, second)


def test_report_S9_the_row_itself(site):
    to = [("X-To", "/second/service-and-bearer")]
    differing, _ = ask(site, "/first/bearer", {"bearer": "a", "service": "b"}, to)
    assert differing == (400, "invalid_request", None)
    assert site.backend.count() == 1, "the first location's own"
    equal, seen = ask(site, "/first/bearer", {"bearer": "a", "service": "a"}, to)
    assert equal == (200, None, "a") and seen == set()
    # Only what the second knows counts there.
    other, seen = ask(site, "/first/bearer", {"bearer": "a", "service": "b"}, [("X-To", "/second/service")])
    assert other == (200, None, "b") and seen == set()
    none, _ = ask(site, "/first/bearer", {"bearer": "a"}, [("X-To", "/second/service")])
    assert none == (401, "missing_credential", None)


def test_report_S9_two_ambient_cookies(site):
    """Beside an explicit credential nobody looks at them, but they are taken out. A location that knows cookies only has
    to be told that there were two."""
    keys = {name: key["key"] for name, key in site.keys.items()}
    fields = [("Authorization", f"Bearer {keys['a']}"), ("Cookie", f"session={keys['a']}; session={keys['b']}")]
    for target in ("/first/bearer-or-cookie", "/try/bearer-or-cookie/cookie"):
        response = site.edge.get(target, [*fields, ("X-To", "/second/cookie")])
        assert (response.status, response.header("X-Reason")) == (400, "invalid_request")
    site.backend.clear()
    response = site.edge.get("/first/bearer-or-cookie", [*fields, ("X-To", "/second/bearer-and-cookie")])
    assert response.status == 200
    assert keys["a"] not in json.dumps(site.backend.last.headers) and keys["b"] not in json.dumps(
        site.backend.last.headers
    )


def test_report_S9_a_long_way(edge, store, backend):
    """Each location takes its own source out; the last one knows them all."""
    chain = {f"/{n}": f"/{n + 1}" for n in range(1, 4)}
    for here, there in chain.items():
        backend.on(here, headers={"X-Accel-Redirect": there})
    e = edge(
        server="""
        keyward on; add_header X-Reason $keyward_reason always;
        location = /1 { keyward_credential header=X-One; proxy_pass @BACKEND@; }
        location = /2 { keyward_credential header=X-Two; proxy_pass @BACKEND@; }
        location = /3 { keyward_credential header=X-Three; proxy_pass @BACKEND@; }
        location = /4 { keyward_credential header=X-Three header=X-Two header=X-One header=X-Four; proxy_pass @BACKEND@; }
    """
    )
    a, b = (store.key(verifier="sha256")["key"] for _ in "ab")
    names = ("X-One", "X-Two", "X-Three", "X-Four")
    assert e.get("/1", dict.fromkeys(names, a)).status == 200
    assert a not in json.dumps(backend.last.headers)
    for name in names:
        response = e.get("/1", {**dict.fromkeys(names, a), name: b})
        assert (response.status, response.header("X-Reason")) == (400, "invalid_request")


def test_report_S9_a_bcrypt_key_is_verified_once(edge, store, backend):
    backend.on("/first", headers={"X-Accel-Redirect": "/second"})
    e = edge(
        server="""
        keyward on; add_header X-Reason $keyward_reason always;
        location = /first { keyward_credential bearer; proxy_pass @BACKEND@; }
        location = /second { keyward_credential header=X-Service-Key bearer; proxy_pass @BACKEND@; }
    """
    )
    a, b = (store.key(verifier="bcrypt:4")["key"] for _ in "ab")
    response = e.get("/first", {"Authorization": f"Bearer {a}", "X-Service-Key": b})
    assert (response.status, response.header("X-Reason")) == (400, "invalid_request")
    assert e.get("/first", {"Authorization": f"Bearer {a}", "X-Service-Key": a}).status == 200
    assert a not in json.dumps(backend.last.headers)
