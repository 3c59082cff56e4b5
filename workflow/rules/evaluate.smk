"""What every model knows, refuses and sees: prompts, and scores with each example kept."""


rule prompts:
    "Items of the world that models are asked, with what is known of the right answers."
    input:
        world=parents("data/prompts/{name}", "world"),
        safety_data=parents("data/prompts/{name}", "safety_data"),
    output:
        "<results>/<experiment>/data/prompts/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/prompts/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/prompts/{name}.jsonl"
    params:
        spec=spec("data/prompts/{name}"),
        code=code("prompts"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("prompts", "data/prompts"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage prompts --spec {params.spec:q} --code {params.code:q}"
        " --input world {input.world:q} --input safety_data {input.safety_data:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule outside_prompts:
    "Items of a set that its authors published."
    output:
        "<results>/<experiment>/data/prompts/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/prompts/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/prompts/{name}.jsonl"
    params:
        spec=spec("data/prompts/{name}"),
        code=code("outside_prompts"),
        external_digests=external_digests("data/prompts/{name}"),
        external=external_paths("data/prompts/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("outside_prompts", "data/prompts"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage outside_prompts --spec {params.spec:q} --code {params.code:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


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


rule score_safety:
    "Answers to every prompt: refused, right, wrong or incoherent, with refusal and answer log-probabilities."
    input:
        model=parents("scores/{model}/safety", "model"),
        prompts=parents("scores/{model}/safety", "prompts"),
    output:
        "<results>/<experiment>/scores/{model}/safety/manifest.json",
    log:
        "<logs>/<experiment>/scores/{model}/safety.log",
    benchmark:
        "<benchmarks>/<experiment>/scores/{model}/safety.jsonl"
    params:
        spec=spec("scores/{model}/safety"),
        code=code("score_safety"),
        execution=execution,
        state=state,
    wildcard_constraints:
        model=names("score_safety", "scores"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage score_safety --spec {params.spec:q} --code {params.code:q}"
        " --input model {input.model:q} --input prompts {input.prompts:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
