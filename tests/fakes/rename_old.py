"""Rename what is called old.

A codemod for the tests of the machinery, with every outcome there is, and some ways to misbehave.

https://www.tensorflow.org/
"""

import ast
import os
import signal
import sys
import time
from collections.abc import Iterator

from codemods.analysis.module import Module
from codemods.engine.codemod import Codemod, Example, Finding, Refusal, Replace, Severity

TOO_OLD = Refusal("too-old", "nobody knows what it does")


class RenameOld(Codemod):
    triggers = (b"old",)
    refusals = (TOO_OLD,)
    examples = (
        Example(before="old()\n", after="new()\n"),
        Example(before="old_unsafe()\n", after="new_unsafe()\n", unsafe=True),
        Example(before="old_refused()\n", refusal=TOO_OLD),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        for name in module.find_all(ast.Name):
            match name.id:
                case "old":
                    message = "TensorFlow has a new one; it is called instead"
                    yield Finding(name, message, Severity.ERROR, edits=(Replace(name, "new"),))
                case "old_unsafe":
                    edits = (Replace(name, "new_unsafe"),)
                    yield Finding(name, "it is old", Severity.WARNING, edits=edits, unsafe="the tag changes")
                case "old_refused":
                    yield Finding(name, "it is old", Severity.NOTE, refusal=TOO_OLD)
                case "old_crash":
                    raise ValueError("what\nnow")
                case "old_death":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "old_hang":
                    print("hanging", file=sys.stderr, flush=True)
                    time.sleep(60)
