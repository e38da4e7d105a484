"""The functions and classes of TensorFlow, Keras, NumPy and Python of which it is known what they return."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING, cast

from codemods.analysis.values import BOTTOM, TEXT, UNKNOWN, DType, Kind, Value, join, number, tensor

if TYPE_CHECKING:
    from codemods.analysis.shapes import Shapes

MATH = ("tensorflow.math.", "tensorflow.", "keras.ops.", "keras.backend.", "tensorflow.experimental.numpy.")
REDUCTIONS = {
    "reduce_mean": None, "reduce_sum": None, "reduce_max": None, "reduce_min": None, "reduce_prod": None,
    "reduce_std": "float", "reduce_variance": "float", "reduce_logsumexp": "float",
    "reduce_euclidean_norm": None,
    "reduce_any": "bool", "reduce_all": "bool", "count_nonzero": "int", "norm": "float",
    "mean": None, "sum": None, "max": None, "min": None, "prod": None, "std": "float", "var": "float",
    "any": "bool", "all": "bool", "logsumexp": "float", "median": "float",
}  # fmt: skip
ELEMENTWISE = frozenset({
    "identity", "stop_gradient", "abs", "square", "negative", "sign", "clip_by_value", "clip", "zeros_like",
    "ones_like", "convert_to_tensor", "maximum", "minimum", "add", "subtract", "multiply", "round", "floor",
    "ceil", "squared_difference", "pow", "convert_to_numpy",
})  # fmt: skip
FLOATING = frozenset({
    "sqrt", "exp", "log", "log1p", "sigmoid", "tanh", "relu", "softplus", "divide", "truediv", "softmax",
    "divide_no_nan", "rsqrt", "sin", "cos", "log_sigmoid", "sigmoid_cross_entropy_with_logits",
})  # fmt: skip
COMPARISONS = frozenset({
    "equal", "not_equal", "less", "greater", "less_equal", "greater_equal", "is_nan", "is_inf", "logical_not",
    "logical_and", "logical_or",
})  # fmt: skip
FILLED = frozenset({
    "zeros", "ones", "fill", "random.normal", "random.uniform", "random.truncated_normal",
    "random.stateless_normal", "random.stateless_uniform",
})  # fmt: skip
SCALARS = {
    "tensorflow.nn.compute_average_loss": "float", "tensorflow.nn.scale_regularization_loss": "float",
    "tensorflow.nn.l2_loss": "float", "tensorflow.linalg.global_norm": "float",
    "tensorflow.size": "int", "tensorflow.rank": "int", "tensorflow.timestamp": "float",
}  # fmt: skip
NUMPY_REDUCTIONS = frozenset({
    "mean", "sum", "max", "min", "amax", "amin", "median", "std", "var", "average", "prod", "nanmean",
    "nansum", "nanmax", "nanmin", "ptp", "count_nonzero", "any", "all", "linalg.norm",
})  # fmt: skip
NUMPY_TYPES = {"float16": None, "float32": "float", "float64": "float", "float_": "float",
                "int32": "int", "int64": "int", "int_": "int", "bool_": "bool"}  # fmt: skip
NUMPY_ARRAYS = frozenset({"array", "asarray", "stack", "concatenate", "zeros", "ones", "arange", "linspace"})
DTYPES: Mapping[str, DType] = {
    "float32": "float", "float64": "float", "float": "float", "int8": "int", "int16": "int", "int32": "int",
    "int64": "int", "uint8": "int", "int": "int", "bool": "bool",
}  # fmt: skip
NUMBERS: Mapping[str, DType | None] = {
    "float": "float", "int": "int", "len": "int", "bool": "bool", "round": None, "hash": "int", "id": "int",
    "ord": "int",
}  # fmt: skip
VECTOR_METRICS = frozenset({"MeanTensor"})
THRESHOLDS = frozenset({
    "Precision", "Recall", "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives",
})  # fmt: skip
AVERAGED = {"F1Score": "average", "FBetaScore": "average", "R2Score": "class_aggregation"}
LOSS_FUNCTIONS = frozenset({
    "mean_squared_error", "mse", "MSE", "mean_absolute_error", "mae", "MAE", "binary_crossentropy",
    "categorical_crossentropy", "sparse_categorical_crossentropy", "mean_absolute_percentage_error",
    "mape", "mean_squared_logarithmic_error", "msle", "hinge", "squared_hinge", "huber", "log_cosh",
    "logcosh", "poisson", "kl_divergence", "kld", "cosine_similarity", "categorical_accuracy",
    "sparse_categorical_accuracy",
    "binary_accuracy", "top_k_categorical_accuracy", "sparse_top_k_categorical_accuracy", "categorical_hinge",
    "binary_focal_crossentropy", "categorical_focal_crossentropy",
})  # fmt: skip
RESTORED = frozenset({
    "keras.models.load_model", "keras.saving.load_model", "keras.models.clone_model",
    "keras.models.model_from_json", "keras.models.model_from_config",
})  # fmt: skip
HALF = ("float16", "bfloat16", "mixed_precision")


def returned_by(shapes: Shapes, name: str, node: ast.Call) -> Value | None:
    """Return what a call of a library's function or class gives, by its qualified name; None where it isn't known."""
    package, _, last = name.rpartition(".")
    first = node.args[0] if node.args else None
    if package in ("tensorflow.compat.v1", "tensorflow.compat.v1.math") and last[:1].islower():
        if any(keyword.arg in ("reduction_indices", "keep_dims") for keyword in node.keywords):
            return None
        name = name.replace(".compat.v1", "")
        package = name.rpartition(".")[0]
    if package == "builtins":
        return _builtin(shapes, last, node)
    if package in ("math", "time", "statistics", "random"):
        return number("float") if last not in ("choice", "sample", "shuffle", "choices", "strftime") else None
    if name.startswith("numpy."):
        return _numpy(shapes, name.removeprefix("numpy."), node)
    if name in SCALARS:
        share = name.startswith("tensorflow.nn.") and last != "l2_loss"
        dtype = cast("DType", SCALARS[name])
        dtype = cast("DType", shapes.floating()) if dtype == "float" else dtype
        return replace(tensor(0, 0, dtype), share="yes" if share else None)
    if name == "tensorflow.function" and first is not None:
        return shapes.value(first)
    if name in ("tensorflow.cast", "keras.ops.cast", "keras.backend.cast"):
        dtype_node = argument(node, "dtype", 1)
        return _tensor_of(shapes, first, dtype_of(dtype_node))
    if name in ("tensorflow.constant", "tensorflow.Variable"):
        return _constant_tensor(shapes, node, "variable" if last == "Variable" else "tensor")
    if name == "tensorflow.reshape":
        shape = argument(node, "shape", 1)
        low, high = _rank_of_shape(shape)
        return tensor(low, high, shapes.value(first).dtype)
    if name in ("tensorflow.distribute.get_strategy",):
        return shapes.constructed("tensorflow.distribute.Strategy", node)
    for prefix in MATH:
        if name.startswith(prefix):
            found = _operator(shapes, name.removeprefix(prefix), node, first)
            if found is not None:
                return found
    if name.startswith("tensorflow.nn."):
        return _network(shapes, last, node, first)
    if package in ("keras.losses", "keras.metrics") and last in LOSS_FUNCTIONS:
        return without_axis(shapes, first, argument(node, "y_pred", 1))
    if name in RESTORED or (name.startswith("keras.applications.") and last[:1].isupper()):
        return shapes.constructed("keras.Model", node)
    if last[:1].isupper() and name.startswith(("keras.", "tensorflow.")):
        return shapes.constructed(name, node)
    return None


def _builtin(shapes: Shapes, name: str, node: ast.Call) -> Value | None:
    first = shapes.value(node.args[0]) if node.args else BOTTOM
    if name in NUMBERS:
        return number(NUMBERS[name] or first.dtype)
    if name in ("str", "repr", "format"):
        return TEXT
    if name == "abs":
        return first
    if name in ("sum", "max", "min"):
        if len(node.args) > 1 and name != "sum":
            return reduce(join, map(shapes.value, node.args), BOTTOM)
        element = shapes.element(first) if node.args else UNKNOWN
        return join(element, number(element.dtype)) if name == "sum" and element.numeric else element
    if name in ("list", "tuple", "sorted", "reversed"):
        return shapes.listed(shapes.turn(node.args[0]) if node.args else BOTTOM)
    if name == "dict":
        found = shapes.updated(Value("dict"), node)
        named = {keyword.arg for keyword in node.keywords}
        return replace(found, uncertain=found.uncertain - named)
    return None


def _numpy(shapes: Shapes, name: str, node: ast.Call) -> Value | None:
    first = shapes.value(node.args[0]) if node.args else UNKNOWN
    if name in NUMPY_REDUCTIONS:
        if is_none(argument(node, "axis", 1)) and argument(node, "keepdims") is None:
            return number("float" if name not in ("sum", "max", "min", "prod") else first.dtype)
        return Value("array", dtype=first.dtype)
    if name in NUMPY_TYPES:
        kind: Kind = "number" if first.scalar else "array"
        dtype = cast("DType | None", NUMPY_TYPES[name])
        return Value(kind, first.low, first.high, dtype) if first.numeric else UNKNOWN
    if name in ("array", "asarray"):
        if first.kind == "tuple":
            return Value("array", 1)
        return replace(first, kind="array", element=None) if first.numeric else Value("array")
    if name in NUMPY_ARRAYS or name.startswith("random."):
        whole = name.startswith("random.") and not node.args and not node.keywords
        return number("float") if whole else Value("array", 0 if name.startswith("random.") else 1)
    if name in ELEMENTWISE or name in FLOATING:
        dtype = "float" if name in FLOATING else first.dtype
        if not first.numeric:
            return Value("array", dtype=dtype)
        return replace(first, kind="number" if first.scalar else "array", dtype=dtype, element=None)
    return None


def _tensor_of(shapes: Shapes, node: ast.expr | None, dtype: DType | None) -> Value:
    found = shapes.value(node) if node is not None else UNKNOWN
    if found.kind == "tuple":
        return tensor(1, None, dtype)
    if not found.numeric:
        return tensor(dtype=dtype)
    return replace(tensor(found.low, found.high, dtype), share=found.share, summed=found.summed)


def _constant_tensor(shapes: Shapes, node: ast.Call, kind: Kind) -> Value:
    first = shapes.value(node.args[0]) if node.args else shapes.value(argument(node, "initial_value"))
    dtype = dtype_of(argument(node, "dtype")) if argument(node, "dtype") is not None else first.dtype
    low, high = (first.low, first.high) if first.numeric else (0, None)
    if first.kind == "tuple":
        low, high = 1, None
        elements = shapes.element(first)
        dtype = dtype or elements.dtype
    if argument(node, "shape") is not None:
        low, high = _rank_of_shape(argument(node, "shape"))
    return Value(kind, low, high, dtype)


def _operator(shapes: Shapes, name: str, node: ast.Call, first: ast.expr | None) -> Value | None:
    if name in REDUCTIONS:
        found = shapes.value(first) if first is not None else UNKNOWN
        dtype = cast("DType | None", REDUCTIONS[name]) or found.dtype
        dtype = shapes.floating() if dtype == "float" else dtype
        keeps = any(keyword.arg in ("keepdims", "keep_dims") for keyword in node.keywords)
        if is_none(argument(node, "axis", 2 if name == "norm" else 1)) and not keeps:
            return replace(tensor(0, 0, dtype), summed=name in ("reduce_sum", "sum"))
        if keeps:
            return tensor(found.low if found.numeric else 0, None, dtype)
        lower = shapes.element(found) if found.numeric else UNKNOWN
        return tensor(lower.low, lower.high if lower.numeric else None, dtype)
    if name in COMPARISONS:
        found = reduce(shapes.combined, map(shapes.value, node.args)) if node.args else UNKNOWN
        return tensor(found.low, found.high if found.numeric else None, "bool")
    if name in ELEMENTWISE or name in FLOATING:
        found = reduce(shapes.combined, map(shapes.value, node.args[:2])) if node.args else UNKNOWN
        if name in ("clip_by_value", "clip", "pow", "convert_to_tensor", "round"):
            found = shapes.value(first)
        dtype = shapes.floating() if name in FLOATING else found.dtype
        if name in ("convert_to_tensor", "zeros_like", "ones_like") and argument(node, "dtype", 1) is not None:
            dtype = dtype_of(argument(node, "dtype", 1))
        low, high = (found.low, found.high) if found.numeric else (0, None)
        return replace(tensor(low, high, dtype), share=found.share, summed=found.summed and name == "identity")
    if name in FILLED:
        low, high = _rank_of_shape(argument(node, "dims" if name == "fill" else "shape", 0))
        given = argument(node, "dtype")
        dtype = dtype_of(given) if given is not None else (None if name == "fill" else "float")
        return tensor(low, high, dtype)
    if name in ("range", "linspace"):
        return tensor(1, 1, reduce(shapes.combined, map(shapes.value, node.args)).dtype if node.args else None)
    if name in ("stack", "concat", "concatenate", "one_hot", "expand_dims", "tile"):
        whole = name in ("stack", "concat", "concatenate")
        return tensor(1, None, shapes.element(shapes.value(first)).dtype if whole else None)
    if name == "shape":
        return tensor(1, 1, "int")
    if name in ("argmax", "argmin"):
        lower = shapes.element(shapes.value(first)) if first is not None else UNKNOWN
        return tensor(lower.low, lower.high if lower.numeric else None, "int")
    if name == "add_n":
        found = shapes.element(shapes.value(first)) if first is not None else UNKNOWN
        return replace(found, kind="tensor") if found.numeric else tensor()
    return None


def _network(shapes: Shapes, name: str, node: ast.Call, first: ast.expr | None) -> Value | None:
    if name in ("softmax_cross_entropy_with_logits", "sparse_softmax_cross_entropy_with_logits"):
        return without_axis(shapes, argument(node, "logits", 1))
    if name in FLOATING:
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        found = reduce(shapes.combined, map(shapes.value, arguments)) if arguments else UNKNOWN
        return tensor(found.low if found.numeric else 0, found.high if found.numeric else None, shapes.floating())
    return None


def without_axis(shapes: Shapes, *nodes: ast.expr | None) -> Value:
    """Return what a loss function gives for each example: its arguments without their last axis."""
    found = [shapes.value(node) for node in nodes if node is not None]
    low = max((value.low for value in found if value.numeric), default=0)
    return tensor(max(low - 1, 0), None, shapes.floating())


def dtype_of(node: ast.expr | None) -> DType | None:
    """Return the kind of numbers that a ``dtype`` argument names."""
    if isinstance(node, ast.Attribute):
        return DTYPES.get(node.attr)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return DTYPES.get(node.value)
    return DTYPES.get(node.id) if isinstance(node, ast.Name) else None


def argument(call: ast.Call, name: str, position: int | None = None) -> ast.expr | None:
    """Return what a call gives for a parameter, None if nothing."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if position is not None and position < len(call.args):
        return call.args[position]
    return None


def is_none(node: ast.expr | None) -> bool:
    """Tell whether an argument is left out, or None."""
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _rank_of_shape(node: ast.expr | None) -> tuple[int, int | None]:
    if isinstance(node, (ast.List, ast.Tuple)) and not any(isinstance(part, ast.Starred) for part in node.elts):
        return len(node.elts), len(node.elts)
    if isinstance(node, ast.UnaryOp) or (isinstance(node, ast.Constant) and isinstance(node.value, int)):
        return 1, 1
    return 0, None
