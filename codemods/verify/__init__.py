"""Run a program before and after its rewrite under TensorFlow and compare what it did."""
