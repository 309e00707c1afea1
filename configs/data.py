"""The spoken question-answering data set: 600 facts, asked by three voices, answered by one.

    python -m launch.curate --config=configs/data.py --data_dir=out/data

Two CPU cores, 2 minutes, 1.2 GB of disk: 3000 examples to train on (2.1 hours of questions, 2.0 of
answers) and 600 to test. `configs/data.py:demo` asks the test questions in the one voice
that comes with pip (the others need the program flite); `configs/data.py:unseen` asks them in a
voice that training never hears.
"""

from ml_collections import ConfigDict

from esi_jax.config import to_dict
from esi_jax.data.records import DataConfig


def get_config(variant: str = '') -> ConfigDict:
    config = ConfigDict(to_dict(DataConfig()))
    if variant == 'demo':
        config.train_voices = config.test_voices = ('hibari',)
    elif variant == 'unseen':
        config.test_voices = ('flite/awb',)
    elif variant:
        raise ValueError(f'unknown variant {variant!r}; write demo, unseen or nothing')
    return config
