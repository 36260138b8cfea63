"""Nothing of a request that was refused goes anywhere while its refusal is answered, wherever error_page has the
answer come from."""

import pytest
from harness.client import Closed

BODY = "body-of-a-refused-request"
BASIC = {"Authorization": "Basic dTpw"}

# The page for a refusal, in every place that it may come from.
PAGES = {
    "guarded": "error_page 401 403 /err.html; location = /err.html { root @PAGES@; }",
    "guarded, another status": "error_page 401 403 =200 /err.html; location = /err.html { root @PAGES@; }",
    "guarded, through a redirect": "error_page 401 403 /err.html; location = /err.html { rewrite ^ /err2.html last; } location = /err2.html { root @PAGES@; }",
    "guarded, in a server of files": "root @PAGES@; error_page 401 403 /err.html;",
    "guarded, under a name": "error_page 401 403 @err; location @err { root @PAGES@; rewrite ^ /err.html break; }",
    "guarded, returned": "error_page 401 403 /err; location = /err { return 200 page; }",
    "guarded, admitted by others": "error_page 401 403 /err.html; location = /err.html { satisfy any; allow all; root @PAGES@; }",
    "guarded, proxied": "error_page 401 403 @err; location @err { proxy_pass @BACKEND@; }",
    "off": "error_page 401 403 /err.html; location = /err.html { keyward off; root @PAGES@; }",
    "off, under a name": "error_page 401 403 @err; location @err { keyward off; root @PAGES@; rewrite ^ /err.html break; }",
    "off, under a name, the method kept": "error_page 401 403 = @err; location @err { keyward off; root @PAGES@; }",
    "off, through a redirect": "error_page 401 403 /err.html; location = /err.html { keyward off; rewrite ^ /err2.html last; } location = /err2.html { keyward off; root @PAGES@; }",
    "off, missing": "error_page 401 403 /none.html; error_page 404 /err.html; recursive_error_pages on; location = /none.html { keyward off; root @PAGES@; } location = /err.html { keyward off; root @PAGES@; }",
    "off, with a post_action": "error_page 401 403 /err.html; location = /err.html { keyward off; root @PAGES@; post_action /after; } location = /after { keyward off; root @PAGES@; }",
    "shadow": "error_page 401 403 /err.html; location = /err.html { keyward shadow; root @PAGES@; }",
}
# Where keyward is off a page may be drawn by a backend: that one gets the request, and nobody else does.
DRAWN = {
    "off, drawn": "error_page 401 403 = @err; location @err { keyward off; proxy_pass @BACKEND@; }",
    "off, drawn, by a URI": "error_page 401 403 = /page; location = /page { keyward off; proxy_pass @BACKEND@; }",
    "off, drawn after X-Accel-Redirect": "error_page 401 403 = /accel; location = /accel { keyward off; proxy_pass @BACKEND@; } location = /page { keyward off; proxy_pass @BACKEND@; }",
}


@pytest.fixture
def pages(folder):
    files = folder / "pages"
    files.mkdir()
    for name in ("err.html", "err2.html"):
        (files / name).write_text("page")
    (files / "secret.txt").write_text("SECRET")
    (folder / "users").write_text("u:{PLAIN}p\n")
    return files


def send_refused(e, key):
    """Each of them is refused; what is sent with it would show wherever it came to."""
    narrow = {"X-API-Key": key}
    for method, headers in (
        ("POST", {"X-API-Key": "kw_bad"}),
        ("POST", {}),
        ("POST", narrow),
        ("PUT", narrow),
        ("GET", narrow),
        ("DELETE", {}),
    ):
        body = BODY if method in ("POST", "PUT") else None
        for version in ("1.1", "1.0"):
            try:
                response = e.request(method, "/secret.txt", {**headers, "X-Canary": "sent"}, body, version=version)
                assert "SECRET" not in response.text
            except Closed:
                pass
        with e.h2() as connection:
            assert (
                "SECRET"
                not in connection.request(method, "/secret.txt", {**headers, "X-Canary": "sent"}, body=body).text
            )


@pytest.mark.parametrize("name", [*PAGES, *DRAWN])
def test_report_S8(edge, store, backend, pages, name):
    """A server's own mirror had what was refused at /: body and credential."""
    backend.on("/accel", headers={"X-Accel-Redirect": "/page"})
    e = edge(
        server=f"""
        keyward on; keyward_scope admin:x;
        mirror /m;
        {(PAGES | DRAWN)[name]}
        location / {{ root @PAGES@; }}
        location = /m {{ internal; keyward off; proxy_pass @BACKEND@/mirrored; }}
        """,
        PAGES=pages,
    )
    e.allow_log("internal redirection cycle")
    send_refused(e, store.key(verifier="sha256", scope=["a"])["key"])
    e.stop()  # whatever runs after the answer has run
    assert backend.count("/mirrored") == 0
    if name in PAGES:
        assert backend.requests == []
    else:
        assert backend.count() > 0


def test_report_S8_what_is_admitted_is_mirrored(edge, store, backend, pages):
    """By keyward, by another module of satisfy any, and by the location that a refusal's page leads on to."""
    backend.on("/accel", headers={"X-Accel-Redirect": "/open/x"})
    e = edge(
        server="""
        keyward on; keyward_scope admin:x;
        mirror /m;
        location / { proxy_pass @BACKEND@; }
        location /any/ { satisfy any; auth_basic r; auth_basic_user_file @PAGES@/../users; proxy_pass @BACKEND@; }
        location /allow/ { satisfy any; allow all; proxy_pass @BACKEND@; }
        location /page/ { error_page 401 = @page; proxy_pass @BACKEND@; }
        location @page { keyward off; rewrite ^ /accel break; proxy_pass @BACKEND@; }
        location /open/ { keyward_scope none; keyward_accept key anonymous; proxy_pass @BACKEND@; }
        location /off/ { keyward off; proxy_pass @BACKEND@; }
        location /shadow/ { keyward shadow; proxy_pass @BACKEND@; }
        location = /m { internal; keyward off; proxy_pass @BACKEND@/mirrored; }
        """,
        PAGES=pages,
    )
    key = {"X-API-Key": store.key(verifier="sha256", scope=["admin:x"])["key"]}
    narrow = {"X-API-Key": store.key(verifier="sha256", scope=["a"])["key"]}
    for path, headers in (
        ("/", key),
        ("/any/", {**narrow, **BASIC}),
        ("/any/", BASIC),
        ("/allow/", narrow),
        ("/page/x", {}),
        ("/off/", narrow),
        ("/shadow/", narrow),
    ):
        backend.clear()
        assert e.request("POST", path, headers, BODY).status == 200
        backend.wait_requests(1, "/mirrored")


@pytest.mark.parametrize(
    "tries", ["try_files $uri =404;", "try_files /err.html =404;", "try_files /none $uri;", "try_files $uri @other;"]
)
@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize("named", ["@page", "/page"])
def test_report_S8_an_error_page_tries_no_files(edge, store, pages, mode, named, tries):
    """try_files is of mirror's phase. Without it a named location would show the very file that was refused."""
    e = edge(
        server=f"""
        keyward on; keyward_scope admin:x;
        root @PAGES@;
        error_page 401 403 = {named};
        location {named} {{ keyward {mode}; {tries} }}
        location @other {{ keyward off; }}
        """,
        PAGES=pages,
    )
    send_refused(e, store.key(verifier="sha256", scope=["a"])["key"])
    if named == "@page":
        response = e.get("/secret.txt")
        assert (response.status, response.json()["code"]) == (
            401,
            "unauthorized",
        ), "ours, as nothing of the page's can be shown"
        assert response.header("WWW-Authenticate").startswith("Bearer")


def test_report_S8_try_files_works_for_whoever_is_admitted(edge, store, backend, pages):
    e = edge(
        server="""
        keyward on; keyward_scope admin:x; root @PAGES@;
        location / { try_files $uri @named; }
        location @named { keyward off; proxy_pass @BACKEND@; }
        location /any/ { satisfy any; auth_basic r; auth_basic_user_file @PAGES@/../users; try_files /secret.txt =404; }
        """,
        PAGES=pages,
    )
    key = {"X-API-Key": store.key(verifier="sha256", scope=["admin:x"])["key"]}
    assert e.get("/secret.txt", key).text == "SECRET"
    assert e.get("/none", key).json()["target"] == "/none"
    assert e.get("/any/x", BASIC).text == "SECRET"
    assert e.get("/any/x").status == 401
