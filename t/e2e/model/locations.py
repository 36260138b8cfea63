"""What nginx.conf says of each location, as facts that the model goes by; conf.py says the same to nginx."""

from collections import namedtuple

from .asks import API_KEY, BASIC, BEARER, COOKIE, DEFAULT_SOURCES, PASSWORD, SCHEME, SERVICE_KEY

# scopes: alternatives by method (None: any), each a list of which all, or with any=True one, must be held.
Rule = namedtuple("Rule", "scopes any methods", defaults=((), False, None))
# by: key, subject, address or plan. per: seconds. methods: None is all.
Limit = namedtuple("Limit", "name count per by cost methods", defaults=("key", 1, None))
# So many requests at once. count: None is the principal's own.
AtOnce = namedtuple("AtOnce", "name count by", defaults=("key",))
# how: try (try_files), index, accel (the backend says X-Accel-Redirect), error (the backend says 404, which has an error_page).
# to: a URI, or with @ a named location, which keeps URI and method.
Then = namedtuple("Then", "how to")
HOUR, SHORT = 3600, 3
READS = ("GET", "HEAD")
EVERY = ("key", "token")  # what is accepted by default
FRIEND = "192.0.2.1"  # whom satisfy="address" admits


class Location:
    """accept: as keyward_accept has it; in a dict by method, where None is for the methods that aren't named.

    then: where whoever passes is led on to. page: where error_page leads a refusal of 401 or 403. satisfy: what else is
    enough: "address", "basic", or nothing. requires: (what, reason) that have to hold beside scopes. asked: whether clients may ask for it.
    """

    def __init__(self, *rules, limits=(), accept=EVERY, mode="on", then=None, page=None, satisfy="", sources=DEFAULT_SOURCES,
                 requires=(), at_once=(), asked=True):  # fmt: skip
        self.at_once = at_once
        self.requires = requires
        self.rules, self.limits, self.mode, self.then, self.page = rules, limits, mode, then, page
        self.satisfy, self.sources, self.asked = satisfy, sources, asked
        self._accept = accept if isinstance(accept, dict) else {None: accept}

    def accepts(self, method):
        method = "GET" if method == "HEAD" else method
        return self._accept.get(method, self._accept.get(None, ()))


def inner(*rules, **more):
    return Location(*rules, asked=False, **more)


PLAN = Limit("plan", None, HOUR, "plan")
AFTER = Limit("redirect", 300, HOUR)
READ, WRITE, RARE = Rule(("posts:read",)), Rule(("posts:write",)), Rule(("rare",))
OPEN = (*EVERY, "anonymous")
SERVICE = (SERVICE_KEY, BEARER)
LOCATIONS = {
    "/open": Location(),
    "/read": Location(READ),
    "/any": Location(Rule(("posts:write", "media:read"), any=True)),
    "/methods": Location(Rule(("posts:read",), methods=READS), Rule(("posts:write",), methods=("POST", "PUT"))),
    "/both": Location(
        Rule(("posts:read", "media:read")),
        Rule(("posts:read",), methods=(*READS, "PUT", "DELETE")),
        Rule(("posts:write",), methods=("POST",)),
    ),
    "/umbrella": Location(Rule(("mcp:read", "mcp:analytics"))),
    "/admin": Location(Rule(("Admin",))),
    "/require": Location(requires=(("partner", "requirement_failed"),), limits=(Limit("require", 40, HOUR),)),
    "/require-subject": Location(
        requires=(("subject", "not_accepted"),), limits=(Limit("require", 40, HOUR),), accept=OPEN
    ),
    "/plan": Location(limits=(PLAN,)),
    "/default": Location(limits=(PLAN._replace(name="default"),)),
    "/key": Location(limits=(Limit("key", 40, HOUR),)),
    "/subject": Location(limits=(Limit("subject", 70, HOUR, "subject"),)),
    "/address": Location(limits=(Limit("address", 120, HOUR, "address"),), accept=OPEN),
    "/short": Location(limits=(Limit("short", 8, SHORT),)),
    "/two": Location(limits=(Limit("shared", 40, HOUR), Limit("two", 60, HOUR, "subject"))),
    "/shared": Location(READ, limits=(Limit("shared", 40, HOUR),)),
    "/cost": Location(limits=(Limit("cost", 60, HOUR, "key", 3, ("POST",)), Limit("reads", 40, HOUR, "key", 1, READS))),
    "/anonymous": Location(accept=OPEN),
    "/member": Location(READ, accept=OPEN),
    "/nokeys": Location(accept=("anonymous",)),
    "/off": Location(mode="off"),
    "/shadow": Location(WRITE, limits=(Limit("shared", 40, HOUR),), mode="shadow"),
    "/redirect": Location(READ, limits=(AFTER,), then=Then("try", "/inner")),
    "/inner": inner(
        Rule(("media:read",)), limits=(AFTER, Limit("inner", 30, HOUR)), accept=("key", "oauth", "internal", "auth")
    ),
    "/satisfy": Location(READ, satisfy="address"),
    "/keys": Location(accept=("key",)),
    "/auth": Location(accept=("auth",)),
    "/provision": Location(accept=("auth", "oauth", "unprovisioned")),
    "/partner": Location(READ, accept=("partner",)),
    "/several": Location(Rule(("posts:read", "media:read"), any=True), accept=("fetched", "oauth", "partner", "key")),
    "/issuers": Location(accept=("token",), limits=(Limit("issuers", 50, HOUR),)),
    "/by-method": Location(
        accept={"GET": ("token", "anonymous"), "POST": ("internal", "auth", "unprovisioned"), None: ("key",)}
    ),
    "/session": Location(
        Rule(("posts:read",), methods=READS),
        Rule(("posts:write",), methods=("POST", "PUT", "DELETE")),
        sources=(BEARER, API_KEY, COOKIE),
    ),
    # Redirects between locations of different limits: of another rate, of another cost, in shadow, three in a row, and one where
    # another limit refuses.
    "/wide": Location(limits=(Limit("api", 300, HOUR),), then=Then("try", "/narrow")),
    "/narrow": inner(limits=(Limit("api", 12, HOUR),)),
    "/dear": Location(limits=(Limit("dear", 400, HOUR),), then=Then("try", "@dear")),
    "@dear": inner(limits=(Limit("dear", 400, HOUR, cost=40),)),
    "/dear-first": Location(limits=(Limit("first", 60, HOUR, cost=6),), then=Then("accel", "/cheap")),
    "/cheap": inner(limits=(Limit("first", 60, HOUR),)),
    "/shade-first": Location(limits=(Limit("shade", 400, HOUR),), mode="shadow", then=Then("accel", "@shade")),
    "@shade": inner(limits=(Limit("shade", 12, HOUR, cost=2),)),
    "/three": Location(limits=(Limit("three", 400, HOUR),), then=Then("error", "@three")),
    "@three": inner(WRITE, limits=(Limit("three", 400, HOUR, cost=4),), mode="shadow", then=Then("accel", "/third")),
    "/third": inner(limits=(Limit("three", 90, HOUR, cost=5), Limit("third", 30, HOUR))),
    "/roomy": Location(limits=(Limit("roomy", 60, HOUR),), then=Then("error", "/tight")),
    "/tight": inner(limits=(Limit("roomy", 60, HOUR, cost=5), Limit("tight", 8, HOUR))),
    "/index/": Location(limits=(Limit("index", 300, HOUR),), then=Then("index", "/indexed")),
    "/indexed": inner(READ, limits=(Limit("index", 20, HOUR),), accept=("key", "auth")),
    # Of different sources and accepted kinds.
    "/bearer": Location(sources=(BEARER,), then=Then("try", "/service")),
    "/service": Location(sources=SERVICE),
    "/bearer-anonymous": Location(sources=(BEARER,), accept=OPEN, then=Then("accel", "@service")),
    "@service": inner(READ, sources=SERVICE),
    "/bearer-shadow": Location(sources=(BEARER,), mode="shadow", then=Then("try", "@service-open")),
    "@service-open": inner(sources=SERVICE, accept=OPEN),
    "/not-service": Location(then=Then("error", "/only-service")),
    "/only-service": inner(sources=(SERVICE_KEY,), accept=("auth", "anonymous", "key")),
    "/cookie-first": Location(sources=(BEARER, COOKIE), accept=OPEN, then=Then("accel", "/session-too")),
    "/session-too": inner(sources=(API_KEY, SERVICE_KEY, COOKIE), accept=OPEN),
    # Whom others admit, and who isn't admitted at all but comes to a backend.
    "/basic": Location(WRITE, satisfy="basic"),
    "/basic-shadow": Location(WRITE, satisfy="basic", mode="shadow"),
    "/basic-on": Location(RARE, satisfy="basic", then=Then("try", "/after-basic")),
    "/after-basic": inner(limits=(Limit("after", 40, HOUR),)),
    "/basic-accel": Location(RARE, satisfy="basic", accept=OPEN, then=Then("accel", "@after-off")),
    "@after-off": inner(mode="off"),
    "/page": Location(WRITE, page="@page"),
    "@page": inner(mode="off"),
    "/page-uri": Location(WRITE, limits=(Limit("page", 40, HOUR),), page="/paged"),
    "/paged": inner(mode="off"),
    "/page-on": Location(WRITE, page="@page-on"),
    "@page-on": inner(),
    "/page-accel": Location(WRITE, page="@page-accel"),
    "@page-accel": inner(mode="off", then=Then("accel", "/after-page")),
    "/after-page": inner(READ, accept=OPEN, limits=(Limit("page", 40, HOUR),)),
    # Credentials in other places.
    "/basic-key": Location(sources=(API_KEY, BASIC)),
    "/basic-password": Location(
        Rule(("posts:read",), methods=READS),
        Rule(("posts:write",), methods=("POST", "PUT", "DELETE")),
        sources=(BEARER, PASSWORD),
    ),
    "/scheme": Location(sources=(SCHEME, API_KEY), accept=OPEN),
    # So many at once: also beside a limit, in shadow, and in two locations of one name.
    "/at-once": Location(at_once=(AtOnce("at once", 3),)),
    "/at-once-plan": Location(at_once=(AtOnce("plan", None),)),
    "/at-once-subject": Location(at_once=(AtOnce("subject", 4, "subject"),), accept=OPEN),
    "/crowd": Location(at_once=(AtOnce("crowd", 3),), limits=(Limit("crowded", 60, HOUR),)),
    "/crowd-shadow": Location(at_once=(AtOnce("crowd", 2),), mode="shadow"),
    "/held": Location(at_once=(AtOnce("held", 5),), then=Then("try", "/held-inner")),
    "/held-inner": inner(at_once=(AtOnce("held", 3),)),
    "/to-off": Location(then=Then("accel", "/plain")),
    "/plain": Location(mode="off", then=None),
    "/off-first": Location(mode="off", then=Then("error", "/after-off")),
    "/after-off": inner(Rule(("posts:read",), methods=READS), Rule(("posts:write",), methods=("POST",))),
}
HELD = frozenset(place for place, location in LOCATIONS.items() if location.at_once)  # URIs that the backend holds up
ASKED = tuple(place for place, location in LOCATIONS.items() if location.asked)
