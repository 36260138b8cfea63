"""keyward_credential cookie=NAME: browsers send it unasked, with requests of any page. An explicit credential wins over it, the
backend doesn't see it, and what changes something has to come from a page of the server's own."""

import pytest
from harness.site import Site

SAME = [("Sec-Fetch-Site", "same-origin")]
UPGRADE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
]


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.a = site.store.key(name="a")
        site.b = site.store.key(name="b", verifier="sha256")
        site.revoked = site.store.key(name="revoked", verifier="sha256")
        site.store.kw("key", "revoke", site.revoked["id"])
        site.start(
            server="""
            large_client_header_buffers 4 16k;
            add_header X-Reason $keyward_reason always;
            add_header X-Key-Id $keyward_key_id always;
            keyward on;
            keyward_credential bearer header=X-API-Key cookie=session;
            location / { proxy_pass @BACKEND@; }
            location /forward { keyward_forward_credential on; proxy_pass @BACKEND@; }
            location /shadow { keyward shadow; proxy_pass @BACKEND@; }
            location /csrf-off { keyward_credential cookie=session csrf=off; proxy_pass @BACKEND@; }
            location /anonymous { keyward_accept key anonymous; proxy_pass @BACKEND@; }
            location /other { keyward_credential cookie=__Host-other; proxy_pass @BACKEND@; }
            location /headers { keyward_credential bearer; proxy_pass @BACKEND@; }
            location /try { root /nonexistent; try_files $uri @named; }
            location /try-headers { root /nonexistent; try_files $uri /headers; }
            location /try-checked { keyward_credential cookie=session csrf=off; root /nonexistent; try_files $uri @named; }
            location @named { proxy_pass @BACKEND@; }
            location /shown { proxy_pass @BACKEND@; proxy_set_header X-Shown "[$http_cookie][$cookie_session]"; }
            location /private { proxy_pass @BACKEND@; }
            """
        )
        yield site


def filled(site, headers):
    return [
        (name, value.format(a=site.a["key"], b=site.b["key"], revoked=site.revoked["key"])) for name, value in headers
    ]


def ask(site, *headers, target="/", method="GET", body=None):
    """One request: (status, reason), and what the backend got (None: nothing)."""
    site.backend.clear()
    response = site.edge.request(method, target, filled(site, headers), body)
    got = site.backend.requests
    return (response.status, response.header("X-Reason") or ""), got[0] if got else None


def cookies(request):
    return request.all("Cookie")


ADMITTED = {
    "alone": (["session={a}"], []),
    "first": (["session={a}; x=1"], ["x=1"]),
    "last": (["x=1; session={a}"], ["x=1"]),
    "in the middle": (["x=1; session={a}; y=2"], ["x=1; y=2"]),
    "without blanks": (["x=1;session={a};y=2"], ["x=1; y=2"]),
    "blanks and tabs": ([" x=1 ; \tsession = {a} ;; "], ["x=1"]),
    "beside an empty one": (["session=; session={a}; x=1"], ["x=1"]),
    "of another case": (["Session=1; session={a}; SESSION=2"], ["Session=1; SESSION=2"]),
    "longer and shorter names": (["xsession=1; session={a}; sessions=2; s=3"], ["xsession=1; sessions=2; s=3"]),
    "a name that is a value": (["x=session={b}; session={a}"], ["x=session={b}"]),
    "nameless": (["session; session={a}"], ["session"]),
}


@pytest.mark.parametrize("fields, left", ADMITTED.values(), ids=ADMITTED)
def test_admitted(site, fields, left):
    answer, got = ask(site, *(("Cookie", value) for value in fields))
    assert answer == (200, "")
    assert got.header("X-Keyward-Key-Id") == site.a["id"]
    assert cookies(got) == [value for _, value in filled(site, [("", value) for value in left])]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_several_fields(site, protocol, place):
    """Browsers split it over HTTP/2, where nginx joins it again."""
    fields = ["x=1", "y=2", "z=3"]
    fields[place] = f"session={site.a['key']}"
    site.backend.clear()
    with site.edge.h2() if protocol == "HTTP/2" else site.edge.connect() as connection:
        response = connection.request("GET", "/", [("cookie", value) for value in fields])
        assert response.status == 200
        shown = connection.request("GET", "/shown", [("cookie", value) for value in fields])
        assert shown.status == 200
    del fields[place]
    assert "; ".join(cookies(site.backend.requests[0])) == "; ".join(fields)
    assert site.backend.requests[1].header("X-Shown") == f"[{'; '.join(fields)}][]"


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_nothing_is_left_of_it_for_variables(site, protocol):
    site.backend.clear()
    with site.edge.h2() if protocol == "HTTP/2" else site.edge.connect() as connection:
        assert connection.request("GET", "/shown", [("cookie", f"session={site.a['key']}")]).status == 200
    assert site.backend.requests[0].header("X-Shown") == "[][]"
    assert cookies(site.backend.requests[0]) == []


REFUSED = {
    "none": ([], (401, "missing_credential")),
    "empty": ([("Cookie", "session=")], (401, "missing_credential")),
    "of another name": ([("Cookie", "sessio={a}; Session={a}")], (401, "missing_credential")),
    "nameless": ([("Cookie", "session")], (401, "missing_credential")),
    "quoted": ([("Cookie", 'session="{a}"')], (401, "invalid_key")),
    "garbage": ([("Cookie", "session=abc")], (401, "invalid_key")),
    "revoked": ([("Cookie", "session={revoked}")], (401, "revoked_key")),
    "twice": ([("Cookie", "session={a}; session={b}")], (400, "invalid_request")),
    "twice the same": ([("Cookie", "session={a}; session={a}")], (400, "invalid_request")),
    "in two fields": ([("Cookie", "session={a}"), ("Cookie", "x=1; session={a}")], (400, "invalid_request")),
    "hidden in quotes": ([("Cookie", 'x="1; session={b}"; session={a}')], (400, "invalid_request")),
    "9000 bytes": ([("Cookie", "session=kw_" + "x" * 8997)], (400, "credential_too_large")),
    "0xff": ([("Cookie", "session={a}\xff")], (401, "invalid_key")),
}


@pytest.mark.parametrize("headers, outcome", REFUSED.values(), ids=REFUSED)
def test_refused(site, headers, outcome):
    answer, got = ask(site, *headers)
    assert answer == outcome
    assert got is None


def test_an_explicit_credential_wins(site):
    """And the cookie doesn't reach the backend either, which might take it for somebody else."""
    for explicit in (("Authorization", "Bearer {b}"), ("X-API-Key", "{b}")):
        for cookie in (
            "session={a}; x=1",
            "session={revoked}; x=1",
            "session=garbage; x=1",
            "session={a}; x=1; session={b}",
        ):
            answer, got = ask(site, explicit, ("Cookie", cookie))
            assert answer == (200, "")
            assert got.header("X-Keyward-Key-Id") == site.b["id"]
            assert cookies(got) == ["x=1"]
    answer, got = ask(site, ("Authorization", "Bearer {revoked}"), ("Cookie", "session={a}"))
    assert answer == (401, "revoked_key") and got is None
    answer, _ = ask(site, ("Authorization", "Bearer {b}"), ("Cookie", "session={a}"), method="POST", body=b"x")
    assert answer == (200, ""), "no page can send that by itself"
    answer, got = ask(site, ("Authorization", "Basic YTpi"), ("Cookie", "session={a}"))
    assert answer == (200, "") and got.header("X-Keyward-Key-Id") == site.a["id"], "no credential of ours"


def test_other_locations(site):
    answer, got = ask(site, ("Cookie", "session={a}"), target="/headers")
    assert answer == (401, "missing_credential") and got is None
    answer, got = ask(site, ("Cookie", "session={b}; __Host-other={a}"), target="/other")
    assert answer == (200, "") and got.header("X-Keyward-Key-Id") == site.a["id"]
    assert cookies(got) == [f"session={site.b['key']}"]
    answer, got = ask(site, ("Cookie", "x=1; session={a}"), target="/forward")
    assert answer == (200, "") and cookies(got) == [f"x=1; session={site.a['key']}"]
    answer, got = ask(site, ("Cookie", "x=1; session={a}"), target="/shadow")
    assert answer == (200, "") and cookies(got) == [f"x=1; session={site.a['key']}"]
    answer, got = ask(site, target="/anonymous")
    assert answer == (200, "") and got.header("X-Keyward-Kind") == "anonymous"
    answer, got = ask(site, ("Cookie", "session=garbage"), target="/anonymous")
    assert answer == (401, "invalid_key") and got is None


def test_after_a_redirect(site):
    answer, got = ask(site, ("Cookie", "x=1; session={a}"), target="/try")
    assert answer == (200, "") and got.header("X-Keyward-Key-Id") == site.a["id"] and cookies(got) == ["x=1"]
    answer, got = ask(site, ("Cookie", "x=1; session={a}"), target="/try-headers")
    assert answer == (401, "missing_credential") and got is None
    answer, got = ask(site, ("Cookie", "session={a}"), target="/try-checked", method="POST", body=b"x")
    assert answer == (403, "cross_site") and got is None, "where it leads to, it is looked at again"


def test_answers_are_private(site):
    for cookie, expected in (("session={a}", "private"), ("x=1", None)):
        with site.edge.connect() as connection:
            fields = filled(site, [("Cookie", cookie), *([] if expected else [("Authorization", "Bearer {a}")])])
            response = connection.request("GET", "/private", fields)
        assert response.status == 200 and response.header("Cache-Control") == expected


# The cross-site rule.

HOST = "shop.example:8443"
OWN = [("Origin", f"https://{HOST}")]
CHECKED = {
    "nothing": ([], False),
    "same-origin": ([("Sec-Fetch-Site", "same-origin")], True),
    "by the user": ([("Sec-Fetch-Site", "none")], True),
    "same-site": ([("Sec-Fetch-Site", "same-site")], False),
    "cross-site": ([("Sec-Fetch-Site", "cross-site")], False),
    "of another case": ([("Sec-Fetch-Site", "Same-Origin")], False),
    "empty": ([("Sec-Fetch-Site", "")], False),
    "a list": ([("Sec-Fetch-Site", "same-origin, none")], False),
    "twice": ([*SAME, *SAME], False),
    "two": ([*SAME, ("Sec-Fetch-Site", "cross-site")], False),
    "its own origin": (OWN, True),
    "in capitals": ([("Origin", f"HTTPS://{HOST.upper()}")], True),
    "its own, of the other scheme": ([("Origin", f"http://{HOST}")], True),
    "another port": ([("Origin", "https://shop.example:8444")], False),
    "no port": ([("Origin", "https://shop.example")], False),
    "another host": ([("Origin", "https://evil.example:8443")], False),
    "a host that ends so": ([("Origin", f"https://evil.{HOST}")], False),
    "null": ([("Origin", "null")], False),
    "an empty origin": ([("Origin", "")], False),
    "with a path": ([("Origin", f"https://{HOST}/")], False),
    "with a user": ([("Origin", f"https://evil@{HOST}")], False),
    "two origins": ([*OWN, *OWN], False),
    "a list of origins": ([("Origin", f"https://evil.example https://{HOST}")], False),
    "own origin, but cross-site": ([*OWN, ("Sec-Fetch-Site", "cross-site")], False),
    "own origin, but same-site": ([*OWN, ("Sec-Fetch-Site", "same-site")], False),
    "same-origin without a referrer": ([*SAME, ("Origin", "null")], True),
    "a referrer": ([("Referer", f"https://{HOST}/")], False),
}


@pytest.mark.parametrize("fields, passes", CHECKED.values(), ids=CHECKED)
def test_what_changes_something(site, fields, passes):
    for method in ("POST", "PUT", "PATCH", "DELETE", "PURGE"):
        answer, got = ask(site, ("Host", HOST), ("Cookie", "session={a}"), *fields, method=method)
        assert answer == ((200, "") if passes else (403, "cross_site")), method
        assert (got is not None) == passes
    for method in ("GET", "HEAD", "OPTIONS"):
        answer, got = ask(site, ("Host", HOST), ("Cookie", "session={a}"), *fields, method=method)
        assert answer == (200, ""), method
    answer, got = ask(site, ("Host", HOST), ("Cookie", "session={a}"), *fields, *UPGRADE)
    assert answer == ((200, "") if passes else (403, "cross_site")), "an upgrade"
    answer, got = ask(
        site, ("Host", HOST), ("Cookie", "session={a}"), *fields, method="POST", target="/csrf-off", body=b"x"
    )
    assert answer == (200, "")


def test_it_costs_no_verification(site):
    """Refused by its form: a key that isn't one is told no more than any other."""
    for cookie in ("session=garbage", "session={revoked}"):
        assert ask(site, ("Cookie", cookie), method="POST", body=b"x")[0] == (403, "cross_site")


def test_default_ports(site):
    for host, origin, passes in (
        ("shop.example", "http://shop.example", True),
        ("shop.example", "https://shop.example", True),
        ("shop.example:80", "http://shop.example", True),
        ("shop.example", "http://shop.example:80", True),
        ("shop.example:80", "https://shop.example", False),
        ("[::1]", "http://[::1]", True),
        ("[::1]:81", "http://[::1]:81", True),
        ("[::1]:81", "http://[::1]", False),
        ("shop.example.", "http://shop.example", False),
    ):
        answer, _ = ask(site, ("Host", host), ("Origin", origin), ("Cookie", "session={a}"), method="POST", body=b"x")
        assert answer == ((200, "") if passes else (403, "cross_site")), (host, origin)


def test_over_http2(site):
    authority = "localhost"
    with site.edge.h2() as connection:
        for origin, passes in ((f"https://{authority}", True), ("https://evil.example", False), (None, False)):
            fields = [("cookie", f"session={site.a['key']}"), *([("origin", origin)] if origin else [])]
            response = connection.request("POST", "/", fields)
            sent = response.header("x-reason") or ""
            assert (response.status, sent) in (((200, ""),) if passes else ((403, "cross_site"),)), origin


def test_an_absolute_target_is_of_nobody(site):
    """Browsers don't send one to a server; its host would win over the field's."""
    answer, _ = ask(
        site,
        ("Host", "shop.example"),
        ("Origin", "http://evil.example"),
        ("Cookie", "session={a}"),
        method="POST",
        target="http://shop.example/",
        body=b"x",
    )
    assert answer == (403, "cross_site")


def test_underscores_say_nothing(build):
    """Pages can't send Sec-Fetch-Site, but Sec_Fetch_Site, where nginx lets it in."""
    with Site(build) as site:
        key = site.store.key(name="a", verifier="sha256")["key"]
        site.start(
            http="underscores_in_headers on;",
            server="add_header X-Reason $keyward_reason always; keyward on; keyward_credential cookie=session; location / { proxy_pass @BACKEND@; }",
        )
        for fields, passes in (
            ([("Sec_Fetch_Site", "same-origin")], False),
            ([("Sec_Fetch_Site", "same-origin"), *SAME], False),
            (SAME, True),
        ):
            with site.edge.connect() as connection:
                response = connection.request("POST", "/", [("Cookie", f"session={key}"), *fields])
            assert response.status == (200 if passes else 403), fields


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_cannot_be_overridden(site, name):
    """A GET that the backend would take for a POST."""
    answer, got = ask(site, ("Cookie", "session={a}"), (name, "POST"))
    assert answer == (200, "") and got.header(name) is None
    answer, got = ask(site, ("Authorization", "Bearer {a}"), (name, "POST"))
    assert answer == (200, "") and got.header(name) == "POST"


def test_no_log_has_it(site):
    ask(site, ("Cookie", "session={a}"), method="POST", body=b"x")
    site.edge.wait_log("cross_site")
    assert site.a["key"] not in site.edge.log


@pytest.mark.parametrize(
    "directive, says",
    {
        "keyward_credential cookie=;": "names no cookie; write its name, such as cookie=session",
        "keyward_credential cookie=a,b;": "names no cookie",
        "keyward_credential cookie=a cookie=b;": "names more than one cookie",
        "keyward_credential bearer csrf=off;": '"csrf=" is about a cookie; name it, such as cookie=session',
        "keyward_credential csrf=off;": '"csrf=" is about a cookie',
        "keyward_credential cookie=a csrf=maybe;": "maybe",
        "keyward_credential cookie=a csrf=off csrf=on;": '"csrf=" is there twice',
        "keyward_credential header=Cookie;": "for one of them write cookie=NAME",
        "keyward_credential biscuit=a;": "cookie=NAME",
    }.items(),
)
def test_what_is_wrong_is_told(config_test, directive, says):
    rc, output = config_test(location=f"keyward on; {directive}")
    assert rc != 0 and says in output
