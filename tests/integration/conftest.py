"""The environment of the integration tests: real processes between a real Kafka and a real PostgreSQL.

`./dev test` sets WXBUS_BUILD_DIR, WXBUS_TEST_KAFKA (real or embedded) and WXBUS_TEST_LONG. Logs of all
processes are in build/logs/integration/, or in the folder WXBUS_TEST_LOGS: ./dev test makes several runs, each with its
own (integration-first, integration-second, integration).
"""

import itertools
import os
import pathlib
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "dev"), str(ROOT / "tests" / "integration"), str(ROOT / "tests" / "faults")]

from wxbusdev import paths                                      # noqa: E402
from wxbusdev.child import ChildError                          # noqa: E402
from wxbusdev.deployment import Deployment                      # noqa: E402
from wxbusdev.kafka import EmbeddedBroker, Kafka                # noqa: E402
from wxbusdev.postgres import Postgres                          # noqa: E402
from wxbus_testing import in_clear                              # noqa: E402
from wxbus_testing.ingress import Bench                         # noqa: E402

pytest_plugins = ["wxbus_testing.figures"]

# WXBUS_TEST_PART=first and =second may run at once; =alone measures, and needs the machine for itself.
PARTS = {
    "alone": ("test_api_proxy_limits", "test_auto_reply_load", "test_ingress_broker_failures", "test_ingress_replies",
              "test_replay_load", "test_weixin_load"),
    "first": ("test_api_proxy", "test_auto_reply", "test_faults", "test_ingress", "test_kafka", "test_late_reply",
              "test_new_business", "test_release_check", "test_replay", "test_sdk", "test_story", "test_token_tickets"),
    "second": ("test_",),
}
PART = os.environ.get("WXBUS_TEST_PART", "")
KAFKA_KIND = os.environ.get("WXBUS_TEST_KAFKA", "real")
FULL_SIZE = os.environ.get("WXBUS_TEST_LONG") == "yes"


def pytest_report_header(config):
    return f"kafka: {KAFKA_KIND}, programs: {paths.build_dir()}"


def _leave_out(config, items, unwanted):
    config.hook.pytest_deselected(items=[item for item in items if unwanted(item)])
    items[:] = [item for item in items if not unwanted(item)]


def _part_of(item):
    return next(name for name, files in PARTS.items() if item.path.name.startswith(files))


def pytest_collection_modifyitems(config, items):
    if PART:
        _leave_out(config, items, lambda item: _part_of(item) != PART)
    if not FULL_SIZE:
        _leave_out(config, items, lambda item: item.get_closest_marker("long_only"))
    if KAFKA_KIND == "real":
        return
    for item in items:
        if item.get_closest_marker("real_kafka"):
            item.add_marker(pytest.mark.skip(reason="the embedded broker cannot do this"))


@pytest.fixture(scope="session")
def long():
    """True: every scenario at its full size."""
    return FULL_SIZE


@pytest.fixture(scope="session")
def logs():
    """The folder of this run's logs."""
    return paths.fresh_dir(pathlib.Path(os.environ.get("WXBUS_TEST_LOGS") or
                                        ROOT / "build" / "logs" / "integration"))


@pytest.fixture(scope="session")
def postgres(logs):
    server = Postgres(logs / "postgres.log")
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def kafka(logs, long):
    """The run's broker. A test that stops or pauses it has it running again at its end."""
    server = Kafka(logs / "kafka.log", lasting=long) if KAFKA_KIND == "real" else EmbeddedBroker(logs / "kafka.log")
    server.start()
    yield server
    server.close()


class _Deployments:
    """The deployments of one module, on the run's servers. At its end nothing that the simulator told in confidence
    may stand anywhere in clear, and every process must end in order."""

    def __init__(self, request, logs):
        self._request = request
        self._logs = logs
        self._made, self._brokers = [], []

    def make(self, postgres, broker=None, **options):
        number = next(_numbers)
        folder = self._logs / f"{self._request.module.__name__}-{number}"
        folder.mkdir()
        if KAFKA_KIND == "real":
            broker = broker or self._request.getfixturevalue("kafka")
            options.setdefault("topic_prefix", f"t{number}.")
        else:
            broker = EmbeddedBroker(folder / "kafka.log")
            broker.start()
            self._brokers.append(broker)
        keys = tempfile.TemporaryDirectory(prefix="wxbus-keys-")
        deployment = Deployment(pathlib.Path(keys.name), folder, broker, postgres, **options)
        self._made.append((deployment, keys, folder))
        return deployment

    def close(self):
        failures = []
        for deployment, keys, folder in reversed(self._made):
            try:
                if {"weixin-sim", "wxbus-token-service"} <= set(deployment.running):
                    in_clear.check(deployment, folder)
            except AssertionError as error:
                failures.append(f"{folder.name}: {error}")
            try:
                deployment.close()
            except ChildError as error:
                failures.append(str(error))
            keys.cleanup()
        for broker in self._brokers:
            broker.close()
        if failures:
            pytest.fail("\n".join(failures), pytrace=False)


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def new_deployment(request, logs):
    """new_deployment(**options of Deployment): a wxbus of its own on the run's servers: its own topics (by
    prefix; on the embedded broker, which makes its topics at start, a broker of its own), its own database,
    migrated. At the module's end every process must end in order."""
    deployments = _Deployments(request, logs)

    def make(**options):
        deployment = deployments.make(request.getfixturevalue("postgres"), **options)
        deployment.migrate()
        return deployment

    yield make
    deployments.close()


@pytest.fixture(scope="module")
def new_bench(request, logs):
    """new_bench(**options of Deployment): as new_deployment(), but without a database, for the ingress alone:
    a Bench with its topics made. `broker`: a real Kafka of the test's own, instead of the run's."""
    deployments, benches = _Deployments(request, logs), []

    def make(**options):
        bench = Bench(deployments.make(None, **options))
        benches.append(bench)
        if KAFKA_KIND == "real":
            bench.create_topics()
        return bench

    yield make
    for bench in benches:
        bench.close()
    deployments.close()
