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
