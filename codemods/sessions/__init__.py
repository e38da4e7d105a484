"""Programs that build a graph of TensorFlow 1 and run it in sessions: what is run, fed and recorded."""
