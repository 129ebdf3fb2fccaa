"""Programs that others wrote for Weixin, as they publish them (tests/integration/clients)."""

import os
import pathlib
import subprocess

from wxbusdev import paths

FOLDER = pathlib.Path(__file__).parent.parent / "clients"


def environment():
    """The environment in which they run. The first call on a machine installs them."""
    folder = paths.cache_dir() / "clients"
    done = subprocess.run([str(FOLDER / "install.sh"), str(folder)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=800, check=False)
    assert done.returncode == 0, f"the clients cannot be installed:\n{done.stdout}{done.stderr}"
    lines = [line.split("=", 1) for line in done.stdout.splitlines() if line.startswith(("PYTHONPATH=", "NODE_PATH="))]
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8", **dict(lines)}
