"""A program written for Weixin, with wechatpy: with_wechatpy.py APPID SECRET OPENID FILE. Prints what it got as JSON."""

import hashlib
import json
import sys

import wechatpy

appid, secret, openid, path = sys.argv[1:]
client = wechatpy.WeChatClient(appid, secret)
with open(path, "rb") as file:
    uploaded = client.media.upload("image", file)
sent = client.message.send_text(openid, "你好 from wechatpy")
menu = client.menu.create({"button": [{"type": "click", "name": "今日歌曲", "key": "V1001"}]})
downloaded = client.media.download("media-1").content
followers = client.user.get_followers()
print(json.dumps({"uploaded": uploaded, "sent": sent, "menu": menu, "followers": followers,
                  "downloaded": hashlib.sha256(downloaded).hexdigest(), "access_token": client.access_token}))
