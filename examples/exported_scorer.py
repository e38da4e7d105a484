# The saved function holds the writer in its graph, and a writer can't be saved: `tf.saved_model.save` raises.
import tensorflow as tf

writer = tf.summary.create_file_writer("logs/exported_scorer")


class Scorer(tf.Module):
    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(3.0)

    @tf.function
    def rate(self, values):
        ratings = self.scale * values
        with writer.as_default():
            tf.summary.histogram("ratings", ratings, step=0)
        return ratings


scorer = Scorer()
ratings = scorer.rate(tf.constant([3.0, 4.0, 5.0]))
print(ratings.numpy())
tf.saved_model.save(scorer, "exported_scorer")
