"""Keys as other systems kept them: slow hashes of every kind, SHA-512, HMACs under a pepper."""

import base64
import json
import os
import secrets
import stat

import pytest
from cli_helper import bcrypt, lines, refuses, strong
from harness.drive import cpu_seconds
from harness.hashes import MAKERS, digest_of
from harness.wait import until

PEPPER = secrets.token_hex(32).encode()
FORMATS = "keyward_key_format kw_ base62=43 checksum;\nkeyward_key_format old_ hex=40;"
ADMITTED, INVALID = (200, None), (401, "invalid_key")


def old_key():
    return "old_" + secrets.token_hex(20)


def wrong(key, length=12):
    """Another key with the same first characters."""
    return key[:length] + secrets.token_hex(30)[: len(key) - length]


@pytest.fixture
def pepper(folder):
    """A file that root alone may read, as the one who has it would keep it."""
    path = folder / "pepper.txt"
    path.write_bytes(PEPPER + b"\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def tried(kw, pepper):
    """tried(object, ...): what the import of these says, whatever becomes of it."""
    return lambda *objects: kw.run("key", "import", "-", "--pepper-file", pepper, "--json", input=lines(*objects))


@pytest.fixture
def take(kw, pepper):
    return lambda *objects: kw("key", "import", "-", "--pepper-file", pepper, input=lines(*objects))["imported"]


@pytest.fixture
def guard(edge):
    """guard(): an edge that tells its reasons in X-Reason."""
    location = "keyward on; add_header X-Reason $keyward_reason always; empty_gif;"
    return lambda **more: edge(http=FORMATS, server=f"location / {{ {location} }}", **more)


def ask(edge, key):
    response = edge.get("/", {"X-API-Key": key})
    return response.status, response.header("X-Reason")


def exported(kw, id):
    records = [json.loads(line) for line in kw("key", "export", json=False).splitlines()]
    return next(record for record in records if record["id"] == id)


def is_filed(kw, id):
    """Whether it is found by its SHA-256."""
    record = exported(kw, id)
    return "sha256" in record or ("locator" in record and "locator_kind" not in record)


def found_by(how, key):
    return {"prefix": key[:12]} if how == "prefix" else {how: digest_of(how, key, PEPPER)}


# Admitted.


@pytest.mark.parametrize("how", ["sha256", "sha512", "hmac_sha256", "prefix"])
@pytest.mark.parametrize("hash", MAKERS)
def test_a_key_of_another_system_is_admitted_and_a_wrong_one_is_not(hash, how, guard, take, kw):
    key = old_key()
    take({"id": "k", "hash": MAKERS[hash](key, False), **found_by(how, key)})
    e = guard()
    assert ask(e, wrong(key)) == INVALID
    assert ask(e, key) == ADMITTED
    assert ask(e, wrong(key)) == INVALID
    until(lambda: is_filed(kw, "k"), 5, "the key to be filed under its SHA-256")
    assert ask(e, key) == ADMITTED
    assert kw("key", "show", "k")["verifier"] == "hash"
    kw("key", "revoke", "k")
    assert ask(e, key) == (401, "revoked_key")


@pytest.mark.parametrize("kind", ["sha512", "hmac_sha256"])
@pytest.mark.parametrize("encode", [bytes.hex, lambda data: base64.b64encode(data).decode()])
def test_a_digest_alone(kind, encode, guard, take, kw):
    key = old_key()
    take({"id": "k", kind: encode(bytes.fromhex(digest_of(kind, key, PEPPER)))})
    assert kw("key", "show", "k")["verifier"] == kind.replace("_", "-")
    e = guard()
    assert ask(e, wrong(key)) == INVALID
    assert not is_filed(kw, "k")
    assert ask(e, key) == ADMITTED
    until(lambda: is_filed(kw, "k"), 5, "the key to be filed under its SHA-256")
    e.reload()
    assert ask(e, key) == ADMITTED
    assert ask(e, wrong(key)) == INVALID
    kw("key", "suspend", "k")
    assert ask(e, key) == (401, "suspended_key")


@pytest.mark.parametrize("hash", MAKERS)
def test_a_second_use_costs_no_slow_hash(hash, guard, take, kw):
    """Counted by the processor time that the worker spends, which a busy machine doesn't change."""
    key = old_key()
    take({"id": "k", "hash": MAKERS[hash](key, True), "sha512": digest_of("sha512", key)})
    e = guard()
    worker = e.workers()[0]
    before = cpu_seconds(worker)
    assert ask(e, key) == ADMITTED
    run = cpu_seconds(worker) - before
    assert run > 0.05, "that was no run"
    until(lambda: is_filed(kw, "k"), 5, "the key to be filed under its SHA-256")
    before = cpu_seconds(worker)
    for n in range(5):
        kw("subject", "set", f"s{n}")  # nothing that a worker remembers by itself outlives a commit
        assert ask(e, key) == ADMITTED
    assert cpu_seconds(worker) - before < run / 2


def test_states_are_told_only_after_the_verifier_of_a_prefix(guard, take):
    key = old_key()
    take({"hash": MAKERS["django"](key, False), "prefix": key[:12], "state": "suspended"})
    e = guard()
    assert ask(e, wrong(key)) == INVALID
    assert ask(e, key) == (401, "suspended_key")


def test_ten_failures_a_minute_for_a_prefix(guard, take):
    key, other = old_key(), old_key()
    take(*({"hash": MAKERS["sha512_crypt"](text, False), "prefix": text[:12]} for text in (key, other)))
    e = guard()
    assert [ask(e, wrong(key)) for _ in range(10)] == [INVALID] * 10
    assert ask(e, key) == (503, "busy")
    assert ask(e, other) == ADMITTED


def test_candidates_of_several_kinds_under_one_prefix(guard, take):
    key = old_key()
    others = [wrong(key) for _ in range(4)]
    take(
        {"id": "a", "bcrypt": bcrypt(others[0]), "prefix": key[:12]},
        {"id": "b", "hash": MAKERS["argon2id"](others[1], False), "prefix": key[:12]},
        {"id": "c", "hash": MAKERS["django"](others[2], False), "prefix": key[:12]},
        {"id": "d", "hash": MAKERS["yescrypt"](others[3], False), "prefix": key[:12]},
    )
    e = guard()
    for text in (others[3], others[0], others[2], others[1]):
        assert ask(e, text) == ADMITTED
    assert ask(e, key) == INVALID


# The pepper.


def test_the_store_keeps_the_pepper(take, kw, store, make_store, pepper, folder, guard):
    key, second = old_key(), old_key()
    take({"id": "k", "hmac_sha256": digest_of("hmac_sha256", key, PEPPER)})
    kept = store.path / "pepper"
    assert kept.read_bytes() == PEPPER, "without the end of its line"
    about, secret = kept.stat(), (store.path / "secret").stat()
    assert stat.S_IMODE(about.st_mode) == 0o600 and about.st_uid == secret.st_uid
    # From then on the store's own will do.
    pepper.unlink()
    line = lines({"id": "second", "hmac_sha256": digest_of("hmac_sha256", second, PEPPER)})
    assert kw("key", "import", "-", input=line)["imported"] == 1
    e = guard()
    assert ask(e, key) == ask(e, second) == ADMITTED
    # It goes where the store goes.
    kw("store", "backup", folder / "backup")
    assert (folder / "backup" / "pepper").read_bytes() == PEPPER
    kw("store", "compact")
    assert ask(e, key) == ask(e, second) == ADMITTED
    other = make_store("other").kw
    other("store", "restore", folder / "backup")
    for text in (key, second):
        assert other("key", "check", input=text)["valid"]
    assert other("store", "check")["ok"] and kw("store", "check")["ok"]


def test_a_pepper_of_bytes(kw, folder):
    key, raw = old_key(), bytes(range(200)) + b"\n"
    (folder / "raw").write_bytes(raw)
    line = lines({"id": "k", "hmac_sha256": digest_of("hmac_sha256", key, raw)})
    kw("key", "import", "-", "--pepper-file", folder / "raw", input=line)
    assert kw("key", "check", input=key)["valid"]


def test_a_store_has_one_pepper(take, kw, store, folder):
    take({"hmac_sha256": digest_of("hmac_sha256", "x", PEPPER)})
    (folder / "another").write_text("another")
    run = kw.run(
        "key",
        "import",
        "-",
        "--pepper-file",
        folder / "another",
        input=lines({"sha512": "00" * 64}),
    )
    assert run.rc == 1 and "another pepper than the store has already" in run.stderr
    assert (store.path / "pepper").read_bytes() == PEPPER


def test_peppers_that_are_none(kw, folder):
    line = lines({"hmac_sha256": "00" * 32})
    (folder / "empty").write_text("\n")
    (folder / "large").write_text("x" * 4097)
    for name, says in (
        ("empty", "1 to 4096 bytes"),
        ("large", "1 to 4096 bytes"),
        ("missing", "No such file"),
    ):
        refuses(
            kw,
            "key",
            "import",
            "-",
            "--pepper-file",
            folder / name,
            input=line,
            says=says,
        )
    refuses(
        kw,
        "key",
        "import",
        "-",
        "--pepper-file",
        "-",
        input=line,
        status=2,
        says="name a file",
    )
    run = kw.run("key", "import", "-", input=line)
    assert run.rc == 1 and "--pepper-file FILE" in run.stderr


def test_a_pepper_that_nothing_needs_is_not_kept(tried, store):
    run = tried({"sha512": "00" * 64})
    assert run.json()["warnings"] == ["no line has hmac_sha256, so the pepper isn't kept"]
    assert not (store.path / "pepper").exists()


def test_a_pepper_that_is_gone_is_our_fault(take, kw, store, guard):
    """All keys would be unknown without it: 503, and no client is told to log in again."""
    key, unknown = old_key(), old_key()
    take({"hmac_sha256": digest_of("hmac_sha256", key, PEPPER)})
    kept = store.path / "pepper"
    damaged = PEPPER[:-1] + b"?"
    kept.write_bytes(damaged)
    e = guard()
    assert ask(e, key) == ask(e, unknown) == (503, "store_error")
    e.allow_log("is not the pepper|can't read the pepper|store_error")
    e.wait_log("is not the pepper that keys were imported with")
    run = kw.run("store", "check", "--json")
    assert run.rc == 3 and [item["what"] for item in run.json()["damaged"]] == ["pepper"]
    kept.unlink()
    assert ask(e, key) == (503, "store_error")
    # Mended while it runs.
    kept.write_bytes(PEPPER)
    os.chown(kept, (store.path / "secret").stat().st_uid, -1)
    assert ask(e, key) == ADMITTED
    assert ask(e, unknown) == INVALID


# Importing.

HASH = MAKERS["django"]("x", False)
SHA = {"sha256": "ab" * 32}
HUGE = "$argon2id$v=19$m=1048576,t=3,p=4$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"


@pytest.mark.parametrize(
    "line, says",
    [
        ({"hash": HASH}, "needs exactly one of"),
        ({"hash": HASH, **SHA, "sha512": "ab" * 64}, "needs exactly one of"),
        ({"hash": HASH, **SHA, "prefix": "abcdef"}, "needs exactly one of"),
        ({"hash": HASH, **SHA, "bcrypt": bcrypt("x")}, "needs exactly one of"),
        ({"hash": HASH, "key": strong()}, "needs exactly one of"),
        ({"sha512": "ab" * 64, "prefix": "abcdef"}, "needs exactly one of"),
        ({"sha512": "ab" * 64, **SHA}, "needs exactly one of"),
        ({"bcrypt": bcrypt("x"), "sha512": "ab" * 64}, "needs exactly one of"),
        ({"locator": "ab" * 16}, "needs exactly one of"),
        (
            {"sha512": "ab" * 63},
            "sha512 has to be 128 hexadecimal digits, or the same bytes in base64",
        ),
        (
            {"sha512": base64.b64encode(b"x" * 63).decode()},
            "sha512 has to be 128 hexadecimal digits",
        ),
        ({"sha512": 5}, "sha512 has to be 128 hexadecimal digits"),
        ({"hmac_sha256": "ab" * 33}, "hmac_sha256 has to be 64 hexadecimal digits"),
        ({"hash": 5, **SHA}, "hash has to be a string"),
        (
            {"hash": HASH[:-1], **SHA},
            "hash is no pbkdf2_sha256$ that can be verified; one looks like pbkdf2_sha256$",
        ),
        ({"hash": HASH + "A", **SHA}, "hash is no pbkdf2_sha256$ that can be verified"),
        ({"hash": "$1$abc$def", **SHA}, "hash has to begin with one of $argon2id$"),
        ({"hash": bcrypt("x"), **SHA}, 'give that as "bcrypt"'),
        (
            {"hash": HUGE, **SHA},
            "takes 1024 MiB of memory for each run, and 256 is the most",
        ),
        (
            {"hash": HUGE.replace("1048576,t=3", "65536,t=90"), **SHA},
            "takes about 12 s for each run, and 4 is the most",
        ),
        (
            {"hash": HASH, "locator": "ab" * 16, "locator_kind": "md5"},
            "locator_kind has to be",
        ),
        (
            {"hash": HASH, **SHA, "locator_kind": "sha512"},
            "locator_kind says of what digest",
        ),
        ({"hash": HASH, "prefix": "abc"}, "first 4 to 32 characters"),
        (
            {"sha512": digest_of("sha512", "x" * 20), "preview": "x" * 20},
            "preview holds the key itself",
        ),
        (
            {
                "hmac_sha256": digest_of("hmac_sha256", "x" * 20, PEPPER),
                "preview": "x" * 20,
            },
            "preview holds the key itself",
        ),
    ],
)
def test_bad_lines(kw, pepper, line, says):
    run = kw.run("key", "import", "-", "--pepper-file", pepper, "--json", input=lines(line))
    assert (run.rc, run.stdout) == (1, ""), run
    (bad,) = json.loads(run.stderr)["lines"]
    assert says in bad["error"] and HASH not in bad["error"]


def test_digests_in_base64(take, kw):
    encoded = {}
    for n, (encode, padded) in enumerate(
        [
            (base64.b64encode, True),
            (base64.b64encode, False),
            (base64.urlsafe_b64encode, False),
        ]
    ):
        key = strong(n)
        for kind in ("sha256", "sha512", "hmac_sha256"):
            text = encode(bytes.fromhex(digest_of(kind, key + kind, PEPPER))).decode()
            encoded[key + kind] = {
                "id": f"{kind}{n}",
                kind: text if padded else text.rstrip("="),
            }
    assert take(*encoded.values()) == 9
    for key, line in encoded.items():
        assert kw("key", "check", input=key)["id"] == line["id"]


def test_hashes_and_digests_that_are_there_already(take, tried):
    line = {"id": "a", "sha512": digest_of("sha512", "x")}
    candidate = {"hash": HASH, "prefix": "abcdef"}
    take(line, candidate)
    run = tried({**line, "id": "b"}, candidate, candidate)
    assert [bad["error"] for bad in json.loads(run.stderr)["lines"]] == [
        "its key is in the store already, as a",
        "its hash is in the file or the store already",
        "its hash is in the file or the store already",
    ]


def test_a_round_trip(take, kw, make_store, pepper, guard):
    keys = {}
    for hash, make in MAKERS.items():
        for how in ("sha256", "sha512", "hmac_sha256", "prefix"):
            keys[f"{hash}-{how}"] = key = old_key()
            take({"id": f"{hash}-{how}", "hash": make(key, False), **found_by(how, key)})
    for kind in ("sha512", "hmac_sha256"):
        for n in range(2):
            keys[f"{kind}-{n}"] = key = old_key()
            take({"id": f"{kind}-{n}", kind: digest_of(kind, key, PEPPER)})
    e = guard()
    filed = [id for id in keys if id.startswith(("argon2id", "django", "sha512-0", "hmac_sha256-0"))]
    for id in filed:
        assert ask(e, keys[id]) == ADMITTED
        until(lambda: is_filed(kw, id), 5, f"{id} to be filed")
    e.stop()
    other = make_store("other").kw
    everything = kw("key", "export", json=False)
    assert other("key", "import", "-", "--pepper-file", pepper, input=everything)["imported"] == len(keys)
    assert other("key", "export", json=False) == kw("key", "export", json=False)
    for id, key in keys.items():
        assert other("key", "check", input=key)["id"] == id
        assert not other("key", "check", input=wrong(key), ok=False)["valid"]
    assert other("store", "check")["ok"] and kw("store", "check")["ok"]


def test_a_rotation_of_a_fast_verifier_stays_fast(take, kw):
    take(
        {"id": "fast", "sha512": digest_of("sha512", "x")},
        {"id": "slow", "hash": HASH, **SHA},
    )
    for id, verifier in (("fast", "sha256"), ("slow", "bcrypt")):
        assert kw("key", "show", kw("key", "rotate", id)["id"])["verifier"] == verifier
