"""openvino-genai's LLMPipeline on a GGUF file. OPTIONS are properties of OpenVINO's CPU device."""

import numpy
import openvino
import openvino_genai

import session


def load(model, threads, options):
    pipeline = openvino_genai.LLMPipeline(
        model, "CPU", INFERENCE_NUM_THREADS=threads, **options
    )
    vocabulary = len(pipeline.get_tokenizer().get_vocab())
    numbers = session.numbers()

    def run(task):
        ids = [
            [numbers.randrange(vocabulary) for _ in range(task.before())]
            for _ in range(task.batch)
        ]
        ids = numpy.array(ids, dtype=numpy.int64)
        inputs = openvino_genai.TokenizedInputs(
            openvino.Tensor(ids), openvino.Tensor(numpy.ones_like(ids))
        )
        config = openvino_genai.GenerationConfig()
        config.do_sample = False
        config.ignore_eos = True
        config.max_new_tokens = config.min_new_tokens = task.after()
        result = pipeline.generate(inputs, config)
        lengths = [len(tokens) for tokens in result.tokens]
        if lengths != [task.after()] * task.batch:
            raise RuntimeError(f"{task.after()} tokens were wanted, {lengths} came")
        metrics = result.perf_metrics.raw_metrics
        if task.is_prefill():
            # From the call to the first token, in microseconds.
            return ids.size, metrics.m_times_to_first_token[0] / 1e6
        times = metrics.m_new_token_times
        # The moments of the steps, in milliseconds.
        return task.generate * task.batch, (times[-1] - times[0]) / 1e3

    def warm_up(task):
        # Kernels are made for the shapes that come: the whole prompt, and some steps after it.
        run(task.shortened(task.before(), 8))

    return f"openvino-genai {openvino_genai.get_version()}", warm_up, run


if __name__ == "__main__":
    session.serve(load)
