# The step is compiled by XLA, which can't write summaries: the first call raises.
import tensorflow as tf

weights = tf.Variable([0.5, -0.5], name="weights")
writer = tf.summary.create_file_writer("logs/compiled_step")


@tf.function(jit_compile=True)
def descend(inputs, target, step):
    with tf.GradientTape() as tape:
        loss = (tf.reduce_sum(weights * inputs) - target) ** 2
    gradient = tape.gradient(loss, weights)
    weights.assign_sub(0.1 * gradient)
    with writer.as_default():
        tf.summary.scalar("loss", loss, step=step)
        tf.summary.histogram("gradient", gradient, step=step)


for step in tf.range(5, dtype=tf.int64):
    descend(tf.constant([1.0, 2.0]), tf.constant(3.0), step)
print(weights.numpy())
