"""The shop, some load, and its table: `python examples/shop/demo.py`. Ctrl-C stops it all."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from load import Budget, crowd
from server import Server, ServerError, serve
from watch import Watch, console

LONGEST = 3600.0  # seconds; who forgets the demo finds it ended
RATE = 80.0  # requests per second


async def demo(port: int, workers: int, seconds: float) -> None:
    """Until a signal comes or the seconds are over. Raises ServerError."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(port, workers) as server:
        print(f"starting {workers} workers ...", flush=True)
        await _first(server.ready(), server.ended(), stop.wait())
        if not stop.is_set():
            print(f"metrics at {server.url}/metrics", flush=True)
            await _first(*_parts(server, seconds), stop.wait())
    print("stopped")


def _parts(server: Server, seconds: float) -> tuple[Coroutine[Any, Any, None], ...]:
    load = crowd(server.url, Budget(round(seconds * RATE * 2)), seconds, RATE)
    return load, Watch(f"{server.url}/metrics", console()).run(), server.ended()


async def _first(*parts: Coroutine[Any, Any, object]) -> None:
    """Run them until one returns or raises, and end the others."""
    tasks = [asyncio.create_task(part) for part in parts]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=LONGEST, help="stop after so long (3600)")
    parser.add_argument("--workers", type=int, default=2, help="uvicorn workers (2)")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 is any free one (0)")
    given = parser.parse_args()
    try:
        asyncio.run(demo(given.port, given.workers, given.seconds))
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the signal handler stood
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
