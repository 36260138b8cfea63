"""The real thing: nginx with two workers, the command on its store, and what each operation of a journal does to them."""

import secrets
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

from harness.edge import Edge
from harness.store import Store

from .asks import USERS, Ask
from .check import LAG_S, Checker, Problem
from .commands import COMMANDS, unknown_key
from .conf import BASIC, CONF, PLANS, SEEN, ZONES
from .driver import Driver
from .history import History
from .journal import ADDRESSES, asks_of
from .key_sets import KeySets
from .recorder import Recorder
from .route import decide
from .rules import edges
from .signers import Signers
from .world import World, expects


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
        self.passwords = {which: secrets.token_hex(8) for which in USERS}
        self.users = self.folder / "users"
        self.users.write_text(f"{USERS['good']}:{{PLAIN}}{self.passwords['good']}\n{USERS['bad']}:{{PLAIN}}another\n")
        self.users.chmod(0o644)
        self.pepper = self.folder / "pepper"
        self.pepper.write_bytes(secrets.token_hex(16).encode())
        self.resized, self.broken = (
            [],
            [],
        )  # spans in which the zone was exchanged; in which connections may have been cut
        self.problems, self.zone = [], ZONES[0]
        values = {"BACKEND": self.backend.url, "STORE": lambda: self.store.path}
        # Fewer lines than `info`, which tells every refusal.
        self.edge = Edge(build, self.folder / "edge", values, http=self._conf(0), workers=2, log_level="warn")
        self.key_sets = KeySets(build, self.edge, self.signers)
        timeout = 30 * build.patience
        self.driver = Driver(self.edge.port, self.secrets.get, unknown_key, self.passwords, timeout)

    def _conf(self, variant):
        backend = self.backend.url.removeprefix("http://")
        return CONF % {"zone": self.zone, "plans": PLANS[variant], "backend": backend, "issuers": self.signers.blocks(variant),
                       "seen": SEEN, "basic": BASIC % self.users}  # fmt: skip

    def close(self):
        self.driver.close()
        self.edge.close()
        self.backend.drained(10 * self.build.patience)
        self.backend.stop()
        self.signers.close()
        too_often = self.key_sets.fetched_too_often(len(self.broken))
        self.problems += [Problem(-1, text) for text in [*self.edge.problems(), *([too_often] if too_often else [])]]
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
                thread.join(
                    0.02
                )  # keys take a second to get there: enough answers in that time, not as many as there can be
        thread.join()
        if errors:
            raise errors[0]

    def _outlive(self, op):
        """Asks with keys and tokens about which something will change soon, and changes nothing, until it has for one of them."""
        now_s = time.monotonic() + self.wall_s
        soon = {}
        for name in (*self.stores.last.keys, *self.tokens):
            moments = edges(self.stores.last, self.configurations.last, name, self.tokens.get(name))
            if moments := [moment for moment in moments if now_s < moment < now_s + 3]:
                soon[name] = min(moments)
        if not soon:
            return
        last_s = min(soon.values()) + LAG_S * self.build.patience + 0.2
        asks = [
            Ask(place, "GET", "key", name, ADDRESSES[0], False)
            for name in sorted(soon)
            for place in ("/open", "/provision")
        ]
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
            self.problems.append(
                Problem(-1, f"the command should have {'done' if expected else 'refused'} {op}: {run.stderr}")
            )
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
        assert all(final.settled() == finals[0].settled() for final in finals), f"the end of {ops} hangs on their order"
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
        self.key_sets.begin()
        self.secrets[op["token"]], self.tokens[op["token"]] = self.signers.mint(op)

    def _keys(self, op):
        amid = op.get("amid")
        self.key_sets.change(op["source"], tuple(op["keys"]), (lambda: self.run(amid)) if amid else lambda: None)

    def _spoil(self, op):
        self.key_sets.spoil(op["source"], tuple(op["keys"]))

    def _server(self, op):
        if not self.key_sets.starved:
            self.key_sets.serve(op["how"])

    def _starve(self, op):
        """No fetch works for so long that the set is too old."""
        self.key_sets.begin()
        if not self.key_sets.starved:
            self.key_sets.starve(self._reload_with_stale)

    def _feed(self, op):
        if self.key_sets.starved:
            self.key_sets.feed(self._reload_with_stale)

    def _reload_with_stale(self, stale):
        self.signers.stale = stale
        self._reload({"variant": self.configurations.last, "zone": ZONES.index(self.zone)})

    # The end.

    def check(self, model=decide, store_early_s=0, sets_early_s=0):
        """Everything that went wrong. After close(). early: takes changes of the store, of key sets, for that much earlier than they were."""
        histories = (
            self.stores.earlier(store_early_s),
            self.configurations,
            self.key_sets.adopted.earlier(sets_early_s),
            self.key_sets.servers,
        )
        checker = Checker(histories, self.tokens, self.wall_s, self.build.patience, self.resized, self.broken, model)
        return self.problems + checker.run(self.driver.seen, self.backend.reached)
