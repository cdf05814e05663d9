"""A secret appears in no output, and a reference to one is a name."""

import copy
import pickle
import traceback

import msgspec
import pytest

from kernel.secret import Secret, SecretReference

CANARY = "canary-7c1f"


class Holder(msgspec.Struct):
    """Something that a secret was put into."""

    password: Secret


def test_a_secret_prints_as_stars() -> None:
    secret = Secret(CANARY)

    printed = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", "%s" % secret, repr([secret])]  # noqa: UP031  # every way to print it

    assert printed[:5] == ["***"] * 5
    assert repr(Holder(secret)) == "Holder(password=***)"
    assert CANARY not in "".join(printed)
    assert secret.reveal() == CANARY


@pytest.mark.parametrize(
    "encode",
    [
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
    ],
)
def test_a_secret_cannot_be_encoded_or_copied(encode: object) -> None:
    assert callable(encode)
    for value in (Secret(CANARY), Holder(Secret(CANARY))):
        if encode is copy.copy and isinstance(value, Holder):
            continue  # a shallow copy holds the same object

        with pytest.raises(TypeError) as refused:
            encode(value)

        assert CANARY not in str(refused.value)


def test_secrets_are_equal_by_value_and_unhashable() -> None:
    assert Secret("ä") == Secret("ä")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    with pytest.raises(TypeError):
        hash(Secret("a"))


def test_a_traceback_with_local_variables_does_not_show_a_secret() -> None:
    secret = Secret(CANARY)

    try:
        raise ValueError(f"refused {secret} {Holder(secret)}")
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    assert "secret = ***" in shown
    assert CANARY not in shown


@pytest.mark.parametrize("name", ["feed_token", "a", "key2"])
def test_a_reference_names_a_secret(name: str) -> None:
    assert msgspec.convert({"secret": name}, SecretReference) == SecretReference(name)


@pytest.mark.parametrize("name", ["", "Feed", "feed-token", "9a", "sk_Live", "a" * 65, "a/b", "a\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"secret": name}, SecretReference)
