"""GitHub's push webhook: who sent it, what it says, and whether it asks for a run.

The payload is never believed about what to clone: it names a configured repository, and everything else about that
comes from the configuration (Woodpecker's CVE-2023-40034 was the other way).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from cockpit.pipelines.wire import UNREADABLE
from cockpit.server.ci.checkout import full_ref, valid_sha
from cockpit.server.ci.ledger import Delivery, NewRun

MOST_BYTES = 25 << 20
"""GitHub's own cap on payloads."""
_SKIP = re.compile(r"\[(?:skip ci|ci skip|no ci)\]", re.IGNORECASE)
_DELIVERY = re.compile(r"[\w.:-]{1,100}", re.ASCII)
_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
_NO_KEY = "0" * 64


class Rejected(Exception):
    """Not to be acted upon: `status` and the message are the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Ignored(Struct, frozen=True):
    """Valid, and nothing to do."""

    delivery: Delivery
    why: str


class Wanted(Struct, frozen=True):
    delivery: Delivery
    run: NewRun


class _Repository(Struct):
    full_name: str


class _Named(Struct):
    repository: _Repository


class _Commit(Struct):
    message: str = ""


class _Sender(Struct):
    login: str = ""


class _Push(Struct):
    repository: _Repository
    ref: str
    before: str
    after: str
    deleted: bool = False
    head_commit: _Commit | None = None
    sender: _Sender | None = None


def check_headers(headers: Mapping[str, str]) -> None:
    """What can be told before the body is read. `headers` ignores case. Raises Rejected."""
    # Gitea and Forgejo also send GitHub's headers, with a signature of their own making.
    for name, product in (("X-Forgejo-Event", "Forgejo"), ("X-Gitea-Event", "Gitea"), ("X-Gogs-Event", "Gogs")):
        if name in headers:
            raise Rejected(400, f"webhooks of {product} are not supported yet; trigger runs by POST /api/v1/runs")
    if not headers.get("X-GitHub-Event"):
        raise Rejected(400, "no X-GitHub-Event: this address takes GitHub's webhooks only")
    if not _DELIVERY.fullmatch(headers.get("X-GitHub-Delivery", "")):
        raise Rejected(400, "no usable X-GitHub-Delivery")
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise Rejected(415, "set the webhook's content type to application/json")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Rejected(415, "the body must not be compressed")
    if not headers.get("X-Hub-Signature-256"):
        raise Rejected(403, "unsigned; set a secret on the webhook, and the same one in [[server.repositories]]")


def read(headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]) -> Ignored | Wanted:
    """What a delivery asks for. `secrets` are by repository. Raises Rejected.

    One answer for an unknown repository and for a wrong signature, in the same time: nobody learns what is configured.
    Only the repository's name is read before the signature is known to be right.
    """
    try:
        name = msgspec.json.decode(body, type=_Named).repository.full_name
    except UNREADABLE:
        name = ""
    secret = secrets.get(name, "")
    made = hmac.new((secret or _NO_KEY).encode(), body, hashlib.sha256).hexdigest()
    given = _SIGNATURE.fullmatch(headers.get("X-Hub-Signature-256", ""))
    right = hmac.compare_digest(made, given[1] if given else _NO_KEY)
    if not (right and secret):
        raise Rejected(403, "the signature does not match, or the repository is not in [[server.repositories]]")
    delivery = Delivery(provider="github", id=headers["X-GitHub-Delivery"])
    event = headers["X-GitHub-Event"]
    if event != "push":
        return Ignored(delivery, "pong" if event == "ping" else f"event {event[:50]!r} starts no run")
    return _push(name, body, delivery)


def _push(name: str, body: bytes, delivery: Delivery) -> Ignored | Wanted:
    try:
        push = msgspec.json.decode(body, type=_Push)
    except UNREADABLE as error:
        raise Rejected(400, f"not a push: {error}") from None
    if push.deleted or not push.after.strip("0"):
        return Ignored(delivery, "the ref was deleted")
    if not push.ref.startswith(("refs/heads/", "refs/tags/")):
        return Ignored(delivery, "neither a branch nor a tag")
    if not valid_sha(push.after) or full_ref(push.ref) is None:
        raise Rejected(400, "not a push: no valid ref or commit id")
    message = push.head_commit.message if push.head_commit else ""
    if _SKIP.search(message):
        return Ignored(delivery, "the commit message says to skip")
    change = hashlib.sha256("\0".join((name, push.ref, push.before, push.after)).encode()).hexdigest()
    return Wanted(
        Delivery(provider=delivery.provider, id=delivery.id, change=change),
        NewRun(
            repository=name,
            ref=push.ref,
            sha=push.after,
            name=" ".join(message.partition("\n")[0].split())[:200],
            event="tag" if push.ref.startswith("refs/tags/") else "push",
            actor=(push.sender.login if push.sender else "")[:100],
        ),
    )
