"""From a generated world or files to streams of tokens."""


rule world:
    "Generate the world: entities, facts with known exposure, documents."
    output:
        "<results>/<experiment>/data/world/manifest.json",
    log:
        "<logs>/<experiment>/data/world.log",
    benchmark:
        "<benchmarks>/<experiment>/data/world.jsonl"
    params:
        spec=spec("data/world"),
        code=code("world"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage world --spec {params.spec:q} --code {params.code:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule documents:
    "Read documents from files, folders, `datasets` folders or the hub."
    output:
        "<results>/<experiment>/data/documents/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/documents/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/documents/{name}.jsonl"
    params:
        spec=spec("data/documents/{name}"),
        code=code("documents"),
        external_digests=external_digests("data/documents/{name}"),
        external=external_paths("data/documents/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("documents", "data/documents"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage documents --spec {params.spec:q} --code {params.code:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule corpus:
    "Put document sets together, remove duplicates, set a held-out part aside."
    input:
        documents=parents("data/corpora/{name}", "documents"),
    output:
        "<results>/<experiment>/data/corpora/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/corpora/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/corpora/{name}.jsonl"
    params:
        spec=spec("data/corpora/{name}"),
        code=code("corpus"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("corpus", "data/corpora"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage corpus --spec {params.spec:q} --code {params.code:q}"
        " --input documents {input.documents:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule tokenizer:
    "Train a tokenizer, or take one over."
    input:
        corpus=parents("tokenizers/{name}", "corpus"),
        world=parents("tokenizers/{name}", "world"),
    output:
        "<results>/<experiment>/tokenizers/{name}/manifest.json",
    log:
        "<logs>/<experiment>/tokenizers/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/tokenizers/{name}.jsonl"
    params:
        spec=spec("tokenizers/{name}"),
        code=code("tokenizer"),
        external_digests=external_digests("tokenizers/{name}"),
        external=external_paths("tokenizers/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("tokenizer", "tokenizers"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage tokenizer --spec {params.spec:q} --code {params.code:q}"
        " --input corpus {input.corpus:q} --input world {input.world:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule tokens:
    "Turn the training part of a corpus into a stream of tokens."
    input:
        corpus=parents("data/tokens/{name}", "corpus"),
        tokenizer=parents("data/tokens/{name}", "tokenizer"),
    output:
        "<results>/<experiment>/data/tokens/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/tokens/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/tokens/{name}.jsonl"
    params:
        spec=spec("data/tokens/{name}"),
        code=code("tokens"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("tokens", "data/tokens"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage tokens --spec {params.spec:q} --code {params.code:q}"
        " --input corpus {input.corpus:q} --input tokenizer {input.tokenizer:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
