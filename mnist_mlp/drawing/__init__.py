import mnist_mlp.libraries.quiet_matplotlib  # noqa: F401 - before the modules of this package import matplotlib
