"""An author's code that blocks its thread until a test lets it go on, and says in which thread it ran."""

import threading

from parley_server.core.slots import ValidationScope

BLOCKING = """
assistant: blocking
slots:
  code: {type: string, prompt: Which code?, extract: "support.blocking:find", validate: "support.blocking:check"}
flows:
  main:
    states:
      ask: {collect: [code], next: done}
      done: {say: "Done with {{ slots.code }}."}
"""


class Barrier:
    """Where the code blocks: in `find` or in `check`, on a message that names it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.threads: set[int] = set()

    def block(self) -> None:
        """Blocks until the barrier is opened."""
        self.reached.set()
        if not self.opened.wait(timeout=30):
            raise TimeoutError


barrier = Barrier()


def find(message: str) -> str | None:
    """Finds the last word of a message."""
    barrier.threads.add(threading.get_ident())
    if message == "block find":
        barrier.block()
    return message.rpartition(" ")[2]


def check(value: str, _scope: ValidationScope) -> str | None:
    """Refuses one value."""
    barrier.threads.add(threading.get_ident())
    if value == "check":
        barrier.block()
    return "No." if value == "no" else None
