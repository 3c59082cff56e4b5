"""Study 1, knowledge: how facts are acquired and forgotten during pretraining."""


rule facts:
    "Read or make facts: passages, paraphrases, probes."
    input:
        world=parents("data/facts/{name}", "world"),
    output:
        "<results>/<experiment>/data/facts/{name}/manifest.json",
    log:
        "<logs>/<experiment>/data/facts/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/data/facts/{name}.jsonl"
    params:
        spec=spec("data/facts/{name}"),
        code=code("facts"),
        external_digests=external_digests("data/facts/{name}"),
        external=external_paths("data/facts/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("facts", "data/facts"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage facts --spec {params.spec:q} --code {params.code:q}"
        " --input world {input.world:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule injections:
    "Plan what is injected and probed when."
    input:
        facts=parents("injections/{run}", "facts"),
        tokenizer=parents("injections/{run}", "tokenizer"),
    output:
        "<results>/<experiment>/injections/{run}/manifest.json",
    log:
        "<logs>/<experiment>/injections/{run}.log",
    benchmark:
        "<benchmarks>/<experiment>/injections/{run}.jsonl"
    params:
        spec=spec("injections/{run}"),
        code=code("injections"),
        execution=execution,
        state=state,
    wildcard_constraints:
        run=names("injections", "injections"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage injections --spec {params.spec:q} --code {params.code:q}"
        " --input facts {input.facts:q} --input tokenizer {input.tokenizer:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule inject:
    "Go on with pretraining while facts are injected and probed; the twin without injecting."
    input:
        tokens=parents("trajectories/{run}", "tokens"),
        tokenizer=parents("trajectories/{run}", "tokenizer"),
        start=parents("trajectories/{run}", "start"),
        injections=parents("trajectories/{run}", "injections"),
    output:
        "<results>/<experiment>/trajectories/{run}/manifest.json",
    log:
        "<logs>/<experiment>/trajectories/{run}.log",
    benchmark:
        "<benchmarks>/<experiment>/trajectories/{run}.jsonl"
    params:
        spec=spec("trajectories/{run}"),
        code=code("inject"),
        execution=training_execution,
        state=state,
    wildcard_constraints:
        run=names("inject", "trajectories"),
    threads: EXPERIMENT.execution.side_threads * EXPERIMENT.execution.processes
    resources:
        mem_mb=2000,
        gpu=EXPERIMENT.execution.processes,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage inject --spec {params.spec:q} --code {params.code:q}"
        " --input tokens {input.tokens:q} --input tokenizer {input.tokenizer:q}"
        " --input start {input.start:q} --input injections {input.injections:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule acquisition:
    "Estimate what each encounter of a run added, and how fast it went."
    input:
        injections=parents("acquisition/{run}", "injections"),
        trajectory=parents("acquisition/{run}", "trajectory"),
        twin=parents("acquisition/{run}", "twin"),
    output:
        "<results>/<experiment>/acquisition/{run}/manifest.json",
    log:
        "<logs>/<experiment>/acquisition/{run}.log",
    benchmark:
        "<benchmarks>/<experiment>/acquisition/{run}.jsonl"
    params:
        spec=spec("acquisition/{run}"),
        code=code("acquisition"),
        execution=execution,
        state=state,
    wildcard_constraints:
        run=names("acquisition", "acquisition"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage acquisition --spec {params.spec:q} --code {params.code:q}"
        " --input injections {input.injections:q} --input trajectory {input.trajectory:q}"
        " --input twin {input.twin:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule forecast:
    "Predict gains and recall from facts met once, before they are measured."
    input:
        calibration=parents("forecasts/{run}", "calibration"),
        plan=parents("forecasts/{run}", "plan"),
        injections=parents("forecasts/{run}", "injections"),
        exposures=parents("forecasts/{run}", "exposures"),
        world=parents("forecasts/{run}", "world"),
    output:
        "<results>/<experiment>/forecasts/{run}/manifest.json",
    log:
        "<logs>/<experiment>/forecasts/{run}.log",
    benchmark:
        "<benchmarks>/<experiment>/forecasts/{run}.jsonl"
    params:
        spec=spec("forecasts/{run}"),
        code=code("forecast"),
        execution=execution,
        state=state,
    wildcard_constraints:
        run=names("forecast", "forecasts"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage forecast --spec {params.spec:q} --code {params.code:q}"
        " --input calibration {input.calibration:q} --input plan {input.plan:q}"
        " --input injections {input.injections:q}"
        " --input exposures {input.exposures:q} --input world {input.world:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule knowledge:
    "Judge the claims about knowledge and draw their figures: study 1."
    input:
        acquisition=parents("analysis/knowledge", "acquisition"),
        injections=parents("analysis/knowledge", "injections"),
        forecast=parents("analysis/knowledge", "forecast"),
        scores=parents("analysis/knowledge", "scores"),
        world=parents("analysis/knowledge", "world"),
    output:
        "<results>/<experiment>/analysis/knowledge/manifest.json",
    log:
        "<logs>/<experiment>/analysis/knowledge.log",
    benchmark:
        "<benchmarks>/<experiment>/analysis/knowledge.jsonl"
    params:
        spec=spec("analysis/knowledge"),
        code=code("knowledge"),
        external_digests=external_digests("analysis/knowledge"),
        external=external_paths("analysis/knowledge"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage knowledge --spec {params.spec:q} --code {params.code:q}"
        " --input acquisition {input.acquisition:q} --input injections {input.injections:q}"
        " --input forecast {input.forecast:q} --input scores {input.scores:q}"
        " --input world {input.world:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
