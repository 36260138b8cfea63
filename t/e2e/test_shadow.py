"""keyward shadow: decides, logs and counts, and refuses nothing."""

import time

import pytest
from harness.wait import until


@pytest.fixture
def shadow(edge):
    def start(location="", http="", until_=None, **more):
        mode = f"keyward shadow until={until_};" if until_ else "keyward shadow;"
        log = 'log_format d "$keyward_decision|$keyward_reason|$keyward_key_id|$keyward_subject";\n'
        return edge(http=log + http, location=f"{mode} access_log @PREFIX@/d.log d;\n{location}", **more)

    return start


def decisions(e, count):
    """What was logged of the first `count` requests: (decision, reason, key id, subject)."""
    path = e.prefix / "d.log"
    until(lambda: path.exists() and len(path.read_text().splitlines()) >= count, 5, f"{count} lines in the log")
    return [tuple(line.split("|")) for line in path.read_text().splitlines()[:count]]


OURS = (
    "WWW-Authenticate",
    "Cache-Control",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)


def assert_untouched(response):
    assert response.status == 200
    assert [name for name in OURS if response.all(name)] == []


def test_it_refuses_nothing_and_adds_no_field(shadow, store, kw, backend):
    narrow, good = store.key(scope="a:read", verifier="sha256"), store.key(
        scope="b:read", verifier="sha256", subject="acme"
    )
    revoked, blocked = store.key(verifier="sha256"), store.key(verifier="sha256", subject="bad")
    kw("key", "revoke", revoked["id"])
    kw("subject", "set", "bad", "--state", "blocked")
    e = shadow("keyward_scope b:read; keyward_limit 2r/h;", http="large_client_header_buffers 4 16k;\n")
    cases = [
        ({}, "missing_credential"),
        ({"X-API-Key": "kw_nonsense"}, "invalid_key"),
        ({"X-API-Key": narrow["key"]}, "insufficient_scope"),
        ({"X-API-Key": revoked["key"]}, "revoked_key"),
        ({"X-API-Key": blocked["key"]}, "blocked_subject"),
        ({"X-API-Key": good["key"]}, ""),
        ({"X-API-Key": good["key"]}, ""),
        ({"X-API-Key": good["key"]}, "rate_limited"),
        ([("X-API-Key", good["key"]), ("Authorization", f"Bearer {narrow['key']}")], "invalid_request"),
        ({"X-API-Key": "k" * 8000 + "k" * 200}, "credential_too_large"),
    ]
    for headers, _ in cases:
        assert_untouched(e.get(headers=headers))
    assert backend.count() == len(cases)
    told = decisions(e, len(cases))
    assert [line[:2] for line in told] == [("shadow", reason or "-") for _, reason in cases]


def test_the_log_says_what_would_have_been_refused(shadow, store):
    key = store.key(scope="a:read", verifier="sha256")
    e = shadow("keyward_scope b:read;")
    e.get()
    e.get(headers={"X-API-Key": key["key"]})
    e.wait_log(r"keyward.*would.*missing_credential")
    e.wait_log(rf"keyward.*would.*insufficient_scope.*{key['id']}")
    assert key["key"] not in e.log


def test_the_credential_is_passed_on(shadow, store, backend):
    key = store.key(verifier="sha256")
    e = shadow()
    for headers in ({"X-API-Key": key["key"]}, {"Authorization": f"Bearer {key['key']}"}, {"X-API-Key": "kw_nonsense"}):
        e.get(headers=headers)
        for name, value in headers.items():
            assert backend.last.header(name) == value


def test_identity_is_set_only_where_it_would_have_admitted(shadow, store, backend):
    narrow, good = store.key(scope="a:read", verifier="sha256"), store.key(
        scope="b:read", verifier="sha256", subject="acme"
    )
    e = shadow("keyward_scope b:read;")
    spoofed = {
        "X-Keyward-Subject": "admin",
        "X-Keyward-Key-Id": "key_admin",
        "x_keyward_plan": "all",
        "X-Keyward-Issuer": "me",
    }
    for headers in ({}, {"X-API-Key": "kw_nonsense"}, {"X-API-Key": narrow["key"]}):
        e.get(headers={**headers, **spoofed})
        assert [
            name for name, _ in backend.last.headers if name.lower().replace("_", "-").startswith("x-keyward")
        ] == []
    e.get(headers={"X-API-Key": good["key"], **spoofed})
    assert backend.last.header("X-Keyward-Subject") == "acme"
    assert backend.last.header("X-Keyward-Key-Id") == good["id"]
    assert backend.last.all("X-Keyward-Issuer") == []


def test_the_backends_own_fields_stay(shadow, store, backend):
    key = store.key(verifier="sha256")
    backend.on("*", 200, {"X-RateLimit-Limit": "7", "Cache-Control": "max-age=5", "WWW-Authenticate": "Basic"})
    e = shadow("keyward_limit 1r/h;")
    for _ in range(3):
        response = e.get(headers={"X-API-Key": key["key"]})
        assert response.header("X-RateLimit-Limit") == "7"
        assert response.header("Cache-Control") == "max-age=5"
        assert response.header("WWW-Authenticate") == "Basic"


def test_uses_and_refusals_are_counted(shadow, store, kw):
    key = store.key(scope="a:read", verifier="sha256")
    e = shadow("keyward_scope $arg_scope;")
    for scope in ("a:read", "a:read", "b:read"):
        assert e.get(f"/?scope={scope}", {"X-API-Key": key["key"]}).status == 200
    until(lambda: kw("key", "show", key["id"])["uses"] == 2, 5, "two uses")
    until(
        lambda: (kw("key", "show", key["id"])["last_refusal"] or {}).get("reason") == "insufficient_scope",
        5,
        "the refusal",
    )


def test_limits_are_counted_and_hold_when_it_is_on(shadow, edge, store):
    key = store.key(verifier="sha256")
    headers = {"X-API-Key": key["key"]}
    e = shadow("keyward_limit 3r/h;")
    for _ in range(5):
        assert_untouched(e.get(headers=headers))
    assert [line[1] for line in decisions(e, 5)] == ["-", "-", "-", "rate_limited", "rate_limited"]
    e.reload(location="keyward on; keyward_limit 3r/h;")
    assert e.get(headers=headers).status == 429


def test_bcrypt_keys_are_decided_like_any_other(shadow, store, backend):
    good, wrong = store.key(verifier="bcrypt:6", subject="acme"), store.key(verifier="bcrypt:6")
    e = shadow()
    for _ in range(2):
        assert_untouched(e.get(headers={"X-API-Key": good["key"]}))
        assert backend.last.header("X-Keyward-Subject") == "acme"
    assert_untouched(e.get(headers={"X-API-Key": wrong["key"][:-1] + "~"}))
    assert [line[:2] for line in decisions(e, 3)] == [("shadow", "-"), ("shadow", "-"), ("shadow", "invalid_key")]


def test_a_store_error_refuses_nothing(shadow, store, backend):
    key = store.key(verifier="sha256")
    e = shadow()
    store.path.rename(store.path.with_name("hidden"))

    def told():
        assert_untouched(e.get(headers={"X-API-Key": key["key"]}))
        lines = (e.prefix / "d.log").read_text().splitlines()  # nginx writes a line after its answer
        return lines and lines[-1].split("|")[1] == "store_error"

    until(told, 10, "a store error")
    assert backend.last.all("X-Keyward-Key-Id") == []


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def test_after_until_it_is_on(shadow, store, backend):
    e = shadow(until_="2020-01-01")
    response = e.get()
    assert (response.status, response.header("WWW-Authenticate") is not None) == (401, True)
    key = store.key(verifier="sha256")
    assert e.get(headers={"X-API-Key": key["key"]}).status == 200
    assert backend.last.header("X-API-Key") is None
    e.reload(location="keyward shadow until=2199-12-31;")
    assert e.get().status == 200


def test_until_holds_to_the_second(shadow, store):
    store.init()
    end = int(time.time()) + 3
    e = shadow("keepalive_requests 1000000;", until_=iso(end))
    seen = []
    with e.connect() as connection:
        while not seen or seen[-1][1] == 200:
            start = time.time()
            seen.append((start, connection.request().status))
            assert start < end + 2
    assert seen[-1][1] == 401
    assert all(start < end for start, status in seen if status == 200)
    assert time.time() >= end


def test_satisfy_any_is_not_satisfied_by_shadow(edge, store):
    key = store.key(verifier="sha256")
    e = edge(location="keyward shadow; satisfy any; deny all;")
    assert e.get().status == 403
    assert e.get(headers={"X-API-Key": key["key"]}).status == 403


def test_off_decides_nothing_and_still_removes_spoofed_identity(edge, store, backend):
    key = store.key(verifier="sha256")
    e = edge(
        server="location / { keyward off; proxy_pass @BACKEND@; } location /on { keyward on; proxy_pass @BACKEND@; }"
    )
    for headers in ({}, {"X-API-Key": "kw_nonsense"}, {"X-API-Key": key["key"]}):
        assert_untouched(e.get(headers={**headers, "X-Keyward-Subject": "admin"}))
        assert backend.last.header("X-API-Key") == headers.get("X-API-Key")
        assert [name for name, _ in backend.last.headers if name.lower().startswith("x-keyward")] == []
    assert e.get("/on").status == 401


ORDERS = [
    "S",
    "SS",
    "SSS",
    "aS",
    "Sa",
    "aSb",
    "SaS",
    "aSSb",
    "SabS",
    "aSbSc",
    "abSSScd",
    "S" * 45,
    "a" * 30 + "S" * 30,
    "aS" * 30,
    "Sa" * 30,
    "a" * 19 + "S",
    "a" * 19 + "SS",
    "a" * 19 + "Sa",
    "a" * 19 + "SSa",
]
NAMES = [
    "X-Keyward-Subject",
    "X-Keyward-Key-Id",
    "X-Keyward-Plan",
    "X-Keyward-Scopes",
    "X-Keyward-Issuer",
    "X-Keyward-Assertion",
]


@pytest.mark.parametrize("mode", ["off", "shadow", "on", "on, without identity"])
def test_spoofed_fields_are_taken_out_and_all_others_stay(mode, edge, store, backend):
    """nginx's loops over a list of fields look at the first one of each further part without asking whether it has any.
    A part that had become empty was sent to the backend as whatever lay in memory, or was a malloc(93999112153074)."""
    on = mode.startswith("on")
    key = {"X-API-Key": store.key(verifier="sha256")["key"]} if on else {}
    identity = "keyward_identity off;" if mode == "on, without identity" else ""
    e = edge(http=identity, location=f"keyward {mode.split(',')[0]}; keyward_credential header=X-API-Key;")
    ours = {"X-Keyward-Kind", "X-Keyward-Key-Id", "X-Keyward-Scopes"} if mode == "on" else set()
    for order in ORDERS:
        fields = [
            (NAMES[i % 6], "admin") if kind == "S" else (f"X-Other-{i}", f"{kind}{i}") for i, kind in enumerate(order)
        ]
        for headers in ([*key.items(), *fields], [*fields, *key.items()]):
            assert e.get(headers=headers).status == 200, order
            got = [field for field in backend.last.headers if field[0] not in ("Host", "Connection")]
            assert "admin" not in [value for _, value in got]
            others = [field for field in fields if field[0].startswith("X-Other")]
            assert [field for field in got if field[0] not in ours] == others, order


def test_a_location_may_be_in_shadow_and_its_neighbour_on(edge, store):
    store.init()
    e = edge(
        server="keyward on; location / { proxy_pass @BACKEND@; } location /new { keyward shadow; proxy_pass @BACKEND@; }"
    )
    assert [e.get("/").status, e.get("/new").status] == [401, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        "keyward on until=2030-01-01;",
        "keyward shadow until=tomorrow;",
        "keyward maybe;",
        "keyward shadow until=2026-13-01;",
    ],
)
def test_nginx_t_refuses_what_it_cannot_read(wrong, config_test, store):
    rc, output = config_test(location=wrong)
    assert rc == 1 and "keyward" in output and "nginx.conf:" in output
