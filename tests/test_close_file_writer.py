"""close-file-writer: v1 writers are closed on every way out, v2 writers flushed where a program ends abruptly."""

import pytest

from codemods.closing.refusals import (
    CELLS,
    CONDITIONAL,
    EACH_TURN,
    ESCAPES,
    KEPT_BY_OBJECT,
    LOOP_ELSEWHERE,
    OTHER_BLOCK,
    REBOUND,
    SUSPENDED,
    UNNAMED,
)
from codemods.engine.codemod import Severity
from codemods.verify.compare import compare
from codemods.verify.run import Runner
from tests.tools import Check

check = Check("close_file_writer")

V1 = "import tensorflow.compat.v1 as tf\n"
LOOP = """\
for step in range(5):
    writer.add_summary(value, step)
"""


# v1. -------------------------------------------------------------------------------------------------


def test_the_use_of_a_writer_goes_into_a_with(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())

    # Where the events go.
    writer = tf.summary.FileWriter("logs", sess.graph)  # one file

    # train
    for step in range(100):
        summary = sess.run(merged)

        # at every step
        writer.add_summary(summary, step)
        note = \"\"\"
  as it is
\"\"\"
        if step > 50:
            break  # enough
        # the foot of the loop

    print("done")
    # the foot of the session
""",
        snapshot,
        severity=Severity.ERROR,
    )


def test_at_the_top_level_blank_lines_stay_empty_and_comments_go_along(snapshot):
    check.transformed(
        """\
from tensorflow.compat.v1 import summary as events

log = events.FileWriter("logs")
for step in range(5):
# out of line
    if step > 3 and \\
       step > 2:
        pass
    # before the else
    else:

        log.add_summary(value, step)
        # the foot of the else
    # the foot of the loop
# the foot of the module


def after():
    pass
""",
        snapshot,
    )


def test_a_return_before_the_close_loses_events_and_the_close_goes(snapshot):
    check.transformed(
        """\
import tensorflow as tf

def train(sess, merged):
    writer = tf.compat.v1.summary.FileWriter("logs")
    for step in range(100):
        writer.add_summary(sess.run(merged), step)
        if step > 50:
            return step
    writer.flush()
    writer.close()
    return 100
""",
        snapshot,
    )


def test_exits_in_the_loop_end_the_program_normally_or_leave_no_block(snapshot):
    check.transformed(
        """\
import os
import sys
import tensorflow.compat.v1 as tf

writer = tf.summary.FileWriter("logs")
for step in range(10):
    writer.add_summary(value, step)
    if step > 3:
        sys.exit(1)
    if step > 5:
        os._exit(1)
writer.close()
""",
        snapshot,
    )


def test_an_exception_before_the_close_loses_events(snapshot):
    check.transformed(
        """\
import numpy as np
import tensorflow.compat.v1 as tf

def check(loss):
    if np.isnan(loss):
        raise ValueError("the loss is not a number")

def train(sess, merged, loss):
    writer = tf.summary.FileWriter("logs")
    for step in range(100):
        summary, value = sess.run([merged, loss])
        writer.add_summary(summary, step)
        if np.isnan(value):
            raise ValueError("the loss is not a number")
    writer.close()
""",
        snapshot,
    )


@pytest.mark.parametrize(
    "body",
    [
        "    if not steps:\n        raise ValueError(steps)\n    for step in steps:\n        "
        "writer.add_summary(value, step)\n    writer.close()\n",
        "    try:\n        for step in steps:\n            writer.add_summary(value, step)\n            if step > 3:\n"
        "                raise StopIteration\n    except StopIteration:\n        print('enough')\n    writer.close()\n",
        "    try:\n        for step in steps:\n            writer.add_summary(value, step)\n            if step > 3:\n"
        "                raise ValueError(step)\n    finally:\n        writer.close()\n",
        "    for step in steps:\n        writer.add_summary(value, step)\n        if step > 3:\n"
        "            writer.close()\n            raise ValueError(step)\n    writer.close()\n",
    ],
    ids=["before the first event", "caught", "finally", "closed before"],
)
def test_an_exception_that_loses_nothing(body):
    head = "import tensorflow.compat.v1 as tf\n\ndef train(steps, value):\n    writer = tf.summary.FileWriter('logs')\n"
    check.noop(head + body)


def test_writers_created_one_after_the_other_share_a_with(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

def train(sess, merged):
    train_writer = tf.summary.FileWriter("logs/train", sess.graph)
    test_writer = tf.summary.FileWriter("logs/test")

    for step in range(100):
        train_writer.add_summary(sess.run(merged), step)
    test_writer.add_summary(sess.run(merged), step)
    return sess.run(merged)
""",
        snapshot,
    )


def test_a_writer_created_later_gets_a_with_inside_that_ends_no_later(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

def train(sess, merged):
    train_writer = tf.summary.FileWriter("logs/train", sess.graph)
    sess.run(tf.global_variables_initializer())
    test_writer = tf.summary.FileWriter("logs/test")
    train_writer.add_summary(sess.run(merged), 0)
    test_writer.add_summary(sess.run(merged), 0)
""",
        snapshot,
    )


def test_two_writers_of_one_tuple(snapshot):
    check.transformed(
        V1
        + """\
first, second = tf.summary.FileWriter("logs/a"), tf.summary.FileWriter("logs/b")
first.add_summary(value)
second.add_summary(value)
""",
        snapshot,
    )


def test_a_call_over_several_lines_stays_as_it_is_written(snapshot):
    check.transformed(
        "import tensorflow.compat.v1 as tf\n\ndef train():\n"
        "\twriter = tf.summary.FileWriter('logs',  # here\n"
        "\t                               flush_secs=5,)\n"
        "\tfor step in range(3):\n"
        "\t\twriter.add_summary(\n"
        "\t\t\tvalue,\n"
        "\t\t\tstep)",
        snapshot,
    )


def test_a_graph_that_is_all_a_writer_records_is_written_at_once(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

with tf.Session() as sess:
    writer = tf.summary.FileWriter("logs", sess.graph)
    for step in range(10):
        sess.run(total)
tf.summary.FileWriter("again", tf.get_default_graph())
tf.summary.FileWriter("more").add_graph(tf.get_default_graph())
""",
        snapshot,
    )


def test_where_the_summaries_are_still_to_be_run_the_writer_stays_open(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

tf.summary.scalar("total", total)
with tf.Session() as sess:
    writer = tf.summary.FileWriter("logs", sess.graph)
    for step in range(10):
        sess.run(total)
    print(sess.run(total))
""",
        snapshot,
    )


def test_functions_that_use_a_global_writer_belong_to_its_use(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

writer = tf.summary.FileWriter("logs")


def log(value, step):
    writer.add_summary(value, step)


def main():
    for step in range(10):
        log(step, step)


if __name__ == "__main__":
    main()
""",
        snapshot,
    )


def test_a_function_of_another_module_that_only_writes_is_no_obstacle(snapshot):
    check.transformed(
        {
            "train.py": V1
            + """\
from helpers import log

writer = tf.summary.FileWriter("logs")
for step in range(3):
    log(writer, step)
print("done")
""",
            "helpers.py": "seen = []\n\ndef log(writer, step):\n    seen.append(step)\n    writer.add_summary(step)\n",
        },
        snapshot,
    )


def test_a_folder_for_each_turn_gets_a_with_in_the_loop(snapshot):
    check.transformed(
        V1
        + """\
for fold in range(3):
    writer = tf.summary.FileWriter("logs/%d" % fold)
    for step in range(10):
        writer.add_summary(value, step)
        if step == fold:
            break
""",
        snapshot,
    )


def test_one_name_for_one_writer_after_the_other(snapshot):
    check.transformed(
        V1
        + """\
writer = tf.summary.FileWriter("logs/a")
writer.add_summary(value, 0)
writer = tf.summary.FileWriter("logs/b")
writer.add_summary(value, 0)
""",
        snapshot,
    )


def test_a_flush_now_and_then_is_not_enough(snapshot):
    check.transformed(
        V1
        + """\
writer = tf.summary.FileWriter("logs")
try:
    for step in range(100):
        writer.add_summary(value, step)
        if step % 10 == 0:
            writer.flush()
except KeyboardInterrupt:
    print("stopped")
""",
        snapshot,
    )


def test_the_writers_of_an_object_are_flushed_behind_its_loops(snapshot):
    check.transformed(
        """\
import tensorflow.compat.v1 as tf

class Other:
    def __init__(self):
        self.writer = open("log")

class Trainer:
    def __init__(self, sess, folder):
        self.sess = sess
        self.writer = tf.summary.FileWriter(folder)
        self.test_writer = tf.summary.FileWriter(folder + "/test")
        self.writer.add_graph(sess.graph)

    def train(self, steps):
        with self.sess.as_default():
            for step in range(steps):
                summary, loss = self.sess.run([self.merged, self.loss])
                self.writer.add_summary(summary, step)
                if loss < 0.1:
                    return step  # good enough
                if step % 10 == 0:
                    self.evaluate(step)
            print("done")
        return steps

    def evaluate(self, step):
        self.test_writer.add_summary(self.sess.run(self.merged), step)
""",
        snapshot,
    )


@pytest.mark.parametrize(
    "flushed",
    [
        "        self.writer.flush()\n",
        "        self.save()\n        self.writer.flush()\n",
        "            if step % 10 == 0:\n                self.writer.flush()\n        self.writer.flush()\n",
    ],
)
def test_an_object_that_flushes_behind_its_loops_is_left_alone(flushed):
    check.noop(
        V1
        + "class Trainer:\n    def __init__(self, sess):\n        self.sess = sess\n"
        + "        self.writer = tf.summary.FileWriter('logs')\n    def train(self):\n        for step in range(5):\n"
        + "            self.writer.add_summary(self.sess.run(value), step)\n"
        + flushed
    )


def test_in_one_cell_of_a_notebook(snapshot):
    check.transformed(
        {"train.ipynb": V1 + 'writer = tf.summary.FileWriter("logs")\n' + LOOP + '"__notebook__ 0"\nprint(1)\n'},
        snapshot,
    )


@pytest.mark.parametrize(
    "program",
    [
        'writer = tf.summary.FileWriter("logs")\n' + LOOP + "writer.close()\n",
        'writer = tf.summary.FileWriter("logs")\n' + LOOP + "writer.flush()\n",
        'writer = tf.summary.FileWriter("logs")\ntry:\n    writer.add_summary(value)\nfinally:\n    writer.close()\n',
        'with tf.summary.FileWriter("logs") as writer:\n    writer.add_summary(value)\n',
        'writer = tf.summary.FileWriter("logs")\nwith writer:\n    writer.add_summary(value)\n',
        'import atexit\nwriter = tf.summary.FileWriter("logs")\natexit.register(writer.close)\n' + LOOP,
        'import contextlib\nwriter = tf.summary.FileWriter("logs")\n'
        "with contextlib.closing(writer):\n    writer.add_summary(value)\n",
        'writer = tf.summary.FileWriter("logs")\nfor step in range(5):\n'
        "    writer.add_summary(value)\n    if step > 2:\n        break\nelse:\n    print(1)\nwriter.close()\n",
        'writer = None\nif log:\n    writer = tf.summary.FileWriter("logs")\nwriter.add_summary(value)\n'
        "if writer:\n    writer.close()\n",
        'def main():\n    writer = tf.summary.FileWriter("logs")\n    try:\n        writer.add_summary(value)\n'
        "        return 1\n    finally:\n        writer.close()\n",
        'writer = tf.summary.FileWriter("logs")\nwhile True:\n    writer.add_summary(value)\n    writer.flush()\n',
        'if log:\n    writer = tf.summary.FileWriter("logs")\n    writer.add_summary(1)\nif log:\n    writer.close()\n',
    ],
)
def test_a_writer_that_is_closed_or_flushed_at_the_end_is_left_alone(program):
    check.noop(V1 + program)


def test_a_function_that_flushes_after_each_event_is_left_alone():
    check.noop(
        V1
        + """\
def log(writer, value, step):
    writer.add_summary(value, step)
    writer.flush()

writer = tf.summary.FileWriter("logs")
for step in range(10):
    log(writer, value, step)
"""
    )


def test_a_writer_that_another_module_closes_is_left_alone():
    check.noop(
        {
            "train.py": V1 + 'from ends import end\nwriter = tf.summary.FileWriter("logs")\n' + LOOP + "end(writer)\n",
            "ends.py": "def end(writer):\n    writer.close()\n",
        }
    )
    check.noop(
        {
            "make.py": V1 + 'def make():\n    writer = tf.summary.FileWriter("logs")\n    return writer\n',
            "train.py": "from make import make\nwriter = make()\nwriter.add_summary(1)\nwriter.close()\n",
        }
    )


@pytest.mark.parametrize(
    "given",
    [
        "tf.train.SummarySaverHook(save_steps=1, summary_writer=writer, summary_op=op)",
        'tf.train.Supervisor(logdir="logs", summary_writer=writer)',
        "tf.train.SummarySaverHook(1, None, None, writer, op)",
    ],
)
def test_hooks_and_supervisors_flush_what_they_are_given(given):
    check.noop(V1 + f'writer = tf.summary.FileWriter("logs")\nhook = {given}\n')


def test_a_writer_that_records_nothing_loses_nothing():
    check.noop(V1 + 'tf.summary.FileWriter("logs")\nwriter = tf.summary.FileWriter("logs")\n')


def test_an_object_that_closes_or_flushes_its_writer_is_left_alone():
    check.noop(
        V1
        + """\
class Logger:
    def __init__(self, folder):
        self.writer = tf.summary.FileWriter(folder)

    def log(self, value, step):
        self.writer.add_summary(value, step)

    def close(self):
        self.writer.close()


class Careful:
    def __init__(self, folder):
        self.out = tf.summary.FileWriter(folder)

    def log(self, value, step):
        self.out.add_summary(value, step)
        self.out.flush()
"""
    )


def test_writers_in_a_dict_that_is_closed_are_left_alone():
    check.noop(
        V1
        + 'writers = {"a": tf.summary.FileWriter("a"), "b": tf.summary.FileWriter("b")}\n'
        + "for writer in writers.values():\n    writer.close()\n"
    )


@pytest.mark.parametrize(
    "program",
    [
        "from torch.utils.tensorboard import SummaryWriter\nwriter = SummaryWriter()\nwriter.add_scalar('a', 1)\n",
        "from mine import FileWriter\nwriter = FileWriter('a')\nwriter.add_summary(1)\n",
        "class tf:\n    class summary:\n        FileWriter = print\nwriter = tf.summary.FileWriter('a')\n"
        "writer.add_summary(1)\n",
        "with open('FileWriter') as f:\n    f.write('x')\n",
    ],
)
def test_writers_of_others_are_left_alone(program):
    check.noop(program)


def test_writers_of_objects_whose_use_is_not_in_the_class_are_refused():
    made = V1 + "class Trainer:\n    def __init__(self, sess):\n        self.sess = sess\n"
    made += "        self.writer = tf.summary.FileWriter('logs')\n"
    train = "    def train(self):\n        for step in range(5):\n"
    train += "            self.writer.add_summary(self.sess.run(value), step)\n"
    check.transformed(made + train)
    check.refused(made + train + "        show(self.writer)\n", KEPT_BY_OBJECT)
    check.refused(made + train + "        yield self\n", KEPT_BY_OBJECT)
    check.refused(made + train + "\n    def again(self):\n        self.writer = open('logs')\n", KEPT_BY_OBJECT)
    check.refused(made + "class Other(Trainer):\n" + train, KEPT_BY_OBJECT)
    check.refused(made + train + "Trainer(sess).writer.add_summary(1)\n", KEPT_BY_OBJECT)
    log = (
        "    def log(self, value, step):\n        for each in value:\n            self.writer.add_summary(each, step)\n"
    )
    check.refused(made + log + "for step in range(5):\n    Trainer(sess).log([1], step)\n", KEPT_BY_OBJECT)
    check.refused(made + log + "hook(Trainer(sess).log)\n", KEPT_BY_OBJECT)
    other = "from trainer import Trainer\n\nwriter = Trainer(sess).writer\n"
    check.refused({"trainer.py": made + train, "main.py": other}, KEPT_BY_OBJECT)


def test_writers_out_of_sight_are_refused():
    check.refused(
        V1
        + "class Logger:\n    def __init__(self):\n        self.writer = tf.summary.FileWriter('logs')\n"
        + "    def log(self, value):\n        self.writer.add_summary(value)\n",
        KEPT_BY_OBJECT,
    )
    made = V1 + "writer = tf.summary.FileWriter('logs')\n"
    check.refused(made + "from mine import log\nlog(writer)\n", ESCAPES)
    check.refused(made + "callback = lambda x: writer.add_summary(x)\ncallback(1)\n", ESCAPES)
    check.refused(made + "other = writer\nother.add_summary(1)\n", ESCAPES)
    check.refused(
        made + "import threading\ndef log():\n    writer.add_summary(1)\nthreading.Thread(target=log).start()\n",
        ESCAPES,
    )
    check.refused(made + "def log(n):\n    writer.add_summary(n)\n    if n:\n        log(n - 1)\n", ESCAPES)
    check.refused(V1 + "def make():\n    return tf.summary.FileWriter('logs')\n", ESCAPES)
    check.refused(
        V1 + "def make():\n    global out\n    out = tf.summary.FileWriter('logs')\n    out.add_summary(1)\n", ESCAPES
    )


def test_a_writer_that_another_module_imports_is_refused():
    program = V1 + "writer = tf.summary.FileWriter('logs')\ndef log(x):\n    writer.add_summary(x)\nlog(1)\n"
    check.refused({"logs.py": program, "train.py": "from logs import log\nlog(2)\n"}, ESCAPES)
    check.refused({"logs.py": program, "train.py": "import logs\nlogs.writer.add_summary(2)\n"}, ESCAPES)


def test_a_name_that_may_hold_something_else_is_refused():
    check.refused(
        V1
        + "writer = None\nif log:\n    writer = tf.summary.FileWriter('logs')\nif writer:\n    writer.add_summary(1)\n",
        REBOUND,
    )


def test_a_writer_under_a_condition_is_refused():
    check.refused(V1 + "writer = tf.summary.FileWriter('logs') if log else None\nwriter.add_summary(1)\n", CONDITIONAL)
    check.refused(
        V1 + "if log:\n    writer = tf.summary.FileWriter('logs')\nif log:\n    writer.add_summary(1)\n", OTHER_BLOCK
    )


def test_a_generator_may_never_come_to_its_end():
    check.refused(
        V1 + "def train():\n    writer = tf.summary.FileWriter('logs')\n    for step in range(3):\n"
        "        writer.add_summary(step)\n        yield step\n",
        SUSPENDED,
    )


def test_a_writer_for_each_turn_in_one_folder_is_to_be_hoisted_first():
    check.refused(
        V1 + "for epoch in range(3):\n    writer = tf.summary.FileWriter('logs')\n    writer.add_summary(epoch)\n",
        EACH_TURN,
    )


def test_cells_are_run_in_any_order():
    check.refused(
        {
            "train.ipynb": V1
            + 'writer = tf.summary.FileWriter("logs")\n"__notebook__ 0"\n'
            + LOOP
            + '"__notebook__ 1"\n'
        },
        CELLS,
    )


def test_a_writer_without_a_name_is_refused():
    check.refused(V1 + "done = tf.summary.FileWriter('logs').add_graph(graph)\n", UNNAMED)


# v2. -------------------------------------------------------------------------------------------------

V2 = "import os\nimport signal\nimport tensorflow as tf\n"
EPOCHS = """\
for epoch in range(3):
    for step in range(4):
        tf.summary.scalar("loss", 1.0, step=4 * epoch + step)
"""
SET = 'writer = tf.summary.create_file_writer("logs")\nwriter.set_as_default()\n'


def indented(text, depth=1):
    return "".join("    " * depth + line for line in text.splitlines(keepends=True))


AROUND = 'writer = tf.summary.create_file_writer("logs")\nwith writer.as_default():\n' + indented(EPOCHS)


def test_a_default_writer_is_flushed_each_epoch_and_closed_before_the_exit(snapshot):
    check.transformed(V2 + SET + EPOCHS + 'print("done")\nos._exit(0)\n', snapshot, severity=Severity.WARNING)


def test_it_is_closed_after_the_last_summary_of_the_only_call(snapshot):
    check.transformed(
        f"""\
{V2}
def train():
{indented(SET + EPOCHS)}    tf.summary.scalar("end", 1.0, step=12)
    print("trained")

def main():
    train()

if __name__ == "__main__":
    main()
    os._exit(0)
""",
        snapshot,
    )


def test_it_is_not_closed_where_summaries_may_follow(snapshot):
    check.transformed(
        f"""\
{V2}
def train():
{indented(SET + EPOCHS)}
train()
tf.summary.scalar("end", 1.0, step=12)
os._exit(0)
""",
        snapshot,
    )


def test_a_handler_that_exits_loses_what_is_buffered(snapshot):
    check.transformed(
        V2
        + """\
def stop(number, frame):
    os._exit(1)

signal.signal(signal.SIGTERM, stop)
tf.summary.create_file_writer("logs").set_as_default()
for epoch in range(3):
    tf.summary.scalar("loss", 1.0, step=epoch)
    if epoch == 1:
        continue
""",
        snapshot,
    )


def test_a_with_around_the_whole_loop_under_a_scheduler(snapshot):
    check.transformed(V2 + 'rank = int(os.environ["SLURM_PROCID"])\n' + AROUND, snapshot, severity=Severity.WARNING)


def test_an_exit_inside_of_the_with(snapshot):
    check.transformed(
        V2 + AROUND + indented("if epoch == 1:\n    os._exit(0)\n", 2),
        snapshot,
    )


def test_another_module_that_ends_the_program(snapshot):
    check.transformed(
        {
            "train.py": f"import tensorflow as tf\n\ndef train():\n{indented(SET + EPOCHS)}",
            "main.py": "import os\nfrom train import train\n\ntrain()\nos._exit(0)\n",
        },
        snapshot,
    )


@pytest.mark.parametrize(
    "program",
    [
        SET + EPOCHS,
        AROUND,
        SET + EPOCHS + "raise SystemExit(1)\n",
        AROUND + "os._exit(0)\n",
        SET + EPOCHS + "    writer.flush()\nos._exit(0)\n",
        SET + EPOCHS + "    tf.summary.flush()\nos._exit(0)\n",
        'writer = tf.summary.create_file_writer("logs")\nfor epoch in range(3):\n    with writer.as_default():\n'
        '        tf.summary.scalar("loss", 1.0, step=epoch)\nos._exit(0)\n',
        "def stop(number, frame):\n    raise KeyboardInterrupt\nsignal.signal(signal.SIGTERM, stop)\n"
        'job = os.environ["SLURM_JOB_ID"]\n' + SET + EPOCHS,
        SET + EPOCHS + "if os.fork() == 0:\n    os._exit(0)\n",
        "import multiprocessing\ndef work():\n    os._exit(0)\nmultiprocessing.Process(target=work).start()\n"
        + SET
        + EPOCHS,
        "os.kill(other, signal.SIGTERM)\n" + SET + EPOCHS,
        "def log(values):\n" + indented(AROUND) + "for _ in range(3):\n    log(1)\n" + 'os.environ["SLURM_PROCID"]\n',
        'writer = tf.summary.create_file_writer("logs")\nos._exit(0)\n',
    ],
)
def test_v2_writers_that_lose_nothing_are_left_alone(program):
    check.noop(V2 + program)


def test_a_loop_in_another_function_is_refused():
    check.refused(
        V2
        + "def train():\n"
        + indented(EPOCHS)
        + "def main():\n"
        + indented(SET)
        + "    train()\nmain()\nos._exit(0)\n",
        LOOP_ELSEWHERE,
    )


# Under TensorFlow. -----------------------------------------------------------------------------------

GRAPH = """\
import os
import sys
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()
x = tf.placeholder(tf.float32, [])
tf.summary.scalar("x", x)
tf.summary.histogram("h", tf.fill([3], x))
merged = tf.summary.merge_all()
sess = tf.Session()
"""

ENDS = {
    "end": ("", 5),
    "break": ("    if step == 2:\n        break\n", 3),
    "exit": ("    if step == 2:\n        sys.exit(0)\n", 3),
    "os exit": ("    if step == 2:\n        os._exit(0)\n", 3),
    "exception": ("    if step == 2:\n        raise ValueError(step)\n", 3),
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ENDS)
def test_all_events_are_on_disk(runner: Runner, name: str) -> None:
    way_out, count = ENDS[name]
    program = (
        GRAPH
        + 'writer = tf.summary.FileWriter("logs", sess.graph)\n'
        + "for step in range(5):\n    writer.add_summary(sess.run(merged, {x: step}), step)\n"
        + way_out
        + 'print("done")\n'
    )
    after = check.transformed(program)
    runs = [runner.run_source(program), runner.run_source(program)]
    result = runner.run_source(after)
    assert (result.exit, result.exception, result.stdout) == (runs[0].exit, runs[0].exception, runs[0].stdout)
    assert result.steps("x") == result.steps("h") == list(range(count))
    assert any(event.kind == "graph" for event in result.events)
    assert result.lost == 0
    verdict = compare(runs[0], result, runs[1])
    assert verdict.kind in {"same", "repaired"}, verdict.lines


SHAPES = {
    "return": """\
def train():
    writer = tf.summary.FileWriter("logs")
    for step in range(5):
        writer.add_summary(sess.run(merged, {x: step}), step)
        if step == 3:
            return step
    writer.close()

print(train())
""",
    "two writers": """\
first = tf.summary.FileWriter("logs/a", sess.graph)
second = tf.summary.FileWriter("logs/b")
for step in range(4):
    first.add_summary(sess.run(merged, {x: step}), step)
    second.add_summary(sess.run(merged, {x: -step}), step)
""",
    "helper": """\
writer = tf.summary.FileWriter("logs")

def log(step):
    writer.add_summary(sess.run(merged, {x: step}), step)

if __name__ == "__main__":
    for step in range(4):
        log(step)
""",
    "graph only": 'writer = tf.summary.FileWriter("logs")\nwriter.add_graph(sess.graph)\n',
    "unnamed": 'tf.summary.FileWriter("logs", sess.graph)\n',
    "an object": """\
class Trainer:
    def __init__(self):
        self.step = 0
        self.writer = tf.summary.FileWriter("logs")

    def epoch(self):
        for _ in range(2):
            self.writer.add_summary(sess.run(merged, {x: self.step}), self.step)
            self.step += 1

trainer = Trainer()
trainer.epoch()
trainer.epoch()
""",
    "read afterwards": """\
import glob
writer = tf.summary.FileWriter("logs")
for step in range(4):
    writer.add_summary(sess.run(merged, {x: step}), step)
print(len(glob.glob("logs/*")))
""",
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SHAPES)
def test_shapes_record_all(runner: Runner, name: str) -> None:
    program = GRAPH + SHAPES[name]
    result = runner.run_source(check.transformed(program))
    assert result.ok, result.exception
    assert result.lost == 0
    scalars = {"return": 4, "two writers": 8, "helper": 4, "an object": 4, "read afterwards": 4}.get(name, 0)
    assert len(result.steps("x")) == scalars
    verdict = compare(runner.run_source(program), result, runner.run_source(program))
    assert verdict.kind in {"same", "repaired"}, verdict.lines


ABRUPT = {
    "exit": SET + EPOCHS + 'print("done", flush=True)\nos._exit(0)\n',
    "exit within": AROUND + indented("if epoch == 1:\n    os._exit(0)\n", 2),
    "summary after the loop": "def train():\n"
    + indented(SET + EPOCHS)
    + '    tf.summary.scalar("end", 1.0, step=12)\n\ntrain()\nos._exit(0)\n',
    "summary of the caller": "def train():\n"
    + indented(SET + EPOCHS)
    + '\ntrain()\ntf.summary.scalar("end", 1.0, step=12)\nos._exit(0)\n',
    "killed": SET
    + EPOCHS
    + "    if epoch == 1:\n        os.kill(os.getpid(), signal.SIGTERM)\n"
    + "    tf.summary.scalar('epoch', 1.0, step=epoch)\n",
}


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ABRUPT)
def test_an_abrupt_end_loses_less(runner: Runner, name: str) -> None:
    program = V2 + ABRUPT[name]
    before, after = runner.run_source(program), runner.run_source(check.transformed(program))
    assert after.exit == before.exit
    expected = {"exit": 12, "exit within": 8, "killed": 4}.get(name, 12)
    assert len(before.steps("loss")) < expected
    assert len(after.steps("loss")) == expected
    assert len(after.steps("end")) == program.count('"end"')
    verdict = compare(before, after)
    assert verdict.kind == "repaired", verdict.lines
