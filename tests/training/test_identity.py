import enum
import functools
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections import namedtuple
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsTransformer
from sklearn.preprocessing import FunctionTransformer

from stable_embedding.losses import LossTerm
from stable_embedding.training.identity import stable_hash

WIDTH = 2.0


def helper(x, width):
    return x / width if width else x


class Term(LossTerm):
    """A term of one's own, which learns a number."""

    name = "term"

    def __init__(self, start, weight=1.0):
        super().__init__(weight)
        self.start = torch.nn.Parameter(torch.tensor(start))

    def forward(self, outputs, batch):
        return (helper(outputs.codes, WIDTH) - self.start).square().mean((-2, -1))


class Slots:
    """An object without a dict."""

    __slots__ = ("width",)

    def __init__(self, width):
        self.width = width

    def __call__(self, x):
        return x / self.width


@dataclass
class Measure:
    """An object that is called."""

    width: float

    def __call__(self, x):
        return x / self.width

    @property
    def inverse(self):
        return 1 / self.width


Pair = namedtuple("Pair", "first second")


class Kind(enum.Enum):
    """Two kinds."""

    ONE, TWO = 1.0, 2.0


def closure(width):
    return lambda x: helper(x, width) in {"a", "b", width}


def decorated(width):
    @functools.wraps(helper)
    def inner(x):
        return helper(x, width)

    return inner


def without_gradient(width):
    @torch.no_grad()
    def inner(x):
        return helper(x, width)

    return inner


def with_default(width):
    def inner(x, *, width=width):
        return x / width

    return inner


def own_class(width):
    class Own:
        scale = width

        def __call__(self, x):
            return x

    return Own()


def recursive(width):
    def inner(x):
        return inner(x - width)

    return inner


def nested(width):
    values = [width]
    values.append(values)
    return values


BUILDERS = {
    "closure": closure,
    "decorated": decorated,
    "without gradient": without_gradient,
    "default": with_default,
    "recursive": recursive,
    "partial": lambda width: functools.partial(helper, width=width),
    "attribute": lambda width: setattr(f := closure(0), "width", width) or f,
    "method": lambda width: Measure(width).__call__,
    "object": Measure,
    "slots": Slots,
    "class within": own_class,
    "pair": lambda width: Pair(width, 0),
    "kind": Kind,
    "term": Term,
    "weight of a term": lambda width: Term(0.0, width),
    "estimator": lambda width: FunctionTransformer(closure(width)),
    "metric": lambda width: KNeighborsTransformer(metric=closure(width)),
    "array": lambda width: np.full(3, width),
    "objects": lambda width: np.array([width, None], dtype=object),
    "tensor": lambda width: torch.full((3,), width, dtype=torch.bfloat16),
    "set": lambda width: {str(width), "a", "b", None},
    "dict": lambda width: {"a": {"b", "c"}, 3: width},
    "nested": nested,
    "generator": lambda width: np.random.RandomState(int(width)),
    "number": float,
}


@pytest.mark.parametrize("kind", BUILDERS)
def test_alike_values_have_one_hash_and_others_another(kind):
    build = BUILDERS[kind]
    value, same, other = build(1.0), build(1.0), build(2.0)
    assert stable_hash(value) == stable_hash(same) == stable_hash(value)
    assert stable_hash(value) != stable_hash(other)


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_worker_has_the_same_hash(kind):
    cloudpickle = pytest.importorskip("cloudpickle")  # loky and dask send by it
    value = BUILDERS[kind](1.0)
    copy = cloudpickle.loads(cloudpickle.dumps(value))
    assert stable_hash(copy) == stable_hash(value)


def defined(text):
    """What a user's module of this text defines as `f`."""
    names = {"__name__": "module_of_a_user", "torch": torch}
    exec(text, names)
    return names["f"]


SIMILARITY = """
WIDTH = 3

def kernel(x):
    '''Not normalized.'''
    return (x / WIDTH).exp()

class Base:
    scale = 1

    def scaled(self, x):
        return self.scale * kernel(x)

class f(Base):
    def __call__(self, x):
        return [self.scaled(one) for one in x if one in {"a", "b"}]
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WIDTH = 3", "WIDTH = 4"),
        (".exp()", ".cos()"),
        ("scale = 1", "scale = 2"),
        ("self.scale *", "self.scale +"),
        ('"a", "b"', '"a", "c"'),
        ("for one in x", "for one in x[1:]"),
    ],
)
def test_another_body_is_another_value(old, new):
    assert SIMILARITY.count(old) == 1
    value = defined(SIMILARITY)()
    assert stable_hash(value) == stable_hash(defined(SIMILARITY)())
    assert stable_hash(value) != stable_hash(defined(SIMILARITY.replace(old, new))())
    # Where a function is written says nothing.
    assert stable_hash(value) == stable_hash(defined("\n\n" + SIMILARITY)())


def test_a_function_has_the_same_hash_after_it_was_called():
    function = defined("def f(x):\n    return sum(i * x for i in range(9))")
    before = stable_hash(function)
    for _ in range(1_000):  # the interpreter adapts its code
        function(2)
    assert stable_hash(function) == before


def test_functions_of_libraries_count_by_name():
    functions = [torch.cdist, torch.nn.functional.cosine_similarity, np.add, print, len]
    assert len(set(map(stable_hash, functions))) == 5
    assert len(set(map(stable_hash, [Term, LossTerm, torch.nn.Module]))) == 3


def test_what_belongs_to_a_process_is_refused_and_counts_by_type_where_it_is_named():
    with pytest.raises(TypeError, match="lock"):
        stable_hash([threading.Lock()])
    text = "def f(x):\n    with lock:\n        return x"
    functions = [defined(text), defined(text)]
    for function in functions:
        function.__globals__["lock"] = threading.Lock()
    assert stable_hash(functions[0]) == stable_hash(functions[1])


PROGRAM = """
import os, signal, sys
import numpy as np
import torch
from sklearn.neighbors import KNeighborsTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback
from stable_embedding import StableAutoencoder
from stable_embedding.losses import LossTerm

KINDS = {"near", "far", "else"}

class Term(LossTerm):
    name = "term"

    def forward(self, outputs, batch):
        return outputs.codes.square().mean((-2, -1)) * len(KINDS)

def similarity_of(width):
    return lambda x: -torch.cdist(x, x).square() / width

class Killed(Callback):
    def on_epoch_begin(self, net, **kwargs):
        print(len(net.history), flush=True)
        if len(net.history) == 4 and sys.argv[2] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

torch.set_num_threads(1)
X = np.random.default_rng(0).normal(size=(60, 4))

def fit(checkpoint):
    return StableAutoencoder(
        similarity=similarity_of(2.0),
        neighbor_weight=1.0,
        neighbors=make_pipeline(
            FunctionTransformer(lambda x: 2 * x),
            KNeighborsTransformer(metric=lambda a, b: np.abs(a - b).sum()),
        ),
        extra_losses=[Term()],
        checkpoint=checkpoint,
        callbacks=[Killed()],
        max_iter=5,
        n_init=1,
        random_state=0,
    ).fit(X)

resumed, whole = fit(sys.argv[1]), fit(None)
print((resumed.transform(X) == whole.transform(X)).all())
"""


@pytest.mark.slow
def test_another_process_resumes_a_training_with_functions_of_all_kinds(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def go(how, seed):
        found = subprocess.run(
            [sys.executable, program, tmp_path / "checkpoints", how],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=False,
        )
        return found.returncode, found.stdout.split()

    assert go("kill", "1") == (-signal.SIGKILL, ["1", "2", "3", "4"])
    assert go("go on", "2") == (0, ["4", "5", "1", "2", "3", "4", "5", "True"])
    assert os.listdir(tmp_path / "checkpoints") == []


def test_an_array_is_hashed_in_little_more_memory_than_it_has():
    array = np.zeros(1_000_000)
    tracemalloc.start()
    try:
        stable_hash(array)
        assert tracemalloc.get_traced_memory()[1] < 1.2 * array.nbytes
    finally:
        tracemalloc.stop()


def test_what_is_named_of_a_users_module_counts():
    def function_with(kernel):
        """Return a function that calls one of a module, written anew."""
        module = ModuleType("module_of_a_user")
        exec(f"def kernel(x): return {kernel}", vars(module))
        exec("def unused(x): return id(x)", vars(module))
        module.itself = module
        caller = {"__name__": "caller", "helpers": module}
        exec("def similarity(x): return helpers.itself.kernel(x)", caller)
        return caller["similarity"]

    assert stable_hash(function_with("x + 1")) == stable_hash(function_with("x + 1"))
    assert stable_hash(function_with("x + 1")) != stable_hash(function_with("x + 2"))


def test_hooks_count_by_their_order():
    def module(*hooks):
        made = torch.nn.Linear(2, 2)
        torch.nn.init.ones_(made.weight)
        torch.nn.init.ones_(made.bias)
        for hook in hooks:
            made.register_forward_hook(hook)
        return made

    def double(module, inputs, outputs):
        return 2 * outputs

    def halve(module, inputs, outputs):
        return outputs / 2

    assert stable_hash(module(double, halve)) == stable_hash(module(double, halve))
    assert stable_hash(module(double, halve)) != stable_hash(module(halve, double))
    assert stable_hash(module(double)) != stable_hash(module())


def test_layers_whose_width_is_not_known_yet_have_a_hash():
    lazy = torch.nn.LazyLinear
    assert stable_hash(lazy(8)) == stable_hash(lazy(8))
    assert stable_hash(lazy(8)) != stable_hash(lazy(9))


class Reduced(torch.nn.Linear):
    """A module that says how it is pickled, without a state."""

    def __reduce__(self):
        return type(self), (self.in_features, self.out_features)


def test_a_module_that_says_how_it_is_pickled_has_a_hash():
    assert stable_hash(Reduced(2, 3)) == stable_hash(Reduced(2, 3))
    assert stable_hash(Reduced(2, 3)) != stable_hash(Reduced(2, 4))


def test_modules_that_import_one_another_are_visited_once():
    modules = {f"module_{at}": ModuleType(f"module_{at}") for at in range(12)}
    for module in modules.values():
        vars(module).update(modules)
    names = {"__name__": "caller"} | modules
    exec(f"def function(): return {', '.join(modules)}", names)
    assert stable_hash(names["function"]) == stable_hash(names["function"])
