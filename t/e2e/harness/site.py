"""One backend, store and edge for a whole table of tests, so that a row costs a request and not an nginx.

    @pytest.fixture(scope="module")
    def site(build):
        with Site(build) as site:
            key = site.store.key()
            site.start(location="keyward on;")
            yield site
"""

import shutil
import tempfile
from pathlib import Path

from .backend import Backend
from .edge import Edge
from .store import Store


class Site:
    def __init__(self, build):
        self._build = build
        self.edge = None
        self.folder = Path(tempfile.mkdtemp(prefix="keyward-e2e-"))
        self.folder.chmod(0o755)
        (self.folder / "html").mkdir(mode=0o755)
        self.backend = Backend()
        self.store = Store(build, self.folder / "store")

    def page(self, path, text):
        """A file under @HTML@."""
        file = self.folder / "html" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self, **pieces):
        """As the edge fixture does; keywords in capitals are further placeholders."""
        values = {name: pieces.pop(name) for name in list(pieces) if name.isupper()}
        values = {"BACKEND": self.backend.url, "STORE": lambda: self.store.path, "HTML": self.folder / "html", **values}
        self.edge = Edge(self._build, self.folder / "edge", values, **pieces)
        return self.edge

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        problems = []
        try:
            if self.edge is not None:
                self.edge.close()
                problems = self.edge.problems()
        finally:
            self.backend.stop()
        if problems:
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder)
        assert kind is not None or not problems, "nginx's log holds what must not be there:\n" + "\n".join(problems)
