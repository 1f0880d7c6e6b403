"""Opening the model: what there is none for, which is said once, and what is refused."""

import logging
import sys
from pathlib import Path

import pytest

from parley_server.errors import InvalidSettings
from parley_server.model_access import open_model
from parley_server.settings import Settings

KEY = "sk-canary-key"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARLEY_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("settings", "level", "missing"),
    [
        (Settings(), logging.INFO, "no --model"),
        (Settings(nlu="rules"), logging.INFO, "no --model"),
        (Settings(nlu="openai"), logging.WARNING, "no --model"),
        (Settings(nlu="cascade"), logging.WARNING, "no --model"),
        (Settings(model="m"), logging.WARNING, "no key and no --base-url"),
    ],
)
def test_without_a_model_that_is_said_once(
    settings: Settings, level: int, missing: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    assert open_model(settings) is None
    (record,) = caplog.records
    assert record.levelno == level
    assert record.getMessage() == (
        f"{missing}: messages are understood by the rules alone, and where the model is to write (`generate`) its "
        "`otherwise` is said, without which the turn fails"
    )


@pytest.mark.parametrize("base_url", ["", "http://127.0.0.1:9/v1"])
async def test_with_a_key_there_is_one_and_the_key_is_not_logged(
    tmp_path: Path, base_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "key").write_text(KEY)

    model = open_model(Settings(model="m", base_url=base_url, api_key_file=str(tmp_path / "key")))

    assert model
    await model.close()
    assert "the model m understands and writes" in caplog.text
    assert KEY not in caplog.text


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "parley_server.models.openai", raising=False)

    with pytest.raises(
        InvalidSettings, match=r"--model needs more packages: .* `openai`: pip install '\.\[openai\]' in its source"
    ):
        open_model(Settings(model="m", base_url="http://127.0.0.1:9/v1"))


def test_certificates_that_can_not_be_read_are_told_at_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))

    with pytest.raises(InvalidSettings, match="SSL_CERT_FILE"):
        open_model(Settings(model="m", base_url="https://models.example/v1"))
