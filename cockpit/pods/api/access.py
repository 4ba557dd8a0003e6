"""What the user may do, asked of the server (SelfSubjectAccessReview) and remembered for a while.

A server without that API, or one that does not answer, forbids nothing: then the action itself finds out.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec
from msgspec import Struct

from cockpit.model import clock, errors
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.wire import Wire
from cockpit.pods.kinds.kind import AnyKind

KNOWN_SECONDS = 300.0
"""How long an answer holds."""
SILENT_SECONDS = 60.0
"""After a question that was not answered, before the next."""
KEPT = 4096
WAITING = 32
"""Questions under way at the same time; more are asked when they are wanted again."""
PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Question(Struct, frozen=True):
    """May I `verb` these? `sub`: "eviction", "scale", "exec"."""

    verb: str
    kind: AnyKind
    namespace: str
    """Empty: the kind has none, or all."""
    sub: str = ""

    @property
    def words(self) -> str:
        """ "delete pods in shop"."""
        resource = f"{self.kind.resource}/{self.sub}" if self.sub else self.kind.resource
        return f"{self.verb} {resource}" + (f" in {self.namespace}" if self.namespace else "")


class Review(Struct, frozen=True):
    """An answer. `asked_at` in Unix seconds."""

    allowed: bool
    reason: str
    asked_at: float

    def why_not(self, question: Question) -> str | None:
        """ "not allowed: delete pods in shop (asked the server at 12:03)"."""
        if self.allowed:
            return None
        at = datetime.fromtimestamp(self.asked_at).astimezone().strftime("%H:%M")
        return f"not allowed: {question.words} (asked the server at {at})"


_Key: TypeAlias = tuple[str, str, str, str, str, str]


class _Said(Wire, frozen=True):
    allowed: bool = True
    denied: bool = False
    reason: str = ""


class _Answer(Wire, frozen=True):
    status: _Said = _Said()


class Reviews:
    """Answers by source and question. One question is asked once at a time."""

    def __init__(self, clusters: Mapping[str, Cluster]) -> None:
        """`clusters` by the name of their source."""
        self._clusters = clusters
        self._known: OrderedDict[_Key, tuple[Review, float]] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[Review]] = {}

    def known(self, source: str, question: Question) -> Review | None:
        """What is remembered. No I/O."""
        found = self._known.get(_key(source, question))
        return found[0] if found is not None and clock.steady() < found[1] else None

    def why_not(self, asked: Iterable[tuple[str, Question]]) -> str | None:
        """Why one of these is not allowed, as far as is known; what is not known is asked in the background.

        Without a running loop nothing is asked.
        """
        for source, question in asked:
            review = self.known(source, question)
            if review is None:
                self._ahead(source, question)
            elif why := review.why_not(question):
                return why
        return None

    async def ask(self, source: str, question: Question) -> Review:
        """The answer, of the server where none is remembered."""
        review = self.known(source, question)
        return review if review is not None else await asyncio.shield(self._asked(source, question))

    def refused(self, source: str, question: Question, why: str) -> None:
        """A 403 on the deed itself is an answer too."""
        self._remember(_key(source, question), Review(False, why, clock.wall()), KNOWN_SECONDS)

    def _ahead(self, source: str, question: Question) -> None:
        if len(self._asking) >= WAITING:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        self._asked(source, question)

    def _asked(self, source: str, question: Question) -> asyncio.Task[Review]:
        key = _key(source, question)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, source, question), name="access")
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return task

    async def _ask(self, key: _Key, source: str, question: Question) -> Review:
        attributes = {
            "verb": question.verb,
            "group": question.kind.group,
            "resource": question.kind.resource,
            "subresource": question.sub,
            "namespace": question.namespace,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {name: value for name, value in attributes.items() if value}},
        }
        try:
            async with self._clusters[source].connected() as connection:
                said = msgspec.json.decode(await connection.send("POST", PATH, body), type=_Answer).status
        except (errors.SourceError, msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._remember(key, Review(True, str(error), clock.wall()), SILENT_SECONDS)
        return self._remember(key, Review(said.allowed, said.reason, clock.wall()), KNOWN_SECONDS)

    def _remember(self, key: _Key, review: Review, seconds: float) -> Review:
        self._known[key] = review, clock.steady() + seconds
        self._known.move_to_end(key)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return review


def _key(source: str, question: Question) -> _Key:
    kind = question.kind
    return source, question.verb, kind.group, kind.resource, question.namespace, question.sub
