"""A third-party platform with wechatpy: with_wechatpy_component.py SOCKET COMPONENT SECRET TOKEN KEY. Receives its pushes
on the Unix socket, echoes texts in passive replies, and answers the text "call me" with a customer-service message, too.
Ends with its standard input, and prints what it has seen as JSON."""

import http.server
import json
import socketserver
import sys
import threading
import urllib.parse

from wechatpy import parse_message
from wechatpy.component import WeChatComponent
from wechatpy.replies import TextReply

path, component_appid, secret, token, key = sys.argv[1:]
component = WeChatComponent(component_appid, secret, token, key)
seen = {"platform": [], "messages": [], "sent": [], "authorizers": None, "nick_name": None, "refreshed": False}


def on_platform_event(body, query):
    """Fetches tokens as a side effect: the ticket is kept, an authorization's code is exchanged."""
    event = component.parse_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
    seen["platform"].append(event.type)
    if event.type == "authorized":
        appid = event.authorizer_appid
        seen["authorizers"] = component.get_authorizer_list()
        seen["nick_name"] = component.get_authorizer_info(appid)["authorizer_info"]["nick_name"]
        client = component.get_client_by_appid(appid)
        before = client.access_token
        client.fetch_access_token()
        seen["refreshed"] = client.access_token != before
    return "success"


def on_message(appid, body, query):
    message = parse_message(component.crypto.decrypt_message(
        body, query["msg_signature"], query["timestamp"], query["nonce"]))
    seen["messages"].append([message.type, getattr(message, "content", "")])
    if message.type != "text":
        return "success"
    if message.content == "call me":
        client = component.get_client_by_appid(appid)
        seen["sent"].append(client.message.send_text(message.source, "你好 from wechatpy"))
    reply = TextReply(content="echo " + message.content, message=message)
    return component.crypto.encrypt_message(reply.render(), query["nonce"], query["timestamp"])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        target, _, query = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        appid = target.rpartition("/")[2]
        answer = on_platform_event(body, query) if appid == "event" else on_message(appid, body, query)
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer.encode())))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


with Server(path, Handler) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    server.shutdown()
print(json.dumps(seen, ensure_ascii=False))
