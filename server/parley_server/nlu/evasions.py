"""Evasions: what people say in place of the words that they were asked for, such as "dunno" or "same as last time".

Any words may be free text, so a question for a name takes these for one unless they are known. This module must not
know slots.
"""

from collections.abc import Sequence

from parley_server.nlu.clauses import Clause, phrases

_I = "(?:i|we|ive|weve|i have|we have|im|i am|were|we are)"
_NOT = (
    "(?:dont|do not|didnt|did not|cant|cannot|can not|couldnt|could not|wont|will not|wouldnt|would not|havent|"
    "have not)"
)
_SOFTLY = "(?:really|just|still|honestly|even|actually|quite|rather|already|got|a bit|all that|too|so)"
_NOW = "(?:yet|right now|now|at the moment|today|offhand|off hand|anymore|any more|either|lol|haha|tbh|sorry|thanks)"
_KNOWN = "(?:it|that|this|one|them|(?:my|the|that) \\w+|(?:my|the) \\w+ \\w+)"
_BEFORE = (
    "(?:last time|before|usual|always|ever|previously|above|earlier|yesterday|last (?:week|month|year)|the last one|"
    "the (?:previous|first|other) (?:one|time)|i said(?: before)?)"
)
_HAVE = "(?:know|remember|recall|tell|say|decide|think|answer|have|care|mind)"
_ANY_OF_IT = f"(?: of (?:one|any|anything|it))?(?: (?:{_KNOWN}|any|anything))?(?: {_NOW}| here| handy| on me| with me)*"
_NO_IDEA = "(?:no|not a|not the (?:slightest|faintest)) (?:idea|clue|preference|opinion)"
_WHATEVER = "(?: (?:just |please )*(?:put|write|say|use|pick|choose|take) .*)?"
_TOLD = "(?:told|gave|given|said|sent|typed|entered|wrote)"
_OWN = "(?:have|know|got|ve got|saw|asked)"
_MOMENT = "(?:sec|secs|second|seconds|moment|min|minute|minutes|mo)"

_NOT_KNOWN = (
    f"(?:{_I} )?(?:{_SOFTLY} )*{_NOT} (?:{_SOFTLY} )*{_HAVE}{_ANY_OF_IT}",
    f"(?:{_I} )?(?:{_SOFTLY} )*{_NO_IDEA}(?: {_NOW})*",
    f"(?:{_I} )?(?:{_SOFTLY} )*(?:not|un) ?(?:{_SOFTLY} )*(?:sure|certain|decided)(?: about {_KNOWN})?(?: {_NOW})*",
    f"(?:i )?(?:dunno|idk|no idea|no clue)(?: {_NOW})*{_WHATEVER}",
    "beats me|who knows|good question|hard to say|(?:it|that) depends|depends|no comment|tbd|n a|na|not applicable",
)
_NOT_TOLD = (
    "(?:thats |its )?none of (?:your|ur) (?:\\w+ )?business",
    "(?:thats|its|that is|it is) (?:private|personal|secret)",
    f"(?:(?:id|i would|i|we) )?(?:{_SOFTLY} )*(?:rather not|prefer not to|{_NOT} want to|{_NOT} feel like)(?: \\w+)*",
    "(?:what|why)(?: (?:for|so|do you (?:need|want|ask|have to)|is (?:that|it|this)|should i|would i|does))(?: \\w+)*",
)
_KNOWN_ALREADY = (
    f"(?:(?:its|it is|thats|just|use|keep|take|its just) )*(?:the )?same(?: \\w+)?(?: (?:as|like))?(?: {_BEFORE})*",
    f"(?:(?:its|it is|thats|just) )*(?:as|like) (?:{_BEFORE}|the (?:last|previous) \\w+)|(?:just )?the usual(?: one)?",
    f"(?:(?:but|well) )?you (?:(?:should|must|already|do) )*{_OWN}(?: already)? (?:{_KNOWN}|me)(?: already| on file)?",
    f"i(?:ve| have)? (?:already |just )*{_TOLD}(?: you)?(?: {_KNOWN})?(?: already| before| above)?",
)
_LATER = (
    f"(?:(?:just|give me|wait) )*(?:a|one|1|two) {_MOMENT}(?: please)?",
    "(?:wait|hold on|hang on|hold up|later|not now|brb)(?: (?:please|a (?:sec|second|moment|minute)))*",
    "(?:let me|i (?:have|need|want) to|gotta|ill) (?:check|think|see|look|ask|find)(?: \\w+)*",
    "(?:are you|is anyone|is anybody|is someone) (?:still )?(?:there|here|listening|alive)",
)
_NOTHING = (
    "(?:nothing|none)(?: (?:else|more|(?:that )?i (?:know|can think) of))?",
    "(?:thats|that is|that will be) (?:all|it|everything)",
    "(?:im|i am|were|we are) (?:all )?(?:good|fine|ok|okay|set)|all good",
    f"{_I}(?: just| have)? changed my mind|(?:ok|okay|k|hm+|um+|uh+|er+|eh|huh|lol|haha|well|so|and)",
)
_EVASION = phrases((*_NOT_KNOWN, *_NOT_TOLD, *_KNOWN_ALREADY, *_LATER, *_NOTHING))


def evades(clauses: Sequence[Clause]) -> bool:
    """Whether all that a message says is that it gives no answer."""
    said = [clause for clause in clauses if clause.core]
    return bool(said) and all(_EVASION.fullmatch(clause.core) or _EVASION.fullmatch(clause.words) for clause in said)
