"""A TCP relay between two parts of the world, to be cut, stalled and slowed."""

import asyncio
import threading

_PIECE = 65536


class Relay:
    """From 127.0.0.1:`port` to 127.0.0.1:`to_port`, each connection on its own, on a thread of its own."""

    def __init__(self, port, to_port):
        self._port, self._to_port = port, to_port
        self._loop = asyncio.new_event_loop()
        self._writers = set()
        self._delay_s = 0
        self._refuses = False
        self._flows = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"relay-{port}", daemon=True)
        self._thread.start()
        self._do(self._start())

    def close(self):
        self._do(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self):
        """Every connection ends, and each new one does at once."""
        self._refuses = True
        self._do(self._cut())

    def stall(self):
        """Connections stay open, new ones are accepted, and not one byte passes."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def slow(self, delay_s):
        """Each piece is that much later, either way."""
        self._delay_s = delay_s

    def heal(self):
        self._refuses, self._delay_s = False, 0
        self._loop.call_soon_threadsafe(self._flows.set)

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self):
        self._flows.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def _cut(self):
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader, writer):
        if self._refuses:
            writer.transport.abort()
            return
        self._writers.add(writer)
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            self._writers.discard(writer)
            writer.transport.abort()
            return
        self._writers.add(other_writer)
        await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer))

    async def _pump(self, source, sink):
        try:
            while piece := await source.read(_PIECE):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._flows.wait()
                sink.write(piece)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
        except OSError:
            sink.transport.abort()
        finally:
            self._writers.discard(sink)
            sink.close()
