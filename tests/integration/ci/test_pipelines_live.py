"""The pipelines pane on the real server: live, stale, denied; actions that see their effect; views."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from cockpit.config.settings import PipelineSource, Settings
from cockpit.model import errors, health
from cockpit.pipelines.run import Run
from cockpit.session import pipelines
from cockpit.session.pane import Pane
from cockpit.tasks.action import CancelUnconfirmed, State

Served = Any
SECONDS = 30.0


class Heard:
    """A `Progress` that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.outcomes: dict[str, State] = {}

    def say(self, line: str, *, target: str = "") -> None:
        self.said.append(line)

    def write(self, data: bytes, *, target: str = "") -> None:
        self.said.append(data.decode())

    def step(self, done: int, total: int) -> None:
        assert done <= total

    def outcome(self, target: str, state: State, why: str = "") -> None:
        self.outcomes[target] = state

    async def drained(self) -> None:
        return


@asynccontextmanager
async def opened(*sources: PipelineSource) -> AsyncIterator[Pane[Run]]:
    """The pane with its feed running."""
    pane = pipelines.build(Settings(pipelines=list(sources)))
    pane.feed._first, pane.feed._most = 0.05, 0.2
    running = asyncio.create_task(pane.feed.run())
    try:
        yield pane
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def action(pane: Pane[Run], name: str) -> Any:
    return next(one for one in pane.actions if one.id == f"pipelines.{name}")


async def done(pane: Pane[Run], name: str, items: list[Run], **inputs: str) -> Heard:
    heard = Heard()
    await action(pane, name).bind(items, inputs).run(heard)
    return heard


async def lines(pane: Pane[Run], name: str, run: Run) -> list[str]:
    view = next(one for one in pane.views if one.id == f"pipelines.{name}")
    async with asyncio.timeout(SECONDS):
        return [line async for line in view.lines(run)]


async def test_live_then_stale_then_live_again(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("true"))
    async with opened(ci.source()) as pane:
        feed = pane.feed
        assert await feed.settled(SECONDS)
        assert isinstance(feed.overall, health.Live)
        run = (await ci.trigger())["id"]
        key = f"ci/{run}"
        assert await feed.until(lambda: key in feed.items and feed.items[key].finished, SECONDS)
        seen = feed.items[key]
        assert (seen.result, seen.ref, seen.repository, seen.number) == ("success", "main", "acme/shop", 1)
        assert len(seen.sha) == 40
        assert seen.duration_seconds(0.0) is not None

        ci.kill()
        assert await feed.until(lambda: isinstance(feed.overall, health.Stale), SECONDS)
        assert feed.items[key] == seen, "the last good items are kept"
        await ci.start()
        assert await feed.until(lambda: isinstance(feed.overall, health.Live), SECONDS)
        await ci.trigger()
        assert await feed.until(lambda: len(feed.items) == 2, SECONDS)


async def test_a_database_that_was_replaced_is_read_anew(ci: Served, tmp_path: Path) -> None:
    ci.shop.push(ci.shop.pipeline("true"))
    for _ in range(3):
        await ci.finished((await ci.trigger())["id"])
    async with opened(ci.source()) as pane:
        assert await pane.feed.until(lambda: len(pane.feed.items) == 3, SECONDS)
        ci.kill()
        ci.data = tmp_path / "another"
        await ci.start()
        assert await pane.feed.until(lambda: not pane.feed.items, SECONDS)


async def test_a_wrong_token_is_denied_and_says_what_to_do(ci: Served) -> None:
    ci.token = "wrong"
    async with opened(ci.source()) as pane:
        assert await pane.feed.settled(SECONDS)
        state = pane.feed.overall
        assert isinstance(state, health.Denied)
        assert "check the token" in state.why
    async with opened(PipelineSource(name="none", url=ci.url)) as pane:
        assert await pane.feed.settled(SECONDS)
        assert "write token_env" in cast(health.Denied, pane.feed.overall).why


async def test_only_the_last_hundred_runs_are_kept(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("true"))
    await asyncio.gather(*(ci.trigger(ref="missing") for _ in range(95)))
    async with opened(ci.source()) as pane:
        assert await pane.feed.until(lambda: len(pane.feed.items) == 95, SECONDS)
        await asyncio.gather(*(ci.trigger(ref="missing") for _ in range(10)))
        assert await pane.feed.until(lambda: "ci/105" in pane.feed.items and "ci/5" not in pane.feed.items, SECONDS)
        assert len(pane.feed.items) == 100


async def test_actions_see_their_effect(ci: Served, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    ci.shop.push(ci.shop.pipeline(f"while [ -e {gate} ]; do sleep 0.05; done; echo attempt $COCKPIT_ATTEMPT"))
    async with opened(ci.source()) as pane:
        feed = pane.feed
        await feed.settled(SECONDS)
        heard = await done(pane, "trigger", [], repository="acme/shop", ref="main")
        assert "acme/shop #1 is" in heard.said[-1]
        assert await feed.until(lambda: "ci/1" in feed.items and feed.items["ci/1"].phase == "running", SECONDS)
        run = feed.items["ci/1"]
        assert action(pane, "cancel").disabled([run]) is None
        assert action(pane, "rerun").disabled([run]) is not None
        job = action(pane, "cancel").bind([run], {})
        assert (job.targets[0].name, job.risk) == ("acme/shop #1", "disruptive")
        heard = await done(pane, "cancel", [run])
        assert heard.outcomes == {"pipelines/ci/1": State.SUCCEEDED}
        assert await feed.until(lambda: feed.items["ci/1"].result == "cancelled", SECONDS)

        gate.unlink()
        await done(pane, "rerun", [feed.items["ci/1"]])
        assert await feed.until(lambda: feed.items["ci/1"].result == "success", SECONDS)
        assert feed.items["ci/1"].attempt == 2
        with pytest.raises(errors.Refused, match="attempt 2"):
            await done(pane, "rerun", [run])
        with pytest.raises(errors.NotFound, match="not in"):
            await done(pane, "trigger", [], repository="acme/other")
        # From a row, nothing needs typing.
        heard = await done(pane, "trigger", [feed.items["ci/1"]])
        assert "acme/shop #2" in heard.said[-1]
        assert await feed.until(lambda: "ci/2" in feed.items and feed.items["ci/2"].result == "success", SECONDS)
        assert any("#2 a change on main: success" in one.text for one in pane.moments(feed.items.values(), 0.0))


async def test_views(ci: Served, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    ci.shop.push(ci.shop.pipeline(f"echo begun; while [ -e {gate} ]; do sleep 0.05; done; echo ended", "false"))
    async with opened(ci.source()) as pane:
        run = (await ci.trigger())["id"]
        assert await pane.feed.until(lambda: f"ci/{run}" in pane.feed.items, SECONDS)
        item = pane.feed.items[f"ci/{run}"]
        view = next(one for one in pane.views if one.id == "pipelines.logs")
        read = []
        async with asyncio.timeout(SECONDS), aclosing(cast(Any, view.lines(item))) as followed:
            async for line in followed:
                read.append(line)
                if line == "begun":
                    gate.unlink()
        assert read.index("begun") < read.index("ended") < read.index("[cockpit] failed: step s2: exit code 1")
        told = await lines(pane, "describe", item)
        assert "State:    failed: step s2: exit code 1" in told
        assert any(line.startswith("Attempt 1: failed") for line in told)
        assert any("s2" in line and "✗" in line for line in told)


class Relay:
    """A TCP relay in front of the server that can swallow the answer to a POST."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.url = ""
        self.swallow = False
        self.refuse = False
        self._links: set[asyncio.Task[Any]] = set()

    @classmethod
    @asynccontextmanager
    async def to(cls, port: int) -> AsyncIterator[Relay]:
        relay = cls(port)
        server = await asyncio.start_server(relay._link, "127.0.0.1", 0)
        relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            try:
                yield relay
            finally:
                for link in relay._links:
                    link.cancel()
                await asyncio.gather(*relay._links, return_exceptions=True)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        sending: asyncio.Task[None] | None = None
        up_writer: asyncio.StreamWriter | None = None
        posted = False
        try:
            if self.refuse:
                return
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)

            async def forward(to: asyncio.StreamWriter) -> None:
                nonlocal posted
                while data := await reader.read(65536):
                    posted = posted or data.startswith(b"POST")
                    to.write(data)
                    await to.drain()
                to.write_eof()

            sending = asyncio.create_task(forward(up_writer))
            while data := await up_reader.read(65536):
                if posted and self.swallow:
                    self.swallow = False
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            self._links.discard(task)
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            for side in (writer, up_writer):
                if side is not None:
                    side.close()
                    await asyncio.gather(side.wait_closed(), return_exceptions=True)


async def test_a_lost_answer_is_settled_without_a_second_run(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("true"))
    async with Relay.to(ci.port) as relay:
        async with opened(ci.source(url=relay.url)) as pane:
            await pane.feed.settled(SECONDS)
            relay.swallow = True
            heard = await done(pane, "trigger", [], repository="acme/shop")
            assert any("asking again" in line for line in heard.said)
            assert len((await ci.get("/runs")).json()["runs"]) == 1
            assert await pane.feed.until(
                lambda: "ci/1" in pane.feed.items and pane.feed.items["ci/1"].finished, SECONDS
            )
            relay.swallow = True
            heard = await done(pane, "rerun", [pane.feed.items["ci/1"]])
        assert any("looking what became of it" in line for line in heard.said)
        assert (await ci.finished(1))["attempt"] == 2


async def test_a_server_that_stays_away_leaves_the_outcome_unknown(ci: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cockpit.pipelines.actions.DOUBT_LOOKS", 1)
    ci.shop.push(ci.shop.pipeline("true"))
    async with Relay.to(ci.port) as relay:
        pane = pipelines.build(Settings(pipelines=[ci.source(url=relay.url)]))
        relay.swallow = True
        with pytest.raises(errors.UnknownOutcome, match="may have been queued"):
            await done(pane, "trigger", [], repository="acme/shop")
        relay.refuse = True
        with pytest.raises(errors.SourceError):
            await done(pane, "trigger", [], repository="acme/shop")


async def test_nothing_sent_is_a_plain_failure(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    token = tmp_path / "token"
    token.write_text("x")
    pane = pipelines.build(Settings(pipelines=[PipelineSource(name="ci", url=url, token_file=str(token))]))
    with pytest.raises(errors.Unreachable):
        await done(pane, "trigger", [], repository="acme/shop")


async def test_cancelling_a_request_under_way_says_that_it_may_have_arrived(tmp_path: Path) -> None:
    reached = asyncio.Event()
    over = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        reached.set()
        await over.wait()
        writer.close()

    token = tmp_path / "token"
    token.write_text("x")
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pane = pipelines.build(Settings(pipelines=[PipelineSource(name="ci", url=url, token_file=str(token))]))
        task = asyncio.create_task(done(pane, "trigger", [], repository="acme/shop"))
        async with asyncio.timeout(SECONDS):
            await reached.wait()
        task.cancel()
        with pytest.raises(CancelUnconfirmed):
            await task
        over.set()


@pytest.mark.parametrize("name", ["trigger", "cancel"])
async def test_cancelling_while_the_answer_is_in_doubt_does_not_call_it_undone(ci: Served, name: str) -> None:
    ci.shop.push(ci.shop.pipeline("sleep 60"))
    await ci.trigger()
    async with Relay.to(ci.port) as relay, opened(ci.source(url=relay.url)) as pane:
        assert await pane.feed.until(lambda: "ci/1" in pane.feed.items, SECONDS)
        relay.swallow = True
        heard = Heard()
        task = asyncio.create_task(action(pane, name).bind([pane.feed.items["ci/1"]], {}).run(heard))
        async with asyncio.timeout(SECONDS):
            while not any("no answer came" in line for line in heard.said):
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(CancelUnconfirmed, match="may have"):
            await task


async def test_through_the_task_manager(ci: Served, tmp_path: Path) -> None:
    from cockpit.tasks.manager import TaskManager

    ci.shop.push(ci.shop.pipeline("true"))
    pane = pipelines.build(Settings(pipelines=[ci.source()]))
    async with TaskManager.open(tmp_path / "tasks") as tasks, asyncio.timeout(SECONDS):
        record = await tasks.submit(action(pane, "trigger").bind([], {"repository": "acme/shop"})).done()
        assert record.state is State.SUCCEEDED, record
    assert (await ci.finished(1))["result"] == "success"
