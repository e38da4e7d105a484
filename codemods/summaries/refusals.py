"""Why a summary stays in a traced function."""

from __future__ import annotations

from codemods.engine.codemod import Refusal

RESULT_USED = Refusal("result-used", "the summary's own result is used, which says whether it was recorded")
KERAS_METHOD = Refusal("keras-method", "Keras calls this method itself, and names and counts what it returns")
KERAS_CALL = Refusal(
    "keras-call", "Keras runs it in the `__call__` of its layer or model, whose callers get what it returns"
)
DECORATOR = Refusal(
    "unknown-decorator", "another decorator stands on the function, which may depend on what it returns"
)
GENERATOR = Refusal("generator", "the function is a generator or a coroutine, which has no one place to return from")
RECURSIVE = Refusal("recursive", "the function calls itself, or others that call it")
FUNCTION_USED = Refusal("function-object-used", "the function itself is used as a value, not only called")
OVERRIDDEN = Refusal("overridden", "another class of its hierarchy defines the same method")
EXPORTED = Refusal("exported", "the function is exported, and its signature may not change")
SEVERAL_RETURNS = Refusal(
    "several-returns", "the function returns in several places, and not always with a value for it"
)
RETURNS_DIFFER = Refusal("returns-differ", "the function returns values of different structure")
NO_WRITER = Refusal("no-writer", "no writer is the default where the function is called, and none is in reach")
LOST = Refusal("writer-to-choose", "no writer is the default where the function is called, and several are in reach")
SEVERAL_WRITERS = Refusal("several-writers", "some calls stand under a writer and some don't")
WRITER_UNKNOWN = Refusal("writer-unknown", "which writer is the default depends on callers that can't be seen")
WRITER_IN_GRAPH = Refusal("writer-in-graph", "the writer is known inside the function only")
WRITER_BLOCK = Refusal(
    "writer-block", "the block that makes the writer the default calls other code that may write summaries"
)
LOOP = Refusal("loop", "it stands in a loop, whose values would have to be collected")
GRAPH_LOOP = Refusal(
    "graph-loop", "it stands in a loop that becomes part of the graph, whose values would have to be stacked"
)
TRY = Refusal("try", "it stands in a try statement")
CONTEXT = Refusal("unknown-context", "it stands in a block whose effect on summaries isn't known")
TENSOR_CONDITION = Refusal("tensor-condition", "it depends on a tensor, which puts `cond/` before its tag")
CONDITION = Refusal(
    "condition", "it depends on a condition that may be a tensor, which would put `cond/` before its tag"
)
TAG = Refusal("tag-in-graph", "its tag or another argument is computed inside the function")
TAG_FROZEN = Refusal("tag-frozen", "its tag depends on a name that changes, and was fixed when the function was traced")
STEP = Refusal("step", "the step may be a variable that the function changes later, or a Python number")
STEP_SET = Refusal("step-set-inside", "the default step is set inside the function")
NAME_SCOPE = Refusal("name-scope", "the name scope is entered twice or its name is taken, so TensorFlow numbers it")
CALLER_SCOPE = Refusal("caller-name-scope", "the call stands in a name scope, which the tag doesn't have in the graph")
NESTED = Refusal("nested-function", "it stands in a function inside the traced one")
ARGUMENT = Refusal("graph-argument", "an argument exists only while the graph is built")
UNPACKED = Refusal(
    "unpacked-arguments", "its arguments are unpacked from a list or a dict, so what they are can't be seen"
)
WRITER_CLOSED = Refusal("writer-closed", "the function closes the writer, which a later call could not write to")
WRAPPED_SHARED = Refusal("shared-function", "the function under `tf.function` is also used without it")
WRAPPED_BOUND = Refusal(
    "bound-function", "the traced function is kept in an attribute, and called in more than one place"
)
BRANCH = Refusal("branch-only-value", "its value is made in one branch only")
NAMES = Refusal("names", "a name that the summary needs means something else where the function is called")
REFUSALS = (
    RESULT_USED, KERAS_METHOD, KERAS_CALL, DECORATOR, GENERATOR, RECURSIVE, FUNCTION_USED, OVERRIDDEN, EXPORTED,
    SEVERAL_RETURNS, NO_WRITER, SEVERAL_WRITERS, WRITER_UNKNOWN, WRITER_IN_GRAPH, WRITER_BLOCK, LOOP, GRAPH_LOOP,
    TRY, CONTEXT, TENSOR_CONDITION, CONDITION, TAG, TAG_FROZEN, STEP, STEP_SET, NAME_SCOPE, CALLER_SCOPE,
    RETURNS_DIFFER, NESTED, ARGUMENT, WRAPPED_SHARED, WRAPPED_BOUND, NAMES, UNPACKED, WRITER_CLOSED, LOST, BRANCH,
)  # fmt: skip
