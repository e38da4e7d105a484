import tensorflow as tf


class WeightedPooling(tf.keras.layers.Layer):
    """Averages over time with weights that are learned."""

    def __init__(self, width, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, input_shape):
        self.inner = self.add_weight(name="inner", shape=(input_shape[-1], self.width), initializer="glorot_uniform")
        self.query = self.add_weight(name="query", shape=(self.width, 1), initializer="glorot_uniform")

    def call(self, sequence):
        shares = tf.nn.softmax(tf.tanh(sequence @ self.inner) @ self.query, axis=1)
        return tf.reduce_sum(shares * sequence, axis=1)

    def get_config(self):
        return {**super().get_config(), "width": self.width}
