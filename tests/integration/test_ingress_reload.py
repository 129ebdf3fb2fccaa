"""SIGHUP: the platforms file is read again while pushes come in; several keys of one platform at once."""

import itertools
import json
import signal
import threading

import pytest

from wxbus_testing import weixin
from wxbus_testing.ingress import Message
from wxbusdev.child import wait_until
from wxbusdev.deployment import PlatformConfig
from wxbusdev.service import http_request

COMPONENT, NEXT_COMPONENT = "wxc0ffee00000001", "wxc0ffee00000002"
_numbers = itertools.count(1)


def new_key(token=None):
    """A Token and an EncodingAESKey, as Weixin's console gives them."""
    return token or f"token{next(_numbers)}", weixin.new_encoding_aes_key()


class Rotation:
    """A running ingress and the keys that its platforms file gives it."""

    def __init__(self, bench):
        self.bench = bench
        self.service = bench.start()

    def write(self, *keys, more=()):
        """These keys for our platform, newest first, and more platforms; the ingress has read them on return."""
        before = self._reloads("platforms read again")
        self.bench.deployment.files.write_platforms([PlatformConfig(COMPONENT, "unused", list(keys)), *more])
        self.service.send(signal.SIGHUP)
        wait_until(lambda: self._reloads("platforms read again") > before, 5, "the platforms are read again")

    def write_text(self, text):
        """A file that must not be taken; returns the line that says so."""
        before = self._reloads("the old platforms stay")
        self.bench.deployment.files.platforms_for_ingress.write_text(text)
        self.service.send(signal.SIGHUP)
        wait_until(lambda: self._reloads("the old platforms stay") > before, 5, "the refusal is logged")
        return [line for line in self.service.log_text().splitlines() if "the old platforms stay" in line][-1]

    def message(self, key, account=None, component=COMPONENT):
        """A message that Weixin signs and encrypts with `key`."""
        account = account or ("wxstranger", "gh_1")
        return Message(weixin.Platform(component, *key), *account)

    def status(self, key, component=COMPONENT):
        return self.bench.send(self.message(key, component=component)).status

    def handshake(self, key):
        push = weixin.Platform(COMPONENT, *key).handshake(f"/push/{COMPONENT}/authorization", "4375120948345356249")
        return http_request(self.bench.port(), "GET", push.target)[0]

    def used(self, place, component=COMPONENT):
        return self.bench.metric("key_used_total", key=f"{component}/{place}")

    def _reloads(self, words):
        return self.service.log_text().count(words)


@pytest.fixture(scope="module")
def rotation(new_bench):
    return Rotation(new_bench(platforms=[PlatformConfig(COMPONENT, "unused", [new_key()])]))


def test_in_a_rotation_old_and_new_keys_are_taken_and_a_counter_for_each_shows_which_is_used(rotation):
    old, new = new_key(), new_key()
    rotation.write(old)
    assert (rotation.status(old), rotation.status(new)) == (200, 403)

    rotation.write(new, old)
    counted = rotation.used(0), rotation.used(1)
    assert [rotation.status(key) for key in (old, new, old)] == [200, 200, 200]
    assert rotation.handshake(old) == rotation.handshake(new) == 200
    assert (rotation.used(0), rotation.used(1)) == (counted[0] + 1, counted[1] + 2)

    rotation.write(new)
    assert (rotation.status(new), rotation.status(old)) == (200, 403)
    assert (rotation.handshake(new), rotation.handshake(old)) == (200, 403)


def test_one_token_may_stand_with_two_aes_keys(rotation):
    first, second = new_key("shared"), new_key("shared")
    rotation.write(first, second)
    counted = rotation.used(0), rotation.used(1)
    assert [rotation.status(key) for key in (first, second, second)] == [200, 200, 200]
    assert (rotation.used(0), rotation.used(1)) == (counted[0] + 1, counted[1] + 2)
    assert rotation.status(new_key("shared")) == 403


def test_a_reply_is_sealed_with_the_key_that_opened_its_push(rotation):
    old, new = new_key(), new_key()
    rotation.write(new, old)
    account = rotation.bench.put_account(["a"])
    for key in (old, new):
        message = rotation.message(key, (account.appid, account.original_id))
        push = message.push()
        future = rotation.bench.send_async(push)
        rotation.bench.wait_published(message)
        rotation.bench.verdict(message, "a", "reply", "hello")
        assert message.open_reply(future.result(), push)["Content"] == "hello"      # opens with `key` alone


def test_a_push_that_waits_while_its_key_is_taken_out_is_still_answered_with_it(rotation):
    old, new = new_key(), new_key()
    rotation.write(old)
    account = rotation.bench.put_account(["a"])
    message = rotation.message(old, (account.appid, account.original_id))
    push = message.push()
    future = rotation.bench.send_async(push)
    rotation.bench.wait_published(message)
    rotation.write(new)
    rotation.bench.verdict(message, "a", "reply", "with the old key")
    assert message.open_reply(future.result(), push)["Content"] == "with the old key"
    assert rotation.status(old) == 403


def test_platforms_come_and_go(rotation):
    key, next_key = new_key(), new_key()
    rotation.write(key)
    assert rotation.status(next_key, NEXT_COMPONENT) == 404
    rotation.write(key, more=[PlatformConfig(NEXT_COMPONENT, "unused", [next_key])])
    assert (rotation.status(next_key, NEXT_COMPONENT), rotation.status(key)) == (200, 200)
    assert rotation.used(0, NEXT_COMPONENT) == 1
    assert rotation.status(key, NEXT_COMPONENT) == 403
    rotation.write(key)
    assert rotation.status(next_key, NEXT_COMPONENT) == 404


def test_a_file_that_is_wrong_changes_nothing_and_its_secrets_are_not_logged(rotation):
    key = new_key()
    rotation.write(key)
    platform = {"component_appid": COMPONENT, "keys": [{"token": "s3cr3t", "encoding_aes_key": "s3cr3t" * 7 + "x"}]}
    wrong = {
        "empty": "",
        "no JSON": '{"platforms":[',
        "no platform": '{"platforms":[]}',
        "a secret that an ingress must not hold": json.dumps({"platforms": [{**platform, "app_secret": "s3cr3t"}]}),
        "a misspelt name": json.dumps({"platforms": [{**platform, "key": []}]}),
        "a short key": json.dumps({"platforms": [{**platform, "keys": [{"token": "s3cr3t",
                                                                        "encoding_aes_key": "s3cr3t"}]}]}),
        "a platform twice": json.dumps({"platforms": [platform, platform]}),
    }
    for name, text in wrong.items():
        line = rotation.write_text(text)
        assert "WXBUS_PLATFORMS_FILE" in line and "s3cr3t" not in line, name
        assert rotation.status(key) == 200, name
    assert "s3cr3t" not in rotation.service.log_text()
    rotation.write(new_key(), key)
    assert rotation.status(key) == 200


def test_reloads_under_load_cost_no_push(rotation):
    keys = [new_key() for _ in range(4)]
    rotation.write(*keys)
    statuses, ending = [], threading.Event()

    def push_all_the_time(key):
        while not ending.is_set():
            statuses.append(rotation.status(key))

    threads = [threading.Thread(target=push_all_the_time, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for turn in range(200):             # until each of many pushes has met some of many reloads
        rotation.write(*(keys[turn % 4:] + keys[:turn % 4]))
        if turn > 15 and len(statuses) > 100:
            break
    ending.set()
    for thread in threads:
        thread.join()
    assert len(statuses) > 100 and set(statuses) == {200}
