"""One spelling for what TensorFlow and Keras export under several."""

from __future__ import annotations

# ``tensorflow.compat.v1`` keeps its name: its summaries are another API than version 2's.
_SPELLINGS = (
    ("tensorflow.compat.v2", "tensorflow"),
    ("tensorflow.python.keras", "keras"),
    ("tensorflow.compat.v1.keras", "keras"),
    ("tensorflow.keras", "keras"),
    ("tf_keras", "keras"),
    ("keras.src", "keras"),
    ("keras.api", "keras"),
    ("tensorflow.python.eager.def_function.function", "tensorflow.function"),
    ("tensorflow.python.ops.summary_ops_v2", "tensorflow.summary"),
)


def canonical(name: str) -> str:
    """Return the one name that codemods match, for any spelling of a TensorFlow or Keras name.

    Args:
        name: a qualified name, such as ``tensorflow.compat.v2.keras.models.load_model``.

    Returns:
        ``keras.models.load_model`` for that; names of other libraries come back as they are.
    """
    if not name.startswith(("tensorflow.", "tf_keras", "keras.")):
        return name
    for spelling, spelled in _SPELLINGS:
        if name == spelling or name.startswith(spelling + "."):
            name = spelled + name[len(spelling) :]
    return name
