import torch
from torch import nn

from nas.export.rewrites.pooling import SpatialMean, with_plain_pools


def test_pools_to_one_value_become_means_in_a_copy():
    network = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1)), nn.AdaptiveAvgPool2d((1, 1)))
    plain = with_plain_pools(network)
    assert [type(m) for m in (plain[0][1], plain[1])] == [SpatialMean, SpatialMean]
    assert isinstance(network[0][1], nn.AdaptiveAvgPool2d)
    images = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(plain(images), network(images))


def test_other_pools_stay():
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.AvgPool2d(2))
    assert with_plain_pools(network) is network
