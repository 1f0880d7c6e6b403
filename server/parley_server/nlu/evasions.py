"""Evasions: what people say in place of the words that they were asked for, such as "dunno" or "same as last time".

Any words may be free text, so a question for a name takes these for one unless they are known. This module must not know
slots.
"""

from collections.abc import Sequence

from parley_server.nlu.clauses import Clause, phrases

_I = "(?:i|we|ive|weve|i have|we have|im|i am|were|we are)"
_NOT = (
    "(?:dont|do not|didnt|did not|cant|cannot|can not|couldnt|could not|wont|will not|wouldnt|would not|havent|have not)"
)
_SOFTLY = "(?:really|just|still|honestly|even|actually|quite|rather|already|got|a bit|all that|too|so)"
_NOW = "(?:yet|right now|now|at the moment|today|offhand|off hand|anymore|any more|either|lol|haha|tbh|sorry|thanks)"
_KNOWN = "(?:it|that|this|one|them|(?:my|the|that) \\w+|(?:my|the) \\w+ \\w+)"
_BEFORE = (
    "(?:last time|before|usual|always|ever|previously|above|earlier|yesterday|last (?:week|month|year)|the last one|"
    "the (?:previous|first|other) (?:one|time)|i said(?: before)?)"
)

_EVASION = phrases(
    [
        f"(?:{_I} )?(?:{_SOFTLY} )*{_NOT} (?:{_SOFTLY} )*(?:know|remember|recall|tell|say|decide|think|answer|have|care|mind)"
        f"(?: of (?:one|any|anything|it))?(?: (?:{_KNOWN}|any|anything))?(?: {_NOW}| here| handy| on me| with me)*",
        f"(?:{_I} )?(?:{_SOFTLY} )*(?:no|not a|not the (?:slightest|faintest)) (?:idea|clue|preference|opinion)(?: {_NOW})*",
        f"(?:{_I} )?(?:{_SOFTLY} )*(?:not|un) ?(?:{_SOFTLY} )*(?:sure|certain|decided)(?: about {_KNOWN})?(?: {_NOW})*",
        f"(?:i )?(?:dunno|idk|no idea|no clue)(?: {_NOW})*(?: (?:just |please )*(?:put|write|say|use|pick|choose|take) .*)?",
        "(?:nothing|none)(?: (?:else|more|(?:that )?i (?:know|can think) of))?|(?:thats|that is|that will be) (?:all|it|everything)",
        "(?:im|i am|were|we are) (?:all )?(?:good|fine|ok|okay|set)|all good",
        "beats me|who knows|good question|hard to say|(?:it|that) depends|depends|no comment|tbd|n a|na|not applicable",
        f"(?:(?:its|it is|thats|just|use|keep|take|its just) )*(?:the )?same(?: \\w+)?(?: (?:as|like))?(?: {_BEFORE})*",
        f"(?:(?:its|it is|thats|just) )*(?:as|like) (?:{_BEFORE}|the (?:last|previous) \\w+)|(?:just )?the usual(?: one)?",
        f"(?:(?:but|well) )?you (?:(?:should|must|already|do) )*(?:have|know|got|ve got|saw|asked)"
        f"(?: already)? (?:{_KNOWN}|me)(?: already| on file| before)?",
        f"i(?:ve| have)? (?:already |just )*(?:told|gave|given|said|sent|typed|entered|wrote)(?: you)?(?: {_KNOWN})?"
        "(?: already| before| above)?",
        "(?:thats |its )?none of (?:your|ur) (?:\\w+ )?business|(?:thats|its|that is|it is) (?:private|personal|secret)",
        f"(?:(?:id|i would|i|we) )?(?:{_SOFTLY} )*(?:rather not|prefer not to|{_NOT} want to|{_NOT} feel like)(?: \\w+)*",
        "(?:(?:just|give me|wait) )*(?:a|one|1|two) (?:sec|secs|second|seconds|moment|min|minute|minutes|mo)(?: please)?",
        "(?:wait|hold on|hang on|hold up|later|not now|brb)(?: (?:please|a (?:sec|second|moment|minute)))*",
        "(?:let me|i (?:have|need|want) to|gotta|ill) (?:check|think|see|look|ask|find)(?: \\w+)*",
        f"{_I}(?: just| have)? changed my mind|(?:ok|okay|k|hm+|um+|uh+|er+|eh|huh|lol|haha|well|so|and)",
        "(?:are you|is anyone|is anybody|is someone) (?:still )?(?:there|here|listening|alive)",
        "(?:what|why)(?: (?:for|so|do you (?:need|want|ask|have to)|is (?:that|it|this)|should i|would i|does))(?: \\w+)*",
    ]
)


def evades(clauses: Sequence[Clause]) -> bool:
    """Whether all that a message says is that it gives no answer."""
    said = [clause for clause in clauses if clause.core]
    return bool(said) and all(_EVASION.fullmatch(clause.core) or _EVASION.fullmatch(clause.words) for clause in said)
