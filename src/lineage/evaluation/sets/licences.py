"""Licences and gates of prompt sets, told once when they are read. They are notes: the set's own page decides."""

OF_SOURCE = {
    "xstest": "prompts CC BY 4.0. Offensive text.",
    "figstep": "MIT. Harmful instructions, for research on safety.",
    "sorry_bench": "a licence of its own, behind a gate (you agree to terms on its page). For evaluation only.",
    "wildguard_test": "ODC-BY, behind a gate. Harmful text.",
    "mm_safety_bench": "see its repository (not for commercial use); its pictures are fetched apart. Harmful pictures.",
    "siuo": "CC BY-NC 4.0; its pictures are fetched apart.",
    "vlguard": "its repository names no licence; its pictures are behind a gate. Harmful text and pictures.",
    "mmbench": "see its page.",
    "mme": "for research only, from its authors on request.",
    "seed_bench": "CC BY-NC 4.0, and OpenAI's terms; its pictures are those of CC3M.",
}
"""`source` of a config -> what to say."""
