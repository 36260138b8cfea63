"""Where a credential is found, what is taken for one, and that the backend sees everything but it."""

import json
import zlib

import bcrypt
import pytest
from harness.client import Closed, encode_request, raw
from harness.site import Site

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# What tells a test how the decision went, in the answer itself.
SHOW = """
add_header X-Decision $keyward_decision always;
add_header X-Reason $keyward_reason always;
add_header X-Key $keyward_key_id always;
"""
BUFFERS = "underscores_in_headers on;\nlarge_client_header_buffers 4 64k;"

# nginx's own share of what it sends upstream, and ours.
ADDED = {"host", "connection", "content-length"}


def others(request):
    """The fields that came from the client, as the backend got them."""
    return [(n, v) for n, v in request.headers if n.lower() not in ADDED and not n.lower().startswith("x-keyward-")]


def send(edge, *lines, target="/"):
    """One request whose header is these lines, byte for byte."""
    head = b"".join(raw(line) + b"\r\n" for line in lines)
    with edge.connect() as connection:
        connection.send(b"GET " + raw(target) + b" HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n")
        return connection.read_response()


@pytest.fixture(scope="module")
def site(build):
    with Site(build) as site:
        site.a = site.store.key(name="a", verifier="sha256")
        site.b = site.store.key(name="b", verifier="sha256")
        site.start(
            server=f"""
            {BUFFERS}
            {SHOW}
            location / {{ keyward on; proxy_pass @BACKEND@; }}
            location /bearer/ {{ keyward on; keyward_credential bearer; proxy_pass @BACKEND@; }}
            location /header/ {{ keyward on; keyward_credential header=X-Token; proxy_pass @BACKEND@; }}
            location /both/ {{ keyward on; keyward_credential header=X-Token header=X-API-Key; proxy_pass @BACKEND@; }}
            location /off/ {{ keyward off; proxy_pass @BACKEND@; }}
            location /forward/ {{ keyward on; keyward_forward_credential on; proxy_pass @BACKEND@; }}
            location /known/ {{
                keyward on;
                add_header X-Seen "$http_user_agent|$http_referer|$cookie_c|$http_x_forwarded_for|$http_authorization|$http_x_api_key";
                proxy_pass @BACKEND@;
            }}
            """
        )
        yield site


# {a} and {b} are good keys. The outcome: "ok", or a status and reason. Where nginx itself answers, the reason is "".
ROWS = {
    # The scheme.
    "Bearer": (["Authorization: Bearer {a}"], "ok"),
    "bearer": (["authorization: bearer {a}"], "ok"),
    "BEARER": (["AUTHORIZATION: BEARER {a}"], "ok"),
    "mixed case": (["Authorization: bEARer {a}"], "ok"),
    "two spaces": (["Authorization: Bearer  {a}"], "ok"),
    "a tab": (["Authorization: Bearer\t{a}"], "ok"),
    "tabs and spaces": (["Authorization: Bearer \t \t{a}"], "ok"),
    "no space before the value": (["Authorization:Bearer {a}"], "ok"),
    "a space behind": (["Authorization: Bearer {a} "], "ok"),
    "a tab behind": (["Authorization: Bearer {a}\t"], "ok"),
    "blanks behind": (["Authorization: Bearer {a} \t \t"], "ok"),
    "another scheme": (["Authorization: X"], 401, "missing_credential"),
    "another scheme with the key": (["Authorization: Token {a}"], 401, "missing_credential"),
    "Basic": (["Authorization: Basic dTpw"], 401, "missing_credential"),
    "an empty field": (["Authorization:"], 401, "missing_credential"),
    "a blank field": (["Authorization: \t "], 401, "missing_credential"),
    "the scheme alone": (["Authorization: Bearer"], 401, "missing_credential"),
    "the scheme and a space": (["Authorization: Bearer "], 401, "missing_credential"),
    "the scheme and a tab": (["Authorization: Bearer\t"], 401, "missing_credential"),
    "no blank behind the scheme": (["Authorization: Bearer{a}"], 401, "missing_credential"),
    "a longer scheme": (["Authorization: Bearers {a}"], 401, "missing_credential"),
    "the key without a scheme": (["Authorization: {a}"], 401, "missing_credential"),
    "nothing": ([], 401, "missing_credential"),
    "a word behind": (["Authorization: Bearer {a} x"], 401, "invalid_key"),
    "quoted": (['Authorization: Bearer "{a}"'], 401, "invalid_key"),
    "the scheme twice": (["Authorization: Bearer Bearer {a}"], 401, "invalid_key"),
    "a parameter": (["Authorization: Bearer token={a}"], 401, "invalid_key"),
    "Bearer, comma-joined": (["Authorization: Bearer {a}, Bearer {b}"], 401, "invalid_key"),
    "Bearer, comma-joined, equal": (["Authorization: Bearer {a},{a}"], 401, "invalid_key"),
    "two Authorization": (["Authorization: Bearer {a}", "Authorization: Bearer {a}"], 400, ""),
    "two Authorization, other scheme": (["Authorization: Basic dTpw", "Authorization: Bearer {a}"], 400, ""),
    # X-API-Key.
    "X-API-Key": (["X-API-Key: {a}"], "ok"),
    "x-api-key": (["x-api-key: {a}"], "ok"),
    "X-API-KEY without a space": (["X-API-KEY:{a}"], "ok"),
    "X-API-Key between blanks": (["X-API-Key:   {a}  "], "ok"),
    "X_API_Key": (["X_API_Key: {a}"], "ok"),
    "x_api-key": (["x_api-key: {a}"], "ok"),
    "X-API-Key, empty": (["X-API-Key:"], 401, "missing_credential"),
    "X-API-Key with a scheme": (["X-API-Key: Bearer {a}"], 401, "invalid_key"),
    "X-API-Key twice": (["X-API-Key: {a}", "X-API-Key: {a}"], 400, "invalid_request"),
    "X-API-Key twice, differing": (["X-API-Key: {a}", "X-API-Key: {b}"], 400, "invalid_request"),
    "X-API-Key twice, the first bad": (["X-API-Key: nonsense", "X-API-Key: {a}"], 400, "invalid_request"),
    "X-API-Key and X_API_Key": (["X-API-Key: {a}", "X_API_Key: {a}"], 400, "invalid_request"),
    "X_API_Key and X-API-Key, differing": (["X_API_Key: {b}", "X-API-Key: {a}"], 400, "invalid_request"),
    "X-API-Key, comma-joined": (["X-API-Key: {a}, {b}"], 401, "invalid_key"),
    "X-API-Key, comma-joined, equal": (["X-API-Key: {a},{a}"], 401, "invalid_key"),
    # Two sources.
    "both, equal": (["Authorization: Bearer {a}", "X-API-Key: {a}"], "ok"),
    "both, equal, reversed": (["X-API-Key: {a}", "Authorization: Bearer {a}"], "ok"),
    "both, differing": (["Authorization: Bearer {a}", "X-API-Key: {b}"], 400, "invalid_request"),
    "both, differing, reversed": (["X-API-Key: {b}", "Authorization: Bearer {a}"], 400, "invalid_request"),
    "both, one bad": (["Authorization: Bearer {a}", "X-API-Key: nonsense"], 400, "invalid_request"),
    "both, a token and a key": (["Authorization: Bearer eyJh.eyJz.c2ln", "X-API-Key: {a}"], 400, "invalid_request"),
    "both bad and equal": (["Authorization: Bearer nonsense", "X-API-Key: nonsense"], 401, "invalid_key"),
    "Basic beside a key": (["Authorization: Basic dTpw", "X-API-Key: {a}"], "ok"),
    "an empty Bearer beside a key": (["Authorization: Bearer", "X-API-Key: {a}"], "ok"),
    "an empty X-API-Key beside a key": (["X-API-Key:", "Authorization: Bearer {a}"], "ok"),
    # What it looks like.
    "a word": (["X-API-Key: nonsense"], 401, "invalid_key"),
    "the prefix alone": (["X-API-Key: kw_"], 401, "invalid_key"),
    "another prefix": (["X-API-Key: xw_{a:3:99}"], 401, "invalid_key"),
    "the prefix in capitals": (["X-API-Key: KW_{a:3:99}"], 401, "invalid_key"),
    "a token, and no issuer": (["Authorization: Bearer eyJh.eyJz.c2ln"], 401, "invalid_key"),
    "a token in X-API-Key": (["X-API-Key: eyJh.eyJz.c2ln"], 401, "invalid_key"),
    "two parts": (["X-API-Key: eyJh.eyJz"], 401, "invalid_key"),
    "four parts": (["X-API-Key: eyJh.eyJz.c2ln.x"], 401, "invalid_key"),
    "a padded part": (["X-API-Key: eyJh.eyI=.c2ln"], 401, "invalid_key"),
    "a token with a key's prefix": (["X-API-Key: kw_h.eyJz.c2ln"], 401, "invalid_key"),
    "dots only": (["X-API-Key: .."], 401, "invalid_key"),
    # Bytes at either end, and inside.
    "0x01 before": (["X-API-Key: \x01{a}"], 401, "invalid_key"),
    "0x01 behind": (["X-API-Key: {a}\x01"], 401, "invalid_key"),
    "0xff before": (["X-API-Key: \xff{a}"], 401, "invalid_key"),
    "0xff behind": (["X-API-Key: {a}\xff"], 401, "invalid_key"),
    "0x7f behind": (["X-API-Key: {a}\x7f"], 401, "invalid_key"),
    "a no-break space behind": (["X-API-Key: {a}\xa0"], 401, "invalid_key"),
    "a vertical tab behind": (["X-API-Key: {a}\x0b"], 401, "invalid_key"),
    "a form feed before": (["X-API-Key: \x0c{a}"], 401, "invalid_key"),
    "a tab before": (["X-API-Key: \t{a}"], "ok"),
    "a tab behind the key": (["X-API-Key: {a}\t"], "ok"),
    "Bearer, 0x01 before": (["Authorization: Bearer \x01{a}"], 401, "invalid_key"),
    "Bearer, 0x01 behind": (["Authorization: Bearer {a}\x01"], 401, "invalid_key"),
    "Bearer, 0xff before": (["Authorization: Bearer \xff{a}"], 401, "invalid_key"),
    "Bearer, 0xff behind": (["Authorization: Bearer {a}\xff"], 401, "invalid_key"),
    "Bearer, 0x01 for a blank": (["Authorization: Bearer\x01{a}"], 401, "missing_credential"),
    "0xff inside": (["X-API-Key: {a:0:20}\xff{a:21:99}"], 401, "invalid_key"),
    "a NUL before": (["X-API-Key: \0{a}"], 400, ""),
    "a NUL behind": (["X-API-Key: {a}\0"], 400, ""),
    "a NUL inside": (["Authorization: Bearer {a:0:20}\0{a:20:99}"], 400, ""),
    "a bare CR inside": (["X-API-Key: {a}\rX: y"], 400, ""),
    # Size: 8 KiB at most.
    "8 KiB": (["X-API-Key: kw_" + "x" * 8189], 401, "invalid_key"),
    "8 KiB and a byte": (["X-API-Key: kw_" + "x" * 8190], 400, "credential_too_large"),
    "Bearer, 8 KiB": (["Authorization: Bearer kw_" + "x" * 8189], 401, "invalid_key"),
    "Bearer, 8 KiB and a byte": (["Authorization: Bearer kw_" + "x" * 8190], 400, "credential_too_large"),
    "8 KiB of a token": (["Authorization: Bearer " + "x" * 8188 + ".y.z"], 401, "invalid_key"),
    "8 KiB of a token and a byte": (["Authorization: Bearer " + "x" * 8189 + ".y.z"], 400, "credential_too_large"),
    "8 KiB among blanks": (["X-API-Key:   kw_" + "x" * 8189 + " \t"], 401, "invalid_key"),
    "60 KB": (["X-API-Key: " + "x" * 60000], 400, "credential_too_large"),
    "8,000 dots": (["X-API-Key: " + "." * 8000], 401, "invalid_key"),
}


class Slice(str):
    """{a:3:99} is a[3:99]."""

    def __format__(self, spec):
        return str(self)[slice(*(int(part) for part in spec.split(":")))] if spec else str(self)


@pytest.mark.parametrize("name", ROWS)
def test_what_is_taken_for_a_credential(site, name):
    lines, *outcome = ROWS[name]
    a, b = Slice(site.a["key"]), Slice(site.b["key"])
    site.backend.clear()
    response = send(site.edge, *(line.format(a=a, b=b) for line in lines))
    if outcome == ["ok"]:
        assert (response.status, response.header("X-Decision")) == (200, "allowed")
        assert response.header("X-Key") == site.a["id"]
        assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]
        seen = json.dumps(site.backend.last.headers)
        assert site.a["key"] not in seen, "the backend saw the credential"
    else:
        status, reason = outcome
        assert (response.status, response.header("X-Reason") or "") == (status, reason)
        assert site.backend.requests == []


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
def test_two_empty_and_one_filled_x_api_key_never_show_the_key_to_the_backend(site, protocol):
    # Whether an empty field counts as given is open, that the key never leaks is not.
    headers = [("X-API-Key", ""), ("X-API-Key", site.a["key"])]
    site.backend.clear()
    if protocol == "HTTP/2":
        with site.edge.h2() as connection:
            response = connection.request(headers=headers)
    else:
        response = site.edge.get(headers=headers)
    assert response.status in (200, 400)
    assert all(site.a["key"] not in json.dumps(request.headers) for request in site.backend.requests)


@pytest.mark.parametrize(
    "headers, outcome",
    {
        "Bearer": ([("authorization", "Bearer {a}")], "ok"),
        "bearer, two spaces": ([("authorization", "bearer  {a}")], "ok"),
        "X-API-Key": ([("x-api-key", "{a}")], "ok"),
        "both": ([("x-api-key", "{a}"), ("authorization", "Bearer {a}")], "ok"),
        "differing": ([("x-api-key", "{a}"), ("authorization", "Bearer {b}")], (400, "invalid_request")),
        "twice": ([("x-api-key", "{a}"), ("x-api-key", "{a}")], (400, "invalid_request")),
        "0xff": ([("x-api-key", "{a}\xff")], (401, "invalid_key")),
        "nothing": ([], (401, "missing_credential")),
        "9000 bytes": ([("x-api-key", "kw_" + "x" * 8997)], (400, "credential_too_large")),
    }.values(),
)
def test_http2_credentials(site, headers, outcome):
    # Over HTTP/2.
    site.backend.clear()
    with site.edge.h2() as connection:
        fields = [(name, value.format(a=site.a["key"], b=site.b["key"])) for name, value in headers]
        response = connection.request(headers=fields)
        again = connection.request(headers={"x-api-key": site.a["key"]})
    if outcome == "ok":
        assert response.status == 200
        assert site.backend.requests[0].header("X-Keyward-Key-Id") == site.a["id"]
    else:
        assert (response.status, response.header("x-reason")) == outcome
    assert again.status == 200, "the connection goes on"


# --- sources -----------------------------------------------------------------------------------------------------


def test_a_source_that_is_not_named_is_no_source(site):
    a, b = site.a["key"], site.b["key"]
    edge = site.edge
    assert edge.get("/bearer/", {"X-API-Key": a}).header("X-Reason") == "missing_credential"
    assert edge.get("/header/", {"X-API-Key": a}).header("X-Reason") == "missing_credential"
    assert edge.get("/header/", {"Authorization": f"Bearer {a}"}).header("X-Reason") == "missing_credential"
    # And isn't touched, or compared with the one that is.
    assert edge.get("/bearer/", {"Authorization": f"Bearer {a}", "X-API-Key": b}).status == 200
    assert others(site.backend.last) == [("X-API-Key", b)]
    assert edge.get("/header/", {"Authorization": f"Bearer {b}", "X-Token": a}).status == 200
    assert others(site.backend.last) == [("Authorization", f"Bearer {b}")]


def test_two_headers_as_sources(site):
    a, b = site.a["key"], site.b["key"]
    edge = site.edge
    assert edge.get("/both/", {"x-token": a}).status == 200
    assert edge.get("/both/", {"x-api-key": a}).status == 200
    assert edge.get("/both/", {"x-api-key": a, "x-token": a}).status == 200
    assert others(site.backend.last) == []
    assert edge.get("/both/", {"x-api-key": a, "x-token": b}).header("X-Reason") == "invalid_request"


def test_off_touches_no_credential(site):
    headers = [
        ("Authorization", "Bearer  x"),
        ("X-API-Key", "kw_bad"),
        ("X-API-Key", site.a["key"]),
        ("X-Y", "z" * 9000),
    ]
    assert site.edge.get("/off/", headers).status == 200
    assert others(site.backend.last) == headers


# --- what the backend sees ----------------------------------------------------------------------------------------

KNOWN = [
    ("User-Agent", "agent/1"),
    ("Accept", "a/b"),
    ("Accept", "c/d"),
    ("Cookie", "c=1; d=2"),
    ("Referer", "http://x/"),
    ("X-Forwarded-For", "192.0.2.1, 192.0.2.2"),
    ("If-None-Match", '"etag"'),
    ("Range", "bytes=0-1"),
    ("Content-Type", "text/x"),
    ("Accept-Encoding", "br"),
]


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("source", ["bearer", "header", "both", "underscored"])
def test_only_the_credential_is_removed(site, protocol, source):
    """nginx keeps 20 fields a part of its list: before, across and behind the parts' ends."""
    a = site.a["key"]
    fields = {
        "bearer": [("Authorization", f"Bearer {a}")],
        "header": [("X-API-Key", a)],
        "both": [("X-API-Key", a), ("Authorization", f"bearer {a}")],
        "underscored": [("X_Api_Key", a)],
    }[source]
    counts = [0, 1, 16, 17, 18, 19, 20, 21, 25, 40, 60]
    connection = site.edge.h2() if protocol == "HTTP/2" else site.edge.connect()
    with connection:
        for before in counts:
            for behind in counts:
                head = [(f"X-Before-{n}", f"{n}") for n in range(before)] + [("X-Dup", "1")]
                tail = [("X-Dup", "2")] + [(f"X-Behind-{n}", f"{n}:{'v' * n}") for n in range(behind)]
                middle = [fields[0], *KNOWN, *fields[1:]]
                sent = head + middle + tail
                site.backend.clear()
                if protocol == "HTTP/2":
                    response = connection.request("GET", "/", [(name.lower(), value) for name, value in sent])
                else:
                    response = connection.request("GET", "/", sent)
                assert response.status == 200, (before, behind)
                expected = [pair for pair in sent if pair not in fields]
                got = others(site.backend.last)
                if protocol == "HTTP/2":
                    # Names are in lower case, and nginx puts the cookies last.
                    expected = sorted([(n.lower(), v) for n, v in expected], key=lambda pair: pair[0] == "cookie")
                    got = [(n.lower(), v) for n, v in got]
                assert got == expected, (before, behind)
                assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]


@pytest.mark.parametrize("position", range(len(KNOWN) + 1))
def test_nginx_finds_the_other_fields_again(site, position):
    a = site.a["key"]
    fields = [("Authorization", f"Bearer {a}"), ("X-API-Key", a)]
    sent = [*KNOWN[:position], *fields, *KNOWN[position:]]
    response = site.edge.get("/known/", sent)
    assert response.header("X-Seen") == "agent/1|http://x/|1|192.0.2.1, 192.0.2.2||"


def test_the_body_and_the_method_are_kept(site):
    body = "x" * 300_000
    response = site.edge.request("PUT", "/p?q=%41", {"X-API-Key": site.a["key"]}, body=body)
    assert response.status == 200
    request = site.backend.last
    assert (request.method, request.target, request.body) == ("PUT", "/p?q=%41", body.encode())


@pytest.mark.parametrize(
    "field",
    [("Authorization", "bearer \t {}"), ("X-API-Key", "{}"), ("X_API_KEY", "{}")],
    ids=lambda field: field[0],
)
def test_forward_credential_keeps_it_as_it_came(site, field):
    value = field[1].format(site.a["key"])
    sent = [("X-A", "1"), (field[0], value), ("X-B", "2")]
    response = site.edge.get("/forward/", sent)
    assert response.status == 200
    assert others(site.backend.last) == sent
    assert site.backend.last.header("X-Keyward-Key-Id") == site.a["id"]


def test_the_credential_is_removed_for_every_location_that_a_redirect_leads_to(edge, backend, store):
    key = store.key(verifier="sha256")
    backend.on("/a", answer=lambda request: (200, {"X-Accel-Redirect": request.header("X-To")}, b""))
    e = edge(
        server="""
        location = /a { keyward on; proxy_pass @BACKEND@; }
        location = /on { keyward on; proxy_pass @BACKEND@; }
        location = /off { keyward off; proxy_pass @BACKEND@; }
        location = /only-bearer { keyward on; keyward_credential bearer; proxy_pass @BACKEND@; }
    """
    )
    for target in ("/on", "/off"):
        assert e.get("/a", {"X-API-Key": key["key"], "X-To": target}).status == 200
        assert backend.last.target == target
        assert key["key"] not in json.dumps(backend.last.headers)
    # The source has to be one of the new location's.
    backend.clear()
    assert e.get("/a", {"X-API-Key": key["key"], "X-To": "/only-bearer"}).status == 401
    assert backend.count("/only-bearer") == 0


# --- formats -------------------------------------------------------------------------------------------------------

FORMATS = {
    "kw_ base62=43 checksum": "kw_",
    "nrp_ hex=64": "nrp_",
    "bu_ base64url=43": "bu_",
    "hx- hex=32 checksum": "hx-",
    "b62 base62=22 verifier=sha256": "b62",
    "long_ base62=61 checksum": "long_",
    "wide_ base64url=120 checksum verifier=sha256": "wide_",
}


@pytest.fixture(scope="module")
def formats(build):
    with Site(build) as site:
        directives = "\n".join(f"keyward_key_format {text};" for text in FORMATS)
        site.keys = {}
        for text in FORMATS:
            form = " ".join(word for word in text.split() if not word.startswith("verifier="))
            site.keys[text] = site.store.key(verifier="sha256", format=form if "wide" not in text else text)
        site.start(http=directives, server=f"{BUFFERS}{SHOW}location / {{ keyward on; proxy_pass @BACKEND@; }}")
        yield site


def refused_as(site, credential):
    response = send(site.edge, f"X-API-Key: {credential}")
    return response.status, response.header("X-Reason")


@pytest.mark.parametrize("text", FORMATS)
def test_a_key_of_each_format_is_admitted(formats, text):
    key = formats.keys[text]["key"]
    assert key.startswith(FORMATS[text])
    assert formats.edge.get(headers={"X-API-Key": key}).status == 200
    assert formats.edge.get(headers={"Authorization": f"Bearer {key}"}).status == 200


@pytest.mark.parametrize("text", FORMATS)
def test_what_begins_with_a_prefix_and_is_not_of_its_format_is_refused(formats, text):
    key, prefix = formats.keys[text]["key"], FORMATS[text]
    for wrong in (
        key[:-1],
        key + key[-1],
        key[:-1] + "!",
        key[:-1] + ".",
        prefix,
        prefix + "." + key[len(prefix) + 1 :],
        prefix + "x.y.z",
        key + "." + key + ".z",
        key[:-1] + ("+" if "hex" not in text else "G" if key[-1] != "G" else "H"),
        key.upper() if "hex" in text else key + "=",
    ):
        assert refused_as(formats, wrong) == (401, "invalid_key"), wrong
    # Another's key under this prefix.
    other = formats.keys["nrp_ hex=64" if text != "nrp_ hex=64" else "bu_ base64url=43"]["key"]
    assert refused_as(formats, prefix + other) == (401, "invalid_key")


def test_a_prefix_that_is_not_configured_is_no_key(formats):
    assert refused_as(formats, "zz_" + formats.keys["kw_ base62=43 checksum"]["key"][3:]) == (401, "invalid_key")


@pytest.mark.parametrize("text", [text for text in FORMATS if "checksum" in text])
def test_a_wrong_checksum_is_refused_at_every_place(formats, text):
    key, prefix = formats.keys[text]["key"], FORMATS[text]
    with formats.edge.connect() as connection:
        for i in range(len(prefix), len(key)):
            wrong = key[:i] + ("1" if key[i] != "1" else "2") + key[i + 1 :]
            response = connection.request(headers={"X-API-Key": wrong})
            assert (response.status, response.header("X-Reason")) == (401, "invalid_key"), i


def test_the_checksum_is_crc32_in_base62(formats):
    # Computed here anew: what an operator's own minting tool would do.
    for text in FORMATS:
        if "checksum" in text:
            key = formats.keys[text]["key"]
            number, digits = zlib.crc32(key[:-6].encode()), ""
            while number:
                number, digit = divmod(number, 62)
                digits = BASE62[digit] + digits
            assert key[-6:] == digits.rjust(6, "0")


def test_the_default_format_is_replaced_and_not_added_to(edge, store):
    key = store.key(verifier="sha256")
    e = edge(http="keyward_key_format nrp_ hex=64;", server=f"{SHOW}location / {{ keyward on; proxy_pass @BACKEND@; }}")
    response = e.get(headers={"X-API-Key": key["key"]})
    assert (response.status, response.header("X-Reason")) == (401, "invalid_key")


def test_a_key_of_73_bytes_that_agrees_in_72_is_refused(edge, store, kw, backend):
    # bcrypt alone would read 72 bytes of it, and call it good.
    good = "sk_" + "Q3v" * 23
    assert len(good) == 72
    line = {"bcrypt": bcrypt.hashpw(good.encode(), bcrypt.gensalt(4)).decode(), "prefix": good[:12]}
    kw("key", "import", "-", input=json.dumps(line), ok=False)
    e = edge(
        http="keyward_key_format sk_ base64url=70 verifier=sha256;\nkeyward_key_format kw_ base62=43 checksum;",
        server=f"{SHOW}location / {{ keyward on; proxy_pass @BACKEND@; }}",
    )
    response = e.get(headers={"X-API-Key": good + "A"})
    assert (response.status, response.header("X-Reason")) == (401, "invalid_key")
    assert backend.requests == []
    # And it is the 73rd byte that was wrong with it: without it bcrypt does find the record.
    e.reload(http="keyward_key_format sk_ base64url=69 verifier=sha256;")
    assert e.get(headers={"X-API-Key": good}).status == 200


def test_the_whole_of_a_bcrypt_key_is_checked(edge, store, kw):
    # The lookup agrees (the record lies under this key's SHA-256), the verifier is another key's.
    key, other = store.key()["key"], store.key()["key"]
    import hashlib

    wrong = "kw_" + "a" * 43
    number, digits = zlib.crc32(wrong.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = BASE62[digit] + digits
    wrong += digits.rjust(6, "0")
    line = {
        "sha256": hashlib.sha256(wrong.encode()).hexdigest(),
        "bcrypt": bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode(),
    }
    kw("key", "import", "-", input=json.dumps(line))
    e = edge(server=f"{SHOW}location / {{ keyward on; proxy_pass @BACKEND@; }}")
    for _ in range(3):
        response = e.get(headers={"X-API-Key": wrong})
        assert (response.status, response.header("X-Reason")) == (401, "invalid_key")
    assert e.get(headers={"X-API-Key": key}).status == e.get(headers={"X-API-Key": other}).status == 200


def test_pipelined_requests_have_their_own_credentials(site):
    a, b = site.a["key"], site.b["key"]
    with site.edge.connect() as connection:
        connection.send(
            encode_request(headers={"X-API-Key": a})
            + encode_request()
            + encode_request(headers={"Authorization": f"Bearer {b}"})
            + encode_request(headers={"X-API-Key": "kw_x"})
        )
        answers = [connection.read_response() for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 401, 200, 401]
    assert [answer.header("X-Key") for answer in answers] == [site.a["id"], None, site.b["id"], None]


def test_trailers_are_no_credential(site):
    with site.edge.connect() as connection:
        connection.send(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-API-Key\r\n\r\n"
            f"1\r\nx\r\n0\r\nX-API-Key: {site.a['key']}\r\n\r\n"
        )
        assert connection.read_response().status == 401


@pytest.mark.parametrize("line", ["X-API-Key : {a}", " X-API-Key: {a}", "X-API-Key: \r\n {a}"])
def test_odd_spellings_of_a_field_are_no_credential(site, line):
    """A space before the colon and a folded line: nginx refuses or ignores them, and the key must not reach the backend."""
    site.backend.clear()
    try:
        response = send(site.edge, line.format(a=site.a["key"]))
        assert response.status in (400, 401)
    except Closed:
        pass
    assert site.backend.requests == []


def test_formats_whose_prefixes_begin_alike(edge, store):
    short, long = (store.key(verifier="sha256", format=text)["key"] for text in ("sk_ hex=64", "sk_live_ hex=40"))
    for formats in (("sk_ hex=64", "sk_live_ hex=40"), ("sk_live_ hex=40", "sk_ hex=64")):
        http = "".join(f"keyward_key_format {text} verifier=sha256;" for text in formats)
        e = edge(http=http, location="keyward on;")
        assert [e.get("/", {"X-API-Key": key}).status for key in (short, long)] == [200, 200]
        assert [e.get("/", {"X-API-Key": key[:-1]}).status for key in (short, long)] == [401, 401]


@pytest.mark.parametrize(
    "origin, method, status",
    [("https://a.example", "PUT", 200), ("", "PUT", 401), ("https://a.example", "", 401), ("", "", 401)],
)
def test_a_preflight_says_where_from_and_for_what(edge, origin, method, status):
    e = edge(location="keyward on; keyward_accept key preflight;")
    assert e.request("OPTIONS", "/", {"Origin": origin, "Access-Control-Request-Method": method}).status == status


@pytest.mark.parametrize("upgrade, status", [("websocket", 401), ("tcp", 401), ("h2c", 200), (None, 200)])
def test_what_would_open_a_tunnel_is_no_preflight(edge, backend, upgrade, status):
    """No browser's preflight has Upgrade: a backend that took it gave whoever came a tunnel, unseen. One that is removed opens nothing."""
    e = edge(
        http="keyward_upgrade tcp;",
        location="""keyward on; keyward_accept key preflight;
        proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;""",
    )
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET", "Connection": "upgrade"}
    assert e.request("OPTIONS", "/", {**headers, **({"Upgrade": upgrade} if upgrade else {})}).status == status
    assert [request.header("Upgrade") for request in backend.requests] == ([None] if status == 200 else [])
