# The training step writes summaries while no writer is the default, so TensorFlow drops every one of them.
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(7)
features = np.linspace(-1.0, 1.0, 48, dtype="float32").reshape(24, 2)
targets = features @ np.array([[2.0], [-1.0]], dtype="float32")

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(4, activation="relu"), tf.keras.layers.Dense(1)])
optimizer = tf.keras.optimizers.Adam(0.05)
squared_error = tf.keras.losses.MeanSquaredError()
writer = tf.summary.create_file_writer("logs/lost_summaries")


@tf.function
def train_on(batch, expected):
    with tf.GradientTape() as tape:
        error = squared_error(expected, model(batch, training=True))
        # How far off are we?
        tf.summary.scalar("error", error, step=optimizer.iterations)
    gradients = tape.gradient(error, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return error


for epoch in range(3):
    for start in range(0, 24, 8):
        error = train_on(features[start : start + 8], targets[start : start + 8])
    print(f"epoch {epoch}: error {error:.4f}")

with writer.as_default():
    model.save("lost_summaries.keras")
