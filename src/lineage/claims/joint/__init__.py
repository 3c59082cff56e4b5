"""Claims where the studies meet: facts of pretraining and refusals in one model; one file a claim, all of them here."""

from lineage.claims.joint import x1, x2, x4, x5

CLAIMS = (x1.CLAIM, x2.CLAIM, x4.CLAIM, x5.CLAIM)
