"""Corrections: whether a message takes something back, and which of its words are not meant.

"No, make it Monday" corrects; in "not Friday but Monday" Friday is not meant. This module must not know slots' values.
"""

import re
from collections.abc import Sequence

from parley_server.nlu.clauses import Clause, phrases

_IT = "(?:it|that|this|them)"

_REVISES = phrases(
    [
        "i (?:meant|mean|actually|said|should have said)|actually|instead|rather",
        "correction|oops|no wait|my (?:mistake|bad)",
        "sorry|apologies|scratch that|wait|hold on|better|on second thought",
        f"(?:make|making|move|moving|set|push|book|do) {_IT}",
        "(?:change|changed|changing|switch|update|correct|fix|edit|modify|adjust|amend|replace|reschedule|alter)",
        "(?:should|must|needs to|is supposed to|was supposed to|ought to) (?:be|have been|say|read)",
        "(?:not|isnt|arent|wasnt) (?:right|correct)",
        "wrong|incorrect|mistake|mistaken|changed my mind|change of plans|different|another|prefer",
        "not .{1,60} but .+",
    ]
)
_TAKES_BACK = phrases(
    [
        "i (?:meant|mean|should have said)|correction|no wait|scratch that|my (?:mistake|bad)|not .{1,60} but .+",
        "(?:no )?(?:sorry )?i (?:actually )?(?:meant|mean)",
    ]
)
_FINE = "(?:(?:is|are|would be|will be|seems|s) )?(?:fine|ok|okay|good|great|alright|works?|will do|would do|goes)"
_INDIFFERENT = phrases(
    [
        f"(?:any|whatever|whichever|either)(?: \\w+){{0,2}}(?: {_FINE}(?: (?:for|with|by) me)?)?",
        f"(?:anything|anyone|anywhere|anytime|whoever|whenever|wherever|both)(?: {_FINE}(?: (?:for|with|by) me)?)?",
        "(?:any|whatever|whichever)(?: ?\\w+)?(?: that)? you (?:like|want|prefer|think|have|choose)",
        "(?:it |that |i |i really |really )?(?:doesnt|does not|dont|do not)(?: really)? (?:matter|care|mind)(?: .*)?",
        "(?:(?:i|ive|i have|have)(?: got)? )?no (?:particular |specific |special |strong )?preferences?(?: .*)?",
        "(?:its |thats )?(?:all )?up to you|you (?:choose|decide|pick)|surprise me|dont care|no matter",
        "(?:i am|im) (?:open|flexible|easy|fine with any\\w*|ok with any\\w*)(?: .*)?",
    ]
)
_OTHER = phrases(["others?", "another", "different", "else", "instead", "more options"])
_YES_BUT = phrases(["but|except|only|though|although|however"])

_LONGEST_TURN = 60
"""How many characters may stand between a value and the one that replaces it."""

_NOT_MEANT = re.compile(
    r"\b(?:not|isn't|isnt|instead\s+of|rather\s+than|other\s+than|except|(?:don'?t|do\s+not)\s+(?:want|need|like)|no\s+longer|anything\s+but)\s+"
    r"(?:(?:on|at|for|in|by|to|from|with|the|a|an)\s+){0,2}$"
)
_INQUIRY = re.compile(
    r"^\s*(?:(?:and|also|so|but|ok|okay|great|oh|um|well|yes|no|sorry)[\s,]+)*"
    r"(?:is(?!\s+it\s+(?:possible|ok|okay|alright|fine)\b)|are|does|do|did|has|have|was|were|what|which|who|when|where"
    r"|why|how)\b(?!\s+(?:about|there|you have)\b)"
    r"|\b(?:if|whether)\s+(?:it|they|the|this|that|there|he|she|you)\b"
    r"|\b(?:know|tell\s+me|ask|wonder|wondering|check|see|confirm)\s+(?:\w+\s+)?(?:if|whether|what|how|when|where)\b"
)
_ALTERNATIVE = re.compile(r"\s*,?\s*\bor\b\s*(?:maybe\s+|perhaps\s+|on\s+|at\s+|the\s+|in\s+)?")
_RANGE = re.compile(r"\s?(?:-|to)\s?|\s")
_BETWEEN = re.compile(r"\bbetween\s+$")
_INSTEAD = re.compile(
    r"(?:\s?(?:[a-z]+|[€$£%]))?(?:\W|(?:and|so|but|uh|um|er|hm+|oh|at|on|for|the|maybe|let's|say)\b)*"
    r"\b(?:no|nope|wait|sorry|actually|rather|correction|oops|scratch\sthat|make\s(?:it|that)|i\s(?:mean|meant))\b"
    r"(?:\W|(?:no|nope|wait|sorry|actually|rather|correction|oops|scratch\sthat|make\s(?:it|that)|i\s(?:mean|meant)"
    r"|and|so|but|uh|um|er|hm+|oh|at|on|for|the|maybe|let's|say|that's|it's|is|be|should)\b)*"
)


def revises(clauses: Sequence[Clause]) -> bool:
    """Whether a message has words that change what was said before: "actually", "make it", "is wrong"."""
    return any(_REVISES.search(clause.words) for clause in clauses)


def takes_back(clauses: Sequence[Clause]) -> bool:
    """Whether a message says outright that something before was not meant: "I meant", "not Friday but Monday"."""
    return any(_TAKES_BACK.search(clause.words) for clause in clauses)


def is_indifferent(clauses: Sequence[Clause]) -> bool:
    """Whether a message leaves to the assistant what it was asked: "any", "it doesn't matter"."""
    return any(_INDIFFERENT.fullmatch(clause.core) for clause in clauses)


def yes_but(clauses: Sequence[Clause]) -> bool:
    """Whether a message restricts what it agrees to."""
    return any(_YES_BUT.search(clause.words) for clause in clauses)


def wants_other(clauses: Sequence[Clause]) -> bool:
    """Whether a message asks for something other than what it was offered."""
    return any(_OTHER.search(clause.words) for clause in clauses)


def is_denied(message: str, start: int) -> bool:
    """Whether the words at a place of a folded message are denied: "Friday" in "not on Friday"."""
    return _NOT_MEANT.search(message, max(0, start - 30), start) is not None


def is_inquiry(message: str, start: int) -> bool:
    """Whether the words at a place of a folded message stand in a question for facts: "do they have parking?".

    "Can you find one with parking?" is a request.
    """
    sentence = message[max(message.rfind(mark, 0, start) for mark in ".!?\n") + 1 : start]
    return _INQUIRY.search(sentence) is not None


def are_alternatives(message: str, end: int, start: int) -> bool:
    """Whether "or", and nothing else, stands between two places of a folded message."""
    return _ALTERNATIVE.fullmatch(message, end, start) is not None


def are_bounds(message: str, first: slice, start: int) -> bool:
    """Whether a value and one that starts behind it are a range in a folded message: "6-8", "between 6 and 8".

    So are two numbers that nothing parts: "one fifty" may be 1.50 and 150.
    """
    if message[first.stop : start].strip() == "and":
        return _BETWEEN.search(message, max(0, first.start - 10), first.start) is not None
    return _RANGE.fullmatch(message, first.stop, start) is not None


def is_replaced(message: str, end: int, start: int) -> bool:
    """Whether what stands between two places of a folded message says that the second is meant: "6, no wait, 7"."""
    return start - end <= _LONGEST_TURN and _INSTEAD.fullmatch(message, end, start) is not None
