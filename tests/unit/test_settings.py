"""Settings: what they may be, what they come to, and that the table and the options are made of them."""

import logging
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from parley_server.errors import InvalidSettings
from parley_server.logs import configure_logging
from parley_server.settings import Settings, booking_example, settings_table
from parley_server.stores.protocol import Durability


def test_the_defaults_are_valid_and_need_nothing() -> None:
    settings = Settings()

    settings.validate()
    assert settings.definitions == (booking_example(),)
    assert booking_example().exists()
    assert settings.store_options.durability is None
    assert settings.idle_time == timedelta(hours=1)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "0.0.0.0:50051", "[::1]:65535", "localhost:1"])
def test_an_address_is_a_host_and_a_port(listen: str) -> None:
    Settings(listen=listen).validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen", "localhost"),
        ("listen", ":50051"),
        ("listen", "127.0.0.1:"),
        ("listen", "127.0.0.1:http"),
        ("listen", "127.0.0.1:99999"),
        ("listen", "127.0.0.1:-1"),
        ("listen", "127.0.0.1:²"),
        ("listen", ""),
        ("durability", "eternal"),
        ("workers", 0),
        ("idle_expiry", -1.0),
        ("idle_expiry", float("nan")),
        ("idle_expiry", float("inf")),
        ("turn_budget", 0.0),
        ("turn_budget", 1e300),
        ("waiting_turns", 0),
        ("lease", 0.0),
        ("lease", float("nan")),
        ("store_timeout", 0.0),
        ("drain_delay", -1.0),
        ("grace", float("inf")),
        ("log_level", "LOUD"),
        ("nlu", "magic"),
        ("base_url", "models.example/v1"),
        ("base_url", "ftp://models.example"),
        ("base_url", "https://"),
        ("base_url", "http:///v1"),
        ("base_url", "http://[::1"),
        ("base_url", "http://models.example/v1 "),
        ("base_url", "http://models example/v1"),
        ("base_url", "https://user:canary@models.example/v1"),
        ("base_url", "https://models.example/v1?key=canary"),
        ("base_url", "http://127.0.0.1:99999/v1"),
        ("model_calls", 0),
        ("first_token", 0.0),
        ("next_token", float("inf")),
        ("heartbeat", 0.0),
        ("session_tokens", -1),
        ("tenant_cost", float("nan")),
        ("input_price", -0.5),
    ],
)
def test_a_setting_that_can_not_be_meant_is_refused_by_its_option(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings(**{name: value}).validate()

    assert str(caught.value).startswith(f"--{name.replace('_', '-')}: ")
    assert "\n" not in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings(listen="x", waiting_turns=0, grace=-1.0).validate()

    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "--listen",
        "--waiting-turns",
        "--grace",
    ]


def test_settings_come_to_what_the_server_works_with() -> None:
    settings = Settings(
        durability="disk", idle_expiry=0.0, assistant=(Path("a.yaml"),), workers=2, lease=3.0, store_timeout=0.5
    )

    assert settings.store_options.durability is Durability.DISK
    assert settings.idle_time is None
    assert settings.definitions == (Path("a.yaml"),)
    options = settings.store_options
    assert (options.shared, options.lease, options.timeout) == (True, timedelta(seconds=3), timedelta(seconds=0.5))


def test_the_table_has_a_row_for_each_setting_with_its_meaning() -> None:
    rows = settings_table().splitlines()[2:]

    assert len(rows) == len(fields(Settings))
    for row, setting in zip(rows, fields(Settings), strict=True):
        assert row.startswith(f"| `--{setting.name.replace('_', '-')}` | `PARLEY_{setting.name.upper()}` |")
        assert row.count("|") == 5
        assert setting.metadata["meaning"] in row


@pytest.fixture
def levels() -> Iterator[None]:
    """Leaves the loggers as it finds them."""
    loggers = [logging.root, logging.getLogger("asyncio"), logging.getLogger("grpc._cython.cygrpc")]
    before = [(logger, logger.level, logger.filters[:]) for logger in loggers]
    yield
    for logger, level, filters in before:
        logger.setLevel(level)
        logger.filters[:] = filters


@pytest.mark.usefixtures("levels")
def test_the_log_goes_to_standard_error_without_what_is_no_news(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])
    configure_logging("info")

    logging.getLogger("parley_server").info("serving")
    logging.getLogger("parley_server").debug("a call")
    logging.getLogger("asyncio").info("its own business")
    logging.getLogger("grpc._cython.cygrpc").error("ExecuteBatchError raised in core by peer")
    logging.getLogger("grpc._cython.cygrpc").error("something else")

    written = capsys.readouterr()
    assert written.out == ""
    assert [line.partition(" ")[2] for line in written.err.splitlines()] == [
        "INFO    parley_server: serving",
        "ERROR   grpc._cython.cygrpc: something else",
    ]
