"""What the papers claim, in our own words, and which statements of the catalogue verify it.

How far a claim is verified is never written here: `standing` computes it from the verdicts of a run. `seen` says where
the claim was read, because the papers' full texts were not at hand: what is known by its label alone is listed as such.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from verification.errors import StatementError
from verification.statement import Provenance
from verification.verdict import Verdict


class Standing(StrEnum):
    """How far a run verifies a claim of a paper."""

    VERIFIED = "verified"
    PARTLY = "partly"
    UNDECIDED = "undecided"
    FAILED = "failed"
    NOT_RUN = "not in this run"
    NOT_YET = "not yet in the catalogue"


@dataclass(frozen=True)
class PaperClaim:
    """One claim of a paper.

    label: in the paper; text: in our own words; seen: where it was read; statements: ids that verify it; provenance:
    that of those statements (None without any); missing: what they do not cover, empty when nothing. Raises
    StatementError.
    """

    label: str
    text: str
    seen: str
    statements: tuple[str, ...] = ()
    provenance: Provenance | None = None
    missing: str = ""

    def __post_init__(self) -> None:
        if bool(self.statements) != (self.provenance is not None):
            raise StatementError(f"{self.label}: provenance is that of the statements; give both or neither")
        if not self.statements and not self.missing:
            raise StatementError(f"{self.label}: neither statements nor what is missing; name at least one")


@dataclass(frozen=True)
class Paper:
    """A paper by its citation key, with what it claims."""

    key: str
    authors: str
    title: str
    identifier: str
    claims: tuple[PaperClaim, ...]


#: Why a passing verdict does not verify a paper's claim in full.
_SHORTFALL = {
    Verdict.PROVED_FOR_SIZES: "proved at the listed sizes only",
    Verdict.CERTIFIED: "proved on the stated box only",
    Verdict.CONSISTENT: "no disagreement at the points tried, which is not a proof",
}


def standing(claim: PaperClaim, verdicts: Mapping[str, Verdict]) -> tuple[Standing, tuple[str, ...]]:
    """How far the verdicts of a run (by id) verify a claim, and what keeps it from more.

    VERIFIED: every statement of the claim is PROVED and nothing is missing. PARTLY: less than that, but at least one
    passed. FAILED: one of them failed. UNDECIDED: none passed or failed. NOT_RUN: none was run. NOT_YET: it has none.
    """
    if not claim.statements:
        return Standing.NOT_YET, (claim.missing,)
    known = {name: verdicts[name] for name in claim.statements if name in verdicts}
    reasons = [
        f"{name} is {verdict}: {_SHORTFALL[verdict]}" if verdict in _SHORTFALL else f"{name} is {verdict}"
        for name, verdict in known.items()
        if verdict is not Verdict.PROVED
    ]
    reasons += [f"{name} was not run" for name in claim.statements if name not in known]
    reasons += [claim.missing] if claim.missing else []
    if not known:
        return Standing.NOT_RUN, tuple(reasons)
    if any(verdict.failed for verdict in known.values()):
        return Standing.FAILED, tuple(reasons)
    if not any(verdict.passed for verdict in known.values()):
        return Standing.UNDECIDED, tuple(reasons)
    return Standing.PARTLY if reasons else Standing.VERIFIED, tuple(reasons)


SHIN_YUN = Paper(
    "SY",
    "Shin & Yun 2026",
    "Implicit Bias and Loss of Plasticity in Matrix Completion: Depth Promotes Low-Rankness",
    "arXiv:2603.04703",
    (
        PaperClaim(
            "Definition 1",
            "The observed entries are connected when the bipartite graph of rows, columns and observed entries is.",
            "title of the definition, caption of Figure 1",
            ("connectivity",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "Theorem 3.1",
            "Depth 2, a 2 x 2 product with its first column observed and nonzero, assuming convergence to zero loss: "
            "what the coupled flow converges to.",
            "the setting and the first words of the theorem",
            ("first-column-limit",),
            Provenance.RECONSTRUCTED,
            "The paper's conclusion was not available; ours (rank 1 in the limit of small scale, with its order) may "
            "be another one.",
        ),
        PaperClaim(
            "Definition 2",
            "The dynamics is decoupled when the observed entries split into parts whose gradients stay orthogonal to "
            "each other at all times, and coupled otherwise.",
            "title of the definition, abstract",
            ("coupling-kernel",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "Proposition 3.2; abstract, claim (a)",
            "Under block-diagonal observations, networks of depth 3 or more are coupled unless they start diagonally; "
            "at depth 2 coupling is connectivity.",
            "abstract",
            ("depth2-coupling-is-connectivity", "depth3-couples-unless-diagonal"),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "Theorem 3.3",
            "Block-diagonal observations of one value, all layers alpha inside and alpha/m outside the blocks: the "
            "limit's singular values, as the solution of an equation to be solved numerically.",
            "title of the theorem, captions of Figures 2 and 5",
            (
                "block-reduction",
                "block-eigenvalue-flow",
                "block-invariant",
                "block-limit",
                "block-limit-depth2",
                "block-decoupled",
                "block-limit-depth4",
                "block-trajectory",
            ),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "Corollary 3.3",
            "For depth 3 or more and finite m the limit becomes rank 1 as the initial scale falls.",
            "title of the corollary, caption of Figure 2",
            ("block-small-scale",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "Abstract, claim (b)",
            "Within the block-diagonal family, the flow converges to rank 1 if and only if its dynamics is coupled.",
            "abstract",
            ("block-rank-one-iff-coupled",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "Figures 2 and 5",
            "Greater depth and a smaller initial scale strengthen the low-rank bias for finite m, unlike at depth 2.",
            "captions of the figures",
            ("depth-strengthens-bias", "block-monotonicity", "block-stable-rank"),
            Provenance.NEW,
            "That depth strengthens the bias needs a hypothesis that the captions do not name: an initial observed "
            "entry of at most w*.",
        ),
        PaperClaim(
            "Proposition 4.1, Theorems 4.2 and 4.3",
            "A depth-2 network that was pre-trained under decoupled dynamics stays away from low rank after more data "
            "couples it; deep networks avoid this loss of plasticity.",
            "abstract; of the theorems, the labels alone",
            (
                "pretrained-spectrum",
                "warm-start-keeps-rank",
                "cold-start-loses-rank",
                "plasticity-needs-depth-two",
            ),
            Provenance.RECONSTRUCTED,
            "The theorems' wording, and stable-rank lower bounds of general matrices: here 2 x 2. That cold starts, "
            "and warm ones beyond depth 2, tend to rank 1 is measured, not proved; the warm ones need m < oo.",
        ),
        PaperClaim(
            "Figure 1",
            "Effective rank against depth and scale over 300 random 2 x 2 rank-1 truths, connected and disconnected.",
            "caption of the figure",
            missing="A statement: it is the experiment connectivity-rank. Disconnected depth 2 does not fall with the "
            "scale there, but stays near 1.33, as the closed form of depth2-diagonal-limit has it.",
        ),
        PaperClaim(
            "Figure 3",
            "100 x 100, rank 5: pre-trained, warm-started and cold-started networks, by effective rank and error.",
            "caption of the figure",
            missing="A statement: it is the experiment plasticity; its scales are ours, for the caption names none.",
        ),
        PaperClaim(
            "Figure 4",
            "Mean effective rank over all connected and over all disconnected patterns against the initial scale.",
            "caption of the figure",
            missing="A statement: it is the experiment pattern-census, for masks of 3 x 3.",
        ),
    ),
)

ARORA_COHEN_HU_LUO = Paper(
    "ACHL",
    "Arora, Cohen, Hu & Luo 2019",
    "Implicit Regularization in Deep Matrix Factorization",
    "arXiv:1905.13655",
    (
        PaperClaim(
            "balancedness",
            "Gradient flow conserves W_{l+1}^T W_{l+1} - W_l W_l^T.",
            "the paper's own statement, and earlier ones",
            ("balancedness-conserved",),
            Provenance.PAPER,
        ),
        PaperClaim(
            "gradient flow",
            "The loss falls at the rate of the squared layer gradients.",
            "a consequence of the definition of gradient flow",
            ("energy-identity",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "end-to-end dynamics",
            "With balanced layers the product W moves by a flow of its own.",
            "the paper's own statement",
            ("end-to-end-flow",),
            Provenance.PAPER,
        ),
        PaperClaim(
            "Theorem 3",
            "With balanced layers, d sigma_r/dt = -L sigma_r^(2-2/L) u_r^T R v_r.",
            "the paper's own statement",
            ("singular-value-dynamics",),
            Provenance.PAPER,
        ),
    ),
)

BAI_ZHAO_ZHANG = Paper(
    "BZZ",
    "Bai, Zhao & Zhang 2024",
    "Connectivity Shapes Implicit Regularization in Matrix Factorization Models for Matrix Completion",
    "arXiv:2405.13721",
    (
        PaperClaim(
            "connectivity of the observed entries",
            "A mask is connected when its bipartite graph is.",
            "as Definition 1 of Shin & Yun 2026",
            ("connectivity",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "disconnected observations, depth 2",
            "Disconnected observations lead depth 2 at small scale to a completion of minimum nuclear norm.",
            "its use by later papers",
            ("depth2-diagonal-nuclear-norm",),
            Provenance.RECONSTRUCTED,
            "Positive diagonal observations only; other disconnected masks are not covered.",
        ),
    ),
)

MENON = Paper(
    "M",
    "Menon 2024",
    "The Geometry of the Deep Linear Network",
    "arXiv:2411.09004",
    (
        PaperClaim(
            "open question on the limit",
            "An open question on the rank of the limit, which Shin & Yun say they resolve for a family "
            "of initialisations.",
            "abstract of Shin & Yun 2026",
            ("block-rank-one-iff-coupled",),
            Provenance.RECONSTRUCTED,
            "The block-diagonal family of starts only.",
        ),
        PaperClaim(
            "Section 14.1, second question",
            "Open question: with w_11 = w_22 = 1 observed in a 2 x 2 matrix, do some starts converge to a minimiser "
            "of full rank? We answer yes, on an explicit open set of balanced starts.",
            "the question alone; the answer is ours",
            ("residual-margin", "full-rank-open-set"),
            Provenance.NEW,
        ),
    ),
)

LI_LUO_LYU = Paper(
    "LLL",
    "Li, Luo & Lyu 2021",
    "Towards Resolving the Implicit Bias of Gradient Descent for Matrix Factorization: Greedy Low-Rank Learning",
    "arXiv:2012.09839",
    (
        PaperClaim(
            "depth 2",
            "Gradient flow from an infinitesimal start follows Greedy Low-Rank Learning, under stated assumptions.",
            "abstract",
            ("infinitesimal-flow-is-glrl",),
            Provenance.RECONSTRUCTED,
            "The paper's assumptions were not available; here one problem and its first stage, measured. Later stages "
            "are compared in glrl-ranks-are-critical: with disconnected masks the flow may part from the algorithm.",
        ),
        PaperClaim(
            "algorithm",
            "Each stage starts at a critical point of one rank less, along the top eigenvector of -grad f there.",
            "the algorithm's description",
            ("glrl-ranks-are-critical",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "counterexample",
            "A 4 x 4 problem where the flow goes to rank 1 and not to the minimum of the nuclear norm.",
            "abstract",
            ("nuclear-norm-counterexample",),
            Provenance.RECONSTRUCTED,
            "That the flow follows the greedy stage as alpha -> 0 is granted there; that the stage ends at rank 1 is "
            "proved.",
        ),
        PaperClaim(
            "rate in the initial scale at depth 2, sharpened",
            "At depth 2 the distance from the limit falls like a power of the initial scale.",
            "the comparison with depth 3 or more in the abstract",
            ("depth2-scale-exponent",),
            Provenance.NEW,
            "A proof: the exponent is ours, and measured on one problem.",
        ),
        PaperClaim(
            "rank minimisation",
            "Greedy Low-Rank Learning as a heuristic for the completion of minimum rank.",
            "abstract",
            ("greedy-finds-minimum-rank",),
            Provenance.NEW,
            "Nothing is claimed but a frequency among small random problems; some of them fail.",
        ),
        PaperClaim(
            "depth 3 or more",
            "The convergence depends on the initial scale far more weakly than at depth 2.",
            "abstract",
            ("depth3-weak-scale-dependence",),
            Provenance.RECONSTRUCTED,
            "A proof: the rate is measured on one problem, from W_l(0) = alpha I.",
        ),
        PaperClaim(
            "flow of M = W^(2/L)",
            "The end-to-end flow of depth L as an equation of M, on which the algorithm at depth L rests.",
            "our reconstruction",
            ("deep-symmetric-flow",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "depth 3 or more, explained",
            "While the first direction grows the second one stays of the order of the start.",
            "our reconstruction",
            ("deep-escape",),
            Provenance.NEW,
        ),
    ),
)

WANG_JACOT = Paper(
    "WJ",
    "Wang & Jacot 2024",
    "Implicit bias of SGD in L2-regularized linear DNNs: One-way jumps from high to low rank",
    "arXiv:2305.16038",
    (
        PaperClaim(
            "main theorem (informal)",
            "Stochastic gradient descent with weight decay ends in the low-rank region B_r with probability 1.",
            "slides",
            ("b-r-is-absorbing", "b-r-is-reachable"),
            Provenance.RECONSTRUCTED,
            "The paper's constants. Ours are proved for L >= 3, one profile f_a and very small rates, from layers that "
            "are bounded already; probability 1 follows from the two halves by repetition, which is no statement here.",
        ),
        PaperClaim(
            "lemma",
            "Every critical point in B_r has low rank, counted by a concave function of its singular values.",
            "slides",
            ("critical-points-of-low-rank",),
            Provenance.PAPER,
        ),
        PaperClaim(
            "lemma, first half",
            "With weight decay the layers of every critical point are balanced.",
            "our reconstruction of the lemma's proof",
            ("critical-points-are-balanced",),
            Provenance.RECONSTRUCTED,
        ),
        PaperClaim(
            "B_r is closed, in numbers",
            "How a step changes imbalance and size, and what keeps both.",
            "our constants",
            ("b-r-keeps-balance",),
            Provenance.NEW,
        ),
        PaperClaim(
            "experiment",
            "2 x 2 with three entries observed: the ratio of singular values jumps down and does not return.",
            "slides",
            ("jumps-are-one-way",),
            Provenance.RECONSTRUCTED,
            "The slides' rates and sizes; ours are stated. No return in a finite run is evidence, not a proof.",
        ),
    ),
)

KLEINMAN_ACHILLE_SOATTO = Paper(
    "K",
    "Kleinman, Achille & Soatto 2024",
    "Critical Learning Periods Emerge Even in Deep Linear Networks",
    "arXiv:2308.12221",
    (
        PaperClaim(
            "loss of plasticity",
            "Pre-training on few observations and resuming with more degrades the result in matrix completion.",
            "abstract of Shin & Yun 2026",
            missing="The experiment with pre-training, and a statement about it.",
        ),
    ),
)

PAPERS = (SHIN_YUN, ARORA_COHEN_HU_LUO, BAI_ZHAO_ZHANG, MENON, LI_LUO_LYU, WANG_JACOT, KLEINMAN_ACHILLE_SOATTO)
