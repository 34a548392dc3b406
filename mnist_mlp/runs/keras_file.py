"""Makes Keras files loadable by older versions of Keras, which reject configurations with keys they do not know."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

OLDEST_KERAS = "3.8"  # the oldest version that loads our files

# Keys that Keras added to layers and initializers after OLDEST_KERAS, with the values that mean "as before". A key with
# another value is kept, because the network would not be the same without it.
_NEWER_KEYS = {
    "ragged": False,  # 3.9: InputLayer
    "optional": False,  # 3.13: InputLayer
    "quantization_config": None,  # 3.13: Dense
    "renorm": False,  # 3.14: BatchNormalization
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "input_axes": None,  # 3.15: HeNormal, GlorotUniform, and the other initializers that scale the variance
    "output_axes": None,
}
_CONFIG_FILE = "config.json"


def for_older_keras(content: bytes) -> bytes:
    """Returns the content of a `.keras` file without newer keys that are at their defaults. The weights are unchanged.

    Args:
        content: the content of a file written by `model.save`.
    """
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(rewritten, "w") as target:
        for member in source.infolist():
            data = source.read(member)
            if member.filename == _CONFIG_FILE:
                data = json.dumps(json.loads(data, object_hook=_without_newer_keys)).encode()
            target.writestr(member, data)
    return rewritten.getvalue()


def _without_newer_keys(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in _NEWER_KEYS or value != _NEWER_KEYS[key]}
