"""The least that a codemod of LibCST's tool does if it knows what names mean: it counts some calls."""

import libcst as cst
from libcst.codemod import VisitorBasedCodemodCommand
from libcst.metadata import QualifiedNameProvider


class CountSummaries(VisitorBasedCodemodCommand):
    DESCRIPTION = "Counts the calls of tf.summary; changes nothing."
    METADATA_DEPENDENCIES = (QualifiedNameProvider,)

    def visit_Call(self, node: cst.Call) -> None:
        names = self.get_metadata(QualifiedNameProvider, node.func, set())
        if any(name.name.startswith("tensorflow.summary.") for name in names):
            self.context.scratch["summaries"] = self.context.scratch.get("summaries", 0) + 1
