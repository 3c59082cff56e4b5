"""Retrieve, then read: a reader, what it is asked, what is forecast of it, and what came of it."""


rule reading_conversations:
    "Draw passages of disjoint facts with a question each, for a reader to learn from."
    input:
        world=parents("data/conversations/{name}", "world"),
    output:
        "<results>/<experiment>/data/conversations/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/conversations/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/conversations/{name}.jsonl"
    params:
        spec=spec("data/conversations/{name}"),
        code=code("reading_conversations"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("reading_conversations", "data/conversations"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage reading_conversations --spec {params.spec:q} --code {params.code:q}"
        " --input world {input.world:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule reading_validation:
    "Disjoint facts behind right and wrong passages, to forecast how the reader reads."
    input:
        world=parents("data/prompts/reading_validation", "world"),
    output:
        "<results>/<experiment>/data/prompts/reading_validation/manifest.json",
    log:
        "<logs>/<experiment>/data/prompts/reading_validation.log",
    benchmark:
        "<benchmarks>/<experiment>/data/prompts/reading_validation.jsonl"
    params:
        spec=spec("data/prompts/reading_validation"),
        code=code("reading_validation"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage reading_validation --spec {params.spec:q} --code {params.code:q}"
        " --input world {input.world:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule reading_forecast:
    "Predict where recall overtakes reading, before any test fact is asked for."
    input:
        retrieval_set=parents("forecasts/reading", "retrieval_set"),
        runs=parents("forecasts/reading", "runs"),
        answers=parents("forecasts/reading", "answers"),
        knowledge_forecast=parents("forecasts/reading", "knowledge_forecast"),
    output:
        "<results>/<experiment>/forecasts/reading/manifest.json",
    log:
        "<logs>/<experiment>/forecasts/reading.log",
    benchmark:
        "<benchmarks>/<experiment>/forecasts/reading.jsonl"
    params:
        spec=spec("forecasts/reading"),
        code=code("reading_forecast"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage reading_forecast --spec {params.spec:q} --code {params.code:q}"
        " --input retrieval_set {input.retrieval_set:q} --input runs {input.runs:q}"
        " --input answers {input.answers:q} --input knowledge_forecast {input.knowledge_forecast:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule reading_prompts:
    "Test facts without a passage, behind right, wrong and swapped ones, and behind what retrievers found."
    input:
        world=parents("data/prompts/reading", "world"),
        retrieval_set=parents("data/prompts/reading", "retrieval_set"),
        runs=parents("data/prompts/reading", "runs"),
    output:
        "<results>/<experiment>/data/prompts/reading/manifest.json",
    log:
        "<logs>/<experiment>/data/prompts/reading.log",
    benchmark:
        "<benchmarks>/<experiment>/data/prompts/reading.jsonl"
    params:
        spec=spec("data/prompts/reading"),
        code=code("reading_prompts"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage reading_prompts --spec {params.spec:q} --code {params.code:q}"
        " --input world {input.world:q} --input retrieval_set {input.retrieval_set:q}"
        " --input runs {input.runs:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule reading:
    "Recall by exposure, closed book and behind each retriever's passage: table and figure."
    input:
        prompts=parents("analysis/reading", "prompts"),
        answers=parents("analysis/reading", "answers"),
        forecast=parents("analysis/reading", "forecast"),
    output:
        "<results>/<experiment>/analysis/reading/manifest.json",
    log:
        "<logs>/<experiment>/analysis/reading.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/reading.jsonl"
    params:
        spec=spec("analysis/reading"),
        code=code("reading"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage reading --spec {params.spec:q} --code {params.code:q}"
        " --input prompts {input.prompts:q} --input answers {input.answers:q}"
        " --input forecast {input.forecast:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
