#!/usr/bin/python3
"""`./dev demo [--check]`: a whole wxbus on this machine, between a broker in memory, a private PostgreSQL
and a simulated Weixin. With --check it plays the story once and ends with 0 or 1; without, it stays."""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

from wxbusdev import paths
from wxbusdev.child import ChildError, wait_until
from wxbusdev.deployment import BUSINESSES, SERVICES, Deployment
from wxbusdev.kafka import EmbeddedBroker
from wxbusdev.postgres import Postgres

ACCOUNT = "wxdemo000000000001"                  # an account of ours
FAN = "oDemoFan0000000000000000001"
TEST_ACCOUNT = "wx570bc396a51b8ff8"             # of Weixin's release check: answered by wxbus-release-check
TEST_ACCOUNT_ID = "gh_3c884a361561"
CALLER = "demo"
REPLAYED = "auto-reply"                         # reads all that comes in, and has no rules here
# Those that answer our account: release-check has accounts of its own.
OWN = [binary for binary in BUSINESSES if binary not in ("wxbus-release-check", f"wxbus-{REPLAYED}")]
GROUPS = [binary.removeprefix("wxbus-") for binary in OWN][:4]        # no account has more repliers
WAIT_S = 15


class Demo:
    """Everything that runs; close() ends it, whatever has been started."""

    def __init__(self):
        self.logs = paths.fresh_dir(paths.ROOT / "build" / "logs" / "demo")
        self._keys = tempfile.TemporaryDirectory(prefix="wxbus-demo-keys-")
        self.broker = EmbeddedBroker(self.logs / "kafka.log")
        self.postgres = Postgres(self.logs / "postgres.log", durable=True)
        self.deployment = None
        self.caller_key = None

    def start(self):
        self.broker.start()
        self.postgres.start()
        self.deployment = Deployment(pathlib.Path(self._keys.name), self.logs, self.broker, self.postgres)
        self.deployment.migrate()
        self.deployment.start(*SERVICES, f"wxbus-{REPLAYED}", *OWN)
        self.caller_key = self.deployment.add_caller(CALLER, [ACCOUNT], ["/cgi-bin/*"])
        for appid, name, original_id in ((ACCOUNT, "Demo Shop", "gh_demo00000001"),
                                         (TEST_ACCOUNT, "Release Check 1", TEST_ACCOUNT_ID)):
            self.sim.add_account(appid, nick_name=name, user_name=original_id, func_ids=[1, 2, 3], fans=[FAN])
        return (f"broker {self.broker.bootstrap_servers}, PostgreSQL 127.0.0.1:{self.postgres.port}, "
                f"{len(SERVICES) + 1 + len(OWN)} processes ready")

    @property
    def sim(self):
        return self.deployment.sim

    @property
    def component(self):
        return self.deployment.platform.component_appid

    def close(self):
        """Ends all; returns what did not end as it should."""
        problems = []
        for part in (self.deployment, self.postgres, self.broker):
            try:
                if part:
                    part.close()
            except ChildError as error:
                problems.append(str(error))
        self._keys.cleanup()
        return problems

    def topic(self, name):
        """The records of a topic as [(key, {header: value}, value)], read with kcat."""
        answer = subprocess.run(
            ["kcat", "-b", self.broker.bootstrap_servers, "-t", self.deployment.topic(name), "-C", "-e", "-q",
             "-o", "beginning", "-J"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
        records = []
        for line in answer.stdout.splitlines():
            record = json.loads(line)
            names_and_values = record.get("headers", [])
            headers = dict(zip(names_and_values[::2], names_and_values[1::2]))
            records.append((record["key"], headers, record["payload"]))
        return records

    # The story, a step each: what happened, or an exception.

    def ticket(self):
        pushed = self.sim.push_ticket(self.component)
        expect(pushed["answer"] == "success", "the ticket", pushed)
        return f"Weixin pushed component_verify_ticket, answered success in {pushed['ms']} ms"

    def authorization(self):
        pushed = self.sim.push_authorized(self.component, ACCOUNT)
        expect(pushed["answer"] == "success", "authorized", pushed)
        version = wait_until(self._account_listed, WAIT_S, f"{ACCOUNT} as authorized on topic accounts")
        return f"{ACCOUNT} authorized, code exchanged, on topic {self.deployment.topic('accounts')} (version {version})"

    def _account_listed(self):
        for key, _, value in reversed(self.topic("accounts")):
            if key == f"{self.component}/{ACCOUNT}":
                row = json.loads(value)
                return row["state"] == "authorized" and row["version"]
        return None

    def message(self):
        pushed = self.sim.push_text(self.component, ACCOUNT, FAN, "hello wxbus")
        expect(pushed["answer"] == "success", "the message", pushed)
        headers = wait_until(self._message_published, WAIT_S, "the message on topic messages")
        return (f"a fan's text answered success in {pushed['ms']} ms, on topic {self.deployment.topic('messages')} "
                f"as {headers['ce_type']}")

    def _message_published(self, text="hello wxbus"):
        for key, headers, value in reversed(self.topic("messages")):
            if key == f"{ACCOUNT}/{FAN}" and json.loads(value).get("Content") == text:
                return headers
        return None

    def businesses(self):
        self.deployment.set_repliers(ACCOUNT, GROUPS)
        pushed = wait_until(self._businesses_asked, WAIT_S, f"the ingress asking {', '.join(GROUPS)}")
        reply = pushed["reply"]
        answer = reply.get("Content", reply["MsgType"]) if reply else "nothing"
        return f"to a fan's \"hello\" {', '.join(GROUPS)} says: {answer}"

    def _businesses_asked(self):
        pushed = self.sim.push_text(self.component, ACCOUNT, FAN, "hello")
        expect(pushed["answer"] in ("reply", "success"), "the message", pushed)
        headers = wait_until(lambda: self._message_published("hello"), WAIT_S, "the message on topic messages")
        return headers.get("ce_repliers") == ",".join(GROUPS) and pushed

    def passive_reply(self):
        text = "TESTCOMPONENT_MSG_TYPE_TEXT"
        pushed = self.sim.push_text(self.component, TEST_ACCOUNT, FAN, text)
        expect(pushed["answer"] == "reply" and pushed["reply"]["Content"] == text + "_callback",
               "the passive reply", pushed)
        return f"wxbus-release-check answered in {pushed['ms']} ms; Weixin verified and decrypted it"

    def api_call(self):
        text = "thank you"
        status, _, body = self.deployment.request(
            "wxbus-api-proxy", "POST", f"/accounts/{ACCOUNT}/cgi-bin/message/custom/send",
            json.dumps({"touser": FAN, "msgtype": "text", "text": {"content": text}}).encode(),
            {"Authorization": f"Bearer {self.caller_key}", "Content-Type": "application/json"})
        answer = json.loads(body)
        expect(status == 200 and answer["errcode"] == 0, "custom/send", {"status": status, **answer})
        expect(text in json.dumps(self.sim.fan_messages(ACCOUNT, FAN)), "the fan's messages",
               self.sim.fan_messages(ACCOUNT, FAN))
        return "custom/send through wxbus-api-proxy, with the account's token put in; the fan has it"

    def replay(self):
        wait_until(lambda: self._handled() == 2, WAIT_S, f"{REPLAYED} handling the texts to both accounts")
        answer = self.deployment.command(
            "replay", "run", REPLAYED, "--redo", "--account", ACCOUNT, "--since", "1h", "--json",
            settings={"WXBUS_DATABASE_URL": self.deployment.database_url_of("wxbus")})
        end = json.loads(answer.stdout)
        expect(end["state"] == "done" and end["events"] == 1, "the replay", end)
        wait_until(lambda: self._handled() == 3, WAIT_S, f"{REPLAYED} handling it once more")
        return f"{REPLAYED} alone has handled our account's event of the last hour once more"

    def _handled(self):
        return self.deployment.service(f"wxbus-{REPLAYED}").metric("wxbus_business_events_total", outcome="done")

    def release_check(self):
        check = self.sim.release_check(self.component, group=2)
        failed = [item for item in check["items"] if not item["ok"]]
        expect(check["ok"], "the release check", failed)
        return f"Weixin's network-wide release check: {len(check['items'])} of {len(check['items'])} items passed"


def expect(condition, what, found):
    if not condition:
        raise ChildError(f"{what}: {json.dumps(found, ensure_ascii=False)[:600]}")


def step(name, play):
    """Play one step and print its line; whether it went well."""
    started = time.monotonic()
    try:
        text, good = play(), True
    except (ChildError, FileNotFoundError, OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        text, good = f"{type(error).__name__}: {error}", False
    ms = (time.monotonic() - started) * 1000
    first, *rest = text.splitlines() or [""]
    lines = textwrap.wrap(first, 92) or [""]
    print(f"{name:<15} {lines[0]:<92} {ms:>7.0f} ms  {'ok' if good else 'FAILED'}", flush=True)
    for line in lines[1:] + rest:
        print(f"{'':<15} {line}", flush=True)
    return good


def where_to_look(demo):
    deployment = demo.deployment
    rows = [
        ("push URLs", f"{deployment.url('wxbus-ingress')}/push/{demo.component}/authorization"),
        ("", f"{deployment.url('wxbus-ingress')}/push/{demo.component}/accounts/$APPID$"),
        ("API proxy", f"{deployment.url('wxbus-api-proxy')}/accounts/{ACCOUNT}/cgi-bin/..."),
        ("chat", f"{deployment.url('weixin-sim')}/weixin-sim (talk to an account as a fan, in a browser)"),
        ("simulator", f"{deployment.url('weixin-sim', 'admin')}/admin/record (tools/weixin-sim/README.md)"),
    ]
    rows += [("metrics" if binary == "wxbus-ingress" else "", f"{deployment.url(binary, 'admin')}/metrics  {binary}")
             for binary in ("wxbus-ingress", "wxbus-token-service", "wxbus-api-proxy", "wxbus-release-check",
                            f"wxbus-{REPLAYED}", *OWN)]
    rows += [
        ("topics", f"kcat -b {demo.broker.bootstrap_servers} -t {deployment.topic('messages')} -C -e -J"),
        ("database", f"psql {deployment.database_url}"),
    ]
    return rows


def print_rows(rows):
    for name, value in rows:
        print(f"  {name:<10} {value}")


def check(demo):
    """The whole story once."""
    story = (("start", demo.start), ("ticket", demo.ticket), ("authorization", demo.authorization),
             ("message", demo.message), ("passive reply", demo.passive_reply), ("API call", demo.api_call),
             ("replay", demo.replay), ("release check", demo.release_check), *own_story(demo))
    # Each step stands on those before it.
    good = all(step(name, play) for name, play in story)
    return step("stop", lambda: stop(demo)) and good


def own_story(demo):
    return (("businesses", demo.businesses),) if OWN else ()


def stop(demo):
    problems = demo.close()
    if problems:
        raise ChildError("\n".join(problems))
    return "every process ended in order, nothing is left running"


def stay(demo):
    """Start, introduce the account, and wait for Ctrl-C."""
    story = (("start", demo.start), ("ticket", demo.ticket), ("authorization", demo.authorization), *own_story(demo))
    good = all(step(name, play) for name, play in story)
    if good:
        print("\nA simulated Weixin pushes here; everything is in memory and gone at the end:")
        print_rows(where_to_look(demo))
        admin = demo.deployment.url("weixin-sim", "admin")
        body = {"component_appid": demo.component, "appid": ACCOUNT, "openid": FAN,
                "fields": {"MsgType": "text", "Content": "hello"}}
        print(f"\nA fan writes:\n  curl {admin}/admin/push/message -d '{json.dumps(body)}'")
        print("\nCtrl-C stops all.", flush=True)
        try:
            while True:
                time.sleep(1)
        except KeyboardInterrupt:
            print()
    return step("stop", lambda: stop(demo)) and good


def read_on(demo):
    print("\nWhere to look next:")
    print_rows([
        ("logs", f"{demo.logs.relative_to(paths.ROOT)}/"),
        ("by hand", "./dev demo (stays up, prints the URLs)"),
        ("read", "README.md, ARCHITECTURE.md; each folder of services/ and tools/ has a README.md"),
    ])


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupted)
    demo = Demo()
    good = False
    try:
        good = check(demo) if "--check" in sys.argv[1:] else stay(demo)
    except KeyboardInterrupt:
        print("\ninterrupted", flush=True)
        for problem in demo.close():
            print(problem)
    read_on(demo)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
