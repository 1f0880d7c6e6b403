"""Runs benchmarks: `python -m benchmarks [TOPIC …] [--json FILE]`; without a topic, all of them.

`python -m benchmarks --readme FILE` measures nothing: it writes the figures of such a file into the README.
"""

import argparse
import importlib
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness.figures import Figure, table_row, write_json, write_readme

TOPICS = ("start", "check", "wire", "stores", "history", "memory", "workers", "model", "baseline", "growth")
"""In the order in which they run."""


def main() -> None:
    """Measures, prints, writes."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks")
    arguments.add_argument("topics", nargs="*", metavar="TOPIC", help=f"of {', '.join(TOPICS)}; none: all of them")
    arguments.add_argument("--json", type=Path, help="where to write the figures")
    arguments.add_argument("--readme", type=Path, help="the file whose figures to write into the README")
    options = arguments.parse_args()
    if unknown := set(options.topics) - set(TOPICS):
        arguments.error(f"there is no topic {', '.join(sorted(unknown))}")
    if options.readme:
        write_readme(options.readme)
        return
    figures = list(_measured(options.topics or TOPICS))
    if options.json:
        write_json(options.json, figures, command="make bench")


def _measured(topics: list[str] | tuple[str, ...]) -> Iterator[Figure]:
    for topic in topics:
        began = time.monotonic()
        for figure in importlib.import_module(f"benchmarks.{topic}").measure():
            print(table_row(figure), flush=True)
            yield figure
        print(f"{topic:12} (took {time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
