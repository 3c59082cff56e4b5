"""Bugs of contextual vocabularies, of clustering, and of how generative retrievers are trained."""

from __future__ import annotations

from tests.planted.bug import Bug

_CLUSTERING = "tests/retrieval/test_clustering.py"
_VOCABULARY = "tests/retrieval/test_contextual_vocabulary.py"
_MODEL = "tests/models/test_encoder_decoder.py"
_RETRIEVER = "tests/retrieval/test_retriever.py"
_LOSSES = "tests/retrieval/test_identifier_losses.py"
_CORRUPTION = "tests/retrieval/test_corruption.py"

BUGS = [
    Bug(
        "a tie goes to every center",
        "retrieval/clustering/lloyd.py",
        "    if int(nearest.count_nonzero()) == nearest.numel() // nearest.shape[2]:",
        "    if True:",
        f"{_CLUSTERING}::test_the_first_of_equally_near_centers_takes_a_point",
    ),
    Bug(
        "empty centers stay empty",
        "retrieval/clustering/lloyd.py",
        "        sums[group, restart, number], masses[group, restart, number] = moved, mass",
        "        sums[group, restart, number], masses[group, restart, number] = moved * 0, mass",
        f"{_CLUSTERING}::test_lloyd_from_the_same_centers_is_scikit_learns",
    ),
    Bug(
        "weights are forgotten",
        "retrieval/clustering/points.py",
        "    factors = weights[..., None]",
        "    factors = (weights > 0).to(weights)[..., None]",
        f"{_CLUSTERING}::test_lloyd_from_the_same_centers_is_scikit_learns",
    ),
    Bug(
        "small groups forget weights",
        "retrieval/clustering/gram.py",
        "    masses = first_nearest(distances) * inner.weights[:, None, None]",
        "    masses = first_nearest(distances) * (inner.weights > 0)[:, None, None].to(distances)",
        f"{_CLUSTERING}::test_inner_products_give_the_same_clusters",
    ),
    Bug(
        "draws depend on the company",
        "retrieval/clustering/seeding.py",
        "    keys = _mixed(_mixed(np.array([seed & _MASK], np.uint64)) ^ groups.astype(np.uint64))",
        "    keys = _mixed(_mixed(np.array([seed & _MASK], np.uint64)) ^ np.arange(len(groups)).astype(np.uint64))",
        f"{_CLUSTERING}::test_uniforms_depend_on_seed_and_group_alone",
    ),
    Bug(
        "the mean is not added back",
        "retrieval/clustering/groups.py",
        "        centers = (centers + points.mean).cpu().numpy()",
        "        centers = centers.cpu().numpy()",
        f"{_CLUSTERING}::test_inertia_is_that_of_scikit_learn",
    ),
    Bug(
        "padding is encoded",
        "retrieval/occurrences.py",
        "        mask[row, : len(one.tokens)] = 1",
        "        mask[row] = 1",
        f"{_VOCABULARY}::test_all_rows_are_states_of_the_identifiers_in_context",
    ),
    Bug(
        "list items are read",
        "retrieval/titles.py",
        "if line and LIST_MARK not in line][: self.paragraphs])",
        "if line][: self.paragraphs])",
        f"{_VOCABULARY}::test_all_rows_are_states_of_the_identifiers_in_context",
    ),
    Bug(
        "shared inputs count once",
        "retrieval/occurrences.py",
        "        weight = np.bincount(place, minlength=len(group)).astype(np.float32)",
        "        weight = np.minimum(np.bincount(place, minlength=len(group)), 1).astype(np.float32)",
        f"{_VOCABULARY}::test_one_row_a_token_is_the_mean_over_documents",
    ),
    Bug(
        "random rows lose their length",
        "retrieval/rows.py",
        "        drawn *= np.linalg.norm(part, axis=1, keepdims=True) / np.linalg.norm(drawn, axis=1, keepdims=True)",
        "        drawn *= 1 / np.linalg.norm(drawn, axis=1, keepdims=True)",
        f"{_VOCABULARY}::test_controls_keep_the_size_and_break_the_meaning",
    ),
    Bug(
        "the encoder reads the rows",
        "models/encoder_decoder.py",
        "        self.encoder.set_input_embeddings(new_embeddings)",
        "        self.decoder.set_input_embeddings(new_embeddings)",
        f"{_MODEL}::test_resizing_the_encoder_leaves_the_rows_alone",
    ),
    Bug(
        "logits are scaled twice",
        "models/decoder_heads.py",
        "        return Logits(self.model.lm_head(states[scored] * logit_scale(self.model)))",
        "        return Logits(self.model.lm_head(states[scored] * logit_scale(self.model) ** 2))",
        f"{_MODEL}::test_a_head_gives_the_models_logits_where_they_are_scored",
    ),
    Bug(
        "the decoder reads what it has to write",
        "retrieval/sequences.py",
        "    shifted[:, 1:] = labels[:, :-1]",
        "    shifted[:, :] = labels",
        f"{_RETRIEVER}::test_the_loss_is_that_of_the_own_paths",
    ),
    Bug(
        "a cut query loses its end",
        "retrieval/sequences.py",
        "    return [*tokens[: longest - 1], END]",
        "    return [*tokens, END][:longest]",
        f"{_CORRUPTION}::test_what_is_cut_keeps_its_end",
    ),
    Bug(
        "renewed rows keep their moments",
        "retrieval/renewal.py",
        "    optimizer.state.pop(output_table(model), None)",
        "    optimizer.state.get(output_table(model), None)",
        f"{_RETRIEVER}::test_a_renewed_vocabulary_replaces_rows_targets_and_moments",
    ),
    Bug(
        "a frozen table is trained",
        "stages/retriever.py",
        '    trainable = decoder.table == "trainable"',
        "    trainable = True",
        f"{_RETRIEVER}::test_a_contextual_retriever_learns_its_training_queries",
    ),
    Bug(
        "earlier steps are not counted",
        "stages/retriever.py",
        "    steps = config.last_step - config.first_step + steps_in_all(start)",
        "    steps = config.last_step",
        f"{_RETRIEVER}::test_the_steps_of_everything_before_are_counted",
    ),
    Bug(
        "keys learn too",
        "losses/identifiers.py",
        "    return query.to(wide) @ rows.detach().to(wide).T",
        "    return query.to(wide) @ rows.to(wide).T",
        f"{_LOSSES}::test_only_the_query_gets_a_gradient_and_it_is_right",
    ),
    Bug(
        "the sought row masks itself",
        "losses/identifiers.py",
        "            rivals = (rows[:, None] == rows) & ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)",
        "            rivals = (rows[:, None] == rows) & (rows[:, None] > rows)",
        f"{_LOSSES}::test_the_row_that_is_sought_is_no_rival_when_masked",
    ),
    Bug(
        "the last sentinel is missing",
        "retrieval/corruption.py",
        "        return [*source, END], [*target, self._sentinels[len(lengths)], END]",
        "        return [*source, END], [*target, END]",
        f"{_CORRUPTION}::test_source_and_target_make_up_a_window_of_a_document",
    ),
]
