"""What the command does while somebody exchanges the files that it names; see swaps.c."""

import hashlib
import os
import subprocess
from collections import namedtuple
from pathlib import Path

# at: the call's number. root: whether the process could be root again. folder: the descriptor, where path is relative to one.
Call = namedtuple("Call", "at root name folder path")

STORE_FILES = ("data.mdb", "lock.mdb", "secret", "pepper")


class Swaps:
    def __init__(self, build, folder, canary, user):
        self._build, self._canary, self._user = build, canary, user
        self._log = folder / "swaps.log"
        self._shim = folder / "swaps.so"
        source = Path(__file__).parent / "swaps.c"
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", self._shim, source], check=True)

    def run(self, *arguments, at=0):
        """Runs the command as ourselves: (its end, its calls)."""
        self._log.write_text("")
        self._log.chmod(0o666)
        environment = self._build.environment(
            SWAP_LOG=self._log,
            SWAP_AT=str(at),
            SWAP_CANARY=self._canary,
            SWAP_USER=str(self._user),
            LD_PRELOAD=self._shim,
        )
        done = subprocess.run(
            [self._build.command, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60 * self._build.patience,
        )
        calls = [line.split(" ", 4) for line in self._log.read_text().splitlines()]
        return done, [Call(int(at), root == "1", name, int(folder), path) for at, root, name, folder, path in calls]


def opened_by_root(calls):
    """Files of LMDB's, secrets and peppers, that a process named which was root or could become it."""
    return [call for call in calls if call.root and os.path.basename(call.path) in STORE_FILES]


def fingerprint(folder):
    """Everything that could be changed in a tree, followed through no link."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        about = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else None
        found[str(path)] = (about.st_mode, about.st_uid, about.st_gid, about.st_nlink, content)
    return found
