"""Questions that only a person can answer, asked on the terminal, one at a time."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, TypeVar

from cockpit.fleet.trust.consent import UnknownKey

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import ModalScreen

    from cockpit.fleet.roster import Roster

R = TypeVar("R")


class Person:
    """Whoever sits at the terminal. Asked of everything: what may be asked again and again is for `Weary`."""

    def __init__(self, app: App[int]) -> None:
        """Made in the app's own context: whatever asks may have been begun by a screen that is gone by now."""
        self._app = app
        self._context = contextvars.copy_context()
        self._asking = asyncio.Lock()

    async def accepts(self, unknown: UnknownKey) -> bool:
        from cockpit.tui.screens.trust import KeyScreen

        return await self._ask(KeyScreen(unknown)) == "trust"

    async def key(self, unknown: UnknownKey, *, again: bool) -> str:
        """ "trust", "refuse", or with `again`, when it is not the first question, "never"."""
        from cockpit.tui.screens.trust import KeyScreen

        return await self._ask(KeyScreen(unknown, offer_never=again)) or "refuse"

    async def passphrase(self, path: str, why: str) -> str | None:
        from cockpit.tui.screens.trust import SecretScreen

        about = f"The private key {path} is locked. It is opened for this session and kept in memory alone."
        return await self._ask(SecretScreen("Passphrase", about, why))

    async def _ask(self, screen: ModalScreen[R]) -> R | None:
        """None: it was left, or the app is being left. A cancel takes the question away."""
        async with self._asking:
            answered: asyncio.Future[R | None] = asyncio.get_running_loop().create_future()

            def answer(said: R | None) -> None:
                if not answered.done():
                    answered.set_result(said)

            async def show() -> None:
                await self._app.push_screen(screen, answer)

            showing = asyncio.create_task(show(), name="question", context=self._context)
            try:
                return await answered
            finally:
                showing.cancel()
                if screen.is_current:
                    screen.dismiss(None)


class Weary:
    """For what connects to many hosts: after the first unknown key it can be said that all others are refused."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._asked = 0
        self._never = False

    async def accepts(self, unknown: UnknownKey) -> bool:
        if self._never:
            return False
        said = await self._person.key(unknown, again=self._asked > 0)
        self._asked += 1
        self._never = said == "never"
        return said == "trust"

    async def passphrase(self, path: str, why: str) -> str | None:
        return await self._person.passphrase(path, why)


def introduce(app: App[int], roster: Roster) -> None:
    """Let a fleet ask whoever sits here. Call it in the app's own context."""
    person = Person(app)
    roster.person = person
    roster.pool.ask(Weary(person))
