"""The image and docker-compose.yml, really run: the story and the release check through nginx and TLS, restarts under
load, and what outlives them. The tests stand on each other, in this order."""

import concurrent.futures
import contextlib
import http.client
import itertools
import json
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest
from engine import run
from images import BASE, COMPOSE_2, IMAGE, REVISION, SIM_IMAGE
from stack import COMPONENT

from wxbusdev.child import wait_until
from wxbusdev.deployment import BUSINESSES

ACCOUNT = "wxcompose000000001"
FAN = "oComposeFan00000000000000001"
MAX_BYTES = 120 * 1000 * 1000
OURS = ("ingress", "token-service", "api-proxy", *(name.removeprefix("wxbus-") for name in BUSINESSES))


# --- the image ---------------------------------------------------------------------------------------------------

def test_the_image_is_small_and_runs_as_nobody(engine):
    assert engine.inspect(IMAGE, ".Size") < MAX_BYTES
    config = engine.inspect(IMAGE, ".Config")
    assert config["User"] == "10001:10001" and config["Healthcheck"]["Test"] == ["CMD", "wxbus-healthy"]
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels == {"title": "wxbus", "description": labels["description"], "licenses": "Apache-2.0", "version": "0.1.0",
                      "revision": REVISION, "created": "unknown", "base.name": BASE}


def test_the_image_holds_every_program_but_the_simulator(engine):
    def programs(image):
        return set(engine.docker("run", "--rm", "--network", "none", image, "ls", "/usr/local/bin").stdout.split())

    ours = programs(IMAGE)
    assert {"wxbus", "wxbus-healthy", *(f"wxbus-{name}" for name in OURS)} <= ours
    assert programs(SIM_IMAGE) - ours == {"weixin-sim"}


def test_the_image_lists_what_it_is_made_of(engine):
    sbom = json.loads(engine.docker("run", "--rm", "--network", "none", IMAGE, "cat",
                                    "/usr/local/share/wxbus/sbom.spdx.json").stdout)
    assert sbom["spdxVersion"] == "SPDX-2.3"
    names = {package["name"] for package in sbom["packages"]}
    assert {"wxbus", "librdkafka1", "libcivetweb1", "libssl3t64", "libc6"} <= names
    ids = {package["SPDXID"] for package in sbom["packages"]}
    assert {one["relatedSpdxElement"] for one in sbom["relationships"]} == ids


# --- the story ---------------------------------------------------------------------------------------------------

def https(stack, method, path, body=None):
    """(status, headers, body) through nginx; its certificate must be good for localhost."""
    context = ssl.create_default_context(cafile=stack.certificate)
    connection = http.client.HTTPSConnection("localhost", stack.https_port, timeout=10, context=context)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def call_api(stack, key, text):
    """customer-service message to FAN through api-proxy: (status, JSON)."""
    connection = http.client.HTTPConnection("127.0.0.1", stack.api_port, timeout=30)
    try:
        connection.request("POST", f"/accounts/{ACCOUNT}/cgi-bin/message/custom/send",
                           json.dumps({"touser": FAN, "msgtype": "text", "text": {"content": text}}),
                           {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.fixture(scope="session")
def caller_key(stack):
    stack.sim.push_ticket(COMPONENT)
    stack.sim.add_account(ACCOUNT, user_name="gh_compose00001", func_ids=[1, 2, 3], fans=[FAN])
    assert stack.sim.push_authorized(COMPONENT, ACCOUNT)["answer"] == "success"
    wait_until(lambda: '"authorized"' in stack.compose("run", "--rm", "wxbus", "accounts", "show", COMPONENT, ACCOUNT,
                                                       check=False).stdout, 60, "the account is authorized")
    return stack.wxbus("callers", "add", "--component", COMPONENT, "--id", "test", "--accounts", "*",
                       "--paths", "/cgi-bin/*").split()[-1]


def test_the_story_goes_through_nginx_and_tls(stack, caller_key):
    pushed = stack.sim.push_text(COMPONENT, ACCOUNT, FAN, "hello wxbus")
    assert pushed["answer"] == "success" and pushed["url"].startswith("https://nginx:")
    assert [one for one in stack.topic("messages") if one.get("Content") == "hello wxbus"]
    status, answer = call_api(stack, caller_key, "thank you")
    assert status == 200 and answer["errcode"] == 0
    assert "thank you" in json.dumps(stack.sim.fan_messages(ACCOUNT, FAN))


def test_the_release_check_passes(stack, caller_key):
    check = stack.sim.release_check(COMPONENT, group=2, api_limit_ms=15000)
    assert check["ok"], [item for item in check["items"] if not item["ok"]]


def test_nginx_shows_what_is_public_and_nothing_else(stack):
    status, headers, _ = https(stack, "GET", f"/authorize/{COMPONENT}")
    assert status == 200 and headers["Strict-Transport-Security"]
    assert https(stack, "GET", f"/push/{COMPONENT}/authorization")[0] in (400, 403)
    for path in ("/", "/v1/accounts", "/metrics", "/healthz", f"/accounts/{ACCOUNT}/cgi-bin/menu/get"):
        assert https(stack, "GET", path)[0] == 404, path
    assert https(stack, "POST", f"/push/{COMPONENT}/authorization", b"x" * (300 * 1024))[0] == 413


def test_a_client_that_sends_half_a_request_is_let_go(stack):
    with socket.create_connection(("127.0.0.1", stack.http_port), timeout=30) as slow:
        slow.sendall(b"GET /x HTTP/1.1\r\nHost: local")
        assert slow.recv(1) == b""


# --- restarts ----------------------------------------------------------------------------------------------------

class Load:
    """Pushes one after the other from a few threads until the end of the `with`; each text is one push, which Weixin does
    not repeat: what was refused is seen."""

    def __init__(self, stack, threads=4):
        self._stack, self._stop, self._numbers = stack, threading.Event(), itertools.count()
        self._pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.acknowledged, self.others = [], []
        self._threads = threads
        self._name = f"load {time.monotonic_ns()} "

    def __enter__(self):
        self._futures = [self._pool.submit(self._push) for _ in range(self._threads)]
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._pool.shutdown()
        for future in self._futures:
            future.result()

    def _push(self):
        while not self._stop.wait(0.02):
            number = next(self._numbers)
            text = f"{self._name}{number}"
            pushed = self._stack.sim.push_text(COMPONENT, ACCOUNT, f"oComposeLoad{number:016d}", text, retries=0)
            if pushed["answer"] == "success":
                self.acknowledged.append(text)
            else:
                self.others.append((pushed["answer"], pushed["status"], pushed["ms"], pushed["why"]))

    def on_topic(self):
        return [one["Content"] for one in self._stack.topic("messages")
                if one.get("Content", "").startswith(self._name)]


def test_each_of_our_containers_restarts_under_load(stack, caller_key, record_property):
    """Nothing is lost, nothing is refused, nothing is written twice."""
    with Load(stack) as load:
        for service in OURS:
            for container in stack.containers(service):
                before = len(load.acknowledged)
                stack.restart(container)
                wait_until(lambda: len(load.acknowledged) > before + 10, 60, f"pushes after {service}'s restart")
    record_property("pushes", len(load.acknowledged))
    print(f"{len(load.acknowledged)} pushes acknowledged during {len(OURS) + 1} restarts, others: {load.others}")
    assert load.others == []
    assert sorted(load.on_topic()) == sorted(load.acknowledged)


@contextlib.contextmanager
def paused(stack, container):
    """It takes connections, and answers nothing."""
    stack.engine.docker("pause", container)
    try:
        yield
    finally:
        stack.engine.docker("unpause", container)
        wait_until(lambda: stack.healthy(container), 60, "healthy after a pause", 0.2)


LINE = re.compile(r"(?P<status>\d+) [\d.]+ (?P<asked>\S+(, \S+)*) (-|\d+(, \d+)*) (?P<times>[\d.]+(, [\d.]+)*)$")


def passed_on(stack, path):
    """[(status, how many ingresses nginx asked, how long it waited for them in s), ...] of the pushes to this path."""
    container, = stack.containers("nginx")
    lines = [line.split(" ", 4) for line in stack.engine.docker("logs", container).stdout.splitlines() if "/push/" in line]
    found = [LINE.match(line[4]) for line in lines if line[3] == path]
    return [(int(one["status"]), one["asked"].count(":8080"), sum(map(float, one["times"].split(", ")))) for one in found]


@contextlib.contextmanager
def unreachable(stack, container):
    """Nothing that is sent to its port 8080 arrives, as with a container that is just gone."""
    def rule(what):
        run(["nsenter", "-t", stack.engine.inspect(container, ".State.Pid"), "-n",
             "iptables", what, "INPUT", "-p", "tcp", "--dport", "8080", "-j", "DROP"])

    rule("-I")
    try:
        yield
    finally:
        rule("-D")


def test_an_ingress_that_is_just_gone_costs_a_moment_and_no_push(stack, caller_key):
    """0.3 s, after which nginx asks the other one: in all less than Weixin's 5 s, and nothing is written twice."""
    path, pushed = f"/push/{COMPONENT}/accounts/{ACCOUNT}", {}

    def asked_both():
        return [one for one in passed_on(stack, path) if one[1] == 2]

    before = len(asked_both())
    with unreachable(stack, list(stack.containers("ingress"))[0]):
        while len(asked_both()) < before + 3 and len(pushed) < 40:
            text = f"while one is gone {len(pushed)}"
            pushed[text] = stack.sim.push_text(COMPONENT, ACCOUNT, FAN, text, retries=0)["answer"]
    assert set(pushed.values()) == {"success"}
    assert sorted(one["Content"] for one in stack.topic("messages") if one.get("Content") in pushed) == sorted(pushed)
    both = asked_both()[before:]
    assert len(both) >= 3 and {status for status, _, _ in both} == {200} and max(waited for _, _, waited in both) < 5


@pytest.mark.long
def test_an_ingress_that_is_just_gone_leaves_time_for_the_longest_wait(stack, caller_key):
    """Kafka takes nothing meanwhile: the other ingress's 503 comes within Weixin's 5 s all the same."""
    path = f"/push/{COMPONENT}/accounts/{ACCOUNT}"
    before = len(passed_on(stack, path))
    kafka, = stack.containers("kafka")
    with unreachable(stack, list(stack.containers("ingress"))[0]), paused(stack, kafka), \
            concurrent.futures.ThreadPoolExecutor(12) as pool:
        pushed = list(pool.map(lambda number: stack.sim.push_text(COMPONENT, ACCOUNT, f"oComposeGone{number:016d}", "gone",
                                                                  retries=0), range(12)))
    seen = passed_on(stack, path)[before:]
    print(f"answered after {sorted(one['ms'] for one in pushed)} ms; at nginx {sorted(seen)}")
    assert {one["status"] for one in pushed} == {503} and max(one["ms"] for one in pushed) < 5000
    assert {status for status, _, _ in seen} == {503} and {1, 2} == {asked for _, asked, _ in seen}
    wait_until(lambda: stack.sim.push_text(COMPONENT, ACCOUNT, FAN, "on again")["answer"] == "success", 60, "a push")


@pytest.mark.long
def test_nginx_passes_nothing_on_after_a_time_out_or_a_503(stack, caller_key):
    """A second wait would overrun Weixin's 5 s."""
    path = f"/push/{COMPONENT}/accounts/wxtimeout"
    ingresses = list(stack.containers("ingress"))
    with paused(stack, ingresses[0]), concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: https(stack, "GET", path)[0], range(16)))
    assert set(answers) == {403, 504}
    assert sorted((status, asked) for status, asked, _ in passed_on(stack, path)) == sorted((status, 1) for status in answers)
    path = f"/push/{COMPONENT}/accounts/{ACCOUNT}"
    before = len(passed_on(stack, path))
    kafka, = stack.containers("kafka")
    with paused(stack, kafka):
        pushed = stack.sim.push_text(COMPONENT, ACCOUNT, FAN, "while Kafka is paused", retries=0)
    assert pushed["status"] == 503 and 3000 < pushed["ms"] < 5000
    assert [(status, asked) for status, asked, _ in passed_on(stack, path)[before:]] == [(503, 1)]
    wait_until(lambda: stack.sim.push_text(COMPONENT, ACCOUNT, FAN, "Kafka goes on")["answer"] == "success", 60, "a push")


@pytest.mark.long
def test_nothing_acknowledged_is_lost_when_what_it_stands_on_restarts(stack, caller_key):
    with Load(stack) as load:
        for service in ("postgres", "kafka", "nginx"):
            container, = stack.containers(service)
            stack.restart(container)
            before = len(load.acknowledged)
            wait_until(lambda: len(load.acknowledged) > before + 10, 90, f"pushes after {service}'s restart")
    print(f"{len(load.acknowledged)} pushes acknowledged, {len(load.others)} not")
    assert set(load.acknowledged) <= set(load.on_topic())
    wait_until(lambda: call_api(stack, caller_key, "still here")[0] == 200, 60, "a call after the restarts")


@pytest.mark.long
def test_down_and_up_keep_all_state(stack, caller_key):
    """The simulator, which forgets, stays."""
    before = len(stack.topic("messages"))
    services = [service for service in set(stack.containers().values()) if service != "weixin-sim"]
    stack.compose("rm", "-f", "-s", *services)
    stack.up("--scale", "ingress=2")
    assert len(stack.topic("messages")) >= before
    assert stack.sim.push_text(COMPONENT, ACCOUNT, FAN, "after")["answer"] == "success"
    wait_until(lambda: call_api(stack, caller_key, "and again")[1]["errcode"] == 0, 60, "a call with the kept token")


@pytest.mark.long
def test_a_backup_of_the_database_restores(stack, caller_key, tmp_path):
    """Step by step as docs/operations.md says: the account's tokens and the caller's key are back."""
    dump = tmp_path / "wxbus.dump"
    with open(dump, "wb") as out:
        stack.in_postgres("pg_dump", "-U", "postgres", "-Fc", "wxbus", stdin=subprocess.DEVNULL, stdout=out)
    stack.lose_database()
    with open(dump, "rb") as saved:
        stack.in_postgres("pg_restore", "-U", "postgres", "-d", "wxbus", "--exit-on-error", "--no-privileges",
                          stdin=saved)
    stack.up("--scale", "ingress=2")
    wait_until(lambda: call_api(stack, caller_key, "restored")[1]["errcode"] == 0, 60, "a call after the restore")
    assert '"authorized"' in stack.wxbus("accounts", "show", COMPONENT, ACCOUNT)


@pytest.mark.long
def test_compose_v2_takes_over_what_1_29_made(stack, caller_key, tmp_path):
    """With Debian 13's docker-compose the same files, volumes and state. The simulator, which forgets, stays."""
    container = stack.engine.docker("create", COMPOSE_2, "true").stdout.strip()
    stack.engine.docker("cp", f"{container}:/usr/libexec/docker/cli-plugins/docker-compose", tmp_path / "docker-compose")
    stack.engine.docker("rm", container)
    services = [service for service in set(stack.containers().values()) if service != "weixin-sim"]
    stack.compose("rm", "-f", "-s", *services)
    stack.program = [tmp_path / "docker-compose"]
    assert re.search(r" v?2\.\d+\.", stack.compose("version").stdout)
    stack.up("--scale", "ingress=2", "--no-recreate")
    assert stack.sim.push_text(COMPONENT, ACCOUNT, FAN, "by v2")["answer"] == "success"
    wait_until(lambda: call_api(stack, caller_key, "by v2")[1]["errcode"] == 0, 60, "a call with the kept token")
