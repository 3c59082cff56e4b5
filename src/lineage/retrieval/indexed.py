"""Vocabularies opened beside the documents that they name: an index of another set, or of another model, is refused."""

from __future__ import annotations

from lineage.artifact import Artifact
from lineage.data.schema import count_rows
from lineage.errors import UserError
from lineage.retrieval.schemas import DOCUMENTS
from lineage.retrieval.vocabulary import Vocabulary


def open_vocabulary(vocabulary: Artifact, documents: Artifact) -> Vocabulary:
    """The vocabulary of an artifact (of rows, or of a retriever that holds one).

    Raises:
        UserError: it was made of other documents.
    """
    opened = Vocabulary.open(vocabulary.folder)
    found = count_rows(documents.path(DOCUMENTS))
    if opened.num_documents != found:
        raise UserError(
            f"{vocabulary.folder}: names {opened.num_documents:,} documents, but {documents.folder} has {found:,}.\n"
            "  Build it again from this set."
        )
    made_of = vocabulary.manifest.inputs.get("documents")
    if made_of != documents.digest:
        raise UserError(
            f"{vocabulary.folder}: was made of a retrieval set with the digest {str(made_of)[:12]}, but"
            f" {documents.folder} has {documents.digest[:12]}.\n  Build it again from this set."
        )
    return opened
