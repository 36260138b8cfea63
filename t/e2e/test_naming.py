"""Whoever was not admitted is not named: not in identity fields, not in variables (but a key's id, for logs), not in
$remote_user."""

import pytest
from harness.client import encode_request
from harness.drive import cpu_seconds
from harness.site import Site
from harness.tokens import Issuers, Signer
from harness.wait import until

# What names somebody, and what may be told of anybody.
NAMES = ("subject", "plan", "scopes", "issuer", "claim_tenant", "remote_user")
OTHERS = ("decision", "reason", "kind", "key_id")
PLAIN = "|".join(f"$keyward_{name}" for name in OTHERS + NAMES[:-1]) + "|$remote_user|$http_x_keyward_subject"
VARIABLES = f"{PLAIN}|$who|$claimed"  # two maps over ours
BOB = {"Authorization": "Basic Ym9iOnA="}  # bob:p, in the password file
LIAR = {"Authorization": "Basic cm9vdDp4"}  # root:x, whom nobody looks at

LOCATIONS = """
    location /on/ { proxy_pass @BACKEND@; }
    location /off/ { keyward off; proxy_pass @BACKEND@; }

    # Others admit whom keyward has refused.
    location /any/scope/ { BASIC keyward_scope admin:x; proxy_pass @BACKEND@; }
    location /any/method/ { BASIC keyward_scope methods=DELETE a; proxy_pass @BACKEND@; }
    location /any/accept/ { BASIC keyward_accept methods=GET NOBODY; proxy_pass @BACKEND@; }
    location /any/by-map/ { BASIC keyward_scope admin:x; keyward_limit 100r/m by=$who; proxy_pass @BACKEND@; }
    location /any/scope-map/ { BASIC keyward_scope "x:$who$claimed"; proxy_pass @BACKEND@; }
    location /any/on/ { BASIC proxy_pass @BACKEND@; }
    location /any/auth/ { satisfy any; auth_request /asks; keyward_scope admin:x; proxy_pass @BACKEND@; }
    location = /asks { keyward off; internal; proxy_pass @BACKEND@; }

    # error_page takes the refusal on.
    location /page/named/ { keyward_scope admin:x; error_page 403 = @off; proxy_pass @BACKEND@; }
    location /page/uri/ { keyward_scope admin:x; error_page 403 = /off/page; proxy_pass @BACKEND@; }
    location /page/limit/ { keyward_limit 1r/d by=address name=used; error_page 429 = @off; proxy_pass @BACKEND@; }
    location /page/basic/ { keyward_scope admin:x; error_page 403 = @basic; proxy_pass @BACKEND@; }
    location /page/ssi/ { keyward_scope admin:x; error_page 403 = /ssi.html; proxy_pass @BACKEND@; }
    location = /ssi.html { keyward off; root @HTML@; ssi on; }
    location /page/static/ { keyward_scope admin:x; error_page 403 /static.html; proxy_pass @BACKEND@; }
    location = /static.html { root @HTML@; }
    location @off { keyward off; proxy_pass @BACKEND@; }
    location @basic { keyward off; auth_basic r; auth_basic_user_file @HTML@/users; proxy_pass @BACKEND@; }

    location /shadow/scope/ { keyward shadow; keyward_scope admin:x; proxy_pass @BACKEND@; }
    location /shadow/limit/ { keyward shadow; keyward_limit 1r/d by=address name=used; proxy_pass @BACKEND@; }
    location /shadow/mirror/ { keyward shadow; keyward_scope admin:x; mirror /off/mirrored; proxy_pass @BACKEND@; }
    location /shadow/auth/ { keyward shadow; keyward_scope admin:x; auth_request /asks; proxy_pass @BACKEND@; }
    location /shadow/on/ { keyward shadow; proxy_pass @BACKEND@; }
    location /any/mirror/ { BASIC keyward_scope admin:x; mirror /off/mirrored; proxy_pass @BACKEND@; }
    location /any/ssi/ { BASIC keyward_scope admin:x; ssi on; root @HTML@; try_files /ssi.html =404; }

    # From where somebody was admitted to where nobody was, or nobody decides.
    location /to/accel/ { proxy_set_header X-Seen "PLAIN"; proxy_pass @BACKEND@/accel/; }
    location /to/try/ { root @HTML@; try_files /none @off; }
    location /to/index/ { alias @HTML@/empty/; index none.html /off/index; }
    location /to/error/ { proxy_set_header X-Seen "PLAIN"; proxy_intercept_errors on; error_page 404 = @off; rewrite ^ /404 break; proxy_pass @BACKEND@; }
    location /to/denied/ { auth_request /denies; error_page 403 = @off; proxy_pass @BACKEND@; }
    location = /denies { keyward off; internal; log_subrequest off; return 403; }
    location /allow/ { satisfy any; allow all; proxy_pass @BACKEND@; }

    location /refused/ { keyward_scope admin:x; proxy_pass @BACKEND@; }
    location /refused-limit/ { keyward_limit 1r/d by=address name=used; proxy_pass @BACKEND@; }
    location /denied/ { deny all; proxy_pass @BACKEND@; }
    location /post/ { add_header X-Seen "PLAIN"; proxy_set_header X-Seen "PLAIN"; post_action /off/post; proxy_pass @BACKEND@; }
    location /post-refused/ { keyward_scope admin:x; post_action /off/post-refused; proxy_pass @BACKEND@; }
    location = /mirror-of-on { mirror /off/mirror-of-on; proxy_pass @BACKEND@; }
    location = /asked-of-on { auth_request /asks; proxy_pass @BACKEND@; }
""".replace(
    "BASIC", "satisfy any; auth_basic r; auth_basic_user_file @HTML@/users;"
)


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        signer = Signer("EdDSA")
        block = Issuers(site.folder).block("auth", signer, "plan pro;")
        other = Issuers(site.folder / "html").block("other", Signer("EdDSA"))
        site.store.kw("plan", "set", "pro")
        site.key = site.store.key(verifier="sha256", subject="alice", plan="pro", scope=["a"])
        site.credentials = {
            "key": ({"X-API-Key": site.key["key"]}, {"key_id": site.key["id"], "kind": "key"}),
            "token": ({"X-Token": signer.token(sub="alice", scope="a", tenant="acme")}, {"kind": "token"}),
        }
        site.names = {
            "key": {
                "subject": "alice",
                "plan": "pro",
                "scopes": "a",
                "remote_user": "alice",
                "http": "alice",
                "who": "mapped-alice",
            },
            "token": {
                "subject": "alice",
                "plan": "pro",
                "scopes": "a",
                "remote_user": "alice",
                "http": "alice",
                "who": "mapped-alice",
                "issuer": "auth",
                "claim_tenant": "acme",
                "claimed": "mapped-acme",
            },
        }
        site.page("users", "bob:{PLAIN}p\n")
        site.page("ssi.html", 'page <!--#include virtual="/off/included" -->')
        site.page("static.html", "page")
        (site.folder / "html/empty").mkdir()
        site.backend.on("/404", 404)
        for target in TARGETS:
            site.backend.on(f"/accel{target}", headers={"X-Accel-Redirect": target})
        site.start(
            http=f"""
            {block} {other}
            keyward_plan pro;
            map $keyward_subject $who {{ "" ""; default mapped-$keyward_subject; }}
            map $keyward_claim_tenant $claimed {{ "" ""; default mapped-$keyward_claim_tenant; }}
            log_format names '$request_uri {VARIABLES}';
            """,
            server=f"""
            keyward on;
            keyward_credential header=X-API-Key header=X-Token;
            access_log @PREFIX@/names.log names;
            log_subrequest on;
            add_header X-Seen "{VARIABLES}" always;
            proxy_set_header X-Seen "{VARIABLES}";
            {LOCATIONS.replace("NOBODY", "other").replace("PLAIN", PLAIN)}
            """,
        )
        # "used" is: its one request of the day was this.
        assert site.edge.get("/page/limit/", site.credentials["key"][0]).status == 200
        yield site


TARGETS = (
    "/off/x",
    "/allow/x",
    "/refused/x",
    "/any/scope/x",
    "/shadow/scope/x",
    "/shadow/limit/x",
    "/page/named/x",
    "/on/x",
)


def read(text):
    """The variables that aren't empty; the log writes "-" for those."""
    names = (*OTHERS, *NAMES, "http", "who", "claimed")
    return {name: value for name, value in zip(names, text.split("|")) if value not in ("", "-")}


def log_lines(site, target, count=1):
    path = site.folder / "edge/names.log"

    def found():
        lines = [read(line.split(" ", 1)[1]) for line in path.read_text().splitlines() if line.startswith(f"{target} ")]
        return lines if len(lines) >= count else None

    return until(found, 10, f"{count} lines about {target}")


def identity(request):
    return {name: value for name, value in request.headers if name.lower().startswith("x-keyward-")}


def named(seen):
    return {name: value for name, value in seen.items() if name not in OTHERS}


tick = iter(range(1_000_000))


def ask(site, path, who, more=None, method="GET"):
    """One request to a target of its own: (answer, what the backend got)."""
    site.backend.clear()
    target = f"{path}{next(tick)}"
    response = site.edge.request(method, target, {**site.credentials[who][0], **(more or {})})
    return target, response, list(site.backend.requests)


# path: what is sent with alice's credential, the decision and reason that is told of, and who is $remote_user.
NOT_ADMITTED = {
    "/any/scope/": (BOB, "refused", "insufficient_scope", "bob"),
    "/any/method/": (BOB, "refused", "method_not_covered", "bob"),
    "/any/accept/": (BOB, "refused", "not_accepted", "bob"),
    "/any/by-map/": (BOB, "refused", "insufficient_scope", "bob"),
    "/any/scope-map/": (BOB, "refused", "insufficient_scope", "bob"),
    "/any/auth/": ({}, "refused", "insufficient_scope", None),
    "/any/mirror/": (BOB, "refused", "insufficient_scope", "bob"),
    "/any/ssi/": (BOB, "refused", "insufficient_scope", "bob"),
    "/page/named/": (LIAR, "refused", "insufficient_scope", None),
    "/page/uri/": (LIAR, "refused", "insufficient_scope", None),
    "/page/limit/": (LIAR, "refused", "rate_limited", None),
    "/page/basic/": (BOB, "refused", "insufficient_scope", None),
    "/page/ssi/": (LIAR, "refused", "insufficient_scope", None),
    "/page/static/": (LIAR, "refused", "insufficient_scope", None),
    "/shadow/scope/": ({}, "shadow", "insufficient_scope", None),
    "/shadow/limit/": ({}, "shadow", "rate_limited", None),
    "/shadow/mirror/": ({}, "shadow", "insufficient_scope", None),
    "/shadow/auth/": ({}, "shadow", "insufficient_scope", None),
    "/to/accel/off/x?": ({}, "off", None, None),
    "/to/accel/allow/x?": ({}, None, None, None),
    "/to/accel/refused/x?": (LIAR, "refused", "insufficient_scope", None),
    "/to/accel/any/scope/x?": (BOB, "refused", "insufficient_scope", "bob"),
    "/to/accel/shadow/scope/x?": ({}, "shadow", "insufficient_scope", None),
    "/to/accel/shadow/limit/x?": ({}, "shadow", "rate_limited", None),
    "/to/accel/page/named/x?": (LIAR, "refused", "insufficient_scope", None),
    "/to/try/": ({}, "off", None, None),
    "/to/index/?": ({}, "off", None, None),
    "/to/error/": ({}, "off", None, None),
    "/to/denied/": ({}, "off", None, None),
    "/refused/": (LIAR, "refused", "insufficient_scope", None),
    "/refused-limit/": (LIAR, "refused", "rate_limited", None),
    "/post-refused/": (LIAR, "refused", "insufficient_scope", None),
    "/off/": ({}, "off", None, None),
    "/denied/": ({}, None, None, None),
}
# These have been at a backend, or more, under alice's name before.
ADMITTED_BEFORE = ("/to/accel/", "/to/error/")


@pytest.mark.parametrize("who", ["key", "token"])
@pytest.mark.parametrize("path", NOT_ADMITTED)
def test_report_S3(site, path, who):
    more, decision, reason, user = NOT_ADMITTED[path]
    target, response, reached = ask(site, path, who, more)
    if path == "/any/accept/" and who == "token":
        reason = "invalid_token"
    told = {
        "decision": decision,
        "reason": reason,
        **(site.credentials[who][1] if decision not in ("off", None) else {}),
    }
    expected = {name: value for name, value in told.items() if value is not None}
    user = {"remote_user": user} if user else {}
    # In the answer, in the log, and at every backend that it came to, by itself, a subrequest or a post_action.
    assert read(response.header("X-Seen")) == {**expected, **user}
    for line in log_lines(site, target):
        assert line == {**expected, **user}
    for request in reached[1:] if path.startswith(ADMITTED_BEFORE) else reached:
        assert identity(request) == {}, request.target
        assert "alice" not in request.header("X-Seen") and "acme" not in request.header("X-Seen"), request.target
        assert named(read(request.header("X-Seen"))) in ({}, user), request.target
    if path.startswith(ADMITTED_BEFORE):
        assert named(read(reached[0].header("X-Seen"))).items() >= {"subject": "alice", "remote_user": "alice"}.items()


ADMITTED = {
    "/on/": "allowed",
    "/any/on/": "allowed",
    "/shadow/on/": "shadow",
    "/to/accel/on/x?": "allowed",
    "/mirror-of-on?": "allowed",
    "/asked-of-on?": "allowed",
}


@pytest.mark.parametrize("who", ["key", "token"])
@pytest.mark.parametrize("path", ADMITTED)
def test_report_S3_whoever_was_admitted_is_named(site, path, who):
    target, response, _ = ask(site, path, who, {} if path != "/any/on/" else BOB)
    expected = {"decision": ADMITTED[path], **site.credentials[who][1], **site.names[who]}
    assert response.status == 200
    assert read(response.header("X-Seen")) == expected
    assert log_lines(site, target)[-1] == expected
    site.backend.wait_requests(2 if path in ("/mirror-of-on?", "/asked-of-on?") else 1)
    for request in site.backend.requests[-1:] if path.startswith(ADMITTED_BEFORE) else site.backend.requests:
        assert named(read(request.header("X-Seen"))) == site.names[who]
        assert request.header("X-Keyward-Subject") == "alice"


@pytest.mark.parametrize("who", ["key", "token"])
def test_report_S3_post_action(site, who):
    """It comes after the answer, in a location where keyward is off: as after any redirect, nobody is named there."""
    ask(site, "/post/", who)
    site.backend.wait_requests(1, "/off/post")
    request = next(request for request in site.backend.requests if request.path == "/off/post")
    assert identity(request) == {} and named(read(request.header("X-Seen"))) == {}
    ask(site, "/post-refused/", who, LIAR)
    site.backend.wait_requests(1, "/off/post-refused")
    request = next(request for request in site.backend.requests if request.path == "/off/post-refused")
    assert identity(request) == {} and named(read(request.header("X-Seen"))) == {}


def test_report_S3_a_client_that_leaves_during_bcrypt(edge, store, kw):
    """Nothing was decided: the log names nobody, neither whose key it may have been nor the Basic user that was sent."""
    key = store.key(verifier="bcrypt:13", subject="alice")
    e = edge(
        http=f"log_format names '$request_uri {PLAIN}';", location="keyward on; access_log @PREFIX@/names.log names;"
    )
    workers = e.workers()
    before = cpu_seconds(*workers)
    with e.connect() as connection:
        connection.send(encode_request(target="/left", headers={"X-API-Key": key["key"], **LIAR}))
        until(lambda: cpu_seconds(*workers) - before > 0.03, 60, "the bcrypt run to begin")
    log = e.prefix / "names.log"
    line = until(lambda: log.exists() and log.read_text(), 60, "a line").split(" ", 1)[1].strip()
    assert named(read(line)) == {}
    # The run ends before the worker does.
    assert e.connect(60).request(headers={"X-API-Key": key["key"]}).status == 200


def test_report_S3_a_rule_may_ask_who_it_is_about(edge, store, backend):
    """Scopes and limits with variables know the principal while they are looked at, and through a map, too."""
    e = edge(
        http='map $keyward_subject $mine { "" ""; default "$keyward_subject:read"; }',
        server="""
        keyward on;
        location /scope/ { keyward_scope "$keyward_subject:read"; proxy_pass @BACKEND@; }
        location /map/ { keyward_scope $mine; proxy_set_header X-Mine "[$mine]"; proxy_pass @BACKEND@; }
        location /limit/ { keyward_limit 1r/h by=$keyward_subject; proxy_pass @BACKEND@; }
        """,
    )
    alice, bob = (store.key(verifier="sha256", subject=name, scope=["alice:read"]) for name in ("alice", "bob"))
    for path in ("/scope/", "/map/"):
        assert e.get(path, {"X-API-Key": alice["key"]}).status == 200
        assert e.get(path, {"X-API-Key": bob["key"]}).status == 403
    assert backend.last.header("X-Mine") == "[alice:read]"
    assert [e.get("/limit/", {"X-API-Key": key["key"]}).status for key in (alice, bob, alice)] == [200, 200, 429]


@pytest.mark.parametrize("names", [3, 700])
def test_report_S3_what_a_rule_has_read_is_kept_for_nobody(edge, folder, store, backend, names):
    """nginx keeps a map's value from its first use, but not from a rule's; what `set` has made stays."""
    (folder / "users").write_text("bob:{PLAIN}p\n")
    many = "\n".join(f'map $keyward_subject $m{n} {{ "" none; default some; }}' for n in range(names))
    last = f"$m{names - 1}"
    seen = " ".join(f"$m{n}" for n in range(names))
    e = edge(
        http=f"variables_hash_max_size 4096; {many}",
        server=f"""
        satisfy any; auth_basic r; auth_basic_user_file {folder}/users;
        keyward on;
        location / {{
            set $own kept;
            keyward_scope "$m0{last}";
            proxy_set_header X-Seen "$m0 {last} $own";
            proxy_set_header X-All "{seen}";
            proxy_pass @BACKEND@;
        }}
        """,
    )
    key = store.key(verifier="sha256", subject="alice", scope=["somesome"])
    narrow = store.key(verifier="sha256", subject="alice", scope=["a"])
    assert e.get("/", {"X-API-Key": key["key"], **BOB}).status == 200
    assert backend.last.header("X-Seen") == "some some kept"
    assert e.get("/", {"X-API-Key": narrow["key"], **BOB}).status == 200
    assert backend.last.header("X-Seen") == "none none kept"


@pytest.mark.parametrize(
    "then", ["keyward off;", "keyward on; keyward_accept anonymous; keyward_credential header=X-Other;"]
)
def test_report_S3_fields_of_an_earlier_location_are_in_no_map(then, edge, store, backend):
    """Identity fields are request fields: a map over one, or a set in the next location, must not know who was there before."""
    key = store.key(subject="alice")["key"]
    e = edge(
        http="map $http_x_keyward_subject $who { default $http_x_keyward_subject; '' ''; }\n",
        server=f"""
        location / {{ keyward on; proxy_set_header X-Who "[$who]"; proxy_pass http://127.0.0.1:1; error_page 502 = @next; }}
        location @next {{ {then} set $early $http_x_keyward_subject; proxy_set_header X-Who "[$who]"; proxy_set_header X-Early "[$early]"; proxy_pass @BACKEND@; }}
    """,
    )
    e.allow_log(r"connect\(\) failed")
    assert e.get("/", {"X-API-Key": key}).status == 200
    assert (backend.last.header("X-Who"), backend.last.header("X-Early")) == ("[]", "[]")
