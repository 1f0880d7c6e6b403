"""Commands: what a user says to the conversation itself, such as "cancel", "help" or "say that again".

A verb such as "cancel" or "stop" is a command where nothing but the conversation can be its object: it has none, or a
pronoun ("forget it", "cancel everything"), or a noun that "the", "this" or "that" points at ("cancel the booking",
"stop this conversation"). "Cancel my subscription" speaks of something that the user has already, and is none;
neither is "help me book a table", which asks for a table.

This module must not know slots or intents.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from parley_server.core.understanding import Command
from parley_server.nlu.clauses import Clause, phrases

_WISH = (
    "i want to|i want you to|i would like to|id like to|i need to|i wish to|i have to|ill|i will|im going to|we should"
)
_ASK = "can you|could you|would you|will you|you can|can we|could we|can i|could i|may i|lets|let us|go ahead and"
_POLITE = f"(?:(?:{_WISH}|{_ASK}|no|yes|ok|okay|alright|please|actually|just|kindly) )*"
_WITHAL = (
    "(?: (?:please|now|right now|here|thanks|thank you|then|instead|already|completely|altogether|for me|for now|"
    "any ?more))*"
)
_IT = "(?:it|this|that|these|those|everything|all|all of it|all of this|all that|the (?:whole )?(?:thing|lot))"
_NOUN = "(?:(?:the|this|that) (?:whole |entire |current )?\\w+)"
_GO_ON = "(?:do|continue|go on|proceed|go on with|proceed with|continue with)"

_LONGEST = 14
"""No command has more words than this."""

_CANCEL_BARE = phrases(
    [
        f"{_POLITE}(?:cancel|stop|quit|abort|exit|terminate|end)(?: {_IT})?{_WITHAL}",
        f"{_POLITE}(?:forget|drop|scrap|scratch|leave|disregard|ignore)(?: about)? {_IT}{_WITHAL}",
        f"{_POLITE}(?:stop|quit|end) (?:talking|asking|chatting|the (?:chat|conversation|session|call|process))",
        "(?:no )?never ?mind(?: (?:it|that|this|then|about (?:it|that|this)))?|nvm|i give up",
        f"i (?:dont|do not) want (?:to {_GO_ON}(?: {_IT})?|{_IT} any ?more){_WITHAL}",
    ]
)
_CANCEL_NOUN = phrases([f"{_POLITE}(?P<verb>cancel|stop|quit|abort|end|terminate|forget(?: about)?) {_NOUN}{_WITHAL}"])

_HELP = phrases(
    [
        f"{_POLITE}help(?: me| us)?(?: out)?(?: with (?:it|this|that))?{_WITHAL}",
        f"(?:i|we) (?:really )?need (?:some |a little |your )?(?:help|assistance)(?: with (?:it|this|that))?{_WITHAL}",
        "what (?:can|could|should|may|do|am) i (?:supposed to )?(?:say|ask|do|type|write|answer)(?: (?:here|now))*",
        "what (?:can|could|do) you (?:do|understand|know|offer|help (?:me )?with)(?: (?:for me|here))*",
        "how (?:can|could|do) you help(?: me)?|how (?:do|can) i use (?:this|it|you)",
        "how (?:does|do) (?:this|it|that|you) work",
        "what are my options|(?:im|i am) (?:lost|confused|stuck)|help help",
    ]
)

_RESTART = phrases(
    [
        f"{_POLITE}(?:restart|start (?:over|again|afresh|anew)|begin again|reset)(?: {_IT})?{_WITHAL}",
        f"{_POLITE}(?:start|begin|go back)(?: again)? (?:from|at|to) the (?:very )?(?:beginning|start|top)",
    ]
)
_REPEAT = phrases(
    [
        f"{_POLITE}(?:repeat|say|ask|tell me)(?: {_IT}| the question| your question)?(?: again| once more){_WITHAL}",
        f"{_POLITE}repeat(?: {_IT}| the question| your question| yourself)?{_WITHAL}",
        "(?:sorry )?(?:what|pardon(?: me)?|come again|say what|excuse me|once more|again)(?: please)?",
        "(?:sorry )?what (?:was (?:that|the question|your question)|did you (?:say|ask))(?: again)?",
        "i (?:didnt|did not) (?:hear|catch|get) (?:that|you|what you said)",
    ]
)
_SKIP = phrases(
    [
        f"{_POLITE}(?:skip|pass)(?: on)?(?: {_IT}| the question| this question| this one| that one)?{_WITHAL}",
        "(?:lets )?(?:go on|move on|continue|proceed) without(?: it| that| this)?|next question(?: please)?",
        "(?:(?:id|i would|i|we) )?(?:rather not|prefer not to|dont want to) (?:say|tell(?: you)?|answer(?: \\w+)?)",
    ]
)
_SPEAKER = "(?:bot|robot|machine|computer|human(?: being)?|person|ai|real|automated)"
_WHO = phrases(
    [
        "who (?:am i|are we) (?:talking|speaking|chatting|writing) (?:to|with)(?: here)?|who(?: i)?s (?:this|there)",
        "(?:who|what) are you|what is your name|whats your name",
        f"(?:are you|am i (?:talking|speaking|chatting) (?:to|with)) (?:a |an |really |real )*{_SPEAKER}",
    ]
)
_PRAISE = "(?:(?:ok|okay|great|perfect|cool|good|alright|super|nice|awesome) )*"
_MUCH = (
    "(?: (?:a lot|so much|very much|again|a million|a bunch|for (?:your|the|all your) help|for that|for everything))*"
)
_THANKS = phrases(
    [
        f"{_PRAISE}(?:many |much )?(?:thanks|thank you|thx|ty|cheers){_MUCH}",
    ]
)
_PLAIN = {
    Command.HELP: _HELP,
    Command.RESTART: _RESTART,
    Command.REPEAT: _REPEAT,
    Command.SKIP: _SKIP,
    Command.WHO: _WHO,
    Command.THANKS: _THANKS,
}
_ANY = re.compile("|".join(said.pattern for said in (_CANCEL_BARE, _CANCEL_NOUN, *_PLAIN.values())))


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it was said."""

    command: Command
    verb: str
    """The verb that has a noun for its object, which an intent of the assistant may be about; empty: it has none."""


def order_of(clauses: Sequence[Clause]) -> Order | None:
    """Reads the command of a message; None if it has none."""
    for clause in clauses:
        for words in {clause.words: None, clause.core: None}:
            if words.count(" ") >= _LONGEST or not _ANY.fullmatch(words):
                continue
            if _CANCEL_BARE.fullmatch(words):
                return Order(Command.CANCEL, "")
            if named := _CANCEL_NOUN.fullmatch(words):
                return Order(Command.CANCEL, named["verb"].partition(" ")[0])
            plain = next((command for command, said in _PLAIN.items() if said.fullmatch(words)), None)
            if plain:
                return Order(plain, "")
    return None
