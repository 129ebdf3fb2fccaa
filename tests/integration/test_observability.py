"""What operators watch: alert rules that fire when they should, and dashboards and rules that name what exists.
Prometheus is really run by tests/compose. Grafana is not: there is none to be had but as its published image; its files
are held against what it documents, and against its own types."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
import yaml

from wxbusdev import debian, paths
from wxbusdev.deployment import BUSINESSES

FOLDER = paths.ROOT / "deploy" / "observability"
DASHBOARDS = sorted((FOLDER / "grafana" / "dashboards").glob("*.json"))
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
COMPOSE = yaml.safe_load((paths.ROOT / "docker-compose.yml").read_text())["services"]
SERVICES = ("wxbus-ingress", "wxbus-token-service", "wxbus-api-proxy", *BUSINESSES)


@pytest.fixture(scope="module")
def promtool():
    program = debian.unpacked("prometheus") / "usr" / "bin" / "promtool"

    def run(*arguments):
        answer = subprocess.run([str(program), *map(str, arguments)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        assert answer.returncode == 0, answer.stdout
        return answer.stdout

    return run


@pytest.fixture(scope="module")
def pages(new_deployment):
    """What each service of a whole wxbus shows on /metrics once it has started."""
    deployment = new_deployment()
    deployment.start()
    deployment.start(*(business for business in BUSINESSES if business != "wxbus-release-check"))   # it runs already
    found = []
    for service in SERVICES:
        status, _, text = deployment.request(service, "GET", "/metrics", what="admin")
        assert status == 200
        found.append(text.decode())
    return found


@pytest.fixture(scope="module")
def exported(pages):
    """{metric name: type} of everything that a whole wxbus says of itself."""
    return dict(pair for text in pages for pair in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def expressions():
    """(where, expression) of every alert and every panel."""
    found = [(rule["alert"], rule["expr"]) for rule in ALERTS]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            found += [(f"{path.name}: {panel['title']}", target["expr"]) for target in panel["targets"]]
    return found


def test_alerts_fire_when_they_should_and_only_then(promtool):
    promtool("check", "config", FOLDER / "prometheus.yml")
    promtool("test", "rules", FOLDER / "alerts_test.yml")


def test_every_alert_is_tested_both_ways_and_has_a_paragraph():
    tests = [case for test in yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
             for case in test["alert_rule_test"]]
    runbook = (paths.ROOT / "docs" / "runbook.md").read_text()
    headings = re.findall(r"^### (\w+)\n(?=\S)", runbook, re.MULTILINE)
    assert sorted(headings) == sorted(rule["alert"] for rule in ALERTS)
    for rule in ALERTS:
        name = rule["alert"]
        assert {bool(case["exp_alerts"]) for case in tests if case["alertname"] == name} == {True, False}, name
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_every_expression_of_the_dashboards_is_promql(promtool, tmp_path):
    rules = [{"record": f"panel:{number}", "expr": expression} for number, (_, expression) in enumerate(expressions())]
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", path)


def test_each_metric_that_is_watched_exists_in_a_running_service(exported):
    """With its kind: a histogram's buckets, a counter's rate, a gauge as it is."""
    named = {}
    for where, expression in expressions():
        for name in re.findall(r"\b(?:wxbus|process)_\w+", re.sub(r'"[^"]*"', '""', expression)):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            if exported.get(base) == "histogram":
                named[base] = where
                continue
            assert name in exported, f"{where}: no service has {name}"
            counted = re.search(rf"(rate|increase)\({name}\b", expression)
            assert not counted or exported[name] == "counter", (where, name)
            named[name] = where
    assert len(named) > 30


def test_what_alerts_at_its_first_event_is_there_before_it(pages):
    """To Prometheus a series that begins with its first event has never risen."""
    series = {(name, pair) for text in pages
              for name, labels in re.findall(r"^(wxbus_\w+)(?:\{(.*)\})? ", text, re.MULTILINE)
              for pair in ["", *re.findall(r'(\w+="[^"]*")', labels)]}
    checked = 0
    for rule in ALERTS:
        for name, matchers in re.findall(r"(?:rate|increase)\((wxbus_\w+_total)(?:\{([^}]*)\})?\[\w+\]\)+ > 0(?!\S)", rule["expr"]):
            label, values = re.fullmatch(r'(\w+)=~?"([^"]*)"', matchers).groups() if matchers else (None, "")
            for value in values.split("|"):
                assert (name, f'{label}="{value}"' if label else "") in series, (rule["alert"], value)
                checked += 1
    assert checked == 7


def test_dashboards_are_whole():
    """One per audience; panels have a sentence each, and none lies over another."""
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    assert [board["uid"] for board in boards] == ["wxbus-engineer", "wxbus-operator"]
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        cells = set()
        for panel in board["panels"]:
            assert panel["description"].endswith(".") and panel["targets"]
            at = panel["gridPos"]
            of_panel = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert not cells & of_panel and at["x"] + at["w"] <= 24, panel["title"]
            cells |= of_panel


def test_prometheus_asks_every_service_at_its_own_port(exported):
    assert exported
    jobs = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    assert {job["job_name"] for job in jobs} == set(SERVICES)
    for job in jobs:
        text = subprocess.run([str(paths.binary(job["job_name"])), "--help"], capture_output=True, text=True, check=True)
        port = re.search(r"WXBUS_ADMIN_LISTEN.*?0\.0\.0\.0:(\d+)", text.stdout, re.DOTALL).group(1)
        assert job["dns_sd_configs"][0]["port"] == int(port)
        assert job["dns_sd_configs"][0]["names"] == [job["job_name"].removeprefix("wxbus-")]


# https://grafana.com/docs/grafana/latest/administration/provisioning/
DATA_SOURCE = {"name", "type", "access", "orgId", "uid", "url", "user", "database", "basicAuth", "basicAuthUser",
               "withCredentials", "isDefault", "correlations", "jsonData", "secureJsonData", "version", "editable"}
PROVIDER = {"name", "orgId", "folder", "folderUid", "type", "disableDeletion", "updateIntervalSeconds", "allowUiUpdates",
            "editable", "options"}


def provisioned(name):
    path, = (FOLDER / "grafana" / "provisioning" / name).iterdir()
    document = yaml.safe_load(path.read_text())
    assert document.pop("apiVersion") == 1
    (kind, entries), = document.items()
    return kind, entries


def test_grafana_is_given_its_dashboards_and_where_their_data_is():
    mounts = dict(volume.split(":")[:2] for volume in COMPOSE["grafana"]["volumes"])
    assert mounts["./deploy/observability/grafana/provisioning"] == "/etc/grafana/provisioning"     # where it looks
    kind, (provider,) = provisioned("dashboards")
    assert kind == "providers" and set(provider) <= PROVIDER and provider["type"] == "file"
    assert provider["options"] == {"path": mounts["./deploy/observability/grafana/dashboards"]}
    kind, (source,) = provisioned("datasources")
    assert kind == "datasources" and set(source) <= DATA_SOURCE
    assert (source["type"], source["access"], source["isDefault"]) == ("prometheus", "proxy", True)
    assert source["url"] == "http://prometheus:9090" and set(COMPOSE["grafana"]["networks"]) & set(COMPOSE["prometheus"]["networks"])
    asked = {json.dumps(panel["datasource"]) for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]}
    assert asked == {json.dumps({"type": source["type"], "uid": source["uid"]})}


def wrong_for_grafana(*boards):
    """{(place in `boards`, line), ...}: what Grafana's own types, of its version in docker-compose.yml, say against them."""
    here = pathlib.Path(__file__).resolve().parent / "grafana"
    version = re.search(r"grafana/grafana:([\d.]+)", COMPOSE["grafana"]["image"]).group(1)
    folder = paths.cache_dir() / f"grafana-{version}"
    answer = subprocess.run([str(here / "install.sh"), str(folder), version], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    with tempfile.TemporaryDirectory(dir=folder) as work:
        shutil.copy(here / "types.ts", work)
        for number, board in enumerate(boards):
            (pathlib.Path(work) / f"board{number}.ts").write_text("\n".join(as_typescript(board)))
        answer = subprocess.run([str(folder / "node_modules" / ".bin" / "tsc"), "--noEmit", "--strict", "--skipLibCheck",
                                 "--moduleResolution", "node", "--target", "es2022", "--module", "es2022",
                                 *(f"board{number}.ts" for number in range(len(boards)))],
                                cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = {(int(number), line) for number, line in re.findall(r"^board(\d+)\.ts(.*)", answer.stdout, re.MULTILINE)}
    assert (answer.returncode == 0) == (not found), answer.stdout + answer.stderr
    return found


def as_typescript(board):
    yield "import type { Dashboard, Options, Target } from './types';"
    panels = []
    for number, panel in enumerate(board["panels"]):
        kind, options, targets = (json.dumps(panel.get(name, {})) for name in ("type", "options", "targets"))
        yield f"export const options{number}: Options[{kind}] = {options};"
        yield f"export const targets{number}: Target[] = {targets};"
        panels.append({name: value for name, value in panel.items() if name not in ("options", "targets")})
    yield f"export const dashboard: Dashboard = {json.dumps({**board, 'panels': panels}, indent=1)};"


def test_dashboards_are_what_grafana_takes():
    boards = [json.loads(path.read_text()) for path in DASHBOARDS]
    first = boards[0]["panels"][0]
    wrong = [{**boards[0], **change} for change in (
        {"schemaVersion": "39"}, {"panel": []}, {"panels": [{**first, "tilte": "x"}]},
        {"panels": [{**first, "options": {"legend": {"displayMode": "lits"}}}]},
        {"panels": [{**first, "targets": [{"refId": "A", "exrp": "x"}]}]})]
    found = wrong_for_grafana(*boards, *wrong)
    assert [line for number, line in found if number < len(boards)] == []
    assert {number for number, _ in found} == set(range(len(boards), len(boards) + len(wrong)))
