import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support import cassettes
from support.cassettes import cassette, recording, replaying
from support.model_answers import Chosen, Says, TokenGate, echo
from support.model_exchange import Behaviour
from support.model_faults import Breaks, Ending, Html, Status
from support.model_server import ModelServer
from support.waiting import until

KEY = "a-key-that-nobody-may-see"
ORGANISATION = "org-a1b2c3d4e5"

Answer = tuple[int, dict[str, str], str]


def saying(text: str, **fields: object) -> dict[str, Any]:
    return {"model": "any", "messages": [{"role": "user", "content": text}], **fields}


async def ask(server: ModelServer, body: dict[str, Any]) -> Answer:
    """Status, headers and body; the body ends with `broken` if the connection does so before its end."""
    text = ""
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{server.base_url}/chat/completions", json=body, headers={"Authorization": "Bearer of-the-caller"}
        ) as response,
    ):
        try:
            while data := await response.content.readany():
                text += data.decode()
        except aiohttp.ClientError:
            text += " broken"
        return response.status, dict(response.headers), text


async def record(path: Path, behaviours: Sequence[Behaviour], *bodies: dict[str, Any]) -> list[Answer]:
    """What the caller gets while it is recorded."""
    async with (
        ModelServer.running(*behaviours) as model,
        recording(path, base_url=model.base_url, key=KEY, model="real-model") as server,
    ):
        answers = [await ask(server, body) for body in bodies]
        assert {request.headers["Authorization"] for request in model.requests} == {f"Bearer {KEY}"}
        assert {request.body["model"] for request in model.requests} == {"real-model"}
    return answers


async def replay(path: Path, *bodies: dict[str, Any]) -> list[Answer]:
    async with replaying(path) as server:
        return [await ask(server, body) for body in bodies]


def content(answer: Answer) -> str:
    """What the model says in an answer, whole or streamed."""
    _, _, text = answer
    if not text.startswith("data: "):
        whole: str = json.loads(text)["choices"][0]["message"]["content"]
        return whole
    events = [event.removeprefix("data: ") for event in text.split("\n\n")]
    assert events[-2:] == ["[DONE]", ""]
    choices = [choice for event in events[:-2] for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def test_a_cassette_plays_what_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.jsonl"
    bodies = [saying("Höllo 🙂"), saying("Höllo 🙂", stream=True), saying("Bye.")]

    recorded = await record(path, [Chosen(echo)], *bodies)
    replayed = await replay(path, *reversed(bodies))

    assert [content(answer) for answer in recorded] == ["Höllo 🙂", "Höllo 🙂", "Bye."]
    assert [content(answer) for answer in replayed] == ["Bye.", "Höllo 🙂", "Höllo 🙂"]
    assert [answer[1]["Content-Type"] for answer in replayed] == [
        "application/json",
        "text/event-stream",
        "application/json",
    ]


async def test_a_recording_passes_tokens_on_as_they_come(tmp_path: Path) -> None:
    gate = TokenGate()
    async with (
        ModelServer.running(Says(["one", "two"], gate=gate)) as model,
        recording(tmp_path / "run.jsonl", base_url=model.base_url, key=KEY) as server,
        aiohttp.ClientSession() as session,
        session.post(f"{server.base_url}/chat/completions", json=saying("Count.", stream=True)) as response,
    ):
        gate.release()
        await response.content.readuntil(b"one")
        assert gate.sent == 1
        gate.open()
        assert b"two" in await response.content.read()


async def test_equal_requests_are_answered_in_the_order_of_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, [Says("one"), Says("two")], saying("Hello."), saying("Hello."))

    assert [content(answer) for answer in await replay(path, saying("Hello."), saying("Hello."))] == ["one", "two"]


async def test_failures_are_played_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    bodies = [saying("429"), saying("html"), saying("cut", stream=True), saying("reset", stream=True)]
    behaviours: list[Behaviour] = [Status(429, retry_after=3), Html(), Breaks(Ending.CUT), Breaks(Ending.RESET)]

    await record(path, behaviours, *bodies)
    limited, html, cut, reset = await replay(path, *bodies)

    assert (limited[0], limited[1]["Retry-After"]) == (429, "3")
    assert html[1]["Content-Type"] == "text/html"
    assert "Hel" in cut[2]
    assert not cut[2].endswith(("\n\n", " broken"))
    assert reset[2].endswith(" broken")


async def test_a_call_that_its_caller_left_is_recorded_as_far_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    gate = TokenGate()
    async with (
        ModelServer.running(Says(["one", "two"], gate=gate)) as model,
        recording(path, base_url=model.base_url, key=KEY) as server,
        aiohttp.ClientSession() as session,
    ):
        async with session.post(f"{server.base_url}/chat/completions", json=saying("Count.", stream=True)) as response:
            gate.release()
            await response.content.readuntil(b"one")
            response.close()
        await until(lambda: server.open == model.open == 0)

    (answer,) = await replay(path, saying("Count.", stream=True))
    assert '"one"' in answer[2]
    assert answer[2].endswith(" broken")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cassette_has_nothing_that_identifies_somebody(tmp_path: Path, stream: bool) -> None:
    path = tmp_path / "run.jsonl"
    ids = f"sk-proj-ab***yz of {ORGANISATION}, request req_011abc22; user_message"
    secret = f"{KEY}, {ids}"
    body = saying(ids, stream=stream, user="account 12")

    await record(path, [Says([secret]), Status(401, message=secret)], body, saying("again", stream=stream))

    written = path.read_text()
    for word in (
        KEY,
        "of-the-caller",
        ORGANISATION,
        "sk-proj",
        "req_",
        "chatcmpl-",
        "fp_7",
        "account 12",
        "real-model",
    ):
        assert word not in written
    assert written.count("scrubbed of scrubbed, request scrubbed; user_message") == 3
    answers = await replay(path, body, saying("again", stream=stream))
    assert [answer[0] for answer in answers] == [200, 401]


async def failure(path: Path, *bodies: dict[str, Any]) -> str:
    """Why a test fails that asks this of a cassette."""
    with pytest.raises(ExceptionGroup) as failed:
        await replay(path, *bodies)
    return str(failed.value.exceptions[0])


async def test_a_request_that_was_not_recorded_fails_the_test_and_says_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, [Says("one")], saying("Two soups.", temperature=0), saying("Something that is far away."))

    why = await failure(path, saying("Three soups.", temperature=0))

    assert '-   "content": "Two soups.",' in why
    assert '+   "content": "Three soups.",' in why
    assert "far away" not in why


async def test_a_request_that_was_made_too_often_fails_the_test(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, [Says("one")], saying("Hello."))

    assert "more often than it was recorded" in await failure(path, saying("Hello."), saying("Hello."))


async def test_an_empty_cassette_says_so(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    async with recording(path, base_url="http://127.0.0.1:9", key=""):
        pass

    assert await failure(path, saying("Hello.")) == "the cassette is empty"


async def test_a_recording_that_fails_leaves_the_old_cassette(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    await record(path, [Says("old")], saying("Hello."))

    with pytest.raises(ValueError, match="the test failed"):
        async with recording(path, base_url="http://127.0.0.1:9", key=""):
            raise ValueError("the test failed")

    assert [content(answer) for answer in await replay(path, saying("Hello."))] == ["old"]


async def test_the_environment_decides_whether_a_cassette_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.jsonl"

    async def run() -> Answer:
        async with cassette(path) as server:
            return await ask(server, saying("Hello."))

    with pytest.raises(FileNotFoundError, match="CASSETTE_BASE_URL"):
        await run()
    async with ModelServer.running(Says("recorded")) as model:
        monkeypatch.setenv(cassettes.BASE_URL, model.base_url)
        monkeypatch.setenv(cassettes.API_KEY, KEY)
        monkeypatch.setenv(cassettes.MODEL, "real-model")
        recorded = await run()
        assert model.requests[0].body["model"] == "real-model"
        assert model.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    monkeypatch.delenv(cassettes.BASE_URL)
    replayed = await run()

    assert content(recorded) == content(replayed) == "recorded"
