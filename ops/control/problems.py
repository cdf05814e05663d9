"""Errors of the control API: each one is a JSON problem (RFC 9457), whatever went wrong."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from kernel.errors import OnetapeError
from kernel.loggable import words_of

_log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused. ``title`` names the status, ``detail`` says what was wrong."""

    status: int
    title: str
    detail: str


class Refused(OnetapeError):
    """A request that is refused with a status of HTTP and a sentence."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@web.middleware
async def problems_as_json(request: web.Request, handler: Answering) -> web.StreamResponse:
    """Turn every error into a problem. A defect of ours says no more than that, and is in the text log."""
    try:
        return await handler(request)
    except Refused as refused:
        return problem(refused.status, str(refused))
    except web.HTTPException as error:
        answer = problem(HTTPStatus(error.status), error.text or error.reason)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except OnetapeError as error:
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except Exception as error:  # isolation: a request that fails ends alone
        _log.error("control_request_failed", path=request.path, error=words_of(error))
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the request failed; the text log says more")


def problem(status: HTTPStatus, detail: str) -> web.Response:
    """The answer to a request that is refused."""
    body = msgspec.json.encode(Problem(status=status, title=status.phrase, detail=detail))
    answer = web.Response(body=body, status=status, content_type=PROBLEM_JSON)
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
