"""Language models: pretraining from one checkpoint to the next, models from outside, what training showed them."""


rule pretrain:
    "Train a language model from one checkpoint to the next."
    input:
        tokens=parents("models/{model}", "tokens"),
        tokenizer=parents("models/{model}", "tokenizer"),
        start=parents("models/{model}", "start"),
        held_out=parents("models/{model}", "held_out"),
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("pretrain"),
        execution=training_execution,
        state=state,
    wildcard_constraints:
        model=names("pretrain", "models"),
    threads: EXPERIMENT.execution.threads * EXPERIMENT.execution.processes
    resources:
        mem_mb=2000,
        gpu=EXPERIMENT.execution.processes,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage pretrain --spec {params.spec:q} --code {params.code:q}"
        " --input tokens {input.tokens:q} --input tokenizer {input.tokenizer:q}"
        " --input start {input.start:q} --input held_out {input.held_out:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule import_model:
    "Take a model from a folder or the hub into the lineage."
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("import_model"),
        external_digests=external_digests("models/{model}"),
        external=external_paths("models/{model}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        model=names("import_model", "models"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage import_model --spec {params.spec:q} --code {params.code:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule exposures:
    "Count how often each fact stood whole in what a run really saw."
    input:
        model=parents("exposures/{model}", "model"),
        tokens=parents("exposures/{model}", "tokens"),
        tokenizer=parents("exposures/{model}", "tokenizer"),
        world=parents("exposures/{model}", "world"),
        parent=parents("exposures/{model}", "parent"),
    output:
        "<results>/<experiment>/exposures/{model}/manifest.json",
    log:
        "<logs>/<experiment>/exposures/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/exposures/{model}.jsonl"
    params:
        spec=spec("exposures/{model}"),
        code=code("exposures"),
        execution=execution,
        state=state,
    wildcard_constraints:
        model=names("exposures", "exposures"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage exposures --spec {params.spec:q} --code {params.code:q}"
        " --input model {input.model:q} --input tokens {input.tokens:q} --input tokenizer {input.tokenizer:q}"
        " --input world {input.world:q} --input parent {input.parent:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
