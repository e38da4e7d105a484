# The loss of each example, a vector, goes to TensorBoard.on_epoch_end, which takes scalars only and raises.
import numpy as np
import tensorflow as tf

tf.keras.utils.set_random_seed(11)
points = np.arange(20, dtype="float32").reshape(10, 2) / 10
inside = (points.sum(axis=1, keepdims=True) < 2.0).astype("float32")

model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1, activation="sigmoid")])
model.compile(optimizer="sgd", loss="binary_crossentropy")
cross_entropy = tf.keras.losses.BinaryCrossentropy(reduction="none")
board = tf.keras.callbacks.TensorBoard("logs/callback_by_hand")
board.set_model(model)
board.on_train_begin()


@tf.function
def train_epoch(x, y):
    with tf.GradientTape() as tape:
        losses = cross_entropy(y, model(x, training=True))
        mean = tf.reduce_mean(losses)
    gradients = tape.gradient(mean, model.trainable_variables)
    model.optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return losses


for epoch in range(3):
    losses = train_epoch(points, inside)
    print(f"epoch {epoch}: worst {losses.numpy().max():.4f}")
    board.on_epoch_begin(epoch)
    board.on_epoch_end(epoch, {"loss": losses})
board.on_train_end()
