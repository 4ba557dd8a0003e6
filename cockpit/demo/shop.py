"""The sample repository of the demo's CI server: a tiny shop whose tests are real."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "acme/shop"

_PIPELINE = """\
timeout: 5m
steps:
  - name: test
    run: python3 -m unittest -v
    timeout: 1m
  - name: build
    run: |
      mkdir -p build
      tar -czf build/shop.tar.gz shop
      sha256sum build/shop.tar.gz
"""
_NIGHTLY = """\
timeout: 10m
steps:
  - name: test
    run: python3 -m unittest
  - name: soak
    run: python3 -u soak.py
    timeout: 5m
"""
_CART = '''\
"""Prices in cents: money is not a float."""


def total(prices, discount_percent=0):
    return sum(prices) * (100 - discount_percent) // 100
'''
_TEST = """\
import unittest

from shop.cart import total


class CartTest(unittest.TestCase):
    def test_empty(self):
        self.assertEqual(total([]), 0)

    def test_sum(self):
        self.assertEqual(total([250, 199]), 449)

    def test_discount(self):
        self.assertEqual(total([1000], discount_percent=15), 850)


if __name__ == "__main__":
    unittest.main()
"""
_SOAK = """\
import time

from shop.cart import total

for minute in range(1, 31):
    for basket in range(20_000):
        assert total([basket, 199]) == basket + 199
    print(f"\\x1b[32mok\\x1b[0m   {minute * 20_000} baskets", flush=True)
    time.sleep(2)
"""
_FILES = {
    ".cockpit/pipeline.yml": _PIPELINE,
    "README": "A tiny shop.\n",
    "shop/__init__.py": "",
    "shop/cart.py": _CART,
    "test_cart.py": _TEST,
}


@dataclass(frozen=True, slots=True)
class Commit:
    message: str
    author: str
    files: Mapping[str, str]
    branch: str = "main"


_HISTORY = (
    Commit("Begin a shop", "mira", _FILES),
    Commit("Say how money is counted", "jonas", {"README": "A tiny shop. Prices are in cents.\n"}),
    Commit(
        "Retry a checkout once",
        "lena",
        {"shop/cart.py": _CART.replace("sum(prices)", "sum(prices[:-1])")},
        "checkout-retry",
    ),
    Commit("Soak the cart at night", "jonas", {".cockpit/pipeline.yml": _NIGHTLY, "soak.py": _SOAK}, "nightly"),
)
"""What is there before the server starts."""

COMMITS = (
    Commit("README: how to run the tests", "jonas", {"README": "A tiny shop.\n\n    python3 -m unittest\n"}),
    Commit(
        "Cart: a shorter word for the discount", "mira", {"shop/cart.py": _CART.replace("discount_percent", "percent")}
    ),
    Commit("Cart: the tests want the long word back", "lena", {"shop/cart.py": _CART}),
    Commit("README: prices are in cents", "mira", {"README": "A tiny shop. Prices are in cents.\n"}),
)
"""What the team pushes, over and over; the second one breaks the tests, the third mends them."""


class SampleRepository:
    """A bare repository with a working copy that commits go through. Blocking."""

    def __init__(self, bare: Path, work: Path) -> None:
        self._bare = bare
        self._work = work

    @classmethod
    def make(cls, bare: Path, work: Path, history: Iterable[Commit] = _HISTORY) -> SampleRepository:
        """Both folders, with a history."""
        made = cls(bare, work)
        for folder in (bare, work):
            folder.mkdir(parents=True)
        made._git(bare, "init", "-q", "--bare")
        made._git(work, "init", "-q")
        made._git(work, "remote", "add", "origin", str(bare))
        for commit in history:
            made.commit(commit)
        return made

    @property
    def url(self) -> str:
        return self._bare.as_uri()

    def commit(self, commit: Commit) -> tuple[str, str]:
        """Commit and push; the branch's commit before (zeros for a new branch) and after. A branch starts at main."""
        known = self._git(self._work, "branch", "--list", "--format=%(refname:short)").split()
        if commit.branch in known:
            before = self._git(self._work, "rev-parse", f"refs/heads/{commit.branch}")
            self._git(self._work, "checkout", "-q", commit.branch)
        else:
            before = "0" * 40
            start = ["main"] if "main" in known else []
            self._git(self._work, "checkout", "-q", "-b", commit.branch, *start)
        for name, text in commit.files.items():
            file = self._work / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self._git(self._work, "add", "-A")
        author = f"{commit.author} <{commit.author}@acme.example>"
        self._git(self._work, "commit", "-q", "--allow-empty", f"--author={author}", "-m", commit.message)
        self._git(self._work, "push", "-q", "origin", commit.branch)
        return before, self._git(self._work, "rev-parse", "HEAD")

    def _git(self, folder: Path, *argv: str) -> str:
        """git that knows nothing of the user's settings."""
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._work),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "init.defaultBranch",
            "GIT_CONFIG_VALUE_0": "main",
            "GIT_COMMITTER_NAME": "acme",
            "GIT_COMMITTER_EMAIL": "git@acme.example",
        }
        done = subprocess.run(
            ["git", *argv], cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"git {argv[0]}: {done.stderr.strip()}")
        return done.stdout.strip()
