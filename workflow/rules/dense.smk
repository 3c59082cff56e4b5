"""Dense retrievers: bi-encoders, indexes of vectors, and what an inner product of some width can rank."""


rule bi_encoder:
    "Train one encoder of queries and documents."
    input:
        start=parents("encoders/{name}", "start"),
        retrieval_set=parents("encoders/{name}", "retrieval_set"),
    output:
        "<results>/<experiment>/encoders/{name}/manifest.json",
    log:
        "<logs>/<experiment>/encoders/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/encoders/{name}.jsonl"
    params:
        spec=spec("encoders/{name}"),
        code=code("bi_encoder"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("bi_encoder", "encoders"),
    threads: EXPERIMENT.execution.side_threads
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage bi_encoder --spec {params.spec:q} --code {params.code:q}"
        " --input start {input.start:q} --input retrieval_set {input.retrieval_set:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule dense_index:
    "Index the vectors of all documents and search them."
    input:
        model=parents("retrieval/{name}", "model"),
        retrieval_set=parents("retrieval/{name}", "retrieval_set"),
        vocabulary=parents("retrieval/{name}", "vocabulary"),
    output:
        "<results>/<experiment>/retrieval/{name}/manifest.json",
    log:
        "<logs>/<experiment>/retrieval/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/retrieval/{name}.jsonl"
    params:
        spec=spec("retrieval/{name}"),
        code=code("dense_index"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("dense_index", "retrieval"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage dense_index --spec {params.spec:q} --code {params.code:q}"
        " --input model {input.model:q} --input retrieval_set {input.retrieval_set:q} --input vocabulary {input.vocabulary:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule bottleneck:
    "Rank all pairs of documents through inner products of several widths."
    output:
        "<results>/<experiment>/analysis/bottleneck/manifest.json",
    log:
        "<logs>/<experiment>/analysis/bottleneck.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/bottleneck.jsonl"
    params:
        spec=spec("analysis/bottleneck"),
        code=code("bottleneck"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage bottleneck --spec {params.spec:q} --code {params.code:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
