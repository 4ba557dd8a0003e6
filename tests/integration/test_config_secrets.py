"""Secrets from where they are named, and what is said when they are not fit to be sent."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from cockpit.config import secrets
from cockpit.config.settings import MetricsSource
from cockpit.feeds import http
from cockpit.feeds.service import Service
from cockpit.model import errors


def printing(text: str) -> list[str]:
    return [sys.executable, "-c", f"print({text!r}, end='')"]


async def test_blanks_around_a_secret_are_none_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    monkeypatch.setenv("THE_TOKEN", " s3cret\r\n")
    assert await secrets.resolve(env="THE_TOKEN") == "s3cret"
    assert await secrets.resolve(file=str(file)) == "s3cret"
    assert await secrets.resolve(command=printing("s3cret\n")) == "s3cret"
    assert await secrets.resolve() == ""


async def test_more_than_one_line_is_refused_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("s3cret\nother")
    monkeypatch.setenv("THE_TOKEN", "s3cret\nother")
    for named in ({"env": "THE_TOKEN"}, {"file": str(file)}, {"command": printing("s3cret\nother")}):
        with pytest.raises(errors.Denied, match="write the secret alone") as caught:
            await secrets.resolve(**named)
        assert "s3cret" not in str(caught.value)


async def test_a_token_that_no_header_can_carry_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_TOKEN", "s3crét")
    source = MetricsSource(name="prod", url="http://127.0.0.1:9", token_env="THE_TOKEN")
    with pytest.raises(errors.Denied, match="prod: the token holds a character") as caught:
        async with Service(source.name, source.url, source):
            pass
    assert "s3cr" not in repr((caught.value, caught.value.__context__))
    with pytest.raises(errors.Denied, match="no HTTP header can carry") as caught:
        await http.open_client("http://ops:hunter2@127.0.0.1:9", token="s3cret\nother")
    assert "s3cr" not in str(caught.value) and "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("", 30.0), ("soon", 30.0), ("²", 30.0), ("9" * 400, 3600.0)]
)
def test_a_server_may_ask_for_an_hour_at_most(said: str, seconds: float) -> None:
    answer = httpx.Response(429, headers=[(b"Retry-After", said.encode("latin-1"))])
    with pytest.raises(errors.RateLimited) as caught:
        http.check(answer, "prod")
    assert caught.value.retry_after_seconds == seconds
