"""Recomputes the numbers of the reference report without the code of the report."""
