"""What a rule is, what breaks it, and how a test says so."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.house.allowed import ALLOWED


@dataclass(frozen=True)
class Rule:
    """A house rule: the key of its allow-list and the sentence that its failures show."""

    key: str
    sentence: str


@dataclass(frozen=True)
class Violation:
    """One place that breaks a rule; ``scope`` is the class or function that holds it, if any."""

    path: str
    line: int
    found: str
    scope: str = ""

    @property
    def place(self) -> str:
        """Its key in an allow-list: ``path`` or ``path::scope``."""
        return f"{self.path}::{self.scope}" if self.scope else self.path


def assert_kept(rule: Rule, violations: Iterable[Violation]) -> None:
    """Fail with every violation that is not allowed, and with every allowance that nothing needs."""
    __tracebackhide__ = True
    allowed = ALLOWED.get(rule.key, {})
    used: set[str] = set()
    failures: list[str] = []
    for violation in violations:
        keys = {violation.place, violation.path} & allowed.keys()
        used |= keys
        if not keys:
            where = f" (in {violation.scope})" if violation.scope else ""
            failures.append(f"{violation.path}:{violation.line}: {violation.found}{where}")
    unused = sorted(allowed.keys() - used)
    failures += [f"allowed.py: {rule.key}: {place} is allowed but breaks nothing" for place in unused]
    if failures:
        raise AssertionError("\n".join([rule.sentence, *failures]))
