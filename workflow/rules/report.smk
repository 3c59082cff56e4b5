"""All studies together: one page, the matrix, the claims, a card for each model."""


rule report:
    "Show everything on one page, with the matrix, all claims and a card for each model."
    input:
        models=parents("report", "models"),
        searches=parents("report", "searches"),
        data=parents("report", "data"),
        language=parents("report", "language"),
        answers=parents("report", "answers"),
        prompts=parents("report", "prompts"),
        judged=parents("report", "judged"),
        retrieval_scores=parents("report", "retrieval_scores"),
        analyses=parents("report", "analyses"),
    output:
        manifest="<results>/<experiment>/report/manifest.json",
        page=report(
            "<results>/<experiment>/report/index.html",
            category="Everything on one page",
            labels={"what": "lineage, matrix, claims, figures, examples"},
            caption="../report/page.rst",
        ),
        figures=report(
            directory("<results>/<experiment>/report/figures"),
            patterns=["{study}/{figure}.svg"],
            category="Figures",
            subcategory="{study}",
            labels={"figure": "{figure}"},
            caption="../report/figure.rst",
        ),
    log:
        "<logs>/<experiment>/report.log",
    benchmark:
        "<benchmarks>/<experiment>/report.jsonl"
    params:
        spec=spec("report"),
        code=code("report"),
        execution=execution,
        state=state,
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../envs/lineage.yaml"
    shell:
        "python -m lineage.stage report --spec {params.spec:q} --code {params.code:q}"
        " --input models {input.models:q} --input searches {input.searches:q} --input data {input.data:q}"
        " --input language {input.language:q} --input answers {input.answers:q} --input prompts {input.prompts:q}"
        " --input judged {input.judged:q}"
        " --input retrieval_scores {input.retrieval_scores:q} --input analyses {input.analyses:q}"
        " --execution {params.execution:q} --state {params.state:q} --out {output.manifest:q} &> {log:q}"
