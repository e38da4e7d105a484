import numpy as np


def waves(count, length=16, seed=3):
    """Sines of many frequencies, each with the frequency as its target."""
    random = np.random.default_rng(seed)
    frequencies = random.uniform(0.1, 1.0, size=(count, 1))
    times = np.arange(length)
    signals = np.sin(frequencies * times) + random.normal(0.0, 0.1, size=(count, length))
    return signals[..., np.newaxis].astype("float32"), frequencies.astype("float32")
