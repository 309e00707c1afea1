"""The 25 Hz speech tokenizer of the shipped checkpoints: 1,000 codes, 6.5 M parameters.

    python -m launch.train_tokenizer --config=configs/tokenizer.py \
        --workdir=out/tokenizer --data_dir=out/data

Trains on the answers of `spoken_qa` (2 h) and 1.5 h of sentences made for it. Two CPU cores, 42
minutes. Result: RESULTS.md.
"""

from ml_collections import ConfigDict

from esi_jax.config import to_dict
from esi_jax.train.loop import LoopConfig
from esi_jax.train.tokenizer import TrainConfig


def get_config() -> ConfigDict:
    config = ConfigDict(to_dict(TrainConfig(LoopConfig(4_000, log_every=20, save_every=200))))
    config.sentences = ConfigDict({'hours': 1.5, 'seed': 0, 'max_seconds': 5.0})
    return config
