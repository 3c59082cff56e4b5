"""Run by torchrun: two processes train the tiny model into the folder given, are stopped once, and go on."""

import os
import sys
from pathlib import Path

from lineage.errors import StoppedEarly
from tests.training.test_loop import unequal_masks
from tests.training.tiny import llama, run

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    execution = {"processes": 2, "micro_batch_rows": 3}
    try:
        run(llama(attention_dropout=0.0), folder, batches=unequal_masks, execution={**execution, "minutes": 1e-9})
    except StoppedEarly as stop:
        (folder / f"stopped-{os.environ['RANK']}").write_text(str(stop))
    run(llama(seed=7, attention_dropout=0.0), folder, batches=unequal_masks, execution=execution)
