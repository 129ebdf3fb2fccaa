"""What runs while something is measured: brokers, deployments, generators of load; and how much they use."""

import contextlib
import dataclasses
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import time

from wxbusdev import paths
from wxbusdev.child import Child, ChildError
from wxbusdev.deployment import Deployment, PlatformConfig
from wxbusdev.kafka import EmbeddedBroker, Kafka
from wxbusdev.postgres import Postgres

ACCOUNTS = 100                          # made-up ones of the generator, and of its platform
CONNECTIONS = 128
_IDLE_S, _IDLE_US = 1, 100_000          # a tenth of a processor for a second
_REST_S, _RESTING_S = 5, 5              # until what was under way is over; what is looked at then
_TOLERATED = 0.05                       # a machine that is busy with others misses a limit now and then


@dataclasses.dataclass(frozen=True)
class Size:
    """How long and how often."""

    name: str
    rounds: int
    seconds: float                      # of one run of a generator
    events: int                         # of one run of a consumer
    once_events: int
    directories: tuple                  # accounts
    growth_events: int                  # 0: not measured
    real: bool                          # real Kafka and PostgreSQL


SIZES = {size.name: size for size in (
    Size("tiny", 1, 0.2, 0, 0, (), 0, False),
    Size("quick", 3, 1, 100_000, 5_000, (10_000, 100_000), 0, True),
    Size("full", 5, 4, 300_000, 20_000, (10_000, 100_000, 1_000_000), 1_000_000, True),
)}


class World:
    """The servers of a run, started when first asked for; close() ends everything."""

    def __init__(self, size, logs):
        self.size, self.logs = size, logs
        self._stack = contextlib.ExitStack()
        self._servers, self._numbers = {}, iter(range(1, 1000))

    def close(self):
        self._stack.close()

    def broker(self, kind):
        def start():
            log = self.logs / f"kafka-{kind}.log"
            made = Kafka(log, lasting=True) if kind == "real" else EmbeddedBroker(log)
            self._stack.callback(made.close)
            made.start()
            return made
        return self._once(kind, start)

    def postgres(self):
        def start():
            made = Postgres(self.logs / "postgres.log")
            self._stack.callback(made.close)
            made.start()
            return made
        return self._once("postgres", start)

    def _once(self, name, start):
        if name not in self._servers:
            self._servers[name] = start()
        return self._servers[name]

    @contextlib.contextmanager
    def deployment(self, kind="real", **options):
        """A wxbus of its own, with topics; everything of it ends with the `with`. On the embedded broker the ingress
        alone can run."""
        number = next(self._numbers)
        folder = self.logs / f"deployment-{number}"
        folder.mkdir()
        if kind == "real":
            options.setdefault("topic_prefix", f"bench{number}.")
        with tempfile.TemporaryDirectory(prefix="wxbus-bench-") as keys:
            made = Deployment(pathlib.Path(keys), folder, self.broker(kind),
                              self.postgres() if kind == "real" else None, **options)
            try:
                if kind == "real":
                    made.command("migrate", timeout_s=120)
                yield made
            finally:
                made.close()


def tool(name, *arguments, timeout_s=600, env=None):
    """What a program of ours printed."""
    done = subprocess.run([paths.binary(name), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=timeout_s, check=False, env=env)
    if done.returncode != 0:
        raise ChildError(f"{name} {' '.join(map(str, arguments[:2]))} ended with {done.returncode}: {done.stderr}")
    return done.stdout


class BareServer(Child):
    """CivetWeb on the ingress's settings with an empty handler, or with one that only waits for another thread."""

    def __init__(self, log_path, threads=512, waiting=False):
        super().__init__("bench-httpd", [paths.binary("bench-httpd"), threads, *["waiting"] * waiting], log_path)

    def url(self):
        line = self.wait_for(lambda: "port=" in self.log_text() and self.log_text(), 20, "listening")
        return "http://127.0.0.1:" + line.partition("port=")[2].split()[0]


def push_url(base, platform):
    return f"{base}/push/{platform.component_appid}/accounts/$APPID$"


def load(base, platform, size, *options, expect="success", connections=CONNECTIONS, allow=()):
    """The report of a run of weixin-sim's generator at whoever listens there. Other answers than those expected or
    allowed are told, and more than a few are an error: figures of a broken run mean nothing."""
    token, key = platform.keys[0]
    done = subprocess.run(
        [paths.binary("weixin-sim"), "load", "--json", "--url", push_url(base, platform), "--component",
         platform.component_appid, "--token", token, "--key", key, "--accounts", str(ACCOUNTS), "--connections",
         str(connections), "--duration-ms", str(int(size.seconds * 1000)), "--expect", expect, *map(str, options)],
        capture_output=True, text=True, timeout=300, check=False)
    if not done.stdout:
        raise ChildError(f"weixin-sim load: {done.stderr}")
    report = json.loads(done.stdout)
    others = {name: count for name, count in report["answers"].items() if count and name not in (expect, *allow)}
    others |= {"never sent": report["unsent"]} if report["unsent"] else {}
    if others:
        print(f"  other answers: {others}, of {report['pushes']}; the first: {report['why']}", flush=True)
    if sum(others.values()) > _TOLERATED * report["pushes"] or not report["answers"][expect]:
        raise ChildError(f"weixin-sim load: {report['answers']}, {report['unsent']} never sent: {report['why']}")
    return report


def load_account(number):
    """The appid of one of the generator's accounts."""
    return f"wxload{number:012d}"


def second_platform(repliers):
    """One whose accounts, unknown to the directory, have these repliers."""
    platform = PlatformConfig.example()
    platform.component_appid = "wxd3a0c0ffee000002"
    platform.default_repliers = list(repliers)
    return platform


def wait_idle(process, timeout_s=300):
    """Until it does next to nothing: what it has to catch up with would be measured, too."""
    deadline = time.monotonic() + timeout_s
    used = _IDLE_US + 1
    while used > _IDLE_US:
        if time.monotonic() > deadline:
            raise ChildError(f"{process.name} is still busy after {timeout_s} s")
        before = cpu_us(process)
        time.sleep(_IDLE_S)
        used = cpu_us(process) - before


def processor_share(services):
    """{name: per cent of a core} that these use while nobody asks anything of them."""
    time.sleep(_REST_S)
    before = {name: cpu_us(service) for name, service in services.items()}
    time.sleep(_RESTING_S)
    return {name: (cpu_us(service) - before[name]) / _RESTING_S / 1e4 for name, service in services.items()}


def cpu_us(service):
    """What a process has used so far; in steps of 10,000."""
    fields = pathlib.Path(f"/proc/{service.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e6 / os.sysconf("SC_CLK_TCK")


def resident_mb(service):
    status = pathlib.Path(f"/proc/{service.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def allocations(path):
    """{object: calls of malloc() and its kin}, as bench-alloc counts them."""
    rows = struct.iter_unpack("48sQ", pathlib.Path(path).read_bytes())
    return {name.rstrip(b"\0").decode(): count for name, count in rows if name[0]}
