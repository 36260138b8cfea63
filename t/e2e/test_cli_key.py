"""keyward key create, list, show, revoke, suspend and resume."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from cli_helper import lines, refuses, sha256
from harness.older import rewrite

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def test_create_as_json(kw):
    key = kw("key", "create", "--name", "laptop")
    assert list(key) == [
        "id",
        "key",
        "preview",
        "name",
        "subject",
        "plan",
        "scopes",
        "limits",
        "concurrency",
        "allow_from",
        "meta",
        "state",
        "created_at",
        "expires_at",
        "new_subject",
    ]
    assert re.fullmatch(r"kw_[0-9A-Za-z]{49}", key["key"])
    assert re.fullmatch(r"key_[0-9A-Za-z]{22}", key["id"])
    assert key["preview"] == f"{key['key'][:11]}...{key['key'][-4:]}"
    assert re.fullmatch(TIME, key["created_at"])
    nothing = {name: key[name] for name in ("subject", "plan", "scopes", "limits", "expires_at")}
    assert set(nothing.values()) == {None}
    assert key["state"] == "active"


def test_create_with_everything(kw):
    kw("plan", "set", "pro")
    key = kw(
        "key",
        "create",
        "--name",
        "lap top ü",
        "--subject",
        "alice",
        "--plan",
        "pro",
        "--scope",
        "a:*",
        "--scope",
        "b,c",
        "--limit",
        "60r/m,1000r/30d",
        "--expires",
        "2099-01-02",
        "--format",
        "nrp_ hex=64",
        "--verifier",
        "sha256",
    )
    assert re.fullmatch("nrp_[0-9a-f]{64}", key["key"])
    assert (key["name"], key["subject"], key["plan"]) == ("lap top ü", "alice", "pro")
    assert (key["scopes"], key["limits"], key["expires_at"]) == (
        ["a:*", "b", "c"],
        ["60r/m", "1000r/30d"],
        "2099-01-02T00:00:00Z",
    )
    assert kw("key", "show", key["id"])["verifier"] == "sha256"


def test_create_for_people_and_for_scripts(kw):
    run = kw.run("key", "create", "--name", "x", "--scope", "a", "--verifier", "bcrypt:4")
    assert run.stderr == "This is the only time that the key is shown.\n"
    assert re.search(r"^key {6}kw_\w{49}$", run.stdout, re.M)
    for flag in ("-q", "--quiet"):
        run = kw.run("key", "create", "--name", "x", "--verifier", "bcrypt:4", flag)
        assert re.fullmatch(r"kw_\w{49}\n", run.stdout) and run.stderr == ""


def test_the_formats_verifier_is_the_default(kw):
    key = kw("key", "create", "--name", "x", "--format", "a_ base62=40 verifier=sha256")
    assert kw("key", "show", key["id"])["verifier"] == "sha256"
    key = kw("key", "create", "--name", "x", "--format", "a_ base62=40 verifier=sha256", "--verifier", "bcrypt:4")
    assert kw("key", "show", key["id"])["verifier"] == "bcrypt"


def test_a_pending_key(kw, store):
    key = store.pending_key()
    assert kw("key", "show", key["id"])["state"] == "pending"
    assert kw("key", "show", key["id"])["is_active"] is False


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["--name", ""], "--name: 1 to 200 bytes"),
        (["--name", "a\x1bb"], "--name: "),
        (["--name", "x" * 201], "--name: "),
        (["--name", "x", "--subject", ""], "can't be a subject"),
        (["--name", "x", "--plan", ""], "can't be a plan's name"),
        (["--name", "x", "--scope", "a:b:*:c"], "is not a scope"),
        (["--name", "x", "--limit", "5"], "--limit: "),
        (["--name", "x", "--expires", "soon"], "--expires: "),
        (["--name", "x", "--expires", "2020-01-01"], "is past"),
        (["--name", "x", "--expires", "0d"], "--expires: "),
        (["--name", "x", "--format", "a_"], "--format: "),
        (["--name", "x", "--format", "a_ hex=10"], "128"),
        (["--name", "x", "--verifier", "md5"], "--verifier: "),
        (["--name", "x", "--verifier", "bcrypt:31"], "--verifier: "),
        (
            ["--name", "x", "--format", "a_ hex=80 verifier=sha256", "--verifier", "bcrypt"],
            "bcrypt reads only 72 bytes",
        ),
    ],
)
def test_what_is_wrong_is_told(kw, arguments, says):
    refuses(kw, "key", "create", *arguments, status=2, says=says)
    assert kw("key", "list") == []


def test_warnings(kw, store):
    run = kw.run("key", "create", "--name", "x", "--plan", "pro", "-q", "--verifier", "bcrypt:4")
    assert run.rc == 0 and 'no plan "pro"' in run.stderr and "it has none" in run.stderr
    kw("subject", "set", "alice", "--state", "blocked")
    run = kw.run("key", "create", "--name", "x", "--subject", "alice", "-q", "--verifier", "bcrypt:4", "--json")
    assert run.rc == 0 and '{"warning":"subject \\"alice\\" is blocked' in run.stderr


def test_max_keys(kw, store):
    kw("plan", "set", "two", "--max-keys", "2")
    kw("plan", "set", "wide")
    kw("subject", "set", "alice", "--plan", "two")

    def create(*more):
        return kw.run("key", "create", "--name", "x", "--verifier", "sha256", "--subject", "alice", *more)

    first = store.key(subject="alice", verifier="sha256")
    store.pending_key(subject="alice", verifier="sha256")
    run = create()
    assert run.rc == 1 and 'plan "two" allows 2; revoke one first' in run.stderr and run.stdout == ""
    assert create("--plan", "wide").rc == 0  # a key's own plan counts before its subject's
    kw("key", "revoke", first["id"])
    assert create().rc == 1  # pending, wide
    kw("subject", "set", "bob")
    kw("plan", "set", "two", "--max-keys", "2", "--default")
    for allowed in (True, True, False):  # the default plan's
        assert (kw.run("key", "create", "--name", "x", "--verifier", "sha256", "--subject", "bob").rc == 0) == allowed
    for _ in range(3):  # nobody's keys aren't counted
        store.key(verifier="sha256", plan="two")


def test_max_keys_of_many_at_once(kw):
    kw("plan", "set", "few", "--max-keys", "3")
    with ThreadPoolExecutor(8) as pool:
        runs = list(
            pool.map(
                lambda i: kw.run(
                    "key", "create", "--name", f"{i}", "--verifier", "sha256", "--subject", "a", "--plan", "few"
                ),
                range(8),
            )
        )
    assert sorted(run.rc for run in runs) == [0] * 3 + [1] * 5


def test_expired_keys_leave_room(kw):
    kw("plan", "set", "one", "--max-keys", "1")
    kw(
        "key",
        "import",
        "-",
        input=lines({"sha256": sha256("a"), "subject": "alice", "plan": "one", "expires_at": "2020-01-01"}),
    )
    assert (
        kw("key", "create", "--name", "x", "--subject", "alice", "--plan", "one", "--verifier", "sha256")["state"]
        == "active"
    )


def test_list(kw, store):
    keys = [store.key(f"n{i}", subject="ab"[i % 2], verifier="sha256") for i in range(4)]
    kw("key", "revoke", keys[0]["id"])
    kw("key", "suspend", keys[1]["id"])
    listed = kw("key", "list")
    assert list(listed[0]) == [
        "id",
        "name",
        "subject",
        "plan",
        "scopes",
        "limits",
        "concurrency",
        "allow_from",
        "meta",
        "state",
        "expired",
        "is_active",
        "verifier",
        "preview",
        "created_at",
        "expires_at",
        "last_used_at",
        "uses",
    ]
    assert sorted(key["id"] for key in keys) == [key["id"] for key in listed]
    assert {key["id"]: key["state"] for key in listed} == dict(
        zip((key["id"] for key in keys), ["revoked", "suspended", "active", "active"])
    )

    def ids(*arguments):
        return {key["id"] for key in kw("key", "list", *arguments)}

    assert ids("--subject", "a") == {keys[0]["id"], keys[2]["id"]}
    assert ids("--state", "active") == {keys[2]["id"], keys[3]["id"]}
    assert ids("--state", "suspended", "--subject", "b") == {keys[1]["id"]}
    assert ids("--subject", "nobody") == set()
    assert kw.run("key", "list", "--subject", "nobody").stdout == ""
    refuses(kw, "key", "list", "--state", "gone", status=2, says='"gone" is not a key\'s state')


def test_a_list_shows_no_secret(kw, store):
    keys = [store.key(), store.key(verifier="sha256")]
    shown = "".join(
        kw("key", command, *more, json=json) if not json else kw.run("key", command, *more, "--json").stdout
        for json in (False, True)
        for command, more in (("list", []), *(("show", [key["id"]]) for key in keys))
    )
    for key in keys:
        assert key["id"] in shown
        assert key["key"] not in shown and sha256(key["key"])[:16] not in shown
    assert "$2b$" not in shown


def test_expired_keys(kw):
    kw("key", "import", "-", input=lines({"id": "old", "sha256": sha256("a"), "expires_at": "2020-01-01T00:00:00Z"}))
    (key,) = kw("key", "list")
    assert (key["state"], key["expired"], key["is_active"]) == ("active", True, False)
    assert "expired" in kw("key", "list", json=False)
    assert kw("key", "list", "--state", "active") == []
    assert len(kw("key", "list", "--state", "expired")) == 1


def test_show(kw, store):
    key = store.key("laptop", subject="alice", scope=["a", "b"], verifier="sha256")
    shown = kw("key", "show", key["id"])
    assert (shown["name"], shown["scopes"], shown["last_refusal"], shown["uses"], shown["last_used_at"]) == (
        "laptop",
        ["a", "b"],
        None,
        0,
        None,
    )
    assert shown["changed_at"] == shown["created_at"]
    text = kw("key", "show", key["id"], json=False)
    assert re.search(r"^scopes +a b$", text, re.M)
    for unknown in ("nope", "", "a b", "x" * 300):
        refuses(kw, "key", "show", unknown, says="no key with the id")


def test_revoke(kw, store):
    key = store.key(verifier="sha256")
    assert kw("key", "revoke", key["id"]) == {
        "id": key["id"],
        "state": "revoked",
        "changed": True,
        "also_revoked": [],
        "workers": 0,
    }
    changed_at = kw("key", "show", key["id"])["changed_at"]
    assert kw("key", "revoke", key["id"])["changed"] is False
    assert kw("key", "show", key["id"])["changed_at"] == changed_at
    assert kw("key", "revoke", key["id"], json=False) == f"key {key['id']} is revoked already\n"
    for unknown in ("nope", "", "a b"):
        refuses(kw, "key", "revoke", unknown, says="no key with the id")
    refuses(kw, "key", "resume", key["id"], says="is revoked")
    refuses(kw, "key", "suspend", key["id"], says="is revoked")


def test_revoking_ends_what_the_key_had_replaced(kw):
    chain = [
        {
            "id": f"k{i}",
            "sha256": sha256(f"k{i}"),
            "predecessor": f"k{i - 1}" if i else None,
            "successor": f"k{i + 1}" if i < 3 else None,
        }
        for i in range(4)
    ]
    kw("key", "import", "-", input=lines(*chain))
    assert kw("key", "revoke", "k2")["also_revoked"] == ["k1", "k0"]
    assert [key["state"] for key in kw("key", "list")] == ["revoked", "revoked", "revoked", "active"]
    assert "k2" not in kw("key", "revoke", "k3", json=False)


def test_revoking_all_keys_of_a_subject(kw, store):
    keys = [store.key(subject="alice", verifier="sha256") for _ in range(5)]
    other = store.key(subject="alice2", verifier="sha256")
    ids = [key["id"] for key in keys]
    kw("key", "revoke", ids[0])
    kw("key", "suspend", ids[1])
    successor = kw("key", "rotate", ids[2], "--verifier", "sha256")["id"]
    expired = {"id": "old", "sha256": sha256("old"), "subject": "alice", "expires_at": "2020-01-01"}
    kw("key", "import", "-", input=lines(expired))
    ended = kw("key", "revoke", "--subject", "alice")
    assert {one["id"] for one in ended if one["changed"]} == {*ids[1:], successor, "old"}
    assert {one["state"] for one in ended} == {"revoked"} and ids[0] not in {one["id"] for one in ended}
    assert {key["id"] for key in kw("key", "list") if key["state"] != "revoked"} == {other["id"]}
    entries = [entry for entry in kw("audit", "--subject", "alice") if entry["operation"] == "key_revoked"]
    assert len(entries) == 7 and {entry["by"]["command"] for entry in entries} == {"key revoke"}
    # Again: nothing to do.
    assert kw("key", "revoke", "--subject", "alice") == []
    assert kw("key", "revoke", "--subject", "alice", json=False) == "subject alice has no key that isn't revoked\n"
    kw("subject", "set", "nobody")
    assert kw("key", "revoke", "--subject", "nobody") == []


def test_whose_keys_to_revoke_has_to_be_clear(kw, store):
    key = store.key(subject="alice", verifier="sha256")
    refuses(kw, "key", "revoke", "--subject", "alcie", says='no subject "alcie": neither a record nor a key has it')
    refuses(kw, "key", "revoke", "--subject", "alcie", says='did you mean "alice"?')
    refuses(kw, "key", "revoke", "--subject", "", status=2, says="subject")
    refuses(kw, "key", "revoke", status=2, says="or --subject SUBJECT")
    refuses(kw, "key", "revoke", key["id"], "--subject", "alice", status=2, says="or --subject SUBJECT")
    refuses(kw, "key", "revoke", "--stdin", "--subject", "alice", status=2, says="or --subject SUBJECT")
    assert kw("key", "list", "--state", "active")


def test_a_damaged_key_of_a_subject_holds_up_no_other(kw, store):
    keys = [store.key(subject="alice", verifier="sha256")["id"] for _ in range(3)]
    rewrite(store, "keys", keys[1], lambda content: content[:1] + b"\xff" + content[2:])
    run = kw.run("key", "revoke", "--subject", "alice")
    assert run.rc == 3 and keys[1] in run.stderr and "2 keys are revoked; 1 other is not done" in run.stderr
    assert run.stdout.splitlines() == [f"key {id} is revoked" for id in (keys[0], keys[2])]


def test_more_keys_of_a_subject_than_one_transaction_has(kw):
    count = 5003
    kw("key", "import", "-", input=lines(*({"id": f"k{i}", "sha256": sha256(str(i)), "subject": "u"} for i in range(count))))  # fmt: skip
    assert len(kw("key", "revoke", "--subject", "u")) == count
    assert kw("key", "list", "--state", "active") == []


def test_a_loop_of_predecessors_ends(kw):
    kw(
        "key",
        "import",
        "-",
        input=lines(
            {"id": "a", "sha256": sha256("a"), "predecessor": "b"},
            {"id": "b", "sha256": sha256("b"), "predecessor": "a"},
        ),
    )
    assert kw("key", "revoke", "a")["also_revoked"] == ["b"]


def test_suspend_and_resume(kw, store):
    key = store.key(verifier="sha256")
    assert kw("key", "suspend", key["id"])["state"] == "suspended"
    assert kw("key", "suspend", key["id"])["changed"] is False
    assert kw("key", "show", key["id"])["is_active"] is False
    assert kw("key", "resume", key["id"]) == {
        "id": key["id"],
        "state": "active",
        "changed": True,
        "also_revoked": [],
        "workers": 0,
    }
    pending = store.pending_key(verifier="sha256")
    refuses(kw, "key", "resume", pending["id"], says="is pending")
    refuses(kw, "key", "suspend", pending["id"], says="is pending")


def test_a_long_list_streams(kw):
    """More keys than one page of a walk or the rows that decide a table's widths."""
    kw(
        "key",
        "import",
        "-",
        input=lines(*({"id": f"k{i:05}", "sha256": sha256(f"{i}"), "name": f"{i}"} for i in range(12001))),
    )
    assert [key["id"] for key in kw("key", "list")] == [f"k{i:05}" for i in range(12001)]
    table = kw("key", "list", json=False).splitlines()
    assert len(table) == 12002 and table[-1].split()[:2] == ["k12000", "12000"]
    assert {line.index("active") for line in table[1:1000]} == {table[0].index("STATE")}


@pytest.mark.parametrize(
    "prepare, options, unlimited",
    [
        ([], [], True),
        ([], ["--subject", "alice"], True),
        ([], ["--scope", "a"], False),
        ([], ["--scope", ""], False),
        ([], ["--plan", "elsewhere"], False),
        ([["plan", "set", "a"]], [], True),
        ([["plan", "set", "a", "--default"]], [], False),
        ([["subject", "set", "alice"]], ["--subject", "alice"], True),
        ([["subject", "set", "alice", "--scope", "a"]], ["--subject", "alice"], False),
        ([["subject", "set", "alice", "--scope", "a"]], ["--subject", "bob"], True),
        ([["subject", "set", "alice", "--plan", "elsewhere"]], ["--subject", "alice"], False),
    ],
)
def test_a_key_that_nothing_narrows_is_told(kw, prepare, options, unlimited):
    for command in prepare:
        kw(*command)
    arguments = ["key", "create", "--name", "x", "--verifier", "sha256", *options]
    told = kw.run(*arguments).stderr
    assert ("This key may do everything" in told) == unlimited
    assert not unlimited or "--scope or --plan" in told
    assert "may do everything" not in kw.run(*arguments, "--quiet").stderr
    run = kw.run(*arguments, "--json")
    assert run.json()["scopes"] == (None if "--scope" not in options else run.json()["scopes"])
    assert "Nothing" not in run.stdout + run.stderr


@pytest.mark.parametrize("command", ["show", "revoke", "suspend", "resume", "rotate"])
@pytest.mark.parametrize("text", ["a key", "another system's"])
def test_a_key_in_place_of_its_id_is_not_shown(kw, store, command, text):
    key = store.key()["key"] if text == "a key" else "sk_live_4eC39HqLyjWDarjtT1zdp7dc4eC39HqLyjWD"
    for options in ({"json": False}, {}):
        run = kw.run("key", command, key, *([] if options else ["--json"]))
        assert run.rc == 1 and key not in run.stderr + run.stdout and "there is no key with this id" in run.stderr


def test_a_key_among_the_ids_to_revoke_is_not_shown(kw, store):
    key = "sk_live_4eC39HqLyjWDarjtT1zdp7dc4eC39HqLyjWD"
    run = kw.run("key", "revoke", "--stdin", input=f"{store.key()['id']}\n{key}\nkey_nope\n")
    assert run.rc == 1 and key not in run.stderr + run.stdout
    assert "line 2: there is no key with this id" in run.stderr and '"key_nope"' in run.stderr
