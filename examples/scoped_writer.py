# The writer is made in the strategy's scope. That loses nothing, but it is no variable and doesn't belong there.
import tensorflow as tf

strategy = tf.distribute.OneDeviceStrategy("/cpu:0")

with strategy.scope():
    folder = "logs/scoped_writer"
    writer = tf.summary.create_file_writer(folder)
    total = tf.Variable(0.0)


@tf.function
def add(amount):
    strategy.run(lambda: total.assign_add(amount))


with writer.as_default():
    for step in range(3):
        add(tf.constant(1.5))
        tf.summary.scalar("total", total, step=step)
