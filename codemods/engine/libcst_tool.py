"""The codemods as commands of LibCST's own codemod tool.

    python -m libcst.tool codemod --no-format -x codemods.engine.libcst_tool.MoveSummariesToHost PATH...

There is a class for each codemod, under the codemod's own class name. What can't be changed, or only
with `--unsafe`, is printed as a warning of the tool.

https://libcst.readthedocs.io/en/latest/codemods_tutorial.html
"""

from __future__ import annotations

import argparse
import re
from functools import cache
from pathlib import Path
from typing import ClassVar

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext, SkipFile

from codemods.engine import registry
from codemods.engine.codemod import Status
from codemods.engine.result import FileStatus, Settings
from codemods.engine.run import Worker


class _Command(CodemodCommand):
    """Runs one codemod over the file that the tool has parsed."""

    NAME: ClassVar[str]

    @staticmethod
    def add_args(arg_parser: argparse.ArgumentParser) -> None:
        """Declare the one option."""
        arg_parser.add_argument("--unsafe", action="store_true", help="Make the rewrites that change behaviour too.")

    def __init__(self, context: CodemodContext, unsafe: bool = False) -> None:
        super().__init__(context)
        self._settings = Settings((self.NAME,), unsafe, alone=True)  # the tool writes each file by itself

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """Return the module after its rewrite."""
        path = Path(self.context.filename or "module.py").absolute()
        result = _worker(self._settings).process(path, tree.bytes)
        if result.status is FileStatus.SKIPPED:
            raise SkipFile(result.detail)
        if result.status is FileStatus.FAILED:
            raise ValueError(result.detail)
        for finding in result.findings:
            if finding.status is Status.REFUSED or (finding.status is Status.UNSAFE and not self._settings.unsafe):
                label = finding.reason or finding.status.value
                self.warn(f"line {finding.line}: {finding.message} ({label}: {finding.detail})")
        if result.change is None:
            return tree
        return cst.parse_module(result.change.text, tree.config_for_parsing)


@cache
def _worker(settings: Settings) -> Worker:
    return Worker(settings, Path.cwd())


@cache
def __getattr__(name: str) -> type[_Command]:
    """Return the command of the codemod whose class has this name."""
    codemod = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    if codemod not in registry.names():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    values = {"NAME": codemod, "DESCRIPTION": registry.load(codemod).summary, "__module__": __name__}
    return type(name, (_Command,), values)
