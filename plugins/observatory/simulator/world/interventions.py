"""How operations and cameras prevent or displace incidents; see ``parameters.interventions``."""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt

from observatory.simulator.world.city import City
from observatory.simulator.world.draws import Integers, Keys, uniform
from observatory.simulator.world.parameters import Parameters
from observatory.simulator.world.parameters.interventions import Operation

Mask = npt.NDArray[np.bool_]


def meet(
    key: Keys, day: Integers, category: Integers, address: Integers, *, parameters: Parameters, city: City
) -> tuple[Mask, Integers]:
    """Apply the interventions to incidents.

    Args:
        key: (n,) keys.
        day: (n,) proleptic ordinals.
        category: (n,) index into the categories of the parameters.
        address: (n,) index into the city's addresses.
        parameters: what is planted.
        city: its geography.

    Returns:
        Whether each still happens, and at which address.
    """
    happens, address = np.ones(len(key), bool), address.copy()
    is_moved = np.zeros(len(key), bool)
    for operation in parameters.operations:
        inside, ring = areas(operation, city)
        met = (
            is_under_way(operation, day)
            & inside[address]
            & (category == _index(parameters, operation.target))
            & ~is_moved
        )
        [met] = np.nonzero(met)
        met = met[uniform(key[met], f"{operation.code} prevents") < operation.effect]
        is_displaced = uniform(key[met], f"{operation.code} displaces") < operation.displacement
        displaced = met[is_displaced]
        [options] = np.nonzero(ring)
        address[displaced] = options[(uniform(key[displaced], "ring") * len(options)).astype(np.int64)]
        is_moved[displaced] = True
        happens[met[~is_displaced]] = False
    effect = np.array([parameters.cameras.effects.get(code, 0.0) for code in parameters.codes])[category]
    [met] = np.nonzero((effect > 0) & happens & ~is_moved)
    met = met[is_watched(parameters, city, day[met], address[met])]
    happens[met[uniform(key[met], "camera prevents") < effect[met]]] = False
    return happens, address


def areas(operation: Operation, city: City) -> tuple[Mask, Mask]:
    """(addresses,) whether each lies in an operation's circle, and in the ring around it."""
    distance = city.distance(operation.east_m, operation.north_m)
    inside = distance <= operation.radius_m
    return inside, (distance <= operation.ring_m) & ~inside


def is_under_way(operation: Operation, day: Integers) -> Mask:
    """Whether an operation is active, per proleptic ordinal."""
    if not len(day):
        return np.zeros(0, bool)
    # an operation that started in December may last into January
    years = range(date.fromordinal(int(day.min())).year - 1, date.fromordinal(int(day.max())).year + 1)
    periods = [[moment.toordinal() for moment in operation.period(year)] for year in years]
    return np.any([(day >= start) & (day < end) for start, end in periods], axis=0)


def is_watched(parameters: Parameters, city: City, day: Integers, address: Integers) -> Mask:
    """(n,) whether an installed camera is near the address on the day; both broadcast."""
    watched = np.zeros(np.broadcast(day, address).shape, bool)
    for camera in parameters.cameras.registry:
        near = city.distance(camera.east_m, camera.north_m) <= parameters.cameras.radius_m
        is_up = day >= camera.installed.toordinal()
        if camera.removed:
            is_up &= day < camera.removed.toordinal()
        watched |= near[address] & is_up
    return watched


def _index(parameters: Parameters, code: str) -> int:
    """Index of a category among the parameters; -1 where it is not planted."""
    return parameters.codes.index(code) if code in parameters.codes else -1
