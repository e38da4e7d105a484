"""The command line: options in, one call, one report, an exit status."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

import codemods
from codemods.engine import config as configuration
from codemods.engine import registry
from codemods.engine.codemod import Severity
from codemods.engine.result import FileResult, FileStatus, Settings
from codemods.reports import console, terminal

if TYPE_CHECKING:
    from codemods.engine.journal import Journal, Recorder
    from codemods.verify.proof import Proof

NOTHING, CHANGES, FAILURE = 0, 1, 2
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


@dataclass(frozen=True)
class Options:
    """The options that all commands which look at code have in common."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    severity: str
    unsafe: bool | None
    target: str | None
    format: str
    jobs: int
    quiet: bool
    config: Path | None

    def resolved(self, paths: Sequence[Path]) -> tuple[Settings, configuration.Config]:
        """Return what to do: the command line's word stands above the configuration's."""
        try:
            found = configuration.load(self.config) if self.config else configuration.find(paths)
            ignore = self.ignore or (() if self.select else found.ignore)
            names = registry.select(self.select or found.select, ignore)
        except (configuration.ConfigError, registry.UnknownCodemodError) as error:
            raise click.UsageError(str(error)) from error
        unsafe = found.unsafe if self.unsafe is None else self.unsafe
        severity = Severity[self.severity.upper()]
        target, fixes = self.target or found.target, self.format == "sarif"
        return Settings(names, unsafe, severity, target, fixes=fixes), found


def _names(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for value in values for name in value.split(",") if name.strip())
    if values and not names:
        raise click.BadParameter("it names no codemod")
    return names


def _complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return how a list of codemods may go on."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in registry.names() if name.startswith(last)]


def _version(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not configuration.is_version(value):
        raise click.BadParameter(f"{value!r} is not a TensorFlow version such as 2.21")
    return value


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _format(*names: str) -> Callable[[CommandT], CommandT]:
    """Return the option that chooses one of some formats."""
    return click.option(
        "--format", type=click.Choice(names), default=names[0], show_default=True, help="How to report."
    )


_FILE = click.Path(path_type=Path, dir_okay=False)
_NAMES: dict[str, Any] = {"multiple": True, "callback": _names, "metavar": "A,B", "shell_complete": _complete}
_OPTIONS = (
    click.option("--select", **_NAMES, help="Run only these codemods."),
    click.option("--ignore", **_NAMES, help="Leave these codemods out."),
    click.option(
        "--severity",
        type=click.Choice([str(severity) for severity in reversed(Severity)]),
        default=str(Severity.NOTE),
        show_default=True,
        help="Leave out findings below this.",
    ),
    click.option("--unsafe/--no-unsafe", default=None, help="Make the rewrites that change behaviour too."),
    click.option(
        "--target",
        metavar="VERSION",
        callback=_version,
        help="The TensorFlow version that the code is for; else what its project asks for.",
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        default=_processors,
        metavar="N",
        help="Processes to use; else as many as there are processors.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Print no findings; failures are always named."),
    click.option("--config", type=_FILE, help="Read [tool.tf-codemods] from this file."),
)


def _common(*formats: str) -> Callable[[CommandT], CommandT]:
    """Return what gives a command the options that all have which look at code."""

    def add(command: CommandT) -> CommandT:
        for option in reversed((*_OPTIONS, _format(*formats))):
            command = option(command)
        return command

    return add


_RUN_OPTIONS = (
    click.option("--python", metavar="PYTHON", help="The program's interpreter; else the active environment's."),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        default=600.0,
        metavar="SECONDS",
        help="The time that each run of the program may take.  [default: 600]",
    ),
)
_VERIFY = click.option(
    "--verify",
    "command",
    metavar="COMMAND",
    help="Run a program, such as 'train.py --epochs 1', before and after the rewrite; leave out each finding whose "
    "rewrite makes it do something else, and write nothing if it can't be run.",
)


def _runs(command: CommandT) -> CommandT:
    for option in reversed(_RUN_OPTIONS):
        command = option(command)
    return command


_PATHS = click.argument("paths", nargs=-1, type=click.Path(allow_dash=True), metavar="[PATH]...")
_STDIN_FILENAME = click.option(
    "--stdin-filename", type=click.Path(), metavar="NAME", help="The name of what `-` reads: its project, its kind."
)


class _Commands(click.Group):
    """Lists the commands in the order in which a user meets them, and ends each of them cleanly."""

    def invoke(self, ctx: click.Context) -> Any:
        with console.guarded():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(self.commands)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": terminal.WIDTH}
)
@click.version_option(codemods.__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Rewrite TensorFlow code for logging, saving and loading; the diff can be seen first.

    Exit status: 0 when nothing is left to change, 1 when `diff` found changes to make, 2 for wrong
    usage and for any file that could not be read, parsed, decoded or written.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the shell has closed it
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - as long as the program runs


@main.command()
@_PATHS
@_STDIN_FILENAME
@_common("text", "json", "sarif", "github")
def diff(paths: tuple[str, ...], stdin_filename: str | None, **options: Any) -> None:
    """Print what would be changed as a patch, and write nothing.

    The patch goes to standard output, as `git apply` takes it; the findings go to standard error.
    """
    asked = Options(**options)
    if _is_standard_input(paths, stdin_filename):
        results, _, settings = _standard_input(stdin_filename, asked)
    else:
        results, settings = _analyse(paths or (".",), asked)
    _report(results, asked, settings, written=False, patches=True, log=sys.stderr)
    _exit(results, CHANGES)


@main.command()
@_PATHS
@_STDIN_FILENAME
@_VERIFY
@_runs
@_common("text", "json", "sarif", "github")
def fix(
    paths: tuple[str, ...],
    stdin_filename: str | None,
    command: str | None,
    python: str | None,
    timeout: float,
    **options: Any,
) -> None:
    """Rewrite files in place; for `-`, print the result."""
    written: list[FileResult] = []
    with console.guarded(written):
        asked = Options(**options)
        if command and "-" in paths:
            raise click.UsageError("--verify needs files, not standard input")
        if _is_standard_input(paths, stdin_filename):
            results, output, settings = _standard_input(stdin_filename, asked)
            if asked.format == "text":
                sys.stdout.buffer.write(output)
                sys.stdout.buffer.flush()
            _report(results, asked, settings, written=True, log=sys.stderr)
            _exit(results)
        results, settings = _analyse(paths or (".",), asked)
        proof = None
        if command:
            results, proof = _verified(command, results, settings, asked, paths or (".",), python, timeout)
        run = _write(results, written, "fix", paths or (".",))
        _report(written, asked, settings, proof, written=True, undo=_way_back(run), log=sys.stdout)
        _exit(written)


@main.command()
@click.argument("repo", type=click.Path(exists=True, file_okay=False), default=".")
@click.option("--allow-dirty", is_flag=True, help="Go ahead where git could not take the changes back.")
@click.option("--report", type=_FILE, help="Write the report to this file, as Markdown.")
@_VERIFY
@_runs
@_common("text", "json", "sarif", "github")
def migrate(
    repo: str,
    allow_dirty: bool,
    report: Path | None,
    command: str | None,
    python: str | None,
    timeout: float,
    **options: Any,
) -> None:
    """Rewrite a whole repository, and report on it.

    The report says what was changed by which codemod, and what was refused and why. The folder has to be in git and
    without uncommitted changes, so that these stay apart from those that are made.
    """
    from codemods.engine.git import no_way_back

    written: list[FileResult] = []
    with console.guarded(written):
        asked = Options(**options)
        if report and not report.absolute().parent.is_dir():
            raise click.UsageError(f"there is no folder for the report {report}")
        obstacle = None if allow_dirty else no_way_back(Path(repo))
        if obstacle:
            raise click.UsageError(f"{obstacle}; commit first, or give --allow-dirty")
        results, settings = _analyse((repo,), asked, progress=not asked.quiet)
        proof = None
        if command:
            results, proof = _verified(command, results, settings, asked, (repo,), python, timeout)
        run = _write(results, written, "migrate", (repo,))
        try:
            _report(written, asked, settings, proof, written=True, groups=True, undo=_way_back(run), log=sys.stdout)
        finally:
            if report:
                _save(report, written, settings, proof)
        _exit(written)


@main.command()
@click.argument("run", required=False, type=click.IntRange(1))
@click.option("--list", "listing", is_flag=True, help="List the runs, and undo none.")
@click.option(
    "--tree",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    metavar="FOLDER",
    help="The project, or a folder in it, whose run it was; else that of the working directory.",
)
@_format("text", "json")
@click.option("-q", "--quiet", is_flag=True, help="Name only the files that were left alone.")
def undo(run: int | None, listing: bool, tree: Path, format: str, quiet: bool) -> None:  # noqa: A002
    """Put back what a `fix` or `migrate` changed.

    RUN is the number of a run, as `--list` shows it; without it, the last one is undone that wasn't yet. Only a file
    whose bytes are still those that the run wrote is put back; the others are named and left alone.
    This is a run of its own: undo that by its number, and the changes are there again.

    Exit status: 0 when all files are as they were before the run, 2 when any was left alone.
    """
    from codemods.engine.journal import Journal
    from codemods.engine.source import SourceError
    from codemods.reports import json, runs

    results: list[FileResult] = []
    with console.guarded(results):
        journal = Journal.around(tree)
        try:
            if listing:
                console.say(runs.listing(journal.runs(), format), sys.stdout)
                return
            _undo(run, journal, results)
        except SourceError as error:
            raise click.UsageError(error.detail) from error
        if format == "json":
            click.echo(json.render(results))
        else:
            for line in runs.undone(results, quiet=quiet):
                console.say(line, sys.stdout)
        _exit(results)


@main.command()
@click.argument("script", type=click.Path())
@click.argument("arguments", nargs=-1, metavar="[-- ARG...]")
@_runs
@_common("text", "json")
def verify(script: str, arguments: tuple[str, ...], python: str | None, timeout: float, **options: Any) -> None:
    """Run a program before and after the rewrite, and compare.

    The program, a script or a notebook, is run under TensorFlow in copies of its project; nothing is written.
    Its events, variables, saved files, output and end are compared. The verdict is `same`, `repaired` (what it
    failed to do before is done), `different`, or `inconclusive` (it does not do the same twice, so that only
    tags, steps and counts were compared, and these are the same).

    Exit status: 0 for same, repaired and inconclusive, 1 for different, 2 where the program could not be run to
    its end.
    """
    from codemods.reports import verdict
    from codemods.verify.program import ProgramError, program
    from codemods.verify.proof import NOT_RUN, Trials

    asked = Options(**options)
    try:
        found = program(script, arguments, python=python, timeout=timeout)
    except ProgramError as error:
        raise click.UsageError(str(error)) from error
    results, _ = _analyse((str(found.root), str(found.script)), asked)
    failed = [result for result in results if result.status is FileStatus.FAILED]
    for paragraph in terminal.failures(failed, skipped=False):
        console.say(paragraph, sys.stderr)
    if any((Path.cwd() / result.path).resolve() == found.script.resolve() for result in failed):
        sys.exit(NOT_RUN)
    proof = Trials(found, Path.cwd(), _announcer(asked)).prove(results)
    if asked.format == "json":
        click.echo(verdict.render_json(proof))
    else:
        console.say(verdict.verdict(proof) if asked.quiet else verdict.render(proof), sys.stdout)
    sys.exit(proof.status)


@main.command("list")
@_format("text", "json")
def list_(format: str) -> None:  # noqa: A002 - the name of the option
    """List the codemods."""
    found = [registry.load(name) for name in registry.names()]
    if format == "json":
        from codemods.reports import json

        click.echo(json.catalogue(found))
    else:
        console.say(terminal.catalogue(found), sys.stdout)


@main.command()
@click.argument("codemod", shell_complete=_complete)
def explain(codemod: str) -> None:
    """Explain a codemod: what it does, why, what it refuses."""
    try:
        console.say(terminal.explanation(registry.load(codemod)), sys.stdout)
    except registry.UnknownCodemodError as error:
        raise click.UsageError(str(error)) from error


# What the commands share. ------------------------------------------------------------------------


def _analyse(paths: Sequence[str], asked: Options, *, progress: bool = False) -> tuple[list[FileResult], Settings]:
    from codemods.engine.discover import discover
    from codemods.engine.run import run

    if "-" in paths:
        raise click.UsageError("`-` stands alone: standard input, or paths")
    cwd = Path.cwd()
    settings, found = asked.resolved([Path(os.path.abspath(path)) for path in paths])
    try:
        files = discover(paths, cwd=cwd, exclude=found.exclude, exclude_root=found.file and found.file.parent)
    except FileNotFoundError as error:
        raise click.UsageError(f"there is no file or folder {error.filename}") from error
    results = run(files, settings, jobs=asked.jobs)
    if progress:
        results = console.progress(results, len(files.files) + len(files.failures))
    return list(results), settings


def _is_standard_input(paths: tuple[str, ...], name: str | None) -> bool:
    if name is not None and paths != ("-",):
        raise click.UsageError("--stdin-filename names what `-` reads; that has to be the only path")
    return paths == ("-",)


def _standard_input(name: str | None, asked: Options) -> tuple[list[FileResult], bytes, Settings]:
    from codemods.engine.run import run_on_text

    path = Path(name or "stdin.py").absolute()
    settings, _ = asked.resolved([path])
    result, output = run_on_text(path, sys.stdin.buffer.read(), settings, name or "-")
    return [result], output, settings


def _undo(number: int | None, journal: Journal, results: list[FileResult]) -> None:
    """Undo a run, the last one if it has no number; the list tells at any time what was done."""
    from codemods.engine.undo import last, undo

    runs = journal.runs()
    run = last(runs) if number is None else next((run for run in runs if run.number == number), None)
    if run is None:
        which = "no run that could be undone" if number is None else f"no run {number}"
        raise click.UsageError(f"there is {which} of {journal.tree}; `tf-codemods undo --list` names those there are")
    for result in undo(run, journal, Path.cwd()):
        results.append(result)  # noqa: PERF402 - one by one, for an interrupt to see


def _write(results: Iterable[FileResult], written: list[FileResult], command: str, paths: Sequence[str]) -> Recorder:
    """Write what a run has found, and return where it is recorded; the list tells at any time what was done."""
    from codemods.engine.journal import Journal
    from codemods.engine.run import write

    run = Journal.of([Path(path) for path in paths], Path.cwd()).begin(command)
    for result in write(results, record=run.record):
        written.append(result)  # noqa: PERF402 - one by one, for an interrupt to see
    return run


def _way_back(run: Recorder) -> str | None:
    """Return the command that undoes a run, None where it has written nothing."""
    if run.number is None:
        return None
    from codemods.engine.journal import Journal

    tree = run.journal.tree
    elsewhere = f" --tree {shlex.quote(os.path.relpath(tree))}" if Journal.around(Path.cwd()).tree != tree else ""
    return f"tf-codemods undo {run.number}{elsewhere}"


def _verified(
    command: str,
    results: Sequence[FileResult],
    settings: Settings,
    asked: Options,
    paths: Sequence[str],
    python: str | None,
    timeout: float,
) -> tuple[list[FileResult], Proof]:
    """Return the results without what makes the program do something else; end where it can't be run."""
    from codemods.reports import verdict
    from codemods.verify.program import ProgramError, parse, program
    from codemods.verify.proof import Trials

    try:
        named, script, arguments = parse(command)
        folders = [Path(path) for path in paths if Path(path).is_dir()]
        found = program(script, arguments, python=python or named, timeout=timeout, folders=folders)
        settled, proof = Trials(found, Path.cwd(), _announcer(asked)).settle(results, settings)
    except ProgramError as error:
        raise click.UsageError(str(error)) from error
    if proof.obstacle:
        if asked.format == "json":
            click.echo(verdict.render_json(proof))
        else:
            console.say(verdict.render(proof), sys.stdout if asked.format == "text" else sys.stderr)
        console.say("No file was written, since the program could not be run.", sys.stderr)
        sys.exit(FAILURE)
    return settled, proof


def _announcer(asked: Options) -> Callable[[str], None]:
    def announce(text: str) -> None:
        if not asked.quiet:
            console.say(text, sys.stderr)

    return announce


def _report(
    results: Sequence[FileResult], asked: Options, settings: Settings, proof: Proof | None = None, **how: Any
) -> None:
    """Print what a run has found and done, in the format that was asked for."""
    verification = None
    if proof:
        from codemods.reports import verdict

        verification = verdict.to_dict(proof)
    match asked.format:
        case "json":
            from codemods.reports import json

            click.echo(json.render(results, verification))
        case "sarif":
            from codemods.reports import sarif

            click.echo(sarif.render(results, settings, written=how["written"], verification=verification))
        case "github":
            from codemods.reports import github

            for line in github.render(results, settings, written=how["written"]):
                console.say(line, sys.stdout)
            if proof:
                console.say(github.command("notice", verdict.verdict(proof), title="verify"), sys.stdout)
        case _:
            console.report(results, settings, quiet=asked.quiet, **how)
            if proof:
                console.say(verdict.verdict(proof) if asked.quiet else f"\n{verdict.render(proof)}", how["log"])


def _save(report: Path, results: Sequence[FileResult], settings: Settings, proof: Proof | None) -> None:
    from codemods.reports import markdown, verdict

    text = markdown.render(results, unsafe=settings.unsafe)
    if proof:
        text += f"\n{verdict.markdown(proof)}"
    try:
        report.write_text(text, "utf-8", "backslashreplace")
    except OSError as error:
        console.say(f"the report {report} can't be written: {error.strerror or error}", sys.stderr)
        sys.exit(FAILURE)


def _exit(results: Iterable[FileResult], changes: int = NOTHING) -> NoReturn:
    statuses = {result.status for result in results}
    if FileStatus.FAILED in statuses:
        sys.exit(FAILURE)
    sys.exit(changes if FileStatus.CHANGED in statuses else NOTHING)
