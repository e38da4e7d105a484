"""``python -m codemods`` is ``tf-codemods``."""

from cli import main

if __name__ == "__main__":
    main()
