"""`cockpit pods logs`: what containers say, followed without a line lost, for a terminal, a file or a pipe."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.pods.chosen import Where, one_source, where_options, with_source
from cockpit.cli.say import INTERRUPTED, SOURCE, complain, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cockpit.cli.fleet.out import Out
    from cockpit.config.settings import PodsSource, Settings
    from cockpit.pods.api.connection import Cluster
    from cockpit.pods.logs.follow import Follower
    from cockpit.pods.logs.lines import Shown
    from cockpit.pods.logs.source import LogQuery, OnePod, Past, Target

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command("logs")
@click.argument("target", metavar="[SOURCE:]NAMESPACE/[KIND/]NAME", default="")
@click.option("-c", "--container", "containers", multiple=True, metavar="NAME", help="Of this container; repeatable.")
@click.option("--all-containers", is_flag=True, help="Of all containers of a pod.")
@click.option("-f", "--follow", is_flag=True, help="Go on until it is interrupted.")
@click.option("--since", default="", metavar="DURATION", help="No older than this: 30s, 10m, 1h30m.")
@click.option("--tail", type=click.IntRange(0), help="The last lines of each container.")
@click.option("--previous", is_flag=True, help="Of the containers before their last restart.")
@click.option("--timestamps", is_flag=True, help="With the time of each line.")
@click.option("--prefix", is_flag=True, help="With the pod and the container before each line.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@where_options
@click.pass_context
def command(
    ctx: click.Context, /, target: str, namespace: str, labels: str, source: str, format_: str, **options: Any
) -> None:
    """What containers say: of a pod (shop/web-1), of a workload (shop/deployment/web), or of what LABELS select.

    Lines of several containers come in the order of their timestamps; with --follow pods that appear later join, and
    a cut connection goes on where it was. One container without other options is byte for byte what the server sends.
    JSON is one object a line. Ends with 0; 2 for bad usage; 3 when something could not be read; 130 when interrupted.
    """
    from cockpit.model import errors
    from cockpit.pods.api.connection import Cluster
    from cockpit.pods.logs.lines import Shown
    from cockpit.pods.logs.source import LogQuery

    settings: Settings = ctx.find_root().obj.settings()
    try:
        chosen, found = _target(settings, target, Where(namespace, labels, source))
        query = LogQuery(
            (found,),
            past=_past(options["since"], options["tail"], labels),
            previous=options["previous"],
            containers=options["containers"],
            one=not options["all_containers"],
            follow=options["follow"] and not options["previous"],
        )
        if options["all_containers"] and options["containers"]:
            raise errors.Refused("--all-containers and --container exclude each other")
    except errors.Refused as error:
        refuse([str(error)])
    shown = Shown(stamps=options["timestamps"], prefix=options["prefix"])
    ctx.exit(asyncio.run(_Printing(Cluster(chosen), query, shown, format_).run()))


def _target(settings: Settings, text: str, where: Where) -> tuple[PodsSource, Target]:
    """Raises errors.Refused."""
    from cockpit.model import errors
    from cockpit.pods.kinds.registry import find
    from cockpit.pods.logs.source import OnePod, Selected, Workload
    from cockpit.pods.logs.view import WORKLOADS

    names, where = with_source(settings, [text] if text else [], where)
    source = one_source(settings, where.source)
    if where.labels:
        if names:
            raise errors.Refused("write either a name or -l")
        return source, Selected(
            source.name, where.namespace, where.labels, f"{where.namespace} -l {where.labels}".strip()
        )
    parts = names[0].split("/") if names else []
    if where.namespace:
        parts.insert(0, where.namespace)
    if not all(parts):
        parts = []
    match parts:
        case [namespace, name] | [namespace, "pod" | "pods" | "po", name]:
            return source, OnePod(source.name, namespace, name)
        case [namespace, word, name]:
            kind = find(word)
            if kind is None or kind.resource not in WORKLOADS:
                raise errors.Refused(f"{word!r} has no pods of its own; one of {', '.join(sorted(WORKLOADS))} has")
            title = f"{kind.kind.lower()} {namespace}/{name}"
            return source, Workload(source.name, namespace, kind.path(namespace, name), title)
        case _:
            raise errors.Refused(f"{text!r}: write NAMESPACE/POD, NAMESPACE/KIND/NAME, or -l LABELS")


def _past(since: str, tail: int | None, labels: str) -> Past:
    """As kubectl: all, and with a selector the last ten lines of each. Raises errors.Refused."""
    import re

    from cockpit.model import errors
    from cockpit.pods.logs.source import Everything, Since, Tail

    if since and tail is not None:
        raise errors.Refused("--since and --tail exclude each other")
    if since:
        parts = re.findall(r"(\d+)([smhd])", since)
        if not parts or "".join(f"{count}{unit}" for count, unit in parts) != since:
            raise errors.Refused(f"--since {since}: write a duration such as 30s, 10m or 1h30m")
        return Since(max(1, sum(int(count) * _UNITS[unit] for count, unit in parts)))
    if tail is not None:
        return Tail(tail)
    return Tail(10) if labels else Everything()


class _Printing:
    """One call: lines to stdout, what cockpit says of them to stderr."""

    def __init__(self, cluster: Cluster, query: LogQuery, shown: Shown, format_: str) -> None:
        from cockpit.cli.fleet.out import Out
        from cockpit.pods.logs.follow import Follower
        from cockpit.pods.logs.lines import Writer

        self._out: Out = Out()
        self._cluster, self._query, self._format = cluster, query, format_
        self._plain = format_ == "text" and not (shown.stamps or shown.prefix)
        clusters: Mapping[str, Cluster] = {cluster.name: cluster}
        self._follower: Follower = Follower(clusters, query, self._take)
        self._writer = Writer(self._follower.streams, shown)
        self._terminal = sys.stdout.isatty()
        self._interrupted = False

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        main = asyncio.create_task(self._print())
        writing = asyncio.create_task(self._out.run(lambda: self._end(main)))

        def interrupted() -> None:
            self._interrupted = True
            self._end(main)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupted)
        failed = False
        try:
            failed = await main
        except asyncio.CancelledError:
            pass
        finally:
            self._out.close()
            await writing
        return INTERRUPTED if self._interrupted else SOURCE if failed else 0

    def _end(self, main: asyncio.Task[bool]) -> None:
        """What was read is still printed where somebody follows."""
        if self._query.follow:
            self._follower.stop()
        else:
            main.cancel()

    async def _print(self) -> bool:
        """True when something could not be read."""
        pod = self._one_pod()
        if pod is not None:
            return await self._as_sent(pod)
        await self._follower.run()
        return bool(self._follower.failures or any(stream.failure for stream in self._follower.streams))

    def _one_pod(self) -> OnePod | None:
        """The pod whose one log can be handed on as it is sent."""
        from cockpit.pods.logs.source import OnePod

        target = self._query.targets[0]
        single = self._plain and not self._query.follow and (self._query.one or len(self._query.containers) == 1)
        return target if single and isinstance(target, OnePod) and len(self._query.containers) <= 1 else None

    async def _as_sent(self, pod: OnePod) -> bool:
        from contextlib import aclosing

        from cockpit.model import errors
        from cockpit.pods.logs.container import SILENT_SECONDS
        from cockpit.pods.logs.pod import default_container
        from cockpit.pods.logs.request import log_path, past_query

        try:
            async with self._cluster.connected() as connection:
                name = next(iter(self._query.containers), "") or await default_container(connection, pod, self._say)
                query = {"container": name, **past_query(self._query.past)}
                if self._query.previous:
                    query["previous"] = "true"
                async with (
                    connection.stream(log_path(pod), query, read_seconds=SILENT_SECONDS) as response,
                    aclosing(connection.chunks(response)) as chunks,
                ):
                    async for chunk in chunks:
                        self._put(chunk)
                        await self._out.drained()
        except errors.SourceError as error:
            complain(str(error))
            return True
        return False

    def _say(self, text: str) -> None:
        self._out.complain(text)

    async def _take(self, lines: Sequence[bytes], tags: Sequence[int]) -> None:
        from cockpit.pods.logs.lines import text
        from cockpit.pods.logs.stream import NOTICE

        for data, tag in zip(lines, tags, strict=True):
            if tag & NOTICE:
                self._say(text(data, stamps=False).decode("utf-8", "replace"))
            elif self._format == "json":
                self._out.put(self._json(data, tag))
            else:
                self._put(self._writer.write(data, tag))
        await self._out.drained()

    def _put(self, data: bytes) -> None:
        if not self._terminal:
            self._out.put(data)
            return
        from cockpit.model.printable import printable

        texts = data.decode("utf-8", "replace").split("\n")
        self._out.put("\n".join(printable(one.removesuffix("\r").expandtabs()) for one in texts).encode())

    def _json(self, data: bytes, tag: int) -> bytes:
        import msgspec

        from cockpit.model.printable import escaped
        from cockpit.pods.logs.lines import text
        from cockpit.pods.logs.stream import GOES_ON, NUMBER

        stream = self._follower.streams[tag & NUMBER]
        own = text(data, stamps=False)
        said = {
            "source": stream.source,
            "namespace": stream.namespace,
            "pod": stream.pod,
            "container": stream.container,
            "time": data[: len(data) - len(own)].rstrip().decode("ascii", "replace"),
            "line": own.decode("utf-8", "replace"),
            **({"goes_on": True} if tag & GOES_ON else {}),
        }
        return escaped(msgspec.json.encode(said).decode()).encode() + b"\n"
