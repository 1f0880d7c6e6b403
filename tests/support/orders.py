"""An assistant that takes orders, and messages to it whose understanding is said outright."""

from typing import Any

from support.conversations import understood

from parley_server.core.understanding import Answer, Command, IntentMatch, Understanding

HI = understood("hi")
YES, NO = understood("yes", answer=Answer.YES), understood("no", answer=Answer.NO)


def command(name: str) -> Understanding:
    return understood(name, command=Command(name))


def intent(*names: str, **fields: Any) -> Understanding:
    """A message that may have any of these intents, the first a little more than the next."""
    matches = tuple(IntentMatch(name=name, score=0.9 - 0.01 * place) for place, name in enumerate(names))
    return understood(intents=matches, **fields)


ORDER = """
slots:
  size: {type: integer, prompt: "Which size?", reprompt: ["A number, please.", "1, 2 or 3?"]}
  color: {type: string, prompt: "Which color?"}
flows:
  order:
    states:
      ask: {collect: [size, color], next: done}
      done: {say: "Done."}
"""


def with_slot(name: str, keys: str) -> str:
    """The order with more said of one of its slots."""
    return ORDER.replace(f"  {name}: {{", f"  {name}: {{{keys}, ")
