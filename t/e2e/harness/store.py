"""A store of its own for a test, made and changed by the command `keyward`."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .build import SANITIZER_EXIT
from .older import make_pending


@dataclass
class Run:
    rc: int
    stdout: str
    stderr: str

    def json(self):
        return json.loads(self.stdout)


class CommandFailed(Exception):
    def __init__(self, arguments, run):
        super().__init__(f"keyward {' '.join(arguments)}: exit {run.rc}\n{run.stdout}{run.stderr}")
        self.run = run


class Command:
    """kw("key", "list") answers with what `keyward key list --json` printed, parsed."""

    def __init__(self, build, path):
        self._build = build
        self._path = path

    def __call__(self, *arguments, input=None, json=True, ok=True):
        """ok=False: answers also where the exit status isn't 0. json=False: answers with the text."""
        arguments = [str(argument) for argument in arguments] + (["--json"] if json else [])
        run = self.run(*arguments, input=input)
        if ok and run.rc != 0:
            raise CommandFailed(arguments, run)
        if not json:
            return run.stdout
        return run.json() if run.stdout.strip() else None

    def run(self, *arguments, input=None, timeout=30):
        """Only runs it, with the arguments as they are. A sanitizer's report is an error all the same."""
        done = subprocess.run(
            [self._build.command, *(str(argument) for argument in arguments)],
            input=input if input is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout * self._build.patience,
            env=self._build.environment(KEYWARD_STORE=self._path),
            cwd=self._path.parent,
        )
        run = Run(done.returncode, done.stdout, done.stderr)
        sound = 0 <= run.rc < SANITIZER_EXIT and "runtime error:" not in run.stderr
        assert sound, f"keyward {arguments} ended with {run.rc}:\n{run.stderr}"
        return run


class Store:
    """Made at its first use, so that a test without a store pays nothing."""

    def __init__(self, build, path):
        self._build = build
        self._path = Path(path)
        self._command = Command(build, self._path)
        self._made = False

    @property
    def path(self):
        self.init()
        return self._path

    @property
    def kw(self):
        self.init()
        return self._command

    def init(self):
        if not self._made:
            self._made = True
            user = self._build.worker_user
            self._command("init", *(["--user", user[0]] if user else []), json=False)

    def key(self, name="test", verifier="bcrypt:4", **options):
        """`keyward key create`: key(subject="acme", scope=["posts:read", "posts:write"], expires="90d")."""
        arguments = ["--name", name, "--verifier", verifier]
        for option, value in options.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                arguments += [f"--{option.replace('_', '-')}", one]
        return self.kw("key", "create", *arguments)

    def pending_key(self, **options):
        """A key that waits for a login, which only older versions made. Not while nginx has the store open."""
        return make_pending(self, self.key(**options))
