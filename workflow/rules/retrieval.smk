"""Finding documents: sets with queries, retrievers and their runs, scores side by side."""


rule retrieval_set:
    "Read documents, queries and judgements of one retrieval set."
    input:
        world=parents("data/retrieval/{name}", "world"),
    output:
        "<results>/<experiment>/data/retrieval/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/retrieval/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/retrieval/{name}.jsonl"
    params:
        spec=spec("data/retrieval/{name}"),
        code=code("retrieval_set"),
        external_digests=external_digests("data/retrieval/{name}"),
        external=external_paths("data/retrieval/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("retrieval_set", "data/retrieval"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage retrieval_set --spec {params.spec:q} --code {params.code:q}"
        " --input world {input.world:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule bm25:
    "Index a retrieval set by BM25 and search it."
    input:
        retrieval_set=parents("retrieval/{name}", "retrieval_set"),
    output:
        "<results>/<experiment>/retrieval/{name}/manifest.json",
    log:
        "<logs>/<experiment>/retrieval/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/retrieval/{name}.jsonl"
    params:
        spec=spec("retrieval/{name}"),
        code=code("bm25"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("bm25", "retrieval"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage bm25 --spec {params.spec:q} --code {params.code:q}"
        " --input retrieval_set {input.retrieval_set:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule hybrid:
    "Fuse the runs of several retrievers by ranks."
    input:
        retrieval_set=parents("retrieval/{name}", "retrieval_set"),
        runs=parents("retrieval/{name}", "runs"),
    output:
        "<results>/<experiment>/retrieval/{name}/manifest.json",
    log:
        "<logs>/<experiment>/retrieval/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/retrieval/{name}.jsonl"
    params:
        spec=spec("retrieval/{name}"),
        code=code("hybrid"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("hybrid", "retrieval"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage hybrid --spec {params.spec:q} --code {params.code:q}"
        " --input retrieval_set {input.retrieval_set:q} --input runs {input.runs:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule retrieval_scores:
    "Score all runs on a retrieval set, and compare every two."
    input:
        retrieval_set=parents("retrieval_scores/{name}", "retrieval_set"),
        runs=parents("retrieval_scores/{name}", "runs"),
    output:
        "<results>/<experiment>/retrieval_scores/{name}/manifest.json",
    log:
        "<logs>/<experiment>/retrieval_scores/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/retrieval_scores/{name}.jsonl"
    params:
        spec=spec("retrieval_scores/{name}"),
        code=code("retrieval_scores"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("retrieval_scores", "retrieval_scores"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage retrieval_scores --spec {params.spec:q} --code {params.code:q}"
        " --input retrieval_set {input.retrieval_set:q} --input runs {input.runs:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule retrieval_study:
    "Judge the claims about retrieval and draw their figures: study 3."
    input:
        scores=parents("analysis/retrieval", "scores"),
        bottleneck=parents("analysis/retrieval", "bottleneck"),
        reading=parents("analysis/retrieval", "reading"),
    output:
        "<results>/<experiment>/analysis/retrieval/manifest.json",
    log:
        "<logs>/<experiment>/analysis/retrieval.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/retrieval.jsonl"
    params:
        spec=spec("analysis/retrieval"),
        code=code("retrieval_study"),
        external_digests=external_digests("analysis/retrieval"),
        external=external_paths("analysis/retrieval"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1500,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage retrieval_study --spec {params.spec:q} --code {params.code:q}"
        " --input scores {input.scores:q} --input bottleneck {input.bottleneck:q} --input reading {input.reading:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
