"""The OpenAPI document of a location, and whether what is answered there is what it says."""

import re

import pytest
from harness.api import Api, as_key

HTTP = "keyward_key_format kw_ base62=43 checksum verifier=sha256;"
PLACES = {
    "/self": "keyward_api self;",
    "/short": "keyward_api self id_prefix=ak_ list=active page=off fields=id,name:label,key:raw_key,preview,is_active;",
    "/admin": "keyward_scope keys:admin; keyward_api admin;",
}
SERVER = "keyward on; " + " ".join(
    f"location {place} {{ keyward_limit 100000r/m; {lines} }}" for place, lines in PLACES.items()
)
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Schemas:
    """As much of JSON Schema as the documents use; anything else in one is an error."""

    KNOWN = {"$ref", "type", "enum", "format", "properties", "required", "additionalProperties", "items", "allOf", "minLength",
             "maxLength", "minimum", "description"}  # fmt: skip

    def __init__(self, document):
        self.all = document["components"]["schemas"]

    def check(self, schema, value, at="$"):
        assert set(schema) <= self.KNOWN, schema
        if "$ref" in schema:
            self.check(self.all[schema["$ref"].rsplit("/", 1)[1]], value, at)
        for part in schema.get("allOf", ()):
            self.check(part, value, at)
        if "type" in schema:
            types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            good = any(isinstance(value, TYPES[one]) and not (one == "integer" and value is True) for one in types)
            assert good, (at, types, value)
        assert value in schema.get("enum", [value]), (at, value)
        if schema.get("format") == "date-time" and value is not None:
            assert TIME.fullmatch(value), (at, value)
        if isinstance(value, str):
            assert schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6), (at, value)
        if isinstance(value, dict):
            missing = set(schema.get("required", ())) - set(value)
            assert not missing, (at, missing)
            for name, one in value.items():
                if name in schema.get("properties", {}):
                    self.check(schema["properties"][name], one, f"{at}.{name}")
                else:
                    assert schema.get("additionalProperties", True), (at, name)
        if isinstance(value, list) and "items" in schema:
            for i, one in enumerate(value):
                self.check(schema["items"], one, f"{at}[{i}]")


@pytest.fixture(params=list(PLACES))
def api(request, edge, store):
    e = edge(http=HTTP, server=SERVER)
    # Of an administrator a limit would bind every subject's keys.
    options = {} if request.param == "/admin" else {"limit": ["1000r/m"]}
    return Api(e, as_key(store.key(subject="alice", scope=["*"], verifier="sha256", **options)), request.param)


def test_answers_and_bodies_are_what_the_document_says(api):
    document = api("GET", "/openapi.json", ok=200).json()
    assert document["openapi"] == "3.1.0" and document["servers"] == [{"url": api.place}]
    schemas = Schemas(document)
    asked = set()

    def call(operation, path, body=None, query="", **values):
        """Sends it as the document has it, and checks what comes."""
        described = document["paths"][path][operation]
        asked.add((path, operation))
        if body is not None:
            schemas.check(described["requestBody"]["content"]["application/json"]["schema"], body)
        target = path.format(**values) + query
        answer = api(operation.upper(), target, body)
        assert str(answer.status) in described["responses"], (operation, path, answer.status, answer.body)
        content = described["responses"][str(answer.status)].get("content")
        assert (content is not None) == bool(answer.body)
        if content:
            schemas.check(content[answer.header("Content-Type")]["schema"], answer.json())
        return answer

    is_short = api.place == "/short"
    name, secret = ("label", "raw_key") if is_short else ("name", "key")
    more = {} if is_short else {"scopes": ["a"], "meta": {"x": 1}, "expires_at": "30d", "allow_from": ["127.0.0.0/8"]}
    if api.place == "/admin":
        more |= {"subject": "bob", "limits": ["5r/m"], "concurrency": 3, "verifier": "sha256", "plan": None}
    key = call("post", "/", {name: "CI", **more}).json()
    assert key[secret].startswith("kw_")
    call("get", "/")
    call("get", "/{id}", id=key["id"])
    call("patch", "/{id}", {name: "new"}, id=key["id"])
    call("post", "/{id}/suspend", id=key["id"])
    call("post", "/{id}/resume", id=key["id"])
    call("post", "/{id}/rotate", {"overlap": "1h"}, id=key["id"])
    call("get", "/whoami")
    call("get", "/audit", query="?limit=3")
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    pending = call("post", "/", {name: "laptop", "pkce_challenge": challenge}).json()
    own, api.headers = api.headers, {"X-API-Key": pending[secret]}
    call("post", "/activate", {"code_verifier": verifier})
    api.headers = own
    if api.place == "/admin":
        call("get", "/limits/{id}", id=key["id"])
        call("delete", "/limits/{id}", id=key["id"])
        call("put", "/subjects/{id}", {"state": "active"}, id="carol")
        call("put", "/subjects/{id}", {"scopes": ["a"], "plan": None}, id="carol")
        call("get", "/subjects/{id}", id="carol")
        call("get", "/subjects")
        call("delete", "/subjects/{id}", id="carol")
    call("delete", "/{id}", id=key["id"])
    described = {
        (path, method) for path, item in document["paths"].items() for method in item if method != "parameters"
    }
    assert asked == described
    # And a refusal is what it says, too.
    refused = api("GET", "/none")
    schemas.check(document["components"]["schemas"]["Problem"], refused.json())


def test_a_document_has_nothing_that_isnt_there(api):
    document = api("GET", "/openapi.json", ok=200).json()
    assert ("/subjects" in document["paths"]) == (api.place == "/admin")
    members = document["components"]["schemas"]["NewKey"]["properties"]
    assert ("limits" in members) == (api.place == "/admin")
    assert ("label" in members) == (api.place == "/short") and ("scopes" in members) == (api.place != "/short")
