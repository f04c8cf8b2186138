"""How the project's pictures look: size, colours, matplotlib's own defaults with few changes.

Colours are those of Okabe and Ito (2008), which people of every kind of colour vision tell apart; lines differ by
marker as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl

DPI = 110
WIDTH_IN = 8.2
"""902 pixels at DPI."""
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PINK, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#999999"
LEGEND_FONT = 9


@contextmanager
def house_style() -> Iterator[None]:
    """The look that matplotlib ships with, whatever the user's own settings are, with our few changes."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "font.size": 10,
                "axes.titlesize": 12,
                "axes.titleweight": "bold",
                "axes.titlelocation": "left",
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.axisbelow": True,
                "axes.grid": True,
                "grid.color": "#e0e0e0",
                "legend.frameon": False,
                "legend.fontsize": LEGEND_FONT,
                "figure.constrained_layout.use": True,
            }
        )
        yield
