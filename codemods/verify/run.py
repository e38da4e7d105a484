"""Run a program under TensorFlow in a scratch copy of its project, and see what it did."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from codemods.engine.discover import HIDDEN
from codemods.verify.events import natural, read_folder
from codemods.verify.observation import (
    Event,
    Observation,
    SummaryCalls,
    saved_from_dict,
    variable_from_dict,
)

CHILD = Path(__file__).with_name("child.py")
TIMEOUT = 600.0
# Larger files are linked into the copy, unless they are of a kind that programs write.
LINK_OVER = 50 * 1024 * 1024
_WRITTEN = re.compile(r"\.(keras|h5|hdf5|pb|ckpt|index|meta|pkl|npy|npz|log|csv|db)$|\.data-|tfevents")
_SKIPPED = {
    ".git",
    ".hg",
    ".svn",
    ".tox",
    ".nox",
    "__pycache__",
    "node_modules",
    ".mypy_cache",
    ".ruff_cache",
    HIDDEN,
}

# What names a moment: 20240131-235959, 2024-01-31_23-59-59, Jan31_23-59-59, 1706745599.12, a UUID.
_MOMENT = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}"
    r"|\d{4}[-_.]\d{1,2}[-_.]\d{1,2}|\d{1,2}[-_:.h]\d{2}[-_:.m]\d{2}(?:\.\d+)?|\d{8,}(?:\.\d+)?|(?<!\d)\d{6}(?!\d)"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[-_]?\d{1,2}"
)
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
_DURATION = re.compile(r"\d+:\d\d(?::\d\d)?|\d+(?:\.\d+)?(?:s|ms|us|µs)\b")


def run(
    script: Path,
    *,
    root: Path,
    python: str,
    args: Sequence[str] = (),
    timeout: float = TIMEOUT,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    overlay: Mapping[str, bytes] | None = None,
) -> Observation:
    """Runs a program in a scratch copy of its project, in a process of its own.

    Args:
        script: a Python file or a notebook inside `root`; need not exist if `overlay` has it.
        root: the project's folder, which is copied and never written to.
        python: the interpreter, with TensorFlow.
        args: the program's arguments.
        timeout: after so many seconds the program and what it started is killed.
        env: environment variables to set besides those of this process.
        cwd: where the program is run from, inside `root`; `root` itself by default.
        overlay: files that replace those of the copy, by their path relative to `root`.

    Returns:
        What the program did.

    Raises:
        FileNotFoundError: there is no such script or interpreter.
        ValueError: the script or the working directory is outside of `root`, or the notebook isn't one.
    """
    with _Job(script, root, args=args, env=env, cwd=cwd, overlay=overlay) as job:
        status = _spawn(python, job, job.run_arguments(), timeout)
        paths = job.saved_paths()
        if paths:
            _spawn(python, job, ["read", str(job.journal), *map(str, paths)], TIMEOUT)
        return job.observe(status)


class Runner:
    """Runs many programs with one interpreter, cheaply.

    TensorFlow is imported once, by a server that forks for each program. The programs see no difference,
    except that it is too late for them to set the environment variables that TensorFlow reads when imported:
    give these to the runner. Where there is no fork, each program has a process of its own.
    """

    def __init__(self, python: str, env: Mapping[str, str] | None = None, *, fork: bool = True) -> None:
        """Prepares a runner; the server starts with the first program.

        Args:
            python: the interpreter, with TensorFlow.
            env: environment variables to set besides those of this process.
            fork: False for a process of its own for each program.
        """
        self.python = python
        self._env = dict(env or {})
        self._fork = fork and hasattr(os, "fork")
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops the server; it starts again with the next program."""
        server, self._server = self._server, None
        if server is None:
            return
        for stream in (server.stdin, server.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def run(
        self,
        script: Path,
        *,
        root: Path,
        args: Sequence[str] = (),
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        overlay: Mapping[str, bytes] | None = None,
    ) -> Observation:
        """Runs a program in a scratch copy of its project; as the function `run` does, which see.

        Raises:
            FileNotFoundError: there is no such script or interpreter.
            ValueError: the script or the working directory is outside of `root`, or the notebook isn't one.
            RuntimeError: the interpreter can't import TensorFlow.
        """
        env = {**self._env, **(env or {})}
        if not self._fork:
            return run(
                script,
                root=root,
                python=self.python,
                args=args,
                timeout=timeout,
                env=env,
                cwd=cwd,
                overlay=overlay,
            )
        with _Job(script, root, args=args, env=env, cwd=cwd, overlay=overlay) as job:
            status = self._serve(job, job.run_arguments(), timeout)
            paths = job.saved_paths()
            if paths:
                self._serve(job, ["read", str(job.journal), *map(str, paths)], TIMEOUT)
            return job.observe(status)

    def run_source(
        self,
        source: str | Mapping[str, str],
        entry: str = "main.py",
        *,
        args: Sequence[str] = (),
        timeout: float = TIMEOUT,
        env: Mapping[str, str] | None = None,
    ) -> Observation:
        """Runs a program that is given as text.

        Args:
            source: the program's text, or the text of each file by its path.
            entry: the path of the file to run.
            args: the program's arguments.
            timeout: the time limit in seconds.
            env: environment variables to set.

        Returns:
            What the program did.
        """
        files = {entry: source} if isinstance(source, str) else source
        with tempfile.TemporaryDirectory(prefix="tf-codemods-") as folder:
            root = Path(folder, "project")
            for name, text in files.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="")
            return self.run(root / entry, root=root, args=args, timeout=timeout, env=env)

    def _serve(self, job: _Job, argv: list[str], timeout: float) -> int | None:
        server = self._server
        if server is None or server.poll() is not None:
            server = self._start()
        request = {
            "argv": argv,
            "cwd": str(job.cwd),
            "env": job.environment,
            "stdout": str(job.output("stdout", argv)),
            "stderr": str(job.output("stderr", argv)),
        }
        assert server.stdin is not None
        server.stdin.write(json.dumps(request).encode() + b"\n")
        server.stdin.flush()
        pid = int(self._answer(server, "pid"))
        try:
            status: int | None = self._answer(server, "status", timeout)
        except BaseException:
            # An answer is still to come: the next program needs another server.
            _kill_group(pid)
            self.close()
            raise
        _kill_group(pid)
        if status is None:
            self._answer(server, "status")
        return status

    def _start(self) -> subprocess.Popen[bytes]:
        self._server = subprocess.Popen(
            [self.python, str(CHILD), "serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(self._env),
            bufsize=0,
            start_new_session=True,
        )
        self._answer(self._server, "ready")
        return self._server

    def _answer(self, server: subprocess.Popen[bytes], key: str, timeout: float | None = None) -> Any:
        """Waits for an answer; None when the time is up."""
        stream = server.stdout
        assert stream is not None
        if timeout is not None and not select.select([stream], [], [], timeout)[0]:
            return None
        while line := stream.readline():
            with contextlib.suppress(json.JSONDecodeError):
                answer = json.loads(line)
                if isinstance(answer, dict) and key in answer:
                    return answer[key]
        self.close()
        raise RuntimeError(f"{self.python} could not import TensorFlow, or was killed")


@dataclass(frozen=True)
class _File:
    """What tells a new or changed file."""

    size: int
    time: int


class _Job:
    """One run in a scratch folder: `tree/NAME` (the project's copy), `tmp`, the journal and the output."""

    def __init__(
        self,
        script: Path,
        root: Path,
        *,
        args: Sequence[str],
        env: Mapping[str, str] | None,
        cwd: Path | None,
        overlay: Mapping[str, bytes] | None,
    ) -> None:
        self._root = root.resolve()
        self._script = _inside(script, self._root)
        self._asked = self._script
        self._place = _inside(cwd or root, self._root)
        self._args = [str(arg) for arg in args]
        self._overlay = dict(overlay or {})
        if self._script.as_posix() not in self._overlay and not (self._root / self._script).is_file():
            raise FileNotFoundError(f"no such script: {script}")
        self._scratch = Path()
        self._given = dict(env or {})
        self._before: dict[Path, _File] = {}
        self._started = time.monotonic()
        self._seconds = 0.0

    def __enter__(self) -> _Job:
        # The real path, since the program sees it and prints it.
        self._scratch = Path(tempfile.mkdtemp(prefix="tf-codemods-")).resolve()
        try:
            self._prepare()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A program may have left files behind that even it can't delete.
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _prepare(self) -> None:
        self.tree = self._scratch / "tree" / (self._root.name or "root")
        self.tmp = self._scratch / "tmp"
        self.journal = self._scratch / "journal"
        self.tmp.mkdir()
        _copy(self._root, self.tree, skip=self._scratch)
        for name, data in self._overlay.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(data)
        self.cwd = self.tree / self._place
        if self._script.suffix == ".ipynb":
            notebook = self.tree / self._script
            self._script = self._script.with_name(f"{self._script.stem}_notebook.py")
            (self.tree / self._script).write_text(notebook_source(notebook.read_bytes()), encoding="utf-8")
        self.environment = _environment({"TMPDIR": str(self.tmp), **self._given})
        if "PYTHONPATH" in self.environment:
            places = self.environment["PYTHONPATH"].split(os.pathsep)
            self.environment["PYTHONPATH"] = os.pathsep.join(map(self._in_copy, places))
        self._before = self._files()
        self._started = time.monotonic()

    def _in_copy(self, place: str) -> str:
        path = Path(place).absolute()
        return str(self.tree / path.relative_to(self._root)) if place and path.is_relative_to(self._root) else place

    def run_arguments(self) -> list[str]:
        """The child's arguments for the run."""
        places = (self.journal, self._root, self.tree, self.tree / self._script)
        return ["run", *map(str, places), *self._args]

    def output(self, stream: str, argv: Sequence[str]) -> Path:
        """Where a stream of the child goes; what the reader prints is nobody's business."""
        return self._scratch / stream if argv[0] == "run" else Path(os.devnull)

    def _files(self) -> dict[Path, _File]:
        found = {}
        for top in (self.tree, self.tmp):
            for folder, _, names in os.walk(top):
                for name in names:
                    path = Path(folder, name)
                    with contextlib.suppress(OSError):
                        state = path.stat()
                        found[path] = _File(state.st_size, state.st_mtime_ns)
        return found

    def _written(self) -> list[Path]:
        return sorted((path for path, state in self._files().items() if self._before.get(path) != state), key=natural)

    def saved_paths(self) -> list[Path]:
        """What the program saved, found by what is on disk after its end."""
        self._seconds = time.monotonic() - self._started
        found = []
        for path in self._written():
            if path.name == "saved_model.pb":
                found.append(path.parent)
            elif path.suffix in {".keras", ".h5", ".hdf5"} or (
                path.suffix == ".index" and not (path.parent.parent / "saved_model.pb").exists()
            ):
                found.append(path)
        return found

    def observe(self, status: int | None) -> Observation:
        """Puts together what the child noted and what is on disk."""
        noted = list(self._noted())
        end: dict[str, Any] = next((value for kind, value in noted if kind == "end"), {})
        folders = self._event_folders([value for kind, value in noted if kind == "writer"])
        events: list[Event] = []
        v1_events = end.get("v1_events", 0)
        seen: dict[str, int] = {}
        for folder, (files, v1) in folders.items():
            name = _numbered(self._name(folder), seen)
            records = read_folder(files)
            events += [Event(name, r.tag, r.step, r.kind, r.value, r.digest) for r in records]
            v1_events -= sum(r.tag != "" and r.kind != "run_metadata" for r in records) if v1 else 0
        seen = {}
        saved = [
            replace(item, path=_numbered(self._name(Path(item.path)), seen))
            for item in (saved_from_dict(value) for kind, value in noted if kind == "saved")
        ]
        exception, variables, loaded = (end.get(key) for key in ("exception", "variables", "loaded"))
        return Observation(
            exit=status,
            exception=None if exception is None else self._clean(exception),
            abrupt=not end or end["abrupt"] or status is None or status < 0,
            stdout=self._clean(_shown(self._read("stdout"))),
            # As the user knows the places that a traceback names.
            stderr=self._read("stderr")[-4000:].replace(str(self.tree), str(self._root)),
            events=tuple(events),
            event_files=sum(len(files) for files, _ in folders.values()),
            lost=max(0, v1_events),
            variables=None if variables is None else tuple(map(variable_from_dict, variables)),
            saved=tuple(saved),
            summaries=SummaryCalls(end.get("traced", 0), end.get("host", 0), end.get("dropped", 0)),
            seconds=round(self._seconds, 2),
            step_seconds=end.get("step_seconds"),
            escaped=tuple(end.get("escaped", ())),
            loaded=None if loaded is None else tuple(self._given_name(name) for name in loaded),
            started=end.get("started", False),
        )

    def _given_name(self, name: str) -> str:
        """The name that a file has in the project: a notebook is run as a program beside it."""
        return self._asked.as_posix() if name == self._script.as_posix() else name

    def _noted(self) -> Iterator[tuple[str, Any]]:
        if self.journal.exists():
            for line in self.journal.read_text(encoding="utf-8").splitlines():
                # A process that was killed can leave half a line.
                with contextlib.suppress(json.JSONDecodeError):
                    yield from json.loads(line).items()

    def _event_folders(self, writers: Sequence[Mapping[str, Any]]) -> dict[Path, tuple[list[Path], bool]]:
        """The event files of this run by folder, in the order in which their writers were made."""
        folders: dict[Path, tuple[list[Path], bool]] = {}
        for writer in writers:
            folder = Path(os.path.realpath(writer["folder"]))
            if folder not in folders and folder.is_dir():
                files = [path for path in folder.iterdir() if "tfevents" in path.name]
                new = [path for path in files if path.name not in writer["existing"]]
                folders[folder] = (new, False)
            if folder in folders:
                files, v1 = folders[folder]
                folders[folder] = (files, v1 or writer["v1"])
        # Event files that nobody announced: another library's, or another process's.
        for path in self._written():
            if "tfevents" in path.name and path not in folders.setdefault(path.parent, ([], False))[0]:
                folders[path.parent][0].append(path)
        return folders

    def _name(self, path: Path) -> str:
        path = Path(os.path.realpath(path))
        if path.is_relative_to(self.cwd):
            return _MOMENT.sub("<time>", path.relative_to(self.cwd).as_posix())
        if path.is_relative_to(self.tree):
            return _MOMENT.sub("<time>", Path(os.path.relpath(path, self.cwd)).as_posix())
        if path.is_relative_to(self.tmp):
            return _MOMENT.sub("<time>", "<tmp>/" + path.relative_to(self.tmp).as_posix())
        return _MOMENT.sub("<time>", path.as_posix())

    def _clean(self, text: str) -> str:
        text = text.replace(str(self.tree), "<root>").replace(str(self.tmp), "<tmp>")
        return _ADDRESS.sub("<address>", text)

    def _read(self, stream: str) -> str:
        path = self._scratch / stream
        return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""


def _inside(path: Path, root: Path) -> Path:
    """The path relative to the root; links in it are kept, since they are in the copy too."""
    path = path.absolute()
    for place in (Path(os.path.normpath(path)), path.resolve()):
        with contextlib.suppress(ValueError):
            return place.relative_to(root)
    raise ValueError(f"{path} is not inside {root}")


def _numbered(name: str, seen: dict[str, int]) -> str:
    """Tells names apart that became the same."""
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name} ({seen[name]})"


def _shown(text: str) -> str:
    """What a terminal would show in the end, with the times of Keras progress bars masked."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        line = re.split(r"[\r\x08]", line.rstrip("\r\x08"))[-1]
        if re.search(r"/(?:step|epoch|sample|batch)\b", line) or re.match(r" *\d+/\d+ \S", line):
            line = _DURATION.sub("<time>", line)
        lines.append(line)
    return "\n".join(lines)


def _copy(root: Path, target: Path, skip: Path) -> None:
    """Copies a project's folder, without what a run doesn't need."""
    for folder, folders, names in os.walk(root):
        source = Path(folder)
        place = target / source.relative_to(root)
        place.mkdir(parents=True)
        folders[:] = [name for name in folders if _is_needed(source / name) and source / name != skip]
        for name in (*names, *folders):
            path, copy = source / name, place / name
            if path.is_symlink():
                end = Path(os.path.normpath(source / os.readlink(path)))
                # A link inside the project leads to the same place in the copy.
                inside = end.is_relative_to(root)
                copy.symlink_to(os.path.relpath(target / end.relative_to(root), place) if inside else end)
            elif path.is_file():
                if path.stat().st_size > LINK_OVER and not _WRITTEN.search(name):
                    copy.symlink_to(path)
                else:
                    # What can't be read here can't be read by the program either.
                    with contextlib.suppress(PermissionError):
                        shutil.copy2(path, copy)


def _is_needed(folder: Path) -> bool:
    return folder.name not in _SKIPPED and not (folder / "pyvenv.cfg").exists()


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    return {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_DETERMINISTIC_OPS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONIOENCODING": "utf-8",
        # No window that waits for somebody to close it.
        "MPLBACKEND": os.environ.get("MPLBACKEND", "Agg"),
        **extra,
    }


def _spawn(python: str, job: _Job, argv: list[str], timeout: float) -> int | None:
    with open(job.output("stdout", argv), "wb") as out, open(job.output("stderr", argv), "wb") as err:
        process = subprocess.Popen(
            [python, str(CHILD), *argv],
            cwd=job.cwd,
            env=job.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _kill_group(process.pid)
            process.kill()
            process.wait()


def _kill_group(pid: int) -> None:
    """Kills a program and all that it has started and left behind."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def notebook_source(data: bytes) -> str:
    """Turns a notebook into a program.

    Args:
        data: the notebook's JSON.

    Returns:
        The code cells, one after the other, without what only IPython understands.

    Raises:
        ValueError: it isn't a notebook.
    """
    try:
        cells = json.loads(data.decode("utf-8-sig"))["cells"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a notebook: {error}") from error
    sources = ["".join(cell.get("source", "")) for cell in cells if cell.get("cell_type") == "code"]
    return "def display(*values):\n    print(*values)\n\n\n" + "\n\n".join(map(_cell_source, sources)) + "\n"


def _cell_source(source: str) -> str:
    first = source.lstrip().split(maxsplit=1)[0] if source.strip() else ""
    if first.startswith("%%") and first not in {"%%time", "%%timeit", "%%capture", "%%prun"}:
        return ""
    try:
        ast.parse(source)
    except SyntaxError:
        # `pass` keeps a block alive that holds nothing but a magic.
        source = re.sub(r"(?m)^([ \t]*)[%!?].*", r"\1pass", source)
        source = re.sub(r"(?m)^([ \t]*\w+ *)= *[%!].*", r"\1= []", source)
        source = re.sub(r"(?m)^([ \t]*)[\w.]+\?+ *$", r"\1pass", source)
    return source
