"""What a refused client gets: each reason, and that it stays an ordinary answer of nginx."""

import gzip
import json
import os
import re
import time

import bcrypt
import pytest
from harness.client import encode_request
from harness.site import Site
from harness.tokens import Issuers, Signer
from harness.wait import until

GONE = "2020-01-02T03:04:05Z"

# The reasons that can arise so far: status, code, message.
TABLE = {
    "missing_credential": (401, "unauthorized", "missing credentials"),
    "invalid_request": (400, "invalid_request", "conflicting or malformed credentials"),
    "credential_too_large": (400, "invalid_request", "credential too large"),
    "invalid_key": (401, "unauthorized", "invalid or inactive API key"),
    "revoked_key": (401, "unauthorized", "invalid or inactive API key"),
    "suspended_key": (401, "unauthorized", "invalid or inactive API key"),
    "pending_key": (401, "unauthorized", "invalid or inactive API key"),
    "expired_key": (401, "unauthorized", "API key expired"),
    "invalid_token": (401, "unauthorized", "invalid token"),
    "no_access": (403, "forbidden", "access denied"),
    "address_not_allowed": (403, "forbidden", "access denied"),
    "blocked_subject": (403, "forbidden", "access denied"),
    "not_accepted": (403, "forbidden", "access denied"),
    "insufficient_scope": (403, "forbidden", "insufficient scope"),
    "method_not_covered": (403, "forbidden", "insufficient scope"),
    "requirement_failed": (403, "forbidden", "access denied"),
    "rate_limited": (429, "rate_limited", "rate limit exceeded"),
    "busy": (503, "unavailable", "authentication temporarily unavailable"),
    "store_error": (503, "unavailable", "authentication temporarily unavailable"),
}

# Of these store_error has a test of its own.
REASONS = [reason for reason in TABLE if reason != "store_error"]

# RFC 6750, section 3.1: the error of each challenge; None: a 401 without one; absent: no challenge at all.
CHALLENGES = {
    "missing_credential": None,
    **{reason: "invalid_token" for reason, row in TABLE.items() if row[0] == 401 and reason != "missing_credential"},
    "insufficient_scope": "insufficient_scope",
    "method_not_covered": "insufficient_scope",
}
NEEDED = {"insufficient_scope": "posts:write"}
CHALLENGE_SCOPES = {"insufficient_scope": "posts:read posts:write"}  # granted together with needed

# Which location's rules bring the reason about; "plain" for the others.
RULES = {
    "plain": "",
    "token": "keyward_accept token;",
    "scoped": "keyward_scope posts:write;",
    "methods": "keyward_scope methods=POST,DELETE posts:read;",
    "limited": "keyward_limit 1r/h;",
    "narrow": "keyward_max_credential 256;",
    "requiring": "keyward_require $keyward_kind $keyward_subject;",
}
RULE_OF = {
    "credential_too_large": "narrow",
    "not_accepted": "token",
    "insufficient_scope": "scoped",
    "method_not_covered": "methods",
    "rate_limited": "limited",
    "requirement_failed": "requiring",
}
KINDS = ("static", "proxy", "redirect")
FORMATS = ("json", "problem", "off", "auto")


def make_keys(store):
    """Headers that bring about each reason."""

    def key(**options):
        return store.key(verifier="sha256", scope=["posts:read"], **options)

    def bearer(made):
        return {"Authorization": f"Bearer {made['key']}"}

    kw = store.kw
    good, revoked, suspended = key(), key(), key()
    kw("key", "revoke", revoked["id"])
    kw("key", "suspend", suspended["id"])
    elsewhere = key()
    kw("key", "set", elsewhere["id"], "--allow-from", "192.0.2.0/24")
    kw("plan", "set", "nothing", "--no-access")
    kw("subject", "set", "bad-company", "--state", "blocked")
    expired = "sk_live_" + "0123456789abcdef" * 2
    legacy = {
        "bcrypt": bcrypt.hashpw(b"sk_live_ffff" + b"0" * 28, bcrypt.gensalt(4)).decode(),
        "prefix": "sk_live_ffff",
    }
    lines = [{"key": expired, "expires_at": GONE}, legacy]
    kw("key", "import", "-", "--verifier", "sha256", "--weak", input="\n".join(map(json.dumps, lines)))
    return {
        "": bearer(good),
        "missing_credential": {},
        "invalid_request": {**bearer(good), "X-API-Key": "another"},
        "credential_too_large": {"Authorization": "Bearer kw_" + "x" * 300},
        "invalid_key": {"Authorization": "Bearer kw_wrong"},
        "revoked_key": bearer(revoked),
        "suspended_key": bearer(suspended),
        "pending_key": bearer(store.pending_key(verifier="sha256", scope=["posts:read"])),
        "expired_key": {"Authorization": f"Bearer {expired}"},
        "invalid_token": {"Authorization": "Bearer eyJh.eyJz.c2ln"},
        "no_access": bearer(key(plan="nothing")),
        "address_not_allowed": bearer(elsewhere),
        "blocked_subject": bearer(key(subject="bad-company")),
        "busy": {"Authorization": "Bearer sk_live_ffff" + "1" * 28},  # an 11th failure within a minute
    }


HTTP = """
keyward_key_format kw_ base62=43 checksum;
keyward_key_format sk_live_ hex=32;
"""


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.headers = make_keys(site.store)
        site.page("f.txt", "the file")
        blocks = []
        for rule, lines in RULES.items():
            on = f"keyward on; {lines}"
            blocks += [
                f"location /static/{rule}/ {{ {on} alias @HTML@/; }}",
                f"location /proxy/{rule}/ {{ {on} proxy_pass @BACKEND@; }}",
                f"location /redirect/{rule}/ {{ keyward off; root @HTML@; try_files /none /inner/{rule}/f.txt; }}",
                f"location /inner/{rule}/ {{ internal; {on} alias @HTML@/; }}",
                f"location /realm/{rule}/ {{ {on} keyward_realm 'the api'; proxy_pass @BACKEND@; }}",
            ]
            blocks += [
                f"location /{form}/{rule}/ {{ {on} keyward_errors {form}; proxy_pass @BACKEND@; }}" for form in FORMATS
            ]
        http = HTTP + Issuers(site.folder).block("auth", Signer("EdDSA"))
        site.start(http=http, server="add_header X-Reason $keyward_reason always;\n" + "\n".join(blocks))
        yield site


def ask(site, kind, reason, protocol="HTTP/1.1", method="GET", headers=()):
    """The refusal for this reason, over a connection that is used before and after it."""
    path = f"/{kind}/{RULE_OF.get(reason, 'plain')}/f.txt"
    sent = {**site.headers.get(reason, site.headers[""]), **dict(headers)}

    def refused(response):
        return response.status == TABLE[reason][0]

    connection = site.edge.h2() if protocol == "HTTP/2" else site.edge.connect()
    with connection:
        if reason in ("busy", "rate_limited"):
            assert any(refused(connection.request("GET", path, sent)) for _ in range(12))
        site.backend.clear()
        response = connection.request(method, path, sent)
        assert site.backend.requests == [], "a refused request reached the backend"
        # A 400 closes an HTTP/1 connection, as nginx's own do.
        if protocol == "HTTP/2" or response.status != 400:
            again = connection.request("GET", f"/{kind}/plain/f.txt", site.headers[""])
            assert again.status == 200, "the connection goes on"
    return response


def challenge_of(reason, realm=""):
    """WWW-Authenticate, exactly; None where there is none."""
    if reason not in CHALLENGES:
        return None
    values = {"realm": realm}
    if CHALLENGES[reason]:
        values["error"] = CHALLENGES[reason]
        values["scope"] = CHALLENGE_SCOPES.get(reason, "")
        values["error_description"] = TABLE[reason][2]
    return ("Bearer " + ", ".join(f'{name}="{value}"' for name, value in values.items() if value)).strip()


def check_fields(response, reason, realm=""):
    status = TABLE[reason][0]
    assert response.status == status
    assert response.header("X-Reason") == reason
    assert response.header("Cache-Control") == "no-store"
    assert response.header("WWW-Authenticate") == challenge_of(reason, realm)
    if status in (429, 503):
        assert re.fullmatch("[1-9][0-9]*", response.header("Retry-After"))
    else:
        assert response.header("Retry-After") is None
    for name in ("ETag", "Last-Modified", "Accept-Ranges", "Expires"):
        assert response.header(name) is None


def check_json(response, reason):
    status, code, message = TABLE[reason]
    body = {"error": message, "code": code}
    if reason in NEEDED:
        body["required_scope"] = NEEDED[reason]
    if status in (429, 503):
        body["retry_after"] = int(response.header("Retry-After"))
    assert response.header("Content-Type") == "application/json"
    assert response.json() == body


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_has_its_answer(site, reason, kind, protocol):
    response = ask(site, kind, reason, protocol)
    check_fields(response, reason)
    check_json(response, reason)
    assert response.header("Content-Length") == str(len(response.body))
    assert response.body.startswith(b'{"error":"'), "members in the order that the documents show"


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("reason", REASONS)
def test_a_refused_head_has_the_fields_and_no_body(site, reason, protocol):
    response = ask(site, "proxy", reason, protocol, method="HEAD")
    full = ask(site, "proxy", reason, protocol)
    check_fields(response, reason)
    assert response.body == b""
    assert response.header("Content-Type") == "application/json"
    if TABLE[reason][0] not in (429, 503):  # where the body has a number that counts down
        assert response.header("Content-Length") == full.header("Content-Length")


@pytest.mark.parametrize("reason", REASONS)
def test_the_challenge_with_a_realm(site, reason):
    check_fields(ask(site, "realm", reason), reason, realm="the api")


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("reason", REASONS)
def test_problem_details(site, reason, protocol):
    status, code, message = TABLE[reason]
    response = ask(site, "problem", reason, protocol)
    check_fields(response, reason)
    assert response.header("Content-Type") == "application/problem+json"
    assert response.header("Content-Length") == str(len(response.body))
    problem = response.json()
    quota = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["type"] == (quota if reason == "rate_limited" else f"urn:keyward:problem:{reason}")
    assert problem["status"] == status
    assert message in (problem.get("title"), problem.get("detail"))


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("reason", REASONS)
def test_off_is_nginx_page(site, reason, protocol):
    response = ask(site, "off", reason, protocol)
    check_fields(response, reason)
    assert response.header("Content-Type") == "text/html"
    assert re.search(rf"<h1>{TABLE[reason][0]} .*</h1>.*nginx", response.text, re.S)
    assert TABLE[reason][2] not in response.text
    assert response.header("Content-Length") == str(len(response.body))


@pytest.mark.parametrize(
    "accept, expected",
    {
        None: "application/json",
        "*/*": "application/json",
        "text/html,application/xhtml+xml,*/*;q=0.8": "application/json",
        "application/json": "application/json",
        "application/problem+json": "application/problem+json",
        "application/json, application/problem+json": "application/problem+json",
        "application/problem+json;q=0": "application/json",
        "application/problem+jsonx": "application/json",
    }.items(),
)
def test_auto_goes_by_accept(site, accept, expected):
    for kind in ("auto", "proxy"):
        response = ask(site, kind, "invalid_key", headers={"Accept": accept} if accept else {})
        assert response.header("Content-Type") == expected
        check_fields(response, "invalid_key")


def test_a_chosen_format_does_not_go_by_accept(site):
    accept = {"Accept": "application/problem+json"}
    check_json(ask(site, "json", "invalid_key", headers=accept), "invalid_key")
    assert ask(site, "problem", "invalid_key", headers={"Accept": "application/json"}).json()["status"] == 401


def test_what_the_store_cannot_answer_is_503_and_not_401(edge, store):
    # The store is taken away; it's looked at again within a second, and when it comes back too.
    key = {"X-API-Key": store.key(verifier="sha256")["key"]}
    e = edge(location="keyward on; add_header X-Reason $keyward_reason always;")
    e.allow_log("keyward")
    assert e.get(headers=key).status == 200
    folder = str(store.path / "credentials")
    os.rename(folder, folder + "-away")
    response = until(lambda: (r := e.get(headers=key)).status != 200 and r)
    check_fields(response, "store_error")
    check_json(response, "store_error")
    with e.h2() as connection:
        response = connection.request(headers=key)
        check_fields(response, "store_error")
        check_json(response, "store_error")
    # Without a credential nothing has to be looked up: that is still the client's fault.
    assert e.get().status == 401
    os.rename(folder + "-away", folder)
    until(lambda: e.get(headers=key).status == 200)


# --- fields, messages, status ---------------------------------------------------------------------------------------


def simple(edge, server, http="", **more):
    return edge(http=HTTP + http, server="keyward on;\n" + server, **more)


def test_fields_choose_and_rename(edge, store):
    key = store.key(verifier="sha256", scope=["posts:read"])["key"]
    e = simple(
        edge,
        """
        location /one/ { keyward_errors json fields=error; proxy_pass @BACKEND@; }
        location /two/ { keyward_errors json fields=code:type,error:message; proxy_pass @BACKEND@; }
        location /auto/ { keyward_errors auto fields=code; proxy_pass @BACKEND@; }
        location /scope/ { keyward_errors json fields=error,required_scope:need; keyward_scope a b; proxy_pass @BACKEND@; }
    """,
    )
    assert e.get("/one/").body == b'{"error":"missing credentials"}'
    assert e.get("/two/").body == b'{"type":"unauthorized","message":"missing credentials"}'
    assert e.get("/auto/").body == b'{"code":"unauthorized"}'
    assert e.get("/scope/", {"X-API-Key": key}).body == b'{"error":"insufficient scope","need":"a b"}'


@pytest.mark.parametrize("reason_first", [True, False])
def test_a_message_for_a_reason_wins_over_one_for_its_code(edge, store, reason_first):
    headers = make_keys(store)
    lines = [
        'keyward_message expired_key suspended_key "over" status=403 code=gone;',
        'keyward_message unauthorized "who are you?";',
    ]
    lines = lines if reason_first else lines[::-1]
    e = simple(edge, "\n".join(lines) + "location / { proxy_pass @BACKEND@; }")
    for reason in ("expired_key", "suspended_key"):
        response = e.get(headers=headers[reason])
        assert (response.status, response.json()) == (403, {"error": "over", "code": "gone"})
    for reason in ("missing_credential", "invalid_key", "revoked_key", "pending_key", "invalid_token"):
        response = e.get(headers=headers[reason])
        assert (response.status, response.json()) == (401, {"error": "who are you?", "code": "unauthorized"})
    assert e.get(headers=headers["invalid_request"]).json()["error"] == TABLE["invalid_request"][2]
    # The challenge says what the body says.
    assert e.get(headers=headers["invalid_key"]).header("WWW-Authenticate").endswith('error_description="who are you?"')


@pytest.mark.parametrize("status", [401, 403])
def test_a_status_of_the_configuration_leaves_nothing_to_others(edge, store, folder, status):
    """`satisfy any` asks auth_basic after 401 and 403: a limit would be none for whoever knows a password, too."""
    users = folder / "users"
    users.write_text("bob:{PLAIN}bob\n")
    users.chmod(0o644)
    key = store.key(verifier="sha256")["key"]
    e = simple(
        edge,
        f"""
        satisfy any; auth_basic r; auth_basic_user_file {users};
        keyward_message rate_limited "slower" status={status} code=slow;
        keyward_message invalid_request "one is enough" status={status};
        location / {{ keyward_limit 1r/m; proxy_pass @BACKEND@; }}
    """,
    )
    basic = {"Authorization": "Basic Ym9iOmJvYg=="}
    assert e.get(headers={"X-API-Key": key, **basic}).status == 200
    response = e.get(headers={"X-API-Key": key, **basic})
    assert (response.status, response.json()["code"]) == (status, "slow")
    assert response.header("Retry-After")
    twice = e.get(headers=[("X-API-Key", key), ("X-API-Key", key + "x"), ("Authorization", basic["Authorization"])])
    assert (twice.status, twice.json()["error"]) == (status, "one is enough")
    # Reasons whose own status it is are for others to look at.
    assert e.get(headers=basic).status == 200
    assert e.get(headers={"X-API-Key": "kw_" + "0" * 49, **basic}).status == 200


def test_a_message_is_inherited_and_replaced(edge):
    e = simple(
        edge,
        """
        keyward_message missing_credential "outer" code=outer;
        location / { proxy_pass @BACKEND@; }
        location /inner/ { keyward_message missing_credential "inner"; proxy_pass @BACKEND@; }
    """,
    )
    assert e.get().json() == {"error": "outer", "code": "outer"}
    assert e.get("/inner/").json()["error"] == "inner"


@pytest.mark.parametrize(
    "text", ['naïve "quoted" \\ back', "tab\there", "<b>&amp;</b>", "emoji \U0001f511", "x" * 3000]
)
def test_any_message_is_valid_json(edge, text):
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    e = simple(edge, f'keyward_message unauthorized "{quoted}";\nlocation / {{ proxy_pass @BACKEND@; }}')
    assert e.get().json()["error"] == text
    assert e.get(headers={"Accept": "application/problem+json"}).json()["status"] == 401
    # The challenge stays one line of well-formed parameters.
    challenge = e.get(headers={"X-API-Key": "bad"}).header("WWW-Authenticate")
    assert re.fullmatch(r'Bearer error="invalid_token"(, error_description="[ !#-\[\]-~]*")?', challenge)


def test_every_status_that_may_be_configured_is_answered(edge, config_test):
    """nginx gives some numbers a meaning of its own, which nginx -t has to say."""
    statuses = [*range(400, 432), 444, 451, 460, 494, 495, 496, 497, 498, 499, *range(500, 512), 520, 530, 598, 599]
    location = 'location = /%d { keyward_message missing_credential "no" status=%d; proxy_pass @BACKEND@; }'
    good = []
    for status in statuses:
        rc, output = config_test(server="keyward on;" + location % (status, status))
        if rc == 0:
            good.append(status)
        else:
            assert "status=" in output
    assert set(statuses) - set(good) <= {408, 444, 494, 495, 496, 497, 498, 499}
    e = simple(edge, "\n".join(location % (status, status) for status in good))
    wrong = {}
    for status in good:
        for method in ("GET", "HEAD"):
            try:
                response = e.request(method, f"/{status}")
                body = json.loads(response.body) if method == "GET" else None
                if response.status != status or (body and body["error"] != "no"):
                    wrong[status] = response
            except (OSError, ValueError) as error:
                wrong[status] = error
    assert not wrong


# --- error_page wins --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(build):
    with Site(build) as site:
        site.headers = make_keys(site.store)
        site.page("page.html", "the page")
        site.page("sub/index.html", "the index")
        site.start(
            http=HTTP,
            server="""
            root @HTML@;
            keyward on;
            add_header X-Reason $keyward_reason always;
            location /named/ { error_page 401 @named; proxy_pass @BACKEND@; }
            location @named { default_type text/plain; return 402 "named"; }
            location /named-static/ { error_page 401 @static; proxy_pass @BACKEND@; }
            location @static { root @HTML@; rewrite ^ /page.html break; }
            location /static/ { error_page 401 /page.html; proxy_pass @BACKEND@; }
            location = /page.html { internal; }
            location /open/ { error_page 401 /open-page; proxy_pass @BACKEND@; }
            location = /open-page { keyward off; alias @HTML@/page.html; default_type text/html; }
            location /as200/ { error_page 401 =200 /page.html; proxy_pass @BACKEND@; }
            location /as404/ { error_page 401 403 429 =404 /page.html; proxy_pass @BACKEND@; }
            location /own/ { error_page 401 = @own; proxy_pass @BACKEND@; }
            location @own { return 410; }
            location /proxied/ { error_page 401 = @proxied; proxy_pass @BACKEND@; }
            location @proxied { keyward off; proxy_pass @BACKEND@; }
            location /external/ { error_page 401 https://login.example/?u=$uri; proxy_pass @BACKEND@; }
            location /external303/ { error_page 401 =303 https://login.example/; proxy_pass @BACKEND@; }
            location /other/ { error_page 404 /page.html; proxy_pass @BACKEND@; }
            location /loop/ { error_page 401 /loop/; proxy_pass @BACKEND@; }
            location /missing/ { error_page 401 /not-there.html; proxy_pass @BACKEND@; }
            location /recursive/ {
                recursive_error_pages on;
                error_page 401 /recursive-missing.html;
                proxy_pass @BACKEND@;
            }
            location = /recursive-missing.html { recursive_error_pages on; error_page 404 =403 /page.html; }
            location /limited/ { keyward_limit 1r/h; error_page 429 /page.html; proxy_pass @BACKEND@; }
            location /busy/ { error_page 503 /page.html; proxy_pass @BACKEND@; }
            """,
        )
        yield site


# location: status, body; both protocols.
PAGES = {
    "/named/": (401, "named"),
    "/named-static/": (401, "the page"),
    "/static/": (401, "the page"),
    "/open/": (401, "the page"),
    "/as200/": (200, "the page"),
    "/as404/": (404, "the page"),
}


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("location", PAGES)
@pytest.mark.parametrize("reason", ["missing_credential", "invalid_key"])
def test_error_page_wins(pages, location, reason, protocol):
    # The page lies in a guarded location.
    status, body = PAGES[location]
    pages.backend.clear()
    if protocol == "HTTP/2":
        with pages.edge.h2() as connection:
            response = connection.request(path=location, headers=pages.headers[reason])
    else:
        response = pages.edge.get(location, pages.headers[reason])
    assert (response.status, response.text) == (status, body)
    assert pages.backend.requests == []
    assert "json" not in (response.header("Content-Type") or "")
    assert response.header("Cache-Control") == "no-store", "every refusal"
    challenge = response.header("WWW-Authenticate")
    if status == 401:
        assert challenge == challenge_of(reason), "each 401"
    else:
        assert challenge is None


def test_error_page_with_a_status_of_its_own(pages):
    response = pages.edge.get("/own/")
    assert response.status == 410
    assert b"missing" not in response.body
    assert response.header("WWW-Authenticate") is None


def test_error_page_from_a_backend(pages):
    response = pages.edge.get("/proxied/x", {"X-API-Key": "bad", "X-Keyward-Subject": "me"})
    assert response.status == 200
    request = pages.backend.last
    assert (request.path, request.method) == ("/proxied/x", "GET")
    assert request.all("X-Keyward-Subject") == []
    assert response.header("Cache-Control") == "no-store"


def test_error_page_elsewhere_is_a_redirect(pages):
    response = pages.edge.get("/external/x")
    assert (response.status, response.header("Location")) == (302, "https://login.example/?u=/external/x")
    assert response.header("WWW-Authenticate") is None
    assert response.header("Cache-Control") == "no-store"
    assert b"missing" not in response.body
    response = pages.edge.get("/external303/x")
    assert (response.status, response.header("Location")) == (303, "https://login.example/")


def test_an_error_page_for_another_status_changes_nothing(pages):
    response = pages.edge.get("/other/")
    assert response.status == 401
    check_json(response, "missing_credential")


@pytest.mark.parametrize("location", ["/loop/", "/missing/"])
def test_an_error_page_that_fails_too_is_no_loop_and_no_pass(pages, location):
    pages.backend.clear()
    response = pages.edge.get(location)
    if location == "/missing/":
        assert response.status in (401, 404)
        assert pages.backend.requests == []
    else:
        # The page of our own refusal isn't decided again, and this one is the proxied location itself.
        assert response.status == 401


def test_recursive_error_pages(pages):
    pages.backend.clear()
    response = pages.edge.get("/recursive/")
    # The page isn't there; its own 404 leads on to another, in a guarded location: that redirect isn't our refusal's.
    assert response.status in (401, 403)
    assert pages.backend.requests == []


def test_error_page_for_429_and_503_keeps_retry_after(pages):
    key = pages.headers[""]
    pages.edge.get("/limited/", key)
    response = pages.edge.get("/limited/", key)
    assert (response.status, response.text) == (429, "the page")
    assert int(response.header("Retry-After")) >= 1
    assert response.header("X-RateLimit-Remaining") == "0"
    response = [pages.edge.get("/busy/", pages.headers["busy"]) for _ in range(12)][-1]
    assert (response.status, response.text) == (503, "the page")
    assert int(response.header("Retry-After")) >= 1


def test_a_head_on_an_error_page(pages):
    with pages.edge.connect() as connection:
        response = connection.request("HEAD", "/static/")
        assert (response.status, response.header("Content-Length")) == (401, str(len("the page")))
        assert connection.request("GET", "/static/").text == "the page"


# --- nginx's filters and fields around it ---------------------------------------------------------------------------------


def test_gzip_of_a_refusal(edge, store):
    key = store.key(verifier="sha256", scope=["posts:read"])["key"]
    e = simple(
        edge,
        """
        gzip on; gzip_types application/json; gzip_min_length 1; gzip_vary on; gzip_proxied any;
        location / { keyward_scope posts:write; proxy_pass @BACKEND@; }
    """,
    )
    plain = e.get(headers={"X-API-Key": key})
    with e.connect() as connection:
        for headers, status in (({"X-API-Key": key}, 403), ({}, 401), ({"X-API-Key": "bad"}, 401)):
            response = connection.request(headers={**headers, "Accept-Encoding": "gzip"})
            assert response.status == status
            encoded = response.header("Content-Encoding") == "gzip"
            body = gzip.decompress(response.body) if encoded else response.body
            assert set(json.loads(body)) >= {"error", "code"}
            # nginx compresses 200, 403 and 404.
            assert encoded == (status == 403)
            if encoded:
                assert json.loads(body) == plain.json()
                assert response.header("Content-Length") is None
    with e.h2() as connection:
        response = connection.request(headers={"x-api-key": key, "accept-encoding": "gzip"})
        assert json.loads(gzip.decompress(response.body)) == plain.json()


@pytest.mark.parametrize(
    "charset, expected",
    {
        "charset utf-8;": "application/json",
        "charset utf-8; charset_types application/json;": "application/json(; charset=utf-8)?",
        "charset utf-8; charset_types *;": "application/json(; charset=utf-8)?",
        # Turns every e of a converted type (text/html, not JSON) into an X.
        "charset windows-1251; source_charset koi8-r; override_charset on;": "application/json",
    }.items(),
)
def test_charset_leaves_a_refusal_readable(edge, charset, expected):
    e = simple(
        edge,
        f"""
        {charset}
        keyward_message missing_credential "kein Schlüssel";
        location / {{ proxy_pass @BACKEND@; }}
    """,
        http="charset_map koi8-r windows-1251 { 65 58; }\n",
    )
    with e.connect() as connection:
        for _ in range(2):
            response = connection.request()
            assert response.json() == {"error": "kein Schlüssel", "code": "unauthorized"}
            assert re.fullmatch(expected, response.header("Content-Type"))


def test_add_header_always_works_on_refusals(edge):
    e = simple(
        edge,
        """
        add_header X-Always "$keyward_reason $status" always;
        add_header X-Sometimes yes;
        add_header Access-Control-Allow-Origin * always;
        location / { proxy_pass @BACKEND@; }
    """,
    )
    response = e.get()
    assert response.header("X-Always") == "missing_credential 401"
    assert response.header("Access-Control-Allow-Origin") == "*"
    assert response.header("X-Sometimes") is None


@pytest.mark.parametrize("caching", ["expires max;", "expires 1h;", "add_header Cache-Control public always;"])
def test_a_refusal_is_never_stored_whatever_the_location_says(edge, store, caching):
    key = store.key(verifier="sha256")["key"]
    e = simple(
        edge,
        f"{caching}\nlocation / {{ error_page 403 =200 /ok; proxy_pass @BACKEND@; }}\nlocation = /ok {{ return 200; }}",
    )
    response = e.get()
    assert response.status == 401
    assert "no-store" in ", ".join(response.all("Cache-Control"))
    assert response.header("Expires") is None
    assert e.get(headers={"X-API-Key": key}).status == 200


def test_a_connection_that_is_not_kept_is_closed_after_a_whole_answer(edge):
    e = simple(edge, "keepalive_timeout 0;\nlocation / { proxy_pass @BACKEND@; }")
    with e.connect() as connection:
        assert connection.request().json()["code"] == "unauthorized"
        assert connection.read_to_end() == b""


@pytest.mark.parametrize(
    "directive",
    [
        "sub_filter missing found; sub_filter_types *; sub_filter_once off;",
        "ssi on; ssi_types *;",
        "add_before_body /x; add_after_body /x; addition_types *;",
        "etag on; if_modified_since before;",
        "limit_rate 100k;",
        "output_buffers 1 1k; postpone_output 0;",
        "chunked_transfer_encoding off;",
        "server_tokens off;",
        "msie_padding on;",
    ],
)
def test_nginx_body_filters_leave_a_refusal_whole(edge, directive):
    e = simple(
        edge, f"{directive}\nlocation / {{ proxy_pass @BACKEND@; }}\nlocation = /x {{ keyward off; return 200 x; }}"
    )
    for headers in (
        {},
        {"Range": "bytes=0-3"},
        {"If-Modified-Since": "Thu, 01 Jan 2037 00:00:00 GMT"},
        {"User-Agent": "Mozilla/4.0 (compatible; MSIE 6.0)"},
    ):
        response = e.get(headers=headers)
        assert response.status == 401
        assert response.json()["code"] == "unauthorized"
        with e.h2() as connection:
            assert connection.request(headers=headers).json()["code"] == "unauthorized"


def test_auth_delay_delays_401_only(edge, store):
    key = store.key(verifier="sha256", scope=["posts:read"])["key"]
    e = simple(edge, "auth_delay 400ms;\nlocation / { keyward_scope posts:write; proxy_pass @BACKEND@; }")

    def timed(headers):
        begin = time.monotonic()
        response = e.get(headers=headers)
        return response, time.monotonic() - begin

    for headers in ({}, {"X-API-Key": "bad"}):
        response, seconds = timed(headers)
        assert response.status == 401 and response.json()["code"] == "unauthorized"
        assert seconds >= 0.39
    quickest = min(timed({"X-API-Key": key})[1] for _ in range(3))
    assert quickest < 0.39
    # Pipelined behind a delayed one.
    with e.connect() as connection:
        connection.send(encode_request() + encode_request(headers={"X-API-Key": key}))
        assert [connection.read_response().status for _ in range(2)] == [401, 403]


# --- answers that aren't refusals ---------------------------------------------------------------------------------------


def test_allowed_answers_to_a_key_from_elsewhere_are_private(edge, store, backend):
    key = store.key(verifier="sha256")["key"]
    backend.on("/public", headers={"Cache-Control": "public, max-age=60"})
    e = simple(
        edge,
        """
        location / { proxy_pass @BACKEND@; }
        location = /expires { expires 1h; proxy_pass @BACKEND@; }
        location = /anonymous { keyward_accept key anonymous; proxy_pass @BACKEND@; }
    """,
    )
    assert e.get(headers={"X-API-Key": key}).all("Cache-Control") == ["private"]
    assert e.get(headers={"Authorization": f"Bearer {key}"}).all("Cache-Control") == []
    assert e.get("/public", {"X-API-Key": key}).all("Cache-Control") == ["public, max-age=60"]
    assert e.get("/anonymous").all("Cache-Control") == []
    assert len(e.get("/expires", {"X-API-Key": key}).all("Cache-Control")) == 1


def test_a_refusal_for_a_scope_shows_the_limit_and_takes_nothing_of_it(edge, store):
    # Every answer of a limited location to a known principal; a refused request isn't charged.
    key = {"X-API-Key": store.key(verifier="sha256", scope=["posts:read"])["key"]}
    e = simple(
        edge,
        """
        keyward_limit 5r/h name=n;
        location / { proxy_pass @BACKEND@; }
        location /w/ { keyward_scope posts:write; proxy_pass @BACKEND@; }
    """,
    )
    assert e.get("/", key).header("X-RateLimit-Remaining") == "4"
    for _ in range(3):
        response = e.get("/w/", key)
        assert (response.status, response.header("X-RateLimit-Limit")) == (403, "5")
        assert response.header("X-RateLimit-Remaining") == "4"
    assert e.get("/", key).header("X-RateLimit-Remaining") == "3"
    assert e.get("/").header("X-RateLimit-Remaining") is None, "nobody is known there"


def test_the_challenge_names_granted_and_needed_scopes(edge, store):
    key = {"X-API-Key": store.key(verifier="sha256", scope=["a:read", "b:*"])["key"]}
    none = {"X-API-Key": store.key(verifier="sha256", scope=["z:z"])["key"]}
    e = simple(
        edge,
        """
        location / { keyward_scope c:read d:read; proxy_pass @BACKEND@; }
        location /any/ { keyward_scope match=any c:read d:read; proxy_pass @BACKEND@; }
        location /two/ { keyward_scope a:read; keyward_scope methods=GET c:read; proxy_pass @BACKEND@; }
        location /var/ { keyward_scope "t:$arg_t"; proxy_pass @BACKEND@; }
    """,
    )

    def scopes(response):
        assert response.status == 403
        found = re.search(r'scope="([^"]*)"', response.header("WWW-Authenticate"))
        return set(found[1].split()) if found else set()

    assert scopes(e.get("/", key)) == {"a:read", "b:*", "c:read", "d:read"}
    assert scopes(e.get("/", none)) == {"z:z", "c:read", "d:read"}
    assert scopes(e.get("/any/", key)) >= {"a:read", "b:*", "c:read"}
    assert scopes(e.get("/two/", key)) == {"a:read", "b:*", "c:read"}
    assert scopes(e.get("/var/?t=x", key)) == {"a:read", "b:*", "t:x"}
    assert e.get("/", key).json()["required_scope"] == "c:read d:read"
    # What a client puts into a variable never breaks out of the field.
    for bad in ("%22", "x%22,%20error=%22y", "%0d%0aX-Evil:1", "a%20b", "", "*"):
        response = e.get(f"/var/?t={bad}", key)
        assert response.status == 403
        assert response.header("X-Evil") is None
        assert response.header("WWW-Authenticate").count('"') % 2 == 0
