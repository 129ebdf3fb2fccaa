"""Profile `observe`: Prometheus, really run, finds every service, takes every rule, answers what each panel of the
dashboards asks, and raises an alert when a service is gone. Grafana is not run: there is no package of it here
(tests/integration/test_observability.py holds its files against its own types)."""

import json
import pathlib
import urllib.parse
import urllib.request

import pytest
import yaml
from engine import ROOT

from wxbusdev.child import wait_until
from wxbusdev.deployment import BUSINESSES

FOLDER = ROOT / "deploy" / "observability"
PANELS = [(f"{path.name}: {panel['title']}", target["expr"])
          for path in sorted(pathlib.Path(FOLDER / "grafana" / "dashboards").glob("*.json"))
          for panel in json.loads(path.read_text())["panels"] for target in panel["targets"]]


class Prometheus:
    def __init__(self, port):
        self._base = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path, **query):
        """The `data` of an answer; OSError while it does not answer, or refuses."""
        url = f"{self._base}/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = json.load(answer)
        assert text["status"] == "success" and not text.get("warnings"), (path, query, text)
        return text["data"]

    def targets(self):
        """[(job, health)], sorted; [] while it starts."""
        try:
            return sorted((one["labels"]["job"], one["health"]) for one in self.ask("targets", state="active")["activeTargets"])
        except OSError:
            return []

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self, job):
        """The names of the alerts that are up for this job."""
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"]
                if one["state"] == "firing" and one["labels"].get("job") == job}


@pytest.fixture(scope="module")
def prometheus(stack):
    stack.compose("up", "-d", "--no-build", "prometheus")
    return Prometheus(stack.prometheus_port)


@pytest.mark.long
def test_every_service_is_found_and_answers(stack, prometheus):
    jobs = ["wxbus-ingress"] * len(stack.containers("ingress")) + ["wxbus-token-service", "wxbus-api-proxy", *BUSINESSES]
    wait_until(lambda: prometheus.targets() == sorted((job, "up") for job in jobs), 120, "every target up")


@pytest.mark.long
def test_every_rule_is_taken_and_evaluated(prometheus):
    written = [rule["alert"] for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
               for rule in group["rules"]]
    assert sorted(rule["name"] for rule in prometheus.rules()) == sorted(written)
    wait_until(lambda: "unknown" not in {rule["health"] for rule in prometheus.rules()}, 60, "every rule evaluated")
    assert [(rule["name"], rule["lastError"]) for rule in prometheus.rules() if rule["health"] != "ok"] == []


@pytest.mark.long
def test_every_panel_gets_an_answer(stack, prometheus):
    """An error or a warning is none. What has never happened here (no handler failed, nothing was refused) is an empty
    one; that its names are right is for tests/integration/test_observability.py."""
    stack.sim.push_ticket(stack.platform["component_appid"])
    wait_until(lambda: prometheus.ask("query", query="sum(rate(wxbus_ingress_answered_total[5m]))")["result"], 60, "a rate")
    empty = [where for where, expression in PANELS if not prometheus.ask("query", query=expression)["result"]]
    print(f"{len(PANELS)} queries, without a result: {empty}")
    assert len(empty) < len(PANELS) / 2, empty


@pytest.mark.long
def test_a_service_that_is_stopped_raises_an_alert(stack, prometheus):
    """Which of the two depends on what stands behind the engine's DNS: with a server that knows of no such name the service
    is gone, without one (here) it is what it was, and down."""
    stopped = {"WxbusServiceDown", "WxbusServiceGone"}
    assert not prometheus.firing("wxbus-auto-reply") & stopped
    stack.compose("stop", "auto-reply")
    wait_until(lambda: prometheus.firing("wxbus-auto-reply") & stopped, 240, "an alert", 1)
    print(f"up: {prometheus.firing('wxbus-auto-reply')}")
    stack.compose("start", "auto-reply")
    wait_until(lambda: not prometheus.firing("wxbus-auto-reply") & stopped, 120, "the end of the alert", 1)
