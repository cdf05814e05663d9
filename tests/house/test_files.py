"""The shape of files is kept, and the rules that say so find what they forbid."""

from tests.house import shape
from tests.house.rules import assert_kept
from tests.house.tree import CODE, PRODUCT, parse, sources

CORE = tuple(folder for folder in PRODUCT if folder not in ("replay", "ops"))


def test_names_say_what_things_are() -> None:
    assert_kept(shape.NAMES, (each for source in sources(*CODE) for each in shape.bad_names(source)))


def test_files_stay_short() -> None:
    assert_kept(shape.FILE_LENGTH, (each for source in sources(*CODE) for each in shape.long_files(source)))


def test_functions_stay_short() -> None:
    found = (each for source in sources(*CODE) for each in shape.long_functions(source))
    assert_kept(shape.FUNCTION_LENGTH, found)


def test_no_import_hides_in_a_function() -> None:
    found = (each for source in sources(*CORE) for each in shape.local_imports(source))
    assert_kept(shape.LOCAL_IMPORTS, found)


def test_every_ignore_has_a_reason() -> None:
    assert_kept(shape.IGNORES, (each for source in sources(*CODE) for each in shape.bare_ignores(source)))


def test_empty_names_are_found() -> None:
    source = parse("kernel/utils.py", "class OrderManager: ...\nclass Order:\n    class FillHelper: ...\n")

    found = [(each.line, each.found) for each in shape.bad_names(source)]

    assert found == [(1, "named 'utils'"), (1, "class OrderManager"), (3, "class FillHelper")]


def test_long_files_and_functions_are_found() -> None:
    body = "\n".join("    x = 1" for _ in range(70))
    source = parse("kernel/x.py", f"class A:\n  def f(self):\n{body}\n" + "\n" * 600)

    found = [each.found for each in (*shape.long_files(source), *shape.long_functions(source))]

    assert found == ["672 lines", "A.f: 71 lines"]


def test_a_local_import_of_ours_is_found() -> None:
    source = parse("kernel/x.py", "def f():\n    import json\n    from ops.commands.replay import main\n")

    found = [(each.line, each.place) for each in shape.local_imports(source)]

    assert found == [(3, "kernel/x.py::f")]


def test_an_ignore_without_code_or_reason_is_found() -> None:
    lines = (
        "a = 1  # type: ignore",
        "b = 2  # type: ignore[assignment]",
        "c = 3  # type: ignore[assignment]  # the stubs are wrong",
        "# the stubs are wrong",
        "d = 4  # pyright: ignore[reportUnknownMemberType]",
        "e = 5  # noqa: T201 # prints on purpose",
        "f = 6  # noqa: T201 - prints on purpose",
        "g = 7",
        "h = 8  # noqa",
    )
    source = parse("kernel/x.py", "\n".join(lines) + "\n")

    found = [each.line for each in shape.bare_ignores(source)]

    assert found == [1, 2, 9]
