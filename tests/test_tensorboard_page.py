"""TensorBoard as a person sees it: a real browser, the curves and the HParams table."""

from __future__ import annotations

import io
import time

import numpy as np
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from mnist_mlp.info_logs import EVAL_COLUMNS, read_table
from tests.conftest import runs_in

# TensorBoard's older pages are web components: their text hides in shadow trees, which this collects.
ALL_TEXT = """
function text(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.tagName === "STYLE" || node.tagName === "SCRIPT") return "";
  return [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes].map(text).join(" ");
}
return text(document.body).replace(/\\s+/g, " ");
"""

ALL_PICTURES = """
function pictures(node) {
  if (node.tagName === "IMG") return [[node.naturalWidth, node.naturalHeight]];
  return [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes].flatMap(pictures);
}
return pictures(document.body).filter(([width]) => width > 0);
"""


def open_page(browser, address: str, page: str, *, until) -> None:
    browser.get(f"{address}?darkMode=false#{page}")
    WebDriverWait(browser, 60).until(until)
    time.sleep(1)  # for the picture: TensorBoard fades its charts in


def coloured_pixels(browser) -> int:
    """Returns how many pixels of the first chart are neither white nor grey: curves are, axes and grid are not."""
    canvas = browser.find_element(By.CSS_SELECTOR, "scalar-card line-chart canvas")
    picture = np.asarray(Image.open(io.BytesIO(canvas.screenshot_as_png)).convert("RGB")).astype(int)
    return int((np.ptp(picture, axis=-1) > 40).sum())


def test_time_series_page_shows_the_curves_of_every_run(browser, tensorboard, evaluated, tmp_path):
    def charts_are_there(driver):
        return len(driver.find_elements(By.CSS_SELECTOR, "scalar-card line-chart canvas")) >= 2

    open_page(browser, tensorboard, "timeseries", until=charts_are_there)
    browser.save_screenshot(str(tmp_path / "timeseries.png"))
    text = browser.execute_script(ALL_TEXT)
    for run in runs_in(evaluated):
        for split in ("train", "dev"):
            assert f"{run.name}/summaries/{split}" in text
    assert coloured_pixels(browser) > 500
    for checkbox in browser.find_elements(By.CSS_SELECTOR, "runs-data-table input[type=checkbox]")[:1]:
        checkbox.click()  # hides all runs: what was coloured must have been the curves
    WebDriverWait(browser, 20).until(lambda driver: coloured_pixels(driver) == 0)


def test_hparams_page_lists_every_preset_with_its_accuracies(browser, tensorboard, evaluated, tmp_path):
    runs = runs_in(evaluated)
    open_page(
        browser,
        tensorboard,
        "hparams",
        until=lambda driver: all(run.name in driver.execute_script(ALL_TEXT) for run in runs),
    )
    browser.save_screenshot(str(tmp_path / "hparams.png"))
    text = browser.execute_script(ALL_TEXT)
    scores = read_table(evaluated / "INFOS" / "eval_log.txt", EVAL_COLUMNS)
    for column in ("best_accuracy", "dropout", "hidden_sizes", "learning_rate", "weight_decay", "preset"):
        assert column in text
    for accuracy in (*(run.record.best_validation_accuracy for run in runs), *(row["test_accuracy"] for row in scores)):
        assert f"{float(accuracy):.5g}".rstrip("0") in text
    assert (tmp_path / "hparams.png").stat().st_size > 20_000


def test_images_page_shows_a_confusion_matrix_and_the_mistakes_of_every_run(browser, tensorboard, evaluated, tmp_path):
    def pictures(driver):
        return driver.execute_script(ALL_PICTURES)

    open_page(browser, tensorboard, "images", until=lambda driver: len(pictures(driver)) >= 4)
    browser.save_screenshot(str(tmp_path / "images.png"))
    text = browser.execute_script(ALL_TEXT)
    for run in runs_in(evaluated):
        assert f"{run.name}/summaries/dev" in text
    for tag in ("test_confusion_matrix", "test_mistakes"):
        assert f"tag: {tag}" in text
    assert [width > 500 < height for width, height in pictures(browser)] == [True] * 4
