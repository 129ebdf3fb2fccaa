"""A container engine of the tests' own, in a network of its own: it has its own data, socket and process, and takes and
changes none of the machine's. Layers stay in /tmp/wxbus-docker for the next run, while no other uses them.

    /usr/bin/python3 tests/compose/engine.py      can one run containers here? Status 0 or 1, with one line why not
"""

import contextlib
import ctypes
import fcntl
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "dev")]

from wxbusdev.child import Child, ChildError                   # noqa: E402

_KEPT = pathlib.Path(tempfile.gettempdir()) / "wxbus-docker"
_CLONE_NEWNET = 0x40000000
_START_S = 60
# With the machine's network (images are made there), but neither a bridge nor a rule of its firewall.
_HANDS_OFF = ("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")


def leave_the_network():
    """From here on this thread, and what it starts, is alone in a network that nothing leads out of."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        raise ChildError(f"no network of one's own: {os.strerror(ctypes.get_errno())}")
    run(["ip", "link", "set", "lo", "up"])


@contextlib.contextmanager
def data_folder():
    """The one that is kept or, while another run has that, one for this run."""
    _KEPT.mkdir(mode=0o700, exist_ok=True)
    with open(_KEPT / "lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="wxbus-docker-"))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        else:
            yield _KEPT / "data"


class Engine:
    """dockerd, and the commands that speak to it alone; `with` starts and ends it. `for_images`: with the machine's
    network, to make images; no container of ours runs then."""

    def __init__(self, data, log_path, for_images=False):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="wxbus-dockerd-"))
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{self._folder}/sock", "DOCKER_BUILDKIT": "0"}
        self._daemon = Child("dockerd", [
            "/usr/sbin/dockerd", "--data-root", data, "--exec-root", self._folder / "exec", "--pidfile",
            self._folder / "pid", "-H", self.environment["DOCKER_HOST"], *(_HANDS_OFF if for_images else ())], log_path)

    def __enter__(self):
        try:
            if not pathlib.Path("/usr/sbin/dockerd").exists():
                raise ChildError("docker.io is not installed")
            self._daemon.start()
            self._daemon.wait_for(lambda: self.docker("version", check=False).returncode == 0, _START_S,
                                  "dockerd answers")
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_):
        self._close()

    def _close(self):
        self._daemon.stop(60, signal.SIGTERM)
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():      # its network namespaces stay mounted
            if line.split()[1].startswith(f"{self._folder}/"):
                run(["umount", line.split()[1]], check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def docker(self, *arguments, **options):
        """The CompletedProcess of `docker ...`, with its output as text; `options` of run()."""
        return run(["docker", *arguments], environment=self.environment, **options)

    def inspect(self, what, template):
        return json.loads(self.docker("inspect", "--format", "{{json " + template + "}}", what).stdout)


def run(argv, environment=None, check=True, timeout_s=120, stdin=subprocess.DEVNULL, cwd=None):
    """CompletedProcess, with both outputs as one text; ChildError if it fails."""
    answer = subprocess.run([str(word) for word in argv], env=environment, stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False, cwd=cwd)
    if check and answer.returncode != 0:
        raise ChildError(f"{' '.join(map(str, argv[:8]))} ended with {answer.returncode}:\n{answer.stdout[-4000:]}")
    return answer


def _try_containers(engine):
    """One that finds itself by name, in a network of the engine's: with this machine's programs, for want of an image."""
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name in ("bin", "lib", "lib64"):
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
                tar.addfile(link)
            tar.addfile(tarfile.TarInfo("etc/nsswitch.conf"), io.BytesIO())
        archive.seek(0)
        engine.docker("import", "-", "wxbus-test-probe", stdin=archive)
    engine.docker("network", "create", "probe")
    try:
        engine.docker("run", "--rm", "--network", "probe", "--name", "probe", "-v", "/usr:/usr:ro", "wxbus-test-probe",
                      "/usr/bin/getent", "ahosts", "probe")
    finally:
        engine.docker("network", "rm", "probe", check=False)


def main():
    with tempfile.TemporaryDirectory(prefix="wxbus-probe-") as folder:
        try:
            with data_folder() as data:
                leave_the_network()
                with Engine(data, pathlib.Path(folder) / "dockerd.log") as engine:
                    _try_containers(engine)
        except (ChildError, OSError, subprocess.TimeoutExpired) as error:
            why = " ".join(str(error).split())
            print(f"no container engine can run here, so the compose tests are not selected: {why[:300]}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
