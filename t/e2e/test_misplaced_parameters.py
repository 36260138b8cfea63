"""Typing errors of parameters that a directive would take for values: nginx -t says what to write."""

import re

import pytest

LOCATION = {
    "keyward_scope method=GET a:b;": "methods=GET",
    "keyward_scope a:b method=GET,POST;": "methods=GET,POST",
    "keyward_scope Methods=GET a:b;": "methods=GET",
    "keyward_scope mehtods=GET a:b;": "methods=GET",
    "keyward_scope verb=GET a:b;": "methods=GET",
    "keyward_scope on=POST,DELETE a:b;": "methods=POST,DELETE",
    "keyward_scope macth=any a:b c:d;": "match=any",
    "keyward_scope a:b c:d mach=any;": "match=any",
    "keyward_scope Match=any a:b;": "match=any",
    "keyward_scope method=$request_method a:b;": "methods=$request_method",
    "keyward_accept method=GET key;": "methods=M,...",
    "keyward_accept key methods=GET;": "methods=M,...",
    "keyward_limit 60r/m method=GET;": "methods=",
    "keyward_limit 60r/m by=$arg_a,cost=5;": "cost=5",
    "keyward_limit 60r/m by=$arg_a,method=GET;": "methods=GET",
    "keyward_limit plan nmae=x;": "name=",
    "keyward_message invalid_key status=403;": 'invalid_key "no such key" status=403;',
    "keyward_message invalid_key Status=403;": "status=403",
    "keyward_message invalid_key code=bad;": "code=bad",
    "keyward_realm realm=api;": "keyward_realm api;",
}
HTTP = {
    "keyward_plan pro scope=a:b,limit=60r/m;": "write a blank before it, not a comma: limit=60r/m",
    "keyward_plan pro scope=a:b,max_key=5;": "max_keys=5",
    "keyward_plan pro scope=a:b,credits=5/d;": "credits=5/d",
    "keyward_plan limit=60r/m;": "keyward_plan pro limit=60r/m;",
    "keyward_plan name=pro limit=60r/m;": "the name first",
    "keyward_plan scope=a:b default;": "the name first",
    "keyward_scope_implies a:b methods=GET;": "write scopes alone",
    "keyward_scope_implies scope=a:b c:d;": "write scopes alone",
    "keyward_store map_size=1g;": "keyward_store /var/lib/keyward map_size=1g;",
    "keyward_issuer i {\n secret_file /dev/null;\n grant scope=a:b;\n}": "grant posts:read;",
}


def emergency(test):
    rc, output = test
    found = re.findall(r"\[emerg\].*", output)
    assert rc == 1 and len(found) == 1, output
    return found[0]


@pytest.mark.parametrize("text", LOCATION)
def test_report_U19(config_test, store, text):
    line = emergency(config_test(location=f"keyward on; {text}"))
    assert LOCATION[text] in line and re.search(r"nginx\.conf:\d+", line), line


@pytest.mark.parametrize("text", HTTP)
def test_report_U19_in_http(config_test, text):
    line = emergency(config_test(http=text + "\n", location="keyward off;", store=False))
    assert HTTP[text] in line and re.search(r"nginx\.conf:\d+", line), line


@pytest.mark.parametrize(
    "text",
    [
        "keyward_scope tenant=acme team=$arg_team;",
        "keyward_scope https://api.example/?all=1 a=b=c;",
        "keyward_scope methods=GET a:b match=any c:d;",
        "keyward_scope a:b methods=GET;",
        "keyward_limit 60r/m by=$arg_a,$arg_b;",
        "keyward_limit 60r/m by=$arg_a/x=$arg_b;",
        'keyward_message invalid_key "code=bad is what you get";',
        'keyward_message invalid_key "key=bad";',
        "keyward_realm 'my=api';",
    ],
)
def test_report_U19_good(config_test, store, text):
    rc, output = config_test(location=f"keyward on; {text}")
    assert rc == 0 and not re.search(r"\[(warn|emerg)\]", output), output
