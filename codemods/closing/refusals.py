"""Why a writer is left open."""

from __future__ import annotations

from codemods.engine.codemod import Refusal

KEPT_BY_OBJECT = Refusal("kept-by-object", "an object keeps the writer, and when it is used last can't be seen")
ESCAPES = Refusal("escapes", "other code gets hold of the writer, and when it is used last can't be seen")
REBOUND = Refusal("rebound", "the name that holds the writer is bound elsewhere too")
CONDITIONAL = Refusal("conditional", "the writer is created under a condition")
OTHER_BLOCK = Refusal("other-block", "the writer is used outside of the block in which it is created")
SUSPENDED = Refusal("suspended", "a generator uses the writer, and may never be run to its end")
EACH_TURN = Refusal(
    "each-turn", "each turn of the loop opens another writer in the same folder: it is to be created once, before"
)
CELLS = Refusal("several-cells", "the writer is used in several cells of a notebook, which are run in any order")
LOOP_ELSEWHERE = Refusal("loop-elsewhere", "the loop that writes isn't in the function that sets the writer")
UNNAMED = Refusal("unnamed", "no name holds the writer")

REFUSALS = (
    KEPT_BY_OBJECT,
    ESCAPES,
    REBOUND,
    CONDITIONAL,
    OTHER_BLOCK,
    SUSPENDED,
    EACH_TURN,
    CELLS,
    LOOP_ELSEWHERE,
    UNNAMED,
)
