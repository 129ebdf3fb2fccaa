"""Clients that call one account after the other, in a process of their own, so that what is measured is not how the
test's threads share one interpreter.

As a program: reads a plan (JSON) from its stdin, calls until stdin ends, writes what it saw (JSON) to its stdout."""

import asyncio
import collections
import json
import re
import subprocess
import sys
import time


class Load:
    """`clients` that POST to `paths` in turn, with a key, while `with` lasts: each again `pause_s` after its last
    answer, or when Retry-After says. Afterwards `took_ms` holds how long each call took, `statuses` how often each
    status came."""

    def __init__(self, port, key, paths, clients, pause_s):
        self._plan = {"port": port, "key": key, "paths": paths, "clients": clients, "pause_s": pause_s}

    def __enter__(self):
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process.stdin.write(json.dumps(self._plan).encode() + b"\n")
        self._process.stdin.flush()
        return self

    def __exit__(self, *_):
        seen = json.loads(self._process.communicate(timeout=120)[0])
        self.took_ms, self.failures = seen["took_ms"], seen["failures"]
        self.statuses = {int(status): count for status, count in seen["statuses"].items()}

    def p99_ms(self):
        return sorted(self.took_ms)[int(len(self.took_ms) * 0.99)]


class _Clients:
    def __init__(self, plan):
        self._plan, self._stop = plan, asyncio.Event()
        self._took_ms, self._statuses, self._failures = [], collections.Counter(), []

    async def _sleep(self, seconds):
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    async def _call(self, path):
        """Seconds to wait before the next one."""
        started = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", self._plan["port"])
        writer.write((f"POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {self._plan['key']}\r\n"
                      "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}").encode())
        answer = await reader.read()
        writer.close()
        self._took_ms.append((time.monotonic() - started) * 1000)
        self._statuses[int(answer[9:12])] += 1
        later = re.search(rb"\r\nRetry-After: (\d+)\r\n", answer)
        return int(later[1]) if later else self._plan["pause_s"]

    async def _client(self, number):
        wait_s = self._plan["pause_s"] * number / self._plan["clients"]      # not all at the same moment
        try:
            while not self._stop.is_set():
                await self._sleep(wait_s)
                wait_s = await self._call(self._plan["paths"][number % len(self._plan["paths"])])
        except (OSError, ValueError) as error:
            self._failures.append(repr(error))

    async def run(self):
        clients = [asyncio.create_task(self._client(number)) for number in range(self._plan["clients"])]
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        self._stop.set()
        await asyncio.gather(*clients)
        return {"took_ms": self._took_ms, "statuses": self._statuses, "failures": self._failures}


async def _main():
    print(json.dumps(await _Clients(json.loads(sys.stdin.readline())).run()))


if __name__ == "__main__":
    asyncio.run(_main())
