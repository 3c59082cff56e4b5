"""Sources of conversations and of preferences, one file each: (config, inputs) -> entries."""

from collections.abc import Callable, Iterator
from typing import Any

from lineage.conversations.intake import Entry, Inputs
from lineage.conversations.sources.hh import read_hh
from lineage.conversations.sources.image_folder import read_image_folder
from lineage.conversations.sources.llava import read_llava
from lineage.conversations.sources.pku_saferlhf import read_pku_saferlhf
from lineage.conversations.sources.spa_vl import read_spa_vl
from lineage.conversations.sources.tables import read_conversation_table, read_preference_table
from lineage.conversations.sources.vlguard import read_vlguard
from lineage.conversations.sources.world import read_world_conversations, read_world_preferences

Source = Callable[[Any, Inputs], Iterator[Entry]]
"""Takes its own class of `lineage.config.conversations`, and what the workflow found for its inputs."""

CONVERSATION_SOURCES: dict[str, Source] = {
    "world": read_world_conversations,
    "llava": read_llava,
    "vlguard": read_vlguard,
    "image_folder": read_image_folder,
    "datasets": read_conversation_table,
}
PREFERENCE_SOURCES: dict[str, Source] = {
    "world": read_world_preferences,
    "hh": read_hh,
    "pku_saferlhf": read_pku_saferlhf,
    "spa_vl": read_spa_vl,
    "datasets": read_preference_table,
}
