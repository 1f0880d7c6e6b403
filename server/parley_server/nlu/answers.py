"""Yes and no: whether a message answers a question, and how.

A message may say much besides, so the place of a word counts. "Yes" and "no" answer at the head of a message whatever
follows them; "right", "fine" or "perfect" answer only as a clause of their own, for "right after noon" confirms
nothing. A question answers nothing: "is there no other day?".

This module must not know slots or intents.
"""

from collections.abc import Sequence

from parley_server.core.understanding import Answer
from parley_server.nlu.clauses import Clause, phrases

_IT = "(?:(?:that|this)(?: one)?|it|everything|all|all of (?:that|it|this)|they|those|these)"
_IS = "(?:s|re| is| was| are| would be| will be|ll be|d be)"
_SEEMS = "(?: sounds?| looks?| seems?| feels?)(?: like)?"
_LOOKS = "(?:is|was|would be|will be|looks|sounds|seems)"
_VERY = "(?:very|really|so|just|quite|pretty|absolutely|all|totally|completely|perfectly|exactly|about|a)"
_GOOD = (
    "(?:right|correct|fine|good|great|perfect|ok|okay|cool|nice|lovely|wonderful|excellent|awesome|fantastic|ideal|"
    "true|alright|all right|acceptable|brilliant|amazing|super|accurate|good to go|"
    "(?:(?:good|great|perfect|nice|excellent) )?(?:idea|plan|choice|option))"
)
_WORKS = "(?:works?|suits?|(?:will |ll |would )(?:do|work)|does)(?: me)?"
_TO_ME = "(?: (?:for|with|by|to) (?:me|us)| enough| too| so far)"
_WISH = "(?:i want to|i need to|id like to|i would like to|can i|can we|can you|could i|could we|could you|let me|lets)"
_FOR_NOW = "(?: for (?:now|today|me|the moment)| right now)"
_AM = "(?:im|i am|we are|were)"
_NOT_ = "(?:dont|do not|didnt|did not|wont|will not|cant|cannot|can not|wouldnt|would not)"

_SOMEBODY = "(?:i|we|they|he|she|it)"
_TRIED = (
    "(?: (?:it|that|this|so|already|before|yet|done|tried|once|twice|(?:two|three|several|many|a few|lots of) times|"
    "today|yesterday|(?:this|yesterday) morning|just now|as well|too|anything|either))"
)

_YES_WORD = (
    "(?:(?:hell |heck )?(?:yes+|yeah+|yea|yep+|yup+|yah|ya|y)|aye|affirmative|absolutely|definitely|certainly|sure|"
    "of course|uh-huh|uh huh|mhm+|okey|okie dokie)"
)
_NO_WORD = "(?:(?:hell |heck )?(?:no+|nope+|nah+|n)|naw|nay|negative|no way|by no means)"

_THAT_IS_GOOD = (
    f"{_IT}{_IS} (?:{_VERY} )*{_GOOD}(?= (?:what|who|when|where|which|how|can|could|is|are|do|does|and|but) )"
)

_YES_ALONE = phrases([f"{_YES_WORD}(?: {_YES_WORD}| {_GOOD})*"])
_NO_ALONE = phrases(
    [f"{_NO_WORD}(?: {_NO_WORD})*(?: (?:not really|not now|not yet|i dont|i do not))?", "not (?:really|now|yet)"]
)
"""Answer anywhere, where they are the whole clause."""

_WORD_AT_HEAD = phrases([_YES_WORD, _NO_WORD, _THAT_IS_GOOD])
_NO_OBJECTION = phrases(["no (?:problem|worries|doubt|objections?)", f"(?:i )?{_NOT_} mind"])
_YES_HEAD = phrases(
    [
        _YES_WORD,
        "confirmed|surely|by all means|sure thing|you bet|go a?(?: )?head|go for it|please do|without (?:a )?doubt",
        _THAT_IS_GOOD,
    ]
)
"""Affirm at the head of a message, whatever follows."""

_YES_CLAUSE = phrases(
    [
        f"(?:(?:{_IT}(?:{_IS}|{_SEEMS})|sounds?|looks?|seems|{_AM})(?: {_VERY})* )?(?:{_VERY} )?{_GOOD}{_TO_ME}*",
        f"{_AM} (?:{_VERY} )?(?:{_GOOD}|happy|glad) with (?:that|this|it)",
        f"(?:this|that|the) \\w+(?: one)? (?:{_LOOKS} (?:{_VERY} )*{_GOOD}|{_WORKS}){_TO_ME}*",
        f"{_IT}{_IS} (?:it|the one|what i (?:want|wanted|need|meant|said|am looking for))",
        f"(?:{_IT} )?{_WORKS}(?: {_GOOD}| perfectly| well)?{_TO_ME}*",
        "i (?:do|would|am|will|can|agree|accept|approve|think so|guess so|suppose so|hope so|confirm(?: it| that)?)",
        f"{_SOMEBODY} (?:did|have|has|had|was|were|could|should|might)(?: indeed| so)?",
        f"(?:{_SOMEBODY} )?(?:(?:ive|weve|have|had|has|already|just|even) )*(?:did|done|tried){_TRIED}*",
        "(?:i|id|i would|we) (?:really |do )?(?:like|love|want|need) (?:it|that|this|to)(?: one)?",
        "(?:ill|i will|lets) (?:take|have|go with|do|book) (?:it|that|this)(?: one)?",
        "(?:just )?(?:do|book|confirm|send|save|submit) (?:it|that|this|so)|do so|make it so|lets go",
        "please|(?:please )?do|sounds like a plan",
        "confirm|confirmed|agreed|approved|exactly|indeed|deal|it is|got it|why not",
        "proceed|continue|go on|carry on",
    ]
)
"""Affirm where they are the whole clause at the head."""

_NO_HEAD = phrases(
    [
        _NO_WORD,
        "nothing|none",
        "not (?:really|yet|now|right now|at the moment|today|at all|quite|exactly|correct|right|so)",
        "not (?:necessarily|interested|anymore|for now|this time|for me|for us|what i)",
        "(?:absolutely|definitely|certainly|of course|probably|maybe|perhaps|obviously|please|surely|just|rather) not",
        f"(?:please )?{_NOT_}",
        f"(?:i|we)(?: really| still| just)? {_NOT_}",
        "(?:id|i would|i had|wed|we would) rather not",
        f"{_AM} not",
        f"{_IT}{_IS} (?:{_VERY} )?(?:not|wrong|incorrect|false|mistaken|inaccurate|off|no good|bad)",
        f"(?:{_IT} )?(?:isnt|is not|wasnt|was not|arent|are not|doesnt|does not)",
        "(?:the|my) (?:\\w+ ){1,3}(?:is|are|was) (?:all )?(?:wrong|incorrect|false|not right|not correct)",
        "(?:there is|theres|you (?:have|made|got)) (?:something|a|an|some|the) (?:\\w+ )?(?:wrong|mistake|error)",
        "something(?:s| is| seems) (?:wrong|off|not right)|you (?:have|got) (?:it|that|this) wrong",
        "(?:maybe|perhaps|probably) (?:later|another time|next time|some other time)",
    ]
)
"""Deny at the head of a message, whatever follows."""

_NO_CLAUSE = phrases(
    [
        "not|im afraid not|i am afraid not|not (?:the |my )?(?!sure|bad|too|at|a|an|much|many)\\w+",
        f"(?:{_WISH} )?(?:change|correct|fix|edit|modify) (?:it|that|this|something|everything|some \\w+|the details)",
        "wrong|incorrect|false|mistaken|inaccurate|later|neither|no good|bad idea|never|not (?:that|this|it)",
        f"{_IT}{_IS} (?:all|everything|enough)(?: (?:that )?i (?:need|needed|want|wanted|have|had))?{_FOR_NOW}*",
        f"{_AM} (?:all )?(?:set|done|good|fine|ok|okay|all right)",
        "(?:i|ive|i have) changed my mind|another time|some other time",
        f"(?:{_SOMEBODY} )(?:havent|have not|hasnt|has not|hadnt|didnt|did not){_TRIED}*",
    ]
)
"""Deny where they are the whole clause at the head."""

_NO_ANSWER = phrases(
    [
        "no (?:preferences?|ideas?|clue|one|matter|specific|particular|special|difference|opinion)",
        "no (?:other|further|more|longer|later|earlier|less|fewer|sooner)",
        f"(?:(?:i|we) (?:really |just )?)?{_NOT_} (?:know|care|worry|forget|remember|have|understand|get|you|see)",
        f"(?:{_AM} )?not sure",
        "nothing (?:special|specific|particular|in particular|fancy)",
        "(?:i|we) (?:really |just )?(?:cant|cannot) wait",
    ]
)
"""Begin like an answer and are none."""

_FAINT = phrases([f"(?:{_VERY} )?{_GOOD}"])
"""Affirm only if nothing after them answers: "great, no, that's all"."""

_OPENING = phrases([f"(?:{_VERY} )?{_GOOD}", "please"])
"""Says nothing where an answer follows: "ok, no", "please go ahead"."""


def answer_of(clauses: Sequence[Clause], *, asked: bool) -> Answer | None:
    """Reads whether a message says yes or no.

    Args:
        clauses: The message.
        asked: Whether a question that yes or no answers has just been asked. If none was, only a clause that is
            nothing but "yes" or "no" answers.
    """
    faint = None
    at_head = asked
    for clause in clauses:
        if at_head and not clause.is_question and _FAINT.fullmatch(clause.core):
            faint = Answer.YES
            continue
        answer = _answer_at_head(clause) if at_head else _answer_alone(clause)
        if answer:
            return answer
        at_head = at_head and not clause.core
    return faint


def _answer_alone(clause: Clause) -> Answer | None:
    if _NO_ALONE.fullmatch(clause.core):
        return Answer.NO
    return Answer.YES if _YES_ALONE.fullmatch(clause.core) else None


def _answer_at_head(clause: Clause) -> Answer | None:
    opening = _OPENING.match(clause.core)
    core = clause.core[opening.end() + 1 :] if opening else clause.core
    if _NO_ANSWER.match(core):
        return None
    if _NO_OBJECTION.match(core):
        return Answer.YES
    if clause.is_question and not _WORD_AT_HEAD.match(core):
        return None
    if _NO_HEAD.match(core) or _NO_CLAUSE.fullmatch(core):
        return Answer.NO
    return Answer.YES if _YES_HEAD.match(core) or _YES_CLAUSE.fullmatch(core or clause.words) else None
