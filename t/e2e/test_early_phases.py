"""What nginx does before keyward decides: `return`, limit_req, limit_conn, and variables that are read there.

The warnings come from looking at other modules' directives as they are read, so that is tested here, too.
"""

import os
import re

import pytest
from harness.tokens import Signer

SHOW = "add_header X-Pool $pool always; add_header X-Remaining $keyward_remaining always;"


def warnings(config_test, **pieces):
    rc, output = config_test(**pieces)
    assert rc == 0, output
    return [line for line in output.splitlines() if "[warn]" in line]


def line_of(message):
    """The line of the configuration that a message names first."""
    path, number = re.search(r"in (/\S+):(\d+)", message).groups()
    with open(path) as file:
        return file.read().splitlines()[int(number) - 1].strip()


# `return` answers in the rewrite phase, so a location that has one is open, whatever else it says.


def test_report_S12(config_test, edge, store):
    (line,) = warnings(config_test, server="location = /verify {\nkeyward on;\nreturn 204;\n}")
    assert '"return 204"' in line and '"try_files /nonexistent =204;"' in line and '"keyward off;"' in line, line
    assert line_of(line) == "return 204;"
    # The reason for the warning, and that what it says to write does what is meant.
    key = {"X-API-Key": store.key(verifier="sha256")["key"]}
    e = edge(
        server="""
        keyward on;
        location = /open { return 204; }
        location = /verify { try_files /nonexistent =204; }
        location = /text { try_files /nonexistent @answer; }
        location @answer { return 200 "yes"; }
    """
    )
    assert e.get("/open").status == 204
    assert e.get("/verify").status == 401 and e.get("/verify", key).status == 204
    assert e.get("/text").status == 401 and e.get("/text", key).body == b"yes"


@pytest.mark.parametrize(
    "server, count",
    {
        "location / { keyward shadow; return 204; }": 1,
        "location / { keyward off; return 204; }": 0,
        "location / { return 204; keyward on; }": 1,
        'location / { keyward on; return 200 "ok"; }': 1,
        "location / { keyward on; return 201; }": 1,
        "location / { keyward on; return 0204; }": 1,
        "location / { keyward on; return 299; }": 1,
        "keyward on; location / { return 200; }": 1,
        "keyward on; location / { location /a { return 200; } }": 1,
        "keyward on; location / { return 200; } location /b { return 204; } location /off { keyward off; return 204; }": 2,
        "location / { keyward on; location /a { keyward off; return 204; } }": 0,
        # Not an answer of ours to guard, or one that tells nothing.
        "location / { keyward on; return 301 /b; }": 0,
        "location / { keyward on; return https://example.com/; }": 0,
        "location / { keyward on; return 302 https://example.com/; }": 0,
        "location / { keyward on; return 404; }": 0,
        'location / { keyward on; return 403 "no"; }': 0,
        "location / { keyward on; return 444; }": 0,
        "location / { keyward on; return 300; }": 0,
        # A condition is somebody's thought.
        "location / { keyward on; if ($request_method = OPTIONS) { return 204; } }": 0,
        "location / { keyward on; if ($arg_a) { return 403; } return 204; }": 1,
        "keyward on; if ($arg_a) { return 204; } location / { }": 0,
        # A server's answers before a location is chosen.
        "keyward on; return 204;": 1,
        "return 204; location / { keyward on; }": 1,
        "return 204; location / { location /a { keyward shadow; } }": 1,
        "return 204; location / { keyward off; }": 0,
        "return 404; location / { keyward on; }": 0,
        # Clients are led there by other locations.
        "keyward on; location / { error_page 401 @in; } location @in { return 200 in; }": 0,
        "keyward on; location / { error_page 401 /in; } location /in { internal; return 200 in; }": 0,
        "location / { error_page 404 @in; } location @in { keyward on; return 200 in; }": 1,
        "location / { } location /in { internal; keyward on; return 200 in; }": 1,
        "keyward on; location / { } ": 0,
    }.items(),
)
def test_report_S12_where_a_return_is_warned_of(config_test, server, count):
    found = warnings(config_test, server=server)
    assert len(found) == count, found
    for line in found:
        assert "return " in line and "try_files /nonexistent =2" in line and "return " in line_of(line)


def test_report_S12_in_an_included_file_and_in_two_servers(config_test, folder):
    (folder / "verify.conf").write_text("location = /verify {\n    return 204;\n}\n")
    found = warnings(
        config_test,
        http="keyward on;\n",
        server=f"include {folder}/*.conf;\n location / {{ keyward off; return 200; }}",
    )
    assert len(found) == 1 and f"{folder}/verify.conf:2" in found[0]
    server = "server { listen 127.0.0.1:@PORT%s@; keyward %s; location / { return 200; } }\n"
    assert (
        len(warnings(config_test, http=server % ("_A", "on") + server % ("_B", "off") + server % ("_C", "shadow"))) == 2
    )


def test_report_S12_a_text_needs_a_location_of_its_own(config_test):
    (line,) = warnings(config_test, location='keyward on;\nreturn 200 "hello";')
    assert '"return 200"' in line and '"try_files /nonexistent @answer;"' in line and '"location @answer' in line, line


# limit_req and limit_conn count before keyward has decided.

ZONES = "limit_req_zone %s zone=z:1m rate=1r/s;\nlimit_conn_zone %s zone=c:1m;\n"


@pytest.mark.parametrize(
    "key, http, names",
    [
        ("$keyward_key_id", "", "$keyward_key_id"),
        ('"$keyward_subject$uri"', "", "$keyward_subject"),
        ("${keyward_claim_tenant}", "", "$keyward_claim_tenant"),
        ("$KEYWARD_KIND", "", "$keyward_kind"),
        ("$pool", "map $keyward_plan $pool { default a; }\n", "$keyward_plan"),
        ("$pool", "map $uri $pool { /a b; default $keyward_plan; }\n", "$keyward_plan"),
        ("$pool", "map $other $pool { a b; }\nmap $keyward_plan $other { a b; }\n", "$keyward_plan"),
        ("$pool", 'split_clients "${keyward_subject}x" $pool { 50% a; * b; }\n', "$keyward_subject"),
        ("$binary_remote_addr", "", None),
        ("$remote_user", "", None),
        ("$pool", "map $uri $pool { keyward_plan keyward_plan; # $keyward_plan\n}\n", None),
        ("$pool", "map $uri $pool { '$keyward_plan' 1; }\n", None),
        ("$pool", "geo $pool { default a; }\n", None),
    ],
)
def test_limit_req_and_limit_conn_by_our_variables_are_warned_of(config_test, key, http, names):
    # nginx counts in its preaccess phase, where they are empty: what was meant to hold for each holds for nobody.
    for mode in "on", "shadow", "off":
        found = warnings(
            config_test,
            http=http + ZONES % (key, key),
            location=f"keyward {mode};\nlimit_req zone=z burst=3;\nlimit_conn c 3;",
        )
        if names is None or mode == "off":
            assert not found
            continue
        first, second = found
        assert line_of(first).startswith("limit_req zone=z") and '"keyward_limit ' in first and names in first
        assert line_of(second) == "limit_conn c 3;" and "$binary_remote_addr" in second and names in second


@pytest.mark.parametrize(
    "server, count",
    {
        "limit_req zone=z; keyward on; location / { } location /b { }": 1,
        "limit_req zone=z; location / { keyward on; } location /b { keyward shadow; }": 1,
        "limit_req zone=z; location / { }": 0,
        "limit_req zone=z; location / { keyward on; limit_req zone=good; }": 0,
        "limit_req zone=good; location / { keyward on; limit_req zone=z; }": 1,
        "keyward on; location / { limit_req zone=good; limit_req zone=z burst=1; }": 1,
        "keyward on; location / { limit_req zone=z; location /b { } } location /c { limit_req zone=z; }": 2,
        "keyward on; location / { limit_req zone=z; if ($arg_a) { } }": 1,
        "keyward on; location / { }": 0,
    }.items(),
)
def test_where_limit_req_is_warned_of(config_test, server, count):
    zones = "limit_req_zone $keyward_key_id zone=z:1m rate=1r/s;\nlimit_req_zone $uri zone=good:1m rate=1r/s;\n"
    # The zone may come after its use.
    for http in (zones, "server { listen 127.0.0.1:@PORT_A@; limit_req zone=good; }\n" + zones):
        assert len(warnings(config_test, http=http, server=server)) == count


# The watch leaves nginx as it was.


def test_directives_are_given_back_after_each_reading(edge):
    bad = "keyward on; location = /v { return 204; }"
    e = edge(http="map $keyward_kind $pool { default 1; }", server=bad, store=True)
    for _ in range(3):
        assert e.reload(server=bad).count("before keyward has looked at the request") == 1
    # Also where the reading fails: before our directives, inside of a block that is watched, and after everything.
    for broken in (
        "return 204 a b c;",
        "return nonsense;",
        "proxy_cache;",
        "if ($arg_a) { return 204; nonsense; }",
        "keyward maybe;",
    ):
        assert "[emerg]" in e.reload(refused=True, server=f"{bad} location /b {{ {broken} }}")
    assert "[emerg]" in e.reload(refused=True, http="map $uri $pool { nonsense a b c; }", server=bad)
    assert "[emerg]" in e.reload(refused=True, http="keyward_store /nonexistent;", server=bad, store=False)
    assert e.reload(http="", server=bad, store=True).count("before keyward has looked at the request") == 1
    assert e.get("/v").status == 204
    # Without keyward in the configuration nothing is said, and everything is as nginx has it.
    assert "before keyward" not in e.reload(http="", server='location = /v { return 200 "plain"; }', store=False)
    assert e.get("/v").body == b"plain"


def test_watched_directives_say_what_nginx_says(config_test):
    for server, words in {
        "return 204; return 1000;": "invalid return code",
        "location / { proxy_cache nowhere; proxy_cache other; }": '"proxy_cache" directive is duplicate',
        "location / { proxy_cache_key a b; }": "invalid number of arguments",
        "location / { limit_req; }": "invalid number of arguments",
        "location / { limit_req burst=3; }": 'must have "zone" parameter',
        "set $a;": "invalid number of arguments",
    }.items():
        rc, output = config_test(server=server, store=False)
        assert rc == 1 and words in output, output


# Variables that were read before there was a principal. nginx keeps what a map came to.

WHO = "map $keyward_key_id $pool { default $keyward_key_id; '' ''; }\n"


def keys(store, *plans):
    return [{"X-API-Key": made["key"]} for made in (store.key(verifier="sha256", **plan) for plan in plans)]


@pytest.mark.parametrize(
    "early",
    {
        "a limit_req": ("limit_req_zone $pool zone=z:1m rate=1000r/s;\n", "limit_req zone=z burst=1000 nodelay;"),
        "a limit_conn": ("limit_conn_zone $pool zone=z:1m;\n", "limit_conn z 100;"),
        "a set": ("", "set $copy $pool;"),
        "an if": ("", "if ($pool) { return 403; }"),
        "a rewrite": ("", "rewrite ^(.*)$ $1?pool=$pool break;"),
        "a server's set": ("", None),
    }.items(),
    ids=lambda item: item[0],
)
def test_report_U12(edge, store, early):
    http, location = early[1]
    server = f"keyward on; {SHOW} {'set $copy $pool;' if location is None else ''}"
    e = edge(
        http=WHO + http,
        server=f"{server} location / {{ {location or ''} keyward_limit 2r/m by=$pool; proxy_pass @BACKEND@; }}",
    )
    first, second = keys(store, {}, {})
    assert [e.get("/", first).status for _ in range(3)] == [200, 200, 429]
    assert [e.get("/", second).status for _ in range(3)] == [200, 200, 429]


def test_report_U12_scopes(edge, store):
    http = (
        "map $keyward_subject $area { alice a; bob b; default none; }\nlimit_req_zone $area zone=z:1m rate=1000r/s;\n"
    )
    e = edge(http=http, location="keyward on; limit_req zone=z burst=1000 nodelay; keyward_scope read:$area;")
    alice, bob, wrong = keys(
        store,
        *(
            dict(subject=who, scope=[scope])
            for who, scope in (("alice", "read:a"), ("bob", "read:b"), ("alice", "read:none"))
        ),
    )
    assert [e.get("/", who).status for who in (alice, bob, wrong)] == [200, 200, 403]


def test_report_U12_claims_of_a_token(edge, issuers):
    signer = Signer()
    http = (
        issuers.block("one", signer)
        + """
        map $keyward_claim_tenant $pool { default $keyward_claim_tenant; '' none; }
        limit_req_zone $pool zone=z:1m rate=1000r/s;
    """
    )
    e = edge(
        http=http,
        location="keyward on; limit_req zone=z burst=1000 nodelay; keyward_limit 1r/m by=$pool; proxy_set_header X-Pool $pool;",
        store=False,
    )
    for tenant in "red", "blue":
        headers = {"Authorization": "Bearer " + signer.token(tenant=tenant)}
        assert [e.get("/", headers).status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    "maps",
    {
        "by its source's source": "map $one $pool { default $one; }\nmap $keyward_key_id $one { default $keyward_key_id; '' ''; }\n",
        "by its value": "map $uri $pool { default $keyward_key_id; }\n",
        "by its value's source": "map $uri $pool { default $one; }\nmap $keyward_key_id $one { default $keyward_key_id; '' ''; }\n",
        "by a quoted value": 'map $uri $pool {\n"/#" "}"; # }\n default "${keyward_key_id}"; }\n',
        "by a split": "split_clients $keyward_key_id $pool { * all; }\nmap $pool $unused { a b; }\n",
        "by its file": "map $uri $pool { include @PREFIX@/values; }\n",
        "by the user's name": "map $remote_user $pool { default $remote_user; '' ''; }\n",
    }.items(),
    ids=lambda item: item[0],
)
def test_report_U12_maps_of_maps(edge, store, folder, maps):
    (folder / "values").write_text("default $keyward_key_id;\n")
    http = maps[1].replace("@PREFIX@", str(folder)) + "limit_req_zone $pool zone=z:1m rate=1000r/s;\n"
    e = edge(http=http, location="keyward on; limit_req zone=z burst=1000 nodelay; keyward_limit 1r/m by=$uri$pool;")
    first, second = keys(store, dict(subject="a"), dict(subject="b"))
    expected = 429 if "split" in maps[0] else 200
    assert [e.get("/", first).status, e.get("/", second).status, e.get("/", first).status] == [200, expected, 429]


def test_report_U12_a_refusal_leaves_nothing_behind(edge, store, backend):
    # What the decision has read, to count by it, names nobody longer than our own variables do.
    e = edge(
        http="map $keyward_subject $pool { default $keyward_subject; '' ''; }\n",
        server="""
        location / { keyward on; keyward_limit 1r/m by=$pool; error_page 429 = @refused; proxy_pass @BACKEND@; }
        location @refused { keyward off; proxy_set_header X-Pool "[$pool]"; proxy_set_header X-Who "[$keyward_subject]"; proxy_pass @BACKEND@; }
    """,
    )
    (key,) = keys(store, dict(subject="alice"))
    assert e.get("/", key).status == 200 and backend.last.header("X-Pool") is None
    e.get("/", key)
    assert backend.last.header("X-Pool") == backend.last.header("X-Who") is not None


def test_report_U12_what_is_read_after_the_decision_is_of_after_it(edge, store, backend):
    e = edge(
        http='map "$keyward_decision $keyward_subject" $pool { default "[$keyward_decision $keyward_subject]"; }\n',
        location="keyward on; set $early $pool; keyward_limit 9r/m by=$pool; proxy_set_header X-Pool $pool;",
    )
    (key,) = keys(store, dict(subject="alice"))
    assert e.get("/", key).status == 200 and backend.last.header("X-Pool") == "[allowed alice]"


def test_report_U12_nothing_but_what_depends_on_us_is_read_anew(edge, store, backend):
    # What `set` was given stays, and so does a map's view of the URI before a rewrite.
    e = edge(
        http="map $uri $first { default $uri; }\n" + WHO,
        server="""
        set $kept $first;
        set $assigned one;
        location / {
            keyward on;
            set $assigned two;
            rewrite ^ /changed break;
            keyward_limit 100r/m by=$first$assigned$pool;
            proxy_set_header X-First $first;
            proxy_set_header X-Assigned $assigned;
            proxy_pass @BACKEND@;
        }
    """,
    )
    (key,) = keys(store, {})
    assert e.get("/sent", key).status == 200
    assert backend.last.header("X-First") == "/sent" and backend.last.header("X-Assigned") == "two"


def test_report_U12_a_variable_that_is_set_too_is_left_alone(edge, store, backend):
    e = edge(
        http=WHO, location="keyward on; set $pool mine; keyward_limit 100r/m by=$pool; proxy_set_header X-Pool $pool;"
    )
    (key,) = keys(store, {})
    assert e.get("/", key).status == 200 and backend.last.header("X-Pool") == "mine"


def test_report_U12_captures_of_the_location_are_kept(edge, store, backend):
    # A map with a regular expression, which the decision reads, has matches of its own.
    e = edge(
        http="map $keyward_subject $pool { ~^(a)(l)(i) $2; default none; }\n",
        server="location ~ ^/([a-z]+)/([a-z]+)$ { keyward on; keyward_limit 100r/m by=$pool; proxy_pass @BACKEND@/$2/$1; }",
    )
    (key,) = keys(store, dict(subject="alice"))
    assert e.get("/one/two", key).status == 200 and backend.last.target == "/two/one"


# The log tells who reads them too early.

EARLY = r"\[warn\].*keyward: \$%s was read before keyward had decided.*volatile"


@pytest.mark.parametrize("name", ["keyward_claim_tenant", "keyward_subject", "keyward_kind", "keyward_decision"])
@pytest.mark.parametrize("mode", ["on", "shadow"])
def test_report_U12_is_told_in_the_log(edge, store, name, mode):
    e = edge(http=f"map ${name} $pool {{ default x; }}\n", location=f"keyward {mode}; set $copy $pool;")
    (key,) = keys(store, {})
    assert e.get("/", key).status == 200
    e.wait_log(EARLY % name)
    for _ in range(20):
        e.get("/", key)
    assert len(re.findall(EARLY % name, e.log)) <= 2  # once in ten seconds, however slow the machine is


@pytest.mark.parametrize(
    "server",
    [
        "set $copy $keyward_subject; location / { keyward on; proxy_pass @BACKEND@; }",
        "location / { keyward on; if ($keyward_subject) { return 403; } proxy_pass @BACKEND@; }",
        "location / { keyward on; limit_req zone=z; proxy_pass @BACKEND@; }",
        "location / { keyward on; rewrite ^/y /$keyward_subject; proxy_pass @BACKEND@; }",
    ],
)
def test_early_reads_are_told_wherever_they_are(edge, store, server):
    e = edge(http="limit_req_zone $keyward_subject zone=z:1m rate=1r/s;\n", server=server)
    e.get("/y")
    e.wait_log(EARLY % "keyward_subject")


def test_reads_that_are_not_early_are_not_told(edge, store, backend):
    e = edge(
        http="""
        log_format who '$keyward_decision $keyward_subject $keyward_claim_x $pool';
        map $keyward_kind $pool { default x; }
        map $keyward_kind $anonymous { anonymous $binary_remote_addr; default ''; }
        limit_req_zone $binary_remote_addr zone=z:1m rate=1r/m;
    """,
        server="""
        access_log @PREFIX@/who.log who;
        add_header X-Who $keyward_subject always;
        add_header X-Claim $keyward_claim_x always;
        keyward on;
        location / { proxy_set_header X-Who $keyward_subject; proxy_pass @BACKEND@; }
        location /open { keyward off; set $copy $keyward_decision; proxy_set_header X-Who $keyward_subject$copy; proxy_pass @BACKEND@; }
        location /redirect { return 301 /$keyward_subject; }
        location /early { if ($arg_a) { return 403; } limit_req zone=z; proxy_pass @BACKEND@; }
        location /denied { deny all; proxy_pass @BACKEND@; }
        location /allowed { satisfy any; allow all; proxy_pass @BACKEND@; proxy_set_header X-Who $keyward_subject; }
        location /anonymous { keyward_accept anonymous key; keyward_limit 100r/m by=$anonymous; proxy_pass @BACKEND@; }
        location /page { error_page 401 /error; proxy_pass @BACKEND@; }
        location /error { set $copy $keyward_reason; empty_gif; }
        location /tried { try_files /nonexistent @tried; }
        location @tried { proxy_set_header X-Who $keyward_subject; proxy_pass @BACKEND@; }
    """,
    )
    (key,) = keys(store, {})
    for target in (
        "/",
        "/open",
        "/early?a=1",
        "/early",
        "/early",
        "/denied",
        "/allowed",
        "/anonymous",
        "/page",
        "/tried",
    ):
        e.get(target, key)
        e.get(target)
    with e.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n")
        assert connection.read_response().status == 400
    with e.connect() as connection:
        connection.send(b"NONSENSE\r\n\r\n")
        connection.read_response()
    with e.connect() as connection:
        connection.send(b"GET /cut HTTP/1.1\r\nHost: a\r\nX-A")
    e.reload()
    assert "was read before" not in e.log
    assert os.path.getsize(e.prefix / "who.log") > 0
