"""Tests the page: its HTML, and how it looks in a browser at desktop and phone size."""

from __future__ import annotations

import html
import re
import urllib.parse
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import NamedTuple

import pytest
from selenium.webdriver.common.by import By

from mnist_mlp.presets.preset import Preset
from mnist_mlp.report.evidence import ReportedRun
from mnist_mlp.report.verdicts import WORDINGS, Verdict
from tests.report.reported import content_of, reported_run, write_report

EMPTY_TAGS = {"meta", "link", "img", "input", "br"}


class Element(NamedTuple):
    """An element of a page: its attributes, the tags and ids that it is in, and its text, with that of inner ones."""

    tag: str
    attributes: dict[str, str | None]
    around: list[str]
    texts: list[str]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


class Outline(HTMLParser):
    """The elements of a page, in order. Fails if tags are not closed in the right order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        around = [f"{one.tag}#{one.attributes['id']}" if "id" in one.attributes else one.tag for one in self._open]
        self.elements.append(Element(tag, dict(attributes), around, []))
        if tag not in EMPTY_TAGS:
            self._open.append(self.elements[-1])

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)

    def all(self, tag: str, inside: str = "") -> list[Element]:
        return [one for one in self.elements if one.tag == tag and (not inside or inside in one.around)]

    def texts(self, tag: str, inside: str = "") -> list[str]:
        return [one.text for one in self.all(tag, inside)]


def some_runs() -> list[ReportedRun]:
    """Returns runs with one significant study, one inconclusive study, and a hint what to train next."""
    return [
        reported_run(1, Preset(), (0.5, 0.98, 0.97), 0.98),
        reported_run(2, Preset(dropout=0.8), (0.5, 0.95, 0.9), 0.95),
        reported_run(3, Preset(epochs=50), (0.5, 0.979, 0.9), 0.984),
    ]


def runs_with_all_tables() -> list[ReportedRun]:
    final_fit = reported_run(4, Preset(final_fit=True), test_accuracy=0.99)
    return [*some_runs(), reported_run(1, Preset(), (0.5, 0.98, 0.97), 0.981, seed=7), final_fit]


def test_first_section_has_the_answer_and_the_commands(tmp_path):
    runs = some_runs()
    outline, conclusions = Outline(write_report(tmp_path, *runs)), content_of(*runs).conclusions
    assert conclusions.answer and conclusions.next_steps
    *paragraphs, last = outline.texts("p", "section#result")
    assert (paragraphs, last.startswith("Then score the new runs with MNIST_eval.py")) == (conclusions.answer, True)
    assert outline.texts("code", "ol") == [step.command for step in conclusions.next_steps]
    assert outline.texts("li", "section#result") == [
        f"{step.reason[:1].upper()}{step.reason[1:]}.{step.command}" for step in conclusions.next_steps
    ]
    assert outline.texts("h2")[0] == "Answer"


def test_answer_comes_before_the_figure_and_the_figure_before_the_steps(tmp_path):
    outline = Outline(write_report(tmp_path, *some_runs()))
    tags = [
        one.tag for one in outline.elements if "section#result" in one.around and one.tag in ("h2", "p", "img", "ol")
    ]
    assert tags == ["h2", "p", "p", "p", "img", "ol", "p"]


def test_best_preset_is_described_above_its_figures(tmp_path):
    runs = some_runs()
    outline, conclusions = Outline(write_report(tmp_path, *runs)), content_of(*runs).conclusions
    assert outline.texts("h2", "section#best") == ["One of the best networks: preset 1"]
    assert outline.texts("p", "section#best")[: len(conclusions.sentences)] == conclusions.sentences


def test_studies_without_a_significant_difference_are_folded(tmp_path):
    outline = Outline(write_report(tmp_path, *some_runs()))
    folded = {one.attributes["id"]: "details" in one.around for one in outline.all("article", "section#studies")}
    assert folded == {"dropout": False, "epochs": True}
    assert outline.texts("summary") == ["1 study without a significant difference. Inconclusive: epochs"]
    assert ["open" in one.attributes for one in outline.all("details")] == [False]


def test_folded_studies_are_grouped_by_verdict(tmp_path):
    same = [reported_run(number, preset) for number, preset in ((4, Preset(shear=0.1)), (5, Preset(shift=1.0)))]
    base = Preset(hidden_sizes=(40,), activation="gelu")
    other = [reported_run(6, base, (0.5, 0.9, 0.8), 0.97), reported_run(7, base.but(epochs=50), (0.5, 0.9, 0.8), 0.972)]
    (summary,) = Outline(write_report(tmp_path, *some_runs(), *same, *other)).texts("summary")
    start, *groups = summary.split(". ")
    assert start == "4 studies without a significant difference"
    assert groups == ["Inconclusive: epochs (2)", "Not scored: shear, shift"]


def test_studies_of_the_same_hyperparameter_have_different_titles(tmp_path):
    base = Preset(activation="gelu", epochs=7)
    other = [reported_run(4, base, (0.5, 0.9, 0.8), 0.97), reported_run(5, base.but(dropout=0.8), (0.5, 0.9, 0.8), 0.9)]
    outline = Outline(write_report(tmp_path, *some_runs(), *other))
    titles = sorted(title for title in outline.texts("h3", "section#studies") if title.startswith("Dropout"))
    assert titles == ["Dropout gelu, 7 epochs", "Dropout relu, 100 epochs"]


def test_study_table_shows_differences_of_failed_networks_without_a_test(tmp_path):
    runs = [*some_runs(), reported_run(4, Preset(learning_rate=1.0), (0.1, 0.1, 0.1), 0.1135)]
    outline = Outline(write_report(tmp_path, *runs))
    assert outline.texts("td", "article#learning_rate")[4:] == [
        *("1preset 4", "training fails", "11.35%val. 10.00%", "\N{MINUS SIGN}86.65")
    ]
    (verdict,) = (one for one in outline.all("td", "article#learning_rate") if one.text == "training fails")
    assert verdict.attributes["class"] == "verdict significant worse"


def test_studies_are_open_if_none_has_a_significant_difference(tmp_path):
    undecided = reported_run(2, Preset(epochs=50), test_accuracy=0.981)
    outline = Outline(write_report(tmp_path, some_runs()[0], undecided))
    assert ["open" in one.attributes for one in outline.all("details")] == [True]


def test_page_can_be_used_with_the_keyboard(tmp_path):
    outline = Outline(write_report(tmp_path, *runs_with_all_tables()))
    first = next(one for one in outline.elements if one.around == ["html", "body"])
    assert (first.tag, first.attributes["href"]) == ("a", "#result")
    assert outline.all("section")[0].attributes["id"] == "result"
    scrolled = [one.attributes for one in outline.all("div") if "scroll" in (one.attributes.get("class") or "").split()]
    assert len(scrolled) == len(outline.all("table")) == 5
    assert [(one["tabindex"], one["role"]) for one in scrolled] == [("0", "region")] * 5
    assert len({one["aria-label"] for one in scrolled}) == 5
    assert {one.around[-1] for one in outline.all("button")} == {"th"}  # sorting


def test_all_tables_have_captions_and_can_scroll(tmp_path):
    outline = Outline(write_report(tmp_path, *runs_with_all_tables()))
    captions = outline.texts("caption")
    assert len(captions) == len(outline.all("table")) == len(set(captions)) == 5
    assert "All runs" in captions
    assert any(caption.startswith("All presets, with means and 95% intervals over seeds.") for caption in captions)
    assert all(one.around[-1].startswith("div") for one in outline.all("table"))
    assert {one.attributes["scope"] for one in outline.all("th")} == {"col"}


def rows_of(outline: Outline, label: str) -> list[dict[str, str]]:
    """Returns the rows of the table in the region with this label, by heading."""
    start = next(
        at for at, one in enumerate(outline.elements) if one.attributes.get("aria-label", "").startswith(label)
    )
    inside = outline.elements[start + 1 :]
    end = next((at for at, one in enumerate(inside) if one.tag == "div"), None)
    headings = [one.text for one in inside[:end] if one.tag == "th"]
    cells = [one.text for one in inside[:end] if one.tag == "td"]
    return [
        dict(zip(headings, cells[at : at + len(headings)], strict=True)) for at in range(0, len(cells), len(headings))
    ]


def test_runs_table_is_sorted_by_preset_and_seed(tmp_path):
    runs = [
        reported_run(number, Preset(epochs=number), seed=seed) for number, seed in ((10, 1), (9, 7), (9, 3), (2, 5))
    ]
    changed = reported_run(9, Preset(epochs=9, dropout=0.5), seed=1)
    changed.record.changed = ["dropout"]
    rows = rows_of(Outline(write_report(tmp_path, changed, *runs)), "All runs")
    assert [(row["preset"], row["seed"]) for row in rows] == [
        *(("2", "5"), ("9", "3"), ("9", "7"), ("9 (dropout=0.5)", "1"), ("10", "1"))
    ]


def test_constant_columns_of_the_runs_table_can_be_shown(tmp_path):
    outline = Outline(write_report(tmp_path, *some_runs()))
    same = {one.text for one in outline.all("th", "div#runs-table") if "same" in one.attributes["class"].split()}
    assert {"activation", "seed", "learning rate"} <= same
    assert not {"preset", "dropout", "epochs", "test accuracy"} & same
    (checkbox,) = outline.all("input")
    assert (checkbox.attributes["id"], "checked" in checkbox.attributes) == ("only-differences", True)
    (table,) = (one for one in outline.all("div") if one.attributes.get("id") == "runs-table")
    assert "only-differences" in table.attributes["class"].split()


def test_table_of_one_run_has_no_constant_columns(tmp_path):
    outline = Outline(write_report(tmp_path, some_runs()[0]))
    assert outline.all("input") == []
    assert [one for one in outline.all("th", "div#runs-table") if "same" in one.attributes["class"].split()] == []


def test_presets_table_leaves_out_hyperparameters_that_are_the_same(tmp_path):
    rows = rows_of(Outline(write_report(tmp_path, *runs_with_all_tables())), "All presets")
    assert [row["preset"] for row in rows] == ["1", "2", "3"]
    assert {"seeds", "test accuracy", "validation accuracy", "dropout", "epochs", "training time"} <= set(rows[0])
    assert not {"activation", "learning rate", "weight decay"} & set(rows[0])


def test_links_lead_to_sections_that_exist(tmp_path):
    for number, runs in enumerate((some_runs(), some_runs()[:1])):
        (tmp_path / str(number)).mkdir()
        outline = Outline(write_report(tmp_path / str(number), *runs))
        ids = [one.attributes["id"] for one in outline.elements if "id" in one.attributes]
        links = {one.attributes["href"] for one in outline.all("a")}
        assert links <= {f"#{name}" for name in ids}
        assert len(ids) == len(set(ids))


def test_figures_are_embedded_as_svg_with_alt_texts(tmp_path):
    runs = some_runs()
    page, content = write_report(tmp_path, *runs), content_of(*runs)
    assert "base64" not in page
    assert "image/png" not in page
    images = [one.attributes for one in Outline(page).all("img")]
    alts = [image["alt"] for image in images]
    for finding in content.findings:
        assert any(alt.startswith(f"{finding.headline}. Top: test accuracy. Curves: ") for alt in alts)
    assert "Best epoch: 2 of 3. Preset 1, seed 1602." in " ".join(alts)
    assert len(set(alts)) == len(alts) == len(list(tmp_path.glob("*.svg")))
    for image in images:
        start, _, svg = image["src"].partition(",")
        assert start == "data:image/svg+xml"
        assert ET.fromstring(urllib.parse.unquote(svg)).tag.endswith("svg")


def test_page_is_self_contained(evaluated):
    page = (evaluated / "out" / "report.html").read_text()
    outline = Outline(page)
    addresses = [one.attributes[name] for one in outline.elements for name in ("src", "href") if name in one.attributes]
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "//" not in re.sub(r'src="[^"]*"|^.*//  .*$|// [a-z]', "", page, flags=re.M)
    policy = next(one.attributes["content"] for one in outline.all("meta") if "http-equiv" in one.attributes)
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_page_of_one_run_has_no_studies_and_no_effects(tmp_path):
    outline = Outline(write_report(tmp_path, reported_run(1, Preset(), test_accuracy=0.98)))
    sections = [one.attributes["id"] for one in outline.all("section")]
    assert sections == ["result", "best", "runs", "method"]
    assert not (tmp_path / "effects.svg").exists()
    paragraphs = outline.texts("p", "section#result")
    assert paragraphs[0].startswith("Preset 1 has a validation accuracy of 90.00%.")
    assert paragraphs[1].startswith("There is no study yet, because no two of these presets differ in exactly one")
    (command,) = outline.texts("code", "section#result")
    assert command.endswith("MNIST_train.py --presets 1 --set dropout=0.5")


def test_page_of_final_fits_has_their_accuracy_but_no_best_network(tmp_path):
    outline = Outline(write_report(tmp_path, reported_run(1, Preset(final_fit=True), test_accuracy=0.98)))
    assert [one.attributes["id"] for one in outline.all("section")] == ["result", "runs", "method"]
    assert outline.texts("p", "section#result")[0].startswith("There is nothing to compare yet: no run has finished")
    assert "final fit: preset 1" in outline.texts("td", "section#runs")
    assert outline.all("img") == []


def test_methods_describe_the_spread_the_family_and_all_verdicts(tmp_path):
    runs = [*some_runs(), reported_run(1, Preset(), (0.5, 0.98, 0.97), 0.983, seed=7)]
    page = " ".join(html.unescape(write_report(tmp_path, *runs)).split())
    spread = content_of(*runs).spread
    methods = page[page.index('<section id="method"') :]
    assert (
        f"The pooled value is {spread.learned.deviation:.3f} for presets with a test accuracy of at least 90% (11 deg"
        in methods
    )
    assert f"at an accuracy of 98% is {spread.learned.at(0.98) * 100:.2f} points." in methods
    assert "pooled over the presets with several seeds in this report (1)" in methods
    assert "All tested differences (2) are one family: those in the studies," in methods
    assert "Because 2 differences are tested, each one must pass a stricter test than a single one would." in methods
    assert "If the validation accuracy is below 20%, training has failed" in methods
    explained = set(Verdict) - {Verdict.REFERENCE, Verdict.NOT_SCORED}
    assert all(f"<b>{WORDINGS[verdict].text}</b>" in methods for verdict in explained)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7 * 7 }}"])
def test_hostile_names_are_shown_as_text(tmp_path, name):
    run = reported_run(1, Preset(), test_accuracy=0.98)
    run.name = name
    outline = Outline(write_report(tmp_path, run))
    assert name in outline.texts("td", "section#runs")
    assert len(outline.all("script")) == 1


def column(browser, heading: str) -> list[str]:
    """Returns the texts of a column of the runs table, in their current order."""
    return browser.execute_script(
        """
        const table = document.querySelector("#runs-table table");
        const index = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent.trim() === arguments[0]);
        return [...table.tBodies[0].rows].map(row => row.cells[index].textContent.trim());
        """,
        heading,
    )


def click_heading(browser, heading: str) -> None:
    browser.find_element(By.XPATH, f"//*[@id='runs-table']//button[.='{heading}']").click()


def visible_headings(browser) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, "#runs-table th")
    return [cell.text.strip() for cell in cells if cell.is_displayed()]


def test_page_loads_without_console_errors_and_shows_all_figures(browser, evaluated, tmp_path):
    browser.get((evaluated / "out" / "report.html").as_uri())
    browser.save_screenshot(str(tmp_path / "report.png"))
    assert browser.get_log("browser") == []
    pictures = browser.find_elements(By.CSS_SELECTOR, "img")
    assert len(pictures) >= 4
    assert all(picture.get_property("naturalWidth") > 300 for picture in pictures)
    assert all(picture.get_attribute("alt") for picture in pictures)


def test_clicking_a_heading_sorts_the_runs_table(browser, evaluated):
    browser.get((evaluated / "out" / "report.html").as_uri())
    assert column(browser, "preset") == ["1", "8"]
    click_heading(browser, "preset")
    assert column(browser, "preset") == ["8", "1"]  # the largest first
    click_heading(browser, "preset")
    assert column(browser, "preset") == ["1", "8"]
    click_heading(browser, "hidden layers")
    assert column(browser, "hidden layers") == ["200-200-200", "300-200"]
    click_heading(browser, "learning rate")
    assert column(browser, "learning rate") == ["0.01", "0.001"]


def test_checkbox_shows_only_columns_that_differ(browser, evaluated):
    browser.get((evaluated / "out" / "report.html").as_uri())
    shown = set(visible_headings(browser))
    assert {"preset", "dropout", "learning rate", "run"} <= shown
    assert not {"activation", "epochs", "seed", "batch size"} & shown
    browser.find_element(By.ID, "only-differences").click()
    assert {"activation", "epochs", "dropout"} <= set(visible_headings(browser))
    browser.find_element(By.ID, "only-differences").click()
    assert set(visible_headings(browser)) == shown


def test_page_fits_a_phone_screen(browser, evaluated):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get((evaluated / "out" / "report.html").as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
