"""The charts: drawn from whatever data there is, the same bytes each time, nothing cut off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest

from dfr_sizing.house_style import DPI
from dfr_sizing.plan.pictures import PICTURES, drawn, save_pictures
from dfr_sizing.recommend.types import Recommendation

PNG = b"\x89PNG\r\n\x1a\n"


def test_every_picture_is_saved_at_900_pixels(answer: Recommendation, tmp_path: Path) -> None:
    paths = save_pictures(answer, tmp_path)
    assert [path.stem for path in paths] == list(PICTURES)
    for path in paths:
        data = path.read_bytes()
        assert data.startswith(PNG)
        assert 890 <= int.from_bytes(data[16:20], "big") <= 910


def test_bytes_do_not_depend_on_the_users_settings(answer: Recommendation, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    save_pictures(answer, first)
    with mpl.rc_context({"font.size": 17, "savefig.facecolor": "black", "axes.grid": False}):
        save_pictures(answer, second)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_only_what_has_data_is_drawn(silent: Recommendation, tmp_path: Path) -> None:
    assert [path.stem for path in save_pictures(silent, tmp_path)] == list(drawn(silent)) == ["cost"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_without_data_is_empty_not_an_error(name: str, silent: Recommendation) -> None:
    PICTURES[name][1](silent)


@pytest.mark.parametrize("name", PICTURES)
def test_all_text_lies_inside(name: str, answer: Recommendation) -> None:
    figure = PICTURES[name][1](answer)
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.x0 >= -0.01
    assert box.y0 >= -0.01
    assert box.x1 <= figure.get_figwidth() + 0.01
    assert box.y1 <= figure.get_figheight() + 0.01
    assert figure.dpi == DPI


def test_an_input_at_which_nothing_serves_is_said(answer: Recommendation) -> None:
    swings = answer.sensitivities
    unbound = replace(swings[0], cost_at_high=float("inf"))
    figure = PICTURES["sensitivity"][1](replace(answer, sensitivities=(unbound, *swings[1:])))
    assert "nothing serves" in {text.get_text() for text in figure.axes[0].texts}


def test_growth_says_from_where_on_connections_are_refused(answer: Recommendation) -> None:
    """Who gets through there may be quicker than before: the lines alone would mislead."""

    def said(refused: int) -> int:
        points = sorted(answer.growth_curve, key=lambda point: point.farmers)
        last = [replace(point, failed_share=0.1) for point in points[len(points) - refused :]]
        figure = PICTURES["latency-growth"][1](replace(answer, growth_curve=(*points[: len(points) - refused], *last)))
        return sum("refused" in text.get_text() for text in figure.axes[0].texts)

    assert (said(0), said(2)) == (0, 1)
