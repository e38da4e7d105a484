"""Comparing hand-made observations: each thing that can differ is seen to differ."""

import itertools
import json
from dataclasses import replace

import pytest

from codemods.verify.compare import Verdict, compare
from codemods.verify.observation import Event, Observation, Saved, SummaryCalls, Variable


def event(tag: str, step: int, value: float, folder: str = "logs", kind: str = "scalar") -> Event:
    return Event(folder, tag, step, kind, f"{value:.9g}", value.hex())


LOSS = tuple(event("loss", step, 1 / (step + 3)) for step in range(3))
KERNEL = Variable("kernel:0", "float32", (2,), "aa", ("1.0", "2.0"))
COUNT = Variable("count:0", "int64", (), "bb", ("3",))
MODEL = Saved("model.keras", "keras", (KERNEL,), ())
RUN = Observation(
    exit=0,
    stdout="start\nloss 0.25\n",
    events=(*LOSS, event("accuracy", 0, 0.5), event("weights", 0, 7.0, kind="histogram")),
    event_files=1,
    variables=(KERNEL, COUNT),
    saved=(MODEL,),
    summaries=SummaryCalls(traced=2),
)


def changed(index: int, **fields: object) -> Observation:
    events = list(RUN.events)
    events[index] = replace(events[index], **fields)  # type: ignore[arg-type]
    return replace(RUN, events=tuple(events))


def test_an_observation_is_the_same_as_itself_after_a_way_through_json() -> None:
    copy = Observation.from_dict(json.loads(json.dumps(RUN.to_dict())))
    assert copy == RUN
    verdict = compare(RUN, copy)
    assert verdict.kind == "same"
    assert verdict.different == verdict.repaired == verdict.notes == ()
    assert "5 events with folder, tag, step, kind and value" in verdict.same


def test_time_and_standard_error_are_not_compared() -> None:
    assert compare(RUN, replace(RUN, seconds=9.0, stderr="a warning")).kind == "same"


def test_the_order_of_different_tags_is_not_compared() -> None:
    assert compare(RUN, replace(RUN, events=(*RUN.events[3:], *LOSS))).kind == "same"


def test_how_summaries_were_called_is_a_note() -> None:
    verdict = compare(RUN, replace(RUN, summaries=SummaryCalls(host=5), event_files=2))
    assert verdict.kind == "same"
    assert verdict.notes == (
        "summaries: 2 traced and 0 written on the host before, 0 and 5 after",
        "event files: 1 before, 2 after",
    )


DIFFERENT = {
    "a changed tag": (changed(3, tag="cond/accuracy"), "logs: 'accuracy': 1 event before, none after"),
    "a step off by one": (changed(1, step=2), "logs: 'loss': event 1: step 1 0.25 before, step 2 0.25 after"),
    "all steps off by one": (
        replace(RUN, events=tuple(replace(e, step=e.step + 1) for e in RUN.events)),
        "logs: 'loss': event 0: step 0 0.333333333 before, step 1 0.333333333 after",
    ),
    "the last bit of a value": (
        changed(1, digest=(0.25 + 2**-54).hex(), value="0.250000000"),
        "logs: 'loss': event 1: step 1 0.25 before, step 1 0.250000000 after",
    ),
    "another kind": (changed(4, kind="tensor"), "logs: 'weights': event 0: step 0 histogram 7"),
    "another folder": (changed(3, folder="logs/eval"), "logs: 'accuracy': 1 event before, none after"),
    "a lost event": (
        replace(RUN, events=RUN.events[1:]),
        "logs: 'loss': 3 events before, 2 after; event 0: step 0 0.333333333 before, step 1 0.25 after",
    ),
    "the last event lost": (
        replace(RUN, events=(*LOSS[:2], *RUN.events[3:])),
        "logs: 'loss': 3 events before, 2 after; step 2 0.2 only before",
    ),
    "an event twice": (replace(RUN, events=(*RUN.events, LOSS[2])), "step 2 0.2 only after"),
    "a new tag": (
        replace(RUN, events=(*RUN.events, event("extra", 0, 1.0))),
        "logs: 'extra': none before, 1 event after",
    ),
    "another order in a tag": (
        replace(RUN, events=(LOSS[1], LOSS[0], *RUN.events[2:])),
        "logs: 'loss': event 0: step 0 0.333333333 before, step 1 0.25 after",
    ),
    "a variable's value": (
        replace(RUN, variables=(replace(KERNEL, digest="ab"), COUNT)),
        "variable 0: kernel:0 float32[2] [1.0, 2.0, ...] before",
    ),
    "a variable's shape": (replace(RUN, variables=(replace(KERNEL, shape=(3,)), COUNT)), "float32[3]"),
    "a variable's name": (replace(RUN, variables=(KERNEL, replace(COUNT, name="n:0"))), "n:0 int64[]"),
    "one variable more": (replace(RUN, variables=(KERNEL, COUNT, COUNT)), "2 variables before, 3 after"),
    "the order of variables": (replace(RUN, variables=(COUNT, KERNEL)), "variable 0: kernel:0"),
    "no variables seen": (replace(RUN, variables=None), "could be observed in one of the runs only"),
    "output": (
        replace(RUN, stdout="start\nloss 0.24\n"),
        "output, line 2: 'loss 0.25' before, 'loss 0.24' after",
    ),
    "more output": (replace(RUN, stdout=RUN.stdout + "end\n"), "output: 2 lines before, 3 after"),
    "a missing last newline": (
        replace(RUN, stdout=RUN.stdout[:-1]),
        "output: the newline at the end differs",
    ),
    "the exit status": (replace(RUN, exit=3), "ended with status 0 before, ended with status 3 after"),
    "an exception": (
        replace(RUN, exit=1, exception="ValueError: no"),
        "ended with status 0 before, ended with ValueError: no after",
    ),
    "a signal": (replace(RUN, exit=-9), "was ended by signal 9 after"),
    "the time limit": (replace(RUN, exit=None), "did not end within the time limit after"),
    "a saved model missing": (replace(RUN, saved=()), "model.keras: saved before, not after"),
    "a saved model more": (
        replace(RUN, saved=(MODEL, replace(MODEL, path="b.h5"))),
        "saved after, not before: b.h5",
    ),
    "a saved variable": (
        replace(RUN, saved=(replace(MODEL, variables=(replace(KERNEL, digest="ab"),)),)),
        "model.keras: kernel:0 float32[2] [1.0, 2.0, ...] is not the same",
    ),
    "a signature": (
        replace(RUN, saved=(replace(MODEL, signatures=("serve",)),)),
        "model.keras: signatures [] before, ['serve'] after",
    ),
}


@pytest.mark.parametrize(("after", "line"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_different(after: Observation, line: str) -> None:
    verdict = compare(RUN, after)
    assert verdict.kind == "different"
    assert any(line in text for text in verdict.different), verdict.different
    assert verdict.lines[0] == verdict.different[0]


@pytest.mark.parametrize("after", [case[0] for case in DIFFERENT.values()], ids=DIFFERENT.keys())
def test_different_in_the_other_direction(after: Observation) -> None:
    if after.exit is None:
        assert compare(after, RUN).kind == "inconclusive"
    elif not after.ok:
        assert compare(after, RUN).kind == "repaired"
    else:
        assert compare(after, RUN).kind == "different"


SILENT = replace(RUN, events=(), summaries=SummaryCalls(dropped=5))
HALF = replace(
    RUN,
    exit=1,
    exception="AssertionError: untracked resource",
    stdout="start\n",
    variables=(replace(KERNEL, digest="an earlier moment"),),
    events=LOSS[:2],
    saved=(),
)


def test_dropped_summaries_that_are_recorded_are_a_repair() -> None:
    verdict = compare(SILENT, replace(RUN, summaries=SummaryCalls(host=5)))
    assert verdict.kind == "repaired"
    assert verdict.repaired == ("5 events recorded that were lost before",)


def test_events_lost_at_an_abrupt_end_are_a_repair() -> None:
    lossy = replace(RUN, events=RUN.events[:-1], abrupt=True)
    assert compare(lossy, replace(RUN, abrupt=True)).repaired == ("1 event recorded that was lost before",)


def test_events_that_a_v1_writer_swallowed_are_a_repair() -> None:
    assert compare(replace(RUN, events=LOSS, lost=2), RUN).kind == "repaired"


def test_events_where_nothing_was_recorded_are_a_repair() -> None:
    extra = replace(event("epoch_loss", 0, 1.0), folder="logs/fit")
    verdict = compare(RUN, replace(RUN, events=(*RUN.events, extra)))
    assert verdict.kind == "repaired"
    assert verdict.repaired == ("logs/fit: 1 event where nothing was recorded",)
    assert compare(RUN, replace(RUN, events=(*RUN.events[1:], extra))).kind == "different"


def test_an_exception_that_is_gone_is_a_repair() -> None:
    verdict = compare(HALF, RUN)
    assert verdict.kind == "repaired"
    assert verdict.repaired == (
        "ended with AssertionError: untracked resource, now runs",
        "3 events recorded that were lost before",
        "saved now: model.keras",
    )
    assert "1 variable as far as the original ran" in verdict.same


def test_a_step_that_stood_still_is_a_repair() -> None:
    frozen = replace(RUN, events=(*(replace(e, step=0) for e in LOSS), *RUN.events[3:]))
    verdict = compare(frozen, RUN)
    assert verdict.kind == "repaired"
    assert verdict.repaired == ("logs: 'loss': the step stood at 0, now runs from 0 to 2",)
    assert compare(RUN, frozen).kind == "different"


NO_REPAIR = {
    "events out of nowhere": (replace(RUN, events=LOSS), RUN),
    "an event is missing": (HALF, replace(RUN, events=RUN.events[1:])),
    "a value is another": (HALF, changed(0, digest="0")),
    "output differs": (HALF, replace(RUN, stdout="begin\nloss 0.25\n")),
    "another variable": (HALF, replace(RUN, variables=(COUNT, KERNEL))),
    "fewer variables": (HALF, replace(RUN, variables=())),
    "another exception": (HALF, replace(HALF, exception="ValueError: no")),
    "dropped, and variables changed": (SILENT, replace(RUN, variables=(COUNT, KERNEL))),
    "dropped, and it raises": (SILENT, replace(RUN, exit=1, exception="ValueError: no")),
    "a thawed step with another value": (
        replace(RUN, events=tuple(replace(e, step=0) for e in LOSS)),
        replace(RUN, events=(*LOSS[:2], replace(LOSS[2], digest="0"))),
    ),
    "a thawed step that starts late": (
        replace(RUN, events=tuple(replace(e, step=0) for e in LOSS)),
        replace(RUN, events=tuple(replace(e, step=e.step + 1) for e in LOSS)),
    ),
}


@pytest.mark.parametrize(("before", "after"), NO_REPAIR.values(), ids=NO_REPAIR.keys())
def test_no_repair(before: Observation, after: Observation) -> None:
    assert compare(before, after).kind == "different"


NOISE = replace(
    RUN,
    events=tuple(replace(e, value="x", digest="x") for e in RUN.events),
    variables=(replace(KERNEL, digest="x", first=()), COUNT),
)


def test_a_program_that_is_not_deterministic_is_inconclusive() -> None:
    verdict = compare(RUN, changed(1, digest="y"), before_again=NOISE)
    assert verdict.kind == "inconclusive"
    assert verdict.notes[0].startswith("the original is not deterministic: logs: 'loss': event 0")


@pytest.mark.parametrize("after", [changed(3, tag="a"), changed(1, step=2), replace(RUN, events=LOSS)])
def test_tags_steps_and_counts_are_compared_nevertheless(after: Observation) -> None:
    assert compare(RUN, after, before_again=NOISE).kind == "different"


def test_a_deterministic_program_is_compared_strictly() -> None:
    assert compare(RUN, RUN, before_again=RUN).kind == "same"
    assert compare(RUN, changed(1, digest="y"), before_again=RUN).kind == "different"


def test_an_original_that_loses_other_events_each_time_is_repaired() -> None:
    lossy = replace(RUN, events=RUN.events[:3], lost=2, stdout="took 1 s")
    again = replace(RUN, events=RUN.events[:2], lost=3, stdout="took 2 s")
    after = replace(RUN, stdout="took 3 s")
    assert compare(lossy, after, before_again=again).kind == "repaired"
    assert compare(again, after, before_again=lossy).kind == "repaired"
    other = replace(after, events=(*RUN.events[:2], event("loss", 5, 1.0)))
    assert compare(lossy, other, before_again=again).kind == "different"


def test_lines_that_tell_the_time_are_compared_without_numbers() -> None:
    def timed(seconds: str, text: str = "took") -> Observation:
        return replace(RUN, stdout=f"loss 0.25\n{text} {seconds} s\n")

    again = timed("3.5")
    verdict = compare(timed("3.2"), timed("3.1"), before_again=again)
    assert verdict.kind == "same"
    assert verdict.notes == ("output: 1 line not the same twice, compared without numbers",)
    assert compare(timed("3.2"), timed("3.1", "lasted"), before_again=again).kind == "different"
    other = replace(RUN, stdout="loss 0.24\ntook 3.2 s\n")
    assert compare(timed("3.2"), other, before_again=again).kind == "different"


def test_output_of_another_length_each_time_is_not_compared() -> None:
    verdict = compare(RUN, replace(RUN, stdout="other"), before_again=replace(RUN, stdout=""))
    assert verdict.kind == "same"
    assert verdict.notes == ("output: not as many lines twice, not compared",)


def test_two_runs_that_fail_alike_are_the_same_as_far_as_they_went() -> None:
    verdict = compare(HALF, HALF)
    assert verdict.kind == "same"
    assert verdict.notes == ("neither run came to its end: only what they did until then is compared",)


def test_no_verdict_without_an_end_or_from_outside_of_the_copy() -> None:
    assert compare(replace(RUN, exit=None), RUN).kind == "inconclusive"
    verdict = compare(RUN, replace(RUN, escaped=("models.net",)))
    assert verdict.kind == "inconclusive"
    assert verdict.notes == ("modules were imported from outside of the copy: models.net",)


def test_a_verdict_can_be_written_as_json() -> None:
    verdict = compare(RUN, changed(3, tag="a"))
    data = json.loads(json.dumps(verdict.to_dict()))
    assert Verdict(**{key: value if key == "kind" else tuple(value) for key, value in data.items()}) == verdict


def test_any_two_different_changes_differ() -> None:
    for one, two in itertools.combinations([case[0] for case in DIFFERENT.values()], 2):
        assert compare(one, two).kind != "same"
