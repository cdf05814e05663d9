"""The rules of the strategy linter, one family per module; ``strategies.sdk.lint`` runs them.

To add a rule: write a function ``(SourceModule) -> Iterator[Finding]`` here, list it in ``RULES`` of
``strategies/sdk/lint.py``, and give it a test that is refused and one that passes. May import
``strategies.sdk`` and the standard library.
"""
