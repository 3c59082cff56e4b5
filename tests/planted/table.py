"""Bugs of one line each, with the test that must notice them. A test that notices none of its bugs tests nothing."""

from __future__ import annotations

from tests.planted.bug import Bug

BUGS = [
    # What a step reads.
    Bug(
        "labels not shifted",
        "data/batch.py",
        "labels = rows.tokens[:, 1:].copy()",
        "labels = rows.tokens[:, :-1].copy()",
        "tests/data/test_order.py::test_labels_are_the_following_tokens",
    ),
    Bug(
        "a document's first token is a target",
        "data/batch.py",
        "labels[rows.occurrence[:, 1:] != rows.occurrence[:, :-1]] = IGNORED",
        "pass",
        "tests/data/test_order.py::test_labels_are_the_following_tokens",
    ),
    Bug(
        "attention across packed documents",
        "data/batch.py",
        "starts[:, 1:] = occurrence[:, 1:] != occurrence[:, :-1]",
        "starts[:, 1:] = False",
        "tests/training/test_packing.py",
    ),
    Bug(
        "the count says all labels, ignored ones too",
        "data/batch.py",
        "count = int(np.count_nonzero(labels != IGNORED))",
        "count = int(labels.size)",
        "tests/data/test_order.py::test_labels_are_the_following_tokens",
    ),
    Bug(
        "every epoch in the same order",
        "data/order.py",
        "SeedSequence((self.seed, epoch))",
        "SeedSequence((self.seed, 0))",
        "tests/data/test_order.py::test_epochs_and_seeds_differ",
    ),
    Bug(
        "segments begin one token late in their document",
        "data/order.py",
        "start = pieces.start[piece] + cuts - begin[piece]",
        "start = pieces.start[piece] + cuts - begin[piece] + 1",
        "tests/data/test_order.py::test_segments_rebuild_the_rows",
    ),
    Bug(
        "a row does not see the first token of the next",
        "data/order.py",
        "return windows[:: self.sequence_length].copy()",
        "return np.roll(windows[:: self.sequence_length], 1, axis=0).copy()",
        "tests/data/test_order.py::test_rows_do_not_depend_on_how_many_make_a_step",
    ),
    # Losses.
    Bug(
        "ignored labels cost something",
        "losses/next_token.py",
        "return torch.where(scored, losses, 0).sum()",
        "return losses.sum()",
        "tests/test_losses.py::test_uniform_logits_cost_log_vocabulary_a_label",
    ),
    Bug(
        "the gradient forgets the label",
        "losses/next_token.py",
        "out.scatter_add_(-1, index[rows], -scale[rows])",
        "pass",
        "tests/test_losses.py::test_gradcheck",
    ),
    # The training loop.
    Bug(
        "mean of means",
        "training/step.py",
        "(total.sum * scale).backward()",
        "(total.sum / total.count / len(parts)).backward()",
        "tests/training/test_loop.py::test_accumulation_with_unequal_masks",
    ),
    Bug(
        "clip after step",
        "training/step.py",
        """        if clip_norm is not None and norm > clip_norm:
            torch.nn.utils.clip_grads_with_norm_(engine.parameters, clip_norm, torch.tensor(norm))
        for group in engine.optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        engine.optimizer.step()
""",
        """        for group in engine.optimizer.param_groups:
            group["lr"] = rate * group["rate_factor"]
        engine.optimizer.step()
        if clip_norm is not None and norm > clip_norm:
            torch.nn.utils.clip_grads_with_norm_(engine.parameters, clip_norm, torch.tensor(norm))
""",
        "tests/training/test_loop.py::test_clips_before_the_update",
    ),
    Bug(
        "gradients add up over steps",
        "training/step.py",
        "engine.optimizer.zero_grad(set_to_none=True)",
        "pass",
        "tests/stages/test_pretrain.py::test_two_segments_are_one_run_bit_for_bit",
    ),
    Bug(
        "warm-up off by one",
        "training/schedule.py",
        "return self.peak * (step + 1) / self.warmup_steps",
        "return self.peak * step / self.warmup_steps",
        "tests/training/test_schedule.py::test_linear_as_in_the_docstring",
    ),
    Bug(
        "norms and biases decay",
        "training/optimizer.py",
        "decay = config.weight_decay if parameter.ndim >= 2 else 0.0",
        "decay = config.weight_decay",
        "tests/training/test_optimizer.py::test_only_matrices_decay_and_each_parameter_is_in_one_group",
    ),
    Bug(
        "resume repeats a batch",
        "training/state.py",
        "position = Position(**header)",
        'position = Position(max(header["step"] - 1, 0), header["tokens"])',
        "tests/training/test_resume.py::test_stopped_before_the_limit_and_resumed",
    ),
    Bug(
        "a resumed run starts with empty moments",
        "training/state.py",
        "        if moments:\n",
        "        if not moments:\n",
        "tests/stages/test_pretrain.py::test_two_segments_are_one_run_bit_for_bit",
    ),
    Bug(
        "dropout counts steps from where the process began",
        "training/loop.py",
        "seed_step(optimizer.seed, step,",
        "seed_step(optimizer.seed, step - first.step,",
        "tests/training/test_resume.py::test_stopped_before_the_limit_and_resumed",
    ),
    Bug(
        "a loss that is not finite makes an update",
        "training/loop.py",
        "if not result.is_finite:",
        "if False:",
        "tests/stages/test_pretrain.py::test_a_loss_that_is_not_finite",
    ),
    Bug(
        "looking at a model switches its dropout off",
        "training/modes.py",
        "                module.training = training\n",
        "                pass\n",
        "tests/training/test_observers.py::test_training_is_bit_identical_with_an_observer",
    ),
    Bug(
        "a run from another model takes its moments over",
        "stages/pretrain.py",
        "if start is not None and config.first_step > 0 else None",
        "if start is not None else None",
        "tests/stages/test_pretrain.py::test_a_run_from_another_model_starts_at_its_weights",
    ),
    # Evaluation.
    Bug(
        "log base e",
        "evaluation/held_out.py",
        "bits / math.log(2)",
        "bits",
        "tests/evaluation/test_held_out.py::test_bits_are_those_of_the_softmax_by_hand",
    ),
    Bug(
        "bits per byte as a mean of means",
        "evaluation/held_out.py",
        "return sum(one.bits for one in documents) / sum(one.bytes for one in documents)",
        "return sum(one.bits / one.bytes for one in documents) / len(documents)",
        "tests/evaluation/test_held_out.py::test_all_bits_over_all_bytes",
    ),
    Bug(
        "windows score a token twice",
        "evaluation/held_out.py",
        "yield Scored([*prefix, *tokens[start:last]], len(prefix) + context - stride)",
        "yield Scored([*prefix, *tokens[start:last]], len(prefix) + context - stride - 1)",
        "tests/evaluation/test_held_out.py::test_windows_score_every_token_but_the_first_once",
    ),
    Bug(
        "bytes of the first token count",
        "evaluation/held_out.py",
        "len(text[first_stop:].encode())",
        "len(text.encode())",
        "tests/evaluation/test_held_out.py::test_bits_are_those_of_the_softmax_by_hand",
    ),
    Bug(
        "a token is scored where it is read",
        "evaluation/log_probability.py",
        "positions = slice(one.first - 1, len(one.tokens) - 1)",
        "positions = slice(one.first, len(one.tokens))",
        "tests/evaluation/test_log_probability.py::test_equals_the_softmax_by_hand",
    ),
    Bug(
        "dropout while scoring",
        "evaluation/log_probability.py",
        "    model.eval()\n",
        "    model.train()\n",
        "tests/evaluation/test_log_probability.py::test_the_model_is_left_as_it_was",
    ),
    Bug(
        "probe span shifted",
        "data/probes.py",
        "first = bisect_right(stops, boundary)",
        "first = bisect_right(stops, boundary) - 1",
        "tests/evaluation/test_recall.py::test_one_word_targets_are_one_token_where_the_tokenizer_knows_them",
    ),
    Bug(
        "the first token decides what is correct",
        "evaluation/recall.py",
        "greedy == target,",
        "greedy[:1] == target[:1],",
        "tests/evaluation/test_recall.py::test_correct_means_every_token",
    ),
    Bug(
        "rank from the wrong end",
        "evaluation/recall.py",
        "scores.first_logits[token] > scores.first_logits[target[0]]",
        "scores.first_logits[token] < scores.first_logits[target[0]]",
        "tests/evaluation/test_recall.py::test_log_probability_rank_and_output_by_hand",
    ),
    Bug(
        "bucket by floor",
        "evaluation/recall.py",
        "return min(candidates, key=lambda level: (abs(math.log((count + 0.01) / (level + 0.01))), level))",
        "return max((level for level in candidates if level <= count), default=min(candidates))",
        "tests/evaluation/test_recall.py::test_buckets_by_hand",
    ),
    Bug(
        "the bootstrap draws items instead of clusters",
        "evaluation/statistics.py",
        "index = {cluster: position for position, cluster in enumerate(dict.fromkeys(clusters))}",
        "clusters = range(len(clusters)); index = {cluster: cluster for cluster in clusters}",
        "tests/evaluation/test_statistics.py::test_clusters_count_as_one_draw",
    ),
    Bug(
        "an interval of 68 %",
        "analysis/bootstrap.py",
        "    tail = (1 - LEVEL) / 2",
        "    tail = 0.16",
        "tests/evaluation/test_statistics.py::test_intervals_cover_the_truth_about_as_often_as_they_say",
    ),
    Bug(
        "train split evaluated",
        "stages/score_language.py",
        'corpus.path("held_out.parquet")',
        'corpus.path("documents.parquet")',
        "tests/stages/test_score_language.py::test_every_number_follows_from_the_examples",
    ),
    Bug(
        "sentences that a row cuts count as seen",
        "stages/exposures.py",
        "(spans.start[mention] >= start[segment]) & (spans.stop[mention] <= stop[segment])",
        "(spans.stop[mention] > start[segment]) & (spans.start[mention] < stop[segment])",
        "tests/stages/test_exposures.py::test_worked_example",
    ),
    Bug(
        "what the parent had seen is forgotten",
        "stages/exposures.py",
        "counts = _parent_counts(parent, facts)",
        "counts = _parent_counts(None, facts)",
        "tests/stages/test_exposures.py::test_a_segment_adds_to_what_its_parent_had_seen",
    ),
    # Artifacts and freshness.
    Bug(
        "an older manifest stays beside files that go",
        "artifact.py",
        "        (target / MANIFEST).unlink(missing_ok=True)\n",
        "",
        "tests/test_artifact.py::test_an_older_artifact_loses_its_manifest_before_any_other_file",
    ),
    Bug(
        "manifest written first",
        "artifact.py",
        "        return cls(target=target, folder=partial, state=state)",
        '        write_durably(target / MANIFEST if target.exists() else partial / MANIFEST, b"{}")\n'
        "        return cls(target=target, folder=partial, state=state)",
        "tests/test_artifact.py::test_a_writer_that_dies_anywhere_leaves_no_manifest_beside_missing_files",
    ),
    Bug(
        "short files pass",
        "artifact.py",
        "if found != entry.bytes:",
        "if found is None:",
        "tests/test_artifact.py::test_a_damaged_artifact_is_refused_with_place_and_remedy",
    ),
    Bug(
        "times in the manifest",
        "artifact.py",
        "manifest = Manifest(self.kind, stage, spec, code, inputs, files, self.counts)",
        "manifest = Manifest(self.kind, stage, spec, code, inputs, files, self.counts | self.run)",
        "tests/test_artifact.py::test_run_facts_change_no_digest",
    ),
    Bug(
        "the order of keys counts",
        "freshness.py",
        'json.dumps(fields, sort_keys=True, separators=(",", ":")',
        'json.dumps(fields, sort_keys=False, separators=(",", ":")',
        "tests/test_freshness.py::test_canonical_is_one_string_whatever_the_order",
    ),
    Bug(
        "docstrings count",
        "freshness.py",
        "kept = [statement for statement in block if not _is_bare_string(statement)]",
        "kept = list(block)",
        "tests/test_freshness.py::test_layout_comments_and_docstrings_do_not_count",
    ),
    Bug(
        "relative imports are not followed",
        "freshness.py",
        'yield node.module or "", node.level, [alias.name for alias in node.names]',
        'yield node.module or "", 0, [alias.name for alias in node.names]',
        "tests/test_freshness.py::test_relative_imports_are_followed",
    ),
    Bug(
        "package data does not count",
        "freshness.py",
        "fingerprint[str(data.relative_to(root.parent))] = file_sha256(data)[:16]",
        "pass",
        "tests/test_freshness.py::test_words_and_other_package_data_count",
    ),
    # The entry of the stages.
    Bug(
        "state of other work is found",
        "stage.py",
        "state = call.state / job_fingerprint(call.spec, call.code, inputs)",
        'state = call.state / "state"',
        "tests/test_stage.py::test_state_is_kept_under_the_fingerprint_and_goes_after_success",
    ),
    Bug(
        "nobody holds a lock",
        "stage.py",
        "stack.enter_context(_sole_writer(call.state, target))",
        "pass",
        "tests/test_stage.py::test_a_second_writer_is_refused_with_the_pid_of_the_first",
    ),
    Bug(
        "a full disk is a defect",
        "artifact.py",
        "numbers = (errno.ENOSPC, errno.EDQUOT)",
        "numbers = (errno.EDQUOT,)",
        "tests/test_stage.py::test_libraries_that_say_in_words_that_the_disk_is_full",
    ),
]
