"""A container engine of the tests' own, and wxbus as docker-compose.yml brings it up.

The daemon has its own data, socket and process, and none of the machine's. Where images cannot be pulled, they are
made: the base from Debian's packages, Kafka, PostgreSQL and nginx as stand-ins (stand-in/Dockerfile, override.yml).
Layers stay in /tmp/wxbus-docker for the next run.

    /usr/bin/python3 tests/compose/engine.py      can one start here? Status 0 or 1, with one line why not
"""

import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "tools" / "dev")]

from wxbusdev import kafka                                      # noqa: E402
from wxbusdev.child import Child, ChildError, free_port, wait_until  # noqa: E402
from wxbusdev.simulator import Simulator                        # noqa: E402

BASE = "debian:trixie-slim"
IMAGE, SIM_IMAGE, STAND_IN = "wxbus:0.1.0", "wxbus-sim:0.1.0", "wxbus-test-stand-in"
_PROJECT = "wxbus-test"
COMPONENT = "wxd3a0c0ffee000001"
_DATA = pathlib.Path(tempfile.gettempdir()) / "wxbus-docker"
_START_S = 60
_BUILD_S = 1500


class Engine:
    """dockerd, and the commands that speak to it alone."""

    def __init__(self, log_path):
        _DATA.mkdir(mode=0o700, exist_ok=True)
        self._lock = open(_DATA / "lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ChildError(f"another run uses {_DATA}") from None
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="wxbus-dockerd-"))
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{self._folder}/sock", "DOCKER_BUILDKIT": "0"}
        self._daemon = Child("dockerd", [
            "/usr/sbin/dockerd", "--data-root", _DATA / "data", "--exec-root", self._folder / "exec",
            "--pidfile", self._folder / "pid", "-H", f"unix://{self._folder}/sock"], log_path)

    def start(self):
        if not pathlib.Path("/usr/sbin/dockerd").exists():
            raise ChildError("docker.io is not installed")
        self._daemon.start()
        self._daemon.wait_for(lambda: self.docker("version", check=False).returncode == 0, _START_S,
                              "dockerd answers")

    def close(self):
        self._daemon.stop(60, signal.SIGTERM)
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():      # its network namespaces stay mounted
            if line.split()[1].startswith(f"{self._folder}/"):
                run(["umount", line.split()[1]], os.environ, False, 10)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def docker(self, *arguments, check=True, timeout_s=120, **options):
        """The CompletedProcess of `docker ...`, with its output as text."""
        return run(["docker", *arguments], self.environment, check, timeout_s, **options)

    def inspect(self, what, template):
        return json.loads(self.docker("inspect", "--format", "{{json " + template + "}}", what).stdout)

    def build_images(self):
        """Base, wxbus, its simulator target, and the stand-ins."""
        if not self.docker("images", "-q", BASE).stdout.strip():
            self._make_base()
        for tag, target in ((IMAGE, "wxbus"), (SIM_IMAGE, "sim")):
            self._build(ROOT, tag, "--target", target)
        with tempfile.TemporaryDirectory(prefix="wxbus-stand-in-") as folder:
            context = pathlib.Path(folder) / "context"
            shutil.copytree(HERE / "stand-in", context)
            shutil.copytree(kafka.jars(), context / "jars")
            self._build(context, STAND_IN)

    def _build(self, context, tag, *options):
        # The host's network: a bridge of a daemon in a sandbox may have no way out.
        self.docker("build", "--network", "host", "-t", tag, *options, str(context), timeout_s=_BUILD_S)

    def _make_base(self):
        """As the published slim image: minbase without documentation, translations and package lists."""
        with tempfile.TemporaryDirectory(prefix="wxbus-base-") as folder:
            root = pathlib.Path(folder) / "root"
            run(["debootstrap", "--variant=minbase", "trixie", str(root)], os.environ, True, _BUILD_S)
            for path in ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/lib/apt/lists", "var/cache/apt"):
                shutil.rmtree(root / path, ignore_errors=True)
                (root / path).mkdir()
            (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(
                "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n")
            tar = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
            self.docker("import", "-", BASE, stdin=tar.stdout, timeout_s=600)
            if tar.wait() != 0:
                raise ChildError("tar of the base failed")


class Stack:
    """docker-compose.yml as it is, in a folder of its own, with keys by make-secrets; `override.yml` beside it."""

    def __init__(self, engine, folder):
        self.engine = engine
        self._folder = folder
        self.https_port, self.http_port, self.api_port, sim_port = (free_port() for _ in range(4))
        shutil.copy(ROOT / "docker-compose.yml", folder)
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        run([str(folder / "deploy" / "compose" / "make-secrets"), "--sim", f"https://localhost:{self.https_port}",
             COMPONENT], os.environ, True, 60)
        with open(folder / ".env", "a", encoding="utf-8") as env:
            env.write(f"WXBUS_HTTPS_LISTEN=127.0.0.1:{self.https_port}\nWXBUS_HTTP_LISTEN=127.0.0.1:{self.http_port}\n"
                      f"WXBUS_API_PROXY_PORT={self.api_port}\nWEIXIN_SIM_ADMIN_PORT={sim_port}\n")
        self.certificate = folder / "secrets" / "tls.crt"
        self.platform = json.loads((folder / "secrets" / "platforms.json").read_text())["platforms"][0]
        self.sim = RunningSimulator(sim_port)
        self._compose = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]

    def compose(self, *arguments, check=True, timeout_s=600):
        return run([*self._command(), *arguments], self.engine.environment, check, timeout_s, cwd=self._folder)

    def _command(self):
        return [*self._compose, "-p", _PROJECT, "--project-directory", str(self._folder),
                "-f", str(self._folder / "docker-compose.yml"), "-f", str(HERE / "override.yml")]

    def up(self, *options):
        self.compose("up", "-d", "--no-build", *options)
        wait_until(self.healthy, 180, "every service healthy")

    def containers(self, service=None):
        """{container id: its service}"""
        return {one: self.engine.inspect(one, ".Config.Labels")["com.docker.compose.service"]
                for one in self.compose("ps", "-q", *([service] if service else [])).stdout.split()}

    def healthy(self):
        """Whatever runs and has a health check says that it is well; one-shots have ended with 0."""
        for container in self.containers():
            state = self.engine.inspect(container, ".State")
            if state["Running"]:
                if state.get("Health", {}).get("Status", "healthy") != "healthy":
                    return False
            elif state["ExitCode"] != 0:
                raise ChildError(self.engine.docker("logs", container).stdout)
        return True

    def restart(self, container):
        self.engine.docker("restart", "-t", "30", container)
        wait_until(self.healthy, 120, "healthy after a restart")

    def wxbus(self, *arguments):
        """The operator's command; its output."""
        return self.compose("run", "--rm", "wxbus", *arguments).stdout

    def in_postgres(self, *argv, **options):
        """Run argv in PostgreSQL's container, as docs/operations.md says; `options` of subprocess.run()."""
        subprocess.run([*self._command(), "exec", "-T", "postgres", *argv], env=self.engine.environment,
                       cwd=self._folder, check=True, timeout=120, **options)

    def lose_database(self):
        """PostgreSQL with an empty data folder, as on a new machine; the services are down."""
        ours = [service for service in set(self.containers().values()) if service not in ("kafka", "weixin-sim")]
        self.compose("rm", "-f", "-s", *ours)
        self.engine.docker("volume", "rm", f"{_PROJECT}_postgres-data")
        self.compose("run", "--rm", "roles")

    def topic(self, name):
        """The values on a topic."""
        container, = self.containers("kafka")
        answer = self.engine.docker("exec", container, "kcat", "-b", "kafka:9092", "-t", f"wx.{name}", "-C", "-e", "-q",
                                    "-o", "beginning", "-f", "%s\n")
        return [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]

    def logs(self, path):
        path.write_text(self.compose("logs", "--no-color", check=False).stdout)


class RunningSimulator(Simulator):
    """The admin API of a simulator that runs in a container."""

    def __init__(self, admin_port):                             # no process of ours
        self.name, self.admin_port = "weixin-sim", admin_port


def run(argv, environment, check, timeout_s, stdin=subprocess.DEVNULL, cwd=None):
    answer = subprocess.run([str(word) for word in argv], env=environment, stdin=stdin, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=timeout_s, check=False, cwd=cwd)
    if check and answer.returncode != 0:
        raise ChildError(f"{' '.join(map(str, argv[:8]))} ended with {answer.returncode}:\n{answer.stdout[-4000:]}")
    return answer


def main():
    with tempfile.TemporaryDirectory(prefix="wxbus-probe-") as folder:
        engine = None
        try:
            engine = Engine(pathlib.Path(folder) / "dockerd.log")
            engine.start()
        except (ChildError, OSError) as error:
            print(f"no container engine can start here, so the compose tests are not run: {str(error).splitlines()[0]}")
            return 1
        finally:
            if engine:
                engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
