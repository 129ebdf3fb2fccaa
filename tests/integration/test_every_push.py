"""Every kind of message and event that weixin-sim knows, through the ingress to its topic."""

import concurrent.futures
import re

import pytest

from wxbus_testing import topics
from wxbus_testing.timing import margin

ACCOUNT, ORIGINAL_ID, FAN = "wxevery000000001", "gh_every0000001", "oEveryFan0001"


@pytest.fixture(scope="module")
def deployment(new_deployment):
    deployment = new_deployment()
    deployment.start("weixin-sim", "wxbus-ingress")
    deployment.sim.add_account(ACCOUNT, user_name=ORIGINAL_ID)
    return deployment


def push_all(deployment, samples):
    """{name: what Weixin saw}"""
    def push(sample):
        return sample["name"], deployment.sim.call(
            "/admin/push/sample", component_appid=deployment.platform.component_appid, appid=ACCOUNT, openid=FAN,
            name=sample["name"], retries=3)

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return dict(pool.map(push, samples))


def test_every_kind_reaches_its_topic_as_what_it_is(deployment):
    samples = deployment.sim.get("/admin/samples")["samples"]
    pushed = push_all(deployment, samples)
    assert {name: push["answer"] for name, push in pushed.items()} == {name: "success" for name in pushed}

    wanted = sorted(f"weixin.{sample['on']}.{sample['name'].split('.')[0].lower()}"
                    for sample in samples if sample["on"] != "platform")
    servers = deployment.kafka.bootstrap_servers
    with topics.TopicReader(servers, deployment.topic("messages")) as reader:
        reader.wait_for(lambda record: True, margin(10), count=len(wanted))
        # A push that was repeated may be there twice, under one id.
        records = list({record.event_id: record for record in reader.read_to_end()}.values())
    assert sorted(record.headers["ce_type"] for record in records) == wanted
    for record in records:
        assert record.key == f"{ACCOUNT}/{FAN}" and record.headers["ce_subject"] == FAN
    by_type = {record.headers["ce_type"]: record.json for record in records}
    albums = by_type["weixin.event.pic_photo_or_album"]["SendPicsInfo"]["PicList"]["item"]
    assert len(albums) == 2 and all(len(picture["PicMd5Sum"]) == 32 for picture in albums)
    assert by_type["weixin.event.subscribe_msg_change_event"]["SubscribeMsgChangeEvent"]["List"][0]["TemplateId"]

    of_platform = [sample for sample in samples if sample["on"] == "platform"]
    with topics.TopicReader(servers, deployment.topic("platform-events")) as reader:
        reader.wait_for(lambda record: True, margin(10), count=len(of_platform))
        sealed = list({record.event_id: record for record in reader.read_to_end()}.values())
    assert len(sealed) == len(of_platform)
    codes = re.findall(r"<auth_code><!\[CDATA\[(.+?)\]\]>", "".join(push["xml"] for push in pushed.values()))
    assert codes and not any(code.encode() in record.value for code in codes for record in sealed)
