import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from stable_embedding.data import limits
from stable_embedding.data.lazy_samples import LazySamples, chunk_slices
from stable_embedding.data.neighbors import neighbor_graph
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.scaling import ScaledSamples
from stable_embedding.data.training_data import TrainingSet
from stable_embedding.losses import Batch
from stable_embedding.training import batches
from stable_embedding.training.batches import (
    Batches,
    BatchIterator,
    validation_split,
    validation_splits,
)
from stable_embedding.training.plan import StoppingRule
from stable_embedding.training.schedule import count_batches


def hashes_of(n_samples):
    return canonical_order(np.arange(n_samples)[:, None])[1]


def numbered(n_samples, **more):
    """Samples of which each is its number."""
    samples = torch.arange(n_samples).unsqueeze(1)
    return TrainingSet(samples, hashes_of(n_samples), **more)


@pytest.fixture
def in_chunks(monkeypatch):
    """A hundred samples, each its number, that are read in chunks of ten."""
    monkeypatch.setattr(limits, "READ_BYTES", 40)
    samples = ScaledSamples(np.arange(100.0)[:, None], 0.0, 1.0)
    return TrainingSet(LazySamples(samples), hashes_of(100))


def in_a_line(n_samples, chunks=None, **more):
    """Samples at the places 0, 1, ... of a line, with the graph of their neighbors."""
    samples = ScaledSamples(np.arange(float(n_samples))[:, None], 0.0, 1.0)
    graph = neighbor_graph("auto", 2, samples, chunks or [slice(0, n_samples)])
    return TrainingSet(
        torch.from_numpy(samples[:]), hashes_of(n_samples), graph, **more
    )


@pytest.fixture
def line_in_chunks(in_chunks):
    graph = in_a_line(100, in_chunks.inputs.chunks).graph
    return in_chunks._replace(graph=graph)


def samples_of(batches):
    return [batch.samples for _, batch in batches]


def assert_alike(batches, others):
    """See that two passes hold the same batches."""
    for (arguments, batch), (others_arguments, other) in zip(
        batches, others, strict=True
    ):
        for first, second in zip(arguments, others_arguments, strict=True):
            assert torch.equal(first, second)
        assert torch.equal(batch.samples, other.samples)
        assert torch.equal(batch.index, other.index)


@pytest.mark.parametrize("n_samples", [2, 3, 5, 16, 17, 33, 100])
@pytest.mark.parametrize("batch_size", [2, 3, 16, 1_000])
def test_batches_deal_each_sample_once_and_leave_none_alone(n_samples, batch_size):
    batches = BatchIterator(numbered(n_samples), batch_size)
    sizes, seen = [], []
    for (inputs,), batch in batches:
        assert type(batch) is Batch
        assert batch.samples is inputs
        assert batch.labels is None
        assert inputs.shape[1:] == (1,)
        sizes.append(len(inputs))
        seen += inputs.flatten().tolist()
    assert sorted(seen) == list(range(n_samples))
    assert len(sizes) == len(batches) == count_batches(n_samples, batch_size)
    assert min(sizes) >= 2
    # Three samples cannot be dealt in twos.
    assert max(sizes) <= max(batch_size, 3)


def test_batches_come_in_a_new_order_on_each_pass():
    batches = BatchIterator(numbered(40), 40)
    (first,), (second,) = samples_of(batches), samples_of(batches)
    assert not torch.equal(first, second)


def test_batches_of_several_runs_are_those_of_each():
    training_set = numbered(20)
    index = np.stack([np.arange(11), np.arange(9, 20)])
    together = samples_of(BatchIterator(training_set, 4, [3, 5], [index]))
    assert all(batch.shape[0] == 2 for batch in together)
    for run, seed in enumerate([3, 5]):
        alone = BatchIterator(training_set, 4, [seed], [index[run : run + 1]])
        for batch, expected in zip(together, samples_of(alone), strict=True):
            assert torch.equal(batch[run], expected)
    dealt = torch.cat(together, dim=1)
    np.testing.assert_array_equal(dealt.squeeze(-1).sort().values, index)


def test_a_sample_fewer_changes_each_batch_by_few():
    whole = numbered(640)
    left = np.delete(np.arange(640), 123)
    part = TrainingSet(whole.inputs[left], whole.hashes[left])
    batches, fewer = (
        [set(batch.flatten().tolist()) for batch in samples_of(BatchIterator(one, 64))]
        for one in (whole, part)
    )
    assert max(len(a ^ b) for a, b in zip(batches, fewer, strict=True)) <= 4


def test_samples_in_chunks_are_each_dealt_once_with_those_of_their_chunk(in_chunks):
    batches = BatchIterator(in_chunks, 4)
    passes = [[batch.flatten() for batch in samples_of(batches)] for _ in range(2)]
    for dealt in passes:
        assert len(dealt) == len(batches) == 30
        assert sorted(torch.cat(dealt).tolist()) == list(range(100))
        assert all(len(set((batch // 10).tolist())) == 1 for batch in dealt)
    chunks = [[int(batch[0] // 10) for batch in dealt] for dealt in passes]
    assert chunks[0] != chunks[1]


def test_samples_of_a_chunk_are_read_at_once(in_chunks, monkeypatch):
    read = []
    samples_at = ScaledSamples.__getitem__
    monkeypatch.setattr(
        ScaledSamples,
        "__getitem__",
        lambda self, at: read.append(at) or samples_at(self, at),
    )
    list(BatchIterator(in_chunks, 4))
    assert sorted(at.start for at in read) == list(range(0, 100, 10))


def test_sparse_samples_are_read_by_batches_as_dense_ones_are_dealt(rng, monkeypatch):
    monkeypatch.setattr(limits, "READ_BYTES", 40)
    X = rng.normal(size=(30, 3)).astype(np.float32)
    lazy = LazySamples(ScaledSamples(csr_array(X), np.zeros(3), 1.0))
    assert chunk_slices(lazy) == chunk_slices(torch.from_numpy(X)) == [slice(0, 30)]
    for seeds in ([0], [0, 1]):
        assert_alike(
            *(
                BatchIterator(TrainingSet(samples, hashes_of(30)), 4, seeds)
                for samples in (lazy, torch.from_numpy(X))
            )
        )


def test_processes_share_each_batch():
    training_set = numbered(41)
    whole = samples_of(BatchIterator(training_set, 8))
    shards = [
        samples_of(BatchIterator(training_set, 8, shard=(rank, 2))) for rank in range(2)
    ]
    for batch, *parts in zip(whole, *shards, strict=True):
        assert torch.equal(torch.cat(parts), batch)


def test_a_process_has_two_samples_or_more():
    training_set = numbered(15)
    assert len(BatchIterator(training_set, 4, shard=(0, 1))) == 4
    with pytest.raises(ValueError, match=r"raise batch_size \(it is 4\)"):
        BatchIterator(training_set, 4, shard=(0, 2))


@pytest.mark.parametrize("seed", range(3))
def test_the_same_fraction_of_each_chunk_is_for_validation(seed, in_chunks):
    chunks = in_chunks.inputs.chunks
    splits = validation_split(hashes_of(100), 0.2, seed, chunks)
    for chunk, (training, validation) in zip(chunks, splits, strict=True):
        assert (len(training), len(validation)) == (8, 2)
        expected = range(chunk.start, chunk.stop)
        assert sorted([*training, *validation]) == list(expected)
    index = [training[None] for training, _ in splits]
    dealt = torch.cat(samples_of(BatchIterator(in_chunks, 4, index=index))).flatten()
    assert sorted(dealt.tolist()) == sorted(np.concatenate([t for t, _ in splits]))


def test_splits_of_runs_are_those_of_each(in_chunks):
    training, validation = validation_splits(in_chunks, 0.2, [3, 5])
    assert {part.shape for part in training} == {(2, 8)}
    assert {part.shape for part in validation} == {(2, 2)}
    for run, seed in enumerate([3, 5]):
        alone = validation_splits(in_chunks, 0.2, [seed])
        for found, expected in zip((training, validation), alone):
            np.testing.assert_array_equal(
                np.concatenate(found, axis=1)[run], np.concatenate(expected, axis=1)[0]
            )


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_a_split_needs_two_samples_on_either_side(fraction):
    with pytest.raises(ValueError, match=f"validation_fraction={fraction} of 40 sam"):
        validation_splits(numbered(40), fraction, [0])


def test_each_sample_of_a_batch_brings_a_neighbor():
    pairs, alone = in_a_line(40), in_a_line(40)._replace(graph=None)
    for batch, expected in zip(
        samples_of(BatchIterator(pairs, 16)),
        samples_of(BatchIterator(alone, 16)),
        strict=True,
    ):
        anchors, positives = batch.chunk(2)
        assert torch.equal(anchors, expected)
        assert ((anchors - positives).abs() <= 2).all()
        assert (anchors != positives).all()


def test_positives_are_drawn_anew_on_each_pass_and_for_each_run():
    batches = BatchIterator(in_a_line(40), 40, [0, 1])
    passes = [samples_of(batches)[0] for _ in range(2)]
    drawn = []
    for run in [*passes[0], *passes[1]]:
        anchors, positives = run.flatten().chunk(2)
        drawn.append(positives[anchors.argsort()])
    assert len({tuple(positives.tolist()) for positives in drawn}) == 4


def test_positives_of_samples_to_train_on_are_such_samples():
    index = [np.stack([np.arange(30), np.arange(10, 40)])]
    batches = BatchIterator(in_a_line(40), 16, [0, 1], index, restrict_positives=True)
    for batch in samples_of(batches):
        assert batch[0].max() < 30
        assert batch[1].min() >= 10
    validation = [np.array([[31, 35, 39]])]
    (batch,) = samples_of(BatchIterator(in_a_line(40), 16, [0], validation))
    assert not set(batch[3:].flatten().tolist()) <= {31, 35, 39}


def test_the_last_evaluation_has_no_positives_to_validate_on(make_plan):
    training_set = in_a_line(40)
    rule = StoppingRule(0.5, 2, 0.0)
    plan = make_plan(seeds=[0, 1], stopping_rule=rule)
    split = validation_splits(training_set, 0.5, plan.seeds)
    batches = Batches(training_set, split, plan).in_fixed_order()
    for run, index in enumerate(split[0][0]):
        seen = {int(i) for _, batch in batches for i in batch.index[run]}
        assert seen == set(index.tolist())


def test_positives_come_from_the_same_chunk(line_in_chunks):
    for batch in samples_of(BatchIterator(line_in_chunks, 5)):
        assert len((batch // 10).unique()) == 1


def test_processes_share_samples_together_with_their_positives():
    training_set = in_a_line(40)
    whole, *_ = samples_of(BatchIterator(training_set, 16))
    parts = [
        samples_of(BatchIterator(training_set, 16, shard=shard))[0].chunk(2)
        for shard in [(0, 2), (1, 2)]
    ]
    for half, expected in zip(zip(*parts), whole.chunk(2)):
        assert torch.equal(torch.cat(half), expected)


@pytest.mark.parametrize("seeds", [[1], [1, 2]])
@pytest.mark.parametrize(
    "name", ["plain", "neighbors", "chunks", "neighbors in chunks"]
)
def test_without_reshuffling_all_passes_are_alike(name, seeds, line_in_chunks):
    training_set = line_in_chunks if "chunks" in name else in_a_line(40)
    if "neighbors" not in name:
        training_set = training_set._replace(graph=None)
    fixed = BatchIterator(training_set, 7, seeds, reshuffle=False)
    first, second, third = (list(fixed) for _ in range(3))
    assert_alike(first, second)
    assert_alike(first, third)
    # They are the first pass of those that are reshuffled.
    reshuffled = BatchIterator(training_set, 7, seeds)
    assert_alike(first, list(reshuffled))
    with pytest.raises(AssertionError):
        assert_alike(first, list(reshuffled))


@pytest.mark.parametrize("transformed", [False, True])
@pytest.mark.parametrize("seeds", [[1], [1, 2]])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_iterator_goes_on_after_the_passes_of_another(
    chunked, seeds, transformed, line_in_chunks, monkeypatch
):
    training_set = line_in_chunks if chunked else in_a_line(40)
    more = {"input_transform": with_numbers} if transformed else {}
    earlier = BatchIterator(training_set, 7, seeds, **more)
    passes = [list(earlier) for _ in range(4)]
    later = BatchIterator(training_set, 7, seeds, **more)
    with monkeypatch.context() as patched:
        # Nothing that grows with the samples is computed.
        for name in ("shuffled_index", "draw_positives", "salted_hash"):
            patched.setattr(batches, name, None)
        later.skip(2)
    for expected in passes[2:]:
        assert_alike(list(later), expected)


def case(name, line_in_chunks):
    """Arguments of an iterator, by what they hold."""
    training_set = line_in_chunks if "chunks" in name else in_a_line(40)
    if "neighbors" not in name:
        training_set = training_set._replace(graph=None)
    more = {}
    if "runs" in name:
        more["seeds"] = [3, 5]
    if "shard" in name:
        more["shard"] = (1, 2)
    if "split" in name:
        seeds = more.get("seeds", (0,))
        more["index"], _ = validation_splits(training_set, 0.2, seeds)
        more["restrict_positives"] = True
    if "transform" in name:
        more["input_transform"] = with_numbers
    return training_set, more


@pytest.mark.parametrize("in_chunks_too", ["", " chunks"])
@pytest.mark.parametrize("neighbors", ["", " neighbors"])
@pytest.mark.parametrize("runs", ["one", "runs"])
@pytest.mark.parametrize("more", ["", " shard", " split", " transform"])
def test_each_batch_has_the_index_of_its_samples(
    more, runs, neighbors, in_chunks_too, line_in_chunks
):
    training_set, arguments = case(
        runs + neighbors + in_chunks_too + more, line_in_chunks
    )
    places = training_set.inputs[slice(0, None)]
    labels = torch.arange(len(places)) * 2
    training_set = training_set._replace(labels=labels)
    for _, batch in BatchIterator(training_set, 10, **arguments):
        assert batch.index.shape == batch.samples.shape[:-1]
        assert batch.index.dim() == 1 + (runs == "runs")
        assert torch.equal(batch.samples, places[batch.index])
        assert torch.equal(batch.labels, labels[batch.index])


def with_numbers(samples, numbers):
    """What a network is given: each sample, and the number drawn for it."""
    return samples, torch.from_numpy(numbers.astype(np.int64))


def drawn(hashes, seeds, n_passes=1):
    """The number of each sample in every run, in passes one after the other."""
    training_set = TrainingSet(torch.arange(len(hashes))[:, None], hashes)
    batches = BatchIterator(training_set, 7, seeds, input_transform=with_numbers)
    found = np.zeros((n_passes, len(seeds), len(hashes)), dtype=np.int64)
    for numbers in found:
        for (inputs, of_batch), batch in batches:
            assert batch.samples is inputs
            inputs = inputs.reshape(len(seeds), -1).numpy()
            of_batch = of_batch.reshape(inputs.shape).numpy()
            np.put_along_axis(numbers, inputs, of_batch, 1)
    return found


def test_numbers_are_drawn_by_samples_and_anew_in_each_pass():
    hashes = hashes_of(40)
    first, second = drawn(hashes, [0], n_passes=2)
    assert len(set(first.ravel()) | set(second.ravel())) == 80
    fewer = drawn(np.delete(hashes, 5), [0])[0]
    np.testing.assert_array_equal(fewer, np.delete(first, 5, axis=1))


def test_runs_have_the_numbers_that_they_would_have_alone():
    hashes = hashes_of(40)
    together = drawn(hashes, [3, 4])[0]
    for run, seed in enumerate([3, 4]):
        np.testing.assert_array_equal(together[run], drawn(hashes, [seed])[0, 0])


def test_a_transform_leaves_the_orders():
    plain = BatchIterator(numbered(40), 7, [1])
    transformed = BatchIterator(numbered(40), 7, [1], input_transform=with_numbers)
    for _ in range(2):
        for batch, same in zip(samples_of(plain), samples_of(transformed), strict=True):
            assert torch.equal(batch, same)


def test_a_transform_may_return_a_tensor_alone():
    batches = BatchIterator(numbered(40), 7, input_transform=lambda x, _: -x)
    for (inputs,), batch in batches:
        assert torch.equal(inputs, -batch.samples)


def test_numbers_and_labels_follow_samples_in_chunks(in_chunks):
    in_chunks = in_chunks._replace(labels=torch.arange(100) * 2)
    batches = BatchIterator(in_chunks, 4, [0, 1], input_transform=with_numbers)
    seen = set()
    for (inputs, numbers), batch in batches:
        assert numbers.shape == inputs.shape[:-1]
        assert torch.equal(batch.samples, inputs)
        assert torch.equal(batch.labels, 2 * inputs.squeeze(-1).long())
        seen |= set(numbers.ravel().tolist())
    assert len(seen) == 200


@pytest.mark.parametrize(("n_samples", "size", "n_batches"), [(5, 8, 1), (100, 16, 6)])
def test_batches_to_train_on_are_alike_in_size(n_samples, size, n_batches):
    batches = BatchIterator(numbered(n_samples), size, n_steps=2 * n_batches + 1)
    passes = [samples_of(batches) for _ in range(4)]
    assert [len(of_pass) for of_pass in passes] == [n_batches, n_batches, 1, 0]
    dealt = [torch.cat(of_pass).flatten().tolist() for of_pass in passes[:2]]
    for of_pass in dealt:
        assert len(of_pass) == len(set(of_pass)) == min(size, n_samples) * n_batches
    assert dealt[0] != dealt[1]
    resumed = BatchIterator(numbered(n_samples), size, n_steps=2 * n_batches + 1)
    (last,) = samples_of(resumed.skip(2))
    assert torch.equal(last, passes[2][0])
