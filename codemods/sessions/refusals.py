"""Why a program's summaries are left as they are."""

from __future__ import annotations

from codemods.engine.codemod import Refusal

NOT_FED = Refusal("not-fed", "a summary needs what the training run isn't seen to feed or to compute")
IN_SUBGRAPH = Refusal("in-subgraph", "a summary is in a branch or a loop of the graph, which can't be fetched from")
MAY_BE_NONE = Refusal(
    "may-be-none", "no summary is sure to be defined; `merge_all()` returns None then, which can't be run"
)
IN_LOOP = Refusal("in-loop", "the training loop itself defines summaries, more of them with each turn")
SEVERAL_GRAPHS = Refusal("several-graphs", "the summaries, or the session, may belong to another graph")
SEVERAL_RUNS = Refusal("several-runs", "which of several runs is the training can't be told")
SEVERAL_LOOPS = Refusal("several-loops", "several loops train, and no step counts on through all of them")
SEVERAL_MERGES = Refusal(
    "several-merges",
    "there are several collections or merges of summaries, and which is for the training can't be told",
)
RUN_IN_PART = Refusal("run-in-part", "some summaries are run by themselves, and `merge_all()` would record these twice")
BY_HAND = Refusal("recorded-by-hand", "the program records summaries of numbers too, and these may be the same ones")
SEVERAL_WORKERS = Refusal("several-workers", "several workers run the program, and each of them would record all")
OUT_OF_REACH = Refusal("out-of-reach", "the code that trains has no way to name the merged summaries")
EMBEDDED = Refusal("embedded", "the run is part of a larger expression, which may not come to it")
NO_STEP = Refusal("no-step", "no number in reach counts on from one run to the next")
NO_WRITER = Refusal("no-writer", "no FileWriter is in reach of the run, and where the events are to go can't be told")
SEVERAL_WRITERS = Refusal(
    "several-writers", "several FileWriters are in reach, and which is for the training can't be told"
)
MAYBE_NO_WRITER = Refusal("maybe-no-writer", "the FileWriter isn't created on every way to the run")
CLOSED = Refusal("writer-closed", "the FileWriter is closed by then, and a closed one drops all that it is given")

REFUSALS = (
    NOT_FED, IN_SUBGRAPH, MAY_BE_NONE, IN_LOOP, SEVERAL_GRAPHS, SEVERAL_RUNS, SEVERAL_LOOPS, SEVERAL_MERGES,
    RUN_IN_PART, BY_HAND, SEVERAL_WORKERS, OUT_OF_REACH, EMBEDDED, NO_STEP, NO_WRITER, SEVERAL_WRITERS,
    MAYBE_NO_WRITER, CLOSED,
)  # fmt: skip
