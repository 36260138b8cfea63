"""Scopes and roles in claims: what is a list and what is one value."""

import json

import pytest
from harness.tokens import Signer

ADMIN = "add_header X-Reason $keyward_reason always; keyward on; keyward_scope Admin;"
PAGE = "location / { empty_gif; }"
NO = "insufficient_scope"

# scope_claim, claims, what comes of a location that wants Admin.
CASES = {
    "a string of two words": ("roles", {"roles": "Billing Admin"}, NO),
    "a string of one": ("roles", {"roles": "Admin"}, 200),
    "a blank at an end": ("roles", {"roles": "Admin "}, NO),
    "an array": ("roles", {"roles": ["Billing", "Admin"]}, 200),
    "a blank in an element": ("roles", {"roles": ["Billing Admin"]}, NO),
    "one element with a blank among others": ("roles", {"roles": ["Billing Admin", "Admin"]}, 200),
    "elements that are no strings": ("roles", {"roles": [["Admin"], {"Admin": True}, None, 5]}, NO),
    "inside of an object": ("realm_access.roles", {"realm_access": {"roles": "Billing Admin"}}, NO),
    "a member that is called scope": ("realm.scope", {"realm": {"scope": "Billing Admin"}}, NO),
    "an object that is called scope": ("scope.roles", {"scope": {"roles": "Billing Admin"}}, NO),
    "a URL that ends in scope": ("https://e.example/scope", {"https://e.example/scope": "Billing Admin"}, NO),
    "another case": ("Scope", {"Scope": "Billing Admin"}, NO),
    "groups": ("cognito:groups", {"cognito:groups": "Billing Admin"}, NO),
    "an element of scope": ("scope", {"scope": ["Billing Admin"]}, NO),
    "scope": ("scope", {"scope": "Billing Admin"}, 200),
    "scp": ("scp", {"scp": "Billing Admin"}, 200),
    "permissions": ("permissions", {"permissions": "Billing Admin"}, 200),
    "behind one that isn't there": ("roles scp", {"scp": "Billing Admin"}, 200),
    "before one that is": ("roles scp", {"roles": "Billing Admin", "scp": "Admin"}, NO),
}


def reason(response):
    return response.status if response.status == 200 else response.header("X-Reason")


def test_report_S2(edge, issuers):
    signer = Signer("EdDSA")
    e = edge(http=issuers.block("auth", signer, "scope_claim roles;"), server=f"{ADMIN} {PAGE}", store=False)
    refused = e.get("/", signer.bearer(roles="Billing Admin"))
    assert (refused.status, reason(refused)) == (403, NO)
    # It worked before, so the log says what is the matter.
    e.wait_log(r"insufficient_scope.*scope_claim is one string with blanks.*array")
    assert e.get("/", signer.bearer(roles=["Billing", "Admin"])).status == 200
    assert reason(e.get("/", signer.bearer(roles=["Billing"]))) == NO
    assert e.log.count("string with blanks") == 1


@pytest.mark.parametrize("name", CASES)
def test_report_S2_claims(name, edge, issuers, kw):
    claim, claims, wanted = CASES[name]
    signer = Signer("EdDSA")
    e = edge(http=issuers.block("auth", signer, f"scope_claim {claim};"), server=f"{ADMIN} {PAGE}", store=False)
    token = signer.token(**claims)
    assert reason(e.get("/", {"Authorization": f"Bearer {token}"})) == wanted
    # And the command says the same.
    arguments = [word for one in claim.split() for word in ("--scope-claim", one)]
    run = kw.run(
        "--json", "token", "inspect", "--no-store", "--public-key", issuers.path("auth.pem"), *arguments, input=token
    )
    scopes = (json.loads(run.stdout)["scopes"] or "").split()
    assert ("Admin" in scopes) == (wanted == 200), run.stdout


def test_report_S2_the_backend_sees_the_same(edge, issuers, backend):
    signer = Signer("EdDSA")
    e = edge(
        http=issuers.block("auth", signer, "scope_claim roles; grant a;"),
        location="keyward on; keyward_scope a;",
        store=False,
    )
    for roles, scopes in (
        ("Billing Admin", "a"),
        ("Admin", "Admin a"),
        (["Billing Admin", "Admin"], "Admin a"),
        ("", "a"),
    ):
        assert e.get("/", signer.bearer(roles=roles)).status == 200
        assert backend.last.header("X-Keyward-Scopes") == scopes


def test_report_S2_inspect_remarks_on_it(kw, issuers):
    signer = Signer("EdDSA")
    issuers.block("auth", signer)
    arguments = (
        "--json",
        "token",
        "inspect",
        "--no-store",
        "--public-key",
        issuers.path("auth.pem"),
        "--scope-claim",
        "roles",
    )
    run = kw.run(*arguments, input=signer.token(roles="Billing Admin"))
    answer = json.loads(run.stdout)
    assert answer["accepted"] and not answer["scopes"]
    assert any("not split into scopes" in remark for remark in answer["remarks"])
    run = kw.run(*arguments, input=signer.token(roles=["Admin"]))
    assert not any("one value" in remark for remark in json.loads(run.stdout)["remarks"])
