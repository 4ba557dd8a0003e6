"""GitHub's webhook against the real server: who is let in, what starts a run, and what only once."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

Served = Any


async def test_a_signed_push_is_run_once(ci: Served) -> None:
    before, after = ci.shop.push(ci.shop.pipeline("echo built $COCKPIT_SHA"))
    payload = ci.push_event(before, after)
    answer = await ci.webhook(payload, delivery="one")
    assert answer.status_code == 202
    run = answer.json()["run"]
    assert (run["repository"], run["number"], run["ref"]) == ("acme/shop", 1, "refs/heads/main")
    assert (run["sha"], run["name"], run["event"], run["actor"]) == (after, "a change", "push", "mira")

    again = await ci.webhook(payload, delivery="one")
    assert again.status_code == 200
    assert again.json()["run"]["id"] == run["id"]
    assert again.json()["existing"] is True

    # The delivery id is not signed: the same push under another one is still the same push.
    replayed = await ci.webhook(payload, delivery="another")
    assert replayed.status_code == 200
    assert replayed.json()["run"]["id"] == run["id"]

    done = await ci.finished(run["id"])
    assert done["result"] == "success"
    assert f"built {after}" in await ci.log(run["id"])
    assert len((await ci.get("/runs")).json()["runs"]) == 1


async def test_many_deliveries_of_one_push_at_once_are_one_run(ci: Served) -> None:
    before, after = ci.shop.push(ci.shop.pipeline("true"))
    payload = ci.push_event(before, after)
    answers = await asyncio.gather(*(ci.webhook(payload, delivery=f"d{number % 4}") for number in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [202]
    assert len({answer.json()["run"]["id"] for answer in answers}) == 1


async def test_who_is_refused(ci: Served) -> None:
    before, after = ci.shop.push(ci.shop.pipeline("true"))
    payload = ci.push_event(before, after)
    other = ci.push_event(before, after, repository={"full_name": "evil/shop"})
    secretless = ci.push_event(before, after, repository={"full_name": "acme/secretless"})

    wrong = await ci.webhook(payload, secret="wrong")
    unknown = await ci.webhook(other)
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert wrong.json() == unknown.json(), "nobody learns what is configured"
    assert (await ci.webhook(secretless)).status_code == 403
    assert (await ci.webhook(secretless, secret="")).status_code == 403
    unsigned = await ci.webhook(payload, X_Hub_Signature_256="")
    assert unsigned.status_code == 403
    assert "set a secret" in unsigned.json()["error"]
    for signature in ("sha256=" + "0" * 64, "sha256=", "sha1=" + "0" * 40, "0" * 64):
        assert (await ci.webhook(payload, X_Hub_Signature_256=signature)).status_code == 403
    assert (await ci.webhook(b"{", secret="")).status_code == 403
    assert (await ci.webhook(b"[" * 100_000)).status_code == 403
    gitea = await ci.webhook(payload, X_Gitea_Event="push")
    assert gitea.status_code == 400
    assert "Gitea" in gitea.json()["error"]
    assert (await ci.webhook(payload, X_GitHub_Delivery="")).status_code == 400
    assert (await ci.webhook(payload, Content_Type="application/x-www-form-urlencoded")).status_code in (403, 415)
    assert (await ci.webhook({"repository": {"full_name": "acme/shop"}})).status_code == 400
    assert (await ci.webhook(ci.push_event(before, "HEAD; touch x"))).status_code == 400
    assert (await ci.get("/runs")).json()["runs"] == []


IGNORED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ping", {}),
    ("issues", {}),
    ("push", {"deleted": True}),
    ("push", {"after": "0" * 40}),
    ("push", {"ref": "refs/notes/commits"}),
    ("push", {"head_commit": {"message": "typo [skip ci]"}}),
)


async def test_what_is_valid_and_starts_no_run(ci: Served) -> None:
    for event, changes in IGNORED:
        answer = await ci.webhook(ci.push_event("1" * 40, "2" * 40, **changes), event=event)
        assert answer.status_code == 200, (event, changes)
        assert answer.json()["ignored"]
    assert (await ci.get("/runs")).json()["runs"] == []


async def test_a_tag_is_run_too(ci: Served) -> None:
    _, after = ci.shop.push(ci.shop.pipeline("true"))
    answer = await ci.webhook(ci.push_event("0" * 40, after, ref="refs/tags/v1"))
    assert answer.status_code == 202
    assert answer.json()["run"]["event"] == "tag"
    assert (await ci.finished(answer.json()["run"]["id"]))["result"] == "success"


async def test_a_body_beyond_the_cap_is_not_read(ci: Served) -> None:
    def announced() -> bytes:
        with socket.create_connection(("127.0.0.1", ci.port), timeout=20) as raw:
            raw.sendall(
                b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"X-GitHub-Event: push\r\nX-GitHub-Delivery: d\r\nX-Hub-Signature-256: sha256=0\r\n"
                b"Content-Length: 99999999999\r\n\r\n"
            )
            return raw.recv(4096)

    assert (await asyncio.to_thread(announced)).startswith(b"HTTP/1.1 413 ")

    def chunked() -> bytes:
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        with socket.create_connection(("127.0.0.1", ci.port), timeout=20) as raw:
            raw.sendall(
                b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"X-GitHub-Event: push\r\nX-GitHub-Delivery: d\r\nX-Hub-Signature-256: sha256=0\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            try:
                for _ in range(26):
                    raw.sendall(chunk)
            except OSError:
                pass
            return raw.recv(4096)

    assert (await asyncio.to_thread(chunked)).startswith(b"HTTP/1.1 413 ")
    assert (await ci.client.get(f"{ci.url}/healthz")).json() == {"status": "ok"}
