"""Taking out of recorded calls what identifies somebody: keys, and ids of requests, organisations and accounts."""

import hashlib
import json
import re
from typing import Any

SCRUBBED = "scrubbed"

_IDENTIFIERS = re.compile(
    r"\bBearer\s+[^\s\"]+"
    r"|\bsk-[\w*.-]{6,}"
    # Words such as `user_message` have no digit.
    r"|\b(?:pk|org|proj|req|user|acct|chatcmpl|cmpl|gen|fp)[-_](?=[\w*.-]*\d)[\w*.-]{6,}"
)
_IDENTIFYING = frozenset(["id", "system_fingerprint", "request_id", "organization", "user", "safety_identifier"])
_EVENT = re.compile(r".*?\r?\n\r?\n|.+\Z", re.DOTALL)
_LINE = re.compile(r"((?:data: ?)?)([^\r\n]+)")


def digest(request: object) -> str:
    """A name for a request that does not depend on the order of its fields."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def scrubbed(value: Any, key: str) -> Any:
    """JSON without what identifies somebody, and without this key."""
    if isinstance(value, dict):
        return {
            name: SCRUBBED if name in _IDENTIFYING and isinstance(part, str) else scrubbed(part, key)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [scrubbed(part, key) for part in value]
    return _without_identifiers(value, key) if isinstance(value, str) else value


def scrubbed_text(text: str, key: str) -> str:
    """The same for a body, that should be JSON."""
    try:
        return json.dumps(scrubbed(json.loads(text), key))
    except ValueError:
        return _without_identifiers(text, key)


def scrubbed_events(text: str, key: str) -> list[str]:
    """The same for a stream, one event after the other."""
    return [_LINE.sub(lambda line: line[1] + scrubbed_text(line[2], key), event) for event in _EVENT.findall(text)]


def _without_identifiers(text: str, key: str) -> str:
    return _IDENTIFIERS.sub(SCRUBBED, text.replace(key, SCRUBBED) if key else text)
