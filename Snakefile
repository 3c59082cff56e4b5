"""Lineage: raise a language model through its whole life and measure it after every stage."""


configfile: "config.yaml"


include: "workflow/rules/common.smk"


pathvars:
    experiment=EXPERIMENT.experiment,


include: "workflow/rules/data.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/judges.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/layers.smk"
include: "workflow/rules/retrieval.smk"
include: "workflow/rules/dense.smk"
include: "workflow/rules/generative.smk"
include: "workflow/rules/knowledge.smk"
include: "workflow/rules/reading.smk"
include: "workflow/rules/safety.smk"
include: "workflow/rules/report.smk"


rule all:
    "Build everything that the experiment names."
    input:
        manifests(),
    default_target: True


rule data:
    "Build the world, documents, corpora, tokenizers and token streams."
    input:
        manifests("data/", "tokenizers/"),


rule models:
    "Build every model and checkpoint."
    input:
        manifests("models/"),


rule judges:
    "Make and measure every judge of refusals."
    input:
        manifests("judges/"),


rule scores:
    "Measure every model."
    input:
        manifests("scores/"),


rule inside:
    "Look into weights and layers, and draw what is found."
    input:
        manifests("analysis/weights/", "analysis/layers/", "analysis/layer_figures"),


rule retrieval:
    "Make every retriever, search every retrieval set, compare what was found, and read it where there is a reader."
    input:
        manifests(
            "data/retrieval/",
            "retrieval/",
            "retrieval_scores/",
            "analysis/bottleneck",
            "forecasts/reading",
            "analysis/reading",
            "analysis/retrieval",
        ),


onsuccess:
    remove_finished_states()
    write_costs(experiment_root(), PLAN)
    print(where_to_look())
