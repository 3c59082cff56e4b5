"""Claims of the study of safety under vision-language adaptation: one file a claim, all of them here."""

from lineage.claims.safety import s1, s2, s3, s4, s5, s6, s7

CLAIMS = (s1.CLAIM, s2.CLAIM, s3.HELPS, s3.NOT_FULLY, s3.COSTS, s4.CLAIM, s5.CLAIM, s6.CLAIM, s7.CLAIM)
