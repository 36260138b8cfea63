"""keyward key import and export."""

import json
import re
import subprocess

import pytest
from cli_helper import bcrypt, lines, on_terminal, raw, refuses, sha256, strong
from harness.drive import cpu_seconds
from harness.wait import until

HASH = bcrypt("x")


def imports(kw, *objects, arguments=()):
    return kw("key", "import", "-", *arguments, input=lines(*objects))["imported"]


def bad(kw, *objects, arguments=()):
    """An import that must be refused: {line: what is wrong with it}."""
    run = kw.run("key", "import", "-", "--json", *arguments, input=lines(*objects))
    assert (run.rc, run.stdout) == (1, ""), run
    error = json.loads(run.stderr)
    assert error["error"].startswith("nothing was imported") and error["bad_lines"] == len(error["lines"])
    return {line["line"]: line["error"] for line in error["lines"]}


def test_the_four_forms(kw):
    keys = [strong(i) for i in range(4)]
    assert (
        imports(
            kw,
            {"id": "both", "sha256": sha256(keys[0]), "bcrypt": bcrypt(keys[0], kind="2y")},
            {"id": "sha", "sha256": sha256(keys[1]).upper()},
            {"id": "old", "bcrypt": bcrypt(keys[2], kind="2a"), "prefix": keys[2][:12]},
            {"id": "plain", "key": keys[3]},
            arguments=["--verifier", "bcrypt:4"],
        )
        == 4
    )
    for key, name in zip(keys, ("both", "sha", "old", "plain")):
        assert kw("key", "check", input=key)["id"] == name
    assert {key["id"]: key["verifier"] for key in kw("key", "list")} == {
        "both": "bcrypt",
        "sha": "sha256",
        "old": "legacy-prefix",
        "plain": "bcrypt",
    }
    assert kw("store", "check")["ok"]


def test_all_members(kw):
    kw("plan", "set", "pro")
    line = {
        "id": "ak_1",
        "name": 'Jürgen\'s "key"',
        "subject": "acme/7",
        "plan": "pro",
        "scopes": ["a:*", "b"],
        "limits": ["60r/m"],
        "created_at": "2024-01-02T03:04:05+01:00",
        "expires_at": 4102444800,
        "last_used_at": "2025-01-01",
        "preview": "sapi_a1b2c...",
        "state": "suspended",
        "sha256": sha256("a"),
    }
    run = kw.run("key", "import", "-", "--json", input=lines(line))
    assert run.json() == {"imported": 1, "warnings": [], "key_formats": [], "unknown_formats": 1} and run.stderr == ""
    shown = kw("key", "show", "ak_1")
    for name in ("id", "name", "subject", "plan", "scopes", "limits", "preview", "state"):
        assert shown[name] == line[name]
    assert (shown["created_at"], shown["expires_at"], shown["last_used_at"]) == (
        "2024-01-02T02:04:05Z",
        "2100-01-01T00:00:00Z",
        "2025-01-01T00:00:00Z",
    )


def test_what_is_left_out(kw):
    imports(kw, {"sha256": sha256("a")}, {"sha256": sha256("b"), "scopes": [], "name": None, "expires_at": None})
    a, b = sorted(kw("key", "list"), key=lambda key: key["scopes"] is not None)
    assert re.fullmatch("key_[0-9A-Za-z]{22}", a["id"])
    assert (a["scopes"], b["scopes"]) == (None, [])
    assert a["created_at"] and (a["name"], a["subject"], a["preview"], a["expires_at"], a["state"]) == (
        None,
        None,
        None,
        None,
        "active",
    )


def test_previews(kw):
    imports(
        kw,
        {"id": "a", "key": strong(1, "sk_live_")},
        {"id": "b", "key": "xy-0123456789abcdefghijklmnopqrst"},
        {"id": "c", "bcrypt": HASH, "prefix": "sk_test_9"},
        {"id": "d", "key": "nrp_" + sha256("d")},
        arguments=["--verifier", "bcrypt:4", "--format", "nrp_ hex=64"],
    )
    previews = {key["id"]: key["preview"] for key in kw("key", "list")}
    assert previews["a"] == f"{strong(1)[:16]}...{strong(1)[-4:]}"
    assert previews["b"] == "xy-01234...qrst"
    assert previews["c"] == "sk_test_9..."
    assert previews["d"] == f"nrp_{sha256('d')[:8]}...{sha256('d')[-4:]}"


SHA = {"sha256": sha256("x")}


@pytest.mark.parametrize(
    "line, says",
    [
        ("nonsense", "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"sha256":"%s","sha256":"%s"}' % (sha256("a"), sha256("b")), "given twice"),
        ('{"sha256":"%s"} x' % sha256("a"), "not valid JSON"),
        ('{"name":"%s"}' % ("x" * 70000), "longer than 65536 bytes"),
        ({}, "needs exactly one of"),
        ({"name": "x"}, "needs exactly one of"),
        ({"bcrypt": HASH}, "needs exactly one of"),
        ({"prefix": "abcdef"}, "needs exactly one of"),
        ({**SHA, "prefix": "abcdef"}, "needs exactly one of"),
        ({**SHA, "key": strong()}, "needs exactly one of"),
        ({"bcrypt": HASH, "key": strong()}, "needs exactly one of"),
        ({**SHA, "bcrypt": HASH, "prefix": "abcdef"}, "needs exactly one of"),
        ({"sha256": "ab"}, "sha256 has to be 64 hexadecimal digits"),
        ({"sha256": "g" * 64}, "sha256 has to be 64 hexadecimal digits"),
        ({"sha256": 5}, "sha256 has to be 64 hexadecimal digits"),
        ({**SHA, "bcrypt": HASH[:-1]}, "bcrypt is not a bcrypt hash"),
        ({**SHA, "bcrypt": HASH.replace("$04$", "$31$")}, "bcrypt is not a bcrypt hash"),
        ({**SHA, "bcrypt": "$2x" + HASH[3:]}, "bcrypt is not a bcrypt hash"),
        ({**SHA, "bcrypt": "$1$abc$def"}, "bcrypt is not a bcrypt hash"),
        ({**SHA, "bcrypt": "*0"}, "bcrypt is not a bcrypt hash"),
        ({"bcrypt": HASH, "prefix": "abc"}, "first 4 to 32 characters"),
        ({"bcrypt": HASH, "prefix": "x" * 33}, "first 4 to 32 characters"),
        ({"bcrypt": HASH, "prefix": "ab cd"}, "first 4 to 32 characters"),
        ({"key": ""}, "printable ASCII"),
        ({"key": strong() + "\0"}, "printable ASCII"),
        ({"key": strong() + "ü"}, "printable ASCII"),
        ({"key": "x" * 73}, "longer than 72 bytes"),
        ({"key": "sk_live_short"}, "less than 128 random bits"),
        ({"key": "sk_live_0123456789012345678901234567"}, "less than 128 random bits"),
        ({"key": "sk_live_0123456789abcdef0123456789abc"}, "less than 128 random bits"),
        ({"key": "a" * 60}, "less than 128 random bits"),
        ({**SHA, "colour": "red"}, 'unknown member "colour"; there are id, name, subject, plan, '),
        (
            {**SHA, "kw_A1b2": "red"},
            "a member is unknown; its name isn't shown, as it may be a key; there are id, name, subject, plan, ",
        ),
        (
            {"sha256": sha256("the-whole-key"), "preview": "the-whole-key"},
            "preview holds the key itself, which is never stored",
        ),
        (
            {"key": "kw_" + "a1B2c3D4e5F6g7H8" * 3, "preview": "kw_" + "a1B2c3D4e5F6g7H8" * 3},
            "preview holds the key itself, which is never stored",
        ),
        ({**SHA, "id": "a b"}, "id has to be 1 to 128"),
        ({**SHA, "id": ""}, "id has to be 1 to 128"),
        ({**SHA, "id": 7}, "id has to be a string"),
        ({**SHA, "id": "x" * 129}, "id has to be 1 to 128"),
        ({**SHA, "name": "a\nb"}, "name is too long, or has characters"),
        ({**SHA, "name": "x" * 201}, "name is too long"),
        ({**SHA, "subject": " a"}, "subject is too long, or has characters"),
        ({**SHA, "plan": "a,b"}, "plan is too long, or has characters"),
        ({**SHA, "preview": "x" * 65}, "preview is too long"),
        ({**SHA, "scopes": "a"}, "scopes has to be an array"),
        ({**SHA, "scopes": [1]}, "scopes has to be an array of strings"),
        ({**SHA, "scopes": ["a b"]}, "is not a scope"),
        ({**SHA, "scopes": ["a*"]}, "is not a scope"),
        ({**SHA, "limits": ["60"]}, "limits: "),
        ({**SHA, "limits": [f"{i + 1}r/s" for i in range(9)]}, "more than 8 limits"),
        ({**SHA, "created_at": "yesterday"}, "created_at is not a time"),
        ({**SHA, "expires_at": -5}, "expires_at is not a time"),
        ({**SHA, "expires_at": 1e300}, "expires_at is not a time"),
        ({**SHA, "last_used_at": "2026-02-30"}, "last_used_at is not a time"),
        ({**SHA, "state": "dead"}, "state has to be"),
        ({**SHA, "state": "pending"}, "such a key lives for ten minutes"),
        ({**SHA, "uses": -1}, "uses has to be a whole number"),
    ],
)
def test_a_bad_line(kw, line, says):
    """The line is named, nothing is imported, and neither key nor hash is repeated."""
    good = {"sha256": sha256("good")}
    errors = bad(kw, good, line, good | {"sha256": sha256("good too")})
    assert list(errors) == [2] and says in errors[2]
    assert kw("key", "list") == []
    text = kw.run("key", "import", "-", input=lines(good, line)).stderr
    assert text.startswith("keyward: line 2: ") and text.endswith("keyward: nothing was imported: 1 bad line\n")
    for secret in (HASH[8:], sha256("x"), strong()[:20], "g" * 64, "sk_live"):
        assert secret not in text


def test_a_key_in_the_wrong_place_is_not_repeated(kw):
    for line in (
        {strong(): 1, **SHA},
        {"key": [strong()]},
        {"key": strong() + "\n"},
        strong(),
        '{"key": "%s"' % strong(),
    ):
        assert strong()[8:] not in kw.run("key", "import", "-", input=lines(line)).stderr


def test_every_bad_line_is_named(kw):
    errors = bad(kw, {}, "x", {"sha256": sha256("a")}, "", {"id": "a b", "sha256": sha256("b")})
    assert list(errors) == [1, 2, 5]
    run = kw.run("key", "import", "-", input=lines(*[{}] * 70))
    assert run.stderr.count("\n") == 52
    assert "keyward: line 50: " in run.stderr and "line 51" not in run.stderr and "and 20 more bad lines" in run.stderr
    assert run.stderr.endswith("nothing was imported: 70 bad lines\n")


def test_twice_in_the_file(kw):
    assert bad(kw, {"id": "a", "sha256": sha256("a")}, {"id": "a", "sha256": sha256("b")}) == {
        2: "id is the same as in line 1"
    }
    assert bad(kw, {"sha256": sha256("a")}, {"id": "b", "sha256": sha256("a"), "bcrypt": HASH}) == {
        2: "its key is the same as in line 1"
    }
    assert bad(kw, {"key": strong(1)}, {"sha256": sha256(strong(1))}) == {2: "its key is the same as in line 1"}
    assert list(bad(kw, {"bcrypt": HASH, "prefix": "abcd"}, {"bcrypt": HASH, "prefix": "abcd"})) == [2]


def test_in_the_store_already(kw):
    imports(
        kw,
        {"id": "a", "sha256": sha256("a")},
        {"id": "r", "sha256": sha256("r"), "state": "revoked"},
        {"id": "p", "bcrypt": HASH, "prefix": "abcd"},
    )
    assert bad(
        kw,
        {"id": "a", "sha256": sha256("new")},
        {"id": "b", "sha256": sha256("a")},
        {"id": "r", "sha256": sha256("new2")},
        {"id": "c", "sha256": sha256("r")},
        {"id": "d", "key": "r", "name": "weak"},
        {"id": "e", "bcrypt": HASH, "prefix": "abcd"},
        arguments=["--weak"],
    ) == {
        1: "id is in the store already",
        2: "its key is in the store already, as a",
        3: "id is in the store already (revoked)",
        4: "its key is in the store already, as r (revoked)",
        5: "its key is in the store already, as r (revoked)",
        6: "its bcrypt hash is in the file or the store already",
    }
    assert len(kw("key", "list")) == 3


def test_candidates(kw):
    def olds(n):
        return [{"bcrypt": bcrypt(f"{i}"), "prefix": "sk_live_"} for i in range(n)]

    errors = bad(kw, *olds(9))
    assert list(errors) == [9] and "more than 8 keys" in errors[9]
    assert imports(kw, *olds(8)) == 8
    assert list(bad(kw, *olds(1))) == [1]
    assert imports(kw, *olds(2), arguments=["--candidates", "10"]) == 2
    assert imports(kw, {"bcrypt": bcrypt("x"), "prefix": "sk_live_a"}) == 1
    for wrong in ("0", "65", "x"):
        refuses(kw, "key", "import", "-", "--candidates", wrong, status=2, says="--candidates")


def test_weak_keys(kw):
    assert imports(kw, {"id": "a", "key": "secret"}, arguments=["--weak", "--verifier", "bcrypt:4"]) == 1
    assert kw("key", "check", input="secret")["id"] == "a"
    refuses(kw, "key", "check", "--frob", status=2)


@pytest.mark.parametrize(
    "key, strong_enough",
    [
        ("0123456789abcdefghijkl", True),
        ("0123456789abcdefghijk", False),
        ("sk_live_0123456789abcdefghijkl", True),
        ("sk_live_0123456789abcdefghijk", False),
        ("0123456789abcdef0123456789abcdef", True),
        ("0123456789abcdef0123456789abcde", False),
        ("012345678901234567890123456789012345678", True),
        ("01234567890123456789012345678901234567", False),
        ("abababababababababababababababab", False),
        ("correct.horse.battery.staple.and.more", False),
    ],
)
def test_how_strength_is_judged(kw, key, strong_enough):
    run = kw.run("key", "import", "-", "--dry-run", input=lines({"key": key}))
    assert run.rc == (0 if strong_enough else 1), run.stderr


def test_plain_keys_of_a_known_format(kw):
    short = "my_" + "a1" * 16  # as long as its format says, so its characters aren't looked at
    refuses(kw, "key", "import", "-", "--format", "my_", status=2, says="--format")
    assert bad(kw, {"key": short})
    assert imports(kw, {"key": short}, arguments=["--format", "my_ hex=32 verifier=sha256"]) == 1
    assert kw("key", "list")[0]["verifier"] == "sha256"
    assert imports(kw, {"key": "k" * 40 + strong()}, arguments=["--verifier", "sha256"]) == 1  # more than bcrypt reads


def test_unknown_plans_are_warnings(kw):
    kw("plan", "set", "free")
    objects = [{"sha256": sha256(f"{i}"), "plan": plan} for i, plan in enumerate(["gold", "free", "gold", "silver"])]
    answer = kw("key", "import", "-", input=lines(*objects))
    assert answer["imported"] == 4 and len(answer["warnings"]) == 2 and "it has free" in answer["warnings"][0]
    run = kw.run("key", "import", "-", input=lines({"sha256": sha256("y"), "plan": "gold"}))
    assert run.stdout == "1 key imported\n" and run.stderr.startswith('keyward: warning: the store has no plan "gold"')


def test_dry_run(kw):
    run = kw("key", "import", "-", "--dry-run", input=lines({"sha256": sha256("a")}, {"key": strong()}))
    formats = ["kw_ base62=43 checksum", "sk_live_ base64url=43"]
    assert run == {"imported": 0, "would_import": 2, "warnings": [], "key_formats": formats, "unknown_formats": 1}
    assert kw("key", "list") == []
    refuses(kw, "key", "import", "/nowhere/keys.jsonl", says="/nowhere/keys.jsonl: No such file")
    refuses(kw, "key", "import", "/tmp", says="Is a directory")


def test_shapes_of_files(kw, folder):
    file = folder / "keys.jsonl"
    for i, text in enumerate(['{"sha256":"%s"}', '{"sha256":"%s"}\r\n\r\n', '\n\n {"sha256" : "%s" } \n \n']):
        file.write_text(text % sha256(f"{i}"))
        assert kw("key", "import", file)["imported"] == 1
    for empty in ("", "\n", " \n\n"):
        file.write_text(empty)
        assert kw("key", "import", file)["imported"] == 0
    assert list(bad(kw, "x" * 3000000, {}, "y" * 65537)) == [1, 2, 3]


@pytest.mark.parametrize("count", [49, 50, 51, 999, 1000, 1001, 2500])
def test_report_U20(kw, count):
    """However many lines are bad, one number is told."""
    bad_lines = "".join(f'{{"colour":{i}}}\n' for i in range(count))
    run = kw.run("key", "import", "-", input=bad_lines)
    assert run.rc == 1 and run.stderr.splitlines()[-1] == f"keyward: nothing was imported: {count} bad lines"
    shown = [line for line in run.stderr.splitlines() if line.startswith("keyward: line ")]
    assert len(shown) == min(count, 50)
    assert (f"keyward: and {count - 50} more bad line{'s' if count > 51 else ''}\n" in run.stderr) == (count > 50)
    error = json.loads(kw.run("key", "import", "-", "--json", input=bad_lines).stderr)
    assert (error["bad_lines"], len(error["lines"])) == (count, min(count, 50))
    assert error["error"] == f"nothing was imported: {count} bad lines"


def test_report_U20_a_line_with_two_mistakes_is_one(kw):
    line = {"id": "a", "sha256": sha256("a")}
    run = kw.run("key", "import", "-", input=lines(line, line))
    assert run.stderr == (
        "keyward: line 2: its key is the same as in line 1\n" "keyward: nothing was imported: 1 bad line\n"
    )


def test_report_U20_ids_on_standard_input(kw):
    run = kw.run("key", "revoke", "--stdin", input="".join(f"nope{i}\n" for i in range(1200)))
    assert (
        run.rc == 1
        and "keyward: and 1150 more bad lines\nkeyward: 0 keys are revoked; 1200 lines are not done\n" in run.stderr
    )


def test_round_trip(kw, make_store):
    other = make_store("other").kw
    kw("plan", "set", "pro")
    keys = [
        kw("key", "create", "--name", f"n{i}", "--verifier", v, *more)
        for i, (v, more) in enumerate(
            [
                ("bcrypt:4", ["--subject", "alice", "--plan", "pro", "--scope", "a:*,b"]),
                ("sha256", ["--scope", "", "--limit", "60r/m,5r/s", "--expires", "90d"]),
                ("sha256", []),
                ("bcrypt:4", []),
            ]
        )
    ]
    kw("key", "suspend", keys[2]["id"])
    kw("key", "revoke", keys[3]["id"])
    imports(
        kw,
        {
            "id": "old",
            "bcrypt": bcrypt("legacy_key_of_someone"),
            "prefix": "legacy_k",
            "last_used_at": "2025-01-01",
            "uses": 7,
        },
        {
            "id": "new",
            "sha256": sha256("new"),
            "predecessor": "gone",
            "successor": "next",
            "overlap_until": "2099-01-01",
            "counter_id": "first",
        },
        {
            "id": "refiled",
            "bcrypt": bcrypt("legacy_key_refiled"),
            "prefix": "legacy_k",
            "locator": sha256("legacy_key_refiled")[:32],
            "state": "suspended",
        },
        {"id": "späť".encode().hex(), "sha256": sha256("u"), "name": 'späť \u2028 " \\ ', "subject": "späť"},
    )
    exported = kw("key", "export", json=False)
    assert exported.count("\n") == 8
    assert other("key", "import", "-", input=exported)["imported"] == 8
    assert other("key", "export", json=False) == exported
    assert other("key", "list") == kw("key", "list")
    for key in kw("key", "list"):
        assert other("key", "show", key["id"]) == kw("key", "show", key["id"])
    for text, reason in [
        (keys[0]["key"], "no_access"),
        (keys[1]["key"], None),
        (keys[2]["key"], "suspended_key"),
        (keys[3]["key"], "revoked_key"),
        ("legacy_key_of_someone", None),
        ("legacy_key_refiled", "suspended_key"),
        ("new", None),
    ]:
        assert other("key", "check", input=text, ok=False)["reason"] == reason
    assert other("store", "check")["ok"]


def test_export_asks_before_a_terminal(build, kw, store):
    store.key(verifier="sha256")
    status, shown = on_terminal(build, store.path, "key", "export")
    assert status == 2 and "--force" in shown and "sha256" not in shown
    status, shown = on_terminal(build, store.path, "key", "export", "--force")
    assert status == 0 and '"sha256":"' in shown


def test_plain_keys_on_a_terminal_show_progress(build, store, folder):
    # Half a second of hashing: what is done between two looks at it shows none.
    (folder / "keys.jsonl").write_text(lines(*({"key": strong(i)} for i in range(16))))
    status, shown = on_terminal(
        build, store.path, "key", "import", str(folder / "keys.jsonl"), "--verifier", "bcrypt:10"
    )
    assert status == 0 and "16 keys imported" in shown and "hashing [" in shown


def test_what_is_done_at_once_shows_no_progress(build, store, folder):
    (folder / "keys.jsonl").write_text(lines({"key": strong(1)}))
    status, shown = on_terminal(
        build, store.path, "key", "import", str(folder / "keys.jsonl"), "--verifier", "bcrypt:4"
    )
    assert status == 0 and shown.startswith("1 key imported\r\nFor these keys nginx needs")


def test_an_import_beside_a_reader_and_a_writer(kw, store):
    """An import checks its lines outside the lock: others write meanwhile, and what collides then ends it whole."""
    keys = lines(*({"sha256": sha256(f"{i}"), "subject": f"s{i % 10}"} for i in range(30000)))
    assert kw("key", "import", "-", input=keys)["imported"] == 30000
    assert kw("store", "stats")["keys"] == 30000
    assert len(kw("key", "list", "--subject", "s3")) == 3000
    assert kw("store", "check")["ok"]


@pytest.mark.release_only
@pytest.mark.load
def test_a_million(build, kw, store, folder):
    """Within seconds where nothing else runs; the time-out is for a busy machine."""
    file = folder / "keys.jsonl"
    with open(file, "w") as out:
        for i in range(1000000):
            out.write('{"sha256":"%s","name":"key %d","subject":"user%d"}\n' % (sha256(f"{i}"), i, i // 3))
    run = raw(build, store.path, "key", "import", str(file), stdout=-1, timeout=100)
    assert run.returncode == 0 and run.stdout == b"1000000 keys imported\n"
    assert kw("store", "stats")["keys"] == 1000000


@pytest.mark.parametrize("what", ["revoked", "purged"])
def test_a_key_that_is_revoked_while_the_import_hashes_stays_so(kw, build, store, what):
    """All lines were good when they were read. Hashing takes long and holds no lock; what happens meanwhile wins."""
    keys = [strong(i) for i in range(2)]
    imports(kw, {"id": "other", "sha256": sha256("other")})
    plain = [{"id": f"new{i}", "key": key} for i, key in enumerate(keys)]
    importing = subprocess.Popen(
        [build.command, "key", "import", "-", "--json", "--verifier", "bcrypt:14"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=build.environment(KEYWARD_STORE=store.path),
    )
    importing.stdin.write(lines(*plain))
    importing.stdin.close()
    importing.stdin = None
    until(lambda: cpu_seconds(importing.pid) > 0.2, 30, "the hashing")
    imports(kw, {"id": "r", "sha256": sha256(keys[0]), "state": "revoked"})
    if what == "purged":
        # Its id may be another's by then.
        kw("key", "purge", "--revoked-before", "2100-01-01")
        imports(kw, {"id": "new1", "sha256": sha256("another's"), "state": "revoked"})
    assert importing.poll() is None, "the machine is too fast for this test"
    out, error = importing.communicate(timeout=60)
    assert (importing.returncode, out) == (1, ""), error
    # All or nothing.
    assert {key["id"] for key in kw("key", "list")} == {"other", "r" if what == "revoked" else "new1"}
    for key in keys:
        assert kw.run("key", "check", input=key).rc == 1
    assert kw("store", "check")["ok"]


@pytest.mark.parametrize(
    "id",
    [
        "../x",
        "-x",
        "--json",
        "a/b",
        ".",
        "..",
        ".a",
        "a?b",
        "a#b",
        "a%2e",
        "a&b",
        "a=b",
        "a+b",
        "a;b",
        "$(a)",
        "a'b",
        "~a",
        ":a",
        "@a",
        "a|b",
        "a*",
        "<a>",
        "a" * 129,
    ],
)
def test_an_id_that_urls_commands_or_logs_could_take_for_something_else_is_a_bad_line(kw, id):
    problem = bad(kw, {"sha256": sha256("a"), "id": id})[1]
    assert "id has to be" in problem and "letters, digits" in problem
    assert kw("key", "list") == []


def test_ids_of_other_systems_are_taken(kw):
    ids = [
        "ak_17",
        "_a",
        "6f1b2c34-aaaa-bbbb-cccc-0123456789ab",
        "user@example.com",
        "org:12:key.3",
        "A~1",
        "7",
        "a" * 128,
    ]
    assert imports(kw, *({"sha256": sha256(id), "id": id} for id in ids)) == len(ids)
    assert {key["id"] for key in kw("key", "list")} == set(ids)
    assert all(kw("key", "show", id)["id"] == id for id in ids)
