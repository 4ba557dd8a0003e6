"""Fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import hypothesis
import pytest

REQUIRE = "COCKPIT_REQUIRE_SERVERS"

# A time is never asserted: a loaded machine is no counterexample.
hypothesis.settings.register_profile(
    "cockpit", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("cockpit")


@pytest.fixture(scope="session")
def need() -> Callable[[str, str], str]:
    """`need("sshd", "apt-get install openssh-server")` gives the path; a missing program is a skip, in CI a failure."""

    def find(program: str, install: str) -> str:
        path = shutil.which(program, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
        if path is not None:
            return path
        if os.environ.get(REQUIRE):
            pytest.fail(f"{program} is missing; {install}")
        pytest.skip(f"{program} is missing; {install}")

    return find
