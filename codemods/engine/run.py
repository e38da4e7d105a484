"""Codemods over many files: a byte search, a syntax check, and for the few that remain the rewrite.

Nothing is written while files are analysed: every file is seen as it was at the start, so a dry run
and a rewrite find the same, in one process and in many. The workers only compute; this process writes.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from codemods.analysis.module import split_lines
from codemods.analysis.project import Project, check_syntax
from codemods.engine import diff, registry, source
from codemods.engine.codemod import Finding
from codemods.engine.discover import Discovery, project_files, project_root
from codemods.engine.interrupt import one_by_one
from codemods.engine.result import Change, FileResult, FileStatus, Fix, LocatedFinding, Settings
from codemods.engine.rewrite import Rewritten, rewrite
from codemods.engine.source import Document, PythonFile, Record, SourceError

TIME_LIMIT = 120.0
"""Seconds that one file may take in a worker."""

_CHUNK = 128 * 1024
_WORTH_A_POOL = 6 * _CHUNK
_STACK = 256 * 1024 * 1024
_RECURSION = 30_000
# How many objects are made before any are looked for that nobody refers to: trees are many, and none of them garbage.
_GARBAGE = (400_000, 5, 5)
# A tree takes some 45 bytes for each byte of code, and three hundred for one of a table of numbers.
_WEIGHT_LIMIT = 3 * 1024 * 1024
_COMMA = 16
T = TypeVar("T")


def run(found: Discovery, settings: Settings, *, jobs: int = 1, cwd: Path | None = None) -> Iterator[FileResult]:
    """Yield what the codemods make of each file, in the order of their paths; nothing is written.

    Args:
        found: the files, and the paths that couldn't be searched.
        settings: which codemods, and how far they may go.
        jobs: how many processes may work.
        cwd: the folder that paths are shown relative to; the working directory if None.
    """
    cwd = cwd or Path.cwd()
    sizes = [_size(path) for path in found.files]
    chunks = list(_chunks(found.files, sizes))
    if jobs > 1 and sum(sizes) >= _WORTH_A_POOL:
        results = _in_pool(chunks, settings, jobs, cwd)
    else:
        results = _in_this_process(chunks, Worker(settings, cwd))
    failures = deque(
        _failed(_shown(path, cwd), error) for path, error in sorted(found.failures, key=lambda item: item[0])
    )
    for result in _settled(results, settings, cwd):
        while failures and failures[0].path < result.path:
            yield failures.popleft()
        yield result
    yield from failures


def _settled(results: Iterable[FileResult], settings: Settings, cwd: Path) -> Iterator[FileResult]:
    """Yield results in their order, each file that counts on another one done again where that is not as it says."""
    texts: dict[str, bytes] = {}
    held: list[FileResult] = []
    for result in results:
        texts[result.path] = _text_digest(result)
        if held or result.needs or result.helps:
            held.append(result)
        else:
            yield result
    while alone := {result.path for result in held if not _stands(result, held, texts)}:
        worker = Worker(replace(settings, alone=True), cwd)
        paths = [cwd / result.path for result in held if result.path in alone]
        again = {result.path: result for result in _deeply(functools.partial(worker.process_all, paths))}
        held = [again.get(result.path, result) for result in held]
        texts |= {path: _text_digest(result) for path, result in again.items()}
    yield from held


def _text_digest(result: FileResult) -> bytes:
    return source.digest(result.change.text.encode("utf-8", "surrogatepass")) if result.change is not None else b""


def _stands(result: FileResult, others: Sequence[FileResult], texts: Mapping[str, bytes]) -> bool:
    """Tell whether all that a result needs, and one at least of those that it helps, is as it says."""
    helped = any(needed == result.path for other in others if other.path in result.helps for needed, _ in other.needs)
    return (helped or not result.helps) and all(texts.get(path) == digest for path, digest in result.needs)


def run_on_text(path: Path, data: bytes, settings: Settings, shown: str) -> tuple[FileResult, bytes]:
    """Return what the codemods make of a file's bytes that are given, and the bytes after it.

    Args:
        path: where they belong; need not exist.
        data: the bytes.
        settings: which codemods, and how far they may go.
        shown: how the file is called in the result.
    """
    worker = Worker(replace(settings, alone=True), Path.cwd())
    result = _deeply(functools.partial(worker.process, path, data, shown))
    if result.change is None:
        return result, data
    return result, source.read(path, data).render(result.change.text)


def write(results: Iterable[FileResult], cwd: Path | None = None, record: Record | None = None) -> Iterator[FileResult]:
    """Write the changes that a run has found, and yield what became of each file.

    An interrupt waits for the file at hand, so that what was yielded is what was written. A file that needs another one
    is written behind it, and only if that was: whenever the writing ends, what is there makes sense.

    Args:
        results: those of a run that has ended: a file written earlier would be seen by the others.
        cwd: the folder that their paths are relative to; the working directory if None.
        record: is told of each file right before it is replaced.

    Raises:
        KeyboardInterrupt: the user has asked to stop.
    """
    failed: set[str] = set()
    write_one = functools.partial(_written, cwd=cwd or Path.cwd(), record=record, failed=failed)
    return one_by_one(_needed_first(list(results)), write_one)


def _needed_first(results: Sequence[FileResult]) -> Iterator[FileResult]:
    """Yield results in their order, those that another one needs before it."""
    by_path = {result.path: result for result in results}

    def taken(result: FileResult) -> Iterator[FileResult]:
        if by_path.pop(result.path, None) is not None:
            for path, _ in result.needs:
                if path in by_path:
                    yield from taken(by_path[path])
            yield result

    for result in results:
        yield from taken(result)


def _written(result: FileResult, cwd: Path, record: Record | None, failed: set[str]) -> FileResult:
    if result.change is None:
        return result
    path = cwd / result.path
    needs = [needed for needed, _ in result.needs]
    if needs and record is not None:
        record = functools.partial(record, needs=[(cwd / needed).resolve() for needed in needs])
    try:
        if lacking := failed.intersection(needs):
            raise SourceError("needed", f"it counts on {min(lacking)}, which could not be written")
        document = source.read(path)
        if source.digest(document.data) != result.change.digest:
            raise SourceError("changed", "the file was changed by someone else since it was read")
        source.write(path, document.render(result.change.text), expected=document.data, record=record)
    except SourceError as error:
        failed.add(result.path)
        return replace(
            result, status=FileStatus.FAILED, patch=b"", reason=error.reason, detail=error.detail, change=None
        )
    return result


# One file. ---------------------------------------------------------------------------------------


class Worker:
    """Analyses files one after another, and remembers the projects that they belong to."""

    def __init__(self, settings: Settings, cwd: Path) -> None:
        self._settings = settings
        self._cwd = cwd
        self._codemods = [registry.load(name) for name in settings.codemods]
        self._projects: dict[Path, Project] = {}

    def process_all(self, paths: Iterable[Path]) -> list[FileResult]:
        """Return what the codemods make of some files, in their order."""
        return [self.process(path) for path in paths]

    def process(self, path: Path, data: bytes | None = None, shown: str | None = None) -> FileResult:
        """Return what the codemods make of one file, whatever happens.

        Args:
            path: the file.
            data: its bytes; read from it if None.
            shown: how it is called in the result; its path relative to the working directory if None.
        """
        shown = shown or _shown(path, self._cwd)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the user's code: the parser would print them
                return self._process(path, data, shown)
        except SourceError as error:
            return _failed(shown, error)
        except SyntaxError as error:
            return _failed(shown, SourceError("syntax", f"line {error.lineno or 1}: {error.msg}"))
        except (RecursionError, MemoryError):
            return _failed(shown, SourceError("nesting", "an expression is nested too deeply to be analysed"))
        except Exception as error:  # the one place: no file ends the run
            text = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
            return _failed(shown, SourceError("internal", text))

    def _process(self, path: Path, given: bytes | None, shown: str) -> FileResult:
        data = source.load(path) if given is None else given
        # A comment that suppresses nothing is reported, in whichever file it stands.
        asked = b"tf-codemods:" in data
        concerned = [codemod for codemod in self._codemods if codemod.concerns(data)]
        if not asked and not concerned:
            self._check(path, data, on_disk=given is None)
            return FileResult(shown, FileStatus.UNCHANGED)
        document = source.read(path, data)
        if _weight(data) > _WEIGHT_LIMIT and isinstance(document, PythonFile):
            raise SourceError("too-large", f"{len(data):,} bytes of code would take too much memory to analyse")
        project, inside = self._project(path.absolute())
        asked = asked or given is not None or inside not in project.files
        if not asked and not any(codemod.concerns_in(project, inside) for codemod in concerned):
            project.check(inside, document.text)
            return FileResult(shown, FileStatus.UNCHANGED)
        excluded = {number for name, number in self._settings.excluded if name == shown}
        project.excluded = self._excluded(project)
        rewritten = rewrite(document.text, inside, self._settings, project, excluded)
        if rewritten.ignored:
            return _failed(shown, SourceError("ignored", "it says `# tf-codemods: ignore-file`", skipped=True))
        lines = split_lines(document.text)
        findings = tuple(
            _located(finding, name, number, document, lines, shown)
            for (name, finding), number in zip(rewritten.findings, rewritten.numbers, strict=True)
        )
        if rewritten.text == document.text:
            return FileResult(shown, FileStatus.UNCHANGED, findings)
        fixes: tuple[Fix, ...] = ()
        if self._settings.fixes:
            fixes = tuple(self._fixes(document, inside, project, excluded, rewritten))
        return FileResult(
            shown,
            FileStatus.CHANGED,
            findings,
            diff.unified(shown, data, document.render(rewritten.text)),
            document.encoding if isinstance(document, PythonFile) else "utf-8",
            change=Change(rewritten.text, source.digest(data), rewritten.answered),
            groups=rewritten.groups,
            fixes=fixes,
            needs=tuple(
                (_shown(project.root / needed, self._cwd), source.digest(text.encode("utf-8", "surrogatepass")))
                for needed, text in rewritten.needs.items()
            ),
            helps=tuple(sorted(_shown(project.root / helped, self._cwd) for helped in rewritten.helps)),
        )

    def _excluded(self, project: Project) -> dict[str, set[int]]:
        """Return the numbers of the findings that failed verification, by the paths of the project's modules."""
        found: dict[str, set[int]] = {}
        for name, number in self._settings.excluded:
            path = (self._cwd / name).absolute()
            if path.is_relative_to(project.root):
                found.setdefault(path.relative_to(project.root).as_posix(), set()).add(number)
        return found

    def _check(self, path: Path, data: bytes, *, on_disk: bool) -> None:
        """Raise what is wrong with a file that no codemod has anything to say about."""
        if path.suffix == ".ipynb":
            # What its cells hold doesn't matter then, and to look at each takes twenty times as long.
            try:
                json.loads(data)
            except ValueError as error:
                raise SourceError("notebook", f"not valid JSON: {error}") from error
            return
        document = source.read(path, data)
        if _weight(data) > _WEIGHT_LIMIT:
            return
        if on_disk:
            project, inside = self._project(path.absolute())
            project.check(inside, document.text)
        else:
            check_syntax(document.text)

    def _fixes(
        self, document: Document, inside: str, project: Project, excluded: set[int], together: Rewritten
    ) -> Iterator[Fix]:
        """Yield what is changed for each group of findings if the others are left alone."""
        before = _text_on_disk(document, document.data)
        for group in together.groups:
            alone = together
            if len(together.groups) > 1:
                others = {number for other in together.groups for number in other}.difference(group)
                alone = rewrite(document.text, inside, self._settings, project, excluded | others)
            if alone.needs:
                continue  # it is no fix without the changes of another file
            after = _text_on_disk(document, document.render(alone.text))
            yield Fix(group, diff.replacements(before, after))

    def _project(self, path: Path) -> tuple[Project, str]:
        """Return the project of a file, and the file's path in it."""
        root = _root(path.parent)
        if root not in self._projects:
            for project in self._projects.values():  # paths come sorted: the one before is done with
                vars(project).clear()  # it and its modules, which refer to each other, would wait for the collector
            self._projects.clear()
            self._projects[root] = Project(root, functools.partial(project_files, root), _bytes, self._text, _names)
        return self._projects[root], path.relative_to(root).as_posix()

    def _text(self, path: Path, data: bytes) -> str | None:
        try:
            text = source.read(path, data).text
        except SourceError:
            return None
        return text if _weight(data) <= _WEIGHT_LIMIT else None


@functools.cache
def _root(folder: Path) -> Path:
    """Return the folder of the project that files in a folder belong to, which is looked up once in a process."""
    # What standard input stands for needs no folder yet.
    return project_root(folder if folder.is_dir() else next(each for each in folder.parents if each.is_dir()))


def _text_on_disk(document: Document, data: bytes) -> str:
    return data.decode(document.encoding if isinstance(document, PythonFile) else "utf-8-sig")


def _weight(data: bytes) -> int:
    return len(data) + _COMMA * data.count(b",")


def _located(
    finding: Finding, codemod: str, number: int, document: Document, lines: Sequence[str], shown: str
) -> LocatedFinding:
    node = finding.node
    start, end = node.lineno, node.end_lineno  # type: ignore[attr-defined]
    cell, line = document.locate(start)
    return LocatedFinding(
        path=shown,
        cell=cell,
        line=line,
        column=_characters(lines[start - 1], node.col_offset) + 1,  # type: ignore[attr-defined]
        end_line=document.locate(end)[1],
        end_column=_characters(lines[end - 1], node.end_col_offset) + 1,  # type: ignore[attr-defined]
        codemod=codemod,
        status=finding.status,
        severity=finding.severity,
        message=finding.message,
        reason=finding.refusal.code if finding.refusal else None,
        detail=finding.explanation,
        excerpt=tuple(text.rstrip("\r\n") for text in lines[start - 1 : end]),
        number=number,
        json_lines=_json_lines(document, start, end),
    )


def _json_lines(document: Document, start: int, end: int) -> tuple[int, int] | None:
    first, last = document.json_line(start), document.json_line(end)
    return (first, last) if first and last else None


def _characters(line: str, offset: int) -> int:
    """Return how many characters a number of UTF-8 bytes is."""
    return len(line.encode()[:offset].decode())


def _failed(shown: str, error: SourceError) -> FileResult:
    status = FileStatus.SKIPPED if error.skipped else FileStatus.FAILED
    return FileResult(shown, status, reason=error.reason, detail=error.detail)


def _shown(path: Path, cwd: Path) -> str:
    return Path(os.path.relpath(path, cwd)).as_posix()


def _bytes(path: Path) -> bytes | None:
    try:
        return source.load(path)
    except SourceError:
        return None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _deeply(function: Callable[[], T]) -> T:
    """Call a function on a stack that is deep enough for expressions of many terms."""
    results: list[T] = []
    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK)
    sys.setrecursionlimit(_RECURSION)
    try:
        thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    return results.pop()


@contextlib.contextmanager
def _little_garbage() -> Iterator[None]:
    threshold = gc.get_threshold()
    gc.set_threshold(*_GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


# Many files. -------------------------------------------------------------------------------------


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _chunks(files: Iterable[Path], sizes: Iterable[int]) -> Iterator[list[Path]]:
    chunk: list[Path] = []
    total = 0
    for file, size in zip(files, sizes, strict=True):
        chunk.append(file)
        total += size
        if total >= _CHUNK:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


def _in_this_process(chunks: Iterable[list[Path]], worker: Worker) -> Iterator[FileResult]:
    with _little_garbage():
        for files in chunks:
            yield from _deeply(functools.partial(worker.process_all, files))


def _in_pool(chunks: Sequence[list[Path]], settings: Settings, jobs: int, cwd: Path) -> Iterator[FileResult]:
    """Yield the results of all chunks in their order.

    A worker's death or a timeout costs a chunk; its files are then done again, each on its own.
    """
    # Here, since a run over a few files needs no pool.
    from concurrent.futures import TimeoutError as FutureTimeoutError

    from pebble import ProcessExpired, ProcessFuture, ProcessPool

    # A process with threads can't be forked safely, and a fork is the fastest start where it can.
    fork = sys.platform == "linux" and threading.active_count() == 1
    for name in settings.codemods if fork else ():
        registry.load(name)  # once for all workers
    context = multiprocessing.get_context("fork" if fork else "spawn")
    pool = ProcessPool(min(jobs, len(chunks)), initializer=gc.set_threshold, initargs=_GARBAGE, context=context)

    def schedule(files: list[Path]) -> ProcessFuture[list[FileResult]]:
        return pool.schedule(_work, (files, settings, cwd), timeout=TIME_LIMIT)

    try:
        futures = deque((files, schedule(files)) for files in chunks)
        while futures:
            files, future = futures.popleft()
            try:
                yield from future.result()
            except (FutureTimeoutError, ProcessExpired) as error:
                if len(files) == 1:
                    yield _failed(_shown(files[0], cwd), _death(error))
                futures.extendleft(([file], schedule([file])) for file in reversed(files) if len(files) > 1)
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _work(files: Iterable[Path], settings: Settings, cwd: Path) -> list[FileResult]:
    """Analyse a chunk of files in a worker."""
    return _deeply(functools.partial(_own_worker(settings, cwd).process_all, files))


@functools.lru_cache(maxsize=1)
def _own_worker(settings: Settings, cwd: Path) -> Worker:
    """Return the one of this process, which lives as long as the run."""
    return Worker(settings, cwd)


def _death(error: Exception) -> SourceError:
    code = getattr(error, "exitcode", None)
    if code is None:
        return SourceError("timeout", f"it took more than {TIME_LIMIT:.0f} seconds")
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    return SourceError("worker-died", f"the process that analysed it died: {how}")
