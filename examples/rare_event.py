# A summary under a condition on a tensor: TensorFlow records it as "cond/spike", which no host code would.
import tensorflow as tf

writer = tf.summary.create_file_writer("logs/rare_event")


@tf.function
def watch(reading, step):
    if reading > 2.0:
        tf.summary.scalar("spike", reading, step=step)
    return reading * 2.0


with writer.as_default():
    for step in tf.range(4, dtype=tf.int64):
        watch(tf.cast(step, tf.float32), step)
