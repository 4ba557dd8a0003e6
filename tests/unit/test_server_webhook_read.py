"""What a delivery asks for, without a network."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.server.ci.checkout import full_ref
from cockpit.server.ci.webhook import Ignored, Rejected, Wanted, check_headers, read

SECRETS = {"acme/shop": "s3cret", "acme/secretless": ""}


def headers(body: bytes, secret: str = "s3cret", event: str = "push") -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "d",
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }


def push(**changes: Any) -> bytes:
    payload = {
        "ref": "refs/heads/main",
        "before": "1" * 40,
        "after": "2" * 40,
        "repository": {"full_name": "acme/shop"},
    }
    return json.dumps({**payload, **changes}).encode()


def test_github_s_own_example_of_a_signature() -> None:
    """docs.github.com, "Validating webhook deliveries": secret, payload and digest."""
    body = b"Hello, World!"
    digest = headers(body, "It's a Secret to Everybody")["X-Hub-Signature-256"]
    assert digest == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def test_a_push() -> None:
    body = push(head_commit={"message": "  A  subject\nand more"}, sender={"login": "mira"}, forced=True)
    wanted = read(headers(body), body, SECRETS)
    assert isinstance(wanted, Wanted)
    assert (wanted.run.name, wanted.run.actor, wanted.run.sha) == ("A subject", "mira", "2" * 40)
    other = push(before="3" * 40)
    again = read(headers(other), other, SECRETS)
    assert isinstance(again, Wanted)
    assert again.delivery.change != wanted.delivery.change


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_breaks_the_signature(place: int, flip: int) -> None:
    body = push(sender={"login": "mira"})
    changed = bytearray(body)
    changed[place % len(body)] ^= flip
    with pytest.raises(Rejected) as caught:
        read(headers(body), bytes(changed), SECRETS)
    assert caught.value.status == 403


@given(st.binary(max_size=300))
def test_no_signed_body_is_a_defect(body: bytes) -> None:
    with pytest.raises(Rejected):
        read(headers(body), body, SECRETS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(("ref", "before", "after", "deleted", "head_commit", "sender")),
)
def test_no_signed_push_is_a_defect(value: Any, key: str) -> None:
    body = push(**{key: value})
    try:
        assert isinstance(read(headers(body), body, SECRETS), Wanted | Ignored)
    except Rejected as error:
        assert error.status == 400


def test_a_repository_without_a_secret_takes_nothing() -> None:
    for secret in ("", "0" * 64):
        body = push(repository={"full_name": "acme/secretless"})
        with pytest.raises(Rejected):
            read(headers(body, secret), body, SECRETS)


@pytest.mark.parametrize("name", ["X-Gitea-Event", "X-Forgejo-Event", "X-Gogs-Event"])
def test_who_also_sends_github_s_headers_is_named(name: str) -> None:
    with pytest.raises(Rejected, match="not supported yet"):
        check_headers({**headers(b""), name: "push"})


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        ("main", "refs/heads/main"),
        ("feature/$(x)", "refs/heads/feature/$(x)"),
        ("refs/tags/v1", "refs/tags/v1"),
        ("-x", None),
        ("a b", None),
        ("a..b", None),
        ("a~1", None),
        ("a:b", None),
        ("/a", None),
        ("a/", None),
        ("a//b", None),
        (".a", None),
        ("a/.b", None),
        ("a.lock", None),
        ("a.", None),
        ("a@{b", None),
        ("", None),
        ("refs/heads", None),
        ("x" * 300, None),
    ],
)
def test_ref_names(name: str, ref: str | None) -> None:
    assert full_ref(name) == ref
