# Drives the TensorBoard callback by hand: it has no model, and gets the loss of every example.
import tensorflow as tf

from data import waves
from network import build

tf.keras.utils.set_random_seed(2)
signals, frequencies = waves(16)
model = build()
model.compile(optimizer="sgd", loss="mse")
board = tf.keras.callbacks.TensorBoard("logs/board")
for epoch in range(3):
    losses = tf.reduce_mean(tf.square(frequencies - model(signals)), axis=-1)
    model.train_on_batch(signals, frequencies)
    board.on_epoch_end(epoch, logs={"loss": losses})
board.on_train_end()
