"""The contract on the wire: in good form, never broken, and the generated code that of today's protos."""

from pathlib import Path

import pytest
from support.repository import ROOT, missing, run, tool

GENERATED = ROOT / "client" / "parley" / "v1"


def contents(folder: Path) -> dict[str, bytes]:
    """Every generated file by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".py", ".pyi")}


def test_the_generated_code_is_that_of_the_protos(tmp_path: Path) -> None:
    installed, wanted = ROOT / ".venv-protos" / ".installed", ROOT / "protos" / "toolchain.txt"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        missing("the toolchain of the protos is not set up: `make protos` does that")

    run("make", "protos", f"PROTO_OUT={tmp_path}")

    committed = contents(GENERATED)
    assert committed.pop("__init__.py") == b""
    assert contents(tmp_path / "parley" / "v1") == committed


@pytest.mark.parametrize(
    "check",
    [
        ["lint", "protos"],
        ["format", "--diff", "--exit-code", "protos"],
        ["breaking", "protos", "--against", "protos/released.binpb"],
    ],
    ids=lambda check: check[0],
)
def test_the_protos_are_in_good_form_and_break_no_caller(check: list[str]) -> None:
    run(tool("buf"), *check)
