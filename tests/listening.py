"""What an explorer's process says to whoever asked it."""

import queue
import time

from workbench.explore.children import Child


def asked(module, **request):
    """A child that was asked, and the queue of its events."""
    events = queue.Queue()
    child = Child(module)
    child.ask(request, events.put)
    return child, events


def until(events, kind, seconds=300):
    """The first event of a kind; the last one where there is none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        event = events.get(timeout=seconds)
        if event["event"] in (kind, "ended"):
            return event
    raise AssertionError(f"no {kind} in {seconds} s")


def rest(events, seconds=300):
    """Every event from here to the last one."""
    found = []
    while not found or found[-1]["event"] != "ended":
        found.append(events.get(timeout=seconds))
    return found
