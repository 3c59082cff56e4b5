"""Claims of the study of how facts are acquired and forgotten: one file a claim, all of them here."""

from lineage.claims.knowledge import k1, k2, k3, k4, k5, k6, k7, k8, k9

CLAIMS = (
    k1.CLAIM,
    k2.CLAIM,
    k3.ACQUISITION,
    k3.RETENTION,
    k3.SIZE,
    k4.CLAIM,
    k5.CLAIM,
    k6.CLAIM,
    k7.CLAIM,
    k8.CLAIM,
    k9.CLAIM,
)
