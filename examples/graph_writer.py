# TensorFlow 1 style: a writer for each epoch. Two within one second share a file, and the later one empties it.
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

value = tf.placeholder(tf.float32, [], name="input")
tf.summary.scalar("value", value)
summaries = tf.summary.merge_all()

with tf.Session() as session:
    for epoch in range(3):
        writer = tf.summary.FileWriter("logs/graph_writer")
        for index in range(2):
            step = 2 * epoch + index
            writer.add_summary(session.run(summaries, {value: 0.5 * step}), step)
        writer.close()
