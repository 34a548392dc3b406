"""Tests the page in a browser, at desktop and phone size."""

from __future__ import annotations

from selenium.webdriver.common.by import By


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
    assert {"activation", "epochs", "dropout"} <= set(visible_headings(browser))
    browser.find_element(By.ID, "only-differences").click()
    shown = set(visible_headings(browser))
    assert {"preset", "dropout", "learning rate", "run"} <= shown
    assert not {"activation", "epochs", "seed", "batch size"} & shown


def test_page_fits_a_phone_screen(browser, evaluated):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get((evaluated / "out" / "report.html").as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
