"""What `parley check` finds in definitions, and what it lets pass."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.servers import definition

from parley_server.assistants.checking.check import check_definition
from parley_server.assistants.checking.findings import Finding, Severity
from parley_server.cli.commands import parley

ERROR, WARNING = Severity.ERROR, Severity.WARNING
SLOTS = """
assistant: a
slots:
  name: {type: string}
  day: {type: date}
"""
GOOD = f"""{SLOTS}
flows:
  main:
    states:
      ask: {{collect: [name, day], next: end}}
      end: {{say: "{{{{ slots.name }}}} {{{{ slots.day }}}}"}}
"""

FLOWS: Mapping[str, tuple[str, *tuple[tuple[Severity, str, str], ...]]] = {
    # The states of the one flow, and what is found: severity, where below the states, message.
    "unreachable": (
        "{ask: {collect: [name, day], next: end}, end: {say: Bye}, lost: {say: Hi}}",
        (ERROR, "lost", "no way leads to this state"),
    ),
    "trap": (
        "{ask: {collect: [name, day], next: wait}, wait: {on: [{when: deny, to: wait}]}}",
        (ERROR, "wait", "no way from here reaches a final state"),
    ),
    "trap of two": (
        "{ask: {collect: [name, day], next: say}, say: {on: [{when: deny, to: ask}]}}",
        (ERROR, "ask", "no way from here reaches a final state; it only leads to `say`"),
    ),
    "form that leads nowhere": (
        "{ask: {collect: [name, day]}}",
        (WARNING, "ask", "nothing is said when its form is complete: it has neither `next` nor `say`"),
        (ERROR, "ask", "no way from here reaches a final state"),
    ),
    "silence at a complete form": (
        "{ask: {collect: [name, day], on: [{when: confirm, to: end}]}, end: {say: Bye}}",
        (WARNING, "ask", "nothing is said when its form is complete: it has neither `next` nor `say`"),
    ),
    "silence at the end": (
        "{ask: {collect: [name, day], on: [{when: deny, to: end, say: Bye}, {when: cancel, to: end}]}, end: {}}",
        (WARNING, "ask", "nothing is said when its form is complete: it has neither `next` nor `say`"),
        (WARNING, "end", "the flow is over without a word when `ask` leads here"),
    ),
    "round": (
        (
            "{ask: {collect: [name, day], on: [{when: deny, to: a}], next: end}, a: {next: b}, b: {next: a}, "
            "end: {say: Bye}}"
        ),
        (ERROR, "a", "the states go round without waiting for the user: main/a → main/b → main/a"),
    ),
    "round of complete forms": (
        "{ask: {collect: [name, day], on: [{when: deny, to: end}], next: b}, b: {next: ask}, end: {say: Bye}}",
        (ERROR, "ask", "the states go round without waiting for the user: main/ask → main/b → main/ask"),
    ),
    "over at once": (
        "{hello: {say: Hi}, ask: {collect: [name, day], next: hello}}",
        (WARNING, "hello", "`main` is over where it begins: no way leads on from here"),
        (ERROR, "ask", "no way leads to this state"),
    ),
    "read before any path fills it": (
        "{hello: {say: '{{ slots.name }}', next: ask}, ask: {collect: [name, day], next: end}, end: {say: Bye}}",
        (ERROR, "hello.say", "no path has filled `slots.name` here"),
    ),
    "compared before any path fills it": (
        (
            "{hello: {on: [{when: 'slots.name == \"x\"', to: ask}]}, ask: {collect: [name, day], next: end}, "
            "end: {say: Bye}}"
        ),
        (ERROR, "hello.on.0.when", "no path has filled `slots.name` here"),
    ),
    "filled on some path only": (
        "{ask: {collect: [name, day], on: [{when: deny, to: end}], next: end}, end: {say: '{{ slots.name }}'}}",
        (WARNING, "end.say", "`slots.name` may have no value here, by the path main/ask → main/end"),
    ),
    "cleared on the way": (
        "{ask: {collect: [name, day], next: more}, more: {clear: [day], say: '{{ slots.day }}'}}",
        (ERROR, "more.say", "no path has filled `slots.day` here"),
    ),
    "taken back at its confirmation": (
        (
            "{ask: {collect: [name, day], next: sure}, "
            "sure: {say: '{{ slots.name }}?', on: [{when: confirm, to: end}, {when: deny, to: ask}]}, end: {say: Bye}}"
        ),
        (
            WARNING,
            "sure.say",
            "`slots.name` has no value here when the user takes it back, and no way leads out on `change`",
        ),
    ),
    "shadowed by always": (
        (
            "{ask: {collect: [name, day], on: [{when: always, to: end}, {when: deny, to: ask}], next: end}, "
            "end: {say: Bye}}"
        ),
        (ERROR, "ask.on.1", "never taken: `always` stands before it"),
    ),
    "shadowed by the same": (
        "{ask: {collect: [name, day], on: [{when: deny, to: end}, {when: deny, to: ask}], next: end}, end: {say: Bye}}",
        (ERROR, "ask.on.1", "never taken: the same condition stands before it"),
    ),
    "asked for again on the round": (
        (
            "{ask: {collect: [name, day], on: [{when: deny, to: end}], next: b}, b: {clear: [day], next: ask}, "
            "end: {say: Bye}}"
        ),
    ),
    "asked for first": (
        (
            "{hello: {say: '{% if slots.name %}{{ slots.name }}{% endif %}{{ slots.day or 1 }}', next: ask}, "
            "ask: {collect: [name, day], next: end}, end: {say: Bye}}"
        ),
    ),
    "confirmed with a way out on change": (
        (
            "{ask: {collect: [name, day], next: sure}, "
            "sure: {say: '{{ slots.name }}?', on: [{when: change, to: ask}, {when: confirm, to: end}]}, "
            "end: {say: Bye}}"
        ),
    ),
    "asked for where it was taken back": (
        (
            "{ask: {collect: [name], next: more}, more: {collect: [day], next: sure}, "
            "sure: {say: '{{ slots.name }}?', on: [{when: '!has(slots.name)', to: ask}, {when: change, to: more}, "
            "{when: confirm, to: end}]}, end: {say: Bye}}"
        ),
    ),
    "over when nobody answers": (
        "{ask: {collect: [name, day], say: Hm?, expires_after: 1h, expired: end}, end: {say: Bye}}",
    ),
}


def findings(folder: Path, text: str) -> Sequence[Finding]:
    return check_definition(definition(folder, text))


def test_a_good_definition_has_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, GOOD) == []


@pytest.mark.parametrize("name", FLOWS)
def test_a_flow_that_does_not_lead_where_it_should_is_found(tmp_path: Path, name: str) -> None:
    states, *expected = FLOWS[name]

    found = findings(tmp_path, f"{SLOTS}flows: {{main: {{states: {states}}}}}")

    assert [(one.severity, one.where, one.message) for one in found] == [
        (severity, f"flows.main.states.{where}", message) for severity, where, message in expected
    ]


@pytest.mark.parametrize(
    ("rest", "where", "severity", "message"),
    [
        ("intents: {x: {examples: [hey]}}", "intents.x", WARNING, "nothing is done about this intent"),
        ("intents: {x: {say: x}}", "intents.x", WARNING, "it has no examples to recognise it by"),
        (
            "intents: {x: {examples: [Hey you!], say: x}, y: {examples: ['hey, you'], say: y}}",
            "intents.y.examples.0",
            ERROR,
            "`x` has this example too",
        ),
        ("sub_conversations: {s: {states: {t: {say: t}}}}", "sub_conversations.s", WARNING, "nothing starts it"),
        (
            (
                "sub_conversations: {s: {states: {t: {call: u}}}, u: {states: {t: {call: s}}}}\n"
                "intents: {x: {examples: [hey], call: s}}"
            ),
            "sub_conversations.s.states.t.call",
            ERROR,
            "the calls go round, and none of them can end: s → u → s",
        ),
        (
            "intents: {x: {examples: [hey], say: 'You gave {{ slots.day }}'}}",
            "intents.x.say",
            WARNING,
            "`slots.day` may have no value here, by the path main/ask",
        ),
        (
            "branches: [{name: x, when: help, say: x}, {name: y, when: help, say: y}]",
            "branches.1.when",
            ERROR,
            "never taken: branch `x` has the same condition and priority, and stands before it",
        ),
    ],
)
def test_what_is_of_no_use_or_in_the_way_is_found(
    tmp_path: Path, rest: str, where: str, severity: Severity, message: str
) -> None:
    found = findings(tmp_path, GOOD + rest)

    assert [(one.where, one.severity, one.message) for one in found] == [(where, severity, message)]


def test_a_slot_that_nothing_uses_is_found(tmp_path: Path) -> None:
    found = findings(tmp_path, GOOD.replace("slots:", "slots:\n  spare: {type: string}"))

    assert [(one.where, one.severity) for one in found] == [("slots.spare", WARNING)]


@pytest.mark.parametrize(
    ("one", "other", "exclusive"),
    [
        ("confirm", "deny", True),
        ("help", "input", True),
        ("cancel", "help", True),
        ("x", "y", True),
        ("confirm", "help", False),
        ("x", "help", False),
        ("x", "always", False),
        ('slots.name == "a"', "slots.name == 'b'", True),
        ('slots.name == "a"', 'slots.name != "a"', True),
        ('slots.name == "a" && has(slots.day)', "!has( slots.day )", True),
        ("has(slots.day) && turn == 1", "turn == 2", True),
        ('slots.name == "a && b"', 'slots.name == "a && c"', True),
        ('slots.name == "a"', 'slots.name != "b"', False),
        ('slots.name == "a" || turn == 1', 'slots.name == "b"', False),
        ("turn > 1", "turn == 2", False),
        ('slots.name == "a"', "help", False),
    ],
)
def test_branches_of_one_priority_are_to_exclude_each_other(
    tmp_path: Path, one: str, other: str, exclusive: bool
) -> None:
    branches = [{"name": "b1", "when": one, "say": "1"}, {"name": "b2", "when": other, "say": "2"}]
    intents = "intents: {x: {examples: [hey], say: x}, y: {examples: [ho], say: y}}\n"

    found = findings(tmp_path, f"{GOOD}{intents}branches: {json.dumps(branches)}")

    assert [item.where for item in found] == ([] if exclusive else ["branches.1.when"])


def test_a_branch_of_another_priority_may_hold_too(tmp_path: Path) -> None:
    branches = "branches: [{name: x, when: help, say: x}, {name: y, when: always, say: y, priority: -1}]"

    assert findings(tmp_path, GOOD + branches) == []


def test_a_call_keeps_what_is_known_and_adds_what_it_collects(tmp_path: Path) -> None:
    text = f"""{SLOTS}
flows:
  main:
    states:
      ask: {{collect: [name], next: when}}
      when: {{call: {{flow: date, inputs: {{name: slots.name}}}}, next: end}}
      end: {{say: "{{{{ slots.name }}}} {{{{ slots.day }}}}"}}
sub_conversations:
  date: {{states: {{ask: {{collect: [day], next: done}}, done: {{say: "{{{{ slots.day }}}}"}}}}}}
"""
    assert findings(tmp_path, text) == []
    assert [one.where for one in findings(tmp_path, text.replace("done: {say", "done: {clear: [day], say"))] == [
        "flows.main.states.end.say",
        "sub_conversations.date.states.done.say",
    ]


def test_an_intent_that_starts_another_flow_leads_out_of_every_state(tmp_path: Path) -> None:
    hub = "flows: {main: {states: {idle: {on: [{when: input, to: idle}]}}}, other: {states: {end: {say: Bye}}}}\n"

    assert [one.severity for one in findings(tmp_path, f"assistant: a\n{hub}")] == [ERROR, WARNING]
    assert findings(tmp_path, f"assistant: a\n{hub}intents: {{x: {{examples: [bye], start: other}}}}") == []


def test_a_state_that_only_some_flows_have_is_no_place_to_go_from_anywhere(tmp_path: Path) -> None:
    flows = "  other: {states: {over: {say: Bye}}}\n"
    rest = "intents: {x: {examples: [hey], to: end}, y: {examples: [ho], start: other}}\n"
    branches = "branches: [{name: b, when: 'turn > 9 && has(slots.day)', to: over}]"

    found = findings(tmp_path, GOOD + flows + rest + branches)

    text = "there is no such state where `{}` runs, so that the turn fails there"
    assert [(one.where, one.message) for one in found if one.where.endswith(".to")] == [
        ("intents.x.to", text.format("other")),
        ("branches.0.to", text.format("main")),
    ]


def test_what_code_may_do_is_not_held_against_a_definition(tmp_path: Path) -> None:
    text = GOOD.replace("ask: {", "ask: {run: 'support.gates:count', ").replace(
        "      end:", "      lost: {}\n      end:"
    )

    found = findings(tmp_path, text + "sub_conversations: {s: {states: {t: {}}}}")

    assert [(one.where, one.severity) for one in found] == [("flows.main.states.lost", WARNING)]


def test_every_defect_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    text = GOOD + "colour: red\nfallback: '{{ slots.nmae }}'\nsub_conversations: {s: {states: {t: {next: u}}}}\n"

    assert [(one.line, one.where) for one in findings(tmp_path, text)] == [
        (12, "colour"),
        (13, "fallback.say"),
        (14, "sub_conversations.s.states.t.next"),
    ]


@pytest.mark.parametrize("text", ["assistant: [", "- 1", "assistant: a"])
def test_what_is_no_definition_is_one_finding(tmp_path: Path, text: str) -> None:
    found = findings(tmp_path, text)

    assert [one.severity for one in found] == [ERROR]


def test_warnings_alone_are_no_failure(tmp_path: Path) -> None:
    path = definition(tmp_path, GOOD + "intents: {x: {examples: [hey]}}")

    result = CliRunner().invoke(parley, ["check", str(path)])

    assert result.exit_code == 0
    assert result.stdout == f"{path}:12:11: warning: intents.x: nothing is done about this intent\n"
    assert result.stderr == "1 file: 0 errors, 1 warning\n"


def test_programs_read_the_findings_of_all_files_as_json(tmp_path: Path) -> None:
    good, absent = definition(tmp_path, GOOD), tmp_path / "absent.yaml"

    result = CliRunner().invoke(parley, ["check", "--format", "json", str(good), str(absent)])

    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {
            "file": str(absent),
            "line": 0,
            "column": 0,
            "where": "",
            "message": "can not be read: No such file or directory",
            "severity": "error",
        }
    ]


@pytest.mark.parametrize(
    ("slot", "where", "message"),
    [
        ("choices: {tea: [hot], cocoa: [Hot]}", "slots.drink.choices.cocoa", "`Hot` is a word for `tea` too"),
        ("choices: {tea: [], cocoa: [tea]}", "slots.drink.choices.cocoa", "`tea` is a word for `tea` too"),
    ],
)
def test_a_word_is_for_one_choice(tmp_path: Path, slot: str, where: str, message: str) -> None:
    text = f"assistant: a\nslots: {{drink: {{type: choice, {slot}}}}}\n"
    found = findings(tmp_path, text + "flows: {f: {states: {s: {collect: [drink], next: t}, t: {say: Bye.}}}}\n")

    assert [(one.where, one.message.partition(", so")[0]) for one in found] == [(where, message)]


def test_what_only_follows_from_another_defect_is_not_told(tmp_path: Path) -> None:
    text = """
assistant: a
slots: {day: {type: date, prompt: "{{ nobody }}"}}
intents: {x: {examples: [hey], say: "{{ nobody }}"}}
flows:
  f: {states: {s: {say: Hi., next: tt}, t: {collect: [day], next: u}, u: {say: Bye.}}}
  g: {states: {s: {say: Hi., next: u}, t: {say: Never.}, u: {say: Bye.}}}
"""

    assert [(one.line, one.where) for one in findings(tmp_path, text)] == [
        (3, "slots.day.prompt"),
        (4, "intents.x.say"),
        (6, "flows.f.states.s.next"),
        (7, "flows.g"),
        (7, "flows.g.states.t"),
    ]


def test_a_file_for_another_command_is_told_by_its_key(tmp_path: Path) -> None:
    found = findings(tmp_path, "assistant: a.yaml\nconversations: []\n")

    assert [one.message for one in found] == [
        "this is a script of conversations, which `parley test` holds; a definition has `flows`"
    ]
