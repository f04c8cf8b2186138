"""The fit finds the fixed part and the rate again, and a profile survives its file."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.drill.predict import fitted, predicted, predicted_restore_s, profile_of
from dfr_sizing.drill.report import as_json, as_text
from dfr_sizing.drill.types import Loss, Outcome, Phase, Round, Sizes
from dfr_sizing.errors import InputError
from dfr_sizing.ledger import Label
from dfr_sizing.model import load_model
from dfr_sizing.recommend.design import design_for
from dfr_sizing.recommend.evaluate import recovery_rates
from dfr_sizing.recovery import RecoveryInput, Strategy, shipped_rates
from dfr_sizing.recovery.estimate import estimate
from dfr_sizing.recovery.profile import DRIVEN_BY, profile_text, read_profile, write_profile
from dfr_sizing.recovery.types import Failure
from dfr_sizing.scenario import load_scenario

FIXED_S, MB_PER_S = 0.7, 80.0
NOTHING_LOST = Loss(10, 0, 0, 0.0, 11.0, 0.2, 0)


def one_round(number: int, megabytes: float, noise: float = 0.0, full_size: bool = True) -> Round:
    """Every phase takes 0.7 s and 1 s for 80 MB of what it carries; the backup is a fifth of the database."""
    draw = np.random.default_rng(number)
    sizes = Sizes(int(megabytes * 1e6), int(megabytes * 2e5), int(megabytes * 1.5e5), int(megabytes * 5e4), 30)
    carried = {"database": sizes.database_bytes, "stored": sizes.stored_bytes, "wal": sizes.wal_bytes}
    carried |= {"files": sizes.files_bytes, "nothing": 0}
    seconds = {
        Phase(phase): (FIXED_S + carried[by] / (MB_PER_S * 1e6)) * float(np.exp(noise * draw.standard_normal()))
        for phase, by in DRIVEN_BY.items()
    }
    return Round(number, sizes, seconds, NOTHING_LOST, full_size, 10.0)


@settings(deadline=None)
@given(
    fixed=st.floats(0.0, 100.0),
    rate=st.floats(0.1, 5000.0),
    sizes=st.lists(st.floats(10.0, 1000.0), min_size=2, max_size=8),
)
def test_without_noise_the_fit_is_exact(fixed: float, rate: float, sizes: list[float]) -> None:
    points = [(size * 1e6, max(fixed + size / rate, 0.001)) for size in (*sizes, 2 * max(sizes))]
    speed = fitted(points)
    for size, seconds in (*points, (5e9, fixed + 5e3 / rate)):
        assert speed.seconds(size) == pytest.approx(seconds, rel=1e-3, abs=2e-3)


def test_with_noise_two_gigabytes_are_foreseen_from_a_half() -> None:
    """Five per cent of noise in each phase of each of five rounds: the sum over seven phases at four times the size."""
    errors = []
    for first in range(0, 500, 5):
        sizes = (125, 250, 500, 500, 500)
        rounds = [one_round(first + at, size, noise=0.05) for at, size in enumerate(sizes)]
        profile = profile_of(rounds, {}, date(2026, 11, 23), "")
        truth = one_round(0, 2000)
        errors.append(predicted_restore_s(profile, truth.sizes) / truth.restore_s - 1.0)
    assert abs(float(np.mean(errors))) < 0.01
    assert np.quantile(np.abs(errors), 0.95) < 0.15


def test_a_phase_that_does_not_grow_has_no_rate() -> None:
    assert fitted([(0.0, 0.3), (0.0, 0.5), (0.0, 0.4)]).mb_per_s is None
    assert fitted([(1e8, 0.5), (2e8, 0.4), (4e8, 0.3)]).mb_per_s is None
    assert fitted([(0.0, 0.3), (0.0, 0.5), (0.0, 0.4)]).fixed_s.bounds == (0.3, 0.4, 0.5)


def test_one_size_alone_gives_a_rate() -> None:
    speed = fitted([(1e8, 1.0), (1e8, 2.0), (1e8, 4.0)])
    assert speed.mb_per_s is not None
    assert speed.mb_per_s.bounds == (25.0, 50.0, 100.0)


def test_a_profile_survives_its_file(tmp_path: Path) -> None:
    rounds = [one_round(at, size, noise=0.1) for at, size in enumerate((125, 250, 500))]
    profile = profile_of(rounds, {"cpu": 'An "EPYC"', "cpus": "2"}, date(2026, 11, 23), "off-site")
    path = tmp_path / "profile.toml"
    write_profile(path, profile)
    read = read_profile(path)
    assert profile_text(read) == profile_text(profile)
    sizes = one_round(1, 2000).sizes
    for phase, seconds in predicted(profile, sizes).items():
        assert predicted(read, sizes)[phase] == pytest.approx(seconds, rel=1e-5)
    assert [one.name for one in tmp_path.iterdir()] == ["profile.toml"]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("format = 1", "format = 2"),
        ('link = ""', 'link = "wet"'),
        ("made = 2026-11-23", 'made = "today"'),
        ("[phase.verify]", "[phase.other]"),
        ("archive_timeout_s = 10", ""),
        ("[host]", "[host"),
        ("mb_per_s = ", "mb_per_s = -"),
        ("compressed_share = 0.2 ", "compressed_share = nan "),
    ],
)
def test_a_profile_that_is_not_as_it_was_written_is_refused(tmp_path: Path, was: str, becomes: str) -> None:
    text = profile_text(profile_of([one_round(1, 125), one_round(2, 500)], {"cpu": "x"}, date(2026, 11, 23), ""))
    assert was in text
    path = tmp_path / "profile.toml"
    path.write_text(text.replace(was, becomes, 1))
    with pytest.raises(InputError, match=re.escape(f"the recovery profile is {path}")):
        read_profile(path)


def test_measured_rates_take_the_place_of_stated_ones(tmp_path: Path, deployment: Callable[..., RecoveryInput]) -> None:
    rounds = [one_round(1, 125), one_round(2, 500)]
    profile = profile_of(rounds, {"cpu": "EPYC"}, date(2026, 11, 23), "")
    rates = profile.put_into(shipped_rates())
    measured = {name for name, line in rates.lines.items() if line.label is Label.MEASURED}
    assert measured == {
        "restore.physical_mb_per_s",
        "wal.replay_mb_per_s",
        "restore.files_mb_per_s",
        "backup.compressed_share",
    }
    assert rates.interval("restore.physical_mb_per_s").mid == pytest.approx(MB_PER_S)
    assert rates.lines["wal.replay_mb_per_s"].source == "restore drill of 500 MB on EPYC (2026-11-23)"
    with_link = profile_of(rounds, {}, date(2026, 11, 23), "off-site").put_into(shipped_rates())
    assert with_link.lines["link.off-site_mb_per_s"].label is Label.MEASURED

    def hours(known: object) -> float:
        found = estimate(Strategy.BACKUP_RESTORE, Failure.DISK, deployment(), 1, known)  # type: ignore[arg-type]
        return found.rto_minutes.p50

    assert hours(rates) != hours(shipped_rates())
    path = tmp_path / "profile.toml"
    write_profile(path, profile)
    scenario = load_scenario(None, {"registry.farmers": 1e5})
    ledger = {
        line.name: line
        for line in recovery_rates(design_for(scenario, load_model(), profile=read_profile(path))).ledger()
    }
    assert ledger["recovery.wal.replay_mb_per_s"].label is Label.MEASURED
    assert ledger["recovery.detect.minutes"].label is Label.ASSUMED


def test_the_report_says_what_was_foreseen_and_what_went_wrong() -> None:
    rounds = (one_round(1, 125, full_size=False), one_round(2, 250, full_size=False), one_round(3, 500))
    profile = profile_of(rounds[:2], {}, date(2026, 11, 23), "")
    told = as_json(Outcome(rounds, {}), profile)
    assert told["verdict"] == "passed"
    assert told["rounds"][2]["prediction_error"] == pytest.approx(0.0, abs=1e-3)
    assert "predicted_s" not in told["rounds"][0]
    assert "PASSED" in as_text(told)
    failed = as_json(Outcome(rounds, {}, Phase.REPLAY, "the archive has lost segment X"), profile)
    assert "FAILED in replay: the archive has lost segment X." in as_text(failed)
