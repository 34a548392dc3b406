"""The verdict on a comparison, and all words that the report has for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Verdict(Enum):
    """What a comparison with a reference found."""

    REFERENCE = auto()  # it is the reference itself
    NOT_SCORED = auto()
    IDENTICAL = auto()  # the same answer to every test image
    NOT_SIGNIFICANT = auto()
    SIGNIFICANT_FOR_THIS_PAIR = auto()  # but the difference may come from the seeds
    SIGNIFICANT = auto()


@dataclass(frozen=True)
class Wording:
    """The words for a verdict.

    Attributes:
        text: in tables.
        css_class: of its cell on the page.
        of_others: begins a sentence that lists several values with this verdict; "" for verdicts that are not listed.
    """

    text: str
    css_class: str
    of_others: str = ""


WORDINGS = {
    Verdict.REFERENCE: Wording("reference", "reference"),
    Verdict.NOT_SCORED: Wording("not scored", "quiet"),
    Verdict.IDENTICAL: Wording("identical", "quiet", "Identical to the reference, image by image"),
    Verdict.NOT_SIGNIFICANT: Wording("not significant", "quiet", "Not significant"),
    Verdict.SIGNIFICANT_FOR_THIS_PAIR: Wording(
        "significant for this pair of runs",
        "pair-of-runs",
        "Significant for this pair of runs, perhaps only by their seeds",
    ),
    Verdict.SIGNIFICANT: Wording("significant", "significant", "Also significant"),
}

LISTED = (Verdict.SIGNIFICANT, Verdict.SIGNIFICANT_FOR_THIS_PAIR, Verdict.NOT_SIGNIFICANT, Verdict.IDENTICAL)
"""The verdicts in the order in which a study's sentences list them."""
