"""wxbus as docker-compose.yml brings it up, in containers of an Engine."""

import json
import os
import pathlib
import shutil
import subprocess

from engine import ROOT, run
from wxbusdev import kafka, postgres
from wxbusdev.child import ChildError, free_port, wait_until
from wxbusdev.simulator import Simulator

COMPONENT = "wxd3a0c0ffee000001"
_PROJECT = "wxbus-test"
_HERE = pathlib.Path(__file__).resolve().parent


class Stack:
    """docker-compose.yml as it is, in a folder of its own, with keys by make-secrets; `override.yml` beside it.
    `program`: the command line of the compose to use."""

    def __init__(self, engine, folder):
        self.engine = engine
        self.program = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        self._folder = folder
        self.https_port, self.http_port, self.api_port, self.prometheus_port, sim_port = (free_port() for _ in range(5))
        shutil.copy(ROOT / "docker-compose.yml", folder)
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        run([folder / "deploy" / "compose" / "make-secrets", "--sim", f"https://localhost:{self.https_port}", COMPONENT])
        with open(folder / ".env", "a", encoding="utf-8") as env:
            env.write(f"WXBUS_HTTPS_LISTEN=127.0.0.1:{self.https_port}\nWXBUS_HTTP_LISTEN=127.0.0.1:{self.http_port}\n"
                      f"WXBUS_API_PROXY_PORT={self.api_port}\nWEIXIN_SIM_ADMIN_PORT={sim_port}\n"
                      f"PROMETHEUS_PORT={self.prometheus_port}\n")
        self.certificate = folder / "secrets" / "tls.crt"
        self.platform = json.loads((folder / "secrets" / "platforms.json").read_text())["platforms"][0]
        self.sim = RunningSimulator(sim_port)
        self._environment = {**engine.environment, **_programs_of_this_machine()}

    def compose(self, *arguments, check=True, timeout_s=600):
        return run([*self._command(), *arguments], self._environment, check, timeout_s, cwd=self._folder)

    def _command(self):
        return [*self.program, "-p", _PROJECT, "--project-directory", str(self._folder),
                "-f", str(self._folder / "docker-compose.yml"), "-f", str(_HERE / "override.yml")]

    def up(self, *options):
        self.compose("up", "-d", "--no-build", *options)
        wait_until(self.healthy, 180, "every service healthy", interval_s=0.2)

    def containers(self, service=None):
        """{container id: its service}, those that have ended too"""
        labels = ["project=" + _PROJECT, "oneoff=False", *([f"service={service}"] if service else [])]
        filters = [word for label in labels for word in ("--filter", f"label=com.docker.compose.{label}")]
        lines = self.engine.docker("ps", "-a", *filters, "--format",
                                   '{{.ID}} {{.Label "com.docker.compose.service"}}').stdout.splitlines()
        return dict(line.split() for line in lines)

    def healthy(self, *containers):
        """Whatever runs (of `containers`) and has a health check says that it is well; one-shots have ended with 0."""
        states = self.engine.docker("inspect", "--format", "{{.Id}} {{json .State}}", *(containers or self.containers()))
        for line in states.stdout.splitlines():
            container, state = line.split(" ", 1)
            state = json.loads(state)
            if state["Running"]:
                if state.get("Health", {}).get("Status", "healthy") != "healthy":
                    return False
            elif state["ExitCode"] != 0:
                raise ChildError(self.engine.docker("logs", "--tail", "40", container).stdout)
        return True

    def restart(self, container):
        """In order, with the time that docker-compose.yml grants."""
        self.engine.docker("restart", container)
        wait_until(lambda: self.healthy(container), 120, "healthy after a restart", interval_s=0.2)

    def wxbus(self, *arguments):
        """The operator's command; its output."""
        return self.compose("run", "--rm", "wxbus", *arguments).stdout

    def in_postgres(self, *argv, **options):
        """Run argv in PostgreSQL's container, as docs/operations.md says; `options` of subprocess.run()."""
        subprocess.run([*self._command(), "exec", "-T", "postgres", *argv], env=self._environment,
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


def _programs_of_this_machine():
    """What override.yml asks for."""
    java = pathlib.Path(os.path.realpath(kafka.java()))
    return {"TEST_JARS": str(kafka.jars()),
            "TEST_JAVA": str(java),
            # Debian keeps a Java's settings below /etc, and links there.
            "TEST_JAVA_SETTINGS": str((java.parents[1] / "lib" / "jvm.cfg").resolve().parent),
            "TEST_POSTGRES": str(postgres.programs()),
            "TEST_STAND_IN": str(_HERE / "stand-in")}
