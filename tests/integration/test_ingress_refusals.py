"""A table of bad requests, sent byte by byte to a running ingress. Each gets its status and the one generic body;
nothing of it reaches a topic; the metric counts its reason, once; and the next good push works."""

import base64
import http.client
import socket
import time
import urllib.parse

import pytest

from wxbus_testing import topics, weixin
from wxbus_testing.ingress import TOPICS
from wxbusdev.deployment import PlatformConfig
from wxbusdev.service import http_request

COMPONENT, STRANGER = "wxc0ffee00000001", "wxstranger000001"
# Fixed, so that flipped bits always decrypt to the same garbage.
TOKEN, AES_KEY, RANDOM = "refusals", "refusals0refusals1refusals2refusals3refusal", b"0123456789abcdef"
LIMIT = 256 * 1024
GENERIC = b"refused\n"


class Forger:
    """Makes good pushes, and bad ones out of them."""

    def __init__(self, account):
        self.weixin = weixin.Platform(COMPONENT, TOKEN, AES_KEY)
        self.crypto = self.weixin.crypto
        self.account = account
        self.path = f"/push/{COMPONENT}/accounts/{STRANGER}"

    def text(self, original_id="gh_1", content="hi"):
        return weixin.message_xml(original_id, "oFan", "text", msg_id=time.monotonic_ns(), Content=content)

    def good(self, **parts):
        return self.sealed(self.text(), **parts)

    def sealed(self, message, tail=COMPONENT, path=None, **parts):
        """`message` encrypted and signed as it should be, whatever it is."""
        message = message.encode() if isinstance(message, str) else message
        return self.signed(self.crypto.encrypt(message, tail, RANDOM), path, **parts)

    def signed(self, encrypt, path=None, **parts):
        """`encrypt` signed as it should be, whatever it is."""
        return self.weixin.push(path or self.path, b"", ("ToUserName", "gh_1"), encrypt=encrypt, **parts)

    def padded(self, plain):
        """Exactly these bytes encrypted, to the last byte of the padding."""
        return self.signed(self.crypto.encrypt_raw(plain))

    def flipped(self, index, bit=1):
        """A good ciphertext with one bit turned, and signed anew."""
        raw = bytearray(base64.b64decode(self.crypto.encrypt(self.text().encode(), COMPONENT, RANDOM)))
        raw[index] ^= bit
        return self.signed(base64.b64encode(bytes(raw)).decode())

    def query(self, change, push=None):
        """A good push whose query was changed: a dict of changes (None takes out), or a function of its text."""
        push = push or self.good()
        if callable(change):
            return raw(push, target=f"{push.path}?{change(urllib.parse.urlencode(push.query))}")
        query = {name: value for name, value in {**push.query, **change}.items() if value is not None}
        return raw(push, target=f"{push.path}?{urllib.parse.urlencode(query)}")

    def resigned(self, change):
        """A good push with change(msg_signature) for msg_signature; without `change`, with `signature`."""
        push = self.good()
        forged = change(push.query["msg_signature"]) if change else push.query["signature"]
        return self.query({"msg_signature": forged}, push)

    def body(self, body):
        """Any body under the query of a good push."""
        return raw(self.good(), body=body.encode() if isinstance(body, str) else body)

    def outer(self, change):
        """A good push whose outer XML was changed: nothing outside Encrypt is signed."""
        push = self.good()
        return raw(push, body=change(push.body.decode()).encode())

    def at(self, path):
        """A good push to another path."""
        return raw(self.good(path=path))

    def handshake(self, change, timestamp=None):
        push = self.weixin.handshake(self.path, "4375120948345356249", timestamp)
        query = {name: value for name, value in {**push.query, **change}.items() if value is not None}
        return raw(push, "GET", f"{push.path}?{urllib.parse.urlencode(query)}", lengths=())


def raw(push, method="POST", target=None, body=None, lengths=None, headers=(), version="HTTP/1.1"):
    """The bytes of a request; `lengths`: the Content-Length headers, by default the one right one."""
    body = push.body if body is None else body
    lengths = (len(body),) if lengths is None else lengths
    lines = [f"{method} {target or push.target} {version}", "Host: wx.example.com", "Content-Type: text/xml",
             *(f"Content-Length: {length}" for length in lengths), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def levels(count):
    return "<a>" * count + "</a>" * count


def many_values(count):
    return '{"MsgType":"text","Encrypt":"AAAA","List":[' + ",".join(["0"] * count) + "]}"


LAUGHS = ('<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
          '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>')
HEAD = b"random-of-16-byt"

# name, request (bytes, or bytes and then a half-closed connection), status, reason in the metric
METHODS = [(f"method {method}", lambda f, method=method: raw(f.good(), method), 405, "method")
           for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")]

PATHS = [(f"path {name}", lambda f, path=path: f.at(path.format(c=COMPONENT, a=STRANGER)), 404, "path")
         for name, path in (
             ("root", "/"),
             ("metrics", "/metrics"),
             ("without component", "/push/"),
             ("component alone", "/push/{c}"),
             ("unknown kind", "/push/{c}/messages"),
             ("kind in capitals", "/push/{c}/AUTHORIZATION"),
             ("slash after the end", "/push/{c}/authorization/"),
             ("accounts without appid", "/push/{c}/accounts/"),
             ("more after the appid", "/push/{c}/accounts/{a}/callback"),
             ("%00 after the appid", "/push/{c}/accounts/{a}%00"),
             ("%00x after the end", "/push/{c}/authorization%00x"),
             ("%00 in the component", "/push/{c}%00/authorization"),
             ("encoded slash", "/push/{c}%2fauthorization"),
             ("encoded letter", "/push/{c}/%61uthorization"),
             ("dot segment", "/push/./{c}/authorization"),
             ("appid of 65 letters", "/push/{c}/accounts/" + "a" * 65),
             ("appid with a dot", "/push/{c}/accounts/wx.1"),
             ("appid with bytes beyond ASCII", "/push/{c}/accounts/%E4%BD%A0"),
             ("placeholder in a POST", "/push/{c}/accounts/$APPID$"),
         )]

PLATFORMS = [
    ("unknown platform", lambda f: f.at("/push/wxnobody/authorization"), 404, "unknown_platform"),
    ("unknown platform with an account", lambda f: f.at(f"/push/wxnobody/accounts/{STRANGER}"), 404,
     "unknown_platform"),
    ("platform in capitals", lambda f: f.at(f"/push/{COMPONENT.upper()}/authorization"), 404, "unknown_platform"),
    ("handshake of an unknown platform", lambda f: raw(f.weixin.handshake("/push/wxnobody/authorization", "1"), "GET"),
     404, "unknown_platform"),
]

LENGTHS = [
    ("missing length", lambda f: raw(f.good(), lengths=()), 411, "length_missing"),
    ("two equal lengths", lambda f: twice(f.good()), 400, "length_twice"),
    ("two different lengths", lambda f: raw(f.good(), lengths=(5, 600)), 400, "length_twice"),
    ("chunked", lambda f: raw(f.good(), lengths=(), headers=["Transfer-Encoding: chunked"], body=b"0\r\n\r\n"),
     411, "chunked"),
    ("chunked with a length", lambda f: raw(f.good(), headers=["Transfer-Encoding: chunked"]),
     400, "length_and_chunked"),
    ("another transfer coding", lambda f: raw(f.good(), lengths=(), headers=["Transfer-Encoding: gzip, chunked"]),
     400, ("transfer_encoding", "malformed")),
    ("length 5abc", lambda f: raw(f.good(), lengths=("5abc",)), 400, ("length_malformed", "malformed")),
    ("negative length", lambda f: raw(f.good(), lengths=("-5",)), 400, ("length_malformed", "malformed")),
    ("length with a plus", lambda f: raw(f.good(), lengths=("+5",)), 400, ("length_malformed", "malformed")),
    ("length in hex", lambda f: raw(f.good(), lengths=("0x20",)), 400, ("length_malformed", "malformed")),
    ("length of many digits", lambda f: raw(f.good(), lengths=("9" * 30,)), 400, ("length_malformed", "malformed")),
    ("one byte over the limit", lambda f: f.body(b" " * (LIMIT + 1)), 413, "too_large"),
    ("99 GB claimed", lambda f: raw(f.good(), lengths=(99 * 10 ** 9,), body=b"<xml>"), 413, "too_large"),
    ("body shorter than its length", lambda f: (raw(f.good(), lengths=(5000,)),), 400, "body_incomplete"),
]

HEADERS = [
    ("a 20 KB header", lambda f: raw(f.good(), headers=["X-Long: " + "a" * 20480]), (400, 413, 431),
     ("malformed", "header_too_large")),
    ("a 20 KB query", lambda f: f.query(lambda query: query + "&a=" + "a" * 20480), (400, 413, 431),
     ("malformed", "header_too_large")),
    ("100 headers", lambda f: raw(f.good(), headers=[f"X-{number}: 1" for number in range(100)]), 431,
     "header_too_large"),
    ("a folded header", lambda f: raw(f.good(), headers=["X-Folded: 1", " 2"]), 400,
     ("header_malformed", "malformed")),
    ("a header without a colon", lambda f: raw(f.good(), headers=["Nonsense"]), 400,
     ("header_malformed", "malformed")),
    ("no HTTP at all", lambda f: (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 64 + b"\r\n\r\n",), 400,
     "malformed"),
    ("an unknown version", lambda f: raw(f.good(), version="HTTP/9.9"), (400, 505), "malformed"),
    ("an unknown method", lambda f: raw(f.good(), "FETCH"), 400, "malformed"),
    ("a method in lower case", lambda f: raw(f.good(), "post"), 400, "malformed"),
    ("a path without a slash", lambda f: raw(f.good(), target="push"), 400, "malformed"),
]

QUERIES = [
    ("no query", lambda f: raw(f.good(), target=f.path), 403, "signature_missing"),
    ("empty query", lambda f: raw(f.good(), target=f.path + "?"), 403, "signature_missing"),
    ("missing signature", lambda f: f.query({"msg_signature": None}), 403, "signature_missing"),
    ("missing timestamp", lambda f: f.query({"timestamp": None}), 403, "signature_missing"),
    ("missing nonce", lambda f: f.query({"nonce": None}), 403, "signature_missing"),
    ("plain mode asked for", lambda f: raw(f.weixin.push(f.path, b"", ("ToUserName", "gh_1"), encrypt=""),
                                            target=plain_target(f), body=f.text().encode()), 403,
     "signature_missing"),
    ("msg_signature twice", lambda f: f.query(lambda query: query + "&msg_signature=" + "0" * 40), 400, "query"),
    ("timestamp twice", lambda f: f.query(lambda query: "timestamp=1&" + query), 400, "query"),
    ("nonce twice, once encoded", lambda f: f.query(lambda query: query + "&%6eonce=1"), 400, "query"),
    ("half an escape", lambda f: f.query(lambda query: query + "&a=%4"), 400, "query"),
    ("no escape", lambda f: f.query(lambda query: query + "&a=%zz"), 400, "query"),
    ("an encoded NUL", lambda f: f.query(lambda query: query + "&a=%00"), 400, "query"),
    ("an encoded line end", lambda f: f.query(lambda query: query + "&a=%0d%0aSet-Cookie:%20a"), 400, "query"),
    ("bytes that are no UTF-8", lambda f: f.query(lambda query: query + "&a=%ff%fe"), 400, "query"),
    ("200 parameters", lambda f: f.query(lambda query: query + "".join(f"&a{number}=" for number in range(200))),
     400, "query"),
]

SIGNATURES = [
    ("wrong signature", lambda f: f.query({"msg_signature": "0" * 40}), 403, "signature"),
    ("signature in capitals", lambda f: f.resigned(str.upper), 403, "signature"),
    ("signature cut by one", lambda f: f.resigned(lambda signature: signature[:-1]), 403, "signature"),
    ("signature with one more", lambda f: f.resigned(lambda signature: signature + "0"), 403, "signature"),
    ("empty signature", lambda f: f.query({"msg_signature": ""}), 403, "signature"),
    ("right signature with wrong msg_signature",
     lambda f: f.query({"msg_signature": f.good(timestamp=1, nonce="1").query["msg_signature"]}), 403, "signature"),
    ("signature in the place of msg_signature", lambda f: f.resigned(None), 403, "signature"),
    ("signature of another nonce", lambda f: f.query({"nonce": "another"}), 403, "signature"),
    ("signature of another timestamp", lambda f: f.query({"timestamp": str(int(time.time()) - 1)}), 403, "signature"),
    ("signature of another body", lambda f: raw(f.good(), body=f.sealed(f.text(content="other")).body), 403,
     "signature"),
    ("signature with another token",
     lambda f: raw(weixin.Platform(COMPONENT, "another", AES_KEY).push(f.path, f.text(), ("ToUserName", "gh_1"))),
     403, "signature"),
    ("flipped ciphertext under its old signature", lambda f: raw(f.good(), body=f.flipped(40).body), 403, "signature"),
    ("truncated ciphertext under its old signature", lambda f: raw(f.good(), body=f.signed(cut_block(f)).body), 403,
     "signature"),
]

TIMES = [(f"timestamp {name}", lambda f, of=of: raw(f.good(timestamp=of())), 403, "timestamp") for name, of in (
    ("of an hour ago", lambda: int(time.time()) - 3600),
    ("601 s old", lambda: int(time.time()) - 601),
    ("in ten minutes and a bit", lambda: int(time.time()) + 605),
    ("of 1970", lambda: 0),
    ("negative", lambda: -1),
    ("in words", lambda: "now"),
    ("empty", lambda: ""),
    ("with a fraction", lambda: f"{int(time.time())}.5"),
    ("with a blank", lambda: f" {int(time.time())}"),
)]

CIPHERTEXTS = [
    ("not base64", lambda f: raw(f.signed("*" * 64)), 403, "bad_base64"),
    ("base64 with a line end", lambda f: raw(f.signed("AAAA\n" * 16)), 403, "bad_base64"),
    ("ciphertext cut within a block", lambda f: raw(f.signed(f.crypto.encrypt(b"<xml/>", COMPONENT, RANDOM)[:-8])),
     403, "bad_base64"),
    ("ciphertext without its last block", lambda f: raw(f.signed(cut_block(f))), 403, "bad_padding"),
    ("flipped bit in the padding", lambda f: raw(f.flipped(-17)), 403, "bad_padding"),
    ("flipped bit in the message's length", lambda f: raw(f.flipped(0)), 403, "bad_length"),
    ("flipped bit in the receiver", lambda f: raw(f.flipped(-40)), 403, ("bad_padding", "bad_receiver")),
    ("padding of 0", lambda f: raw(f.padded(framed(b"<xml/>", 32, 0))), 403, "bad_padding"),
    ("padding of 33", lambda f: raw(f.padded(framed(b"<xml/>", 32, 33))), 403, "bad_padding"),
    ("padding of unequal bytes", lambda f: raw(f.padded(framed(b"<xml/>", 32)[:-2] + b"\x01\x02")), 403,
     "bad_padding"),
    ("nothing but padding", lambda f: raw(f.padded(b"\x20" * 32)), 403, "bad_length"),
    ("message longer than the plaintext", lambda f: raw(f.padded(framed(b"<xml/>", 32, length=2 ** 32 - 1))),
     403, "bad_length"),
    ("receiver is the account", lambda f: raw(f.sealed(f.text(), tail=STRANGER)), 403, "bad_receiver"),
    ("receiver is another platform", lambda f: raw(f.sealed(f.text(), tail="wxc0ffee00000002")), 403, "bad_receiver"),
    ("no receiver", lambda f: raw(f.sealed(f.text(), tail="")), 403, "bad_receiver"),
    ("receiver with more behind it", lambda f: raw(f.sealed(f.text(), tail=COMPONENT + "x")), 403, "bad_receiver"),
    ("another AES key", lambda f: raw(weixin.Platform(COMPONENT, TOKEN, AES_KEY[::-1]).push(
        f.path, b"", ("ToUserName", "gh_1"),
        encrypt=weixin.Crypto(TOKEN, AES_KEY[::-1]).encrypt(b"<xml/>" * 40, COMPONENT, RANDOM))), 403,
     ("bad_padding", "bad_length")),
]

ENVELOPES = [
    ("empty body", lambda f: f.body(b""), 400, "empty_body"),
    ("outer blanks", lambda f: f.body(b" \r\n"), 400, "envelope"),
    ("outer text", lambda f: f.body("hello"), 400, "envelope"),
    ("outer half XML", lambda f: f.outer(lambda body: body[:-6]), 400, "envelope"),
    ("outer XML with more behind it", lambda f: f.outer(lambda body: body + "<xml/>"), 400, "envelope"),
    ("outer DOCTYPE", lambda f: f.outer(lambda body: "<!DOCTYPE xml>" + body), 400, "envelope"),
    ("outer billion laughs", lambda f: f.outer(lambda body: LAUGHS + body.replace("gh_1", "&c;")), 400, "envelope"),
    ("outer entity of a file", lambda f: f.outer(
        lambda body: '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + body), 400, "envelope"),
    ("outer of 10,000 levels", lambda f: f.body(levels(10_000)), 400, "envelope"),
    ("outer invalid UTF-8", lambda f: f.body(f.good().body.replace(b"gh_1", b"\xff\xfe")), 400, "envelope"),
    ("outer overlong UTF-8", lambda f: f.body(f.good().body.replace(b"gh_1", b"\xc0\xaf")), 400, "envelope"),
    ("outer UTF-16", lambda f: f.body(f.good().body.decode().encode("utf-16")), 400, "envelope"),
    ("outer NUL", lambda f: f.body(f.good().body.replace(b"gh_1", b"gh\x001")), 400, "envelope"),
    ("outer without Encrypt", lambda f: f.body("<xml><ToUserName>gh_1</ToUserName></xml>"), 400, "envelope"),
    ("outer empty Encrypt", lambda f: f.body("<xml><Encrypt></Encrypt></xml>"), 400, "envelope"),
    ("outer Encrypt twice", lambda f: f.outer(lambda body: body.replace("</xml>", "<Encrypt>AAAA</Encrypt></xml>")),
     400, "envelope"),
    ("outer Encrypt deeper", lambda f: f.body("<xml><a><Encrypt>AAAA</Encrypt></a></xml>"), 400, "envelope"),
    ("a plain message", lambda f: f.body(f.text()), 400, "envelope"),
    ("outer JSON bomb", lambda f: f.body(many_values(100_000)), 400, "envelope"),
    ("outer JSON of 10,000 levels", lambda f: f.body('{"a":' * 10_000 + "1" + "}" * 10_000), 400, "envelope"),
    ("outer JSON array", lambda f: f.body('["AAAA"]'), 400, "envelope"),
    ("outer JSON without Encrypt", lambda f: f.body("{}"), 400, "envelope"),
    ("outer JSON Encrypt a number", lambda f: f.body('{"Encrypt":1}'), 400, "envelope"),
    ("outer half JSON", lambda f: f.body('{"Encrypt":"AAAA"'), 400, "envelope"),
]

PAYLOADS = [(f"inner {name}", lambda f, of=of: raw(f.sealed(of(f))), 400, "payload") for name, of in (
    ("DOCTYPE", lambda f: "<!DOCTYPE xml>" + f.text()),
    ("billion laughs", lambda f: LAUGHS + f.text().replace("hi", "&c;")),
    ("of 10,000 levels", lambda f: levels(10_000)),
    ("of 20,000 elements", lambda f: f.text().replace("<Content>", "<a/>" * 20_000 + "<Content>")),
    ("invalid UTF-8", lambda f: f.text().encode().replace(b"hi", b"\xff\xfe")),
    ("half a character", lambda f: f.text().encode().replace(b"hi", "你".encode()[:2])),
    ("NUL", lambda f: f.text().encode().replace(b"hi", b"h\x00i")),
    ("reference to a NUL", lambda f: f.text().replace("<![CDATA[hi]]>", "&#0;")),
    ("half XML", lambda f: f.text()[:-6]),
    ("two documents", lambda f: f.text() + f.text()),
    ("text", lambda f: "hello"),
    ("nothing", lambda f: b""),
    ("message of no kind", lambda f: f.text().replace("MsgType", "MsgKind")),
    ("blank kind", lambda f: f.text().replace("[text]", "[ ]")),
    ("JSON bomb", lambda f: many_values(60_000)),
    ("JSON of 10,000 levels", lambda f: '{"MsgType":' * 10_000 + "1" + "}" * 10_000),
    ("JSON array", lambda f: '[{"MsgType":"text"}]'),
    ("JSON with NUL", lambda f: '{"MsgType":"text","Content":"\0"}'),
    ("JSON with more behind it", lambda f: '{"MsgType":"text"} x'),
)]

ACCOUNTS = [
    ("wrong account for the gh_ id", lambda f: raw(f.sealed(
        f.text(original_id="gh_of_another"), path=f"/push/{COMPONENT}/accounts/{f.account.appid}")), 403,
     "wrong_account"),
    ("no gh_ id for a known account", lambda f: raw(f.sealed(
        f.text().replace("ToUserName", "ToNobody"), path=f"/push/{COMPONENT}/accounts/{f.account.appid}")), 403,
     "wrong_account"),
]

HANDSHAKES = [
    ("handshake without query", lambda f: raw(f.weixin.handshake(f.path, "1"), "GET", f.path, lengths=()), 403,
     "signature_missing"),
    ("handshake with a wrong signature", lambda f: f.handshake({"signature": "0" * 40}), 403, "signature"),
    ("handshake with msg_signature only", lambda f: f.handshake({"signature": None, "msg_signature": "0" * 40}), 403,
     "signature_missing"),
    ("handshake of an hour ago", lambda f: f.handshake({}, timestamp=int(time.time()) - 3600), 403, "timestamp"),
    ("handshake without echostr", lambda f: f.handshake({"echostr": None}), 400, "echostr"),
    ("handshake with an empty echostr", lambda f: f.handshake({"echostr": ""}), 400, "echostr"),
    ("handshake with a long echostr", lambda f: f.handshake({"echostr": "1" * 300}), 400, "echostr"),
    ("handshake with a line end in echostr", lambda f: f.handshake({"echostr": "1\r\n2"}), 400, "query"),
]

CASES = (METHODS + PATHS + PLATFORMS + LENGTHS + HEADERS + QUERIES + SIGNATURES + TIMES + CIPHERTEXTS + ENVELOPES +
         PAYLOADS + ACCOUNTS + HANDSHAKES)

# What the server answers itself, before a handler of ours sees the request: a constant text for each status.
EARLY = {"malformed", "header_too_large", "header_malformed"}


def twice(push):
    return raw(push, lengths=(len(push.body), len(push.body)))


def plain_target(forger):
    """What a captured GET gives an attacker: a right `signature`, and the wish for plain mode."""
    push = forger.weixin.handshake(forger.path, "1")
    query = {name: push.query[name] for name in ("signature", "timestamp", "nonce")}
    return f"{push.path}?{urllib.parse.urlencode({**query, 'encrypt_type': 'raw'})}"


def cut_block(forger):
    raw = base64.b64decode(forger.crypto.encrypt(forger.text().encode(), COMPONENT, RANDOM))
    return base64.b64encode(raw[:-16]).decode()


def framed(message, block, pad=None, length=None):
    """random, length, message, appid and a padding of the wished value to whole blocks."""
    plain = HEAD + (len(message) if length is None else length).to_bytes(4, "big") + message + COMPONENT.encode()
    count = block - len(plain) % block
    return plain + bytes([count if pad is None else pad]) * count


def exchange(port, request):
    """(status, headers, body) of what the server answers to these bytes."""
    data, half_close = (request[0], True) if isinstance(request, tuple) else (request, False)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        try:
            connection.sendall(data)
        except ConnectionError:
            pass                        # refused before it was all sent; the answer is what counts
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection, method=data.split(b" ", 1)[0].decode("latin-1"))
        response.begin()
        return response.status, response.headers, response.read()


class Refusals:
    """A running ingress, what it counts and where its topics end."""

    def __init__(self, bench):
        self.bench = bench
        self.forger = Forger(bench.put_account())
        self._ends = bench.end_offsets()

    def counted(self):
        """{reason: count} of everything refused so far."""
        prefix = 'wxbus_ingress_refused_total{reason="'
        return {name[len(prefix):-2]: value for name, value in self.bench.service().metrics().items()
                if name.startswith(prefix)}

    def new_records(self):
        """{topic: records since the last call}, without those that got none."""
        before, self._ends = self._ends, topics.end_offsets(
            self.bench.kafka.bootstrap_servers, [self.bench.topic(name) for name in TOPICS])
        found = {}
        for (topic, partition), end in self._ends.items():
            new = end - before[topic, partition]
            if new:
                found[topic] = found.get(topic, 0) + new
        return found


@pytest.fixture(scope="module")
def refusals(new_bench):
    bench = new_bench(platforms=[PlatformConfig(COMPONENT, "unused", [(TOKEN, AES_KEY)])])
    bench.start()
    return Refusals(bench)


def difference(before, after):
    more = {reason: count - before.get(reason, 0) for reason, count in after.items()}
    return {reason: count for reason, count in more.items() if count}


def test_the_table_is_large_enough_and_names_are_unique():
    assert len(CASES) >= 60
    assert len({name for name, *_ in CASES}) == len(CASES)


@pytest.mark.parametrize("make, statuses, reasons", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_is_refused_counted_and_not_published(refusals, make, statuses, reasons):
    statuses = statuses if isinstance(statuses, tuple) else (statuses,)
    reasons = reasons if isinstance(reasons, tuple) else (reasons,)
    before = refusals.counted()
    request = make(refusals.forger)

    status, headers, body = exchange(refusals.bench.port(), request)

    assert status in statuses, (status, body)
    counted = difference(before, refusals.counted())
    assert sum(counted.values()) == 1 and set(counted) <= set(reasons), counted
    assert headers["Content-Type"].startswith("text/plain")
    if set(counted) & EARLY:
        assert len(body) < 40 and body.endswith(b"\n") and body.decode().islower(), body
    elif not (request if isinstance(request, bytes) else request[0]).startswith(b"HEAD"):
        assert body == GENERIC
    assert refusals.bench.send(refusals.forger.good()).success
    assert refusals.new_records() == {refusals.bench.topic("messages"): 1}


def test_a_wrong_key_of_a_known_token_and_a_wrong_token_look_the_same_from_outside(refusals):
    """Whoever guesses learns nothing of how far he came."""
    answers = set()
    for make in (lambda f: f.query({"msg_signature": "0" * 40}), lambda f: raw(f.flipped(-17)),
                 lambda f: raw(f.sealed(f.text(), tail="")), lambda f: raw(f.good(timestamp=1))):
        status, headers, body = exchange(refusals.bench.port(), make(refusals.forger))
        answers.add((status, body, tuple(sorted(headers.keys()))))
    assert len(answers) == 1


def test_a_bad_request_ends_its_connection_or_leaves_the_next_one_on_it_alone(refusals):
    """What follows a refused request on its connection is never taken for a body, nor a body for a request."""
    good, smuggled = raw(refusals.forger.good()), raw(refusals.forger.good())
    refusals.new_records()
    for bad in (raw(refusals.forger.good(), lengths=(5, 6), body=smuggled),
                raw(refusals.forger.good(), lengths=("5abc",), body=smuggled),
                raw(refusals.forger.good(), lengths=(), headers=["Transfer-Encoding: chunked"], body=smuggled),
                raw(refusals.forger.good(), lengths=(), body=smuggled)):
        status, headers, _ = exchange(refusals.bench.port(), bad)
        assert status in (400, 411) and headers["Connection"] == "close"
    assert refusals.new_records() == {}
    assert exchange(refusals.bench.port(), good)[0] == 200
    assert refusals.new_records() == {refusals.bench.topic("messages"): 1}


def test_nothing_of_a_refused_request_is_in_the_log(refusals):
    exchange(refusals.bench.port(), refusals.forger.query({"msg_signature": "5ec2e7" * 6 + "0000"}))
    assert "5ec2e7" not in refusals.bench.service().log_text()


def test_the_public_port_answers_nothing_of_the_admin_port(refusals):
    for path in ("/metrics", "/healthz", "/readyz"):
        assert http_request(refusals.bench.port(), "GET", path)[0] == 404
