"""Values that the processes of a distributed training share."""

from typing import Any


def broadcast_from_main(value: Any) -> Any:
    """Return the value of the main process, in every process."""
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def shard_of(accelerator: Any) -> tuple[int, int]:
    """Return the rank of this process, and the number of processes."""
    return accelerator.process_index, accelerator.num_processes
