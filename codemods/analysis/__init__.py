"""What the code means: names, scopes, data flow, and what TensorFlow traces."""
