"""Scenario files of weixin-sim: played by the command and by the admin port, judged, and refused where they are wrong."""

import contextlib
import json
import os
import signal
import subprocess

import pytest

from test_weixin_sim import (ACCOUNT, COMPONENT, FAN, KEY, SECRET, SEND, TOKEN, Weixin, answer_release_check,  # noqa: F401
                             receiver, running, sim)
from wxbusdev import paths
from wxbusdev.child import wait_until
from wxbusdev.service import http_request

PROGRAM = paths.build_dir() / "bin" / "weixin-sim"
FIRST_DAY = paths.ROOT / "tools" / "weixin-sim" / "scenarios" / "first-day.json"
PUSH = {"component_appid": COMPONENT, "appid": ACCOUNT, "openid": FAN}


@pytest.fixture(scope="module")
def process(logs):
    """No push of theirs is to time out, however busy the machine."""
    with running(logs / "weixin-sim-scenarios.log", WEIXIN_SIM_PUSH_TIMEOUT_MS=20000) as process:
        yield process


@contextlib.contextmanager
def start(file, *options, port=0):
    with subprocess.Popen([PROGRAM, "run", *options, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "WEIXIN_SIM_LISTEN": f"127.0.0.1:{port}",
                               "WEIXIN_SIM_PUSH_TIMEOUT_MS": "20000"}) as process:         # noqa: F811
        try:
            yield process
        finally:
            process.kill()              # nothing, if it has ended


def first_day(receiver):                                                                   # noqa: F811
    return [f"--set={name}={value}" for name, value in {
        "push_url": receiver.url, "app_secret": SECRET, "token": TOKEN, "key": KEY}.items()]


def run(sim, steps, **variables):                                                          # noqa: F811
    """(status, answer) of the admin port."""
    status, _, answer = http_request(sim.admin_port, "POST", "/admin/run",
                                     json.dumps({"variables": variables, "steps": steps}), timeout_s=60)
    return status, json.loads(answer)


def played(sim, steps, **variables):                                                       # noqa: F811
    """The report, and why its last step failed."""
    status, report = run(sim, steps, **variables)
    assert status == 200, report
    return report, report["steps"][-1]["why"]


def test_the_first_day_goes_well_with_a_right_platform(receiver, logs):                    # noqa: F811
    weixin = Weixin(logs / "weixin-sim-unused.log")     # for its calls; the process is the command's own
    receiver.answer = answer_release_check(weixin, receiver)
    with start(FIRST_DAY, *first_day(receiver), port=weixin.api_port) as process:          # noqa: F811
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    lines = out.splitlines()
    assert lines[0] == f"api=http://127.0.0.1:{weixin.api_port}" and lines[1].startswith("admin=http://127.0.0.1:")
    assert [line.split()[:2] for line in lines[2:]] == [["ok", str(number)] for number in range(1, 10)]


def test_the_first_day_ends_where_a_platform_is_wrong(receiver):                           # noqa: F811
    receiver.answer = lambda push: (200, b"ok" if push["fields"].get("InfoType") == "authorized" else b"success")
    with start(FIRST_DAY, *first_day(receiver)) as process:                                # noqa: F811
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "FAILED   4  an authorization is taken" in out and 'answer is "illegal", not "success"' in out
    assert "its code is exchanged" not in out


def test_a_command_stays_until_it_is_told_to_end(receiver, tmp_path):                      # noqa: F811
    file = tmp_path / "pause.json"
    file.write_text('{"steps":[{"pause_ms":0}]}')
    with start(file, "--stay") as process:                                                 # noqa: F811
        lines = [process.stdout.readline() for _ in range(3)]
        admin = int(lines[1].rsplit(":", 1)[1])
        assert http_request(admin, "GET", "/admin/healthz", timeout_s=5)[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    file.write_text('{"steps":[{"pause_ms":600000}]}')
    with start(file) as process:                                                           # noqa: F811
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 1 and "told to stop" in out


def test_the_end_does_not_wait_for_a_message_that_a_release_check_awaits(receiver, tmp_path):   # noqa: F811
    receiver.answer = lambda push: (200, b"")           # and no call after it
    file = tmp_path / "check.json"
    file.write_text(json.dumps({"steps": [
        {"post": "platforms", "with": {"component_appid": COMPONENT, "app_secret": SECRET, "token": TOKEN,
                                       "encoding_aes_key": KEY, "message_url": f"{receiver.url}/$APPID$"}},
        {"post": "release-check", "with": {"component_appid": COMPONENT, "accounts": ["official"], "steps": ["api_text"],
                                           "api_limit_ms": 60000}}]}))
    with start(file) as process:                                                           # noqa: F811
        admin = int([process.stdout.readline() for _ in range(2)][1].rsplit(":", 1)[1])
        wait_until(lambda: b"QUERY_AUTH_CODE" in http_request(admin, "GET", "/admin/record?what=push", timeout_s=20)[2], 20,
                   "the push and its answer")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=40)
    assert process.returncode == 1 and "told to stop" in out


@pytest.mark.parametrize("text, why", [
    ('{"steps": [\n  {"pause_ms": 1},\n  {"post" "reset"}]}', "line 3, column 11: "),
    ('{"steps": [{"post": "resett"}]}', "steps[0].post: the admin port has no POST resett"),
    ('{"steps": [{"post": "run"}]}', "steps[0].post: the admin port has no POST run"),
    ('{"steps": [{"pause_ms": 1}, {"post": "reset", "expet": {}}]}', "steps[1].expet: there is no such member"),
    ('{"steps": [{"post": "reset", "with": {"a": "${b}"}}]}', "steps[0].with: nothing has given ${b} a value by then"),
    ('{"variables": {"a": null}, "steps": [{"pause_ms": 1}]}', "variables.a: has no value; give it by --set a=VALUE"),
])
def test_a_bad_file_is_refused_with_its_place(tmp_path, text, why):
    file = tmp_path / "bad.json"
    file.write_text(text)
    with start(file) as process:                                                           # noqa: F811
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert err.startswith(f"weixin-sim: {file}: {why}")


def test_a_missing_file_or_variable_is_refused(tmp_path):
    for arguments in (["/nowhere/x.json"], ["--set", "a=b", FIRST_DAY], ["--set", "a", FIRST_DAY], [], [FIRST_DAY, FIRST_DAY]):
        done = subprocess.run([PROGRAM, "run", *arguments], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 2 and done.stderr, arguments


def test_a_running_simulator_plays_and_judges(sim, receiver):                              # noqa: F811
    report, _ = played(sim, [
        {"post": "accounts", "with": {"appid": "${account}", "fans": ["${fan}"]}},
        {"post": "push/ticket", "with": {"component_appid": COMPONENT}, "save": {"ticket": "ticket", "first": "attempts.0.body"}},
        {"post": "push/message", "with": {**PUSH, "fields": {"MsgType": "text", "Content": "${ticket}"}}, "times": 3,
         "expect": {"xml": {"$contains": "${ticket}"}, "attempts": [{"status": 200}]}},
        {"record": {"what": "push", "kind": "text", "openid": "${fan}"}, "count": 3, "save": {"number": "n"}},
        {"record": {"what": "api"}, "count": 0, "within_ms": 50},
        {"get": "fans?appid=${account}", "expect": {"fans": [{"openid": "${fan}", "left": 5}]}},
        {"post": "push/ticket", "with": {"component_appid": "wxnobody"}, "status": 404, "expect": {"error": {"$any": True}}},
    ], account=ACCOUNT, fan=FAN)
    assert report["ok"] and len(report["steps"]) == 7, report
    assert report["variables"]["ticket"] == sim.tokens()["platforms"][0]["ticket"]
    assert [push["fields"].get("Content") for push in receiver.pushes[1:]] == [report["variables"]["ticket"]] * 3
    assert isinstance(report["variables"]["number"], int)


def test_a_step_that_fails_says_why_and_is_the_last(sim, receiver):                        # noqa: F811
    text = {"post": "push/message", "with": {**PUSH, "fields": {"MsgType": "text", "Content": "x"}}}
    cases = [({**text, "expect": {"answer": "reply"}}, 'answer is "success", not "reply"'),
             ({**text, "expect": {"ms": {"$at_most": -1}}}, "not at most -1"),
             ({**text, "status": 409}, "status 200, not 409: "),
             ({**text, "save": {"a": "b.c"}}, "there is no b.c to save as a"),
             ({"record": {"what": "api", "path": SEND}, "within_ms": 10}, "0 such entries of the record, not at least 1"),
             ({"post": "push/message", "with": PUSH}, "status 400, not 200: ")]
    for step, why in cases:
        report, said = played(sim, [{"pause_ms": 0}, step, {"pause_ms": 0}])
        assert not report["ok"] and len(report["steps"]) == 2 and why in said, (step, report)
    report, said = played(sim, [text, {"record": {"what": "push"}, "count": 0, "within_ms": 10}])
    assert said == "1 such entries of the record, not 0"
    report, said = played(sim, [{"record": {"n": {"$at_least": "${few}"}}, "count": 0, "within_ms": 10}], few="1")
    assert said == "its variables give $at_least a value that it does not take"
    status, answer = run(sim, [{"post": "nothing"}])
    assert status == 400 and answer["error"].startswith("steps[0].post: ")


def test_faults_are_a_part_of_a_scenario(sim, receiver):                                   # noqa: F811
    """A platform whose call is refused once and that calls again."""
    access, _ = sim.account_tokens(sim.component_token())

    def answer(_):
        while sim.send_text(access) == -1:
            pass
        return 200, b"success"

    receiver.answer = answer
    report, why = played(sim, [
        {"post": "faults", "with": {"path": SEND, "errcode": -1, "count": 2}},
        {"post": "push/message", "with": {**PUSH, "fields": {"MsgType": "text", "Content": "x"}}, "expect": {"answer": "success"}},
        {"record": {"path": SEND, "errcode": -1, "fault": True}, "count": 2},
        {"record": {"path": SEND, "errcode": 0}},
        {"get": f"fans?appid={ACCOUNT}", "expect": {"fans": [{"left": 4}]}}])
    assert report["ok"], why


def test_many_accounts_and_a_burst_of_their_fans(sim, receiver):                           # noqa: F811
    report, why = played(sim, [
        {"post": "accounts", "times": 50, "with": {"appid": "wxmany${i}"}},
        {"post": "push/message", "times": 200, "at_once": 40, "with": {
            "component_appid": COMPONENT, "appid": "wxmany7", "openid": "oFan${i}", "duplicates": 1,
            "fields": {"MsgType": "text", "Content": "${i}"}}, "expect": {"answer": "success", "openid": "oFan${i}"}},
        {"post": "push/sample", "times": 50, "at_once": 10, "with": {
            "component_appid": COMPONENT, "appid": "wxmany${i}", "openid": "oFan1", "name": "subscribe"}},
        {"record": {"what": "push", "kind": "text"}, "count": 200}])
    assert report["ok"], why
    texts = [push["fields"]["Content"] for push in receiver.pushes if "Content" in push["fields"]]
    assert sorted(texts, key=int) == [str(number) for number in range(200) for _ in range(2)]
    assert len({push["path"] for push in receiver.pushes}) == 50
    report, why = played(sim, [{"get": "fans?appid=wxmany${i}", "times": 60, "at_once": 3}])
    assert not report["ok"] and why.startswith("status 404, not 200")
