"""What dense retrievers and further decodings name, checked before any job exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lineage.config.decoding_entries import DecodingEntry
from lineage.config.dense_entries import DenseEntry
from lineage.config.generative_entries import GenerativeEntry, VocabularyEntry
from lineage.config.messages import Mistake, did_you_mean, listed


def dense_references(known: Mapping[str, VocabularyEntry], path: str, entry: DenseEntry) -> Iterator[Mistake]:
    """A table is searched by the encoder that made it, on the set that it names; models are checked with the others."""
    if entry.vocabulary is None:
        return
    key = f"{path}.vocabulary"
    if entry.vocabulary not in known:
        message = f"is '{entry.vocabulary}', which is no vocabulary.{did_you_mean(entry.vocabulary, known)}"
        yield key, f"{message}\n  vocabularies: {listed(known)}"
        return
    made = known[entry.vocabulary]
    if made.set != entry.set:
        yield key, f"is '{entry.vocabulary}', which names documents of '{made.set}', not of '{entry.set}'"
    if made.encoder != entry.encoder:
        message = f"is '{entry.encoder}', but '{entry.vocabulary}' was made by '{made.encoder}'"
        yield f"{path}.encoder", f"{message}: name the same model"


def decoding_references(trained: Mapping[str, GenerativeEntry], path: str, entry: DecodingEntry) -> Iterator[Mistake]:
    """What is searched with must be a generative retriever of the same set, at a step at which it is kept."""
    if entry.retriever not in trained:
        message = f"is '{entry.of}', which is no generative retriever.{did_you_mean(entry.retriever, trained)}"
        yield f"{path}.of", f"{message}\n  generative retrievers: {listed(trained)}"
        return
    found = trained[entry.retriever]
    if found.set != entry.set:
        yield f"{path}.of", f"is '{entry.of}', which searches '{found.set}', not '{entry.set}'"
    step = entry.of.partition("@")[2]
    if step and int(step) not in found.segment_ends:
        kept = listed(map(str, found.segment_ends))
        message = f"is '{entry.of}', but '{entry.retriever}' is kept at steps {kept} only"
        yield f"{path}.of", f"{message}: add {step} to retrievers.{entry.retriever}.checkpoints"
