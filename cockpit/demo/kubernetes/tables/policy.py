"""printPodDisruptionBudget, and a custom resource by its additionalPrinterColumns (cert-manager's Certificate)."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.tables.cells import AGE, NAME, Printer, age


def _budget(item: Object, now: float) -> list[Any]:
    spec = item["spec"]
    return [
        item["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        dig(item, "status.disruptionsAllowed") or 0,
        age(item, now),
    ]


def _certificate(item: Object, now: float) -> list[Any]:
    """Columns that are JSON paths: a path that leads nowhere leaves its cell empty."""
    ready: Object = next((c for c in dig(item, "status.conditions") or () if c.get("type") == "Ready"), {})
    return [
        item["metadata"]["name"],
        ready.get("status"),
        dig(item, "spec.secretName"),
        dig(item, "spec.issuerRef.name"),
        ready.get("message"),
        age(item, now),
    ]


BUDGETS: Printer = (
    (
        NAME,
        ("Min Available", "string", 0),
        ("Max Unavailable", "string", 0),
        ("Allowed Disruptions", "integer", 0),
        AGE,
    ),
    _budget,
)
CERTIFICATES: Printer = (
    (
        NAME,
        ("Ready", "string", 0),
        ("Secret", "string", 0),
        ("Issuer", "string", 1),
        ("Status", "string", 1),
        ("Age", "date", 0),
    ),
    _certificate,
)
