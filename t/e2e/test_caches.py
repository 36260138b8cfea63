"""Caches behind keyward: nginx -t warns where one principal may get what was answered to another. test_config.py has where it looks."""

import re

import pytest
from harness.tokens import Signer

CACHE = "proxy_cache_path @PREFIX@/cache keys_zone=c:1m;\n"


@pytest.fixture
def cache_warnings(config_test):
    def run(location, http="", **more):
        rc, output = config_test(http=CACHE + http, location=f"keyward on; proxy_cache c;\n{location}", **more)
        assert rc == 0, output
        return [line for line in output.splitlines() if "no principal in its key" in line]

    return run


@pytest.mark.parametrize(
    "rules, why",
    {
        # The two of the report: fields that are gone when the cache is asked, and a subject that keys may do without.
        "proxy_no_cache $http_authorization; proxy_cache_bypass $http_authorization;": "$http_authorization is empty",
        'proxy_cache_key "$keyward_subject$request_uri";': "$keyward_subject is empty for a key without a subject",
    }.items(),
)
def test_report_S13(cache_warnings, rules, why):
    (line,) = cache_warnings(rules)
    assert "proxy_cache of the location" in line and why in line and "proxy_cache_key '$keyward_key_id " in line, line


def test_report_S13_what_is_warned_of_does_happen(edge, store, make_backend):
    backend = make_backend()
    rules = {
        "/fields": "proxy_no_cache $http_authorization; proxy_cache_bypass $http_authorization;",
        "/subject": 'proxy_cache_key "$keyward_subject$request_uri";',
        "/id": 'proxy_cache_key "$keyward_key_id$request_uri";',
        "/never": "proxy_no_cache $keyward_key_id; proxy_cache_bypass $keyward_key_id;",
    }
    locations = "\n".join(f"location {path} {{ {text} proxy_pass @URL@; }}" for path, text in rules.items())
    e = edge(
        http=CACHE,
        URL=backend.url,
        server=f"keyward on; proxy_cache c; proxy_cache_valid 200 1m; add_header X-Cache $upstream_cache_status;\n{locations}",
    )
    first, second = ({"Authorization": "Bearer " + store.key(verifier="sha256")["key"]} for _ in range(2))
    seen = {path: [e.get(path, key).header("X-Cache") for key in (first, second)] for path in rules}
    assert seen == {
        "/fields": ["MISS", "HIT"],
        "/subject": ["MISS", "HIT"],
        "/id": ["MISS", "MISS"],
        "/never": ["BYPASS", "BYPASS"],
    }
    assert e.reload().count("no principal in its key") == 2


@pytest.mark.parametrize(
    "rules, safe",
    {
        # Of keys, only the id is never empty.
        "proxy_no_cache $keyward_key_id; proxy_cache_bypass $keyward_key_id;": True,
        "proxy_no_cache $arg_a $keyward_key_id; proxy_cache_bypass $arg_a $keyward_key_id;": True,
        "proxy_no_cache $keyward_kind; proxy_cache_bypass $keyward_kind;": True,
        "proxy_no_cache $keyward_subject; proxy_cache_bypass $keyward_subject;": False,
        "proxy_no_cache $remote_user; proxy_cache_bypass $remote_user;": False,
        "proxy_no_cache $keyward_issuer; proxy_cache_bypass $keyward_issuer;": False,
        "proxy_no_cache $keyward_plan; proxy_cache_bypass $keyward_plan;": False,
        "proxy_no_cache $cookie_nocache; proxy_cache_bypass $cookie_nocache;": True,  # not known to be shared
        "proxy_no_cache $http_pragma $http_x_mine; proxy_cache_bypass $http_pragma;": True,
        "proxy_no_cache $arg_nocache $http_accept; proxy_cache_bypass $arg_nocache;": False,
        "proxy_no_cache 1; proxy_cache_bypass 1;": True,
        "proxy_no_cache 0; proxy_cache_bypass 0;": False,
        "proxy_no_cache 0 '' yes; proxy_cache_bypass 1;": True,
        # What is only bypassed is kept all the same.
        "proxy_cache_bypass $keyward_key_id;": False,
        # One directive adds to another of its block.
        "proxy_no_cache $arg_a; proxy_no_cache $keyward_key_id;": True,
        # The fields of a credential count where they go on, and where all of them are named.
        "keyward_forward_credential on; proxy_no_cache $http_authorization; proxy_cache_bypass $http_authorization;": False,
        "keyward_forward_credential on; proxy_no_cache $http_authorization $http_x_api_key; proxy_cache_bypass $http_authorization $http_x_api_key;": True,
        "keyward_credential bearer; keyward_forward_credential on; proxy_no_cache $http_authorization; proxy_cache_bypass $http_authorization;": True,
        "keyward_credential bearer; keyward_forward_credential off; proxy_no_cache $http_authorization; proxy_cache_bypass $http_authorization;": False,
        "keyward_credential cookie=session; proxy_cache_key $cookie_session$uri;": False,
        "keyward_credential cookie=session; keyward_forward_credential on; proxy_cache_key $cookie_session$uri;": True,
        # Of a key, a token's variables are empty.
        "proxy_cache_key $keyward_claim_tenant$uri;": False,
        "proxy_cache_key $keyward_issuer$uri;": False,
        "proxy_cache_key $keyward_claim_tenant$keyward_key_id$uri;": True,
    }.items(),
)
def test_report_S13_rules_and_keys(cache_warnings, rules, safe):
    assert len(cache_warnings(rules)) == (0 if safe else 1)


@pytest.mark.parametrize(
    "http, rules, safe",
    [
        # Maps are looked through.
        ("map $keyward_key_id $who { default $keyward_key_id; }", "proxy_cache_key $who$uri;", True),
        ("map $keyward_key_id $team { key_1 a; default b; }", "proxy_cache_key $team$uri;", True),
        ("map $uri $who { default $keyward_key_id; }", "proxy_cache_key $who$uri;", True),
        ("map $uri $area { ~^/(a|b)/ $1; default none; }", "proxy_cache_key $area$uri;", False),
        ("map $http_authorization $who { default $http_authorization; }", "proxy_cache_key $who$uri;", False),
        ("map $keyward_subject $who { default $keyward_subject; }", "proxy_cache_key $who$uri;", False),
        (
            "map $keyward_subject $who { default $keyward_subject; '' $keyward_key_id; }",
            "proxy_cache_key $who$uri;",
            True,
        ),
        (
            "map $one $two { default $one; } map $keyward_key_id $one { default $keyward_key_id; }",
            "proxy_cache_key $two$uri;",
            True,
        ),
        ("map $one $two { default $one; } map $two $one { default $two; }", "proxy_cache_key $two$uri;", False),
        ("map $cookie_session $who { default $cookie_session; }", "proxy_cache_key $who$uri;", True),
        ("map $uri $who { include @PREFIX@/../values; }", "proxy_cache_key $who$uri;", True),  # not known
        ("geo $area { default a; }", "proxy_cache_key $area$uri;", True),
        ("geo $arg_address $area { default a; }", "proxy_cache_key $area$uri;", False),
        ("split_clients $uri $half { 50% a; * b; }", "proxy_cache_key $half$uri;", False),
        # What a map makes of the principal is its own affair.
        ("map $keyward_key_id $skip { '' ''; default 1; }", "proxy_no_cache $skip; proxy_cache_bypass $skip;", True),
        (
            "map $keyward_subject $skip { '' 1; default ''; }",
            "proxy_cache_key $keyward_subject$uri; proxy_no_cache $skip;",
            True,
        ),
        (
            "map $http_authorization $skip { '' ''; default 1; }",
            "proxy_no_cache $skip; proxy_cache_bypass $skip;",
            False,
        ),
        ("map $uri $skip { /private 1; default ''; }", "proxy_no_cache $skip; proxy_cache_bypass $skip;", False),
        ("keyward_plan free default;", "proxy_no_cache $keyward_plan; proxy_cache_bypass $keyward_plan;", True),
    ],
)
def test_report_S13_maps(cache_warnings, folder, http, rules, safe):
    (folder / "values").write_text("default $keyward_key_id;\n")
    assert len(cache_warnings(rules, http=http + "\n")) == (0 if safe else 1)


@pytest.mark.parametrize(
    "accept, rules, safe",
    [
        # A token always has an issuer; its subject may be missing, unless it is required.
        ("one", "proxy_no_cache $keyward_issuer; proxy_cache_bypass $keyward_issuer;", True),
        ("one", "proxy_no_cache $keyward_key_id; proxy_cache_bypass $keyward_key_id;", False),
        ("one", "proxy_no_cache $keyward_subject; proxy_cache_bypass $keyward_subject;", False),
        ("provisioned", "proxy_no_cache $keyward_subject; proxy_cache_bypass $keyward_subject;", True),
        ("key one", "proxy_no_cache $keyward_issuer; proxy_cache_bypass $keyward_issuer;", False),
        ("key one", "proxy_no_cache $keyward_issuer $keyward_key_id; proxy_cache_bypass $keyward_kind;", True),
        # A token is its issuer and its subject.
        ("one", "proxy_cache_key $keyward_subject$uri;", True),
        ("one", "proxy_cache_key $remote_user$uri;", True),
        ("one", "proxy_cache_key $keyward_claim_sub$uri;", True),
        ("key one", "proxy_cache_key $keyward_subject$uri;", False),
        ("key one", "proxy_cache_key $keyward_key_id$keyward_subject$uri;", True),
        ("one provisioned", "proxy_cache_key $keyward_subject$uri;", False),
        ("one provisioned", "proxy_cache_key $keyward_issuer/$keyward_subject$uri;", True),
        # The key's part of them, and the rules the other.
        ("key one", "proxy_cache_key $keyward_subject$uri; proxy_no_cache $keyward_key_id;", True),
        ("key one", "proxy_cache_key $keyward_key_id$uri; proxy_no_cache $keyward_issuer;", True),
        ("key one", "proxy_cache_key $keyward_key_id$uri; proxy_no_cache $keyward_key_id;", False),
        ("methods=GET anonymous; keyward_accept key", "proxy_cache_key $keyward_subject$uri;", False),
    ],
)
def test_report_S13_tokens(cache_warnings, issuers, accept, rules, safe):
    http = issuers.block("one", Signer()) + issuers.block("provisioned", Signer(), "subject required;")
    assert len(cache_warnings(f"keyward_accept {accept}; {rules}", http=http)) == (0 if safe else 1)


@pytest.mark.parametrize(
    "server, count",
    {
        # A list replaces the one around it, as nginx has it.
        "proxy_no_cache $keyward_key_id; location / { proxy_pass http://127.0.0.1:1; }": 0,
        "proxy_no_cache $keyward_key_id; location / { proxy_no_cache $arg_a; proxy_pass http://127.0.0.1:1; }": 1,
        "proxy_no_cache $arg_a; location / { proxy_no_cache $keyward_key_id; proxy_pass http://127.0.0.1:1; }": 0,
        "proxy_cache_key $keyward_key_id; location / { location /a { proxy_pass http://127.0.0.1:1; } }": 0,
        "location / { proxy_cache_key $keyward_key_id; location /a { proxy_cache_key $uri; proxy_pass http://127.0.0.1:1; } }": 1,
        "location / { proxy_cache $arg_zone; proxy_pass http://127.0.0.1:1; }": 1,
        # A proxy_pass isn't inherited; one with variables is one.
        "location / { proxy_pass http://127.0.0.1:1; location /a { } }": 1,
        "location / { proxy_pass http://$arg_b; }": 1,
        "location / { fastcgi_pass $arg_b; }": 0,
        "location / { proxy_pass http://127.0.0.1:1; if ($arg_a) { proxy_pass http://127.0.0.1:2; } }": 1,
        "location / { if ($arg_a) { proxy_pass http://127.0.0.1:2; } }": 1,
        "location / { proxy_pass http://127.0.0.1:1; proxy_cache_key $keyward_key_id; if ($arg_a) { add_header A b; } }": 0,
        "location / { empty_gif; proxy_cache_key $uri; if ($arg_a) { add_header A b; } }": 0,
        "location / { keyward off; proxy_pass http://127.0.0.1:1; }": 0,
    }.items(),
)
def test_report_S13_inheritance(config_test, server, count):
    rc, output = config_test(http=CACHE, server=f"keyward on; proxy_cache c; {server}")
    assert rc == 0 and len(re.findall("no principal in its key", output)) == count, output
