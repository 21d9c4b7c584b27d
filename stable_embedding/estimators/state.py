"""What a pickle or a file holds of an estimator, and how it becomes one again."""

from inspect import signature

from .._ambient import own_settings
from ..networks.consensus import consensus_of
from ..networks.convolutional import build_module, describe_module, is_shipped
from ..networks.modular import ModularAutoencoder


class StateMixin:
    """State of an autoencoder as arrays and plain values."""

    def __getstate__(self):
        state = dict(super().__getstate__())
        state["accelerator"] = None  # it belongs to the processes of its launcher
        for name in ("encoder", "decoder"):
            if is_shipped(state.get(name)):
                state[name] = describe_module(state[name])
        if self._is_fitted():
            # As arrays, which load where there is no accelerator, or another torch.
            state["networks_"] = [network.state() for network in self.networks_]
            del state["network_"]
        return state

    @own_settings()
    def __setstate__(self, state):
        state = self._upgrade(dict(state))
        for name in ("encoder", "decoder"):
            if isinstance(state.get(name), dict):
                state[name] = build_module(state[name])
        if "networks_" in state:
            networks = [self._restored(**one) for one in state["networks_"]]
            state["networks_"] = networks
            state["network_"] = consensus_of(networks)
        super().__setstate__(state)

    def _shallow_copy(self, **changes):
        """Return a copy that shares the networks, with some attributes changed.

        ``copy.copy`` would go through the state above, and copy them.
        """
        copy = type(self).__new__(type(self))
        vars(copy).update(vars(self), **changes)
        return copy

    @classmethod
    def _restored(cls, **described):
        """Build a network from its state."""
        has_modules = "network" in described or "modules" in described
        kind = ModularAutoencoder if has_modules else cls._network_class
        return kind.restored(**described)

    @classmethod
    def _upgrade(cls, state):
        """Complete what earlier versions saved; hook."""
        state = defaults_of(cls) | state
        if "best_index_" in state:
            # The model was one of its runs, and remains that one.
            state["networks_"] = [state["networks_"][state.pop("best_index_")]]
            state["n_init"] = 1
            state["consensus_loss_"] = 0.0
        if "networks_" in state:
            state.setdefault("is_constant_", False)
            state.setdefault("is_order_invariant_", True)
            n_features = state.get("n_features_in_")
            state.setdefault("sample_shape_", (n_features,))
            state.setdefault("code_scale_", state["scale_"])
            state.setdefault("distance_source_", None)
            state.setdefault("alpha_", None)
        if "networks_" in state and "losses_" not in state:
            state["losses_"] = {
                name.removesuffix("_"): state[name]
                for name in state
                if name.endswith("_loss_")
            }
        return state


def defaults_of(cls):
    """Return the defaults of the parameters of a class and of those it derives from.

    Names that the class has itself, such as a property, are left out.
    """
    defaults = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base):
            for name, parameter in signature(base.__init__).parameters.items():
                if parameter.default is not parameter.empty and not hasattr(cls, name):
                    defaults[name] = parameter.default
    return defaults
