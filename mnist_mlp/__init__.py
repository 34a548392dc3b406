"""What the scripts of this project share; docs/architecture.md describes the packages."""
