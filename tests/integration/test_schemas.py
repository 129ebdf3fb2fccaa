"""proto/asyncapi.yaml and proto/schemas against what the services really write."""

import functools
import json
import os
import pathlib
import subprocess
import sys
import time

import confluent_kafka.admin
import jsonschema
import pytest
import yaml

from wxbus_testing.whole import Whole, new_openid
from wxbusdev.child import wait_until

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
CONSUMER = PROTO.parent / "docs" / "consumer.py"
TEST_ACCOUNT = "wx570bc396a51b8ff8"     # of Weixin's release check
BY_TYPE = {"messages": "message", "messages.test": "message", "platform-notices": "platform-notice"}
ONE = {"accounts": "account", "replies": "reply", "api-requests": "api-request", "api-results": "api-result",
       "release-check.results": "api-result"}


@functools.lru_cache(None)
def schema(name):
    document = json.loads((PROTO / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(document)
    return document


@functools.lru_cache(None)
def validator(name, definition=None):
    document = schema(name)
    if definition is not None:
        document = {"$schema": document["$schema"], "$defs": document["$defs"], "$ref": f"#/$defs/{definition}"}
    return jsonschema.Draft202012Validator(document)


def undeclared(value, part, root, path=""):
    """Where a value has members that its schema says nothing of."""
    if "$ref" in part:
        part = {**root["$defs"][part["$ref"].rpartition("/")[2]], **part}
    if isinstance(value, list):
        return [at for one in value for at in undeclared(one, part.get("items", {}), root, path + "[]")]
    if not isinstance(value, dict):
        return []
    declared = dict(part.get("properties", {}))
    for other in part.get("allOf", []):
        declared.update(root["$defs"][other["$ref"].rpartition("/")[2]]["properties"])
    if not declared:
        return []                       # an object that is said to be any
    return [at for name, one in value.items() for at in
            (undeclared(one, declared[name], root, f"{path}.{name}") if name in declared else [f"{path}.{name}"])]


@pytest.fixture(scope="module")
def written(new_deployment):
    """A deployment after every kind of push that we know, a release check, and an account that left."""
    whole = Whole(new_deployment())
    appid, _ = whole.new_account(nick_name="小店")
    whole.authorize(appid)
    samples = whole.sim.get("/admin/samples")["samples"]
    for sample in samples:
        whole.sim.call("/admin/push/sample", component_appid=whole.component, appid=appid, openid=new_openid(),
                       name=sample["name"])
    whole.deployment.set_repliers(appid, ["desk"])
    whole.sim.release_check(whole.component, group=1)
    whole.sim.push_updateauthorized(whole.component, appid, func_ids=[1, 2, 7])
    whole.notice(appid, "updateauthorized")
    time.sleep(1.1)                     # Weixin's times are whole seconds
    whole.sim.push_unauthorized(whole.component, appid)
    whole.notice(appid, "unauthorized")
    whole.samples = samples
    return whole


def test_every_record_is_as_its_schema_says(written):
    headers, count = validator("headers"), {}
    for topic in (*BY_TYPE, *ONE):
        name = BY_TYPE.get(topic) or ONE[topic]
        document = schema(name)
        for record in written.all_records(topic):
            kind = record.headers["ce_type"]
            assert topic not in BY_TYPE or kind in document["$defs"], f"{topic}: no schema for {kind}"
            part = document["$defs"][kind] if topic in BY_TYPE else document
            headers.validate(record.headers)
            validator(name, kind if topic in BY_TYPE else None).validate(record.json)
            unknown = undeclared(record.json, part, document)
            if topic == "replies":      # what belongs to a kind of reply is Weixin's
                unknown = [at for at in unknown if not at.startswith(".reply.")]
            assert not unknown, f"{topic}: the schema of {kind} does not declare {unknown}"
            assert set(record.headers) <= set(schema("headers")["properties"]), sorted(record.headers)
            count[topic] = count.get(topic, 0) + 1
    assert set(count) >= {"messages", "platform-notices", "accounts", "replies", "api-requests"}
    assert count["messages"] >= sum(sample["on"] != "platform" for sample in written.samples)


def test_each_kind_of_push_has_a_schema_that_refuses_a_broken_value(written):
    for record in written.all_records("messages"):
        check = validator("message", record.headers["ce_type"])
        for broken in ({**record.json, "CreateTime": "soon"}, {**record.json, "MsgType": "other"},
                       {name: value for name, value in record.json.items() if name != "FromUserName"}):
            assert not check.is_valid(broken)


def test_the_description_names_every_topic_that_others_may_use(written):
    description = yaml.safe_load((PROTO / "asyncapi.yaml").read_text(encoding="utf-8"))
    prefix = written.deployment.topic_prefix
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": written.deployment.kafka.bootstrap_servers})
    there = {name.removeprefix(prefix) for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)}
    told = {channel["address"].removeprefix("wx.") for channel in description["channels"].values()}
    assert {name for name in there if "." not in name or name == "messages.test"} - told == {"platform-events"}
    assert told - there == {"{group}.results"}
    references = [value["$ref"] for message in description["components"]["messages"].values()
                  for value in message.values() if isinstance(value, dict)]
    assert references and all((PROTO / reference).is_file() for reference in references)
    for operation in description["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in description["channels"]


def test_a_consumer_in_another_language_reads_the_stream(written, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        consumer = subprocess.Popen(
            [sys.executable, str(CONSUMER), "other-language"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={**os.environ, "WXBUS_TOPIC_PREFIX": written.deployment.topic_prefix,
                 "WXBUS_KAFKA_BOOTSTRAP_SERVERS": written.deployment.kafka.bootstrap_servers})
    try:
        fan = new_openid()
        written.sim.push_text(written.component, TEST_ACCOUNT, fan, "读到了吗")
        for line in (f"{fan}: 读到了吗\n", ": click MENU_HOURS\n"):
            wait_until(lambda wanted=line: wanted in (tmp_path / "out").read_text(encoding="utf-8"), 30,
                       f"{line!r} in the consumer's output")
    finally:
        consumer.terminate()
        assert consumer.wait(20) == 0
