"""What a real server refuses of a request for a chat completion."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, get_type_hints

from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError
from support.model_exchange import Body

_KNOWN = frozenset(get_type_hints(CompletionCreateParamsNonStreaming))
_KNOWN_OF_A_MESSAGE = frozenset(
    ["role", "content", "name", "refusal", "tool_calls", "tool_call_id", "function_call", "audio"]
)
_STRICT = (
    {"type", "enum", "const", "anyOf", "$ref", "$defs", "description", "title"}
    | {"properties", "required", "additionalProperties", "items", "minItems", "maxItems"}
    | {"pattern", "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
)
"""The words of JSON schema that strict structured output knows."""


def defects(body: object) -> list[str]:
    """What is wrong with a request; nothing if a server would take it."""
    if not isinstance(body, dict):
        return ["the body is no object"]
    found = [f"{name}: unknown" for name in body if name not in _KNOWN]
    found += _misfits(_request(streamed=body.get("stream") is True), body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return [*found, "messages: none"]
    for number, message in enumerate(messages):
        found += [f"messages.{number}.{defect}" for defect in _defects_of_message(message)]
    if "stream_options" in body and not body.get("stream"):
        found.append("stream_options: the answer is no stream")
    return found if found else list(_defects_of_format(body))


def _defects_of_message(message: object) -> list[str]:
    if not isinstance(message, dict):
        return ["no object"]
    return [f"{name}: unknown" for name in message if name not in _KNOWN_OF_A_MESSAGE] + _misfits(_message(), message)


def _defects_of_format(body: Body) -> Iterator[str]:
    wanted = body.get("response_format") or {"type": "text"}
    if wanted["type"] == "json_object" and not any("json" in str(m["content"]).lower() for m in body["messages"]):
        yield "response_format: JSON mode needs the word JSON in a message"
    if wanted["type"] == "json_schema":
        described = wanted["json_schema"]
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", described["name"]):
            yield f"response_format.json_schema.name: {described['name']!r}"
        if described.get("strict"):
            schema = described.get("schema") or {}
            if schema.get("type") != "object":
                yield "response_format.json_schema.schema: the root is no object"
            yield from _defects_of_schema(schema, "schema")


def _defects_of_schema(schema: Body, place: str) -> Iterator[str]:
    yield from (f"{place}.{word}: not in strict schemas" for word in schema if word not in _STRICT)
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            yield f"{place}: additionalProperties must be false"
        if sorted(schema.get("required", [])) != sorted(schema.get("properties", {})):
            yield f"{place}: required must name every property"
    for inside in ("properties", "$defs"):
        for name, part in schema.get(inside, {}).items():
            yield from _defects_of_schema(part, f"{place}.{name}")
    parts = [*schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]
    for part in parts:
        yield from _defects_of_schema(part, f"{place}[]")


def _misfits(known: TypeAdapter[Any], value: object) -> list[str]:
    try:
        known.validate_python(value)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return []


@cache
def _request(*, streamed: bool) -> TypeAdapter[Any]:
    return TypeAdapter(CompletionCreateParamsStreaming if streamed else CompletionCreateParamsNonStreaming)


@cache
def _message() -> TypeAdapter[Any]:
    return TypeAdapter(ChatCompletionMessageParam)
