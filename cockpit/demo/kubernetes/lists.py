"""Lists: pages of one version, exact and loose versions, tables."""

from __future__ import annotations

import asyncio
import base64
import gzip
import time
from collections.abc import Sequence

import msgspec

from cockpit.demo.kubernetes.asks import Ask, number
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.refusals import Refusal, bad_request, too_new
from cockpit.demo.kubernetes.selectors import Accepts, selector
from cockpit.demo.kubernetes.store import Record, Store
from cockpit.demo.kubernetes.tables.printing import table

GZIP_FROM = 128 * 1024  # as kube-apiserver: larger answers are compressed, at level 1


def _continued(token: str) -> tuple[int, tuple[str, str]]:
    try:
        parsed = msgspec.json.decode(base64.urlsafe_b64decode(token), type=tuple[int, str, str])
    except (ValueError, msgspec.MsgspecError):
        raise bad_request("continue key is not valid") from None
    return parsed[0], (parsed[1], parsed[2])


def _token(version: int, after: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((version, *after))).decode()


def shown_as_table(ask: Ask, items: Sequence[Object], metadata: Object, *, titled: bool) -> Object:
    include = ask.query.get("includeObject", "Metadata")
    return table(ask.kind, items, metadata, time.time(), include=include, titled=titled)


class Lists:
    def __init__(self, store: Store) -> None:
        self._store = store

    def _version_asked(self, ask: Ask) -> tuple[int, bool]:
        """The version that a list must show, and whether paging applies (never at "0", as from the watch cache)."""
        text, match = ask.query.get("resourceVersion", ""), ask.query.get("resourceVersionMatch", "")
        if match and not text:
            raise bad_request("resourceVersionMatch is forbidden unless resourceVersion is provided")
        asked = number(ask.query, "resourceVersion") or 0
        if asked > self._store.version:
            raise too_new(asked, self._store.version)
        if match == "Exact":
            if text == "0":
                raise bad_request('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"')
            return asked, True
        return self._store.version, text != "0"

    async def answer(self, ask: Ask, *, gzipped: bool) -> tuple[bytes, dict[str, str]]:
        """The body of a list and its further headers. Raises Refusal."""
        accepts = selector(ask.kind, ask.query.get("labelSelector", ""), ask.query.get("fieldSelector", ""))
        limit = number(ask.query, "limit") or 0
        after: tuple[str, str] | None = None
        if ask.query.get("continue"):
            if ask.query.get("resourceVersion", "") not in ("", "0"):
                raise bad_request("specifying resource version is not allowed when using continue")
            version, after = _continued(ask.query["continue"])
            version = self._store.version if version < 0 else version
            if version < self._store.oldest:
                raise Refusal(
                    410,
                    "Expired",
                    "The provided continue parameter is too old to display a consistent list result. You can start a "
                    "new list without the continue parameter, or use the continue token in this response to retrieve "
                    "the remainder of the results. Continuing with the provided token results in an inconsistent list.",
                    carry_on=_token(-1, after),
                )
        else:
            version, paged = self._version_asked(ask)
            limit = limit if paged else 0
        page, left = self._page(ask, version, after, limit, accepts)
        metadata: Object = {"resourceVersion": str(version)}
        if left:
            metadata["continue"] = _token(version, page[-1].key)
            if accepts is None:
                metadata["remainingItemCount"] = left
        if ask.as_table and len(page) > 1000:
            body = await asyncio.to_thread(self._listed, ask, page, metadata)
        else:
            body = self._listed(ask, page, metadata)
        headers = {}
        if gzipped and len(body) >= GZIP_FROM:
            body = await asyncio.to_thread(gzip.compress, body, 1)
            headers = {"Content-Encoding": "gzip"}
        return body, headers

    def _page(
        self, ask: Ask, version: int, after: tuple[str, str] | None, limit: int, accepts: Accepts | None
    ) -> tuple[list[Record], int]:
        """One page and how many records come after it (of those, none is known to match a selector)."""
        view = self._store.view(ask.kind.resource, version)
        records = view.records
        start, end = view.span(ask.namespace, after)
        if not limit and accepts is None:
            return records[start:end], 0
        page: list[Record] = []
        for at in range(start, end):
            if accepts is None or accepts(records[at]):
                if limit and len(page) == limit:
                    return page, end - at
                page.append(records[at])
        return page, 0

    def _listed(self, ask: Ask, page: Sequence[Record], metadata: Object) -> bytes:
        if ask.as_table:
            return msgspec.json.encode(shown_as_table(ask, [r.load() for r in page], metadata, titled=True))
        if ask.metadata_only:
            head: Object = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
            items = b",".join(msgspec.json.encode({"metadata": record.load()["metadata"]}) for record in page)
        else:
            head = {"kind": f"{ask.kind.kind}List", "apiVersion": ask.kind.group_version, "metadata": metadata}
            items = b",".join(record.body for record in page)
        return msgspec.json.encode(head)[:-1] + b',"items":[' + items + b"]}\n"
