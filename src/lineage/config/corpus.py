"""What the stage `corpus` reads: how document sets become one deduplicated text collection with a held-out part."""

from pydantic import Field

from lineage.config.base import Frozen


class NearDuplicates(Frozen):
    """Near duplicates: documents that share most of their word shingles."""

    threshold: float = Field(default=0.8, gt=0, le=1)
    """Jaccard similarity of shingle sets from which the later document is removed."""
    shingle_words: int = Field(default=3, ge=1, le=16)
    """Words in a row that make one shingle."""
    num_permutations: int = Field(default=128, ge=16, le=1024)
    """Length of a MinHash signature; more finds more pairs near the threshold."""
    same_title: bool = False
    """Only documents with the same title count as near duplicates: keeps pages made from one template apart."""
    seed: int = 1
    """Seed of the MinHash permutations; decides which pairs near the threshold are candidates."""


class Corpus(Frozen):
    """Concatenates document sets, removes duplicates, splits off held-out documents and those for continuations."""

    exact_duplicates: bool = True
    """Remove documents whose text is equal up to case, white space and Unicode normalisation."""
    near_duplicates: NearDuplicates | None = NearDuplicates()
    """Remove near duplicates; null keeps them."""
    kept_together: NearDuplicates | None = NearDuplicates()
    """Near duplicates that are kept (`near_duplicates` null) and go to the same part: training, held-out or
    continuation documents. Finding them costs what removing them costs, about half a second for a million characters;
    null keeps exact duplicates together only."""
    held_out_share: float = Field(default=0.02, ge=0, lt=1)
    """Share of the eligible documents that is held out, by a hash of (seed, id). Duplicates that are kept follow the
    first of them, its id and source: the share is met on average, and less exactly the larger the clusters."""
    held_out_sources: tuple[str, ...] | None = None
    """Beginnings of `source` from which held-out documents may be drawn; all sources when null."""
    continuation_share: float = Field(default=0.0, ge=0, lt=1)
    """Share of the eligible documents that are kept back for runs that go on from a checkpoint, which then read what no
    model has seen; drawn by another hash of (seed, id), from what is not held out."""
    continuation_sources: tuple[str, ...] | None = None
    """Beginnings of `source` from which they may be drawn; all sources when null."""
    max_documents: int | None = Field(default=None, ge=1)
    """Stop after so many documents, duplicates not counted."""
    max_characters: int | None = Field(default=None, ge=1)
    """Stop before the document that would exceed so many characters, duplicates not counted."""
    seed: int = 0
    """Seed of the split into training, held-out and continuation documents."""

    @property
    def clusters(self) -> NearDuplicates | None:
        """How the near duplicates are found that the split never parts; None where only exact ones are."""
        return self.near_duplicates or self.kept_together
