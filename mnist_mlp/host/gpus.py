"""The GPUs that TensorFlow may use, without importing it."""

from __future__ import annotations

import os
import re
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/gpus")  # TensorFlow has no GPU support on other systems
DEVICE = Path("/dev/nvidia0")  # some containers have no information from the driver


def visible_gpus() -> str:
    """Returns the models of the GPUs, for example "NVIDIA H200"; "unknown" if they have no names; "" without a GPU.

    TensorFlow uses a GPU only if it is also installed with the libraries of CUDA.
    """
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return ""
    texts = [file.read_text(errors="replace") for file in sorted(DRIVER.glob("*/information"))]
    models = re.findall(r"^Model:\s*(.+?)\s*$", "\n".join(texts), re.MULTILINE)
    return ", ".join(dict.fromkeys(models)) or ("unknown" if DEVICE.exists() else "")
