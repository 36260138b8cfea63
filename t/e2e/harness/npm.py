"""What `make test` installs from npm where there is one, for tests that run other people's programs; without it they are skipped."""

import warnings

import pytest


def modules(build, package):
    """The folder in whose node_modules the package is."""
    folders = [folder / "oauth" for folder in (build.folder, build.folder.parent)]
    found = next((folder for folder in folders if (folder / "installed").is_file()), None)
    if found is None:
        missing = f"there is no {package}: nothing was installed from npm (`make oauth-server`)"
        warnings.warn(f"SKIPPED, as {missing}")
        pytest.skip(missing)
    return found


def node(folder):
    """Node comes from there, too: that of Debian 12 is too old for some of it."""
    return folder / "node_modules/.bin/node"
