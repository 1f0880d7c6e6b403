"""What `parley test` holds against a script, and what it says of it."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from parley_server.cli.commands import parley

ASSISTANT = """
assistant: trip
slots:
  city: {type: choice, choices: [London, Paris], prompt: Which city?}
  seats: {type: integer, prompt: How many seats?, validate: {check: value < 10, reason: That is too many.}}
  code: {type: string, sensitive: true}
  price: {type: float, internal: true}
  start: {type: time, internal: true}
intents:
  human: {examples: [let me talk to a human], handoff: asked for}
flows:
  trip:
    states:
      ask:
        phase: information_gathering
        collect: [city, seats]
        expires_after: 30m
        expired: late
        on: [{when: cancel, to: late}]
        next: booked
      booked: {phase: completion, say: "{{ slots.seats }} to {{ slots.city }} in {{ 6 // slots.seats }}."}
      late: {phase: completion, say: It is too late.}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trip.yaml").write_text(ASSISTANT)
    return tmp_path


def rehearse(folder: Path, turns: str, *options: str, conversation: str = "") -> Result:
    """Tests one conversation: its turns as a YAML list, and what else it says."""
    script = folder / "trip.test.yaml"
    script.write_text(f"assistant: trip.yaml\nconversations:\n  - name: one\n    turns: {turns}\n{conversation}")
    return CliRunner().invoke(parley, ["test", str(script), *options])


@pytest.mark.parametrize(
    "turns",
    [
        "[{user: hi, reply: Which  city?, state: trip/ask, phase: information_gathering, requested: city}]",
        "[{user: 2 seats to Paris, slots: {seats: 2, city: Paris, code: null}, requested: '', intent: ''}]",
        "[{user: hi, given: {price: 10, start: '09:30'}, slots: {price: 10, start: '09:30:00'}}]",
        "[{user: London}, {user: '12', rejected: seats, contains: [too many, seats], not_contains: city}]",
        "[{user: hi}, {user: let me talk to a human, intent: human, handoff: asked for}]",
        "[{user: hi}, {user: Paris, after: 29m, handoff: ''}, {user: '2', after: 30m, state: trip/late}]",
    ],
)
def test_a_conversation_that_goes_as_expected_passes(folder: Path, turns: str) -> None:
    result = rehearse(folder, turns)

    assert (result.exit_code, "1 passed, 0 failed" in result.output) == (0, True)


@pytest.mark.parametrize(
    ("turns", "key", "expected", "found"),
    [
        ("[{user: hi, reply: Which town?}]", "reply", "Which town?", "Which city?"),
        ("[{user: hi, contains: town}]", "contains", "town", "Which city?"),
        ("[{user: hi, not_contains: city}]", "not_contains", "city", "Which city?"),
        ("[{user: 2 seats, slots: {seats: 3}}]", "slots.seats", "3", "2"),
        ("[{user: 2 seats, slots: {city: Paris}}]", "slots.city", "Paris", "null"),
        ("[{user: hi, given: {start: '09:30'}, slots: {start: half nine}}]", "slots.start", "half nine", "09:30"),
        ("[{user: hi, state: trip/booked}]", "state", "trip/booked", "trip/ask"),
        ("[{user: hi, phase: completion}]", "phase", "completion", "information_gathering"),
        ("[{user: hi, intent: human}]", "intent", "human", "(none)"),
        ("[{user: hi, requested: ''}]", "requested", "(none)", "city"),
        ("[{user: hi, rejected: [seats]}]", "rejected", "seats", "(none)"),
        ("[{user: hi, handoff: asked for}]", "handoff", "asked for", "(none)"),
    ],
)
def test_what_differs_is_told_with_its_place(folder: Path, turns: str, key: str, expected: str, found: str) -> None:
    result = rehearse(folder, turns)

    assert result.exit_code == 1
    place, told, was, *_ = [line.strip() for line in result.output.splitlines()[3:]]
    assert (place.startswith(str(folder / "trip.test.yaml:4:")), place.endswith(f": {key}")) == (True, True)
    assert (told, was) == (f"expected: {expected}", f"found:    {found}")


def test_a_wrong_reply_is_marked_where_it_begins_to_differ(folder: Path) -> None:
    result = rehearse(folder, "[{user: hi, reply: Which town?}]")

    found, mark = [line for line in result.output.splitlines() if "found:" in line or "^" in line]
    assert found[mark.index("^") :] == "city?"


def test_a_conversation_ends_at_its_first_failure(folder: Path) -> None:
    result = rehearse(folder, "[{user: hi}, {user: London, requested: city}, {user: x, requested: city}]")

    assert "turn 2, 'London'" in result.output
    assert "turn 3" not in result.output


def test_a_turn_that_can_not_be_taken_is_a_failure(folder: Path) -> None:
    result = rehearse(folder, "[{user: 0 seats to Paris}]")

    assert result.exit_code == 1
    assert "a template could not be written out at trip/booked" in result.output


def test_the_caller_gives_slots_and_metadata_with_the_first_turn(folder: Path) -> None:
    given = "    slots: {city: Paris}\n    metadata: {vip: true}\n"

    result = rehearse(folder, "[{user: hi, requested: seats}]", conversation=given)

    assert result.exit_code == 0


def test_a_value_that_the_caller_gives_and_the_slot_does_not_take_is_a_failure(folder: Path) -> None:
    result = rehearse(folder, "[{user: hi}, {user: hi, given: {seats: 12}}]")

    assert result.exit_code == 1
    assert "the caller's value is refused: That is too many. at slots/seats" in result.output


@pytest.mark.parametrize(
    "turns",
    [
        "[{user: hi}, {user: hi, given: {city: Paris}, slots: {city: Paris}, requested: seats}]",
        "[{user: let me talk to a human}, {user: Paris, reply: ''}, {user: Paris, handed_back: true, handoff: ''}]",
        "[{user: hi, metadata: {vip: true}}, {user: vip, contains: very}]",
        "[{user: hi, metadata: {vip: true}}, {user: vip, metadata: {vip: null}, not_contains: very}]",
    ],
)
def test_a_caller_gives_and_says_more_with_a_later_turn(folder: Path, turns: str) -> None:
    branch = "branches:\n  - {name: vip, when: 'message == \"vip\" && has(metadata.vip)', say: A very good day!}\n"
    (folder / "trip.yaml").write_text(ASSISTANT + branch)

    assert rehearse(folder, turns).exit_code == 0


def test_the_defects_of_a_script_are_told_at_once(folder: Path) -> None:
    turns = (
        "[{user: hi, slots: {town: x}, requested: town, rejected: town, intent: x, state: trip/x, given: {city: 1}}]"
    )
    more = "    slots: {town: Paris, seats: 12, city: Rome}\n  - {name: one, turns: [{user: hi}]}\n"

    result = rehearse(folder, turns, conversation=more)

    assert result.exit_code == 1
    assert [line.partition("conversations.")[2] for line in result.output.splitlines()] == [
        "0.turns.0.slots: there is no slot `town`",
        "0.turns.0.requested: there is no slot `town`",
        "0.turns.0.rejected: there is no slot `town`",
        "0.turns.0.intent: there is no intent `x`",
        "0.turns.0.state: there is no state `trip/x`",
        "1.name: another conversation has this name",
        "0.turns.0.given.city: it takes a value of type choice",
        "0.slots.town: there is no such slot",
        "0.slots.city: choose one of: London, Paris",
    ]


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ("[]", "conversations.0.turns"),
        ("[{user: hi, said: x}]", "conversations.0.turns.0.said"),
        ("[{user: hi, after: soon}]", "not a duration"),
    ],
)
def test_a_script_that_is_none_is_refused_with_its_place(folder: Path, turns: str, said: str) -> None:
    result = rehearse(folder, turns)

    assert result.exit_code == 1
    assert "trip.test.yaml:4:" in result.output
    assert said in result.output


def test_coverage_tells_what_was_never_tried(folder: Path) -> None:
    result = rehearse(folder, "[{user: hi}, {user: cancel}]", "--coverage-min", "80")

    assert result.exit_code == 1
    assert result.output.splitlines()[2:] == [
        "trip: 50 % of states and ways",
        "  never: trip/booked",
        "  never: trip/ask → trip/late (30 min)",
        "  never: trip/ask → trip/booked (next)",
        "  less than 80 %",
        "1 passed, 0 failed",
    ]


def test_coverage_is_written_for_pictures(folder: Path) -> None:
    coverage = folder / "coverage.json"

    rehearse(folder, "[{user: 2 seats to Paris}]", "--coverage-out", str(coverage))

    assert json.loads(coverage.read_text()) == {
        "trip": {"states": {"trip/ask": 1, "trip/booked": 1}, "ways": {"trip/ask → trip/booked (next)": 1}}
    }


@pytest.mark.parametrize("option", ["--junit", "--coverage-out"])
def test_a_file_that_can_not_be_written_is_told_in_a_sentence(folder: Path, option: str) -> None:
    result = rehearse(folder, "[{user: hi}]", option, str(folder / "absent" / "file"))

    assert result.exit_code == 1
    assert result.output.endswith("No such file or directory\n")


def test_continuous_integration_reads_the_outcomes(folder: Path) -> None:
    junit = folder / "junit.xml"

    rehearse(folder, '[{user: "hi\\x07", state: trip/late}]', "--junit", str(junit))

    suite = ET.parse(junit).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "turn 1" in failure.attrib["message"]
    assert "expected: trip/late" in (failure.text or "")
