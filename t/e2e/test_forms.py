"""Forms of keys: those that others made, several beside each other, and which of them a location accepts."""

import re
import uuid

import pytest
from cli_helper import lines, refuses, sha256
from harness.tokens import Signer

PLAIN = """
add_header X-Reason $keyward_reason always;
keyward on;
location / { proxy_pass @BACKEND@; }
"""
SERVER = """
add_header X-Reason $keyward_reason always;
keyward on;
location / { proxy_pass @BACKEND@; }
location /live/ { keyward_accept key=live; proxy_pass @BACKEND@; }
location /tests/ { keyward_accept key=test_,old; proxy_pass @BACKEND@; }
location /methods/ { keyward_accept methods=GET key; keyward_accept methods=POST key=live; proxy_pass @BACKEND@; }
location /tokens/ { keyward_accept token; proxy_pass @BACKEND@; }
"""
# As other systems make them, and what each kind is of.
FOREIGN = {
    "a UUID": str(uuid.uuid4()),
    "a UUID in capitals": str(uuid.uuid4()).upper(),
    "32 characters": uuid.uuid4().hex,
    "Sanctum's": "12|" + uuid.uuid4().hex + uuid.uuid4().hex[:8],
    "with a dot": "a1b2c3d4." + uuid.uuid4().hex,
    "with two dots": "SG.abcdefghijklmnop.qrstuvwxyz0123456789-_",
    "base64": "c29t" + uuid.uuid4().hex.upper() + "+/8=",
    "a prefix": "sk_live_" + uuid.uuid4().hex[:24],
    "weak": "hunter2",
}


def asked(e, key, target="/", method="GET"):
    response = e.request(method, target, {"X-API-Key": key})
    return response.status, response.header("X-Reason")


def imported(kw, keys):
    return kw("key", "import", "-", "--weak", "--verifier", "sha256", input=lines(*({"key": key} for key in keys)))


def directives(answer):
    return "".join(f"keyward_key_format {words};\n" for words in answer["key_formats"])


def why(log):
    return re.findall(r"keyward refused: ([^\n]*), client", log)


@pytest.mark.parametrize("name", FOREIGN)
def test_report_S15_what_an_import_says_lets_its_keys_in(name, kw, edge, store, backend):
    """Imported, "valid yes", and 401 forever, with nothing in any log."""
    key, own = FOREIGN[name], store.key(verifier="sha256")["key"]
    e = edge(server=PLAIN)
    answer = imported(kw, [key])
    assert asked(e, key) == (401, "invalid_key"), "no format has it"
    assert 'neither the form of a configured key nor that of a token: keys begin with "kw_"' in why(e.log)[0]
    e.reload(http=directives(answer))
    assert asked(e, key) == (200, None)
    assert asked(e, own) == (200, None), "the default one is among those that were named"
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert asked(e, wrong) == (401, "invalid_key")
    assert key not in e.log and wrong not in e.log


def test_report_S15_all_kinds_at_once(kw, edge, store):
    answer = imported(kw, FOREIGN.values())
    e = edge(http=directives(answer), server=PLAIN)
    for name, key in FOREIGN.items():
        assert asked(e, key) == (200, None), name
    assert asked(e, store.key(verifier="sha256")["key"]) == (200, None)


def test_report_S15_the_last_line_of_an_import(kw):
    run = kw.run("key", "import", "-", "--weak", input=lines({"key": "sk_live_" + "aB3" * 8}, {"key": "short"}))
    assert run.stdout == "2 keys imported\n"
    assert run.stderr.splitlines()[-1] == (
        "For these keys nginx needs in its http block: keyward_key_format kw_ base62=43 checksum; "
        "keyward_key_format sk_live_ base62=24; keyward_key_format any min=5;"
    )
    run = kw.run(
        "key", "import", "-", input=lines({"sha256": sha256("a")}, {"sha256": sha256("b"), "preview": "kw_ab..."})
    )
    assert run.stderr.splitlines()[-1].startswith("1 key came as hashes, of which nobody can tell the form: nginx lets")
    again = kw("key", "import", "-", "--dry-run", input=lines({"sha256": sha256("c")}))
    assert (again["key_formats"], again["unknown_formats"]) == ([], 1)


def test_report_S15_key_check(kw, edge, folder, store):
    key = FOREIGN["Sanctum's"]
    imported(kw, [key])
    answer = kw("key", "check", input=key)
    assert answer["valid"] and 'a keyward_key_format for it, such as "any"' in answer["remark"]

    def judged(http):
        (folder / "nginx.conf").write_text("http {\n" + http + f"keyward_store {store.path};\n" + "}\n")
        return kw.run("key", "check", "--json", "--conf", folder / "nginx.conf", input=key).json()

    answer = judged("keyward_key_format nrp_ hex=64;\n")
    assert (answer["valid"], answer["reason"]) == (False, "invalid_key")
    assert 'keys begin with "nrp_"; write "keyward_key_format any;" in http' in answer["remark"]
    assert judged("keyward_key_format any;\n")["valid"]
    answer = judged("keyward_key_format any max=20;\n")
    assert (
        'it has 43 characters, and keys have 16 to 20 characters; write "keyward_key_format any min=43 max=43;"'
        in answer["remark"]
    )


def test_report_S15_a_key_with_the_form_of_a_token(kw, folder, store):
    key = "aaaa1111.bbbb2222.cccc3333"
    imported(kw, [key])
    conf = folder / "nginx.conf"
    for issuer, expected in (("", (True, "")), ("keyward_issuer a { public_key a.pem; }", (False, "invalid_token"))):
        conf.write_text(f"http {{\nkeyward_key_format any;\nkeyward_store {store.path};\n{issuer}\n}}\n")
        answer = kw.run("key", "check", "--json", "--conf", conf, input=key).json()
        assert (answer["valid"], answer["reason"] or "") == expected
    assert "nginx takes it for a token" in answer["remark"]


@pytest.fixture
def forms(kw, edge, issuers):
    """An edge with several formats, and a key of each."""
    formats = {"live": "live_ hex=32", "live_long": "live_ base62=40 checksum", "test": "test_ uuid", "bare": '"" uuid'}
    keys = {
        name: kw("key", "create", "--name", name, "--verifier", "sha256", "--format", words)["key"]
        for name, words in formats.items()
    }
    keys["old"] = "12|" + "x" * 20
    imported(kw, [keys["old"]])
    http = "".join(
        f"keyward_key_format {words}{' name=live' if 'live' in name else ''};\n" for name, words in formats.items()
    )
    signer = Signer("EdDSA")
    e = edge(http=http + "keyward_key_format any min=20 name=old;\n" + issuers.block("auth", signer), server=SERVER)
    e.keys, e.signer = keys, signer
    return e


def test_several_formats_and_lengths(forms):
    for name, key in forms.keys.items():
        assert asked(forms, key) == (200, None), name
        assert asked(forms, key + "0")[0] == 401 and asked(forms, key[:-1])[0] == 401, name
    for key in (forms.keys["live"][:-1] + "g", forms.keys["live_long"][:-1] + "-", forms.keys["test"].upper()):
        assert asked(forms, key) == (401, "invalid_key")


def test_uuids_are_minted(forms):
    for name, prefix in (("test", "test_"), ("bare", "")):
        key = forms.keys[name]
        assert key.startswith(prefix) and str(uuid.UUID(key[len(prefix) :])) == key[len(prefix) :]
        assert uuid.UUID(key[len(prefix) :]).version == 4


def test_formats_are_accepted_by_name(forms):
    accepted = {
        "/live/": {"live", "live_long"},
        "/tests/": {"test", "old"},
        "/methods/": set(forms.keys),
        "/tokens/": set(),
    }
    for target, names in accepted.items():
        for name, key in forms.keys.items():
            assert asked(forms, key, target) == ((200, None) if name in names else (403, "not_accepted")), (
                target,
                name,
            )
    assert asked(forms, forms.keys["test"], "/methods/", "POST") == (403, "not_accepted")
    assert asked(forms, forms.keys["live"], "/methods/", "POST") == (200, None)
    assert asked(forms, "live_" + "0" * 32, "/tests/") == (401, "invalid_key"), "only a good key is told so"
    assert asked(forms, forms.signer.token(), "/live/") == (403, "not_accepted")


def test_three_base64url_parts_are_a_token_where_there_is_an_issuer(forms, edge, kw):
    token = forms.signer.token()
    assert asked(forms, token) == (200, None)
    assert asked(forms, token[:-4]) == (401, "invalid_token")
    keys = ["SG.abcdefghijklmnop.qrstuvwxyz0123456789", "SG.abcdefghijklmnop.qrstuvwxyz+/0123456789"]
    imported(kw, keys)
    assert asked(forms, keys[0]) == (401, "invalid_token"), "it looks like a token"
    assert asked(forms, keys[1]) == (200, None), "no token has such a part"
    alone = edge(http="keyward_key_format any;", server=PLAIN)
    assert asked(alone, keys[0]) == (200, None)


@pytest.mark.parametrize("accept, reason", [("key token", "invalid_key"), ("token", "invalid_token")])
def test_nothing_is_a_token_where_nobody_issues_any(edge, kw, folder, store, accept, reason):
    """It was invalid_token, with no cause in the log."""
    e = edge(server=f"{PLAIN} keyward_accept {accept};")
    text = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    assert asked(e, text) == (401, reason)
    says = 'keys begin with "kw_"; it has the parts of a token, and no keyward_issuer is configured'
    assert why(e.log) == [f"{reason}: it has neither the form of a configured key nor that of a token: {says}"]
    assert text not in e.log
    (folder / "nginx.conf").write_text(f"http {{\nkeyward_store {store.path};\n}}\n")
    answer = kw.run("key", "check", "--json", "--conf", folder / "nginx.conf", input=text).json()
    assert (answer["valid"], answer["reason"]) == (False, "invalid_key")
    assert "it fits no keyward_key_format of the configuration" in answer["remark"]


def test_the_log_names_the_form_that_a_credential_had_not(forms):
    cases = {
        "live_abc": 'it begins with "live_" and has 8 characters, where keys of keyward_key_format "live_" have 37 or 51',
        forms.keys["live"][:-1]
        + "G": 'it begins with "live_" and has other characters than keyward_key_format "live_" says',
        forms.keys["live_long"][:-1] + "!": "has a wrong checksum, as a typing error makes",
        "short,": 'it has 6 characters, and keys begin with "live_", begin with "test_", are UUIDs or have 20 to 200 characters'
        "; a token is three base64url parts",
        "x" * 201: "it has 201 characters, and keys",
    }
    for text, says in cases.items():
        with forms.connect() as connection:
            connection.request(headers={"X-API-Key": text})
        assert says in why(forms.log)[-1], text
        assert text not in forms.log


def test_any_is_told_of_a_configuration_that_has_it_for_nothing(config_test):
    for http, says in {
        "keyward_key_format any; keyward_key_format any min=8 max=16;": "let their min= and max= not overlap",
        "keyward_key_format any checksum;": '"checksum" is not part of the format any; write min=N, max=N and name=NAME',
        "keyward_key_format uuid;": 'for UUIDs without a prefix: "" uuid',
        "keyward_key_format x_ uuid; keyward_key_format x_ base64url=36;": 'is there twice for "x_" with keys of 38 characters',
        "keyward_key_format x_ uuid name=a,b;": '"name=a,b" names no format',
    }.items():
        rc, output = config_test(http=http, location="keyward on;")
        assert rc == 1 and says in output, output
    for location, says in {
        "keyward_accept key=nobody;": 'unknown key format "nobody" in keyward_accept in',
        "keyward_accept key key=kw_;": '"key" accepts the keys of every format, also beside "key="; write one of the two',
        "keyward_accept key=;": '"key=" needs the names of key formats',
        "keyward_accept key=kw_,kw_;": '"kw_" is there twice in "key="',
    }.items():
        rc, output = config_test(location=f"keyward on; {location}")
        assert rc == 1 and says in output, output
    assert 'there are "kw_"' in config_test(location="keyward on; keyward_accept key=nobody;")[1]
    assert config_test(location="keyward on; keyward_accept key=kw_ anonymous;")[0] == 0


def test_formats_of_the_command(kw):
    refuses(kw, "key", "create", "--name", "x", "--format", "any", status=2, says="no key can be made by it")
    refuses(kw, "key", "create", "--name", "x", "--format", '"" hex=32', status=2, says="is not a key prefix")
    key = kw("key", "create", "--name", "x", "--format", "pk_ uuid checksum", "--verifier", "sha256")
    assert re.fullmatch(r"pk_[0-9a-f-]{36}[0-9A-Za-z]{6}", key["key"])
    assert key["preview"] == key["key"][:11] + "..." + key["key"][-4:]
    new = kw.run("key", "rotate", key["id"], "--format", '"" uuid')
    assert 'the old key begins with "pk_", the new one with ""' in new.stderr
