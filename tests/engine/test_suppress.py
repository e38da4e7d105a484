"""Comments that keep code out of the tool's hands, as users write them."""

import pytest

from codemods.engine import registry
from codemods.engine.codemod import Severity
from codemods.engine.result import Settings
from codemods.engine.rewrite import Rewritten, rewrite


@pytest.fixture
def settings(fake: str) -> Settings:
    return Settings(registry.names())


def messages(result: Rewritten) -> list[str]:
    return [finding.message for _, finding in result.findings]


@pytest.mark.parametrize(
    "comment",
    [
        "# tf-codemods: ignore",
        "#tf-codemods:ignore",
        "# tf-codemods: ignore[rename-old]",
        "# tf-codemods: ignore[ hoist-file-writer , rename-old ]",
        "# tf-codemods: ignore - it is better so",
        "# TF-codemods: Ignore",
        "# tf_codemods: ignore[rename_old]",
        "# noqa: E501  # tf-codemods: ignore",
        "# tf-codemods: ignore  # noqa: E501",
        "# tf-codemods: ignore-file",
        "# tf-codemods: ignore-file[rename-old]",
    ],
)
def test_what_is_meant_to_suppress_suppresses(settings: Settings, comment: str) -> None:
    text = f"old()  {comment}\n"
    result = rewrite(text, "a.py", settings)
    assert (result.text, messages(result)) == (text, [])


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("# tf-codemods: ignore[hoist-file-writer]", "`# tf-codemods: ignore[hoist-file-writer]` suppresses nothing"),
        ("# tf-codemods: ignore[no-such]", "`# tf-codemods: ignore[no-such]` names no codemod: no-such"),
        (
            "# x # tf-codemods: ignored",
            "`# tf-codemods: ignored` suppresses nothing; there are `ignore`, `ignore[NAME]` and `ignore-file`",
        ),
        (
            "# tf-codemods: skip",
            "`# tf-codemods: skip` suppresses nothing; there are `ignore`, `ignore[NAME]` and `ignore-file`",
        ),
    ],
)
def test_what_suppresses_nothing_is_told(settings: Settings, comment: str, said: str) -> None:
    result = rewrite(f"old()  {comment}\n", "a.py", settings)
    assert result.text == f"new()  {comment}\n"
    assert messages(result)[1:] == [said]


def test_text_that_is_no_comment_suppresses_nothing(settings: Settings) -> None:
    assert rewrite("old('# tf-codemods: ignore')\n", "a.py", settings).text.startswith("new(")


def test_a_comment_is_of_use_as_long_as_not_all_that_it_speaks_of_was_run(settings: Settings) -> None:
    alone = Settings(("hoist-file-writer",))
    for comment in ("ignore", "ignore[rename-old]", "ignore[hoist-file-writer, rename-old]", "ignore-file"):
        text = f"old()  # tf-codemods: {comment}\n"
        assert messages(rewrite(text, "a.py", alone)) == []
    assert messages(rewrite("old()  # tf-codemods: ignore[hoist-file-writer]\n", "a.py", alone)) != []


def test_it_is_a_note(settings: Settings) -> None:
    text = "new()  # tf-codemods: ignore[rename-old, no-such]\n"
    assert messages(rewrite(text, "a.py", settings)) != []
    assert messages(rewrite(text, "a.py", Settings(settings.codemods, severity=Severity.WARNING))) == []
