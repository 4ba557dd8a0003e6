"""The keys of one secret, as a feed wants them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cockpit.model import errors
from cockpit.model.changes import Change, Confirm, Reset
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.secret import SECRETS, Secret
from cockpit.pods.kinds.secretkey import SecretKey, keys_of
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection


class SecretKeysAdapter:
    """Of this secret, not of another that has its name later."""

    def __init__(self, cluster: Cluster, secret: Secret) -> None:
        self.cluster = cluster
        self._secret = secret
        self._inner: ObjectsAdapter[Secret] = ObjectsAdapter(
            cluster,
            SECRETS,
            Selection(namespaces=(secret.namespace,), fields=f"metadata.name={secret.name}"),
            accepts=lambda found: found.key == secret.key,
        )

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        return self._inner.silence

    async def watch(self) -> AsyncIterator[Change[SecretKey]]:
        """A Reset whenever the secret changes. Raises errors.NotFound when it is gone."""
        stream = self._inner.watch()
        assert isinstance(stream, AsyncGenerator)
        async with aclosing(stream) as changes:
            async for change in changes:
                if isinstance(change, Confirm):
                    yield change
                    continue
                found = next((each for each in getattr(change, "items", ())), None)
                if found is None:
                    raise errors.NotFound(f"{self.name}: secret {self._secret.path} is gone")
                yield Reset(keys_of(found))
