"""Networks between the features of samples and their coordinates in a basis."""

import torch


def project_networks(networks, basis):
    """Copy networks to coordinates in a basis, or return them where it is None.

    Fewer weights reach fewer coordinates, so that a step of the optimizer moves the
    outputs less. A gain makes up for that.
    """
    if basis is None:
        return networks
    gain = max(1.0, (basis.shape[1] / basis.shape[0]) ** 0.5)
    return [
        network.project_inputs(torch.from_numpy(basis).to(network.device), gain)
        for network in networks
    ]
