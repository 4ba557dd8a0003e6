"""Who may do what: everything, but for what has been denied; and the reviews by which a client asks beforehand."""

from __future__ import annotations

from typing import Any

import msgspec

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.asks import Ask
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.refusals import Refusal, bad_request

USER = "demo"
_VERBS = {"log": "get", "exec": "create", "portforward": "create"}  # what the API server calls them


class Denial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the user may not do. `*` is any verb, resource or subresource; no `namespace` is every scope, an empty one
    that of the whole cluster (a list over all namespaces)."""

    verb: str
    resource: str
    namespace: str | None = None
    sub: str = ""

    def meets(self, verb: str, resource: str, namespace: str, sub: str) -> bool:
        return (
            self.verb in ("*", verb)
            and self.resource in ("*", resource)
            and self.namespace in (None, namespace)
            and self.sub in ("*", sub)
        )


class Access:
    def __init__(self) -> None:
        self.denials: list[Denial] = []

    def denied(self, verb: str, resource: str, namespace: str, sub: str) -> bool:
        return any(denial.meets(verb, resource, namespace, sub) for denial in self.denials)

    def check(self, ask: Ask) -> None:
        """Raises Refusal (403)."""
        verb = _VERBS.get(ask.verb, ask.verb)
        if self.denied(verb, ask.kind.resource, ask.namespace, ask.sub):
            raise forbidden(verb, ask.kind.resource, ask.kind.group, ask.namespace, ask.name, ask.sub)

    def review(self, sent: Any) -> Object:
        """The SelfSubjectAccessReview, answered."""
        asked = dig(sent, "spec.resourceAttributes") if isinstance(sent, dict) else None
        status: Object = {"allowed": True, "reason": 'RBAC: allowed by ClusterRoleBinding "demo"'}
        if isinstance(asked, dict):
            verb, resource, namespace, sub = (
                str(asked.get(key, "")) for key in ("verb", "resource", "namespace", "subresource")
            )
            if self.denied(verb, resource, namespace, sub):
                status = {"allowed": False}
        elif not isinstance(sent, dict) or dig(sent, "spec.nonResourceAttributes") is None:
            raise bad_request("spec.resourceAttributes or spec.nonResourceAttributes is required")
        head = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}}
        return head | {"spec": sent["spec"], "status": status}

    def rules(self, sent: Any) -> Object:
        """The SelfSubjectRulesReview: with no denial one rule for all, else what is left of each resource."""
        namespace = str(dig(sent, "spec.namespace") or "") if isinstance(sent, dict) else ""
        rules: list[Object] = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        if self.denials:
            rules = []
            for kind in kinds.KINDS.values():
                for sub in ("", *kind.subresources):
                    entry = next(e for e in kind.discovery() if e["name"].partition("/")[2] == sub)
                    verbs = [v for v in entry["verbs"] if not self.denied(v, kind.resource, namespace, sub)]
                    if verbs:
                        rules.append({"verbs": verbs, "apiGroups": [kind.group], "resources": [entry["name"]]})
        head = {"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}}
        status = {"resourceRules": rules, "nonResourceRules": [], "incomplete": False}
        return head | {"spec": {"namespace": namespace}, "status": status}


def forbidden(verb: str, resource: str, group: str, namespace: str, name: str, sub: str) -> Refusal:
    """As apimachinery's NewForbidden and the authorizer's filter word it."""
    qualified = f"{resource}.{group}" if group else resource
    about = f'{qualified} "{name}"' if name else qualified
    whole = f"{resource}/{sub}" if sub else resource
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    message = f'{about} is forbidden: User "{USER}" cannot {verb} resource "{whole}" in API group "{group}" {where}'
    details: Object = {"kind": resource}
    details |= {key: value for key, value in (("name", name), ("group", group)) if value}
    return Refusal(403, "Forbidden", message, details=details)
