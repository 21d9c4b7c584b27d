"""What the processes of one training have in common."""

from typing import Any


def broadcast_from_main(value: Any, accelerator: Any) -> Any:
    """Return what the main process has found, in every process."""
    if accelerator is None:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]
