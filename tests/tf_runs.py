"""Runs of programs under TensorFlow, for the tests marked `tensorflow`.

`TF_CODEMODS_PYTHONS` names further interpreters with other versions of TensorFlow, separated as in `PATH`;
each test that uses the fixture `runner` is run with every one of them. A conftest makes the fixture known by
`from tf_runs import runner`.
"""

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from codemods.verify.run import Runner


def pythons() -> list[str]:
    """The interpreters that programs are run with: this one, and those of TF_CODEMODS_PYTHONS."""
    more = os.environ.get("TF_CODEMODS_PYTHONS", "").split(os.pathsep)
    return list(dict.fromkeys([sys.executable, *filter(None, more)]))


@pytest.fixture(scope="session")
def runners() -> Iterator[Callable[[str], Runner]]:
    """Gives the one runner of an interpreter; its server lives until the session ends."""
    opened: dict[str, Runner] = {}

    def of(python: str) -> Runner:
        return opened.setdefault(python, Runner(python))

    yield of
    for runner in opened.values():
        runner.close()


@pytest.fixture(params=pythons(), ids=lambda python: f"python{pythons().index(python)}")
def runner(request: pytest.FixtureRequest, runners: Callable[[str], Runner]) -> Runner:
    """A runner; the test is repeated for each interpreter."""
    runner: Runner = runners(request.param)
    return runner
