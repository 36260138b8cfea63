"""The real thing: nginx with two workers, the command on its store, and what each operation of a journal does to them."""

import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

from harness.client import Connection
from harness.edge import Edge
from harness.store import Store
from harness.wait import until

from .check import LAG_S, Checker, Problem
from .commands import COMMANDS, unknown_key
from .driver import Driver
from .history import History
from .journal import ADDRESSES, asks_of
from .issuers import FIRST_SETS, ISSUERS, algorithms_of
from .recorder import Recorder
from .rules import Ask, decide, edges
from .signers import Signers
from .world import World, expects

ZONES = ("1m", "2m", "700k")

# What rules.py says of the same locations.
CONF = """
    keyward_zone %(zone)s;
    keyward_bcrypt_concurrency 2;
    keyward_scope_implies mcp:full mcp:*;
    keyward_scope_implies posts:write posts:read;
    keyward_plan fallback limit=30r/h;
    %(plans)s
    %(issuers)s
    upstream backend { server %(backend)s; keepalive 64; }
    server {
        listen 127.0.0.1:@PORT@ backlog=1024;
        access_log off;
        keepalive_requests 1000000;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-From;
        root /nonexistent;
        add_header X-Reason $keyward_reason always;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_next_upstream off;
        keyward on;
        location = /open { proxy_pass http://backend; }
        location = /read { keyward_scope posts:read; proxy_pass http://backend; }
        location = /any { keyward_scope match=any posts:write media:read; proxy_pass http://backend; }
        location = /methods {
            keyward_scope methods=GET posts:read;
            keyward_scope methods=POST,PUT posts:write;
            proxy_pass http://backend;
        }
        location = /both {
            keyward_scope posts:read media:read;
            keyward_scope methods=GET,PUT,DELETE posts:read;
            keyward_scope methods=POST posts:write;
            proxy_pass http://backend;
        }
        location = /umbrella { keyward_scope mcp:read mcp:analytics; proxy_pass http://backend; }
        location = /plan { keyward_limit plan; proxy_pass http://backend; }
        location = /default { keyward_limit plan default=fallback; proxy_pass http://backend; }
        location = /key { keyward_limit 40r/h; proxy_pass http://backend; }
        location = /subject { keyward_limit 70r/h by=subject; proxy_pass http://backend; }
        location = /address { keyward_accept key token anonymous; keyward_limit 120r/h by=address; proxy_pass http://backend; }
        location = /short { keyward_limit 8r/3s; proxy_pass http://backend; }
        location = /two { keyward_limit 40r/h name=shared; keyward_limit 60r/h by=subject; proxy_pass http://backend; }
        location = /shared { keyward_scope posts:read; keyward_limit 40r/h name=shared; proxy_pass http://backend; }
        location = /cost {
            keyward_limit 60r/h cost=3 methods=POST;
            keyward_limit 40r/h methods=GET;
            proxy_pass http://backend;
        }
        location = /anonymous { keyward_accept key token anonymous; proxy_pass http://backend; }
        location = /member { keyward_accept key token anonymous; keyward_scope posts:read; proxy_pass http://backend; }
        location = /nokeys { keyward_accept anonymous; proxy_pass http://backend; }
        location = /off { keyward off; proxy_pass http://backend; }
        location = /shadow { keyward shadow; keyward_scope posts:write; keyward_limit 40r/h name=shared; proxy_pass http://backend; }
        location = /redirect { keyward_scope posts:read; keyward_limit 300r/h name=redirect; try_files /none /inner; }
        location = /inner { keyward_scope media:read; keyward_limit 300r/h name=redirect; keyward_limit 30r/h name=inner;
                            keyward_accept key oauth internal auth; proxy_pass http://backend; }
        location = /satisfy { satisfy any; allow 192.0.2.1; deny all; keyward_scope posts:read; proxy_pass http://backend; }
        location = /keys { keyward_accept key; proxy_pass http://backend; }
        location = /auth { keyward_accept auth; proxy_pass http://backend; }
        location = /provision { keyward_accept auth oauth unprovisioned; proxy_pass http://backend; }
        location = /partner { keyward_accept partner; keyward_scope posts:read; proxy_pass http://backend; }
        location = /several {
            keyward_accept fetched oauth partner;
            keyward_accept key;
            keyward_scope match=any posts:read media:read;
            proxy_pass http://backend;
        }
        location = /issuers { keyward_accept token; keyward_limit 50r/h name=issuers; proxy_pass http://backend; }
        location = /by-method {
            keyward_accept methods=GET token anonymous;
            keyward_accept methods=POST internal auth unprovisioned;
            keyward_accept key;
            proxy_pass http://backend;
        }
        location = /session {
            keyward_credential bearer header=X-API-Key cookie=session;
            keyward_scope methods=GET posts:read;
            keyward_scope methods=POST,PUT,DELETE posts:write;
            proxy_pass http://backend;
        }
    }
    server {
        listen 127.0.0.1:@PORT_EACH@ reuseport;
        access_log off;
        add_header X-Worker $pid always;
        add_header X-Reason $keyward_reason always;
        keyward on;
        location = /auth { keyward_accept auth unprovisioned; empty_gif; }
        location = /oauth { keyward_accept oauth unprovisioned; empty_gif; }
        location = /internal { keyward_accept internal; empty_gif; }
        location = /fetched { keyward_accept fetched unprovisioned; empty_gif; }
    }
"""
PLANS = ("", "keyward_plan gold scope=posts:*,mcp:full limit=400r/h; keyward_plan closed no_access;")


# What every variant of an issuer admits, but for the key.
PROBE = {"aud": ["api", "web"], "sub": "probe", "uid": "probe", "use": {"kind": "access"}}


class Site:
    def __init__(self, build):
        self.build = build
        self.folder = Path(tempfile.mkdtemp(prefix="keyward-model-"))
        self.folder.chmod(0o755)
        self.backend = Recorder()
        self.store = Store(build, self.folder / "store")
        self.stores, self.configurations = History(World()), History(0)
        self.wall_s = time.time() - time.monotonic()
        self.secrets, self.tokens, self.backups = {}, {}, {}
        self.signers = Signers(self.folder)
        self.sets, self.servers = History(dict(self.signers.sets)), History(True)  # of the key sets that workers have
        self._fetched = False  # whether each worker has the first one that is fetched
        self.resized, self.broken = [], []  # spans in which the zone was exchanged; in which connections may have been cut
        self.problems, self.zone = [], ZONES[0]
        values = {"BACKEND": self.backend.url, "STORE": lambda: self.store.path}
        # Fewer lines than `info`, which tells every refusal.
        self.edge = Edge(build, self.folder / "edge", values, http=self._conf(0), workers=2, log_level="warn")
        timeout = 30 * build.patience
        self.driver = Driver(self.edge.port, self.secrets.get, unknown_key(), timeout)

    def _conf(self, variant):
        backend = self.backend.url.removeprefix("http://")
        return CONF % {"zone": self.zone, "plans": PLANS[variant], "backend": backend, "issuers": self.signers.blocks(variant)}
    def close(self):
        self.driver.close()
        self.edge.close()
        self.backend.drained(10 * self.build.patience)
        self.backend.stop()
        self.signers.close()
        self.problems += [Problem(-1, text) for text in self.edge.problems()]
        shutil.rmtree(self.folder)

    def abandon(self):
        """After an error: only ends what runs."""
        try:
            self.edge.stop(graceful=False)
        finally:
            self.backend.stop()
            self.signers.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # Operations.

    def run(self, op):
        if op["do"] == "ask":
            self._ask(op)
        elif op["do"] in COMMANDS:
            self._change(op)
        else:
            getattr(self, "_" + op["do"])(op)

    def _ask(self, op):
        self.driver.volley(asks_of(op), op["connections"], op["fresh"])

    def _during(self, op):
        """Requests all the while that the operations run one after the other."""
        errors = []

        def change():
            try:
                for one in op["ops"]:
                    self.run(one)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=change, daemon=True)
        thread.start()
        turn = 0
        while thread.is_alive() or turn == 0:
            ask = {**op["ask"], "seed": op["ask"].get("seed", 0) + turn}
            turn += 1
            self._ask(ask)
            if turn > 20:
                thread.join(0.02)  # keys take a second to get there: enough answers in that time, not as many as there can be
        thread.join()
        if errors:
            raise errors[0]

    def _outlive(self, op):
        """Asks with keys and tokens about which something will change soon, and changes nothing, until it has for one of them."""
        now_s = time.monotonic() + self.wall_s
        soon = {}
        for name in (*self.stores.last.keys, *self.tokens):
            asked = Ask("", "", "", name, "", False)
            moments = edges(self.stores.last, self.configurations.last, asked, self.tokens.get(name))
            if moments := [moment for moment in moments if now_s < moment < now_s + 3]:
                soon[name] = min(moments)
        if not soon:
            return
        last_s = min(soon.values()) + LAG_S * self.build.patience + 0.2
        asks = [Ask(place, "GET", "key", name, ADDRESSES[0], False) for name in sorted(soon) for place in ("/open", "/provision")]
        while time.monotonic() + self.wall_s < last_s:
            self.driver.volley(asks[: op["count"]], 2)
            time.sleep(0.01)  # enough answers in that time, not as many as there can be

    def _change(self, op):
        """Runs the command; what it has to have done is the store afterwards."""
        command = COMMANDS[op["do"]](self, op)
        if command is None:
            return
        start = time.monotonic()
        run = self._execute(command)
        end = time.monotonic()
        expected = expects(self.stores.last, op, (start + self.wall_s, end + self.wall_s))
        if expected is not None and expected != (run.rc == 0):
            self.problems.append(Problem(-1, f"the command should have {'done' if expected else 'refused'} {op}: {run.stderr}"))
        if run.rc == 0:
            self.stores.change(command.then(self.stores.last, run), start, end)

    def _race(self, op):
        """Two commands at once. Some order of the two has to explain what they said; both orders end alike."""
        ops = op["ops"]
        commands = [COMMANDS[one["do"]](self, one) for one in ops]
        if None in commands:
            return
        start = time.monotonic()
        with ThreadPoolExecutor(len(ops)) as pool:
            runs = list(pool.map(self._execute, commands))
        end = time.monotonic()
        between, finals = [], []
        for order in permutations(range(len(ops))):
            worlds, explained = [self.stores.last], True
            for i in order:
                expected = expects(worlds[-1], ops[i], (start + self.wall_s, end + self.wall_s))
                explained = explained and expected in (None, runs[i].rc == 0)
                if explained:
                    worlds.append(commands[i].then(worlds[-1], runs[i]) if runs[i].rc == 0 else worlds[-1])
            if explained:
                between += worlds[1:-1]
                finals.append(worlds[-1])
        if not finals:
            self.problems.append(Problem(-1, f"no order explains {ops}: {[(run.rc, run.stderr) for run in runs]}"))
            return
        assert all(final == finals[0] for final in finals), f"the end of {ops} hangs on their order"
        self.stores.change(finals[0], start, end, between)

    def _execute(self, command):
        run = self.store.kw.run(*command.arguments, "--json", input=command.input)
        assert run.rc in (0, 1), f"keyward {command.arguments}: {run.rc} {run.stderr}"
        return run

    def _reload(self, op):
        start = time.monotonic()
        zone, self.zone = self.zone, ZONES[op["zone"]]
        self.edge.reload(http=self._conf(op["variant"]))
        end = time.monotonic()
        self.configurations.change(op["variant"], start, end)
        self.broken.append((start, end))
        if zone != self.zone:
            self.resized.append((start, end))

    def _kill(self, op):
        start = time.monotonic()
        workers = self.edge.workers()
        self.edge.kill_worker(workers[op["worker"] % len(workers)])
        self.broken.append((start, time.monotonic()))

    # Tokens.

    def _mint(self, op):
        if not self._fetched:
            self._adopt("fetched", (), FIRST_SETS["fetched"])  # that fetch was begun when nginx started
        self._fetched = True
        self.secrets[op["token"]], self.tokens[op["token"]] = self.signers.mint(op)

    def _keys(self, op):
        """Publishes a source's keys, and waits until each worker has them."""
        old, keys = self.sets.last[op["source"]], tuple(op["keys"])
        start = time.monotonic()
        self.signers.publish(op["source"], keys)
        if op["source"] != "fetched" or self.signers.serving:
            self._adopted(op["source"], start)

    def _adopted(self, source, start):
        old, new = self.sets.last[source], self.signers.sets[source]
        if old != new:
            self._adopt(source, old, new)
            self.sets.change({**self.sets.last, source: new}, start, time.monotonic())

    def _adopt(self, source, old, new):
        """Waits until each worker takes the new keys, and none of the others that it had."""
        connections = self._connections()
        try:
            for key in (*new, *(key for key in old if key not in new)):
                headers = {"Authorization": f"Bearer {self._probe(source, key)}"}

                def known(connection):
                    return connection.request("GET", f"/{source}", headers).header("X-Reason") != "invalid_token"

                for connection in connections.values():
                    until(lambda: known(connection) == (key in new), 20 * self.build.patience, f"{new} of {source} in each worker")
        finally:
            for connection in connections.values():
                connection.close()

    def _connections(self):
        """{pid: a connection to this worker}"""
        found, workers = {}, set(self.edge.workers())

        def another():
            connection = Connection(int(self.edge.value("PORT_EACH")), 30 * self.build.patience)
            pid = int(connection.request("GET", "/").header("X-Worker"))
            if pid in found or pid not in workers:
                connection.close()
            else:
                found[pid] = connection
            return set(found) == workers

        until(another, 20 * self.build.patience, f"an answer of each of {workers}")
        return found

    def _probe(self, source, key):
        """A token that only its key decides about. It names none, so that nobody fetches for it."""
        claims = {**PROBE, "iss": f"https://{source}.example"}
        op = {"token": "probe", "key": key, "alg": algorithms_of(key)[0], "kid": None, "iat": -5, "exp": 200,
              "typ": "at+jwt" if source == "oauth" else "JWT", "claims": claims, "flaw": ""}  # fmt: skip
        return self.signers.mint(op)[0]

    def _spoil(self, op):
        """Writes nonsense where a source's keys were, waits until each worker has seen it and kept the keys, and publishes others."""
        if op["source"] == "fetched" or tuple(op["keys"]) == self.sets.last[op["source"]]:
            return
        since = len(self.edge.log)
        self.signers.spoil(op["source"])
        names = [issuer.name for issuer in ISSUERS[0] if issuer.source == op["source"]]
        told = [f'issuer "{name}" goes on with the keys that it had' for name in names]
        workers = len(self.edge.workers())
        until(lambda: all(self.edge.log[since:].count(text) >= workers for text in told), 20 * self.build.patience, told)
        self._keys(op)

    def _server(self, op):
        """Stops the server of the fetched set, or starts it; then what was published meanwhile gets there."""
        start = time.monotonic()
        self.signers.serve(op["serves"])
        self.servers.change(op["serves"], start, time.monotonic())
        if op["serves"]:
            self._adopted("fetched", start)

    # The end.

    def check(self, model=decide, store_early_s=0, sets_early_s=0):
        """Everything that went wrong. After close(). early: takes changes of the store, of key sets, for that much earlier than they were."""
        histories = self.stores.earlier(store_early_s), self.configurations, self.sets.earlier(sets_early_s), self.servers
        checker = Checker(histories, self.tokens, self.wall_s, self.build.patience, self.resized, self.broken, model)
        return self.problems + checker.run(self.driver.seen, self.backend.reached)
