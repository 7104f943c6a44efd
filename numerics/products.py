"""Products x^p log(x)^n and x^p exp(c + k x^r) on intervals that begin at 0, where their factors say nothing.

There one factor is unbounded while another vanishes, and 0 times oo is the whole line. The product itself is simple.
Everything here is rigorous: the true range lies in the returned interval.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import sympy as sp

from numerics.intervals import ZERO, Interval, add, exp, hull, interval, log, multiply, power


@dataclass(frozen=True)
class ProductAtZero:
    """x^power log(x)^logarithms exp(constant + factor x^exponent) for x > 0."""

    symbol: sp.Symbol
    power: Fraction
    logarithms: int = 0
    constant: Fraction = Fraction(0)
    factor: Fraction = Fraction(0)
    exponent: Fraction = Fraction(0)

    def over(self, one: Interval) -> Interval | None:
        """The range on (0, high], high finite, where the product tends to 0 at 0 (its limit at [0, 0]); None elsewhere.

        x^p log(x)^n with p, n > 0 tends to 0. Its derivative x^(p-1) log(x)^(n-1) (p log x + n) vanishes at 1, where
        the product is 0 (or n = 1), and at e^(-n/p): the extremes are among 0, the value there, and that at the end.
        x^p e^(c + k x^r) with k, r < 0 tends to 0 and is positive. Its derivative has the sign of p + k r x^r: it rises
        if p >= 0, and else until x^r = -p/(k r), where it has its largest value.
        """
        vanishes = self.factor < 0 or (self.power > 0 and self.factor == 0)
        if not (vanishes and one[0] == 0 and one[1] >= 0 and one[1].is_finite()):
            return None
        if one[1] == 0:
            return ZERO
        at_end = hull(ZERO, self._at((one[1], one[1])))
        if self.factor == 0:
            turn = exp(_number(-self.logarithms / self.power))
            return at_end if turn[0] > one[1] else hull(at_end, self._at(turn))
        if self.power >= 0:
            return at_end
        raised = _number(-self.power / (self.factor * self.exponent))
        turn = power(raised, 1 / self.exponent)
        return at_end if turn[0] > one[1] else hull(ZERO, self._at(turn))

    def _at(self, point: Interval) -> Interval:
        """The value at a positive number, from its factors."""
        value = power(point, self.power)
        if self.logarithms:
            value = multiply(value, power(log(point), Fraction(self.logarithms)))
        if self.factor:
            inner = multiply(_number(self.factor), power(point, self.exponent))
            value = multiply(value, exp(add(_number(self.constant), inner)))
        return value

    def slope(self, one: Interval, logarithmic: bool) -> Interval:
        """The range of the derivative in x, or in log x, which is x times that one."""
        lowered = replace(self, power=self.power - (0 if logarithmic else 1))
        terms = [(self.power, lowered)]
        if self.logarithms:
            terms.append((Fraction(self.logarithms), replace(lowered, logarithms=self.logarithms - 1)))
        if self.factor:
            terms.append((self.factor * self.exponent, replace(lowered, power=lowered.power + self.exponent)))
        total = ZERO
        for number, term in terms:
            if number:
                total = add(total, multiply(_number(number), term._range(one)))
        return total

    def _range(self, one: Interval) -> Interval:
        if self.logarithms == 0 and self.factor == 0:
            return power(one, self.power)
        found = self.over(one)
        return self._at(one) if found is None else found


def product_at_zero(product: sp.Mul) -> tuple[ProductAtZero, list[sp.Expr], list[sp.Expr]] | None:
    """(the product, its factors, the other factors) for a Mul with such a product in it, of a symbol to be positive."""
    for one in product.args:
        found = _growing(one)
        if found is not None:
            powers = [arg for arg in product.args if _power_of(arg, found.symbol) is not None]
            exponent = sum((_power_of(arg, found.symbol) or Fraction(0) for arg in powers), Fraction(0))
            own = [*powers, one]
            others = [arg for arg in product.args if arg not in own]
            if powers:
                return replace(found, power=exponent), own, others
    return None


def _growing(one: sp.Expr) -> ProductAtZero | None:
    base, exponent = one.as_base_exp() if not isinstance(one, sp.exp) else (one, sp.Integer(1))
    if isinstance(base, sp.log) and isinstance(base.args[0], sp.Symbol) and exponent.is_Integer and exponent > 0:
        return ProductAtZero(base.args[0], Fraction(0), logarithms=int(exponent))
    if not isinstance(one, sp.exp):
        return None
    constant, rest = one.args[0].as_coeff_Add()
    factor, raised = rest.as_coeff_Mul()
    symbol, exponent = raised.as_base_exp()
    numbers = (constant, factor, exponent)
    if not isinstance(symbol, sp.Symbol) or not all(isinstance(number, sp.Rational) for number in numbers):
        return None
    if factor >= 0 or exponent >= 0:
        return None
    return ProductAtZero(symbol, Fraction(0), 0, *(Fraction(int(one.p), int(one.q)) for one in numbers))


def _power_of(one: sp.Expr, symbol: sp.Symbol) -> Fraction | None:
    base, exponent = one.as_base_exp()
    if base != symbol or not isinstance(exponent, sp.Rational):
        return None
    return Fraction(int(exponent.p), int(exponent.q))


def _number(one: Fraction) -> Interval:
    return interval(one, one)
