"""keyward key import --from: exports of other systems, in their own forms. docs/migrate has whole ones, which
test_migrate.py runs."""

import base64
import hashlib
import json
import os
import time

import pytest
from cli_helper import bcrypt, refuses, sha256, strong

UUIDS = [f"4f0e{i:04d}-86a7-4a3c-9a3e-0d6f4c1b2a3d" for i in range(4)]


def load(kw, form, *documents, arguments=()):
    text = "\n".join(d if isinstance(d, str) else json.dumps(d) for d in documents)
    return kw.run("key", "import", "-", "--from", form, "--verifier", "sha256", *arguments, input=text)


def loaded(kw, form, *documents, arguments=()):
    """The store's keys after a good import, by id."""
    run = load(kw, form, *documents, arguments=arguments)
    assert run.rc == 0, run
    return {key["id"]: key for key in kw("key", "list")}


def bad(kw, form, *documents, arguments=()):
    """An import that must be refused, key by key: {number: what is wrong with it}."""
    run = load(kw, form, *documents, arguments=[*arguments, "--json"])
    assert (run.rc, run.stdout) == (1, ""), run
    error = json.loads(run.stderr)
    assert error["error"].startswith("nothing was imported") and kw("key", "list") == []
    unit = "line" if form == "csv" else "record"
    assert error["bad_lines"] == len(error["lines"])
    return {line[unit]: line["error"] for line in error["lines"]}


def refused(kw, form, *documents, says):
    """A file that must be refused as a whole."""
    run = load(kw, form, *documents)
    assert (run.rc, run.stdout) == (1, "") and says in run.stderr, run
    assert kw("key", "list") == []


def test_a_name_that_there_is_not(kw):
    refuses(kw, "key", "import", "-", "--from", "tyk", status=2, says="there are kong, apisix, unkey and csv", input="")


def test_a_file_that_is_not_there(kw, folder):
    refuses(kw, "key", "import", folder / "none.json", "--from", "kong", says="can't open")
    refuses(kw, "key", "import", folder, "--from", "kong", says="can't read")


@pytest.mark.parametrize("form", ["kong", "apisix", "unkey"])
def test_what_is_no_json(kw, form):
    refused(kw, form, "", says="the file is empty")
    refused(kw, form, "id,key\n", says="document 1 of the file is no JSON object or array")
    refused(kw, form, {"data": []}, '{"data":[', says="document 2 of the file: ")
    refused(kw, form, '{"data":["]}', says="document 1 of the file: ")
    refused(kw, form, {"message": "Unauthorized"}, says="document 1")
    refused(kw, form, "[" * 100 + "]" * 100, says="document 1 of the file: ")


# --- Kong


def credential(n, key, owner=0, **more):
    consumer = {"id": UUIDS[owner].replace("4f0e", "c0a5")}
    return {"id": UUIDS[n], "created_at": 1700000000, "consumer": consumer, "key": key, "tags": None, **more}


def consumer(n, **more):
    base = {"id": UUIDS[n].replace("4f0e", "c0a5"), "username": None, "custom_id": None, "created_at": 1690000000}
    return {**base, "tags": None, "updated_at": 1690000000, **more}


def page(*data, next=None):
    return {"data": list(data), "next": next, **({"offset": "WyI"} if next else {})}


def test_kong(kw):
    keys = loaded(
        kw,
        "kong",
        page(credential(0, strong(0)), next="/key-auths?offset=WyI"),
        page(credential(1, strong(1), owner=1, ttl=3600)),
        page(consumer(0, username="bob", custom_id="b-17"), next="/consumers?offset=WyI"),
        page(consumer(1, custom_id="a-18")),
    )
    assert {id: key["subject"] for id, key in keys.items()} == {UUIDS[0]: "bob", UUIDS[1]: "a-18"}
    assert keys[UUIDS[0]]["created_at"] == "2023-11-14T22:13:20Z" and keys[UUIDS[0]]["expires_at"] is None
    assert kw("key", "check", input=strong(0))["id"] == UUIDS[0]
    expiry = keys[UUIDS[1]]["expires_at"]
    assert time.time() + 3000 < time.mktime(time.strptime(expiry, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone


def test_kong_counts_the_rest_of_a_time_from_when_the_file_was_made(kw, folder):
    export = folder / "kong.json"
    export.write_text(json.dumps(page(credential(0, strong(0), ttl=3600))))
    os.utime(export, (1750000000, 1750000000))
    kw("key", "import", export, "--from", "kong")
    assert kw("key", "show", UUIDS[0])["expires_at"] == "2025-06-15T16:06:40Z"


def test_kong_without_consumers_has_their_ids(kw):
    keys = loaded(kw, "kong", page(credential(0, strong(0))))
    assert keys[UUIDS[0]]["subject"] == UUIDS[0].replace("4f0e", "c0a5")


def test_kong_has_to_be_whole(kw):
    first = page(credential(0, strong(0)), next="/key-auths?offset=WyI")
    refused(kw, "kong", first, says='the last page of /key-auths has a "next" one')
    refused(kw, "kong", page(credential(0, strong(0))), page(consumer(0, username="a"), next="/x"), says="/consumers")
    refused(kw, "kong", page(consumer(0, username="bob")), says="there are no keys in it")


def test_kong_names_each_bad_key(kw):
    told = bad(
        kw,
        "kong",
        page(
            credential(0, strong(0)),
            credential(1, "1234"),
            credential(2, strong(2), owner=2),
            credential(3, strong(3), ttl="soon"),
            {**credential(3, strong(4)), "consumer": None},
        ),
        page(consumer(0, username="bob")),
    )
    assert set(told) == {2, 3, 4, 5}
    assert told[2].startswith(f"{UUIDS[1]}: key seems to have less than 128 random bits") and "1234" not in told[2]
    assert told[3].startswith(f"{UUIDS[2]}: its consumer isn't among those")
    assert "ttl has to be" in told[4] and "no consumer" in told[5]


def test_a_key_that_is_there_twice_is_named_by_records(kw):
    twice = page(credential(0, strong(0)), credential(1, strong(0)))
    assert bad(kw, "kong", twice) == {2: "its key is the same as in record 1"}


# --- APISIX


def entry(path, index=7, **value):
    stamps = {"createdIndex": index, "modifiedIndex": index}
    return {"key": f"/apisix/consumers/{path}", "value": {"create_time": 1700000000, **value}, **stamps}


def key_auth(key):
    return {"plugins": {"key-auth": {"key": key}}}


def listed(*entries, total=None):
    return {"list": list(entries), "total": len(entries) if total is None else total}


def test_apisix(kw):
    keys = loaded(
        kw,
        "apisix",
        listed(
            entry("jack", username="jack", desc="the first one", **key_auth(strong(0))),
            entry("rose", username="rose", plugins={"limit-count": {"count": 2}}),
        ),
        listed(
            entry("rose/credentials/web.1", id="web.1", **key_auth(strong(1))),
            entry("rose/credentials/web-2", id="web-2", **key_auth(strong(2))),
            entry("rose/credentials/b", id="b", plugins={"basic-auth": {"username": "u", "password": "p"}}),
        ),
        {"list": {}, "total": 0},
    )
    assert {id: key["subject"] for id, key in keys.items()} == {
        "jack": "jack",
        "rose:web.1": "rose",
        "rose:web-2": "rose",
    }
    assert (keys["jack"]["name"], keys["jack"]["created_at"]) == ("the first one", "2023-11-14T22:13:20Z")
    assert kw("key", "check", input=strong(2))["id"] == "rose:web-2"


def test_apisix_says_who_has_no_key(kw):
    consumers = listed(entry("jack", **key_auth(strong(0))), entry("rose", plugins={}), entry("ann"))
    credentials = listed(entry("ann/credentials/a", **key_auth(strong(1))))
    run = load(kw, "apisix", consumers, credentials, arguments=["--json"])
    assert run.rc == 0 and run.json()["warnings"][0].startswith("1 consumer of the file without a key of key-auth")
    assert "1 consumer of the file" in run.stderr


def test_apisix_one_alone(kw):
    assert set(loaded(kw, "apisix", entry("jack", **key_auth(strong(0))))) == {"jack"}


def test_apisix_has_to_be_whole(kw):
    one, two = entry("a", **key_auth(strong(0))), entry("b", **key_auth(strong(1)))
    refused(kw, "apisix", listed(one, total=2), says="1 of 2 entries under /apisix/consumers")
    assert set(loaded(kw, "apisix", listed(one, total=2), listed(two, total=2))) == {"a", "b"}


def test_apisix_names_each_bad_key(kw):
    keys = ("$secret://vault/1/jack/key", "$ENV://JACK", "$env://jack", 5)
    told = bad(kw, "apisix", listed(*(entry(f"c{n}", **key_auth(key)) for n, key in enumerate(keys))))
    assert [told[n].startswith(f"c{n - 1}: its key is a reference") for n in (1, 2, 3)] == [True] * 3
    assert told[4] == "c3: key has to be a string"


@pytest.mark.parametrize(
    "key", ["/apisix/routes/1", "/apisix/consumers/", "/apisix/consumers/a/x/b", "/apisix/consumers/a/credentials/", 5]
)
def test_apisix_of_something_else(kw, key):
    refused(kw, "apisix", listed({**entry("a", **key_auth(strong(0))), "key": key}), says="isn't about consumers")


# --- Unkey


def hashed(key):
    return base64.b64encode(hashlib.sha256(key.encode()).digest()).decode()


def row(n, **more):
    base = {"id": f"key_{n}", "hash": hashed(strong(n)), "start": "sk_live_3Za9", "enabled": 1, "deleted_at_m": None}
    return {**base, "created_at_m": 1700000000123, "last_used_at": 0, "expires": None, **more}


def shown(n, **more):
    base = {"keyId": f"key_{n}", "start": "sk_live_3Za9", "enabled": True, "createdAt": 1700000000123}
    return {**base, "plaintext": strong(n), **more}


def answer(*keys, more=False):
    return {"meta": {"requestId": "req_1"}, "data": list(keys), "pagination": {"cursor": None, "hasMore": more}}


def test_unkey_rows(kw):
    keys = loaded(
        kw,
        "unkey",
        row(0, name="web", external_id="user_7", expires="2100-01-01 00:00:00.000000", permissions=["docs.read"]),
        row(1, enabled=0, last_used_at=1710000000000),
        [row(2, deleted_at_m=1720000000000), row(3, enabled=False)],
    )
    first = keys["key_0"]
    assert (first["name"], first["subject"], first["scopes"]) == ("web", "user_7", ["docs.read"])
    assert (first["created_at"], first["expires_at"]) == ("2023-11-14T22:13:20Z", "2100-01-01T00:00:00Z")
    assert (first["preview"], first["last_used_at"]) == ("sk_live_3Za9...", None)
    assert {id: key["state"] for id, key in keys.items()} == {
        "key_0": "active",
        "key_1": "suspended",
        "key_2": "revoked",
        "key_3": "suspended",
    }
    assert keys["key_1"]["last_used_at"] == "2024-03-09T16:00:00Z"
    # Who has no permissions there has none here, and not all.
    assert keys["key_1"]["scopes"] == []
    assert kw("key", "check", input=strong(0))["id"] == "key_0"
    assert kw("key", "check", input=strong(9), ok=False)["valid"] is False


def test_unkey_pages(kw):
    keys = loaded(
        kw,
        "unkey",
        answer(shown(0, identity={"id": "id_1", "externalId": "user_7"}, expires=4102444800000), more=True),
        answer(shown(1, enabled=False, name="second", lastUsedAt=1710000000000, permissions=["a:b", "c"])),
    )
    assert (keys["key_0"]["subject"], keys["key_0"]["expires_at"]) == ("user_7", "2100-01-01T00:00:00Z")
    assert (keys["key_1"]["state"], keys["key_1"]["scopes"], keys["key_0"]["scopes"]) == ("suspended", ["a:b", "c"], [])
    assert kw("key", "check", input=strong(0))["id"] == "key_0"


def test_unkey_has_to_be_whole(kw):
    refused(kw, "unkey", answer(shown(0), more=True), says='"hasMore": true')
    refused(kw, "unkey", answer(), says="there are no keys in it")


def test_unkey_says_what_is_not_taken_over(kw):
    run = load(kw, "unkey", answer(shown(0, credits={"remaining": 5}), shown(1, ratelimits=[{"limit": 1}]), shown(2)))
    assert run.rc == 0 and "2 keys had credits or ratelimits" in run.stderr


def test_unkey_names_each_bad_key(kw):
    told = bad(
        kw,
        "unkey",
        row(0, hash=sha256("x")),
        row(1, pending_migration_id="acme_1"),
        row(2, permissions=["docs.*"]),
        row(3, permissions="docs.read"),
        row(4, hash=hashed("x")[:-1]),
        row(5, enabled=None, expires="soon"),
        answer(shown(6, plaintext=None), shown(7, permissions=["*"])),
    )
    assert set(told) == set(range(1, 9))
    assert told[1] == "key_0: hash is no SHA-256 in base64, as Unkey makes it" == told[5].replace("key_4", "key_0")
    assert "pending_migration_id" in told[2] and "would stand for others" in told[3] and "array" in told[4]
    assert "expires_at is not a time" in told[6] and "no plaintext" in told[7] and "would stand for others" in told[8]


# --- CSV


def test_csv(kw):
    lines = [
        "\ufeffid,name,subject,scopes,limits,created_at,expires_at,sha256",
        f'a,"Jürgen, ""the"" one",acme/7,docs:read  docs:write,60r/m 1000r/d,1700000000,2100-01-01T00:00:00Z,{sha256("a")}',
        "",
        f'"b","two\r\nlines?",,,,,,"{sha256("b")}"',
    ]
    assert bad(kw, "csv", "\r\n".join(lines)) == {4: "name is too long, or has characters that are not allowed"}
    lines[3] = f'"b",,,,,,,"{sha256("b")}"'
    keys = loaded(kw, "csv", "\r\n".join(lines))
    first, second = keys["a"], keys["b"]
    assert (first["name"], first["subject"]) == ('Jürgen, "the" one', "acme/7")
    assert (first["scopes"], first["limits"]) == (["docs:read", "docs:write"], ["60r/m", "1000r/d"])
    assert (first["created_at"], first["expires_at"]) == ("2023-11-14T22:13:20Z", "2100-01-01T00:00:00Z")
    # Nothing in the column of scopes is no scope; of anything else it is as if the column weren't there.
    assert (second["scopes"], second["limits"], second["name"], second["expires_at"]) == ([], None, None, None)


def test_csv_without_the_column_has_the_scopes_of_the_plan(kw):
    assert loaded(kw, "csv", f"id,sha256\na,{sha256('a')}")["a"]["scopes"] is None


def test_csv_of_other_verifiers(kw):
    key = strong(0)
    loaded(kw, "csv", f"bcrypt,prefix,id\n{bcrypt(key)},{key[:12]},a\n")
    assert kw("key", "check", input=key)["id"] == "a"


def test_csv_changes_keys_that_are_there(kw):
    def csv(*rows):
        return "\n".join(["id,subject,scopes,concurrency,sha256", *rows])

    a, b, c = (f"{name},u,x y,,{sha256(name)}" for name in "abc")
    loaded(kw, "csv", csv(a, b))
    changed = csv(a.replace("x y", "x").replace(",,", ",4,"), b, c)
    run = load(kw, "csv", changed)
    assert run.rc == 1 and "id is in the store already" in run.stderr
    keys = loaded(kw, "csv", changed, arguments=["--update"])
    assert {id: (key["scopes"], key["concurrency"]) for id, key in keys.items()} == {
        "a": (["x"], 4),
        "b": (["x", "y"], None),
        "c": (["x", "y"], None),
    }
    assert [entry["operation"] for entry in kw("audit", "--key", "a")] == ["keys_imported", "key_changed"]
    # What can't be changed is a bad line, and then nothing is.
    run = load(kw, "csv", csv(a, b.replace(",u,", ",v,")), arguments=["--update"])
    assert run.rc == 1 and "line 3: subject can't be changed" in run.stderr
    assert kw("key", "show", "a")["scopes"] == ["x"]


def test_a_later_export_changes_keys_that_are_there(kw):
    loaded(kw, "unkey", answer(shown(0, permissions=["a"]), shown(1)))
    later = answer(shown(0, permissions=["a", "b"]), shown(1, enabled=False), shown(2))
    keys = loaded(kw, "unkey", later, arguments=["--update"])
    assert {id: (key["state"], key["scopes"]) for id, key in keys.items()} == {
        "key_0": ("active", ["a", "b"]),
        "key_1": ("suspended", []),
        "key_2": ("active", []),
    }


@pytest.mark.parametrize(
    "header", ["", "a,b", "id;sha256", "id\tsha256", "id,", "id,id", "Id,sha256", 'id,"a b"', strong(0)]
)
def test_csv_without_names(kw, header):
    run = load(kw, "csv", f"{header}\na,{sha256('a')}\n")
    assert run.rc == 1 and ("line 1 has to name the columns" in run.stderr or "line 1: " in run.stderr), run
    assert strong(0) not in run.stderr and kw("key", "list") == []


def test_csv_names_each_bad_line(kw):
    told = bad(
        kw,
        "csv",
        "\n".join(
            [
                "id,name,sha256",
                f"a,,{sha256('a')}",
                f"b,{sha256('b')}",
                f"c,,{sha256('c')},",
                f'd,x"y,{sha256("d")}',
                f'"e" ,,{sha256("e")}',
                f"f,,{sha256('f')[1:]}",
                'g,"two\nlines',
            ]
        ),
    )
    assert {n: text[:30] for n, text in told.items()} == {
        3: "it has 2 values, and line 1 ha",
        4: "it has 4 values, and line 1 ha",
        5: "a quote stands in a value that",
        6: "a quoted value is followed by ",
        7: "sha256 has to be 64 hexadecima",
        8: "a quoted value has no end",
    }


def test_csv_names_an_unknown_column(kw):
    told = bad(kw, "csv", f"id,colour,sha256\na,red,{sha256('a')}\n")
    assert told[2].startswith('unknown member "colour"; there are id, ')


def test_no_key_is_shown_in_an_error(kw):
    """Whatever is wrong with an export, what it says of that holds nothing of a key."""
    key = strong(0)
    exports = {
        "kong": [page(credential(0, key, ttl="x")), page(credential(0, 5), key), page(credential(0, key), next=key)],
        "apisix": [listed(entry("a", **key_auth("$env://" + key))), listed(key), {"list": key}],
        "unkey": [answer(shown(0, plaintext=key, permissions=["*"])), row(0, hash=key), [key], {"hash": key}],
        "csv": [f"id,{key}\n", f'key,name\n{key},"x\n', f"key\n{key},\n", f'key\n"{key}"x\n'],
    }
    for form, documents in exports.items():
        for export in documents:
            run = load(kw, form, export)
            assert run.rc == 1 and key not in run.stderr and key[8:24] not in run.stderr, (form, run)
