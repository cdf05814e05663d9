"""Names and texts that are likely secrets are recognised."""

import pytest

from replay.yaml_files.secret_texts import is_secret_name, is_secret_text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "api_key",
        "apiKey",
        "ALPACA_SECRET_KEY",
        "auth-token",
        "accessToken",
        "secret",
    ],
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["key", "symbol", "tokens", "secrets", "tick_size", "keyboard", "", "token_id"]
)
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_texts_with_secrets_are_known() -> None:
    assert is_secret_text("wss://joe:pass@feed.example/v1")
    assert is_secret_text("-----BEGIN EC PRIVATE KEY-----\nabc")
    assert not is_secret_text("wss://feed.example:443/v1?user=joe")
    assert not is_secret_text("joe@example.org")
