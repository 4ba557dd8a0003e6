"""The keys of one secret, as a feed wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from cockpit.model.changes import Change, Confirm, Reset
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.secret import SECRETS, Secret
from cockpit.pods.kinds.secretkey import SecretKey, keys_of
from cockpit.pods.watch.inside import Inside


class SecretKeysAdapter:
    """Of this secret, not of another that has its name later."""

    def __init__(self, cluster: Cluster, secret: Secret) -> None:
        self.cluster = cluster
        self._secret = Inside(cluster, SECRETS, secret)

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        return self._secret.silence

    async def watch(self) -> AsyncIterator[Change[SecretKey]]:
        """A Reset whenever the secret changes. Raises errors.NotFound when it is gone."""
        async with aclosing(self._secret.states()) as states:
            async for state in states:
                yield state if isinstance(state, Confirm) else Reset(keys_of(state))
