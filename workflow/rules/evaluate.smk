"""What every model knows: scores with each example kept."""


rule score_language:
    "Held-out bits per byte, and closed-book recall of world facts by exposure."
    input:
        model=parents("scores/{model}/language", "model"),
        corpus=parents("scores/{model}/language", "corpus"),
        world=parents("scores/{model}/language", "world"),
        exposures=parents("scores/{model}/language", "exposures"),
    output:
        "<results>/<experiment>/scores/{model}/language/manifest.json",
    log:
        "<logs>/<experiment>/scores/{model}/language.log",
    benchmark:
        "<benchmarks>/<experiment>/scores/{model}/language.jsonl"
    params:
        spec=spec("scores/{model}/language"),
        code=code("score_language"),
        execution=execution,
        state=state,
    wildcard_constraints:
        model=names("score_language", "scores"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage score_language --spec {params.spec:q} --code {params.code:q}"
        " --input model {input.model:q} --input corpus {input.corpus:q}"
        " --input world {input.world:q} --input exposures {input.exposures:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
