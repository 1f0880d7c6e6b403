"""The understanding that is built in: rules and word tables, offline and deterministic.

It is made for English. One call reads slots, intents, yes or no, commands and corrections together, each in the light
of the others: words that are a slot's value are no command, and a clear intent is none either.

This module must not know the conversation beyond its `Situation`.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from parley_server.core.slots import Candidate, SlotType
from parley_server.core.understanding import Answer, Command, IntentMatch, Situation, Understanding
from parley_server.nlu.answers import answer_of
from parley_server.nlu.clauses import clauses_of, phrases
from parley_server.nlu.commands import order_of
from parley_server.nlu.corrections import is_indifferent, revises, takes_back, wants_other, yes_but
from parley_server.nlu.evasions import evades
from parley_server.nlu.finding import Findings, SlotFinder
from parley_server.nlu.intents import STRONG, IntentClassifier

_KNOWN = 64
"""How many sets of slots, and of intents, are kept ready; an assistant has one of each."""

_ASKS = phrases(
    [
        "what|why|how|who|which|(?:when|where)(?! (?:i|we|you|he|she|it|they|the|my|our|somebody|someone) )",
        "(?:is|are|do|does|can|could|should|may|must) (?:i|you|it|that|this|there)",
    ]
)
"""Begin a question, mark or none; "when I switch it on" begins none."""
_FEW = 2
"""A message of no more words is short."""
_HEAD = re.compile(r"[^\s,.;:!?][^,.;:!?\n]*")


class RulesUnderstander:
    """Understands by rules. Keeps nothing of a conversation, so one serves all."""

    recent_turns = 0

    def __init__(self) -> None:
        self._finder = lru_cache(maxsize=_KNOWN)(SlotFinder)
        self._classifier = lru_cache(maxsize=_KNOWN)(IntentClassifier)

    def prepare(self, situation: Situation) -> None:
        """Learns a situation's slots and intents now, so that no message waits for it."""
        finder = self._finder(tuple(situation.slots.values()))
        self._classifier(situation.intents, finder.values)

    async def understand(self, message: str, situation: Situation, _consultation: object = None) -> Understanding:
        """Says what the message says."""
        return self.read(message, situation)

    def read(self, message: str, situation: Situation) -> Understanding:
        """Does what `understand` does, outside of an event loop: reading by rules waits for nothing."""
        finder = self._finder(tuple(situation.slots.values()))
        return _Reading(message, situation, finder, self._classifier(situation.intents, finder.values)).understanding()


class _Reading:
    """One message being read."""

    def __init__(self, message: str, situation: Situation, finder: SlotFinder, classifier: IntentClassifier) -> None:
        self.message = message
        self.situation = situation
        self.finder = finder
        self.classifier = classifier
        self.clauses = clauses_of(message)
        self.revising = revises(self.clauses)
        self.asked = situation.slots.get(situation.requested)
        """The slot that was asked for."""
        yes_or_no = situation.confirming or (self.asked is not None and self.asked.type is SlotType.BOOLEAN)
        self.answer = answer_of(self.clauses, asked=yes_or_no)
        self.mentioned = finder.words.mentioned(self.clauses)
        self.intents = self._likely(classifier.match(message))

    def understanding(self) -> Understanding:
        findings = self.finder.find(self.message, self.situation, revising=self.revising)
        command = self._command(findings.slots)
        if command:
            findings = Findings(slots={}, rejected=(), private=findings.private)
        slots = findings.slots if command or findings.rejected else self._with_reply(findings.slots)
        mentioned = self.mentioned - slots.keys()
        correction = self._corrects(slots, mentioned)
        if correction and slots:
            # "Same time on Tuesday" asks for no opening time.
            self.intents = tuple(intent for intent in self.intents if intent.score >= STRONG)
        return Understanding(
            message=self.message,
            slots=slots,
            rejected=findings.rejected,
            private=findings.private,
            mentioned=mentioned,
            intents=self.intents,
            answer=self._settled(slots, correction=correction),
            command=command,
            correction=correction,
        )

    def _likely(self, matches: Sequence[IntentMatch]) -> tuple[IntentMatch, ...]:
        """Those of the intents that are likely in the light of what was asked and of what else the message is."""
        answers = self.asked is not None or self.situation.confirming
        # A word or two look like an intent by chance, and rather answer what was asked.
        if matches and answers and matches[0].score < STRONG and self.message.count(" ") < _FEW:
            return ()
        least = self._least_score()
        return tuple(intent for intent in matches if intent.score >= least)

    def _least_score(self) -> float:
        """How sure an intent must be, in the light of what else the message is."""
        # "No, thanks" is an answer that is polite, and no thanks.
        if self.answer and all(not c.core or answer_of([c], asked=True) for c in self.clauses):
            return 1.0
        # "The time" takes the time up that was given: it asks for no time of opening.
        if self.mentioned.isdisjoint(self.situation.filled):
            return 0.0
        return STRONG if self.revising else 1.0

    def _command(self, found: Mapping[str, Candidate]) -> Command | None:
        if self.answer is Answer.YES or (found and not self._says_no_choice()):
            return None
        order = order_of(self.clauses)
        if order is None or (order.command is Command.THANKS and self.answer):
            return None
        if order.command is Command.HELP and self.asked and self.asked.type is SlotType.STRING and self._says_more():
            return None
        # One word shared with its examples makes an intent look likely: a bare "cancel" must be one of them, and for
        # "cancel the booking" they must speak of cancelling, not of bookings alone.
        if order.verb:
            taken = self._score >= STRONG and self.classifier.has_word(self.intents[0].name, order.verb)
        else:
            taken = self._score == 1
        return None if taken else order.command

    def _says_more(self) -> bool:
        """Whether another clause says something besides the command: "No dial tone. Please help."."""
        return any(clause.core.count(" ") for clause in self.clauses if order_of([clause]) is None)

    def _says_no_choice(self) -> bool:
        """Whether the message is one clause and no choice of what was asked: there "help" is not "help desk"."""
        choices = self.asked.choices if self.asked else ()
        names = {name.casefold() for choice in choices for name in (choice.name, *choice.synonyms)}
        return len(self.clauses) == 1 and self.clauses[0].words not in names

    @property
    def _score(self) -> float:
        return self.intents[0].score if self.intents else 0.0

    def _with_reply(self, slots: Mapping[str, Candidate]) -> Mapping[str, Candidate]:
        """Adds what the message as a whole says for the slot that was asked for: a yes or no, or free text."""
        asked, reply = self.asked, None
        if asked is None:
            return slots
        if asked.type is SlotType.BOOLEAN:
            reply = self._yes_or_no([candidate for name, candidate in slots.items() if name != asked.name])
        elif asked.type is SlotType.STRING and asked.name not in slots and self._may_be_text():
            reply = self.finder.whole(asked.name, self.message, slots, self.situation)
        if reply is None:
            return slots
        apart = {name: c for name, c in slots.items() if c.end <= reply.start or reply.end <= c.start}
        return {**apart, asked.name: reply}

    def _yes_or_no(self, taken: Iterable[Candidate]) -> Candidate | None:
        head = _HEAD.search(self.message)
        if self.answer is None or head is None:
            return None
        end = min((c.start for c in taken if c.start > head.start()), default=head.end())
        raw = self.message[head.start() : min(end, head.end())].rstrip()
        if not raw or any(c.start <= head.start() < c.end for c in taken):
            return None
        return Candidate(value=self.answer is Answer.YES, raw=raw, start=head.start())

    def _may_be_text(self) -> bool:
        """Whether the message can be free text: no question, no yes or no, no clear intent, nothing left open."""
        return not (
            self._score >= (0.5 if self.asked and self.asked.extractor else STRONG)
            or not any(clause.core for clause in self.clauses)
            or answer_of(self.clauses, asked=False)
            or is_indifferent(self.clauses)
            or evades(self.clauses)
            or any(clause.is_question or _ASKS.match(clause.core) for clause in self.clauses)
        )

    def _corrects(self, slots: Mapping[str, Candidate], mentioned: Collection[str]) -> bool:
        situation = self.situation
        changed = any(n in situation.filled and not c.may_mean(situation.filled[n]) for n, c in slots.items())
        if mentioned and self.revising:
            return True
        if self.answer is Answer.YES and not yes_but(self.clauses):
            return changed and self.revising
        if changed:
            return self.revising or situation.confirming or self.answer is Answer.NO
        return bool(slots) and (takes_back(self.clauses) or (self.revising and self.answer is Answer.NO))

    def _settled(self, slots: Mapping[str, Candidate], *, correction: bool) -> Answer | None:
        """The answer in the light of the rest: what corrects what is to be confirmed does not confirm it."""
        if not self.situation.confirming or self.situation.requested in slots:
            return self.answer
        withdrawn = self.answer is Answer.YES and yes_but(self.clauses) and (self.revising or wants_other(self.clauses))
        return Answer.NO if correction or withdrawn else self.answer
