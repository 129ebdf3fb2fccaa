"""Weixin's side of a push, written independently of our C code: hashlib and python3-cryptography.

https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
"""

import base64
import dataclasses
import hashlib
import json
import re
import secrets
import struct
import time
import urllib.parse
import xml.etree.ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_BLOCK = 32                             # Weixin's PKCS#7 pads to 32, not to AES's 16
_HEAD = 20                              # 16 random bytes, 4 of length


class WeixinError(AssertionError):
    """What a strict Weixin would not accept."""


def sorted_sha1(*parts):
    """The signature of both kinds: parts sorted byte-wise, joined, SHA-1 in lower-case hex."""
    return hashlib.sha1(b"".join(sorted(part.encode() for part in parts))).hexdigest()


def new_encoding_aes_key():
    """43 characters as Weixin's console makes them."""
    return base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=").translate(
        str.maketrans({"+": "p", "/": "s"}))


@dataclasses.dataclass(frozen=True)
class Opened:
    """A decrypted Encrypt."""

    random: bytes
    message: bytes
    appid: str


class Crypto:
    """One Token and one EncodingAESKey, as both ends of a platform hold them."""

    def __init__(self, token, encoding_aes_key):
        if len(encoding_aes_key) != 43:
            raise ValueError("an EncodingAESKey has 43 characters")
        self.token = token
        self._key = base64.b64decode(encoding_aes_key + "=")

    def signature(self, timestamp, nonce):
        return sorted_sha1(self.token, timestamp, nonce)

    def msg_signature(self, timestamp, nonce, encrypt):
        return sorted_sha1(self.token, timestamp, nonce, encrypt)

    def encrypt(self, message, appid, random=None):
        """The text of an Encrypt element."""
        random = secrets.token_hex(8).encode() if random is None else random
        plain = random + struct.pack(">I", len(message)) + message + appid.encode()
        count = _BLOCK - len(plain) % _BLOCK
        return self.encrypt_raw(plain + bytes([count]) * count)

    def encrypt_raw(self, padded):
        """Exactly these bytes (a multiple of 16), however wrong they are."""
        cipher = self._cipher().encryptor()
        return base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()

    def decrypt(self, encrypt):
        """Opened; WeixinError if padding or length are not as they must be."""
        raw = base64.b64decode(encrypt, validate=True)
        if not raw or len(raw) % _BLOCK:
            raise WeixinError(f"{len(raw)} bytes of ciphertext")
        cipher = self._cipher().decryptor()
        plain = cipher.update(raw) + cipher.finalize()
        count = plain[-1]
        if not 1 <= count <= _BLOCK or plain[-count:] != bytes([count]) * count:
            raise WeixinError("wrong padding")
        plain = plain[:-count]
        if len(plain) < _HEAD:
            raise WeixinError("shorter than its own head")
        (size,) = struct.unpack(">I", plain[16:_HEAD])
        if size > len(plain) - _HEAD:
            raise WeixinError("longer than the plaintext")
        return Opened(plain[:16], plain[_HEAD:_HEAD + size], plain[_HEAD + size:].decode())

    def _cipher(self):
        return Cipher(algorithms.AES(self._key), modes.CBC(self._key[:16]))


@dataclasses.dataclass
class Push:
    """A push ready to be sent; change any part to make it wrong."""

    path: str
    query: dict
    body: bytes
    headers: dict

    @property
    def target(self):
        return self.path + "?" + urllib.parse.urlencode(self.query)


class Platform:
    """One third-party platform as Weixin sees it: its appid and the keys of its console."""

    def __init__(self, component_appid, token, encoding_aes_key):
        self.component_appid = component_appid
        self.crypto = Crypto(token, encoding_aes_key)

    def event_push(self, message, **parts):
        """A push to the authorization-event URL; `message` is the inner XML (str or bytes)."""
        return self.push(f"/push/{self.component_appid}/authorization", message,
                         receiver=("AppId", self.component_appid), **parts)

    def message_push(self, appid, message, original_id="gh_000000000000", openid=None, **parts):
        """A push to the message-and-event URL of the account `appid`."""
        return self.push(f"/push/{self.component_appid}/accounts/{appid}", message,
                         receiver=("ToUserName", original_id), openid=openid, **parts)

    def push(self, path, message, receiver, openid=None, timestamp=None, nonce=None, tail_appid=None,
             encrypt=None, json_form=False):
        """`encrypt` given: that text instead of the encrypted message."""
        message = message.encode() if isinstance(message, str) else message
        timestamp = str(int(time.time())) if timestamp is None else str(timestamp)
        nonce = str(secrets.randbelow(10 ** 10)) if nonce is None else nonce
        if encrypt is None:
            encrypt = self.crypto.encrypt(message, tail_appid or self.component_appid)
        query = {
            "signature": self.crypto.signature(timestamp, nonce),
            "timestamp": timestamp,
            "nonce": nonce,
            "encrypt_type": "aes",
            "msg_signature": self.crypto.msg_signature(timestamp, nonce, encrypt),
        }
        if openid:
            query["openid"] = openid
        element, name = receiver
        if json_form:
            body = f'{{"{element}":"{name}","Encrypt":"{encrypt}"}}'
            content_type = "application/json"
        else:
            body = (f"<xml>\n    <{element}><![CDATA[{name}]]></{element}>\n"
                    f"    <Encrypt><![CDATA[{encrypt}]]></Encrypt>\n</xml>")
            content_type = "text/xml"
        return Push(path, query, body.encode(), {"Content-Type": content_type})

    def handshake(self, path, echostr, timestamp=None, nonce="1514711492"):
        """The GET with which Weixin checks a URL."""
        timestamp = str(int(time.time())) if timestamp is None else str(timestamp)
        return Push(path, {"signature": self.crypto.signature(timestamp, nonce), "timestamp": timestamp,
                           "nonce": nonce, "echostr": echostr}, b"", {})

    def open_reply(self, body, nonce=None):
        """The inner XML of an encrypted passive reply as a dict, after every check that Weixin makes;
        `nonce` is the push's, which the reply should echo."""
        return xml_to_dict(self._open(xml_to_dict(body), body, nonce))

    def open_json_reply(self, body, nonce=None):
        """The same where the push was JSON, and so is the reply."""
        envelope = json.loads(body)
        if not isinstance(envelope.get("TimeStamp"), int):
            raise WeixinError("TimeStamp is no number")
        return json.loads(self._open({**envelope, "TimeStamp": str(envelope["TimeStamp"])}, body, nonce))

    def _open(self, envelope, body, nonce):
        missing = {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"} - set(envelope)
        if missing:
            raise WeixinError(f"the reply lacks {sorted(missing)}: {body!r}")
        expected = self.crypto.msg_signature(envelope["TimeStamp"], envelope["Nonce"], envelope["Encrypt"])
        if envelope["MsgSignature"] != expected:
            raise WeixinError("the reply's MsgSignature does not cover it")
        if abs(int(envelope["TimeStamp"]) - time.time()) > 60:
            raise WeixinError(f"the reply's TimeStamp is {envelope['TimeStamp']}")
        if nonce is not None and envelope["Nonce"] != nonce:
            raise WeixinError("the reply's Nonce is not the push's")
        opened = self.crypto.decrypt(envelope["Encrypt"])
        if opened.appid != self.component_appid:
            raise WeixinError(f"the reply ends in {opened.appid!r}, not in the component's appid")
        return opened.message


def xml_to_dict(text):
    """The children of the root element <xml>: texts as str, nested elements as dict, repeated ones as list."""
    text = text.decode() if isinstance(text, bytes) else text
    if re.search(r"<!DOCTYPE|<!ENTITY", text):
        raise WeixinError("a document type declaration")
    root = xml.etree.ElementTree.fromstring(text)
    if root.tag != "xml":
        raise WeixinError(f"the root is <{root.tag}>")
    return _children(root)


def _children(element):
    found = {}
    for child in element:
        value = _children(child) if len(child) else (child.text or "")
        if child.tag not in found:
            found[child.tag] = value
        elif isinstance(found[child.tag], list):
            found[child.tag].append(value)
        else:
            found[child.tag] = [found[child.tag], value]
    return found


def message_xml(original_id, openid, msg_type, create_time=None, msg_id=None, **elements):
    """A message or event as Weixin writes it: message_xml(gh, fan, "text", msg_id=1, Content="hi")."""
    fields = {"ToUserName": original_id, "FromUserName": openid,
              "CreateTime": int(time.time()) if create_time is None else create_time, "MsgType": msg_type}
    fields.update(elements)
    if msg_id is not None:
        fields["MsgId"] = msg_id
    return _xml(fields)


def message_json(original_id, openid, msg_type, create_time=None, msg_id=None, **fields):
    """The same in the JSON form that mini programs may choose."""
    head = {"ToUserName": original_id, "FromUserName": openid,
            "CreateTime": int(time.time()) if create_time is None else create_time, "MsgType": msg_type}
    return json.dumps({**head, **fields, **({} if msg_id is None else {"MsgId": msg_id})}, ensure_ascii=False)


def event_xml(component_appid, info_type, create_time=None, **elements):
    """A platform event: event_xml(component, "component_verify_ticket", ComponentVerifyTicket="ticket@@@...")."""
    return _xml({"AppId": component_appid, "CreateTime": int(time.time()) if create_time is None else create_time,
                 "InfoType": info_type, **elements})


def _xml(fields):
    def one(name, value):
        return f"<{name}>{value}</{name}>" if isinstance(value, int) else f"<{name}><![CDATA[{value}]]></{name}>"

    return "<xml>" + "\n".join(one(name, value) for name, value in fields.items()) + "\n</xml>"
