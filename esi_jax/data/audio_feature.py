"""TFDS's Audio feature in plain NumPy: the original one imports TensorFlow."""

import numpy as np
from tensorflow_datasets.core.features import feature as feature_lib
from tensorflow_datasets.core.features import tensor_feature
from tensorflow_datasets.core.proto import feature_pb2


class NumpyAudio(tensor_feature.Tensor):
    """Mono 16-bit samples with their rate; stored and described as TFDS's own Audio."""

    def __init__(self, *, sample_rate: int, encoding: str = 'bytes') -> None:
        self._sample_rate = sample_rate
        super().__init__(shape=(None,), dtype=np.int16, encoding=encoding)

    @property
    def sample_rate(self) -> int:
        return self._sample_rate

    @classmethod
    def from_json_content(cls, value: feature_pb2.AudioFeature) -> 'NumpyAudio':
        return cls(sample_rate=value.sample_rate, encoding=value.encoding)

    def to_json_content(self) -> feature_pb2.AudioFeature:
        return feature_pb2.AudioFeature(
            shape=feature_lib.to_shape_proto(self._shape),
            dtype=feature_lib.dtype_to_str(self._dtype),
            sample_rate=self._sample_rate, encoding=self._encoding.name)
