"""The invariant over everything: whoever reached the backend had a reason to, says a model that knows nothing of the product.

What each of these plays is random journals: t/e2e/model/run.py says how to play one again. `make check` makes a million decisions.
"""

import pytest
from model.issuers import KIDS, algorithms_of
from model.locations import FRIEND
from model.mutations import MUTATIONS, mutated
from model.run import play, rounds
from model.shrink import shrink


def say(*texts, **_):
    print(*texts)


@pytest.mark.time_limit(600)
def test_every_decision_of_a_known_journal_is_the_models(build):
    assert rounds(build, "fixed", 10_000, say=say) is None


def create(key, **more):
    return {"do": "create", "key": key, "verifier": "sha256", "subject": "", "plan": "", "scopes": None, "limits": None,
            "expires": 0, **more}  # fmt: skip


def one(location, key, kind="key", service="", basic="", method="GET"):
    return [location, method, kind, key, "192.0.2.7", False, service, basic]


def asks(*keys, location="/open", times=1, kinds=("key",)):
    return [one(location, key, kind) for key in keys for kind in kinds] * times


def ask(list_):
    return {"do": "ask", "asks": list_, "connections": 2, "fresh": 0}


# Whatever MUTATIONS are about, in one journal: states, ends, scopes, subjects, configurations, limits, and changes amid requests.
EVERYTHING = [
    {"do": "plan", "plan": "gold", "scopes": [], "limits": [], "no_access": False, "default": False},
    *(create(key) for key in ("good", "revoked", "suspended", "rotated", "limited")),
    create("golden", plan="gold"), create("blocked", subject="s0"), create("reader", scopes=["posts:read"]),
    {"do": "import", "keys": [{**create("expired", expires=-5), "state": "active"}]},
    {"do": "revoke", "key": "revoked"}, {"do": "suspend", "key": "suspended"},
    {"do": "rotate", "key": "rotated", "successor": "next", "overlap": 3600, "verifier": "sha256"},
    {"do": "subject", "subject": "s0", "state": "blocked"}, {"do": "reload", "variant": 1, "zone": 0},
    ask(asks("good", "revoked", "suspended", "rotated", "next", "blocked", "expired")),
    ask(asks("golden", "reader", location="/read")), ask(asks("good", location="/short", times=12)),
    ask(asks("limited", location="/key", times=50)),
    *(op for n in range(8) for op in (
        create(f"k{n}"), {"do": "during", "ops": [{"do": "revoke", "key": f"k{n}"}], "ask": ask(asks(f"k{n}", times=5))})),
    # Again: a machine may stand still for longer than the window.
    *(ask(asks("good", location="/short", times=12)) for _ in range(2)),
]  # fmt: skip


def mint(token, key, claims=None, **more):
    """A token for s2 with what every issuer asks for. A claim that is None is left out."""
    said = {
        "iss": f"https://{ISS.get(key[0])}.example",
        "aud": "web",
        "sub": "s2",
        "uid": "s2",
        "use": {"kind": "access"},
        **(claims or {}),
    }
    said = {name: value for name, value in said.items() if value is not None}
    return {"do": "mint", "token": token, "key": key, "kid": KIDS[key], "alg": algorithms_of(key)[0], "flaw": "",
            "typ": "at+jwt" if key[0] == "o" else "JWT", "claims": said, "iat": -60, "nbf": None, "exp": 300, **more}  # fmt: skip


ISS = {"a": "auth", "f": "fetched"}
PARTNER = {"iss": "https://partner.example", "tenant": "partner"}


def subject(name, **changes):
    return {"do": "subject", "subject": name, **changes}


def plan(name, *scopes):
    return {"do": "plan", "plan": name, "scopes": list(scopes), "limits": [], "no_access": False, "default": False}


def deny(issuer="", until=0, **what):
    return {"do": "deny", **what, "issuer": issuer, "until": until}


# The same for tokens. What is minted here by a name is asked at the end of each part.
MINTED = [
    mint("good", "a0", {"scope": "posts:read posts:* *", "permissions": "media:read"}), mint("flipped", "a0", flaw="flipped"),
    mint("unsigned", "a0", alg="none"), mint("confused", "a0", alg="HS256"), mint("stranger", "x0", {"iss": "https://auth.example"}, kid="a0"),
    mint("no-set", "a1", kid=None), mint("other-kid", "a0", kid="f0"), mint("no-kid", "a0", kid=None), mint("crit", "a0", flaw="crit"),
    mint("iss", "a0", {"iss": "https://auth.example/"}), mint("aud", "a0", {"aud": ["other"]}), mint("auds", "a0", {"aud": ["x", "api"]}),
    mint("both", "a0", {"tenant": ["partner"]}), mint("both-but", "a0", {"tenant": "partner", "aud": "other"}), mint("partner", "a0", PARTNER),
    mint("partner-s1", "a0", {**PARTNER, "sub": "s1"}), mint("early", "a0", nbf=290), mint("later", "a0", iat=290), mint("over", "a0", exp=-100),
    mint("over-and-aud", "a0", {"aud": "other"}, exp=-100), mint("blocked", "a0", {"sub": "s0"}), mint("s9", "a0", {"sub": "s9"}),
    mint("nobody", "h0", {"sub": None}), mint("nobody-of-auth", "a0", {"sub": None}),
    mint("oauth", "o0", {"uid": "s1", "tier": "team", "roles": {"list": ["posts:*", "media:read"]}}), mint("oauth-s9", "o0", {"uid": "s9", "tier": "team"}),
    mint("oauth-type", "o0", typ="JWT"), mint("oauth-kind", "o0", {"use": {"kind": "refresh"}}), mint("oauth-long", "o0", exp=3800),
    mint("oauth-endless", "o0", exp=None), mint("internal", "h0"), mint("internal-s1", "h0", {"sub": "s1"}), mint("leeway", "h0", exp=-10),
    mint("internal-384", "h0", alg="HS384", exp=200), mint("fetched-endless", "f0", exp=None),
    mint("fetched", "f0", {"https://e.example/plan": "free"}),
    mint("denied", "a0", {"jti": "j0"}), mint("denied-elsewhere", "h0", {"jti": "j0"}), mint("denied-a-while", "a0", {"jti": "j1"}),
    mint("denied-s5", "a0", {"sub": "s5"}), mint("denied-s5-without-iat", "a0", {"sub": "s5"}, iat=None), mint("denied-s5-leeway", "h0", {"sub": "s5"}, iat=20),
]  # fmt: skip
NAMES = [op["token"] for op in MINTED]
OF_TOKENS = [
    plan("free", "posts:read"), plan("team", "media:read"), subject("s1", plan="free"), subject("s2", state="active"), subject("s5", state="active"),
    subject("o:s1", plan="free"), subject("s0", state="blocked"), create("k2", subject="s2"),
    *MINTED, deny(jti="j0", issuer="auth"), deny(jti="j1", until=2), deny(subject="s5"), deny(subject="s4", issuer="partner"),
    *(ask(asks(*NAMES, location=place)) for place in ("/open", "/provision", "/auth", "/partner", "/several", "/keys", "/by-method", "/require", "/require-subject")),
    ask([one("/require-subject", "good", "none")]),
    {"do": "ask", "asks": [["/session", method, kind, "good", "192.0.2.7", False] for method in ("GET", "POST") for kind in ("cookie", "page", "ambient")],
     "connections": 2, "fresh": 0},
    mint("window-1", "h0", {"sub": "s3", "jti": "w1"}), mint("window-2", "h0", {"sub": "s3", "jti": "w2"}), ask(asks("window-1", "window-2", location="/issuers", times=30)),
    ask(asks("k2", "internal", location="/subject", times=40)),
    {"do": "server", "how": ""}, mint("of-the-next-set", "f1"), ask(asks("of-the-next-set", "fetched")), {"do": "server", "how": "well"},
    {"do": "outlive", "count": 20}, mint("denied-before", "a0", {**PARTNER, "sub": "s4"}, iat=0), ask(asks("denied-a-while", "denied-before")),
    *({"do": "during", "ops": [{"do": "keys", "source": "auth", "keys": [key]}], "ask": ask(asks("good", "no-set", times=5))}
      for key in ("a1", "a0", "a1")),
    {"do": "during", "ops": [{"do": "keys", "source": "fetched", "keys": ["f1"]}], "ask": ask(asks("fetched", "of-the-next-set"))},
    {"do": "spoil", "source": "oauth", "keys": ["o1"]}, ask(asks(*NAMES)), {"do": "keys", "source": "oauth", "keys": ["o0"]},
    mint("fetched-or-partner", "a1", {"tenant": "partner", "iss": "https://fetched.example"}),
    {"do": "starve"}, ask(asks("fetched", "of-the-next-set", "good", times=3)), ask(asks("fetched-or-partner", location="/several")), {"do": "feed"}, ask(asks("of-the-next-set")),
    # A worker that takes another's place begins with the keys of now, not with those that the master has loaded.
    {"do": "kill", "worker": 0}, {"do": "kill", "worker": 0}, ask(asks("good", "oauth", "fetched", times=5)),
    {"do": "reload", "variant": 1, "zone": 0}, ask(asks(*NAMES, location="/open")), ask(asks(*NAMES, location="/provision")),
]  # fmt: skip


# The same for redirects, error pages, `satisfy any` and what they tell backends.
OF_REDIRECTS = [
    *(create(key, subject="s1") for key in ("all", "other", "shade", "first", "roomy")), create("reader", subject="s2", scopes=["posts:read"]),
    mint("billing", "h0", {"roles": "Billing Admin", "sub": "s3"}), mint("admin", "h0", {"roles": ["Admin", "Billing Admin"], "sub": "s3"}),
    mint("scope", "h0", {"scope": "Admin posts:read", "sub": "s3"}), ask([one("/admin", token) for token in ("billing", "admin", "scope", "all", "reader")]),
    # Windows fill up, a few requests at a time: what has ended before one began was in its window.
    *(ask([one("/wide", "all")] * 3) for _ in range(6)), *(ask([one("/dear", "all")] * 2) for _ in range(6)),
    *(ask([one("/dear-first", "first")] * 2) for _ in range(6)), *(ask([one("/shade-first", "shade")]) for _ in range(6)),
    *(ask([one("/three", "all")] * 2) for _ in range(7)), *(ask([one("/roomy", "roomy")] * 4) for _ in range(9)),
    ask([one(place, key, "bearer", service) for place in ("/bearer", "/service", "/bearer-anonymous", "/bearer-shadow", "/not-service", "/cookie-first")
         for key in ("all", "reader") for service in ("", "same", "other")]),
    ask([one("/cookie-first", "all", kind, "other") for kind in ("cookie", "page", "ambient", "none")]),
    ask([one(place, key, kind, basic=basic) for place in ("/basic", "/basic-shadow", "/basic-on", "/basic-accel", "/page", "/page-uri", "/page-on", "/page-accel")
         for key, kind in (("reader", "key"), ("all", "key"), ("billing", "key"), ("all", "none")) for basic in ("", "good", "bad")]),
    ask([one(place, "reader", kind, method=method) for place in ("/off-first", "/to-off", "/auth", "/index/", "/open")
         for kind in ("key", "foreign", "none") for method in ("GET", "POST", "PUT")]),
]  # fmt: skip


# And for keys that change while they live, and that may be used from some addresses only.
def from_all(*keys):
    return ask(
        [
            ["/key", "GET", "key", key, address, False]
            for key in keys
            for address in ("192.0.2.7", "192.0.2.8", "2001:db8::7")
        ]
    )


OF_CHANGES = [
    create("home", scopes=["posts:read"], allow_from=["192.0.2.7", "2001:db8::/32"]), create("four", allow_from=["0.0.0.0/0"]),
    create("plain", scopes=["posts:read"]), from_all("home", "four", "plain"),
    {"do": "set", "key": "plain", "scopes": ["media:read"], "allow_from": ["192.0.2.8"]}, {"do": "set", "key": "home", "allow_from": None},
    from_all("home", "four", "plain"), ask([["/read", "GET", "key", key, address, False] for key in ("plain", "home") for address in ("192.0.2.7", "192.0.2.8")]),
    {"do": "rotate", "key": "plain", "successor": "next", "overlap": 3600, "verifier": "sha256"}, {"do": "set", "key": "plain", "scopes": None},
    {"do": "set", "key": "four", "expires": 1}, {"do": "outlive", "count": 20}, from_all("four", "next", "plain"),
    {"do": "set", "key": "four", "expires": 0}, from_all("four"),
]  # fmt: skip


# And for so many at once, for credentials in other places, and for keys as other systems kept them.
def burst(location, key, count, more=()):
    """So many at once, each of which the backend holds up."""
    each = [[location, "GET", "key", key, FRIEND, False]] * count + [
        [other, "GET", "key", key, FRIEND, False] for other in more
    ]
    return {"do": "ask", "asks": each, "connections": len(each), "fresh": 0}


def imported(*verifiers):
    return {"do": "import", "keys": [
        {**create(f"{verifier}-{found}"), "verifier": verifier, "found": found, "state": "active"}
        for verifier in verifiers for found in ("sha256", "prefix")]}  # fmt: skip


KEPT = ("sha512", "hmac_sha256", "argon2id", "pbkdf2", "django", "sha512_crypt")
OF_CROWDS = [
    *(create(key) for key in ("all", "other")), create("reader", scopes=["posts:read"]),
    {**plan("team"), "scopes": None, "concurrency": 3}, create("narrow", plan="team", concurrency=1), create("three", plan="team"),
    # Several times: a machine may serve one after the other.
    *(op for n in range(6) for op in (
        create(f"c{n}"), create(f"d{n}"), create(f"e{n}"), burst("/at-once", f"c{n}", 4), burst("/held", f"d{n}", 5), burst("/crowd-shadow", f"e{n}", 2, ["/crowd"] * 3))),
    *(burst("/at-once-plan", key, 4) for _ in range(3) for key in ("narrow", "three", "all")),
    ask([one(place, key, kind, basic=basic, method=method) for place in ("/basic-key", "/basic-password", "/scheme", "/open", "/off", "/basic")
         for key in ("all", "reader") for kind in ("key", "scheme", "basic", "password", "foreign-page", "none")
         for basic in ("", "good", "bad") for method in ("GET", "POST")]),
    imported(*KEPT), *(ask(asks(*(f"{verifier}-{found}" for verifier in KEPT for found in ("sha256", "prefix")))) for _ in range(3)),
]  # fmt: skip


@pytest.fixture(scope="module")
def played(build):
    """Sites on which all of that has happened."""
    sites = []
    for journal in (EVERYTHING, OF_TOKENS, OF_REDIRECTS, OF_CHANGES, OF_CROWDS):
        problems, site = play(build, journal)
        assert problems == []
        sites.append(site)
    return sites


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_model_that_errs_is_found_out(name, played):
    """The same answers, held against a model with one rule changed: as if the product had that fault, and the model were right."""
    assert any(site.check(mutated(name)) for site in played)


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("late", [{"store_early_s": 0.2}, {"sets_early_s": 1}], ids=str)
def test_a_change_that_comes_late_is_found_out(late, played, build):
    """As if whatever a command had done, or a new key set, were seen by workers only that much after its end."""
    problems = [
        problem
        for site in played
        for problem in site.check(**{what: seconds * build.patience for what, seconds in late.items()})
    ]
    assert any("ADMITTED WITHOUT A REASON" in problem.text for problem in problems)


def test_a_failure_is_shrunk_to_what_it_needs(build):
    """The model takes revoked keys for active ones: making a key, revoking it and asking with it is all that this needs."""
    model = mutated("revoked-is-active")
    revoke = {"do": "revoke", "key": "k1"}
    many = ask(asks("k0", "k1", kinds=("key", "none", "unknown")))
    during = {"do": "during", "ops": [{"do": "compact"}, revoke], "ask": many}
    ops = [create("k0"), create("k1"), {"do": "kill", "worker": 0}, during, {"do": "suspend", "key": "k0"}, many]

    def fails(ops):
        return bool(play(build, ops, model)[0])

    assert fails(ops)
    assert shrink(ops, fails) == [create("k1"), revoke, ask(asks("k1"))]
