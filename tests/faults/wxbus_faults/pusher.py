"""Plays Weixin's pushes at a rate, over several ingresses as a balancer would, and writes the ledger.

A process of its own, so that what is measured is not how the harness's threads share one interpreter. It reads JSON
lines from its stdin: first the plan, then commands ({"rate": 50}, {"storm": 200, "copies": 4}, {"clock": 300},
{"idle": true}, which is answered by a line once nothing is under way), and ends with its stdin.

What Weixin does: an answer that is not there within five seconds, or not 200, has the push repeated at once, three
times at the most, each with its own timestamp, nonce and ciphertext.
https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time

from wxbus_testing import weixin
from wxbus_testing.ingress import event_id_of_message

from .ledger import ACKNOWLEDGED, CROSSED, CUT, EMPTY, ILLEGAL, NO_ANSWER, REPLY, SUCCESS, UNAVAILABLE

LIMIT_S = 5.0
REPEATS = 3
_NAP_S = 0.02
_MISSED_S = 0.2


class Pusher:
    """The process, from the harness's side."""

    def __init__(self, plan):
        self._process = subprocess.Popen([sys.executable, "-m", "wxbus_faults.pusher"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True,
                                         env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        self._say(plan)

    def rate(self, per_second):
        self._say({"rate": per_second})

    def storm(self, pushes, copies):
        """So many pushes at once, each to every ingress `copies` times."""
        self._say({"storm": pushes, "copies": copies})

    def clock(self, offset_s):
        """Weixin's clock is off by so much from now on."""
        self._say({"clock": offset_s})

    def wait_idle(self):
        """Nothing is sent any more, and whatever was has its answer or none."""
        self._say({"idle": True})
        if not self._process.stdout.readline():
            raise RuntimeError(f"the pusher ended with {self._process.wait()}")

    def close(self):
        self._process.stdin.close()
        self._process.wait(60)

    def _say(self, command):
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()


class _Fans:
    """Whom the next push is from, and what it says."""

    def __init__(self, plan, random_):
        self._fans = [(account, fan) for account in plan["accounts"] for fan in account["fans"]]
        self._random = random_

    def next(self):
        account, fan = self._random.choice(self._fans)
        dice, words = self._random.random(), []
        if dice < 0.002:
            words.append("poison")
        elif dice < 0.004:
            words.append("fail=9")
        elif dice < 0.03:
            words.append("fail=1")
        if account["answered"] and not words and self._random.random() < 0.5:
            words.append("reply")
        if not words and self._random.random() < 0.3:
            words.append("tell")
        return account, fan, words


class _Weixin:
    def __init__(self, plan):
        self._plan = plan
        self._platform = weixin.Platform(plan["component"], plan["token"], plan["key"])
        self._random = random.Random(plan["seed"])
        self._fans = _Fans(plan, self._random)
        self._ledger = open(plan["ledger"], "a", encoding="utf-8", buffering=1)
        self._rate, self._sent, self._under_way, self._clock_s = 0, 0, set(), 0
        self._msg_id = 24_000_000_000_000_000 + int(time.time() * 1000) % 10 ** 12 * 1000
        self._late = []                 # (when a nap began, by how much it was too long)
        self._napping_since = time.monotonic()

    def _write(self, what, **fields):
        self._ledger.write(json.dumps({"what": what, **fields}) + "\n")

    def _now(self):
        return int(time.time()) + self._clock_s

    def _lateness(self, began, ended):
        """By how much we ourselves were late meanwhile, the nap that is not over yet included."""
        naps = [*self._late, (self._napping_since, ended - self._napping_since - _NAP_S)]
        return max((late for at, late in naps if at <= ended and began <= at + _NAP_S + late), default=0.0)

    async def nap(self):
        while True:
            self._napping_since = time.monotonic()
            await asyncio.sleep(_NAP_S)
            late = time.monotonic() - self._napping_since - _NAP_S
            if late > _NAP_S:
                self._late = self._late[-500:] + [(self._napping_since, late)]

    # --- one push --------------------------------------------------------------------------------------------

    def _new(self):
        account, fan, words = self._fans.next()
        self._sent += 1
        self._msg_id += 1
        push = {"account": account, "fan": fan, "msg_id": self._msg_id, "created": self._now(),
                "content": " ".join([str(self._sent), *words]), "number": self._sent,
                "id": event_id_of_message(self._plan["component"], account["appid"], fan, self._msg_id)}
        self._write("push", id=push["id"], number=self._sent, appid=account["appid"], openid=fan,
                    content=push["content"], began=time.monotonic())
        return push

    async def _deliver(self, push):
        first = push["number"]
        for repeat in range(1 + REPEATS):
            outcome = await self._try(push, (first + repeat) % len(self._plan["ports"]))
            if outcome in ACKNOWLEDGED:
                return

    async def _try(self, push, ingress):
        account = push["account"]
        text = weixin.message_xml(account["original_id"], push["fan"], "text", create_time=push["created"],
                                  msg_id=push["msg_id"], Content=push["content"])
        request = self._platform.message_push(account["appid"], text, account["original_id"], push["fan"],
                                              timestamp=self._now())
        began = time.monotonic()
        try:
            status, body = await asyncio.wait_for(self._exchange(self._plan["ports"][ingress], request), LIMIT_S)
            outcome, why = self._judge(push, request, status, body)
        except asyncio.TimeoutError:
            outcome, why = NO_ANSWER, ""
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            outcome, why = CUT, repr(error)
        ended = time.monotonic()
        self._write("try", id=push["id"], ingress=ingress, began=began, seconds=round(ended - began, 4),
                    outcome=outcome, why=why, lateness=round(self._lateness(began, ended), 3))
        return outcome

    @staticmethod
    async def _exchange(port, request):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
            writer.write(f"POST {request.target} HTTP/1.1\r\nHost: wx.example.com\r\n{head}"
                         f"Content-Length: {len(request.body)}\r\nConnection: close\r\n\r\n".encode() + request.body)
            answer = await reader.read()
        finally:
            writer.close()
        head, mark, body = answer.partition(b"\r\n\r\n")
        if not mark:
            raise ValueError(f"{len(answer)} bytes, and no whole answer")
        return int(head[9:12]), body

    def _judge(self, push, request, status, body):
        """(outcome, why)"""
        if status == 503:
            return UNAVAILABLE, ""
        if status != 200:
            return ILLEGAL, f"status {status}"
        if body in (b"success", b""):
            return (SUCCESS if body else EMPTY), ""
        try:
            reply = self._platform.open_reply(body, nonce=request.query["nonce"])
        except (weixin.WeixinError, ValueError) as error:
            return ILLEGAL, repr(error)
        told = (reply.get("ToUserName"), reply.get("FromUserName"), reply.get("Content"))
        if told != (push["fan"], push["account"]["original_id"], push["content"]):
            return CROSSED, f"a reply for {told}"
        return REPLY, ""

    # --- all of them -----------------------------------------------------------------------------------------

    def _begin(self, work):
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def schedule(self):
        """The schedule waits for no receiver; what we ourselves have missed is not made up for."""
        due = time.monotonic()
        while True:
            if not self._rate:
                await asyncio.sleep(_NAP_S)
                due = time.monotonic()
                continue
            self._begin(self._deliver(self._new()))
            due = max(due + 1 / self._rate, time.monotonic() - _MISSED_S)
            await asyncio.sleep(max(0, due - time.monotonic()))

    def _storm(self, pushes, copies):
        for push in [self._new() for _ in range(pushes)]:
            for ingress in range(len(self._plan["ports"])):
                for _ in range(copies):
                    self._begin(self._try(push, ingress))

    async def run(self, commands):
        background = [asyncio.create_task(self.nap()), asyncio.create_task(self.schedule())]
        while line := await commands.readline():
            command = json.loads(line)
            if "rate" in command:
                self._rate = command["rate"]
            elif "clock" in command:
                self._clock_s = command["clock"]
            elif "storm" in command:
                self._storm(command["storm"], command["copies"])
            else:
                self._rate = 0
                while self._under_way:
                    await asyncio.wait(set(self._under_way))
                print("idle", flush=True)
        for task in background:
            task.cancel()


async def _main():
    commands = asyncio.StreamReader(limit=2 ** 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    await _Weixin(json.loads(await commands.readline())).run(commands)


if __name__ == "__main__":
    asyncio.run(_main())
