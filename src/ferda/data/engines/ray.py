"""The engine `ray`: the workers of a Ray cluster, on one machine or on many.

The cluster is the one that `RAY_ADDRESS` names, or one that is started for this run, listens to this machine
alone and is gone afterwards. A chunk whose worker died is done again by a new worker. Results stay in Ray's
store until they are asked for, so a worker is never given more than a few chunks.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from ferda.data.engines import AHEAD, ONE_THREAD, Result, WorkerLostError, environment, must_see

#: How often a chunk is given to another worker. One that exhausts the memory would kill them all.
_AGAIN = 3
#: Of a cluster of our own: it tells nobody about its use, opens no port to the network on any system, answers
#: to this program alone (Ray would keep the word for that in the home folder), and its workers are no slower
#: than other processes of the machine.
_OWN = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_worker_niceness": "0",
}
_SILENT = {"log_to_driver": False, "logging_level": "error"}


def run(
    make: Callable[[], Callable[..., Result]],
    chunks: Sequence[tuple[Any, ...]],
    *,
    workers: int,
    device: str,
) -> Generator[Result]:
    """Yield what the tool answers to each chunk, in the order in which they are finished.

    Args:
        make: Makes the tool, once in each worker.
        chunks: Each holds the arguments of one call of the tool.
        workers: Number of workers, at most one for each processor (each GPU, if that is the device) of the
            cluster; 0 takes all.
        device: Where the tool computes; for `cuda` every worker gets a GPU.

    Raises:
        WorkerLostError: If Ray is not installed, the cluster cannot be reached or has no such device, or the
            workers that were given a chunk died, one after the other.
    """
    if not chunks:
        return
    with _cluster(workers) as (ray, is_lent):
        count = min(_room(ray, device, workers), len(chunks))
        gpus = int(device == "cuda")
        kind = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=_AGAIN)(_Worker)
        recipe = [ray.put(make)]  # in a list Ray leaves it in its store until a worker asks for it
        left = list(reversed(chunks))
        waiting: dict[Any, Any] = {}
        hired = [kind.remote(Path.cwd()) for _ in range(count)]
        for worker in hired * AHEAD:
            if left:
                waiting[worker.work.remote(recipe, left.pop())] = worker
        try:
            while waiting:
                (finished,), _ = ray.wait(list(waiting), num_returns=1)
                worker = waiting.pop(finished)
                yield _answer(ray, finished)
                if left:
                    waiting[worker.work.remote(recipe, left.pop())] = worker
                elif worker not in waiting.values():
                    ray.kill(worker)  # makes room for one that has to start again
        finally:
            for worker in hired if is_lent else ():  # else they end with the connection
                ray.kill(worker)


class _Worker:
    """Works on chunks; makes its tool at the first one, so that what goes wrong then is an answer, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tool: Callable[..., Any] | None = None

    def work(self, recipe: list[Any], chunk: tuple[Any, ...]) -> Any:
        if self._tool is None:
            import cv2
            import ray

            cv2.setNumThreads(1)
            must_see(self._folder)
            os.chdir(self._folder)
            self._tool = ray.get(recipe[0])()
        return self._tool(*chunk)


def _answer(ray: Any, finished: Any) -> Any:
    try:
        return ray.get(finished)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise WorkerLostError(
            "Workers died over the same pictures again and again, for lack of memory or because the cluster "
            "broke down; run again to continue, with fewer workers."
        ) from error


def _room(ray: Any, device: str, workers: int) -> int:
    """Number of workers, as many as are wanted and have room."""
    if device.startswith("cuda:"):
        raise WorkerLostError(f"Ray hands out the GPUs itself: say 'cuda', not '{device}'.")
    resource = "GPU" if device == "cuda" else "CPU"
    there = int(ray.cluster_resources().get(resource, 0))
    if not there:
        raise WorkerLostError(f"The Ray cluster has no {resource} for the device '{device}'; add one to it.")
    return min(workers or there, there)


@contextlib.contextmanager
def _cluster(workers: int) -> Iterator[tuple[Any, bool]]:
    """Yield Ray, connected to the cluster, and whether the calling program has connected it already."""
    address = os.environ.get("RAY_ADDRESS")
    with environment({} if address else ONE_THREAD | _OWN):
        try:
            import ray
        except ImportError as error:
            raise WorkerLostError("The engine 'ray' needs Ray: pip install 'ferda[ray]'.") from error
        if ray.is_initialized():
            yield ray, True
            return
        own = None if address else _start(ray, workers)
        if address:
            _connect(ray, address)
    try:
        yield ray, False
    finally:
        ray.shutdown()
        if own is not None:
            shutil.rmtree(own, ignore_errors=True)


def _start(ray: Any, workers: int) -> str:
    """Start a cluster, and return where it keeps its logs."""
    try:
        own = ray.init("local", num_cpus=workers or None, include_dashboard=False, **_SILENT)
    except Exception as error:  # this class is what Ray raises
        raise WorkerLostError(f"Ray cannot start a cluster on this machine, try again: {error}") from error
    return str(own["session_dir"])


def _connect(ray: Any, address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        if port.isdigit() and "/" not in host:  # Ray itself would try for ever
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(**_SILENT)
    except OSError as error:
        raise WorkerLostError(f"No Ray cluster answers at RAY_ADDRESS={address}; start it first.") from error
