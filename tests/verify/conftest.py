"""The fixtures of tests/tf_runs.py."""

from tf_runs import runner, runners

__all__ = ["runner", "runners"]
