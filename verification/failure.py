"""What a check that failed or could not decide says, as lines for a terminal or for pytest."""

from verification.evidence import Evidence

_BOXES = 3  # sub-boxes named on a terminal; JSON and the report name more


def failure_lines(one: Evidence) -> list[str]:
    """The verdict with its reason; below it, indented, the witness and what to do next."""
    lines = [f"{one.kind}: {one.verdict}: {one.summary}"]
    if one.witness:
        lines.append("  at " + ", ".join(f"{name} = {value}" for name, value in one.witness.items()))
    lines += [f"  {line}" for line in one.substituted]
    if one.replay:
        lines.append(f"  replay: {one.replay}")
    lines += [f"  left: {box}" for box in one.open_boxes[:_BOXES]]
    if one.remedy:
        lines.append(f"  {one.remedy}")
    return lines
