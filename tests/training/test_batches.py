import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from skorch.dataset import Dataset

from stable_embedding.data import training_data as sources
from stable_embedding.data.neighbors import neighbor_graph
from stable_embedding.data.row_hash import canonical_order
from stable_embedding.data.scaling import ScaledSamples
from stable_embedding.data.training_data import LazySamples, chunk_slices
from stable_embedding.training.batches import (
    BatchIterator,
    count_batches,
    validation_split,
)


def keys_of(n_rows):
    return canonical_order(np.arange(n_rows)[:, None])[1]


@pytest.fixture
def in_chunks(monkeypatch):
    """A hundred rows, each its number, that are read in chunks of ten."""
    monkeypatch.setattr(sources, "_CHUNK_BYTES", 40)
    return LazySamples(ScaledSamples(np.arange(100.0)[:, None], 0.0, 1.0))


@pytest.mark.parametrize("n_rows", [2, 3, 5, 16, 17, 33, 100])
@pytest.mark.parametrize("batch_size", [2, 3, 16, 1_000])
def test_batches_deal_each_row_once_and_leave_none_alone(n_rows, batch_size):
    dataset = Dataset(torch.arange(n_rows).unsqueeze(1))
    batches = BatchIterator(dataset, batch_size, keys_of(n_rows))
    sizes, seen = [], []
    for batch, target in batches:
        assert batch is target
        assert batch.shape[1:] == (1,)
        sizes.append(len(batch))
        seen += batch.flatten().tolist()
    assert sorted(seen) == list(range(n_rows))
    assert len(sizes) == len(batches) == count_batches(n_rows, batch_size)
    assert min(sizes) >= 2
    # Three rows cannot be dealt in twos.
    assert max(sizes) <= max(batch_size, 3)


def test_batches_come_in_a_new_order_on_each_pass():
    batches = BatchIterator(Dataset(torch.arange(40).unsqueeze(1)), 40, keys_of(40))
    (first, _), (second, _) = [next(iter(batches)) for _ in range(2)]
    assert not torch.equal(first, second)


def test_batches_of_several_runs_are_those_of_each():
    dataset = Dataset(torch.arange(20).unsqueeze(1))
    keys = keys_of(20)
    index = np.stack([np.arange(11), np.arange(9, 20)])
    together = list(BatchIterator(dataset, 4, keys, seeds=[3, 5], index=[index]))
    assert all(batch.shape[0] == 2 for batch, _ in together)
    for run, seed in enumerate([3, 5]):
        alone = BatchIterator(dataset, 4, keys, [seed], [index[run : run + 1]])
        for (batch, _), (expected, _) in zip(together, alone, strict=True):
            assert torch.equal(batch[run], expected)
    dealt = torch.cat([batch for batch, _ in together], dim=1)
    np.testing.assert_array_equal(dealt.squeeze(-1).sort().values, index)


def test_a_row_fewer_changes_each_batch_by_few():
    n_rows, keys = 640, keys_of(640)
    left = np.delete(np.arange(n_rows), 123)
    batches, fewer = (
        [set(batch.flatten().tolist()) for batch, _ in BatchIterator(*arguments)]
        for arguments in (
            (Dataset(torch.arange(n_rows).unsqueeze(1)), 64, keys),
            (Dataset(torch.from_numpy(left).unsqueeze(1)), 64, keys[left]),
        )
    )
    assert max(len(a ^ b) for a, b in zip(batches, fewer, strict=True)) <= 4


def test_rows_in_chunks_are_each_dealt_once_with_those_of_their_chunk(in_chunks):
    batches = BatchIterator(Dataset(in_chunks), 4, keys_of(100))
    passes = [[batch.flatten() for batch, _ in batches] for _ in range(2)]
    for dealt in passes:
        assert len(dealt) == len(batches) == 30
        assert sorted(torch.cat(dealt).tolist()) == list(range(100))
        assert all(len(set((batch // 10).tolist())) == 1 for batch in dealt)
    chunks = [[int(batch[0] // 10) for batch in dealt] for dealt in passes]
    assert chunks[0] != chunks[1]


def test_rows_of_a_chunk_are_read_at_once(in_chunks, monkeypatch):
    read = []
    rows_of = ScaledSamples.__getitem__
    monkeypatch.setattr(
        ScaledSamples,
        "__getitem__",
        lambda self, at: read.append(at) or rows_of(self, at),
    )
    list(BatchIterator(Dataset(in_chunks), 4, keys_of(100)))
    assert sorted(at.start for at in read) == list(range(0, 100, 10))


def test_sparse_rows_are_read_by_batches_as_dense_ones_are_dealt(rng, monkeypatch):
    monkeypatch.setattr(sources, "_CHUNK_BYTES", 40)
    X = rng.normal(size=(30, 3)).astype(np.float32)
    lazy = LazySamples(ScaledSamples(csr_array(X), np.zeros(3), 1.0))
    assert chunk_slices(lazy) == chunk_slices(torch.from_numpy(X)) == [slice(0, 30)]
    for seeds in ([0], [0, 1]):
        both = [
            BatchIterator(Dataset(rows), 4, keys_of(30), seeds)
            for rows in (lazy, torch.from_numpy(X))
        ]
        for (batch, _), (expected, _) in zip(*both, strict=True):
            assert torch.equal(batch, expected)


def test_processes_share_each_batch():
    rows, keys = Dataset(torch.arange(41).unsqueeze(1)), keys_of(41)
    whole = BatchIterator(rows, 8, keys)
    shares = [BatchIterator(rows, 8, keys, share=(part, 2)) for part in range(2)]
    for (batch, _), *parts in zip(whole, *shares, strict=True):
        assert torch.equal(torch.cat([part for part, _ in parts]), batch)


def test_a_process_has_two_rows_or_more():
    rows, keys = Dataset(torch.arange(15).unsqueeze(1)), keys_of(15)
    assert len(BatchIterator(rows, 4, keys, share=(0, 1))) == 4
    with pytest.raises(ValueError, match=r"raise batch_size \(it is 4\)"):
        BatchIterator(rows, 4, keys, share=(0, 2))


@pytest.mark.parametrize("seed", range(3))
def test_the_same_share_of_each_chunk_is_held_out(seed, in_chunks):
    splits = validation_split(keys_of(100), 0.2, seed, chunk_slices(in_chunks))
    for chunk, (training, held_out) in zip(in_chunks.chunks, splits, strict=True):
        assert (len(training), len(held_out)) == (8, 2)
        expected = range(chunk.start, chunk.stop)
        assert sorted([*training, *held_out]) == list(expected)
    index = [training[None] for training, _ in splits]
    dealt = BatchIterator(Dataset(in_chunks), 4, keys_of(100), index=index)
    rows = torch.cat([batch for batch, _ in dealt]).flatten()
    assert sorted(rows.tolist()) == sorted(np.concatenate([t for t, _ in splits]))


def in_a_line(n_rows, chunks=None):
    """Rows at the places 0, 1, ... of a line, and the graph of their neighbors."""
    rows = ScaledSamples(np.arange(float(n_rows))[:, None], 0.0, 1.0)
    chunks = chunks or [slice(0, n_rows)]
    return torch.from_numpy(rows[:]), neighbor_graph("auto", 2, rows, chunks)


def test_each_row_of_a_batch_brings_a_neighbor():
    rows, graph = in_a_line(40)
    keys = keys_of(40)
    alone = BatchIterator(Dataset(rows), 16, keys)
    pairs = BatchIterator(Dataset(rows), 16, keys, neighbors=graph)
    for (batch, _), (expected, _) in zip(pairs, alone, strict=True):
        dealt, partners = batch.chunk(2)
        torch.testing.assert_close(dealt, expected)
        assert ((dealt - partners).abs() <= 2).all()
        assert (dealt != partners).all()


def test_partners_are_drawn_anew_on_each_pass_and_for_each_run():
    rows, graph = in_a_line(40)
    batches = BatchIterator(Dataset(rows), 40, keys_of(40), [0, 1], neighbors=graph)
    passes = [next(iter(batches))[0] for _ in range(2)]
    partners = []
    for run in [*passes[0], *passes[1]]:
        dealt, partner = run.flatten().chunk(2)
        partners.append(partner[dealt.argsort()])
    assert len({tuple(partner.tolist()) for partner in partners}) == 4


def test_partners_of_rows_to_train_on_are_such_rows():
    rows, graph = in_a_line(40)
    index = [np.stack([np.arange(30), np.arange(10, 40)])]
    batches = BatchIterator(
        Dataset(rows), 16, keys_of(40), [0, 1], index, neighbors=graph, closed=True
    )
    for batch, _ in batches:
        assert batch[0].max() < 30
        assert batch[1].min() >= 10
    held_out = [np.array([[31, 35, 39]])]
    batches = BatchIterator(
        Dataset(rows), 16, keys_of(40), [0], held_out, neighbors=graph
    )
    ((batch, _),) = batches
    assert not set(batch[3:].flatten().tolist()) <= {31, 35, 39}


def test_partners_come_from_the_same_chunk(in_chunks):
    _, graph = in_a_line(100, in_chunks.chunks)
    batches = BatchIterator(
        Dataset(in_chunks), 5, keys_of(100), neighbors=graph, index=None
    )
    for batch, _ in batches:
        assert len((batch // 10).unique()) == 1


def test_processes_share_rows_together_with_their_partners():
    rows, graph = in_a_line(40)
    keys = keys_of(40)
    (whole, _), *_ = BatchIterator(Dataset(rows), 16, keys, neighbors=graph)
    parts = [
        next(
            iter(BatchIterator(Dataset(rows), 16, keys, share=share, neighbors=graph))
        )[0].chunk(2)
        for share in [(0, 2), (1, 2)]
    ]
    for half, expected in zip(zip(*parts), whole.chunk(2)):
        torch.testing.assert_close(torch.cat(half), expected)


def numbers_of(rows, numbers):
    """What a network is given: each row, and the number drawn for it."""
    return rows, torch.from_numpy(numbers.astype(np.int64))


def drawn(keys, seeds, n_passes=1):
    """The number of each row in every run, or in passes one after the other."""
    rows = torch.arange(len(keys))[:, None]
    batches = BatchIterator(Dataset(rows), 7, keys, seeds, noise=numbers_of)
    found = np.zeros((n_passes, len(seeds), len(keys)), dtype=np.int64)
    for numbers in found:
        for (batch, of_batch), target in batches:
            assert target is batch
            batch = batch.reshape(len(seeds), -1).numpy()
            np.put_along_axis(numbers, batch, of_batch.reshape(batch.shape).numpy(), 1)
    return found


def test_noise_is_drawn_by_rows_and_anew_in_each_pass():
    keys = keys_of(40)
    first, second = drawn(keys, [0], n_passes=2)
    assert len(set(first.ravel()) | set(second.ravel())) == 80
    fewer = drawn(np.delete(keys, 5), [0])[0]
    np.testing.assert_array_equal(fewer, np.delete(first, 5, axis=1))


def test_runs_have_the_noise_that_they_would_have_alone():
    keys = keys_of(40)
    together = drawn(keys, [3, 4])[0]
    for run, seed in enumerate([3, 4]):
        np.testing.assert_array_equal(together[run], drawn(keys, [seed])[0, 0])


def test_noise_leaves_the_orders():
    rows = Dataset(torch.arange(40)[:, None])
    plain = BatchIterator(rows, 7, keys_of(40), [1])
    noisy = BatchIterator(rows, 7, keys_of(40), [1], noise=numbers_of)
    for _ in range(2):
        for (batch, _), ((same, _), _) in zip(plain, noisy):
            torch.testing.assert_close(batch, same)


def test_noise_and_labels_follow_rows_in_chunks(in_chunks):
    labels = torch.arange(100) * 2
    batches = BatchIterator(
        Dataset(in_chunks), 4, keys_of(100), [0, 1], noise=numbers_of, labels=labels
    )
    seen = set()
    for (rows, numbers), (target, of_target) in batches:
        assert numbers.shape == rows.shape[:-1]
        torch.testing.assert_close(target, rows)
        torch.testing.assert_close(of_target, 2 * rows.squeeze(-1).long())
        seen |= set(numbers.ravel().tolist())
    assert len(seen) == 200
