"""The API reference: a directive that documents every public name of a package from its docstring, by subject."""

import importlib
import inspect
import re
from enum import Enum
from types import ModuleType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_LITERAL = re.compile(r"(``.*?``|`[^`]+`)")
_MARKUP = re.compile(r"[*|]|(?<=\w)_(?!\w)")


class PublicNames(SphinxDirective):
    """`.. public-names:: PACKAGE` documents `PACKAGE.__all__`, one section per file, in the order of the names."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Sections of autodoc directives; a name without a docstring is an error."""
        package = importlib.import_module(self.arguments[0])
        subjects: dict[str, list[str]] = {}
        for name in package.__all__:
            subjects.setdefault(_home(package, getattr(package, name)), []).append(name)
        lines: list[str] = []
        for home in sorted(subjects):
            module = importlib.import_module(home)
            title = home.partition(".")[2] or home
            summary = (inspect.getdoc(module) or "").split("\n\n")[0]
            lines += [title, "-" * len(title), "", *_escaped(summary.splitlines()), ""]
            for name in subjects[home]:
                lines += [*_directive(f"{package.__name__}.{name}", getattr(package, name)), ""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _home(package: ModuleType, thing: object) -> str:
    """The module of a class or function, or of the class of a constant; the package for what belongs to no module."""
    found: str = getattr(thing, "__module__", type(thing).__module__)
    return found if found.startswith(f"{package.__name__}.") else package.__name__


def _directive(name: str, thing: object) -> list[str]:
    if inspect.isfunction(thing):
        return [f".. autofunction:: {name}"]
    if not inspect.isclass(thing):
        package, _, constant = name.rpartition(".")
        return [f".. py:data:: {constant}", f"   :module: {package}", f"   :value: {thing!r}"]
    if issubclass(thing, Enum):
        return [f".. autoclass:: {name}()", "   :members:", "   :undoc-members:"]
    return [f".. auto{'exception' if issubclass(thing, BaseException) else 'class'}:: {name}", "   :members:"]


def _escaped(lines: list[str]) -> list[str]:
    """The lines with reStructuredText's own signs made plain, outside backticks: w* and |R|_F mean themselves."""
    return [
        "".join(
            part if number % 2 else _MARKUP.sub(lambda sign: "\\" + sign[0], part)
            for number, part in enumerate(_LITERAL.split(line))
        )
        for line in lines
    ]


def _plain_prose(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = _escaped(lines)


def _readable_default(
    app: Sphinx, what: str, name: str, thing: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Defaults that a dataclass makes anew, which Sphinx cannot parse as Python writes them."""
    return signature and signature.replace("<factory>", "..."), returns


def _without_fields(app: Sphinx, what: str, name: str, thing: object, skip: bool, options: object) -> bool | None:
    """Leaves out the fields of a named tuple, whose own docstring speaks of them."""
    return True if (inspect.getdoc(thing) or "").startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directive, and the reading of docstrings as plain prose."""
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-docstring", _plain_prose)
    app.connect("autodoc-process-signature", _readable_default)
    app.connect("autodoc-skip-member", _without_fields)
    return {"parallel_read_safe": True}
