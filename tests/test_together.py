"""Codemods compose: in one run they make of a program what they make of it one after another, in any order.

What one of them makes possible for an earlier one is made when it has its turn again.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, permutations
from pathlib import Path

import pytest

from codemods.analysis.project import Project
from codemods.engine.registry import load, names
from codemods.engine.result import Settings
from codemods.engine.rewrite import rewrite

EXAMPLES = Path(__file__).parent.parent / "examples"


TANGLED = {
    "training": """\
import tensorflow as tf

strategy = tf.distribute.get_strategy()
with strategy.scope():
    log_dir = "logs"
    writer = tf.summary.create_file_writer(log_dir)
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    optimizer = tf.keras.optimizers.SGD(0.1)
board = tf.keras.callbacks.TensorBoard(log_dir)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        losses = tf.reduce_mean(tf.square(y - model(x, training=True)), axis=-1)
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    tf.summary.scalar("loss", loss, step=optimizer.iterations)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return losses


for epoch in range(3):
    losses = train_step(tf.ones((4, 2)), tf.ones((4, 1)))
    board.on_epoch_end(epoch, logs={"loss": losses})
model.save("trained")
again = tf.keras.models.load_model("trained")
""",
    "saving": """\
import tensorflow as tf
from tensorflow.keras import layers


class Scale(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


def near(expected, predicted):
    return tf.reduce_mean(tf.abs(expected - predicted))


def build():
    model = tf.keras.Sequential([tf.keras.Input((2,)), Scale(lambda x: x), Scale(2.0), layers.Dense(1)])
    model.compile("sgd", loss=near)
    return model


model = build()
board = tf.keras.callbacks.TensorBoard("logs")
stopper = tf.keras.callbacks.EarlyStopping("loss")
model.fit(tf.ones((4, 2)), tf.ones((4, 1)), epochs=3)
model.save_weights("weights")
model.save("whole", save_format="tf")
build().load_weights("weights")
tf.keras.models.load_model("whole")
""",
    "graph": """\
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
x = tf.placeholder(tf.float32, [])
loss = tf.square(x)
tf.summary.scalar("loss", loss)
with tf.Session() as session:
    for epoch in range(3):
        writer = tf.summary.FileWriter("logs", session.graph)
        for step in range(4):
            value = session.run(loss, feed_dict={x: step})
            print(value)
""",
    "ended": """\
import os
import signal

import tensorflow as tf

signal.signal(signal.SIGTERM, lambda number, frame: os._exit(1))
writer = tf.summary.create_file_writer("logs")


@tf.function(jit_compile=True)
def double(x, step):
    y = x * 2
    tf.summary.scalar("sum", tf.reduce_sum(y), step=step)
    return y


with writer.as_default():
    for i in range(2):
        y = double(tf.ones((2, 2)), tf.constant(i, tf.int64))
""",
    "cells": """\
import tensorflow.compat.v1 as tf

writer = tf.summary.FileWriter("logs")
for step in range(5):
    writer.add_summary(value, step)

import tensorflow as tf

callback = tf.keras.callbacks.TensorBoard("logs")


class Net(tf.keras.Sequential):
    def train_step(self, data):
        logs = super().train_step(data)
        tf.summary.scalar("loss", logs["loss"], step=self.optimizer.iterations)
        return logs


net = Net([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
net.compile("sgd", "mse")
events = tf.summary.create_file_writer("more")
for epoch in range(3):
    loss = compute(net, epoch)
    callback.on_epoch_end(epoch, {"loss": loss})
net.fit(xs, ys)
""",
    "fitting": """\
import os

import tensorflow as tf

writer = tf.summary.create_file_writer("logs")
writer.set_as_default()


class Net(tf.keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = tf.keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - self(x, training=True)))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        tf.summary.scalar("loss", loss, step=self.optimizer.iterations)
        return {"loss": loss}


net = Net(1)
net.compile("sgd")
board = tf.keras.callbacks.TensorBoard("board")
net.fit(tf.ones((4, 2)), tf.ones((4, 1)), epochs=2)
net.save("net")
os._exit(0)
""",
}


def programs() -> Iterator[tuple[str, str]]:
    """The programs that the codemods are explained by, and some with several faults."""
    yield from TANGLED.items()
    for name in names():
        for number, example in enumerate(load(name).examples):
            yield f"{name}-{number}", example.before


def made(text: str, codemods: Iterable[str]) -> str:
    settings = Settings(tuple(codemods), unsafe=True)
    return rewrite(text, "program.py", settings, Project.of({"program.py": text})).text


def one_after_another(text: str, codemods: Sequence[str]) -> str:
    before = None
    while text != before:
        before = text
        for name in codemods:
            text = made(text, [name])
    return text


def concerned(text: str) -> list[str]:
    """The codemods that have something to say about a program, at first or when the others are through."""
    whole = made(text, names())
    return [name for name in names() if load(name).concerns(text.encode()) or load(name).concerns(whole.encode())]


@pytest.mark.parametrize(("title", "text"), list(programs()), ids=lambda value: value if "\n" not in value else "")
def test_pairs(title: str, text: str) -> None:
    for pair in combinations(concerned(text), 2):
        together = made(text, pair)
        assert made(text, reversed(pair)) == together, pair
        for order in permutations(pair):
            assert one_after_another(text, order) == together, (title, order)


@pytest.mark.parametrize("title", TANGLED)
def test_all_in_any_order(title: str) -> None:
    text = TANGLED[title]
    together = made(text, names())
    for seed in range(4):
        order = random.Random(seed).sample(names(), len(names()))
        assert one_after_another(text, order) == together, order


def test_a_class_that_is_completed_in_another_module_lets_its_model_be_saved() -> None:
    files = {
        "train.py": """\
import tensorflow as tf

from layers import Mix

tf.keras.Sequential([tf.keras.Input((2,)), Mix(tf.keras.layers.Dense(3))]).save("mixed")
""",
        "layers.py": """\
import tensorflow as tf


class Mix(tf.keras.layers.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs):
        return self.inner(inputs)
""",
    }

    def train(codemods: tuple[str, ...]) -> str:
        return rewrite(files["train.py"], "train.py", Settings(codemods), Project.of(files)).text

    assert '.save("mixed.keras")' in train(names())
    assert train(("add-keras-suffix",)) == files["train.py"]
