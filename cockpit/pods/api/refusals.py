"""What goes wrong with a request, as one of `model.errors`: by the answer's status, or by the transport's exception.

401 -> Denied("login needed"); 403 -> Forbidden; 404 -> NotFound; 409 -> Conflict; 410 -> Expired; 429, and a 503 that
says when -> RateLimited; other 5xx -> Unreachable, or UnknownOutcome where an effect had been sent; others -> Refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from cockpit.model import errors
from cockpit.pods.api.wire import Status

if TYPE_CHECKING:
    from types import ModuleType

RETRY_SECONDS, RETRY_MOST_SECONDS = 10.0, 120.0
"""After a 429 that does not say when, and however long it says."""
TOO_LARGE = "Too large resource version"
"""What an API server says that lags behind the one that gave the version (apiserver pkg/storage/errors.go)."""
SAID_CHARS = 300


class Forbidden(errors.Denied):
    """403: logged in, but not allowed this."""


class TlsRefused(errors.Denied):
    """One side did not take the other's certificate; nothing was sent."""


class Expired(errors.Refused):
    """410, or a version that this server has not reached: list again."""


class Conflict(errors.Refused):
    """409: a precondition does not hold, or somebody else was quicker."""


def refusal(status: int, body: bytes, *, where: str, sent: bool = False, retry_after: str = "") -> errors.SourceError:
    """The error that an answer with this status means; `body` is a Status object or anything."""
    said = _said(body)
    text = f"{where}: {said or f'HTTP {status}'}"
    match status:
        case 401:
            return errors.Denied(f"{text}; login needed: renew the credential of this context")
        case 403:
            return Forbidden(text)
        case 404:
            return errors.NotFound(text)
        case 409:
            return Conflict(text)
        case 410:
            return Expired(text)
        case 504 if TOO_LARGE in said and not sent:
            return Expired(text)
        case 429 | 503 if status == 429 or (not sent and retry_after.isdigit()):
            seconds = min(RETRY_MOST_SECONDS, float(retry_after)) if retry_after.isdigit() else RETRY_SECONDS
            return errors.RateLimited(f"{text}; told to wait {seconds:.0f} s", retry_after_seconds=seconds)
        case _ if status >= 500 and sent:
            return errors.UnknownOutcome(f"{where}: sent, but the server answered {status}: {said}")
        case _ if status >= 500:
            return errors.Unreachable(f"{where}: HTTP {status}" + (f": {said}" if said else ""))
        case _:
            return errors.Refused(text if said else f"{where}: HTTP {status}; is the server's address right?")


@contextmanager
def translated(http: ModuleType, *, where: str, server: str, sent: bool) -> Iterator[None]:
    """aiohttp's (`http`) exceptions as ours. `sent`: an effect may have been sent if the connection ever stood."""
    try:
        yield
    except (http.ClientConnectorCertificateError, http.ClientConnectorSSLError) as error:
        raise TlsRefused(
            f"{where}: TLS refused: {_brief(error)}; check certificate-authority and client-certificate"
        ) from error
    except http.ClientHttpProxyError as error:
        raise errors.Unreachable(f"{where}: the proxy refused: HTTP {error.status}; check proxy-url") from error
    except (http.ConnectionTimeoutError, http.ClientConnectorError, http.ClientProxyConnectionError) as error:
        raise errors.Unreachable(f"{where}: no connection to {server}: {_brief(error)}") from error
    except http.InvalidURL as error:
        raise errors.Refused(f"{where}: the server {server!r} is not a URL") from error
    except (http.ClientError, TimeoutError, OSError) as error:
        match error:
            case TimeoutError():
                why = "no answer in time"
            case http.ClientPayloadError():
                why = "the connection was cut in the middle of an answer"
            case _:
                why = f"the connection was cut: {_brief(error)}"
        if sent:
            raise errors.UnknownOutcome(f"{where}: sent, but {why}") from error
        raise errors.Unreachable(f"{where}: {why}") from error


def _said(body: bytes) -> str:
    """A Status object's message; the first words of anything else."""
    try:
        said = msgspec.json.decode(body, type=Status).message or ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = body.decode(errors="replace")
    return " ".join(said.split())[:SAID_CHARS]


def _brief(error: BaseException) -> str:
    cause = getattr(error, "os_error", None)
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno).lower()
    return (getattr(cause, "strerror", None) or str(error) or type(error).__name__).split("\n")[0][:SAID_CHARS]
