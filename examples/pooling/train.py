import numpy as np
import tensorflow as tf

from layers import WeightedPooling

tf.keras.utils.set_random_seed(5)
sequences = np.random.default_rng(5).normal(size=(16, 6, 3)).astype("float32")
means = sequences.mean(axis=(1, 2)).reshape(16, 1)

inputs = tf.keras.Input((6, 3))
outputs = tf.keras.layers.Dense(1)(WeightedPooling(4)(inputs))
model = tf.keras.Model(inputs, outputs)
model.compile(optimizer="adam", loss="mean_squared_error")
model.fit(sequences, means, epochs=2, verbose=0)
model.save("pooling.keras")
