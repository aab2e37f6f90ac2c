"""Pictures, videos and recordings: loaded, checked, and brought to one plain form each.

``load_*`` turns what a caller has into the value that a request holds; ``open_*`` gives its pixels
or samples to an engine.
"""

from __future__ import annotations

from judge.media.audio import AudioSource, load_audio, open_samples, wav_bytes
from judge.media.images import ImageSource, load_image, open_pixels
from judge.media.uris import data_uri
from judge.media.video import VideoSource, load_video, open_frames

__all__ = [
    "AudioSource",
    "ImageSource",
    "VideoSource",
    "data_uri",
    "load_audio",
    "load_image",
    "load_video",
    "open_frames",
    "open_pixels",
    "open_samples",
    "wav_bytes",
]
