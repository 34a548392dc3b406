"""What the scripts of this project share; the README has the map."""

from mnist_mlp import errors  # first of all, so that even a mistake or Ctrl-C during the imports is told in one line

__all__ = ["errors"]
