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
    SERIAL_PARTS,
    Rates,
    RecoveryInput,
    Strategy,
    all_strategies,
    availability,
    cheapest_strategy_that_meets,
    ledger,
    replicas_needed,
    shipped_rates,
)

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
                )  # fmt: skip
                all_strategies(inputs, 1, rates)
                for strategy in Strategy:
                    availability(strategy, inputs, SERIAL_PARTS, 1, rates)
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
    with pytest.raises(InputError, match="serial part is router"):
        availability(Strategy.PILOT_LIGHT, deployment(), ("router",), 1)
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
