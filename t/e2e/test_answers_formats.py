"""JSON-RPC and gRPC: final answers, whatever nginx would make of a refusal otherwise; and formats that a variable chooses."""

import gzip

import pytest
from harness.client import encode_request
from harness.site import Site

JSON_RPC = {
    "missing_credential": (401, -32001, "missing credentials"),
    "invalid_key": (401, -32001, "invalid or inactive API key"),
    "insufficient_scope": (403, 403, "insufficient scope"),
    "rate_limited": (429, 429, "rate limit exceeded"),
    "invalid_request": (400, -32600, "conflicting or malformed credentials"),
}
GRPC = {
    "missing_credential": ("16", "missing credentials"),
    "invalid_key": ("16", "invalid or inactive API key"),
    "insufficient_scope": ("7", "insufficient scope"),
    "rate_limited": ("8", "rate limit exceeded"),
    "invalid_request": ("3", "conflicting or malformed credentials"),
}
RULE_OF = {"insufficient_scope": "scoped", "rate_limited": "limited"}
PLACES = {
    "plain": "",
    "scoped": "keyward_scope posts:write;",
    "limited": "keyward_limit 1r/h;",
}
# What must not take the place of a final answer, nor change it.
AROUND = {
    "bare": "",
    "page": "error_page 400 401 403 429 /page.html; error_page 503 =200 @named;",
    "intercept": "proxy_intercept_errors on; error_page 400 401 403 429 =404 @named;",
    "filters": """
        expires 1h; etag on; if_modified_since before; gzip on; gzip_types *; gzip_min_length 1;
        sub_filter upstream server; sub_filter_types *; sub_filter_once off; ssi on; ssi_types *;
        add_before_body /x; addition_types *;
        add_header X-Only-Good yes; add_header X-Reason $keyward_reason always;
    """,
}


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        good = site.store.key(verifier="sha256", scope=["posts:read"])["key"]
        site.headers = {
            "": {"Authorization": f"Bearer {good}"},
            "missing_credential": {},
            "invalid_key": {"Authorization": "Bearer kw_wrong"},
            "invalid_request": {"Authorization": f"Bearer {good}", "X-API-Key": "another"},
        }
        site.page("page.html", "the page")
        blocks = []
        for form in ("jsonrpc", "mcp", "grpc", "auto"):
            for around, lines in AROUND.items():
                for place, rules in PLACES.items():
                    blocks.append(
                        f"location /{form}/{around}/{place}/ {{ keyward on; keyward_errors {form}; {rules} {lines} "
                        "proxy_pass @BACKEND@; }"
                    )
        blocks.append("location = /page.html { root @HTML@; } location @named { return 418 named; }")
        blocks.append("location = /x { return 200 x; }")
        site.start(server="add_header X-Reason $keyward_reason always;\n" + "\n".join(blocks))
        yield site


def ask(site, form, around, reason, protocol="HTTP/1.1", method="POST", headers=(), body=b"{}"):
    path = f"/{form}/{around}/{RULE_OF.get(reason, 'plain')}/m"
    sent = {**site.headers.get(reason, site.headers[""]), **dict(headers)}
    connection = site.edge.h2() if protocol == "HTTP/2" else site.edge.connect()
    with connection:
        if reason == "rate_limited":
            connection.request(method, path, sent, body)
        site.backend.clear()
        response = connection.request(method, path, sent, body)
        assert site.backend.requests == []
        if protocol == "HTTP/2" or reason != "invalid_request":  # nginx closes an HTTP/1 connection after a 400
            assert connection.request("GET", "/jsonrpc/bare/plain/m", site.headers[""]).status == 200, "it goes on"
    return response


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("reason", JSON_RPC)
def test_json_rpc(site, reason, around, protocol):
    status, code, message = JSON_RPC[reason]
    response = ask(site, "jsonrpc", around, reason, protocol)
    assert response.status == status
    assert response.header("X-Reason") == reason
    assert response.header("Content-Type") == "application/json"
    if around != "filters":  # some of these can't say how long it gets
        assert response.header("Content-Length") == str(len(response.body))
    assert response.header("Cache-Control") == "no-store"
    assert response.header("X-Only-Good") is None
    assert response.json() == {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    assert (response.header("WWW-Authenticate") is None) == (status not in (401, 403))
    assert (response.header("Retry-After") is None) == (status != 429)


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("reason", GRPC)
def test_grpc(site, reason, around, protocol):
    for form, sent, echoed in (
        ("grpc", None, "application/grpc"),
        ("grpc", "application/grpc+proto", "application/grpc+proto"),
        ("auto", "application/grpc+json; charset=utf-8", "application/grpc+json"),
        ("auto", "application/grpc-web-text", "application/grpc-web-text"),
    ):
        response = ask(site, form, around, reason, protocol, headers={"Content-Type": sent} if sent else {})
        assert response.status == 200
        assert response.body == b""
        assert response.header("Content-Type") == echoed
        assert (response.header("grpc-status"), response.header("grpc-message")) == GRPC[reason]
        assert response.header("X-Reason") == reason
        assert response.all("Cache-Control") == ["no-store"], "it is no backend's answer"
        for name in ("WWW-Authenticate", "Expires", "ETag", "Last-Modified", "X-Only-Good", "Content-Encoding"):
            assert response.header(name) is None
        assert response.header("Content-Length") == ("0" if protocol == "HTTP/1.1" else None)


def test_auto_without_a_grpc_type_is_json(site):
    for sent in ("application/grpcish", "application/json", "text/plain"):
        response = ask(site, "auto", "bare", "missing_credential", headers={"Content-Type": sent})
        assert response.json() == {"error": "missing credentials", "code": "unauthorized"}


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("form", ["jsonrpc", "grpc"])
def test_a_head_has_no_body(site, form, protocol):
    response = ask(site, form, "bare", "invalid_key", protocol, method="HEAD", body=None)
    assert response.body == b""
    assert response.status == (401 if form == "jsonrpc" else 200)
    assert response.header("Cache-Control") == "no-store"


def test_conditions_are_not_for_final_answers(site):
    # A 200 that nginx took for a page would be compared with what the client says it has.
    for headers in (
        {"If-Modified-Since": "Thu, 01 Jan 2037 00:00:00 GMT"},
        {"If-None-Match": "*"},
        {"If-Match": '"x"'},
        {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"Range": "bytes=0-1"},
    ):
        response = ask(site, "grpc", "filters", "invalid_key", headers=headers)
        assert (response.status, response.header("grpc-status")) == (200, "16")
        assert ask(site, "jsonrpc", "filters", "invalid_key", headers=headers).status == 401


def test_the_log_has_what_the_client_saw(edge):
    e = edge(
        http="log_format seen '$status $keyward_reason';",
        server="""
            access_log @PREFIX@/seen.log seen;
            keyward on;
            location /grpc { keyward_errors grpc; proxy_pass @BACKEND@; }
            location /rpc { keyward_errors jsonrpc; proxy_pass @BACKEND@; }
        """,
    )
    assert e.get("/grpc").status == 200
    assert e.get("/rpc").status == 401
    e.close()
    lines = (e.prefix / "seen.log").read_text().splitlines()
    assert lines == ["200 missing_credential", "401 missing_credential"]


# --- satisfy any, shadow, a refused backend's own answers ----------------------------------------------------------------


@pytest.fixture
def satisfying(edge, store, folder):
    (folder / "passwords").write_text("ann:{PLAIN}secret\n")
    (folder / "passwords").chmod(0o644)
    key = store.key(verifier="sha256")["key"]
    e = edge(
        server="""
            satisfy any;
            keyward on;
            auth_basic closed;
            auth_basic_user_file @PASSWORDS@;
            error_page 401 403 404 =404 /page;
            location = /page { satisfy all; keyward off; auth_basic off; return 200 "the page"; }
            location /rpc/ { keyward_errors jsonrpc; proxy_pass @BACKEND@; proxy_intercept_errors on; }
            location /grpc/ { keyward_errors grpc; proxy_pass @BACKEND@; }
            location /forbidden/ { keyward_errors jsonrpc; keyward_accept token; proxy_pass @BACKEND@; }
        """,
        PASSWORDS=folder / "passwords",
    )
    e.key = {"X-API-Key": key}
    return e


BASIC = {"Authorization": "Basic YW5uOnNlY3JldA=="}


def test_a_final_answer_under_satisfy_any(satisfying, backend):
    e = satisfying
    for path in ("/rpc/", "/grpc/"):
        assert e.get(path, BASIC).status == 200, "another module admits it"
        assert e.get(path, e.key).status == 200
    response = e.get("/rpc/")
    assert (response.status, response.json()["error"]["code"]) == (401, -32001)
    assert [value.split(" ")[0] for value in response.all("WWW-Authenticate")] == ["Bearer", "Basic"]
    response = e.get("/grpc/")
    assert (response.status, response.header("grpc-status")) == (200, "16")
    # Refused by both, and nginx answers with the other one's status.
    response = e.get("/forbidden/", e.key)
    assert (response.status, response.json()["error"]) == (401, {"code": 403, "message": "access denied"})


def test_whom_another_module_admitted_sees_its_error_pages(satisfying, backend):
    backend.on("/rpc/gone", status=404)
    response = satisfying.get("/rpc/gone", BASIC)
    assert (response.status, response.text) == (404, "the page")


def test_shadow_answers_nothing(edge, backend):
    e = edge(
        server="""
            location /grpc/ { keyward shadow; keyward_errors grpc; proxy_pass @BACKEND@; }
            location /rpc/ { keyward shadow; keyward_errors jsonrpc; proxy_pass @BACKEND@; }
        """
    )
    for path in ("/grpc/", "/rpc/"):
        response = e.get(path)
        assert response.status == 200 and response.json()["method"] == "GET"
        assert response.header("grpc-status") is None


def test_a_redirect_into_a_final_refusal(edge):
    # X-Accel-Redirect and try_files come with a status and fields of their own.
    e = edge(
        server="""
            location /outer { keyward off; try_files /none /inner; }
            location /inner { internal; keyward on; keyward_errors jsonrpc; error_page 401 /page; proxy_pass @BACKEND@; }
            location = /page { return 200 page; }
        """
    )
    response = e.get("/outer")
    assert (response.status, response.json()["error"]["code"]) == (401, -32001)


def test_a_body_that_is_still_coming(edge):
    e = edge(location="keyward on; keyward_errors grpc;")
    with e.h2() as connection:
        stream = connection.start("POST", "/", {"content-type": "application/grpc", "te": "trailers"}, b"x", end=False)
        response = connection.finish(stream)
        assert (response.status, response.header("grpc-status")) == (200, "16")
        assert connection.request("POST", "/", {"content-type": "application/grpc"}, b"").status == 200
    with e.connect() as connection:
        connection.send(encode_request("POST", "/", {"Content-Type": "application/grpc"}, b"x" * 100))
        assert connection.read_response().header("grpc-status") == "16"


# --- a variable -------------------------------------------------------------------------------------------------------


def test_a_variable_chooses_the_format(edge, store):
    e = edge(
        http="""
            map $http_x_form $form { default $http_x_form; none ""; }
            map $keyward_reason $by_reason { default off; missing_credential jsonrpc; invalid_key grpc; }
        """,
        server="""
            keyward on;
            location / { keyward_errors $form fields=error:message id=null; error_page 401 /page; proxy_pass @BACKEND@; }
            location = /page { return 200 page; }
            location /reason { keyward_errors $by_reason; proxy_pass @BACKEND@; }
        """,
    )
    types = {
        form: e.get("/", {"X-Form": form}).header("Content-Type")
        for form in ("jsonrpc", "mcp", "grpc", "json", "problem", "off", "auto", "none", "nonsense")
    }
    assert types.pop("jsonrpc") == types.pop("mcp") == "application/json"
    assert types.pop("grpc") == "application/grpc"
    assert set(types.values()) == {"text/plain"}, "for these the error page wins"
    assert e.get("/reason").json()["jsonrpc"] == "2.0"
    assert e.get("/reason", {"X-API-Key": "kw_x"}).header("grpc-status") == "16"


def test_an_unknown_format_of_a_variable_is_auto(edge):
    e = edge(location="keyward on; keyward_errors $arg_f fields=error:message;")
    for form in ("", "?f=", "?f=xml", "?f=auto", "?f=json"):
        assert e.get("/" + form).json() == {"message": "missing credentials"}
        problem = e.get("/" + form, {"Accept": "application/problem+json"}).header("Content-Type")
        assert problem == ("application/json" if form == "?f=json" else "application/problem+json")


# --- keyward_message ----------------------------------------------------------------------------------------------------


def test_messages_of_ones_own(edge):
    # What a client of an older MCP service knows.
    e = edge(
        server="""
            keyward on;
            keyward_message missing_credential "Missing Authorization header." rpc=-32001 status=401;
            keyward_message unauthorized "Invalid API key. 100%" rpc=7 status=403;
            location / { keyward_errors jsonrpc id=null; proxy_pass @BACKEND@; }
            location /grpc { keyward_errors grpc; proxy_pass @BACKEND@; }
        """
    )
    response = e.get("/")
    assert response.status == 401
    error = {"code": -32001, "message": "Missing Authorization header."}
    assert response.json() == {"jsonrpc": "2.0", "id": None, "error": error}
    response = e.get("/", {"X-API-Key": "kw_x"})
    assert (response.status, response.json()["error"]) == (403, {"code": 7, "message": "Invalid API key. 100%"})
    assert e.get("/grpc", {"X-API-Key": "kw_x"}).header("grpc-message") == "Invalid API key. 100%25"


def test_a_tool_result_that_gzip_compresses(edge, store):
    # nginx compresses a 403; the body stays what it is.
    key = store.key(verifier="sha256", scope=["a"])["key"]
    e = edge(
        server="gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;"
        "location / { keyward on; keyward_scope b; keyward_errors jsonrpc; proxy_pass @BACKEND@; }"
    )
    response = e.get("/", {"X-API-Key": key, "Accept-Encoding": "gzip"})
    assert response.header("Content-Encoding") == "gzip"
    assert b'"code":403' in gzip.decompress(response.body)
