"""Ways past the guard that were found once. Each test tells its story."""

import os

import pytest

KEY = "X-API-Key"


@pytest.mark.parametrize("page", ["error_page 401 403 @page;", "error_page 401 403 = @page;"])
@pytest.mark.parametrize("content", ["", "try_files $uri /index.html;", "autoindex on;"])
def test_a_named_error_page_shows_no_guarded_file(edge, store, folder, page, content):
    """A named location keeps the refused URI: nginx's static handlers served, as the "error page", the very file that was refused."""
    root = folder / "root"
    (root / "list").mkdir(parents=True)
    for name in ("secret.txt", "list/secret.txt"):
        (root / name).write_text("SECRET")
    e = edge(
        server=f"""
        root {root}; keyward on; {page}
        location / {{ keyward_scope a; }}
        location @page {{ {content} }}
    """
    )
    for headers in ({}, {KEY: store.key(verifier="sha256", scope="b")["key"]}, {KEY: "bad"}):
        for path in ("/secret.txt", "/list/", "/list/secret.txt"):
            response = e.get(path, headers)
            assert response.status in (401, 403)
            assert "SECRET" not in response.text and "secret.txt" not in response.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "MKCOL", "COPY"])
def test_a_named_error_page_changes_no_guarded_file(edge, build, folder, method):
    """The same with WebDAV: a named location keeps the method, too."""
    root = folder / "root"
    root.mkdir()
    (root / "file.txt").write_text("old")
    for path in (root, root / "file.txt"):
        path.chmod(0o777)
    e = edge(
        server=f"""
        root {root}; keyward on; dav_methods PUT DELETE MKCOL COPY MOVE; error_page 401 = @page;
        location / {{ }}
        location @page {{ add_header X-Page 1 always; rewrite ^/r(/.*) $1 break; }}
    """
    )
    target = {"MKCOL": "/new/"}.get(method, "/file.txt")
    for path in (target, "/r" + target):
        headers = {"Destination": f"http://127.0.0.1:{e.port}/copy.txt"} if method == "COPY" else {}
        assert e.request(method, path, headers, body="new" if method == "PUT" else None).status == 401
    assert os.listdir(root) == ["file.txt"] and (root / "file.txt").read_text() == "old"


PAGES_OF_SUBREQUESTS = {
    "files": "error_page 403 = @page; location @page { }",
    "guarded files": "error_page 403 = @page; location @page { keyward on; }",
    "tried files": "error_page 403 = @page; location @page { try_files $uri =404; }",
    "guarded, tried files": "error_page 403 = @page; location @page { keyward on; try_files $uri =404; }",
    "the same URI": "error_page 403 $uri;",
    "another status": "error_page 403 =200 @page; location @page { autoindex on; }",
    "off": "error_page 403 = @page; location @page { keyward off; }",
    "a backend": "error_page 403 = @page; location @page { proxy_pass @BACKEND@; }",
    "a guarded backend": "error_page 403 = @page; location @page { keyward on; proxy_pass @BACKEND@; }",
    "a backend, off": "error_page 403 = /page; location = /page { keyward off; proxy_pass @BACKEND@; }",
}


@pytest.mark.parametrize("page", PAGES_OF_SUBREQUESTS)
@pytest.mark.parametrize("outer", ["keyward off;", "satisfy any; allow all; keyward on;", "keyward shadow;"])
def test_a_refused_subrequest_shows_no_guarded_file(edge, backend, folder, page, outer):
    """Its 403 went to an error_page, where the phases that say no to a refused main request don't look at subrequests."""
    root = folder / "root"
    for path, text in (("main/page", 'I[<!--#include virtual="/guarded/secret" -->]'), ("guarded/secret", "SECRET")):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    error_page, _, location = PAGES_OF_SUBREQUESTS[page].partition(";")
    e = edge(
        server=f"""
        root {root}; ssi_types *;
        location /main/ {{ {outer} ssi on; }}
        location /guarded/ {{ keyward on; recursive_error_pages on; {error_page}; }}
        {location}
    """
    )
    response = e.get("/main/page")
    assert response.status == 200 and "I[" in response.text and "SECRET" not in response.text
    assert backend.requests == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_refused_subrequest_changes_no_guarded_file(edge, backend, folder, method):
    root = folder / "root"
    (root / "guarded").mkdir(parents=True)
    (root / "guarded/x").write_text("old")
    for path in (root, root / "guarded", root / "guarded/x"):
        path.chmod(0o777)
    e = edge(
        server=f"""
        root {root};
        location / {{ mirror /mirror; proxy_pass @BACKEND@; }}
        location = /mirror {{ internal; rewrite ^ /guarded/x last; }}
        location /guarded/ {{ keyward on; dav_methods PUT DELETE; error_page 403 = @page; }}
        location @page {{ dav_methods PUT DELETE; }}
    """
    )
    assert e.request(method, "/x", body="new" if method == "PUT" else None).status == 200
    e.stop()  # whatever runs after the answer has run
    assert (root / "guarded/x").read_text() == "old"


@pytest.mark.parametrize("page", ["/denied.html", "= /denied.html", "=200 /denied.html", "=204 @none"])
def test_a_refused_auth_request_is_no_yes(edge, store, backend, folder, page):
    """The error page's own status was taken for the subrequest's answer."""
    (folder / "denied.html").write_text("denied")
    e = edge(
        server=f"""
        root {folder};
        location / {{ auth_request /verify; proxy_pass @BACKEND@; }}
        location = /verify {{ internal; keyward on; error_page 401 403 {page}; try_files /none =204; }}
        location = /denied.html {{ }}
        location @none {{ return 204; }}
    """
    )
    assert e.get("/x").status in (401, 403)
    assert e.get("/x", {KEY: store.key(verifier="sha256")["key"]}).status in (401, 403)
    assert backend.requests == []


@pytest.mark.parametrize("mode", ["off", "on"])
def test_identity_is_protected_where_nginx_skips_post_read(edge, store, backend, mode):
    """nginx's own 400 about a bad Host comes before post-read; its error_page brought what the client sent to the backend."""
    e = edge(
        server=f"""
        error_page 400 = @app;
        location / {{ keyward on; proxy_pass @BACKEND@; }}
        location @app {{ keyward {mode}; proxy_pass @BACKEND@; }}
    """
    )
    key = store.key(verifier="sha256", subject="me")["key"]
    with e.connect() as connection:
        connection.send(f"GET / HTTP/1.1\r\nX-Keyward-Subject: admin\r\n{KEY}: {key}\r\nHost: ba/d\r\n\r\n".encode())
        connection.read_response()
    for request in backend.requests:
        subjects = [value for name, value in request.headers if name.lower() == "x-keyward-subject"]
        assert subjects == (["me"] if mode == "on" else [])


def test_a_credential_of_a_later_location_is_removed_too(edge, store, backend):
    """After a location that nobody had to be known in, the next one's credential stayed in the request."""
    backend.on("/first", headers={"X-Accel-Redirect": "/second"})
    e = edge(
        server="""
        location = /first { keyward on; keyward_accept anonymous; keyward_credential bearer; proxy_pass @BACKEND@; }
        location = /second { internal; keyward on; keyward_credential header=X-API-Key; proxy_pass @BACKEND@; }
    """
    )
    key = store.key(verifier="sha256")
    assert e.get("/first", {KEY: key["key"]}).status == 200
    assert backend.last.target == "/second"
    assert backend.last.header(KEY) is None
    assert backend.last.header("X-Keyward-Key-Id") == key["id"]


def test_a_window_is_paid_by_whom_it_is_of(edge, store, backend):
    """One inherited limit counted a redirected request for its address, and took the key's window for paid."""
    backend.on("/first", headers={"X-Accel-Redirect": "/second"})
    e = edge(
        server="""
        keyward on; keyward_limit 2r/h;
        location = /first { keyward_accept anonymous; keyward_credential bearer; keyward_limit 9r/h name=x; proxy_pass @BACKEND@; }
        location = /second { internal; keyward_credential header=X-API-Key; keyward_limit 2r/h name=x; proxy_pass @BACKEND@; }
    """
    )
    key = store.key(verifier="sha256")["key"]
    assert [e.get("/first", {KEY: key}).status for _ in range(4)] == [200, 200, 429, 429]


def test_shadow_leaves_nobody_elses_identity(edge, store, backend):
    backend.on("/first", headers={"X-Accel-Redirect": "/second"})
    e = edge(
        server="""
        location = /first { keyward on; proxy_pass @BACKEND@; }
        location = /second { internal; keyward shadow; keyward_scope a; proxy_pass @BACKEND@; }
    """
    )
    assert e.get("/first", {KEY: store.key(verifier="sha256", scope="b", subject="me")["key"]}).status == 200
    assert backend.last.target == "/second"
    assert backend.last.header("X-Keyward-Subject") is None


@pytest.mark.parametrize("environment", ["credentials", "usage"])
@pytest.mark.parametrize("there", [True, False])
def test_root_follows_no_link_that_the_owner_put_there(build, store, kw, folder, environment, there):
    """LMDB opens lock.mdb by name and writes to it: whoever owned the store could have root write to any file."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    key = store.key(verifier="sha256")
    target = folder / "roots-own"
    if there:
        target.write_text("precious")
        target.chmod(0o600)
    lock = store.path / environment / "lock.mdb"
    lock.unlink(missing_ok=True)
    lock.symlink_to(target)
    for arguments in (["key", "list"], ["key", "show", key["id"]], ["store", "stats"], ["key", "revoke", key["id"]]):
        kw.run(*arguments)
    assert target.read_text() == "precious" if there else not target.exists()


def test_a_damaged_name_does_not_unblock(store, kw, edge):
    """A flipped bit in a key of the tree makes a record absent, and an absent subject isn't blocked, an absent default plan not narrow."""
    kw("subject", "set", "subject-of-ours", "--state", "blocked")
    kw("plan", "set", "narrow", "--scope", "a", "--default")
    keys = [store.key(verifier="sha256", **more)["key"] for more in ({"subject": "subject-of-ours"}, {})]
    path = store.path / "credentials" / "data.mdb"
    data = path.read_bytes()
    places = [at for name in (b"subject-of-ours", b"default_plan") for at in find_all(data, name, len(name) - 1)]
    assert places
    e = edge(server="keyward on; keyward_scope b; location / { empty_gif; }")
    assert [e.get("/", {KEY: key}).status for key in keys] == [403, 403]
    e.stop()
    for at in places:
        damaged = bytearray(data)
        damaged[at] ^= 4
        path.write_bytes(damaged)
        e.start()
        for key in keys:
            assert e.get("/", {KEY: key}).status in (403, 503)
        e.stop()
    path.write_bytes(data)


def find_all(data, name, offset):
    at = data.find(name)
    while at != -1:
        yield at + offset
        at = data.find(name, at + 1)
