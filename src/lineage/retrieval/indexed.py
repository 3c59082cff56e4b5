"""Vocabularies opened beside the documents that they name: an index of another set, or of another model, is refused."""

from __future__ import annotations

from lineage.artifact import Artifact
from lineage.data.schema import count_rows
from lineage.errors import UserError
from lineage.retrieval.schemas import DOCUMENTS
from lineage.retrieval.vocabulary import Vocabulary


def open_vocabulary(vocabulary: Artifact, retrieval_set: Artifact) -> Vocabulary:
    """The vocabulary of an artifact (of rows, or of a retriever that holds one).

    Raises:
        UserError: it was made of other documents.
    """
    opened = Vocabulary.open(vocabulary.folder)
    found = count_rows(retrieval_set.path(DOCUMENTS))
    if opened.num_documents != found:
        raise UserError(
            f"{vocabulary.folder}: names {opened.num_documents:,} documents, but {retrieval_set.folder} has"
            f" {found:,}.\n  Build it again from this set."
        )
    made_of = vocabulary.manifest.inputs.get("retrieval_set")
    if made_of != retrieval_set.digest:
        raise UserError(
            f"{vocabulary.folder}: was made of a retrieval set with the digest {str(made_of)[:12]}, but"
            f" {retrieval_set.folder} has {retrieval_set.digest[:12]}.\n  Build it again from this set."
        )
    return opened
