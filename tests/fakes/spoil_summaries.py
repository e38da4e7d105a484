"""Rewrite summaries, some of them wrongly.

A codemod for the tests of `verify`: what it does to a summary depends on its tag, and all but one way is wrong.

https://www.tensorflow.org/
"""

import ast
from collections.abc import Iterator

from codemods.analysis.module import Module
from codemods.engine.codemod import (
    Codemod,
    Edit,
    Example,
    Finding,
    InsertAfter,
    Move,
    Refusal,
    Remove,
    Replace,
    Severity,
)

NO_TAG = Refusal("no-tag", "its tag is not written there")


class SpoilSummaries(Codemod):
    triggers = (b"summary",)
    refusals = (NO_TAG,)
    examples = (
        Example(
            before="import tensorflow as tf\ntf.summary.scalar('tag', 1.0, step=0)\n",
            after="import tensorflow as tf\ntf.summary.scalar('cond/tag', 1.0, step=0)\n",
        ),
        Example(before="import tensorflow as tf\ntf.summary.scalar(name, 1.0, step=0)\n", refusal=NO_TAG),
    )

    def find(self, module: Module) -> Iterator[Finding]:
        for call in module.find_all(ast.Call):
            if module.resolve(call.func) != "tensorflow.summary.scalar":
                continue
            match call.args[0]:
                case ast.Constant(str(tag)) if edits := tuple(_edits(module, call, tag)):
                    yield Finding(call, f"the summary {tag} is rewritten", Severity.NOTE, edits=edits)
                case ast.Name():
                    yield Finding(call, "the summary is rewritten", Severity.NOTE, refusal=NO_TAG)


def _edits(module: Module, call: ast.Call, tag: str) -> Iterator[Edit]:
    statement = module.statement(call)
    step = call.keywords[0].value
    match tag.split("/"):
        case ["right", *_]:
            if isinstance(step, ast.Name):
                yield Replace(step, ("int(", Move(step), ")"))
        case ["past"]:
            block = module.parent(statement).body  # type: ignore[attr-defined]
            after = block[block.index(statement) + 1]
            if isinstance(after, ast.Assign):
                yield InsertAfter(after, (Move(statement),))
                yield Remove(statement)
        case ["step"]:
            if isinstance(step, ast.Name):
                yield Replace(step, (Move(step), " + 1"))
        case ["tag"]:
            yield Replace(call.args[0], "'cond/tag'")
        case ["replica"]:
            if isinstance(call.args[1], ast.Call):
                reduce = call.args[1]
                yield Replace(reduce, ("strategy.experimental_local_results(", Move(reduce.args[1]), ")[0]"))
