"""What nginx -t says: one line for each mistake, with file and line, and what to write instead."""

import os
import re
import shutil
import struct

import lmdb
import pytest
from harness.tokens import Signer
from harness.wait import until

PLAN = "keyward_plan pro limit=10r/m;\n"


def lines(output, level):
    return [line for line in output.splitlines() if f"[{level}]" in line]


# A directive where it may stand, and what its line has to name: the offending word, and what would be right.
LOCATION = {
    # keyward
    "keyward;": ["keyward"],
    "keyward maybe;": ["maybe", "on", "off", "shadow"],
    "keyward ON;": ["ON", '"on"'],
    'keyward "";': ['"on"'],
    "keyward on off;": ["off"],
    "keyward on until=2027-01-01;": ["until", "shadow"],
    "keyward shadow until=tomorrow;": ["tomorrow", "until=20"],
    "keyward shadow until=2027-13-01;": ["2027-13-01", "until=20"],
    "keyward shadow until=;": ["until=20"],
    "keyward shadow sometimes;": ["sometimes", "until="],
    "keyward shadow until=2027-01-01 more;": ["keyward"],
    "keyward on; keyward on;": ["duplicate"],
    "keyward on; keyward off;": ["duplicate"],
    # keyward_credential
    "keyward_credential;": ["keyward_credential"],
    "keyward_credential digest;": ["digest", "bearer", "basic", "scheme=NAME", "header=NAME"],
    "keyward_credential Bearer;": ["Bearer", '"bearer"'],
    "keyward_credential header;": ['"header"', "header=NAME"],
    "keyward_credential header=;": ["header"],
    'keyward_credential "header=X Y";': ["X Y"],
    "keyward_credential header=X:Y;": ["X:Y"],
    "keyward_credential header=Authorization;": ["bearer"],
    "keyward_credential header=Host;": ["host", "header=X-API-Key"],
    "keyward_credential header=Content-Length;": ["content-length", "header=X-API-Key"],
    "keyward_credential header=transfer-encoding;": ["transfer-encoding", "header=X-API-Key"],
    "keyward_credential bearer header=Connection;": ["connection", "header=X-API-Key"],
    "keyward_credential header=Proxy-Authorization;": ["proxy-authorization", "header=X-API-Key"],
    "keyward_credential header=Cookie;": ["Cookie", "cookie=NAME"],
    "keyward_credential header=X-Forwarded-For;": ["x-forwarded-for", "header=X-API-Key"],
    "keyward_credential header=Sec-WebSocket-Protocol;": ['"websocket"'],
    **{
        f"keyward_credential header={name};": [name.lower(), "header=X-API-Key"]
        for name in ("Origin", "Referer", "Sec-Fetch-Site", "Connection", "Upgrade", "User-Agent", "If-None-Match")
        + ("Accept-Language", "Access-Control-Request-Method", "Content-MD5", "X-Forwarded-Proto", "Via")
    },
    "keyward_credential cookie=a origins=https://a.example,;": ['"https://a.example,"', "a comma too many"],
    "keyward_accept key=a,,b;": ['"a,,b"', "a comma too many"],
    "keyward_accept key=,a;": ['",a"', "a comma too many"],
    "keyward_scope methods=GET,,POST a;": ['"GET,,POST"', "a comma too many"],
    "keyward_limit 1r/s methods=GET,;": ['"GET,"', "a comma too many"],
    "keyward_mcp on public=ping,;": ['"ping,"', "a comma too many"],
    "keyward_rpc tools/list scope=a,,b;": ['"a,,b"', "a comma too many"],
    "keyward_errors json fields=error,;": ['"error,"', "a comma too many"],
    "keyward_credential bearer bearer;": ["bearer", "twice"],
    "keyward_credential header=X-A header=x-a;": ["x-a", "twice"],
    "keyward_credential bearer; keyward_credential header=X;": ["duplicate"],
    # keyward_accept
    "keyward_accept;": ["keyward_accept"],
    "keyward on; keyward_accept nobody;": ["nobody", "keyward_issuer nobody { ... }"],
    "keyward_accept methods=GET;": ["keyward_accept"],
    "keyward_accept methods=get key;": ["get", "GET"],
    "keyward_accept methods=GET,FETCH key;": ["FETCH"],
    "keyward_accept methods= key;": ["methods="],
    "keyward_accept key token key;": ['"key"', "twice"],
    "keyward_accept methods=GET methods=POST key;": ["methods=POST", "second"],
    # keyward_scope
    "keyward_scope;": ["keyward_scope"],
    "keyward_scope posts:*;": ["posts:*"],
    "keyward_scope *;": ['"*"'],
    'keyward_scope "a b";': ["a b"],
    'keyward_scope "";': ["scope"],
    "keyward_scope none a;": ["none"],
    "keyward_scope a none;": ["none"],
    "keyward_scope methods=GET none;": ["none"],
    "keyward_scope a; keyward_scope none;": ["none"],
    "keyward_scope none; keyward_scope a;": ["none"],
    "keyward_scope methods=GET;": ["keyward_scope"],
    "keyward_scope methods=GTE a;": ["GTE"],
    "keyward_scope match=some a;": ["match=some", "match=any"],
    "keyward_scope a b a;": ['"a"', "twice"],
    "keyward_scope match=any a match=all;": ["match=all", "second"],
    "keyward_scope methods=GET methods=GET a;": ["methods=GET", "twice"],
    "keyward_scope methods=GET methods=POST a;": ["methods=POST", "second"],
    # keyward_require
    "keyward_require;": ["keyward_require"],
    "keyward_require yes;": ['"yes"', "no variable", "$keyward_claim_"],
    "keyward_require $arg_a 1;": ['"1"', "no variable"],
    "keyward_require reason=no_access;": ["names no value", "$keyward_claim_"],
    "keyward_require $arg_a reason=invalid_key;": ["reason=invalid_key", "requirement_failed", "not_accepted"],
    "keyward_require $arg_a reason=;": ["reason=", "no_access"],
    "keyward_require $arg_a reasn=no_access;": ["reasn=no_access", "reason=no_access"],
    "keyward_require $arg_a $arg_a;": ['"$arg_a"', "twice"],
    "keyward_require $arg_a none;": ["none"],
    "keyward_require $arg_a; keyward_require none;": ["none"],
    "keyward_require none; keyward_require $arg_a;": ["none"],
    # keyward_limit
    "keyward_limit;": ["keyward_limit"],
    "keyward_limit 60;": ["60", "60r/m"],
    "keyward_limit 60/m;": ["60/m", "r/m"],
    "keyward_limit 60r/w;": ["60r/w", "r/m"],
    "keyward_limit 0r/m;": ["0r/m"],
    "keyward_limit -1r/m;": ["-1r/m"],
    "keyward_limit 1.5r/s;": ["1.5r/s"],
    "keyward_limit 60r/0m;": ["60r/0m"],
    "keyward_limit 60r/m,;": ["60r/m,"],
    "keyward_limit 99999999999r/m;": ["99999999999r/m"],
    "keyward_limit 60r/9999d;": ["60r/9999d"],
    "keyward_limit 60R/M;": ["60R/M", "r/m"],
    "keyward_limit 60r/m by=nobody;": ["by=nobody", "by=key"],
    "keyward_limit 60r/m window=round;": ["window=round", "fixed", "sliding"],
    "keyward_limit 60r/m cost=0;": ["cost=0"],
    "keyward_limit 60r/m cost=x;": ["cost=x"],
    "keyward_limit 60r/m cost=61;": ["cost"],
    "keyward_limit 60r/m name=;": ["name="],
    'keyward_limit 60r/m "name=a b";': ["a b"],
    "keyward_limit 60r/m methods=X;": ['"X"'],
    "keyward_limit 60r/m default=pro;": ["default=pro"],
    "keyward_limit 60r/m burst=5;": ["burst=5"],
    "keyward_limit 60r/m name=a name=b;": ["name=b", "second"],
    "keyward_limit 60r/m name=a name=a;": ["name=a", "twice"],
    "keyward_limit 60r/m by=key by=subject;": ["by=subject", "second"],
    "keyward_limit 60r/m by=$arg_a by=address;": ["by=address", "second"],
    "keyward_limit 60r/m window=fixed window=sliding;": ["window=sliding", "second"],
    "keyward_limit 60r/m cost=1 name=a cost=2;": ["cost=2", "second"],
    "keyward_limit 60r/m methods=GET methods=POST;": ["methods=POST", "second"],
    "keyward_limit plan default=pro default=free;": ["default=free", "second"],
    "keyward_limit plan plan;": ["plan", "twice"],
    "keyward_limit none by=key;": ["none"],
    "keyward_limit 1r/s; keyward_limit none;": ["none"],
    "keyward_limit plan; keyward_limit plan;": ["plan"],
    # keyward_cost
    "keyward_cost;": ["keyward_cost"],
    "keyward_cost 0;": ['"0"', "from 1 to 1000000000"],
    "keyward_cost 1.5;": ["1.5", "from 1 to 1000000000"],
    "keyward_cost 1000000001;": ["1000000001", "from 1 to 1000000000"],
    "keyward_cost 1 methods=X;": ['"X"'],
    "keyward_cost 1 refund=500;": ["refund=500", "refund=5xx"],
    "keyward_cost 1 refund=5xx,error;": ['"error"', "MCP", "refund=5xx"],
    "keyward_cost 1 refund=input_required;": ['"input_required"', "MCP", "refund=5xx"],
    "keyward_cost 1 refund=5xx refund=5xx;": ["refund=5xx", "twice"],
    "keyward_cost 1 by=key;": ["by=key", "methods=, refund="],
    "keyward_cost none refund=5xx;": ["none"],
    "keyward_cost 1; keyward_cost none;": ["none"],
    "keyward_cost 1; " * 9: ["8 times"],
    # keyward_limit_headers
    "keyward_limit_headers;": ["keyward_limit_headers"],
    "keyward_limit_headers y;": ['"y"', "ietf", "both", "off"],
    "keyward_limit_headers x reset=soon;": ["reset=soon", "unix", "delta"],
    "keyward_limit_headers x; keyward_limit_headers x;": ["duplicate"],
    # keyward_errors
    "keyward_errors;": ["keyward_errors"],
    "keyward_errors xml;": ["xml", "json", "problem", "jsonrpc", "mcp", "grpc", "variable"],
    "keyward_errors json id=null;": ["id=null", "JSON-RPC"],
    "keyward_errors jsonrpc id=0;": ["id=0", "id=null"],
    "keyward_errors mcp id=null id=null;": ["id=", "twice"],
    "keyward_errors grpc fields=error;": ["fields=error", "json"],
    "keyward_errors problem fields=error;": ["fields=error", "json"],
    "keyward_errors json fields=;": ["fields="],
    "keyward_errors json fields=nothing;": ["nothing"],
    "keyward_errors json fields=error:;": ["error:"],
    'keyward_errors json "fields=error:a b";': ["a b"],
    "keyward_errors json id=1;": ["id=1"],
    "keyward_errors json fields=error fields=code;": ["fields=", "twice"],
    "keyward_errors json; keyward_errors off;": ["duplicate"],
    # keyward_message
    "keyward_message;": ["keyward_message"],
    "keyward_message invalid_key;": ["keyward_message"],
    'keyward_message no_such_reason "text";': ["no_such_reason"],
    'keyward_message invalid_key nonsense "text";': ["nonsense"],
    'keyward_message invalid_key "text" status=200;': ["status=200"],
    'keyward_message invalid_key "text" status=399;': ["status=399"],
    'keyward_message invalid_key "text" status=600;': ["status=600"],
    'keyward_message invalid_key "text" status=444;': ["status=444"],
    'keyward_message invalid_key "text" status=408;': ["status=408"],
    'keyward_message invalid_key "text" status=499;': ["status=499"],
    'keyward_message invalid_key "text" status=abc;': ["status=abc"],
    'keyward_message invalid_key "text" "code=a b";': ["a b"],
    'keyward_message invalid_key "text" rpc=;': ["rpc="],
    'keyward_message invalid_key "text" rpc=-;': ["rpc=-"],
    'keyward_message invalid_key "text" rpc=1.5;': ["rpc=1.5"],
    'keyward_message invalid_key "text" rpc=2147483648;': ["rpc=2147483648"],
    'keyward_message invalid_key "text" rpc=1 rpc=2;': ["rpc=", "twice"],
    'keyward_message invalid_key "text" status=401 status=403;': ["status=", "twice"],
    'keyward_message invalid_key "text" code=a status=401 code=b;': ["code=", "twice"],
    'keyward_message invalid_key busy invalid_key "text";': ["invalid_key", "twice"],
    # keyward_realm, keyward_forward_credential
    "keyward_realm;": ["keyward_realm"],
    "keyward_realm a; keyward_realm b;": ["duplicate"],
    "keyward_realm 'a\"b';": ["quote"],
    'keyward_realm "";': ["keyward_realm"],
    "keyward_forward_credential yes;": ["yes", "on", "off"],
    "keyward_forward_credential on; keyward_forward_credential on;": ["duplicate"],
    # keyward_mcp, keyward_rpc, keyward_tool
    "keyward_mcp;": ["keyward_mcp"],
    "keyward_mcp maybe;": ["maybe", '"on"', '"off"'],
    "keyward_mcp body=1m;": ["body=1m", '"on"'],
    "keyward_mcp on; keyward_mcp on;": ["duplicate"],
    "keyward_mcp off body=1m;": ['"off" must stand alone'],
    "keyward_mcp on body=big;": ["big", "16m"],
    "keyward_mcp on body=0;": ['"0"'],
    "keyward_mcp on body=1m body=2m;": ["body=2m", "only one"],
    "keyward_mcp on size=1m;": ["size=1m", "body=", "public=", "origins=", "lists=", "list="],
    "keyward_mcp on public=;": ["public="],
    "keyward_mcp on public=,;": ["a comma too many"],
    "keyward_mcp on public=tools/call:a;": ["tools/call:a", "keyward_rpc tools/call:a public;"],
    "keyward_mcp on public=default;": ["default"],
    "keyward_mcp on origins=example.com;": ["example.com", "https://"],
    "keyward_mcp on origins=https://a.example/;": ["https://a.example/"],
    "keyward_mcp on origins=https://a.example,https://a.example;": ["twice"],
    "keyward_mcp on origins=any,https://a.example;": ["any"],
    "keyward_mcp on lists=all;": ["lists=all", "lists=filter"],
    "keyward_mcp on list=1m;": ["list=", "lists=filter"],
    "keyward_mcp on lists=filter list=much;": ["much", "16m"],
    "keyward_rpc;": ["keyward_rpc"],
    'keyward_rpc "";': ["keyward_rpc"],
    "keyward_rpc scope=a:b;": ["keyward_rpc tools/call:deploy scope=a:b;"],
    "keyward_rpc ping open;": ["open", "public", "refuse", "scope=", "limit="],
    "keyward_rpc ping public public;": ["public", "twice"],
    "keyward_rpc ping refuse public;": ["refuse"],
    "keyward_rpc ping refuse scope=a:b;": ["refuse"],
    "keyward_rpc ping scope=;": ["scope="],
    "keyward_rpc ping scope=a:*;": ["a:*"],
    "keyward_rpc ping scope=a:b scope=c:d;": ["scope=c:d", "only one"],
    "keyward_rpc ping limit=often;": ["often"],
    "keyward_rpc ping cost=2;": ["cost=2", "credits"],
    "keyward_rpc ping; keyward_rpc ping public;": ["ping", "already"],
    "keyward_tool a; keyward_tool a public;": ["tools/call:a", "already"],
    "keyward_tool;": ["keyward_tool"],
    "keyward_tool scope=a:b;": ["keyward_tool deploy scope=a:b;"],
    "keyward_tool refuse;": ["keyward_tool deploy refuse;"],
    "keyward on; keyward_limit 1r/m by=tool;": ["by=tool", "keyward_mcp on;"],
    "keyward_limit plan by=tool;": ["by=key", "by=subject"],
}
HTTP = {
    "keyward_claim roles roles;": ['"roles"', "$roles"],
    "keyward_claim $ roles;": ['"$"', "$roles"],
    "keyward_claim $a-b roles;": ['"$a-b"', "$roles"],
    "keyward_claim $keyward_claim_a a;": ['"$keyward_claim_a"', "keeps for itself"],
    "keyward_claim $roles a..b;": ["a..b", "realm_access.roles"],
    "keyward_claim $roles /a/;": ["/a/", "empty name"],
    "keyward_claim $roles;": ["keyward_claim"],
    "keyward_store;": ["keyward_store"],
    "keyward_store /a; keyward_store /b;": ["duplicate"],
    "keyward_store @STORE@ size=1g;": ["size=1g", "map_size"],
    "keyward_store @STORE@ map_size=x;": ['"x"'],
    "keyward_store @STORE@ map_size=0;": ['"0"'],
    "keyward_zone;": ["keyward_zone"],
    "keyward_zone big;": ["big", "16m"],
    "keyward_zone 1k;": ["1k"],
    "keyward_zone 0;": ['"0"'],
    "keyward_zone 16m; keyward_zone 16m;": ["duplicate"],
    "keyward_key_format x_;": ["keyward_key_format"],
    "keyward_key_format a_ hex=64; keyward_key_format a_b hex=63;": ["a_b", "another prefix or length"],
    "keyward_key_format x_ checksum;": ["hex=N", "base62=N"],
    "keyward_key_format x_ hex=31;": ["128", "32"],
    "keyward_key_format x_ base62=21;": ["128", "22"],
    "keyward_key_format x_ base64url=21;": ["128", "22"],
    "keyward_key_format x_ hex=0;": ["hex=0"],
    "keyward_key_format x_ hex=abc;": ["hex=abc"],
    "keyward_key_format x_ base58=43;": ["base58=43", "base62=N"],
    "keyward_key_format x_ hex=64 base62=43;": ["base62=43"],
    "keyward_key_format x_ hex=71;": ["72", "sha256"],
    "keyward_key_format x_ hex=65 checksum;": ["72", "sha256"],
    "keyward_key_format x_ hex=64 checksums;": ["checksums"],
    "keyward_key_format x_ hex=40 checksum checksum;": ["checksum", "only one"],
    "keyward_key_format x_ hex=40 hex=41;": ["hex=41", "only one"],
    "keyward_key_format x_ hex=40 verifier=bcrypt verifier=sha256;": ["verifier=sha256", "only one"],
    "keyward_key_format x_ hex=64 verifier=md5;": ["md5", "bcrypt", "sha256"],
    "keyward_key_format x_ hex=64 verifier=bcrypt:3;": ["bcrypt"],
    "keyward_key_format x_ hex=64 verifier=bcrypt:15;": ["bcrypt"],
    "keyward_key_format x_ hex=64 verifier=bcrypt:x;": ["bcrypt:x"],
    'keyward_key_format "" hex=64;': ["prefix"],
    'keyward_key_format "a b" hex=64;': ["a b"],
    "keyward_key_format x. hex=64;": ["x."],
    "keyward_key_format eyJ hex=40;": ['"eyJ" can\'t be a key prefix', "kw_"],
    "keyward_key_format eyJx_ hex=40;": ['"eyJx_" can\'t be a key prefix', "kw_"],
    "keyward_key_format e hex=40;": ['"e" can\'t be a key prefix', "kw_"],
    "keyward_key_format x_ hex=64; keyward_key_format x_ base62=64;": ["x_", "another length"],
    "keyward_plan;": ["keyward_plan"],
    'keyward_plan "a b";': ["a b"],
    "keyward_plan p limit=60;": ["60", "60r/m"],
    "keyward_plan p limit=60r/m,x;": ['"x"', "60r/m"],
    "keyward_plan p limit=;": ["limit="],
    "keyward_plan p limit=60r/m,;": ['"60r/m,"', "a comma too many"],
    "keyward_plan p scope=a,,b;": ['"a,,b"', "a comma too many"],
    'keyward_plan p "scope=a b";': ["a b"],
    "keyward_plan p scope=po*sts;": ["po*sts", "posts:*"],
    "keyward_plan p max_keys=-1;": ["max_keys=-1"],
    "keyward_plan p max_keys=many;": ["max_keys=many"],
    "keyward_plan p concurrency=0;": ["concurrency=0", "from 1 to 1000000"],
    "keyward_plan p limit=5r/2month;": ["5r/2month", "1000r/month"],
    "keyward_plan p credits=1000;": ["credits=1000", "such as 1000/30d"],
    "keyward_plan p credits=0/30d;": ["credits=0/30d", "such as 1000/30d"],
    "keyward_plan p colour=red;": ["colour=red", "limit="],
    "keyward_plan p; keyward_plan p;": ['"p"', "twice"],
    "keyward_plan p limit=1r/s limit=2r/s;": ["limit=2r/s", "repeated"],
    "keyward_plan p scope=a scope=b;": ["scope=b", "repeated"],
    "keyward_plan p max_keys=1 max_keys=2;": ["max_keys=2", "repeated"],
    "keyward_plan p credits=1/d credits=2/d;": ["credits=2/d", "unknown or repeated"],
    "keyward_plan p no_access no_access;": ["no_access", "twice"],
    "keyward_plan p default default;": ["default", "twice"],
    "keyward_scope_implies a b b;": ['"b"', "twice"],
    "keyward_plan p default; keyward_plan q default;": ["default", '"p"'],
    "keyward_scope_implies a;": ["keyward_scope_implies"],
    'keyward_scope_implies "a b" c;': ["a b"],
    'keyward_scope_implies a "b c";': ["b c"],
    "keyward_bcrypt_concurrency 0;": ['"0"', "1"],
    "keyward_bcrypt_concurrency x;": ['"x"'],
    "keyward_bcrypt_concurrency 1; keyward_bcrypt_concurrency 1;": ["duplicate"],
    "keyward_identity;": ["keyward_identity"],
    'keyward_identity "X Y";': ["X Y"],
    "keyward_identity X_Y;": ["X_Y"],
    "keyward_identity X-;": ["X-"],
    "keyward_identity A; keyward_identity B;": ["duplicate"],
}


def check_line(output, directive, mentions):
    """Exactly one [emerg] line that a person can act on."""
    errors = lines(output, "emerg")
    assert len(errors) == 1, output
    place = re.search(r"in (\S+nginx\.conf):(\d+)", errors[0])
    assert place, errors[0]
    with open(place[1]) as file:
        text = file.read().splitlines()[int(place[2]) - 1]
    assert re.match(r"(?:keyward on; )?(\w+)", directive)[1] in text, f"points at {text!r}"
    for mention in mentions:
        assert mention in errors[0], errors[0]


@pytest.mark.parametrize("text", LOCATION)
def test_a_bad_directive_in_a_location_is_one_clear_line(config_test, text):
    rc, output = config_test(
        http="keyward_store @STORE@;\n" + PLAN, server=f"location / {{\n{text.replace('; ', ';' + chr(10))}\n}}"
    )
    assert rc == 1
    check_line(output, text, LOCATION[text])


@pytest.mark.parametrize("text", HTTP)
def test_a_bad_directive_in_http_is_one_clear_line(config_test, text):
    rc, output = config_test(http=text.replace("; ", ";\n") + "\n", server="location / { keyward off; }", store=False)
    assert rc == 1
    check_line(output, text, HTTP[text])


@pytest.mark.parametrize(
    "directive, contexts",
    {
        "keyward on;": "http server location if limit_except",
        "keyward_credential bearer;": "http server location if limit_except",
        "keyward_accept key;": "http server location if limit_except",
        "keyward_scope a;": "http server location limit_except",
        "keyward_require $arg_a;": "http server location limit_except",
        "keyward_claim $roles roles;": "http",
        "keyward_limit 60r/m;": "http server location",
        "keyward_concurrency 5;": "http server location if limit_except",
        "keyward_cost 5;": "http server location if limit_except",
        "keyward_limit_headers off;": "http server location",
        "keyward_mcp on;": "http server location if limit_except",
        "keyward_mcp on; keyward_rpc ping public;": "http server location if limit_except",
        "keyward_mcp on; keyward_tool a scope=a:b;": "http server location if limit_except",
        "keyward_errors json;": "http server location",
        'keyward_message unauthorized "x";': "http server location",
        "keyward_realm x;": "http server location",
        "keyward_forward_credential on;": "http server location",
        "keyward_identity X-A;": "http server",
        "keyward_zone 16m;": "http",
        "keyward_key_format x_ hex=64;": "http",
        "keyward_plan p;": "http",
        "keyward_scope_implies a b;": "http",
        "keyward_bcrypt_concurrency 1;": "http",
    }.items(),
)
def test_contexts(config_test, directive, contexts):
    """Where a directive may stand it does, and elsewhere nginx says that it may not."""
    places = {
        "main": dict(main=directive, server=""),
        "events": dict(server="", main="", http="} events { " + directive + "} http {"),
        "http": dict(
            http=directive, server="location / { keyward on; }" if directive != "keyward on;" else "location / { }"
        ),
        "server": dict(server=directive + (" keyward on;" if directive != "keyward on;" else "") + " location / { }"),
        "location": dict(location=directive + (" keyward on;" if directive != "keyward on;" else "")),
        "if": dict(server="keyward on; location / { if ($arg_a) { " + directive + " } }"),
        "limit_except": dict(server="keyward on; location / { limit_except GET { " + directive + " } }"),
    }
    allowed = contexts.split()
    for place in places:
        if place == "events" or (place in ("if", "limit_except") and place not in allowed and "location" in allowed):
            continue  # whether the rest may stand in if and limit_except doesn't matter
        rc, output = config_test(**places[place])
        if place in allowed:
            assert rc == 0, (place, output)
            assert not re.search(r"\[(warn|emerg|alert)\]", output), (place, output)
        else:
            assert rc == 1
            assert "is not allowed here" in output


@pytest.mark.parametrize(
    "text",
    [
        "keyward on;",
        "keyward shadow;",
        "keyward shadow until=2027-01-31;",
        "keyward shadow until=2027-01-31T18:00:00Z;",
        "keyward on; keyward_credential bearer header=X-API-Key header=X-Token;",
        "keyward on; keyward_accept key token;",
        "keyward on; keyward_accept key; keyward_accept methods=GET key token anonymous; keyward_accept methods=OPTIONS preflight key;",
        "keyward on; keyward_scope a:b c.d/e;",
        "keyward on; keyward_scope methods=GET a; keyward_scope methods=POST,PUT,DELETE b; keyward_scope match=any c d;",
        'keyward on; keyward_scope "org:$arg_org:read";',
        "keyward on; keyward_scope none;",
        "keyward on; keyward_require $keyward_claim_a $arg_b$arg_c reason=no_access; keyward_require $arg_d;",
        "keyward on; keyward_require none;",
        "keyward on; keyward_limit 60r/m; keyward_limit 5r/s by=address; keyward_limit 1000r/30d by=subject window=sliding name=long cost=5;",
        "keyward on; keyward_limit plan; keyward_limit 20r/m methods=POST;",
        "keyward on; keyward_limit plan default=pro;",
        "keyward on; keyward_limit none;",
        "keyward on; keyward_cost 10 methods=POST,PUT refund=5xx; keyward_cost 1;",
        "keyward on; keyward_cost none;",
        "keyward on; keyward_limit_headers both reset=delta;",
        "keyward on; keyward_errors auto; keyward_realm 'my api'; keyward_forward_credential on;",
        "keyward on; keyward_errors json fields=error:message,code:type;",
        "keyward on; keyward_errors mcp id=null;",
        "keyward on; keyward_errors $arg_form fields=error id=null;",
        'keyward on; keyward_message invalid_key "Bad key." rpc=-2147483647 code=a; keyward_errors grpc;',
        'keyward on; keyward_message invalid_key "Bad key." code=bad status=403; keyward_message unauthorized forbidden "No.";',
        "keyward off;",
        "",
    ],
)
def test_good_configurations_pass_without_a_word(config_test, text):
    rc, output = config_test(http=PLAN, location=text)
    assert rc == 0
    assert [line for line in output.splitlines() if "nginx.conf" not in line] == []
    assert not re.search(r"\[(warn|emerg|alert|error)\]", output)


@pytest.mark.parametrize(
    "text",
    [
        "keyward_zone 32m;",
        "keyward_store @STORE@ map_size=1g;",
        "keyward_key_format nrp_ hex=64;\nkeyward_key_format kw_ base62=43 checksum verifier=bcrypt:12;\nkeyward_key_format s- base64url=100 verifier=sha256;",
        "keyward_key_format x_ hex=32;",
        "keyward_key_format x_ base62=22;",
        "keyward_key_format sapi_key_ hex=62;",
        "keyward_plan free no_access;\nkeyward_plan pro scope=a,b:* limit=60r/m,1000r/d,9000r/month concurrency=5 max_keys=5 credits=1000/30d default;",
        "keyward_scope_implies mcp:full mcp:*;\nkeyward_scope_implies a b c;",
        "keyward_bcrypt_concurrency 2;",
        "keyward_identity X-Auth;",
        "keyward_identity off;",
    ],
)
def test_good_directives_in_http_pass_without_a_word(config_test, text):
    rc, output = config_test(http=text + "\n", location="keyward on;", store="keyward_store" not in text)
    assert rc == 0
    assert not re.search(r"\[(warn|emerg|alert|error)\]", output), output


# --- references -----------------------------------------------------------------------------------------------------


def test_an_unknown_plan_is_named_with_its_place(config_test):
    rc, output = config_test(location="keyward on;\nkeyward_limit plan default=gold;")
    assert rc == 1
    check_line(output, "keyward_limit", ["gold", "keyward_plan"])


def test_a_plan_that_only_the_store_has_may_be_named(config_test, kw):
    # A plan is in http or in the store. Whether nginx -t can know those is another question: it must not refuse
    # what works, or has to say that the plan belongs into the configuration.
    kw("plan", "set", "gold", "--limit", "5r/m")
    rc, output = config_test(location="keyward on; keyward_limit plan default=gold;")
    assert rc == 0 or "keyward_plan gold" in output


def test_all_references_are_found_at_once(config_test):
    rc, output = config_test(
        server="""
        keyward on;
        location /a { keyward_limit plan default=gold; }
        location /b { keyward_limit plan default=silver; }
    """
    )
    assert rc == 1
    errors = lines(output, "emerg")
    assert any("gold" in line for line in errors) and any("silver" in line for line in errors)


def test_keys_without_a_store_are_refused(config_test):
    rc, output = config_test(location="keyward on; keyward_accept key;", store=False)
    assert rc == 1
    assert "keyward_store" in lines(output, "emerg")[0]


def test_tokens_need_no_store(config_test):
    # Without a store only tokens can be accepted, and nothing else is needed for that.
    rc, output = config_test(location="keyward on; keyward_accept token;", store=False)
    assert rc == 0, output


def test_off_needs_no_store(config_test):
    assert config_test(location="keyward off;", store=False).rc == 0
    assert config_test(location="", store=False).rc == 0


# --- the store --------------------------------------------------------------------------------------------------------


def other_version(store):
    """The schema record begins with its version; every record may have a seal behind, so only the number is changed."""
    environment = lmdb.open(str(store / "credentials"), max_dbs=32, subdir=True)
    with environment.begin(write=True) as transaction:
        table = environment.open_db(b"meta", txn=transaction, create=False)
        value = transaction.get(b"schema", db=table)
        (version,) = struct.unpack_from("<I", value)
        assert version < 100
        transaction.put(b"schema", struct.pack("<I", version + 1) + value[4:], db=table)
    environment.close()


def without_schema(store):
    environment = lmdb.open(str(store / "credentials"), max_dbs=32, subdir=True)
    with environment.begin(write=True) as transaction:
        transaction.delete(b"schema", db=environment.open_db(b"meta", txn=transaction, create=False))
    environment.close()


def truncate(path, size):
    with open(path, "r+b") as file:
        file.truncate(size)


def garbage(path):
    with open(path, "r+b") as file:
        file.write(os.urandom(os.path.getsize(path)))


def not_for_the_worker(store):
    if os.getuid() != 0:
        pytest.skip("needs root")
    for folder, _, files in os.walk(store):
        os.chown(folder, 0, 0)
        os.chmod(folder, 0o700)
        for name in files:
            os.chown(os.path.join(folder, name), 0, 0)


FAULTS = {
    "missing": (shutil.rmtree, ["init"]),
    "an empty folder": (lambda store: [shutil.rmtree(store), os.mkdir(store)], ["init"]),
    "a file": (lambda store: [shutil.rmtree(store), store.write_text("x")], []),
    "credentials missing": (lambda store: shutil.rmtree(store / "credentials"), []),
    "data of 0 bytes": (lambda store: truncate(store / "credentials/data.mdb", 0), []),
    "data truncated": (lambda store: truncate(store / "credentials/data.mdb", 8192), []),
    "garbage": (lambda store: garbage(store / "credentials/data.mdb"), []),
    "without a schema": (without_schema, []),
    "another version": (other_version, ["version"]),
    "the secret missing": (lambda store: os.unlink(store / "secret"), ["secret"]),
    "the secret too short": (lambda store: truncate(store / "secret", 5), ["secret"]),
    "unreadable by the worker": (not_for_the_worker, ["ermi"]),
}


def snapshot(store):
    """Everything that a look at the store might change."""
    if not store.is_dir():
        return store.exists()
    found = {}
    for folder, folders, files in os.walk(store):
        for name in ("", *files):
            status = os.stat(os.path.join(folder, name))
            found[os.path.join(folder, name)] = (
                status.st_ino,
                status.st_uid,
                status.st_gid,
                status.st_mode,
                status.st_size,
            )
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_workers_could_not_use_is_refused(config_test, store, fault):
    break_it, mentions = FAULTS[fault]
    store.key(verifier="sha256")
    break_it(store.path)
    before = snapshot(store.path)
    rc, output = config_test(location="keyward on;")
    assert rc == 1
    errors = lines(output, "emerg")
    assert len(errors) == 1, output
    assert "keyward_store" in errors[0] and str(store.path) in errors[0]
    assert re.search(r"nginx\.conf:\d+", errors[0])
    for mention in mentions:
        assert mention in errors[0]
    assert snapshot(store.path) == before, "the look changed something"
    # keyward off everywhere: a warning, in an incident too.
    rc, output = config_test(location="keyward off;")
    assert rc == 0
    assert any(str(store.path) in line for line in lines(output, "warn"))
    assert snapshot(store.path) == before, "the look changed something"


def test_the_look_at_a_good_store_changes_nothing(config_test, store):
    store.key(verifier="sha256")
    before = snapshot(store.path)
    assert config_test(location="keyward on;").rc == 0
    assert snapshot(store.path) == before


@pytest.mark.parametrize(
    "pieces",
    [
        dict(http="keyward_store /nonexistent/keyward;\n"),
        dict(server="location / { keyward off; keyward_limit plan default=nothing; }"),
    ],
    ids=["store", "plan"],
)
def test_off_everywhere_makes_errors_warnings(config_test, pieces):
    server = pieces.pop("server", "location / { %s }")
    if "%s" in server:
        assert config_test(**pieces, server=server % "keyward on;").rc == 1
        assert config_test(**pieces, server=server % "keyward shadow;").rc == 1
        rc, output = config_test(**pieces, server=server % "keyward off;")
    else:
        assert config_test(**pieces, server=server.replace("off", "on")).rc == 1
        rc, output = config_test(**pieces, server=server)
    assert rc == 0
    assert lines(output, "warn") and not lines(output, "emerg")


def test_in_an_incident_off_reloads_without_a_store(edge, store, backend):
    # It must never make a reload fail.
    key = {"X-API-Key": store.key(verifier="sha256")["key"]}
    e = edge(location="keyward on;")
    e.allow_log("keyward")
    assert e.get(headers=key).status == 200
    shutil.rmtree(store.path)
    until(lambda: e.get(headers=key).status == 503)
    e.reload(location="keyward off;")
    assert e.get(headers=key).status == 200
    log = e.reload(refused=True, location="keyward on;")
    assert "keyward_store" in log
    assert e.get().status == 200


# --- warnings ---------------------------------------------------------------------------------------------------------


def warnings(config_test, http="", **pieces):
    rc, output = config_test(http=PLAN + http, **pieces)
    assert rc == 0, output
    for line in lines(output, "warn"):
        assert re.search(r"nginx\.conf:\d+", line), line
    return lines(output, "warn")


@pytest.mark.parametrize(
    "directive",
    [
        "keyward_scope a;",
        "keyward_accept key;",
        "keyward_limit 60r/m;",
        "keyward_errors json;",
        'keyward_message unauthorized "x";',
        "keyward_credential bearer;",
        "keyward_forward_credential on;",
    ],
)
@pytest.mark.parametrize("off", ["", "keyward off;"])
def test_what_has_no_effect_where_keyward_is_off_is_warned_of(config_test, directive, off):
    found = warnings(config_test, server=f"location / {{ {off}\n{directive}\n}} location /on {{ keyward on; }}")
    assert len(found) == 1
    assert directive.split()[0] in found[0]


def test_what_has_an_effect_further_inside_is_no_mistake(config_test):
    assert (
        warnings(
            config_test, server="keyward_errors json; keyward_scope a; location / { } location /on { keyward on; }"
        )
        == []
    )
    assert (
        warnings(config_test, server="location /on { keyward on; keyward_scope a; location /on/off { keyward off; } }")
        == []
    )
    assert warnings(config_test, server="location / { keyward off; }") == []


@pytest.mark.parametrize(
    "inner, dropped",
    {
        "keyward_scope none;": True,
        "keyward_scope c;": True,
        "keyward_scope a c;": False,
        "keyward_scope a; keyward_scope c;": False,
        "keyward_scope a b;": False,
        "": False,
    }.items(),
)
def test_a_child_that_drops_all_scopes_is_warned_of(config_test, inner, dropped):
    found = warnings(config_test, server=f"keyward on;\nkeyward_scope a b;\nlocation / {{\n{inner}\n}}")
    assert len(found) == (1 if dropped else 0)
    assert all("keyward_scope" in line for line in found)


@pytest.mark.parametrize(
    "inner, lost",
    {
        "keyward_limit none;": True,
        "keyward_limit 5r/m;": True,
        "keyward_limit 5r/m; keyward_limit plan;": False,
        "keyward_limit plan default=pro;": False,
        "": False,
    }.items(),
)
def test_a_child_that_loses_the_plans_limits_is_warned_of(config_test, inner, lost):
    found = warnings(config_test, server=f"keyward on;\nkeyward_limit plan;\nlocation / {{\n{inner}\n}}")
    assert len(found) == (1 if lost else 0)
    assert all("keyward_limit" in line and "plan" in line for line in found)


@pytest.mark.parametrize(
    "limit, plans, warned",
    [
        ("keyward_limit plan cost=3;", "", 1),
        ("keyward_limit plan cost=2;", "", 0),
        ("keyward_limit plan;", "keyward_plan tiny limit=1r/m;", 0),
        ("keyward_limit plan cost=3;", "keyward_plan many limit=100r/d,2r/s;", 2),
        ("keyward_limit 5r/m cost=3;", "", 0),
        ("keyward_limit none;", "", 0),
    ],
)
def test_a_cost_above_a_plans_limit_is_warned_of(config_test, limit, plans, warned):
    # A request that costs more than its plan admits is 429 for good.
    found = warnings(
        config_test,
        http=f"keyward_plan free limit=2r/m;\n{plans}",
        server=f"keyward on;\nlocation / {{\n{limit}\n}}\nlocation /other {{ }}",
    )
    assert len(found) == warned, found
    for line, plan in zip(sorted(found), ("free", "many")):
        assert re.search(rf'"cost=3" .*in \S+nginx\.conf:\d+ .*"{plan}".*\(2r/[ms]\).*429', line), line


def test_a_cost_above_a_plans_limit_where_keyward_is_off_matters_not(config_test):
    found = warnings(
        config_test,
        http="keyward_plan free limit=2r/m;",
        server="location / {\nkeyward on;\n}\nlocation /off {\nkeyward_limit plan cost=3;\n}",
    )
    assert not any("cost=3" in line for line in found), found


CACHE = "proxy_cache_path @PREFIX@/cache keys_zone=c:1m;\n"


def cache_warnings(config_test, http=CACHE, **pieces):
    rc, output = config_test(http=http, **pieces)
    assert rc == 0, output
    found = [line for line in lines(output, "warn") if "no principal" in line]
    for line in found:
        assert re.search(r"nginx\.conf:\d+ ", line) and "_cache_key" in line and "$keyward_key_id" in line, line
    return found


@pytest.mark.parametrize(
    "key, safe",
    [
        ("", False),
        ("proxy_cache_key $uri;", False),
        ("proxy_cache_key constant;", False),
        ("proxy_cache_key $scheme$host$uri$is_args$args$arg_user;", False),
        ("proxy_cache_key $keyward_kind$uri;", False),
        # The credential is gone when the cache is asked.
        ("proxy_cache_key $http_x_api_key$uri;", False),
        ("proxy_cache_key $http_authorization$uri;", False),
        ("keyward_forward_credential on; proxy_cache_key $http_x_api_key$http_authorization$uri;", True),
        (
            "keyward_forward_credential on; keyward_credential header=X-API-Key; proxy_cache_key $http_x_api_key$uri;",
            True,
        ),
        # Whoever sends it as a Bearer token has nothing in there.
        ("keyward_forward_credential on; proxy_cache_key $http_x_api_key$uri;", False),
        ("keyward_credential header=X-Mine; proxy_cache_key ${http_x_mine}$uri;", False),
        ("keyward_credential header=X-Mine; proxy_cache_key $http_authorization$uri;", True),
        ('proxy_cache_key "$uri $keyward_key_id";', True),
        ("proxy_cache_key ${keyward_key_id}x$uri;", True),
        ("proxy_cache_key $Keyward_Key_ID$uri;", True),
        # A key may have no subject.
        ("proxy_cache_key $keyward_subject$uri;", False),
        ("proxy_cache_key $remote_user$uri;", False),
        # Not known to be shared: may be a principal, or a choice.
        ("proxy_cache_key $keyward_plan$uri;", True),
        ("proxy_cache_key $cookie_session$uri;", True),
        ("set $mine $uri; proxy_cache_key $mine;", True),
        # What clients may leave out keeps nothing out of the cache.
        ("proxy_no_cache $arg_a; proxy_cache_bypass $arg_a;", False),
        ("proxy_no_cache $arg_a;", False),
        ("keyward_accept anonymous;", True),
        ("keyward_accept key anonymous;", False),
    ],
)
def test_a_cache_without_a_principal_in_its_key_is_warned_of(config_test, key, safe):
    for mode in "on", "shadow":
        assert len(cache_warnings(config_test, location=f"keyward {mode}; proxy_cache c; {key}")) == (0 if safe else 1)
    if "keyward_" not in key.replace("$keyward_", ""):
        rc, output = config_test(http=CACHE, location=f"keyward off; proxy_cache c; {key}")
        assert rc == 0 and not lines(output, "warn")


@pytest.mark.parametrize(
    "accept, key, words",
    [
        # Tokens have no key's id, and two issuers may have a subject of one name.
        ("key one", "$keyward_key_id", "'$keyward_key_id $keyward_subject "),
        ("key one", "$keyward_key_id $keyward_subject", None),
        ("one two", "$keyward_subject", "'$keyward_key_id $keyward_issuer $keyward_subject "),
        ("token", "$keyward_key_id $keyward_subject", "'$keyward_key_id $keyward_issuer $keyward_subject "),
        ("one two", "$keyward_subject $keyward_issuer", None),
        ("one two", "$keyward_issuer", "'$keyward_key_id $keyward_issuer $keyward_subject "),
        ("one two", "$keyward_subject $keyward_claim_tenant", None),
        ("one shared", "$keyward_subject", None),
        ("key", "$keyward_key_id", None),
    ],
)
def test_a_cache_for_tokens_names_who_they_are_about(config_test, issuers, accept, key, words):
    http = CACHE + "".join(
        issuers.block(name, Signer(), rules)
        for name, rules in (("one", ""), ("two", ""), ("shared", "subject shared;"))
    )
    location = f"keyward on; keyward_accept {accept}; proxy_cache c; proxy_cache_key '{key} $uri';"
    rc, output = config_test(http=http, location=location)
    assert rc == 0 and ("_cache_key" in output) == (words is not None) and (words or "") in output, output


@pytest.mark.parametrize(
    "server, count",
    {
        "proxy_cache c; keyward on; location / { proxy_pass http://127.0.0.1:1; }": 1,
        "proxy_cache c; keyward on; location / { proxy_cache off; proxy_pass http://127.0.0.1:1; }": 0,
        "proxy_cache c; keyward on; proxy_cache_key $keyward_key_id$uri; location / { proxy_pass http://127.0.0.1:1; }": 0,
        "proxy_cache c; keyward on; proxy_cache_key $keyward_key_id$uri; location / { proxy_cache_key $uri; proxy_pass http://127.0.0.1:1; }": 1,
        "proxy_cache c; keyward on; proxy_cache_key $uri; location / { proxy_cache_key $keyward_key_id$uri; proxy_pass http://127.0.0.1:1; }": 0,
        "proxy_cache c; location / { keyward on; location /a { proxy_pass http://127.0.0.1:1; } location /b { proxy_pass http://127.0.0.1:1; } }": 2,
        "proxy_cache c; location / { proxy_pass http://127.0.0.1:1; } location /on { keyward on; }": 0,
        # Nothing is proxied there, or not by the module that has the cache.
        "proxy_cache c; keyward on; location / { }": 0,
        "proxy_cache c; keyward on; location / { fastcgi_pass 127.0.0.1:1; }": 0,
        "proxy_cache c; keyward on; location / { fastcgi_pass 127.0.0.1:1; } location /p { proxy_pass http://127.0.0.1:1; }": 1,
        # Blocks inside a location are told once, and on their own where only they are wrong.
        "keyward on; location / { proxy_cache c; if ($arg_a) { add_header A b; } limit_except GET { deny all; } proxy_pass http://127.0.0.1:1; }": 1,
        "location / { proxy_cache c; limit_except GET { keyward on; } proxy_pass http://127.0.0.1:1; }": 1,
        "location / { proxy_cache c; if ($arg_a) { keyward on; } proxy_pass http://127.0.0.1:1; }": 1,
        # A proxy_pass with variables is known by another one's handler.
        "proxy_cache c; keyward on; location / { proxy_pass http://$arg_b; } location /p { proxy_cache off; proxy_pass http://127.0.0.1:1; }": 1,
        "proxy_cache c; keyward on; location / { fastcgi_pass $arg_b; } location /p { proxy_cache off; proxy_pass http://127.0.0.1:1; }": 0,
        # The others that cache.
        "fastcgi_cache c; fastcgi_cache_key $uri; keyward on; location / { fastcgi_pass 127.0.0.1:1; }": 1,
        "fastcgi_cache c; fastcgi_cache_key $keyward_key_id$uri; keyward on; location / { fastcgi_pass 127.0.0.1:1; }": 0,
        "uwsgi_cache c; uwsgi_cache_key $uri; keyward on; location / { uwsgi_pass 127.0.0.1:1; }": 1,
        "uwsgi_cache c; uwsgi_cache_key $keyward_key_id$uri; keyward on; location / { uwsgi_pass 127.0.0.1:1; }": 0,
        "scgi_cache c; scgi_cache_key $uri; keyward on; location / { scgi_pass 127.0.0.1:1; }": 1,
        "scgi_cache c; scgi_cache_key $keyward_key_id$uri; keyward on; location / { scgi_pass 127.0.0.1:1; }": 0,
    }.items(),
)
def test_where_a_shared_cache_is_warned_of(config_test, server, count):
    path = CACHE
    for kind in "fastcgi", "uwsgi", "scgi":
        if f"{kind}_cache " in server:
            path = CACHE.replace("proxy", kind)
    assert len(cache_warnings(config_test, http=path, server=server)) == count


def test_a_shared_cache_of_http_is_warned_of_with_the_locations_line(config_test):
    http = CACHE + "proxy_cache c;\nproxy_cache_key $uri;\nkeyward on;\n"
    (line,) = cache_warnings(config_test, http=http, server="\n\nlocation /here {\n proxy_pass http://127.0.0.1:1;\n}")
    path, number = re.search(r"in (\S+nginx\.conf):(\d+)", line).groups()
    with open(path) as file:
        assert "location /here" in file.read().splitlines()[int(number) - 1]


def test_what_is_warned_of_does_happen(edge, store, make_backend):
    """Two keys, one answer: the reason for the warning. With a principal in the key each gets its own."""
    backend = make_backend()
    first, second = ({"X-API-Key": store.key(verifier="sha256")["key"]} for _ in range(2))
    e = edge(
        http=CACHE,
        URL=backend.url,
        server="""
        keyward on;
        proxy_cache c;
        proxy_cache_valid 200 1m;
        add_header X-Cache $upstream_cache_status always;
        location /shared { proxy_cache_key $http_x_api_key$uri; proxy_pass @URL@; }
        location /own { proxy_cache_key "$keyward_key_id $uri"; proxy_pass @URL@; }
    """,
    )
    assert [e.get("/shared", key).header("X-Cache") for key in (first, second)] == ["MISS", "HIT"]
    assert [e.get("/own", key).header("X-Cache") for key in (first, second, first)] == ["MISS", "MISS", "HIT"]


@pytest.mark.parametrize(
    "server, warned",
    {
        "keyward on; location / { if ($arg_a) {\nkeyward off; } }": True,
        "keyward shadow; location / { if ($arg_a) {\nkeyward off; } }": True,
        "location / { keyward on; limit_except GET {\nkeyward off; } }": True,
        "keyward on; location / { keyward off; if ($arg_a) {\nkeyward off; } }": False,
        "location / { limit_except GET { keyward on; } } location /b { keyward on; }": False,
        "keyward on; location / { keyward off; }": False,
        "keyward on; location / { if ($arg_a) { keyward shadow; } }": False,
    }.items(),
)
def test_off_for_some_requests_of_a_guarded_location_is_warned_of(config_test, server, warned):
    found = [line for line in warnings(config_test, server=server) if '"keyward off"' in line]
    assert len(found) == (1 if warned else 0)
    for line in found:
        path, number = re.search(r"in (\S+nginx\.conf):(\d+)", line).groups()
        with open(path) as file:
            assert "keyward off" in file.read().splitlines()[int(number) - 1]


def test_a_shadow_that_is_over_is_warned_of(config_test):
    (line,) = warnings(config_test, location="keyward shadow until=2020-01-31;")
    assert "until=2020-01-31" in line and '"keyward on;"' in line
    assert warnings(config_test, location="keyward shadow until=2199-01-31;") == []


@pytest.mark.parametrize(
    "pieces",
    [
        dict(location="keyward on;\nkeyward_credential header=X-Keyward-Subject;"),
        dict(location="keyward on;\nkeyward_credential bearer header=x-keyward-key-id;"),
        dict(server="keyward on;\nkeyward_identity X-Edge; keyward_credential header=X-Edge-Plan; location / { }"),
        dict(server="keyward on;\nkeyward_identity off; keyward_credential header=X-Keyward-Kind; location / { }"),
        dict(http="keyward_credential header=X-Keyward-Assertion;\n", server="location / { keyward on; }"),
    ],
)
def test_a_credential_in_an_identity_field_is_refused(config_test, pieces):
    rc, output = config_test(**pieces)
    assert rc == 1
    check_line(output, "keyward_credential", ["keyward_identity", "header=X-API-Key"])
    pieces = {name: text.replace("keyward on;", "keyward off;") for name, text in pieces.items()}
    assert config_test(**pieces).rc == 0


def test_a_credential_near_an_identity_field_is_fine(config_test):
    assert config_test(location="keyward on; keyward_credential header=X-Keyward-Key;").rc == 0
    assert (
        config_test(
            server="keyward on; keyward_identity X-Edge; keyward_credential header=X-Keyward-Plan; location / { }"
        ).rc
        == 0
    )


def test_several_mistakes_that_matter_later_are_all_told(config_test):
    rc, output = config_test(
        http="keyward_store /nonexistent;\n",
        server="""
        location /a { keyward_scope a; }
        location /b { keyward_limit 5r/m; }
    """,
    )
    assert rc == 0
    assert len(lines(output, "warn")) == 3


@pytest.mark.parametrize(
    "text, mentions",
    {
        # nginx's own bound comes first.
        "keyward_mcp on; client_max_body_size 100k;": ["body=", "client_max_body_size", "1048576"],
        "keyward_mcp on body=2m;": ["body=", "client_max_body_size 2097152;"],
        # What does nothing.
        "keyward_mcp off; keyward_tool a scope=a:b;": ["tools/call:a", "no effect", "keyward_mcp on;"],
        "keyward_mcp on; keyward_tool a public; keyward_tool a* scope=a:b;": ["tools/call:a", "public"],
        "keyward_mcp on public=ping; keyward_rpc ping scope=a:b;": ["ping", "public="],
    }.items(),
)
def test_mcp_warnings(config_test, text, mentions):
    rc, output = config_test(server="keyward on; location / { " + text.replace("; ", ";\n") + " }")
    found = lines(output, "warn")
    assert rc == 0 and len(found) == 1, output
    assert "nginx.conf:" in found[0]
    for mention in mentions:
        assert mention in found[0], found[0]


@pytest.mark.parametrize(
    "text",
    [
        "keyward_mcp on body=2m; client_max_body_size 2m;",
        "keyward_mcp on body=2m; client_max_body_size 0;",
        "keyward_mcp on public=initialize,notifications/*,tools/list origins=https://a.example,http://localhost:6274;",
        "keyward_mcp on; keyward_tool a scope=a:b,c:d limit=10r/month; keyward_tool b* public; keyward_rpc default refuse;",
        "keyward_mcp on; keyward_limit 1r/m by=tool; keyward_rpc resources/read:https://a.example/* scope=a:b;",
    ],
)
def test_good_mcp(config_test, text):
    rc, output = config_test(server="keyward on; location / { " + text.replace("; ", ";\n") + " }")
    assert rc == 0 and not lines(output, "warn"), output


def test_rules_of_a_server_are_for_its_locations(config_test):
    rc, output = config_test(
        server="keyward on;\nkeyward_tool a scope=a:b;\nlocation / { keyward_mcp on; }\nlocation /x { }"
    )
    assert rc == 0 and not lines(output, "warn"), output


def test_one_location_is_not_an_mcp_server_and_the_keys_api(config_test):
    rc, output = config_test(
        server="keyward on; keyward_scope a:b; keyward_mcp on;\nlocation /keys { keyward_api admin; }"
    )
    (line,) = lines(output, "emerg")[:1]
    assert rc == 1 and "keyward_mcp off;" in line and "keyward_api" in line, output


def test_a_limit_by_tool_in_an_incident(config_test):
    """`keyward off;` never makes a reload fail."""
    rc, output = config_test(server="location / { keyward off; keyward_limit 1r/m by=tool; }")
    assert rc == 0, output
