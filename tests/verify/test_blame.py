"""The least set that is enough."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from codemods.verify.blame import least

ITEMS = list(range(9))


@given(st.sets(st.sampled_from(ITEMS), min_size=1))
def test_all_that_are_to_blame_and_no_other(wrong: set[int]) -> None:
    assert least(ITEMS, lambda left_out: left_out >= wrong) == wrong


@given(st.sets(st.frozensets(st.sampled_from(ITEMS))))
def test_without_any_one_of_them_it_is_not_enough(enough: set[frozenset[int]]) -> None:
    # Any answers: such as where one makes sense only with, or without, another.
    def ask(left_out: frozenset[int]) -> bool:
        assert 0 < len(left_out) < len(ITEMS)
        return left_out in enough

    found = least(ITEMS, ask)
    assert found in enough or found == frozenset(ITEMS)
    assert all(len(found) == 1 or found - {item} not in enough for item in found)


def test_one_of_many_is_found_soon() -> None:
    asked = []

    def holds(wrong: int) -> Callable[[frozenset[int]], bool]:
        return lambda left_out: asked.append(left_out) or wrong in left_out

    for wrong in range(64):
        asked.clear()
        assert least(range(64), holds(wrong)) == {wrong}
        assert len(asked) <= 12
