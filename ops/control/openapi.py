"""The OpenAPI 3.1 document, made from the table of routes and the structs of bodies and replies."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from ops.control.problems import PROBLEM_JSON, Problem
from ops.control.routes import PREFIX, Route
from ops.version import installed_version

JSON = "application/json"
REFUSALS = (400, 401, 403, 404, 405, 408, 409, 413, 415, 503, 504)
"""The statuses of refused requests; every route may answer with each of them."""

Document = dict[str, object]


class _Settings(msgspec.Struct):
    """The part of a schema that names the settings of a question."""

    properties: dict[str, Document] = {}
    required: tuple[str, ...] = ()


def openapi_document(routes: Sequence[Route]) -> Document:
    """The document of all routes."""
    kinds = dict.fromkeys(
        (Problem, *(kind for one in routes for kind in (one.body, one.reply) if kind is not None))
    )
    schemas, components = msgspec.json.schema_components(
        kinds, schema_hook=_any_value, ref_template="#/components/schemas/{name}"
    )
    named = dict(zip(kinds, schemas, strict=True))
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, named)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "onetape control",
            "version": installed_version(),
            "description": "The control API of a running daemon. Commands are events of its log.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _any_value(kind: type) -> Document:
    """The schema of a value of a user's own code, such as the parameter of a rule."""
    del kind
    return {"description": "any value"}


def _operation(route: Route, schemas: Mapping[Any, Document]) -> Document:  # by type or union of types
    summary, _, more = route.doc.partition("\n")
    name = route.path.removeprefix(PREFIX).strip("/").replace("/", "-").replace(".", "-")
    answer: Document = {"description": HTTPStatus.OK.phrase}
    if route.reply is not None:
        answer["content"] = {JSON: {"schema": schemas[route.reply]}}
    elif route.media_type:
        answer["content"] = {route.media_type: {"schema": {"type": "string"}}}
    refused = {"content": {PROBLEM_JSON: {"schema": schemas[Problem]}}}
    responses: Document = {"101" if route.is_stream else "200": answer}
    if route.not_ready is not None:
        responses["503"] = {"description": route.not_ready, "content": answer["content"]}
    for status in REFUSALS:
        responses.setdefault(str(status), {"description": HTTPStatus(status).phrase, **refused})
    operation: Document = {
        "operationId": f"{route.method.lower()}-{name}",
        "summary": summary,
        "description": f"{more.strip()}\n\nNeeds the role {route.role.value}.".strip(),
        "responses": responses,
        "parameters": list(_parameters(route)),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[route.body]}}}
    return operation


def _parameters(route: Route) -> list[Document]:
    """The settings of a question, and the header that names a command."""
    _, defined = msgspec.json.schema_components((route.query,))
    settings = msgspec.convert(next(iter(defined.values()), dict[str, Any]()), _Settings)
    found: list[Document] = [
        {"name": name, "in": "query", "required": name in settings.required, "schema": _without_null(schema)}
        for name, schema in settings.properties.items()
    ]
    if route.body is not None:
        schema = {"type": "string", "maxLength": 100, "pattern": "^[!-~]*$"}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": schema})
    return found


def _without_null(schema: Mapping[str, object]) -> Document:
    """A setting in a URL has no null: it is left out."""
    choices = msgspec.convert(schema.get("anyOf", ()), tuple[Document, ...])
    if not choices:
        return dict(schema)
    (kept,) = [one for one in choices if one != {"type": "null"}]
    return kept
