"""wxbus platforms: what an operator enters in Weixin's console, and what our own files then say of it."""

import base64
import hashlib
import json
import re
import subprocess

from wxbusdev import paths
from wxbusdev.service import program_environment

COMPONENT = "wxd3a0c0ffee000001"


def command(*words, **settings):
    return subprocess.run([str(paths.binary("wxbus")), "platforms", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=20, check=False,
                          env=program_environment({"WXBUS_PUBLIC_URL": "https://wx.example.com", **settings}))


def row_of(answer):
    """What was made, and what was printed before it."""
    text, row = answer.stdout.rstrip("\n").rsplit("\n", 1)
    return json.loads(row), text


def digest(secret):
    return "sha256:" + hashlib.sha256(secret).hexdigest()[:8]


def test_a_new_platform_s_values_are_what_weixin_and_our_services_take(tmp_path):
    answer = command("new", COMPONENT)
    assert answer.returncode == 0, answer.stderr
    row, text = row_of(answer)
    key, = row["keys"]
    assert re.fullmatch("[A-Za-z0-9]{32}", key["token"]) and re.fullmatch("[A-Za-z0-9]{43}", key["encoding_aes_key"])
    assert len(base64.b64decode(key["encoding_aes_key"] + "=", validate=True)) == 32
    assert key["token"] not in text and key["encoding_aes_key"] not in text
    for value in (f"https://wx.example.com/push/{COMPONENT}/authorization", f"https://wx.example.com/push/{COMPONENT}/accounts/$APPID$",
                  "      wx.example.com", f"https://wx.example.com/authorize/{COMPONENT}"):
        assert value in text
    assert row_of(command("new", COMPONENT))[0]["keys"] != row["keys"]

    path = tmp_path / "platforms.json"                       # refused until the AppSecret is filled in
    path.write_text(json.dumps({"platforms": [row]}))
    refused = command("show", WXBUS_PLATFORMS_FILE=path)
    assert refused.returncode == 1 and "app_secret" in refused.stderr
    row["app_secret"] = "a" * 32
    path.write_text(json.dumps({"platforms": [row]}))
    shown = command("show", WXBUS_PLATFORMS_FILE=path)
    assert shown.returncode == 0 and f"https://wx.example.com/push/{COMPONENT}/accounts/$APPID$" in shown.stdout
    for secret in (key["token"], key["encoding_aes_key"], row["app_secret"]):
        assert secret not in shown.stdout
    for secret in (key["token"].encode(), base64.b64decode(key["encoding_aes_key"] + "="), row["app_secret"].encode()):
        assert digest(secret) in shown.stdout
    del row["app_secret"]                                    # the ingress's copy
    path.write_text(json.dumps({"platforms": [row]}))
    assert digest(key["token"].encode()) in command("show", COMPONENT, WXBUS_PLATFORMS_FILE=path).stdout
    assert command("show", "wxother", WXBUS_PLATFORMS_FILE=path).returncode == 1


def test_what_weixin_would_not_take_is_said():
    assert command("new").returncode == 2 and command("new", "wx/1").returncode == 2
    assert command("new", COMPONENT, WXBUS_PUBLIC_URL="https://wx.example.com/base").returncode == 2
    assert "ports 80 and 443 only" not in command("new", COMPONENT).stdout
    for address in ("http://wx.example.com", "https://wx.example.com:8443"):
        assert "ports 80 and 443 only" in command("new", COMPONENT, WXBUS_PUBLIC_URL=address).stdout
