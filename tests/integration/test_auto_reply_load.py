"""Many accounts with many rules each under load: every message is answered by the right rule, and how quickly. A rule
changed meanwhile is in force within a second. Nobody else takes part: this test writes the events and reads the verdicts."""

import json
import os
import pathlib
import random
import secrets
import time

import pytest

from wxbus_testing.answers import Answers, percentile
from wxbus_testing.events import Events
from wxbus_testing.timing import margin
from wxbusdev.child import wait_until

BUSINESS = "wxbus-auto-reply"
FANS = 5000


def reply(text):
    return {"MsgType": "text", "Content": text}


def fifty_rules(appid):
    """Of every kind; what they answer names the account and the rule."""
    rules = [{"name": f"word {n}", "on": "keyword", "contains": [f"word{n}.", f"关键词{n}。", f"term {n}!"],
              "reply": reply(f"{appid} word {n}")} for n in range(40)]
    rules += [{"name": f"order {n}", "on": "keyword", "regex": [f"^order{n}-\\d{{4,}}( please)?$"],
               "reply": reply(f"{appid} order {n}")} for n in range(5)]
    rules += [{"name": name, "on": name, "reply": reply(f"{appid} {name}"), **more}
              for name, more in (("subscribe", {}), ("location", {}), ("media", {}), ("menu", {"keys": ["HELP"]}),
                                 ("default", {}))]
    return {"rules": rules}


def question(random_):
    """(what a fan says, the rule that answers)"""
    n = random_.randrange(60)
    if n < 40:
        return f"请问 word{n}. ok?", f"word {n}"
    if n < 45:
        return f"order{n - 40}-{random_.randrange(10 ** 4, 10 ** 6)} please", f"order {n - 40}"
    return f"something else {n}", "default"


def cpu_seconds(service):
    """What a process has used so far."""
    fields = pathlib.Path(f"/proc/{service.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(service):
    status = pathlib.Path(f"/proc/{service.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@pytest.mark.real_kafka
def test_ten_thousand_accounts_with_fifty_rules_each(new_deployment, long, tmp_path, record_property):
    # A broker and topics that have only just begun are slow: the first seconds are no part of the figures.
    n_accounts, rate, warm_up, seconds = (10_000, 2000, 40, 30) if long else (300, 300, 2, 3)
    deployment = new_deployment()
    component = deployment.platform.component_appid
    accounts = [f"wxload{number:010d}" for number in range(n_accounts)]
    path = tmp_path / "rules.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        for appid in accounts:
            file.write(json.dumps({"component_appid": component, "appid": appid, "set": fifty_rules(appid)}) + "\n")
    began = time.monotonic()
    deployment.command("rules", "import", str(path), timeout_s=600)
    imported = time.monotonic() - began
    deployment.start("wxbus-api-proxy")             # gives the business its caller's key
    began = time.monotonic()
    business = deployment.start_one(BUSINESS, settings={"WXBUS_HANDLER_THREADS": 64}, ready=False)
    business.wait_ready(120)
    ready = time.monotonic() - began
    assert business.metric("wxbus_auto_reply_accounts") == n_accounts

    random_ = random.Random(7)
    fans = ["o" + secrets.token_hex(13) for _ in range(FANS)]
    events, answers, asked = Events(deployment, ["auto-reply"]), Answers(deployment), {}
    answers.start()
    began, used = time.monotonic(), cpu_seconds(business)
    for number in range(rate * (warm_up + seconds)):
        text, rule = question(random_)
        appid = random_.choice(accounts)
        event_id = events.text(appid, random_.choice(fans), text)
        asked[event_id] = (time.monotonic(), appid, rule)
        events.poll()
        ahead = began + number / rate - time.monotonic()
        if ahead > 0.002:
            time.sleep(ahead)
    events.flush()
    wait_until(lambda: len(answers.answers) >= len(asked), margin(60), "an answer to each message", 0.1)

    used = cpu_seconds(business) - used

    # Changed under what load there was just now, with everything in memory.
    changed = {"rules": [{"name": "new", "on": "default", "reply": reply("new")}]}
    one = tmp_path / "one.json"
    one.write_text(json.dumps(changed))
    before = business.metric("wxbus_auto_reply_sets_read_total", result="read")
    deployment.command("rules", "set", component, accounts[0], str(one))
    began = time.monotonic()
    wait_until(lambda: business.metric("wxbus_auto_reply_sets_read_total", result="read") > before, margin(10),
               "the change", 0.01)
    in_force = time.monotonic() - began
    last = events.text(accounts[0], fans[0], "word1.")
    events.flush()
    wait_until(lambda: last in answers.answers, margin(20), "the last answer", 0.01)
    answers.close()

    assert json.loads(answers.answers[last][1])["reply"]["Content"] == "new"
    for event_id, (_, appid, rule) in asked.items():
        verdict = json.loads(answers.answers[event_id][1])
        assert verdict["verdict"] == "reply" and verdict["reply"]["Content"] == f"{appid} {rule}"
    took = [1000 * (answers.answers[event_id][0] - at) for event_id, (at, _, _) in list(asked.items())[rate * warm_up:]]
    figures = {"import_s": imported, "ready_s": ready, "p50_ms": percentile(took, 0.5), "p99_ms": percentile(took, 0.99),
               "max_ms": max(took), "cpu_us_each": 1e6 * used / len(asked), "change_ms": 1000 * in_force, "resident_mb": resident_mb(business)}
    for name, figure in figures.items():
        record_property(name, round(figure, 1))
    print(f"{n_accounts} accounts, {rate} messages/s for {seconds} s: " +
          ", ".join(f"{name} {figure:.1f}" for name, figure in figures.items()))
    if long:
        assert figures["p99_ms"] < margin(50) and in_force < margin(1)
