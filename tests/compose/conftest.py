"""`./dev test --compose`, and part of `./dev test`. Logs are in build/logs/compose/, or in the folder WXBUS_TEST_LOGS."""

import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent)]

from engine import ROOT, Engine, data_folder, leave_the_network  # noqa: E402
import images                                                   # noqa: E402
from stack import Stack                                         # noqa: E402

from wxbusdev import paths                                      # noqa: E402

LONG = os.environ.get("WXBUS_TEST_LONG") == "yes"


def pytest_collection_modifyitems(config, items):
    if not LONG:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def logs():
    return paths.fresh_dir(pathlib.Path(os.environ.get("WXBUS_TEST_LOGS") or ROOT / "build" / "logs" / "compose"))


@pytest.fixture(scope="session")
def engine(logs):
    """The daemon, with every image made, in a network of this run's own."""
    with data_folder() as data:
        with Engine(data, logs / "dockerd-images.log", for_images=True) as maker:
            images.make(maker, LONG)
        leave_the_network()
        with Engine(data, logs / "dockerd.log") as engine:
            yield engine


@pytest.fixture(scope="session")
def stack(engine, logs, tmp_path_factory):
    """Everything up, the platform known to the simulator, two ingresses."""
    stack = Stack(engine, tmp_path_factory.mktemp("compose"))
    try:
        stack.up("--scale", "ingress=2")
        token, key = stack.platform["keys"][0]["token"], stack.platform["keys"][0]["encoding_aes_key"]
        base = f"https://nginx:8443/push/{stack.platform['component_appid']}"
        stack.sim.call("/admin/platforms", component_appid=stack.platform["component_appid"],
                       app_secret=stack.platform["app_secret"], token=token, encoding_aes_key=key,
                       event_url=f"{base}/authorization", message_url=f"{base}/accounts/$APPID$")
        yield stack
    finally:
        stack.logs(logs / "compose.log")
        stack.compose("kill", check=False)
        stack.compose("down", "-v", check=False)
