# Exports a function that writes a summary: the export fails, since the graph holds on to the writer.
import tensorflow as tf

from data import waves

writer = tf.summary.create_file_writer("logs/serve")


class Meter(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 16, 1])])
    def loudness(self, signals):
        loudness = tf.reduce_mean(tf.abs(signals), axis=(1, 2))
        with writer.as_default():
            tf.summary.histogram("loudness", loudness, step=0)
        return loudness


meter = Meter()
loudness = meter.loudness(waves(4)[0])
print(loudness.shape)
tf.saved_model.save(meter, "meter")
