"""A buffer's life under the clock, step by step: touched, changed, written by a checkpoint, passed by the hand.

Each page is a Markov chain: how often it is counted as used, how far the hand is from it, and whether it is clean,
dirty, or due: dirty since before the checkpoint began, which writes it when it comes to it. Pages touched alike share
one chain; Che's approximation (``cache``) gives the time that the hand takes for a round, and makes pages independent
of one another. src/backend/storage/buffer/freelist.c: StrategyGetBuffer; bufmgr.c: PinBuffer, BufferSync, BgBufferSync
(the background writer goes ahead of the hand, and makes clean what that would find dirty).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import expm

from dfr_sizing.drivers import constant
from dfr_sizing.postgres.popularity import FloatArray

STAGES = 8
"""Stages of the hand's round, at most: a page that is read in has all of them before it."""
STEPS = (24, 800)
"""Steps from one checkpoint to the next, at least and at most. The hand is taken to make no more rounds than steps."""
PLACES = 8
"""Places in the order of a checkpoint at which pages of a group are taken to lie."""
INTERVALS = 5
"""Checkpoints until one is as the one before: what is dirty at the beginning of one is written in it."""
MOST_TOUCHES = 60.0
"""Touches in a step beyond which more change nothing."""

CLEAN, DIRTY, DUE = range(3)
"""Those from the second on are dirty."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Groups of pages touched alike, arrays of one length: how many, and what each page sees a second.

    ``touches`` count all first touches, ``changes`` those of them that make it dirty; ``scans`` are those in a ring,
    that lift a count of 0 to 1. All pages are touched.
    """

    number: FloatArray
    touches: FloatArray
    changes: FloatArray
    scans: FloatArray


@dataclass(frozen=True, slots=True)
class Ahead:
    """The background writer: a ``share`` of dirty pages with a count of 0 is written ``seconds`` before the hand comes.

    Its other duty, the whole pool in two minutes, is left out: a hand that is busy is quicker than that.
    """

    seconds: float = 0.0
    share: float = 0.0

    def cleans(self, stages: int, round_s: float) -> FloatArray:
        """Probability of being written by it at the start of each stage but the first, if it was not before."""
        found = np.zeros(stages - 1)
        before = min(stages - 1.0, stages * self.seconds / round_s)  # stages before the hand
        whole = int(before)
        early = self.share * (before - whole)
        if whole + 1 < stages:
            found[-whole - 1] = early
        if whole > 0:
            found[-whole] = (self.share - early) / (1.0 - early)
        return found


@dataclass(frozen=True, slots=True)
class Written:
    """Pages of each group in an interval: dirty as it began, written by the checkpoint, written as they leave."""

    dirty: FloatArray
    by_checkpoint: FloatArray
    as_they_left: FloatArray


When = Callable[[FloatArray], FloatArray]
"""From the dirty pages of each group to the seconds after which the checkpoint comes to them, groups x PLACES."""


def written(pages: Pages, round_s: float, seconds: float, when: When, ahead: Ahead) -> Written:
    """What is written between two checkpoints, ``seconds`` apart; the hand goes round in ``round_s`` (or never)."""
    if not len(pages.number):
        return Written(*(np.empty(0) for _ in range(3)))
    least, most = STEPS
    stages = int(np.clip(most * round_s / seconds, 1.0, STAGES))
    steps = int(np.clip(round(stages * seconds / round_s), least, most))
    step_s = seconds / steps
    moves = _Moves.of(pages, step_s, min(1.0, stages * step_s / round_s), ahead.cleans(stages, round_s))
    state = np.zeros((3, len(pages.number), PLACES, stages, moves.counts))
    state[CLEAN] = _settled(moves, stages)[:, None]
    dirty = by_checkpoint = left = np.zeros((len(pages.number), PLACES))
    for _ in range(INTERVALS):
        state[DUE], state[DIRTY] = state[DUE] + state[DIRTY], 0.0
        dirty, by_checkpoint, left = _there(state[DUE]), np.zeros_like(dirty), np.zeros_like(dirty)
        place = when(pages.number * dirty.mean(axis=1))
        at_step = np.minimum((place / step_s).astype(np.int64), steps - 1)
        for step in range(steps):
            groups, places = np.nonzero(at_step == step)
            met = state[DUE, groups, places]
            by_checkpoint[groups, places] = met.sum(axis=(1, 2))
            state[CLEAN, groups, places] += met
            state[DUE, groups, places] = 0.0
            state, gone = moves.step(state)
            left += gone
    return Written(*(pages.number * each.mean(axis=1) for each in (dirty, by_checkpoint, left)))


def _there(state: FloatArray) -> FloatArray:
    """Probability of being in any stage, at any count."""
    return np.asarray(state.sum(axis=(-2, -1)))


@dataclass(frozen=True, slots=True)
class _Moves:
    """What a step does. A state is (clean, dirty, due) x groups x places x stages x counts; the rest to 1 is absent.

    ``touched``, ``read`` and ``turned``: counts after a step, by all touches, by a page that nothing changes in it and
    by one that something does, groups x counts x counts. ``read_in`` and ``changed_in``: counts of a page that comes
    in, groups x counts. ``nearer``: probability that the hand gets a stage nearer. ``cleans``: as ``Ahead`` has it.
    """

    touched: FloatArray
    read: FloatArray
    turned: FloatArray
    read_in: FloatArray
    changed_in: FloatArray
    nearer: float
    cleans: FloatArray

    @classmethod
    def of(cls, pages: Pages, step_s: float, nearer: float, cleans: FloatArray) -> _Moves:
        """Touches are a Poisson process; a page comes in at most once in a step, with a count of 1.

        Clean and dirty are solved as one matrix of two by two blocks (Van Loan, 1978, Computing integrals involving
        the matrix exponential): ``turned`` as ``touched`` less ``read`` would lose the digits of rare changes.
        """
        counts = int(constant("page.most_usage")) + 1
        changes = np.minimum(pages.changes * step_s, MOST_TOUCHES)
        reads = np.minimum(np.maximum(0.0, pages.touches - pages.changes) * step_s, MOST_TOUCHES)
        read, change = _raised(counts, reads), _raised(counts, changes)
        read[:, 0, 1] += pages.scans * step_s
        stays = np.diagflat(np.ones(counts))
        leaves = read.sum(axis=2) + change.sum(axis=2)
        off = read - leaves[:, :, None] * stays
        comes = -np.expm1(-(reads + changes))
        changed = comes * changes / (reads + changes)
        moves = expm(np.block([[off, change], [np.zeros_like(off), off + change]]))
        return cls(
            touched=moves[:, counts:, counts:],
            read=moves[:, :counts, :counts],
            turned=moves[:, :counts, counts:],
            read_in=np.outer(comes - changed, stays[1]),
            changed_in=np.outer(changed, stays[1]),
            nearer=nearer,
            cleans=cleans,
        )

    @property
    def counts(self) -> int:
        """Usage counts there are, 0 among them."""
        return int(self.read_in.shape[1])

    def step(self, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The state a step later, and the dirty pages that left or were about to, groups x places."""
        absent = 1.0 - _there(state).sum(axis=0)
        met = _through(state, self.touched)
        met[CLEAN] = _through(state[CLEAN], self.read)
        met[DIRTY] += _through(state[CLEAN], self.turned)
        passing = self.nearer * met
        after = met - passing
        reached, nearer = passing[..., -1, :], passing[..., :-1, :]
        cleaned = nearer[1:, ..., 0] * self.cleans
        nearer[1:, ..., 0] -= cleaned
        nearer[CLEAN, ..., 0] += cleaned.sum(axis=0)
        after[..., 1:, :] += nearer
        after[..., 0, :-1] += reached[..., 1:]
        after[CLEAN, :, :, 0] += absent[:, :, None] * self.read_in[:, None]
        after[DIRTY, :, :, 0] += absent[:, :, None] * self.changed_in[:, None]
        return after, reached[1:, ..., 0].sum(axis=0) + cleaned.sum(axis=(0, -1))


def _raised(counts: int, often: FloatArray) -> FloatArray:
    """How often each count rises by one, but for the highest: groups x from x to."""
    rises = np.eye(counts, k=1)
    rises[-1, -1] = 1.0
    return np.asarray(often[:, None, None] * rises)


def _through(state: FloatArray, move: FloatArray) -> FloatArray:
    """Counts after a step."""
    *rest, groups, places, stages, counts = state.shape
    flat = state.reshape(*rest, groups, places * stages, counts)
    return np.asarray(np.matmul(flat, move)).reshape(state.shape)


def _settled(moves: _Moves, stages: int) -> FloatArray:
    """Where pages are in the long run, written or not: groups x stages x counts."""
    groups, counts = len(moves.read_in), moves.counts
    if moves.nearer == 0.0:  # no hand comes: all are there
        found = np.zeros((groups, stages, counts))
        found[:, 0, -1] = 1.0
        return found
    size = stages * counts + 1
    state = np.zeros((3, groups, size, stages, counts))
    state[CLEAN] = np.eye(size)[:, : size - 1].reshape(size, stages, counts)
    after = moves.step(state)[0].sum(axis=0).reshape(groups, size, size - 1)
    # Balance of every state that is there, in which the absent are 1 less their sum.
    arrives = after[:, -1]
    balance = np.swapaxes(after[:, :-1], 1, 2) - np.eye(size - 1) - arrives[:, :, None]
    found = np.linalg.solve(balance, -arrives[:, :, None])[..., 0]
    return np.clip(found, 0.0, 1.0).reshape(groups, stages, counts)
