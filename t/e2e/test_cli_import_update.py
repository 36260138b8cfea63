"""keyward key import --update: an edited export goes back in."""

import json

from cli_helper import bcrypt, lines, sha256, strong


def export(kw):
    return {line["id"]: line for line in map(json.loads, kw("key", "export", json=False).splitlines())}


def update(kw, *changed, rc=0):
    run = kw.run("key", "import", "-", "--update", "--json", input=lines(*changed))
    assert run.rc == rc, run
    if rc == 0:
        counts = json.loads(run.stdout)
        return {name: counts[name] for name in ("imported", "changed", "unchanged", "warnings")}
    return [one["error"] for one in json.loads(run.stderr)["lines"]]


def make(kw, *options):
    return kw("key", "create", "--name", "x", "--verifier", "sha256", *options)["id"]


def test_an_edited_export_goes_back_in(kw):
    ids = [
        make(kw, "--subject", "u", "--scope", "a", "--limit", "1r/s", "--expires", "30d", "--meta", '{"n":1}')
        for _ in range(4)
    ]
    kw("key", "import", "-", input=lines({"id": "old", "bcrypt": bcrypt(strong()), "prefix": "sk_live_"}))
    kw("key", "revoke", ids[3])
    whole = export(kw)
    assert update(kw, *whole.values()) == {"imported": 0, "changed": 0, "unchanged": 5, "warnings": []}
    entries = len(kw("audit"))

    edited = json.loads(json.dumps(whole))
    edited[ids[0]] |= {
        "scopes": ["b", "c"],
        "limits": None,
        "concurrency": 3,
        "expires_at": None,
        "allow_from": ["10.0.0.0/8"],
        "meta": {"n": 2},
    }
    edited[ids[1]] = {"id": ids[1], "name": "renamed", "state": "suspended"}
    edited["old"] |= {"scopes": ["a"]}
    del edited[ids[2]]
    new = {"id": "new", "name": "n", "sha256": sha256("n")}
    assert update(kw, *edited.values(), new) == {"imported": 1, "changed": 3, "unchanged": 1, "warnings": []}

    now = export(kw)
    expected = json.loads(json.dumps(whole))
    expected[ids[0]] |= {"scopes": ["b", "c"], "concurrency": 3, "allow_from": ["10.0.0.0/8"], "meta": {"n": 2}}
    del expected[ids[0]]["limits"], expected[ids[0]]["expires_at"]
    expected[ids[1]] |= {"name": "renamed", "state": "suspended"}
    expected["old"] |= {"scopes": ["a"]}
    assert now.pop("new")["name"] == "n"
    assert kw("key", "show", ids[0])["concurrency"] == 3
    for line in (*now.values(), *expected.values()):
        line.pop("changed_at", None)
    assert now == expected
    assert sorted(entry["operation"] for entry in kw("audit")[entries:]) == (
        ["key_changed"] * 3 + ["key_suspended", "keys_imported"]
    )


def test_all_or_nothing(kw):
    first, second = make(kw), make(kw)
    assert update(kw, {"id": first, "name": "y"}, {"id": second, "subject": "u"}, rc=1) == [
        "subject can't be changed; leave it out, or as it is"
    ]
    assert kw("key", "show", first)["name"] == "x"
    # What only the transaction sees, too.
    kw("plan", "set", "none", "--max-keys", "0")
    owned = make(kw, "--subject", "u")
    wrong = update(
        kw, {"id": first, "name": "y"}, {"id": owned, "plan": "none"}, {"id": "new", "sha256": sha256("n")}, rc=1
    )
    assert wrong == ["it would be one more key than its plan's max_keys allows its subject"]
    assert kw("key", "show", first)["name"] == "x" and "new" not in export(kw)


def test_bad_lines(kw):
    key = make(kw, "--subject", "u", "--expires", "30d")
    line = export(kw)[key]
    revoked, rotated = make(kw), make(kw)
    kw("key", "revoke", revoked)
    kw("key", "rotate", rotated, "--verifier", "sha256")
    for changed, says in (
        ({**line, "sha256": sha256("other")}, "what the key is recognised by is another"),
        ({"id": key, "key": strong(3)}, "what the key is recognised by is another"),
        ({"id": key, "bcrypt": bcrypt("x"), "sha256": sha256("x")}, "what the key is recognised by is another"),
        ({**line, "changed_at": "2020-01-01T00:00:00Z", "name": "y"}, "the key was changed since"),
        ({"id": key, "subject": None}, "subject can't be changed"),
        ({"id": key, "created_at": "2020-01-01"}, "created_at can't be changed"),
        ({"id": key, "preview": "x"}, "preview can't be changed"),
        ({"id": key, "successor": "y"}, "successor can't be changed"),
        ({"id": key, "expires_at": "2020-01-01"}, "expires_at is past"),
        ({"id": key, "name": None}, "a key that has a name keeps one"),
        ({"id": key, "concurrency": 0}, "concurrency has to be a whole number from 1 to 1000000"),
        ({"id": key, "concurrency": "2"}, "concurrency has to be a whole number from 1 to 1000000"),
        ({"id": key, "allow_from": []}, "allow_from has to be an array of networks"),
        ({"id": revoked, "name": "y"}, "the key is revoked, and that is final"),
        ({"id": revoked, "state": "active"}, "the key is revoked, and that is final"),
        ({"id": rotated, "scopes": ["a"]}, "change its successor"),
        ({"id": "nobody", "name": "y"}, "the store has no key with this id"),
        ({"name": "y"}, "has neither the id of a key"),
    ):
        (error,) = update(kw, changed, rc=1)
        assert says in error, changed
    assert update(kw, {"id": key, "name": "a"}, {"id": key, "name": "b"}, rc=1) == ["id is the same as in line 1"]
    assert export(kw)[key] == line
    # Without --update an id that is there is a bad line, as ever.
    run = kw.run("key", "import", "-", input=lines(line))
    assert run.rc == 1 and "id is in the store already" in run.stderr


def test_a_key_is_ended_and_narrowed_by_its_line(kw):
    old = make(kw, "--scope", "a,b")
    new = kw("key", "rotate", old, "--verifier", "sha256")["id"]
    lines_of = export(kw)
    assert update(kw, lines_of[new] | {"scopes": ["a"]}, lines_of[old])["changed"] == 1
    assert kw("key", "show", old)["scopes"] == ["a"]
    assert update(kw, {"id": new, "state": "revoked"})["changed"] == 1
    assert kw("key", "show", old)["state"] == "revoked"


def test_a_dry_run_changes_nothing(kw):
    key = make(kw)
    run = kw("key", "import", "-", "--update", "--dry-run", input=lines({"id": key, "name": "y"}))
    assert (run["would_change"], run["would_import"], kw("key", "show", key)["name"]) == (1, 0, "x")


def test_max_keys_of_an_import(kw):
    kw("plan", "set", "two", "--max-keys", "2")
    kw("subject", "set", "u", "--plan", "two")
    kw("key", "import", "-", input=lines({"id": "a", "sha256": sha256("a"), "subject": "u", "state": "suspended"}))
    keys = [{"id": name, "sha256": sha256(name), "subject": "u"} for name in "bc"]
    run = kw.run("key", "import", "-", input=lines(*keys, {"id": "d", "sha256": sha256("d")}))
    assert run.rc == 1 and 'line 2: subject "u" would have 3 keys, and plan "two" allows 2' in run.stderr
    assert set(export(kw)) == {"a"}
    keys[1] |= {"expires_at": "2020-01-01"}
    assert kw("key", "import", "-", input=lines(*keys))["imported"] == 2
    # An ended key that a line renews finds no place, either.
    wrong = update(kw, {"id": "c", "expires_at": None}, rc=1)
    assert wrong == ["it would be one more key than its plan's max_keys allows its subject"]
