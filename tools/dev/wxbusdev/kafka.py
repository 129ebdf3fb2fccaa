"""A real Apache Kafka without containers: one KRaft node from Maven Central's jars.

And, for comparison, `EmbeddedBroker`: our own process on librdkafka's mock cluster. Both answer
`bootstrap_servers`, start(), stop(), pause(), resume(), so that a test can run on either.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

from . import paths
from .child import Child, ChildError, free_port

_POM = paths.ROOT / "tools" / "dev" / "kafka" / "pom.xml"
_JAVA_MAJOR = 17                        # Kafka 4 needs it; Debian 12 and 13 have it or a later one
STARTS_WITHIN_S, ENDS_WITHIN_S = 180, 90    # on a machine that has several times as much to do as it can

# No waiting that only a cluster of machines needs.
_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=3000
log.message.timestamp.type=CreateTime
"""


def java():
    """The Java to run Kafka with: JAVA_HOME's, else the PATH's, else Debian's."""
    candidates = [shutil.which("java"), "/usr/bin/java"]
    if os.environ.get("JAVA_HOME"):
        candidates.insert(0, os.path.join(os.environ["JAVA_HOME"], "bin", "java"))
    for program in candidates:
        if program and os.path.exists(program) and _java_major(program) >= _JAVA_MAJOR:
            return program
    raise ChildError(f"no Java {_JAVA_MAJOR} or later: install default-jre-headless")


def _java_major(java):
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    return int(version.group(1)) if version else 0


def _version():
    return re.search(r"<kafka\.version>([^<]+)<", _POM.read_text()).group(1)


def jars():
    """The folder with Kafka's jars; the first call downloads them (about 43 MB)."""
    folder = paths.cache_dir() / f"kafka-{_version()}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"fetching Kafka {_version()} from Maven Central into {folder}", flush=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
    try:
        for attempt in (1, 2, 3):
            answer = subprocess.run(
                ["/usr/bin/mvn", "-B", "-ntp", "-C", "-f", str(_POM), "dependency:copy-dependencies",
                 "-DincludeScope=runtime", f"-DoutputDirectory={partial}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                check=False)
            if answer.returncode == 0:
                break
            print(f"attempt {attempt} failed:\n{answer.stdout[-2000:]}", flush=True)
            time.sleep(3 * attempt)
        else:
            raise ChildError("Kafka's jars could not be fetched from Maven Central")
        partial.chmod(0o755)
        if not folder.is_dir():         # another run may have been faster
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _each(form, pairs):
    return "".join(form.format(*pair) for pair in pairs.items())


class Kafka(Child):
    """One KRaft node on 127.0.0.1. stop() and start() keep its data and its port; close() ends it
    and removes the data.

    `lasting`: it serves for many minutes, or is measured: compiled as a broker in use is, at the cost of the first
    minute. `relayed`: {name: port}: a listener of that name (capital letters) whose clients are sent to `port`, where
    something between them and us stands; it listens on relay_targets[name]. `parent`: where its folder is made. `node`,
    of the nodes of a cluster with these `controllers` (ports): see Cluster."""

    kind = "real"
    settings = {}                       # of whoever uses it

    def __init__(self, log_path, port=None, heap_mb=512, lasting=False, relayed=None, parent=None, node=1,
                 controllers=None):
        controllers = controllers or [free_port()]
        self.port = port or free_port()
        self.bootstrap_servers = f"127.0.0.1:{self.port}"
        relayed = relayed or {}
        self.relay_targets = {name: free_port() for name in relayed}
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="wxbus-kafka-", dir=parent))
        self._config = self._folder / "server.properties"
        self._config.write_text(_PROPERTIES.format(
            port=self.port, controller_port=controllers[node - 1], data=self._folder / "data", node=node,
            voters=",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers, 1)),
            copies=len(controllers),
            listeners=_each(",{}://127.0.0.1:{}", self.relay_targets), advertised=_each(",{}://127.0.0.1:{}", relayed),
            protocols=_each(",{}:PLAINTEXT", relayed)))
        self._java = java()
        self._class_path = f"{jars()}/*"
        argv = self._command("kafka.Kafka", self._config, heap_mb=heap_mb, lasting=lasting)
        super().__init__("kafka", argv, log_path, death_signal=signal.SIGKILL)

    def start(self, timeout_s=STARTS_WITHIN_S):
        self.begin()
        self.wait_started(timeout_s)

    def begin(self, cluster_id=None):
        """Start it without waiting: alone, a node of a cluster waits for another."""
        if not (self._folder / "data").exists():
            self._format(cluster_id or new_cluster_id())
        super().start()

    def wait_started(self, timeout_s=STARTS_WITHIN_S):
        self.wait_for(lambda: "Kafka Server started" in self.log_text(), timeout_s, "Kafka started")

    def stop(self, timeout_s=ENDS_WITHIN_S, signal_number=signal.SIGTERM):
        """Ends it in order; the JVM reports the signal as 143."""
        return super().stop(timeout_s, signal_number)

    def keep_data(self):
        """While it is stopped: remember its data as they are now."""
        shutil.copytree(self._folder / "data", self._folder / "kept")

    def lose_data(self):
        """While it is stopped: whatever was written since keep_data() is lost."""
        shutil.rmtree(self._folder / "data")
        (self._folder / "kept").rename(self._folder / "data")

    def close(self):
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self, main_class, *arguments, heap_mb=256, lasting=False):
        # A node that lives for minutes: compile little, collect simply, start fast.
        return [self._java, f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC",
                f"-XX:TieredStopAtLevel={4 if lasting else 1}", "-Xshare:auto", "-Djava.awt.headless=true",
                "-Dorg.slf4j.simpleLogger.showDateTime=true",
                "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
                "-cp", self._class_path, main_class, *arguments]

    def _format(self, cluster_id):
        answer = subprocess.run(
            [str(word) for word in self._command("kafka.tools.StorageTool", "format", "-t", cluster_id,
                                                 "-c", self._config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
        if answer.returncode != 0:
            raise ChildError(f"Kafka's storage tool failed:\n{answer.stdout[-3000:]}")


def new_cluster_id():
    return "wxbus" + uuid.uuid4().hex[:17]


class Cluster:
    """`count` nodes, each broker and controller, that behave as one Kafka; nodes[i] can be stopped, paused, killed and
    started by itself."""

    kind = "real"
    settings = {}                       # of whoever uses it

    def __init__(self, log_path, count=3, heap_mb=384):
        log_path = pathlib.Path(log_path)
        controllers = [free_port() for _ in range(count)]
        self.nodes = [Kafka(log_path.with_stem(f"{log_path.stem}-{node}"), heap_mb=heap_mb, node=node,
                            controllers=controllers) for node in range(1, count + 1)]
        self.bootstrap_servers = ",".join(node.bootstrap_servers for node in self.nodes)

    def start(self, timeout_s=STARTS_WITHIN_S):
        cluster_id = new_cluster_id()
        for node in self.nodes:
            node.begin(cluster_id)
        for node in self.nodes:
            node.wait_started(timeout_s)

    def close(self):
        for node in self.nodes:
            node.close()


def _group_topics():
    """What the manifests of the built services ask for, as `wxbus migrate` reads them: this broker has no
    topic administration, so it must make them at its start."""
    topics = []
    for path in sorted((paths.build_dir() / "share" / "wxbus" / "migrations").glob("*/manifest.json")):
        manifest = json.loads(path.read_text())
        topics += [f"{manifest['group']}.retry.{delay}" for delay in manifest["delays"]]
        topics += [f"{manifest['group']}.{what}" for what in manifest["topics"]]
    return topics


class EmbeddedBroker(Child):
    """`wxbus-embedded-broker`: librdkafka's mock cluster as a process. In memory only: stop() loses
    everything, and start() comes back on another port."""

    kind = "embedded"
    settings = {"WXBUS_KAFKA_FETCH_WAIT_MAX_MS": "10"}  # it always takes that long to answer a fetch

    def __init__(self, log_path, topic_prefix="wx."):
        self.bootstrap_servers = None
        argv = [paths.binary("wxbus-embedded-broker"), "--topic-prefix", topic_prefix]
        argv += [f"--topic={topic_prefix}{topic}:4" for topic in _group_topics()]
        super().__init__("embedded-broker", argv, log_path)

    def start(self, timeout_s=20):
        super().start()
        self.bootstrap_servers = self.wait_for(self._announced, timeout_s, "bootstrap.servers printed")

    def close(self):
        self.stop()

    def _announced(self):
        line = re.search(r"^bootstrap\.servers=(\S+)\s*$", self.log_text(), re.MULTILINE)
        return line and line.group(1)
