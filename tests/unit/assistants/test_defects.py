"""Defects: every kind is named with its line, column and path, and all of a file's are reported at once."""

from collections.abc import Callable

import pytest

from parley_server.core.assistant import Assistant

Defects = Callable[[str | bytes], list[str]]

BARE = "assistant: test\nflows: {main: {states: {start: {say: Hi.}}}}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("assistant: test\n", "1:1: flows: this key is needed"),
        ("assistant: 2nd\n" + BARE[16:], "1:1: assistant: letters, digits and _"),
        ("assistant: test\nflows: {}\n", "2:1: flows: at least one is needed"),
        (BARE + "nonsense: 1\n", "3:1: nonsense: there is no such key"),
        (BARE + "version: 1.0\n", "3:1: version: this is to be a text"),
        (BARE + "locale: English, please\n", "3:1: locale: this is to be a language"),
        (BARE + "slots:\n", "3:1: slots: this is to be a mapping"),
        (BARE + "slots:\n  a-b: {type: string}\n", "4:3: slots.a-b.[key]: letters, digits and _"),
        (BARE + "slots:\n  1: {type: string}\n", "4:3: slots.1.[key]: letters, digits and _"),
        (BARE + "slots:\n  a: {}\n", "4:3: slots.a.type: this key is needed"),
        (BARE + "slots:\n  a: {type: colour}\n", "4:7: slots.a.type: this is to be one of string, integer"),
        (BARE + "slots:\n  a:\n    type: choice\n    choices: [1, 2]\n", "6:5: slots.a.choices: each choice is a text"),
        (BARE + "slots:\n  a:\n    type: date\n    validate: 5\n", "6:5: slots.a.validate"),
        (
            BARE + "slots:\n  a:\n    type: date\n    validate:\n      - check: 'true'\n",
            "7:9: slots.a.validate.0.reason: this key is needed",
        ),
        (BARE + "slots:\n  a:\n    type: date\n    reprompt: [ok, 5]\n", "6:20: slots.a.reprompt.1: this is to be"),
        (BARE + "branches:\n  - when: help\n", "4:5: branches.0.name: this key is needed"),
        (
            "assistant: test\nflows:\n  main:\n    states:\n      start:\n        phase: late\n",
            "6:9: flows.main.states.start.phase: this is to be one of greeting",
        ),
    ],
    ids=lambda value: value.partition(": ")[2].partition(": ")[0] if value[0].isdigit() else "",
)
def test_what_the_schema_does_not_allow_is_named_with_its_place(defects: Defects, text: str, found: str) -> None:
    reported = defects(text)

    assert len(reported) == 1
    assert reported[0].startswith(found)


FLOW = """\
assistant: test
slots:
  day:
    type: date
flows:
  main:
    states:
      start:
        collect: [day]
        next: end
      end:
        say: Bye.
sub_conversations:
  hours: {states: {answer: {say: We are open.}}}
intents:
  book: {}
branches:
  - name: b
    when: help
"""


@pytest.mark.parametrize(
    ("line", "wrong", "found"),
    [
        (1, "time_zone: Mars/Olympus", "2:1: time_zone: there is no time zone `Mars/Olympus`"),
        (1, "time_zone: ../../etc/passwd", "2:1: time_zone: there is no time zone"),
        (1, "time_zone: America", "2:1: time_zone: there is no time zone"),
        (1, "fallback: '{{ nobody }}'", "2:1: fallback.say: the template names what there is not: nobody"),
        (4, "    prompt: '{{ slots.size }}'", "5:5: slots.day.prompt: the template names what there is not"),
        (4, "    prompt: '{{ slots[\"size\"] }}'", "5:5: slots.day.prompt: the template names what there is not"),
        (4, "    prompt: '{% if %}'", "5:5: slots.day.prompt: not a template: Expected an expression"),
        (4, "    prompt: '{{ slots.day | shout }}'", "5:5: slots.day.prompt: not a template: No filter named 'shout'"),
        (4, "    prompt: '{% include \"x\" %}'", "5:5: slots.day.prompt: a template takes nothing from other files"),
        (4, "    reprompt: [fine, '{{']", "5:22: slots.day.reprompt.1: not a template"),
        (4, "    choices: [a]", "5:5: slots.day.choices: a slot of type choice has choices"),
        (4, "    extract: '('", "5:5: slots.day.extract: missing ), unterminated subpattern"),
        (4, "    extract: abc", "5:5: slots.day.extract: the pattern has no group `(?P<value>…)`"),
        (4, "    extract: math:nothing", "5:5: slots.day.extract: there is no callable `math:nothing`: module"),
        (
            4,
            "    validate: no_such_module:f",
            "5:5: slots.day.validate.0: there is no callable `no_such_module:f`: No module",
        ),
        (4, "    validate: math:pi", "5:5: slots.day.validate.0: `math:pi` is not callable"),
        (4, "    validate: day is fine", "5:5: slots.day.validate.0: a rule is written {check: day is fine"),
        (4, "    validate: {check: valu > 1, reason: r}", "5:16: slots.day.validate.check: not an expression: undecl"),
        (4, "    validate: {check: '1', reason: r}", "5:16: slots.day.validate.check: the expression gives integer"),
        (4, "    max_attempts: 2\n    then: default", "6:5: slots.day.then: there is no default"),
        (5, "  hours: {states: {a: {}}}", "15:3: sub_conversations.hours: a flow has this name too"),
        (6, "    initial: nowhere", "7:5: flows.main.initial: there is no state `nowhere`"),
        (8, "        clear: [size]", "9:17: flows.main.states.start.clear.0: there is no slot `size`"),
        (
            8,
            "        call: nowhere",
            "9:9: flows.main.states.start.call.flow: there is no flow or sub-conversation `nowhere`",
        ),
        (8, "        run: math:nothing", "9:9: flows.main.states.start.run: there is no callable `math:nothing`"),
        (8, "        say: '{{ }'", "9:9: flows.main.states.start.say: not a template"),
        (8, "        set: {size: '1'}", "9:15: flows.main.states.start.set.size: there is no slot `size`"),
        (8, "        set: {day: turn}", "9:15: flows.main.states.start.set.day: the expression gives integer"),
        (11, "        link: nowhere", "12:9: flows.main.states.end.link: there is no flow `nowhere`"),
        (8, "        link: main", "9:9: flows.main.states.start.link: a state that goes over to another flow waits"),
        (8, "        expires_after: 1h", "9:9: flows.main.states.start.expires_after: say after how long, and in"),
        (11, "        next: nowhere", "12:9: flows.main.states.end.next: there is no state `nowhere`"),
        (11, "        collect: [day, size]", "12:24: flows.main.states.end.collect.1: there is no slot `size`"),
        (11, "        on: [{when: help, to: x}]", "12:27: flows.main.states.end.on.0.to: there is no state `x`"),
        (11, "        on: [{when: hlp, to: end}]", "12:15: flows.main.states.end.on.0.when: no condition"),
        (
            11,
            "        on: [{when: help, to: end}]\n        next: start",
            "13:9: flows.main.states.end.next: a state that waits",
        ),
        (
            11,
            "        next: [{when: turn > 1, to: x}, {to: end}]",
            "12:33: flows.main.states.end.next.0.to",
        ),
        (
            11,
            "        next: [{when: turn > 1, to: end}]",
            "12:16: flows.main.states.end.next.0: each way on has",
        ),
        (11, "        next: [{to: end}, {to: start}]", "12:16: flows.main.states.end.next.0: each way on has"),
        (
            11,
            "        next: [{when: help, to: end}, {to: end}]",
            "12:17: flows.main.states.end.next.0.when: no mes",
        ),
        (11, "        next: [{when: turn, to: end}, {to: end}]", "12:17: flows.main.states.end.next.0.when: the expr"),
        (4, "    internal: true", "10:19: flows.main.states.start.collect.0: `day` is internal: nothing that a user"),
        (11, "        on: [{when: help}]", "12:14: flows.main.states.end.on.0: a way out has either `to`"),
        (
            11,
            "        on: [{when: help, to: end, handoff: x}]",
            "12:14: flows.main.states.end.on.0: a way out has either",
        ),
        (
            11,
            "        handoff: x\n        call: hours",
            "12:9: flows.main.states.end.handoff: a state that hands off does not `call`",
        ),
        (15, "  confirm: {}", "16:3: intents.confirm: this is the name of a built-in condition"),
        (15, "  other: {to: nowhere}", "16:11: intents.other.to: there is no state `nowhere`"),
        (15, "  other: {start: nowhere}", "16:11: intents.other.start: there is no flow `nowhere`"),
        (15, "  other: {start: main/nowhere}", "16:11: intents.other.start: there is no state `nowhere`"),
        (15, "  other: {call: nowhere}", "16:11: intents.other.call: there is no flow or sub-conversation"),
        (15, "  other: {to: end, call: hours}", "16:20: intents.other.call: it moves already, by `to`"),
        (15, "  other: {run: 'math:cos', say: Hi}", "16:11: intents.other.run: code makes the whole reaction"),
        (
            17,
            "  - {name: c, when: slots.size == 1}",
            "18:15: branches.0.when: there is no slot `size`",
        ),
        (17, "  - {name: c, when: slots.day == 1}", "18:15: branches.0.when: not an expression: found no matching"),
        (17, "  - {name: c, when: turn + 1}", "18:15: branches.0.when: the expression gives integer"),
    ],
    ids=lambda value: value.strip() if isinstance(value, str) and not value[0].isdigit() else str(value)[:2],
)
def test_what_does_not_compile_is_named_with_its_place(defects: Defects, line: int, wrong: str, found: str) -> None:
    lines = FLOW.splitlines()

    reported = defects("\n".join([*lines[:line], wrong, *lines[line:]]))

    assert len(reported) == 1
    assert reported[0].startswith(found)


def test_all_defects_of_the_schema_are_reported_at_once(defects: Defects) -> None:
    text = "assistant: 1\nslots: {a: {type: colour}, b: {}}\nbranches: [{when: help}]\nflows: {}\nmore: 1\n"

    assert [defect.partition(": ")[2].partition(": ")[0] for defect in defects(text)] == [
        "assistant",
        "slots.a.type",
        "slots.b.type",
        "flows",
        "branches.0.name",
        "more",
    ]


def test_all_defects_of_compilation_are_reported_at_once(defects: Defects) -> None:
    text = FLOW.replace("collect: [day]", "collect: [day, size, hour]\n        say: '{{'").replace("help", "hlp")

    assert {defect.partition(": ")[2].partition(": ")[0] for defect in defects(text)} == {
        "flows.main.states.start.collect.1",
        "flows.main.states.start.collect.2",
        "flows.main.states.start.say",
        "branches.0.when",
    }


def test_a_definition_without_defects_loads(load: Callable[[str], Assistant]) -> None:
    assert load("").name == "test"


@pytest.mark.parametrize(
    ("line", "wrong", "hint"),
    [
        (4, "    default: tomorrow", "this is no date: write 2026-12-24"),
        (4, "    depends_on: [day]", "a slot does not depend on itself"),
        (
            4,
            "    default: 2026-03-04\n    validate: {check: value == value + duration('1h'), reason: r}",
            "this refuses",
        ),
        (15, "  other: {examples: [x], flows: x}", "it is one of call, clear, examples"),
        (4, "    promt: x", "did you mean `prompt`?"),
        (4, "    options: [x]", "it is one of ask_first, choices, confirm,"),
        (4, "    required: slots.day", "the expression gives date, where true or false is needed"),
        (4, "    then: skipp", "did you mean `skip`?"),
        (4, "    keep: sometimes", "this is to be true or false"),
        (4, "    max_attempts: many", "this is to be a whole number"),
        (4, "    validate: value > today", "a rule is written {check: value > today, reason: …}"),
        (4, "    validate: {check: value = today, reason: r}", "what is equal is written =="),
        (4, '    validate: {check: value > "2026-01-01", reason: r}', "a date goes with `today`, or with timestamp("),
        (4, "    validate: {check: turn > 1, reason: r}", "the names are now, slots, today, value"),
        (4, "    prompt: '{{ slots.days }}'", "did you mean `day`?"),
        (4, "    prompt: '{{ slot.day }}'", "did you mean `slots`?"),
        (8, "        phase: completed", "did you mean `completion`?"),
        (9, "        colect: [day]", "did you mean `collect`?"),
        (11, "        on: [{when: yes, to: end}]", "did you mean `confirm`?"),
        (11, "        on: [{when: bok, to: end}]", "did you mean `book`?"),
        (11, "        on: [{when: later, to: end}]", "there are confirm, deny, change,"),
        (11, "        on: [{when: help, to: strat}]", "did you mean `start`?"),
        (11, "        on: [{when: intent == book, to: end}]", "a text stands in quotes"),
        (11, "        on: [{when: day == today, to: end}]", "write `slots.day`"),
        (11, "        on: [{when: slot.day == today, to: end}]", "did you mean `slots`?"),
        (11, "        on: [{when: slots.dayy == today, to: end}]", "did you mean `day`?"),
        (11, "        on: [{when: turn > 1.5, to: end}]", "a float goes with floats alone: write 10.0 for 10"),
        (11, "        on: [{when: turn > '1', to: end}]", "a number stands without quotes"),
        (11, "        set: {day: '\"x\" + turn'}", "string(…) makes a text"),
        (4, "  open: {type: bool}", "did you mean `boolean`?"),
        (15, "  other: {example: [x]}", "did you mean `examples`?"),
        (15, "  other: {examples: x}", "this is to be a list"),
        (15, "  other: {say: Hi., strat: main}", "did you mean `start`?"),
    ],
)
def test_a_defect_says_what_to_write_instead(defects: Defects, line: int, wrong: str, hint: str) -> None:
    lines = FLOW.splitlines()

    reported = defects("\n".join([*lines[:line], wrong, *lines[line:]]))

    assert len(reported) == 1
    assert hint in reported[0]
