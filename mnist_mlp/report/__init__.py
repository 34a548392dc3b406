"""Builds the report (page, tables, and figures) from runs/ and INFOS/. Does not import TensorFlow."""
