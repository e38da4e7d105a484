"""``Check``: what every test of a codemod asserts, said once."""

from __future__ import annotations

import ast
import difflib
from collections import Counter

from codemods.analysis.project import Project
from codemods.engine.codemod import Refusal, Severity, Status
from codemods.engine.registry import load
from codemods.engine.result import Settings
from codemods.engine.rewrite import Rewritten, rewrite


class Check:
    """Runs one codemod over programs in memory.

    A program is a text, or a dict of texts by path whose first entry is the module under test.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.codemod = load(name.replace("_", "-"))

    def run(self, program: str | dict[str, str], *, unsafe: bool = False) -> Rewritten:
        """Return the rewrite after the checks that hold for every one."""
        files = {"program.py": program} if isinstance(program, str) else dict(program)
        path, text = next(iter(files.items()))
        settings = Settings((self.codemod.name,), unsafe=unsafe)
        result = rewrite(text, path, settings, Project.of(files))
        ast.parse(result.text)
        again = rewrite(result.text, path, settings, Project.of({**files, path: result.text}))
        assert again.text == result.text, "a second run changes the file again"
        left = Counter(
            (f.message, f.status, f.refusal)
            for _, f in result.findings
            if f.status is Status.REFUSED or (f.status is Status.UNSAFE and not unsafe)
        )
        said = Counter((f.message, f.status, f.refusal) for _, f in again.findings)
        assert said == left, "a second run says something else than what the first has left"
        windows = rewrite(
            text.replace("\n", "\r\n"),
            path,
            settings,
            Project.of({**files, path: text.replace("\n", "\r\n")}),
        )
        assert windows.text == result.text.replace("\n", "\r\n"), "CRLF newlines are not kept"
        for _, finding in result.findings:
            assert finding.refusal is None or finding.refusal.code in {r.code for r in self.codemod.refusals}, finding
        return result

    def transformed(
        self,
        program: str | dict[str, str],
        snapshot: object = None,
        *,
        unsafe: bool = False,
        severity: Severity | None = None,
    ) -> str:
        """Assert that the program is rewritten (to the snapshot's diff, if given); return the new text."""
        text = program if isinstance(program, str) else next(iter(program.values()))
        result = self.run(program, unsafe=unsafe)
        assert result.text != text, [f.explanation for _, f in result.findings] or "no finding"
        assert all(f.status is not Status.REFUSED for _, f in result.findings), [
            (f.refusal, f.detail) for _, f in result.findings
        ]
        if unsafe:
            assert any(f.status is Status.UNSAFE for _, f in result.findings), "nothing here is unsafe"
        if severity is not None:
            assert {f.severity for _, f in result.findings} == {severity}
        if snapshot is not None:
            diff = difflib.unified_diff(text.splitlines(), result.text.splitlines(), "before", "after", lineterm="")
            assert "\n".join(diff) + "\n" == snapshot
        return result.text

    def refused(self, program: str | dict[str, str], refusal: Refusal, *, unsafe: bool = False) -> None:
        """Assert that the program is left alone byte for byte, for exactly this reason."""
        text = program if isinstance(program, str) else next(iter(program.values()))
        result = self.run(program, unsafe=unsafe)
        assert {f.refusal.code if f.refusal else f.status for _, f in result.findings} == {refusal.code}, [
            (f.refusal, f.detail, f.message) for _, f in result.findings
        ]
        assert result.text == text

    def noop(self, program: str | dict[str, str]) -> None:
        """Assert that the codemod has nothing to say about the program, and leaves it byte for byte."""
        text = program if isinstance(program, str) else next(iter(program.values()))
        result = self.run(program)
        assert result.text == text
        assert not result.findings, [(f.message, f.refusal) for _, f in result.findings]
