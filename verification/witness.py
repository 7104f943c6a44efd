"""Counterexamples, stored as small files and read back to be judged again."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from numerics.errors import ArgumentError
from numerics.exact import exact
from verification.evidence import Evidence
from verification.files import whole_file
from verification.parameters import IntegerRange, Parameters, Point

#: Where witnesses are kept, unless the environment variable says otherwise.
DATABASE = Path(".rankproof")
VARIABLE = "RANKPROOF_DATABASE"


#: Types of what is stored, by the keys of `Witness`.
_KINDS: dict[str, Any] = {
    "statement": str,
    "file": str | None,
    "check": int,
    "kind": str,
    "clauses": list,
    "point": dict,
    "seed": int | None,
    "digits": int | None,
    "versions": str,
    "command": str,
}


@dataclass(frozen=True)
class Witness:
    """A counterexample as it is stored: which check of which statement, and the exact values of the parameters.

    file: the user's file that the statement comes from, None for the catalogue (on disk it is relative to the witness's
    own folder, so that it is found from wherever one works, and moves along with it); check: its place among the
    statement's checks; the rest says how it was found.
    """

    statement: str
    file: str | None
    check: int
    kind: str
    clauses: tuple[str, ...]
    point: dict[str, str]
    seed: int | None
    digits: int | None
    versions: str
    command: str

    def name(self) -> str:
        """The file's name: the same for the same point of the same check of the same file."""
        key = json.dumps(
            [self.statement, self.check, self.kind, sorted(self.point.items()), *filter(None, [self.file])]
        )
        return f"{self.kind}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.json"


def database() -> Path:
    """The directory of stored witnesses; RANKPROOF_DATABASE overrides `.rankproof` in the current directory."""
    return Path(os.environ.get(VARIABLE) or DATABASE)


def store(witness: Witness) -> Path:
    """Write a witness into the database, whole or not at all, and return its path."""
    folder = database() / "witnesses" / witness.statement
    witness = replace(witness, file=_relative(witness.file, folder))
    path = folder / witness.name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(VARIABLE, database(), f"a directory that can be written ({error.strerror})") from None
    with whole_file("WITNESS", path) as temporary:
        temporary.write_text(json.dumps(asdict(witness), indent=1) + "\n")
    return path


def _relative(file: str | None, folder: Path) -> str | None:
    """A user's file as seen from the folder of the witness; absolute where no relative path leads there."""
    if file is None:
        return None
    target = Path(file).resolve()
    try:
        return Path(os.path.relpath(target, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(target)


def _from_here(file: str | None, path: Path) -> str | None:
    """The user's file that a stored witness names, as an absolute path."""
    return None if file is None else os.path.normpath(path.parent.resolve() / file)


def stored(statement_id: str, file: str | None) -> Iterator[tuple[Path, Witness | None]]:
    """Every file that the database holds for a statement, in the order of their names; None for an unreadable one."""
    folder = database() / "witnesses" / statement_id
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            witness = read(path)
        except ArgumentError:
            yield path, None
            continue
        if witness.statement == statement_id and _same_file(witness.file, file):
            yield path, witness


def _same_file(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return Path(one).resolve() == Path(other).resolve()


def read(path: Path) -> Witness:
    """A stored witness; raises ArgumentError for anything that is not one."""
    expected = "a file that rankproof wrote for a counterexample"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArgumentError("WITNESS", path, "an existing file") from None
    except OSError as error:
        raise ArgumentError("WITNESS", path, f"{expected} ({error.strerror})") from None
    except ValueError:
        raise ArgumentError("WITNESS", path, f"{expected}; it is not JSON") from None
    if not isinstance(found, dict) or set(found) != set(Witness.__dataclass_fields__):
        raise ArgumentError("WITNESS", path, f"{expected}; its keys are {', '.join(Witness.__dataclass_fields__)}")
    for key, kind in _KINDS.items():
        if not isinstance(found[key], kind) or isinstance(found[key], bool):
            raise ArgumentError("WITNESS", path, f"{expected}; its {key} is {found[key]!r}")
    for key, least in (("check", 0), ("seed", 0), ("digits", 1)):
        if found[key] is not None and found[key] < least:
            raise ArgumentError("WITNESS", path, f"{expected}; its {key} is {found[key]}, below {least}")
    texts = [*found["clauses"], *found["point"], *found["point"].values()]
    if not found["clauses"] or not all(isinstance(text, str) for text in texts):
        raise ArgumentError("WITNESS", path, f"{expected}; its clauses and point are not text")
    return Witness(**{**found, "clauses": tuple(found["clauses"]), "file": _from_here(found["file"], path)})


def point_from(texts: Mapping[str, str], domain: Parameters) -> Point:
    """The exact point of a domain from its texts; raises ArgumentError when it is not one."""
    point: Point = {}
    for name in texts:
        if name not in map(str, domain.symbols):
            raise ArgumentError("WITNESS", name, f"a parameter of the domain, {domain}")
    for one in domain.ranges:
        name = str(one.symbol)
        if name not in texts:
            raise ArgumentError("WITNESS", name, f"given a value in {one}")
        try:
            number = exact(name, texts[name], infinity=True)
        except ArgumentError as error:
            raise ArgumentError("WITNESS", f"{name} = {texts[name]}", error.expected) from None
        whole = isinstance(one, IntegerRange) and isinstance(number, Fraction) and number.denominator == 1
        point[one.symbol] = int(number) if whole else number
        if not one.contains(point[one.symbol]):
            raise ArgumentError("WITNESS", f"{name} = {texts[name]}", f"in its domain, {one}")
    return point


def from_evidence(
    statement_id: str, domain: Parameters, file: str | None, check: int, evidence: Evidence, command: str
) -> Witness | None:
    """What is stored of a refutation: the parameters alone, observables are measured again; None without a point."""
    names = {str(symbol) for symbol in domain.symbols}
    point = {name: text for name, text in (evidence.witness or {}).items() if name in names}
    if evidence.kind == "symbolic" or set(point) != names:
        return None
    return Witness(
        statement_id,
        file,
        check,
        evidence.kind,
        evidence.clauses,
        point,
        evidence.seed,
        evidence.digits,
        evidence.versions,
        command,
    )
