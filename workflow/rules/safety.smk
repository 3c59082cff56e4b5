"""Study 2, conclusions: what seeing costs a model that refuses, and where refusals and facts meet."""


rule safety:
    "Judge the claims about safety and draw their figures: study 2."
    input:
        scores=parents("analysis/safety", "scores"),
        adaptations=parents("analysis/safety", "adaptations"),
        weights=parents("analysis/safety", "weights"),
        layers=parents("analysis/safety", "layers"),
    output:
        "<results>/<experiment>/analysis/safety/manifest.json",
    log:
        "<logs>/<experiment>/analysis/safety.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/safety.jsonl"
    params:
        spec=spec("analysis/safety"),
        code=code("safety"),
        external_digests=external_digests("analysis/safety"),
        external=external_paths("analysis/safety"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage safety --spec {params.spec:q} --code {params.code:q}"
        " --input scores {input.scores:q} --input adaptations {input.adaptations:q}"
        " --input weights {input.weights:q} --input layers {input.layers:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
