"""A notation for formulas that a reader of a diff can read and that reads back as exactly the same expression.

Python's own syntax, with every product, sum and power left unevaluated: what was stored is what comes back, also where
SymPy would write it differently today. Names that are not identifiers (w*, rho_{L+1}) get one, and a table says what
each stands for: its name in the formula, what kind of thing it is and what it is assumed to be.
"""

import ast
import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef, UndefinedFunction
from sympy.core.relational import Relational
from sympy.logic import boolalg
from sympy.matrices.expressions.matexpr import MatrixElement

from numerics.errors import ArgumentError

Names = Mapping[Any, str]  # what a name stands for -> the name in the notation
Meanings = Mapping[str, Any]  # the other way round

_CONSTANTS = {"pi": sp.pi, "E": sp.E, "I": sp.I, "oo": sp.oo, "true": sp.true, "false": sp.false}
_CONSTRUCTORS = {
    constructor.__name__: constructor
    for constructor in (
        *(sp.Add, sp.Mul, sp.Pow, sp.Max, sp.Min),
        *(sp.exp, sp.log, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.Abs, sp.re, sp.sign, sp.KroneckerDelta),
        *(boolalg.And, boolalg.Or, boolalg.Not, boolalg.Implies, boolalg.Equivalent),
        *(sp.Sum, sp.Product, sp.Integral, sp.Limit, sp.Derivative, sp.Subs),
        *(sp.MatAdd, sp.MatMul, sp.MatPow, sp.Transpose, sp.Inverse, sp.Trace, sp.Determinant, MatrixElement),
        *(sp.Identity, sp.ZeroMatrix, sp.ImmutableDenseMatrix),
    )
}
_EVALUATED = (sp.Function, sp.Add, sp.Mul, sp.Pow, sp.Max, sp.Min, boolalg.BooleanFunction)
_RELATIONS: dict[type, tuple[str, type]] = {
    sp.Equality: ("==", ast.Eq),
    sp.Unequality: ("!=", ast.NotEq),
    sp.StrictLessThan: ("<", ast.Lt),
    sp.LessThan: ("<=", ast.LtE),
    sp.StrictGreaterThan: (">", ast.Gt),
    sp.GreaterThan: (">=", ast.GtE),
}
_RESERVED = {*_CONSTANTS, *_CONSTRUCTORS, "sqrt"}
_SUM, _PRODUCT, _POWER, _ATOM = range(4)
#: Facts about a symbol, those first that say most; the rest of what is assumed follows from them.
_FACTS = ("positive", "negative", "nonnegative", "nonpositive", "integer", "real", "nonzero", "complex", "commutative")


def without_dummies(formula: sp.Basic) -> sp.Basic:
    """The formula with SymPy's throw-away symbols, which never equal those of another run, given plain names."""
    if isinstance(formula, Relational):
        return formula.func(*map(without_dummies, formula.args), evaluate=False)
    dummies = [node for node in sp.preorder_traversal(formula) if isinstance(node, sp.Dummy)]
    named = {
        dummy: sp.Symbol(f"_{dummy.name}" + (f"_{number}" if number else ""), **dummy.assumptions0)
        for number, dummy in enumerate(dict.fromkeys(dummies))
    }
    return formula.xreplace(named) if named else formula


def names_of(formulas: Iterable[sp.Basic]) -> dict[Any, str]:
    """An identifier for everything named in the formulas, in the order in which it appears."""
    names: dict[Any, str] = {}
    taken = set(_RESERVED)
    for formula in formulas:
        for thing in _named(formula):
            if thing in names:
                continue
            stem = _identifier(_own_name(thing))
            candidates = (stem + (f"_{number}" if number > 1 else "") for number in range(1, len(taken) + 2))
            names[thing] = next(name for name in candidates if name not in taken)
            taken.add(names[thing])
    return names


def table_of(names: Names) -> dict[str, str]:
    """What each identifier stands for, as text: 'w*: positive', 'A: matrix k by n, real', 'f: function'."""
    return {name: _declaration(thing, names) for thing, name in names.items()}


def meanings(table: Mapping[str, str]) -> dict[str, Any]:
    """What `table_of` wrote, read back. Raises ArgumentError."""
    found: dict[str, Any] = {}
    for name, declaration in table.items():
        found[name] = _declared(declaration, found)
    return found


def written(formula: sp.Basic, names: Names) -> str:
    """The formula in the notation: infix where that is exact, as calls (Add(x, y)) where it is not.

    Raises ArgumentError for a node that the notation has no word for.
    """
    known = {name: thing for thing, name in names.items()}
    for infix in (True, False):
        text = _Writer(names, infix).write(formula)
        if read(text, known) == formula:
            return text
    raise ArgumentError("formula", formula, "one that reads back as it was written")


def read(text: str, known: Meanings) -> sp.Basic:
    """The formula that was written. Raises ArgumentError for text that is not in the notation."""
    try:
        return _read(ast.parse(text, mode="eval").body, known)
    except (SyntaxError, KeyError, TypeError, ValueError) as error:
        raise ArgumentError("formula", text, f"in the notation of stored forms ({error})") from None


def facts(symbol: sp.Symbol) -> tuple[str, ...]:
    """The fewest facts from which everything assumed of a symbol follows, such as ('positive', 'integer')."""
    return _facts(tuple(sorted(symbol.assumptions0.items())))


@lru_cache(maxsize=512)
def _facts(assumed: tuple[tuple[str, bool], ...]) -> tuple[str, ...]:
    rank = {fact: number for number, fact in enumerate(_FACTS)}
    kept = sorted(assumed, key=lambda item: (not item[1], rank.get(item[0], len(rank)), item[0]))
    for item in reversed(kept):
        fewer = dict(one for one in kept if one != item)
        if tuple(sorted(sp.Symbol("x", **fewer).assumptions0.items())) == assumed:
            kept.remove(item)
    return tuple(fact if true else f"not {fact}" for fact, true in kept)


def _named(node: sp.Basic) -> Iterator[Any]:
    if isinstance(node, (sp.Symbol, sp.IndexedBase)):
        yield node
        return
    parts = node.args[:3] if isinstance(node, sp.Limit) else node.shape if _is_matrix_symbol(node) else node.args
    for part in parts:
        yield from _named(part)
    if _is_matrix_symbol(node):
        yield node
    if isinstance(node, AppliedUndef):
        yield node.func


def _is_matrix_symbol(node: Any) -> bool:
    return isinstance(node, sp.MatrixSymbol)


def _own_name(thing: Any) -> str:
    return str(thing.__name__ if isinstance(thing, UndefinedFunction) else thing.name)


def _identifier(name: str) -> str:
    spelled = name.replace("*", "_star").replace("'", "_prime").replace("+", "_plus_").replace("/", "_over_")
    stem = re.sub(r"_{2,}", "_", re.sub(r"[^0-9A-Za-z_]", "_", spelled)).strip("_") or "name"
    return f"_{stem}" if stem[0].isdigit() or keyword.iskeyword(stem) else stem


def _declaration(thing: Any, names: Names) -> str:
    if _is_matrix_symbol(thing):
        rows, columns = (_Writer(names, True).write(side) for side in thing.shape)
        return f"{thing.name}: matrix {rows} by {columns}"
    if isinstance(thing, sp.IndexedBase):
        if thing != sp.IndexedBase(thing.name):
            raise ArgumentError("formula", thing, "an indexed name without shape or assumptions")
        return f"{thing.name}: indexed"
    if isinstance(thing, UndefinedFunction):
        assumed = [fact if true else f"not {fact}" for fact, true in thing._kwargs.items()]
        return f"{_own_name(thing)}: {', '.join(['function', *assumed])}"
    return f"{thing.name}: {', '.join(facts(thing))}"


def _declared(declaration: str, known: Meanings) -> Any:
    name, colon, words = declaration.rpartition(": ")
    if not colon:
        raise ArgumentError("symbols", declaration, "NAME: FACTS")
    if words.startswith("matrix "):
        rows, _, columns = words.removeprefix("matrix ").partition(" by ")
        return sp.MatrixSymbol(name, read(rows, known), read(columns, known))
    if words == "indexed":
        return sp.IndexedBase(name)
    listed = [word for word in words.split(", ") if word]
    assumed = {word.removeprefix("not "): not word.startswith("not ") for word in listed if word != "function"}
    try:
        return sp.Function(name, **assumed) if "function" in listed else sp.Symbol(name, **assumed)
    except (ValueError, TypeError) as error:
        raise ArgumentError("symbols", declaration, f"NAME: FACTS ({error})") from None


class _Writer:
    """Writes formulas with the given names; `infix` uses + - * / ** for what they say exactly."""

    def __init__(self, names: Names, infix: bool) -> None:
        self._names = names
        self._infix = infix

    def write(self, node: sp.Basic) -> str:
        return self._write(node)[0]

    def _write(self, node: Any) -> tuple[str, int]:
        """The text, and how tightly it binds."""
        if node in self._names:
            return self._names[node], _ATOM
        for name, constant in _CONSTANTS.items():
            if node is constant:
                return name, _ATOM
        if isinstance(node, sp.Rational):
            return str(node), _ATOM if node.is_Integer and node >= 0 else _SUM
        if isinstance(node, Relational):
            left, right = (self._inside(side, _SUM) for side in node.args)
            return f"{left} {_RELATIONS[node.func][0]} {right}", -1
        if self._infix and isinstance(node, sp.Add):
            return self._sum(node), _SUM
        if self._infix and isinstance(node, sp.Mul):
            return self._product(node.args)
        if self._infix and isinstance(node, sp.Pow):
            return self._power(node)
        if isinstance(node, sp.Indexed):
            return f"{self._names[node.base]}[{', '.join(map(self.write, node.indices))}]", _ATOM
        if isinstance(node, sp.Tuple):
            parts = ", ".join(map(self.write, node))
            return f"({parts}{',' if len(node) == 1 else ''})", _ATOM
        return self._call(node), _ATOM

    def _inside(self, node: Any, least: int) -> str:
        text, binding = self._write(node)
        return text if binding >= least else f"({text})"

    def _call(self, node: Any) -> str:
        if isinstance(node, AppliedUndef):
            return f"{self._names[node.func]}({', '.join(map(self.write, node.args))})"
        name = type(node).__name__
        if name not in _CONSTRUCTORS:
            raise ArgumentError("formula", node, f"made of what the notation has words for; add {name} to them")
        if isinstance(node, sp.ImmutableDenseMatrix):
            rows = (f"[{', '.join(map(self.write, row))}]" for row in node.tolist())
            return f"{name}([{', '.join(rows)}])"
        if isinstance(node, sp.Limit):
            return f"Limit({', '.join(map(self.write, node.args[:3]))}, {str(node.args[3])!r})"
        return f"{name}({', '.join(map(self.write, node.args))})"

    def _sum(self, node: sp.Add) -> str:
        text = self._inside(node.args[0], _SUM)
        for term in node.args[1:]:
            inside = self._inside(term, _SUM if not isinstance(term, sp.Add) else _PRODUCT)
            text += f" - {inside[1:]}" if inside.startswith("-") else f" + {inside}"
        return text

    def _product(self, factors: tuple[Any, ...]) -> tuple[str, int]:
        first, *rest = factors
        if first is sp.S.NegativeOne:
            text, _ = self._product(tuple(rest))
            return f"-{text}", _SUM
        text = str(first) if isinstance(first, sp.Rational) else self._inside(first, _PRODUCT)
        for factor in rest:
            text += self._divisor(factor) or f"*{self._inside(factor, _POWER)}"
        return text, _SUM if text.startswith("-") else _PRODUCT

    def _divisor(self, factor: Any) -> str | None:
        """'/x**2' for x**(-2)."""
        if not (isinstance(factor, sp.Pow) and isinstance(factor.exp, sp.Rational) and factor.exp < 0):
            return None
        return f"/{self._inside(sp.Pow(factor.base, -factor.exp, evaluate=False), _POWER)}"

    def _power(self, node: sp.Pow) -> tuple[str, int]:
        if divisor := self._divisor(node):
            return f"1{divisor}", _PRODUCT
        if node.exp is sp.S.Half:
            return f"sqrt({self.write(node.base)})", _ATOM
        if node.exp is sp.S.One:
            return self._write(node.base)
        return f"{self._inside(node.base, _ATOM)}**{self._inside(node.exp, _ATOM)}", _POWER


def _read(node: ast.expr, known: Meanings) -> Any:
    match node:
        case ast.Constant(value=int() | str()):
            return sp.Integer(node.value) if isinstance(node.value, int) else node.value
        case ast.Name():
            return _CONSTANTS[node.id] if node.id in _CONSTANTS else known[node.id]
        case ast.Tuple():
            return sp.Tuple(*(_read(part, known) for part in node.elts))
        case ast.List():
            return [_read(part, known) for part in node.elts]
        case ast.Subscript():
            indices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return sp.Indexed(_read(node.value, known), *(_read(index, known) for index in indices))
        case ast.Compare(ops=[comparison], comparators=[right]):
            relation = next(kind for kind, (_, operator) in _RELATIONS.items() if isinstance(comparison, operator))
            return relation(_read(node.left, known), _read(right, known), evaluate=False)
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return sp.Add(*_terms(node, known), evaluate=False)
        case ast.BinOp(op=ast.Mult() | ast.Div()) | ast.UnaryOp(op=ast.USub()):
            return _multiplied(_factors(node, known))
        case ast.BinOp(op=ast.Pow()):
            return sp.Pow(_read(node.left, known), _read(node.right, known), evaluate=False)
        case ast.Call(func=ast.Name(id=name), keywords=[]):
            return _called(name, [_read(part, known) for part in node.args], known)
    raise ValueError(f"{ast.unparse(node)} has no meaning")


def _called(name: str, parts: list[Any], known: Meanings) -> Any:
    if name == "sqrt":
        return sp.Pow(parts[0], sp.S.Half, evaluate=False)
    constructor: Callable[..., Any] = _CONSTRUCTORS[name] if name in _CONSTRUCTORS else known[name]
    unevaluated = isinstance(constructor, type) and issubclass(constructor, _EVALUATED)
    return constructor(*parts, evaluate=False) if unevaluated else constructor(*parts)


def _terms(node: ast.expr, known: Meanings) -> list[Any]:
    """The terms of a sum that is written without brackets, in order."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)):
        return [_read(node, known)]
    term = _read(node.right, known)
    if isinstance(node.op, ast.Sub):
        term = -term if isinstance(term, sp.Rational) else _multiplied(_negated(_split(term)))
    return [*_terms(node.left, known), term]


def _factors(node: ast.expr, known: Meanings) -> list[Any]:
    """The factors of a product that is written without brackets, in order, a rational coefficient as one of them."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _negated(_factors(node.operand, known))
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)):
        return [_read(node, known)]
    before, factor = _factors(node.left, known), _read(node.right, known)
    if isinstance(node.op, ast.Mult):
        return [*before, factor]
    if len(before) == 1 and isinstance(before[0], sp.Integer) and isinstance(factor, sp.Integer):
        return [before[0] / factor]
    if isinstance(factor, sp.Pow) and isinstance(factor.exp, sp.Rational):
        inverse = sp.Pow(factor.base, -factor.exp, evaluate=False)
    else:
        inverse = sp.Pow(factor, -1, evaluate=False)
    return [inverse] if before == [sp.S.One] else [*before, inverse]


def _split(term: Any) -> list[Any]:
    return list(term.args) if isinstance(term, sp.Mul) else [term]


def _negated(factors: list[Any]) -> list[Any]:
    first, *rest = factors
    if isinstance(first, sp.Rational):
        return [-first, *rest]
    return [sp.S.NegativeOne, *factors]


def _multiplied(factors: list[Any]) -> Any:
    return factors[0] if len(factors) == 1 else sp.Mul(*factors, evaluate=False)
