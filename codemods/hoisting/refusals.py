"""Why a writer stays where it is created."""

from codemods.engine.codemod import Refusal

LOOP_DEPENDENT = Refusal("loop-dependent", "an argument other than the folder is computed inside the loop")
ARGUMENT_INSIDE = Refusal("argument-inside", "an argument is computed inside, by code that can't be moved along")
NOT_YET_KNOWN = Refusal("not-yet-known", "an argument isn't known yet where the function is defined")
TOUCHES_FOLDER = Refusal("touches-folder", "code that would be passed over may remove, make or look for the folder")
OUT_OF_SIGHT = Refusal("out-of-sight", "code that would be passed over can't be read, and may touch the folder")
CONDITIONAL = Refusal("conditional", "the writer is created under a condition")
IN_TRY = Refusal("in-try", "an exception at its creation is caught around it")
INSIDE_WITH = Refusal("inside-with", "the writer is created in another context, which it may depend on")
NEEDS_GRAPH = Refusal(
    "needs-graph", "the writer records the graph or session that it is given, as it is at that moment"
)
GRAPH_MODE = Refusal("graph-mode", "the writer is an operation of a graph, which a session has to run")
REBOUND = Refusal("rebound", "the name that holds the writer is bound elsewhere too")
USED_BEFORE = Refusal("used-before", "the loop uses the writer of the turn before")
USED_AFTER_CLOSE = Refusal("used-after-close", "the writer is closed where it may be used again")
ESCAPES = Refusal("escapes", "the writer is handed to other code, which may keep or close it")
SUSPENDED = Refusal("suspended", "the loop yields or awaits, and other code runs between its turns")
UNFLUSHED = Refusal(
    "unflushed", "the program ends abruptly, and what each new writer of the loop puts on disk would be lost"
)

REFUSALS = (
    LOOP_DEPENDENT,
    ARGUMENT_INSIDE,
    NOT_YET_KNOWN,
    TOUCHES_FOLDER,
    OUT_OF_SIGHT,
    CONDITIONAL,
    IN_TRY,
    INSIDE_WITH,
    NEEDS_GRAPH,
    GRAPH_MODE,
    REBOUND,
    USED_BEFORE,
    USED_AFTER_CLOSE,
    ESCAPES,
    SUSPENDED,
    UNFLUSHED,
)
