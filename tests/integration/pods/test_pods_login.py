"""Kubeconfigs, credential plugins and what they must never do; a server that is killed and comes back."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import stat
import sys
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from cockpit.config.settings import PodsSource, Settings
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.model import clock, errors, health
from cockpit.pods import discover
from cockpit.pods.api import kubeconfig, plugin
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.pod.row import Pod
from cockpit.session.pane import Pane
from cockpit.session.pods import build

SOON = 30.0
PODS = "/api/v1/pods"


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False) as running:
        yield running


@asynccontextmanager
async def pane_on(kubeconfig: Path) -> AsyncIterator[Pane[Pod]]:
    pane = build(Settings(pods=[PodsSource(name="demo", kubeconfig=str(kubeconfig))]))
    running = asyncio.create_task(pane.feed.run())
    try:
        yield pane
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def read(kubeconfig: Path | str, context: str = "") -> bytes:
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(kubeconfig), context=context))
    async with cluster.connected() as connection:
        return await connection.body(PODS)


def rewritten(sim: Simulator, user: dict[str, Any], name: str = "own") -> Path:
    """A kubeconfig in a folder of its own, with another user section."""
    config = yaml.safe_load(sim.kubeconfig.read_text())
    config["users"][0]["user"] = user
    folder = sim.folder / name
    folder.mkdir()
    path = folder / "config"
    path.write_text("# a comment that must stay\n" + yaml.safe_dump(config))
    return path


def exec_user(sim: Simulator, script: str, **settings: Any) -> Path:
    """A kubeconfig whose credential comes from a Python script beside it, by a relative path."""
    path = rewritten(
        sim,
        {
            "exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "./plugin",
                "args": ["login"],
                **settings,
            }
        },
    )
    program = path.parent / "plugin"
    program.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return path


def printing(status: str) -> str:
    return (
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential', "
        f"'status': {status}}}))"
    )


async def test_a_missing_kubeconfig_and_context_say_what_to_do(sim: Simulator) -> None:
    with pytest.raises(errors.Denied, match="is missing; set kubeconfig"):
        await read(sim.folder / "none")
    with pytest.raises(errors.Denied, match=r"no context 'prod' in .*; contexts there: demo"):
        await read(sim.kubeconfig, "prod")


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "{}", "\x00", "contexts: 3", "users: {a: b}", "current-context: x\ncontexts: [3]"]
)
async def test_a_broken_kubeconfig_is_denied_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(errors.Denied) as caught:
        await read(path)
    assert "\n" not in str(caught.value)


async def test_several_files_are_merged_as_kubectl_does(sim: Simulator) -> None:
    first = sim.folder / "first"
    first.write_text(yaml.safe_dump({"current-context": "demo", "contexts": None}))
    assert b'"items"' in await read(f"{first}{os.pathsep}{sim.folder / 'none'}{os.pathsep}{sim.kubeconfig}")


async def test_the_kubeconfig_is_never_written(sim: Simulator) -> None:
    path = rewritten(sim, {"token": sim.token})
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir()))
    assert await read(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())) == before


async def test_a_token_file_beside_the_kubeconfig(sim: Simulator) -> None:
    path = rewritten(sim, {"tokenFile": "token"})
    (path.parent / "token").write_text(sim.token + "\n")
    assert await read(path)
    (path.parent / "token").write_text("stale")
    with pytest.raises(errors.Denied, match="login needed"):
        await read(path)
    (path.parent / "token").unlink()
    with pytest.raises(errors.Denied, match="login needed"):
        await read(path)


async def test_a_plugin_gives_the_token_and_runs_again_when_it_is_refused(sim: Simulator) -> None:
    path = exec_user(
        sim,
        "with open(os.path.join(os.path.dirname(__file__), 'runs'), 'a') as runs: runs.write('x')\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "assert info['spec'] == {'interactive': False}, info\n"
        "assert sys.stdin.read() == ''\n"
        "assert os.environ['REGION'] == 'north' and sys.argv[1:] == ['login']\n"
        "try: open('/dev/tty')\n"
        "except OSError: pass\n"
        "else: sys.exit('it has the terminal')\n"
        "sys.stderr.write('x' * 300000)\n"
        "token = open(os.path.join(os.path.dirname(__file__), 'token')).read()\n" + printing("{'token': token}"),
        env=[{"name": "REGION", "value": "north"}],
    )
    (path.parent / "token").write_text(sim.token)
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(path)))
    runs = path.parent / "runs"
    for _ in range(3):
        async with cluster.connected() as connection:
            await connection.body(PODS)
    assert runs.read_text() == "x"
    async with cluster.connected() as connection:
        await sim.rotate_token()
        (path.parent / "token").write_text(sim.token)
        await asyncio.gather(*(connection.body(PODS) for _ in range(5)))
    assert runs.read_text() == "xx"


async def test_a_plugin_that_expires_runs_again(sim: Simulator) -> None:
    path = exec_user(
        sim,
        "with open(os.path.join(os.path.dirname(__file__), 'runs'), 'a') as runs: runs.write('x')\n"
        + printing(f"{{'token': {sim.token!r}, 'expirationTimestamp': '2020-01-01T00:00:00Z'}}"),
    )
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(path)))
    for _ in range(2):
        async with cluster.connected() as connection:
            await connection.body(PODS)
    assert (path.parent / "runs").read_text() == "xx"


@pytest.mark.parametrize(
    ("script", "settings", "said"),
    [
        ("sys.exit('token has expired, please log in')", {}, "login needed; .*ended with 1: token has expired"),
        ("print('hello')", {}, "printed no ExecCredential"),
        (printing("{}"), {}, "without token or certificate"),
        ("time.sleep(60)", {}, "gave nothing within .*login needed"),
        ("", {"interactiveMode": "Always"}, "login needed; run: "),
        ("", {"args": 3}, "not as they should"),
        ("", {"env": ["A=b"]}, "not as they should"),
        ("", {"command": "no-such-plugin", "installHint": "brew it"}, "cannot run no-such-plugin.*brew it"),
    ],
    ids=["fails", "nonsense", "empty", "hangs", "interactive", "args", "env", "missing"],
)
async def test_a_plugin_that_does_not_help(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch, script: str, settings: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(plugin, "PLUGIN_SECONDS", 1.0)
    path = exec_user(sim, script, **settings)
    with pytest.raises(errors.Denied, match=said) as caught:
        await read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", ["hush\nhush", "hush\r\nX-Other: hush", "hush\u00e9", "hush\x00hush"])
@pytest.mark.parametrize("way", ["token", "tokenFile", "plugin"])
async def test_a_token_that_no_header_can_carry_is_not_quoted(
    sim: Simulator, caplog: pytest.LogCaptureFixture, way: str, bad: str
) -> None:
    caplog.set_level("DEBUG")
    if way == "plugin":
        path = exec_user(sim, printing(f"{{'token': {bad!r}}}"))
    else:
        path = rewritten(sim, {"token": bad} if way == "token" else {"tokenFile": "secret"})
        (path.parent / "secret").write_bytes(bad.encode())
    with pytest.raises(errors.Denied, match="characters that no token has") as caught:
        await read(path)
    assert "hush" not in caplog.text + "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("bad", ["hush: hush", "*hush", "!hush x", "'hush", "@hush"])
async def test_a_token_that_breaks_the_yaml_is_not_quoted(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "config"
    path.write_text(f"users:\n- name: me\n  user:\n    token: {bad}\n")
    with pytest.raises(errors.Denied, match=r"is not YAML: see line [4-6], column") as caught:
        await read(path)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


async def test_a_cancelled_login_ends_the_plugin(sim: Simulator) -> None:
    path = exec_user(
        sim,
        "with open(os.path.join(os.path.dirname(__file__), 'pid'), 'w') as file: print(os.getpid(), file=file)\n"
        "time.sleep(600)",
    )
    login = asyncio.create_task(read(path))
    pid = path.parent / "pid"
    async with asyncio.timeout(SOON):
        while not pid.exists() or not pid.read_text().endswith("\n"):
            await asyncio.sleep(0.01)
    login.cancel()
    with suppress(asyncio.CancelledError):
        await login
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


async def test_netrc_and_proxies_of_the_environment_do_not_disturb(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = sim.folder / "netrc"
    netrc.write_text("default login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await read(sim.kubeconfig)


async def test_the_kubeconfigs_proxy_is_used(sim: Simulator) -> None:
    config = yaml.safe_load(sim.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = "http://127.0.0.1:9"
    path = sim.folder / "proxied"
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(errors.Unreachable):
        await read(path)
    path.write_text(path.read_text().replace("http://127.0.0.1:9", "socks5://127.0.0.1:9"))
    with pytest.raises(errors.Refused, match="is not http"):
        await read(path)
    path.write_text(path.read_text().replace("socks5://127.0.0.1:9", "http://me:hunter2@[127.0.0.1:9"))
    with pytest.raises(errors.Refused, match="proxy-url is not a URL") as refused:
        await read(path)
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


async def test_an_authority_that_did_not_sign_is_denied(sim: Simulator, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    async with simulator(folder, scenery=False) as other:
        config = yaml.safe_load(sim.kubeconfig.read_text())
        config["clusters"][0]["cluster"]["server"] = other.url
        path = sim.folder / "mixed"
        path.write_text(yaml.safe_dump(config))
        with pytest.raises(errors.Denied, match="TLS refused"):
            await read(path)


async def test_kill_9_is_stale_and_the_return_is_live_again(tmp_path: Path) -> None:
    server, ready = await start(tmp_path)
    try:
        async with pane_on(Path(ready["kubeconfig"])) as pane:
            assert await pane.feed.until(lambda: len(pane.feed.items) > 10, SOON), pane.feed.overall
            server.send_signal(signal.SIGKILL)
            await server.wait()
            assert await pane.feed.until(lambda: isinstance(pane.feed.overall, health.Stale), SOON)
            pane.feed.retry()
            assert await pane.feed.until(lambda: "connection refused" in repr(pane.feed.overall), SOON)
            assert len(pane.feed.items) > 10
            port = ready["url"].rpartition(":")[2]
            server, ready = await start(tmp_path, "--port", port)
            pane.feed.retry()
            async with asyncio.timeout(SOON):
                while not isinstance(pane.feed.overall, health.Live):
                    pane.feed.retry()
                    await asyncio.sleep(0.05)
            async with pane_on(Path(ready["kubeconfig"])) as fresh:
                assert await fresh.feed.until(lambda: len(fresh.feed.items) > 10, SOON)
                async with asyncio.timeout(SOON):
                    while pane.feed.items.keys() != fresh.feed.items.keys():
                        await asyncio.sleep(0.05)
    finally:
        server.kill()
        await server.wait()


async def start(folder: Path, *args: str) -> tuple[asyncio.subprocess.Process, dict[str, str]]:
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cockpit.demo.kubernetes", str(folder), *args),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    async with asyncio.timeout(SOON):
        ready: dict[str, str] = json.loads(await server.stdout.readline())
    return server, ready


def authority(sim: Simulator) -> bytes:
    cluster = yaml.safe_load(sim.kubeconfig.read_text())["clusters"][0]["cluster"]
    return base64.b64decode(cluster["certificate-authority-data"])


def untouched(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mtime_ns


async def test_a_plugin_that_wants_a_login_says_what_to_run_and_no_secret(sim: Simulator) -> None:
    args = ["login", "--client-secret", "hush1", "--token=hush2", "--region", "north"]
    path = exec_user(sim, "sys.exit('please log in')", args=args)
    before = untouched(path)
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(path)))
    with pytest.raises(errors.Denied, match=r"login needed; .*please log in; run: ") as caught:
        async with cluster.connected():
            pass
    assert str(caught.value).endswith("login --client-secret *** --token=*** --region north")
    needed = cluster.login_needed
    assert needed is not None
    assert needed.command == (str(path.parent / "plugin"), *args)
    assert json.loads(needed.environment["KUBERNETES_EXEC_INFO"])["spec"] == {"interactive": True}
    printed = json.dumps({"kind": "ExecCredential", "status": {"token": sim.token}})
    cluster.logged_in(printed.encode())
    async with cluster.connected() as connection:
        assert await connection.body(PODS)
    assert cluster.login_needed is None
    assert untouched(path) == before


async def test_a_token_file_is_read_anew(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rewritten(sim, {"tokenFile": "token"})
    (path.parent / "token").write_text(sim.token)
    before = untouched(path)
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(path)))
    async with cluster.connected() as connection:
        await connection.body(PODS)
        (path.parent / "token").write_text("another")
        await connection.body(PODS)
        steady = clock.steady
        monkeypatch.setattr(clock, "steady", lambda: steady() + kubeconfig.TOKEN_SECONDS + 1)
        with pytest.raises(errors.Denied, match="login needed"):
            await connection.body(PODS)
        (path.parent / "token").write_text(sim.token)
        assert await connection.body(PODS)
    assert untouched(path) == before


async def test_another_certificate_is_another_session_and_no_stream_breaks(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = yaml.safe_load(sim.kubeconfig.read_text())
    (tmp_path / "ca.crt").write_bytes(authority(sim))
    config["clusters"][0]["cluster"] = {"server": sim.url, "certificate-authority": "ca.crt"}
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(path)))
    async with cluster.connected() as connection:
        query = {"watch": "true", "allowWatchBookmarks": "true"}
        async with connection.stream(PODS, query, read_seconds=SOON) as response:
            (tmp_path / "ca.crt").write_bytes(b"# rotated\n" + authority(sim))
            steady = clock.steady
            monkeypatch.setattr(clock, "steady", lambda: steady() + kubeconfig.CERTIFICATE_SECONDS + 1)
            await connection.body(PODS)
            sim.put({"metadata": {"namespace": "shop", "name": "web"}})
            async for chunk in connection.chunks(response):
                assert b"web" in chunk
                break
        assert await connection.body(PODS)


async def test_in_a_pod_the_service_account_is_the_login(
    sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    account = tmp_path / "account"
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", account)
    monkeypatch.setattr(discover, "SERVICE_ACCOUNT", account)
    with pytest.raises(errors.Denied, match="no pod with a service account"):
        await read(kubeconfig.IN_CLUSTER)
    assert discover.sources() == []
    account.mkdir()
    (account / "token").write_text(sim.token)
    (account / "ca.crt").write_bytes(authority(sim))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", sim.url.rpartition(":")[2])
    (found,) = discover.sources()
    async with Cluster(found).connected() as connection:
        assert await connection.body(PODS)


async def test_another_current_context_does_not_turn_a_table_to_another_cluster(sim: Simulator) -> None:
    config = yaml.safe_load(sim.kubeconfig.read_text())
    config["clusters"].append({"name": "prod", "cluster": {"server": "https://127.0.0.1:9"}})
    config["contexts"].append({"name": "prod", "context": {"cluster": "prod", "user": "demo"}})
    cluster = Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))
    async with cluster.connected():
        pass
    sim.kubeconfig.write_text(yaml.safe_dump({**config, "current-context": "prod"}))
    async with cluster.connected() as connection:
        assert await connection.body(PODS)


@pytest.mark.parametrize("way", ["files", "plugin"])
async def test_a_client_certificate_that_was_replaced_is_taken_up(sim: Simulator, way: str) -> None:
    """The server refuses the old one with 401; a running table goes on, on a new session."""
    certificate, key = await sim.issue_certificate()
    if way == "files":
        path = rewritten(sim, {"client-certificate": "crt", "client-key": "key"})
    else:
        path = exec_user(
            sim,
            "here = os.path.dirname(__file__)\n"
            "pair = [open(os.path.join(here, name)).read() for name in ('crt', 'key')]\n"
            + printing("{'clientCertificateData': pair[0], 'clientKeyData': pair[1]}"),
        )

    def write() -> None:
        (path.parent / "crt").write_bytes(certificate)
        (path.parent / "key").write_bytes(key)

    write()
    before = untouched(path)
    sim.put({"metadata": {"namespace": "shop", "name": "web"}})
    async with pane_on(path) as pane:
        assert await pane.feed.until(lambda: len(pane.feed.items) == 1, SOON), pane.feed.overall
        certificate, key = await sim.issue_certificate()
        write()
        sim.drop_streams()
        sim.put({"metadata": {"namespace": "shop", "name": "web-2"}})
        assert await pane.feed.until(lambda: len(pane.feed.items) == 2, SOON), pane.feed.overall
        assert sim.api.requests["list"] == 0
    assert untouched(path) == before
