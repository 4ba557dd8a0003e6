"""What may stand at the cursor of a PromQL query: names, functions, labels, values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from cockpit.metrics.catalogue import Catalogue
from cockpit.metrics.panel import quoted

MOST = 50

_FUNCTIONS = """
abs absent absent_over_time avg avg_over_time bottomk ceil changes clamp clamp_max clamp_min count
count_over_time count_values day_of_month day_of_week day_of_year days_in_month delta deriv exp floor group
histogram_quantile hour idelta increase irate label_join label_replace last_over_time ln log10 log2 max
max_over_time min min_over_time minute month predict_linear present_over_time quantile quantile_over_time rate
resets round scalar sgn sort sort_desc sqrt stddev stddev_over_time stdvar stdvar_over_time sum sum_over_time
time timestamp topk vector year
"""
FUNCTIONS = tuple(_FUNCTIONS.split())
"""Functions and aggregations that are the same in Prometheus 2 and 3."""

_WORD = re.compile(r"[a-zA-Z0-9_:]*\Z")
_IN_VALUE = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"([^"\\]*)\Z')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\Z", re.IGNORECASE)


class Completion(Struct, frozen=True):
    """Put `text` in place of the characters from `start` up to the cursor."""

    text: str
    start: int
    kind: str
    """"metric", "function", "label" or "value"."""
    about: str = ""
    """TYPE and HELP of a metric."""


async def complete(text: str, cursor: int, catalogue: Catalogue) -> Sequence[Completion]:
    """At most `MOST`: what starts with the word at the cursor first, then what contains it. Raises `model.errors`."""
    before = text[:cursor]
    value = _IN_VALUE.search(before)
    if value is not None and _in_braces(before[: value.start()]):
        word = value[2]
        found = _fitting(await catalogue.values(value[1]), word)
        return [Completion(quoted(one)[1:-1], cursor - len(word), "value") for one in found]
    match = _WORD.search(before)
    word = "" if match is None else match[0]
    start = cursor - len(word)
    if _in_quotes(before):
        return ()
    if _in_braces(before) or _GROUPING.search(before):
        labels = [label for label in await catalogue.labels() if label != "__name__"]
        return [Completion(label, start, "label") for label in _fitting(labels, word)]
    if not word or word[0].isdigit():
        return ()
    metrics = await catalogue.metrics()
    functions = [name for name in FUNCTIONS if name.startswith(word)]
    found = _fitting(metrics, word)
    return [
        *(Completion(name, start, "function") for name in functions),
        *(
            Completion(name, start, "metric", ": ".join(filter(None, (metrics[name].kind, metrics[name].help))))
            for name in found
        ),
    ][:MOST]


def _fitting(names: Iterable[str], word: str) -> list[str]:
    needle = word.lower()
    fits = [name for name in names if needle in name.lower()]
    fits.sort(key=lambda name: (not name.lower().startswith(needle), name))
    return fits[:MOST]


def _in_braces(before: str) -> bool:
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", before)
    return bare.rfind("{") > bare.rfind("}")


def _in_quotes(before: str) -> bool:
    return re.sub(r"\\.", "", before).count('"') % 2 == 1
