"""Who tells refusals from answers, and how well."""


rule judge:
    "Make a judge of refusals, and measure it on labelled responses."
    input:
        safety_data=parents("judges/{name}", "safety_data"),
    output:
        "<results>/<experiment>/judges/{name}/manifest.json",
    log:
        "<logs>/<experiment>/judges/{name}.log",
    benchmark:
        "<benchmarks>/<experiment>/judges/{name}.jsonl"
    params:
        spec=spec("judges/{name}"),
        code=code("judge"),
        external_digests=external_digests("judges/{name}"),
        external=external_paths("judges/{name}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        name=names("judge", "judges"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage judge --spec {params.spec:q} --code {params.code:q}"
        " --input safety_data {input.safety_data:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"


rule judged:
    "Judge what a model said, and give each rate with the error of the judge."
    input:
        scores=parents("scores/{model}/judged/{judge}", "scores"),
        judge=parents("scores/{model}/judged/{judge}", "judge"),
        prompts=parents("scores/{model}/judged/{judge}", "prompts"),
    output:
        "<results>/<experiment>/scores/{model}/judged/{judge}/manifest.json",
    log:
        "<logs>/<experiment>/scores/{model}/judged/{judge}.log",
    benchmark:
        "<benchmarks>/<experiment>/scores/{model}/judged/{judge}.jsonl"
    params:
        spec=spec("scores/{model}/judged/{judge}"),
        code=code("judged"),
        external_digests=external_digests("scores/{model}/judged/{judge}"),
        external=external_paths("scores/{model}/judged/{judge}"),
        execution=execution,
        state=state,
    wildcard_constraints:
        model=names("judged", "scores"),
        judge=names("judge", "judges"),
    threads: 1
    resources:
        mem_mb=2000,
        gpu=1,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage judged --spec {params.spec:q} --code {params.code:q}"
        " --input scores {input.scores:q} --input judge {input.judge:q} --input prompts {input.prompts:q}"
        " --external {params.external:q} --external-digests {params.external_digests:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output:q} &> {log:q}"
