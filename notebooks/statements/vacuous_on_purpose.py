"""A statement that says nothing, on purpose: its check looks only where its hypothesis fails.

The hypothesis alpha <= 1/10 can be met in the declared domain, so the statement is well formed. The check, however, was
restricted to large scales because flows are faster there, and no point of that part satisfies the hypothesis. Nothing
was tested, although no counterexample was found: expect VACUOUS, and exit code 1.

    rankproof check notebooks/statements/vacuous_on_purpose.py
"""

import sympy as sp

from verification import Clause, Falsification, Parameters, RealRange, Statement

alpha = sp.Symbol("alpha", positive=True)


def small_scale_only():
    return Statement(
        id="small-scale-only",
        title="For alpha <= 1/10, alpha^3 is below a thousandth",
        parameters=Parameters((RealRange(alpha, "1e-6", "1"),)),
        assumptions=(sp.Le(alpha, sp.Rational(1, 10)),),
        clauses=(Clause("cube", "alpha^3 <= 1/1000", sp.Le(alpha**3, sp.Rational(1, 1000))),),
        checks=(
            Falsification(
                ("cube",),
                lambda point, digits: {},
                "sampled points",
                domain=Parameters((RealRange(alpha, "0.2", "1"),)),
            ),
        ),
    )


STATEMENTS = (small_scale_only,)
