"""Places of credentials in Authorization: Basic, other schemes, and what is ignored; how large a credential may be."""

import base64
import warnings

import pytest
from harness.site import Site
from harness.tokens import Signer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Debian 12's Python still has it
    import crypt

UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")]  # fmt: skip


def basic(user, password="x"):
    return ("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())


SERVER = """
large_client_header_buffers 4 64k;
add_header X-Reason $keyward_reason always;
add_header X-Key-Id $keyward_key_id always;
add_header X-User "[$remote_user]" always;
set $early $remote_user;
add_header X-Early "[$early]" always;
keyward on;
keyward_credential bearer basic scheme=ApiKey scheme=Token header=X-API-Key cookie=session origins=https://app.example.com;
proxy_set_header X-User "[$remote_user]";
location / { proxy_pass @BACKEND@; }
location /password { keyward_credential basic=password; proxy_pass @BACKEND@; }
location /open { keyward_credential basic csrf=off; proxy_pass @BACKEND@; }
location /scoped { keyward_scope no:body; proxy_pass @BACKEND@; }
location /shadow { keyward shadow; keyward_scope no:body; proxy_pass @BACKEND@; }
location /off { keyward off; proxy_pass @BACKEND@; }
location /off-auth { keyward off; auth_basic site; auth_basic_user_file @PREFIX@/users; proxy_pass @BACKEND@; }
location /either { satisfy any; keyward_scope no:body; auth_basic site; auth_basic_user_file @PREFIX@/users; proxy_pass @BACKEND@; }
location /bearer { keyward_credential bearer; proxy_pass @BACKEND@; }
location /forward { keyward_forward_credential on; proxy_pass @BACKEND@; }
location /from-header { keyward_credential header=X-API-Key basic; root /nonexistent; try_files $uri @basic; }
location /from-scheme { keyward_credential scheme=ApiKey; root /nonexistent; try_files $uri @user; }
location /from-password { keyward_credential basic=password; root /nonexistent; try_files $uri @user; }
location @basic { keyward_credential basic; proxy_pass @BACKEND@; }
location @user { keyward_credential scheme=ApiKey basic; proxy_pass @BACKEND@; }
"""


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.a = site.store.key(name="a", subject="alice", scope=["a:read"], verifier="sha256")
        site.b = site.store.key(name="b", scope=["a:read"], verifier="sha256")
        site.dead = site.store.key(name="dead", verifier="sha256")
        site.store.kw("key", "revoke", site.dead["id"])
        users = site.folder / "users"
        users.write_text(f"bob:{crypt.crypt('secret', crypt.mksalt(crypt.METHOD_SHA256))}\n")
        users.chmod(0o644)
        site.start(
            server=SERVER.replace("@PREFIX@/users", str(users)), http="access_log @PREFIX@/combined.log combined;"
        )
        yield site


def ask(site, *headers, target="/", method="GET"):
    """(status, reason), the answer, and what the backend got."""
    site.backend.clear()
    response = site.edge.request(method, target, list(headers))
    return (response.status, response.header("X-Reason") or ""), response, (site.backend.requests or [None])[0]


def test_report_U28_schemes_that_are_named(site):
    key, name = site.a["key"], site.a["id"]
    for value in (
        f"ApiKey {key}",
        f"apikey\t{key} ",
        f"TOKEN  {key}",
        basic(key)[1],
        basic(key, "")[1],
        f"Bearer {key}",
    ):
        told, _, got = ask(site, ("Authorization", value))
        assert told == (200, "") and got.header("X-Keyward-Key-Id") == name, value
        assert got.all("Authorization") == []
    for value in (basic("", key)[1], basic("anyone", key)[1]):
        assert ask(site, ("Authorization", value), target="/password")[0] == (200, "")
    assert ask(site, basic(key, "x"), target="/password")[0] == (401, "invalid_key")


def test_report_U28_another_scheme_is_none_and_the_log_says_so(site):
    key = site.a["key"]
    for value, says in {
        f"ApiKey {key}": "its Authorization has the scheme ApiKey, which keyward_credential doesn't name",
        f"Token {key}": "its Authorization has the scheme Token,",
        basic(key)[1]: "its Authorization has the scheme Basic,",
        f"Odd {key}": "its Authorization has a scheme that keyward_credential doesn't name, or none, and was ignored",
        key: "its Authorization has a scheme that keyward_credential doesn't name, or none",
    }.items():
        told, _, got = ask(site, ("Authorization", value), target="/bearer")
        assert (told, got) == ((401, "missing_credential"), None), value
        assert (
            f"keyward refused: missing_credential: {says}"
            in [line for line in site.edge.log.splitlines() if "keyward refused" in line][-1]
        )
    assert key not in site.edge.log


def test_an_explicit_credential_wins_over_basic_and_that_over_a_cookie(site):
    a, b, dead = site.a, site.b, site.dead
    cookie = lambda key: ("Cookie", f"session={key['key']}; x=1")
    for headers, wanted in (
        ([("X-API-Key", a["key"]), basic(b["key"])], a),
        ([("X-API-Key", a["key"]), ("Authorization", "Basic ???")], a),
        ([basic(a["key"]), cookie(b)], a),
        ([("X-API-Key", a["key"]), ("Authorization", f"ApiKey {a['key']}")], a),
    ):
        told, _, got = ask(site, *headers)
        assert told == (200, "") and got.header("X-Keyward-Key-Id") == wanted["id"], headers
        assert got.all("Authorization") == [] and got.all("Cookie") in ([], ["x=1"])
    for headers, told in (
        ([("X-API-Key", dead["key"]), basic(a["key"])], (401, "revoked_key")),
        ([basic(dead["key"]), cookie(a)], (401, "revoked_key")),
        ([("X-API-Key", a["key"]), ("Authorization", f"ApiKey {b['key']}")], (400, "invalid_request")),
        ([basic("alice")], (401, "invalid_key")),
        ([basic("")], (401, "missing_credential")),
    ):
        assert ask(site, *headers)[0] == told, headers
    assert ask(site, basic(a["key"]), basic(a["key"]))[0][0] == 400, "nginx's own"


@pytest.mark.parametrize("value", ["Basic ???", "Basic YWJj", "Basic YTpi=", "Basic a3df-_", "Basic =", "Basic YQ=="])
def test_basic_that_cant_be_read_is_malformed(site, value):
    assert ask(site, ("Authorization", value))[0] == (400, "invalid_request")


def test_basic_is_ambient(site):
    key = basic(site.a["key"])
    own = [("Host", "shop.example"), ("Origin", "https://shop.example")]
    passes = ([], [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "none")], own, [("Origin", "https://app.example.com")],
              [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://app.example.com")])  # fmt: skip
    refused = ([("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")], [("Origin", "https://evil.example")],
               [("Origin", "null")], [("Sec-Fetch-Site", "cross-site"), *own], [("Sec-Fetch-Site", "odd")],
               [("Origin", "http://app.example.com")])  # fmt: skip
    for more in passes:
        assert ask(site, key, *more, method="POST")[0] == (200, ""), more
        assert ask(site, key, *UPGRADE, *more)[0] == (200, ""), more
    for more in refused:
        assert ask(site, key, *more, method="POST")[0] == (403, "cross_site"), more
        assert ask(site, key, *UPGRADE, *more)[0] == (403, "cross_site"), more
        assert ask(site, key, *more)[0] == (200, ""), more
        assert ask(site, key, *more, target="/open", method="DELETE")[0] == (200, ""), more
        # What was sent by intent needs no such proof.
        assert ask(site, key, ("X-API-Key", site.b["key"]), *more, method="POST")[0] == (200, "")
    cookie = ("Cookie", f"session={site.a['key']}")
    assert ask(site, cookie, method="POST")[0] == (403, "cross_site"), "a cookie without a proof"
    assert ask(site, cookie, ("Origin", "https://app.example.com"), method="POST")[0] == (200, "")


def test_the_challenge_offers_basic_behind_bearer(site):
    challenges = ask(site)[1].all("WWW-Authenticate")
    assert challenges == ["Bearer", 'Basic realm="keyward", charset="UTF-8"']
    assert ask(site, target="/bearer")[1].all("WWW-Authenticate") == ["Bearer"]
    scoped = ask(site, basic(site.a["key"]), target="/scoped")
    assert scoped[0] == (403, "insufficient_scope")
    assert [one.split(" ")[0] for one in scoped[1].all("WWW-Authenticate")] == ["Bearer"]
    either = ask(site, target="/either")[1].all("WWW-Authenticate")
    assert [one.split(",")[0] for one in either] == ["Bearer", 'Basic realm="site"'], "auth_basic asks already"


def test_remote_user_is_never_what_was_sent(site):
    key, nobody = site.a["key"], site.b["key"]
    _, response, got = ask(site, basic(key))
    assert (response.header("X-User"), response.header("X-Early"), got.header("X-User")) == ("[alice]", "[]", "[alice]")
    assert ask(site, basic(nobody))[1].header("X-User") == "[]"
    for target in ("/scoped", "/shadow", "/off", "/off-auth", "/either", "/bearer", "/forward"):
        for user in (key, site.dead["key"], "kw_" + "x" * 20):
            response = ask(site, basic(user), target=target)[1]
            assert user not in repr(response.headers), target
    # Others' users are theirs.
    assert ask(site, basic("bob", "secret"), target="/off-auth")[1].header("X-User") == "[bob]"
    told, response, got = ask(site, basic("bob", "secret"), target="/either")
    assert (told[0], got.header("X-User")) == (200, "[bob]")
    assert ask(site, basic("bob", "wrong"), target="/either")[0][0] == 401
    with site.edge.connect() as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n{': '.join(basic(key))}\r\n\r\n".encode())
        assert connection.read_response().status == 400
    for log in (site.edge.log, (site.edge.prefix / "combined.log").read_text()):
        for secret in (key, nobody, site.dead["key"], "kw_xxxx"):
            assert secret not in log


def test_basic_over_redirects(site):
    a, b = site.a, site.b
    told, _, got = ask(site, ("X-API-Key", a["key"]), basic(b["key"]), target="/from-header")
    assert told == (200, "") and got.header("X-Keyward-Key-Id") == b["id"], "as if it had been asked directly"
    assert got.all("Authorization") == []
    told, _, got = ask(site, ("Authorization", f"ApiKey {a['key']}"), target="/from-scheme")
    assert told == (200, "") and got.header("X-Keyward-Key-Id") == a["id"]
    told, _, got = ask(site, basic(b["key"], a["key"]), target="/from-password")
    assert told == (200, "") and got.header("X-Keyward-Key-Id") == b["id"], "there the user counts"
    assert ask(site, basic("nobody", a["key"]), target="/from-password")[0] == (401, "invalid_key")
    cross = ask(
        site,
        ("X-API-Key", a["key"]),
        basic(b["key"]),
        ("Origin", "https://evil.example"),
        target="/from-header",
        method="POST",
    )
    assert cross[0] == (403, "cross_site")


def test_a_location_may_forward_it(site):
    got = ask(site, basic(site.a["key"], "p"), target="/forward")[2]
    assert got.all("Authorization") == [basic(site.a["key"], "p")[1]]


def test_a_word_of_its_own_for_websockets(edge, store, backend):
    key = store.key(verifier="sha256")
    backend.on("*", answer=lambda request: (101, {"Upgrade": "websocket", "Connection": "upgrade"}, b""))
    e = edge(
        server="""
        keyward on; keyward_credential websocket=access_token;
        location / { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
                     proxy_pass @BACKEND@; }
        """
    )
    field = "Sec-WebSocket-Protocol"
    response = e.get("/", [*UPGRADE, (field, f"chat, access_token, {key['key']}, v2")])
    assert response.status == 101 and response.header(field) == "access_token"
    assert backend.last.all(field) == ["chat, v2"]
    for other in ("bearer", "Access_Token"):
        assert e.get("/", [*UPGRADE, (field, f"{other}, {key['key']}")]).status == 401


def test_report_U3(edge, issuers):
    """A token of 157 groups: 400 "conflicting or malformed"."""
    signer = Signer("EdDSA")
    token = signer.token(groups=[f"{i:08x}-89ab-4cde-8f01-23456789abcd" for i in range(200)])
    assert 9000 < len(token) < 16000
    server = """
        large_client_header_buffers 4 32k; client_header_buffer_size 32k; add_header X-Reason $keyward_reason always; keyward on;
        location / { empty_gif; }
        location /wide/ { keyward_max_credential 16k; empty_gif; }
        location /narrow/ { keyward_max_credential 256; empty_gif; }
    """
    e = edge(http=issuers.block("auth", signer), server=server, store=False)
    headers = {"Authorization": f"Bearer {token}"}
    response = e.get("/", headers)
    assert (response.status, response.header("X-Reason")) == (400, "credential_too_large")
    assert response.json() == {"error": "credential too large", "code": "invalid_request"}
    assert (
        f"keyward refused: credential_too_large: it has {len(token)} bytes, and keyward_max_credential is 8192" in e.log
    )
    assert e.get("/wide/", headers).status == 200
    assert e.get("/narrow/", headers).header("X-Reason") == "credential_too_large"
    assert e.get("/narrow/", {"Authorization": "Bearer " + "x" * 256}).header("X-Reason") == "invalid_token"
    assert (
        e.get("/wide/", {"Authorization": "Bearer " + token + "x" * 16000}).header("X-Reason") == "credential_too_large"
    )


def test_faults_of_the_configuration(config_test):
    for directive, says in {
        "keyward_credential basic=name;": '"basic=name" is no half of Basic; write basic=user or basic=password',
        "keyward_credential basic basic=password;": "names more than one half of Basic",
        "keyward_credential scheme=Bearer;": 'is a source of its own; write "bearer"',
        "keyward_credential scheme=basic;": 'is a source of its own; write "basic"',
        "keyward_credential scheme=;": "names no scheme",
        "keyward_credential scheme=ApiKey scheme=APIKEY;": '"scheme=APIKEY" is there twice',
        "keyward_credential websocket websocket=a;": "names more than one word for WebSockets",
        'keyward_credential "websocket=a b";': "is no protocol",
        "keyward_credential bearer origins=https://a.example;": '"origins=" is about a cookie; name it, such as cookie=session, or about Basic: write "basic"',
        "keyward_credential basic origins=null;": '"null" is not an origin as browsers write it',
        "keyward_credential basic origins=https://a.example/;": "not an origin",
        "keyward_credential basic origins=;": '"origins=" needs origins',
        "keyward_max_credential 128k;": '"128k" is not possible; write from 64 to 64k',
        "keyward_max_credential 1;": "is not possible",
        "keyward_max_credential 8k; keyward_max_credential 8k;": "is duplicate",
    }.items():
        rc, output = config_test(location=f"keyward on; {directive}")
        assert rc == 1 and says in output, output
    rc, output = config_test(location="keyward on; keyward_max_credential 16k;")
    assert rc == 0 and 'which has 8192 here; write "large_client_header_buffers 4 17k;"' in output, output
    rc, output = config_test(
        http="large_client_header_buffers 4 32k; keyward_max_credential 16k;", location="keyward on;"
    )
    assert rc == 0 and "large_client" not in output
    assert (
        config_test(
            location="keyward on; keyward_credential bearer basic scheme=ApiKey websocket=w cookie=c header=X-A origins=https://a.b;"
        )[0]
        == 0
    )
