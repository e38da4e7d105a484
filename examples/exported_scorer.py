# The exported function holds the summary's writer in its graph, and saving it fails: an "untracked resource".
import tensorflow as tf

writer = tf.summary.create_file_writer("logs/exported_scorer")


class Scorer(tf.Module):
    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(3.0)
        self.calls = tf.Variable(0, dtype=tf.int64, trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def score(self, values):
        scores = self.scale * values
        with writer.as_default():
            tf.summary.histogram("scores", scores, step=self.calls)
        self.calls.assign_add(1)
        return scores


scorer = Scorer()
for row in ([1.0, 2.0], [3.0, 4.0, 5.0]):
    print(scorer.score(tf.constant(row)).numpy())
tf.saved_model.save(scorer, "exported_scorer")
