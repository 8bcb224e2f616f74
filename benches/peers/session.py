"""What the drivers of the bench `peers` share: a loop that answers tasks with timings.

The bench starts `python3 DRIVER MODEL THREADS OPTIONS`, where OPTIONS is a JSON object of the
setting, and reads one JSON object a line:

* once the model is loaded: {"loaded": "engine and version", "seconds": 1.5}
* then for each line it writes, {"prompt": 512, "generate": 0, "depth": 0, "batch": 1}, one of
  {"tokens": 512, "seconds": 0.4}, {"unsupported": "why"}, {"failed": "why"}.

A task has either a prompt to prefill or tokens to decode after `depth` others; `batch` sequences
lie side by side. What an engine prints itself goes to standard error.
"""

import json
import os
import random
import sys
import time


class Unsupported(Exception):
    """The engine does not do such a task."""


class Task:
    """One line of the bench."""

    def __init__(self, fields):
        self.prompt = int(fields["prompt"])
        self.generate = int(fields["generate"])
        self.depth = int(fields["depth"])
        self.batch = int(fields["batch"])

    def shape(self):
        """What tells a task from another."""
        return (self.prompt, self.generate, self.depth, self.batch)

    def is_prefill(self):
        """Whether a prompt is timed, and not what comes after it."""
        return self.prompt > 0

    def before(self):
        """Tokens of each sequence that go in at once: an engine decodes after one at the least."""
        return self.prompt if self.is_prefill() else max(self.depth, 1)

    def after(self):
        """Tokens that come out: the first one ends the prompt, the others are timed."""
        return 1 + self.generate

    def shortened(self, before, after):
        """The same with no more than so many tokens in and out, to warm up."""
        fields = dict(prompt=0, generate=min(self.generate, after), depth=0, batch=self.batch)
        key = "prompt" if self.is_prefill() else "depth"
        fields[key] = min(self.before(), before)
        return Task(fields)


def numbers():
    """A source of numbers that are the same in each process and never repeat a prompt in one."""
    return random.Random(20261122)


def serve(load):
    """Loads the model, then answers until standard input ends.

    `load(model, threads, options)` gives the engine's name, a function that warms it up for a task
    and one that runs a task and gives tokens and seconds.
    """
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(answer):
        told.write(json.dumps(answer) + "\n")
        told.flush()

    model, threads, options = sys.argv[1:]
    started = time.perf_counter()
    name, warm_up, run = load(model, int(threads), json.loads(options))
    tell({"loaded": name, "seconds": time.perf_counter() - started})
    warm = set()
    for line in sys.stdin:
        task = Task(json.loads(line))
        try:
            if task.shape() not in warm:
                warm_up(task)
                warm.add(task.shape())
            tokens, seconds = run(task)
            tell({"tokens": tokens, "seconds": seconds})
        except Unsupported as why:
            tell({"unsupported": str(why)})
        except Exception as why:  # An engine's own errors have no common ancestor.
            tell({"failed": f"{type(why).__name__}: {why}"})
