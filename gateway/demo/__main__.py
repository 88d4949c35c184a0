"""`python -m gateway.demo`: the day, from beginning to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from gateway.demo import afternoon, audit, cast, evening, morning, noon, refused, thief
from gateway.demo.day import Day
from gateway.demo.story import Story
from gateway.demo.world import World
from gateway.logs import set_up_logs


async def _live(day: Day) -> None:
    await morning.open_the_city(day)
    day.citizens, day.merchants = cast.citizens(day.world), cast.merchants(day.world)
    await morning.issue_to_the_treasury(day)
    await morning.register_merchants(day)
    await morning.let_citizens_join(day)
    await morning.charge(day)
    await noon.relief(day)
    await noon.campaign(day)
    await noon.one_payment(day)
    await noon.lunch(day)
    await refused.ask_twice(day)
    await noon.several_hands(day)
    await refused.try_everything(day)
    await thief.try_to_steal(day)
    await afternoon.refunds(day)
    await evening.close_the_cycle(day)
    await evening.monday(day)
    await audit.audit(day)


async def _until_signalled(day: Day) -> None:
    """Live the day; SIGINT and SIGTERM end it early, in good order."""
    life = asyncio.ensure_future(_live(day))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, life.cancel)
    await life


def _first_of(error: BaseException) -> BaseException:
    """What went wrong first, where several things were done at once."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> int:
    """Run the demo. Returns the exit code: 0 when every check passed."""
    began = time.monotonic()
    set_up_logs("demo", quiet=True)
    story = Story()
    story.title("A day in Busan", "1,000 citizens, 50 shops, one local currency: 동백전")
    world = World()
    try:
        asyncio.run(_until_signalled(Day(world, story)))
    except asyncio.CancelledError:
        story.failures.append("ended early by a signal")
    except Exception as error:
        first = _first_of(error)
        traceback.print_exception(first)
        story.failures.append(f"the day broke off: {type(first).__name__}: {first}")
        logs = Path(tempfile.mkdtemp(prefix="camellia-demo-logs-"))
        world.keep_logs(logs)
        story.say(f"logs in {logs}")
    finally:
        world.close()
    story.say(f"\n[dim]{time.monotonic() - began:.0f} seconds[/]")
    return story.end()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
