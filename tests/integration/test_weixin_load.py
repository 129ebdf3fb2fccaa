"""`weixin-sim load`: is it fast enough to measure others by, are its pushes right, and does it tell the truth?"""

import json
import re
import resource
import statistics
import subprocess
import threading
import time

import pytest

from test_weixin_sim import COMPONENT, KEY, TOKEN, Receiver
from wxbus_testing import topics
from wxbus_testing.timing import FACTOR, margin
from wxbusdev import paths

PROGRAM = paths.build_dir() / "bin" / "weixin-sim"


def load(url, *options, component=COMPONENT, token=TOKEN, key=KEY, status=(0,)):
    """The JSON report of a run that ended with one of these."""
    done = subprocess.run([PROGRAM, "load", "--json", "--url", url, "--component", component, "--token", token,
                           "--key", key, *map(str, options)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in status, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)


@pytest.fixture
def receiver():
    receiver = Receiver()
    handler = receiver.server.RequestHandlerClass
    handler.protocol_version, handler.disable_nagle_algorithm = "HTTP/1.1", True
    yield receiver
    receiver.close()


@pytest.fixture
def constant():
    """The base URL of the receiver that does nothing."""
    with subprocess.Popen([PROGRAM, "answer"], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip().removeprefix("answer=")
        finally:
            process.terminate()
            assert process.wait(20) == 0


def cpu_s():
    """What the programs that we ran and waited for have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_wrk(script, url, seconds):
    """(requests in a second, share of a core that it got, requests in a second of that)"""
    before = cpu_s()
    done = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", script, url], capture_output=True, text=True,
                          timeout=60, check=True)
    used = cpu_s() - before
    return (float(re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)[1]), used / seconds,
            int(re.search(r"(\d+) requests in", done.stdout)[1]) / used)


def run_ours(url, seconds):
    before = cpu_s()
    # Few prepared ones: who has just used the processor up gets less of it.
    report = load(url, "--connections", 64, "--pushes", 1000, "--repeat", "--duration-ms", seconds * 1000,
                  "--expect", "success")
    used = cpu_s() - before
    return report["per_second"], used / seconds, report["pushes"] / used


@pytest.mark.skipif(FACTOR > 1, reason="wrk has no sanitizers in it")
def test_it_is_no_slower_than_wrk_by_much(constant, long, tmp_path, record_property):
    """One thread and 64 connections each, in turn. The rates are compared of rounds in which the machine let both run;
    what each does with its processor time in all of them. The middle one of the ratios."""
    seconds, rounds = (10, 5) if long else (1, 5)
    script = tmp_path / "post.lua"
    script.write_text('wrk.method = "POST"\nwrk.headers["Content-Type"] = "text/xml"\nwrk.body = string.rep("x", 800)\n')
    by_time, by_cpu = [], []
    for _ in range(rounds):
        wrk, ours = run_wrk(script, constant + "/push", seconds), run_ours(constant + "/push/$APPID$", seconds)
        print("a second, share of a core, a second of it: wrk", wrk, "ours", ours)
        by_cpu.append(ours[2] / wrk[2])
        if min(wrk[1], ours[1]) >= 0.6:
            by_time.append(ours[0] / wrk[0])
    text = ", ".join(f"{name} {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
                     for name, ratios in (("by time", by_time), ("by processor time", by_cpu)) if ratios)
    record_property("of wrk's rate", text)
    print(text)
    assert all(statistics.median(ratios) >= 0.6 for ratios in (by_time, by_cpu) if ratios), text


def test_pushes_are_right_and_every_answer_is_judged(receiver):
    receiver.answer = lambda push: (200, receiver.reply(push, "hi"))
    options = ("--pushes", 60, "--connections", 4, "--accounts", 3, "--fans", 10, "--duration-ms", 20000)
    url = receiver.url + "/account/$APPID$/message"
    report = load(url, *options, "--expect", "reply")
    assert (report["pushes"], report["answers"]["reply"], report["unexpected"]) == (60, 60, 0)
    assert len(receiver.pushes) == len({push["fields"]["MsgId"] for push in receiver.pushes}) == 60
    assert len({push["path"] for push in receiver.pushes}) == 3
    assert len({push["fields"]["FromUserName"] for push in receiver.pushes}) == 10
    for push in receiver.pushes:
        assert push["query"]["openid"] == push["fields"]["FromUserName"]
        assert abs(int(push["query"]["timestamp"]) - time.time()) < 60

    receiver.answer = lambda push: (200, receiver.reply(push, "hi", nonce="1"))
    report = load(url, *options, status=(1,))
    assert report["answers"]["illegal"] == report["unexpected"] == 60 and "Nonce" in report["why"]
    receiver.answer = lambda push: (503, b"success")
    report = load(url, *options, status=(1,))
    assert report["answers"]["refused"] == 60 and "status 503" in report["why"]
    receiver.answer = lambda push: (200, b"success")
    assert load(url, *options, "--expect", "empty", status=(1,))["unexpected"] == 60
    assert load(url, *options, "--account", "wxacc=gh_1")["answers"]["success"] == 60
    assert receiver.pushes[-1]["path"] == "/account/wxacc/message"


def test_a_stall_is_not_hidden_by_waiting_for_it(receiver):
    """One second in which nothing is answered, with 200 pushes due in it, and only four under way."""
    door, seen = threading.Lock(), []

    def answer(_):
        with door:
            seen.append(1)
            if len(seen) == 50:
                time.sleep(1)
        return 200, b"success"

    receiver.answer = answer
    report = load(receiver.url + "/$APPID$", "--rate", 200, "--duration-ms", 2000, "--connections", 4)
    assert report["pushes"] == 400 and report["corrected"]
    assert report["latency_us"]["p90"] > 300_000 and report["latency_us"]["max"] >= 900_000
    assert report["service_us"]["p90"] < report["latency_us"]["p90"] / 2


def test_what_does_not_answer_is_counted(receiver):
    receiver.answer = lambda push: time.sleep(1) or (200, b"success")
    report = load(receiver.url + "/$APPID$", "--pushes", 4, "--connections", 4, "--timeout-ms", 300, status=(1,))
    assert report["answers"]["timeout"] == 4
    receiver.close()
    report = load(receiver.url + "/$APPID$", "--rate", 100, "--duration-ms", 200, "--timeout-ms", 300, status=(1,))
    assert report["unsent"] == report["unexpected"] == 20


def test_what_the_ingress_took_is_on_the_topic(new_deployment, long):
    """On a machine too busy for its Kafka some are refused; none that was answered success is missing."""
    deployment = new_deployment()
    deployment.start("wxbus-ingress")
    platform, rate, seconds = deployment.platform, 1000 if long else 200, 20 if long else 2
    token, key = platform.keys[0]
    report = load(deployment.url("wxbus-ingress") + f"/push/{platform.component_appid}/accounts/$APPID$",
                  "--rate", rate, "--duration-ms", seconds * 1000, "--connections", 32, "--expect", "success",
                  component=platform.component_appid, token=token, key=key, status=(0, 1))
    answers, unsent = report["answers"], report["unsent"]
    assert answers["success"] + answers["refused"] + answers["timeout"] + unsent == rate * seconds
    assert answers["success"] > 0
    with topics.TopicReader(deployment.kafka.bootstrap_servers, deployment.topic("messages")) as reader:
        reader.wait_for(lambda record: True, margin(20), count=answers["success"])
        ids = [record.event_id for record in reader.read_to_end()]
    assert answers["success"] <= len(set(ids)) == len(ids) <= rate * seconds
