"""What all tests share: how thorough the tests of faults are."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults",
        choices=("short", "full"),
        default="short",
        help="how long tests/faults go on breaking things: short (seconds, part of `make test`) or full (minutes)",
    )
