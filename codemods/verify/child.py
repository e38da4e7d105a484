"""Runs one program under TensorFlow and writes down what it did.

    PYTHON child.py run JOURNAL USER_ROOT COPY_ROOT SCRIPT [ARG...]
    PYTHON child.py read JOURNAL PATH...
    PYTHON child.py serve

This is the only file of the product that imports TensorFlow. It is started by the interpreter of the user's
program, which need not have this package, and uses nothing but the standard library and TensorFlow.

`run` executes SCRIPT as `__main__`. The program is observed from outside, by wrapping a few functions of
TensorFlow once the program has imported it. Each line of the journal is a JSON object with one key: `writer`
for each writer as it is made, and `end`. `read` describes saved models and checkpoints in the same form.
`serve` imports TensorFlow once and forks for each job that it reads from standard input, one JSON object a
line.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import importlib
import importlib.abc
import importlib.util
import io
import itertools
import json
import operator
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
import types
import weakref
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

SEED = 1
# Dead variables are kept for their last value, up to this size.
KEEP_BYTES = 1 << 30
# With these, a function that returns one value more may round another one differently; the last of them did so in the
# training of a U-Net on TensorFlow 2.21.
ROUNDING_PASSES = ("arithmetic_optimization", "remapping", "constant_folding", "dependency_optimization")

# Python's names for the ways to start another process.
STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.spawn", "os.system"}


class Journal:
    """A file of JSON lines, each on disk as soon as it is written."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    def write(self, kind: str, value: Any) -> None:
        """Appends a line."""
        line = json.dumps({kind: value}) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


class Observer:
    """Collects what the program does, and writes it to the journal at its end."""

    def __init__(self, journal: Journal, user_root: str, copy_root: str) -> None:
        self.traced = self.host = self.dropped = self.v1_events = 0
        self.v1_summaries: set[str] = set()
        self.v1_tags: set[str] = set()
        self._journal = journal
        self._user_root = user_root
        self._copy_root = copy_root
        self._calls: dict[int, list[float]] = {}
        self._started = False
        sys.addaudithook(self._notice)
        self._pid = os.getpid()
        self._variables: list[dict[str, Any]] = []
        self._kept: dict[int, int] = {}
        self._sessions: list[Any] = []
        self._session_variables: list[dict[str, Any]] = []
        self._ended = False

    def writer(self, folder: Any, v1: bool = False) -> None:
        """Notes the folder of a writer that is about to be made, and the event files that are there."""
        text = os.fsdecode(folder) if isinstance(folder, (bytes, os.PathLike)) else str(folder)
        path = os.path.abspath(text[7:] if text.startswith("file://") else text)
        try:
            existing = [name for name in os.listdir(path) if "tfevents" in name]
        except OSError:
            existing = []
        self._journal.write("writer", {"folder": path, "existing": existing, "v1": v1})

    def variable(self, variable: Any) -> None:
        """Keeps the handle of a new variable, and so its value, also when the program drops the variable."""
        handle = variable._handle
        if not hasattr(handle, "numpy") or id(handle) in self._kept:
            return  # a variable of a TF1 graph, or another view of one that is known
        self._variables.append(
            {
                "handle": handle,
                "alive": weakref.ref(variable),
                "name": str(variable._handle_name),
                "dtype": variable.dtype,
                "shape": variable.shape,
            }
        )
        self._kept[id(handle)] = (variable.shape.num_elements() or 0) * (variable.dtype.size or 0)
        if sum(self._kept.values()) > KEEP_BYTES:
            for known in self._variables:
                if known["alive"]() is None:
                    self._kept.pop(id(known["handle"]), None)
                    known["handle"] = None

    def _notice(self, event: str, args: tuple[Any, ...]) -> None:
        # `platform.processor` calls `uname`, and TensorFlow calls it.
        if event in STARTS and args[:1] != ("uname",):
            self._started = True

    def call(self, function: Any) -> None:
        """Notes that the program calls a traced function."""
        self._calls.setdefault(id(function), []).append(time.perf_counter())

    def session(self, session: Any) -> None:
        """Notes a session, whose variables are read before it is closed."""
        self._sessions.append(weakref.ref(session))

    def closing(self, session: Any) -> None:
        """Reads the variables of a session that is about to be closed."""
        if not any(known() is session for known in self._sessions):
            return
        self._sessions = [known for known in self._sessions if known() not in (session, None)]
        for variable in session.graph.get_collection("variables"):
            try:
                value = session.run(variable)
            except Exception:  # not initialised, or the session is broken: there is no value to see
                value = None
            self._session_variables.append(
                _description(variable.name, value)
                or _unread(variable.name, variable.dtype.base_dtype.name, variable.shape)
            )

    def end(self, exception: BaseException | None = None, abrupt: bool = False) -> None:
        """Writes the observation; only once, and not from a process that the program forked."""
        if self._ended or os.getpid() != self._pid:
            return
        self._ended = True
        text = None
        if exception is not None and not isinstance(exception, SystemExit):
            lines = str(exception).strip().splitlines() or [""]
            text = f"{type(exception).__name__}: {lines[0]}".rstrip(": ")
        for known in self._sessions:
            session = known()
            if session is not None:
                self.closing(session)
        self._journal.write(
            "end",
            {
                "exception": text,
                "abrupt": abrupt,
                "variables": self._values() + self._session_variables,
                "traced": self.traced,
                "host": self.host,
                "dropped": self.dropped + self._never_recorded(),
                "v1_events": self.v1_events,
                "step_seconds": self._step_seconds(),
                "escaped": self._escaped(),
                "loaded": self._loaded(),
                "started": self._started,
            },
        )

    def _never_recorded(self) -> int:
        """The number of v1 summaries of graphs of which no writer was given any."""
        return sum(
            not any(tag == name or tag.startswith(f"{name}/") for tag in self.v1_tags) for name in self.v1_summaries
        )

    def _values(self) -> list[dict[str, Any]]:
        if not self._variables:
            return []  # and none of TensorFlow need be there
        ops = importlib.import_module("tensorflow.python.framework.ops")
        reads = importlib.import_module("tensorflow.python.ops.gen_resource_variable_ops")
        found = []
        with ops.init_scope():
            for known in self._variables:
                try:
                    value = reads.read_variable_op(known["handle"], known["dtype"]).numpy()
                except Exception:  # never initialised, or its value was not kept
                    value = None
                found.append(
                    _description(known["name"], value) or _unread(known["name"], known["dtype"].name, known["shape"])
                )
        return found

    def _step_seconds(self) -> float | None:
        """The typical time from one call of the busiest traced function to the next."""
        # The first calls trace.
        moments = max(self._calls.values(), key=len, default=[])[2:]
        return statistics.median(map(operator.sub, moments[1:], moments)) if len(moments) > 5 else None

    def _loaded(self) -> list[str]:
        """The files of the project's copy that the program is made of."""
        root = os.path.join(os.path.realpath(self._copy_root), "")
        paths = {os.path.realpath(getattr(m, "__file__", None) or os.sep) for m in list(sys.modules.values())}
        return sorted(path[len(root) :].replace(os.sep, "/") for path in paths if path.startswith(root))

    def _escaped(self) -> list[str]:
        """Modules from the user's tree itself, which an editable install can bring in behind the copy."""
        if not self._user_root:
            return []
        root = os.path.join(os.path.realpath(self._user_root), "")
        prefix = os.path.join(os.path.realpath(sys.prefix), "")
        found = []
        for name, module in list(sys.modules.items()):
            path = os.path.realpath(getattr(module, "__file__", None) or os.sep)
            if path.startswith(root) and not path.startswith(prefix) and "site-packages" not in path:
                found.append(name)
        return sorted(found)


def _description(name: str, value: Any) -> dict[str, Any] | None:
    """What is kept of a variable's value."""
    if value is None or not hasattr(value, "dtype"):
        return None
    flat = value.reshape(-1)
    data = repr(flat.tolist()).encode() if value.dtype.hasobject else value.tobytes()
    return {
        "name": name,
        "dtype": str(value.dtype),
        "shape": list(value.shape),
        "digest": hashlib.sha256(data).hexdigest()[:16],
        "first": [_number(item) for item in flat[:4]],
    }


def _unread(name: str, dtype: str, shape: Any) -> dict[str, Any]:
    sizes = [] if shape.rank is None else [-1 if size is None else size for size in shape.as_list()]
    return {"name": name, "dtype": dtype, "shape": sizes, "digest": None, "first": []}


def _number(item: Any) -> str:
    return str(item.item() if hasattr(item, "item") and item.dtype.kind in "biu" else item)


# Observing TensorFlow


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function when the program has imported TensorFlow.

    Importing it beforehand would be too early: a program may set environment variables that TensorFlow reads.
    """

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """Finds TensorFlow as the other finders do, with a loader that calls the function at its end."""
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            with _same_random():
                execute(module)
            self._action()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replaces a function by `around(original, *args, **kwargs)`; one that this version lacks is left out."""
    original = getattr(owner, name, None)
    if original is None:
        return

    # The wrapper keeps the original's module, so AutoGraph takes it for a part of TensorFlow as before.
    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(owner, name, wrapper)
    # The public names of TensorFlow are separate references to the same function.
    if isinstance(owner, types.ModuleType):
        for path, module in list(sys.modules.items()):
            ours = path.startswith(("tensorflow.", "tensorboard.")) and isinstance(module, types.ModuleType)
            if ours and module.__dict__.get(name) is original:
                setattr(module, name, wrapper)


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _instrument(observer: Observer) -> None:
    """Makes TensorFlow deterministic and observed, without starting its runtime."""
    tf = sys.modules["tensorflow"]
    tf.random.set_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options(dict.fromkeys(ROUNDING_PASSES, False))
    _observe_variables(observer)
    _observe_writers(observer)
    _observe_summaries(observer)
    _observe_sessions(observer)
    _observe_calls(observer)

    counter = itertools.count(SEED)
    tf.random.Generator.from_non_deterministic_state = classmethod(
        lambda cls, alg=None: cls.from_seed(next(counter), alg)
    )
    generators = _module("tensorflow.python.ops.stateful_random_ops")

    def get_global_generator(original: Any) -> Any:
        # TensorFlow refuses to make one up when its ops are deterministic.
        if generators.global_generator is None:
            tf.random.set_global_generator(tf.random.Generator.from_seed(SEED))
        return original()

    _wrap(generators, "get_global_generator", get_global_generator)


def _observe_variables(observer: Observer) -> None:
    def init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        # What `assign` returns in a graph is another view of the variable that was assigned to.
        if not isinstance(self, module._UnreadVariable) and not _callback_is_made():
            observer.variable(self)

    module = _module("tensorflow.python.ops.resource_variable_ops")
    _wrap(module.BaseResourceVariable, "__init__", init)


def _callback_is_made() -> bool:
    """Tell whether a callback of the program makes a variable: what it keeps for itself isn't trained."""
    libraries = {"tensorflow", "keras", "tf_keras", "contextlib", "functools"}
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and (
        frame.f_code.co_filename == __file__ or frame.f_globals.get("__name__", "").partition(".")[0] in libraries
    ):
        frame = frame.f_back
    classes = type(frame.f_locals.get("self")).__mro__ if frame is not None else ()
    return any(each.__name__ == "Callback" and "keras" in each.__module__ for each in classes)


def _observe_writers(observer: Observer) -> None:
    tensor_util = _module("tensorflow.python.framework.tensor_util")

    def create(original: Any, *args: Any, **kwargs: Any) -> Any:
        folder = kwargs["logdir"] if "logdir" in kwargs else args[1]
        value = tensor_util.constant_value(folder) if hasattr(folder, "dtype") else folder
        if value is not None:
            observer.writer(value.item() if hasattr(value, "item") else value)
        return original(*args, **kwargs)

    def init(original: Any, self: Any, logdir: Any, *args: Any, **kwargs: Any) -> None:
        observer.writer(logdir, v1=True)
        original(self, logdir, *args, **kwargs)

    def add_event(original: Any, self: Any, event: Any, *args: Any, **kwargs: Any) -> Any:
        # A writer that is closed drops the event without a word.
        if event.WhichOneof("what") == "summary":
            observer.v1_events += len(event.summary.value)
            observer.v1_tags.update(value.tag for value in event.summary.value)
        return original(self, event, *args, **kwargs)

    _wrap(_module("tensorflow.python.ops.gen_summary_ops"), "create_summary_file_writer", create)
    v1 = _module("tensorflow.python.summary.writer.event_file_writer")
    if v1 is not None:
        _wrap(v1.EventFileWriter, "__init__", init)
        _wrap(v1.EventFileWriter, "add_event", add_event)


def _observe_summaries(observer: Observer) -> None:
    context = _module("tensorflow.python.eager.context")
    summary = _module("tensorflow.python.ops.summary_ops_v2")

    def write(original: Any, *args: Any, **kwargs: Any) -> Any:
        if not summary.has_default_writer():
            observer.dropped += 1
        return original(*args, **kwargs)

    def write_op(original: Any, *args: Any, **kwargs: Any) -> Any:
        if context.executing_eagerly():
            observer.host += 1
        else:
            observer.traced += 1
        return original(*args, **kwargs)

    def v1_op(original: Any, *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("tags", kwargs.get("tag", args[0] if args else None))
        if isinstance(name, str):
            observer.v1_summaries.add(name)
        return original(*args, **kwargs)

    _wrap(summary, "write", write)
    for name in ("scalar_summary", "histogram_summary", "image_summary", "audio_summary_v2", "tensor_summary_v2"):
        _wrap(_module("tensorflow.python.ops.gen_logging_ops"), name, v1_op)
    ops = _module("tensorflow.python.ops.gen_summary_ops")
    _wrap(ops, "write_summary", write_op)
    _wrap(ops, "write_raw_proto_summary", write_op)


def _observe_calls(observer: Observer) -> None:
    context = _module("tensorflow.python.eager.context")

    def call(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if context.executing_eagerly():
            observer.call(self)
        return original(self, *args, **kwargs)

    module = _module("tensorflow.python.eager.polymorphic_function.polymorphic_function")
    if module is not None:
        _wrap(module.Function, "__call__", call)


def _observe_sessions(observer: Observer) -> None:
    """TF1: sessions have their own optimizer settings, graphs their own seeds."""
    config_pb2 = _module("tensorflow.core.protobuf.config_pb2")
    rewriter = _module("tensorflow.core.protobuf.rewriter_config_pb2")

    def init(original: Any, self: Any, target: Any = "", graph: Any = None, config: Any = None, **kwargs: Any) -> None:
        if config is None or isinstance(config, config_pb2.ConfigProto):
            given, config = config, config_pb2.ConfigProto()
            config.MergeFrom(given or config)
            for name in ROUNDING_PASSES:
                setattr(config.graph_options.rewrite_options, name, rewriter.RewriterConfig.OFF)
        original(self, target, graph, config, **kwargs)
        observer.session(self)

    def close(original: Any, self: Any) -> Any:
        observer.closing(self)
        return original(self)

    def graph_init(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self._seed = SEED

    session = _module("tensorflow.python.client.session")
    _wrap(session.BaseSession, "__init__", init)
    _wrap(session.BaseSession, "close", close)
    _wrap(_module("tensorflow.python.framework.ops").Graph, "__init__", graph_init)


# Running a program


@contextlib.contextmanager
def _same_random() -> Iterator[None]:
    """Takes back the random numbers that are drawn inside."""
    numpy = _module("numpy")
    states = random.getstate(), numpy and numpy.random.get_state()
    yield
    random.setstate(states[0])
    if numpy:
        numpy.random.set_state(states[1])


def _determine() -> None:
    """Makes what lies outside TensorFlow the same in each run."""
    random.seed(SEED)
    names = (f"scratch{number}" for number in itertools.count(1))
    tempfile._name_sequence = names  # type: ignore[attr-defined]
    numpy = _module("numpy")
    if numpy:
        numpy.random.seed(SEED)
        counter = itertools.count(SEED)
        default_rng = numpy.random.default_rng

        def seeded(seed: Any = None) -> Any:
            return default_rng(next(counter) if seed is None else seed)

        numpy.random.default_rng = functools.wraps(default_rng)(seeded)


def _protect(root: str, scratch: str) -> None:
    """Keeps Python code, whatever absolute path it was given, from writing into the user's tree."""
    root, scratch = os.path.realpath(root), os.path.realpath(scratch)
    writes = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC
    changes = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.symlink", "shutil.rmtree"}

    def inside(path: Any) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        real = os.path.realpath(os.fsdecode(path))
        return (real + os.sep).startswith(root + os.sep) and not (real + os.sep).startswith(scratch + os.sep)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            # Bytecode caches are the interpreter's business, and it lives with a refusal.
            if isinstance(args[2], int) and args[2] & writes and inside(args[0]):
                raise PermissionError(f"verify does not write into the project: {args[0]!r}")
        elif event in changes and any(inside(path) for path in args[:2]):
            raise PermissionError(f"verify does not change the project: {args[0]!r}")

    sys.addaudithook(hook)


def _map_path(path: str, user_root: str, copy_root: str) -> str:
    """The place in the copy for a place in the user's tree."""
    full = os.path.join(os.path.abspath(path), "")
    root = os.path.join(os.path.abspath(user_root), "")
    if path and full.startswith(root) and "site-packages" not in full:
        return os.path.normpath(os.path.join(copy_root, full[len(root) :]))
    return path


def run_program(journal: Journal, user_root: str, copy_root: str, script: str, args: list[str]) -> None:
    """Executes the script as `__main__` and leaves the rest to the interpreter's own end."""
    script = os.path.abspath(script)
    observer = Observer(journal, user_root, copy_root)
    sys.argv = [script, *args]
    here = os.path.dirname(os.path.abspath(__file__))
    outside = [path for path in sys.path if os.path.abspath(path or ".") != here]
    if user_root:
        outside = [_map_path(path, user_root, copy_root) for path in outside]
        _protect(user_root, os.path.dirname(journal.path))
    sys.path[:] = [os.path.dirname(script), *outside]
    if isinstance(sys.stdout, io.TextIOWrapper):
        # As on a terminal: what was printed before a crash was printed.
        sys.stdout.reconfigure(line_buffering=True)
    _determine()
    if "tensorflow" in sys.modules:
        _instrument(observer)
    else:
        sys.meta_path.insert(0, _AfterImport(lambda: _instrument(observer)))

    leave = os._exit

    def exit_at_once(status: int) -> NoReturn:
        observer.end(abrupt=True)
        leave(status)

    os._exit = exit_at_once
    main = types.ModuleType("__main__")
    main.__file__ = script
    main.__builtins__ = __builtins__  # type: ignore[attr-defined]
    # It stays there until the interpreter ends, as it would without us: the end of a program's objects is
    # what closes its writers.
    sys.modules["__main__"] = main
    try:
        exec(compile(Path(script).read_bytes(), script, "exec"), main.__dict__)
    except BaseException as exception:  # whatever ended the program is what there is to observe
        _join_threads()
        observer.end(exception)
        raise
    _join_threads()
    observer.end()


def _join_threads() -> None:
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()


# Reading what was saved


def read_saved(journal: Journal, paths: list[str]) -> None:
    """Writes what is in each Keras file, HDF5 file, SavedModel folder or checkpoint."""
    for path in paths:
        saved: dict[str, Any] = {"path": path, "kind": "", "variables": [], "signatures": []}
        try:
            if os.path.isdir(path):
                saved["kind"] = "saved_model"
                saved["signatures"] = _signatures(path)
                saved["variables"] = _checkpoint(os.path.join(path, "variables", "variables"))
            elif path.endswith(".index"):
                saved["kind"] = "checkpoint"
                saved["variables"] = _checkpoint(path[: -len(".index")])
            elif zipfile.is_zipfile(path):
                saved["kind"] = "keras"
                with zipfile.ZipFile(path) as archive:
                    names = [name for name in archive.namelist() if name.endswith(".h5")]
                    for name in names:
                        saved["variables"] += _hdf5(io.BytesIO(archive.read(name)))
            else:
                saved["kind"] = "h5"
                saved["variables"] = _hdf5(path)
        except Exception as exception:  # half a file: that it can't be read is the observation
            saved["kind"] = f"unreadable ({type(exception).__name__})"
        saved["variables"].sort(key=lambda variable: variable["name"])
        journal.write("saved", saved)


def _hdf5(file: Any) -> list[dict[str, Any]]:
    h5py = importlib.import_module("h5py")
    found = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(_description(name, item[...] if item.shape is not None else None))

    with h5py.File(file, "r") as opened:
        opened.visititems(visit)
    return [variable for variable in found if variable is not None]


def _checkpoint(prefix: str) -> list[dict[str, Any]]:
    if not os.path.exists(prefix + ".index"):
        return []  # a SavedModel without variables
    tf = importlib.import_module("tensorflow")
    reader = tf.train.load_checkpoint(prefix)
    dtypes = reader.get_variable_to_dtype_map()
    found = [_description(name, reader.get_tensor(name)) for name in dtypes if dtypes[name] != tf.string]
    return [variable for variable in found if variable is not None]


def _signatures(folder: str) -> list[str]:
    messages = importlib.import_module("tensorflow.core.protobuf.saved_model_pb2")
    model = messages.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes())
    return sorted(name for graph in model.meta_graphs for name in graph.signature_def)


# Serving many programs


def serve() -> None:
    """Forks for each job on standard input; answers with the child's id, then with its status."""
    importlib.import_module("tensorflow")
    requests, answers = sys.stdin.buffer, sys.stdout
    # A collection in a child would touch, and so copy, every page of TensorFlow: most of a short run's time.
    gc.collect()
    gc.freeze()
    _answer(answers, {"ready": True})
    while True:
        line = requests.readline()
        if not line:
            return
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _serve_one(job)
            return
        _answer(answers, {"pid": child})
        _, status = os.waitpid(child, 0)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        _answer(answers, {"status": code})


def _serve_one(job: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open(os.devnull) as null, open(job["stdout"], "w") as out, open(job["stderr"], "w") as err:
        for number, stream in enumerate((null, out, err)):
            os.dup2(stream.fileno(), number)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    tempfile.tempdir = None
    main(job["argv"])


def _answer(stream: Any, value: dict[str, Any]) -> None:
    stream.write(json.dumps(value) + "\n")
    stream.flush()


def main(argv: list[str]) -> None:
    """Does what the command line says."""
    command, *rest = argv
    if command == "serve":
        serve()
    elif command == "read":
        read_saved(Journal(rest[0]), rest[1:])
    else:
        run_program(Journal(rest[0]), rest[1], rest[2], rest[3], rest[4:])


if __name__ == "__main__":
    main(sys.argv[1:])
