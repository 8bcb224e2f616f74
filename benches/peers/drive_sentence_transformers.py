"""sentence-transformers for the bench `embed`: torch on the processor, its own defaults.

The bench starts `python3 DRIVER FOLDER THREADS`, writes a JSON array of texts, and reads one JSON
value a line: {"loaded": "engine and version"} once the model is there; then for each line it
writes, {"batch": 32} gives {"seconds": 1.5} for the vectors of all texts in batches of that size,
and {"vectors": true} gives the vectors themselves.
"""

import json
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "true"

told = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import sentence_transformers
import torch


def tell(answer):
    told.write(json.dumps(answer) + "\n")
    told.flush()


def main():
    folder, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    model = sentence_transformers.SentenceTransformer(folder, device="cpu")
    texts = json.loads(sys.stdin.readline())
    model.encode(texts[:64], batch_size=32)
    version = sentence_transformers.__version__
    tell({"loaded": f"sentence-transformers {version}, torch {torch.__version__}"})
    for line in sys.stdin:
        task = json.loads(line)
        if "vectors" in task:
            tell([[float(x) for x in row] for row in model.encode(texts)])
            continue
        started = time.perf_counter()
        model.encode(texts, batch_size=task["batch"])
        tell({"seconds": time.perf_counter() - started})


main()
