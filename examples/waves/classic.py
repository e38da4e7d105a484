# Trains a line as TensorFlow 1 did: the summaries are defined and never run, and the writer is never closed.
import tensorflow.compat.v1 as tf

from data import waves

tf.disable_eager_execution()
tf.set_random_seed(4)
signals, frequencies = waves(16)
features = tf.placeholder(tf.float32, [None, 16])
targets = tf.placeholder(tf.float32, [None, 1])
weights = tf.Variable(tf.zeros([16, 1]), name="weights")
loss = tf.reduce_mean(tf.square(targets - features @ weights))
tf.summary.scalar("loss", loss)
tf.summary.histogram("weights", weights)
train = tf.train.GradientDescentOptimizer(0.05).minimize(loss)

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    writer = tf.summary.FileWriter("logs/classic", session.graph)
    for step in range(5):
        _, value = session.run([train, loss], feed_dict={features: signals[..., 0], targets: frequencies})
        print(f"{step}: {value:.4f}")
