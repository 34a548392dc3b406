"""Verdicts on comparisons, and their wording in the report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Verdict(Enum):
    """Result of a comparison with the reference."""

    REFERENCE = auto()  # this is the reference
    NOT_SCORED = auto()
    IDENTICAL = auto()  # both networks classify exactly the same test images correctly
    NOT_SIGNIFICANT = auto()
    SIGNIFICANT_FOR_THIS_PAIR = auto()  # significant for the two networks, but the seeds alone could explain it
    SIGNIFICANT = auto()


@dataclass(frozen=True)
class Wording:
    """Wording of a verdict.

    Attributes:
        text: text in tables.
        css_class: CSS class of its table cell on the page.
        list_start: beginning of a sentence that lists the values with this verdict; "" if it is never listed.
    """

    text: str
    css_class: str
    list_start: str = ""


WORDINGS = {
    Verdict.REFERENCE: Wording("reference", "reference"),
    Verdict.NOT_SCORED: Wording("not scored", "quiet"),
    Verdict.IDENTICAL: Wording("identical runs", "quiet", "Identical to the reference on every test image"),
    Verdict.NOT_SIGNIFICANT: Wording("not significant", "quiet", "Not significant"),
    Verdict.SIGNIFICANT_FOR_THIS_PAIR: Wording(
        "significant for this pair of runs",
        "pair-of-runs",
        "Significant for this pair of runs, but possibly only because of the seeds",
    ),
    Verdict.SIGNIFICANT: Wording("significant", "significant", "Also significant"),
}

LISTED = (Verdict.SIGNIFICANT, Verdict.SIGNIFICANT_FOR_THIS_PAIR, Verdict.NOT_SIGNIFICANT, Verdict.IDENTICAL)
"""Verdicts in the order in which a study lists them."""
