"""What the stage `import_model` reads: a model of the user's, from a folder or from the hub."""

from pydantic import model_validator

from lineage.config.base import Frozen


class ImportModel(Frozen):
    """A Hugging Face folder becomes a model of the lineage; only safetensors are taken."""

    name: str | None = None
    """Repository on the Hugging Face hub, such as `EleutherAI/pythia-70m`; None where the model is a local folder."""
    revision: str | None = None
    """Commit, tag or branch of the hub repository; required with `name`, so that the same spec gives the same model."""

    @model_validator(mode="after")
    def _revision_is_pinned(self) -> "ImportModel":
        if self.name is not None and self.revision is None:
            raise ValueError("`name` needs a `revision` (a commit hash pins it for good)")
        if self.name is None and self.revision is not None:
            raise ValueError("`revision` goes with `name`")
        return self
