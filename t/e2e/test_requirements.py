"""keyward_require and keyward_claim: what else has to hold, and any claim as a variable."""

import json

import pytest
from harness.tokens import Signer, bearer

TOLD = "add_header X-Reason $keyward_reason always;"


def reason(e, target="/", headers=None, method="GET"):
    response = e.request(method, target, headers or {})
    return response.header("X-Reason") or response.status


def test_claims_are_required(edge, issuers):
    signer = Signer("EdDSA")
    e = edge(
        http=issuers.block("auth", signer),
        server=f"keyward on; keyward_accept token; {TOLD} location / {{ keyward_require $keyward_claim_email_verified; empty_gif; }}",
        store=False,
    )
    for claim, wanted in (
        (True, 200),
        ("yes", 200),
        (1, 200),
        (False, "requirement_failed"),
        (0, "requirement_failed"),
        ("0", "requirement_failed"),
        ("false", "requirement_failed"),
        ("", "requirement_failed"),
        (None, "requirement_failed"),
        ({"a": 1}, "requirement_failed"),
    ):
        token = bearer(signer.token(email_verified=claim))
        assert reason(e, headers=token) == wanted, claim
        assert reason(e, headers=token) == wanted, claim  # and when it is remembered
    refused = e.get("/", bearer(signer.token()))
    assert refused.status == 403 and json.loads(refused.body)["code"] == "forbidden"


CLAIMS = {
    "nested": ("realm.kind", {"realm": {"kind": "x y"}}, "x y"),
    "a pointer": ("/a.b/c~1d", {"a.b": {"c/d": "x"}}, "x"),
    "a URL": ("https://e.example/r", {"https://e.example/r": ["a", "b"]}, "a,b"),
    "an array": ("roles", {"roles": ["posts:read", "Billing Admin", "a,b"]}, "posts%3Aread,Billing%20Admin,a%2Cb"),
    "an array of all kinds": ("l", {"l": ["a", 1, True, None, ["b"]]}, "a,1,true,,%5B%22b%22%5D"),
    "an object": ("o", {"o": {"admin": {"x": 1}, "b": []}}, '{"admin":{"x":1},"b":[]}'),
    "a number": ("n", {"n": 1.5}, "1.5"),
    "control characters": ("c", {"c": "a\nX-Evil: 1"}, "a%0AX-Evil: 1"),
    "nothing": ("o", {"o": {}}, ""),
    "null": ("o", {"o": None}, ""),
    "missing": ("o", {}, ""),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_any_claim_is_a_variable(edge, issuers, backend, name):
    claim, claims, wanted = CLAIMS[name]
    signer = Signer("EdDSA")
    e = edge(
        http=f"keyward_claim $unused sub;\nkeyward_claim $It {claim};\n" + issuers.block("auth", signer),
        server="keyward on; keyward_accept token; location / { proxy_set_header X-It '<$it>'; proxy_pass @BACKEND@; }",
        store=False,
    )
    now = {"sub": "u1", "exp": 9999999999, **claims}
    headers = bearer(signer.raw_token({"alg": "EdDSA"}, now))
    for _ in range(2):
        assert e.get("/", headers).status == 200
        assert backend.last.header("X-It") == f"<{wanted}>"


def test_variables_are_read_as_they_are_when_keyward_decides(edge, issuers):
    """Through a map, in whichever location the request is; also where something has read them too early, which the log tells of."""
    signer = Signer("EdDSA")
    e = edge(
        http="""
            keyward_claim $roles /app/roles;
            map $roles $is_admin { "~(^|,)admin(,|$)" 1; default 0; }
        """
        + issuers.block("auth", signer),
        server=f"""
            keyward on; keyward_accept token anonymous; {TOLD}
            keyward_require $is_admin;
            location / {{ empty_gif; }}
            location /early {{ if ($is_admin) {{ return 418; }} empty_gif; }}
            location /open {{ keyward_require none; empty_gif; }}
            location /moved {{ keyward_require none; try_files /none /inner; }}
            location /inner {{ internal; empty_gif; }}
            location /other {{ keyward_require $keyward_claim_sub reason=blocked_subject; empty_gif; }}
        """,
        store=False,
    )
    admin = bearer(signer.token(app={"roles": ["x", "admin"]}))
    user = bearer(signer.token(app={"roles": ["administrator"]}))
    for target in ("/", "/early", "/moved"):
        assert reason(e, target, admin) == 200, target
        assert reason(e, target, user) == "requirement_failed", target
        assert reason(e, target) == "requirement_failed", target  # nobody, too
    for headers in (admin, user, {}):
        assert reason(e, "/open", headers) == 200
    assert reason(e, "/other", user) == 200
    assert reason(e, "/other") == "blocked_subject"
    e.wait_log(r"\$roles was read before keyward had decided")


def test_preflights_are_not_asked_and_keys_are(edge, store):
    key = store.key(verifier="sha256", subject="alice")
    other = store.key(verifier="sha256")
    e = edge(
        server=f"keyward on; keyward_accept key preflight; {TOLD} location / {{ keyward_require $keyward_subject; empty_gif; }}"
    )
    assert reason(e, headers=bearer(key["key"])) == 200
    assert reason(e, headers=bearer(other["key"])) == "requirement_failed"
    preflight = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    assert reason(e, headers=preflight, method="OPTIONS") in (200, 405)  # the backend's business
    assert reason(e, method="OPTIONS") == "missing_credential"


def test_shadow_tells_and_a_refused_request_pays_nothing(edge, store):
    key = store.key(verifier="sha256")
    e = edge(
        server="""
            keyward on; add_header X-Reason $keyward_reason always; add_header X-Left $keyward_remaining always;
            keyward_limit 5r/h name=a;
            location / { keyward_require $arg_yes; empty_gif; }
            location /shadow { keyward shadow; keyward_require $arg_yes; empty_gif; }
        """
    )
    headers = bearer(key["key"])
    for _ in range(3):
        assert reason(e, "/", headers) == "requirement_failed"
    assert e.get("/?yes=1", headers).header("X-Left") == "4"
    assert e.get("/shadow", headers).status == 200
    e.wait_log(r"keyward would have refused \(shadow\): requirement_failed")


def test_a_variable_of_a_token_tells_nothing_of_whoever_was_refused(edge, issuers):
    signer = Signer("EdDSA")
    e = edge(
        http="keyward_claim $who sub;\n" + issuers.block("auth", signer),
        server="keyward on; keyward_accept token; add_header X-Who '<$who>' always; location / { keyward_require $arg_yes; empty_gif; }",
        store=False,
    )
    headers = signer.bearer()
    assert e.get("/?yes=1", headers).header("X-Who") == "<u1>"
    assert e.get("/", headers).header("X-Who") == "<>"


@pytest.mark.parametrize(
    "http, says",
    [
        ("keyward_claim $host a;", '"$host" is there already'),
        ("keyward_claim $a a;\nkeyward_claim $a b;", '"$a" is there already'),
        ("map $arg_x $a { default 1; }\nkeyward_claim $a a;", '"$a" is there already'),
        ("keyward_claim $a a;\nmap $arg_x $a { default 1; }", 'the duplicate "a" variable'),
    ],
)
def test_a_name_has_one_meaning(config_test, http, says):
    rc, output = config_test(http=http, location="keyward off;", store=False)
    assert rc == 1 and says in output, output


def test_what_nginx_warns_of(config_test):
    http = "keyward_claim $tier tier;\nlimit_req_zone $tier zone=a:1m rate=1r/s;"
    rc, output = config_test(http=http, server="location / { keyward on; limit_req zone=a; }")
    assert rc == 0 and "[warn]" in output and "keyward_claim_tier" in output
    rc, output = config_test(
        server="keyward on; keyward_require $arg_a; location / { keyward_require $arg_b; } location /b { keyward_require $arg_b $arg_a; }"
    )
    assert rc == 0 and output.count("drops all that the enclosing block requires") == 1
