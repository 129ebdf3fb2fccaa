"""`messages` is deleted under a running business, and made again: what is on it then is handled, and stays handled. (Found
by ./dev faults --only topic-deleted: the business handled it, but committed nothing until the new topic was as long as
the old one, so that the next process passed over whatever had come meanwhile.)"""

import pytest

from wxbus_testing import probe, topics
from wxbus_testing.events import Events
from wxbus_testing.timing import margin
from wxbusdev.child import wait_until

pytestmark = pytest.mark.real_kafka


@pytest.fixture(scope="module")
def deployment(new_deployment):
    deployment = new_deployment()
    probe.prepare(deployment)
    deployment.start("wxbus-api-proxy", probe.BINARY)
    return deployment


def write(deployment, fans, times):
    """The ids of so many events of each fan."""
    events = Events(deployment, [])
    ids = [events.text(fan.appid, fan.openid, str(number)) for number in range(times) for fan in fans]
    events.flush()
    return ids


def wait_handled(deployment, ids, timeout_s=30):
    """Each has had its effect, once."""
    def handled():
        return sorted(effect.event_id for effect in probe.effects(deployment) if effect.event_id in wanted)

    wanted = set(ids)
    wait_until(lambda: len(handled()) >= len(ids), margin(timeout_s), "all of them handled", 0.2)
    assert handled() == sorted(ids)


def test_a_topic_made_again_is_handled_and_committed_from_its_beginning(deployment):
    fans = [probe.Fan(number) for number in range(40)]
    wait_handled(deployment, write(deployment, fans, 10))
    with probe.Group(deployment) as group:
        wait_until(group.done, margin(20), "all offsets committed", 0.2)
        topics.delete_topic(deployment.kafka.bootstrap_servers, deployment.topic("messages"))
        deployment.migrate()
        wait_handled(deployment, write(deployment, fans, 2), 60)
        wait_until(group.done, margin(20), "the offsets of the new topic committed", 0.2)
    deployment.kill(probe.BINARY)
    meanwhile = write(deployment, fans, 1)
    deployment.start_one(probe.BINARY)
    wait_handled(deployment, meanwhile)
