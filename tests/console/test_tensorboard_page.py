"""Tests all pages of TensorBoard in a real browser. `make screenshots` saves them as images for the documentation."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from mnist_mlp.evaluation.score_tables import EVAL_COLUMNS
from mnist_mlp.runs.run_folder import RunFolder
from mnist_mlp.runs.text_table import read_table
from tests.helpers import runs_in

# TensorBoard's older pages use web components. These functions also search their shadow trees.
SEARCH_FUNCTIONS = """
function children(node) {
  return [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes];
}
function text(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.tagName === "STYLE" || node.tagName === "SCRIPT") return "";
  return children(node).map(text).join(" ").replace(/\\s+/g, " ");
}
function all(node, selector) {
  return [...(node.matches?.(selector) ? [node] : []), ...children(node).flatMap(child => all(child, selector))];
}
"""
SETTINGS = {
    "theme": "light",
    "scalarSmoothing": 0,
    "sideBarWidthInPercent": 28,
    "timeSeriesSettingsPaneOpened": False,
    "timeSeriesCardMinWidth": 450,
    "stepSelectorEnabled": False,
}


class Page:
    """A page of TensorBoard in the browser."""

    def __init__(self, browser: webdriver.Chrome, address: str, screenshots: Path | None) -> None:
        self.browser = browser
        self._address = address
        self._screenshots = screenshots
        browser.get(f"{address}data/environment")  # a small page of the same origin, to set local storage
        browser.execute_script("localStorage.setItem('_tb_global_settings', arguments[0])", json.dumps(SETTINGS))

    def open(self, page: str, until: Callable[[], object], query: str = "", height: int = 900) -> None:
        self.browser.set_window_size(1540, height)  # room for three charts side by side
        self.browser.get("about:blank")  # otherwise only the part after "#" changes and the page is not reloaded
        self.browser.get(f"{self._address}?darkMode=false&{query}#{page}&_smoothingWeight=0")
        self.wait(until)

    def wait(self, until: Callable[[], object]) -> None:
        WebDriverWait(self.browser, 120).until(lambda _: until())

    def find(self, selector: str) -> list[WebElement]:
        return self.browser.execute_script(f"{SEARCH_FUNCTIONS} return all(document.body, arguments[0])", selector)

    def text(self, selector: str = "body") -> str:
        return self.browser.execute_script(
            f"{SEARCH_FUNCTIONS} return all(document.body, arguments[0]).map(text).join('\\n')", selector
        )

    def save_screenshot(self, name: str) -> None:
        """Saves a screenshot of the page if the option --screenshots was given."""
        if not self._screenshots:
            return
        time.sleep(5)  # until the charts have finished fading in
        picture = Image.open(io.BytesIO(self.browser.get_screenshot_as_png())).convert("RGB")
        picture.quantize(128, dither=Image.Dither.NONE).save(self._screenshots / f"{name}.png", optimize=True)


@pytest.fixture
def page(browser, tensorboard, request) -> Page:
    screenshots = request.config.getoption("--screenshots")
    if screenshots:
        screenshots.mkdir(parents=True, exist_ok=True)
    return Page(browser, tensorboard, screenshots)


def short_name(run: RunFolder) -> str:
    return f"p{run.record.preset_number}_s{run.record.seed}"


def colored_pixels(element: WebElement) -> int:
    """Returns the number of pixels that are not gray or white. Curves are colored; axes and grid are not."""
    picture = np.asarray(Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB")).astype(int)
    return int((np.ptp(picture, axis=-1) > 40).sum())


def test_time_series_page_shows_curves_of_every_run(page, shown):
    def charts():
        return page.find("scalar-card line-chart canvas")

    pinned = json.dumps([{"plugin": "scalars", "tag": tag} for tag in ("accuracy", "cross_entropy")])
    page.open("timeseries", lambda: len(charts()) >= 2, query=f"pinnedCards={quote(pinned)}", height=660)
    page.wait(lambda: colored_pixels(charts()[0]) > 500)
    page.save_screenshot("time_series")
    for run in runs_in(shown):
        for split in ("train", "dev"):
            assert f"{short_name(run)}/{split}" in page.text()
    page.find("runs-data-table input[type=checkbox]")[0].click()  # hides all runs, so no curve is left
    page.wait(lambda: colored_pixels(charts()[0]) == 0)


def test_custom_scalars_page_combines_train_and_dev(page, shown):
    def charts():
        return page.text("tf-custom-scalar-multi-line-chart-card").splitlines()

    runs = runs_in(shown)
    page.open("custom_scalars", lambda: sum("/train)" in chart for chart in charts()) >= 10, height=1570)
    page.save_screenshot("custom_scalars")
    charts_by_name = {chart.split()[0]: chart for chart in charts()}
    for metric in ("loss", "cross_entropy", "accuracy"):
        for run in runs:
            for split in ("train", "dev"):
                assert f"{metric} ({short_name(run)}/{split})" in charts_by_name[metric]
    for run in runs:
        for layer, statistics in run.record.epochs[0]["layers"].items():
            for statistic in statistics:
                assert f"layer_{statistic}/{layer} ({short_name(run)}/train)" in charts_by_name[statistic]


def test_images_page_shows_confusion_matrix_and_mistakes(page, shown):
    def widths():
        return [picture.get_property("naturalWidth") for picture in page.find("img")]

    runs = runs_in(shown)
    page.open("images", lambda: sum(width > 500 for width in widths()) == 2 * len(runs), height=1400)
    page.save_screenshot("images")
    for tag in ("test_confusion_matrix", "test_mistakes"):
        for run in runs:
            assert f"{short_name(run)}/dev tag: {tag}" in page.text()


def test_graphs_page_shows_all_layers(page, shown):
    page.open("graphs", lambda: page.find("g.node[data-name=mlp_1]"))

    def is_open():
        if "logits" in page.text("g.node"):
            return True
        ActionChains(page.browser).double_click(page.find("g.node[data-name=mlp_1]")[0]).perform()

    page.wait(is_open)  # clicks can miss while the graph is still moving
    page.find("paper-button[alt='Fit to screen']")[0].click()
    page.browser.set_window_size(1540, 960)  # the fitted graph is slightly larger than the page
    page.save_screenshot("graphs")
    first = min(runs_in(shown), key=lambda run: run.record.preset_number)  # the page opens with the graph of this run
    for layer in first.record.epochs[0]["layers"]:
        assert layer in page.text("g.node")


@pytest.mark.parametrize("kind", ["histogram", "distribution"])
def test_histogram_and_distribution_pages_show_every_layer(page, shown, kind):
    run = runs_in(shown)[-1]
    tags = [
        f"{values}/{layer}"
        for values in ("layer_activations", "layer_weights")
        for layer in run.record.epochs[0]["layers"]
    ]

    def drawn():
        charts = (chart.split() for chart in page.text(f"tf-{kind}-loader").splitlines())
        return [(tag, name) for tag, name, *_, last_tick in charts if last_tick[0].isdigit()]

    page.open(f"{kind}s&regexInput={short_name(run)}", lambda: len(drawn()) == len(tags))
    page.save_screenshot(f"{kind}s")
    assert drawn() == [(tag, f"{short_name(run)}/train") for tag in tags]


def test_hparams_page_lists_runs_with_accuracies(page, shown):
    runs = runs_in(shown)
    page.open("hparams", lambda: all(run.name in page.text() for run in runs), height=750)
    for column in ("best_accuracy", "dropout", "hidden layers", "learning rate", "weight decay", "preset"):
        assert column in page.text()
    scores = read_table(shown / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    for accuracy in (*(run.record.best_validation_accuracy for run in runs), *(row["test_accuracy"] for row in scores)):
        assert f"{float(accuracy):.5g}".rstrip("0") in page.text()
    page.find("paper-tab[view-id=parallel-coords-view]")[0].click()
    page.wait(lambda: "test_accuracy" in page.text("tf-hparams-parallel-coords-plot"))
    page.save_screenshot("hparams")
