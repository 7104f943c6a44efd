"""The literature that statements cite, one entry per citation key."""

from verification.statement import Provenance, Source

_TEXT = {
    "SY": "Shin & Yun 2026, Implicit Bias and Loss of Plasticity in Matrix Completion: Depth Promotes Low-Rankness, "
    "arXiv:2603.04703",
    "ACHL": "Arora, Cohen, Hu & Luo 2019, Implicit Regularization in Deep Matrix Factorization, arXiv:1905.13655",
    "BZZ": "Bai, Zhao & Zhang 2024, Connectivity Shapes Implicit Regularization in Matrix Factorization Models for "
    "Matrix Completion, arXiv:2405.13721",
    "LLL": "Li, Luo & Lyu 2021, Towards Resolving the Implicit Bias of Gradient Descent for Matrix Factorization: "
    "Greedy Low-Rank Learning, arXiv:2012.09839",
    "M": "Menon 2024, The Geometry of the Deep Linear Network, arXiv:2411.09004",
    "WJ": "Wang & Jacot 2024, Implicit bias of SGD in L2-regularized linear DNNs: One-way jumps from high to low rank, "
    "arXiv:2305.16038",
}


def shin_yun(label: str, provenance: Provenance = Provenance.RECONSTRUCTED) -> Source:
    """A statement of Shin & Yun 2026, under its label in the paper."""
    return Source("SY", label, provenance, _TEXT["SY"])


def source(key: str, label: str, provenance: Provenance) -> Source:
    """A statement of the literature by its citation key and its label in the paper."""
    return Source(key, label, provenance, _TEXT[key])
