"""Who signs tokens: the issuers, as facts that the model goes by, and as nginx reads them."""

from dataclasses import dataclass, replace

EDDSA = ("EdDSA", "Ed25519")  # two names of one
HMAC = ("HS256", "HS384", "HS512")


@dataclass(frozen=True)
class Issuer:
    name: str
    source: str  # whose keys: issuers of the same source read the same file
    algorithms: tuple
    iss: str = ""
    audience: tuple = ()
    type: str = ""
    require: tuple = ()  # (claim, values)s
    leeway_s: int = 30
    max_lifetime_s: int = None
    require_exp: bool = True
    subject_claim: str = "sub"
    prefix: str = ""
    required: bool = False
    shared: bool = False
    scope_claims: tuple = ("scope", "scp", "permissions")
    wildcards: bool = False
    grant: tuple = ()
    plan: str = ""
    plan_claim: str = ""
    fetched: bool = False


AUTH = Issuer("auth", "auth", EDDSA, "https://auth.example", ("api", "web"), leeway_s=1, required=True, shared=True)
# Its keys are those of auth, and its rules are laxer: what auth refuses must not get in as a token of this one, though it may be both's.
PARTNER = Issuer(
    "partner", "auth", EDDSA, require=(("tenant", ("partner",)),), leeway_s=0, require_exp=False, grant=("*",)
)
OAUTH = Issuer("oauth", "oauth", ("ES256",), type="at+jwt", require=(("use.kind", ("access", "delegated")),), leeway_s=0,
               max_lifetime_s=3600, subject_claim="uid", prefix="o:", scope_claims=("roles.list", "scp"), wildcards=True,
               grant=("media:read",), plan_claim="tier")  # fmt: skip
INTERNAL = Issuer("internal", "internal", HMAC, require_exp=False, shared=True, grant=("posts:write",), plan="fallback",
                  scope_claims=("roles", "scope", "scp"))  # fmt: skip
FETCHED = Issuer("fetched", "fetched", EDDSA, "https://fetched.example", leeway_s=2, shared=True, plan_claim="https://e.example/plan",
                 fetched=True, scope_claims=("roles", "scope", "permissions"))  # fmt: skip

# By variant of the configuration, in the order in which they are declared.
ISSUERS = (
    (AUTH, PARTNER, OAUTH, INTERNAL, FETCHED),
    (
        replace(AUTH, audience=("web",), leeway_s=0, type="JWT"),
        replace(PARTNER, audience=("api",), grant=(), require_exp=True),
        replace(OAUTH, required=True, grant=("posts:*",), leeway_s=2, require=(("use.kind", ("access",)),)),
        replace(INTERNAL, algorithms=("HS256",), max_lifetime_s=300, plan="", scope_claims=("permissions", "scope")),
        replace(FETCHED, grant=("mcp:full",), wildcards=True, required=True),
    ),
)

# What each key is called in tokens: its kid; None is without. One kid is used by two sources, and one key; x0 is in nobody's set.
KIDS = {"a0": "a0", "a1": "a1", "a2": None, "a3": "f0", "f0": "f0", "f1": "f1", "f2": "a0", "o0": None, "o1": None,
        "h0": None, "h1": None, "x0": "x0"}  # fmt: skip
SOURCES = {
    "auth": ("a0", "a1", "a2", "a3"),
    "oauth": ("o0", "o1"),
    "internal": ("h0", "h1"),
    "fetched": ("f0", "f1", "f2", "a1"),
}
FIRST_SETS = {"auth": ("a0",), "oauth": ("o0",), "internal": ("h0",), "fetched": ("f0",)}
SETS = ("auth", "fetched")  # sources with several keys at once


def algorithms_of(key):
    return {"o": ("ES256",), "h": HMAC}.get(key[0], EDDSA)


def block(issuer, keys):
    """keys: the directive that says where they are."""
    subject = [f"claim={issuer.subject_claim}", *([f"prefix={issuer.prefix}"] if issuer.prefix else [])]
    subject += [word for word in ("required", "shared") if getattr(issuer, word)]
    rules = [
        keys,
        f"algorithms {' '.join(issuer.algorithms)}",
        issuer.iss and f"issuer {issuer.iss}",
        issuer.audience and f"audience {' '.join(issuer.audience)}",
        issuer.type and f"type {issuer.type}",
        *(f"require {claim} {' '.join(values)}" for claim, values in issuer.require),
        f"leeway {issuer.leeway_s}s",
        issuer.max_lifetime_s and f"max_lifetime {issuer.max_lifetime_s}s",
        "" if issuer.require_exp else "require_exp off",
        f"subject {' '.join(subject)}",
        f"scope_claim {' '.join(issuer.scope_claims)}",
        "scope_wildcards on" if issuer.wildcards else "",
        issuer.grant and f"grant {' '.join(issuer.grant)}",
        issuer.plan and f"plan {issuer.plan}",
        issuer.plan_claim and f"plan_claim {issuer.plan_claim}",
    ]
    return f"keyward_issuer {issuer.name} {{ {' '.join(rule + ';' for rule in rules if rule)} }}\n"
