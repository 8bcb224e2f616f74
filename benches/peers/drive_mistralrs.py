"""mistral.rs on a GGUF file, without its prefix cache. OPTIONS are arguments of its Runner."""

import importlib.metadata
import os

# The file is at hand: the hub is not asked. Its thread pool reads the variable when it is made.
os.environ["HF_HUB_OFFLINE"] = "1"

import mistralrs

import session

WORDS = " the of and in to a was for is on that with as by he from it at his an are were which be"


def load(model, threads, options):
    os.environ["RAYON_NUM_THREADS"] = str(threads)
    folder, file = os.path.split(os.path.abspath(model))
    which = mistralrs.Which.GGUF(folder, file)
    runner = mistralrs.Runner(which=which, prefix_cache_n=0, **options)
    numbers = session.numbers()

    def count(text):
        return len(runner.tokenize_text(text, False, False))

    # The interface takes text: words that are one token each, and stay so beside each other.
    words = [word for word in (" " + word for word in WORDS.split()) if count(word) == 1]

    def prompt(tokens):
        text = "".join(numbers.choice(words) for _ in range(tokens))
        if count(text) != tokens:
            raise RuntimeError(f"{tokens} tokens were wanted, the text has {count(text)}")
        return text

    def complete(text, tokens):
        request = mistralrs.CompletionRequest(
            prompt=text, model="default", max_tokens=tokens, temperature=0.0, ignore_eos=True
        )
        usage = runner.send_completion_request(request).usage
        if usage.completion_tokens != tokens:
            raise RuntimeError(f"{tokens} tokens were wanted, {usage.completion_tokens} came")
        return usage

    def run(task):
        if task.batch > 1:
            # 0.9.5 decodes several sequences, but cannot be brought to begin them from Python:
            # the runner lets in one request at a time, streams that begin together fail ("input
            # tensor is not contiguous"), and of eight choices one comes back.
            raise session.Unsupported("its Python interface begins no sequences side by side")
        usage = complete(prompt(task.before()), task.after())
        if task.is_prefill():
            return usage.prompt_tokens, usage.total_prompt_time_sec
        return task.generate, usage.total_completion_time_sec

    def warm_up(task):
        # It makes nothing for a shape: the first run of 512 tokens took as long as the third.
        run(task.shortened(32, 8))

    return f"mistral.rs {importlib.metadata.version('mistralrs')}", warm_up, run


if __name__ == "__main__":
    session.serve(load)
