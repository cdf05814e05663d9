"""From a request of HTTP to an answer: reads settings or a body, checks the role, and encodes the reply."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from inspect import isawaitable
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from ops.control.access import CALLER, check_role
from ops.control.asked import Asked
from ops.control.commands import Commands
from ops.control.openapi import JSON, openapi_document
from ops.control.problems import Answering, Refused
from ops.control.prometheus import CONTENT_TYPE
from ops.control.requests import Command
from ops.control.roles import Role
from ops.control.routes import Route, ready_status

KEY_HEADER = "Idempotency-Key"
DOCUMENT = "/openapi.json"

StructT = TypeVar("StructT", bound=msgspec.Struct)


def add_routes(app: web.Application, routes: Sequence[Route], commands: Commands, *, body_s: float) -> None:
    """Add every route, and that of the document. ``body_s``: how long a body may take to arrive."""
    document = msgspec.json.encode(openapi_document(routes))

    async def on_document(request: web.Request) -> web.Response:
        check_role(request[CALLER], Role.READ)
        return web.Response(body=document, content_type=JSON)

    app.router.add_get(DOCUMENT, on_document)
    for route in routes:
        app.router.add_route(route.method, route.path, _answering(route, commands, body_s=body_s))


def counting(answered: Counter[tuple[str, int]]) -> Middleware:
    """A middleware that counts the answers of known paths by status."""

    @web.middleware
    async def count(request: web.Request, handler: Answering) -> web.StreamResponse:
        answer = await handler(request)
        resource = request.match_info.route.resource
        answered[resource.canonical if resource is not None else "unknown", answer.status] += 1
        return answer

    return count


def _answering(route: Route, commands: Commands, *, body_s: float) -> Answering:
    async def answer(request: web.Request) -> web.StreamResponse:
        check_role(request[CALLER], route.role)
        if route.body is not None:
            return await _carried_out(request, route, commands, body_s=body_s)
        settings = _settings(request, route.query)
        if route.streaming is not None:
            return await route.streaming(request, settings)
        assert route.answer is not None
        reply = route.answer(settings)
        if isawaitable(reply):
            reply = await reply
        if isinstance(reply, str):
            return web.Response(body=reply.encode(), headers={"Content-Type": CONTENT_TYPE})
        status = HTTPStatus.OK if route.not_ready is None else ready_status(reply)
        return web.Response(body=msgspec.json.encode(reply), content_type=JSON, status=status)

    return answer


async def _carried_out(
    request: web.Request, route: Route, commands: Commands, *, body_s: float
) -> web.Response:
    assert route.body is not None
    assert route.command is not None
    body = await _body(request, route.body, limit_s=body_s)
    header = request.headers.get(KEY_HEADER, "")
    asked = Asked(request[CALLER], route.path, _checked_key(header) or body.id)
    receipt = await commands.repeated(asked, body) or await route.command(asked, body)
    return web.Response(body=msgspec.json.encode(receipt), content_type=JSON)


async def _body(request: web.Request, kind: type[StructT], *, limit_s: float) -> StructT:
    if request.content_type != JSON:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected a body of {JSON}")
    try:
        async with asyncio.timeout(limit_s):
            data = await request.read()
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {limit_s:g} s") from None
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not as expected: {error}") from None


def _settings(request: web.Request, kind: type[StructT]) -> StructT:
    given = dict(request.query)
    if len(given) < len(request.query):
        raise Refused(HTTPStatus.BAD_REQUEST, "a setting is given twice")
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the settings are not as expected: {error}") from None


def _checked_key(header: str) -> str:
    try:
        return msgspec.convert({"id": header}, Command).id
    except msgspec.ValidationError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{KEY_HEADER}: {error}") from None
