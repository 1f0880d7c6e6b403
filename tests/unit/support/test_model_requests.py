from typing import Any

import pytest
from support.model_requests import defects

HELLO = {"role": "user", "content": "Hello."}
SCHEMA = {
    "type": "object",
    "properties": {
        "size": {"type": ["integer", "null"]},
        "dish": {"anyOf": [{"type": "string", "enum": ["soup"]}, {"type": "null"}]},
    },
    "required": ["size", "dish"],
    "additionalProperties": False,
}


def asked(**fields: object) -> dict[str, Any]:
    return {"model": "m", "messages": [HELLO], **fields}


def strict(schema: object, name: str = "understanding") -> dict[str, Any]:
    wanted = {"name": name, "schema": schema, "strict": True}
    return asked(response_format={"type": "json_schema", "json_schema": wanted})


@pytest.mark.parametrize(
    "body",
    [
        asked(),
        asked(temperature=0, max_completion_tokens=100, seed=1),
        asked(stream=True, stream_options={"include_usage": True}),
        asked(
            messages=[{"role": "system", "content": "Answer in JSON."}, HELLO], response_format={"type": "json_object"}
        ),
        strict(SCHEMA),
    ],
)
def test_a_right_request_has_no_defect(body: dict[str, Any]) -> None:
    assert defects(body) == []


@pytest.mark.parametrize(
    ("body", "defect"),
    [
        ([], "the body is no object"),
        ({"messages": [HELLO]}, "model: Field required"),
        (asked(messages=[]), "messages: none"),
        (asked(messages="Hello."), "messages"),
        (asked(messages=["Hello."]), "messages.0.no object"),
        (asked(messages=[{"role": "robot", "content": "x"}]), "messages.0."),
        (asked(messages=[{**HELLO, "turn": 3}]), "messages.0.turn: unknown"),
        (asked(session="s"), "session: unknown"),
        (asked(temperature="hot"), "temperature: "),
        (asked(stream_options={"include_usage": True}), "stream_options: the answer is no stream"),
        (asked(response_format={"type": "yaml"}), "response_format"),
        (asked(response_format={"type": "json_object"}), "response_format: JSON mode needs the word JSON"),
        (asked(response_format={"type": "json_schema"}), "response_format"),
        (strict(SCHEMA, name="two words"), "response_format.json_schema.name: 'two words'"),
        (strict({"type": "array", "items": SCHEMA}), "the root is no object"),
        (strict({**SCHEMA, "required": ["size"]}), "schema: required must name every property"),
        (strict({**SCHEMA, "additionalProperties": True}), "schema: additionalProperties must be false"),
        (
            strict({**SCHEMA, "properties": {"size": {"type": "integer", "default": 1}, "dish": {}}}),
            "schema.size.default: not in strict schemas",
        ),
        (
            strict({**SCHEMA, "properties": {"size": {"anyOf": [{"type": "object"}]}, "dish": {}}}),
            "schema.size[]: additionalProperties must be false",
        ),
    ],
)
def test_a_wrong_request_has_a_defect_that_says_what_it_is(body: object, defect: str) -> None:
    assert any(defect in found for found in defects(body)), defects(body)
