"""Pictures of flows, as SVG and as Mermaid."""

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from support.examples import EXAMPLES
from support.servers import definition

from parley_server.assistants.chart import Chart
from parley_server.assistants.coverage import Coverage, write_coverage
from parley_server.assistants.graphing.dot import draw_svg
from parley_server.assistants.graphing.mermaid import draw_mermaid
from parley_server.assistants.loading import load_assistant
from parley_server.cli.commands import parley

SVG = "{http://www.w3.org/2000/svg}"
TRICKY = """
assistant: tricky
slots:
  name: {type: string}
intents:
  top: {examples: [start over], start: main}
flows:
  main:
    states:
      end:
        collect: [name]
        expires_after: 30m
        expired: graph
        on: [{when: 'slots.name == "<b>&\\\\N|]#34;"', to: graph}, {when: deny, to: graph}]
        next: graph
      graph: {call: node, link: other}
  other:
    states:
      edge: {say: Bye}
sub_conversations:
  node:
    states:
      edge: {say: Hi}
"""


@pytest.fixture
def tricky(tmp_path: Path) -> Chart:
    """A chart whose names and conditions mean something to those who draw it."""
    return Chart(load_assistant(definition(tmp_path, TRICKY)))


def svg_texts(svg: str, kind: str) -> list[list[str]]:
    """The texts of each part of a picture of a kind: `cluster`, `node` or `edge`."""
    parts = [part for part in ET.fromstring(svg).iter(f"{SVG}g") if part.get("class") == kind]
    return [[(text.text or "").strip("\xa0") for text in part.iter(f"{SVG}text")] for part in parts]


def test_a_picture_shows_flows_as_frames_and_states_as_boxes(tricky: Chart) -> None:
    svg = draw_svg(tricky)

    assert svg_texts(svg, "cluster") == [["main"], ["other"], ["node"]]
    boxes = [texts for texts in svg_texts(svg, "node") if texts]
    assert sorted(boxes) == [["edge"], ["edge"], ["end", "name"], ["graph"], ["intent", "top"]]


def test_a_picture_labels_each_way_with_its_condition_whatever_that_holds(tricky: Chart) -> None:
    labels = [texts for texts in svg_texts(draw_svg(tricky), "edge") if texts]

    assert sorted(labels) == [["after 30 min"], ["complete"], ['slots.name == "<b>&\\N|]#34;"', "deny"]]


def test_mermaid_text_keeps_nothing_that_means_something_to_it(tricky: Chart) -> None:
    drawn = draw_mermaid(tricky)

    condition = next(line for line in drawn.splitlines() if "deny" in line)
    assert condition == (
        '  s_main__end -->|"slots.name == #34;#60;b#62;#38;#92;#92;N#124;#93;#35;34#59;#34;<br/>deny"| s_main__graph'
    )
    assert "  s_main__graph -.-> s_node__edge" in drawn
    assert "  s_main__graph ==> s_other__edge" in drawn
    assert '  d_intent_top>"intent top"] --> s_main__end' in drawn


def test_coverage_colours_what_conversations_went_through(tricky: Chart) -> None:
    coverage = Coverage(states=Counter(["main/end"]), ways=Counter(["main/end → main/graph (deny)"]))

    svg, mermaid = draw_svg(tricky, coverage), draw_mermaid(tricky, coverage)

    boxes = {(part.findtext(f"{SVG}title") or ""): part for part in ET.fromstring(svg).iter(f"{SVG}g")}
    strokes = {
        name: [path.get("stroke") for path in boxes[name].iter(f"{SVG}path")] for name in ("main/end", "main/graph")
    }
    assert strokes["main/end"] != strokes["main/graph"]
    assert "s_main__end(" in mermaid
    assert ":::covered" in mermaid
    assert ":::missed" in mermaid
    assert mermaid.count("linkStyle") == 6


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_state_of_an_example_is_in_its_picture(example: Path) -> None:
    chart = Chart(load_assistant(example))

    others = ("intent", "branch", "a colleague")
    boxes = Counter(texts[0] for texts in svg_texts(draw_svg(chart), "node") if texts and texts[0] not in others)

    assert boxes == Counter(frame.state for frame in chart.states)


def test_a_picture_is_written_to_a_file(tmp_path: Path) -> None:
    path, output, coverage = definition(tmp_path, TRICKY), tmp_path / "flows.svg", tmp_path / "coverage.json"
    write_coverage(coverage, {"tricky": Coverage()})

    result = CliRunner().invoke(parley, ["graph", str(path), "--output", str(output), "--coverage", str(coverage)])

    assert (result.exit_code, result.output) == (0, "")
    assert svg_texts(output.read_text(), "cluster")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["graph", "absent.yaml"], "absent.yaml: can not be read"),
        (["graph", "{file}", "--coverage", "absent.json"], "absent.json: can not be read"),
        (["graph", "{file}", "--output", "absent/flows.svg"], "absent/flows.svg"),
    ],
)
def test_what_can_not_be_drawn_is_told_in_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    file = str(definition(tmp_path, TRICKY))

    result = CliRunner().invoke(parley, [argument.format(file=file) for argument in arguments])

    assert result.exit_code == 1
    assert said in result.output
