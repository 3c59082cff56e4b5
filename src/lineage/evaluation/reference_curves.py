"""Log-probabilities of known texts along a run: what `probes.parquet` of a tuned model holds."""

from __future__ import annotations

import pyarrow as pa

REASON, REFUSAL, ANSWER, TARGET = TEXTS = ("reason", "refusal", "answer", "target")
"""What is followed of an item: the three texts of a request, and the value of a fact."""
PROBES = "probes.parquet"
CURVES = pa.schema(
    [
        pa.field("step", pa.int32(), nullable=False),
        pa.field("item", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("log_probability", pa.float32(), nullable=False),
    ]
)
"""log p of the whole text in nats, summed over its tokens, of the weights after `step` updates of the run."""
