"""The tables as one Excel workbook: real numbers, frozen headers, colors by value, charts."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import xlsxwriter
from xlsxwriter.utility import xl_range
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from mnist_mlp.files import write_bytes_atomically
from mnist_mlp.report.data_tables import Cell, DataTable, Kind, shown
from mnist_mlp.report.findings import BEYOND_CHANCE, THESE_NETWORKS

FORMATS: dict[Kind, str] = {
    "text": "@",
    "count": "0",
    "number": "General",
    "percent": "0.00%",
    "points": "+0.00%;\N{MINUS SIGN}0.00%;0.00%",
    "seconds": '0.0" s"',
}
WIDEST = 40  # characters
BLUE, PALE_BLUE, PALE_ORANGE = "#0072B2", "#CFE5F2", "#FBE3D0"
CHART_ROWS = 26  # that a chart covers


def write_workbook(tables: Sequence[DataTable], path: Path) -> None:
    """Writes a sheet a table; `Presets` and `Table` get a chart each, below their rows."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        for table in tables:
            sheet = _add_sheet(workbook, table)
            if table.name == "Presets" and any(value is not None for value in table.column("test accuracy")):
                _add_presets_chart(workbook, sheet, table)
            if table.name == "Table" and any(value is not None for value in table.column("test accuracy")):
                _add_time_chart(workbook, sheet, table)
    write_bytes_atomically(path, content.getvalue())


def _add_sheet(workbook: Workbook, table: DataTable) -> Worksheet:
    sheet = workbook.add_worksheet(table.name)
    header = {"bold": True, "text_wrap": True, "valign": "top", "bottom": 1, "bg_color": "#EEEEEE"}
    headers = [
        workbook.add_format({**header, **place}) for place in ({"align": "right"}, {"align": "left", "indent": 1})
    ]
    for index, column in enumerate(table.columns):
        indent = {"indent": 1} if column.kind == "text" else {}  # lest it touch the number on its left
        cells = workbook.add_format({"num_format": FORMATS[column.kind], **indent})
        lengths = [_length(row[index], column.kind) for row in table.rows]
        longest_word = max(map(len, column.heading.split()))
        sheet.set_column(index, index, min(WIDEST, max([longest_word + 3, *lengths]) + 2))
        sheet.write_string(0, index, column.heading, headers[column.kind == "text"])
        for place, row in enumerate(table.rows, start=1):
            value = row[index]
            if value is None:
                sheet.write_blank(place, index, None, cells)
            elif isinstance(value, str):
                sheet.write_string(place, index, value, cells)  # never write(), which makes formulas and links of text
            else:
                sheet.write_number(place, index, value, cells)
    sheet.set_row(0, 32)
    sheet.freeze_panes(1, 1)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)  # as wide as a sheet of paper, as long as it is
    sheet.repeat_rows(0)
    if table.rows:
        everything = xl_range(1, 0, len(table.rows), len(table.columns) - 1)
        sheet.ignore_errors({"number_stored_as_text": everything})  # a preset's label or a study's value, meant as text
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
        _add_colors(workbook, sheet, table)
    return sheet


def _length(value: Cell, kind: Kind) -> int:
    """Returns how many characters a cell takes; a number without a format of its own shows up to ten digits."""
    return len(f"{value:.10g}" if kind == "number" and value is not None else shown(value, kind))


def _add_colors(workbook: Workbook, sheet: Worksheet, table: DataTable) -> None:
    last = len(table.rows)
    for index, column in enumerate(table.columns):
        if column.heading in ("validation accuracy", "test accuracy"):
            # From the 20th percentile: one preset at chance must not paint all others alike.
            scale = {"type": "2_color_scale", "min_type": "percentile", "min_value": 20, "max_type": "max"}
            scale |= {"min_color": "#FFFFFF", "max_color": "#7FB8DA"}
            sheet.conditional_format(1, index, last, index, scale)
        if column.heading == "difference":
            sheet.conditional_format(1, index, last, index, {"type": "blanks", "stop_if_true": True})
            for criteria, color in ((">", PALE_BLUE), ("<", PALE_ORANGE)):
                form = workbook.add_format({"bg_color": color})
                rule = {"type": "cell", "criteria": criteria, "value": 0, "format": form}
                sheet.conditional_format(1, index, last, index, rule)
        if column.heading == "verdict":
            for verdict, style in ((BEYOND_CHANCE, {"bold": True}), (THESE_NETWORKS, {"italic": True})):
                rule = {"type": "cell", "criteria": "==", "value": f'"{verdict}"', "format": workbook.add_format(style)}
                sheet.conditional_format(1, index, last, index, rule)


def _add_presets_chart(workbook: Workbook, sheet: Worksheet, table: DataTable) -> None:
    """Adds every preset's test accuracy as a bar with its interval."""
    last = len(table.rows)
    test = table.index("test accuracy")
    triples = zip(*map(table.column, ("test accuracy", "test low", "test high")), strict=True)
    known = [each if None not in each else (0.0, 0.0, 0.0) for each in triples]
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
    """Adds training time against test accuracy, a point a run."""
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
    chart.set_title({"name": "Training time against test accuracy", "name_font": {"size": 12}})
    chart.set_x_axis({"name": "training time in seconds", "num_format": "0", "major_gridlines": {"visible": False}})
    chart.set_y_axis({"num_format": "0%", "max": 1, "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}})
    chart.set_legend({"none": True})
    chart.set_size({"width": 720, "height": 20 * (CHART_ROWS - 4)})
    sheet.insert_chart(last + 2, 1, chart)
