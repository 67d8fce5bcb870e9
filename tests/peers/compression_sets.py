"""Sets of parameters of compression, over which peers exchange messages with an echo."""

import itertools
import json
import random

from harness import HERE, NODE_ENVIRONMENT, PYTHON, binary, run_peer

COMPRESSING_PEERS = {
    "ws": ["node", HERE / "ws_compression.js"],
    "websockets": [PYTHON, HERE / "websockets_compression.py"],
}

# Of the sets of parameters of compression, how many are used by default: these contain each value
# of each parameter, and a third of the pairs.
FEW_COMPRESSION_SETS = 20


def pairwise(parameters):
    """Yields sets of parameters that contain each pair of values of each two parameters."""
    generator = random.Random(1)
    pairs = {
        frozenset({(one, repr(value)), (other, repr(other_value))})
        for one, other in itertools.combinations(parameters, 2)
        for value, other_value in itertools.product(parameters[one], parameters[other])
    }

    def pairs_of(candidate):
        values = ((name, repr(value)) for name, value in candidate.items())
        return set(map(frozenset, itertools.combinations(values, 2)))

    while pairs:
        candidates = [
            {name: generator.choice(values) for name, values in parameters.items()}
            for _ in range(50)
        ]
        best = max(candidates, key=lambda candidate: len(pairs & pairs_of(candidate)))
        if pairs & pairs_of(best):
            pairs -= pairs_of(best)
            yield best


def compression_sets(peer, role):
    """Yields sets of parameters for the peer in its role, and for the echo that it tests."""
    bits, windows = [*range(8, 16)], ["none", *map(str, range(9, 16))]
    names = {
        "websockets": ("{}_no_context_takeover", "{}_max_window_bits"),
        "ws": ("{}NoContextTakeover", "{}MaxWindowBits"),
    }
    parameters = {}
    for side in "client", "server":
        takeover, window = (name.format(side) for name in names[peer])
        # Python's zlib cannot compress with a window of 8 bits.
        limits = bits[1:] if (peer, side) == ("websockets", role) else bits
        parameters |= {takeover: [False, True], window: [None, *limits]}
        if peer == "ws":
            # `false` rejects what the other side asks for; a server then takes the next offer.
            parameters[takeover] = [None, True]
            if side == role == "server":
                parameters[takeover].append(False)
        if side == role == "client":
            # Without a value it says that the server may limit the client.
            parameters[window].append(True)
    levels = [*range(1, 10)]
    parameters |= {"level": levels, "memory_level": levels}
    parameters |= {"send": windows, "receive": windows, "echo_level": levels}
    for one in pairwise(parameters):
        echo = [one.pop("send"), one.pop("receive"), str(one.pop("echo_level"))]
        level, memory_level = one.pop("level"), one.pop("memory_level")
        yield {"peer": one, "level": level, "memory_level": memory_level, "echo": echo}


def exchange_compressed(peer, role, count=None):
    sets = list(itertools.islice(compression_sets(peer, role), count))
    run_peer(
        *COMPRESSING_PEERS[peer],
        role,
        binary("compressing_echo"),
        content=json.dumps(sets),
        seconds=1200,
        env=NODE_ENVIRONMENT,
    )
    return f"{len(sets)} sets of parameters"
