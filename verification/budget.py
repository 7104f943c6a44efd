"""How much work a run may spend; every number that a check could run out of stands here under its name."""

import hashlib
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Budget:
    """Work allowed per check.

    examples, flow_examples: falsification examples without and with an integrated flow; cheap_examples: further ones
    where claims are about the parameters alone; points: evaluation grid;
    trajectories: integrated flows per trajectory check; digits: asked of an evaluation; boxes: sub-boxes of a
    certificate per choice of its integers; whole_boxes: prove whole boxes, not the parts that statements name for quick
    runs; seed: of every random draw.
    """

    profile: str
    examples: int
    flow_examples: int
    points: int
    trajectories: int
    digits: int
    boxes: int
    whole_boxes: bool = True
    seed: int = 0
    cheap_examples: int = 4_000

    def for_task(self, *names: str) -> "Budget":
        """The same budget with a seed that depends only on the run's seed and the task's name."""
        digest = hashlib.sha256("/".join([str(self.seed), *names]).encode()).digest()
        return replace(self, seed=int.from_bytes(digest[:4], "big"))


QUICK = Budget(
    "quick", examples=500, flow_examples=60, points=100, trajectories=8, digits=50, boxes=2_000, whole_boxes=False
)
FULL = Budget(
    "full",
    examples=5_000,
    flow_examples=600,
    points=1_000,
    trajectories=40,
    digits=100,
    boxes=50_000,
    cheap_examples=20_000,
)
PROFILES = {budget.profile: budget for budget in (QUICK, FULL)}
