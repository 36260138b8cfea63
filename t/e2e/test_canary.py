"""A secret that was sent in every way is then looked for where nobody may find it: logs, answers, the store, a worker's memory."""

import base64
import hashlib
import re
from pathlib import Path

import pytest
from harness.build import PROJECT
from harness.wait import until

LOCATIONS = """
    add_header X-All "$keyward_decision|$keyward_reason|$keyward_kind|$keyward_key_id|$keyward_subject|$keyward_plan|$keyward_scopes|$remote_user" always;
    add_header X-More "$keyward_issuer|$keyward_limit|$keyward_remaining|$keyward_reset|$request|$request_uri|$args|$arg_key" always;
    keyward on;
    keyward_credential bearer basic scheme=ApiKey header=X-API-Key query=key websocket;
    keyward_limit 100000r/m;
    keyward_limit 100000r/m by=failures;
    location / { proxy_pass @BACKEND@; }
    location /problem { keyward_errors problem; proxy_pass @BACKEND@; }
    location /page { keyward_errors off; proxy_pass @BACKEND@; }
    location /fields { keyward_errors json fields=error,code,reason,status,required_scope,retry_after; proxy_pass @BACKEND@; }
    location /scope { keyward_scope no:body has:this; proxy_pass @BACKEND@; }
    location /used-up { keyward_limit 1r/d; proxy_pass @BACKEND@; }
    location /failures { keyward_limit 1r/d by=failures; proxy_pass @BACKEND@; }
    location /accept { keyward_accept anonymous; proxy_pass @BACKEND@; }
    location /shadow { keyward shadow; keyward_scope no:body; proxy_pass @BACKEND@; }
    location /off { keyward off; proxy_pass @BACKEND@; }
    location /satisfy { satisfy any; deny all; proxy_pass @BACKEND@; }
    location /missing { error_page 401 403 = @page; proxy_pass @BACKEND@; }
    location @page { keyward off; return 200 "a page"; }
"""
TARGETS = (
    "/",
    "/problem",
    "/page",
    "/fields",
    "/scope",
    "/used-up",
    "/failures",
    "/accept",
    "/shadow",
    "/off",
    "/satisfy",
    "/missing",
)


def hidden(text):
    """What of a key to look for: a part that no preview shows, which also stands in every malformed variant."""
    return text[14:-8]


class Canaries:
    """Keys in every state, each with a secret of its own."""

    def __init__(self, store, kw):
        make = lambda **options: store.key(subject="acme", scope="a:read", **options)
        good, fast, gone, held, late, lost = make(), make(verifier="sha256"), make(), make(), make(expires="1s"), make()
        kw("key", "revoke", gone["id"])
        kw("key", "suspend", held["id"])
        kw("key", "revoke", lost["id"])
        kw("key", "purge", "--revoked-before", "2100-01-01")  # lost and gone are unknown from now on
        ended = make()
        kw("key", "revoke", ended["id"])
        self.keys = {
            name: made["key"]
            for name, made in {
                "good": good,
                "sha256": fast,
                "held": held,
                "late": late,
                "unknown": lost,
                "gone": gone,
                "revoked": ended,
            }.items()
        }

    def credentials(self):
        for key in self.keys.values():
            yield key
        key = self.keys["good"]
        yield from (
            key[:-1],
            key + "x",
            key[:-1] + "!",
            key.upper(),
            "xx_" + key[3:],
            f"{key}.{key}.{key}",
            f"eyJh.{key[3:]}.c2ln",
            f"{key} {key}",
            f'"{key}"',
            f"Bearer {key}",
            key + "\xff",
            key * 170,
        )

    def secrets(self):
        found = [hidden(key) for key in self.keys.values()]
        return [*found, hidden(self.keys["good"]).upper()]


def ways(text):
    """(arguments, fields) for each way in which this credential may come."""
    escaped = "".join(f"%{byte:02X}" for byte in text.encode("latin-1"))
    plain = text.replace(" ", "%20").replace('"', "%22")
    yield "", [("Authorization", f"Bearer {text}")]
    yield "", [("Authorization", f"bEARER\t{text} ")]
    yield "", [("Authorization", f"ApiKey {text}")]
    yield "", [("Authorization", "Basic " + base64.b64encode(f"{text}:x".encode("latin-1")).decode())]
    yield "", [("X-API-Key", text)]
    yield "", [("X-API-Key", text), ("X-API-Key", text)]
    yield "", [("Authorization", f"Bearer {text}"), ("X-API-Key", text[:-1] + "y")]
    if len(text) < 1000:
        yield "", [("Sec-WebSocket-Protocol", f"bearer, {text}"), ("Upgrade", "websocket"), ("Connection", "Upgrade")]
        yield "", [("Sec-WebSocket-Protocol", f"chat, bearer, {text}, bearer, {text}")]
        yield f"?x=1&key={plain}", []
        yield f"?%6Bey={escaped}&x=1", []
        yield f"?key={plain}&key={plain}", [("X-API-Key", text)]


def assert_in_none(secrets, texts):
    for where, text in texts.items():
        for secret in secrets:
            escaped = "".join(f"%{ord(c):02X}" for c in secret)
            assert secret not in text and escaped not in text, f"{where} holds a secret"


def test_no_log_no_answer_and_no_file_holds_a_secret(edge, store, kw, backend):
    canaries = Canaries(store, kw)
    secrets = canaries.secrets()
    log_format = (PROJECT / "conf.d/log_format.conf").read_text()
    e = edge(
        http=f"{log_format}\naccess_log @PREFIX@/keyward.log keyward;\nlarge_client_header_buffers 4 64k;\nkeepalive_requests 100000;",
        server=LOCATIONS,
        workers=1,
    )
    until(lambda: e.get("/", {"X-API-Key": canaries.keys["late"]}).status == 401, 10, "the key's expiry")
    statuses = set()
    answers = []

    def note(response):
        statuses.add(response.status)
        answers.append(repr(response.headers) + response.body.decode("latin-1"))

    with e.connect() as connection, e.h2() as h2:
        for target in TARGETS:
            for text in canaries.credentials():
                for query, fields in ways(text):
                    try:
                        note(connection.request("POST" if target == "/" else "GET", target + query, fields))
                    except ConnectionError:
                        connection.__init__(e.port)  # after a 400 nginx closes it
                    if not {name for name, _ in fields} & {"Upgrade"} and "\xff" not in query:
                        note(h2.request("GET", target + query, [(name.lower(), value) for name, value in fields]))
    assert {200, 400, 401, 403, 429} <= statuses
    # The store's failure, too.
    Path(store.path).rename(f"{store.path}-away")
    response = until(lambda: (r := e.get("/", {"X-API-Key": canaries.keys["sha256"]})).status == 503 and r, 20, "503")
    note(response)
    Path(f"{store.path}-away").rename(store.path)
    e.stop()
    # What shadow and off pass on echoes from the backend's answers: there a secret is as it should be.
    echoed = [text for text in answers if '"shadow' in text or "shadow|" in text or "'off|" in text]
    assert any(secret in text for text in echoed for secret in secrets), "the search finds what is there"
    files = {
        path.name: path.read_bytes().decode("latin-1")
        for path in (*e.prefix.glob("*.log"), *Path(store.path).rglob("*"))
        if path.is_file()
    }
    assert {"keyward.log", "access.log", "error.log", "stderr.log", "data.mdb"} <= set(files)
    assert "keyward refused: insufficient_scope" in files["error.log"] and "refused reason=" in files["keyward.log"]
    assert_in_none(secrets, files)
    assert_in_none(secrets, {f"answer {n}": text for n, text in enumerate(answers) if text not in echoed})


# Memory.


def mappings(pid):
    """(begin, end, shared, name) of what a process may write to."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        match = re.match(r"(\w+)-(\w+) (\S+) \w+ \S+ \d+\s*(.*)", line)
        if match[3][:2] == "rw":
            yield int(match[1], 16), int(match[2], 16), match[3][3] == "s", match[4]


def find_in_memory(pid, needles):
    """{the mapping's name: how often} where any needle is."""
    found = {}
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for begin, end, shared, name in mappings(pid):
            at, rest = begin, b""
            while at < end:
                memory.seek(at)
                try:
                    part = memory.read(min(1 << 20, end - at))
                except OSError:
                    break  # a guard page
                if not part:
                    break
                at += len(part)
                block, rest = rest + part, part[-256:]
                count = sum(block.count(needle) for needle in needles)
                if count:
                    label = "shared" if shared else name or "anonymous"
                    found[label] = found.get(label, 0) + count
    return found


@pytest.mark.release_only
@pytest.mark.parametrize("verifier", ["bcrypt:4", "sha256"])
def test_a_worker_remembers_no_secret(edge, store, kw, backend, verifier):
    """nginx doesn't wipe its buffers, and so a key is found there until the next request overwrites it. What tells them from what
    keyward remembers is that fillers of the same size, sent the same way, take their place; a copy of ours would stay.
    """
    canary, filler = store.key(verifier=verifier)["key"], store.key(verifier=verifier)["key"]
    lost = store.key(verifier=verifier)
    kw("key", "revoke", lost["id"])
    kw("key", "purge", "--revoked-before", "2100-01-01")
    wrong = lost["key"]
    e = edge(
        server="""
        keyward on;
        keyward_credential bearer basic scheme=ApiKey header=X-API-Key query=key websocket;
        keyward_limit 100000r/m;
        location / { proxy_pass @BACKEND@; }
        location /empty { empty_gif; }
    """
    )
    assert len(canary) == len(filler) == len(wrong)
    malformed = lambda key: key[:-1] + "!"

    def send(key):
        """Every way, each on a connection of its own."""
        for target in ("/", "/empty"):
            for text in (key, malformed(key)):
                for query, fields in ways(text):
                    e.get(target + query, fields)

    needles = [hidden(text).encode() for text in (canary, wrong)]
    for _ in range(2):
        send(filler)
    pid = e.workers()[0]

    # It is found while a request is under way, so that the search is one.
    with e.connect() as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: x\r\nX-API-Key: {canary}\r\n")
        try:
            until(lambda: find_in_memory(pid, needles), 10, "the key in nginx's buffer")
        except PermissionError:
            pytest.skip("may not read the memory of the worker")
        connection.send("\r\n")
        assert connection.read_response().status == 200

    for _ in range(3):
        send(canary)
        send(wrong)
    # While nginx's buffers still hold what they do, nothing but its heap and its stack may: not the zone, not the threads' stacks and arenas.
    found = find_in_memory(pid, needles)
    assert set(found) <= {"[heap]", "[stack]"}, found
    for _ in range(5):
        send(filler)
    found = find_in_memory(pid, needles)
    assert found == {}, found

    # The zone has proofs and names, but neither a key's SHA-256 nor the half of it under which the store has it.
    digest = hashlib.sha256(canary.encode())
    zone = find_in_memory(pid, [digest.digest()[:16], digest.digest()[16:], digest.hexdigest()[:32].encode()])
    assert "shared" not in zone, zone
    assert e.get("/", {"X-API-Key": canary}).status == 200
