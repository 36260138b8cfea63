"""keyward key check: the store's opinion on a key."""

import pytest
from cli_helper import bcrypt, lines, on_terminal, refuses, sha256, strong


def check(kw, key):
    run = kw.run("key", "check", "--json", input=key)
    answer = run.json()
    assert run.rc == (0 if answer["valid"] else 1)
    assert (answer["reason"] is None) == answer["valid"]
    assert run.stderr == ""
    return answer


@pytest.mark.parametrize("verifier", ["bcrypt:4", "sha256"])
def test_a_key_and_all_that_is_near_it(kw, store, verifier):
    key = store.key(verifier=verifier)
    text = key["key"]
    for good in (text, text + "\n", text + "\r\n"):
        assert check(kw, good)["id"] == key["id"]
    wrong = [text[:i] for i in range(1, len(text))]
    wrong += [text[:i] + chr(ord(text[i]) ^ 1) + text[i + 1 :] for i in range(0, len(text), 5)]
    wrong += [
        text + "x",
        text + "\n\n",
        " " + text,
        text + " ",
        text + "\0",
        text.swapcase(),
        "x" * 100,
        "x" * 9000,
        "\n" + text,
    ]
    for bad in wrong[:: 1 if verifier == "sha256" else 4]:
        answer = check(kw, bad)
        assert (answer["valid"], answer["reason"], answer["id"]) == (False, "invalid_key", None)


def test_no_key(kw):
    for nothing in ("", "\n"):
        refuses(kw, "key", "check", status=2, says="no key on standard input", input=nothing)


def test_states(kw, store):
    def reason(key):
        answer = check(kw, key["key"])
        assert answer["id"] == key["id"]
        return answer["reason"]

    key = store.key(subject="alice", verifier="sha256")
    assert reason(key) is None
    kw("key", "suspend", key["id"])
    assert reason(key) == "suspended_key"
    kw("key", "resume", key["id"])
    kw("subject", "set", "alice", "--state", "blocked")
    assert reason(key) == "blocked_subject"
    kw("subject", "set", "alice", "--state", "active")
    assert reason(key) is None
    kw("key", "revoke", key["id"])
    assert reason(key) == "revoked_key"
    assert reason(store.pending_key(verifier="sha256")) == "pending_key"
    kw("plan", "set", "shut", "--no-access")
    assert reason(store.key(verifier="sha256", plan="shut")) == "no_access"
    missing = store.key(verifier="sha256", plan="elsewhere")
    assert reason(missing) == "no_access"
    assert "if nginx's configuration has it" in kw("key", "check", input=missing["key"], json=False, ok=False)


@pytest.fixture
def conf(folder, store):
    """conf(directives): --conf with a configuration that has them."""

    def write(text, *, name="nginx.conf", store_line=True):
        lines = f"http {{ {f'keyward_store {store.path};' if store_line else ''}\n{text}\n}}\n"
        (folder / name).write_text(f"# configuration file /etc/nginx/nginx.conf:\n{lines}\n")
        return ["--conf", folder / name]

    return write


def judged(kw, key, arguments):
    run = kw.run("key", "check", "--json", *arguments, input=key["key"])
    answer = run.json()
    assert run.rc == (0 if answer["valid"] else 1) and run.stderr == ""
    return answer


def test_report_U18(kw, store, conf, edge, backend):
    """A plan of nginx.conf: nginx lets the key in, and so does the command that is told of it."""
    plan = "keyward_plan gold scope=posts:*;\nkeyward_scope_implies posts:* posts:read media:read;"
    key = store.key(plan="gold", verifier="sha256")
    assert edge(http=plan, location="keyward on;").get("/", {"X-API-Key": key["key"]}).status == 200
    answer = judged(kw, key, conf(plan))
    assert (answer["valid"], answer["reason"], answer["plan"], answer["scopes"], answer["configuration"]) == (
        True,
        None,
        "gold",
        "posts:*",
        True,
    )
    unknown = judged(kw, key, [])
    assert (unknown["valid"], unknown["reason"], unknown["configuration"]) == (False, "no_access", False)
    assert unknown["remark"] == (
        'plan "gold" is not in the store; if nginx\'s configuration has it, nginx accepts the key: '
        "give that by --conf FILE, with what `nginx -T` prints"
    )
    missing = judged(kw, key, conf("keyward_plan silver;"))
    assert (missing["reason"], missing["remark"]) == (
        "no_access",
        'neither the configuration nor the store has the plan "gold"',
    )


def test_report_U18_the_configuration_owns_its_plans(kw, store, conf):
    kw("plan", "set", "pro", "--scope", "a")
    key = store.key(plan="pro", verifier="sha256")
    assert judged(kw, key, [])["scopes"] == "a"
    assert judged(kw, key, conf("keyward_plan pro scope=b,c;"))["scopes"] == "b c"
    assert judged(kw, key, conf("keyward_plan pro no_access;"))["reason"] == "no_access"
    assert judged(kw, key, conf("keyward_plan other scope=b default;"))["scopes"] == "a"
    free = store.key(verifier="sha256")
    assert judged(kw, free, conf("keyward_plan other scope=b default;"))["plan"] == "other"


def test_report_U18_implied_scopes(kw, store, conf):
    kw("plan", "set", "pro", "--scope", "posts:read")
    key = store.key(plan="pro", scope="all", verifier="sha256")
    assert judged(kw, key, [])["scopes"] is None
    assert judged(kw, key, conf("keyward_scope_implies all posts:read;"))["scopes"] == "posts:read"


def test_report_U18_formats(kw, store, conf, edge, backend):
    """A key that none of the configuration's formats admits is refused by nginx before the store is asked."""
    formats = "keyward_key_format nrp_ hex=64;\nkeyward_key_format kw_ base62=50;"
    ours, theirs = store.key(verifier="sha256"), store.key(verifier="sha256", format="nrp_ hex=64")
    e = edge(http=formats, location="keyward on;")
    for key, remark in [
        (
            ours,
            'it fits no keyward_key_format of the configuration, so that nginx refuses it without a look-up: it begins with "kw_" '
            'and has 52 characters, where keys of keyward_key_format "kw_" have 53; write "keyward_key_format kw_ base62=43 '
            'checksum;" in http',
        ),
        (theirs, None),
    ]:
        answer = judged(kw, key, conf(formats))
        assert answer["valid"] == (e.get("/", {"X-API-Key": key["key"]}).status == 200)
        assert (answer["reason"], answer["remark"], answer["id"]) == (
            "invalid_key" if remark else None,
            remark,
            key["id"],
        )
    answer = judged(kw, ours, conf("keyward_key_format nrp_ hex=64;"))
    assert (answer["reason"], answer["remark"]) == (
        "invalid_key",
        "it fits no keyward_key_format of the configuration, so that nginx refuses it without a look-up: keys begin with "
        '"nrp_"; write "keyward_key_format kw_ base62=43 checksum;" in http',
    )
    assert judged(kw, theirs, conf(""))["reason"] == "invalid_key", "the default format"
    unknown = judged(kw, theirs, [])
    assert (
        unknown["valid"]
        and unknown["remark"].startswith("it doesn't fit nginx's default key format")
        and "--conf FILE" in unknown["remark"]
    )
    assert judged(kw, ours, [])["remark"] is None


def test_report_U18_includes_are_followed(kw, store, folder):
    key = store.key(plan="gold", verifier="sha256")
    (folder / "dump.txt").write_text(
        f"# configuration file /etc/nginx/nginx.conf:\nhttp {{ keyward_store {store.path}; include plans/*.conf; }}\n\n"
        "# configuration file /etc/nginx/plans/a.conf:\nkeyward_plan gold scope=a;\n\n"
    )
    assert judged(kw, key, ["--conf", folder / "dump.txt"])["scopes"] == "a"
    (folder / "alone.conf").write_text(f"http {{ keyward_store {store.path}; include plans/*.conf; }}\n")
    answer = judged(kw, key, ["--conf", folder / "alone.conf"])
    assert answer["reason"] == "no_access" and "were not read" in answer["remark"]


def test_report_U18_what_is_wrong_with_the_file(kw, store, folder, conf):
    key = store.key(verifier="sha256")

    def refused(arguments, says):
        refuses(kw, "key", "check", *arguments, status=2, says=says, input=key["key"])

    refused(["--conf", "-"], "the key is on standard input; name a file")
    refused(["--conf", folder / "none"], "No such file")
    refused(conf("keyward_plan p limit=60;"), '"keyward_plan" directive:')
    refused(conf("keyward_key_format x;"), '"keyward_key_format" directive:')
    refused(conf("keyward_plan p"), "--conf: ")


def test_report_U18_another_store(kw, store, folder, conf):
    key = store.key(verifier="sha256")
    assert "has no keyward_store" in judged(kw, key, conf("", store_line=False))["remark"]
    remark = judged(kw, key, conf("keyward_store /srv/another;", store_line=False))["remark"]
    assert (
        remark == f'the configuration has keyward_store "/srv/another", and the store that was asked is "{store.path}"'
    )
    (folder / "link").symlink_to(store.path)
    assert judged(kw, key, conf(f"keyward_store {folder}/link/;", store_line=False))["remark"] is None


def test_expired(kw):
    key = strong(1)
    kw("key", "import", "-", input=lines({"key": key, "expires_at": "2020-01-01"}), json=False)
    assert check(kw, key)["reason"] == "expired_key"
    kw("key", "import", "-", input=lines({"sha256": sha256("b" * 40), "overlap_until": "2020-01-01"}), json=False)
    assert check(kw, "b" * 40)["reason"] == "expired_key"


def test_effective_scopes(kw, store):
    kw("plan", "set", "pro", "--scope", "posts:*,media:read")
    kw("subject", "set", "alice", "--scope", "posts:read,media:*")

    def scopes(**options):
        return check(kw, store.key(verifier="sha256", **options)["key"])["scopes"]

    assert scopes() == "*"
    assert scopes(scope="a b") == "a b"
    assert scopes(plan="pro") == "posts:* media:read"
    assert scopes(plan="pro", scope="posts:read,other") == "posts:read"
    assert scopes(plan="pro", subject="alice").split() == ["posts:read", "media:read"]
    assert scopes(scope="") is None


def test_its_text(kw, store):
    key = store.key("laptop", verifier="sha256")
    text = kw("key", "check", input=key["key"], json=False)
    assert text.startswith("valid") and "laptop" in text and key["key"] not in text
    text = kw("key", "check", input=key["key"] + "x", json=False, ok=False)
    assert text == "valid   no\nreason  invalid_key\n"


def test_legacy_prefixes(kw):
    keys = [f"legacy_{i % 2}_{i}abcdefghijklmnopqrst" for i in range(4)]
    kw(
        "key",
        "import",
        "-",
        input=lines(*({"id": f"k{i}", "bcrypt": bcrypt(key), "prefix": key[:8]} for i, key in enumerate(keys))),
    )
    for i, key in enumerate(keys):
        assert check(kw, key)["id"] == f"k{i}"
        assert check(kw, key + "x")["id"] is None
    kw("key", "revoke", "k2")
    assert check(kw, keys[2])["reason"] == "revoked_key"
    assert check(kw, keys[2][:-1])["reason"] == "invalid_key"


def test_a_key_of_more_than_72_bytes_that_agrees_in_72(kw):
    key = "k" * 72
    kw("key", "import", "-", "--weak", input=lines({"key": key}), json=False)
    assert check(kw, key)["valid"]
    assert not check(kw, key + "k")["valid"]
    kw("key", "import", "-", input=lines({"bcrypt": bcrypt("legacy__" + key), "prefix": "legacy__"}))
    assert not check(kw, "legacy__" + key)["valid"]


def test_a_terminal_is_asked_and_shows_nothing(build, store):
    key = store.key(verifier="sha256")
    status, shown = on_terminal(build, store.path, "key", "check", typed=key["key"])
    assert status == 0 and "Key: " in shown and key["id"] in shown
    assert key["key"] not in shown
