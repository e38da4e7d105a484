"""Codemods for TensorFlow code: each module here is one codemod, each package is machinery."""
