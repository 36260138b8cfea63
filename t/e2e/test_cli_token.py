"""keyward token revoke: what it writes onto the denylist, and what becomes of it. What requests make of that is test_tokens.py's."""

import datetime
import re
import time

import pytest
from cli_helper import refuses


def seconds(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def denials(kw, *where):
    return kw(*where, "store", "stats")["denials"]


def test_by_jti(kw):
    answer = kw("token", "revoke", "--jti", "a b/ü")
    assert {name: answer[name] for name in ("issuer", "jti", "subject", "not_before", "until")} == {
        "issuer": None,
        "jti": "a b/ü",
        "subject": None,
        "not_before": None,
        "until": None,
    }
    assert abs(seconds(answer["revoked_at"]) - time.time()) < 60
    assert kw("token", "revoke", "--jti", "a b/ü", "--issuer", "auth")["issuer"] == "auth"
    assert denials(kw) == 1
    assert kw("token", "revoke", "--jti", "a b/ü", "--issuer", "Auth_2.example-" + "x" * 49)["issuer"]
    assert kw("token", "revoke", "--jti", "x" * 8192)["jti"] == "x" * 8192
    assert kw("store", "check")["denials"] == 2


def test_by_subject(kw):
    before = int(time.time())
    answer = kw("token", "revoke", "--subject", "alice", "--until", "30d")
    assert before <= seconds(answer["not_before"]) <= time.time()
    assert answer["not_before"] == answer["revoked_at"]
    assert abs(seconds(answer["until"]) - time.time() - 30 * 86400) < 60
    assert answer["jti"] is None and answer["subject"] == "alice"
    assert kw("subject", "list") == [], "it needs no record of its own"
    assert kw("token", "revoke", "--subject", "alice")["until"] is None
    assert denials(kw) == 1


def test_for_people(kw):
    text = kw("token", "revoke", "--jti", "abc", "--until", "2099-01-01", json=False)
    assert text == "tokens with the jti abc are refused, of every issuer, until 2099-01-01T00:00:00Z\n"
    text = kw("token", "revoke", "--subject", "alice", "--issuer", "auth", json=False)
    assert re.fullmatch(r"tokens of alice that were issued until \S+Z are refused, of the issuer auth\n", text)
    assert "denials              2" in kw("store", "stats", json=False)
    assert ", 2 denials: no damage" in kw("store", "check", json=False)


def test_what_holds_is_told_not_what_was_asked_for(kw):
    """Of two revocations the stricter counts, so a shorter one changes nothing, and says so."""
    soon, late = "2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z"

    def revoke(*arguments):
        return kw("token", "revoke", *arguments)["until"]

    assert revoke("--jti", "f") is None
    assert revoke("--jti", "f", "--until", soon) is None
    assert (
        kw("token", "revoke", "--jti", "f", "--until", "1s", json=False)
        == "tokens with the jti f are refused, of every issuer, for good, as an earlier revocation says\n"
    )
    assert (
        revoke("--jti", "f", "--issuer", "auth", "--until", soon) is None
    ), "what holds for every issuer holds for this one"
    assert revoke("--jti", "g", "--until", late) == late
    assert revoke("--jti", "g", "--until", soon) == late
    assert revoke("--jti", "g", "--issuer", "auth", "--until", soon) == late
    assert (
        kw("token", "revoke", "--jti", "g", "--until", soon, json=False)
        == f"tokens with the jti g are refused, of every issuer, until {late}, as an earlier revocation says\n"
    )
    assert revoke("--jti", "h", "--issuer", "auth") is None
    assert revoke("--jti", "h", "--issuer", "other", "--until", soon) == soon, "another issuer's is none of this one's"
    assert revoke("--jti", "h", "--until", soon) == soon
    assert revoke("--jti", "h", "--until", late) == late, "a longer one counts"
    assert revoke("--jti", "h") is None
    assert revoke("--subject", "f") is None
    assert revoke("--subject", "f", "--until", soon) is None
    assert revoke("--subject", "g", "--until", late) == late
    assert revoke("--subject", "g", "--until", soon) == late


def test_a_jti_moves_no_cursor(kw):
    assert "\x1b" not in kw("token", "revoke", "--jti", "a\x1b[2Jb", json=False)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "give --jti, for one token, or --subject"),
        (["--jti", "a", "--subject", "b"], "give --jti, for one token, or --subject"),
        (["--issuer", "auth"], "give --jti"),
        (["--jti", ""], "1 to 8192 bytes"),
        (["--jti", "x" * 8193], "1 to 8192 bytes"),
        (["--subject", "a\nb"], "can't be a subject"),
        (["--jti", "a", "--issuer", "two words"], "can't be the name of a keyward_issuer"),
        (["--jti", "a", "--issuer", ""], "can't be the name of a keyward_issuer"),
        (["--jti", "a", "--issuer", "x" * 65], "can't be the name of a keyward_issuer: up to 64 letters"),
        *(
            (["--jti", "a", "--issuer", name], "can't be the name of a keyward_issuer")
            for name in ("https://auth.example", "a,b", "$name", "a=b", "a:b", "ä")
        ),
        *(
            (["--subject", "a", "--issuer", name], f'--issuer: "{name}" is a word of keyward_accept')
            for name in ("key", "token", "anonymous", "unprovisioned", "pending", "preflight")
        ),
        (["--jti", "a", "--until", "soon"], "--until: "),
        (["--jti", "a", "--until", "3600"], "--until: "),
        (["--jti", "a", "--until", "2020-01-01"], "is in the past"),
    ],
)
def test_what_is_wrong_is_told(kw, arguments, says):
    refuses(kw, "token", "revoke", *arguments, status=2, says=says)
    assert denials(kw) == 0


def test_no_store(kw, folder):
    refuses(kw, "--store", folder / "nowhere", "token", "revoke", "--jti", "a", status=3, says="no store at")


def test_it_outlives_a_restore(kw, folder):
    kw("token", "revoke", "--jti", "before")
    kw("store", "backup", folder / "backup")
    kw("token", "revoke", "--jti", "after")
    kw("token", "revoke", "--subject", "alice", "--issuer", "auth")
    kw("token", "revoke", "--jti", "before")
    assert kw("store", "restore", folder / "backup", "--dry-run")["kept"]["denials"] == 2
    assert kw("store", "restore", folder / "backup")["kept"]["denials"] == 2
    assert denials(kw) == 3
    kw("store", "compact")
    assert denials(kw) == 3
    kw("store", "backup", folder / "later")
    assert denials(kw, "--store", folder / "later") == 3
    assert kw("store", "check")["ok"]
    text = kw("store", "restore", folder / "backup", json=False)
    assert re.search(r"tokens denied since +2, which stay denied", text)


def test_damage_is_named(kw, store):
    """A whole page of the denylist is overwritten: it is told, and nothing more is taken in."""
    for n in range(40):
        kw("token", "revoke", "--subject", f"subject-number-{n}")
    data = store.path / "credentials/data.mdb"
    content = bytearray(data.read_bytes())
    for found in list(re.finditer(rb"subject-number-7", bytes(content))):
        content[found.start()] ^= 1
    data.write_bytes(content)
    run = kw.run("--json", "store", "check")
    assert run.rc == 3 and '"what":"denial"' in run.stdout
    refuses(kw, "token", "revoke", "--subject", "subject-number-7", status=3, says="damaged")
