"""A 2.0 M-parameter speech LM that answers 600 facts by voice, under the pattern of your choice.

    python -m launch.train --config=configs/tiny.py --workdir=out/esi
    python -m launch.train --config=configs/tiny.py:interleaved --workdir=out/interleaved
    python -m launch.train --config=configs/tiny.py:parallel --workdir=out/parallel

All arms start from the same weights and see the same sixteen examples in each update. Two CPU cores
(AMD EPYC of 2024): 9 minutes for ESI, 8 for
interleaved, 7 for parallel. Result: RESULTS.md.
"""

from ml_collections import ConfigDict

from esi_jax.config import to_dict
from esi_jax.model.config import ModelConfig
from esi_jax.train.lm import TrainConfig
from esi_jax.train.loop import LoopConfig

PATTERNS = {'esi': 'esi:n=5,m=10', 'interleaved': 'interleaved:n=5,m=10', 'parallel': 'parallel',
            'sequential': 'sequential'}


def get_config(pattern: str = 'esi') -> ConfigDict:
    model = ModelConfig(text_vocab=1200, speech_vocab=(1000,), d_model=160, d_ff=352)
    config = ConfigDict(to_dict(TrainConfig(PATTERNS.get(pattern, pattern), model,
                                            LoopConfig(updates=1600, eval_every=400))))
    config.pack.length = 256
    return config
