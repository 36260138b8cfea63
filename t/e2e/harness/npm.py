"""What `make test` installs from npm where there is one, for tests that run other people's programs; without it they are skipped."""

import json
import subprocess
import warnings
from pathlib import Path

import pytest

E2E = Path(__file__).parents[1]


def _skip(missing):
    warnings.warn(f"SKIPPED, as {missing}")
    pytest.skip(missing)


def modules(build, package):
    """The folder in whose node_modules the package is."""
    folders = [folder / "oauth" for folder in (build.folder, build.folder.parent)]
    found = next((folder for folder in folders if (folder / "installed").is_file()), None)
    return found or _skip(f"there is no {package}: nothing was installed from npm (`make oauth-server`)")


def node(folder):
    """Node comes from there, too: that of Debian 12 is too old for some of it."""
    found = folder / "node_modules/.bin/node"
    return found if found.exists() else _skip("npm's packages of Node have none for this machine")


class Program:
    """One of ours beside these, as "mcp/server": program("start", ...) answers with what that command answered."""

    def __init__(self, name, folder):
        self.process = subprocess.Popen(
            [node(folder), E2E / f"{name}.mjs", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def __call__(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        line = self.process.stdout.readline()
        assert line, "the program is gone"
        return json.loads(line)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
