"""The Pareto front: what is kept, what is dropped, and that nothing else is shown."""

from hypothesis import given
from hypothesis import strategies as st

from dfr_sizing.recommend.choice_types import Objectives
from dfr_sizing.recommend.pareto import undominated

FEW = st.integers(0, 4)  # so few values that ties are common
POINTS = st.lists(st.builds(Objectives, FEW.map(float), FEW.map(float), FEW.map(float), FEW.map(float)), max_size=25)


def beats(one: Objectives, other: Objectives) -> bool:
    """By hand: no worse in any of the four, better in one."""
    no_worse = (
        one.five_year_usd <= other.five_year_usd
        and one.p95 <= other.p95
        and one.rto_minutes <= other.rto_minutes
        and one.availability >= other.availability
    )
    return no_worse and one != other


@given(POINTS)
def test_no_point_of_the_front_is_dominated_and_every_dropped_one_is(points: list[Objectives]) -> None:
    front = undominated(points, lambda point: point)
    for point in points:
        assert (point in front) is not any(beats(other, point) for other in points)
    for dropped in (point for point in points if point not in front):
        assert any(beats(kept, dropped) for kept in front)


@given(POINTS)
def test_the_cheapest_and_the_best_in_each_other_respect_are_on_the_front(points: list[Objectives]) -> None:
    front = undominated(points, lambda point: point)
    for number in range(4):
        best = min((point.lower_is_better[number] for point in points), default=None)
        assert best == min((point.lower_is_better[number] for point in front), default=None)


def test_points_alike_in_all_four_are_both_kept() -> None:
    same = Objectives(1.0, 1.0, 1.0, 0.99)
    assert undominated([same, same], lambda point: point) == [same, same]
