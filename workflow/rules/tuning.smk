"""Study 2, models: conversations and pictures, vision-language adaptation, safety tuning, weight merging."""


rule safety_data:
    "Draw chats, requests, pictures and preferences from the world."
    input:
        world=parents("data/safety", "world"),
    output:
        "<results>/<experiment>/data/safety/manifest.json",
    log:
        "<logs>/<experiment>/data/safety.log",
    benchmark:
        "<benchmarks>/<experiment>/data/safety.jsonl"
    params:
        spec=spec("data/safety"),
        code=code("safety_data"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage safety_data --spec {params.spec:q} --code {params.code:q}"
        " --input world {input.world:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule conversations:
    "Read a set of conversations."
    input:
        safety_data=parents("data/conversations/{name}", "safety_data"),
    output:
        "<results>/<experiment>/data/conversations/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/conversations/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/conversations/{name}.jsonl"
    params:
        spec=spec("data/conversations/{name}"),
        code=code("conversations"),
        external_digests=external_digests("data/conversations/{name}"),
        external=external_paths("data/conversations/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("conversations", "data/conversations"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage conversations --spec {params.spec:q} --code {params.code:q}"
        " --input safety_data {input.safety_data:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule preferences:
    "Read a set of pairs of answers."
    input:
        safety_data=parents("data/preferences/{name}", "safety_data"),
    output:
        "<results>/<experiment>/data/preferences/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/preferences/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/preferences/{name}.jsonl"
    params:
        spec=spec("data/preferences/{name}"),
        code=code("preferences"),
        external_digests=external_digests("data/preferences/{name}"),
        external=external_paths("data/preferences/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("preferences", "data/preferences"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage preferences --spec {params.spec:q} --code {params.code:q}"
        " --input safety_data {input.safety_data:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule filter_conversations:
    "Take out what a safety filter finds in texts and pictures."
    input:
        conversations=parents("data/conversations/{name}", "conversations"),
    output:
        "<results>/<experiment>/data/conversations/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/conversations/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/conversations/{name}.jsonl"
    params:
        spec=spec("data/conversations/{name}"),
        code=code("filter_conversations"),
        external_digests=external_digests("data/conversations/{name}"),
        external=external_paths("data/conversations/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("filter_conversations", "data/conversations"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage filter_conversations --spec {params.spec:q} --code {params.code:q}"
        " --input conversations {input.conversations:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule tower:
    "Train a CLIP pair on pictures with captions."
    input:
        conversations=parents("models/{model}", "conversations"),
        tokenizer=parents("models/{model}", "tokenizer"),
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("tower"),
        execution=execution,
        state=state,
    wildcard_constraints:
        model=names("tower", "models"),
    threads: EXPERIMENT.execution.side_threads
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage tower --spec {params.spec:q} --code {params.code:q}"
        " --input conversations {input.conversations:q} --input tokenizer {input.tokenizer:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule align:
    "Join a decoder and a tower by a projector that learns from captions."
    input:
        start=parents("models/{model}", "start"),
        tower=parents("models/{model}", "tower"),
        conversations=parents("models/{model}", "conversations"),
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("align"),
        execution=training_execution,
        state=state,
    wildcard_constraints:
        model=names("align", "models"),
    threads: EXPERIMENT.execution.side_threads * EXPERIMENT.execution.processes
    resources:
        mem_mb=2000,
        gpu=EXPERIMENT.execution.processes,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage align --spec {params.spec:q} --code {params.code:q}"
        " --input start {input.start:q} --input tower {input.tower:q}"
        " --input conversations {input.conversations:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule tune:
    "Tune a model on conversations."
    input:
        start=parents("models/{model}", "start"),
        conversations=parents("models/{model}", "conversations"),
        prompts=parents("models/{model}", "prompts"),
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("tune"),
        execution=training_execution,
        state=state,
    wildcard_constraints:
        model=names("tune", "models"),
    threads: EXPERIMENT.execution.side_threads * EXPERIMENT.execution.processes
    resources:
        mem_mb=2000,
        gpu=EXPERIMENT.execution.processes,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage tune --spec {params.spec:q} --code {params.code:q}"
        " --input start {input.start:q} --input conversations {input.conversations:q}"
        " --input prompts {input.prompts:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule dpo:
    "Tune a model on pairs of answers."
    input:
        start=parents("models/{model}", "start"),
        preferences=parents("models/{model}", "preferences"),
        validation=parents("models/{model}", "validation"),
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("dpo"),
        execution=training_execution,
        state=state,
    wildcard_constraints:
        model=names("dpo", "models"),
    threads: EXPERIMENT.execution.side_threads * EXPERIMENT.execution.processes
    resources:
        mem_mb=2000,
        gpu=EXPERIMENT.execution.processes,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage dpo --spec {params.spec:q} --code {params.code:q}"
        " --input start {input.start:q} --input preferences {input.preferences:q}"
        " --input validation {input.validation:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule merge:
    "Merge models weight by weight."
    input:
        parents=parents("models/{model}", "parents"),
        base=parents("models/{model}", "base"),
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("merge"),
        execution=execution,
        state=state,
    wildcard_constraints:
        model=names("merge", "models"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage merge --spec {params.spec:q} --code {params.code:q}"
        " --input parents {input.parents:q} --input base {input.base:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
