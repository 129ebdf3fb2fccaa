"""A private PostgreSQL: its own data folder, its own port, gone when we are."""

import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from . import paths
from .child import Child, ChildError, free_port


def programs():
    """The folder of initdb and postgres: the newest that Debian has installed."""
    found = [path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found:
        raise ChildError("no /usr/lib/postgresql/*/bin/initdb: install postgresql")
    return max(found, key=lambda path: int(re.search(r"/(\d+)/bin$", str(path)).group(1)))


def _identity():
    """PostgreSQL refuses root: then it runs as Debian's user postgres."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _parent():
    """build/ of the checkout where PostgreSQL's user can walk down to it, else the folder for temporary
    files: a checkout below root's home is closed to the user postgres."""
    build = paths.ROOT / "build"
    build.mkdir(exist_ok=True)
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in (build, *build.parents))
    return build if open_to_all or os.geteuid() != 0 else None


class Postgres(Child):
    """PostgreSQL on 127.0.0.1, superuser `postgres`, no passwords. `durable=False` (tests) leaves out
    fsync: it then survives a crash of its process, not of the machine. stop() and start() keep data
    and port; close() ends it and removes the data."""

    def __init__(self, log_path, port=None, durable=False, parent=None):
        self.port = port or free_port()
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="wxbus-postgres-", dir=parent or _parent()))
        self._data = self._folder / "data"
        self._identity = _identity()
        folder = programs()
        self._initdb = folder / "initdb"
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not durable:
            settings.update(fsync="off", synchronous_commit="off", full_page_writes="off")
        argv = [folder / "postgres", "-D", self._data]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        super().__init__("postgres", argv, log_path, env=self._environment(), death_signal=signal.SIGQUIT,
                         cwd=self._folder, **self._identity)

    def url(self, database="postgres", user="postgres"):
        """A libpq connection URI."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self, timeout_s=30):
        if not self._data.exists():
            self._create()
        super().start()
        self.wait_for(self._answers, timeout_s, "PostgreSQL accepts connections")

    def stop(self, timeout_s=20, signal_number=signal.SIGINT):
        """SIGINT is PostgreSQL's fast shutdown: open connections are cut."""
        return super().stop(timeout_s, signal_number)

    def close(self):
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self, name):
        """A new empty database; returns its connection URI."""
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url(), "-c",
                        f'CREATE DATABASE "{name}"'], stdin=subprocess.DEVNULL, check=True)
        return self.url(name)

    @staticmethod
    def _environment():
        return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}

    def _create(self):
        if self._identity:
            os.chown(self._folder, self._identity["user"], self._identity["group"])
        self._folder.chmod(0o755)
        answer = subprocess.run(
            [str(self._initdb), "-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
             "--locale=C", "--no-sync"],
            cwd=self._folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, **self._identity)
        if answer.returncode != 0:
            raise ChildError(f"initdb failed:\n{answer.stdout[-3000:]}")

    def _answers(self):
        if "ready to accept connections" not in self.log_text():
            return False
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
