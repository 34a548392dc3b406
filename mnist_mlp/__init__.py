"""The code that the scripts use. docs/architecture.md describes the packages."""
