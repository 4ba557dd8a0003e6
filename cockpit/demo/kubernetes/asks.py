"""Requests, understood: which kind, which verb, which way to answer."""

from __future__ import annotations

import msgspec
from aiohttp import web

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Kind
from cockpit.demo.kubernetes.refusals import Refusal, bad_request, not_allowed, unknown_path


class Ask(msgspec.Struct):
    """One request, understood. `name` and `sub` are empty for a collection."""

    kind: Kind
    verb: str
    namespace: str
    name: str
    sub: str
    query: dict[str, str]
    as_table: bool
    metadata_only: bool


def flag(query: dict[str, str], name: str) -> bool:
    return query.get(name, "").lower() in ("true", "1")


def number(query: dict[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"invalid value for {name}: {text!r}") from None


def locate(path: str) -> tuple[Kind, str, str, str] | None:
    """Kind, namespace, name and subresource of a path, None where it is no resource's."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        version, rest = "v1", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        version, rest = "/".join(parts[1:3]), parts[3:]
    else:
        return None
    namespace = ""
    if rest and rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > 3:
        return None
    kind = kinds.find(version, rest[0])
    if kind is None or (namespace and not kind.namespaced):
        return None
    name, sub = [*rest[1:], "", ""][:2]
    if name and kind.namespaced and not namespace:
        return None
    return kind, namespace, name, sub


def understand(request: web.Request) -> Ask:
    """Raises Refusal for what no API server knows either."""
    found = locate(request.path)
    if found is None:
        raise unknown_path()
    kind, namespace, name, sub = found
    if sub and sub not in kind.subresources:
        raise unknown_path()
    query = dict(request.query)
    method = request.method
    if sub in ("exec", "portforward"):
        return Ask(kind, sub, namespace, name, sub, query, False, False)
    if method == "GET":
        verb = "get" if name else "watch" if flag(query, "watch") else "list"
        verb = "log" if sub == "log" else verb
    else:
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method, "")
        if sub == "eviction" and verb != "create":
            raise not_allowed()
        if not verb or (verb == "create") == (bool(name) and sub != "eviction") or sub == "log":
            raise not_allowed()
    accept = request.headers.get("Accept", "")
    as_table = metadata_only = False
    for choice in accept.split(",") if accept else ("*/*",):
        kind_of, *parameters = (part.strip() for part in choice.split(";"))
        if kind_of not in ("application/json", "application/*", "*/*", "text/plain"):
            continue
        wanted = dict(p.partition("=")[::2] for p in parameters).get("as", "")
        as_table, metadata_only = wanted == "Table", wanted.startswith("PartialObjectMetadata")
        if as_table or metadata_only or not wanted:
            break
    else:
        raise Refusal(406, "NotAcceptable", "only the following media types are accepted: application/json")
    return Ask(kind, verb, namespace, name, sub, query, as_table, metadata_only)
