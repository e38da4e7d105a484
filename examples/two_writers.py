# No writer is the default, so the summary is dropped; and of the two that there are, none is the obvious one.
import tensorflow as tf

training = tf.summary.create_file_writer("logs/two_writers/training")
validation = tf.summary.create_file_writer("logs/two_writers/validation")


@tf.function
def measure(values, step):
    spread = tf.math.reduce_std(values)
    tf.summary.scalar("spread", spread, step=step)
    return spread


for step in tf.range(3, dtype=tf.int64):
    print(float(measure(tf.constant([1.0, 2.0, 4.0]), step)))
    print(float(measure(tf.constant([1.0, 3.0, 5.0]), step)))
