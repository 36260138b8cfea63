"""A guarded location against the same one with keyward off; beside it what a user would pick instead, from Debian's packages.

Each case is one URL, compared with another URL of the same process that does the same without any check.
"""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.edge import StartFailed
from harness.tokens import Issuers, Signer
from lab import CLIENT_CPU, QUIET, SERVER_CPU, Ports, Site, Target, compare, find_build, pin, until, until_open
from report import Bar, Row, Section
from rivals import ABSENT, HAPROXY, LUA, LUA_LOCATION, LUA_TOKEN_LOCATION, LUA_TOKENS, NJS, NJS_LOCATION

try:
    import bcrypt
except ImportError:  # then nginx's auth_basic is missing in the table, and says so
    bcrypt = None

LOCATIONS = """
    location = /off          { keyward off; empty_gif; }
    location = /guarded      { keyward on; keyward_scope posts:read; keyward_limit plan; empty_gif; }
    location = /key          { keyward on; empty_gif; }
    location = /no_fields    { keyward on; keyward_scope posts:read; keyward_limit plan; keyward_limit_headers off; empty_gif; }
    location = /proxied_off  { keyward off; @UPSTREAM@ }
    location = /proxied      { keyward on; keyward_scope posts:read; keyward_limit plan; @UPSTREAM@ }
    location = /limit_req    { keyward off; limit_req zone=plain burst=1000000 nodelay; empty_gif; }
    location = /auth_request { keyward off; auth_request /check; empty_gif; }
    location = /check        { internal; keyward off; proxy_pass http://upstream/check; proxy_http_version 1.1;
                               proxy_set_header Connection ""; proxy_pass_request_body off; proxy_set_header Content-Length ""; }
    location = /basic5       { keyward off; auth_basic x; auth_basic_user_file @PREFIX@/htpasswd5; empty_gif; }
    location = /basic10      { keyward off; auth_basic x; auth_basic_user_file @PREFIX@/htpasswd10; empty_gif; }
"""
# Apart, so that who has no token has no issuers.
TOKEN_LOCATION = (
    "location = /token { keyward on; keyward_accept auth; keyward_scope posts:read; keyward_limit plan; empty_gif; }"
)
TOKEN_RULES = "scope_claim scope; plan pro;"
UPSTREAM = 'proxy_pass http://upstream/; proxy_http_version 1.1; proxy_set_header Connection "";'
ZONES = "limit_req_zone $http_authorization zone=plain:10m rate=1000000r/s;"


@dataclass
class Case:
    name: str
    base: str
    text: str
    connections: int = 16
    credential: str = "key"  # or basic, or a token by its algorithm


CASES = [
    Case("guarded", "off", "keyward: bcrypt key, scope, plan limit, identity, limit fields"),
    Case("key", "off", "keyward: bcrypt key and identity only"),
    Case(
        "token", "off", "keyward: remembered EdDSA token, scope, plan limit, identity, limit fields", credential="EdDSA"
    ),
    Case("off", "absent", "keyward off, of nginx without the module"),
    Case("proxied", "proxied_off", "keyward as in the first row, proxied over keep-alive connections"),
    Case("limit_req", "off", "nginx limit_req alone"),
    Case("auth_request", "off", "nginx auth_request to a second nginx"),
    Case("basic5", "off", "nginx auth_basic, bcrypt of cost 5", credential="basic"),
    Case("basic10", "off", "nginx auth_basic, bcrypt of cost 10", connections=2, credential="basic"),
    Case("lua", "lua_off", "Lua: SHA-256 in a shared dictionary, scope, limit"),
    Case(
        "lua_token",
        "lua_token_off",
        "Lua: remembered EdDSA token in a shared dictionary, scope, limit",
        credential="EdDSA",
    ),
    Case("njs", "njs_off", "njs: SHA-256 in an object, scope, no limit"),
    Case("haproxy", "haproxy_off", "HAProxy: a stick table's limit"),
    Case("haproxy_es256", "haproxy_off", "HAProxy: jwt_verify of ES256, exp, scope, no limit", credential="ES256"),
    Case("haproxy_rs256", "haproxy_off", "HAProxy: jwt_verify of RS256, exp, scope, no limit", credential="RS256"),
]


class Lab:
    """The servers that a case needs, each at its first use."""

    def __init__(self, stack, case):
        self._stack = stack
        self._case = case
        self._build = find_build()
        self.site = stack.enter_context(Site(self._build))
        kw = self.site.store.kw
        kw("plan", "set", "pro", "--scope", "posts:read", "--scope", "posts:write", "--limit", "100000000r/h")
        self.key = self.site.store.key(subject="acme", plan="pro", verifier="bcrypt:10")["key"]
        self.signer = Signer(case.credential) if case.credential not in ("key", "basic") else None
        self.issuers = Issuers(self.site.folder)
        self._servers = {}

    def target(self, name):
        kind = next(
            (kind for kind in ("absent", "lua_token", "lua", "njs", "haproxy") if name.startswith(kind)), "nginx"
        )
        if kind not in self._servers:
            self._servers[kind] = getattr(self, f"_start_{kind}")()
        url, pids = self._servers[kind](name)
        return Target(url, pids, {"Authorization": self._authorization()}, connections=self._case.connections)

    def _authorization(self):
        if self.signer:
            return f"Bearer {self.signer.token(lifetime=86400, scope='posts:read posts:write')}"
        if self._case.credential == "basic":
            if bcrypt is None:
                raise Missing("python3-bcrypt isn't installed")
            return "Basic dXNlcjpwYXNzd29yZA=="  # user:password
        return f"Bearer {self.key}"

    def _edge(self, site, **pieces):
        edge = site.start(log_level="error", **pieces)
        worker = edge.workers()[0]
        pin(worker, SERVER_CPU)
        return lambda name: (edge.url(f"/{name}"), (worker,))

    def _rival(self, site, module, **pieces):
        """Another module's: Debian's don't fit every nginx that keyward can be built for."""
        try:
            return self._edge(site, **pieces)
        except StartFailed as failed:
            raise Missing(
                f"this nginx doesn't start with the {module} module: {str(failed).strip().splitlines()[-1]}"
            ) from failed

    def _start_nginx(self):
        backend = self._stack.enter_context(Site(self._build))
        edge = backend.start(
            http=QUIET,
            server="location / { empty_gif; } location = /check { return 204; }",
            store=False,
            log_level="error",
        )
        pin(edge.workers()[0], CLIENT_CPU)
        upstream = f"upstream upstream {{ server 127.0.0.1:{edge.port}; keepalive 32; keepalive_requests 1000000000; }}"
        issuer = self.issuers.block("auth", self.signer, TOKEN_RULES) if self.signer else ""
        start = self._edge(
            self.site,
            http=f"{QUIET} {ZONES}\n{upstream}\n{issuer}",
            server=LOCATIONS.replace("@PREFIX@/", f"{self.site.folder}/") + (TOKEN_LOCATION if issuer else ""),
            UPSTREAM=UPSTREAM,
        )
        for cost in (5, 10) if bcrypt and self._case.credential == "basic" else ():
            hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(cost, prefix=b"2a")).decode()
            (self.site.folder / f"htpasswd{cost}").write_text(f"user:{hashed}\n")
        return start

    def _start_absent(self):
        """nginx without our module, which the harness can't start."""
        folder, port = self._folder_and_port()
        user = f"user {' '.join(self._build.worker_user)};" if self._build.worker_user else ""
        (folder / "nginx.conf").write_text(ABSENT.format(folder=folder, port=port, user=user, quiet=QUIET))
        process = self._run([self._build.nginx, "-p", f"{folder}/", "-c", folder / "nginx.conf"], port)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        worker = int(until(lambda: children.read_text().split(), 20, "nginx's worker")[0])
        pin(worker, SERVER_CPU)
        return lambda _: (f"http://127.0.0.1:{port}/", (worker,))

    def _folder_and_port(self):
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        return folder, self._stack.enter_context(contextlib.closing(Ports())).take()

    def _run(self, command, port):
        """A server that listens on the port, until the end of the case."""
        process = subprocess.Popen(command)
        self._stack.callback(lambda: (process.terminate(), process.wait()))
        until_open(port)
        return process

    def _start_lua(self):
        return self._with_lua(LUA, LUA_LOCATION, KEY=self.key)

    def _start_lua_token(self):
        return self._with_lua(LUA_TOKENS, LUA_TOKEN_LOCATION, POINT=self.signer.jwk["x"])

    def _with_lua(self, http, server, **values):
        modules = "".join(
            f"load_module {path};\n" for path in find_modules("ndk_http_module.so", "ngx_http_lua_module.so")
        )
        site = self._stack.enter_context(Site(self._build))
        return self._rival(site, "lua", main=modules, http=QUIET + http, server=server, store=False, **values)

    def _start_njs(self):
        site = self._stack.enter_context(Site(self._build))
        script = site.folder / "check.js"
        script.write_text(NJS.replace("@SHA@", hashlib.sha256(self.key.encode()).hexdigest()))
        modules = "".join(f"load_module {path};\n" for path in find_modules("ngx_http_js_module.so"))
        http = f"{QUIET} js_import check from {script}; js_set $njs_refusal check.check;"
        return self._rival(site, "js", main=modules, http=http, server=NJS_LOCATION, store=False)

    def _start_haproxy(self):
        folder, bare = self._folder_and_port()
        ports = {
            "haproxy_off": bare,
            "haproxy": self._folder_and_port()[1],
            "haproxy_token": self._folder_and_port()[1],
        }
        signer = self.signer or Signer("ES256")
        values = {
            "algorithm": signer.algorithm,
            "pem": self.issuers.write("haproxy.pem", signer.pem),
            "cpu": SERVER_CPU,
        }
        (folder / "haproxy.cfg").write_text(
            HAPROXY.format(bare=bare, limited=ports["haproxy"], tokens=ports["haproxy_token"], **values)
        )
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
        if not program:
            raise Missing("haproxy isn't installed")
        process = self._run([program, "-db", "-q", "-f", folder / "haproxy.cfg"], bare)
        pin(process.pid, SERVER_CPU)
        return lambda name: (f"http://127.0.0.1:{ports.get(name, ports['haproxy_token'])}/", (process.pid,))


class Missing(Exception):
    """A rival that this machine doesn't have; the message says which."""


def find_modules(*names):
    folder = Path("/usr/lib/nginx/modules")
    for name in names:
        if not (folder / name).exists():
            raise Missing(f"{name} isn't installed")
    return [folder / name for name in names]


TARGETS = {
    "guarded": (0.92, 0.7),
    "token": (0.90, None),
    "proxied": (0.96, None),
}  # of bare throughput, at least; microseconds added, at most


def row_of(case, result):
    least, most_us = TARGETS.get(case.name, (None, None))
    target, met = "", None
    if least is not None:
        target, met = f"{least} of bare", result.ratio.median >= least
    if most_us is not None:
        target, met = f"{target}, +{most_us} µs in the fast state", met and result.fast_added_us <= most_us
    cells = (
        result.ratio.text() + ("" if result.saturated else " *"),
        result.cpu_added_us.text("+.2f"),
        f"{result.fast_added_us:+.2f}",
        f"{result.base_cpu_us:.2f}",
        f"{result.p99_ms:.2f} / {result.base_p99_ms:.2f}",
    )
    return Row(case.name, case.text, cells, target, met, result.as_dict(), Bar(result.ratio, least))


def measure(options, tell=print):
    seconds = 1
    most, usual = (1, 1) if options.quick else (60, 9)
    section = Section(
        "speed",
        "Speed: a guarded location against the same with keyward off",
        ("of bare throughput", "µs of CPU added", "in the fast state", "µs of CPU, bare", "p99 ms / bare"),
        note=f"Medians over {most} rounds of {seconds} s where there is a target, else over {usual}, with the least and the greatest. One worker on its own processor, 16 connections (auth_basic at "
        "cost 10: 2), wrk on another. * the bare worker had its processor for less than 95 % of the time: it waited for wrk, or another process was there. Then "
        "throughput says little: believe the CPU time.",
    )
    for case in CASES:
        if not options.cases or case.name in options.cases:
            rounds = most if case.name in TARGETS else usual
            section.attempt(case.name, case.text, lambda: [measure_case(case, rounds, seconds, tell)])
    return section


def measure_case(case, rounds, seconds, tell):
    # Servers of their own for each case: what one leaves behind is no other's burden.
    with contextlib.ExitStack() as stack:
        try:
            lab = Lab(stack, case)
            target, base = lab.target(case.name), lab.target(case.base)
        except Missing as missing:
            tell(f"{case.name:14} {missing}")
            return Row(case.name, case.text, missing=str(missing))
        target.warm()  # proved, connected
        result = compare(target, base, rounds, seconds)
    tell(f"{case.name:14} {result.line()}  {case.text}")
    return row_of(case, result)
