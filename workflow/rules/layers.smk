"""Weights and layers: where adaptation and safety tuning change a model."""


rule weights:
    "Measure task vectors, and what losses do along them."
    input:
        base=parents("analysis/weights/{name}", "base"),
        models=parents("analysis/weights/{name}", "models"),
        conversations=parents("analysis/weights/{name}", "conversations"),
    output:
        "<results>/<experiment>/analysis/weights/{name}/manifest.json",
    log:
        "<logs>/<experiment>/analysis/weights/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/weights/{name}.jsonl"
    params:
        spec=spec("analysis/weights/{name}"),
        code=code("weights"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("weights", "analysis/weights"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage weights --spec {params.spec:q} --code {params.code:q}"
        " --input base {input.base:q} --input models {input.models:q}"
        " --input conversations {input.conversations:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule layers:
    "Look into the layers of a model and its descendants, and change them."
    input:
        base=parents("analysis/layers/{name}", "base"),
        models=parents("analysis/layers/{name}", "models"),
        prompts=parents("analysis/layers/{name}", "prompts"),
    output:
        "<results>/<experiment>/analysis/layers/{name}/manifest.json",
    log:
        "<logs>/<experiment>/analysis/layers/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/layers/{name}.jsonl"
    params:
        spec=spec("analysis/layers/{name}"),
        code=code("layers"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("layers", "analysis/layers"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage layers --spec {params.spec:q} --code {params.code:q}"
        " --input base {input.base:q} --input models {input.models:q} --input prompts {input.prompts:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule layer_figures:
    "Draw what the analyses of weights and layers found."
    input:
        weights=parents("analysis/layer_figures", "weights"),
        layers=parents("analysis/layer_figures", "layers"),
    output:
        "<results>/<experiment>/analysis/layer_figures/manifest.json",
    log:
        "<logs>/<experiment>/analysis/layer_figures.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/layer_figures.jsonl"
    params:
        spec=spec("analysis/layer_figures"),
        code=code("layer_figures"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage layer_figures --spec {params.spec:q} --code {params.code:q}"
        " --input weights {input.weights:q} --input layers {input.layers:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
