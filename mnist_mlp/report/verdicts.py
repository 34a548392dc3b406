"""Verdicts on comparisons, and their wording in the report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Verdict(Enum):
    """Result of a comparison with the reference."""

    REFERENCE = auto()  # this is the reference
    NOT_SCORED = auto()
    IDENTICAL = auto()  # both presets gave the same networks
    FAILED = auto()  # one of the presets has not learned
    SMALL = auto()  # any difference is too small to matter
    INCONCLUSIVE = auto()
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
    Verdict.IDENTICAL: Wording("identical runs", "quiet", "Identical to the reference"),
    Verdict.FAILED: Wording("training fails", "significant"),
    Verdict.SMALL: Wording("less than 0.5 points", "quiet", "Less than 0.5 points from the reference"),
    Verdict.INCONCLUSIVE: Wording("inconclusive", "inconclusive", "Inconclusive"),
    Verdict.SIGNIFICANT: Wording("significant", "significant", "Also significant"),
}

LISTED = (Verdict.SIGNIFICANT, Verdict.INCONCLUSIVE, Verdict.SMALL, Verdict.IDENTICAL)
"""Verdicts in the order in which a study lists them."""

BY_IMPORTANCE = (Verdict.FAILED, *LISTED, Verdict.NOT_SCORED, Verdict.REFERENCE)
"""All verdicts. The first one that a study has is its main result."""
