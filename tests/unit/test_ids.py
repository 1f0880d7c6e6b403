"""Names of sessions: their form, that nobody guesses them, and keys that no two sessions share."""

import pytest
from hypothesis import given
from support.strategies import texts

from parley_server.ids import REQUEST_ID, SESSION_ID, SessionKey, derived_session_id, new_session_id

SECRET = b"s" * 32


@pytest.mark.parametrize("name", ["a", "s-1", "A.b_c~d", "x" * 128])
def test_a_name_is_made_of_unreserved_characters(name: str) -> None:
    assert SESSION_ID.fullmatch(name)
    assert REQUEST_ID.fullmatch(name)


@pytest.mark.parametrize("name", ["", "x" * 129, "a b", "a/b", "../a", "a\n", "\0", "é", "a\u200bb", "٣"])
def test_nothing_else_is_a_name(name: str) -> None:
    assert not SESSION_ID.fullmatch(name)
    assert not REQUEST_ID.fullmatch(name)


def test_a_new_name_is_valid_and_never_the_same() -> None:
    names = {new_session_id() for _ in range(1000)}

    assert len(names) == 1000
    assert all(SESSION_ID.fullmatch(name) and len(name) >= 22 for name in names)


def test_a_derived_name_is_the_same_on_every_server_that_has_the_secret() -> None:
    name = derived_session_id(SECRET, "tenant", "r-1")

    assert name == derived_session_id(SECRET, "tenant", "r-1")
    assert SESSION_ID.fullmatch(name)


def test_a_derived_name_is_another_for_another_secret_tenant_or_request() -> None:
    names = {
        derived_session_id(secret, tenant, request_id)
        for secret in (SECRET, b"t" * 32)
        for tenant in ("a", "b", "")
        for request_id in ("r-1", "r-2")
    }

    assert len(names) == 12


def test_a_key_is_another_where_its_parts_are_split_at_another_place() -> None:
    assert SessionKey("ab", "c").digest != SessionKey("a", "bc").digest
    assert SessionKey("1", "1a").digest != SessionKey("11", "a").digest


@given(texts, texts, texts, texts)
def test_two_sessions_have_two_keys(tenant: str, name: str, other_tenant: str, other_name: str) -> None:
    one, other = SessionKey(tenant, name), SessionKey(other_tenant, other_name)

    assert (one.digest == other.digest) == (one == other)


def test_a_key_is_safe_as_a_name_of_a_file_and_hides_the_session() -> None:
    digest = SessionKey("tenant", "../../etc/passwd").digest

    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")
