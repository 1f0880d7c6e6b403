"""Writing: the texts that a model writes, told as they come.

User text stands apart from instructions: what we and the author say is one message of the role `system`, what users say
and what the session knows is data in the messages of the users.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import lru_cache
from typing import TypeAlias

from parley_server.core.context import Message, Summary
from parley_server.core.decision import Decision
from parley_server.core.effects import Generate
from parley_server.core.generation import Generated, ModelProfile, Older
from parley_server.core.withholding import WITHHELD, secrets_of, shown_messages, shown_slots, without
from parley_server.errors import ModelFault, ModelUnavailable
from parley_server.models.consultation import Consultation
from parley_server.models.prompts import prompt, shortened, tokens_of
from parley_server.models.protocol import SYSTEM, Finish, ModelRequest, Purpose

Tell: TypeAlias = Callable[[Decision, str], None]
"""Is told what a turn has come to, and its reply so far."""

_SUMMARY_TOKENS = 1000
_LONGEST_REPLY = 15 * 1024
"""Characters; a model that writes more is stopped there."""
_LONGEST_SUMMARY = 2000
_LEAST_EXCERPT = 50
"""Characters."""
_UNWRITABLE = dict.fromkeys({*range(32), *range(127, 160), *range(0xD800, 0xE000)} - {9, 10})
"""Control characters, and halves of characters."""
_ECHO = 80
"""Characters in a row of our own instructions that no reply has by chance."""
_STRIDE = 20
"""Characters from one place at which a reply is compared with them to the next."""
_PART = _ECHO - _STRIDE + 1
"""So many in a row are compared: wherever an echo stands, one of the places is in it with all of them."""


async def write(effect: Generate, consultation: Consultation, tell: Tell) -> Generated | ModelUnavailable:
    """Has the model write a text. A failure is not raised but given back: what follows from it, the turn decides."""
    pages = _Pages(effect)
    try:
        text = await _stream(effect, pages, consultation, tell)
    except ModelUnavailable as error:
        consultation.degraded = True
        return error
    return Generated(text=text, summary=await _summary(pages, effect.profile, consultation))


async def _stream(effect: Generate, pages: "_Pages", consultation: Consultation, tell: Tell) -> str:
    before = effect.so_far.reply + " " if effect.so_far.reply else ""
    recites = _Recital(effect.locale)
    request = _request(effect, pages)
    room = max(_LONGEST_REPLY - len(before), 0)
    text = shown = ""
    if before:
        # What was said already does not wait for what the model thinks of.
        tell(effect.so_far, effect.so_far.reply)
    async with aclosing(consultation.write(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Finish):
                break
            text += _cleaned(piece)
            if recites(text):
                # It gives away what it was told, and what the author told it would come next.
                raise ModelUnavailable(ModelFault.GARBLED)
            shown = text.strip()[:room]
            tell(effect.so_far, before + shown)
            if len(text) > room:
                break
    if not shown:
        raise ModelUnavailable(ModelFault.GARBLED)
    return shown


class _Recital:
    """Whether a text that grows recites the instructions."""

    def __init__(self, locale: str) -> None:
        self._parts = _parts_of_instructions(locale)
        self._seen = 0

    def __call__(self, text: str) -> bool:
        while self._seen + _PART <= len(text):
            if text[self._seen : self._seen + _PART] in self._parts:
                return True
            self._seen += _STRIDE
        return False


@lru_cache(maxsize=64)
def _parts_of_instructions(locale: str) -> frozenset[str]:
    instructions = prompt("reply").write(locale=locale, instructions="", task="")
    return frozenset(instructions[n : n + _PART] for n in range(len(instructions) - _PART + 1))


class _Pages:
    """What of a conversation a model is shown, and what there is no room for."""

    def __init__(self, effect: Generate) -> None:
        context, profile = effect.so_far.context, effect.profile
        definitions = {} if profile.sensitive else effect.definitions
        secrets = secrets_of(context, definitions)
        private = effect.so_far.private and not profile.sensitive
        self.slots = shortened(shown_slots(context.slots, definitions))
        said = effect.so_far.reply if profile.sensitive else effect.so_far.shown_reply
        self.already_said = WITHHELD if private and said else without(said, secrets)
        self.message = WITHHELD if private else without(effect.message, secrets)
        messages = shown_messages(context, definitions)
        through = context.summary.through if context.summary else 0
        turns = [
            (turn.turn, messages[2 * index : 2 * index + 2])
            for index, turn in enumerate(context.history)
            if turn.turn > through
        ]
        fitting = _fitting([pair for _, pair in turns], profile)
        self.shown = [message for _, pair in turns[len(turns) - fitting :] for message in pair]
        # Turns are summed up many at once, so that not every turn pays for a summary.
        due = profile.older is Older.SUMMARIZE and (fitting < len(turns) or len(turns) >= 2 * profile.recent_turns)
        self.left = turns[: len(turns) - min(fitting, profile.recent_turns)] if due else []
        self.summary = context.summary


def _fitting(turns: Sequence[Sequence[Message]], profile: ModelProfile) -> int:
    """How many of the last turns a prompt has room for."""
    most = profile.recent_turns * (2 if profile.older is Older.SUMMARIZE else 1)
    room = profile.prompt_tokens
    fitting = 0
    for turn in reversed(turns[-most:]):
        room -= sum(tokens_of(message.text) for message in turn)
        if room < 0:
            break
        fitting += 1
    return fitting


def _request(effect: Generate, pages: _Pages) -> ModelRequest:
    instructions, profile = prompt("reply"), effect.profile
    context = effect.so_far.context
    data: dict[str, object] = {
        "now": effect.now.strftime("%A, %Y-%m-%d %H:%M"),
        "phase": context.phase.value,
        "slots": pages.slots,
        "already_said": pages.already_said,
        "message": pages.message,
    }
    if pages.summary:
        data["before"] = pages.summary.text
    task = instructions.write(
        locale=effect.locale, instructions=profile.instructions, task=effect.generation.instructions
    )
    asked = Message("user", json.dumps(data, ensure_ascii=False, default=str))
    return ModelRequest(
        purpose=Purpose.REPLY,
        prompt_version=instructions.version,
        messages=(Message(SYSTEM, task), *pages.shown, asked),
        model=profile.name,
        max_tokens=effect.generation.max_tokens,
        temperature=profile.temperature,
    )


async def _summary(pages: _Pages, profile: ModelProfile, consultation: Consultation) -> Summary | None:
    """Sums up the turns that have no room any more; None: there are none, or it could not be done now."""
    if not pages.left:
        return None
    instructions = prompt("summarize")
    longest = max(profile.prompt_tokens // len(pages.left), _LEAST_EXCERPT)
    messages = [{message.role: message.text[:longest]} for _, pair in pages.left for message in pair]
    data = {"summary": pages.summary.text if pages.summary else "", "messages": messages}
    request = ModelRequest(
        purpose=Purpose.SUMMARIZE,
        prompt_version=instructions.version,
        messages=(Message(SYSTEM, instructions.write()), Message("user", json.dumps(data, ensure_ascii=False))),
        model=profile.name,
        max_tokens=_SUMMARY_TOKENS,
    )
    try:
        text = await consultation.ask(request)
    except ModelUnavailable:
        return None
    summary = _cleaned(text).strip()[:_LONGEST_SUMMARY]
    return Summary(summary, through=pages.left[-1][0]) if summary else None


def _cleaned(text: str) -> str:
    """A text without what no chat shows."""
    return text.translate(_UNWRITABLE)
