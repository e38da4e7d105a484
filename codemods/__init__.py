"""Codemods for TensorFlow code: each module here is one codemod, each package is machinery."""

__version__ = "0.1.0"
