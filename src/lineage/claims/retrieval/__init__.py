"""Claims of the study of contextualized generative retrieval: one file a claim, all of them here."""

from lineage.claims.retrieval import r1, r2, r3, r4, r5, r6, r7, r8, x3

CLAIMS = (r1.CLAIM, r2.CLAIM, r3.CLAIM, r4.CLAIM, r5.CLAIM, r6.CLAIM, r7.CLAIM, r8.CLAIM, x3.CLAIM)
