"""The Python that the stand-in spends is the reference model's, operation by operation."""

from dfr_sizing.model import load_model
from dfr_sizing.staging.records import ARGUMENTS, OPERATIONS
from dfr_sizing.staging.work import ROUNDS_PER_MS, Work, app_cpu_ms


class CountingWork(Work):
    def rounds(self, operation: str) -> int:
        return self._rounds[operation]


def test_a_request_of_one_operation_spends_what_was_measured_of_it() -> None:
    work, model = CountingWork(app_cpu_ms()), load_model("odoo18-reference")
    for name, operation in model.operations.items():
        rounds = work.rounds("overhead") + (work.rounds(name) if name != "overhead" else 0)
        expected = max(operation.app_cpu_s, model.operations["overhead"].app_cpu_s) * 1e3 * ROUNDS_PER_MS
        assert abs(rounds - expected) <= 1


def test_the_same_work_for_the_same_seed() -> None:
    one, other = Work(app_cpu_ms(), seed=3), Work(app_cpu_ms(), seed=3)
    assert [one.spend("read"), one.spend("read", 2)] == [other.spend("read"), other.spend("read", 2)]
    assert one.spend("read") > 0


def test_every_method_has_its_operation() -> None:
    assert set(OPERATIONS) == set(ARGUMENTS)
    assert set(OPERATIONS.values()) <= set(app_cpu_ms())
