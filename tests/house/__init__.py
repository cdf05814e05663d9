"""The house rules as tests: what the style guide asks of every file, checked by reading the files.

May import ``kernel.events`` (to pin the vocabulary) and nothing else of ours. To add a rule: write a
function from a source to violations, a ``Rule`` with its sentence, a test that runs it over the tree
and one that shows it a planted violation. An exception to a rule is an entry in ``allowed.py``.
"""
