"""Who the command is: root becomes the owner of the store, and has opened what it was given before."""

import hmac
import json
import os
import pwd
import shutil
import stat
import subprocess

import pytest
from cli_helper import lines, refuses, sha256, strong
from harness.swaps import Swaps, fingerprint, opened_by_root
from harness.thorough import THOROUGH, thorough

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, who becomes somebody else")

STRANGER = 4242  # a user without an entry


@pytest.fixture
def owner(build):
    return pwd.getpwnam(build.worker_user[0])


def give(path, user, group=None):
    for one in [path, *path.rglob("*")]:
        os.chown(one, user, user if group is None else group, follow_symlinks=False)


def owners(path):
    return {(one.lstat().st_uid, one.lstat().st_gid) for one in [path, *path.rglob("*")]}


# What the store's owner can do to root.


class World:
    """A store, a folder that its owner may write, and what only root may change."""

    def __init__(self, kw, store, folder, owner, has_pepper=True):
        self._folder, self._before = folder, folder / "before"
        self.store, self.canary, self.open = store.path, folder / "canary", folder / "open"
        kw("plan", "set", "pro")
        kw("key", "import", "-", input=lines({"id": "old", "sha256": sha256("old"), "last_used_at": "2025-01-01"}))
        pepper = folder / "pepper.txt"
        pepper.write_text("of another system")
        peppered = [
            {"id": f"hmac{i}", "hmac_sha256": hmac.new(b"of another system", bytes([i]), "sha256").hexdigest()}
            for i in range(2)
        ]
        if has_pepper:
            kw("key", "import", "-", "--pepper-file", pepper, input=lines(peppered[0]))
        self.open.mkdir()
        os.chown(self.open, owner.pw_uid, owner.pw_gid)
        kw("store", "backup", self.open / "backup")
        shutil.copytree(self.store / "credentials", self.canary)
        shutil.copy(self.store / "secret", self.canary)
        shutil.copy(pepper, self.canary / "pepper")
        for name in (
            "credentials",
            "usage",
            "credentials.making",
            "usage.making",
            "credentials.next",
            "usage.next",
            "new",
        ):
            shutil.copytree(self.store / "usage", self.canary / name)
        give(self.canary, 0)
        self.given = folder / "given.jsonl"
        self.given.write_text(lines({"id": "given", "sha256": sha256("given")}))
        self.given.chmod(0o600)
        self.peppered = folder / "peppered.jsonl"
        self.peppered.write_text(lines(peppered[1]))
        self.pepper = pepper
        self._before.mkdir(0o700)
        for path in (self.store, self.open):
            subprocess.run(["cp", "-a", path, self._before], check=True)
        self.safe = fingerprint(self.canary)

    def renew(self):
        for path in (self.store, self.open):
            subprocess.run(["rm", "-rf", path, f"{path}.aside"], check=True)
            subprocess.run(["cp", "-a", self._before / path.name, path], check=True)

    def command(self, what):
        here = ["--store", self.store]
        return {
            "backup": [*here, "store", "backup", self.open / "new"],
            "replace": [*here, "store", "backup", self.open / "backup", "--replace"],
            "restore": [*here, "store", "restore", self.open / "backup"],
            "compact": [*here, "store", "compact"],
            "import": [*here, "key", "import", self.given],
            "pepper": [*here, "key", "import", self.peppered, "--pepper-file", self.pepper],
            "create": [*here, "key", "create", "--name", "x", "--verifier", "sha256"],
            "check": [*here, "store", "check"],
            "list": [*here, "key", "list"],
            "init": ["--store", self.open / "new", "init", "--user", "www-data"],
        }[what]


@pytest.fixture
def world(kw, store, folder, owner, request):
    """With a pepper, but for the command that brings the first one."""
    what = request.node.callspec.params.get("what") if hasattr(request.node, "callspec") else None
    return World(kw, store, folder, owner, has_pepper=what != "pepper")


COMMANDS = ["backup", "replace", "restore", "compact", "import", "pepper", "create", "check", "list", "init"]


@pytest.mark.release_only  # whose own preloaded library comes first
@thorough(900)
@pytest.mark.parametrize("what", [what for what in COMMANDS if what != "replace"])
def test_report_S5(what, world, build, folder, owner):
    """Before each call that names a file, the store's owner puts a link to what is root's in its place. Nothing of root's is changed, and
    no process that could be root ever names a file of LMDB's or a secret."""
    swaps = Swaps(build, folder, world.canary, owner.pw_uid)
    done, calls = swaps.run(*world.command(what))
    assert done.returncode == 0, done
    assert not opened_by_root(calls)
    # All that root did, and some of what its owner did; all of it where there is time.
    every = 1 if THOROUGH else 9
    steps = [call.at for number, call in enumerate(calls) if call.root or number % every == 0]
    for at in dict.fromkeys(steps):
        world.renew()
        done, calls = swaps.run(*world.command(what), at=at)
        assert done.returncode >= 0, (at, done)
        assert not opened_by_root(calls), at
        assert fingerprint(world.canary) == world.safe, (at, done)


@pytest.mark.release_only
def test_report_S5_a_replaced_backup(world, build, folder, owner):
    swaps = Swaps(build, folder, world.canary, owner.pw_uid)
    done, calls = swaps.run(*world.command("replace"))
    assert done.returncode == 0 and not opened_by_root(calls), done
    for call in [call for call in calls if call.root]:
        world.renew()
        done, calls = swaps.run(*world.command("replace"), at=call.at)
        assert done.returncode >= 0 and not opened_by_root(calls)
        assert fingerprint(world.canary) == world.safe, (call, done)


@pytest.mark.release_only
def test_report_S5_links_that_lie_there_already(world, build, kw, folder):
    """The store's owner waits for root's next command."""
    for name in ("credentials/lock.mdb", "usage/data.mdb", "usage/lock.mdb", "lock", "pepper"):
        world.renew()
        path = world.store / name
        path.unlink()
        path.symlink_to(world.canary / {"usage/data.mdb": "data.mdb", "pepper": "pepper"}.get(name, "lock.mdb"))
        for what in ("create", "compact", "backup", "check"):
            kw.run(*world.command(what))
            assert fingerprint(world.canary) == world.safe, (name, what)


@pytest.mark.parametrize("way", ["the folder", "above", "dots", "backup"])
def test_report_S5_nobody_elses_link_leads_root(way, kw, store, folder, owner):
    """What root owns isn't given away because somebody has put a link to it where root was told to go."""
    theirs, roots = folder / "theirs", folder / "roots"
    for path in (theirs, roots, roots / "keyward"):
        path.mkdir(mode=0o755)
    os.chown(theirs, owner.pw_uid, owner.pw_gid)
    os.symlink(roots / "keyward" if way == "the folder" else roots, theirs / "link")
    if way == "backup":
        run = kw.run("--store", store.path, "store", "backup", theirs / "link/new")
    else:
        path = {"the folder": theirs / "link", "above": theirs / "link/new", "dots": theirs / "link/../roots/keyward"}[
            way
        ]
        run = kw.run("--store", path, "init", "--user", owner.pw_name)
    assert run.rc != 0, run
    assert owners(roots) == {(0, 0)} and [path.name for path in roots.iterdir()] == ["keyward"]


def test_report_S5_roots_own_links_are_followed(kw, folder, owner):
    (folder / "real").mkdir(mode=0o755)
    os.symlink("real", folder / "link")
    os.symlink(folder / "link", folder / "links")
    kw("--store", folder / "links/store", "init", "--user", owner.pw_name)
    assert (folder / "real/store/secret").stat().st_uid == owner.pw_uid
    kw("--store", folder / "links/../real/./store/", "key", "create", "--name", "x", "--verifier", "sha256")


def test_report_S5_no_backup_into_somebody_elses_folder(kw, store, folder):
    (folder / "theirs").mkdir()
    os.chown(folder / "theirs", STRANGER, STRANGER)
    run = kw.run("--store", store.path, "store", "backup", folder / "theirs")
    assert run.rc == 3 and "name a folder that belongs to" in run.stderr
    assert list((folder / "theirs").iterdir()) == []


def test_report_S5_inputs_are_opened_before(kw, store, folder, owner):
    """The file is root's, and the process that imports it isn't."""
    given = folder / "keys"
    given.mkdir(mode=0o700)
    (given / "keys.jsonl").write_text(lines({"id": "k", "key": strong()}))
    (given / "keys.jsonl").chmod(0o600)
    kw("key", "import", given / "keys.jsonl")
    assert kw("key", "show", "k")["id"] == "k"
    refuses(kw, "key", "import", given / "none", status=1, says="No such file")


def test_report_S5_relative_paths(build, store, folder):
    """Paths are relative to where root is, also where the store's owner may not go."""
    work = folder / "work"
    work.mkdir(mode=0o700)
    (work / "keys.jsonl").write_text(lines({"id": "k", "sha256": sha256("k")}))
    store.init()

    def run(*arguments):
        return subprocess.run(
            [build.command, *arguments], cwd=work, env=build.environment(), capture_output=True, text=True
        )

    done = run("--store", "../store", "key", "import", "keys.jsonl")
    assert done.returncode == 0, done
    done = run("--store", "../store", "store", "backup", "b")
    assert done.returncode == 0 and (work / "b/secret").exists(), done
    done = run("--store", "b", "key", "list", "--json")
    assert done.returncode == 0 and [key["id"] for key in json.loads(done.stdout)] == ["k"], done


def test_report_S5_a_backup_into_a_folder_of_roots_alone(kw, store, folder, owner):
    """As /var/backups: root makes the outermost folder, and nothing else."""
    for mode in (0o755, 0o700):
        backups = folder / f"backups-{mode:o}"
        backups.mkdir(mode=mode)
        kw("store", "backup", backups / "today")
        assert owners(backups / "today") == {(owner.pw_uid, owner.pw_gid)}
        assert (backups.stat().st_uid, stat.S_IMODE(backups.stat().st_mode)) == (0, mode)
        assert kw("--store", backups / "today", "store", "check")["ok"]
        kw("store", "restore", backups / "today")
        assert kw.run("--store", backups / "new", "store", "restore", backups / "today").rc == 0
        assert owners(backups / "new") == {(owner.pw_uid, owner.pw_gid)}


def test_report_S5_root_makes_nothing_where_others_may_write(kw, store, folder, owner):
    """Who may write the folder above could put a link there before root does. The owner makes it, if he may."""
    shared = folder / "shared"
    shared.mkdir()
    os.chown(shared, STRANGER, STRANGER)
    message = refuses(kw, "store", "backup", shared / "b", status=3, says="install -d -o www-data")
    assert str(shared / "b") in message and not (shared / "b").exists()
    run = kw.run("--store", shared / "s", "init", "--user", "www-data")
    assert run.rc == 3 and not (shared / "s").exists()
    shared.chmod(0o777)  # a mount that is open to all: there everybody makes his own
    kw("store", "backup", shared / "b")
    kw("--store", shared / "s", "init", "--user", "www-data")
    assert owners(shared / "b") == owners(shared / "s") == {(owner.pw_uid, owner.pw_gid)}


@pytest.mark.parametrize("who", ["store", "folder above", "file"])
def test_report_S5_a_store_of_roots_that_others_reach(who, build, kw, folder):
    """Root stays root for a store of its own: nobody else may be able to change what it opens."""
    above = folder / "above"
    above.mkdir()
    store = above / "store"
    assert kw.run("--store", store, "init").rc == 0 and owners(store) == {(0, 0)}
    assert kw.run("--store", store, "key", "list").rc == 0
    if who == "store":
        store.chmod(0o770)
    elif who == "file":
        os.chown(store / "credentials/data.mdb", STRANGER, STRANGER)
    else:
        os.chown(above, STRANGER, STRANGER)
    refuses(kw, "--store", store, "key", "list", status=3, says="chown -R www-data")
    refuses(kw, "--store", store, "key", "create", "--name", "x", status=3, says="chown -R www-data")


def test_report_S5_without_the_right_to_become_somebody(build, kw, store, folder):
    kw("key", "list")
    own = folder / "own"
    assert kw.run("--store", own, "init").rc == 0

    def run(path, *arguments):
        return subprocess.run(
            [
                "setpriv",
                "--bounding-set",
                "-setuid,-setgid",
                "--inh-caps",
                "-setuid,-setgid",
                build.command,
                "--store",
                path,
                *arguments,
            ],
            env=build.environment(),
            capture_output=True,
            text=True,
        )

    done = run(store.path, "key", "list")
    assert done.returncode == 3 and "CAP_SETUID" in done.stderr and "www-data" in done.stderr, done
    assert run(own, "key", "list").returncode == 0


def test_report_S5_a_backup_of_somebody_elses(kw, store, folder):
    """rsync as root leaves root's files, which the store's owner can't read; a stranger's are never opened."""
    kw("store", "backup", folder / "backup")
    give(folder / "backup", 0)
    refuses(kw, "store", "restore", folder / "backup", status=3, says="chown -R www-data:")
    give(folder / "backup", STRANGER)
    refuses(kw, "store", "restore", folder / "backup", status=3, says="chown -R www-data:")


def test_report_S5_a_failed_command_leaves_no_folder(kw, store, folder):
    kw("key", "list")
    (store.path / "secret").unlink()
    assert kw.run("store", "backup", folder / "b").rc == 3
    assert not (folder / "b").exists()
    assert kw.run("--store", folder / "s", "init", "--user", "www-data", "--map-size", "lots").rc == 2
    assert not (folder / "s").exists()


# init --user.


@pytest.mark.parametrize(
    "user, expected",
    [
        ("1234567", (1234567, 1234567)),
        ("1234567:7654321", (1234567, 7654321)),
        ("www-data:1234567", ("www-data", 1234567)),
        ("33", None),
        ("www-data:www-data", None),
    ],
)
def test_report_U16(user, expected, kw, folder, owner):
    """By number, whether the machine knows it or not, as images have it."""
    if user == "33":
        user = str(owner.pw_uid)
    expected = (owner.pw_uid, owner.pw_gid) if expected is None else expected
    expected = (owner.pw_uid, expected[1]) if expected[0] == "www-data" else expected
    run = kw.run("--store", folder / "new", "init", "--user", user, "--json")
    assert run.rc == 0, run
    assert owners(folder / "new") == {expected}
    key = kw("--store", folder / "new", "key", "create", "--name", "x", "--verifier", "sha256")
    assert kw("--store", folder / "new", "key", "show", key["id"])["name"] == "x"
    assert owners(folder / "new") == {expected}


@pytest.mark.parametrize(
    "user", ["no-such-user", "-1", "4294967295", "99999999999", "", ":", "1000:no-such-group", "1000:"]
)
def test_report_U16_what_is_no_user(user, kw, folder):
    refuses(kw, "--store", folder / "new", "init", "--user", user, status=2, says="there is no ")
    assert not (folder / "new").exists()


def test_report_U16_a_folder_that_is_there(kw, folder, owner):
    """A mount of root's, empty but for what mkfs makes."""
    mount = folder / "mount"
    (mount / "lost+found").mkdir(parents=True)
    assert kw.run("--store", mount, "init", "--user", "www-data").rc == 0
    assert mount.stat().st_uid == (mount / "secret").stat().st_uid == owner.pw_uid
    other = folder / "other"
    other.mkdir()
    (other / "file").write_text("")
    refuses(kw, "--store", other, "init", "--user", "www-data", status=1, says="not empty")
    assert other.stat().st_uid == 0
    os.chown(other, STRANGER, STRANGER)
    refuses(kw, "--store", other, "init", "--user", "www-data", status=3, says=f"belongs to {STRANGER}")


# Backups into one folder.


def test_report_U23(kw, store, folder):
    """The second edge's script names one folder, each time."""
    store.key("a", verifier="sha256")
    kw("store", "backup", folder / "edge1")
    store.key("b", verifier="sha256")
    message = refuses(kw, "store", "backup", folder / "edge1", says="--replace")
    assert "name a new folder" in message
    assert kw("store", "backup", folder / "edge1", "--replace")["keys"] == 2
    assert sorted(path.name for path in (folder / "edge1").iterdir()) == ["credentials", "secret", "usage"]
    run = kw.run("--store", folder / "edge2", "store", "restore", folder / "edge1")
    assert (run.rc, run.stderr) == (0, "")
    assert len(kw("--store", folder / "edge2", "key", "list")) == 2
    # Where there was a store, and where there is none, it does no harm.
    assert kw("store", "backup", folder / "another", "--replace")["keys"] == 2


def test_report_U23_what_is_no_backup_of_this_store_is_not_replaced(kw, store, make_store, folder, owner):
    store.key(verifier="sha256")
    other = make_store("other")
    other.kw("store", "backup", folder / "others")
    before = fingerprint(folder / "others")
    refuses(kw, "store", "backup", folder / "others", "--replace", says="of another store")
    assert fingerprint(folder / "others") == before
    (folder / "home").mkdir()
    (folder / "home/letter").write_text("")
    os.chown(folder / "home", owner.pw_uid, owner.pw_gid)
    refuses(kw, "store", "backup", folder / "home", "--replace", says="letter")
    refuses(kw, "store", "backup", store.path, "--replace", says="lies in the store")


def test_report_U23_the_old_backup_stays_until_the_new_one_is_whole(kw, store, folder, build):
    key = store.key(verifier="sha256")
    kw("store", "backup", folder / "b")
    before = fingerprint(folder / "b")
    data = store.path / "credentials/data.mdb"
    whole = data.read_bytes()
    data.write_bytes(whole[:8192])
    assert kw.run("store", "backup", folder / "b", "--replace").rc == 3
    assert fingerprint(folder / "b") == before
    data.write_bytes(whole)
    # What a crash left behind is no obstacle, and one that was never whole is no backup.
    shutil.copytree(folder / "b", folder / "b/replacing")
    give(folder / "b", store.path.stat().st_uid, store.path.stat().st_gid)
    assert kw("store", "backup", folder / "b", "--replace")["keys"] == 1
    (folder / "b/secret").unlink()
    assert kw("store", "backup", folder / "b", "--replace")["keys"] == 1
    assert sorted(path.name for path in (folder / "b").iterdir()) == ["credentials", "secret", "usage"]
    assert kw("--store", folder / "b", "key", "show", key["id"])["id"] == key["id"]


def test_a_backup_into_an_empty_folder_of_roots(kw, store, folder, owner):
    """As init takes one. It was refused as a backup that the owner can't read."""
    key = store.key(verifier="sha256")
    made = folder / "made"
    made.mkdir(mode=0o755)
    kw("store", "backup", made)
    assert owners(made) == {(owner.pw_uid, owner.pw_gid)}
    assert [found["id"] for found in kw("--store", made, "key", "list")] == [key["id"]]


def test_init_says_who_may_write_above(kw, folder):
    """It said "was replaced while it was made", and left an empty folder of root's."""
    above = folder / "above"
    above.mkdir()
    above.chmod(0o777)
    refuses(
        kw,
        "--store",
        above / "s",
        "init",
        status=3,
        says=f"would be root's, and others could put something else in its place: they may write {above};",
    )
    assert list(above.iterdir()) == []


def test_a_restored_store_of_roots_warns(kw, store, folder):
    """The store that restore makes is whose the backup is."""
    kw("store", "backup", folder / "b")
    give(folder / "b", 0)
    run = kw.run("--store", folder / "new", "store", "restore", folder / "b")
    assert run.rc == 0 and owners(folder / "new") == {(0, 0)}
    assert "the backup is root's, and so will the store be, which nginx's workers can't read then" in run.stderr
