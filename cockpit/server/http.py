"""What all of the server's HTTP has in common: JSON answers, errors as JSON, the bearer token, bounded bodies."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from cockpit.pipelines.wire import UNREADABLE, Failure
from cockpit.server.ci.ledger import Conflict, Unknown
from cockpit.server.ci.webhook import Rejected

log = logging.getLogger(__name__)

BODY_SECONDS = 10.0
REQUEST_BYTES = 64 << 10
T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(status: int, body: Any, **headers: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json", headers=headers)


def refuse(status: int, message: str, **headers: str) -> web.Response:
    return answer(status, Failure(error=message), **headers)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure is one line of JSON; a defect is logged and tells nothing."""
    try:
        return await handler(request)
    except Rejected as error:
        response = refuse(error.status, str(error))
        if error.status == 413:
            response.force_close()
        return response
    except Unknown as error:
        return refuse(404, str(error))
    except Conflict as error:
        return refuse(409, str(error))
    except web.HTTPException as error:
        kept = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return refuse(error.status, error.reason, **kept)
    except sqlite3.Error as error:
        log.error("%s %s: %s", request.method, request.path, error)
        return refuse(503, f"the server cannot store: {error}; nothing was changed", **{"Retry-After": "10"})
    except OSError as error:
        log.error("%s %s: %s", request.method, request.path, error)
        return refuse(503, f"the server cannot read: {error.strerror}", **{"Retry-After": "10"})
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return refuse(500, "defect in cockpit; see the server's log")


def bearer(token: str) -> Callable[[web.Request], None]:
    """A check that raises Rejected; compared in constant time, whatever the length."""
    right = hashlib.sha256(token.encode()).digest()

    def check(request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        digest = hashlib.sha256(given.strip().encode(errors="replace")).digest()
        if not hmac.compare_digest(digest, right) or scheme.lower() != "bearer":
            raise Rejected(401, "no valid token; send Authorization: Bearer TOKEN")

    return check


async def body(request: web.Request, most_bytes: int) -> bytes:
    """The body, read no further than its cap and no longer than ten seconds. Raises Rejected."""
    too_long = Rejected(413, f"the body is longer than {most_bytes} bytes")
    if (request.content_length or 0) > most_bytes:
        raise too_long
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_chunked(65536):
                read += chunk
                if len(read) > most_bytes:
                    raise too_long
    except TimeoutError:
        raise Rejected(408, f"the body did not arrive within {BODY_SECONDS:.0f} s") from None
    return bytes(read)


async def decoded(request: web.Request, kind: type[T]) -> T:
    """A JSON body as a struct; an empty body is one with nothing in it. Raises Rejected."""
    try:
        return msgspec.json.decode(await body(request, REQUEST_BYTES) or b"{}", type=kind)
    except UNREADABLE as error:
        raise Rejected(400, f"not a valid request: {error}") from None


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """A query parameter between 0 and `most`; more counts as `most`. Raises Rejected."""
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Rejected(400, f"{name} must be a number from 0 to {most}")
    return min(int(text), most)
