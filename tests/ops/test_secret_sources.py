"""Secrets are found in a fixed order of places, anew each time, and refused where others can read them."""

import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

import pytest

from kernel.errors import ConfigError
from kernel.secret import Secret, SecretReference, SecretSource
from ops.secret_sources import SecretPlaces

NAME = SecretReference("feed_token")
CANARY = "canary-7c1f"


def write(folder: Path, text: str | bytes, *, mode: int = 0o600) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / NAME.secret
    file.unlink(missing_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(mode)
    return file


def test_the_first_place_that_has_the_secret_counts(tmp_path: Path) -> None:
    credentials, folder = tmp_path / "credentials", tmp_path / "secrets"
    write(credentials, "of systemd\n", mode=0o444)
    write(folder, "of the file\n")
    environment = {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "ONETAPE_SECRETS": str(folder),
        "ONETAPE_SECRET_FEED_TOKEN": "of the environment",
    }
    places: SecretSource = SecretPlaces(environment=environment)

    found = [places.look_up(NAME).reveal()]
    (credentials / NAME.secret).unlink()
    found.append(places.look_up(NAME).reveal())
    (folder / NAME.secret).unlink()
    found.append(places.look_up(NAME).reveal())

    assert found == ["of systemd", "of the file", "of the environment"]


def test_the_folder_of_the_configuration_goes_before_that_of_the_environment(tmp_path: Path) -> None:
    write(tmp_path / "a", "a")
    write(tmp_path / "b", "b")

    places = SecretPlaces(str(tmp_path / "a"), environment={"ONETAPE_SECRETS": str(tmp_path / "b")})

    assert places.find(NAME).value == Secret("a")
    assert places.find(NAME).place == f"file {tmp_path / 'a' / NAME.secret}"


def test_a_secret_that_was_replaced_is_used_without_a_restart(tmp_path: Path) -> None:
    places = SecretPlaces(str(tmp_path), environment={})
    write(tmp_path, "old")
    before = places.look_up(NAME)

    write(tmp_path, "new")

    assert (before.reveal(), places.look_up(NAME).reveal()) == ("old", "new")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = write(tmp_path, CANARY, mode=mode)

    with pytest.raises(ConfigError, match=rf"has mode {mode:04o}, .*chmod 600 {file}"):
        SecretPlaces(str(tmp_path), environment={}).look_up(NAME)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("\n", "it is empty"),
        (b"\xffcanary-7c1f", "is not UTF-8"),
        (b"x" * 70_000, "has 70000 bytes"),
    ],
)
def test_a_file_without_a_secret_is_refused(tmp_path: Path, text: str | bytes, words: str) -> None:
    write(tmp_path, text)

    with pytest.raises(ConfigError, match=words) as refused:
        SecretPlaces(str(tmp_path), environment={}).look_up(NAME)

    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=False)
    assert CANARY not in "".join(shown.format())


def test_a_folder_or_pipe_with_the_name_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME.secret, 0o600)

    with pytest.raises(ConfigError, match="is not a file"):
        SecretPlaces(str(tmp_path), environment={}).look_up(NAME)


def test_a_secret_that_is_nowhere_is_refused_with_the_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        SecretPlaces(str(tmp_path), environment={}).look_up(NAME)

    assert str(refused.value).startswith(
        f"secret 'feed_token' is not in file {tmp_path / 'feed_token'}, variable ONETAPE_SECRET_FEED_TOKEN"
    )


class KeyringError(Exception):
    """What a keyring raises."""


@pytest.mark.parametrize("is_locked", [False, True])
def test_the_keyring_is_the_last_place(monkeypatch: pytest.MonkeyPatch, is_locked: bool) -> None:
    """On a server without a desktop it raises: then it has no secrets."""

    def get_password(service: str, name: str) -> str | None:
        if is_locked:
            raise KeyringError
        return f"of the keyring: {service} {name}"

    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    vars(keyring)["get_password"] = get_password
    vars(errors)["KeyringError"] = KeyringError
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    places = SecretPlaces(environment={})

    if is_locked:
        with pytest.raises(ConfigError, match=r"is not in .*, keyring onetape"):
            places.look_up(NAME)
    else:
        assert places.look_up(NAME).reveal() == "of the keyring: onetape feed_token"
