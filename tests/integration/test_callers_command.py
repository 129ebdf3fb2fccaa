"""wxbus callers list, revoke, rotate: an operator's hold on who may call."""

import json

import pytest

from test_api_proxy import ACCOUNT, COMPONENT, SEND, Bench
from wxbusdev.child import wait_until
from wxbusdev.deployment import Deployment


@pytest.fixture(scope="module")
def bench(kafka, postgres, logs, tmp_path_factory):
    deployment = Deployment(tmp_path_factory.mktemp("callers"), logs, kafka, postgres,
                            topic_prefix="wx." if kafka.kind == "embedded" else "callers.")
    b = Bench(deployment, kafka)
    yield b
    b.close()


def command(bench, *words, check=True):
    return bench.deployment.command("callers", *words, "--component", COMPONENT, check=check)


def add(bench, name, *more):
    line = command(bench, "add", "--id", name, "--accounts", "*", "--paths", "*", *more).stdout.split()
    assert line[:2] == [COMPONENT, name]
    return line[2]


def status(bench, key):
    return bench.call(f"/accounts/{ACCOUNT}{SEND}", key=key)[0]


def listed(bench):
    return {row["caller_id"]: row for row in map(json.loads, command(bench, "list").stdout.splitlines())}


def test_callers_are_listed_with_their_limits_and_without_keys(bench):
    key = add(bench, "listed", "--rate", "7", "--account-per-day", "900")
    rows = listed(bench)
    assert rows["listed"]["accounts"] == ["*"] and rows["listed"]["paths"] == ["*"] and rows["listed"]["groups"] == []
    assert (rows["listed"]["rate_per_s"], rows["listed"]["calls_per_day"]) == (7, None)
    assert (rows["listed"]["account_rate_per_s"], rows["listed"]["account_per_day"]) == (None, 900)
    assert rows["listed"]["revoked_at"] is None and "desk" in rows
    assert key not in command(bench, "list").stdout


def test_a_revoked_caller_calls_no_more_and_nothing_is_sent(bench):
    key = add(bench, "gone")
    assert status(bench, key) == 200
    command(bench, "revoke", "--id", "gone")
    bench.forget()
    assert status(bench, key) == 401 and bench.weixin.calls == []
    assert listed(bench)["gone"]["revoked_at"]
    command(bench, "revoke", "--id", "gone")
    assert command(bench, "rotate", "--id", "gone", check=False).returncode == 1
    assert command(bench, "revoke", "--id", "nobody", check=False).returncode == 1


def test_a_rotated_key_takes_the_old_ones_place_over_http_and_on_the_topic(bench):
    old = add(bench, "turned", "--groups", "desk")
    assert status(bench, old) == 200
    new = command(bench, "rotate", "--id", "turned").stdout.split()[2]
    assert new != old and status(bench, old) == 401 and status(bench, new) == 200
    before = bench.metric("forged")
    bench.request("turned-old", caller="turned", key=old)
    wait_until(lambda: bench.metric("forged") == before + 1, 10, "the old key's signature refused")
    with bench.results() as results:
        bench.request("turned-new", caller="turned", key=new)
        assert results.by_id("turned-new").json["outcome"] == "ok"


def test_only_the_operator_may(bench):
    for path in ("list", "revoke", "rotate"):
        assert bench.v1({"component_appid": COMPONENT, "caller_id": "desk"}, path=f"/v1/callers/{path}", key=b"0" * 32)[0] == 401
        assert bench.v1({"component_appid": "x/y"}, path=f"/v1/callers/{path}")[0] == 400
    taken = bench.v1({"component_appid": COMPONENT, "caller_id": "listed", "key": bench.key}, path="/v1/callers/rotate")
    assert taken[0] == 409
    assert status(bench, bench.key) == 200
