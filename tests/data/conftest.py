import pytest

from stable_embedding.data import limits


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(limits, "IN_MEMORY_BYTES", 1)
    monkeypatch.setattr(limits, "SUBSET_BYTES", 1)
    monkeypatch.setattr(limits, "SPARSE_SUBSET_BYTES", 1)
    monkeypatch.setattr(limits, "SUBSET_SAMPLES", 50)
