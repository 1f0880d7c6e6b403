"""What must not leave: values of sensitive slots, the key, and what users and failing providers say."""

import logging
import os
import subprocess
import sys
from datetime import date, time
from pathlib import Path

import pytest
from support.model_answers import ByPurpose, Says, says_json
from support.model_faults import CANARY, Status
from support.model_talks import BARE, PLAN_B, Talk, talking
from support.understanding import proposal

import parley

KEY = "sk-canary-of-the-key"
PIN = "Rosebud 7213"
WRITINGS = ["osebud", "OSEBUD", "7213"]

BANK = """
assistant: bank
nlu: openai
model: {recent_turns: 2, older: summarize}
slots:
  pin:
    type: string
    prompt: Your PIN?
    sensitive: true
    validate: {check: value != 'wrong 9999', reason: "{{ value }} is wrong."}
  name: {type: string, prompt: Your name?}
  born: {type: date, prompt: When were you born?, sensitive: true}
flows:
  pay:
    states:
      form: {collect: [pin, born, name], next: paid}
      paid: {say: "The PIN is {{ slots.pin | upper }}, {{ slots.name }}, of {{ slots.born.year }}.", next: talk}
      talk: {generate: Go on., on: [{when: confirm, to: paid}]}
"""

CARD = """
assistant: card
nlu: openai
slots:
  mail: {type: email, prompt: Your mail?, sensitive: true}
  phone: {type: phone, prompt: Your phone?, sensitive: true}
  born: {type: date, prompt: When were you born?, sensitive: true}
  at: {type: time, prompt: At what time?, sensitive: true}
flows:
  main:
    states:
      form: {collect: [mail, phone, born, at], next: talk}
      talk: {generate: Go on., on: [{when: confirm, to: talk}]}
"""
OPEN = """
assistant: open
nlu: openai
slots:
  mail: {type: email, sensitive: true}
flows:
  main: {states: {talk: {generate: Go on., on: [{when: always, to: talk}]}}}
"""
CARD_SLOTS: dict[str, str | date | time] = {
    "mail": "ada@secret.example",
    "phone": "+12024561414",
    "born": date(1990, 5, 31),
    "at": time(15, 45),
}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_API_KEY", KEY)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


async def paid(talk: Talk) -> None:
    """A conversation in which the sensitive is said, refused, repeated, and asked about."""
    await talk.say("hello", "wrong 9999", PIN, "31 May 1990", "Ann", "what now?", f"was it {PIN.lower()}?")
    await talk.say("and then?", "so?", "really?", "sure?", "yes", "repeat", "hm?")


async def test_nothing_sensitive_leaves_wherever_it_stands(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    model = ByPurpose(understanding=says_json(proposal()), replies=Says("Well."))
    async with talking(tmp_path, model, text=BANK.replace("nlu: openai", "nlu: cascade")) as talk:
        await paid(talk)
        session = await talk.client.get_session("s")

        assert session.slots["pin"] == PIN
        assert talk.model.calls > 8
        for writing in [*WRITINGS, "9999", "1990", "31 May"]:
            assert writing not in talk.sent
        assert any(request.said("system").startswith("You sum up") for request in talk.model.requests)
        assert "Well." in talk.sent
    for writing in [*WRITINGS, "9999", "1990", "Ann"]:
        assert writing not in log.text


async def test_what_a_caller_gives_that_is_sensitive_does_not_leave_either(tmp_path: Path) -> None:
    model = ByPurpose(understanding=says_json(proposal()), replies=Says("Well."))
    async with talking(tmp_path, model, text=BANK) as talk:
        await talk.client.say("hello", session_id="s", slots={"pin": PIN, "name": "Ann"})
        await talk.say("31 May 1990", "what now?", "and?")

        assert talk.model.calls >= 4
        for writing in WRITINGS:
            assert writing not in talk.sent
        assert "Ann" in talk.sent


@pytest.mark.parametrize("nlu", ["rules", "cascade", "openai"])
@pytest.mark.parametrize(
    ("said", "canary"),
    [
        ("I told you: 31 May 1990", "May"),
        ("the 31st of May 1990, remember", "31st"),
        ("31.05.1990 or 5/31/1990", "31"),
        ("is it 202.456.1414?", "456"),
        ("2 0 2 4 5 6 1 4 1 4 again", "2 0 2"),
        ("call (202) 456 1414 please", "456"),
        ("at 3:45 pm, you know", "3:45"),
        ("was it 15.45?", "15.45"),
        ("ADA at secret.example", "secret"),
        ("it's ada at secret dot example", "secret"),
        ("Ada (at) secret [dot] example", "secret"),
    ],
)
async def test_what_is_sensitive_does_not_leave_when_it_is_said_again_in_another_writing(
    tmp_path: Path, nlu: str, said: str, canary: str
) -> None:
    model = ByPurpose(understanding=says_json(proposal()), replies=Says("Well."))
    async with talking(tmp_path, model, text=CARD.replace("nlu: openai", f"nlu: {nlu}")) as talk:
        await talk.client.say("hello", session_id="s", slots=CARD_SLOTS)
        before = await talk.client.get_session("s")
        await talk.say(said, "and?")

        assert (await talk.client.get_session("s")).slots == before.slots
        assert talk.model.calls >= 2
        assert canary not in str([request.said("user") for request in talk.model.requests])


@pytest.mark.parametrize("nlu", ["rules", "cascade", "openai"])
@pytest.mark.parametrize("mail", ["ada at secret dot example", "ADA(at)secret(dot)example", "ada [at] secret.example"])
async def test_an_address_that_is_spelled_out_is_understood_and_does_not_leave(
    tmp_path: Path, nlu: str, mail: str
) -> None:
    model = ByPurpose(understanding=says_json(proposal()), replies=Says("Well."))
    async with talking(tmp_path, model, text=OPEN.replace("nlu: openai", f"nlu: {nlu}")) as talk:
        await talk.say("hello", f"By the way, write to {mail} whenever you want", f"did you write to {mail}?", "so?")
        session = await talk.client.get_session("s")

        assert session.slots["mail"] == "ada@secret.example"
        assert talk.model.calls >= 4
        assert "secret" not in str([request.said("user") for request in talk.model.requests])


@pytest.mark.parametrize("nlu", ["rules", "cascade", "openai"])
async def test_what_may_be_a_sensitive_value_does_not_leave_though_it_is_not_taken(tmp_path: Path, nlu: str) -> None:
    model = ByPurpose(understanding=says_json(proposal()), replies=Says("Well."))
    async with talking(tmp_path, model, text=OPEN.replace("openai", nlu)) as talk:
        await talk.say("it is not ada@secret.example", "eve@secret.example or bob@secret.example")
        await talk.client.say("hello", session_id="s", slots={"mail": "ann@example.com"})
        await talk.say("did you write to ada@secret.example?", "cancel all for eve@secret.example", "so?")

        assert talk.model.calls >= 6
        assert "secret.example" not in talk.sent


@pytest.mark.parametrize("nlu", ["rules", "cascade", "openai"])
async def test_what_is_sensitive_and_no_message_fills_does_not_leave_either(tmp_path: Path, nlu: str) -> None:
    model = ByPurpose(understanding=says_json(proposal()), replies=Says("Well."))
    text = OPEN.replace("sensitive: true", "sensitive: true, internal: true").replace("openai", nlu)
    async with talking(tmp_path, model, text=text) as talk:
        await talk.client.say("hello", session_id="s", slots={"mail": "ada@secret.example"})
        await talk.say("is ADA@secret.example known?", "so?")

        assert talk.model.calls >= 3
        assert "secret.example" not in talk.sent


async def test_what_an_author_allows_leaves(tmp_path: Path) -> None:
    model = ByPurpose(understanding=says_json(proposal()), replies=Says("Well."))
    text = BANK.replace("older: summarize", "older: summarize, sensitive: true").replace("openai", "rules")
    async with talking(tmp_path, model, text=text) as talk:
        await paid(talk)

        assert PIN in talk.sent


@pytest.mark.usefixtures("key")
async def test_the_key_reaches_the_models_server_and_nobody_else(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    async with talking(tmp_path, Says("Hello."), Status(401, message=f"{KEY} did not do")) as talk:
        await talk.say("hello", PLAN_B)
        with pytest.raises(parley.ParleyError) as caught:
            await talk.say("hello", BARE, session_id="other")

        assert {request.headers["Authorization"] for request in talk.model.requests} == {f"Bearer {KEY}"}
    assert KEY not in log.text
    assert KEY not in f"{caught.value!r} {caught.value.metadata}"


async def test_what_a_failing_provider_says_stays_with_it(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    async with talking(tmp_path, Status(400)) as talk:
        with pytest.raises(parley.Unavailable) as caught:
            await talk.say("hello", BARE)

    assert caught.value.metadata == {"fault": "unfit"}
    assert CANARY not in f"{caught.value} {log.text}"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "parley_server", "serve", *options],
        cwd=folder,
        env={**os.environ, "PARLEY_API_KEY": KEY, "OPENAI_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_help_knows_no_key(tmp_path: Path) -> None:
    shown = run(tmp_path, "--help")

    assert "--api-key-file" in shown.stdout
    assert KEY not in shown.stdout + shown.stderr


def test_a_key_file_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    ended = run(
        tmp_path, "--model", "m", "--api-key-file", "nowhere", "--store", "memory://", "--listen", "127.0.0.1:0"
    )

    assert ended.returncode == 1
    assert "--api-key-file: nowhere can not be read" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert KEY not in ended.stderr
