"""HTTP for adapters: one client with our time-outs, and every failure as one of `model.errors`.

httpx is imported when the first client is opened, in a thread: it costs 47 ms that the first frame must not wait for.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, cast

from cockpit.config.problems import masked
from cockpit.model import errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import httpx

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
MESSAGE_CHARS = 300
RETRY_SECONDS, RETRY_MOST_SECONDS = 30.0, 3600.0
"""After a 429: when it does not say for how long, and at most."""


def _import() -> Any:
    """httpx without its command line, which it imports where click and rich are installed: 45 ms for nothing."""
    sys.modules.setdefault("httpx._main", cast("ModuleType", None))
    import httpx

    return httpx


async def open_client(
    base_url: str, *, token: str = "", headers: Mapping[str, str] | None = None, read_seconds: float = READ_SECONDS
) -> httpx.AsyncClient:
    """A client for one source; the caller closes it. `token` goes as a bearer token to `base_url` alone.

    Proxies of the environment are not used; redirects are not followed, so a token never leaves its host. Raises
    `errors.Refused` for a bad url and `errors.Denied` for a token that no header can carry.
    """
    module = await asyncio.to_thread(_import)
    sent = {"Accept-Encoding": "identity", **(headers or {})}
    if token:
        sent["Authorization"] = bearer(token, masked(base_url))
    timeout = module.Timeout(read_seconds, connect=CONNECT_SECONDS)
    try:
        client = await asyncio.to_thread(
            lambda: module.AsyncClient(base_url=base_url, headers=sent, timeout=timeout, trust_env=False)
        )
    except (ValueError, module.InvalidURL) as error:
        raise errors.Refused(f"{masked(base_url)!r} is not a URL: {error}") from error
    return client  # type: ignore[no-any-return]


def bearer(token: str, where: str) -> str:
    """The header's value. Raises Denied, without the token: what httpx says of a bad header quotes it."""
    if not (token.isascii() and token.isprintable()):
        raise errors.Denied(f"{where}: the token holds a character that no HTTP header can carry; was it copied whole?")
    return f"Bearer {token}"


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn httpx's exceptions into ours. `where` names the source in the message."""
    import httpx

    try:
        yield
    except httpx.ConnectTimeout as error:
        raise errors.Unreachable(f"{where}: no connection within {CONNECT_SECONDS:.0f} s") from error
    except httpx.TimeoutException as error:
        raise errors.Unreachable(f"{where}: no answer in time") from error
    except httpx.UnsupportedProtocol as error:
        raise errors.Refused(f"{where}: {error}; write a url with http:// or https://") from error
    except (httpx.DecodingError, httpx.RemoteProtocolError) as error:
        raise errors.Malformed(f"{where}: {str(error) or 'not HTTP'}") from error
    except httpx.TransportError as error:
        raise errors.Unreachable(f"{where}: {str(error) or type(error).__name__}") from error


@asynccontextmanager
async def stream(
    client: httpx.AsyncClient, method: str, path: str, *, where: str, **options: Any
) -> AsyncIterator[httpx.Response]:
    """A streamed answer with a good status. Raises `model.errors`."""
    with translated(where):
        async with client.stream(method, path, **options) as response:
            if response.status_code >= 400:
                await response.aread()
            check(response, where)
            yield response


async def request(client: httpx.AsyncClient, method: str, path: str, *, where: str, **options: Any) -> httpx.Response:
    """A whole answer with a good status. Raises `model.errors`."""
    with translated(where):
        response = await client.request(method, path, **options)
    check(response, where)
    return response


def check(response: httpx.Response, where: str) -> None:
    """Raise what the status means; 2xx and 304 pass."""
    status = response.status_code
    if status < 300 or status == 304:
        return
    said = " ".join(response.text[:MESSAGE_CHARS].split())
    text = f"{where}: HTTP {status} {response.reason_phrase}" + (f": {said}" if said else "")
    match status:
        case 401:
            raise errors.Denied(f"{text}; check the token of this source")
        case 403:
            raise errors.Denied(text)
        case 404:
            raise errors.NotFound(text)
        case 429:
            raise errors.RateLimited(text, retry_after_seconds=_retry_after(response.headers.get("Retry-After", "")))
        case _ if status >= 500:
            raise errors.Unreachable(text)
        case _:
            raise errors.Refused(text)


def _retry_after(value: str) -> float:
    """Seconds. A date, or whatever else stands there, counts as half a minute; nobody makes us wait for ever."""
    return min(RETRY_MOST_SECONDS, float(value)) if value.isascii() and value.isdigit() else RETRY_SECONDS
