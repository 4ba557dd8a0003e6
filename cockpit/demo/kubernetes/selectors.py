"""Label and field selectors (apimachinery/pkg/labels, /fields): text to a predicate over records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from cockpit.demo.kubernetes.kinds import Kind
from cockpit.demo.kubernetes.refusals import bad_request
from cockpit.demo.kubernetes.store import Record

Accepts = Callable[[Record], bool]
_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s!=,()]+)$")


def _terms(text: str) -> list[str]:
    """Split at commas outside parentheses."""
    terms, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            terms.append(text[start:at].strip())
            start = at + 1
    terms.append(text[start:].strip())
    return terms


def _label_term(term: str) -> Callable[[Mapping[str, str]], bool]:
    if match := _SET.match(term):
        key, values = match["key"], {value.strip() for value in match["values"].split(",")}
        if match["op"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUAL.match(term):
        key, value = match["key"], match["value"]
        if match["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.match(term):
        key = match["key"]
        return (lambda labels: key not in labels) if match["no"] else (lambda labels: key in labels)
    raise bad_request(f'unable to parse requirement: found {term!r}, expected: "=", "!=", "==", "in", "notin" or a key')


def _field_term(kind: Kind, term: str, whole: str) -> Accepts:
    match = re.match(r"^([^=!]+?)(==|!=|=)(.*)$", term)
    if match is None:
        raise bad_request(f"invalid selector: {whole!r}; can't understand {term!r}")
    field, op, value = match[1], match[2], re.sub(r"\\([\\,=])", r"\1", match[3])
    wanted = op != "!="
    if field == "metadata.name":
        return lambda record: (record.name == value) is wanted
    if field == "metadata.namespace" and kind.namespaced:
        return lambda record: (record.namespace == value) is wanted
    if field not in kind.fields:
        raise bad_request(f"field label not supported: {field}")
    return lambda record: (record.fields.get(field, "") == value) is wanted


def selector(kind: Kind, labels: str = "", fields: str = "") -> Accepts | None:
    """A predicate, or None when everything is accepted. Raises Refusal (400) on bad syntax or an unknown field."""
    by_label = [_label_term(term) for term in _terms(labels) if term] if labels else []
    by_field = [_field_term(kind, term, fields) for term in re.split(r"(?<!\\),", fields) if term] if fields else []
    if not by_label and not by_field:
        return None
    return lambda record: (
        all(accepts(record) for accepts in by_field) and all(accepts(record.labels) for accepts in by_label)
    )
