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

from lab import CLIENT_CPU, QUIET, SERVER_CPU, Ports, Site, Target, compare, find_build, pin, until, until_open
from report import Bar, Row, Section
from harness.edge import StartFailed

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
UPSTREAM = 'proxy_pass http://upstream/; proxy_http_version 1.1; proxy_set_header Connection "";'
ZONES = "limit_req_zone $http_authorization zone=plain:10m rate=1000000r/s;"

# As a careful user would write it: the key's SHA-256 in a shared dictionary, a scope, a fixed window, the limit's fields.
LUA = """
    lua_shared_dict keys 10m; lua_shared_dict counts 10m;
    init_by_lua_block {
        ffi = require "ffi"
        ffi.cdef "unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);"
        crypto = ffi.load("crypto"); md = ffi.new("unsigned char[32]")
        ngx.shared.keys:set(ffi.string(crypto.SHA256("@KEY@", #"@KEY@", md), 32), "posts:read posts:write")
    }
"""
LUA_LOCATION = """
    location = /lua_off { empty_gif; }
    location = /lua { empty_gif; access_by_lua_block {
        local key = ngx.var.http_authorization
        key = key and key:match("^Bearer (.+)$")
        if not key then return ngx.exit(401) end
        local name = ffi.string(crypto.SHA256(key, #key, md), 32)
        local scopes = ngx.shared.keys:get(name)
        if not scopes then return ngx.exit(401) end
        if not (" " .. scopes .. " "):find(" posts:read ", 1, true) then return ngx.exit(403) end
        local limit = 100000000
        local used = ngx.shared.counts:incr(name, 1, 0, 3600)
        ngx.header["X-RateLimit-Limit"] = limit
        ngx.header["X-RateLimit-Remaining"] = limit - used
        if used > limit then return ngx.exit(429) end
    } }
"""
NJS = """
import crypto from 'crypto';
const keys = {'@SHA@': 'posts:read posts:write'};
function check(r) {
    const field = r.headersIn['Authorization'];
    if (!field || !field.startsWith('Bearer ')) return '401';
    const scopes = keys[crypto.createHash('sha256').update(field.substring(7)).digest('hex')];
    if (!scopes) return '401';
    return scopes.split(' ').indexOf('posts:read') < 0 ? '403' : '';
}
export default {check};
"""
NJS_LOCATION = """
    location = /njs_off { empty_gif; }
    location = /njs { if ($njs_refusal) { return 403; } empty_gif; }
"""
HAPROXY = """
global
    nbthread 1
    cpu-map 1/1 {cpu}
defaults
    mode http
    timeout client 1h
    timeout server 1h
    timeout connect 5s
    timeout http-keep-alive 1h
frontend bare
    bind 127.0.0.1:{bare}
    http-request return status 200 content-type image/gif string x
frontend limited
    bind 127.0.0.1:{limited}
    stick-table type string len 80 size 100k expire 1h store http_req_rate(1h)
    http-request track-sc0 req.hdr(authorization)
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 100000000 }}
    http-request return status 200 content-type image/gif string x
"""

ABSENT = """
daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log error;
events {{ worker_connections 4096; }}
http {{
    {quiet}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; location / {{ empty_gif; }} }}
}}
"""


@dataclass
class Case:
    name: str
    base: str
    text: str
    connections: int = 16


CASES = [
    Case("guarded", "off", "keyward: bcrypt key, scope, plan limit, identity, limit fields"),
    Case("key", "off", "keyward: bcrypt key and identity only"),
    Case("off", "absent", "keyward off, of nginx without the module"),
    Case("proxied", "proxied_off", "keyward as in the first row, proxied over keep-alive connections"),
    Case("limit_req", "off", "nginx limit_req alone"),
    Case("auth_request", "off", "nginx auth_request to a second nginx"),
    Case("basic5", "off", "nginx auth_basic, bcrypt of cost 5"),
    Case("basic10", "off", "nginx auth_basic, bcrypt of cost 10", connections=2),
    Case("lua", "lua_off", "Lua: SHA-256 in a shared dictionary, scope, limit"),
    Case("njs", "njs_off", "njs: SHA-256 in an object, scope, no limit"),
    Case("haproxy", "haproxy_off", "HAProxy: a stick table's limit"),
]


class Lab:
    """All servers that the cases need, each at its first use."""

    def __init__(self, stack):
        self._stack = stack
        self._build = find_build()
        self.site = stack.enter_context(Site(self._build))
        kw = self.site.store.kw
        kw("plan", "set", "pro", "--scope", "posts:read", "--scope", "posts:write", "--limit", "100000000r/h")
        self.key = self.site.store.key(subject="acme", plan="pro", verifier="bcrypt:10")["key"]
        self._servers = {}

    def target(self, name, case):
        kind = next((kind for kind in ("absent", "lua", "njs", "haproxy") if name.startswith(kind)), "nginx")
        if kind not in self._servers:
            self._servers[kind] = getattr(self, f"_start_{kind}")()
        url, pids = self._servers[kind](name)
        fields = {"Authorization": f"Bearer {self.key}"}
        if case.name.startswith("basic"):
            if bcrypt is None:
                raise Missing("python3-bcrypt isn't installed")
            fields = {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}  # user:password
        return Target(url, pids, fields, connections=case.connections)

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
            raise Missing(f"this nginx doesn't start with the {module} module: {str(failed).strip().splitlines()[-1]}") from failed

    def _start_nginx(self):
        backend = self._stack.enter_context(Site(self._build))
        edge = backend.start(http=QUIET, server="location / { empty_gif; } location = /check { return 204; }", store=False, log_level="error")
        pin(edge.workers()[0], CLIENT_CPU)
        upstream = f"upstream upstream {{ server 127.0.0.1:{edge.port}; keepalive 32; keepalive_requests 1000000000; }}"
        start = self._edge(
            self.site, http=f"{QUIET} {ZONES}\n{upstream}", server=LOCATIONS.replace("@PREFIX@/", f"{self.site.folder}/"), UPSTREAM=UPSTREAM
        )
        for cost in (5, 10) if bcrypt else ():
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
        modules = "".join(f"load_module {path};\n" for path in find_modules("ndk_http_module.so", "ngx_http_lua_module.so"))
        site = self._stack.enter_context(Site(self._build))
        return self._rival(site, "lua", main=modules, http=QUIET + LUA, server=LUA_LOCATION, store=False, KEY=self.key)

    def _start_njs(self):
        site = self._stack.enter_context(Site(self._build))
        script = site.folder / "check.js"
        script.write_text(NJS.replace("@SHA@", hashlib.sha256(self.key.encode()).hexdigest()))
        modules = "".join(f"load_module {path};\n" for path in find_modules("ngx_http_js_module.so"))
        http = f"{QUIET} js_import check from {script}; js_set $njs_refusal check.check;"
        return self._rival(site, "js", main=modules, http=http, server=NJS_LOCATION, store=False)

    def _start_haproxy(self):
        folder, bare = self._folder_and_port()
        _, limited = self._folder_and_port()
        (folder / "haproxy.cfg").write_text(HAPROXY.format(cpu=SERVER_CPU, bare=bare, limited=limited))
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
        if not program:
            raise Missing("haproxy isn't installed")
        process = self._run([program, "-db", "-q", "-f", folder / "haproxy.cfg"], bare)
        pin(process.pid, SERVER_CPU)
        return lambda name: (f"http://127.0.0.1:{bare if name.endswith('_off') else limited}/", (process.pid,))


class Missing(Exception):
    """A rival that this machine doesn't have; the message says which."""


def find_modules(*names):
    folder = Path("/usr/lib/nginx/modules")
    for name in names:
        if not (folder / name).exists():
            raise Missing(f"{name} isn't installed")
    return [folder / name for name in names]


TARGETS = {"guarded": (0.92, 0.7), "proxied": (0.96, None)}  # of bare throughput, at least; microseconds added, at most


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
            lab = Lab(stack)
            target, base = lab.target(case.name, case), lab.target(case.base, case)
        except Missing as missing:
            tell(f"{case.name:14} {missing}")
            return Row(case.name, case.text, missing=str(missing))
        target.run(1)  # proved, connected, warm
        result = compare(target, base, rounds, seconds)
    tell(f"{case.name:14} {result.line()}  {case.text}")
    return row_of(case, result)
