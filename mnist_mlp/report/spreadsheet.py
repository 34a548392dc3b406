"""Writes the tables as an Excel workbook with frozen headers, conditional formatting, and charts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from mnist_mlp.disk.files import write_bytes_atomically
from mnist_mlp.report.tables import Cell, DataTable, Emphasis, Kind, shown
from mnist_mlp.report.verdicts import WORDINGS, Verdict

FORMATS: dict[Kind, str] = {
    Kind.TEXT: "@",
    Kind.COUNT: "0",
    Kind.NUMBER: "General",
    Kind.PERCENT: "0.00%",
    Kind.POINTS: "+0.00%;\N{MINUS SIGN}0.00%;0.00%",
    Kind.SECONDS: '0.0" s"',
}
HEADER = {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#EEEEEE"}
MAX_WIDTH = 40  # maximum column width, in characters
BLUE, PALE_BLUE, PALE_ORANGE = "#0072B2", "#CFE5F2", "#FBE3D0"
CHART_ROWS = 26  # rows that a chart covers
VERDICT_STYLES = (
    (Verdict.SIGNIFICANT, {"bold": True}),
    (Verdict.FAILED, {"bold": True}),
    (Verdict.INCONCLUSIVE, {"italic": True}),
)


def write_workbook(runs: DataTable, presets: DataTable, studies: DataTable, path: Path) -> None:
    """Writes one sheet per table, with charts below the tables of runs and presets."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        sheet = _add_sheet(workbook, runs)
        if _is_scored(runs):
            _add_time_chart(workbook, sheet, runs)
        sheet = _add_sheet(workbook, presets)
        if _is_scored(presets):
            _add_presets_chart(workbook, sheet, presets)
        _add_sheet(workbook, studies)
    write_bytes_atomically(path, content.getvalue())


def _is_scored(table: DataTable) -> bool:
    return any(value is not None for value in table.column("test accuracy"))


def _add_sheet(workbook: Workbook, table: DataTable) -> Worksheet:
    """Adds a sheet with the table and a frozen header."""
    sheet = workbook.add_worksheet(table.name)
    for index in range(len(table.columns)):
        _add_column(workbook, sheet, table, index)
    sheet.set_row(0, 32)
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)  # one page wide, any number of pages long
    sheet.repeat_rows(0)
    if table.rows:
        everything = xl_range(1, 0, len(table.rows), len(table.columns) - 1)
        sheet.ignore_errors({"number_stored_as_text": everything})  # labels and study values are text on purpose
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        _add_colors(workbook, sheet, table)
    return sheet


def _add_column(workbook: Workbook, sheet: Worksheet, table: DataTable, index: int) -> None:
    column, is_text = table.columns[index], table.columns[index].kind is Kind.TEXT
    indent = {"indent": 1} if is_text else {}  # keeps text away from the number on its left
    cells = workbook.add_format({"num_format": FORMATS[column.kind], **indent})
    header = workbook.add_format({**HEADER, "align": "left" if is_text else "right", **indent})
    lengths = [_length(row[index], column.kind) for row in table.rows]
    longest_word = max(map(len, column.heading.split()))
    sheet.set_column(index, index, min(MAX_WIDTH, max([longest_word + 3, *lengths]) + 2))
    sheet.write_string(0, index, column.heading, header)
    for line, row in enumerate(table.rows, start=1):
        value = row[index]
        if value is None:
            sheet.write_blank(line, index, None, cells)
        elif isinstance(value, str):
            sheet.write_string(line, index, value, cells)  # write() would turn some text into formulas or links
        else:
            sheet.write_number(line, index, value, cells)


def _length(value: Cell, kind: Kind) -> int:
    """Returns the width of a cell, in characters. Excel shows plain numbers with up to ten digits."""
    return len(f"{value:.10g}" if kind is Kind.NUMBER and value is not None else shown(value, kind))


def _add_colors(workbook: Workbook, sheet: Worksheet, table: DataTable) -> None:
    last = len(table.rows)
    for index, column in enumerate(table.columns):
        for rule in _rules(workbook, column.emphasis):
            sheet.conditional_format(1, index, last, index, rule)


def _rules(workbook: Workbook, emphasis: Emphasis) -> list[dict[str, Any]]:
    """Returns the conditional formats for a column."""
    match emphasis:
        case Emphasis.ACCURACY:
            # Start at the 20th percentile; otherwise, one failed preset would give all others nearly the same color.
            scale = {"type": "2_color_scale", "min_type": "percentile", "min_value": 20, "max_type": "max"}
            return [scale | {"min_color": "#FFFFFF", "max_color": "#7FB8DA"}]
        case Emphasis.DIFFERENCE:
            signs = ((">", PALE_BLUE), ("<", PALE_ORANGE))
            colors = [(sign, workbook.add_format({"bg_color": color})) for sign, color in signs]
            rules = [{"type": "cell", "criteria": sign, "value": 0, "format": color} for sign, color in colors]
            return [{"type": "blanks", "stop_if_true": True}, *rules]
        case Emphasis.VERDICT:
            styles = [(WORDINGS[verdict].text, workbook.add_format(style)) for verdict, style in VERDICT_STYLES]
            return [{"type": "cell", "criteria": "==", "value": f'"{text}"', "format": style} for text, style in styles]
    return []


def _add_presets_chart(workbook: Workbook, sheet: Worksheet, table: DataTable) -> None:
    """Adds a bar chart of the test accuracy of every preset, with intervals."""
    last = len(table.rows)
    test = table.index("test accuracy")
    triples = zip(
        *map(table.column, ("test accuracy", "test 95% low (over seeds)", "test 95% high (over seeds)")), strict=True
    )
    known = [triple if None not in triple else (0.0, 0.0, 0.0) for triple in triples]
    chart = workbook.add_chart({"type": "column"})
    chart.add_series(
        {
            "name": "test accuracy",
            "categories": [table.name, 1, 0, last, 0],
            "values": [table.name, 1, test, last, test],
            "fill": {"color": BLUE},
            "gap": 60,
            "y_error_bars": {
                "type": "custom",
                "plus_values": [high - value for value, _, high in known],
                "minus_values": [value - low for value, low, _ in known],
            },
        }
    )
    chart.set_title({"name": "Test accuracy of every preset, with 95% intervals", "name_font": {"size": 12}})
    chart.set_x_axis({"name": "preset", "num_font": {"rotation": -45} if last > 12 else {}})
    chart.set_y_axis({"num_format": "0%", "max": 1, "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}})
    chart.set_legend({"none": True})
    chart.set_size({"width": max(560, min(1600, 40 * last)), "height": 20 * (CHART_ROWS - 4)})
    sheet.insert_chart(last + 2, 1, chart)


def _add_time_chart(workbook: Workbook, sheet: Worksheet, table: DataTable) -> None:
    """Adds a scatter chart of test accuracy vs. training time, one point per run."""
    last, time, test = len(table.rows), table.index("training time"), table.index("test accuracy")
    chart = workbook.add_chart({"type": "scatter"})
    chart.add_series(
        {
            "name": "runs",
            "categories": [table.name, 1, time, last, time],
            "values": [table.name, 1, test, last, test],
            "marker": {"type": "circle", "size": 6, "fill": {"color": BLUE}, "border": {"color": "#FFFFFF"}},
        }
    )
    chart.set_title({"name": "Test accuracy vs. training time", "name_font": {"size": 12}})
    chart.set_x_axis({"name": "training time (seconds)", "num_format": "0", "major_gridlines": {"visible": False}})
    chart.set_y_axis({"num_format": "0%", "max": 1, "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}})
    chart.set_legend({"none": True})
    chart.set_size({"width": 720, "height": 20 * (CHART_ROWS - 4)})
    sheet.insert_chart(last + 2, 1, chart)
