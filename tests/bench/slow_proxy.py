"""A TCP proxy before a store that can be told to hand on everything late."""
import asyncio, threading
from stores import free_port


class SlowProxy:
    """Listens on `port` of the loopback from `with` on; `delay` seconds each way, at once for what comes from now on."""

    def __init__(self, target_port):
        self.target_port, self.port, self.delay = target_port, free_port(), 0.0
        self.loop = asyncio.new_event_loop()

    def __enter__(self):
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.start_server(self.connect, "127.0.0.1", self.port))
        self.loop.call_soon(ready.set)
        self.loop.run_forever()

    async def connect(self, reader, writer):
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self.pass_on(reader, there_writer), self.pass_on(there_reader, writer), return_exceptions=True)

    async def pass_on(self, reader, writer):
        queue = asyncio.Queue()

        async def write():
            while (item := await queue.get()) is not None:
                due, chunk = item
                await asyncio.sleep(max(0.0, due - self.loop.time()))
                writer.write(chunk)
                await writer.drain()
            writer.close()

        writing = asyncio.ensure_future(write())
        try:
            while chunk := await reader.read(1 << 16):
                queue.put_nowait((self.loop.time() + self.delay, chunk))
        finally:
            queue.put_nowait(None)
            await writing
