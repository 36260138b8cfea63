"""Memory and threads that nginx is refused; see refusals.c."""

import contextlib
import struct

from .shim import preload

PID, AT, COUNT, THREADS = (8 * n for n in range(4))


class Refusals:
    def __init__(self, build, folder, monkeypatch):
        self._path = folder / "refusals"
        self._path.write_bytes(bytes(32))
        self._path.chmod(0o666)
        preload(build, folder, monkeypatch, "refusals")
        monkeypatch.setenv("REFUSALS_FILE", str(self._path))

    def _write(self, at, *values):
        with open(self._path, "r+b") as file:
            file.seek(at)
            file.write(struct.pack(f"{len(values)}q", *values))

    @property
    def count(self):
        """How often the process has asked for memory."""
        return struct.unpack_from("q", self._path.read_bytes(), COUNT)[0]

    @contextlib.contextmanager
    def memory(self, pid, number):
        """The process's allocation of this number (from 1 on, counted from now) is refused, and no other."""
        self._write(AT, number, 0)
        self._write(PID, pid)
        try:
            yield
        finally:
            self._write(PID, 0)

    def threads(self, refused):
        """Whether nobody gets any."""
        self._write(THREADS, int(refused))
