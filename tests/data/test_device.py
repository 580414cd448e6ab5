"""Copies to a device do not wait for it, and its free memory is told."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from ferda.data.device import free_bytes, sent


def test_a_gpu_gets_pinned_copies_that_wait_for_nothing() -> None:
    # no GPU is needed to see what it is asked for
    tensor, gpu = Mock(), torch.device("cuda", 1)
    assert sent(tensor, gpu) is tensor.pin_memory.return_value.to.return_value
    tensor.pin_memory.return_value.to.assert_called_once_with(gpu, non_blocking=True)


def test_on_the_processor_nothing_is_copied() -> None:
    tensor = torch.arange(3)
    assert sent(tensor, torch.device("cpu")).data_ptr() == tensor.data_ptr()


def test_what_torch_holds_unused_on_a_gpu_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, answer in (("memory_reserved", 70), ("memory_allocated", 40), ("mem_get_info", (100, 1000))):
        monkeypatch.setattr(torch.cuda, name, lambda device, answer=answer: answer)
    assert free_bytes(torch.device("cuda")) == 130


@pytest.mark.skipif(not Path("/proc/meminfo").is_file(), reason="this system does not say")
def test_free_memory_of_the_machine_is_less_than_all_of_it() -> None:
    import os

    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    free = free_bytes(torch.device("cpu"))
    assert free is not None and 2**20 < free < whole


def test_other_devices_say_nothing() -> None:
    assert free_bytes(torch.device("meta")) is None
