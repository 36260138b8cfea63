"""Random journals: operations, each a dict that JSON can hold, made from a seed.

An operation names keys, tokens, subjects and plans by its own words (k7, t3, s2), so that it means something also where the one that should have
made them was taken out, as shrinking does: then the key is unknown.
"""

import random

from .asks import Ask
from .issuers import FIRST_SETS, ISSUERS, KIDS, SETS, SOURCES, algorithms_of
from .locations import ASKED, FRIEND

SCOPES = (
    "posts:read",
    "posts:write",
    "posts:*",
    "media:read",
    "mcp:read",
    "mcp:analytics",
    "mcp:full",
    "mcp:*",
    "*",
    "other:read",
    "Admin",
)
SUBJECTS = ("s0", "s1", "s2", "s3", "s4", "s5")
OWN_SUBJECTS = ("o:s0", "o:s1")  # of the issuer with this prefix
PLANS = ("free", "gold", "team", "closed", "nowhere")
NAMED = (*PLANS[:3] * 3, *PLANS)
KINDS = {"key": 45, "bearer": 35, "none": 4, "unknown": 4, "malformed": 3, "foreign": 2, "token": 2, "double": 0.3, "same": 5, "cookie": 4, "page": 3,
         "ambient": 3, "scheme": 4, "basic": 4, "password": 2, "foreign-page": 2}  # fmt: skip
SERVICES = ("",) * 7 + ("same", "another", "another")
BASICS = ("",) * 6 + ("good", "good", "bad")
METHODS = {"GET": 60, "POST": 25, "PUT": 5, "DELETE": 5, "HEAD": 5}
ADDRESSES = ("192.0.2.7", "192.0.2.8", "2001:db8::7", FRIEND)
NETWORKS = (
    "192.0.2.0/24",
    "192.0.2.7",
    "192.0.2.8",
    "2001:db8::/32",
    "2001:db8::7",
    "::/0",
    "0.0.0.0/0",
    "198.51.100.0/24",
)
VERIFIERS = (
    "sha256",
    "bcrypt:4",
    "sha512",
    "hmac_sha256",
    "argon2id",
    "pbkdf2",
    "django",
    "sha512_crypt",
)  # of imports
FOUND_BY = ("sha256", "sha512", "hmac_sha256", "prefix", "prefix")
FEW = 12  # keys made at the start
JTIS = ("j0", "j1", "j2")  # that tokens have in common
# How a token may differ from a good one: (what it changes, to one of these).
ODDITIES = (
    ("exp", (-100, -2, -1, 0, 1, 1.5, 2, 3, 4000, None, 1e10)),
    ("exp", (1, 2, 2.5, 3)),
    ("nbf", (0, 1, 2, 3, 60, 1e10)),
    ("iat", (-4000, 0, 1, 2, 3, 29, 40, None)),
    ("alg", ("none", "HS256", "HS384", "ES256", "EdDSA", "Ed25519", "RS256")),
    ("kid", (None, "a0", "a1", "f0", "f1", "nobody's", "../a0", "")),
    ("key", tuple(KIDS)),
    ("typ", (None, "jwt", "AT+JWT", "application/at+jwt", "JWT", "x")),
    ("flaw", ("flipped", "crit", "twice", "own-key")),
)
ROLES = ("Billing Admin", "Billing Admin", ["Billing Admin", "posts:read"], ["Admin"])  # a role may have a blank in it
ODD_CLAIMS = {
    "iss": (
        None,
        "https://auth.example",
        "https://auth.example/",
        "https://auth.exampl",
        "https://fetched.example",
        5,
        ["https://auth.example"],
    ),
    "aud": (
        None,
        "api",
        "web",
        "other",
        "ap",
        [],
        ["other"],
        ["other", "web"],
        ["api", 5],
        ["web", ["api"]],
        {"api": 1},
    ),
    "sub": (None, "s3", "s9", "o:s0", "", 5, "s0\n", ["s0"]),
    "uid": (None, "s1", "s9", 7),
    "jti": (None, *JTIS, 5),
    "tenant": (None, "partner", ["a", "partner"], "partners"),
    "use": (
        None,
        {"kind": "access"},
        {"kind": "delegated"},
        {"kind": ["x", "delegated"]},
        {"kind": "refresh"},
        {"kind": True},
        "access",
    ),
    "scope": (
        "",
        "posts:read",
        "posts:read  media:read",
        "posts:readx",
        "posts:* *",
        ["posts:write", 5, "a b"],
        'media:read "',
        5,
        {"a": 1},
    ),
    "scp": ("posts:write", ["posts:*"], ["*"], "mcp:full", []),
    "permissions": (["posts:read", "mcp:read"], "posts:write media:read"),
    "roles": (
        {"list": ["media:read"]},
        {"list": "posts:*"},
        {"list": "*"},
        {},
        "list",
        [],
        *ROLES,
        "Admin",
        "posts:read Admin",
        {"list": "Billing Admin"},
    ),
    "tier": ("free", "gold", "team", "closed", "nowhere", 5),
    "https://e.example/plan": ("free", "gold", "nowhere", 5),
}


def pick(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


def asks_of(op):
    """The requests of an ask: those that it lists, else so many from its seed."""
    if "asks" in op:
        return [Ask(*ask) for ask in op["asks"]]
    rng = random.Random(op["seed"])
    locations = rng.sample(ASKED, rng.choice((1, 4, 12)))
    kinds, methods = list(KINDS), list(METHODS)
    some_kinds = rng.choices(kinds, list(KINDS.values()), k=op["count"])
    some_methods = rng.choices(methods, list(METHODS.values()), k=op["count"])
    some_services, some_basics = rng.choices(SERVICES, k=op["count"]), rng.choices(BASICS, k=op["count"])
    return [
        Ask(rng.choice(locations), method, kind, rng.choice(op["keys"]), rng.choice(ADDRESSES), rng.random() < 0.05,
            rng.choice(op["keys"]) if service == "another" else service, basic)
        for kind, method, service, basic in zip(some_kinds, some_methods, some_services, some_basics)
    ]  # fmt: skip


class Maker:
    """Makes one journal: knows which keys and backups it has named so far, and which keys it hasn't ended."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.keys, self.backups, self.tokens = 0, 0, 0
        self.good, self.saved = [], {}
        self.sets = dict(FIRST_SETS)

    def journal(self, decisions):
        ops = [self.plan(name) for name in ("free", "gold", "team")]
        ops += [self.create() for _ in range(FEW)]
        ops += [self.imported("hmac_sha256")]  # every backup has the pepper then
        ops += [{"do": "subject", "subject": name, "state": "active"} for name in (*SUBJECTS[:3], OWN_SUBJECTS[0])]
        ops += [self.mint(issuer) for issuer in ISSUERS[0]]
        left = decisions
        while left > 0:
            if self.rng.random() < 0.04:
                ops += [self.create(expires=2), self.create(expires=1), self.rotate(overlap=2), *self.short_lived(),
                        {"do": "outlive", "count": 20}]  # fmt: skip
            ops += [self.mint() for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3)))]
            if self.rng.random() < 0.005:
                ops += self.hunger()
            op = self.during() if self.rng.random() < 0.45 else self.ask(self.rng.choice((20, 200, 500)))
            left -= op["count"] if op["do"] == "ask" else 4 * op["ask"]["count"]
            ops.append(op)
            if self.rng.random() < 0.5:
                ops.append(self.change())
        return ops

    def ask(self, count):
        rng = self.rng
        return {"do": "ask", "seed": rng.getrandbits(32), "count": count, "keys": [self.credential() for _ in range(rng.choice((2, 5, 15)))],
                "connections": rng.choice((1, 4, 12)), "fresh": rng.choice((0, 0.1, 1))}  # fmt: skip

    def during(self, *ops):
        return {
            "do": "during",
            "ops": list(ops) or [self.change() for _ in range(self.rng.choice((1, 1, 2, 4)))],
            "ask": self.ask(60),
        }

    def change(self):
        return getattr(self, pick(self.rng, CHANGES))()

    def key(self):
        if self.good and self.rng.random() < 0.8:
            return self.rng.choice(self.good)
        return f"k{self.rng.randrange(max(self.keys, 1))}"

    def credential(self):
        """A key, or a token: a new one more often than one of long ago."""
        return self.key() if self.rng.random() < 0.5 else self.token()

    def token(self):
        return f"t{max(0, self.tokens - 1 - int(self.rng.expovariate(1 / 12)))}"

    def ended(self, key):
        self.good = [name for name in self.good if name != key]
        return key

    def new(self):
        self.keys += 1
        self.good = [*self.good, f"k{self.keys - 1}"]
        return self.good[-1]

    def mint(self, issuer=None, odd=None, **changes):
        """A good token of an issuer, or one with something about it. odd: with how many such things."""
        rng = self.rng
        issuer = issuer or rng.choice(ISSUERS[0])
        key = rng.choice(self.sets[issuer.source]) if rng.random() < 0.9 else rng.choice(SOURCES[issuer.source])
        self.tokens += 1
        claims = {
            "iss": issuer.iss or "https://else.example",
            "aud": rng.choice(("web", ["api", "web"])),
            "jti": f"of t{self.tokens - 1}",
        }
        claims |= {"sub": rng.choice((*SUBJECTS, "s0")), "uid": rng.choice(("s0", "s1")), "use": {"kind": "access"}}
        if issuer.name == "partner" or (issuer.source in SETS and rng.random() < 0.4):
            claims["tenant"] = "partner"
        if rng.random() < 0.7:
            scopes = rng.choice(
                (
                    "posts:read",
                    "posts:read posts:write media:read",
                    ["posts:write", "media:read"],
                    ["mcp:read", "posts:read"],
                    *ROLES,
                )
            )
            name, *inner = rng.choice((issuer.scope_claims[0], *issuer.scope_claims)).split(".")
            claims[name] = {inner[0]: scopes} if inner else scopes
        op = {"do": "mint", "token": f"t{self.tokens - 1}", "key": key, "kid": KIDS[key], "alg": algorithms_of(key)[0], "flaw": "",
              "typ": issuer.type or "JWT", "claims": claims, "iat": -60, "nbf": None, "exp": 200}  # fmt: skip
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2)) if odd is None else odd):
            self.make_odd(op)
        return {**op, **changes}

    def make_odd(self, op):
        rng = self.rng
        if rng.random() < 0.5:
            name = rng.choice(list(ODD_CLAIMS))
            value = rng.choice(ODD_CLAIMS[name])
            op["claims"] = (
                {**op["claims"], name: value}
                if value is not None
                else {n: v for n, v in op["claims"].items() if n != name}
            )
            return
        name, values = rng.choice(ODDITIES)
        op[name] = rng.choice(values)

    def short_lived(self):
        return [
            self.mint(exp=self.rng.choice((0, 1, 1.5, 2))),
            self.mint(nbf=self.rng.choice((1, 2, 3))),
            self.mint(iat=self.rng.choice((1, 2))),
        ]

    def deny(self):
        """A jti, or a subject. Mostly for a moment, as no new token makes good what was said of a subject."""
        rng = self.rng
        what = {"jti": rng.choice((*JTIS, *[f"of {self.token()}"] * 3))} if rng.random() < 0.6 else {
            "subject": rng.choice((*SUBJECTS, *OWN_SUBJECTS))}  # fmt: skip
        issuer = rng.choice(("", "nobody", *(issuer.name for issuer in ISSUERS[0])))
        return {"do": "deny", **what, "issuer": issuer, "until": rng.choice((2, 2, 3, 0 if "jti" in what else 2))}

    def new_keys(self):
        """Another set of a source: mostly one comes or one goes, where it has several."""
        rng = self.rng
        source = rng.choice(list(SOURCES))
        all_ = SOURCES[source]
        changed = rng.sample(all_, rng.choice((1, 1, 1, 2))) if source in SETS else all_
        new = tuple(key for key in all_ if (key in self.sets[source]) != (key in changed))
        new = self.sets[source] = new or (rng.choice(all_),)
        op = {"do": "keys", "source": source, "keys": list(new)}
        if rng.random() < 0.15:
            return {**op, "do": "spoil"}
        return {**op, "amid": rng.choice((self.kill, self.reload))()} if rng.random() < 0.3 else op

    def server(self):
        return {
            "do": "server",
            "how": self.rng.choice(("well", "well", "well", "well", "", "", "nonsense", "error", "empty", "elsewhere")),
        }

    def hunger(self):
        """The set that is fetched gets too old, and then another one comes."""
        return [self.during({"do": "starve"}), self.ask(200), self.during({"do": "feed"})]

    def scopes(self):
        rng = self.rng
        return None if rng.random() < 0.4 else rng.sample(SCOPES, rng.choice((0, 1, 1, 2, 3)))

    def limits(self):
        return self.rng.sample(
            (5, 10, 20, 40), self.rng.choice((0, 1, 1, 2))
        )  # of two that are the same the command keeps one

    def concurrency(self):
        return self.rng.choice((None, None, 1, 2, 4))

    def allow_from(self):
        return sorted(self.rng.sample(NETWORKS, self.rng.choice((1, 1, 2, 3))))

    def setting(self):
        """What changes of a key that lives: one thing or several, for good or back again."""
        rng = self.rng
        every = {"plan": lambda: rng.choice(("", "", *NAMED)), "scopes": self.scopes, "limits": lambda: self.limits() or None,
                 "expires": lambda: rng.choice((0, 0, 0, 2, 3600)), "allow_from": lambda: None if rng.random() < 0.7 else self.allow_from(),
                 "concurrency": self.concurrency}  # fmt: skip
        named = rng.sample(list(every), rng.choice((1, 1, 2, 3)))
        return {"do": "set", "key": self.key(), **{name: every[name]() for name in named}}

    def create(self, expires=None):
        rng = self.rng
        return {"do": "create", "key": self.new(), "verifier": rng.choice(("sha256", "sha256", "bcrypt:4")),
                "subject": rng.choice(("", *SUBJECTS)), "plan": rng.choice(("", "", "", "", *NAMED)), "scopes": self.scopes(),
                "limits": None if rng.random() < 0.7 else self.limits() or None,
                "expires": expires or rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 3, 3600)),
                "allow_from": None if rng.random() < 0.85 else self.allow_from(),
                "concurrency": self.concurrency()}  # fmt: skip

    def imported(self, verifier=None):
        keys = []
        for _ in range(self.rng.choice((1, 3))):
            key = {**self.create(), "state": self.rng.choice(("active", "active", "suspended", "revoked"))}
            key |= {"verifier": verifier or self.rng.choice(VERIFIERS), "found": self.rng.choice(FOUND_BY)}
            keys.append({**key, "expires": self.rng.choice((0, key["expires"], -5))})
        return {"do": "import", "keys": keys}

    def race(self):
        """An end of a key or of all keys of a subject, and at the same time what might undo it. Their order must not matter."""
        other = self.rng.choice((self.restore, self.restore, self.compact, self.imported, self.rotate, self.resume))()
        # A subject that the backup doesn't have keeps its plan where it was blocked before, and has none where after.
        ends = (self.revoke, self.suspend, self.deny, self.revoke if other["do"] == "restore" else self.block)
        end = self.rng.choice(ends)()
        if other["do"] in ("rotate", "resume") and "key" in end:
            end, other = {"do": "revoke", "key": end["key"]}, {**other, "key": end["key"]}
        return {"do": "race", "ops": [end, other]}

    def block(self):
        return {"do": "subject", "subject": self.rng.choice((*SUBJECTS, *OWN_SUBJECTS)), "state": "blocked"}

    def revoke(self):
        return {"do": "revoke", "key": self.ended(self.key())}

    def revoke_many(self):
        return {"do": "revoke_many", "keys": sorted({self.ended(self.key()) for _ in range(3)})}

    def suspend(self):
        return {"do": "suspend", "key": self.key()}

    def resume(self):
        return {"do": "resume", "key": self.key()}

    def rotate(self, overlap=None):
        return {"do": "rotate", "key": self.ended(self.key()), "successor": self.new(), "overlap": overlap or self.rng.choice((0, 1, 2, 3600)),
                "verifier": self.rng.choice(("sha256", "bcrypt:4"))}  # fmt: skip

    def subject(self):
        op = {"do": "subject", "subject": self.rng.choice((*SUBJECTS, *SUBJECTS, *OWN_SUBJECTS))}
        if self.rng.random() < 0.6:
            op["state"] = self.rng.choice(("active", "active", "active", "blocked"))
        if self.rng.random() < 0.4:
            op["plan"] = self.rng.choice(("", *NAMED))
        if self.rng.random() < 0.4:
            op["scopes"] = self.scopes()
        return op

    def plan(self, name=None):
        rng = self.rng
        return {"do": "plan", "plan": name or rng.choice(PLANS[:4]), "scopes": self.scopes(), "limits": self.limits(),
                "concurrency": self.concurrency(), "no_access": rng.random() < 0.1, "default": rng.random() < 0.2}  # fmt: skip

    def unplan(self):
        return {"do": "unplan", "plan": self.rng.choice(PLANS)}

    def backup(self):
        self.backups += 1
        self.saved[f"b{self.backups}"] = self.good
        return {"do": "backup", "backup": f"b{self.backups}"}

    def restore(self):
        name = f"b{self.rng.randint(1, max(self.backups, 1))}"
        self.good = [key for key in self.good if key in self.saved.get(name, self.good)]
        return {"do": "restore", "backup": name}

    def compact(self):
        return {"do": "compact"}

    def reload(self):
        return {"do": "reload", "variant": self.rng.randrange(2), "zone": self.rng.randrange(3)}

    def kill(self):
        return {"do": "kill", "worker": self.rng.randrange(2)}


CHANGES = {"create": 15, "imported": 5, "race": 6, "revoke": 5, "revoke_many": 1, "suspend": 5, "resume": 11, "rotate": 10, "setting": 12,
           "subject": 14, "plan": 6, "unplan": 2, "backup": 4, "restore": 3, "compact": 2, "reload": 4, "kill": 3, "deny": 7,
           "new_keys": 6, "server": 3}  # fmt: skip


def journal(seed, decisions):
    return Maker(seed).journal(decisions)
