"""The API's own refusals: `Status` objects as kube-apiserver words them (apimachinery/pkg/api/errors)."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Kind, Object


class Refusal(Exception):
    """An answer that is a `Status` of failure. `code` is the HTTP status."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Object | None = None,
        carry_on: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details
        self.carry_on = carry_on
        self.retry_after = retry_after

    def status(self) -> Object:
        metadata: Object = {"continue": self.carry_on} if self.carry_on else {}
        body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        details = dict(self.details or {})
        if self.retry_after is not None:
            details["retryAfterSeconds"] = self.retry_after
        if details:
            body["details"] = details
        return body


def _about(kind: Kind, name: str) -> Object:
    details: Object = {"name": name, "kind": kind.resource}
    if kind.group:
        details["group"] = kind.group
    return details


def not_found(kind: Kind, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{kind.qualified} "{name}" not found', details=_about(kind, name))


def already_exists(kind: Kind, name: str) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details=_about(kind, name))


def conflict(kind: Kind, name: str, why: str) -> Refusal:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return Refusal(409, "Conflict", message, details=_about(kind, name))


def invalid(kind: Kind, name: str, field: str, why: str) -> Refusal:
    details = _about(kind, name) | {"causes": [{"reason": "FieldValueInvalid", "message": why, "field": field}]}
    details["kind"] = kind.kind
    return Refusal(
        422,
        "Invalid",
        f'{kind.kind}{f".{kind.group}" if kind.group else ""} "{name}" is invalid: {field}: {why}',
        details=details,
    )


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def too_old(asked: int, oldest: int) -> Refusal:
    return Refusal(410, "Expired", f"too old resource version: {asked} ({oldest})")


def too_new(asked: int, newest: int) -> Refusal:
    details: Any = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: Too large resource version: {asked}, current: {newest}"
    return Refusal(504, "Timeout", message, details=details)


def unknown_path() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def not_allowed() -> Refusal:
    return Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def unavailable() -> Refusal:
    return Refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request")
