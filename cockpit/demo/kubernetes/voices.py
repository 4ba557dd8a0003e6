"""What containers say: mixed levels, a rhythm per kind of program, the same for the same seed."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from random import Random

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.logs import Voice

CHATTER = "simulator.cockpit/voice"  # the annotation that names a pod's voice
_PATHS = ("/", "/cart", "/checkout", "/products", "/products/1874", "/search?q=lamp", "/api/orders", "/healthz")
_AGENTS = ("Mozilla/5.0", "kube-probe/1.36", "curl/8.9.1", "okhttp/4.12")


def _moment(at: float) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _web(random: Random, at: float) -> str:
    status = random.choices((200, 304, 404, 499, 500, 502), (88, 6, 3, 1, 1, 1))[0]
    stamp = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    took = random.lognormvariate(-3.5, 0.9)
    return (
        f'10.244.{random.randrange(4)}.{random.randrange(2, 250)} - - [{stamp}] "GET {random.choice(_PATHS)} HTTP/1.1" '
        f'{status} {random.randrange(180, 48000)} "-" "{random.choice(_AGENTS)}" {took:.3f}'
    )


def _level(random: Random) -> str:
    return random.choices(("INFO", "DEBUG", "WARN", "ERROR"), (78, 12, 8, 2))[0]


def _service(random: Random, at: float) -> str:
    level = _level(random)
    texts = {
        "INFO": (
            f"order {random.randrange(100000, 999999)} accepted total={random.randrange(500, 90000) / 100:.2f} EUR",
            f"request done path={random.choice(_PATHS)} status=200 took={random.randrange(2, 180)}ms",
            f"cache refreshed entries={random.randrange(200, 4000)}",
        ),
        "DEBUG": (f"pool idle={random.randrange(1, 10)} busy={random.randrange(0, 6)}", "token cache hit"),
        "WARN": (
            f"slow query took={random.randrange(800, 4200)}ms table=orders",
            f"retry {random.randrange(1, 4)}/5 upstream=payments-gateway reason=timeout",
        ),
        "ERROR": (
            "upstream payments-gateway answered 503",
            f"could not reserve stock sku={random.randrange(1000, 9999)}: lock wait timeout",
        ),
    }
    return f"{_moment(at)} {level:<5} {random.choice(texts[level])} trace={random.getrandbits(64):016x}"


def _worker(random: Random, at: float) -> str:
    level = _level(random)
    job = random.getrandbits(32)
    fields = {
        "INFO": f'"msg":"job done","job":"{job:08x}","seconds":{random.lognormvariate(0, 0.6):.2f}',
        "DEBUG": f'"msg":"heartbeat","queue":{random.randrange(0, 90)}',
        "WARN": f'"msg":"queue is long","queue":{random.randrange(200, 900)}',
        "ERROR": f'"msg":"job failed","job":"{job:08x}","error":"connection reset by peer"',
    }
    return f'{{"ts":"{_moment(at)}","level":"{level.lower()}",{fields[level]}}}'


def _system(random: Random, at: float) -> str:
    level = random.choices(("I", "W", "E"), (90, 8, 2))[0]
    stamp = datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%m%d %H:%M:%S.%f")
    texts = {
        "I": (
            "Sync complete",
            f"Reconciled {random.randrange(1, 60)} endpoints",
            "Lease renewed",
            "Health check passed",
        ),
        "W": ("Watch closed, restarting", "Slow response from the API server"),
        "E": ("Failed to list: connection refused", "Could not renew the lease: context deadline exceeded"),
    }
    return f"{level}{stamp}       1 controller.go:{random.randrange(80, 900)}] {random.choice(texts[level])}"


_VOICES: dict[str, tuple[Callable[[Random, float], str], float]] = {
    "web": (_web, 0.7),
    "service": (_service, 1.2),
    "worker": (_worker, 2.5),
    "system": (_system, 6.0),
}


def voice_of(pod: Object, container: str) -> tuple[Voice | None, float]:
    """A container's voice and its mean seconds per line."""
    annotations = dig(pod, "metadata.annotations") or {}
    name = annotations.get(CHATTER, "service")
    if name == "silent":
        return None, 1.0
    if container.endswith(("proxy", "exporter", "agent")) and name != "system":
        name = "system"
    return _VOICES.get(name, _VOICES["service"])
