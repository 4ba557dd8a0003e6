"""What there is to ask for: metric names with HELP and TYPE, labels and their values. For completion, so a cold path.

prometheus-api-client asks a Prometheus. It is synchronous and not thread-safe, so each catalogue has one thread of its
own; its retries are off (they hide a refusal for 6 s), and it is imported when first needed (76 ms).
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from cockpit.config import secrets
from cockpit.config.settings import MetricsSource
from cockpit.metrics.direct import DirectAdapter
from cockpit.model import errors

R = TypeVar("R")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

TIMEOUT_SECONDS = 10.0
FRESH_SECONDS = 60.0
"""Names are asked for again after this."""
NAMES_MOST = 100_000


class About(Struct, frozen=True):
    """What is known of a metric."""

    kind: str = ""
    """"counter", "gauge", "histogram", "summary" or empty."""
    help: str = ""


class Catalogue(Protocol):
    """All three raise `model.errors`."""

    async def metrics(self) -> Mapping[str, About]:
        """By name, sorted."""

    async def labels(self) -> Sequence[str]: ...

    async def values(self, label: str) -> Sequence[str]: ...


class _Thread:
    """One thread that does one thing after the other. Unlike an executor's it holds up nobody's exit."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    async def run(self, job: Callable[[], R]) -> R:
        """A job that is cancelled before its turn is left out."""
        promise: Future[R] = Future()
        self._jobs.put((promise, job))
        return await asyncio.wrap_future(promise)

    def _work(self) -> None:
        while True:
            promise, job = self._jobs.get()
            if promise.set_running_or_notify_cancel():
                try:
                    promise.set_result(job())
                except Exception as error:  # it belongs to the one who waits
                    promise.set_exception(error)


class PrometheusCatalogue:
    """Of a Prometheus."""

    def __init__(self, source: MetricsSource) -> None:
        self._source = source
        self._thread: _Thread | None = None
        self._client: Any = None
        self._kept: dict[str, tuple[float, Any]] = {}

    async def metrics(self) -> Mapping[str, About]:
        return await self._once("metrics", _metrics)

    async def labels(self) -> Sequence[str]:
        return await self._once("labels", _labels)

    async def values(self, label: str) -> Sequence[str]:
        if _LABEL.fullmatch(label) is None:
            return ()
        return await self._once(f"values {label}", lambda client: _values(client, label))

    async def _once(self, name: str, ask: Callable[[Any], R]) -> R:
        kept = self._kept.get(name)
        if kept is not None and monotonic() - kept[0] < FRESH_SECONDS:
            found: R = kept[1]
            return found
        if len(self._kept) > 200:
            self._kept.clear()
        found = await self._call(ask)
        self._kept[name] = (monotonic(), found)
        return found

    async def _call(self, ask: Callable[[Any], R]) -> R:
        source = self._source
        token = await secrets.resolve(
            env=source.token_env, file=source.token_file, command=source.token_command, what=f"{source.name}: token"
        )
        if self._thread is None:
            self._thread = _Thread(f"catalogue:{source.name}")
        return await self._thread.run(lambda: self._ask(token, ask))

    def _ask(self, token: str, ask: Callable[[Any], R]) -> R:
        """In the thread."""
        from prometheus_api_client.exceptions import PrometheusApiClientException
        from prometheus_api_client.prometheus_connect import PrometheusConnect
        from requests import RequestException, Session
        from requests.exceptions import InvalidURL
        from urllib3.util.retry import Retry

        where = self._source.name
        try:
            if self._client is None:
                session = Session()
                session.trust_env = False
                self._client = PrometheusConnect(
                    url=self._source.url.rstrip("/"), session=session, retry=Retry(0), timeout=int(TIMEOUT_SECONDS)
                )
            self._client.headers = {"Accept-Encoding": "identity", **self._authorization(token)}
            return ask(self._client)
        except PrometheusApiClientException as error:
            said = " ".join(str(error)[:200].split())
            if "HTTP Status Code 401" in said or "HTTP Status Code 403" in said:
                raise errors.Denied(f"{where}: refused; check the token of this source") from error
            raise errors.Refused(f"{where}: {said}") from error
        except InvalidURL as error:
            raise errors.Refused(f"{where}: the url is none; write it like http://localhost:9090") from error
        except RequestException as error:
            raise errors.Unreachable(f"{where}: {type(error).__name__}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise errors.Malformed(f"{where}: not an answer of Prometheus; check the url") from error

    def _authorization(self, token: str) -> dict[str, str]:
        if self._source.username:
            pair = base64.b64encode(f"{self._source.username}:{token}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {"Authorization": f"Bearer {token}"} if token else {}


class DirectCatalogue:
    """Of the page that a source in direct mode read last."""

    def __init__(self, adapter: DirectAdapter) -> None:
        self._adapter = adapter

    async def metrics(self) -> Mapping[str, About]:
        names = sorted({dict(labels)["__name__"] for labels in self._adapter.labels})
        families = self._adapter.families
        found: dict[str, About] = {}
        for name in names:
            family = families.get(name) or families.get(_base(name))
            found[name] = About() if family is None else About(family.kind, family.help)
        return found

    async def labels(self) -> Sequence[str]:
        return sorted({name for labels in self._adapter.labels for name, _ in labels})

    async def values(self, label: str) -> Sequence[str]:
        return sorted({value for labels in self._adapter.labels for name, value in labels if name == label})


def _base(name: str) -> str:
    """The family of a histogram's or summary's series."""
    for suffix in ("_bucket", "_count", "_sum"):
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def _metrics(client: Any) -> Mapping[str, About]:
    names = [str(name) for name in client.all_metrics()[:NAMES_MOST]]
    said = {str(entry["metric_name"]): entry for entry in client.get_metric_metadata(metric=None)}
    found: dict[str, About] = {}
    for name in sorted(names):
        entry = said.get(name) or said.get(_base(name)) or {}
        found[name] = About(str(entry.get("type", "")), str(entry.get("help", "")))
    return found


def _labels(client: Any) -> Sequence[str]:
    return sorted(str(name) for name in client.get_label_names())


def _values(client: Any, label: str) -> Sequence[str]:
    return sorted(str(value) for value in client.get_label_values(label_name=label)[:NAMES_MOST])
