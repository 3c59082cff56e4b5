"""Generative retrievers: a T5, contextual vocabularies, training, and search under the tree of all identifiers."""


rule pretrain_t5:
    "Train a small T5 by span corruption on the documents of a retrieval set."
    input:
        retrieval_set=parents("models/{model}", "retrieval_set"),
        tokenizer=parents("models/{model}", "tokenizer"),
    output:
        "<results>/<experiment>/models/{model}/manifest.json",
    log:
        "<logs>/<experiment>/models/{model}.log",
    benchmark:
        "<benchmarks>/<experiment>/models/{model}.jsonl"
    params:
        spec=spec("models/{model}"),
        code=code("pretrain_t5"),
        execution=training_execution,
        state=state,
    wildcard_constraints:
        model=names("pretrain_t5", "models"),
    threads: EXPERIMENT.execution.side_threads * EXPERIMENT.execution.processes
    resources:
        mem_mb=2000,
        gpu=EXPERIMENT.execution.processes,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage pretrain_t5 --spec {params.spec:q} --code {params.code:q}"
        " --input retrieval_set {input.retrieval_set:q}"
        " --input tokenizer {input.tokenizer:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule contextual_vocabulary:
    "Make rows of a decoder vocabulary of identifiers read in their documents."
    input:
        encoder=parents("vocabularies/{name}", "encoder"),
        retrieval_set=parents("vocabularies/{name}", "retrieval_set"),
    output:
        "<results>/<experiment>/vocabularies/{name}/manifest.json",
    log:
        "<logs>/<experiment>/vocabularies/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/vocabularies/{name}.jsonl"
    params:
        spec=spec("vocabularies/{name}"),
        code=code("contextual_vocabulary"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("contextual_vocabulary", "vocabularies"),
    threads: EXPERIMENT.execution.side_threads
    resources:
        mem_mb=4000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage contextual_vocabulary --spec {params.spec:q} --code {params.code:q}"
        " --input encoder {input.encoder:q}"
        " --input retrieval_set {input.retrieval_set:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule token_contrast:
    "Teach a T5 that queries are near the rows of their identifiers' tokens."
    input:
        start=parents("contrasts/{name}", "start"),
        vocabulary=parents("contrasts/{name}", "vocabulary"),
        retrieval_set=parents("contrasts/{name}", "retrieval_set"),
    output:
        "<results>/<experiment>/contrasts/{name}/manifest.json",
    log:
        "<logs>/<experiment>/contrasts/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/contrasts/{name}.jsonl"
    params:
        spec=spec("contrasts/{name}"),
        code=code("token_contrast"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("token_contrast", "contrasts"),
    threads: EXPERIMENT.execution.side_threads
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage token_contrast --spec {params.spec:q} --code {params.code:q}"
        " --input start {input.start:q}"
        " --input vocabulary {input.vocabulary:q}"
        " --input retrieval_set {input.retrieval_set:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule retriever:
    "Train a generative retriever from one vocabulary to the next."
    input:
        start=parents("retriever_models/{name}", "start"),
        vocabulary=parents("retriever_models/{name}", "vocabulary"),
        retrieval_set=parents("retriever_models/{name}", "retrieval_set"),
    output:
        "<results>/<experiment>/retriever_models/{name}/manifest.json",
    log:
        "<logs>/<experiment>/retriever_models/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/retriever_models/{name}.jsonl"
    params:
        spec=spec("retriever_models/{name}"),
        code=code("retriever"),
        execution=training_execution,
        state=state,
    wildcard_constraints:
        name=names("retriever", "retriever_models"),
    threads: EXPERIMENT.execution.side_threads * EXPERIMENT.execution.processes
    resources:
        mem_mb=2000,
        gpu=EXPERIMENT.execution.processes,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage retriever --spec {params.spec:q} --code {params.code:q}"
        " --input start {input.start:q}"
        " --input vocabulary {input.vocabulary:q}"
        " --input retrieval_set {input.retrieval_set:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule generative_search:
    "Search a retrieval set by writing identifiers."
    input:
        retriever=parents("retrieval/{name}", "retriever"),
        retrieval_set=parents("retrieval/{name}", "retrieval_set"),
    output:
        "<results>/<experiment>/retrieval/{name}/manifest.json",
    log:
        "<logs>/<experiment>/retrieval/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/retrieval/{name}.jsonl"
    params:
        spec=spec("retrieval/{name}"),
        code=code("generative_search"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("generative_search", "retrieval"),
    threads: EXPERIMENT.execution.side_threads
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage generative_search --spec {params.spec:q} --code {params.code:q}"
        " --input retriever {input.retriever:q}"
        " --input retrieval_set {input.retrieval_set:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
