"""A small file system of its own for a server's data, so that it can be full. Only root can have one."""

import os
import pathlib
import subprocess
import tempfile

_SIZE_MB = 1024


class Disk:
    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="wxbus-disk-"))
        self._ballast = self.path / "ballast"
        _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m,mode=755", "wxbus-faults", str(self.path))

    def fill(self):
        with open(self._ballast, "wb") as ballast:
            piece = bytes(2 ** 16)
            try:
                while True:
                    os.write(ballast.fileno(), piece)
            except OSError:
                pass                    # full

    def empty(self):
        self._ballast.unlink(missing_ok=True)

    def close(self):
        _run("umount", "-l", str(self.path))
        self.path.rmdir()


def _run(*argv):
    subprocess.run(argv, stdin=subprocess.DEVNULL, check=True)
