"""What code reads, binds and changes, and which expressions may be computed at another moment."""

from __future__ import annotations

import ast
import enum
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from codemods.analysis.module import Module

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Timing(enum.IntEnum):
    """How much the value of an expression depends on when it is computed."""

    FIXED = 0
    """The same value, as long as the names it reads keep theirs."""
    FRESH = 1
    """Another value each time (a clock, a new name), but nothing else takes note of it."""
    OPAQUE = 2
    """Not known; it may do something."""


_PURE = frozenset({
    *(f"os.path.{name}" for name in (
        "join", "basename", "dirname", "split", "splitext", "abspath", "normpath", "normcase",
        "expanduser", "expandvars", "realpath", "relpath", "commonpath",
    )),
    "os.getcwd", "os.getenv", "os.environ.get", "os.fspath", "os.getpid", "os.uname",
    "socket.gethostname", "platform.node", "tempfile.gettempdir", "getpass.getuser",
    *(f"pathlib.{name}" for name in ("Path", "PurePath", "PosixPath", "PurePosixPath", "WindowsPath")),
    "pathlib.Path.cwd", "pathlib.Path.home",
    *(f"builtins.{name}" for name in (
        "str", "int", "float", "bool", "repr", "ascii", "format", "len", "min", "max", "sum", "round",
        "abs", "tuple", "list", "dict", "set", "sorted", "range", "hash", "ord", "chr", "hex", "getattr",
    )),
    "datetime.datetime", "datetime.date", "datetime.timedelta", "datetime.timezone",
    "tensorflow.io.gfile.join", "tensorflow.compat.v1.io.gfile.join",
})  # fmt: skip
_CLOCKS = frozenset({
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")), "datetime.date.today",
    *(f"time.{name}" for name in (
        "time", "time_ns", "strftime", "localtime", "gmtime", "ctime", "asctime", "perf_counter",
        "monotonic", "process_time",
    )),
    "uuid.uuid1", "uuid.uuid4", "tempfile.mkdtemp", "tempfile.mktemp",
})  # fmt: skip
_PURE_METHODS = frozenset({
    "join", "format", "replace", "lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip",
    "split", "rsplit", "partition", "rpartition", "removeprefix", "removesuffix", "zfill", "encode",
    "decode", "strftime", "isoformat", "timestamp", "as_posix", "joinpath", "with_suffix", "with_name",
    "with_stem", "expanduser", "absolute", "resolve", "relative_to", "get", "keys", "values", "items",
    "startswith", "endswith", "count", "index",
})  # fmt: skip
MUTATORS = frozenset({
    "append", "extend", "insert", "remove", "pop", "popitem", "clear", "update", "setdefault", "add",
    "discard", "sort", "reverse", "__setitem__", "__delitem__", "appendleft", "popleft",
})  # fmt: skip


def timing(module: Module, node: ast.expr, depth: int = 0) -> Timing:
    """Return how much an expression's value depends on the moment when it is computed.

    Functions of the project are looked into. Whether the names it reads change is the caller's to check.
    """
    if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.Lambda)):
        return Timing.OPAQUE
    worst = Timing.FIXED
    if isinstance(node, ast.Call):
        worst = _call_timing(module, node, depth)
    for child in ast.iter_child_nodes(node):
        if worst is Timing.OPAQUE:
            break
        if isinstance(node, ast.Call) and child is node.func:
            child = child.value if isinstance(child, ast.Attribute) else child
            if isinstance(child, ast.Name):
                continue
        for part in _expressions(child):
            worst = max(worst, timing(module, part, depth))
    return worst


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.expr):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _expressions(child)


def _call_timing(module: Module, node: ast.Call, depth: int) -> Timing:
    name = module.resolve(node.func)
    if name in _PURE:
        return Timing.FIXED
    if name in _CLOCKS:
        return Timing.FRESH
    function = definition(module, node.func)
    if function is not None:
        return _function_timing(*function, depth + 1)
    if name is None and isinstance(node.func, ast.Attribute) and node.func.attr in _PURE_METHODS:
        # ``queue.get()`` takes something away; ``config.get("dir")`` looks something up.
        if node.func.attr == "get" and not (node.args and isinstance(node.args[0], ast.Constant)):
            return Timing.OPAQUE
        return Timing.FIXED
    return Timing.OPAQUE


def _function_timing(module: Module, function: ast.AST, depth: int) -> Timing:
    """Return the timing of a call of a project's function that only computes a value."""
    if not isinstance(function, ast.FunctionDef) or function.decorator_list or depth > 4:
        return Timing.OPAQUE
    worst = Timing.FIXED
    for statement in function.body:
        match statement:
            case ast.Expr(ast.Constant()):
                continue
            case ast.Return(ast.expr() as value) | ast.Assign([ast.Name()], value):
                worst = max(worst, timing(module, value, depth))
            case _:
                return Timing.OPAQUE
    inner = module.inner_scope(function)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and inner.lookup(node.id) is not inner:
            bindings = module.bindings(node)
            if len(bindings) > 1 or (bindings and bindings[0].imported is None and bindings[0].value is None):
                found = bindings[0].node
                if not isinstance(found, _FUNCTIONS) or len(bindings) > 1:
                    return Timing.OPAQUE
    return worst


def definition(module: Module, node: ast.AST) -> tuple[Module, ast.AST] | None:
    """Return the function or class of the project that a name means, with its module."""
    name = module.resolve(node)
    if name is None:
        return None
    if name.startswith(module.id + "."):
        found = module.definition(name.removeprefix(module.id + "."))
        if found is not None:
            return module, found
    return module.project.definition(name) if module.project is not None else None


def names_read(nodes: Iterable[ast.AST]) -> list[ast.Name]:
    """Return the names that some code reads, those bound by its own comprehensions and lambdas too."""
    return [
        node
        for root in nodes
        for node in ast.walk(root)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    ]


def within(node: ast.AST, roots: Iterable[ast.AST]) -> bool:
    """Tell whether a node's place is inside one of some others."""
    place = (node.lineno, node.col_offset)  # type: ignore[attr-defined]
    return any(
        (root.lineno, root.col_offset) <= place < (root.end_lineno, root.end_col_offset)  # type: ignore[attr-defined]
        for root in roots
    )


# What a region of code reaches. ----------------------------------------------------------------------


@dataclass
class Reach:
    """Some code, the project's functions that it may run, and the calls whose code is out of sight.

    Attributes:
        nodes: the code itself, each piece with its module, and every function it may come to run.
        unseen: calls of code that is neither the project's nor a library's.
        endless: there is more than is worth looking into.
    """

    nodes: list[tuple[Module, ast.AST]] = field(default_factory=list)
    unseen: list[ast.Call] = field(default_factory=list)
    endless: bool = False

    def walk(self) -> Iterator[tuple[Module, ast.AST]]:
        """Yield every node of it all, with its module."""
        for module, root in self.nodes:
            for node in ast.walk(root):
                yield module, node


_LIBRARIES = frozenset({
    "__future__", "abc", "absl", "albumentations", "argparse", "array", "bisect", "builtins",
    "collections", "contextlib", "copy", "csv", "cv2", "dataclasses", "datasets", "datetime", "decimal",
    "dm_control", "einops", "enum", "fractions", "functools", "gc", "gin", "glob", "gym", "gymnasium",
    "h5py", "hashlib", "heapq", "horovod", "imageio", "io", "itertools", "jax", "joblib", "json", "keras",
    "librosa", "locale", "logging", "math", "matplotlib", "mlflow", "multiprocessing", "numba", "numbers",
    "numpy", "operator", "os", "pandas", "pathlib", "pickle", "PIL", "platform", "pprint", "psutil",
    "pydantic", "queue", "random", "re", "requests", "rich", "scipy", "seaborn", "secrets", "shutil",
    "signal", "six", "skimage", "sklearn", "socket", "sonnet", "statistics", "string", "struct", "sys",
    "tempfile", "tensorboard", "tensorboardX", "tensorflow", "tensorflow_addons", "tensorflow_datasets",
    "tensorflow_hub", "tensorflow_probability", "tensorflow_text", "termcolor", "textwrap", "tf_agents",
    "tf_slim", "threading", "time", "timeit", "torch", "torchvision", "tqdm", "traceback", "transformers",
    "types", "typing", "uuid", "wandb", "warnings", "yaml",
})  # fmt: skip
_OBJECTS = re.compile(
    r"tensorflow\.(compat\.v1\.)?(Session|InteractiveSession|GradientTape|Graph|Variable|constant"
    r"|summary\.(create_file_writer|FileWriter)|distribute\.(\w+\.)*\w*Strategy)"
)
_MANY = 300  # so many functions are looked into
_ANYTHING = frozenset({"builtins.exec", "builtins.eval", "builtins.__import__"})


_Place = tuple[Module, ast.AST]
_Methods = dict[str, list[_Place]]


def reach(module: Module, roots: Sequence[ast.AST]) -> Reach:
    """Return what some code of a module may run: itself, and the project's functions that it names."""
    found = Reach()
    seen: set[ast.AST] = set()
    functions = 0
    methods: dict[Module, _Methods] = {}
    pending: list[_Place] = [(module, root) for root in roots]
    while pending:
        here, root = pending.pop()
        if root in seen:
            continue
        seen.add(root)
        functions += isinstance(root, _FUNCTIONS)
        if functions > _MANY:
            found.endless = True
            break
        found.nodes.append((here, root))
        if here not in methods:
            methods[here] = _methods(here)
        for node in ast.walk(root):
            if isinstance(node, ast.Call) and _out_of_sight(here, node):
                found.unseen.append(node)
            if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
                pending += [place for place in _named(here, node, methods[here]) if place[1] not in seen]
    return found


def _named(module: Module, node: ast.Name | ast.Attribute, methods: _Methods) -> Iterator[_Place]:
    """Yield the functions that a name may run: its definition, what it was made from, methods of its name."""
    if isinstance(node, ast.Attribute) and node.attr in methods and module.resolve(node) is None:
        if not _is_library_object(module, node.value):
            yield from methods[node.attr]
        return
    found = definition(module, node)
    if found is not None:
        yield from _runnable(*found)
    elif isinstance(node, ast.Name):
        for binding in module.bindings(node):
            if isinstance(binding.node, (*_FUNCTIONS, ast.ClassDef)):
                yield from _runnable(module, binding.node)
            elif isinstance(binding.value, (ast.Lambda, ast.Call)):
                yield module, binding.value


def _methods(module: Module) -> _Methods:
    """Return the methods, by name, of the classes of a module and of those that it imports from."""
    found: _Methods = {}
    for other in _modules_in_reach(module):
        for owner in other.find_all(ast.ClassDef):
            for statement in owner.body:
                if isinstance(statement, _FUNCTIONS):
                    found.setdefault(statement.name, []).append((other, statement))
    return found


def _is_library_object(module: Module, node: ast.expr) -> bool:
    """Tell whether an object is of a library's own making, so that its methods run no code of the project."""
    if isinstance(node, ast.Call) and module.resolve(node.func) == "builtins.super":
        owner = next((a for a in module.ancestors(node) if isinstance(a, ast.ClassDef)), None)
        bases = [module.resolve(base) or "" for base in owner.bases] if owner is not None else [""]
        return all(base.partition(".")[0] in _LIBRARIES for base in bases)
    bindings = module.bindings(node) if isinstance(node, ast.Name) else []
    makers = []
    for binding in bindings:
        parent = module.parent(binding.node)
        value = parent.context_expr if isinstance(parent, ast.withitem) else binding.value
        makers.append(module.resolve(value.func) if isinstance(value, ast.Call) else None)
    return bool(makers) and all(maker is not None and _OBJECTS.fullmatch(maker) for maker in makers)


def _runnable(module: Module, node: ast.AST) -> Iterator[tuple[Module, ast.AST]]:
    if isinstance(node, ast.ClassDef):
        for statement in node.body:
            if isinstance(statement, _FUNCTIONS) and statement.name in {
                "__init__",
                "__call__",
                "call",
                "__enter__",
            }:
                yield module, statement
    else:
        yield module, node


def _modules_in_reach(module: Module) -> Iterator[Module]:
    """Yield a module and those of the project that it imports from, whose objects it may handle."""
    yield module
    project = module.project
    if project is None:
        return
    found: dict[str, Module] = {}
    for bindings in module.inner_scope(module.tree).bindings.values():
        for imported in (binding.imported for binding in bindings if binding.imported is not None):
            path, _ = project.find(imported, module.path)
            defined = project.definition(project.resolve(imported, module.path)) if path is not None else None
            for other in (project.module(path) if path is not None else None, defined and defined[0]):
                if other is not None and other is not module:
                    found[other.path] = other
    yield from found.values()


def _out_of_sight(module: Module, call: ast.Call) -> bool:
    """Tell whether a call runs code that can't be read and isn't a library's."""
    name = module.resolve(call.func)
    if name is not None:
        if name in _ANYTHING:
            return True
        return name.partition(".")[0] not in _LIBRARIES and definition(module, call.func) is None
    if not isinstance(call.func, ast.Name):
        return False  # a method of an object, which is not told more than it is given
    bindings = module.bindings(call.func)
    if any(binding.imported is not None for binding in bindings):
        return True
    if bindings and all(
        isinstance(binding.node, (*_FUNCTIONS, ast.ClassDef)) or binding.value is not None for binding in bindings
    ):
        return False
    # A function that is handed in: what is computed from arguments, like a model, has no business
    # with files; what is called for nothing but its effect may.
    return not (call.args or call.keywords) or isinstance(module.parent(call), ast.Expr)


# What changes. --------------------------------------------------------------------------------------


def bindings_in(module: Module, name: ast.Name, region: Sequence[ast.AST]) -> list[ast.AST]:
    """Return the nodes that bind a name inside a region, or in a function that may be run from anywhere."""
    found = []
    bindings = module.bindings(name)
    owner = module.scope(name).lookup(name.id)
    for binding in bindings:
        elsewhere = (
            owner is not None
            and module.scope(binding.node) is not owner
            and not isinstance(binding.node, (ast.NamedExpr, *_FUNCTIONS, ast.ClassDef))
        )
        if within(binding.node, region) or elsewhere:
            found.append(binding.node)
    return found


def mutated(module: Module, reached: Reach, expressions: Sequence[ast.expr]) -> bool:
    """Tell whether what some expressions look up in objects may be changed by the code reached."""
    attributes: set[str] = set()
    objects: set[str] = set()
    for node in (node for root in expressions for node in ast.walk(root)):
        if isinstance(node, ast.Attribute) and module.resolve(node) is None:
            attributes.add(node.attr)
        if isinstance(node, ast.Subscript):
            objects.add(ast.unparse(node.value))
        if isinstance(node, (ast.Name, ast.Attribute)):
            objects.add(ast.unparse(node))
    if not attributes and not objects:
        return False
    for other, node in reached.walk():
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and node.attr in attributes:
            return True
        if (
            isinstance(node, ast.Subscript)
            and not isinstance(node.ctx, ast.Load)
            and ast.unparse(node.value) in objects
        ):
            return True
        if isinstance(node, ast.Call):
            function = node.func
            if (
                isinstance(function, ast.Attribute)
                and function.attr in MUTATORS
                and ast.unparse(function.value) in objects
            ):
                return True
            if attributes and other.resolve(function) in {"builtins.setattr", "builtins.delattr"}:
                return True
    return False
