"""Which configuration holds, and what is wrong with one that can't be followed."""

from pathlib import Path

import pytest

from codemods.engine import config
from codemods.engine.config import Config, ConfigError


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_no_file_asks_for_nothing(tmp_path: Path) -> None:
    assert config.find([tmp_path]) == Config()


def test_all_keys_are_read(tmp_path: Path, fake: str) -> None:
    file = write(
        tmp_path / "pyproject.toml",
        f'[tool.tf-codemods]\nselect = ["{fake}"]\nignore = []\nexclude = ["old/"]\nunsafe = true\ntarget = "2.15"\n',
    )
    assert config.find([tmp_path]) == Config((fake,), (), ("old/",), True, "2.15", file)


def test_the_nearest_file_that_speaks_of_the_tool_is_taken(tmp_path: Path) -> None:
    file = write(tmp_path / "pyproject.toml", "[tool.tf-codemods]\nunsafe = true\n")
    write(tmp_path / "a/pyproject.toml", "[tool.other]\nunsafe = false\n")
    module = write(tmp_path / "a/b/train.py", "")
    assert config.find([module]).file == file


def test_paths_in_several_folders_share_the_configuration_above_all(tmp_path: Path) -> None:
    file = write(tmp_path / "pyproject.toml", "[tool.tf-codemods]\nunsafe = true\n")
    write(tmp_path / "a/pyproject.toml", "[tool.tf-codemods]\nunsafe = false\n")
    (tmp_path / "b").mkdir()
    assert config.find([tmp_path / "a", tmp_path / "b"]).file == file


def test_a_broken_file_of_somebody_else_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[[[\n")
    assert config.find([tmp_path]) == Config()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[tool.tf-codemods]\nselct = []\n", "'selct'"),
        ("[tool.tf-codemods]\nselect = 'a'\n", "select"),
        ("[tool.tf-codemods]\nselect = ['no-such']\n", "no-such"),
        ("[tool.tf-codemods]\nignore = [1]\n", "ignore"),
        ("[tool.tf-codemods]\nexclude = 'a'\n", "exclude"),
        ("[tool.tf-codemods]\nunsafe = 1\n", "unsafe"),
        ("[tool.tf-codemods]\ntarget = 2.15\n", "target"),
        ("[tool.tf-codemods]\ntarget = 'new'\n", "target"),
        ("[tool]\ntf-codemods = 1\n", "table"),
        ("[tool.tf-codemods\n", "TOML"),
        ("tool = 'tf-codemods'\n", "TOML"),
        ("[tool.tf_codemods]\nunsafe = true\n", "[tool.tf-codemods]"),
    ],
)
def test_what_is_wrong_is_named_with_the_file(tmp_path: Path, text: str, wrong: str) -> None:
    file = write(tmp_path / "pyproject.toml", text)
    with pytest.raises(ConfigError) as error:
        config.find([tmp_path])
    assert str(file) in str(error.value)
    assert wrong in str(error.value)


def test_a_file_that_was_named_has_to_be_there_and_to_speak_of_the_tool(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        config.load(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="no table"):
        config.load(write(tmp_path / "other.toml", "[tool.other]\n"))
