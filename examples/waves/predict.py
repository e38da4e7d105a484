# Loads what train.py saves, without its layer and its loss: Keras raises.
import tensorflow as tf

import train
from data import waves

train.main()
model = tf.keras.models.load_model("waves_model")
signals, frequencies = waves(4, seed=4)
for expected, predicted in zip(frequencies, model.predict(signals, verbose=0)):
    print(f"{expected[0]:.2f} {predicted[0]:.2f}")
