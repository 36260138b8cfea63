"""keyward key set, and many keys at once: what changes of a living key, what doesn't, and for whom."""

import json

import pytest
from cli_helper import lines, refuses, sha256


def make(kw, *options):
    return kw("key", "create", "--name", "x", "--verifier", "sha256", *options)


def changes(kw, id):
    """Of the newest entry about a key."""
    return kw("audit", "--key", id)[-1]


def test_only_what_is_named_changes(kw):
    key = make(kw, "--subject", "alice", "--plan", "pro", "--scope", "a", "--limit", "1r/s", "--expires", "30d")
    was = kw("key", "show", key["id"])
    for options, expected in (
        (["--name", "laptop ü"], {"name": "laptop ü"}),
        (["--plan", "free"], {"plan": "free"}),
        (["--no-plan"], {"plan": None}),
        (["--scope", "b,c", "--scope", "d"], {"scopes": ["b", "c", "d"]}),
        (["--scope", ""], {"scopes": []}),
        (["--no-scopes"], {"scopes": None}),
        (["--limit", "2r/m"], {"limits": ["2r/m"]}),
        (["--no-limits"], {"limits": None}),
        (["--concurrency", "2"], {"concurrency": 2}),
        (["--no-concurrency"], {"concurrency": None}),
        (["--expires", "2099-01-02"], {"expires_at": "2099-01-02T00:00:00Z"}),
        (["--expires", "never"], {"expires_at": None}),
        (["--allow-from", "192.0.2.9,10.0.0.0/8"], {"allow_from": ["10.0.0.0/8", "192.0.2.9"]}),
        (["--no-allow-from"], {"allow_from": None}),
        (["--meta", '{"team": ["a", 1.50]}'], {"meta": {"team": ["a", 1.5]}}),
        (["--no-meta"], {"meta": None}),
    ):
        run = kw("key", "set", key["id"], *options)
        assert run["changed"] is True and run["also_changed"] == []
        was |= expected
        shown = kw("key", "show", key["id"])
        was["changed_at"] = shown["changed_at"]
        assert shown == was
        (field,) = changes(kw, key["id"])["changes"]
        assert field == next(iter(expected))
        assert kw("key", "set", key["id"], *options)["changed"] is False


def test_one_change_is_one_entry(kw):
    key = make(kw)
    run = kw.run("key", "set", key["id"], "--scope", "a", "--allow-from", "192.0.2.0/24", "--meta", '{"secret":"x"}')
    assert run.stderr.endswith(
        f"Key {key['id']} is changed: scopes a (was -), allow from 192.0.2.0/24 (was -), meta {{\"secret\":\"x\"}} (was -).\n"
    )
    entries = kw("audit", "--key", key["id"])
    assert [entry["operation"] for entry in entries] == ["key_created", "key_changed"]
    assert entries[1]["changes"] == {
        "scopes": {"before": None, "after": "a"},
        "allow_from": {"before": None, "after": "192.0.2.0/24"},
        "meta": {"before": None, "after": "set"},
    }
    kw("key", "set", key["id"], "--meta", '{"secret":"y"}')
    assert changes(kw, key["id"])["changes"] == {"meta": {"before": "set", "after": "changed"}}
    assert "secret" not in kw.run("audit").stdout


@pytest.mark.parametrize(
    "options, says",
    [
        ([], "nothing to change is named"),
        (["--name", ""], "--name: 1 to 200 bytes"),
        (["--plan", ""], "can't be a plan's name"),
        (["--plan", "a", "--no-plan"], "--plan and --no-plan contradict each other"),
        (["--scope", "a", "--no-scopes"], "contradict"),
        (["--limit", "1r/s", "--no-limits"], "contradict"),
        (["--concurrency", "1", "--no-concurrency"], "contradict"),
        (["--concurrency", "0"], '--concurrency: "0" is not a whole number from 1 to 1000000'),
        (["--concurrency", "1000001"], "is not a whole number from 1 to 1000000"),
        (["--allow-from", "::1", "--no-allow-from"], "contradict"),
        (["--meta", "{}", "--no-meta"], "contradict"),
        (["--scope", "a b*"], "is not a scope"),
        (["--limit", "5"], "--limit: "),
        (["--expires", "soon"], "--expires: "),
        (["--expires", "2020-01-01"], "is past; to end the key now, write `keyward key revoke`"),
        (["--allow-from", ""], "--allow-from names no network"),
        (["--allow-from", "192.0.2.7/24"], "write 192.0.2.0/24, or the address alone"),
        (["--allow-from", "localhost"], "is not a network"),
        (["--allow-from", ",".join(f"10.{i}.0.0/16" for i in range(129))], "more than 128 networks"),
        (["--meta", "[]"], "--meta: it has to be a JSON object"),
        (["--meta", "{"], "--meta: "),
        (["--meta", '{"a":1,"a":2}'], "--meta: "),
        (["--meta", '{"a":"' + "x" * 4096 + '"}'], "--meta: "),
    ],
)
def test_what_is_wrong_is_told(kw, options, says):
    key = make(kw)
    refuses(kw, "key", "set", key["id"], *options, status=2, says=says)
    assert kw("key", "show", key["id"])["scopes"] is None


def test_which_keys_can_be_changed(kw):
    key = make(kw)
    successor = kw("key", "rotate", key["id"])
    refuses(kw, "key", "set", key["id"], "--name", "y", says=f"change its successor, {successor['id']}")
    kw("key", "revoke", successor["id"])
    refuses(kw, "key", "set", successor["id"], "--name", "y", says="is revoked, and that is final")
    refuses(kw, "key", "set", "key_nope", "--name", "y", says='no key with the id "key_nope"')
    suspended = make(kw)
    kw("key", "suspend", suspended["id"])
    assert kw("key", "set", suspended["id"], "--name", "y")["state"] == "suspended"


def test_an_expired_key_is_renewed_where_there_is_room(kw):
    kw("plan", "set", "one", "--max-keys", "1")
    kw("key", "import", "-", input=lines({"id": "old", "sha256": sha256("a"), "subject": "u", "plan": "one", "expires_at": "2020-01-01"}))  # fmt: skip
    other = make(kw, "--subject", "u", "--plan", "one")
    refuses(kw, "key", "set", "old", "--expires", "30d", says='subject "u" has 1 other key, and plan "one" allows 1')
    kw("key", "suspend", other["id"])
    refuses(kw, "key", "set", "old", "--expires", "30d", says="has 1 other key")
    kw("key", "revoke", other["id"])
    assert kw("key", "set", "old", "--expires", "30d")["state"] == "active"
    assert kw("key", "show", "old")["is_active"] is True


def test_a_change_narrows_what_the_key_had_replaced(kw):
    old = make(kw, "--scope", "a,b")
    new = kw("key", "rotate", old["id"])
    run = kw("key", "set", new["id"], "--scope", "a", "--allow-from", "10.0.0.0/8")
    assert run["also_changed"] == [old["id"]]
    shown = kw("key", "show", old["id"])
    assert (shown["scopes"], shown["allow_from"]) == (["a"], ["10.0.0.0/8"])
    assert kw("key", "set", new["id"], "--no-scopes", "--no-allow-from")["also_changed"] == []
    assert kw("key", "show", old["id"])["scopes"] == ["a"]


def test_workers_go_by_it_at_once(edge, kw, store):
    key = store.key(verifier="bcrypt:4", scope=["a"])
    e = edge(location="keyward on; keyward_scope a; add_header X-Reason $keyward_reason always;", workers=2)
    ask = lambda: e.get("/", {"X-API-Key": key["key"]})  # noqa: E731
    for _ in range(4):
        assert ask().status == 200
    for options, status, reason in (
        (["--scope", "b"], 403, "insufficient_scope"),
        (["--scope", "a"], 200, None),
        (["--allow-from", "192.0.2.1"], 403, "address_not_allowed"),
        (["--allow-from", "127.0.0.1"], 200, None),
    ):
        kw("key", "set", key["id"], *options)
        for _ in range(4):
            answer = ask()
            assert answer.status == status and (answer.header("X-Reason") or None) == reason


FROM = "set_real_ip_from 127.0.0.1; real_ip_header X-From;"


def test_from_where_a_key_may_be_used(edge, kw, store):
    key = store.key(verifier="sha256")
    kw("key", "set", key["id"], "--allow-from", "192.0.2.0/24,2001:db8::/32")
    e = edge(server=f"{FROM} location / {{ keyward on; proxy_pass @BACKEND@; }}")

    def ask(address):
        answer = e.get("/", {"X-API-Key": key["key"], "X-From": address})
        return answer.status, json.loads(answer.body)["error"] if answer.status != 200 else None

    for address in ("192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"):
        assert ask(address) == (200, None), address
    for address in ("192.0.3.7", "2001:db9::7", "::ffff:192.0.3.7", "127.0.0.1"):
        assert ask(address) == (403, "access denied"), address
    # A successor inherits; a key without a list doesn't care.
    key = kw("key", "rotate", key["id"], "--verifier", "sha256")
    assert ask("192.0.3.7") == (403, "access denied") and ask("192.0.2.7") == (200, None)
    kw("key", "set", key["id"], "--no-allow-from")
    assert ask("192.0.3.7") == (200, None)


def test_a_local_socket_is_no_address(edge, kw, store, folder):
    key = store.key(verifier="sha256")
    kw("key", "set", key["id"], "--allow-from", "0.0.0.0/0,::/0")
    inner = f"unix:{folder}/inner.sock"
    e = edge(http=f"""
        server {{ listen {inner}; location / {{ keyward on; proxy_pass @BACKEND@; }} }}
        server {{ listen @PORT@; location / {{ proxy_pass http://{inner}; proxy_set_header X-API-Key $http_x_key; }}
            location /here {{ keyward on; proxy_pass @BACKEND@; }} }}""")  # fmt: skip
    assert e.get("/", {"X-Key": key["key"]}).status == 403
    assert e.get("/here", {"X-API-Key": key["key"]}).status == 200


def test_check_needs_the_address(kw):
    key = make(kw, "--allow-from", "192.0.2.0/24")

    def check(*options):
        run = kw.run("key", "check", "--json", *options, input=key["key"])
        return run.rc, json.loads(run.stdout)

    rc, said = check()
    assert rc == 1 and said["reason"] == "address_not_allowed" and "--address" in said["remark"]
    assert said["allow_from"] == ["192.0.2.0/24"]
    rc, said = check("--address", "198.51.100.1")
    assert (rc, said["reason"], said["remark"]) == (1, "address_not_allowed", None)
    assert check("--address", "192.0.2.9")[0] == check("--address", "::ffff:192.0.2.9")[0] == 0
    run = kw.run("key", "check", "--address", "here", input=key["key"])
    assert run.rc == 2 and "is not an address" in run.stderr


def test_they_are_exported_and_imported(kw, make_store):
    make(kw, "--allow-from", "192.0.2.0/24,::1", "--meta", '{"a":{"b":[1,2.0]}}')
    exported = kw("key", "export", json=False)
    other = make_store("other").kw
    other("key", "import", "-", input=exported)
    assert other("key", "export", json=False) == exported
    assert '"allow_from":["192.0.2.0/24","::1"],"meta":{"a":{"b":[1,2.0]}}' in exported
    for member, says in (
        ({"allow_from": []}, "allow_from has to be an array of networks"),
        ({"allow_from": ["x"]}, 'allow_from: "x" is not a network'),
        ({"allow_from": [1]}, "allow_from has to be an array of strings"),
        ({"meta": []}, "meta: it has to be a JSON object"),
    ):
        run = kw.run("key", "import", "-", input=lines({"sha256": sha256("z"), **member}))
        assert run.rc == 1 and says in run.stderr


def test_many_are_suspended_and_resumed(kw):
    ids = [make(kw)["id"] for _ in range(4)]
    kw("key", "revoke", ids[3])
    run = kw.run("key", "suspend", *ids, "key_nope")
    assert run.rc == 1
    assert run.stdout.splitlines() == [f"key {id} is suspended" for id in ids[:3]]
    assert run.stderr.splitlines()[-3:] == [
        f"keyward: key {ids[3]} is revoked, and only a key that is active can become suspended",
        'keyward: there is no key with the id "key_nope"',
        "keyward: 3 keys are suspended; 2 others are not done",
    ]
    run = kw.run("key", "resume", "--stdin", "--json", input="\n".join([*ids[:3], "", "a b"]))
    assert run.rc == 1
    assert [one["state"] for one in json.loads(run.stdout)] == ["active"] * 3
    assert json.loads(run.stderr)["lines"] == [{"line": 5, "error": "this is no id"}]
    assert [key["state"] for key in kw("key", "list")] == ["active"] * 3 + ["revoked"]
    assert [one["changed"] for one in kw("key", "revoke", ids[0], ids[1], ids[0])] == [True, True]
    refuses(kw, "key", "suspend", status=2, says="give the key's id")
    refuses(kw, "key", "suspend", "--stdin", ids[0], status=2, says="give the key's id")


def test_a_list_is_filtered(kw):
    keys = [
        {"id": "a", "name": "Build Server", "plan": "pro", "expires_at": "2099-01-01"},
        {"id": "b", "name": "laptop", "subject": "u", "created_at": "2020-01-01"},
        {"id": "c", "name": "builder", "plan": "pro", "created_at": "2020-01-01", "last_used_at": "2020-02-01"},
        {"id": "d", "name": "old", "expires_at": "2020-01-01", "created_at": "2019-01-01"},
    ]
    kw("key", "import", "-", input=lines(*({"sha256": sha256(key["id"]), **key} for key in keys)))
    kw("key", "set", "b", "--expires", "20d")

    def ids(*options):
        return "".join(key["id"] for key in kw("key", "list", *options))

    assert ids("--plan", "pro") == "ac" and ids("--name", "BUILD") == "ac" and ids("--name", "build s") == "a"
    assert (
        ids("--expiring", "30d") == "b" and ids("--expiring", "10d") == "" and ids("--expiring", "2099-02-01") == "ab"
    )
    assert (
        ids("--unused", "90d") == "bcd"
        and ids("--unused", "2020-02-01") == "bd"
        and ids("--unused", "2020-01-15") == "bd"
    )
    assert (
        ids("--unused", "90d", "--state", "active", "--plan", "pro") == "c"
        and ids("--subject", "u", "--plan", "x") == ""
    )
    for option in ("--plan", "--name"):
        refuses(kw, "key", "list", option, "", status=2, says=f"{option} needs a name")
    refuses(kw, "key", "list", "--expiring", "30", status=2, says="--expiring: ")
    refuses(kw, "key", "list", "--unused", "soon", status=2, says="--unused: ")


def test_max_keys_counts_suspended_ones(kw):
    kw("plan", "set", "one", "--max-keys", "1", "--default")
    key = make(kw, "--subject", "u")
    kw("key", "suspend", key["id"])
    refuses(kw, "key", "create", "--name", "x", "--subject", "u", "--verifier", "sha256", says="allows 1")
    kw("key", "resume", key["id"])
    kw("key", "suspend", key["id"])
    kw("plan", "set", "none", "--max-keys", "0")
    refuses(kw, "key", "set", key["id"], "--plan", "none", says="allows 0")
    kw("subject", "set", "u", "--plan", "none")
    refuses(kw, "key", "resume", key["id"], says="max_keys")
