"""The JSON Schema of a configuration file, for editors: completion, descriptions, wrong keys.

An editor reads plain values of YAML as numbers and bools, and ``${NAME}`` may stand for any of them. So the
schema allows both where a number or a choice is expected. What it cannot say, such as the values that fit
together, ``onetape config check`` says.
"""

from typing import TypeGuard

import msgspec

from replay.run_config import RunConfig
from replay.yaml_files.document import INCLUDE

_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_]"}
_FILES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def config_schema() -> dict[str, object]:
    """The schema, of draft 2020-12."""
    plain = msgspec.json.schema(RunConfig, schema_hook=_of_other)
    schema = _for_editors(plain)
    assert _is_mapping(schema)
    definitions = schema["$defs"]
    assert _is_mapping(definitions)
    _add(definitions, "RunConfig", INCLUDE, {**_FILES, "description": "Files that this one is merged over."})
    _add(definitions, "InstrumentConfig", "like", {"type": "string", "description": "A preset of terms."})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "onetape configuration",
        **schema,
    }


def _of_other(kind: type) -> dict[str, object]:
    """The schema of a type that JSON does not know: parameters of models are anything."""
    assert kind is object, kind
    return {"description": "Any value."}


def _add(definitions: dict[str, object], name: str, key: str, schema: dict[str, object]) -> None:
    """Add a key that only files have."""
    definition = definitions[name]
    assert _is_mapping(definition)
    properties = definition["properties"]
    assert _is_mapping(properties)
    properties[key] = schema


def _for_editors(node: object) -> object:
    """A schema that takes the values as an editor reads them."""
    if _is_list(node):
        return [_for_editors(one) for one in node]
    if not _is_mapping(node):
        return node
    if "const" in node or "enum" in node:
        is_tag = len(node.get("enum", "xx")) == 1  # type: ignore[arg-type]  # a list, or nothing
        return node if is_tag else {"anyOf": [node, _VARIABLE]}
    inner = {key: _for_editors(one) for key, one in node.items() if key != "default"}
    default = {"default": node["default"]} if "default" in node else {}
    match node.get("type"):
        case "string" if node.get("format") == "decimal":
            return {"type": ["number", "string"], **default}
        case "string" if "pattern" in node:
            return {"anyOf": [inner, _VARIABLE], **default}
        case "integer" | "number" | "boolean":
            return {"anyOf": [inner, _VARIABLE], **default}
        case "string" if not node.keys() & {"pattern", "minLength"}:
            return {**inner, "type": ["string", "number", "boolean"], **default}
        case _:
            return {**inner, **default}


def _is_mapping(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
