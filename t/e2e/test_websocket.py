"""keyward_credential websocket: browsers can send nothing but protocols with a WebSocket, so the credential comes as one of them."""

import json

import pytest
from harness.site import Site

UPGRADE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
]
FIELD = "Sec-WebSocket-Protocol"


def offers(request):
    """What a backend is offered."""
    return request.all(FIELD)


def switch(request):
    """A backend that switches, and answers with a protocol where the request's target says so."""
    chosen = {FIELD: request.target.partition("choose=")[2]} if "choose=" in request.target else {}
    return 101, {"Upgrade": "websocket", "Connection": "upgrade", **chosen}, b""


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.a = site.store.key(name="a")
        site.b = site.store.key(name="b", verifier="sha256")
        site.backend.on("*", answer=switch)
        site.backend.on("/plain", answer=lambda request: (200, {}, b"no socket"))
        site.backend.on("/no", answer=lambda request: (403, {}, b"no"))
        site.start(
            server="""
            add_header X-Reason $keyward_reason always;
            keyward on;
            keyward_credential bearer header=X-API-Key websocket;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            location / { proxy_pass @BACKEND@; }
            location /forward { keyward_forward_credential on; proxy_pass @BACKEND@; }
            location /shadow { keyward shadow; proxy_pass @BACKEND@; }
            location /off { keyward off; proxy_pass @BACKEND@; }
            location /anonymous { keyward_accept key anonymous; proxy_pass @BACKEND@; }
            location /headers { keyward_credential bearer; proxy_pass @BACKEND@; }
            location /try { root /nonexistent; try_files $uri @named; }
            location /shadow-to-on { keyward shadow; root /nonexistent; try_files $uri @named; }
            location @named { proxy_pass @BACKEND@; }
            """
        )
        yield site


def handshake(site, *values, target="/", more=()):
    """One request to switch, with a field for each value; then a byte through the socket, where it switched."""
    site.backend.clear()
    headers = [*UPGRADE, *((FIELD, value.format(a=site.a["key"], b=site.b["key"])) for value in values), *more]
    with site.edge.connect() as connection:
        response = connection.request(target=target, headers=headers)
        if response.status == 101:
            connection.send(b"ping")
            assert connection.read_some(4) == b"ping"
    return response


# What is offered; what the backend is offered then.
ADMITTED = {
    "alone": (["bearer, {a}"], []),
    "without a blank": (["bearer,{a}"], []),
    "blanks and tabs": (["  bearer \t,\t {a} "], []),
    "empty elements": ([",bearer,, {a},"], []),
    "before others": (["bearer, {a}, chat, superchat"], ["chat, superchat"]),
    "before others, without blanks": (["bearer,{a},chat,superchat"], ["chat, superchat"]),
    "behind others": (["chat, superchat, bearer, {a}"], ["chat, superchat"]),
    "between others": (["chat,bearer,{a},superchat"], ["chat, superchat"]),
    "in one field of two": (["bearer, {a}", "chat"], ["chat"]),
    "in the second field": (["chat", "bearer, {a}"], ["chat"]),
    "and bearer as a protocol of its own": (["bearer, {a}, bearer"], ["bearer"]),
}
REFUSED = {
    "nothing": ([], 401, "missing_credential"),
    "no credential": (["chat"], 401, "missing_credential"),
    "bearer alone": (["bearer"], 401, "missing_credential"),
    "bearer and nothing": (["bearer, "], 401, "missing_credential"),
    "the key alone": (["{a}"], 401, "missing_credential"),
    "another order": (["{a}, bearer"], 401, "missing_credential"),
    "as Authorization has it": (["bearer {a}"], 401, "missing_credential"),
    "in capitals": (["Bearer, {a}"], 401, "missing_credential"),
    "in two fields": (["bearer", "{a}"], 400, "invalid_request"),
    "in two fields, behind another": (["chat, bearer,", "{a}, v2"], 400, "invalid_request"),
    "in two fields, behind a credential": (["bearer, {a}, bearer", "{b}"], 400, "invalid_request"),
    "another protocol first": (["bearer, chat, {a}"], 401, "invalid_key"),
    "a wrong key": (["bearer, {a}x"], 401, "invalid_key"),
    "quoted": (['bearer, "{a}"'], 401, "invalid_key"),
    "two": (["bearer, {a}, bearer, {b}"], 400, "invalid_request"),
    "two, equal": (["bearer, {a}, bearer, {a}"], 400, "invalid_request"),
    "two fields": (["bearer, {a}", "bearer, {a}"], 400, "invalid_request"),
    "two fields, differing": (["bearer, {a}", "chat, bearer, {b}"], 400, "invalid_request"),
    "8 KiB and a byte": (["bearer, kw_" + "x" * 8190], 400, ""),
}


@pytest.mark.parametrize("name", ADMITTED)
def test_it_is_a_credential_and_the_backend_does_not_see_it(site, name):
    values, seen = ADMITTED[name]
    response = handshake(site, *values)
    assert response.status == 101
    assert offers(site.backend.last) == seen
    assert site.a["key"] not in json.dumps(site.backend.last.headers)
    assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]
    # RFC 6455, section 4.1: the client fails the connection unless one that it offered is chosen.
    assert response.all(FIELD) == ["bearer"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(site, name):
    values, status, reason = REFUSED[name]
    response = handshake(site, *values)
    assert (response.status, response.header("X-Reason") or "") == (status, reason)
    assert site.backend.requests == []
    assert response.header(FIELD) is None
    assert status != 401 or response.header("WWW-Authenticate").startswith("Bearer")


@pytest.mark.parametrize("field", ["bearer, {a}, {a}", "{a}, bearer, {a}", "chat, {a}, bearer, {a}"])
def test_a_second_copy_does_not_reach_the_backend_either(site, field):
    assert handshake(site, field).status == 101
    assert all(site.a["key"] not in value for request in site.backend.requests for _, value in request.headers)


@pytest.mark.parametrize(
    "fields", [["{a}", "bearer, {a}"], ["bearer, {a}", "chat, {a}"], ["{a}, chat", "v2", "bearer, {a}"]]
)
def test_nor_does_one_in_another_field(site, fields):
    assert handshake(site, *fields).status == 101
    assert all(site.a["key"] not in value for request in site.backend.requests for _, value in request.headers)


def test_the_backends_choice_is_kept(site):
    response = handshake(site, "bearer, {a}, chat", target="/?choose=chat")
    assert response.all(FIELD) == ["chat"]
    # Also one that nobody offered: it is the backend's to answer for.
    assert handshake(site, "bearer, {a}", target="/?choose=other").all(FIELD) == ["other"]


def test_bearer_is_the_answer_to_a_credential_among_protocols_only(site):
    response = handshake(site, "chat", more=[("X-API-Key", site.a["key"])])
    assert (response.status, response.all(FIELD)) == (101, [])
    assert offers(site.backend.last) == ["chat"]
    assert handshake(site, more=[("Authorization", f"Bearer {site.a['key']}")]).all(FIELD) == []


def test_an_answer_that_does_not_switch_gets_none(site):
    for target, status in (("/plain", 200), ("/no", 403)):
        response = handshake(site, "bearer, {a}", target=target)
        assert (response.status, response.header(FIELD)) == (status, None)
    # A credential that didn't come in Authorization.
    assert handshake(site, "bearer, {a}", target="/plain").header("Cache-Control") == "private"


def test_two_sources(site):
    a, b = site.a["key"], site.b["key"]
    response = handshake(site, "bearer, {a}", more=[("X-API-Key", a), ("Authorization", f"Bearer {a}")])
    assert (response.status, response.all(FIELD)) == (101, ["bearer"])
    assert a not in json.dumps(site.backend.last.headers)
    response = handshake(site, "bearer, {a}", more=[("X-API-Key", b)])
    assert (response.status, response.header("X-Reason")) == (400, "invalid_request")


def test_where_it_is_no_source_it_is_left_alone(site):
    assert handshake(site, "bearer, {a}", target="/headers").header("X-Reason") == "missing_credential"
    response = handshake(site, "bearer, {a}", target="/headers", more=[("Authorization", f"Bearer {site.b['key']}")])
    assert (response.status, response.all(FIELD)) == (101, [])
    assert offers(site.backend.last) == [f"bearer, {site.a['key']}"]


def test_off_and_shadow_leave_it_alone(site):
    for target in ("/off", "/shadow"):
        response = handshake(site, "bearer, {a}, chat", target=target)
        assert (response.status, response.all(FIELD)) == (101, [])
        assert offers(site.backend.last) == [f"bearer, {site.a['key']}, chat"]


def test_a_forwarded_credential_stays_as_it_came(site):
    response = handshake(site, "chat,bearer,{a}", target="/forward")
    assert (response.status, response.all(FIELD)) == (101, ["bearer"])
    assert offers(site.backend.last) == [f"chat,bearer,{site.a['key']}"]


def test_a_bad_one_is_refused_where_none_is_needed(site):
    assert handshake(site, "chat", target="/anonymous").status == 101
    assert offers(site.backend.last) == ["chat"]
    assert handshake(site, "bearer, {a}x", target="/anonymous").header("X-Reason") == "invalid_key"
    assert handshake(site, "bearer, {a}", target="/anonymous").status == 101
    assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]
    # Nobody who was refused a look may come as nobody, with a credential that the backend would then see.
    assert handshake(site, "bearer", "{a}", target="/anonymous").header("X-Reason") == "invalid_request"
    assert site.backend.requests == []


@pytest.mark.parametrize("target", ["/try", "/shadow-to-on"])
def test_over_redirects(site, target):
    response = handshake(site, "chat, bearer, {a}", target=target)
    assert (response.status, response.all(FIELD)) == (101, ["bearer"])
    assert offers(site.backend.last) == ["chat"]


def test_an_open_socket_goes_on_after_a_revocation(site):
    """A decision holds for its request; the next one is refused."""
    key = site.store.key(verifier="sha256")
    headers = [*UPGRADE, (FIELD, f"bearer, {key['key']}")]
    with site.edge.connect() as connection:
        assert connection.request(headers=headers).status == 101
        site.store.kw("key", "revoke", key["id"])
        connection.send(b"still")
        assert connection.read_some(5) == b"still"
    assert site.edge.get(headers=headers).status == 401
