"""Who is let in: the bearer token of this run while it is good, or the client certificate that was issued last."""

from __future__ import annotations

import hmac
import secrets
import time

from aiohttp import web

from cockpit.demo.kubernetes.refusals import unauthorized


class Credentials:
    def __init__(self) -> None:
        self.token = ""
        self.expires: float | None = None  # Unix seconds after which the token is refused
        self.serial: int | None = None  # of the certificate that is let in
        self.renew()

    def renew(self) -> None:
        """A new token without an end; the old one is refused from now on."""
        self.token, self.expires = secrets.token_urlsafe(32), None

    def check(self, request: web.Request) -> None:
        """Raises Refusal (401)."""
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), self.token.encode()):
            if self.expires is not None and time.time() >= self.expires:
                raise unauthorized()
            return
        certificate = request.transport.get_extra_info("peercert") if request.transport is not None else None
        if self.serial is None or not certificate or int(certificate["serialNumber"], 16) != self.serial:
            raise unauthorized()
