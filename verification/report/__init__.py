"""The HTML report: one self-contained page that needs no network and no script."""

from verification.report.page import write_report
from verification.report.words import formula, prose

__all__ = ["formula", "prose", "write_report"]
