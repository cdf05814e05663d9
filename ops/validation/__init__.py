"""``make validation``: compares reference strategies with other engines, and writes docs/validation.md.

The other engines run in an environment of their own (``make engines``). Their scripts are in
``engine_scripts`` and import nothing of onetape.

To add a reference, add an entry to ``REFERENCES`` and its rules to the script of an engine. To add an
engine, add its script and an ``Engine``.
"""
