"""The rates themselves: sourced, labelled, all used; and what bad input gets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

import pytest

from dfr_sizing.errors import InputError
from dfr_sizing.interval import Interval
from dfr_sizing.ledger import Assumption, Label
from dfr_sizing.recovery import (
    Rates,
    RecoveryInput,
    Strategy,
    all_strategies,
    availability,
    cheapest_strategy_that_meets,
    exposed_to,
    kinds,
    ledger,
    replicas_needed,
    shipped_rates,
)
from dfr_sizing.recovery.backups import window
from dfr_sizing.recovery.draws import Sampler
from dfr_sizing.recovery.failures import taken_along
from dfr_sizing.recovery.life import Answers
from dfr_sizing.recovery.types import Failure

Deployment = Callable[..., RecoveryInput]


class Watched(Mapping[str, Assumption]):
    """Rates that remember which of them were asked for."""

    def __init__(self, lines: Mapping[str, Assumption]) -> None:
        self.lines = lines
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Assumption:
        self.asked.add(name)
        return self.lines[name]

    def __contains__(self, name: object) -> bool:
        return name in self.lines

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)


@pytest.mark.parametrize("line", ledger(), ids=lambda line: line.name)
def test_every_rate_has_a_unit_a_dated_source_and_a_label(line: Assumption) -> None:
    assert line.name.startswith("recovery.")
    assert line.unit
    assert re.search(r"\w.*\(\d{4}(-\d\d){0,2}\)$", line.source)
    assert line.label in (Label.STATED, Label.DERIVED, Label.ASSUMED)
    assert isinstance(line.value, Interval)
    if line.source.startswith("nothing"):
        assert line.label is Label.ASSUMED


def test_every_rate_is_used(deployment: Deployment) -> None:
    watched = Watched(shipped_rates().lines)
    rates = Rates(watched)
    for provider in ("aws", "azure", "gcp", "on-premises"):
        for managed in {False, provider != "on-premises"}:
            for single in (True, False):
                inputs = deployment(
                    provider=provider, managed=managed, application_nodes=1 if single else 2,
                    kubernetes=single, has_standby_zone=not single and managed, archive_wal=single or managed,
                    overseas=provider == "aws",
                )  # fmt: skip
                all_strategies(inputs, 1, rates)
                for strategy in Strategy:
                    availability(strategy, inputs, 1, rates)
                    answers = Answers(strategy, inputs, Sampler(1, rates))
                    for failure in exposed_to(inputs):
                        answers.repair_h(failure, 0)
                window(inputs, 100.0, standby=False, rates=rates)
    for strategy in Strategy:
        replicas_needed(strategy, rates)
    assert set(watched) - watched.asked == set()


def test_a_running_copy_is_full_size_no_later_than_one_that_is_built() -> None:
    rates = shipped_rates()
    for built in ("cloud", "on-premises"):
        slow, quick = rates.interval(f"provision.{built}_minutes"), rates.interval("scale_up.minutes")
        assert quick.low <= slow.low
        assert quick.mid <= slow.mid
        assert quick.high <= slow.high


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"database_bytes": -1.0}, "database_bytes is -1.0"),
        ({"filestore_bytes": float("nan")}, "filestore_bytes is nan"),
        ({"wal_bytes_per_s_peak": 1.0}, "wal_bytes_per_s_peak is 1.0"),
        ({"archive_timeout_s": 0.0}, "archive_timeout_s is 0.0"),
        ({"backup_link_bytes_per_s": float("inf")}, "backup_link_bytes_per_s is inf"),
        ({"provider": "moon"}, "provider is moon"),
        ({"managed": True}, "managed is True"),
        ({"provider": "aws", "managed": True, "archive_wal": False}, "archive_wal is False"),
        ({"application_nodes": 0}, "application_nodes is 0"),
    ],
)
def test_bad_input_is_told_by_name_and_value(deployment: Deployment, fields: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=re.escape(named)):
        deployment(**fields)


def test_unknown_names_and_bad_targets_are_refused(deployment: Deployment) -> None:
    with pytest.raises(InputError, match="rate is warp"):
        shipped_rates().interval("warp")
    with pytest.raises(InputError, match=r"replica\.lag_s"):
        shipped_rates().replaced("replica.lag_s", Interval.exactly(0.0), "test", Label.STATED)
    with pytest.raises(InputError, match="rto_minutes is nan"):
        cheapest_strategy_that_meets(float("nan"), 60.0, deployment(), 1)


def test_importing_recovery_brings_in_nothing_heavy() -> None:
    code = "import sys, dfr_sizing.recovery; print([m for m in ('scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_site_takes_all_that_stands_in_it_along() -> None:
    inside = {Failure.ZONE, Failure.NODE, Failure.POD, Failure.DATABASE_HOST, Failure.PROCESS, Failure.DISK}
    assert taken_along(Failure.SITE) == inside == taken_along(Failure.POWER)
    assert all(failure not in taken_along(failure) for failure in kinds())
    assert all(kind.title for kind in kinds().values())
