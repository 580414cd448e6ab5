"""What a service counts, for Prometheus. No label holds a word that a client chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PICTURES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one service.

    Args:
        waiting: Says how many requests are at work or waiting.
        jobs: Says how many jobs there are by state.
    """

    def __init__(self, waiting: Callable[[], int], jobs: Callable[[], dict[str, int]]) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        self._jobs = jobs
        made: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter("ferda_requests", "Requests answered", ["route", "status"], **made)
        self._seconds = Histogram(
            "ferda_request_seconds", "Of an answer", ["route"], buckets=_SECONDS, **made
        )
        self._pass = Histogram("ferda_pass_pictures", "Pictures judged together", buckets=_PICTURES, **made)
        self._pass_seconds = Histogram("ferda_pass_seconds", "Of a pass", buckets=_SECONDS, **made)
        self._faces = Counter("ferda_faces", "Faces answered for", ["model"], **made)
        self._in_state = Gauge("ferda_jobs", "Jobs by state", ["state"], **made)
        Gauge("ferda_requests_waiting", "Requests at work or waiting", **made).set_function(waiting)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: Its pattern, not its path.
            status: Of the answer.
            seconds: That it took.
        """
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def passed(self, pictures: int, seconds: float) -> None:
        """Count a pass through a network.

        Args:
            pictures: Judged together.
            seconds: That it took.
        """
        self._pass.observe(pictures)
        self._pass_seconds.observe(seconds)

    def found(self, model: str, faces: int) -> None:
        """Count faces.

        Args:
            model: That answered.
            faces: Their number.
        """
        self._faces.labels(model).inc(faces)

    def text(self) -> bytes:
        """Return all in Prometheus' text format."""
        from prometheus_client import generate_latest

        for state, count in self._jobs().items():
            self._in_state.labels(state).set(count)
        return generate_latest(self._registry)
