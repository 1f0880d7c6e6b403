"""Intents: which of an assistant's intents a message has, learnt from a few examples of each.

A message is a bag of its words, its pairs of words and the three-letter pieces of its words, each weighted by how rare
it is among the examples; an intent is the centroid of its examples; nearness is the cosine. What no example has counts
in a message's length, so that a message about something else is near no centroid, however few examples there are.

A linear classifier trained on the same features gains less than one percent, and takes ten times as long to learn.

This module must not know slots or the conversation.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from parley_server.core.understanding import IntentExamples, IntentMatch
from parley_server.nlu.clauses import FUNCTION_WORDS, word_set
from parley_server.nlu.values.words import straight

STRONG = 0.9
"""The score from which a match outweighs what else a message may be."""

_LEAST_NEARNESS = 0.07
_NEARNESS_PER_DOUBLING = 0.023
"""The nearness from which a message has an intent grows with the number of intents, for among more of them a message
about something else is nearer to one by chance. So it stays without an intent five times of six, with 3 examples of
each of 5 intents as with 20 of each of 20."""
_SLOPE = 22.0
"""How fast the score rises about the threshold, where it is 0.5."""
_LEAST_LENGTH = 1.8
"""The least length of a message, as if it had so many words that no example has."""
_MOST = 3
"""How many intents a message has at the most."""

_WORD = re.compile(r"\d+|[^\W\d_]+")
_GREETING = re.compile(
    r"(?i:\W*(?:hi|hello|hey|good (?:morning|afternoon|evening|day))\b(?: there| all| everyone)?\W+)+"
)
"""What a message may begin with whatever it is for."""
_FAREWELL = re.compile(
    r"(?i:(?<=\w)\W+"
    r"(?:(?:please|thanks|thank you|thx|cheers|bye|goodbye)\b(?: (?:(?:very|so) much|a lot))?\W*){1,20})\Z"
)
"""What it may end with. Bounded, for a search through "thanks thanks thanks …" would take the square of its length."""
_FAREWELL_ENDS = word_set("please thanks you thx cheers much lot bye goodbye")
_VERBS = {"s": " is", "m": " am", "re": " are", "ve": " have", "ll": " will", "d": " would"}
_CONTRACTED = re.compile(
    r"(?<=[a-z])'(m|re|ve|ll|d)\b|(?:(?<=what)|(?<=where)|(?<=when)|(?<=who)|(?<=how)|(?<=that)|(?<=it)|(?<=there))'(s)\b"
)
"""Verbs of which a letter or two are left: "what's on" is "what is on"."""
_APOSTROPHES = str.maketrans("", "", "'\u2018\u2019\u02bc`")

_VALUE_WORDS = word_set("""
    zero one two three four five six seven eight nine ten eleven twelve am pm noon midnight today tomorrow tonight
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september
    october november december morning afternoon evening
""")
"""Words that are values, as digits are: they say little of what a message is for."""
_VALUES = frozenset(["#"])
_ARTICLES = word_set("a an the my our your his her their this that some any please")
_QUOTE = 3
"""How many words an example has at the least, articles aside, that is known within a longer message."""
_FUNCTION_WEIGHT = 0.3
_PAIR_WEIGHT = 0.6
_PIECE_WEIGHT = 0.35


class IntentClassifier:
    """Knows a set of intents by their examples; an intent without any is known by its name."""

    def __init__(self, intents: Sequence[IntentExamples], values: str = "") -> None:
        """Learns the intents. Deterministic; 400 examples take about 50 ms.

        Args:
            intents: The intents.
            values: Words that are slots' values: they say little of what a message is for.
        """
        self._weak = FUNCTION_WORDS | {"#"} | set(_words(values))
        examples = [(intent.name, text) for intent in intents for text in intent.examples if _words(text)]
        self._exact = {_words(text): name for name, text in reversed(examples)}
        self._quoted = self._quotable(examples)
        # The greeting before an example of a task is no sign of the task.
        texts = [(name, _words(_without_greeting(text)) or _words(text)) for name, text in examples]
        self._named = [(f" {' '.join(_words(i.name))} ", i.name) for i in intents if not i.examples and _words(i.name)]
        frequency = Counter(feature for _, words in texts for feature in self._features(words))
        self._unseen = math.log(2 * len(texts) + 2)
        self._rarity = {f: math.log((len(texts) + 1) / (count + 0.5)) for f, count in frequency.items()}
        self._weights = self._learn(texts)
        self._threshold = max(_LEAST_NEARNESS, _NEARNESS_PER_DOUBLING * math.log2(len(intents) + 1))

    def match(self, message: str) -> tuple[IntentMatch, ...]:
        """Says which intents a message may have, the surest first; empty if it has none."""
        if not (self._exact or self._named):
            return ()
        words, task = _words(message), _without_greeting(message)
        if words and words[-1] in _FAREWELL_ENDS:
            task = _FAREWELL.sub("", task)
        asked = self._ranked(_words(task)) if task != message and words not in self._exact else ()
        return asked or self._ranked(words)

    def _ranked(self, words: tuple[str, ...]) -> tuple[IntentMatch, ...]:
        if not words:
            return ()
        near = self._nearness(words).items()
        scores = {name: self._score(nearness) for name, nearness in near if nearness >= self._threshold}
        if self._named:
            spoken = f" {' '.join(words)} "
            scores.update({name: STRONG for known, name in self._named if known in spoken})
        for name in self._quotes(words):
            scores[name] = max(STRONG, scores.get(name, 0.0))
        if words in self._exact:
            scores[self._exact[words]] = 1.0
        if not scores:
            return ()
        ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
        return tuple(IntentMatch(name=name, score=score) for name, score in ranked[:_MOST])

    def nearest(self, message: str) -> str:
        """Names the intent that a message is nearest to, however far it is; empty if it shares nothing with any."""
        nearness = self._nearness(_words(message))
        return max(sorted(nearness), key=nearness.__getitem__, default="")

    def has_word(self, intent: str, word: str) -> bool:
        """Whether an example of an intent has a word."""
        return any(name == intent for name, _ in self._weights.get(word, ()))

    def _quotable(self, examples: Sequence[tuple[str, str]]) -> Mapping[str, Sequence[tuple[tuple[str, ...], str]]]:
        """The examples that say enough to be known within a longer message, by their first word."""
        quotable: dict[str, set[tuple[tuple[str, ...], str]]] = defaultdict(set)
        for name, text in examples:
            words = _without_articles(_words(text))
            if len(words) >= _QUOTE and not _VALUES.issuperset(words) and not FUNCTION_WORDS.issuperset(words):
                quotable[words[0]].add((words, name))
        return {first: sorted(quotes) for first, quotes in quotable.items()}

    def _quotes(self, words: Sequence[str]) -> Iterator[str]:
        """The intents an example of which stands in the message word by word: "my internet is down since Monday"."""
        plain = _without_articles(words)
        for at, word in enumerate(plain):
            for quote, name in self._quoted.get(word, ()):
                if plain[at : at + len(quote)] == quote:
                    yield name

    def _learn(self, texts: Sequence[tuple[str, Sequence[str]]]) -> dict[str, list[tuple[str, float]]]:
        centroids: dict[str, defaultdict[str, float]] = {}
        for name, words in texts:
            centroid = centroids.setdefault(name, defaultdict(float))
            weighted, length = self._weighted(self._features(words))
            for feature, weight in weighted.items():
                centroid[feature] += weight / length
        weights: dict[str, list[tuple[str, float]]] = defaultdict(list)
        for name, centroid in centroids.items():
            length = math.sqrt(sum(weight * weight for weight in centroid.values()))
            for feature, weight in centroid.items():
                weights[feature].append((name, weight / length))
        return dict(weights)

    def _features(self, words: Sequence[str]) -> dict[str, float]:
        bag: dict[str, float] = {}
        before, before_weight = "^", 0.5
        for word in words:
            weight = _FUNCTION_WEIGHT if word in self._weak else 1.0
            bag[word] = weight
            both_weak = before_weight < 1 and weight < 1
            bag[f"{before} {word}"] = _PAIR_WEIGHT / 2 if both_weak else _PAIR_WEIGHT
            before, before_weight = word, weight
            if weight == 1 and len(word) > 2:
                bag.update(dict.fromkeys(_pieces(word), _PIECE_WEIGHT))
        return bag

    def _weighted(self, features: Mapping[str, float]) -> tuple[dict[str, float], float]:
        """Returns features by what they weigh among the examples, and the length that they have together."""
        rarity, unseen = self._rarity, self._unseen
        weighted = {feature: weight * rarity.get(feature, unseen) for feature, weight in features.items()}
        length = math.sqrt(sum([weight * weight for weight in weighted.values()]))
        # A message of function words alone, "I want to", says too little to be near anything.
        return weighted, max(length, _LEAST_LENGTH * unseen)

    def _nearness(self, words: Sequence[str]) -> dict[str, float]:
        nearness: defaultdict[str, float] = defaultdict(float)
        features, known = self._features(words), self._weights
        if known.keys().isdisjoint(features):
            return nearness
        weighted, length = self._weighted(features)
        for feature, weight in weighted.items():
            for name, share in known.get(feature, ()):
                nearness[name] += weight * share / length
        return nearness

    def _score(self, nearness: float) -> float:
        return 1 / (1 + math.exp(_SLOPE * (self._threshold - nearness)))


def _without_greeting(message: str) -> str:
    greeting = _GREETING.match(message)
    return message[greeting.end() :] if greeting else message


def _without_articles(words: Sequence[str]) -> tuple[str, ...]:
    return tuple([word for word in words if word not in _ARTICLES])


@lru_cache(maxsize=4096)
def _pieces(word: str) -> tuple[str, ...]:
    edged = f"<{word}>"
    return tuple("~" + edged[at : at + 3] for at in range(len(edged) - 2))


def _words(text: str) -> tuple[str, ...]:
    plain = straight(text.lower()).replace("_", " ")
    if "'" in plain:
        plain = _CONTRACTED.sub(lambda match: _VERBS[match[1] or match[2]], plain)
    plain = plain.translate(_APOSTROPHES)
    return tuple(["#" if word in _VALUE_WORDS or word[0].isdigit() else word for word in _WORD.findall(plain)])
