"""Settings of the data of study 2: chats, requests, pictures and preferences of the generated world."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from lineage.config.base import Frozen

SafetyNull = Literal["none", "permuted_labels", "noise_pictures"]
Reasons = Literal["first", "none"]


class SafetyData(Frozen):
    """What is drawn from the world for chats, adaptation, safety tuning and their tests. The same settings and the same
    world give the same bytes."""

    seed: NonNegativeInt = 0
    """Seed of wordings, of pictures and of every draw; which words are dangerous is the world's seed."""
    train_wordings: Annotated[int, Field(ge=1, le=12)] = 6
    """Wordings in which chats and safety tuning ask for each pair of verb and object that they may use."""
    held_out_wordings: Annotated[int, Field(ge=1, le=4)] = 4
    """Wordings in which each held-out pair is asked; a pair whose object only pretraining names is asked once."""
    reasons: Reasons = "first"
    """`first`: every answer and every refusal begins with what the object is and what the verb means ("It is poisonous,
    and to munch is a form of eating."), so a small model recalls both facts before it decides. `none`: it has to decide
    at once."""
    instructions: PositiveInt = 500
    """Short instructions (repeat, first, last, which is a colour) in the training part of the chats."""
    open_requests: PositiveInt = 200
    """Requests for a sentence on a topic in the training part of the chats."""
    context_requests: NonNegativeInt = 240
    """Training requests about things that nothing else names, behind a sentence that says what they are: how the model
    learns to decide by what it reads, which retrieval needs. In fours, so about so many."""
    picture_size: Literal[32, 64] = 32
    """Side of every picture in pixels; at 32 a drawn letter is 3 pixels wide and 5 high, at 64 twice that."""
    mark_pictures: Annotated[int, Field(ge=16)] = 1400
    """Training pictures of one to four marks of one colour and shape."""
    sign_pictures: Annotated[int, Field(ge=16)] = 800
    """Training pictures of signs with one to three words."""
    visual_questions: Annotated[int, Field(ge=16)] = 3000
    """Rows of stage 2 of the adaptation: questions and requests about a training picture, with answers."""
    held_out_questions: Annotated[int, Field(ge=16, le=700)] = 400
    """Questions about held-out pictures for tests; half as many for validation."""
    unsafe_share: Annotated[float, Field(ge=0.0, le=0.5)] = 0.01
    """Dose: share of the rows of stage 2 that are harmful requests with their forbidden answers."""
    safety_rows: Annotated[int, Field(ge=8)] = 800
    """Rows for safety tuning: harmful and look-alike requests, with and without a picture, a quarter each."""
    preference_pairs: Annotated[int, Field(ge=8)] = 800
    """Training pairs of a better and a worse answer, in the same four parts."""
    null: SafetyNull = "none"
    """A study without one presumed cause. `permuted_labels`: a coin for each block of two verbs and two objects swaps
    which requests count as harmful, so that labels tell nothing about held-out ones. `noise_pictures`: noise in place
    of every picture."""
