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

import bcrypt
from lab import CLIENT_CPU, QUIET, SERVER_CPU, Ports, Site, Target, compare, find_build, pin, until_open

LOCATIONS = """
    location = /off          { keyward off; empty_gif; }
    location = /guarded      { keyward on; keyward_scope posts:read; keyward_limit plan; empty_gif; }
    location = /key          { keyward on; empty_gif; }
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


@dataclass
class Case:
    name: str
    base: str
    text: str
    connections: int = 16


CASES = [
    Case("guarded", "off", "keyward: bcrypt key, scope, plan limit, identity, limit fields"),
    Case("key", "off", "keyward: bcrypt key and identity only"),
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
        kind = next((kind for kind in ("lua", "njs", "haproxy") if name.startswith(kind)), "nginx")
        if kind not in self._servers:
            self._servers[kind] = getattr(self, f"_start_{kind}")()
        url, pids = self._servers[kind](name)
        fields = {"Authorization": f"Bearer {self.key}"}
        if case.name.startswith("basic"):
            fields = {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}  # user:password
        return Target(url, pids, fields, connections=case.connections)

    def _edge(self, site, **pieces):
        edge = site.start(log_level="error", **pieces)
        worker = edge.workers()[0]
        pin(worker, SERVER_CPU)
        return lambda name: (edge.url(f"/{name}"), (worker,))

    def _start_nginx(self):
        backend = self._stack.enter_context(Site(self._build))
        edge = backend.start(http=QUIET, server="location / { empty_gif; } location = /check { return 204; }", store=False, log_level="error")
        pin(edge.workers()[0], CLIENT_CPU)
        upstream = f"upstream upstream {{ server 127.0.0.1:{edge.port}; keepalive 32; keepalive_requests 1000000000; }}"
        (self.site.folder / "edge").parent.mkdir(exist_ok=True)
        start = self._edge(
            self.site, http=f"{QUIET} {ZONES}\n{upstream}", server=LOCATIONS.replace("@PREFIX@/", f"{self.site.folder}/"), UPSTREAM=UPSTREAM
        )
        for cost in (5, 10):
            hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(cost, prefix=b"2a")).decode()
            (self.site.folder / f"htpasswd{cost}").write_text(f"user:{hashed}\n")
        return start

    def _start_lua(self):
        modules = "".join(f"load_module {path};\n" for path in find_modules("ndk_http_module.so", "ngx_http_lua_module.so"))
        site = self._stack.enter_context(Site(self._build))
        return self._edge(site, main=modules, http=QUIET + LUA, server=LUA_LOCATION, store=False, KEY=self.key)

    def _start_njs(self):
        site = self._stack.enter_context(Site(self._build))
        script = site.folder / "check.js"
        script.write_text(NJS.replace("@SHA@", hashlib.sha256(self.key.encode()).hexdigest()))
        modules = "".join(f"load_module {path};\n" for path in find_modules("ngx_http_js_module.so"))
        http = f"{QUIET} js_import check from {script}; js_set $njs_refusal check.check;"
        return self._edge(site, main=modules, http=http, server=NJS_LOCATION, store=False)

    def _start_haproxy(self):
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        ports = self._stack.enter_context(contextlib.closing(Ports()))
        bare, limited = ports.take(), ports.take()
        (folder / "haproxy.cfg").write_text(HAPROXY.format(cpu=SERVER_CPU, bare=bare, limited=limited))
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
        if not program:
            raise Missing("haproxy isn't installed")
        process = subprocess.Popen([program, "-db", "-q", "-f", folder / "haproxy.cfg"])
        self._stack.callback(lambda: (process.terminate(), process.wait()))
        until_open(bare)
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


def measure(rounds, seconds, only=(), tell=print):
    """{case: Comparison, or the reason why there is none}"""
    results = {}
    for case in CASES:
        if only and case.name not in only:
            continue
        # Servers of their own for each case: what one leaves behind is no other's burden.
        with contextlib.ExitStack() as stack:
            try:
                lab = Lab(stack)
                target, base = lab.target(case.name, case), lab.target(case.base, case)
            except Missing as missing:
                tell(f"{case.name:14} {missing}")
                continue
            target.run(1)  # proved, connected, warm
            results[case.name] = compare(target, base, rounds, seconds)
            tell(f"{case.name:14} {results[case.name].line()}  {case.text}")
    return results
