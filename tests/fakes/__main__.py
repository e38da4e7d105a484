"""The program with the fake codemod beside the real ones: ``python tests/fakes ARG...``."""

from pathlib import Path

import codemods

codemods.__path__.append(str(Path(__file__).parent))

if __name__ == "__main__":
    from cli import main

    main(prog_name="tf-codemods")
