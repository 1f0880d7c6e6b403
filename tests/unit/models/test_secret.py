"""The key: where it is found, and that it shows itself nowhere."""

import copy
import pickle
from pathlib import Path

import pytest

from parley_server.errors import InvalidSettings
from parley_server.models.secret import Secret, find_key

KEY = "sk-canary-key"


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(KEY)

    assert KEY not in f"{secret} {secret!r} {[secret]} {secret!s:>40}"
    assert secret.reveal() == KEY


@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_is_not_written_down(write: object) -> None:
    with pytest.raises(TypeError):
        write(Secret(KEY))  # type: ignore[operator]  # each takes anything


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PARLEY_API_KEY": "a", "OPENAI_API_KEY": "b"}, "a"),
        ({"PARLEY_API_KEY": " ", "OPENAI_API_KEY": " b\n"}, "b"),
        ({"OPENAI_API_KEY": ""}, None),
        ({}, None),
    ],
)
def test_the_key_stands_in_the_environment(environment: dict[str, str], expected: str | None) -> None:
    found = find_key("", environment)

    assert (found and found.reveal()) == expected


def test_a_file_comes_first_and_its_first_word_is_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"\n  {KEY} # mine\n")

    found = find_key(str(file), {"OPENAI_API_KEY": "b"})

    assert found
    assert found.reveal() == KEY


@pytest.mark.parametrize("key", ["sk-\u00fc", "sk-a\nb", "\u201csk-a\u201d"])
def test_what_no_header_takes_is_no_key(key: str) -> None:
    with pytest.raises(InvalidSettings, match="PARLEY_API_KEY holds no key") as caught:
        find_key("", {"PARLEY_API_KEY": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", "sk-\u00fc".encode()])
def test_a_file_without_a_key_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)

    with pytest.raises(InvalidSettings, match=f"--api-key-file: {file}"):
        find_key(str(file), {})


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"--api-key-file: .* can not be read"):
        find_key(str(tmp_path / "none"), {})
