"""The literature that statements cite, one entry per citation key."""

from verification.statement import Provenance, Source

_TEXT = {
    "SY": "Shin & Yun 2026, Implicit Bias and Loss of Plasticity in Matrix Completion: Depth Promotes Low-Rankness, "
    "arXiv:2603.04703",
}


def shin_yun(label: str, provenance: Provenance = Provenance.RECONSTRUCTED) -> Source:
    """A statement of Shin & Yun 2026, under its label in the paper."""
    return Source("SY", label, provenance, _TEXT["SY"])
