"""Facial expression recognition that adapts to faces without labels.

    >>> import ferda
    >>> ferda.expression_name("Happy")
    'happiness'

Everything a user needs is a name of this package. Each is fetched from its own file when first used, so that
`import ferda` costs nothing and a missing optional package hurts only the one who asks for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferda.adaptation.adapting import adapt_run
    from ferda.backbones import create_backbone, list_backbones
    from ferda.batch import DomainBatch, Labelled, Output, Progress, Unlabelled, Update
    from ferda.benchmarking.benchmark import benchmark
    from ferda.data.domain import open_domain
    from ferda.data.prepare import prepare
    from ferda.engine.fit import fit
    from ferda.engine.recipe import Recipe, load_recipe
    from ferda.engine.run import Run
    from ferda.errors import UserError
    from ferda.evaluation.scoring import evaluate
    from ferda.expressions import EXPRESSIONS, class_list, expression_name
    from ferda.inference import load
    from ferda.inference.adapted import adapt
    from ferda.inference.names import to_deepface, to_pyfeat
    from ferda.methods import create_method, list_methods, method_class
    from ferda.methods.base import Method, MethodConfig, Needs, ParameterGroup
    from ferda.test_time import list_adaptations
    from ferda.tuning.tune import tune
    from ferda.upstream import load_upstream

#: Where each public name lives.
_HOMES: dict[str, str] = {
    "EXPRESSIONS": "ferda.expressions",
    "DomainBatch": "ferda.batch",
    "Labelled": "ferda.batch",
    "Method": "ferda.methods.base",
    "MethodConfig": "ferda.methods.base",
    "Needs": "ferda.methods.base",
    "Output": "ferda.batch",
    "ParameterGroup": "ferda.methods.base",
    "Progress": "ferda.batch",
    "Recipe": "ferda.engine.recipe",
    "Run": "ferda.engine.run",
    "Unlabelled": "ferda.batch",
    "Update": "ferda.batch",
    "UserError": "ferda.errors",
    "adapt": "ferda.inference.adapted",
    "adapt_run": "ferda.adaptation.adapting",
    "benchmark": "ferda.benchmarking.benchmark",
    "class_list": "ferda.expressions",
    "create_backbone": "ferda.backbones",
    "create_method": "ferda.methods",
    "evaluate": "ferda.evaluation.scoring",
    "expression_name": "ferda.expressions",
    "fit": "ferda.engine.fit",
    "list_adaptations": "ferda.test_time",
    "list_backbones": "ferda.backbones",
    "list_methods": "ferda.methods",
    "load": "ferda.inference",
    "load_recipe": "ferda.engine.recipe",
    "load_upstream": "ferda.upstream",
    "method_class": "ferda.methods",
    "open_domain": "ferda.data.domain",
    "prepare": "ferda.data.prepare",
    "to_deepface": "ferda.inference.names",
    "to_pyfeat": "ferda.inference.names",
    "tune": "ferda.tuning.tune",
}

__all__ = [
    "EXPRESSIONS",
    "DomainBatch",
    "Labelled",
    "Method",
    "MethodConfig",
    "Needs",
    "Output",
    "ParameterGroup",
    "Progress",
    "Recipe",
    "Run",
    "Unlabelled",
    "Update",
    "UserError",
    "adapt",
    "adapt_run",
    "benchmark",
    "class_list",
    "create_backbone",
    "create_method",
    "evaluate",
    "expression_name",
    "fit",
    "list_adaptations",
    "list_backbones",
    "list_methods",
    "load",
    "load_recipe",
    "load_upstream",
    "method_class",
    "open_domain",
    "prepare",
    "to_deepface",
    "to_pyfeat",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ferda")
    if name not in _HOMES:
        raise AttributeError(f"ferda has no '{name}'; it has {', '.join(_HOMES)}.")
    found = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "__version__"])
