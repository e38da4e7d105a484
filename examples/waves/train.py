# Trains in a loop of its own; the curves stay empty, and Keras 3 does not save the model.
import tensorflow as tf

from data import waves
from network import build, relative_error

EPOCHS = 3


def main():
    tf.keras.utils.set_random_seed(1)
    signals, frequencies = waves(32)
    dataset = tf.data.Dataset.from_tensor_slices((signals, frequencies)).batch(8)

    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    with strategy.scope():
        writer = tf.summary.create_file_writer("logs/train")
        model = build()
        optimizer = tf.keras.optimizers.SGD(0.01)

    @tf.function
    def train_step(batch, targets):
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(relative_error(targets, model(batch, training=True)))
        gradients = tape.gradient(error, model.trainable_variables)
        # Watch for a gradient that vanishes.
        tf.summary.scalar("gradient", tf.linalg.global_norm(gradients), step=optimizer.iterations)
        tf.summary.scalar("error", error, step=optimizer.iterations)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return error

    for epoch in range(EPOCHS):
        for batch, targets in dataset:
            error = train_step(batch, targets)
        print(f"epoch {epoch}: {error:.3f}")
        with writer.as_default():
            tf.summary.scalar("last_error", error, step=epoch)

    model.compile(optimizer="sgd", loss=relative_error)
    model.save("waves_model")


if __name__ == "__main__":
    main()
