# A new writer in every epoch: five event files in one folder, where one would do.
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(3)
inputs = np.random.default_rng(3).normal(size=(32, 3)).astype("float32")
labels = inputs.sum(axis=1, keepdims=True)


class Regressor(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = tf.keras.layers.Dense(4, activation="tanh")
        self.out = tf.keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


model = Regressor()
optimizer = tf.keras.optimizers.SGD(0.1)
distance = tf.keras.losses.MeanAbsoluteError()


@tf.function
def fit_batch(x, y):
    with tf.GradientTape() as tape:
        loss = distance(y, model(x))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss


for epoch in range(5):
    writer = tf.summary.create_file_writer("logs/epoch_metrics")
    losses = [fit_batch(inputs[i : i + 16], labels[i : i + 16]) for i in (0, 16)]
    with writer.as_default():
        tf.summary.scalar("mean_loss", tf.reduce_mean(losses), step=epoch)
    writer.close()
    print(f"epoch {epoch}: {float(tf.reduce_mean(losses)):.4f}")
